//===- LowerToRocdl.cpp - functions of a GPU become the dialect rocdl -----------------------------------------------------===//
//
// Before: gpu.func of scf, arith, math and memref.  After: llvm.func marked `rocdl.kernel`, whose buffers and constants are global memory, and whose variables private.
//
//===------------------------------------------------------------------------------------------------------------------------===//

#include "codegen/gpu/LowerToRocdl.h"
#include "codegen/Passes.h"
#include "codegen/gpu/LowerKernels.h"
#include "dialects/Lepton/LeptonOps.h"

#include "mlir/Conversion/AMDGPUToROCDL/AMDGPUToROCDL.h"
#include "mlir/Conversion/GPUToROCDL/GPUToROCDLPass.h"
#include "mlir/Dialect/AMDGPU/Utils/Chipset.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"

namespace lepton {
#define GEN_PASS_DEF_LOWERTOROCDL
#include "codegen/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

/// LLVM's numbers of the memory that all threads have, and that one thread has, on AMD's GPUs.
static constexpr unsigned globalSpace = 1, privateSpace = 5;

/// A kernel gets nothing but addresses in global memory. Said in their type, the accesses need not find out at run time which memory they are to.
static void takeGlobalBuffers(LLVM::LLVMFuncOp function) {
  OpBuilder b = OpBuilder::atBlockBegin(&function.front());
  auto any = LLVM::LLVMPointerType::get(b.getContext()),
       global = LLVM::LLVMPointerType::get(b.getContext(), globalSpace);
  for (BlockArgument argument : function.getArguments()) {
    if (argument.getType() != any)
      continue;
    argument.setType(global);
    auto cast = LLVM::AddrSpaceCastOp::create(b, function.getLoc(), any, argument);
    argument.replaceAllUsesExcept(cast, cast);
  }
  function.setFunctionType(LLVM::LLVMFunctionType::get(function.getFunctionType().getReturnType(),
                                                       llvm::to_vector(function.front().getArgumentTypes())));
}

/// There is no stack but in private memory.
static void makePrivate(LLVM::AllocaOp variable) {
  OpBuilder b(variable);
  auto own =
      LLVM::AllocaOp::create(b, variable.getLoc(), LLVM::LLVMPointerType::get(b.getContext(), privateSpace),
                             variable.getElemType(), variable.getArraySize(), variable.getAlignment().value_or(0));
  variable.replaceAllUsesWith(LLVM::AddrSpaceCastOp::create(b, variable.getLoc(), variable.getType(), own).getResult());
  variable.erase();
}

/// Constants lie in global memory.
static void makeGlobal(LLVM::AddressOfOp address, SymbolTable &symbols) {
  if (address.getType().getAddressSpace() != 0)
    return; // shared memory
  auto constant = symbols.lookup<LLVM::GlobalOp>(address.getGlobalName());
  OpBuilder b(address);
  constant.setAddrSpace(globalSpace);
  auto own = LLVM::AddressOfOp::create(b, address.getLoc(), constant);
  address.replaceAllUsesWith(LLVM::AddrSpaceCastOp::create(b, address.getLoc(), address.getType(), own).getResult());
  address.erase();
}

namespace {

struct LowerToRocdl : lepton::impl::LowerToRocdlBase<LowerToRocdl> {
  void runOnOperation() override {
    gpu::GPUModuleOp module = getOperation();
    const StringRef name = targetOf(module).getCpu();
    FailureOr<amdgpu::Chipset> chipset = amdgpu::Chipset::parse(name);
    if (failed(chipset)) {
      module.emitError() << "'" << name << "' is no GPU of AMD's";
      return signalPassFailure();
    }
    auto addInstructions = [&](LLVMTypeConverter &converter, RewritePatternSet &patterns, ConversionTarget &target) {
      amdgpu::populateCommonGPUTypeAndAttributeConversions(converter);
      populateGpuToROCDLConversionPatterns(converter, patterns, gpu::amd::Runtime::Unknown, *chipset);
      target.addLegalDialect<ROCDL::ROCDLDialect>();
    };
    if (failed(lowerKernels(module, addInstructions)))
      return signalPassFailure();
    module.walk(takeGlobalBuffers);
    module.walk(makePrivate);
    SymbolTable symbols(module);
    module.walk([&](LLVM::AddressOfOp address) { makeGlobal(address, symbols); });
  }
};

} // namespace

void lepton::buildRocdlPipeline(OpPassManager &pm) { buildKernelLowering(pm, createLowerToRocdl()); }
