//===- PackedConvOps.cpp - convolutions with the channels last --------------------------------------------------------------===//
//
// Tiles of pixels by a block of channels: one contraction into an accumulator over the whole reduction, see ContractionOps.cpp.
//
//===----------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Lepton/SeparableEmitter.h"
#include "dialects/Lepton/TileEmitter.h"

#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace lepton;

namespace {

/// What a convolution computes along one dimension: result `resultStart + resultStride * t`, for each t below `count`, sums `taps` taps of the filter from
/// `firstTap` on over the input at `start + stride * t + dilation * tap`.
struct Window {
  AffineExpr count;
  int64_t taps, stride, dilation;
  int64_t firstTap = 0, start = 0, resultStart = 0, resultStride = 1;
};

/// Emits a convolution of an image `[N, spatial..., C]` with a filter `[group, blocks, kernel..., C / group, B]`, or `[.., B, C / group]`.
struct PackedConvolution {
  KernelEmitter &e;
  Value input, filter, result;
  int64_t channels;   // of the result
  bool channelsInner; // of the filter: dot products along the input's channels
  ArrayRef<Window> windows = {};

  const ArrayRef<int64_t> filterShape = cast<RankedTensorType>(filter.getType()).getShape();
  const int64_t spatial = rankOf(input) - 2, groups = filterShape[0], blocks = filterShape[1],
                block = filterShape[spatial + (channelsInner ? 2 : 3)],
                depth = filterShape[spatial + (channelsInner ? 3 : 2)], perGroup = channels / groups;
  const Type inputElement = elementTypeOf(input), filterElement = elementTypeOf(filter),
             type = sumType(e.b, inputElement);
  SmallVector<int64_t> tiles = {}; // pixels of a tile along the last dimension, or the last two
  using Range = std::pair<Value, OpFoldResult>;

  OpFoldResult fixed(int64_t value) { return e.b.getIndexAttr(value); }

  /// Computes the results that the windows say, and returns the changed destination.
  Value emit(Value destination, ArrayRef<Window> windowsOfDims) {
    windows = windowsOfDims;
    const int64_t rows = tileRows(e);
    tiles = {pickTile(windows.back().count, rows)};
    if (spatial > 1 && tiles[0] <= shortRow && ShapeAnalysis::constantValue(windows.back().count))
      tiles.insert(tiles.begin(), pickTile(windows[spatial - 2].count, rows / tiles[0]));
    // A block of the filter is read for all pixels before the next one is: it stays in the cache, the input streams.
    SmallVector<OpFoldResult> bounds = {fixed(groups * blocks), getAsOpFoldResult(e.dim(input, 0))};
    for (auto [i, window] : llvm::enumerate(windows)) {
      const int64_t tiled = tileDim(i);
      bounds.push_back(getAsOpFoldResult(e.size(tiled < 0 ? window.count : tileCount(window.count, tiles[tiled]))));
    }
    return e.forEach(bounds, destination, [&](ValueRange ivs, Value whole) { return item(ivs, whole); });
  }

private:
  /// The dimension of tiles that spatial dimension `i` is; negative where a tile has one position along it.
  int64_t tileDim(int64_t i) const { return i + int64_t(tiles.size()) - spatial; }

  KernelEmitter::Part item(ValueRange ivs, Value destination) {
    Value group = groups == 1 ? e.index(0) : e.b.createOrFold<arith::DivUIOp>(e.loc, ivs[0], e.index(blocks));
    Value blockIndex = groups == 1 ? ivs[0] : Value(e.sub(ivs[0], e.mul(group, e.index(blocks))));
    SmallVector<Range> pixels;
    for (auto [i, window] : llvm::enumerate(windows)) {
      const int64_t tiled = tileDim(i);
      pixels.push_back(tiled < 0 ? Range(ivs[2 + i], fixed(1)) : tileRange(e, ivs[2 + i], window.count, tiles[tiled]));
    }
    Range outputs = tileRange(e, blockIndex, e.shapes.constant(perGroup), block);
    SmallVector<int64_t> capacity(tiles);
    capacity.push_back(block);
    SmallVector<OpFoldResult> sizes;
    for (const Range &range : ArrayRef(pixels).take_back(tiles.size()))
      sizes.push_back(range.second);
    sizes.push_back(fixed(block));
    Value sums = accumulatorTile(e, type, capacity, sizes);
    if (llvm::all_of(windows, [](const Window &window) { return window.taps > 0; }))
      sums = contract(e, inputOf(ivs[1], group, pixels), filterOf(group, blockIndex), sums, maps(), tiles.size() + 1,
                      inputElement, filterElement);
    return write(destination, sums, ivs[1], pixels,
                 {e.add(e.mul(group, e.index(perGroup)), outputs.first), outputs.second});
  }

  /// The part of the input under the windows of a tile.
  Value inputOf(Value image, Value group, ArrayRef<Range> pixels) {
    SmallVector<OpFoldResult> offsets = {image}, sizes = {fixed(1)};
    for (auto [window, range] : llvm::zip_equal(windows, pixels)) {
      offsets.push_back(e.add(e.mul(range.first, e.index(window.stride)), e.index(window.start)));
      sizes.push_back(reachOf(e, range.second, window.stride, e.index((window.taps - 1) * window.dilation + 1)));
    }
    offsets.push_back(e.mul(group, e.index(depth)));
    sizes.push_back(fixed(depth));
    SmallVector<bool> drop(offsets.size(), false);
    drop[0] = true;
    return slice(e, e.tensor(input), offsets, sizes, drop);
  }

  Value filterOf(Value group, Value blockIndex) {
    SmallVector<OpFoldResult> offsets = {group, blockIndex}, sizes = {fixed(1), fixed(1)};
    for (const Window &window : windows) {
      offsets.push_back(fixed(window.firstTap));
      sizes.push_back(fixed(window.taps));
    }
    offsets.append({fixed(0), fixed(0)});
    sizes.append({fixed(filterShape.drop_back().back()), fixed(filterShape.back())});
    SmallVector<bool> drop(offsets.size(), false);
    drop[0] = drop[1] = true;
    return slice(e, e.tensor(filter), offsets, sizes, drop);
  }

  /// Of input, filter and sums over the dimensions: the tile's pixels, output channel, taps, input channel.
  SmallVector<AffineMap> maps() {
    MLIRContext *context = e.b.getContext();
    const int64_t tiled = tiles.size(), all = tiled + 1 + spatial + 1;
    auto dim = [&](int64_t d) { return getAffineDimExpr(d, context); };
    AffineExpr output = dim(tiled), channel = dim(all - 1);
    SmallVector<AffineExpr> inputDims, filterDims, sumDims;
    for (int64_t i = 0; i < spatial; ++i) {
      AffineExpr tap = dim(tiled + 1 + i), position = tap * windows[i].dilation;
      if (const int64_t tile = tileDim(i); tile >= 0) {
        position = dim(tile) * windows[i].stride + position;
        sumDims.push_back(dim(tile));
      }
      inputDims.push_back(position);
      filterDims.push_back(tap);
    }
    inputDims.push_back(channel);
    filterDims.append({channelsInner ? output : channel, channelsInner ? channel : output});
    sumDims.push_back(output);
    auto map = [&](ArrayRef<AffineExpr> results) { return AffineMap::get(all, 0, results, context); };
    return {map(inputDims), map(filterDims), map(sumDims)};
  }

  KernelEmitter::Part write(Value destination, Value sums, Value image, ArrayRef<Range> pixels, const Range &outputs) {
    SmallVector<Value> start = {image};
    SmallVector<OpFoldResult> sizes = {fixed(1)};
    SmallVector<int64_t> steps = {1};
    for (auto [window, range] : llvm::zip_equal(windows, pixels)) {
      start.push_back(e.add(e.mul(range.first, e.index(window.resultStride)), e.index(window.resultStart)));
      sizes.push_back(range.second);
      steps.push_back(window.resultStride);
    }
    start.push_back(outputs.first);
    sizes.push_back(outputs.second);
    steps.push_back(1);
    return writeTile(e, result, destination, sums, start, sizes, steps);
  }
};

} // namespace

/// Checks the filter of a packed convolution and its input's channels.
static LogicalResult checkPackedFilter(Operation *op, ShapeAnalysis &shapes, Value input, Value filter,
                                       bool channelsInner) {
  auto type = cast<RankedTensorType>(filter.getType());
  if (type.getRank() != rankOf(input) + 2 || !type.hasStaticShape())
    return op->emitOpError() << "needs a static filter with two dimensions more than the input, got " << type << " for "
                             << input.getType();
  const int64_t depth = type.getDimSize(type.getRank() - (channelsInner ? 1 : 2));
  if (!shapes.requireEqual(shapes.shape(input).back(), shapes.constant(type.getDimSize(0) * depth)))
    return op->emitOpError() << "input and filter differ in their channels: " << input.getType() << " and " << type;
  return success();
}

LogicalResult PackedConvOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  if (failed(checkPackedFilter(*this, shapes, getInput(), getFilter(), getChannelsInner())))
    return failure();
  SmallVector<AffineExpr> x = shapes.shape(getInput()), w = shapes.shape(getFilter());
  const int64_t spatial = int64_t(x.size()) - 2;
  if (failed(checkWindow(*this, spatial, getStrides(), getDilations(), {}, false)))
    return failure();
  SmallVector<AffineExpr> dims = {x[0]};
  for (int64_t i = 0; i < spatial; ++i)
    dims.push_back(windowCount(shapes, x[1 + i], w[2 + i], getStrides()[i], getDilations()[i]));
  dims.push_back(shapes.constant(getChannels()));
  OpBuilder b(getContext());
  results.push_back({contractionResultType(b, elementTypeOf(getInput())), dims});
  return success();
}

SmallVector<Value> PackedConvOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  if (DepthwiseConvOp depthwise = depthwiseInKernel(e, *this))
    return emitSeparable(e, *this, depthwise, inits);
  e.materialize(getInput());
  e.materialize(getFilter());
  SmallVector<AffineExpr> y = e.shapes.shape(getResult());
  SmallVector<Window> windows;
  for (auto [i, stride] : llvm::enumerate(getStrides()))
    windows.push_back(
        {y[1 + i], cast<RankedTensorType>(getFilter().getType()).getDimSize(2 + i), stride, getDilations()[i]});
  PackedConvolution convolution{e, getInput(), getFilter(), getResult(), int64_t(getChannels()), getChannelsInner()};
  return {convolution.emit(inits[0], windows)};
}

SmallVector<TransposedDim> PackedConvTransposeOp::dims() {
  ArrayRef<int64_t> filter = cast<RankedTensorType>(getFilter().getType()).getShape();
  return transposedDims(filter.drop_front(2), getStrides(), getDilations(), getPads(), getOutputPadding());
}

LogicalResult PackedConvTransposeOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  if (failed(checkPackedFilter(*this, shapes, getInput(), getFilter(), getChannelsInner())))
    return failure();
  SmallVector<AffineExpr> x = shapes.shape(getInput()), w = shapes.shape(getFilter());
  const int64_t spatial = int64_t(x.size()) - 2;
  if (failed(checkWindow(*this, spatial, getStrides(), getDilations(), getPads(), true)))
    return failure();
  if (int64_t(getOutputPadding().size()) != spatial)
    return emitOpError() << "needs one output padding for each of the " << spatial << " spatial dimensions";
  SmallVector<AffineExpr> sizes = {x[0]};
  for (auto [i, dim] : llvm::enumerate(dims()))
    sizes.push_back((x[1 + i] - (dim.padBefore + dim.padAfter + 1)) * dim.stride + getOutputPadding()[i] +
                    (w[2 + i] - 1) * getDilations()[i] + 1 - getPads()[i] - getPads()[spatial + i]);
  sizes.push_back(shapes.constant(getChannels()));
  results.push_back({elementTypeOf(getInput()), sizes});
  return success();
}

/// One phase of all dimensions after the other.
SmallVector<Value> PackedConvTransposeOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  e.materialize(getInput());
  e.materialize(getFilter());
  SmallVector<AffineExpr> y = e.shapes.shape(getResult());
  const SmallVector<TransposedDim> dims = this->dims();
  PackedConvolution convolution{e, getInput(), getFilter(), getResult(), int64_t(getChannels()), getChannelsInner()};
  Value destination = inits[0];
  forEachTap(getStrides(), [&](ArrayRef<int64_t> phases) {
    SmallVector<Window> windows;
    for (auto [i, dim] : llvm::enumerate(dims)) {
      const TransposedDim::Phase &phase = dim.phases[phases[i]];
      windows.push_back({dim.count(y[1 + i], phases[i]), phase.taps, /*stride=*/1, dim.dilation, phase.first,
                         phase.start, phases[i], dim.stride});
    }
    destination = convolution.emit(destination, windows);
  });
  return {destination};
}
