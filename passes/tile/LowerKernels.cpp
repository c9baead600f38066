//===- LowerKernels.cpp - kernels in linalg on tensors, destinations as arguments ------------------------------------------===//
//
// Before: functions of lepton ops marked `lepton.kernel`; the entry calls them by lepton.call.
// After:  the same functions in linalg and scf, `(context, inputs..., destinations...) -> results`; the entry allocates destinations by tensor.empty and
//         gets constants as trailing arguments marked `lepton.constant`. A kernel that ends with an insert writes a part of a memref, from the element on that
//         its last argument says, and has no result. No lepton op is left; all tensors have storage types.
//
//===----------------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Runtime/RuntimeOps.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

namespace lepton {
#define GEN_PASS_DEF_LOWERKERNELS
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

static Type storage(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? KernelEmitter::storageType(tensor) : type;
}

static Type memoryType(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return MemRefType::get(tensor.getShape(), tensor.getElementType());
}

/// Into memory that nothing else stands for where that is done.
static void write(OpBuilder &b, Value tensor, Value memory) {
  auto op = bufferization::MaterializeInDestinationOp::create(b, memory.getLoc(), tensor, memory);
  op.setRestrict(true);
  op.setWritable(true);
}

namespace {

struct LowerKernels : lepton::impl::LowerKernelsBase<LowerKernels> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (auto function : llvm::make_early_inc_range(module.getOps<func::FuncOp>()))
      if (function->hasAttr("lepton.kernel"))
        lowerKernel(function);
    if (auto entry = module.lookupSymbol<func::FuncOp>("main"))
      lowerEntry(entry);
  }

private:
  void lowerKernel(func::FuncOp kernel) {
    MLIRContext *context = &getContext();
    Block *source = &kernel.front();
    auto ret = cast<func::ReturnOp>(source->getTerminator());
    SmallVector<Type> inputs = {LLVM::LLVMPointerType::get(context)}, results;
    auto insert = ret.getOperand(0).getDefiningOp<InsertOp>();
    for (Type type : kernel.getArgumentTypes())
      inputs.push_back(storage(type));
    for (Type type : kernel.getResultTypes())
      results.push_back(storage(type));
    if (insert) {
      inputs.back() = memoryType(results.front());
      inputs.push_back(IndexType::get(context));
      results.clear();
    }
    inputs.append(results);
    // The lepton ops stay where they are, to be read from, until their kernel is written into a block of its own.
    OpBuilder b(context);
    Block *target = b.createBlock(&kernel.getBody(), {}, inputs, SmallVector<Location>(inputs.size(), kernel.getLoc()));
    ShapeAnalysis shapes(context);
    KernelEmitter emitter(b, kernel.getLoc(), shapes);
    for (auto [i, argument] : llvm::enumerate(source->getArguments().drop_back(insert ? 1 : 0))) {
      shapes.shape(argument); // named dimensions are read from the signature, which changes below
      emitter.bind(argument, target->getArgument(1 + i));
    }
    shapes.resolve = [&](Value value) { return emitter.tensor(value); };
    SmallVector<Value> written;
    if (insert)
      emitInserted(emitter, insert, target->getArguments().end()[-2], target->getArguments().back());
    else
      written = emitRoot(emitter, ret.getOperands(), ValueRange(target->getArguments()).take_back(results.size()));
    func::ReturnOp::create(b, kernel.getLoc(), written);
    IRRewriter rewriter(context);
    kernel.setType(FunctionType::get(context, inputs, results));
    kernel.setArgAttrsAttr({});
    while (!source->empty())
      source->back().erase();
    source->erase();
  }

  /// The part of `whole`, a memref, from its element number `first` on: whatever else the kernel reads of it lies elsewhere.
  void emitInserted(KernelEmitter &e, InsertOp insert, Value whole, Value first) {
    const Value part = insert.getPart();
    auto type = cast<RankedTensorType>(storage(part.getType()));
    const SmallVector<int64_t> strides = cast<MemRefType>(whole.getType()).getStridesAndOffset().first;
    auto layout = StridedLayoutAttr::get(e.b.getContext(), ShapedType::kDynamic, strides);
    Value memory = memref::ReinterpretCastOp::create(
        e.b, e.loc, MemRefType::get(type.getShape(), type.getElementType(), layout), whole, first,
        getAsIndexOpFoldResult(e.b.getContext(), type.getShape()), getAsIndexOpFoldResult(e.b.getContext(), strides));
    Value init = bufferization::ToTensorOp::create(e.b, e.loc, type, memory, /*restrict=*/true, /*writable=*/true);
    Value written = isa_and_nonnull<ElementOpInterface, KernelOpInterface>(part.getDefiningOp())
                        ? emitRoot(e, part, init).front()
                        : e.map(init, elementTypeOf(part), [&](ValueRange at) { return e.load(part, at); });
    write(e.b, written, memory);
  }

  SmallVector<Value> emitRoot(KernelEmitter &e, ValueRange values, ValueRange inits) {
    Operation *root = values.front().getDefiningOp(), *contraction = nullptr;
    for (Operation &op : *root->getBlock())
      if (isa<KernelOpInterface>(op))
        contraction = &op;
    e.loc = root->getLoc();
    if (contraction) {
      auto pad = dyn_cast<PadOp>(root); // the frame, and the kernel inside it
      if (contraction != root)
        e.setFinal(contraction->getResult(0), pad ? Value(pad.getInput()) : root->getResult(0));
      e.loc = contraction->getLoc();
      auto emit = [&](ValueRange inits) { return cast<KernelOpInterface>(contraction).emitKernel(e, inits); };
      if (!pad)
        return emit(inits);
      return {pad.emitFramed(e, inits[0], [&](Value inside) { return emit(inside).front(); })};
    }
    SmallVector<Value> written;
    for (auto [i, init] : llvm::enumerate(inits))
      written.push_back(cast<ElementOpInterface>(root).emitResult(e, i, init));
    return written;
  }

  void lowerEntry(func::FuncOp entry) {
    MLIRContext *context = &getContext();
    SmallVector<ConstantOp> constants;
    SmallVector<CallOp> calls;
    entry.walk([&](Operation *op) {
      if (auto constant = dyn_cast<ConstantOp>(op))
        constants.push_back(constant);
      if (auto call = dyn_cast<CallOp>(op))
        calls.push_back(call);
    });
    // The context comes first; inputs and constants are never written.
    (void)entry.insertArgument(0, LLVM::LLVMPointerType::get(context), {}, entry.getLoc());
    Value run = entry.getArgument(0);
    SmallVector<Attribute> values;
    for (ConstantOp constant : constants) {
      unsigned number = entry.getNumArguments();
      (void)entry.insertArgument(number, constant.getType(), {}, constant.getLoc());
      entry.setArgAttr(number, "lepton.constant", IntegerAttr::get(IntegerType::get(context, 64), values.size()));
      values.push_back(constant.getValue());
      constant.getResult().replaceAllUsesWith(entry.getArgument(number));
      constant.erase();
    }
    getOperation()->setAttr("lepton.constants", ArrayAttr::get(context, values));
    for (unsigned i = 1; i < entry.getNumArguments(); ++i)
      entry.setArgAttr(i, "bufferization.writable", BoolAttr::get(context, false));
    useStorageTypes(entry);
    const SymbolTable kernels(getOperation());
    for (CallOp call : calls) {
      auto kernel = kernels.lookup<func::FuncOp>(call.getCallee());
      kernel.getNumResults() ? lowerCall(call, run) : lowerInsertion(call, run);
    }
  }

  /// Every tensor in the entry gets its storage type; bools that steer control flow are compared with 0.
  static void useStorageTypes(func::FuncOp entry) {
    SmallVector<tensor::ExtractOp> flags;
    SmallVector<tensor::FromElementsOp> made;
    SmallVector<UnrealizedConversionCastOp> casts;
    auto convert = [](Value value) { value.setType(storage(value.getType())); };
    entry.walk([&](Operation *op) {
      if (auto extract = dyn_cast<tensor::ExtractOp>(op); extract && extract.getType().isInteger(1))
        flags.push_back(extract);
      else if (auto extract = dyn_cast<tensor::ExtractOp>(op);
               extract && !extract.getType().isSignlessInteger() && isa<IntegerType>(extract.getType()))
        extract.getResult().setType(KernelEmitter::scalarType(extract.getType()));
      if (auto elements = dyn_cast<tensor::FromElementsOp>(op);
          elements && elements.getType().getElementType().isInteger(1))
        made.push_back(elements);
      if (auto cast = dyn_cast<UnrealizedConversionCastOp>(op))
        casts.push_back(cast);
      llvm::for_each(op->getResults(), convert);
      for (Region &region : op->getRegions())
        for (Block &block : region)
          llvm::for_each(block.getArguments(), convert);
    });
    entry.setType(FunctionType::get(entry.getContext(), TypeRange(entry.getArguments()), [&] {
      SmallVector<Type> types;
      for (Type type : entry.getResultTypes())
        types.push_back(storage(type));
      return types;
    }()));
    for (UnrealizedConversionCastOp cast : casts) { // ui32 -> i32 and the like
      cast.getResult(0).replaceAllUsesWith(cast.getOperand(0));
      cast.erase();
    }
    for (tensor::ExtractOp extract : flags) {
      OpBuilder b(extract->getContext());
      b.setInsertionPointAfter(extract);
      extract.getResult().setType(b.getI8Type());
      Value zero = arith::ConstantIntOp::create(b, extract.getLoc(), 0, 8);
      auto flag = arith::CmpIOp::create(b, extract.getLoc(), arith::CmpIPredicate::ne, extract, zero);
      extract.getResult().replaceAllUsesExcept(flag, flag);
    }
    for (tensor::FromElementsOp elements : made) {
      OpBuilder b(elements);
      SmallVector<Value> bytes;
      for (Value flag : elements.getElements())
        bytes.push_back(arith::ExtUIOp::create(b, elements.getLoc(), b.getI8Type(), flag));
      elements->setOperands(bytes);
    }
  }

  /// The memory of a tensor that parts are inserted into: what nothing was inserted to yet gets some of its own.
  static Value memoryOf(OpBuilder &b, Value whole) {
    Location loc = whole.getLoc();
    Operation *op = whole.getDefiningOp();
    if (auto tensor = dyn_cast_or_null<bufferization::ToTensorOp>(op))
      return tensor.getBuffer();
    auto type = cast<MemRefType>(memoryType(whole.getType()));
    if (auto view = dyn_cast_or_null<tensor::CollapseShapeOp>(op))
      return memref::CollapseShapeOp::create(b, loc, type, memoryOf(b, view.getSrc()), view.getReassociationIndices());
    if (auto view = dyn_cast_or_null<tensor::ExpandShapeOp>(op))
      return memref::ExpandShapeOp::create(b, loc, type, memoryOf(b, view.getSrc()), view.getReassociationIndices());
    Value memory = memref::AllocOp::create(b, loc, type);
    if (!isa_and_nonnull<tensor::EmptyOp>(op))
      write(b, whole, memory);
    return memory;
  }

  /// A kernel that inserts: the whole is the same memory afterwards.
  static void lowerInsertion(CallOp call, Value run) {
    OpBuilder b(call);
    SmallVector<Value> operands = {run};
    llvm::append_range(operands, call.getInputs().drop_back());
    Value memory = memoryOf(b, call.getInputs().back());
    int64_t first = 0;
    for (auto [offset, stride] : llvm::zip(call.getOffsets().value_or(ArrayRef<int64_t>()),
                                           cast<MemRefType>(memory.getType()).getStridesAndOffset().first))
      first += offset * stride;
    operands.append({memory, arith::ConstantIndexOp::create(b, call.getLoc(), first)});
    func::CallOp::create(b, call.getLoc(), call.getCallee(), TypeRange(), operands);
    call.replaceAllUsesWith(ValueRange(
        bufferization::ToTensorOp::create(b, call.getLoc(), call.getResultTypes().front(), memory, /*restrict=*/true)));
    call.erase();
  }

  static void lowerCall(CallOp call, Value run) {
    OpBuilder b(call);
    SmallVector<Value> operands = {run};
    llvm::append_range(operands, call.getInputs());
    ValueRange dims = call.getDims();
    for (Type type : call.getResultTypes()) {
      auto tensor = cast<RankedTensorType>(type);
      int64_t dynamic = tensor.getNumDynamicDims();
      operands.push_back(tensor::EmptyOp::create(b, call.getLoc(), tensor, dims.take_front(dynamic)));
      dims = dims.drop_front(dynamic);
    }
    auto lowered = func::CallOp::create(b, call.getLoc(), call.getCallee(), call.getResultTypes(), operands);
    call.replaceAllUsesWith(lowered.getResults());
    call.erase();
  }
};

} // namespace
