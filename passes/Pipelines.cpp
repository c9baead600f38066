//===- Pipelines.cpp - the phases of the compiler as pipelines ---------------------------------------------------------------===//

#include "passes/Pipelines.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace lepton;

void lepton::buildGraphPipeline(OpPassManager &pm, const PipelineOptions &options) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  if (options.optLevel == 0)
    return;
  // Two registers wide: the width of the micro-kernel's block, so that a panel is read in order.
  pm.addNestedPass<func::FuncOp>(createAssignLayouts({.panel = 2 * options.vectorBits / 32}));
  pm.addNestedPass<func::FuncOp>(createFoldConstantsPass(options.evaluate));
  pm.addPass(createCSEPass());
}

void lepton::buildKernelPipeline(OpPassManager &pm, const PipelineOptions &options) {
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

void lepton::buildVectorPipeline(OpPassManager &pm, const PipelineOptions &options) {
  if (options.optLevel > 0) {
    VectorizeContractionOptions contraction;
    contraction.lanes = options.vectorBits / 32;
    contraction.registers = options.vectorRegisters;
    contraction.fma = options.fma;
    pm.addNestedPass<func::FuncOp>(createVectorizeContraction(contraction));
  }
  pm.addNestedPass<func::FuncOp>(createLowerToLoops());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
  pm.addPass(createOutlineParallelLoops());
  pm.addPass(createCanonicalizerPass());
}
