//===- SortOps.cpp - ops that put elements in order -----------------------------------------------------------------===//

#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/LeptonOps.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lepton;
using F = SizeFunction;
using arith::CmpIPredicate;

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

static Value readIndex(KernelEmitter &e, Value tensor, Value at) {
  return e.toIndex(tensor::ExtractOp::create(e.b, e.loc, tensor, at));
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
                   Value start = e.mul(pair[0], span), middle = e.smaller(e.add(start, width), count),
                         end = e.smaller(e.add(start, span), count);
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
    Value leftNumber = readIndex(e, from, left), rightNumber = readIndex(e, from, e.smaller(right, last));
    Value takesRight = e.both(hasRight, e.either(noLeft, precedes(rightNumber, leftNumber)));
    Value number = e.toI64(e.select(takesRight, rightNumber, leftNumber));
    return {e.select(takesRight, left, e.add(left, one)), e.select(takesRight, e.add(right, one), right),
            tensor::InsertOp::create(e.b, e.loc, number, carried[2], at)};
  }

  /// The numbers of `order`, sorted, and memory for as many, which `other` is before.
  std::pair<Value, Value> emit(Value order, Value other) {
    // Two passes at a time, so that the order is back where it was.
    SmallVector<Value> result = e.repeatWhile(
        {e.index(1), order, other},
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
    SmallVector<Value> result = e.repeatWhile(
        {zero, zero, e.temporary(room, i64), e.temporary(room, i64)},
        [&](ValueRange now) { return e.compare(CmpIPredicate::slt, now[0], n); },
        [&](ValueRange now) -> SmallVector<Value> {
          Value isFirst = e.compare(CmpIPredicate::eq, now[0], zero);
          Value worst = keyAt(e.select(isFirst, zero, readIndex(e, now[2], e.select(isFirst, zero, e.sub(k, one)))));
          SmallVector<Value> found = e.repeatWhile(
              {now[0], now[1], now[2]},
              [&](ValueRange next) {
                return e.both(e.compare(CmpIPredicate::slt, next[0], n),
                              e.compare(CmpIPredicate::slt, next[1], capacity));
              },
              [&](ValueRange next) -> SmallVector<Value> {
                // One that is not taken is overwritten.
                Value isTaken = e.either(isFirst, e.compare(CmpIPredicate::sgt, keyAt(next[0]), worst));
                Value places = tensor::InsertOp::create(e.b, e.loc, e.toI64(next[0]), next[2], next[1]);
                return {e.add(next[0], one), e.select(isTaken, e.add(next[1], one), next[1]), places};
              });
          auto [sorted, memory] = MergeSort{e, found[1], isBetter}.emit(found[2], now[3]);
          return {found[0], e.smaller(found[1], k), sorted, memory};
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
  Value place = e.toI64(at);
  auto read = [&](Value tensor, Value index) -> Value { return tensor::ExtractOp::create(b, loc, tensor, index); };
  Value isBetter = e.compare(CmpIPredicate::slt, read(loop.getRegionIterArg(0), last), key);
  Value filling = e.compare(CmpIPredicate::slt, at, k);
  auto insert = scf::IfOp::create(b, loc, TypeRange(loop.getRegionIterArgs()), e.either(filling, isBetter),
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
  Value moves = e.both(notFirst, e.either(aboveIsEmpty, e.compare(CmpIPredicate::slt, keyAbove, key)));
  Value takes = e.either(isEmpty, e.compare(CmpIPredicate::slt, keyHere, key));
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
  Value column = e.repeatWhile(
                      e.index(0),
                      [&](ValueRange at) {
                        Value isEqual = e.compare(CmpIPredicate::eq, key(a, at[0]), key(b, at[0]));
                        return e.both(e.compare(CmpIPredicate::slt, at[0], last), isEqual);
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
    Value order = e.map(slice, i64, [&](ValueRange row) { return e.toI64(row[0]); });
    return sort.emit(order, e.temporary(rows, i64)).first;
  })};
}
