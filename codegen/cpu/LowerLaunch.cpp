//===- LowerLaunch.cpp - what concerns the functions of a GPU ---------------------------------------------------------------===//
//
// Before: lrt.launch, on the host; lrt.view, in what is launched.  After: a call of the runtime; a memref descriptor.
//
//===--------------------------------------------------------------------------------------------------------------------------===//

#include "codegen/cpu/LowerRuntimeOps.h"
#include "codegen/cpu/RuntimePattern.h"
#include "dialects/Runtime/RuntimeOps.h"

using namespace mlir;
using namespace lepton;

namespace {

struct LowerView : RuntimePattern<lrt::ViewOp> {
  using RuntimePattern::RuntimePattern;
  LogicalResult matchAndRewrite(lrt::ViewOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    auto type = cast<MemRefType>(op.getType());
    b.replaceOp(
        op, descriptor(b, op.getLoc(), type, adaptor.getAddress(), allSizes(b, op.getLoc(), type, adaptor.getSizes())));
    return success();
  }
};

/// lepton_rt_launch(context, name, blocks, threads, addresses of the arguments)
struct LowerLaunch : RuntimePattern<lrt::LaunchOp> {
  using RuntimePattern::RuntimePattern;
  LogicalResult matchAndRewrite(lrt::LaunchOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    SmallVector<Value> values;
    for (auto [before, after] : llvm::zip_equal(op.getArgs(), adaptor.getArgs())) {
      auto type = dyn_cast<MemRefType>(before.getType());
      if (!type) {
        values.push_back(after);
        continue;
      }
      MemRefDescriptor memory(after);
      values.push_back(memory.bufferPtr(b, loc, *getTypeConverter(), type));
      for (int64_t d = 0; d < type.getRank(); ++d)
        if (type.isDynamicDim(d))
          values.push_back(memory.size(b, loc, d));
    }
    Value array = stack(b, loc, LLVM::LLVMArrayType::get(pointer(b), std::max<size_t>(values.size(), 1)), op);
    for (auto [i, value] : llvm::enumerate(values)) {
      Value own = stack(b, loc, value.getType(), op);
      LLVM::StoreOp::create(b, loc, value, own);
      LLVM::StoreOp::create(
          b, loc, own, LLVM::GEPOp::create(b, loc, pointer(b), pointer(b), array, ArrayRef<LLVM::GEPArg>{int32_t(i)}));
    }
    Value name = constantText(b, loc, op->getParentOfType<ModuleOp>(), op.getKernel().getLeafReference());
    call(b, loc, "lepton_rt_launch", {},
         {adaptor.getContext(), name, adaptor.getBlocks(), i64(b, loc, op.getThreads()), array});
    b.eraseOp(op);
    return success();
  }
};

struct LowerFault : RuntimePattern<lrt::FaultOp> {
  using RuntimePattern::RuntimePattern;
  LogicalResult matchAndRewrite(lrt::FaultOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    auto type = cast<MemRefType>(op.getType());
    Value memory = call(b, op.getLoc(), "lepton_rt_fault", pointer(b), adaptor.getContext());
    b.replaceOp(op, descriptor(b, op.getLoc(), type, memory, allSizes(b, op.getLoc(), type, {})));
    return success();
  }
};

} // namespace

void lepton::populateViewToLlvmPatterns(const LLVMTypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<LowerView>(converter);
}

void lepton::populateLaunchToLlvmPatterns(const LLVMTypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<LowerLaunch, LowerFault>(converter);
}
