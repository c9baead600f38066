//===- Pipelines.h - the phases of the compiler as pipelines -------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_PASSES_PIPELINES_H
#define LEPTON_PASSES_PIPELINES_H

#include "passes/graph/FoldConstants.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

namespace lepton {

/// What the user wishes. The target stands on the module (`#lepton.target`).
struct PipelineOptions {
  int optLevel = 3;           // 0: one kernel per op, plain loops
  unsigned threads = 1;       // of a run
  ConstantEvaluator evaluate; // null: constants are computed at run time
  bool listSchedules = false; // say of each kernel how else it could be computed
  bool gpu = false;           // kernels run on a GPU
};

// One pipeline per phase, in this order. Each comment says what holds afterwards.

/// graph: shapes final, nothing foldable left, layouts chosen, weights packed.
void buildGraphPipeline(mlir::OpPassManager &pm, const PipelineOptions &options);
/// kernel: the entry calls kernels; kernels hold lepton ops; equal kernels are one.
void buildKernelPipeline(mlir::OpPassManager &pm, const PipelineOptions &options);
/// tile: kernels are linalg and scf on tensors; no lepton op is left.
void buildTilePipeline(mlir::OpPassManager &pm, const PipelineOptions &options);
/// buffer: no tensor is left; every buffer has its place.
void buildBufferPipeline(mlir::OpPassManager &pm, const PipelineOptions &options);
/// schedule: every root of a kernel has a `#lepton.schedule`, or every step a `#lepton.launch`.
void buildSchedulePipeline(mlir::OpPassManager &pm, const PipelineOptions &options);
/// vector: no linalg is left; parallel loops are functions of ranges.
void buildVectorPipeline(mlir::OpPassManager &pm, const PipelineOptions &options);

/// gpu, in place of vector: kernels launch functions of the GPU, which are loops.
void buildGpuPipeline(mlir::OpPassManager &pm, const PipelineOptions &options);

} // namespace lepton

#endif // LEPTON_PASSES_PIPELINES_H
