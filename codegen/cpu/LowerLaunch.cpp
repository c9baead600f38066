//===- LowerLaunch.cpp - what concerns the functions of a GPU ---------------------------------------------------------------===//
//
// Before: lrt.launch, the host's loads, stores and copies of the GPU's memory, and lrt.view in what is launched.  After: calls of the runtime; a memref descriptor.
//
//===--------------------------------------------------------------------------------------------------------------------------===//

#include "codegen/cpu/LowerRuntimeOps.h"
#include "codegen/cpu/RuntimePattern.h"
#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Runtime/RuntimeOps.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Utils/MemRefUtils.h"

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

/// lepton_rt_launch(context, name, kinds of the arguments, blocks, threads, where they are)
struct LowerLaunch : RuntimePattern<lrt::LaunchOp> {
  using RuntimePattern::RuntimePattern;
  LogicalResult matchAndRewrite(lrt::LaunchOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    SmallVector<Value> values;
    std::string kinds;
    for (auto [before, after] : llvm::zip_equal(op.getArgs(), adaptor.getArgs())) {
      auto type = dyn_cast<MemRefType>(before.getType());
      if (!type) {
        values.push_back(after);
        kinds.push_back('n');
        continue;
      }
      MemRefDescriptor memory(after);
      values.push_back(memory.bufferPtr(b, loc, *getTypeConverter(), type));
      for (int64_t d = 0; d < type.getRank(); ++d)
        if (type.isDynamicDim(d))
          values.push_back(memory.size(b, loc, d));
      kinds += "a" + std::string(type.getNumDynamicDims(), 'n');
    }
    Value array = stack(b, loc, LLVM::LLVMArrayType::get(pointer(b), std::max<size_t>(values.size(), 1)), op);
    for (auto [i, value] : llvm::enumerate(values)) {
      Value own = stack(b, loc, value.getType(), op);
      LLVM::StoreOp::create(b, loc, value, own);
      LLVM::StoreOp::create(
          b, loc, own, LLVM::GEPOp::create(b, loc, pointer(b), pointer(b), array, ArrayRef<LLVM::GEPArg>{int32_t(i)}));
    }
    auto module = op->getParentOfType<ModuleOp>();
    Value name = constantText(b, loc, module, op.getKernel().getLeafReference());
    call(b, loc, "lepton_rt_launch", {},
         {adaptor.getContext(), name, constantText(b, loc, module, kinds), adaptor.getBlocks(),
          i64(b, loc, op.getThreads()), array});
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

/// The run, in a function of the host.
static Value contextOf(Operation *op) { return op->getParentOfType<LLVM::LLVMFuncOp>().getArgument(0); }

/// What a kernel wrote lies in memory that the host does not reach: each load of it is the runtime's to make.
struct FetchLoad : RuntimePattern<memref::LoadOp> {
  using RuntimePattern::RuntimePattern;
  LogicalResult matchAndRewrite(memref::LoadOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Type type = getTypeConverter()->convertType(op.getType());
    Value address = getStridedElementPtr(b, loc, op.getMemRefType(), adaptor.getMemref(), adaptor.getIndices()),
          bytes = i64(b, loc, elementBytes(op.getType())),
          here = call(b, loc, "lepton_rt_fetch", pointer(b), {contextOf(op), address, bytes});
    b.replaceOpWithNewOp<LLVM::LoadOp>(op, type, here);
    return success();
  }
};

/// The same of a store: of the number of a loop's iteration, which a kernel reads.
struct SendStore : RuntimePattern<memref::StoreOp> {
  using RuntimePattern::RuntimePattern;
  LogicalResult matchAndRewrite(memref::StoreOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value own = stack(b, loc, adaptor.getValue().getType(), op),
          address = getStridedElementPtr(b, loc, op.getMemRefType(), adaptor.getMemref(), adaptor.getIndices()),
          bytes = i64(b, loc, elementBytes(op.getMemRefType().getElementType()));
    LLVM::StoreOp::create(b, loc, adaptor.getValue(), own);
    call(b, loc, "lepton_rt_send", {}, {contextOf(op), address, own, bytes});
    b.eraseOp(op);
    return success();
  }
};

/// And of a copy, of memory without gaps.
struct CopyOnDevice : RuntimePattern<memref::CopyOp> {
  using RuntimePattern::RuntimePattern;
  LogicalResult matchAndRewrite(memref::CopyOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    auto from = cast<MemRefType>(op.getSource().getType()), to = cast<MemRefType>(op.getTarget().getType());
    auto isDense = [](MemRefType type) {
      return type.getLayout().isIdentity() || memref::isStaticShapeAndContiguousRowMajor(type);
    };
    if (!isDense(from) || !isDense(to))
      return op.emitError() << "copies a part of a tensor that does not lie in one piece, which there is not for a GPU "
                               "yet; compile it for a CPU";
    MemRefDescriptor source(adaptor.getSource()), target(adaptor.getTarget());
    Value bytes = i64(b, loc, elementBytes(from.getElementType()));
    for (int64_t d = 0; d < from.getRank(); ++d)
      bytes = LLVM::MulOp::create(b, loc, bytes, source.size(b, loc, d));
    call(b, loc, "lepton_rt_copy", {},
         {contextOf(op), target.bufferPtr(b, loc, *getTypeConverter(), to),
          source.bufferPtr(b, loc, *getTypeConverter(), from), bytes});
    b.eraseOp(op);
    return success();
  }
};

} // namespace

void lepton::populateViewToLlvmPatterns(const LLVMTypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<LowerView>(converter);
}

void lepton::populateLaunchToLlvmPatterns(const LLVMTypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<LowerLaunch, LowerFault>(converter);
  patterns.add<FetchLoad, SendStore, CopyOnDevice>(converter, /*benefit=*/2);
}
