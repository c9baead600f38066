//===- MovementOps.cpp - ops that move, view or generate data -------------------------------------------------------===//

#include "dialects/Lepton/LeptonOps.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;
using namespace lepton;
using F = SizeFunction;

//===------------------------------------------------------------------------------------------------------------------===//
// Constant
//===------------------------------------------------------------------------------------------------------------------===//

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

LogicalResult ConstantOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> dims;
  for (int64_t size : getValue().getShapedType().getShape())
    dims.push_back(shapes.constant(size));
  results.push_back({getValue().getElementType(), dims});
  return success();
}

//===------------------------------------------------------------------------------------------------------------------===//
// Views
//===------------------------------------------------------------------------------------------------------------------===//

/// More dimensions than any network has: a rank past it is a mistake, and could take all memory.
static constexpr int64_t largestRank = 64;

static LogicalResult checkShapeOperand(Operation *op, RankedTensorType type) {
  if (type.getRank() != 1 || type.isDynamicDim(0))
    return op->emitOpError()
           << "needs a shape operand of one dimension and static length, so that the result's rank is known, got "
           << type;
  if (type.getDimSize(0) > largestRank)
    return op->emitOpError() << "asks for " << type.getDimSize(0) << " dimensions; at most " << largestRank
                             << " are supported";
  return success();
}

LogicalResult ReshapeOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  auto shapeType = cast<RankedTensorType>(getShape().getType());
  if (failed(checkShapeOperand(*this, shapeType)))
    return failure();
  SmallVector<AffineExpr> input = shapes.shape(getInput()), dims;
  AffineExpr known = shapes.constant(1);
  int64_t inferred = -1;
  SmallVector<std::pair<int64_t, AffineExpr>> data; // sizes that only the run knows: 0 and -1 keep their meanings
  for (int64_t i = 0; i < shapeType.getDimSize(0); ++i) {
    AffineExpr size = shapes.element(getShape(), i);
    if (shapes.isData(size)) {
      data.push_back({i, size});
      if (!getAllowzero() && i < int64_t(input.size()))
        size = shapes.apply(F::Select, {shapes.apply(F::Eq, {size, shapes.constant(0)}), input[i], size});
    }
    auto value = ShapeAnalysis::constantValue(size);
    if (value == 0 && !getAllowzero()) {
      if (i >= int64_t(input.size()))
        return emitOpError() << "copies size " << i << " of the input, which has only " << input.size()
                             << " dimensions";
      size = input[i];
    } else if (value == -1) {
      if (inferred >= 0)
        return emitOpError() << "has more than one -1 in the shape";
      inferred = i;
      dims.push_back({});
      continue;
    } else if (value && *value < 0) {
      return emitOpError() << "has the negative size " << *value << " in the shape";
    }
    dims.push_back(size);
    known = known * size;
  }
  AffineExpr total = shapes.product(input);
  auto totalValue = ShapeAnalysis::constantValue(total), knownValue = ShapeAnalysis::constantValue(known);
  if (inferred >= 0) {
    if (totalValue && knownValue && (*knownValue == 0 || *totalValue % *knownValue))
      return emitOpError() << "cannot infer size " << inferred << ": " << *totalValue << " elements do not divide by "
                           << *knownValue;
    dims[inferred] = shapes.exactDiv(total, known);
  }
  if (dims.size() == 1 && !data.empty())
    dims[0] = total; // whatever the operand says, and without waiting for it
  else if (inferred < 0)
    for (auto [i, raw] : data) {
      SmallVector<AffineExpr> others;
      for (auto [j, size] : llvm::enumerate(dims))
        if (int64_t(j) != i)
          others.push_back(size);
      AffineExpr rest = shapes.apply(F::DivS, {total, shapes.product(others)});
      dims[i] = shapes.apply(F::Select, {shapes.apply(F::Eq, {raw, shapes.constant(-1)}), rest, dims[i]});
    }
  AffineExpr given = shapes.product(dims);
  if (!shapes.requireEqualProducts(total, given))
    return emitOpError() << "turns " << *ShapeAnalysis::constantValue(total) << " elements into "
                         << *ShapeAnalysis::constantValue(given);
  results.push_back({elementTypeOf(getInput()), dims});
  return success();
}

LogicalResult SqueezeOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> dims;
  for (auto [i, size] : llvm::enumerate(llvm::to_vector(shapes.shape(getInput())))) {
    if (!llvm::is_contained(getAxes(), int64_t(i))) {
      dims.push_back(size);
      continue;
    }
    if (!shapes.requireEqual(size, shapes.constant(1)))
      return emitOpError() << "squeezes dimension " << i << " of size " << *ShapeAnalysis::constantValue(size)
                           << "; only a size of 1 can go";
  }
  results.push_back({elementTypeOf(getInput()), dims});
  return success();
}

LogicalResult UnsqueezeOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> dims = shapes.shape(getInput());
  for (int64_t axis : getAxes()) {
    if (axis < 0 || axis > int64_t(dims.size()))
      return emitOpError() << "has the axis " << axis << " out of range";
    dims.insert(dims.begin() + axis, shapes.constant(1));
  }
  results.push_back({elementTypeOf(getInput()), dims});
  return success();
}

LogicalResult FlattenOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  const auto &dims = shapes.shape(getInput());
  int64_t axis = getAxis();
  if (axis < 0 || axis > int64_t(dims.size()))
    return emitOpError() << "has the axis " << axis << " out of range for rank " << dims.size();
  ArrayRef<AffineExpr> all = dims;
  results.push_back(
      {elementTypeOf(getInput()), {shapes.product(all.take_front(axis)), shapes.product(all.drop_front(axis))}});
  return success();
}

//===------------------------------------------------------------------------------------------------------------------===//
// Shape, Transpose, Expand
//===------------------------------------------------------------------------------------------------------------------===//

LogicalResult ShapeOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  if (getStart() > uint64_t(rankOf(getInput())) || getEnd() > uint64_t(rankOf(getInput())))
    return emitOpError() << "asks for dimensions past rank " << rankOf(getInput());
  results.push_back(
      {IntegerType::get(getContext(), 64), {shapes.constant(std::max<int64_t>(getEnd() - getStart(), 0))}});
  return success();
}

Value ShapeOp::emitElement(KernelEmitter &e, unsigned, ValueRange indices) {
  Value result = e.scalar(e.b.getI64Type(), 0);
  for (int64_t d = getStart(); d < int64_t(getEnd()); ++d) {
    Value size = e.b.createOrFold<arith::IndexCastOp>(e.loc, e.b.getI64Type(), e.dim(getInput(), d));
    result = e.select(e.compare(arith::CmpIPredicate::eq, indices[0], e.index(d - getStart())), size, result);
  }
  return result;
}

LogicalResult TransposeOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> input = shapes.shape(getInput()), dims;
  if (!isPermutationVector(getPerm()) || getPerm().size() != input.size())
    return emitOpError() << "perm is no permutation of the input's " << input.size() << " dimensions";
  for (int64_t d : getPerm())
    dims.push_back(input[d]);
  results.push_back({elementTypeOf(getInput()), dims});
  return success();
}

Value TransposeOp::emitElement(KernelEmitter &e, unsigned, ValueRange indices) {
  SmallVector<Value> source(indices.size());
  for (auto [i, d] : llvm::enumerate(getPerm()))
    source[d] = indices[i];
  return e.load(getInput(), source);
}

/// The dimension of the channels, beside the spatial ones.
static int64_t channelDim(DepthToSpaceOp op) { return op.getFirstSpatial() == 2 ? 1 : rankOf(op.getInput()) - 1; }

LogicalResult DepthToSpaceOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> dims = shapes.shape(getInput());
  int64_t spatial = getBlock().size(), pixels = llvm::product_of(getBlock());
  if (int64_t(dims.size()) != spatial + 2 || (getFirstSpatial() != 1 && getFirstSpatial() != 2) ||
      llvm::any_of(getBlock(), [](int64_t size) { return size < 1; }))
    return emitOpError() << "needs a positive block size for each spatial dimension, which start at 1 or 2";
  AffineExpr &channels = dims[channelDim(*this)];
  if (ShapeAnalysis::constantValue(channels % pixels).value_or(0) != 0)
    return emitOpError() << "needs a number of channels that divides by " << pixels << ", got " << getInput().getType();
  channels = shapes.exactDiv(channels, shapes.constant(pixels));
  for (auto [i, size] : llvm::enumerate(getBlock()))
    dims[getFirstSpatial() + i] = dims[getFirstSpatial() + i] * size;
  results.push_back({elementTypeOf(getInput()), dims});
  return success();
}

Value DepthToSpaceOp::emitElement(KernelEmitter &e, unsigned, ValueRange indices) {
  SmallVector<Value> source(indices);
  Value pixel = e.index(0);
  for (auto [i, size] : llvm::enumerate(getBlock())) {
    Value &at = source[getFirstSpatial() + i];
    Value outside = e.b.createOrFold<arith::DivUIOp>(e.loc, at, e.index(size));
    pixel = e.add(e.mul(pixel, e.index(size)), e.sub(at, e.mul(outside, e.index(size))));
    at = outside;
  }
  Value &channel = source[channelDim(*this)];
  channel = getChannelsOutside() ? e.add(e.mul(channel, e.index(llvm::product_of(getBlock()))), pixel)
                                 : e.add(e.mul(pixel, e.dim(getResult(), channelDim(*this))), channel);
  return e.load(getInput(), source);
}

LogicalResult ExpandOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  auto shapeType = cast<RankedTensorType>(getShape().getType());
  if (failed(checkShapeOperand(*this, shapeType)))
    return failure();
  SmallVector<AffineExpr> input = shapes.shape(getInput()), dims;
  int64_t rank = std::max<int64_t>(input.size(), shapeType.getDimSize(0));
  for (int64_t i = 0; i < rank; ++i) {
    int64_t fromInput = i - (rank - int64_t(input.size())), fromShape = i - (rank - shapeType.getDimSize(0));
    AffineExpr own = fromInput >= 0 ? input[fromInput] : shapes.constant(1);
    AffineExpr wanted = fromShape >= 0 ? shapes.element(getShape(), fromShape) : shapes.constant(1);
    AffineExpr size = shapes.broadcast(own, wanted);
    if (!size)
      return emitOpError() << "cannot broadcast size " << *ShapeAnalysis::constantValue(own) << " to "
                           << *ShapeAnalysis::constantValue(wanted);
    dims.push_back(size);
  }
  results.push_back({elementTypeOf(getInput()), dims});
  return success();
}

Value ExpandOp::emitElement(KernelEmitter &e, unsigned, ValueRange indices) {
  SmallVector<AffineExpr> sizes = e.shapes.shape(getResult());
  return e.loadBroadcast(getInput(), sizes, indices);
}

//===------------------------------------------------------------------------------------------------------------------===//
// Slice
//===------------------------------------------------------------------------------------------------------------------===//

void SliceOp::getBounds(ShapeAnalysis &shapes, SmallVectorImpl<AffineExpr> &starts, SmallVectorImpl<AffineExpr> &sizes,
                        SmallVectorImpl<AffineExpr> &steps) {
  AffineExpr zero = shapes.constant(0), one = shapes.constant(1);
  for (AffineExpr size : llvm::to_vector(shapes.shape(getInput()))) {
    starts.push_back(zero);
    sizes.push_back(size);
    steps.push_back(one);
  }
  for (auto [i, axis] : llvm::enumerate(getAxes())) {
    AffineExpr size = sizes[axis], start = shapes.element(getStarts(), i), end = shapes.element(getEnds(), i),
               step = shapes.element(getSteps(), i);
    auto fromEnd = [&](AffineExpr x) { return shapes.apply(F::Select, {shapes.apply(F::Lt, {x, zero}), x + size, x}); };
    auto clamp = [&](AffineExpr x, AffineExpr low, AffineExpr high) {
      return shapes.apply(F::Max, {shapes.apply(F::Min, {x, high}), low});
    };
    AffineExpr back = shapes.apply(F::Lt, {step, zero});
    auto choose = [&](AffineExpr whenBack, AffineExpr whenForth) {
      return shapes.apply(F::Select, {back, whenBack, whenForth});
    };
    // Whole dimensions are common (end = INT64_MAX): keep the size's own expression.
    auto constantEnd = ShapeAnalysis::constantValue(end), constantStart = ShapeAnalysis::constantValue(start),
         constantStep = ShapeAnalysis::constantValue(step);
    bool toTheEnd = constantEnd && *constantEnd >= std::numeric_limits<int32_t>::max() && constantStep > 0;
    AffineExpr first = choose(clamp(fromEnd(start), zero, size - 1), clamp(fromEnd(start), zero, size));
    if (constantStart == 0 && constantStep > 0)
      first = zero;
    AffineExpr last =
        toTheEnd ? size : choose(clamp(fromEnd(end), shapes.constant(-1), size - 1), clamp(fromEnd(end), zero, size));
    // ceil((last - first) / step), at least 0.
    AffineExpr span = last - first;
    AffineExpr count = constantStep == 1 ? span : shapes.apply(F::DivS, {span + step + choose(one, -one), step});
    if (!(constantStep > 0)) // backwards through no elements, the bounds are not in order
      count = shapes.apply(F::Min, {count, size});
    starts[axis] = first;
    steps[axis] = step;
    sizes[axis] = toTheEnd && constantStart == 0 && constantStep == 1 ? size : shapes.apply(F::Max, {count, zero});
  }
}

std::optional<SmallVector<int64_t>> SliceOp::getOffsets(ShapeAnalysis &shapes) {
  if (!getResult().getType().hasStaticShape() || !getInput().getType().hasStaticShape())
    return std::nullopt;
  SmallVector<AffineExpr> starts, sizes, steps;
  getBounds(shapes, starts, sizes, steps);
  SmallVector<int64_t> offsets;
  for (auto [start, step] : llvm::zip_equal(starts, steps)) {
    auto offset = ShapeAnalysis::constantValue(start);
    if (!offset || ShapeAnalysis::constantValue(step) != 1)
      return std::nullopt;
    offsets.push_back(*offset);
  }
  return offsets;
}

LogicalResult SliceOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  for (Value bounds : {getStarts(), getEnds(), getSteps()}) {
    auto type = cast<RankedTensorType>(bounds.getType());
    if (type.getRank() != 1 || type.getDimSize(0) != int64_t(getAxes().size()))
      return emitOpError() << "starts, ends and steps must have one entry for each of the " << getAxes().size()
                           << " axes, got " << type;
  }
  for (auto [i, axis] : llvm::enumerate(getAxes())) {
    if (axis < 0 || axis >= rankOf(getInput()))
      return emitOpError() << "has the axis " << axis << " out of range for rank " << rankOf(getInput());
    if (ShapeAnalysis::constantValue(shapes.element(getSteps(), i)) == 0)
      return emitOpError() << "has a step of 0 on axis " << axis;
  }
  SmallVector<AffineExpr> starts, sizes, steps;
  getBounds(shapes, starts, sizes, steps);
  results.push_back({elementTypeOf(getInput()), sizes});
  return success();
}

Value SliceOp::emitElement(KernelEmitter &e, unsigned, ValueRange indices) {
  SmallVector<AffineExpr> starts, sizes, steps;
  getBounds(e.shapes, starts, sizes, steps);
  SmallVector<Value> source;
  for (auto [index, start, step] : llvm::zip_equal(indices, starts, steps))
    source.push_back(e.add(e.mul(index, e.size(step)), e.size(start)));
  return e.load(getInput(), source);
}

//===------------------------------------------------------------------------------------------------------------------===//
// Concat, Insert, Gather
//===------------------------------------------------------------------------------------------------------------------===//

LogicalResult ConcatOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  if (getInputs().empty())
    return emitOpError() << "needs at least one input";
  SmallVector<AffineExpr> dims = shapes.shape(getInputs()[0]);
  if (getAxis() >= dims.size())
    return emitOpError() << "has the axis " << getAxis() << " out of range for rank " << dims.size();
  for (Value input : getInputs().drop_front()) {
    SmallVector<AffineExpr> other = shapes.shape(input);
    if (other.size() != dims.size() || elementTypeOf(input) != elementTypeOf(getInputs()[0]))
      return emitOpError() << "inputs differ in rank or element type: " << getInputs()[0].getType() << " and "
                           << input.getType();
    for (auto [i, size] : llvm::enumerate(other)) {
      if (i == getAxis()) {
        dims[i] = dims[i] + size;
        continue;
      }
      if (!shapes.requireEqual(dims[i], size))
        return emitOpError() << "inputs differ in dimension " << i
                             << ", which is not the axis: " << *ShapeAnalysis::constantValue(dims[i]) << " and "
                             << *ShapeAnalysis::constantValue(size);
      if (ShapeAnalysis::constantValue(size))
        dims[i] = size;
    }
  }
  results.push_back({elementTypeOf(getInputs()[0]), dims});
  return success();
}

/// Inputs whose size along the axis is 1 (or which the axis is known to pass by) still copy as slices; each is a loop nest of its own.
SmallVector<Value> ConcatOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  Value result = inits[0];
  auto type = cast<RankedTensorType>(result.getType());
  AffineExpr offset = e.shapes.constant(0);
  for (Value input : getInputs()) {
    SmallVector<AffineExpr> sizes = e.shapes.shape(input);
    if (ShapeAnalysis::constantValue(sizes[getAxis()]) == 0)
      continue; // would start past the end, which a slice's verifier refuses
    SmallVector<OpFoldResult> offsets(type.getRank(), e.b.getIndexAttr(0)), extents,
        strides(type.getRank(), e.b.getIndexAttr(1));
    offsets[getAxis()] = getAsOpFoldResult(e.size(offset));
    for (AffineExpr size : sizes)
      extents.push_back(getAsOpFoldResult(e.size(size)));
    Value part = tensor::ExtractSliceOp::create(e.b, e.loc, result, offsets, extents, strides);
    part = e.map(part, elementTypeOf(input), [&](ValueRange indices) { return e.load(input, indices); });
    result = tensor::InsertSliceOp::create(e.b, e.loc, part, result, offsets, extents, strides);
    offset = offset + sizes[getAxis()];
  }
  return {result};
}

LogicalResult InsertOp::inferShapes(ShapeAnalysis &, SmallVectorImpl<ResultShape> &results) {
  auto part = getPart().getType(), whole = getWhole().getType();
  const int64_t rank = whole.getRank();
  bool fits = part.hasStaticShape() && whole.hasStaticShape() && part.getElementType() == whole.getElementType() &&
              part.getRank() == rank && int64_t(getOffsets().size()) == rank;
  for (int64_t d = 0; fits && d < rank; ++d)
    fits = getOffsets()[d] >= 0 && getOffsets()[d] <= whole.getDimSize(d) - part.getDimSize(d);
  if (!fits)
    return emitOpError() << "needs a static part that lies in the whole, got " << part << " at " << getOffsetsAttr()
                         << " of " << whole;
  SmallVector<AffineExpr> sizes;
  for (int64_t size : whole.getShape())
    sizes.push_back(getAffineConstantExpr(size, getContext()));
  results.push_back({whole.getElementType(), sizes});
  return success();
}

LogicalResult GatherOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> input = shapes.shape(getInput());
  const auto &indices = shapes.shape(getIndices());
  if (getAxis() >= input.size())
    return emitOpError() << "has the axis " << getAxis() << " out of range for rank " << input.size();
  if (!isa<IntegerType>(elementTypeOf(getIndices())))
    return emitOpError() << "needs integer indices, got " << getIndices().getType();
  SmallVector<AffineExpr> dims(input.begin(), input.begin() + getAxis());
  dims.append(indices.begin(), indices.end());
  dims.append(input.begin() + getAxis() + 1, input.end());
  results.push_back({elementTypeOf(getInput()), dims});
  return success();
}

Value GatherOp::emitElement(KernelEmitter &e, unsigned, ValueRange indices) {
  int64_t axis = getAxis(), count = rankOf(getIndices());
  auto position = [&] {
    Value raw = e.load(getIndices(), indices.slice(axis, count));
    return e.checkedIndex(raw, e.dim(getInput(), axis), "an index is out of range");
  };
  SmallVector<Value> source(indices.begin(), indices.begin() + axis);
  source.push_back(count == 0 && e.tensor(getIndices()) ? e.beforeNest(position) : position());
  source.append(indices.begin() + axis + count, indices.end());
  return e.load(getInput(), source);
}
