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

static Value isNonZero(KernelEmitter &e, Value scalar, Type elementType) {
  if (elementType.isInteger(1))
    return scalar;
  Value zero = e.scalar(scalar.getType(), 0);
  if (isa<FloatType>(scalar.getType()))
    return e.b.createOrFold<arith::CmpFOp>(e.loc, arith::CmpFPredicate::UNE, scalar, zero);
  return e.compare(CmpIPredicate::ne, scalar, zero);
}

SmallVector<Value> NonZeroOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  SmallVector<AffineExpr> sizes = e.shapes.shape(getInput());
  Type elementType = elementTypeOf(getInput());
  Value count = e.size(e.shapes.dim(getResult(), 1)), one = e.index(1);
  Value empty = e.fill(inits[0], e.scalar(e.b.getI64Type(), 0));
  return {e.inOrder(sizes, {empty, e.index(0)}, [&](ValueRange indices, ValueRange carried) -> SmallVector<Value> {
             Value found = isNonZero(e, e.widen(e.load(getInput(), indices), elementType), elementType),
                   at = carried[1];
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

/// The best elements so far are kept sorted; one that is better than the last of them is inserted.
SmallVector<Value> TopKOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  int64_t axis = getAxis();
  Type elementType = elementTypeOf(getInput()), i64 = e.b.getI64Type();
  AffineExpr size = e.shapes.dim(getInput(), axis), wanted = e.shapes.dim(getResult(), axis);
  Value enough = e.compare(CmpIPredicate::sle, e.size(wanted), e.size(size));
  cf::AssertOp::create(e.b, e.loc, enough, "k is larger than the dimension");
  auto none = [](OpBuilder &, Location, Value, ValueRange) {};
  return {e.forEachLine(inits[0], axis, [&](ValueRange position, Value slice) -> Value {
    OpBuilder &b = e.b;
    Location loc = e.loc;
    Value k = e.size(wanted), zero = e.index(0), one = e.index(1), last = e.sub(k, one);
    Value n = e.select(e.compare(CmpIPredicate::sgt, k, zero), e.size(size), zero);
    Value keys = e.fill(e.temporary(wanted, i64), e.scalar(i64, 0)), places = e.fill(slice, e.scalar(i64, 0));
    auto loop = scf::ForOp::create(b, loc, zero, n, one, ValueRange{keys, places}, none);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    Value at = loop.getInductionVar(),
          key = emitOrderedKey(e, e.load(getInput(), inLine(position, axis, at)), elementType);
    if (!getLargest())
      key = arith::XOrIOp::create(b, loc, key, e.scalar(i64, -1));
    Value place = e.b.createOrFold<arith::IndexCastOp>(loc, i64, at);
    auto read = [&](Value tensor, Value index) -> Value { return tensor::ExtractOp::create(b, loc, tensor, index); };
    Value isBetter = e.compare(CmpIPredicate::slt, read(loop.getRegionIterArg(0), last), key);
    Value filling = e.compare(CmpIPredicate::slt, at, k);
    auto insert = scf::IfOp::create(b, loc, TypeRange(loop.getRegionIterArgs()),
                                    b.createOrFold<arith::OrIOp>(loc, filling, isBetter), /*withElseRegion=*/true);
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
    auto both = [&](Value l, Value r) { return b.createOrFold<arith::AndIOp>(loc, l, r); };
    auto either = [&](Value l, Value r) { return b.createOrFold<arith::OrIOp>(loc, l, r); };
    Value isEmpty = e.compare(CmpIPredicate::sge, p, at), aboveIsEmpty = e.compare(CmpIPredicate::sgt, p, at);
    Value notFirst = e.compare(CmpIPredicate::ne, p, zero);
    Value moves = both(notFirst, either(aboveIsEmpty, e.compare(CmpIPredicate::slt, keyAbove, key)));
    Value takes = either(isEmpty, e.compare(CmpIPredicate::slt, keyHere, key));
    Value newKey = e.select(moves, keyAbove, e.select(takes, key, keyHere));
    Value newPlace = e.select(moves, read(oldPlaces, above), e.select(takes, place, read(oldPlaces, p)));
    Value nextKeys = tensor::InsertOp::create(b, loc, newKey, oldKeys, p),
          nextPlaces = tensor::InsertOp::create(b, loc, newPlace, oldPlaces, p);
    scf::YieldOp::create(b, loc, ValueRange{nextKeys, nextPlaces});
    b.setInsertionPointToEnd(loop.getBody());
    scf::YieldOp::create(b, loc, insert.getResults());
    return loop.getResult(1);
  })};
}

//===------------------------------------------------------------------------------------------------------------------===//
// ArgSort: tables in parallel, each by a merge sort from the bottom up
//===------------------------------------------------------------------------------------------------------------------===//

LogicalResult ArgSortOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> dims = shapes.shape(getInput());
  if (dims.size() < 2)
    return emitOpError() << "needs an input of rows and columns, got " << getInput().getType();
  dims.pop_back();
  results.push_back({IntegerType::get(getContext(), 64), dims});
  return success();
}

namespace {

/// The sort of one table.
struct MergeSort {
  ArgSortOp op;
  KernelEmitter &e;
  SmallVector<Value> table; // its indices among the batch
  Value rows, columns;

  Value key(Value row, Value column) {
    SmallVector<Value> at(table);
    at.append({row, column});
    return emitOrderedKey(e, e.load(op.getInput(), at), elementTypeOf(op.getInput()));
  }

  /// Whether row `a` comes before row `b` for certain.
  Value precedes(Value a, Value b) {
    if (op.getDescending())
      std::swap(a, b);
    Value column = e.index(0);
    if (getConstantIntValue(columns) != 1) { // the first column in which they differ, or the last
      Value last = e.sub(columns, e.index(1));
      column = repeatWhile(
                   e, column,
                   [&](ValueRange at) {
                     Value isEqual = e.compare(CmpIPredicate::eq, key(a, at[0]), key(b, at[0]));
                     return both(e, e.compare(CmpIPredicate::slt, at[0], last), isEqual);
                   },
                   [&](ValueRange at) -> SmallVector<Value> { return {e.add(at[0], e.index(1))}; })
                   .front();
    }
    return e.compare(CmpIPredicate::slt, key(a, column), key(b, column));
  }

  /// Merges the sorted runs of `width` rows in `from` pairwise into `to`.
  Value pass(Value from, Value to, Value width) {
    Value zero = e.index(0), one = e.index(1), last = e.sub(rows, one), span = e.mul(width, e.index(2));
    return e.inOrder(zero, rows, {zero, zero, to}, [&](ValueRange iv, ValueRange carried) -> SmallVector<Value> {
      Value at = iv[0], offset = e.b.createOrFold<arith::RemUIOp>(e.loc, at, span), start = e.sub(at, offset);
      Value middle = smaller(e, e.add(start, width), rows), end = smaller(e, e.add(start, span), rows);
      Value isFirst = e.compare(CmpIPredicate::eq, offset, zero);
      Value left = e.select(isFirst, start, carried[0]), right = e.select(isFirst, middle, carried[1]);
      Value noLeft = e.compare(CmpIPredicate::sge, left, middle), hasRight = e.compare(CmpIPredicate::slt, right, end);
      Value leftRow = readIndex(e, from, smaller(e, left, last)),
            rightRow = readIndex(e, from, smaller(e, right, last));
      Value takesRight = both(e, hasRight, either(e, noLeft, precedes(rightRow, leftRow)));
      Value row = toI64(e, e.select(takesRight, rightRow, leftRow));
      return {e.select(takesRight, left, e.add(left, one)), e.select(takesRight, e.add(right, one), right),
              tensor::InsertOp::create(e.b, e.loc, row, carried[2], at)};
    })[2];
  }

  Value emit(Value slice, Value other) {
    Value order = e.inOrder(e.index(0), rows, slice, [&](ValueRange iv, ValueRange carried) -> SmallVector<Value> {
                     return {tensor::InsertOp::create(e.b, e.loc, toI64(e, iv[0]), carried[0], iv[0])};
                   }).front();
    // Rows without columns are equal.
    Value hasColumns = e.compare(CmpIPredicate::sgt, columns, e.index(0));
    Value end = e.select(hasColumns, rows, e.index(0));
    // Two passes at a time, so that the order is back where it was.
    return repeatWhile(
        e, {e.index(1), order, other},
        [&](ValueRange carried) { return e.compare(CmpIPredicate::slt, carried[0], end); },
        [&](ValueRange carried) -> SmallVector<Value> {
          Value doubled = e.mul(carried[0], e.index(2));
          Value there = pass(carried[1], carried[2], carried[0]);
          return {e.mul(doubled, e.index(2)), pass(there, carried[1], doubled), there};
        })[1];
  }
};

} // namespace

SmallVector<Value> ArgSortOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  int64_t batch = rankOf(getInput()) - 2;
  return {e.forEachLine(inits[0], batch, [&](ValueRange table, Value slice) -> Value {
    AffineExpr rows = e.shapes.dim(getInput(), batch);
    MergeSort sort{*this, e, SmallVector<Value>(table), e.size(rows), e.dim(getInput(), batch + 1)};
    return sort.emit(slice, e.temporary(rows, e.b.getI64Type()));
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

/// Overlap of the boxes of one image.
struct BoxOverlap {
  SuppressBoxesOp op;
  KernelEmitter &e;
  FloatMath m;
  Value image;

  struct Side {
    Value low, high;
  };
  Side side(Value box, int64_t corner) {
    Type element = elementTypeOf(op.getBoxes());
    auto at = [&](int64_t i) { return e.widen(e.load(op.getBoxes(), {image, box, e.index(i)}), element); };
    Value first = at(corner), second = at(corner + 2);
    return {m.min(first, second), m.max(first, second)};
  }

  Value area(Side y, Side x) { return m.mul(m.sub(y.high, y.low), m.sub(x.high, x.low)); }

  Value exceeds(Value box, Value other, Value threshold) {
    Side y = side(box, 0), x = side(box, 1), otherY = side(other, 0), otherX = side(other, 1);
    auto common = [&](Side l, Side r) { return m.max(m.sub(m.min(l.high, r.high), m.max(l.low, r.low)), m.number(0)); };
    Value intersection = m.mul(common(y, otherY), common(x, otherX));
    Value united = m.sub(m.add(area(y, x), area(otherY, otherX)), intersection);
    Value overlaps = m.less(m.number(0), intersection);
    return both(e, overlaps, m.less(threshold, m.div(intersection, united)));
  }
};

} // namespace

SmallVector<Value> SuppressBoxesOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  Type i1 = e.b.getI1Type();
  return {e.forEachLine(inits[0], 2, [&](ValueRange position, Value slice) -> Value {
    AffineExpr places = e.shapes.dim(getOrder(), 2);
    BoxOverlap overlap{*this, e, {e, e.computeType(elementTypeOf(getBoxes()))}, position[0]};
    Value threshold = e.widen(e.loadScalar(getThreshold()), elementTypeOf(getBoxes())),
          limit = toIndex(e, e.loadScalar(getLimit())), zero = e.index(0), one = e.index(1);
    Value kept = e.temporary(places, e.b.getI64Type()); // the boxes, then their number
    return e
        .inOrder(zero, e.size(places), {slice, kept, zero},
                 [&](ValueRange at, ValueRange carried) -> SmallVector<Value> {
                   SmallVector<Value> place = inLine(position, 2, at[0]);
                   Value box = e.checkedIndex(e.load(getOrder(), place), e.dim(getBoxes(), 1),
                                              "the number of a box is out of range");
                   Value count = carried[2], isCandidate = both(e, e.load(getCandidates(), place),
                                                                e.compare(CmpIPredicate::slt, count, limit));
                   Value compared = e.select(isCandidate, count, zero);
                   Value passed = repeatWhile(
                                      e, {zero},
                                      [&](ValueRange i) -> Value {
                                        // Beyond the last one, the box is compared with itself, in vain.
                                        Value more = e.compare(CmpIPredicate::slt, i[0], compared);
                                        Value other = e.select(more, readIndex(e, carried[1], i[0]), box);
                                        Value differs = e.b.createOrFold<arith::XOrIOp>(
                                            e.loc, overlap.exceeds(box, other, threshold), e.scalar(i1, 1));
                                        return both(e, more, differs);
                                      },
                                      [&](ValueRange i) -> SmallVector<Value> { return {e.add(i[0], one)}; })
                                      .front();
                   Value stays = both(e, isCandidate, e.compare(CmpIPredicate::eq, passed, count));
                   Value boxes = tensor::InsertOp::create(e.b, e.loc, toI64(e, box), carried[1], count);
                   Value flags = tensor::InsertOp::create(e.b, e.loc, e.toStorage(stays, i1), carried[0], at[0]);
                   return {flags, boxes, e.select(stays, e.add(count, one), count)};
                 })
        .front();
  })};
}
