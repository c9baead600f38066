//===- WinogradOps.cpp - convolutions with fewer multiplications --------------------------------------------------===//
//
// Tiles of the input are transformed along each dimension, all channels at once in vectors; then each position in a tile is a matrix
// product over the channels; then tiles are transformed back, and the ops fused after the convolution are applied.
//
//===----------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Lepton/TileEmitter.h"
#include "dialects/Lepton/WinogradTransforms.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace lepton;

/// Accumulators of one item of work fit the stack of a thread, and the first levels of the cache.
static constexpr int64_t accumulatorBytes = 64 << 10;

/// The widest vector that divides a number of channels.
static VectorType channelVector(KernelEmitter &e, int64_t channels, Type element) {
  int64_t lanes = targetOf(e.b.getInsertionBlock()->getParentOp()).lanes(element);
  while (channels % lanes)
    lanes /= 2;
  return VectorType::get(lanes, element);
}

static Value readVector(KernelEmitter &e, VectorType type, Value tensor, ValueRange at) {
  return vector::TransferReadOp::create(e.b, e.loc, type, tensor, at, e.scalar(type.getElementType(), 0),
                                        ArrayRef<bool>{true});
}

static Value writeVector(KernelEmitter &e, Value vector, Value tensor, ValueRange at) {
  return vector::TransferWriteOp::create(e.b, e.loc, vector, tensor, at, ArrayRef<bool>{true}).getResult();
}

/// for (iv = 0; iv < count; iv += step) tensor = body(iv, tensor)
static Value loop(KernelEmitter &e, int64_t count, int64_t step, Value tensor,
                  llvm::function_ref<Value(Value, Value)> body) {
  auto op = scf::ForOp::create(e.b, e.loc, e.index(0), e.index(count), e.index(step), tensor);
  OpBuilder::InsertionGuard guard(e.b);
  e.b.setInsertionPointToStart(op.getBody());
  scf::YieldOp::create(e.b, e.loc, body(op.getInductionVar(), op.getRegionIterArg(0)));
  return op.getResult(0);
}

//===----------------------------------------------------------------------------------------------------------------===//
// The input
//===----------------------------------------------------------------------------------------------------------------===//

LogicalResult WinogradInputOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  auto type = getInput().getType();
  int64_t m = getTile();
  if (!isWinogradTile(m) || type.getRank() != 4 || !type.hasStaticShape() || !isa<FloatType>(type.getElementType()))
    return emitOpError() << "needs tiles of 2, 4 or 6 and a static channels-last image of floats, got " << type;
  int64_t h = type.getDimSize(1) - 2, w = type.getDimSize(2) - 2;
  if (h <= 0 || w <= 0 || h % m || w % m)
    return emitOpError() << "needs an image of whole tiles of " << m << " and 2 more, got " << type;
  results.push_back({type.getElementType(),
                     {shapes.constant((m + 2) * (m + 2)), shapes.constant(type.getDimSize(0) * (h / m) * (w / m)),
                      shapes.constant(type.getDimSize(3))}});
  return success();
}

/// The pixels of a tile, of its window (`side` along a dimension) or of its outputs, where tiles are numbered by rows and columns, or in a line by blocks and
/// within one.
static SmallVector<SmallVector<Value>> pixelsOf(KernelEmitter &e, const WinogradTiling &tiling, Value row, Value column,
                                                int64_t side) {
  SmallVector<SmallVector<Value>> pixels;
  Value tile = e.index(tiling.tile);
  if (tiling.rank == 1) {
    Value first = e.add(e.mul(row, e.index(tiling.tile * tiling.dilation)), column);
    for (int64_t i = 0; i < side; ++i)
      pixels.push_back({e.add(first, e.index(i * tiling.dilation))});
    return pixels;
  }
  Value top = e.mul(row, tile), left = e.mul(column, tile);
  for (int64_t i = 0; i < side; ++i)
    for (int64_t j = 0; j < side; ++j)
      pixels.push_back({e.add(top, e.index(i)), e.add(left, e.index(j))});
  return pixels;
}

/// Writes the transforms of `count` rows by columns of tiles, the first of which is at `first` (image, row, column), to `tiles`
/// `[positions, rows * columns, C]`, or tile by tile `[rows * columns, positions, C]`, where what is written at a time lies together.
static Value transformTiles(KernelEmitter &e, Value image, const WinogradTiling &tiling, ValueRange first,
                            ArrayRef<int64_t> count, Value tiles, bool tileByTile = false) {
  auto type = cast<RankedTensorType>(image.getType());
  const int64_t channels = type.getShape().back();
  VectorType vector = channelVector(e, channels, type.getElementType());
  return loop(e, count[0], 1, tiles, [&](Value row, Value tiles) {
    return loop(e, count[1], 1, tiles, [&](Value column, Value tiles) {
      auto pixels = pixelsOf(e, tiling, e.add(first[1], row), e.add(first[2], column), tiling.side());
      Value tile = e.add(e.mul(row, e.index(count[1])), column);
      return loop(e, channels, vector.getNumElements(), tiles, [&](Value channel, Value tiles) {
        auto read = [&](int64_t i) {
          SmallVector<Value> at = {first[0]};
          llvm::append_range(at, pixels[i]);
          at.push_back(channel);
          return readVector(e, vector, image, at);
        };
        auto write = [&](int64_t i, Value value) {
          Value position = e.index(i);
          tiles = writeVector(e, value, tiles, {tileByTile ? tile : position, tileByTile ? position : tile, channel});
        };
        transformInput(e, tiling, read, write);
        return tiles;
      });
    });
  });
}

/// Tiles `[positions, rows * columns, block]` back to the pixels of a part of an image, `[rows * tile, columns * tile, block]` or
/// `[blocks * tile * dilation, block]`.
static Value inverse(KernelEmitter &e, Value products, const WinogradTiling &tiling, ArrayRef<int64_t> item) {
  const int64_t m = tiling.tile, block = cast<RankedTensorType>(products.getType()).getDimSize(2);
  Type element = elementTypeOf(products);
  VectorType vector = channelVector(e, block, element);
  SmallVector<int64_t> shape = {item[0] * m, item[1] * m, block};
  if (tiling.rank == 1)
    shape = {item[0] * m * item[1], block};
  Value image = tensor::EmptyOp::create(e.b, e.loc, shape, element);
  return loop(e, item[0], 1, image, [&](Value row, Value image) {
    return loop(e, item[1], 1, image, [&](Value column, Value image) {
      Value tile = e.add(e.mul(row, e.index(item[1])), column);
      auto pixels = pixelsOf(e, tiling, row, column, m);
      return loop(e, block, vector.getNumElements(), image, [&](Value channel, Value image) {
        auto read = [&](int64_t i) { return readVector(e, vector, products, {e.index(i), tile, channel}); };
        auto write = [&](int64_t i, Value value) {
          SmallVector<Value> at = pixels[i];
          at.push_back(channel);
          image = writeVector(e, value, image, at);
        };
        transformOutput(e, tiling, read, write);
        return image;
      });
    });
  });
}

SmallVector<Value> WinogradInputOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  e.materialize(getInput());
  auto type = getInput().getType();
  const int64_t m = getTile(), n = m + 2, columns = (type.getDimSize(2) - 2) / m, rows = (type.getDimSize(1) - 2) / m;
  SmallVector<OpFoldResult> bounds = {e.b.getIndexAttr(type.getDimSize(0)), e.b.getIndexAttr(rows)};
  return {e.forEach(bounds, inits[0], [&](ValueRange ivs, Value destination) -> KernelEmitter::Part {
    Value first = e.mul(e.add(e.mul(ivs[0], e.index(rows)), ivs[1]), e.index(columns));
    SmallVector<OpFoldResult> offsets = {e.b.getIndexAttr(0), first, e.b.getIndexAttr(0)},
                              sizes = {e.b.getIndexAttr(n * n), e.b.getIndexAttr(columns),
                                       e.b.getIndexAttr(type.getDimSize(3))};
    Value part = slice(e, destination, offsets, sizes, {false, false, false});
    return {transformTiles(e, e.tensor(getInput()), winogradTiling(m, {3, 3}, 1), {ivs[0], ivs[1], e.index(0)},
                           {1, columns}, part),
            offsets, sizes};
  })};
}

//===----------------------------------------------------------------------------------------------------------------===//
// The product and the output
//===----------------------------------------------------------------------------------------------------------------===//

LogicalResult WinogradConvOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  auto tiles = getTiles().getType(), filter = getFilter().getType();
  const int64_t m = getTile(), rank = tiles.getRank();
  ArrayRef<int64_t> size = getSize(), kernel = getKernel();
  auto isPositive = [](int64_t x) { return x > 0; };
  if (!isWinogradTile(m) || !tiles.hasStaticShape() || !filter.hasStaticShape() || filter.getRank() != 5 ||
      size.empty() || size.size() > 2 || size.size() != kernel.size() || !llvm::all_of(size, isPositive) ||
      (rank != 3 && rank != 4))
    return emitOpError() << "needs static tiles, a static filter and a size, got " << tiles << " and " << filter;
  const bool isLine = size.size() == 1;
  if (isLine ? kernel[0] < 2 || getDilation() < 1 || getDilation() > WinogradTiling::lineItemTiles
             : kernel[0] != 3 || kernel[1] != 3 || getDilation() != 1)
    return emitOpError() << "needs a filter of 3 x 3, or a dilated one of one dimension, got " << kernel;
  const WinogradTiling tiling = winogradTiling(m, kernel, getDilation());
  int64_t images = tiles.getDimSize(0);
  bool fits;
  if (isLine) {
    // Every item of work has some output.
    const int64_t perBlock = m * tiling.dilation, blocks = tiling.blocks(tiles.getDimSize(1));
    fits = rank == 3 && blocks > 0 && tiles.getDimSize(1) == tiling.pixels(blocks) && blocks * perBlock >= size[0] &&
           (blocks - tiling.item(blocks, tiling.dilation).first) * perBlock < size[0];
  } else {
    const int64_t rows = llvm::divideCeil(size[0], m), columns = llvm::divideCeil(size[1], m);
    fits = rank == 4 ? tiles.getDimSize(1) == tiling.pixels(rows) && tiles.getDimSize(2) == tiling.pixels(columns)
                     : tiles.getDimSize(0) == tiling.positions() && tiles.getDimSize(1) % (rows * columns) == 0;
    images = rank == 4 ? images : tiles.getDimSize(1) / (rows * columns);
  }
  if (!fits || filter.getDimSize(1) != tiling.positions() || filter.getDimSize(2) != tiling.groups ||
      filter.getDimSize(3) != tiles.getShape().back() || getChannels() <= 0 ||
      llvm::divideCeil(getChannels(), filter.getDimSize(4)) != uint64_t(filter.getDimSize(0)))
    return emitOpError() << "has operands that do not fit: " << tiles << " and " << filter;
  SmallVector<AffineExpr> shape = {shapes.constant(images)};
  for (int64_t extent : size)
    shape.push_back(shapes.constant(extent));
  shape.push_back(shapes.constant(getChannels()));
  results.push_back({tiles.getElementType(), shape});
  return success();
}

namespace {

/// The kernel of a WinogradConvOp.
struct WinogradConvolution {
  KernelEmitter &e;
  WinogradConvOp op;
  const WinogradTiling tiling = winogradTiling(op.getTile(), op.getKernel(), op.getDilation());
  ArrayRef<int64_t> size = op.getSize(), filterShape = op.getFilter().getType().getShape();
  const bool isLine = tiling.rank == 1;
  const int64_t m = tiling.tile, positions = tiling.positions(),
                rows = isLine ? tiling.blocks(op.getTiles().getType().getDimSize(1)) : divideCeil(size[0], m),
                columns = isLine ? tiling.dilation : divideCeil(size[1], m),
                images = op.getResult().getType().getDimSize(0), channels = filterShape[3], blocks = filterShape[0],
                block = filterShape[4];
  Type element = elementTypeOf(op.getTiles());
  const int64_t slots = positions | 1;         // per tile: an odd number, so that tiles are no multiple of a page apart
  int64_t itemRows = 1, itemColumns = columns; // tiles of one item of work; in a line blocks, and tiles within one

  OpFoldResult fixed(int64_t size) { return e.b.getIndexAttr(size); }
  static SmallVector<bool> none(size_t rank) { return SmallVector<bool>(rank, false); }

  /// Tiles that are transformed already: a block of the filter is read for all of them before the next one is.
  Value emitTiles(Value destination) {
    itemRows = largestDivisor(rows, accumulatorBytes / (positions * columns * block * elementBytes(element)));
    SmallVector<OpFoldResult> bounds = {fixed(blocks), fixed(images), fixed(rows / itemRows)};
    return e.forEach(bounds, destination, [&](ValueRange ivs, Value destination) -> KernelEmitter::Part {
      Value firstRow = e.mul(ivs[2], e.index(itemRows));
      Value firstTile = e.mul(e.add(e.mul(ivs[1], e.index(rows)), firstRow), e.index(columns));
      Value tiles = slice(e, e.tensor(op.getTiles()), {fixed(0), firstTile, fixed(0)},
                          {fixed(positions), fixed(itemRows * columns), fixed(channels)}, none(3));
      return oneBlock(tiles, destination, {ivs[1], ivs[2], e.index(0)}, ivs[0]);
    });
  }

  /// An image: each item transforms its tiles, which stay in the second-level cache for all blocks of the filter.
  Value emitImage(Value destination) {
    std::tie(itemRows, itemColumns) = tiling.item(rows, columns);
    SmallVector<OpFoldResult> bounds = {fixed(images), fixed(rows / itemRows), fixed(columns / itemColumns)};
    return e.forEach(bounds, destination, [&](ValueRange ivs, Value destination) -> KernelEmitter::Part {
      const int64_t read = (itemRows + tiling.groups - 1) * itemColumns;
      Value tiles = tensor::EmptyOp::create(e.b, e.loc,
                                            isLine ? SmallVector<int64_t>{positions, read, channels}
                                                   : SmallVector<int64_t>{read, slots, channels},
                                            element);
      tiles = transformTiles(e, e.tensor(op.getTiles()), tiling,
                             {ivs[0], e.mul(ivs[1], e.index(itemRows)), e.mul(ivs[2], e.index(itemColumns))},
                             {read / itemColumns, itemColumns}, tiles, /*tileByTile=*/!isLine);
      KernelEmitter::Part all = place(ivs, e.index(0), fixed(op.getChannels()));
      const size_t rank = all.offsets.size();
      all.value = slice(e, destination, all.offsets, all.sizes, none(rank));
      all.value = loop(e, blocks, 1, all.value, [&](Value number, Value part) -> Value {
        KernelEmitter::Part written = oneBlock(tiles, part, ivs, number, /*isLocal=*/true);
        written.strides.resize(rank, fixed(1));
        return tensor::InsertSliceOp::create(e.b, e.loc, written.value, part, written.offsets, written.sizes,
                                             written.strides);
      });
      return all;
    });
  }

private:
  static int64_t divideCeil(int64_t a, int64_t b) { return int64_t(llvm::divideCeil(a, b)); }

  /// Where the results of an item (image, row, column of items) lie, of the output channels from `channel` on.
  KernelEmitter::Part place(ValueRange item, Value channel, OpFoldResult count) {
    auto down = tileRange(e, item[1], e.shapes.constant(size[0]), itemRows * m * tiling.dilation);
    if (isLine)
      return {{}, {item[0], down.first, channel}, {fixed(1), down.second, count}};
    auto right = tileRange(e, item[2], e.shapes.constant(size[1]), itemColumns * m);
    return {{}, {item[0], down.first, right.first, channel}, {fixed(1), down.second, right.second, count}};
  }

  /// Sums of the products of an item's tiles, with those of `groups - 1` rows more, and a block of the filter.
  Value multiply(Value tiles, Value number, bool tileByTile) {
    const int64_t count = itemRows * itemColumns;
    const bool isGrouped = tiling.groups > 1;
    const int64_t dims = isGrouped ? 5 : 4;
    auto dim = [&](unsigned d) { return e.b.getAffineDimExpr(d); };
    AffineExpr b = dim(0), t = dim(1), o = dim(2), g = dim(3), c = dim(dims - 1);
    auto map = [&](ArrayRef<AffineExpr> results) { return AffineMap::get(dims, 0, results, e.b.getContext()); };
    SmallVector<AffineMap> maps = {map({b, t, c}), map({b, c, o}), map({b, t, o})};
    if (isGrouped) {
      maps[0] = map({b, t + g * itemColumns, c});
      maps[1] = map({b, g, c, o});
    }
    if (tileByTile) {
      maps[0] = map({t, b, c});
      tiles =
          slice(e, tiles, {fixed(0), fixed(0), fixed(0)}, {fixed(count), fixed(positions), fixed(channels)}, none(3));
    }
    Value filter = slice(e, e.tensor(op.getFilter()), {number, fixed(0), fixed(0), fixed(0), fixed(0)},
                         {fixed(1), fixed(positions), fixed(tiling.groups), fixed(channels), fixed(block)},
                         {true, false, !isGrouped, false, false});
    Value products =
        accumulatorTile(e, element, {positions, count, block}, {fixed(positions), fixed(count), fixed(block)});
    return contract(e, tiles, filter, products, maps, 3, element, element);
  }

  /// One block of output channels of an item's tiles. `isLocal`: the destination is the item's part of the result.
  KernelEmitter::Part oneBlock(Value tiles, Value destination, ValueRange item, Value number, bool isLocal = false) {
    Value image =
        inverse(e, multiply(tiles, number, /*tileByTile=*/isLocal && !isLine), tiling, {itemRows, itemColumns});
    auto outputs = tileRange(e, number, e.shapes.constant(op.getChannels()), block);
    KernelEmitter::Part part = place(item, outputs.first, outputs.second);
    SmallVector<Value> start;
    for (OpFoldResult offset : part.offsets)
      start.push_back(getValueOrCreateConstantIndexOp(e.b, e.loc, offset));
    const size_t rank = part.offsets.size();
    if (isLocal) {
      part.offsets.assign(rank, fixed(0));
      part.offsets.back() = outputs.first;
    }
    Value target = slice(e, destination, part.offsets, part.sizes, none(rank));
    part.value = e.finish(target, op.getResult(), start, [&](ValueRange local) {
      return fromAccumulator(e, image, local.drop_front(), op.getResult());
    });
    return part;
  }
};

} // namespace

SmallVector<Value> WinogradConvOp::emitKernel(KernelEmitter &e, ValueRange inits) {
  e.materialize(getTiles());
  e.materialize(getFilter());
  WinogradConvolution convolution{e, *this};
  const bool isImage = getTiles().getType().getRank() == int64_t(getSize().size()) + 2;
  return {isImage ? convolution.emitImage(inits[0]) : convolution.emitTiles(inits[0])};
}
