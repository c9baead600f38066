//===- Pipelines.h - the phases of the compiler as pipelines -------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_PASSES_PIPELINES_H
#define LEPTON_PASSES_PIPELINES_H

#include "passes/graph/FoldConstants.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

namespace lepton {

/// What the pipelines need to know of the target and the user's wishes.
struct PipelineOptions {
  int optLevel = 3;         // 0: one kernel per op, plain loops
  int64_t vectorBits = 256; // of the widest vector register to use
  int64_t vectorRegisters = 16;
  bool fma = true;
  bool maskedMemory = true;   // masked loads and stores are cheap
  ConstantEvaluator evaluate; // null: constants are computed at run time
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
/// vector: no linalg is left; parallel loops are functions of ranges.
void buildVectorPipeline(mlir::OpPassManager &pm, const PipelineOptions &options);

} // namespace lepton

#endif // LEPTON_PASSES_PIPELINES_H
