//===- NormalizationOps.cpp - softmax and normalisations -----------------------------------------------------------------===//
//
// One slice of the input after the other, each small enough to stay in the cache while its statistics are computed and applied.
//
//===------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/AttentionEmitter.h"
#include "dialects/Lepton/ReductionEmitter.h"
#include "dialects/Lepton/TileEmitter.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lepton;

/// Positions along the last dimension that share a slice where that dimension is not reduced: vectors run along them.
static constexpr int64_t lanesPerSlice = 64;
/// Fewer positions than this would leave most of a vector empty.
static constexpr int64_t fewestLanes = 4;

static SmallVector<int64_t> otherDims(int64_t rank, ArrayRef<int64_t> axes) {
  SmallVector<int64_t> dims;
  for (int64_t d = 0; d < rank; ++d)
    if (!llvm::is_contained(axes, d))
      dims.push_back(d);
  return dims;
}

namespace {

/// Slices of a tensor along `axes`: one for each position along the other dimensions; or, where the last dimension is one of those and no tiny one, for each position
/// along them but a block of positions (lanes) along the last. Inside a slice, `i` are indices along `axes`, with the lane last.
struct Slices {
  KernelEmitter &e;
  Value input;
  SmallVector<int64_t> axes;
  Type elementType, type;        // of the tensor, and in which is computed
  SmallVector<AffineExpr> sizes; // along the axes
  bool hasLanes;
  SmallVector<Value> position; // of the slice
  Value firstLane;
  OpFoldResult lanes;

  Slices(KernelEmitter &e, Value input, ArrayRef<int64_t> axes)
      : e(e), input(input), axes(axes), elementType(elementTypeOf(input)), type(accumulatorType(e.b, elementType)),
        hasLanes(!llvm::is_contained(axes, rankOf(input) - 1) &&
                 ShapeAnalysis::constantValue(e.shapes.shape(input).back()).value_or(lanesPerSlice) >= fewestLanes) {
    for (int64_t axis : axes)
      sizes.push_back(e.shapes.dim(input, axis));
  }

  /// Calls `slice` for each part of `init`; it returns the part's new value.
  Value forEach(Value init, llvm::function_ref<Value(Value)> slice) {
    const int64_t rank = rankOf(input);
    SmallVector<int64_t> others = otherDims(rank, axes);
    if (!hasLanes)
      return e.forEachSlice(init, others, [&](ValueRange at, Value part) {
        position = at;
        return slice(part);
      });
    const SmallVector<AffineExpr> shape = e.shapes.shape(input);
    SmallVector<OpFoldResult> bounds;
    for (int64_t d : others)
      bounds.push_back(getAsOpFoldResult(e.size(d == rank - 1 ? tileCount(shape[d], lanesPerSlice) : shape[d])));
    return e.forEach(bounds, init, [&](ValueRange at, Value destination) -> KernelEmitter::Part {
      position = at.drop_back();
      std::tie(firstLane, lanes) = tileRange(e, at.back(), shape.back(), lanesPerSlice);
      SmallVector<OpFoldResult> offsets, extents;
      SmallVector<bool> drop;
      size_t next = 0;
      for (int64_t d = 0; d < rank; ++d) {
        const bool isLane = d == rank - 1, isAxis = llvm::is_contained(axes, d);
        offsets.push_back(isLane ? OpFoldResult(firstLane) : isAxis ? e.b.getIndexAttr(0) : OpFoldResult(at[next++]));
        extents.push_back(isLane   ? lanes
                          : isAxis ? getAsOpFoldResult(e.size(shape[d]))
                                   : OpFoldResult(e.b.getIndexAttr(1)));
        drop.push_back(!isLane && !isAxis);
      }
      return {slice(lepton::slice(e, destination, offsets, extents, drop)), offsets, extents};
    });
  }

  /// The element at `i` in the type of computations.
  Value load(ValueRange i) {
    SmallVector<Value> kept(position);
    if (hasLanes)
      kept.push_back(e.add(firstLane, i.back()));
    return widen(e, e.load(input, inputIndices(rankOf(input), axes, kept, hasLanes ? i.drop_back() : i)), elementType,
                 type);
  }

  /// Memory for one number per lane.
  Value perLane() {
    if (!hasLanes)
      return e.temporary({}, type);
    return slice(e, tensor::EmptyOp::create(e.b, e.loc, {lanesPerSlice}, type), {e.b.getIndexAttr(0)}, {lanes},
                 {false});
  }

  /// What `perLane` memory holds for the lane of `i`.
  Value at(Value numbers, ValueRange i) {
    return tensor::ExtractOp::create(e.b, e.loc, numbers, hasLanes ? i.take_back() : ValueRange());
  }

  /// Reduces what `element` gives to one number per lane. A sum along lanes is added up line by line, so that its error stays that of shorter sums.
  Value reduce(ReduceKind kind, llvm::function_ref<Value(ValueRange)> element) {
    auto over = [&](ArrayRef<AffineExpr> extents, ValueRange outer) {
      Value init = e.fill(perLane(), neutral(e, kind, type, false));
      return e.reduce(init, extents, [&](ValueRange lane, ValueRange inner, Value accumulator) {
        SmallVector<Value> i(outer);
        llvm::append_range(i, inner);
        llvm::append_range(i, lane);
        return combine(e, kind, accumulator, element(i), false);
      });
    };
    if (!hasLanes || sizes.size() == 1)
      return over(sizes, {});
    Value total = e.fill(perLane(), neutral(e, kind, type, false));
    return e.inOrder(sizes.front(), total, [&](ValueRange outer, ValueRange carried) -> SmallVector<Value> {
      Value line = over(ArrayRef(sizes).drop_front(), outer), sum = carried.front();
      return {e.map(sum, type, [&](ValueRange i) { return combine(e, kind, at(sum, i), at(line, i), false); })};
    })[0];
  }
};

} // namespace

LogicalResult SoftmaxOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  if (getAxis() >= uint64_t(rankOf(getInput())))
    return emitOpError() << "has the axis " << getAxis() << " out of range for rank " << rankOf(getInput());
  if (!isa<FloatType>(elementTypeOf(getInput())))
    return emitOpError() << "needs floating-point numbers, got " << getInput().getType();
  results.push_back({elementTypeOf(getInput()), shapes.shape(getInput())});
  return success();
}

/// The softmax of a slice, into memory of its shape.
static Value softmaxSlice(Slices &slices, SoftmaxOp op, Value slice) {
  KernelEmitter &e = slices.e;
  Type type = slices.type;
  Value max = slices.reduce(ReduceKind::max, [&](ValueRange i) { return slices.load(i); });
  auto sub = [&](Value l, Value r) -> Value { return arith::SubFOp::create(e.b, e.loc, l, r); };
  // The exponentials are kept: computing them is dearer than storing them.
  SmallVector<OpFoldResult> extents = tensor::getMixedSizes(e.b, e.loc, slice);
  Value exps = e.map(tensor::EmptyOp::create(e.b, e.loc, extents, type), type, [&](ValueRange i) -> Value {
    return math::ExpOp::create(e.b, e.loc, sub(slices.load(i), slices.at(max, i)));
  });
  Value sum = slices.reduce(ReduceKind::sum,
                            [&](ValueRange i) -> Value { return tensor::ExtractOp::create(e.b, e.loc, exps, i); });
  // What each element is combined with: the logarithm of the sum, or its reciprocal.
  Value factor = e.map(slices.perLane(), type, [&](ValueRange i) -> Value {
    if (!op.getLog())
      return arith::DivFOp::create(e.b, e.loc, e.scalar(type, 1), slices.at(sum, i));
    return arith::AddFOp::create(e.b, e.loc, slices.at(max, i), math::LogOp::create(e.b, e.loc, slices.at(sum, i)));
  });
  return e.map(slice, slices.elementType, [&](ValueRange i) {
    Value y = op.getLog() ? sub(slices.load(i), slices.at(factor, i))
                          : e.product(tensor::ExtractOp::create(e.b, e.loc, exps, i), slices.at(factor, i));
    return narrow(e, y, type, slices.elementType);
  });
}

SmallVector<Value> SoftmaxOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  Slices slices(e, getInput(), {int64_t(getAxis())});
  return {slices.forEach(inits[0], [&](Value slice) { return softmaxSlice(slices, *this, slice); })};
}

Value lepton::softmaxRow(KernelEmitter &e, SoftmaxOp op, ValueRange position, Value row) {
  Slices slices(e, op.getInput(), {rankOf(op.getInput()) - 1});
  slices.position = position;
  return softmaxSlice(slices, op, row);
}

LogicalResult NormalizeOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  for (int64_t axis : getAxes())
    if (axis < 0 || axis >= rankOf(getInput()))
      return emitOpError() << "has the axis " << axis << " out of range for rank " << rankOf(getInput());
  if (!isa<FloatType>(elementTypeOf(getInput())))
    return emitOpError() << "needs floating-point numbers, got " << getInput().getType();
  results.push_back({elementTypeOf(getInput()), shapes.shape(getInput())});
  return success();
}

SmallVector<Value> NormalizeOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  Slices slices(e, getInput(), getAxes());
  Type type = slices.type;
  auto sub = [&](Value l, Value r) -> Value { return arith::SubFOp::create(e.b, e.loc, l, r); };
  auto div = [&](Value l, Value r) -> Value { return arith::DivFOp::create(e.b, e.loc, l, r); };
  return {slices.forEach(inits[0], [&](Value slice) {
    Value n = e.b.createOrFold<arith::IndexCastOp>(e.loc, e.b.getI64Type(), e.size(e.shapes.product(slices.sizes)));
    Value count = emitCast(e, n, n.getType(), type);
    Value mean;
    if (!getRms()) {
      Value sum = slices.reduce(ReduceKind::sum, [&](ValueRange i) { return slices.load(i); });
      mean = e.map(slices.perLane(), type, [&](ValueRange i) { return div(slices.at(sum, i), count); });
    }
    auto centred = [&](ValueRange i) { return mean ? sub(slices.load(i), slices.at(mean, i)) : slices.load(i); };
    Value squares = slices.reduce(ReduceKind::sum, [&](ValueRange i) {
      Value x = centred(i);
      return e.product(x, x);
    });
    Value scale = e.map(slices.perLane(), type, [&](ValueRange i) {
      Value variance = arith::AddFOp::create(e.b, e.loc, div(slices.at(squares, i), count),
                                             e.scalar(type, getEpsilon().convertToDouble()));
      return div(e.scalar(type, 1), math::SqrtOp::create(e.b, e.loc, variance));
    });
    return e.map(slice, slices.elementType, [&](ValueRange i) {
      return narrow(e, arith::MulFOp::create(e.b, e.loc, centred(i), slices.at(scale, i)), type, slices.elementType);
    });
  })};
}
