//===- Pipelines.cpp - the phases of the compiler as pipelines ---------------------------------------------------------------===//

#include "passes/Pipelines.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace lepton;

void lepton::buildGraphPipeline(OpPassManager &pm, const PipelineOptions &) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void lepton::buildKernelPipeline(OpPassManager &pm, const PipelineOptions &options) {
  // Views first: the shape arithmetic that only they read must not become kernels.
  pm.addNestedPass<func::FuncOp>(createLowerViews());
  pm.addPass(createFormKernels({.fuse = options.optLevel > 0}));
  pm.addNestedPass<func::FuncOp>(createLowerControlFlow());
}

void lepton::buildTilePipeline(OpPassManager &pm, const PipelineOptions &) {
  pm.addPass(createLowerKernels());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void lepton::buildBufferPipeline(OpPassManager &pm, const PipelineOptions &) {
  bufferization::OneShotBufferizePassOptions options;
  options.bufferizeFunctionBoundaries = true;
  options.functionBoundaryTypeConversion = bufferization::LayoutMapOption::IdentityLayoutMap;
  options.allowReturnAllocsFromLoops = true;
  pm.addPass(bufferization::createOneShotBufferizePass(options));
  pm.addPass(bufferization::createDropEquivalentBufferResultsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createPlanMemory());
  pm.addPass(createCanonicalizerPass());
}

void lepton::buildVectorPipeline(OpPassManager &pm, const PipelineOptions &) {
  pm.addNestedPass<func::FuncOp>(createLowerToLoops());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
  pm.addPass(createOutlineParallelLoops());
  pm.addPass(createCanonicalizerPass());
}
