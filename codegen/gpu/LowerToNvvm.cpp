//===- LowerToNvvm.cpp - functions of a GPU become the dialect nvvm -------------------------------------------------------===//
//
// Before: gpu.func of scf, arith, math and memref.  After: llvm.func marked `nvvm.kernel`.
//
//===------------------------------------------------------------------------------------------------------------------------===//

#include "codegen/gpu/LowerToNvvm.h"
#include "codegen/Passes.h"
#include "codegen/gpu/LowerKernels.h"

#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace lepton {
#define GEN_PASS_DEF_LOWERTONVVM
#include "codegen/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

static void addInstructions(LLVMTypeConverter &converter, RewritePatternSet &patterns, ConversionTarget &target) {
  configureGpuToNVVMTypeConverter(converter);
  populateGpuToNVVMConversionPatterns(converter, patterns);
  target.addLegalDialect<NVVM::NVVMDialect>();
}

/// Without a number the assembler keeps to as few registers as let a processor have all its threads, and spills the rest.
static void allowAllRegisters(LLVM::LLVMFuncOp function) {
  constexpr int32_t blocksAtATime = 1;
  function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                    Builder(function.getContext()).getI32IntegerAttr(blocksAtATime));
}

namespace {

struct LowerToNvvm : lepton::impl::LowerToNvvmBase<LowerToNvvm> {
  void runOnOperation() override {
    if (failed(lowerKernels(getOperation(), addInstructions)))
      return signalPassFailure();
    getOperation().walk(allowAllRegisters);
  }
};

} // namespace

void lepton::buildNvvmPipeline(OpPassManager &pm) { buildKernelLowering(pm, createLowerToNvvm()); }
