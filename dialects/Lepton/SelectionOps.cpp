//===- SelectionOps.cpp - ops that sort, and that choose elements by their values ------------------------------------------===//

#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/FloatMath.h"
#include "dialects/Lepton/LeptonOps.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lepton;
using F = SizeFunction;
using arith::CmpIPredicate;

static bool isUnsignedOrBool(Type type) { return type.isUnsignedInteger() || type.isInteger(1); }

static bool isOneInteger(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.hasStaticShape() && type.getNumElements() == 1 && isa<IntegerType>(type.getElementType());
}

static Value both(KernelEmitter &e, Value l, Value r) { return e.b.createOrFold<arith::AndIOp>(e.loc, l, r); }
static Value either(KernelEmitter &e, Value l, Value r) { return e.b.createOrFold<arith::OrIOp>(e.loc, l, r); }
static Value smaller(KernelEmitter &e, Value l, Value r) { return e.b.createOrFold<arith::MinSIOp>(e.loc, l, r); }
static Value toI64(KernelEmitter &e, Value index) {
  return e.b.createOrFold<arith::IndexCastOp>(e.loc, e.b.getI64Type(), index);
}
static Value toIndex(KernelEmitter &e, Value integer) {
  return e.b.createOrFold<arith::IndexCastOp>(e.loc, e.b.getIndexType(), integer);
}
static Value readIndex(KernelEmitter &e, Value tensor, Value at) {
  return toIndex(e, tensor::ExtractOp::create(e.b, e.loc, tensor, at));
}

/// A loop that goes on while a condition holds: `condition` gets the carried values, `body` returns the next ones.
static SmallVector<Value> repeatWhile(KernelEmitter &e, ValueRange inits,
                                      llvm::function_ref<Value(ValueRange)> condition,
                                      llvm::function_ref<SmallVector<Value>(ValueRange)> body) {
  auto loop = scf::WhileOp::create(e.b, e.loc, TypeRange(inits), inits);
  SmallVector<Location> locations(inits.size(), e.loc);
  OpBuilder::InsertionGuard guard(e.b);
  Block *before = e.b.createBlock(&loop.getBefore(), {}, TypeRange(inits), locations);
  scf::ConditionOp::create(e.b, e.loc, condition(before->getArguments()), before->getArguments());
  Block *after = e.b.createBlock(&loop.getAfter(), {}, TypeRange(inits), locations);
  scf::YieldOp::create(e.b, e.loc, body(after->getArguments()));
  return loop.getResults();
}

Value lepton::emitOrderedKey(KernelEmitter &e, Value scalar, Type elementType) {
  OpBuilder &b = e.b;
  Type i64 = b.getI64Type();
  scalar = e.widen(scalar, elementType);
  elementType = computeType(elementType);
  if (isa<FloatType>(elementType)) {
    Type type = elementType;
    Value x = scalar;
    unsigned width = type.getIntOrFloatBitWidth();
    Type bitsType = b.getIntegerType(width);
    Value isZero = arith::CmpFOp::create(b, e.loc, arith::CmpFPredicate::OEQ, x, e.scalar(type, 0));
    Value isNaN = arith::CmpFOp::create(b, e.loc, arith::CmpFPredicate::UNO, x, x);
    Value bits = arith::BitcastOp::create(b, e.loc, bitsType, e.select(isZero, e.scalar(type, 0), x));
    // Of negative numbers, the larger magnitude is the smaller number.
    Value magnitude =
        arith::ConstantOp::create(b, e.loc, b.getIntegerAttr(bitsType, llvm::APInt::getSignedMaxValue(width)));
    Value sign = arith::ShRSIOp::create(b, e.loc, bits, e.scalar(bitsType, width - 1));
    Value key = arith::XOrIOp::create(b, e.loc, bits, arith::AndIOp::create(b, e.loc, sign, magnitude));
    key = e.select(isNaN, magnitude, key);
    return width == 64 ? key : b.createOrFold<arith::ExtSIOp>(e.loc, i64, key);
  }
  bool isUnsigned = isUnsignedOrBool(elementType);
  if (scalar.getType().getIntOrFloatBitWidth() < 64)
    return isUnsigned ? b.createOrFold<arith::ExtUIOp>(e.loc, i64, scalar)
                      : b.createOrFold<arith::ExtSIOp>(e.loc, i64, scalar);
  return isUnsigned
             ? b.createOrFold<arith::XOrIOp>(
                   e.loc, scalar, arith::ConstantIntOp::create(b, e.loc, std::numeric_limits<int64_t>::min(), 64))
             : scalar;
}

//===------------------------------------------------------------------------------------------------------------------===//
// NonZero
//===------------------------------------------------------------------------------------------------------------------===//

LogicalResult NonZeroOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  if (rankOf(getInput()) < 1)
    return emitOpError() << "needs an input of at least one dimension, got " << getInput().getType();
  if (!isOneInteger(getCount()))
    return emitOpError() << "needs the count as one integer, got " << getCount().getType();
  AffineExpr count = shapes.apply(F::Max, {shapes.element(getCount(), 0), shapes.constant(0)});
  results.push_back({IntegerType::get(getContext(), 64), {shapes.constant(rankOf(getInput())), count}});
  return success();
}

SmallVector<Value> NonZeroOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  SmallVector<AffineExpr> sizes = e.shapes.shape(getInput());
  Type elementType = elementTypeOf(getInput());
  Value count = e.size(e.shapes.dim(getResult(), 1)), one = e.index(1);
  Value empty = e.fill(inits[0], e.scalar(e.b.getI64Type(), 0));
  return {e.inOrder(sizes, {empty, e.index(0)}, [&](ValueRange indices, ValueRange carried) -> SmallVector<Value> {
             Value found = emitCast(e, e.load(getInput(), indices), elementType, e.b.getI1Type()), at = carried[1];
             auto choice = scf::IfOp::create(e.b, e.loc, TypeRange(carried),
                                             both(e, found, e.compare(CmpIPredicate::slt, at, count)),
                                             /*withElseRegion=*/true);
             OpBuilder::InsertionGuard guard(e.b);
             e.b.setInsertionPointToEnd(choice.elseBlock());
             scf::YieldOp::create(e.b, e.loc, carried);
             e.b.setInsertionPointToEnd(choice.thenBlock());
             Value written = carried[0];
             for (auto [d, index] : llvm::enumerate(indices))
               written = tensor::InsertOp::create(e.b, e.loc, toI64(e, index), written, ValueRange{e.index(d), at});
             scf::YieldOp::create(e.b, e.loc, ValueRange{written, e.add(at, one)});
             return choice.getResults();
           }).front()};
}

namespace {

/// A stable merge sort, from the bottom up, of the first `count` numbers, by the keys that they stand for.
struct MergeSort {
  KernelEmitter &e;
  Value count;
  llvm::function_ref<Value(Value, Value)> precedes; // whether the first number comes before the second for certain

  /// Merges the sorted runs of `width` numbers in `from` pairwise into `to`.
  Value pass(Value from, Value to, Value width) {
    Value zero = e.index(0), one = e.index(1), last = e.sub(count, one), span = e.mul(width, e.index(2));
    Value pairs = e.b.createOrFold<arith::CeilDivUIOp>(e.loc, count, span);
    return e
        .inOrder(zero, pairs, to,
                 [&](ValueRange pair, ValueRange written) -> SmallVector<Value> {
                   Value start = e.mul(pair[0], span), middle = smaller(e, e.add(start, width), count),
                         end = smaller(e, e.add(start, span), count);
                   return {e.inOrder(start, end, {start, middle, written[0]}, [&](ValueRange at, ValueRange carried) {
                     return step(from, middle, end, last, at[0], carried);
                   })[2]};
                 })
        .front();
  }

  /// Writes the next number of a merged run; `carried` are the places of the next ones in both runs, and what is written.
  SmallVector<Value> step(Value from, Value middle, Value end, Value last, Value at, ValueRange carried) {
    Value left = carried[0], right = carried[1], one = e.index(1);
    Value noLeft = e.compare(CmpIPredicate::sge, left, middle), hasRight = e.compare(CmpIPredicate::slt, right, end);
    // While numbers are left, only the right run can have ended at the end of all.
    Value leftNumber = readIndex(e, from, left), rightNumber = readIndex(e, from, smaller(e, right, last));
    Value takesRight = both(e, hasRight, either(e, noLeft, precedes(rightNumber, leftNumber)));
    Value number = toI64(e, e.select(takesRight, rightNumber, leftNumber));
    return {e.select(takesRight, left, e.add(left, one)), e.select(takesRight, e.add(right, one), right),
            tensor::InsertOp::create(e.b, e.loc, number, carried[2], at)};
  }

  /// The numbers of `order`, sorted, and memory for as many, which `other` is before.
  std::pair<Value, Value> emit(Value order, Value other) {
    // Two passes at a time, so that the order is back where it was.
    SmallVector<Value> result = repeatWhile(
        e, {e.index(1), order, other},
        [&](ValueRange carried) { return e.compare(CmpIPredicate::slt, carried[0], count); },
        [&](ValueRange carried) -> SmallVector<Value> {
          Value doubled = e.mul(carried[0], e.index(2));
          Value there = pass(carried[1], carried[2], carried[0]);
          return {e.mul(doubled, e.index(2)), pass(there, carried[1], doubled), there};
        });
    return {result[1], result[2]};
  }
};

} // namespace

//===------------------------------------------------------------------------------------------------------------------===//
// TopK: lines along an axis in parallel
//===------------------------------------------------------------------------------------------------------------------===//

LogicalResult TopKOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  if (getAxis() >= uint64_t(rankOf(getInput())))
    return emitOpError() << "has the axis " << int64_t(getAxis()) << " out of range for rank " << rankOf(getInput());
  auto type = cast<RankedTensorType>(getK().getType());
  if (!type.hasStaticShape() || type.getNumElements() != 1 || !isa<IntegerType>(type.getElementType()))
    return emitOpError() << "needs k as one integer, got " << type;
  SmallVector<AffineExpr> dims = shapes.shape(getInput());
  AffineExpr k = shapes.element(getK(), 0);
  auto wanted = ShapeAnalysis::constantValue(k), size = ShapeAnalysis::constantValue(dims[getAxis()]);
  if (wanted && (*wanted < 0 || (size && *wanted > *size)))
    return emitOpError() << "cannot pick " << *wanted << " elements along dimension " << getAxis() << " of "
                         << getInput().getType();
  dims[getAxis()] = shapes.apply(F::Max, {k, shapes.constant(0)});
  results.push_back({IntegerType::get(getContext(), 64), dims});
  return success();
}

namespace {

/// The best elements of one line.
struct BestOfLine {
  TopKOp op;
  KernelEmitter &e;
  ValueRange position;
  AffineExpr size, wanted;

  /// A key for each element, larger for a better one; a loop of its own makes them as vectors.
  Value lineKeys() {
    Type i64 = e.b.getI64Type();
    return e.map(e.temporary(size, i64), i64, [&](ValueRange at) {
      Value element = e.load(op.getInput(), inLine(position, op.getAxis(), at[0]));
      Value key = emitOrderedKey(e, element, elementTypeOf(op.getInput()));
      return op.getLargest() ? key : e.b.createOrFold<arith::XOrIOp>(e.loc, key, e.scalar(i64, -1));
    });
  }

  /// For many: those that are better than the worst of the best are collected, up to twice as many as are wanted; then they are sorted, and the best of them stay.
  Value bySort(Value slice) {
    Type i64 = e.b.getI64Type();
    AffineExpr room = e.shapes.apply(F::Min, {wanted * 2, size});
    Value k = e.size(wanted), capacity = e.size(room), zero = e.index(0), one = e.index(1);
    Value n = e.select(e.compare(CmpIPredicate::sgt, k, zero), e.size(size), zero), keys = lineKeys();
    auto keyAt = [&](Value at) -> Value { return tensor::ExtractOp::create(e.b, e.loc, keys, at); };
    auto isBetter = [&](Value a, Value b) { return e.compare(CmpIPredicate::sgt, keyAt(a), keyAt(b)); };
    // The next place to look at, the number of those collected, their places, and memory.
    SmallVector<Value> result = repeatWhile(
        e, {zero, zero, e.temporary(room, i64), e.temporary(room, i64)},
        [&](ValueRange now) { return e.compare(CmpIPredicate::slt, now[0], n); },
        [&](ValueRange now) -> SmallVector<Value> {
          Value isFirst = e.compare(CmpIPredicate::eq, now[0], zero);
          Value worst = keyAt(e.select(isFirst, zero, readIndex(e, now[2], e.select(isFirst, zero, e.sub(k, one)))));
          SmallVector<Value> found = repeatWhile(
              e, {now[0], now[1], now[2]},
              [&](ValueRange next) {
                return both(e, e.compare(CmpIPredicate::slt, next[0], n),
                            e.compare(CmpIPredicate::slt, next[1], capacity));
              },
              [&](ValueRange next) -> SmallVector<Value> {
                // One that is not taken is overwritten.
                Value isTaken = either(e, isFirst, e.compare(CmpIPredicate::sgt, keyAt(next[0]), worst));
                Value places = tensor::InsertOp::create(e.b, e.loc, toI64(e, next[0]), next[2], next[1]);
                return {e.add(next[0], one), e.select(isTaken, e.add(next[1], one), next[1]), places};
              });
          auto [sorted, memory] = MergeSort{e, found[1], isBetter}.emit(found[2], now[3]);
          return {found[0], smaller(e, found[1], k), sorted, memory};
        });
    return e
        .inOrder(zero, result[1], e.fill(slice, e.scalar(i64, 0)),
                 [&](ValueRange at, ValueRange carried) -> SmallVector<Value> {
                   Value place = tensor::ExtractOp::create(e.b, e.loc, result[2], at[0]);
                   return {tensor::InsertOp::create(e.b, e.loc, place, carried[0], at[0])};
                 })
        .front();
  }

  Value byInsertion(Value slice);
};

} // namespace

/// For few: the best elements so far are kept sorted; one that is better than the last of them is inserted.
Value BestOfLine::byInsertion(Value slice) {
  OpBuilder &b = e.b;
  Location loc = e.loc;
  Type i64 = b.getI64Type();
  auto none = [](OpBuilder &, Location, Value, ValueRange) {};
  Value k = e.size(wanted), zero = e.index(0), one = e.index(1), last = e.sub(k, one);
  Value n = e.select(e.compare(CmpIPredicate::sgt, k, zero), e.size(size), zero);
  Value all = lineKeys(), keys = e.fill(e.temporary(wanted, i64), e.scalar(i64, 0)),
        places = e.fill(slice, e.scalar(i64, 0));
  auto loop = scf::ForOp::create(b, loc, zero, n, one, ValueRange{keys, places}, none);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(loop.getBody());
  Value at = loop.getInductionVar(), key = tensor::ExtractOp::create(b, loc, all, at);
  Value place = e.b.createOrFold<arith::IndexCastOp>(loc, i64, at);
  auto read = [&](Value tensor, Value index) -> Value { return tensor::ExtractOp::create(b, loc, tensor, index); };
  Value isBetter = e.compare(CmpIPredicate::slt, read(loop.getRegionIterArg(0), last), key);
  Value filling = e.compare(CmpIPredicate::slt, at, k);
  auto insert = scf::IfOp::create(b, loc, TypeRange(loop.getRegionIterArgs()), either(e, filling, isBetter),
                                  /*withElseRegion=*/true);
  b.setInsertionPointToEnd(insert.elseBlock());
  scf::YieldOp::create(b, loc, loop.getRegionIterArgs());
  // From the last place on, worse elements move down by one, and the new one takes the place before them. Places from `at` on are empty.
  b.setInsertionPointToEnd(insert.thenBlock());
  auto shift = scf::ForOp::create(b, loc, zero, k, one, loop.getRegionIterArgs(), none);
  scf::YieldOp::create(b, loc, shift.getResults());
  b.setInsertionPointToEnd(shift.getBody());
  Value oldKeys = shift.getRegionIterArg(0), oldPlaces = shift.getRegionIterArg(1);
  Value p = e.sub(last, shift.getInductionVar()), isFirst = e.compare(CmpIPredicate::eq, p, zero),
        above = e.select(isFirst, zero, e.sub(p, one));
  Value keyAbove = read(oldKeys, above), keyHere = read(oldKeys, p);
  Value isEmpty = e.compare(CmpIPredicate::sge, p, at), aboveIsEmpty = e.compare(CmpIPredicate::sgt, p, at);
  Value notFirst = e.compare(CmpIPredicate::ne, p, zero);
  Value moves = both(e, notFirst, either(e, aboveIsEmpty, e.compare(CmpIPredicate::slt, keyAbove, key)));
  Value takes = either(e, isEmpty, e.compare(CmpIPredicate::slt, keyHere, key));
  Value newKey = e.select(moves, keyAbove, e.select(takes, key, keyHere));
  Value newPlace = e.select(moves, read(oldPlaces, above), e.select(takes, place, read(oldPlaces, p)));
  Value nextKeys = tensor::InsertOp::create(b, loc, newKey, oldKeys, p),
        nextPlaces = tensor::InsertOp::create(b, loc, newPlace, oldPlaces, p);
  scf::YieldOp::create(b, loc, ValueRange{nextKeys, nextPlaces});
  b.setInsertionPointToEnd(loop.getBody());
  scf::YieldOp::create(b, loc, insert.getResults());
  return loop.getResult(1);
}

SmallVector<Value> TopKOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  // Up to here, the moves of the insertions are fewer than those of a sort.
  constexpr int64_t few = 48;
  AffineExpr size = e.shapes.dim(getInput(), getAxis()), wanted = e.shapes.dim(getResult(), getAxis());
  Value enough = e.compare(CmpIPredicate::sle, e.size(wanted), e.size(size));
  cf::AssertOp::create(e.b, e.loc, enough, "k is larger than the dimension");
  return {e.forEachLine(inits[0], getAxis(), [&](ValueRange position, Value slice) -> Value {
    BestOfLine line{*this, e, position, size, wanted};
    if (auto k = ShapeAnalysis::constantValue(wanted))
      return *k <= few ? line.byInsertion(slice) : line.bySort(slice);
    Value isFew = e.compare(CmpIPredicate::sle, e.size(wanted), e.index(few));
    auto choice = scf::IfOp::create(e.b, e.loc, slice.getType(), isFew, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(e.b);
    e.b.setInsertionPointToEnd(choice.thenBlock());
    scf::YieldOp::create(e.b, e.loc, line.byInsertion(slice));
    e.b.setInsertionPointToEnd(choice.elseBlock());
    scf::YieldOp::create(e.b, e.loc, line.bySort(slice));
    return choice.getResult(0);
  })};
}

//===------------------------------------------------------------------------------------------------------------------===//
// ArgSort: tables in parallel, each by a merge sort
//===------------------------------------------------------------------------------------------------------------------===//

LogicalResult ArgSortOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> dims = shapes.shape(getInput());
  if (dims.size() < 2)
    return emitOpError() << "needs an input of rows and columns, got " << getInput().getType();
  dims.pop_back();
  results.push_back({IntegerType::get(getContext(), 64), dims});
  return success();
}

/// Whether row `a` of a table, whose indices are `table`, comes before row `b` for certain: by the first column in which they differ, or the last.
static Value rowPrecedes(ArgSortOp op, KernelEmitter &e, ValueRange table, Value a, Value b) {
  auto key = [&](Value row, Value column) {
    SmallVector<Value> at(table);
    at.append({row, column});
    return emitOrderedKey(e, e.load(op.getInput(), at), elementTypeOf(op.getInput()));
  };
  Value last = e.sub(e.dim(op.getInput(), table.size() + 1), e.index(1));
  Value column = repeatWhile(
                     e, e.index(0),
                     [&](ValueRange at) {
                       Value isEqual = e.compare(CmpIPredicate::eq, key(a, at[0]), key(b, at[0]));
                       return both(e, e.compare(CmpIPredicate::slt, at[0], last), isEqual);
                     },
                     [&](ValueRange at) -> SmallVector<Value> { return {e.add(at[0], e.index(1))}; })
                     .front();
  return e.compare(CmpIPredicate::slt, key(a, column), key(b, column));
}

SmallVector<Value> ArgSortOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  int64_t batch = rankOf(getInput()) - 2;
  Type i64 = e.b.getI64Type();
  return {e.forEachLine(inits[0], batch, [&](ValueRange table, Value slice) -> Value {
    AffineExpr rows = e.shapes.dim(getInput(), batch), columns = e.shapes.dim(getInput(), batch + 1);
    Value keys; // of single columns: once for each row, not once for each comparison
    if (ShapeAnalysis::constantValue(columns) == 1)
      keys = e.map(e.temporary(rows, i64), i64, [&](ValueRange row) {
        SmallVector<Value> at(table);
        at.append({row[0], e.index(0)});
        return emitOrderedKey(e, e.load(getInput(), at), elementTypeOf(getInput()));
      });
    auto read = [&](Value at) -> Value { return tensor::ExtractOp::create(e.b, e.loc, keys, at); };
    auto precedes = [&](Value a, Value b) {
      if (getDescending())
        std::swap(a, b);
      return keys ? e.compare(CmpIPredicate::slt, read(a), read(b)) : rowPrecedes(*this, e, table, a, b);
    };
    // Rows without columns are equal: there is nothing to sort.
    Value hasColumns = e.compare(CmpIPredicate::sgt, e.size(columns), e.index(0));
    MergeSort sort{e, e.select(hasColumns, e.size(rows), e.index(0)), precedes};
    Value order = e.map(slice, i64, [&](ValueRange row) { return toI64(e, row[0]); });
    return sort.emit(order, e.temporary(rows, i64)).first;
  })};
}

//===------------------------------------------------------------------------------------------------------------------===//
// Find
//===------------------------------------------------------------------------------------------------------------------===//

LogicalResult FindOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  if (rankOf(getKeys()) != 1 || elementTypeOf(getKeys()) != elementTypeOf(getInput()))
    return emitOpError() << "needs a list of keys of the input's type, got " << getKeys().getType() << " for "
                         << getInput().getType();
  results.push_back({IntegerType::get(getContext(), 64), shapes.shape(getInput())});
  return success();
}

Value FindOp::emitElement(KernelEmitter &e, unsigned, ValueRange indices) {
  Type elementType = elementTypeOf(getInput());
  Value count = e.dim(getKeys(), 0), zero = e.index(0), one = e.index(1);
  Value wanted = emitOrderedKey(e, e.load(getInput(), indices), elementType);
  auto keyAt = [&](Value place) { return emitOrderedKey(e, e.load(getKeys(), place), elementType); };
  // Keys before the first place are smaller, those from the second on are not.
  Value place =
      repeatWhile(
          e, {zero, count}, [&](ValueRange range) { return e.compare(CmpIPredicate::slt, range[0], range[1]); },
          [&](ValueRange range) -> SmallVector<Value> {
            Value sum = e.add(range[0], range[1]);
            Value middle = e.b.createOrFold<arith::ShRUIOp>(e.loc, sum, one);
            Value isSmaller = e.compare(CmpIPredicate::slt, keyAt(middle), wanted);
            return {e.select(isSmaller, e.add(middle, one), range[0]), e.select(isSmaller, range[1], middle)};
          })
          .front();
  Value inside = e.compare(CmpIPredicate::slt, place, count);
  auto choice = scf::IfOp::create(e.b, e.loc, e.b.getIndexType(), inside, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(e.b);
  e.b.setInsertionPointToEnd(choice.elseBlock());
  scf::YieldOp::create(e.b, e.loc, count);
  e.b.setInsertionPointToEnd(choice.thenBlock());
  scf::YieldOp::create(e.b, e.loc, e.select(e.compare(CmpIPredicate::eq, keyAt(place), wanted), place, count));
  e.b.setInsertionPointAfter(choice);
  return toI64(e, choice.getResult(0));
}

//===------------------------------------------------------------------------------------------------------------------===//
// SuppressBoxes: classes in parallel
//===------------------------------------------------------------------------------------------------------------------===//

LogicalResult SuppressBoxesOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> boxes = shapes.shape(getBoxes()), order = shapes.shape(getOrder());
  Type element = elementTypeOf(getBoxes());
  if (boxes.size() != 3 || ShapeAnalysis::constantValue(boxes[2]) != 4 || !isa<FloatType>(element))
    return emitOpError() << "needs floating-point boxes [batch, n, 4], got " << getBoxes().getType();
  if (order.size() != 3 || !isa<IntegerType>(elementTypeOf(getOrder())))
    return emitOpError() << "needs an order of integers [batch, classes, n], got " << getOrder().getType();
  if (rankOf(getCandidates()) != 3 || !elementTypeOf(getCandidates()).isInteger(1))
    return emitOpError() << "needs candidates of bools [batch, classes, n], got " << getCandidates().getType();
  auto threshold = cast<RankedTensorType>(getThreshold().getType());
  if (!isOneInteger(getLimit()) || !threshold.hasStaticShape() || threshold.getNumElements() != 1 ||
      threshold.getElementType() != element)
    return emitOpError() << "needs the limit as one integer and the threshold as one number of the boxes' type, got "
                         << getLimit().getType() << " and " << threshold;
  SmallVector<AffineExpr> candidates = shapes.shape(getCandidates());
  if (!shapes.requireEqual(boxes[0], order[0]) || !shapes.requireEqual(boxes[1], order[2]) ||
      !shapes.requireEqual(candidates[0], order[0]) || !shapes.requireEqual(candidates[1], order[1]) ||
      !shapes.requireEqual(candidates[2], order[2]))
    return emitOpError() << "has operands that do not fit: " << getBoxes().getType() << ", " << getOrder().getType()
                         << " and " << getCandidates().getType();
  results.push_back({IntegerType::get(getContext(), 1), order});
  return success();
}

namespace {

/// The boxes that a class keeps: the corners and the area of each, in memory [5, n], so that many are compared at a time.
struct KeptBoxes {
  SuppressBoxesOp op;
  KernelEmitter &e;
  FloatMath m;
  enum { lowY, highY, lowX, highX, area, values };

  /// Corners in order, and the area.
  SmallVector<Value> measures(Value image, Value box) {
    Type element = elementTypeOf(op.getBoxes());
    auto at = [&](int64_t i) { return e.widen(e.load(op.getBoxes(), {image, box, e.index(i)}), element); };
    Value y = at(0), x = at(1), otherY = at(2), otherX = at(3);
    SmallVector<Value> box4 = {m.min(y, otherY), m.max(y, otherY), m.min(x, otherX), m.max(x, otherX)};
    box4.push_back(m.mul(m.sub(box4[highY], box4[lowY]), m.sub(box4[highX], box4[lowX])));
    return box4;
  }

  Value exceeds(ArrayRef<Value> box, ArrayRef<Value> other, Value threshold) {
    auto common = [&](int64_t low, int64_t high) {
      return m.max(m.sub(m.min(box[high], other[high]), m.max(box[low], other[low])), m.number(0));
    };
    Value intersection = m.mul(common(lowY, highY), common(lowX, highX));
    Value united = m.sub(m.add(box[area], other[area]), intersection);
    Value overlaps = m.less(m.number(0), intersection);
    return both(e, overlaps, m.less(threshold, m.div(intersection, united)));
  }

  /// Whether one of the first `count` boxes in `kept` overlaps too much: all are compared, as vectors, rather than those up to the first that does.
  Value anyExceeds(Value kept, Value count, ArrayRef<Value> box, Value threshold) {
    Type flag = e.b.getI32Type();
    Value any = e.inOrder(e.index(0), count, e.scalar(flag, 0), [&](ValueRange i, ValueRange carried) {
                   SmallVector<Value> other;
                   for (int64_t value = 0; value < values; ++value)
                     other.push_back(tensor::ExtractOp::create(e.b, e.loc, kept, ValueRange{e.index(value), i[0]}));
                   Value here = e.b.createOrFold<arith::ExtUIOp>(e.loc, flag, exceeds(box, other, threshold));
                   return SmallVector<Value>{either(e, carried[0], here)};
                 }).front();
    return e.compare(CmpIPredicate::ne, any, e.scalar(flag, 0));
  }

  Value insert(Value kept, Value at, ArrayRef<Value> box) {
    for (auto [i, value] : llvm::enumerate(box))
      kept = tensor::InsertOp::create(e.b, e.loc, value, kept, ValueRange{e.index(i), at});
    return kept;
  }
};

} // namespace

SmallVector<Value> SuppressBoxesOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  Type i1 = e.b.getI1Type(), real = e.computeType(elementTypeOf(getBoxes()));
  return {e.forEachLine(inits[0], 2, [&](ValueRange position, Value slice) -> Value {
    AffineExpr places = e.shapes.dim(getOrder(), 2);
    KeptBoxes boxes{*this, e, {e, real}};
    Value threshold = e.widen(e.loadScalar(getThreshold()), elementTypeOf(getBoxes())),
          limit = toIndex(e, e.loadScalar(getLimit())), zero = e.index(0), one = e.index(1);
    Value memory = e.temporary({e.shapes.constant(KeptBoxes::values), places}, real);
    return e
        .inOrder(zero, e.size(places), {slice, memory, zero},
                 [&](ValueRange at, ValueRange carried) -> SmallVector<Value> {
                   SmallVector<Value> place = inLine(position, 2, at[0]);
                   Value number = e.checkedIndex(e.load(getOrder(), place), e.dim(getBoxes(), 1),
                                                 "the number of a box is out of range");
                   Value kept = carried[1], count = carried[2];
                   Value isCandidate =
                       both(e, e.load(getCandidates(), place), e.compare(CmpIPredicate::slt, count, limit));
                   SmallVector<Value> box = boxes.measures(position[0], number);
                   Value compared = e.select(isCandidate, count, zero);
                   Value excluded = boxes.anyExceeds(kept, compared, box, threshold);
                   Value stays =
                       both(e, isCandidate, e.b.createOrFold<arith::XOrIOp>(e.loc, excluded, e.scalar(i1, 1)));
                   Value flags = tensor::InsertOp::create(e.b, e.loc, e.toStorage(stays, i1), carried[0], at[0]);
                   // A box that does not stay is overwritten by the next one that does.
                   return {flags, boxes.insert(kept, count, box), e.select(stays, e.add(count, one), count)};
                 })
        .front();
  })};
}
