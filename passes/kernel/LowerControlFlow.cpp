//===- LowerControlFlow.cpp - lepton.if and lepton.loop become scf -------------------------------------------------------===//
//
// Before: lepton.if, lepton.loop around calls of kernels.
// After:  scf.if, scf.for, scf.while; values are cast where a branch or an iteration knows a size that the result's type does not.
//
//===------------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/LeptonOps.h"
#include "passes/Passes.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

namespace lepton {
#define GEN_PASS_DEF_LOWERCONTROLFLOW
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

/// The flag in a one-element tensor of bools.
static Value loadFlag(OpBuilder &b, Location loc, Value tensor) {
  SmallVector<Value> zeros(rankOf(tensor), arith::ConstantIndexOp::create(b, loc, 0));
  return tensor::ExtractOp::create(b, loc, tensor, zeros);
}

static Value castTo(OpBuilder &b, Location loc, Value value, Type type) {
  if (value.getType() == type)
    return value;
  if (elementTypeOf(value) != cast<RankedTensorType>(type).getElementType()) // handles, which are all stored alike
    return UnrealizedConversionCastOp::create(b, loc, type, value).getResult(0);
  return tensor::CastOp::create(b, loc, type, value);
}

/// Moves a region's block into another block before its end, and returns what the region yielded, cast to `types`.
static SmallVector<Value> inlineRegion(IRRewriter &rewriter, Region &region, Block *target, ValueRange arguments,
                                       TypeRange types) {
  auto yield = cast<YieldOp>(region.front().getTerminator());
  SmallVector<Value> values;
  rewriter.inlineBlockBefore(&region.front(), target, target->end(), arguments);
  rewriter.setInsertionPoint(yield);
  for (auto [value, type] : llvm::zip(yield.getValues(), types))
    values.push_back(castTo(rewriter, yield.getLoc(), value, type));
  rewriter.eraseOp(yield);
  return values;
}

static void lowerIf(IRRewriter &rewriter, IfOp op) {
  rewriter.setInsertionPoint(op);
  Value flag = loadFlag(rewriter, op.getLoc(), op.getCondition());
  auto lowered =
      scf::IfOp::create(rewriter, op.getLoc(), op.getResultTypes(), flag, /*addThenBlock=*/true, /*addElseBlock=*/true);
  for (auto [from, to] :
       {std::pair(&op.getThenRegion(), lowered.thenBlock()), std::pair(&op.getElseRegion(), lowered.elseBlock())}) {
    SmallVector<Value> values = inlineRegion(rewriter, *from, to, {}, op.getResultTypes());
    rewriter.setInsertionPointToEnd(to);
    scf::YieldOp::create(rewriter, op.getLoc(), values);
  }
  rewriter.replaceOp(op, lowered.getResults());
}

namespace {

/// Lowers one loop. Collected values go into tensors of the largest trip count, cut to the real one after the loop.
struct LoopLowering {
  IRRewriter &b;
  LoopOp op;
  Location loc;
  int64_t carried, collected;
  YieldOp yield;

  LoopLowering(IRRewriter &b, LoopOp op)
      : b(b), op(op), loc(op.getLoc()), carried(op.getInits().size()), collected(op.getCollected()),
        yield(cast<YieldOp>(op.getBody().front().getTerminator())) {}

  /// Types of the carried tensors: the results', as the initial values may know more. Collected values take as many slices as there may be iterations.
  SmallVector<Type> stateTypes(Value limit) {
    auto most = getConstantIntValue(limit);
    SmallVector<Type> types;
    for (Type type : op.getResultTypes())
      types.push_back(type);
    for (int64_t i = carried; i < carried + collected; ++i) {
      auto type = cast<RankedTensorType>(types[i]);
      SmallVector<int64_t> shape(type.getShape());
      if (most != shape[0])
        shape[0] = ShapedType::kDynamic;
      types[i] = RankedTensorType::get(shape, type.getElementType());
    }
    return types;
  }

  LogicalResult run() {
    size_t unknown = 0;
    for (Value slice : yield.getValues().drop_front(1 + carried))
      unknown += cast<RankedTensorType>(slice.getType()).getNumDynamicDims();
    if (unknown != op.getSizes().size())
      return op.emitOpError()
             << "collects slices whose sizes are known only inside the loop; give the model static sizes (--dim)";
    if (collected && !op.getTripCount())
      return op.emitOpError()
             << "collects values without a trip count, so their number has no bound; give the loop a trip count";
    if (auto count = constantTripCount())
      for (Value slice : yield.getValues().drop_front(1 + carried)) {
        auto type = cast<RankedTensorType>(slice.getType());
        SmallVector<int64_t> shape(type.getShape());
        shape.insert(shape.begin(), std::max<int64_t>(*count, 0));
        if (isTooLarge(type.clone(shape)))
          return op.emitOpError() << "collects up to " << *count << " slices of type " << type
                                  << ", more than any memory holds; give the loop a smaller trip count";
      }
    b.setInsertionPoint(op);
    Value zero = arith::ConstantIndexOp::create(b, loc, 0), one = arith::ConstantIndexOp::create(b, loc, 1), limit;
    if (auto count = constantTripCount()) {
      limit = arith::ConstantIndexOp::create(b, loc, std::max<int64_t>(*count, 0));
    } else if (op.getTripCount()) {
      Value count =
          tensor::ExtractOp::create(b, loc, op.getTripCount(), SmallVector<Value>(rankOf(op.getTripCount()), zero));
      limit = arith::MaxSIOp::create(b, loc, arith::IndexCastOp::create(b, loc, b.getIndexType(), count), zero);
    } else {
      limit = arith::ConstantIndexOp::create(b, loc, std::numeric_limits<int64_t>::max());
    }
    Value flag =
        op.getCondition() ? loadFlag(b, loc, op.getCondition()) : Value(arith::ConstantIntOp::create(b, loc, 1, 1));
    SmallVector<Type> types = stateTypes(limit);
    SmallVector<Value> states;
    for (auto [value, type] : llvm::zip(op.getInits(), types))
      states.push_back(castTo(b, loc, value, type));
    ValueRange sizes = op.getSizes();
    for (int64_t i = carried; i < carried + collected; ++i) {
      SmallVector<Value> dynamic;
      if (cast<RankedTensorType>(types[i]).isDynamicDim(0))
        dynamic.push_back(limit);
      for (int64_t size : cast<RankedTensorType>(types[i]).getShape().drop_front())
        if (ShapedType::isDynamic(size)) {
          dynamic.push_back(sizes.front());
          sizes = sizes.drop_front();
        }
      states.push_back(tensor::EmptyOp::create(b, loc, types[i], dynamic));
    }
    bool plain = conditionIsConstantlyTrue() && keepsSizes();
    SmallVector<Value> results =
        plain ? lowerToFor(zero, limit, one, states, types) : lowerToWhile(zero, limit, one, flag, states, types);
    Value trips = plain ? limit : results.front();
    if (!plain)
      results.erase(results.begin());
    for (int64_t i = carried; i < carried + collected; ++i)
      if (trips != limit)
        results[i] = cut(results[i], trips);
    for (auto [value, type] : llvm::zip_equal(results, op.getResultTypes()))
      value = castTo(b, loc, value, type);
    b.replaceOp(op, results);
    return success();
  }

  std::optional<int64_t> constantTripCount() {
    auto constant = op.getTripCount() ? op.getTripCount().getDefiningOp<ConstantOp>() : ConstantOp();
    return constant ? std::optional(readInteger(constant.getValue(), 0)) : std::nullopt;
  }

  /// The loop stops by its trip count only: its condition is a constant, or passed on unchanged from one that is true.
  bool conditionIsConstantlyTrue() {
    auto isTrue = [](Value value) {
      auto constant = value.getDefiningOp<ConstantOp>();
      return constant && readInteger(constant.getValue(), 0) != 0;
    };
    Value next = yield.getValues().front();
    bool initially = !op.getCondition() || isTrue(op.getCondition());
    return op.getTripCount() && initially && (isTrue(next) || next == op.getBody().getArgument(1));
  }

  /// The carried values start as types that say no more than the loop's. MLIR's folders take a cast in front of a scf.for to hold in all iterations.
  bool keepsSizes() {
    auto shape = [](Type type) { return cast<RankedTensorType>(type).getShape(); };
    return llvm::all_of(llvm::zip(op.getInits().getTypes(), op.getResultTypes()),
                        [&](auto types) { return shape(std::get<0>(types)) == shape(std::get<1>(types)); });
  }

  /// Inlines the body at the end of `target`; returns the condition and the new states.
  std::pair<Value, SmallVector<Value>> inlineBody(Block *target, Value iteration, ValueRange states) {
    b.setInsertionPointToEnd(target);
    Value number = arith::IndexCastOp::create(b, loc, b.getI64Type(), iteration);
    Block &body = op.getBody().front();
    SmallVector<Value> arguments = {
        tensor::FromElementsOp::create(b, loc, cast<RankedTensorType>(body.getArgument(0).getType()), number)};
    Value go = arith::ConstantIntOp::create(b, loc, 1, 1);
    arguments.push_back(
        tensor::FromElementsOp::create(b, loc, cast<RankedTensorType>(body.getArgument(1).getType()), go));
    for (auto [state, argument] : llvm::zip(states, body.getArguments().drop_front(2)))
      arguments.push_back(castTo(b, loc, state, argument.getType()));
    SmallVector<Type> types(yield.getValues().getTypes());
    for (int64_t i = 0; i < carried; ++i)
      types[1 + i] = states[i].getType();
    SmallVector<Value> yielded = inlineRegion(b, op.getBody(), target, arguments, types);
    b.setInsertionPointToEnd(target);
    SmallVector<Value> next(yielded.begin() + 1, yielded.begin() + 1 + carried);
    for (int64_t i = 0; i < collected; ++i)
      next.push_back(insert(states[carried + i], yielded[1 + carried + i], iteration));
    return {yielded.front(), next};
  }

  Value insert(Value into, Value slice, Value position) {
    auto type = cast<RankedTensorType>(slice.getType());
    SmallVector<OpFoldResult> offsets(type.getRank() + 1, b.getIndexAttr(0)),
        sizes = {b.getIndexAttr(1)}, strides(type.getRank() + 1, b.getIndexAttr(1));
    offsets[0] = position;
    for (int64_t d = 0; d < type.getRank(); ++d)
      sizes.push_back(tensor::getMixedSize(b, loc, slice, d));
    return tensor::InsertSliceOp::create(b, loc, slice, into, offsets, sizes, strides);
  }

  Value cut(Value whole, Value count) {
    auto type = cast<RankedTensorType>(whole.getType());
    SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0)), sizes = {count},
                                                                          strides(type.getRank(), b.getIndexAttr(1));
    for (int64_t d = 1; d < type.getRank(); ++d)
      sizes.push_back(tensor::getMixedSize(b, loc, whole, d));
    SmallVector<int64_t> shape(type.getShape());
    shape[0] = ShapedType::kDynamic;
    return tensor::ExtractSliceOp::create(b, loc, type.clone(shape), whole, offsets, sizes, strides);
  }

  SmallVector<Value> lowerToFor(Value zero, Value limit, Value one, ValueRange states, TypeRange) {
    auto loop = scf::ForOp::create(b, loc, zero, limit, one, states, [](OpBuilder &, Location, Value, ValueRange) {});
    auto [condition, next] = inlineBody(loop.getBody(), loop.getInductionVar(), loop.getRegionIterArgs());
    (void)condition;
    scf::YieldOp::create(b, loc, next);
    b.setInsertionPoint(op);
    return loop.getResults();
  }

  /// Results: the number of iterations, then the states.
  SmallVector<Value> lowerToWhile(Value zero, Value limit, Value one, Value flag, ValueRange states, TypeRange types) {
    SmallVector<Type> all = {b.getIndexType(), b.getI1Type()};
    all.append(types.begin(), types.end());
    SmallVector<Value> inits = {zero, flag};
    inits.append(states.begin(), states.end());
    auto loop = scf::WhileOp::create(
        b, loc, all, inits,
        [&](OpBuilder &b, Location loc, ValueRange arguments) {
          Value inRange = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, arguments[0], limit);
          scf::ConditionOp::create(b, loc, arith::AndIOp::create(b, loc, inRange, arguments[1]), arguments);
        },
        [](OpBuilder &, Location, ValueRange) {});
    Block *after = loop.getAfterBody();
    auto [condition, next] = inlineBody(after, after->getArgument(0), after->getArguments().drop_front(2));
    SmallVector<Value> values = {arith::AddIOp::create(b, loc, after->getArgument(0), one),
                                 loadFlag(b, loc, condition)};
    values.append(next);
    scf::YieldOp::create(b, loc, values);
    b.setInsertionPoint(op);
    SmallVector<Value> results(loop.getResults());
    results.erase(results.begin() + 1);
    return results;
  }
};

struct LowerControlFlow : lepton::impl::LowerControlFlowBase<LowerControlFlow> {
  void runOnOperation() override {
    SmallVector<AssertOp> asserts;
    getOperation().walk([&](AssertOp op) { asserts.push_back(op); });
    for (AssertOp op : asserts) {
      OpBuilder b(op);
      cf::AssertOp::create(b, op.getLoc(), loadFlag(b, op.getLoc(), op.getCondition()), op.getMessage());
      op.erase();
    }
    SmallVector<Operation *> ops; // innermost first
    getOperation().walk([&](Operation *op) {
      if (isa<IfOp, LoopOp>(op))
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (Operation *op : ops) {
      if (auto branch = dyn_cast<IfOp>(op))
        lowerIf(rewriter, branch);
      else if (failed(LoopLowering(rewriter, cast<LoopOp>(op)).run()))
        return signalPassFailure();
    }
  }
};

} // namespace
