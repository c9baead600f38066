//===- IndexingOps.cpp - ops that read or write at computed positions, and scans ---------------------------------------===//

#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Lepton/TileEmitter.h"

#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lepton;
using F = SizeFunction;
using arith::CmpIPredicate;

/// Checks an axis, and that a value which indexes holds integers.
static LogicalResult checkIndexing(Operation *op, int64_t axis, int64_t rank, Value indices) {
  if (axis < 0 || axis >= rank)
    return op->emitOpError() << "has the axis " << axis << " out of range for rank " << rank;
  if (indices && !isa<IntegerType>(elementTypeOf(indices)))
    return op->emitOpError() << "needs integer indices, got " << indices.getType();
  return success();
}

//===------------------------------------------------------------------------------------------------------------------===//
// Range
//===------------------------------------------------------------------------------------------------------------------===//

LogicalResult RangeOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  for (Value operand : getOperands()) {
    auto type = cast<RankedTensorType>(operand.getType());
    if (!type.hasStaticShape() || type.getNumElements() != 1)
      return emitOpError() << "needs operands of one element, got " << type;
  }
  if (elementTypeOf(getStart()) != elementTypeOf(getDelta()))
    return emitOpError() << "start and delta differ in element type: " << getStart().getType() << " and "
                         << getDelta().getType();
  if (!isa<IntegerType>(elementTypeOf(getCount())))
    return emitOpError() << "needs an integer count, got " << getCount().getType();
  results.push_back(
      {elementTypeOf(getStart()), {shapes.apply(F::Max, {shapes.element(getCount(), 0), shapes.constant(0)})}});
  return success();
}

Value RangeOp::emitElement(KernelEmitter &e, unsigned, ValueRange indices) {
  Type elementType = elementTypeOf(getResult()), type = e.computeType(elementType);
  Value position =
      emitCast(e, e.b.createOrFold<arith::IndexCastOp>(e.loc, e.b.getI64Type(), indices[0]), e.b.getI64Type(), type);
  Value start = e.widen(e.loadScalar(getStart()), elementType), delta = e.widen(e.loadScalar(getDelta()), elementType);
  if (!isa<FloatType>(type))
    return e.add(start, e.mul(position, delta));
  Value offset = arith::MulFOp::create(e.b, e.loc, position, delta);
  return e.narrow(arith::AddFOp::create(e.b, e.loc, start, offset), elementType);
}

//===------------------------------------------------------------------------------------------------------------------===//
// Reading at computed positions
//===------------------------------------------------------------------------------------------------------------------===//

LogicalResult GatherElementsOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  if (failed(checkIndexing(*this, getAxis(), rankOf(getInput()), getIndices())))
    return failure();
  if (rankOf(getIndices()) != rankOf(getInput()))
    return emitOpError() << "needs indices of the input's rank " << rankOf(getInput()) << ", got "
                         << getIndices().getType();
  SmallVector<AffineExpr> input = shapes.shape(getInput()), indices = shapes.shape(getIndices());
  for (auto [d, size] : llvm::enumerate(indices)) {
    if (d != getAxis() && !shapes.require(shapes.apply(F::Le, {size, input[d]})))
      return emitOpError() << "has " << *ShapeAnalysis::constantValue(size) << " indices along dimension " << d
                           << ", where the input has only " << *ShapeAnalysis::constantValue(input[d]) << " elements";
  }
  results.push_back({elementTypeOf(getInput()), indices});
  return success();
}

Value GatherElementsOp::emitElement(KernelEmitter &e, unsigned, ValueRange indices) {
  SmallVector<Value> source(indices);
  source[getAxis()] =
      e.checkedIndex(e.load(getIndices(), indices), e.dim(getInput(), getAxis()), "an index is out of range");
  return e.load(getInput(), source);
}

LogicalResult GatherNDOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> input = shapes.shape(getInput()), indices = shapes.shape(getIndices());
  int64_t batch = getBatchDims();
  if (failed(checkIndexing(*this, 0, 1, getIndices())))
    return failure();
  if (batch < 0 || batch >= int64_t(indices.size()) || batch > int64_t(input.size()))
    return emitOpError() << "has " << batch << " batch dimensions, too many for the ranks " << input.size() << " and "
                         << indices.size();
  auto count = ShapeAnalysis::constantValue(indices.back());
  if (!count)
    return emitOpError() << "needs indices whose last dimension is static, so that the result's rank is known, got "
                         << getIndices().getType() << "; declare the result's shape or give the size (--dim)";
  if (batch + *count > int64_t(input.size()))
    return emitOpError() << "has tuples of " << *count << " indices, too many for the input's rank " << input.size();
  for (int64_t d = 0; d < batch; ++d)
    if (!shapes.requireEqual(input[d], indices[d]))
      return emitOpError() << "operands differ in batch dimension " << d << ": " << getInput().getType() << " and "
                           << getIndices().getType();
  SmallVector<AffineExpr> dims(indices.begin(), indices.end() - 1);
  dims.append(input.begin() + batch + *count, input.end());
  results.push_back({elementTypeOf(getInput()), dims});
  return success();
}

Value GatherNDOp::emitElement(KernelEmitter &e, unsigned, ValueRange indices) {
  int64_t tuples = rankOf(getIndices()) - 1, count = cast<RankedTensorType>(getIndices().getType()).getShape().back();
  SmallVector<Value> source(indices.begin(), indices.begin() + getBatchDims()),
      position(indices.begin(), indices.begin() + tuples);
  for (int64_t i = 0; i < count; ++i) {
    position.resize(tuples);
    position.push_back(e.index(i));
    source.push_back(e.checkedIndex(e.load(getIndices(), position), e.dim(getInput(), getBatchDims() + i),
                                    "an index is out of range"));
  }
  source.append(indices.begin() + tuples, indices.end());
  return e.load(getInput(), source);
}

LogicalResult ReverseSequenceOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  int64_t rank = rankOf(getInput());
  if (failed(checkIndexing(*this, getBatchAxis(), rank, getLengths())) ||
      failed(checkIndexing(*this, getTimeAxis(), rank, {})))
    return failure();
  if (getBatchAxis() == getTimeAxis())
    return emitOpError() << "has the same axis for batch and time";
  if (rankOf(getLengths()) != 1 ||
      !shapes.requireEqual(shapes.dim(getLengths(), 0), shapes.dim(getInput(), getBatchAxis())))
    return emitOpError() << "needs one length for each sequence of the batch, got " << getLengths().getType() << " for "
                         << getInput().getType();
  results.push_back({elementTypeOf(getInput()), shapes.shape(getInput())});
  return success();
}

Value ReverseSequenceOp::emitElement(KernelEmitter &e, unsigned, ValueRange indices) {
  Value time = indices[getTimeAxis()];
  Value length =
      e.b.createOrFold<arith::IndexCastOp>(e.loc, e.b.getIndexType(), e.load(getLengths(), indices[getBatchAxis()]));
  length = e.b.createOrFold<arith::MinSIOp>(e.loc, length, e.dim(getInput(), getTimeAxis()));
  Value mirrored = e.sub(e.sub(length, e.index(1)), time);
  SmallVector<Value> source(indices);
  source[getTimeAxis()] = e.select(e.compare(CmpIPredicate::slt, time, length), mirrored, time);
  return e.load(getInput(), source);
}

LogicalResult TensorScatterOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> cache = shapes.shape(getCache()), update = shapes.shape(getUpdate());
  if (failed(checkIndexing(*this, getAxis(), cache.size(), getPositions())))
    return failure();
  if (getAxis() == 0)
    return emitOpError() << "cannot write along dimension 0, which is the batch";
  if (cache.size() != update.size() || elementTypeOf(getCache()) != elementTypeOf(getUpdate()))
    return emitOpError() << "cache and update differ in rank or element type: " << getCache().getType() << " and "
                         << getUpdate().getType();
  for (auto [d, size] : llvm::enumerate(update))
    if (d != getAxis() && !shapes.requireEqual(size, cache[d]))
      return emitOpError() << "cache and update differ in dimension " << d
                           << ", which is not the axis: " << getCache().getType() << " and " << getUpdate().getType();
  if (rankOf(getPositions()) != 1 || !shapes.requireEqual(shapes.dim(getPositions(), 0), cache[0]))
    return emitOpError() << "needs one position for each entry of the batch, got " << getPositions().getType()
                         << " for " << getCache().getType();
  results.push_back({elementTypeOf(getCache()), cache});
  return success();
}

Value TensorScatterOp::emitElement(KernelEmitter &e, unsigned, ValueRange indices) {
  int64_t axis = getAxis();
  Value first = e.b.createOrFold<arith::IndexCastOp>(e.loc, e.b.getIndexType(), e.load(getPositions(), indices[0]));
  Value step = e.sub(indices[axis], first), zero = e.index(0), size = e.dim(getCache(), axis),
        count = e.dim(getUpdate(), axis);
  if (getCircular()) {
    step = e.b.createOrFold<arith::RemSIOp>(e.loc, step, size);
    step = e.select(e.compare(CmpIPredicate::slt, step, zero), e.add(step, size), step);
  } else {
    Value room = e.sub(size, count); // all of the update must fit
    Value fits = e.b.createOrFold<arith::AndIOp>(e.loc, e.compare(CmpIPredicate::sge, first, zero),
                                                 e.compare(CmpIPredicate::sle, first, room));
    cf::AssertOp::create(e.b, e.loc, fits, "an update reaches past the end of its cache");
  }
  Value inside = e.isInside(step, count);
  // Only one side may be read: an update without elements has none.
  auto choice = scf::IfOp::create(e.b, e.loc, KernelEmitter::scalarType(elementTypeOf(getCache())), inside,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(e.b);
  e.b.setInsertionPointToEnd(choice.thenBlock());
  SmallVector<Value> source(indices);
  source[axis] = step;
  scf::YieldOp::create(e.b, e.loc, e.load(getUpdate(), source));
  e.b.setInsertionPointToEnd(choice.elseBlock());
  scf::YieldOp::create(e.b, e.loc, e.load(getCache(), indices));
  return choice.getResult(0);
}

/// Number of blocks along dimension `i` of the image.
static AffineExpr blockCount(Col2ImOp op, ShapeAnalysis &shapes, int64_t i) {
  int64_t spatial = op.getStrides().size(), stride = op.getStrides()[i], dilation = op.getDilations()[i];
  AffineExpr image = shapes.element(op.getImage(), i), block = shapes.element(op.getBlock(), i);
  AffineExpr span = image + (op.getPads()[i] + op.getPads()[spatial + i] - 1) - (block - 1) * dilation;
  return shapes.apply(F::Max, {span.floorDiv(stride) + 1, shapes.constant(0)});
}

LogicalResult Col2ImOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> x = shapes.shape(getInput());
  if (x.size() != 3)
    return emitOpError() << "needs an input of three dimensions, got " << getInput().getType();
  int64_t spatial = getStrides().size();
  for (Value sizes : {getImage(), getBlock()}) {
    auto type = cast<RankedTensorType>(sizes.getType());
    if (type.getRank() != 1 || type.getDimSize(0) != spatial || !isa<IntegerType>(type.getElementType()))
      return emitOpError() << "needs an integer for each of the " << spatial
                           << " dimensions of the image and the block, got " << type;
  }
  if (int64_t(getDilations().size()) != spatial || int64_t(getPads().size()) != 2 * spatial)
    return emitOpError() << "needs a dilation and two pads for each of the " << spatial << " dimensions of the image";
  AffineExpr blocks = shapes.constant(1), elements = shapes.constant(1);
  SmallVector<AffineExpr> dims = {x[0], {}};
  for (int64_t i = 0; i < spatial; ++i) {
    if (getStrides()[i] < 1 || getDilations()[i] < 1)
      return emitOpError() << "has a stride or dilation below 1";
    blocks = blocks * blockCount(*this, shapes, i);
    elements = elements * shapes.element(getBlock(), i);
    dims.push_back(shapes.element(getImage(), i));
  }
  if (!shapes.requireEqual(x[2], blocks))
    return emitOpError() << "has " << *ShapeAnalysis::constantValue(x[2]) << " columns, but the image has "
                         << *ShapeAnalysis::constantValue(blocks) << " blocks";
  auto rows = ShapeAnalysis::constantValue(x[1]), each = ShapeAnalysis::constantValue(elements);
  if (rows && each && (*each < 1 || *rows % *each))
    return emitOpError() << "has columns of " << *rows << " elements, no multiple of the block's " << *each;
  dims[1] = shapes.exactDiv(x[1], elements);
  results.push_back({elementTypeOf(getInput()), dims});
  return success();
}

SmallVector<Value> Col2ImOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  Type elementType = elementTypeOf(getInput()), type = e.computeType(elementType);
  int64_t spatial = getStrides().size();
  SmallVector<AffineExpr> block, dims = e.shapes.shape(getResult()), x = e.shapes.shape(getInput());
  AffineExpr blocks = e.shapes.constant(1), elements = e.shapes.constant(1);
  for (int64_t i = 0; i < spatial; ++i) {
    block.push_back(e.shapes.element(getBlock(), i));
    blocks = blocks * blockCount(*this, e.shapes, i);
    elements = elements * block.back();
  }
  auto same = [&](AffineExpr l, AffineExpr r) { return e.compare(CmpIPredicate::eq, e.size(l), e.size(r)); };
  Value fits = e.b.createOrFold<arith::AndIOp>(e.loc, same(x[2], blocks), same(x[1], dims[1] * elements));
  cf::AssertOp::create(e.b, e.loc, fits, "the columns do not fit the image and the block");
  Value sums = e.reduce(
      e.fill(e.temporary(dims, type), e.scalar(type, 0)), block, [&](ValueRange out, ValueRange tap, Value sum) {
        Value inside = arith::ConstantIntOp::create(e.b, e.loc, 1, 1), row = out[1], column = e.index(0);
        for (int64_t i = 0; i < spatial; ++i) {
          row = e.add(e.mul(row, e.size(block[i])), tap[i]);
          Value stride = e.index(getStrides()[i]), count = e.size(blockCount(*this, e.shapes, i));
          Value p = e.sub(e.add(out[2 + i], e.index(getPads()[i])), e.mul(tap[i], e.index(getDilations()[i])));
          Value whole = e.compare(CmpIPredicate::eq, e.b.createOrFold<arith::RemSIOp>(e.loc, p, stride), e.index(0));
          Value position = e.b.createOrFold<arith::DivSIOp>(e.loc, p, stride);
          Value here = e.b.createOrFold<arith::AndIOp>(e.loc, whole, e.isInside(position, count));
          // -1 / 2 is 0: a position before the first block is none.
          here = e.b.createOrFold<arith::AndIOp>(e.loc, here, e.compare(CmpIPredicate::sge, p, e.index(0)));
          inside = e.b.createOrFold<arith::AndIOp>(e.loc, inside, here);
          column = e.add(e.mul(column, count), e.select(here, position, e.index(0)));
        }
        Value term = e.widen(e.load(getInput(), {out[0], row, column}), elementType);
        return e.accumulate(sum, e.select(inside, term, e.scalar(type, 0)));
      });
  return {e.map(inits[0], elementType, [&](ValueRange indices) {
    return e.narrow(tensor::ExtractOp::create(e.b, e.loc, sums, indices), elementType);
  })};
}

//===------------------------------------------------------------------------------------------------------------------===//
// Scatter: a copy, then one update after the other, as the order counts where indices repeat
//===------------------------------------------------------------------------------------------------------------------===//

static LogicalResult checkKind(Operation *op, ScatterKind kind, Type elementType) {
  if (isa<ComplexType>(elementType) && (kind == ScatterKind::max || kind == ScatterKind::min))
    return op->emitOpError() << "has the reduction '" << stringifyScatterKind(kind)
                             << "', but complex numbers have no order";
  return success();
}

static Value meet(KernelEmitter &e, ScatterKind kind, Value old, Value update, Type elementType) {
  if (kind == ScatterKind::none)
    return update;
  Value l = e.widen(old, elementType), r = e.widen(update, elementType), result;
  bool isFloat = isa<FloatType>(l.getType()), isUnsigned = isUnsignedOrBool(elementType);
  if (kind == ScatterKind::add)
    result = elementType.isInteger(1) ? e.b.createOrFold<arith::OrIOp>(e.loc, l, r) : e.accumulate(l, r);
  else if (kind == ScatterKind::mul)
    result = e.product(l, r);
  else if (kind == ScatterKind::max)
    result = isFloat      ? e.b.createOrFold<arith::MaximumFOp>(e.loc, l, r)
             : isUnsigned ? e.b.createOrFold<arith::MaxUIOp>(e.loc, l, r)
                          : e.b.createOrFold<arith::MaxSIOp>(e.loc, l, r);
  else
    result = isFloat      ? e.b.createOrFold<arith::MinimumFOp>(e.loc, l, r)
             : isUnsigned ? e.b.createOrFold<arith::MinUIOp>(e.loc, l, r)
                          : e.b.createOrFold<arith::MinSIOp>(e.loc, l, r);
  return e.narrow(result, elementType);
}

/// Copies `input` to `init` and applies the updates; `place` gives the first indices of the part of it that an update goes to, from the update's first
/// `placed` indices. The others are the same on both sides.
static Value scatter(KernelEmitter &e, ScatterKind kind, Value init, Value input, Value updates, int64_t placed,
                     llvm::function_ref<SmallVector<Value>(ValueRange)> place) {
  Type elementType = elementTypeOf(input);
  Value copy = e.map(init, elementType, [&](ValueRange indices) { return e.load(input, indices); });
  SmallVector<AffineExpr> sizes = e.shapes.shape(updates);
  auto write = [&](ValueRange source, ValueRange position, Value carried) -> Value {
    Value update = e.load(updates, source);
    if (kind != ScatterKind::none) {
      Value old = e.fromStorage(tensor::ExtractOp::create(e.b, e.loc, carried, position), elementType);
      update = meet(e, kind, old, update, elementType);
    }
    return tensor::InsertOp::create(e.b, e.loc, e.toStorage(update, elementType), carried, position);
  };
  return e
      .inOrder(ArrayRef(sizes).take_front(placed), copy,
               [&](ValueRange first, ValueRange outer) {
                 SmallVector<Value> start = place(first);
                 return e.inOrder(ArrayRef(sizes).drop_front(placed), outer,
                                  [&](ValueRange rest, ValueRange carried) -> SmallVector<Value> {
                                    SmallVector<Value> source(first), position(start);
                                    llvm::append_range(source, rest);
                                    llvm::append_range(position, rest);
                                    return {write(source, position, carried.front())};
                                  });
               })
      .front();
}

LogicalResult ScatterElementsOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> input = shapes.shape(getInput()), indices = shapes.shape(getIndices()),
                          updates = shapes.shape(getUpdates());
  if (failed(checkIndexing(*this, getAxis(), input.size(), getIndices())))
    return failure();
  if (indices.size() != input.size() || updates.size() != input.size())
    return emitOpError() << "needs indices and updates of the input's rank " << input.size() << ", got "
                         << getIndices().getType() << " and " << getUpdates().getType();
  if (elementTypeOf(getUpdates()) != elementTypeOf(getInput()))
    return emitOpError() << "input and updates differ in element type: " << getInput().getType() << " and "
                         << getUpdates().getType();
  if (failed(checkKind(*this, getKind(), elementTypeOf(getInput()))))
    return failure();
  for (auto [d, size] : llvm::enumerate(indices)) {
    if (!shapes.requireEqual(size, updates[d]))
      return emitOpError() << "indices and updates differ in dimension " << d << ": " << getIndices().getType()
                           << " and " << getUpdates().getType();
    if (d != getAxis() && !shapes.require(shapes.apply(F::Le, {size, input[d]})))
      return emitOpError() << "has " << *ShapeAnalysis::constantValue(size) << " indices along dimension " << d
                           << ", where the input has only " << *ShapeAnalysis::constantValue(input[d]) << " elements";
  }
  results.push_back({elementTypeOf(getInput()), input});
  return success();
}

SmallVector<Value> ScatterElementsOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  return {scatter(e, getKind(), inits[0], getInput(), getUpdates(), rankOf(getUpdates()), [&](ValueRange indices) {
    SmallVector<Value> position(indices);
    position[getAxis()] =
        e.checkedIndex(e.load(getIndices(), indices), e.dim(getInput(), getAxis()), "an index is out of range");
    return position;
  })};
}

LogicalResult ScatterNDOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> input = shapes.shape(getInput()), indices = shapes.shape(getIndices()),
                          updates = shapes.shape(getUpdates());
  if (failed(checkIndexing(*this, 0, 1, getIndices())))
    return failure();
  auto count = indices.empty() ? std::nullopt : ShapeAnalysis::constantValue(indices.back());
  if (!count || *count > int64_t(input.size()))
    return emitOpError() << "needs indices whose last dimension is static and at most the input's rank " << input.size()
                         << ", got " << getIndices().getType();
  if (elementTypeOf(getUpdates()) != elementTypeOf(getInput()))
    return emitOpError() << "input and updates differ in element type: " << getInput().getType() << " and "
                         << getUpdates().getType();
  if (failed(checkKind(*this, getKind(), elementTypeOf(getInput()))))
    return failure();
  SmallVector<AffineExpr> expected(indices.begin(), indices.end() - 1);
  expected.append(input.begin() + *count, input.end());
  bool fits = expected.size() == updates.size();
  for (size_t d = 0; fits && d < expected.size(); ++d)
    fits = shapes.requireEqual(expected[d], updates[d]);
  if (!fits)
    return emitOpError() << "updates of type " << getUpdates().getType() << " do not fit indices of type "
                         << getIndices().getType() << " into " << getInput().getType();
  results.push_back({elementTypeOf(getInput()), input});
  return success();
}

SmallVector<Value> ScatterNDOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  int64_t tuples = rankOf(getIndices()) - 1, count = cast<RankedTensorType>(getIndices().getType()).getShape().back();
  return {scatter(e, getKind(), inits[0], getInput(), getUpdates(), tuples, [&](ValueRange indices) {
    SmallVector<Value> position, tuple(indices);
    for (int64_t i = 0; i < count; ++i) {
      tuple.resize(tuples);
      tuple.push_back(e.index(i));
      position.push_back(e.checkedIndex(e.load(getIndices(), tuple), e.dim(getInput(), i), "an index is out of range"));
    }
    return position;
  })};
}

//===------------------------------------------------------------------------------------------------------------------===//
// Cumulate: lines along an axis in parallel, each from one end to the other
//===------------------------------------------------------------------------------------------------------------------===//

LogicalResult CumulateOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  if (failed(checkIndexing(*this, getAxis(), rankOf(getInput()), {})))
    return failure();
  if (getKind() != ReduceKind::sum && getKind() != ReduceKind::prod)
    return emitOpError() << "cumulates sums or products, not '" << stringifyReduceKind(getKind()) << "'";
  results.push_back({elementTypeOf(getInput()), shapes.shape(getInput())});
  return success();
}

namespace {

struct Cumulation {
  CumulateOp op;
  KernelEmitter &e;
  const int64_t axis = op.getAxis();
  const Type elementType = elementTypeOf(op.getInput()), type = e.computeType(elementType);
  const SmallVector<AffineExpr> sizes = e.shapes.shape(op.getInput());

  Value neutral() { return e.scalar(type, op.getKind() == ReduceKind::sum ? 0 : 1); }

  /// The position along the axis of step `i`.
  Value place(Value i) { return op.getReverse() ? e.sub(e.sub(e.size(sizes[axis]), e.index(1)), i) : i; }

  /// From what lies before an element: what goes on after it, and what is written in its place.
  std::pair<Value, Value> step(ValueRange position, Value before) {
    Value x = e.widen(e.load(op.getInput(), position), elementType);
    Value after = op.getKind() == ReduceKind::sum ? e.accumulate(before, x) : e.product(before, x);
    return {after, e.toStorage(e.narrow(op.getExclusive() ? before : after, elementType), elementType)};
  }

  Value line(ValueRange position, Value slice) {
    return e.inOrder(e.index(0), e.size(sizes[axis]), {neutral(), slice},
                     [&](ValueRange i, ValueRange carried) -> SmallVector<Value> {
                       Value at = place(i[0]);
                       auto [after, written] = step(inLine(position, axis, at), carried[0]);
                       return {after, tensor::InsertOp::create(e.b, e.loc, written, carried[1], at)};
                     })[1];
  }

  /// Neighbouring lines along an outer axis: a block of the last dimension.
  KernelEmitter::Part block(ValueRange ivs, Value destination, int64_t capacity) {
    const std::pair<Value, OpFoldResult> range = tileRange(e, ivs.back(), sizes.back(), capacity);
    SmallVector<Value> start = inLine(ivs, axis, e.index(0));
    start.back() = range.first;
    SmallVector<OpFoldResult> offsets(start.begin(), start.end()), extents(start.size(), e.b.getIndexAttr(1));
    extents[axis] = getAsOpFoldResult(e.size(sizes[axis]));
    extents.back() = range.second;
    SmallVector<bool> drop(start.size(), true);
    drop[axis] = drop.back() = false;
    Value lines = slice(e, destination, offsets, extents, drop),
          end = getValueOrCreateConstantIndexOp(e.b, e.loc, range.second);
    Value sums = e.fill(tensor::EmptyOp::create(e.b, e.loc, {capacity}, type), neutral());
    Value result = e.inOrder(e.index(0), e.size(sizes[axis]), {sums, lines}, [&](ValueRange i, ValueRange outer) {
      Value at = place(i[0]);
      return e.inOrder(e.index(0), end, outer, [&](ValueRange line, ValueRange carried) -> SmallVector<Value> {
        SmallVector<Value> position(start);
        position[axis] = at;
        position.back() = e.add(range.first, line[0]);
        auto [after, written] = step(position, tensor::ExtractOp::create(e.b, e.loc, carried[0], line));
        return {tensor::InsertOp::create(e.b, e.loc, after, carried[0], line),
                tensor::InsertOp::create(e.b, e.loc, written, carried[1], ValueRange{at, line[0]})};
      });
    })[1];
    return {result, offsets, extents};
  }
};

} // namespace

SmallVector<Value> CumulateOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  constexpr int64_t linesPerBlock = 128;
  Cumulation cumulation{*this, e};
  const int64_t last = int64_t(cumulation.sizes.size()) - 1, axis = getAxis();
  if (axis == last)
    return {e.forEachLine(inits[0], axis,
                          [&](ValueRange position, Value slice) { return cumulation.line(position, slice); })};
  const int64_t lines = pickTile(cumulation.sizes[last], linesPerBlock);
  SmallVector<OpFoldResult> bounds;
  for (auto [d, size] : llvm::enumerate(cumulation.sizes))
    if (int64_t(d) != axis)
      bounds.push_back(getAsOpFoldResult(e.size(int64_t(d) == last ? tileCount(size, lines) : size)));
  return {e.forEach(bounds, inits[0],
                    [&](ValueRange ivs, Value destination) { return cumulation.block(ivs, destination, lines); })};
}
