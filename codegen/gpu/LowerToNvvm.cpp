//===- LowerToNvvm.cpp - functions of a GPU become the dialect nvvm -------------------------------------------------------===//
//
// Before: gpu.func of scf, arith, math and memref.  After: llvm.func marked `nvvm.kernel`.
//
//===------------------------------------------------------------------------------------------------------------------------===//

#include "codegen/gpu/LowerToNvvm.h"
#include "codegen/Passes.h"
#include "codegen/cpu/BasicMath.h"
#include "codegen/cpu/LowerRuntimeOps.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ComplexToLLVM/ComplexToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

namespace lepton {
#define GEN_PASS_DEF_LOWERTONVVM
#include "codegen/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

/// What every buffer's address is a multiple of: the places in the arena and among the weights, and what the driver allocates.
static constexpr int64_t bufferAlignment = 64;

namespace {

struct LowerToNvvm : lepton::impl::LowerToNvvmBase<LowerToNvvm> {
  void runOnOperation() override {
    gpu::GPUModuleOp module = getOperation();
    MLIRContext *context = &getContext();
    if (!isWithinReach(module))
      return signalPassFailure();
    RewritePatternSet simpler(context);
    arith::populateCeilFloorDivExpandOpsPatterns(simpler);
    arith::populateExpandBFloat16Patterns(simpler);
    if (failed(applyPatternsGreedily(module, std::move(simpler))))
      return signalPassFailure();
    LowerToLLVMOptions options(context);
    LLVMTypeConverter converter(context, options);
    configureGpuToNVVMTypeConverter(converter);
    RewritePatternSet patterns(context);
    populateMathToLLVMConversionPatterns(converter, patterns, /*approximateLog1p=*/false, /*benefit=*/2);
    populateGpuToNVVMConversionPatterns(converter, patterns);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    populateComplexToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);
    populateViewToLlvmPatterns(converter, patterns);
    LLVMConversionTarget target(*context);
    target.addLegalDialect<NVVM::NVVMDialect>();
    target.addLegalOp<gpu::GPUModuleOp>();
    if (failed(applyFullConversion(module, target, std::move(patterns))))
      return signalPassFailure();
    module.walk([](LLVM::LLVMFuncOp function) { finish(function); });
  }

  /// Whether each function is an instruction of the GPU or has become arithmetic.
  static bool isWithinReach(gpu::GPUModuleOp module) {
    WalkResult result = module.walk([](Operation *op) {
      if (isBasicMath(op) && !isa<math::IPowIOp>(op))
        return WalkResult::advance();
      op->emitError() << "is computed by '" << op->getName() << "' of " << op->getResult(0).getType()
                      << ", which there is not for a GPU yet; compile it for a CPU";
      return WalkResult::interrupt();
    });
    return !result.wasInterrupted();
  }

  static void finish(LLVM::LLVMFuncOp function) {
    Builder b(function.getContext());
    // Without a number the assembler keeps to as few registers as let a processor have all its threads, and spills the rest.
    constexpr int32_t blocksAtATime = 1;
    function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(), b.getI32IntegerAttr(blocksAtATime));
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      if (!isa<LLVM::LLVMPointerType>(function.getArgument(i).getType()))
        continue;
      function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), b.getUnitAttr());
      function.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(), b.getI64IntegerAttr(bufferAlignment));
    }
  }
};

} // namespace

void lepton::buildNvvmPipeline(OpPassManager &pm) {
  OpPassManager &modules = pm.nest<gpu::GPUModuleOp>();
  modules.addNestedPass<gpu::GPUFuncOp>(createApproximateMath());
  modules.addPass(memref::createExpandStridedMetadataPass());
  modules.addPass(createLowerAffinePass());
  modules.addPass(createSCFToControlFlowPass());
  modules.addPass(createCanonicalizerPass());
  modules.addPass(createCSEPass());
  modules.addPass(createLowerToNvvm());
  modules.addPass(createReconcileUnrealizedCastsPass());
  modules.addPass(createCanonicalizerPass());
}
