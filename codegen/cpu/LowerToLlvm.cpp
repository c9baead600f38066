//===- LowerToLlvm.cpp - loops on memrefs become the LLVM dialect ---------------------------------------------------------===//
//
// Before: private functions of scf, arith, math, vector, memref and lrt, and the entry.  After: LLVM functions.
//
//===------------------------------------------------------------------------------------------------------------------------===//

#include "codegen/cpu/LowerToLlvm.h"
#include "codegen/Passes.h"
#include "codegen/cpu/BasicMath.h"
#include "codegen/cpu/HalfFloats.h"
#include "codegen/cpu/LaneMath.h"
#include "codegen/cpu/LowerRuntimeOps.h"
#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Runtime/RuntimeOps.h"

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ComplexToLLVM/ComplexToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/MathToFuncs/MathToFuncs.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MathToLibm/MathToLibm.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Conversion/VectorToSCF/VectorToSCF.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SPIRV/IR/SPIRVOps.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

#include <cmath>

namespace lepton {
#define GEN_PASS_DEF_LOWERTOLLVM
#include "codegen/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

namespace {

struct LowerToLlvm : lepton::impl::LowerToLlvmBase<LowerToLlvm> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    MLIRContext *context = &getContext();
    // Masks, broadcasts and transposes of vectors have no direct counterpart in LLVM: first in terms of simpler vector ops.
    RewritePatternSet simpler(context);
    vector::populateVectorMaskOpLoweringPatterns(simpler);
    vector::populateVectorMaskMaterializationPatterns(simpler, /*force32BitVectorIndices=*/true);
    vector::populateVectorBroadcastLoweringPatterns(simpler);
    vector::populateVectorInsertExtractStridedSliceTransforms(simpler);
    vector::populateVectorRankReducingFMAPattern(simpler);
    vector::populateVectorTransferLoweringPatterns(simpler, /*maxTransferRank=*/1);
    arith::populateCeilFloorDivExpandOpsPatterns(simpler);
    arith::populateExpandBFloat16Patterns(simpler); // in integers, which vectorize everywhere
    if (failed(applyPatternsGreedily(module, std::move(simpler))))
      return signalPassFailure();
    if (module->hasAttr("lepton.no_half_floats") && failed(emulateHalfFloats(module)))
      return signalPassFailure();
    const bool isDeterministic = targetOf(module).isDeterministic();
    if (isDeterministic) {
      if (callsLibm(module)) {
        module->setAttr("lepton.refused", UnitAttr::get(context)); // the model's fault, not a phase's
        return signalPassFailure();
      }
      module.walk([](Operation *op) { dropLiberties(op); });
    } else {
      module.walk([](Operation *op) { ignoreSignOfZero(op); });
    }
    declareRuntime(module);
    if (module->hasAttr("lepton.observed") && !lrt::launchedModule(module)) // launches are told of
      announceKernels(module);
    LowerToLLVMOptions options(context);
    LLVMTypeConverter converter(context, options);
    RewritePatternSet patterns(context);
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    index::populateIndexToLLVMConversionPatterns(converter, patterns);
    // Intrinsics before calls: only they vectorize.
    populateMathToLLVMConversionPatterns(converter, patterns, /*approximateLog1p=*/false, /*benefit=*/2);
    populateMathToLibmConversionPatterns(patterns, /*benefit=*/1);
    populateComplexToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
    populateFuncToLLVMConversionPatterns(converter, patterns);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);
    populateVectorToLLVMConversionPatterns(converter, patterns, /*reassociateFPReductions=*/!isDeterministic);
    populateRuntimeToLlvmPatterns(converter, patterns);
    if (lrt::launchedModule(module))
      populateLaunchToLlvmPatterns(converter, patterns);
    LLVMConversionTarget target(*context);
    target.addLegalOp<ModuleOp, gpu::GPUModuleOp, spirv::ModuleOp>();
    target.markOpRecursivelyLegal<gpu::GPUModuleOp, spirv::ModuleOp>(); // has been lowered before
    if (failed(applyFullConversion(module, target, std::move(patterns))))
      return signalPassFailure();
    for (auto function : module.getOps<LLVM::LLVMFuncOp>())
      finish(function);
  }

  /// What every processor computes alike has an order, and each of its roundings.
  static void dropLiberties(Operation *op) {
    if (auto withFlags = dyn_cast<arith::ArithFastMathInterface>(op))
      op->setAttr(withFlags.getFastMathAttrName(),
                  arith::FastMathFlagsAttr::get(op->getContext(), arith::FastMathFlags::none));
    if (isa<arith::FPToSIOp, arith::FPToUIOp>(op))
      saturate(op);
  }

  /// A float that an integer type does not hold becomes its nearest number, and what is no number 0: processors have answers of their own.
  static void saturate(Operation *op) {
    OpBuilder b(op->getContext());
    b.setInsertionPointAfter(op);
    Value x = op->getOperand(0), result = op->getResult(0);
    LaneMath lanes{b, op->getLoc(), x.getType()};
    auto type = cast<IntegerType>(getElementTypeOrSelf(result));
    Type from = getElementTypeOrSelf(x);
    const bool isSigned = isa<arith::FPToSIOp>(op);
    const unsigned width = type.getWidth();
    const llvm::APInt least = isSigned ? llvm::APInt::getSignedMinValue(width) : llvm::APInt::getZero(width),
                      most = isSigned ? llvm::APInt::getSignedMaxValue(width) : llvm::APInt::getMaxValue(width);
    auto floats = [&](double value) { return lanes.splat(b.getFloatAttr(from, value)); };
    auto integers = [&](const llvm::APInt &value) { return lanes.splat(IntegerAttr::get(type, value)); };
    Value isSmall = lanes.is(arith::CmpFPredicate::OLT, x, floats(isSigned ? -std::ldexp(1.0, width - 1) : 0.0)),
          isLarge = lanes.is(arith::CmpFPredicate::OGE, x, floats(std::ldexp(1.0, isSigned ? width - 1 : width))),
          isNan = lanes.is(arith::CmpFPredicate::UNO, x, x);
    Value chosen = lanes.select(isSmall, integers(least), result);
    auto *inside = chosen.getDefiningOp();
    chosen = lanes.select(isLarge, integers(most), chosen);
    chosen = lanes.select(isNan, integers(llvm::APInt::getZero(width)), chosen);
    result.replaceAllUsesExcept(chosen, inside);
  }

  /// Says of the first op that ends in a call of the C library that its result differs from one to the next.
  static bool callsLibm(ModuleOp module) {
    WalkResult result = module.walk([](Operation *op) {
      if (isBasicMath(op))
        return WalkResult::advance();
      op->emitError() << "is computed by '" << op->getName() << "' of " << op->getResult(0).getType()
                      << ", for which each C library has bits of its own; use float32, or leave --deterministic out";
      return WalkResult::interrupt();
    });
    return result.wasInterrupted();
  }

  /// ONNX does not say which of -0 and 0 is larger, and what IEEE 754 says of it takes x86 several instructions more.
  static void ignoreSignOfZero(Operation *op) {
    if (!isa<arith::MaximumFOp, arith::MinimumFOp>(op))
      return;
    auto withFlags = cast<arith::ArithFastMathInterface>(op);
    op->setAttr(withFlags.getFastMathAttrName(),
                arith::FastMathFlagsAttr::get(op->getContext(),
                                              withFlags.getFastMathFlagsAttr().getValue() | arith::FastMathFlags::nsz));
  }

  /// Everything but the entry is internal; a kernel's buffers do not alias (its results are written to memory of their own).
  void finish(LLVM::LLVMFuncOp function) {
    if (function.isExternal())
      return;
    bool isKernel = function->hasAttr("lepton.kernel"), isBody = function->hasAttr("lepton.parallel_body");
    if (function.getSymName() != "lepton_entry")
      function.setLinkage(LLVM::Linkage::Internal);
    if (isKernel)
      function->setAttr("no_inline", UnitAttr::get(&getContext()));
    if (isKernel || isBody)
      for (unsigned i = 1; i < function.getNumArguments(); ++i)
        if (isa<LLVM::LLVMPointerType>(function.getArgument(i).getType()))
          function.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), UnitAttr::get(&getContext()));
  }
};

} // namespace

void lepton::buildLlvmPipeline(OpPassManager &pm) {
  pm.addNestedPass<func::FuncOp>(createApproximateMath());
  pm.addPass(createConvertVectorToSCFPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createConvertMathToFuncs()); // powers of integers: loops, which neither LLVM nor libm has
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createLowerToLlvm());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
}
