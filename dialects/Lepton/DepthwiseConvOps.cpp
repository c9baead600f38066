//===- DepthwiseConvOps.cpp - one filter per channel, channels last ----------------------------------------------------===//

#include "dialects/Lepton/SeparableEmitter.h"
#include "dialects/Lepton/TileEmitter.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace lepton;

LogicalResult DepthwiseConvOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> x = shapes.shape(getInput()), w = shapes.shape(getFilter());
  int64_t spatial = int64_t(x.size()) - 2;
  if (w.size() + 1 != x.size() || !cast<RankedTensorType>(getFilter().getType()).hasStaticShape())
    return emitOpError() << "needs a static filter with one dimension less than the input, got "
                         << getFilter().getType() << " for " << getInput().getType();
  if (failed(checkWindow(*this, spatial, getStrides(), getDilations(), {}, false)))
    return failure();
  if (!shapes.requireEqual(x.back(), w.back()))
    return emitOpError() << "input and filter differ in their channels: " << getInput().getType() << " and "
                         << getFilter().getType();
  SmallVector<AffineExpr> dims = {x[0]};
  for (int64_t i = 0; i < spatial; ++i)
    dims.push_back(windowCount(shapes, x[1 + i], w[i], getStrides()[i], getDilations()[i]));
  dims.push_back(x.back());
  OpBuilder b(getContext());
  results.push_back({contractionResultType(b, elementTypeOf(getInput())), dims});
  return success();
}

/// Channels of one item of work: whole vectors that divide them, few enough that the pixels under a row of windows stay in the first-level cache.
static int64_t channelBlock(TargetAttr target, AffineExpr channels, Type element) {
  const int64_t lanes = target.lanes(element), count = ShapeAnalysis::constantValue(channels).value_or(0);
  for (int64_t vectors = 4; vectors > 1; --vectors)
    if (count && count % (vectors * lanes) == 0)
      return vectors * lanes;
  return count && count % lanes ? std::min(count, 2 * lanes) : lanes;
}

DepthwiseTiles DepthwiseTiles::of(KernelEmitter &e, DepthwiseConvOp op) {
  const SmallVector<AffineExpr> sizes = e.shapes.shape(op.getResult());
  return {.e = e,
          .op = op,
          .pixels = pickTile(*(sizes.end() - 2), tileRows(e)),
          .channels = channelBlock(targetOf(op), sizes.back(), sumType(e.b, elementTypeOf(op.getInput())))};
}

Value DepthwiseTiles::sums(ValueRange position, const Range &pixelRange, const Range &channelRange) {
  MLIRContext *context = op.getContext();
  auto filterType = cast<RankedTensorType>(op.getFilter().getType());
  const int64_t last = spatial - 1;
  // Dimensions of the generic: pixel, channel; the window's.
  AffineExpr pixel = getAffineDimExpr(0, context), channel = getAffineDimExpr(1, context);
  OpFoldResult zero = e.b.getIndexAttr(0);
  SmallVector<AffineExpr> inputDims, filterDims;
  SmallVector<OpFoldResult> inputOffsets = {position[0]}, inputSizes = {e.b.getIndexAttr(1)},
                            filterOffsets(spatial, zero), filterSizes;
  for (int64_t i = 0; i < spatial; ++i) {
    const int64_t stride = op.getStrides()[i], dilation = op.getDilations()[i], taps = filterType.getDimSize(i),
                  reach = (taps - 1) * dilation + 1;
    AffineExpr tap = getAffineDimExpr(2 + i, context);
    inputDims.push_back(i == last ? pixel * stride + tap * dilation : tap * dilation);
    filterDims.push_back(tap);
    inputOffsets.push_back(e.mul(i == last ? pixelRange.first : position[1 + i], e.index(stride)));
    inputSizes.push_back(i == last ? reachOf(e, pixelRange.second, stride, e.index(reach)) : e.b.getIndexAttr(reach));
    filterSizes.push_back(e.b.getIndexAttr(taps));
  }
  inputDims.push_back(channel);
  filterDims.push_back(channel);
  inputOffsets.push_back(channelRange.first);
  inputSizes.push_back(channelRange.second);
  filterOffsets.push_back(channelRange.first);
  filterSizes.push_back(channelRange.second);
  SmallVector<bool> drop(spatial + 2, false), keep(spatial + 1, false);
  drop[0] = true;
  Value input = slice(e, e.tensor(op.getInput()), inputOffsets, inputSizes, drop),
        filter = slice(e, e.tensor(op.getFilter()), filterOffsets, filterSizes, keep);
  auto map = [&](ArrayRef<AffineExpr> results) { return AffineMap::get(2 + spatial, 0, results, context); };
  Type inputElement = elementTypeOf(op.getInput()), filterElement = elementTypeOf(op.getFilter());
  Value zeros =
      accumulatorTile(e, sumType(e.b, inputElement), {pixels, channels}, {pixelRange.second, channelRange.second});
  return contract(e, input, filter, zeros, {map(inputDims), map(filterDims), map({pixel, channel})}, 2, inputElement,
                  filterElement);
}

SmallVector<Value> DepthwiseConvOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  e.materialize(getInput());
  e.materialize(getFilter());
  DepthwiseTiles tiles = DepthwiseTiles::of(e, *this);
  const SmallVector<AffineExpr> &y = tiles.sizes;
  const int64_t spatial = tiles.spatial;
  SmallVector<OpFoldResult> bounds = {getAsOpFoldResult(e.size(tileCount(y.back(), tiles.channels)))};
  for (int64_t i = 0; i < spatial; ++i)
    bounds.push_back(getAsOpFoldResult(e.size(y[i])));
  bounds.push_back(getAsOpFoldResult(e.size(tileCount(y[spatial], tiles.pixels))));
  return {e.forEach(bounds, inits[0], [&](ValueRange ivs, Value destination) -> KernelEmitter::Part {
    auto channels = tileRange(e, ivs[0], y.back(), tiles.channels),
         pixels = tileRange(e, ivs.back(), y[spatial], tiles.pixels);
    ValueRange position = ivs.slice(1, spatial);
    SmallVector<Value> start(position);
    start.append({pixels.first, channels.first});
    SmallVector<OpFoldResult> sizes(spatial, e.b.getIndexAttr(1));
    sizes.append({pixels.second, channels.second});
    return writeTile(e, getResult(), destination, tiles.sums(position, pixels, channels), start, sizes);
  })};
}
