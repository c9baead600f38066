//===- LowerRuntimeOps.cpp - the dialect lrt becomes calls --------------------------------------------------------------===//
//
// Before: lrt ops on memrefs.  After: LLVM calls of the functions in runtime/core/lepton_abi.h, memref descriptors around what they return.
//
//===----------------------------------------------------------------------------------------------------------------------===//

#include "codegen/cpu/LowerRuntimeOps.h"
#include "codegen/cpu/RuntimePattern.h"
#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Runtime/RuntimeOps.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/Pattern.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace lepton;

void lepton::declareRuntime(ModuleOp module) {
  MLIRContext *context = module.getContext();
  OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
  Location loc = module.getLoc();
  Type ptr = LLVM::LLVMPointerType::get(context), i64 = b.getI64Type(), none = LLVM::LLVMVoidType::get(context);
  auto declare = [&](StringRef name, Type result, ArrayRef<Type> arguments) {
    if (!module.lookupSymbol(name))
      LLVM::LLVMFuncOp::create(b, loc, name, LLVM::LLVMFunctionType::get(result, arguments));
  };
  declare("lepton_rt_input", ptr, {ptr, i64});
  declare("lepton_rt_input_shape", ptr, {ptr, i64});
  declare("lepton_rt_output", ptr, {ptr, i64, ptr});
  declare("lepton_rt_weights", ptr, {ptr});
  declare("lepton_rt_arena", ptr, {ptr});
  declare("lepton_rt_alloc", ptr, {ptr, i64});
  declare("lepton_rt_alloc_tensor", ptr, {ptr, ptr, ptr, i64, i64});
  declare("lepton_rt_free", none, {ptr, ptr});
  declare("lepton_rt_collect", none, {ptr, ptr, i64, ptr, i64});
  declare("lepton_rt_parallel_for", none, {ptr, i64, i64, ptr, ptr});
  declare("lepton_rt_kernel", none, {ptr, ptr});
  declare("lepton_rt_launch", none, {ptr, ptr, ptr, i64, i64, ptr});
  declare("lepton_rt_fault", ptr, {ptr});
  declare("lepton_rt_fetch", ptr, {ptr, ptr, i64});
  declare("lepton_rt_send", none, {ptr, ptr, ptr, i64});
  declare("lepton_rt_copy", none, {ptr, ptr, ptr, i64});
  declare("lepton_rt_fail", none, {ptr, ptr});
  declare("lepton_rt_stop", none, {ptr, ptr});
  if (!module.lookupSymbol("lepton_weights"))
    LLVM::GlobalOp::create(b, loc, LLVM::LLVMArrayType::get(b.getI8Type(), 0), /*isConstant=*/true,
                           LLVM::Linkage::External, "lepton_weights", Attribute(), 64);
}

Value lepton::constantText(OpBuilder &b, Location loc, ModuleOp module, StringRef content) {
  std::string text = content.str();
  text.push_back('\0');
  std::string name = "lepton_message_" + llvm::utohexstr(llvm::hash_value(StringRef(text)));
  if (!module.lookupSymbol(name)) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    LLVM::GlobalOp::create(b, loc, LLVM::LLVMArrayType::get(b.getI8Type(), text.size()), true, LLVM::Linkage::Internal,
                           name, b.getStringAttr(text));
  }
  return LLVM::AddressOfOp::create(b, loc, LLVM::LLVMPointerType::get(b.getContext()), name);
}

void lepton::announceKernels(ModuleOp module) {
  module.lookupSymbol<func::FuncOp>("lepton_entry").walk([&](func::CallOp call) {
    if (!module.lookupSymbol<func::FuncOp>(call.getCallee())->hasAttr("lepton.kernel"))
      return;
    OpBuilder b(call);
    Value name = constantText(b, call.getLoc(), module, call.getCallee());
    LLVM::CallOp::create(b, call.getLoc(), TypeRange(), "lepton_rt_kernel", ValueRange{call.getOperand(0), name});
  });
}

namespace {

struct LowerInput : RuntimePattern<lrt::InputOp> {
  using RuntimePattern::RuntimePattern;
  LogicalResult matchAndRewrite(lrt::InputOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    auto type = cast<MemRefType>(op.getType());
    Value index = i64(b, loc, op.getIndex()),
          memory = call(b, loc, "lepton_rt_input", pointer(b), {adaptor.getContext(), index});
    SmallVector<Value> dynamic;
    if (!type.hasStaticShape()) {
      Value shape = call(b, loc, "lepton_rt_input_shape", pointer(b), {adaptor.getContext(), index});
      for (int64_t d = 0; d < type.getRank(); ++d) {
        if (!type.isDynamicDim(d))
          continue;
        Value address =
            LLVM::GEPOp::create(b, loc, pointer(b), b.getI64Type(), shape, ArrayRef<LLVM::GEPArg>{int32_t(d)});
        dynamic.push_back(LLVM::LoadOp::create(b, loc, b.getI64Type(), address));
      }
    }
    b.replaceOp(op, descriptor(b, loc, type, memory, allSizes(b, loc, type, dynamic)));
    return success();
  }
};

struct LowerOutput : RuntimePattern<lrt::OutputOp> {
  using RuntimePattern::RuntimePattern;
  LogicalResult matchAndRewrite(lrt::OutputOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    auto type = cast<MemRefType>(op.getType());
    SmallVector<Value> sizes = allSizes(b, loc, type, adaptor.getSizes());
    Value memory = call(b, loc, "lepton_rt_output", pointer(b),
                        {adaptor.getContext(), i64(b, loc, op.getIndex()), shapeOf(b, loc, sizes, op)});
    b.replaceOp(op, descriptor(b, loc, type, memory, sizes));
    return success();
  }
};

struct LowerAlloc : RuntimePattern<lrt::AllocOp> {
  using RuntimePattern::RuntimePattern;
  LogicalResult matchAndRewrite(lrt::AllocOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    auto type = cast<MemRefType>(op.getType());
    SmallVector<Value> sizes = allSizes(b, loc, type, adaptor.getSizes());
    int64_t each = elementBytes(type.getElementType());
    Value memory;
    if (type.hasStaticShape()) {
      Value bytes = i64(b, loc, each * type.getNumElements());
      memory = call(b, loc, "lepton_rt_alloc", pointer(b), {adaptor.getContext(), bytes});
    } else {
      auto node = op.getLoc()->findInstanceOf<NameLoc>();
      Value name = constantText(b, loc, op->getParentOfType<ModuleOp>(), node ? node.getName().getValue() : "?");
      memory = call(
          b, loc, "lepton_rt_alloc_tensor", pointer(b),
          {adaptor.getContext(), name, shapeOf(b, loc, sizes, op), i64(b, loc, type.getRank()), i64(b, loc, each)});
    }
    b.replaceOp(op, descriptor(b, loc, type, memory, sizes));
    return success();
  }
};

struct LowerDealloc : RuntimePattern<lrt::DeallocOp> {
  using RuntimePattern::RuntimePattern;
  LogicalResult matchAndRewrite(lrt::DeallocOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Value memory = MemRefDescriptor(adaptor.getMemory()).allocatedPtr(b, op.getLoc());
    call(b, op.getLoc(), "lepton_rt_free", {}, {adaptor.getContext(), memory});
    b.eraseOp(op);
    return success();
  }
};

struct LowerSlots : RuntimePattern<lrt::SlotsOp> {
  using RuntimePattern::RuntimePattern;
  LogicalResult matchAndRewrite(lrt::SlotsOp op, OpAdaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    const int64_t count = int64_t(op.getCount());
    Type array = LLVM::LLVMArrayType::get(pointer(b), count);
    Value memory = stack(b, loc, array, op),
          zero = LLVM::ConstantOp::create(b, loc, b.getI8Type(), b.getI8IntegerAttr(0)),
          bytes = getSizeInBytes(loc, array, b); // as the target's pointers want it
    LLVM::MemsetOp::create(b, loc, memory, zero, bytes, /*isVolatile=*/false);
    b.replaceOp(op, memory);
    return success();
  }
};

static Value slotAddress(OpBuilder &b, Location loc, Value slots, uint64_t index) {
  Type pointer = slots.getType();
  return LLVM::GEPOp::create(b, loc, pointer, pointer, slots, ArrayRef<LLVM::GEPArg>{int32_t(index)});
}

struct LowerHold : RuntimePattern<lrt::HoldOp> {
  using RuntimePattern::RuntimePattern;
  LogicalResult matchAndRewrite(lrt::HoldOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Value memory = MemRefDescriptor(adaptor.getMemory()).allocatedPtr(b, loc);
    LLVM::StoreOp::create(b, loc, memory, slotAddress(b, loc, adaptor.getSlots(), op.getIndex()));
    b.eraseOp(op);
    return success();
  }
};

struct LowerCollect : RuntimePattern<lrt::CollectOp> {
  using RuntimePattern::RuntimePattern;
  LogicalResult matchAndRewrite(lrt::CollectOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    const size_t count = adaptor.getKept().size();
    Value kept = stack(b, loc, LLVM::LLVMArrayType::get(pointer(b), std::max<size_t>(count, 1)), op);
    for (auto [i, memory] : llvm::enumerate(adaptor.getKept()))
      LLVM::StoreOp::create(b, loc, MemRefDescriptor(memory).allocatedPtr(b, loc), slotAddress(b, loc, kept, i));
    call(b, loc, "lepton_rt_collect", {},
         {adaptor.getContext(), slotAddress(b, loc, adaptor.getSlots(), op.getBegin()), i64(b, loc, op.getCount()),
          kept, i64(b, loc, int64_t(count))});
    b.eraseOp(op);
    return success();
  }
};

struct LowerArena : RuntimePattern<lrt::ArenaOp> {
  using RuntimePattern::RuntimePattern;
  LogicalResult matchAndRewrite(lrt::ArenaOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    auto type = cast<MemRefType>(op.getType());
    Value base = call(b, loc, "lepton_rt_arena", pointer(b), adaptor.getContext());
    Value memory = LLVM::GEPOp::create(b, loc, pointer(b), b.getI8Type(), base, i64(b, loc, op.getOffset()));
    b.replaceOp(op, descriptor(b, loc, type, memory, allSizes(b, loc, type, {})));
    return success();
  }
};

struct LowerConstant : RuntimePattern<lrt::ConstantOp> {
  using RuntimePattern::RuntimePattern;
  LogicalResult matchAndRewrite(lrt::ConstantOp op, OpAdaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    auto type = cast<MemRefType>(op.getType());
    // Constants are named by the entry alone, whose first argument is the context.
    auto entry = op->getParentOfType<FunctionOpInterface>();
    Value base = op->getParentOfType<ModuleOp>()->hasAttr("lepton.weights_file")
                     ? call(b, loc, "lepton_rt_weights", pointer(b),
                            b.getRemappedValue(entry.getFunctionBody().front().getArgument(0)))
                     : LLVM::AddressOfOp::create(b, loc, pointer(b), "lepton_weights").getResult();
    Value memory = LLVM::GEPOp::create(b, loc, pointer(b), b.getI8Type(), base, i64(b, loc, op.getOffset()));
    b.replaceOp(op, descriptor(b, loc, type, memory, allSizes(b, loc, type, {})));
    return success();
  }
};

/// Arguments travel in a struct on the caller's stack; a small function unpacks them on each thread.
struct LowerParallelFor : RuntimePattern<lrt::ParallelForOp> {
  using RuntimePattern::RuntimePattern;
  LogicalResult matchAndRewrite(lrt::ParallelForOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    SmallVector<Value> values; // descriptors unpacked to scalars, as the body's signature wants them
    const auto *converter = getTypeConverter();
    for (auto [before, after] : llvm::zip_equal(op.getArgs(), adaptor.getArgs())) {
      if (auto type = dyn_cast<MemRefType>(before.getType()))
        MemRefDescriptor::unpack(b, loc, after, type, values);
      else
        values.push_back(after);
    }
    (void)converter;
    auto record = LLVM::LLVMStructType::getLiteral(b.getContext(), llvm::to_vector(ValueRange(values).getTypes()));
    Value memory = stack(b, loc, record, op);
    for (auto [i, value] : llvm::enumerate(values))
      LLVM::StoreOp::create(
          b, loc, value,
          LLVM::GEPOp::create(b, loc, pointer(b), record, memory, ArrayRef<LLVM::GEPArg>{0, int32_t(i)}));
    LLVM::LLVMFuncOp thunk = makeThunk(b, op, record);
    Value function = LLVM::AddressOfOp::create(b, loc, pointer(b), thunk.getSymName());
    call(b, loc, "lepton_rt_parallel_for", {},
         {adaptor.getContext(), adaptor.getN(), i64(b, loc, op.getGrain()), function, memory});
    b.eraseOp(op);
    return success();
  }

  static LLVM::LLVMFuncOp makeThunk(ConversionPatternRewriter &b, lrt::ParallelForOp op, LLVM::LLVMStructType record) {
    OpBuilder::InsertionGuard guard(b);
    Location loc = op.getLoc();
    auto module = op->getParentOfType<ModuleOp>();
    b.setInsertionPointToEnd(module.getBody());
    Type ptr = pointer(b), number = b.getI64Type();
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), {ptr, ptr, number, number});
    auto thunk = LLVM::LLVMFuncOp::create(b, loc, (op.getBody() + "_range").str(), type, LLVM::Linkage::Internal);
    Block *block = thunk.addEntryBlock(b);
    b.setInsertionPointToStart(block);
    SmallVector<Value> arguments = {block->getArgument(0), block->getArgument(2), block->getArgument(3)};
    for (auto [i, fieldType] : llvm::enumerate(record.getBody())) {
      Value address =
          LLVM::GEPOp::create(b, loc, ptr, record, block->getArgument(1), ArrayRef<LLVM::GEPArg>{0, int32_t(i)});
      arguments.push_back(LLVM::LoadOp::create(b, loc, fieldType, address));
    }
    LLVM::CallOp::create(b, loc, TypeRange(), op.getBody(), arguments);
    LLVM::ReturnOp::create(b, loc, ValueRange());
    return thunk;
  }
};

/// The operands become an array of `lepton_tensor` on the stack.
struct LowerCall : RuntimePattern<lrt::CallOp> {
  using RuntimePattern::RuntimePattern;
  LogicalResult matchAndRewrite(lrt::CallOp op, OpAdaptor adaptor, ConversionPatternRewriter &b) const override {
    Location loc = op.getLoc();
    Type ptr = pointer(b), number = b.getI64Type(), half = b.getI32Type();
    auto tensor = LLVM::LLVMStructType::getLiteral(b.getContext(), {ptr, ptr, half, half, number});
    SmallVector<Value> descriptors(adaptor.getInputs()), before(op.getInputs());
    llvm::append_range(descriptors, adaptor.getOutputs());
    llvm::append_range(before, op.getOutputs());
    Value tensors = stack(b, loc, LLVM::LLVMArrayType::get(tensor, descriptors.size()), op);
    for (auto [i, value] : llvm::enumerate(descriptors)) {
      auto type = cast<MemRefType>(before[i].getType());
      MemRefDescriptor memory(value);
      Value bytes = i64(b, loc, elementBytes(type.getElementType()));
      SmallVector<Value> sizes;
      for (int64_t d = 0; d < type.getRank(); ++d) {
        sizes.push_back(memory.size(b, loc, d));
        bytes = LLVM::MulOp::create(b, loc, bytes, sizes.back());
      }
      auto word = [&](int64_t value) -> Value {
        return LLVM::ConstantOp::create(b, loc, half, b.getI32IntegerAttr(value));
      };
      Value fields[] = {memory.bufferPtr(b, loc, *getTypeConverter(), type), shapeOf(b, loc, sizes, op),
                        word(op.getDtypes()[i]), word(type.getRank()), bytes};
      for (auto [f, field] : llvm::enumerate(fields))
        LLVM::StoreOp::create(
            b, loc, field,
            LLVM::GEPOp::create(b, loc, ptr, tensor, tensors, ArrayRef<LLVM::GEPArg>{int32_t(i), int32_t(f)}));
    }
    SmallVector<Value> numbers;
    for (int64_t value : op.getNumbers())
      numbers.push_back(i64(b, loc, value));
    auto module = op->getParentOfType<ModuleOp>();
    declare(b, op, module, {ptr, ptr, ptr, number, ptr});
    auto name = op.getLoc()->findInstanceOf<NameLoc>();
    Value node = constantText(b, loc, module, name ? name.getName().getValue() : "");
    call(b, loc, op.getCallee(), {},
         {adaptor.getRun(), node, tensors, i64(b, loc, op.getInputs().size()), shapeOf(b, loc, numbers, op)});
    b.eraseOp(op);
    return success();
  }

  static void declare(ConversionPatternRewriter &b, lrt::CallOp op, ModuleOp module, ArrayRef<Type> arguments) {
    if (module.lookupSymbol(op.getCallee()))
      return;
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    LLVM::LLVMFuncOp::create(b, op.getLoc(), op.getCallee(),
                             LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), arguments));
  }
};

/// if (!condition) lepton_rt_fail(context, message); of what is required, lepton_rt_stop, which does not return.
template <typename OpT> struct LowerCheck : RuntimePattern<OpT> {
  using RuntimePattern<OpT>::RuntimePattern;
  LogicalResult matchAndRewrite(OpT op, typename OpT::Adaptor adaptor, ConversionPatternRewriter &b) const override {
    constexpr bool endsRun = std::is_same_v<OpT, lrt::RequireOp>;
    Location loc = op.getLoc();
    Block *before = b.getInsertionBlock(), *after = b.splitBlock(before, b.getInsertionPoint()),
          *failed = b.createBlock(after);
    Value message = constantText(b, loc, op->template getParentOfType<ModuleOp>(), op.getMessage());
    this->call(b, loc, endsRun ? "lepton_rt_stop" : "lepton_rt_fail", {}, {adaptor.getContext(), message});
    if (endsRun)
      LLVM::UnreachableOp::create(b, loc);
    else
      LLVM::BrOp::create(b, loc, ValueRange(), after);
    b.setInsertionPointToEnd(before);
    LLVM::CondBrOp::create(b, loc, adaptor.getCondition(), after, failed);
    b.eraseOp(op);
    return success();
  }
};

} // namespace

void lepton::populateRuntimeToLlvmPatterns(const LLVMTypeConverter &converter, RewritePatternSet &patterns) {
  patterns.add<LowerInput, LowerOutput, LowerAlloc, LowerDealloc, LowerSlots, LowerHold, LowerCollect, LowerArena,
               LowerConstant, LowerParallelFor, LowerCall, LowerCheck<lrt::CheckOp>, LowerCheck<lrt::RequireOp>>(
      converter);
}
