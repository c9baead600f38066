//===- LowerKernels.cpp - what the GPUs of all makers have in common --------------------------------------------------------===//

#include "codegen/gpu/LowerKernels.h"
#include "codegen/Passes.h"
#include "codegen/cpu/BasicMath.h"
#include "codegen/cpu/LowerRuntimeOps.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ComplexToLLVM/ComplexToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace lepton;

/// What every buffer's address is a multiple of: the places in the arena and among the weights, and what the driver allocates.
static constexpr int64_t bufferAlignment = 64;

bool lepton::isWithinReach(gpu::GPUModuleOp module) {
  WalkResult result = module.walk([](Operation *op) {
    if (isBasicMath(op) && !isa<math::IPowIOp>(op))
      return WalkResult::advance();
    op->emitError() << "is computed by '" << op->getName() << "' of " << op->getResult(0).getType()
                    << ", which there is not for a GPU yet; compile it for a CPU";
    return WalkResult::interrupt();
  });
  return !result.wasInterrupted();
}

static void markBuffers(LLVM::LLVMFuncOp function) {
  Builder b(function.getContext());
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    if (!isa<LLVM::LLVMPointerType>(function.getArgument(i).getType()))
      continue;
    function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), b.getUnitAttr());
    function.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(), b.getI64IntegerAttr(bufferAlignment));
  }
}

LogicalResult lepton::lowerKernels(gpu::GPUModuleOp module, AddInstructions addInstructions) {
  MLIRContext *context = module.getContext();
  if (!isWithinReach(module))
    return failure();
  RewritePatternSet simpler(context);
  arith::populateCeilFloorDivExpandOpsPatterns(simpler);
  arith::populateExpandBFloat16Patterns(simpler);
  if (failed(applyPatternsGreedily(module, std::move(simpler))))
    return failure();
  LLVMTypeConverter converter(context, LowerToLLVMOptions(context));
  RewritePatternSet patterns(context);
  LLVMConversionTarget target(*context);
  target.addLegalOp<gpu::GPUModuleOp>();
  populateMathToLLVMConversionPatterns(converter, patterns, /*approximateLog1p=*/false, /*benefit=*/2);
  addInstructions(converter, patterns, target);
  arith::populateArithToLLVMConversionPatterns(converter, patterns);
  index::populateIndexToLLVMConversionPatterns(converter, patterns);
  populateComplexToLLVMConversionPatterns(converter, patterns);
  cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
  populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
  ub::populateUBToLLVMConversionPatterns(converter, patterns);
  populateViewToLlvmPatterns(converter, patterns);
  if (failed(applyFullConversion(module, target, std::move(patterns))))
    return failure();
  module.walk(markBuffers);
  return success();
}

void lepton::buildKernelLowering(OpPassManager &pm, std::unique_ptr<Pass> lower) {
  OpPassManager &modules = pm.nest<gpu::GPUModuleOp>();
  modules.addNestedPass<gpu::GPUFuncOp>(createApproximateMath());
  modules.addPass(memref::createExpandStridedMetadataPass());
  modules.addPass(createLowerAffinePass());
  modules.addPass(createSCFToControlFlowPass());
  modules.addPass(createCanonicalizerPass());
  modules.addPass(createCSEPass());
  modules.addPass(std::move(lower));
  modules.addPass(createReconcileUnrealizedCastsPass());
  modules.addPass(createCanonicalizerPass());
}
