//===- NormalizationOps.cpp - softmax and normalisations -----------------------------------------------------------------===//
//
// One slice of the input after the other. What is along the last dimension is read twice, for its statistics in blocks that stay in the first-level cache, and to
// be normalised. Where vectors run along channels, the statistics of a few channels after those of others come first, and then all is normalised in the order of
// memory.
//
//===------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/AttentionEmitter.h"
#include "dialects/Lepton/ReductionEmitter.h"
#include "dialects/Lepton/TileEmitter.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lepton;

/// Positions along the last dimension that share a slice where that dimension is not reduced: vectors run along them, few enough for their sums to be registers.
static constexpr int64_t lanesPerSlice = 32;
/// Fewer positions than this would leave most of a vector empty.
static constexpr int64_t fewestLanes = 4;
/// Elements of a block of a slice, with lanes or along the last dimension: few enough to be still in the first-level cache when they are read again, and for their sum
/// to be exact where no vectors share it.
static constexpr int64_t laneBlockElements = 4096, lineBlockElements = 2048;

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
  const int64_t mostLanes = pickTile(e.shapes.shape(input).back(), lanesPerSlice); // of a slice
  Value merged;                // the input with one dimension in place of the axes
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

  /// Makes one of several axes that lie side by side in memory, so that a sum goes through them in one loop. Returns whether there is one then.
  bool mergeAxes() {
    if (axes.size() == 1)
      return true;
    Value memory = e.tensor(input);
    if (!memory || axes.empty() || axes.back() - axes.front() + 1 != int64_t(axes.size()) || !llvm::is_sorted(axes))
      return false;
    SmallVector<ReassociationIndices> groups;
    for (int64_t d = 0; d < rankOf(input); ++d)
      if (d <= axes.front() || d > axes.back())
        groups.push_back({d});
      else
        groups.back().push_back(d);
    merged = tensor::CollapseShapeOp::create(e.b, e.loc, memory, groups);
    return true;
  }

  /// Where the slice begins in the tensor.
  SmallVector<Value> start() {
    return inputIndices(rankOf(input), axes, position, SmallVector<Value>(axes.size(), e.index(0)));
  }

  /// How many slices there are along the dimensions that are no axes.
  SmallVector<OpFoldResult> counts() {
    const int64_t rank = rankOf(input);
    const SmallVector<AffineExpr> shape = e.shapes.shape(input);
    SmallVector<OpFoldResult> counts;
    for (int64_t d : otherDims(rank, axes))
      counts.push_back(
          getAsOpFoldResult(e.size(hasLanes && d == rank - 1 ? tileCount(shape[d], mostLanes) : shape[d])));
    return counts;
  }

  /// What follows is about slice number `at`.
  void enter(ValueRange at) {
    position = hasLanes ? at.drop_back() : at;
    if (hasLanes)
      std::tie(firstLane, lanes) = tileRange(e, at.back(), e.shapes.shape(input).back(), mostLanes);
  }

  /// Calls `write` for each part of `init`; it returns the part's new value. The part keeps the rank of `init`, or has none but the slice's dimensions.
  Value forEach(Value init, bool keepsRank, llvm::function_ref<Value(Value)> write) {
    const int64_t rank = rankOf(input);
    if (axes.size() == size_t(rank))
      return write(init);
    return e.forEach(counts(), init, [&](ValueRange at, Value destination) -> KernelEmitter::Part {
      enter(at);
      SmallVector<OpFoldResult> offsets, extents;
      SmallVector<bool> drop;
      size_t next = 0;
      for (int64_t d = 0; d < rank; ++d) {
        const bool isLane = hasLanes && d == rank - 1, isAxis = llvm::is_contained(axes, d);
        offsets.push_back(isLane ? OpFoldResult(firstLane) : isAxis ? e.b.getIndexAttr(0) : OpFoldResult(at[next++]));
        extents.push_back(isLane   ? lanes
                          : isAxis ? getAsOpFoldResult(e.dim(input, d))
                                   : OpFoldResult(e.b.getIndexAttr(1)));
        drop.push_back(!keepsRank && !isLane && !isAxis);
      }
      return {write(lepton::slice(e, destination, offsets, extents, drop)), offsets, extents};
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

  /// The same where `i` is an index along the one axis, with the lane.
  Value loadMerged(ValueRange i) {
    if (!merged)
      return load(i);
    SmallVector<Value> indices(position);
    if (hasLanes)
      indices.push_back(e.add(firstLane, i.back()));
    indices.insert(indices.begin() + axes.front(), i.front());
    return widen(e, e.fromStorage(tensor::ExtractOp::create(e.b, e.loc, merged, indices), elementType), elementType,
                 type);
  }

  /// Memory for one number per lane.
  Value perLane() {
    if (!hasLanes)
      return e.temporary({}, type);
    return slice(e, tensor::EmptyOp::create(e.b, e.loc, {mostLanes}, type), {e.b.getIndexAttr(0)}, {lanes}, {false});
  }

  /// What `perLane` memory holds for the lane of `i`.
  Value at(Value numbers, ValueRange i) {
    return tensor::ExtractOp::create(e.b, e.loc, numbers, hasLanes ? i.take_back() : ValueRange());
  }

  /// Reduces what `element` gives over `extents` to one number per lane.
  Value reduceOver(ReduceKind kind, ArrayRef<OpFoldResult> extents, llvm::function_ref<Value(ValueRange)> element) {
    Value init = e.fill(perLane(), neutral(e, kind, type, false));
    return lepton::reduceOver(e, init, extents, [&](ValueRange lane, ValueRange inner, Value accumulator) {
      SmallVector<Value> i(inner);
      llvm::append_range(i, lane);
      return combine(e, kind, accumulator, element(i), false);
    });
  }

  /// The same over a slice. A sum along lanes is added up line by line, so that its error stays that of shorter sums.
  Value reduce(ReduceKind kind, llvm::function_ref<Value(ValueRange)> element) {
    SmallVector<OpFoldResult> extents;
    for (AffineExpr size : sizes)
      extents.push_back(getAsOpFoldResult(e.size(size)));
    if (!hasLanes || sizes.size() == 1)
      return reduceOver(kind, extents, element);
    Value total = e.fill(perLane(), neutral(e, kind, type, false));
    return e.inOrder(sizes.front(), total, [&](ValueRange outer, ValueRange carried) -> SmallVector<Value> {
      Value line = reduceOver(kind, ArrayRef(extents).drop_front(), [&](ValueRange inner) {
        SmallVector<Value> i(outer);
        llvm::append_range(i, inner);
        return element(i);
      });
      Value sum = carried.front();
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
  return {slices.forEach(inits[0], false, [&](Value slice) { return softmaxSlice(slices, *this, slice); })};
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

namespace {

/// Statistics of slices: the mean, and what the distances from it are multiplied with; with `rms` only what the elements are multiplied with.
struct Statistics {
  KernelEmitter &e;
  Slices &slices;
  bool rms;
  double epsilon;
  bool inBlocks; // slices have one axis, and are read from memory once
  Type type = slices.type;
  using Moments = std::pair<Value, Value>; // the mean and the sum of the squares of the distances from it, of each lane
  using Reduction = llvm::function_ref<Value(llvm::function_ref<Value(ValueRange)> element)>;

  Value sub(Value l, Value r) { return arith::SubFOp::create(e.b, e.loc, l, r); }
  Value div(Value l, Value r) { return arith::DivFOp::create(e.b, e.loc, l, r); }

  /// The mean and the factor of a slice, one for each lane.
  std::pair<Value, Value> ofSlice() {
    const AffineExpr size = e.shapes.product(slices.sizes);
    Value count = number(e.size(size));
    auto [mean, squares] = inBlocks ? ofBlocks(size) : ofWhole(count);
    Value scale = e.map(slices.perLane(), type, [&, squares = squares](ValueRange i) {
      Value variance = arith::AddFOp::create(e.b, e.loc, div(slices.at(squares, i), count), e.scalar(type, epsilon));
      return div(e.scalar(type, 1), math::SqrtOp::create(e.b, e.loc, variance));
    });
    return {mean, scale};
  }

  /// The factors of all slices that have lanes, and after them their means: [2, the dimensions that are no axes].
  Value ofLanes() {
    SmallVector<AffineExpr> sizes = {e.shapes.constant(rms ? 1 : 2)};
    for (int64_t d : otherDims(rankOf(slices.input), slices.axes))
      sizes.push_back(e.shapes.dim(slices.input, d));
    return e.forEach(slices.counts(), e.temporary(sizes, type), [&](ValueRange at, Value all) -> KernelEmitter::Part {
      slices.enter(at);
      SmallVector<OpFoldResult> offsets = {e.b.getIndexAttr(0)}, extents = {getAsOpFoldResult(e.size(sizes[0]))};
      SmallVector<bool> drop(1 + slices.position.size(), true);
      llvm::append_range(offsets, getAsOpFoldResult(slices.position));
      extents.append(slices.position.size(), e.b.getIndexAttr(1));
      offsets.push_back(slices.firstLane);
      extents.push_back(slices.lanes);
      drop.front() = false;
      drop.push_back(false);
      auto [mean, scale] = ofSlice();
      Value part = e.map(slice(e, all, offsets, extents, drop), type, [&, mean = mean, scale = scale](ValueRange i) {
        Value isScale = e.compare(arith::CmpIPredicate::eq, i.front(), e.index(0)), factor = slices.at(scale, i);
        return mean ? e.select(isScale, factor, slices.at(mean, i)) : factor;
      });
      return {part, offsets, extents};
    });
  }

private:
  Value number(Value count) {
    Value n = e.toI64(count);
    return emitCast(e, n, n.getType(), type);
  }

  /// Of `count` elements that `load` reads and `sum` adds up.
  Moments of(Value count, llvm::function_ref<Value(ValueRange)> load, Reduction sum) {
    Value mean;
    if (!rms) {
      Value total = sum(load);
      mean = e.map(slices.perLane(), type, [&](ValueRange i) { return div(slices.at(total, i), count); });
    }
    Value squares = sum([&](ValueRange i) {
      Value x = mean ? sub(load(i), slices.at(mean, i)) : load(i);
      return e.product(x, x);
    });
    return {mean, squares};
  }

  Moments ofWhole(Value count) {
    return of(
        count, [&](ValueRange i) { return slices.load(i); },
        [&](llvm::function_ref<Value(ValueRange)> element) { return slices.reduce(ReduceKind::sum, element); });
  }

  /// Of `extent` elements from `begin` on along the one axis.
  Moments ofBlock(Value begin, OpFoldResult extent, Value count) {
    return of(
        count,
        [&](ValueRange local) {
          SmallVector<Value> i(local);
          i.front() = e.add(begin, i.front());
          return slices.loadMerged(i);
        },
        [&](llvm::function_ref<Value(ValueRange)> element) {
          return slices.reduceOver(ReduceKind::sum, extent, element);
        });
  }

  /// Of a slice with one axis, which is read from memory once: block by block, whose statistics are joined by the formula of Chan, Golub and LeVeque.
  Moments ofBlocks(AffineExpr size) {
    const int64_t block = pickTile(size, slices.hasLanes ? laneBlockElements / slices.mostLanes : lineBlockElements);
    if (ShapeAnalysis::constantValue(size).value_or(block + 1) <= block)
      return ofBlock(e.index(0), e.b.getIndexAttr(block), number(e.index(block)));
    Value zero = e.scalar(type, 0);
    SmallVector<Value> moments = {e.fill(slices.perLane(), zero), e.fill(slices.perLane(), zero), zero};
    moments = e.inOrder(tileCount(size, block), moments, [&](ValueRange iv, ValueRange all) -> SmallVector<Value> {
      auto [begin, extent] = tileRange(e, iv.front(), size, block);
      Value count = number(getValueOrCreateConstantIndexOp(e.b, e.loc, extent));
      return join(all, ofBlock(begin, extent, count), count);
    });
    return {moments[0], moments[1]};
  }

  /// The moments and the number of all elements so far, `all`, with a block's.
  SmallVector<Value> join(ValueRange all, Moments block, Value blockCount) {
    Value mean = all[0], squares = all[1], count = all[2], both = arith::AddFOp::create(e.b, e.loc, count, blockCount),
          share = div(blockCount, both);
    auto distance = [&](ValueRange i) { return sub(slices.at(block.first, i), slices.at(mean, i)); };
    squares = e.map(squares, type, [&](ValueRange i) {
      Value d = distance(i), between = e.product(e.product(d, d), e.product(count, share));
      return e.accumulate(slices.at(squares, i), e.accumulate(slices.at(block.second, i), between));
    });
    mean = e.map(mean, type,
                 [&](ValueRange i) { return e.accumulate(slices.at(mean, i), e.product(distance(i), share)); });
    return {mean, squares, both};
  }
};

} // namespace

SmallVector<Value> NormalizeOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  Slices slices(e, getInput(), getAxes());
  // A GPU's threads share out a slice as a whole.
  const bool inBlocks = !getRms() && !targetOf(*this).isGpu() && slices.mergeAxes();
  Statistics statistics{e, slices, getRms(), getEpsilon().convertToDouble(), inBlocks};
  auto normalized = [&](Value x, Value mean, Value scale) {
    Value centred = mean ? statistics.sub(x, mean) : x;
    return narrow(e, arith::MulFOp::create(e.b, e.loc, centred, scale), slices.type, slices.elementType);
  };
  if (slices.hasLanes) {
    // In the order of memory, which slices of a few lanes are not.
    Value all = statistics.ofLanes();
    return {e.finish(inits[0], getResult(), {}, [&](ValueRange i) {
      SmallVector<Value> at = {e.index(0)};
      for (int64_t d : otherDims(i.size(), getAxes()))
        at.push_back(i[d]);
      Value scale = tensor::ExtractOp::create(e.b, e.loc, all, at), mean;
      at[0] = e.index(1);
      if (!getRms())
        mean = tensor::ExtractOp::create(e.b, e.loc, all, at);
      return normalized(widen(e, e.load(getInput(), i), slices.elementType, slices.type), mean, scale);
    })};
  }
  return {slices.forEach(inits[0], true, [&](Value part) {
    auto [mean, scale] = statistics.ofSlice();
    return e.finish(part, getResult(), slices.start(), [&, mean = mean, scale = scale](ValueRange local) {
      SmallVector<Value> i;
      for (int64_t axis : getAxes())
        i.push_back(local[axis]);
      return normalized(slices.load(i), mean ? slices.at(mean, i) : Value(), slices.at(scale, i));
    });
  })};
}
