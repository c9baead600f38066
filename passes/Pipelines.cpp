//===- Pipelines.cpp - the phases of the compiler as pipelines ---------------------------------------------------------------===//

#include "passes/Pipelines.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace lepton;

void lepton::buildGraphPipeline(OpPassManager &pm, const PipelineOptions &options) {
  if (options.optLevel > 0)
    pm.addPass(createSpecializeSizes());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addNestedPass<func::FuncOp>(createRefineShapes());
  if (options.optLevel == 0)
    return;
  pm.addNestedPass<func::FuncOp>(createDecomposeConvTranspose());
  if (!options.gpu)
    pm.addNestedPass<func::FuncOp>(createCutRecurrences({.threads = options.threads}));
  if (!options.gpu) // blocked weights are for the lanes of a CPU
    pm.addNestedPass<func::FuncOp>(createAssignLayouts({.list = options.listSchedules}));
  pm.addNestedPass<func::FuncOp>(createFoldConstantsPass(options.evaluate));
  pm.addPass(createCSEPass());
  pm.addNestedPass<func::FuncOp>(createRefineShapes()); // a pad or a size may be a constant only now
}

void lepton::buildKernelPipeline(OpPassManager &pm, const PipelineOptions &options) {
  if (options.optLevel > 0 && !options.gpu)
    pm.addNestedPass<func::FuncOp>(createConcatInPlace());
  pm.addNestedPass<func::FuncOp>(createSplitConcats());
  pm.addPass(createFormKernels({.fuse = options.optLevel > 0}));
  pm.addNestedPass<func::FuncOp>(createLowerControlFlow());
}

void lepton::buildTilePipeline(OpPassManager &pm, const PipelineOptions &options) {
  if (options.optLevel > 0)
    pm.addNestedPass<func::FuncOp>(createSelectTiles({.list = options.listSchedules}));
  pm.addPass(createLowerKernels());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void lepton::buildBufferPipeline(OpPassManager &pm, const PipelineOptions &pipeline) {
  bufferization::OneShotBufferizePassOptions options;
  options.bufferizeFunctionBoundaries = true;
  options.functionBoundaryTypeConversion = bufferization::LayoutMapOption::IdentityLayoutMap;
  options.allowReturnAllocsFromLoops = true;
  pm.addPass(createSeparateBuffers());
  pm.addPass(bufferization::createOneShotBufferizePass(options));
  pm.addPass(bufferization::createDropEquivalentBufferResultsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  if (pipeline.optLevel > 0) {
    pm.addPass(createSwapLoopBuffers());
    if (!pipeline.gpu)
      pm.addPass(createPairLoops({.threads = pipeline.threads}));
  }
  pm.addPass(createPlanMemory());
  pm.addPass(createCanonicalizerPass());
}

void lepton::buildSchedulePipeline(OpPassManager &pm, const PipelineOptions &options) {
  if (options.gpu) {
    pm.addNestedPass<func::FuncOp>(createSelectLaunch());
    if (options.optLevel > 0)
      pm.addPass(createInterleaveConstants());
    return;
  }
  if (options.listSchedules)
    pm.addNestedPass<func::FuncOp>(createListSchedules());
  pm.addNestedPass<func::FuncOp>(createSelectSchedule({.blocks = options.optLevel > 0}));
}

void lepton::buildVectorPipeline(OpPassManager &pm, const PipelineOptions &) {
  pm.addNestedPass<func::FuncOp>(createVectorizeContraction());
  pm.addNestedPass<func::FuncOp>(createLowerToLoops());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
  pm.addPass(createOutlineParallelLoops());
  pm.addPass(createCanonicalizerPass());
}

void lepton::buildGpuPipeline(OpPassManager &pm, const PipelineOptions &) {
  pm.addPass(createLoopInvariantCodeMotionPass()); // the host, which allocates, sees the sizes of what a block needs
  pm.addPass(createMapToGpu());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
}
