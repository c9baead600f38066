//===- SeparableEmitter.cpp - depthwise and pointwise convolutions in one kernel ----------------------------------------===//
//
// An item of work takes some rows of an image through both: the depthwise convolution leaves its rows, with what follows it, in a buffer of the item, from
// which the pointwise one reads all channels of a pixel. So what lies between the two never leaves the first levels of the cache.
//
//===--------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/SeparableEmitter.h"
#include "dialects/Lepton/TileEmitter.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lepton;

/// The rows of an item between the two convolutions: they share the first levels of the cache with what they are computed from.
static constexpr int64_t rowBytes = 64 << 10;

static int64_t bytesOf(RankedTensorType type, int64_t elements) {
  return elements * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
}

/// Whether anything that stays reads a result of `op`: what a rewriting has replaced is still there until the end of its pass.
static bool isRead(Operation *op, int depth = 4) {
  return depth == 0 || op->getNumResults() == 0 ||
         llvm::any_of(op->getUsers(), [&](Operation *user) { return isRead(user, depth - 1); });
}

DepthwiseConvOp lepton::depthwiseBefore(Value input, Operation *reader) {
  constexpr size_t mostOps = 16;
  llvm::SmallSetVector<Operation *, mostOps> between;
  SmallVector<Operation *> pending = {input.getDefiningOp()};
  DepthwiseConvOp found;
  while (!pending.empty()) {
    Operation *op = pending.pop_back_val();
    if (!op || op->getNumResults() != 1 || op->getResult(0).getType() != input.getType() || between.size() == mostOps)
      return {};
    if (!between.insert(op))
      continue;
    auto depthwise = dyn_cast<DepthwiseConvOp>(op);
    if (!depthwise && !isa<ElementwiseOpInterface>(op))
      return {};
    if (depthwise && found)
      return {};
    found = depthwise ? depthwise : found;
    for (Value operand : op->getOperands())
      if (!depthwise && operand.getType() == input.getType())
        pending.push_back(operand.getDefiningOp());
  }
  auto isInside = [&](Operation *user) { return user == reader || between.contains(user) || !isRead(user); };
  const bool isOnlyRead = llvm::all_of(between, [&](Operation *op) { return llvm::all_of(op->getUsers(), isInside); });
  return isOnlyRead ? found : DepthwiseConvOp();
}

bool lepton::paysByRows(DepthwiseConvOp op) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  if (type.getRank() != 4 || !type.hasStaticShape() || !isa<FloatType>(type.getElementType()))
    return false;
  ArrayRef<int64_t> shape = type.getShape();
  return bytesOf(type, shape[1] * shape[2] * shape[3]) > targetOf(op).getL2() &&
         bytesOf(type, shape[2] * shape[3]) <= rowBytes;
}

DepthwiseConvOp lepton::fusedDepthwise(PackedConvOp op) {
  ArrayRef<int64_t> filter = cast<RankedTensorType>(op.getFilter().getType()).getShape();
  auto isOne = [](int64_t size) { return size == 1; };
  if (rankOf(op.getInput()) != 4 || op.getChannelsInner() || filter[0] != 1 ||
      !llvm::all_of(filter.slice(2, 2), isOne) || !llvm::all_of(op.getStrides(), isOne))
    return {};
  DepthwiseConvOp depthwise = depthwiseBefore(op.getInput(), op);
  return depthwise && paysByRows(depthwise) ? depthwise : DepthwiseConvOp();
}

DepthwiseConvOp lepton::depthwiseInKernel(KernelEmitter &e, PackedConvOp op) {
  return e.tensor(op.getInput()) ? DepthwiseConvOp() : fusedDepthwise(op);
}

namespace {

struct Separable {
  KernelEmitter &e;
  PackedConvOp pointwise;
  DepthwiseConvOp depthwise;

  const ArrayRef<int64_t> shape = cast<RankedTensorType>(depthwise.getResult().getType()).getShape(), // [N, H, W, C]
      filterShape = cast<RankedTensorType>(pointwise.getFilter().getType()).getShape(); // [1, blocks, 1, 1, C, B]
  const int64_t width = shape[2], depth = shape[3], block = filterShape.back(), channels = pointwise.getChannels();
  const int64_t rows = largestDivisor(shape[1], std::max<int64_t>(1, rowBytes / elementBytes() / (width * depth)));
  const int64_t pixels = pickTile(constant(width), tileRows(e)),
                rowsOfTile = pixels <= shortRow ? largestDivisor(rows, tileRows(e) / pixels) : 1;
  using Range = std::pair<Value, OpFoldResult>;

  SmallVector<Value> emit(ValueRange inits) {
    e.materialize(depthwise.getInput());
    e.materialize(depthwise.getFilter());
    e.materialize(pointwise.getFilter());
    if (depthwise.getResult() != pointwise.getInput())
      e.setFinal(depthwise.getResult(), pointwise.getInput());
    SmallVector<OpFoldResult> bounds = {fixed(shape[0]), fixed(shape[1] / rows)};
    return {e.forEach(bounds, inits[0], [&](ValueRange ivs, Value destination) -> KernelEmitter::Part {
      Value first = e.mul(ivs[1], e.index(rows));
      SmallVector<OpFoldResult> offsets = {ivs[0], first, fixed(0), fixed(0)},
                                sizes = {fixed(1), fixed(rows), fixed(width), fixed(channels)};
      Value part = slice(e, destination, offsets, sizes, SmallVector<bool>(4, false));
      return {mixChannels(part, filterRows(ivs[0], first), ivs[0], first), offsets, sizes};
    })};
  }

private:
  OpFoldResult fixed(int64_t value) { return e.b.getIndexAttr(value); }
  AffineExpr constant(int64_t value) const { return getAffineConstantExpr(value, e.b.getContext()); }
  int64_t elementBytes() { return bytesOf(cast<RankedTensorType>(depthwise.getResult().getType()), 1); }

  /// Writes `value`, whose element at an index of its own `own` gives, to a part of `whole`: the final element of `result`, of which `whole` begins at `start`.
  Value write(Value whole, Value result, ArrayRef<Value> start, ArrayRef<OpFoldResult> offsets,
              ArrayRef<OpFoldResult> sizes, KernelEmitter::ElementFn own) {
    SmallVector<Value> global;
    for (auto [begin, offset] : llvm::zip_equal(start, offsets))
      global.push_back(e.add(begin, getValueOrCreateConstantIndexOp(e.b, e.loc, offset)));
    Value part = slice(e, whole, offsets, sizes, SmallVector<bool>(4, false));
    SmallVector<OpFoldResult> strides(4, fixed(1));
    return tensor::InsertSliceOp::create(e.b, e.loc, e.finish(part, result, global, own), whole, offsets, sizes,
                                         strides);
  }

  /// The item's rows of what lies between the convolutions: [1, rows, width, depth].
  Value filterRows(Value image, Value first) {
    DepthwiseTiles tiles = DepthwiseTiles::of(e, depthwise);
    Value memory = tensor::EmptyOp::create(e.b, e.loc, ArrayRef<int64_t>{1, rows, width, depth},
                                           KernelEmitter::storageType(elementTypeOf(pointwise.getInput())));
    SmallVector<AffineExpr> counts = {tileCount(constant(depth), tiles.channels), constant(rows),
                                      tileCount(constant(width), tiles.pixels)};
    return e.inOrder(counts, memory, [&](ValueRange ivs, ValueRange carried) -> SmallVector<Value> {
      Range channelRange = tileRange(e, ivs[0], constant(depth), tiles.channels),
            pixelRange = tileRange(e, ivs[2], constant(width), tiles.pixels);
      Value sums = tiles.sums({image, e.add(first, ivs[1])}, pixelRange, channelRange);
      return {write(carried.front(), depthwise.getResult(), {image, first, e.index(0), e.index(0)},
                    {fixed(0), ivs[1], pixelRange.first, channelRange.first},
                    {fixed(1), fixed(1), pixelRange.second, channelRange.second}, [&](ValueRange local) {
                      return fromAccumulator(e, sums, local.take_back(2), depthwise.getResult());
                    })};
    })[0];
  }

  /// The pointwise convolution of the item's rows, written to its part of the result.
  Value mixChannels(Value part, Value filtered, Value image, Value first) {
    SmallVector<AffineExpr> counts = {constant(filterShape[1]), constant(rows / rowsOfTile),
                                      tileCount(constant(width), pixels)};
    return e.inOrder(counts, part, [&](ValueRange ivs, ValueRange carried) -> SmallVector<Value> {
      Range outputs = tileRange(e, ivs[0], constant(channels), block),
            pixelRange = tileRange(e, ivs[2], constant(width), pixels);
      Value row = e.mul(ivs[1], e.index(rowsOfTile));
      Value sums = contractTile(filtered, row, pixelRange, ivs[0]);
      return {write(carried.front(), pointwise.getResult(), {image, first, e.index(0), e.index(0)},
                    {fixed(0), row, pixelRange.first, outputs.first},
                    {fixed(1), fixed(rowsOfTile), pixelRange.second, outputs.second}, [&](ValueRange local) {
                      return fromAccumulator(e, sums, local.take_back(rankOf(sums)), pointwise.getResult());
                    })};
    })[0];
  }

  /// Pixels of a row, or of several short ones, by a block of the filter: sums over the channels.
  Value contractTile(Value filtered, Value row, const Range &pixelRange, Value blockIndex) {
    const bool hasRows = rowsOfTile > 1;
    Value lhs = slice(e, filtered, {fixed(0), row, pixelRange.first, fixed(0)},
                      {fixed(1), fixed(rowsOfTile), pixelRange.second, fixed(depth)}, {true, !hasRows, false, false});
    Value rhs = slice(
        e, e.tensor(pointwise.getFilter()), {fixed(0), blockIndex, fixed(0), fixed(0), fixed(0), fixed(0)},
        {fixed(1), fixed(1), fixed(1), fixed(1), fixed(depth), fixed(block)}, {true, true, true, true, false, false});
    auto dim = [&](int64_t d) { return getAffineDimExpr(d, e.b.getContext()); };
    SmallVector<AffineExpr> pixelDims = {dim(0)};
    SmallVector<int64_t> capacity = {pixels};
    SmallVector<OpFoldResult> sizes = {pixelRange.second};
    if (hasRows) {
      pixelDims.push_back(dim(1));
      capacity.insert(capacity.begin(), rowsOfTile);
      sizes.insert(sizes.begin(), fixed(rowsOfTile));
    }
    const int64_t parallel = int64_t(pixelDims.size()) + 1;
    AffineExpr output = dim(parallel - 1), channel = dim(parallel);
    capacity.push_back(block);
    sizes.push_back(fixed(block));
    auto map = [&](ArrayRef<AffineExpr> results) { return AffineMap::get(parallel + 1, 0, results, e.b.getContext()); };
    auto pixelsBy = [&](AffineExpr last) {
      SmallVector<AffineExpr> results(pixelDims);
      results.push_back(last);
      return map(results);
    };
    Type lhsElement = elementTypeOf(pointwise.getInput()), rhsElement = elementTypeOf(pointwise.getFilter());
    return contract(e, lhs, rhs, accumulatorTile(e, sumType(e.b, lhsElement), capacity, sizes),
                    {pixelsBy(channel), map({channel, output}), pixelsBy(output)}, parallel, lhsElement, rhsElement);
  }
};

} // namespace

SmallVector<Value> lepton::emitSeparable(KernelEmitter &e, PackedConvOp pointwise, DepthwiseConvOp depthwise,
                                         ValueRange inits) {
  return Separable{e, pointwise, depthwise}.emit(inits);
}
