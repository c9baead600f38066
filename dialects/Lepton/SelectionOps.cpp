//===- SelectionOps.cpp - ops that choose elements by their values --------------------------------------------------===//

#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/FloatMath.h"
#include "dialects/Lepton/LeptonOps.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lepton;
using F = SizeFunction;
using arith::CmpIPredicate;

static bool isOneInteger(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.hasStaticShape() && type.getNumElements() == 1 && isa<IntegerType>(type.getElementType());
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
                                             e.both(found, e.compare(CmpIPredicate::slt, at, count)),
                                             /*withElseRegion=*/true);
             OpBuilder::InsertionGuard guard(e.b);
             e.b.setInsertionPointToEnd(choice.elseBlock());
             scf::YieldOp::create(e.b, e.loc, carried);
             e.b.setInsertionPointToEnd(choice.thenBlock());
             Value written = carried[0];
             for (auto [d, index] : llvm::enumerate(indices))
               written = tensor::InsertOp::create(e.b, e.loc, e.toI64(index), written, ValueRange{e.index(d), at});
             scf::YieldOp::create(e.b, e.loc, ValueRange{written, e.add(at, one)});
             return choice.getResults();
           }).front()};
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
      e.repeatWhile(
           {zero, count}, [&](ValueRange range) { return e.compare(CmpIPredicate::slt, range[0], range[1]); },
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
  return e.toI64(choice.getResult(0));
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
    return e.both(overlaps, m.less(threshold, m.div(intersection, united)));
  }

  /// Whether one of the first `count` boxes in `kept` overlaps too much: all are compared, as vectors, rather than those up to the first that does.
  Value anyExceeds(Value kept, Value count, ArrayRef<Value> box, Value threshold) {
    Type flag = e.b.getI32Type();
    Value any = e.inOrder(e.index(0), count, e.scalar(flag, 0), [&](ValueRange i, ValueRange carried) {
                   SmallVector<Value> other;
                   for (int64_t value = 0; value < values; ++value)
                     other.push_back(tensor::ExtractOp::create(e.b, e.loc, kept, ValueRange{e.index(value), i[0]}));
                   Value here = e.b.createOrFold<arith::ExtUIOp>(e.loc, flag, exceeds(box, other, threshold));
                   return SmallVector<Value>{e.either(carried[0], here)};
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
          limit = e.toIndex(e.loadScalar(getLimit())), zero = e.index(0), one = e.index(1);
    Value memory = e.temporary({e.shapes.constant(KeptBoxes::values), places}, real);
    return e
        .inOrder(zero, e.size(places), {slice, memory, zero},
                 [&](ValueRange at, ValueRange carried) -> SmallVector<Value> {
                   SmallVector<Value> place = inLine(position, 2, at[0]);
                   Value number = e.checkedIndex(e.load(getOrder(), place), e.dim(getBoxes(), 1),
                                                 "the number of a box is out of range");
                   Value kept = carried[1], count = carried[2];
                   Value isCandidate =
                       e.both(e.load(getCandidates(), place), e.compare(CmpIPredicate::slt, count, limit));
                   SmallVector<Value> box = boxes.measures(position[0], number);
                   Value compared = e.select(isCandidate, count, zero);
                   Value excluded = boxes.anyExceeds(kept, compared, box, threshold);
                   Value stays = e.both(isCandidate, e.b.createOrFold<arith::XOrIOp>(e.loc, excluded, e.scalar(i1, 1)));
                   Value flags = tensor::InsertOp::create(e.b, e.loc, e.toStorage(stays, i1), carried[0], at[0]);
                   // A box that does not stay is overwritten by the next one that does.
                   return {flags, boxes.insert(kept, count, box), e.select(stays, e.add(count, one), count)};
                 })
        .front();
  })};
}
