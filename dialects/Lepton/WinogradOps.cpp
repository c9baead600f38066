//===- WinogradOps.cpp - convolutions of 3x3 with fewer multiplications --------------------------------------------===//
//
// Tiles of the input are transformed along both dimensions, all channels at once in vectors; then each position in a tile is a matrix
// product over the channels; then tiles are transformed back, and the ops fused after the convolution are applied.
//
//===----------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Lepton/TileEmitter.h"
#include "dialects/Lepton/Winograd.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace lepton;

/// Accumulators of one item of work fit the stack of a thread, and the first levels of the cache.
static constexpr int64_t accumulatorBytes = 64 << 10;

/// Points near 1 in magnitude, and not symmetric: of the sets tried for F(4, 3) the one with the smallest error.
static ArrayRef<double> pointsOf(int64_t m) {
  static const double two[] = {0, 1, -1}, four[] = {0, 1, -1, 0.5, -2};
  return m == 2 ? ArrayRef<double>(two) : ArrayRef<double>(four);
}

/// Coefficients of the product of (x - p) over all points but number `except`.
static SmallVector<double> productOfRoots(ArrayRef<double> points, size_t except) {
  SmallVector<double> coefficients = {1};
  for (auto [j, point] : llvm::enumerate(points)) {
    if (j == except)
      continue;
    coefficients.push_back(0);
    for (size_t k = coefficients.size() - 1; k > 0; --k)
      coefficients[k] = coefficients[k - 1] - point * coefficients[k];
    coefficients[0] *= -point;
  }
  return coefficients;
}

WinogradMatrices lepton::winogradMatrices(int64_t m) {
  ArrayRef<double> points = pointsOf(m);
  const int64_t n = m + 2, finite = n - 1;
  WinogradMatrices matrices;
  matrices.output.assign(m, SmallVector<double>(n, 0));
  matrices.output[m - 1][finite] = 1;
  for (int64_t i = 0; i < finite; ++i) {
    double scale = 1, power = 1;
    for (int64_t j = 0; j < finite; ++j)
      scale *= j == i ? 1 : points[i] - points[j];
    matrices.filter.push_back({1 / scale, points[i] / scale, points[i] * points[i] / scale});
    for (int64_t k = 0; k < m; ++k, power *= points[i])
      matrices.output[k][i] = power;
    matrices.input.push_back(productOfRoots(points, i));
    matrices.input.back().resize(n, 0);
  }
  matrices.filter.push_back({0, 0, 1});
  matrices.input.push_back(productOfRoots(points, finite));
  return matrices;
}

std::pair<int64_t, int64_t> lepton::winogradItem(int64_t rows, int64_t columns) {
  constexpr int64_t tiles = 32;
  const int64_t itemColumns = largestDivisor(columns, tiles);
  return {largestDivisor(rows, tiles / itemColumns), itemColumns};
}

//===----------------------------------------------------------------------------------------------------------------===//
// Transforms in vectors
//===----------------------------------------------------------------------------------------------------------------===//

/// matrix * x for a column of vectors.
static SmallVector<Value> apply(KernelEmitter &e, const Matrix &matrix, ArrayRef<Value> x) {
  auto type = cast<VectorType>(x[0].getType());
  auto flags = arith::FastMathFlagsAttr::get(e.b.getContext(), arith::FastMathFlags::contract);
  SmallVector<Value> y;
  for (ArrayRef<double> row : matrix) {
    Value sum;
    for (auto [factor, value] : llvm::zip_equal(row, x)) {
      if (factor == 0)
        continue;
      Value term = value;
      if (std::abs(factor) != 1) {
        auto constant = DenseElementsAttr::get(type, e.b.getFloatAttr(type.getElementType(), factor));
        term = arith::MulFOp::create(e.b, e.loc, value, arith::ConstantOp::create(e.b, e.loc, constant), flags);
      }
      if (!sum)
        sum = factor == -1 ? arith::NegFOp::create(e.b, e.loc, term).getResult() : term;
      else if (factor == -1)
        sum = arith::SubFOp::create(e.b, e.loc, sum, term, flags);
      else
        sum = arith::AddFOp::create(e.b, e.loc, sum, term, flags);
    }
    y.push_back(sum);
  }
  return y;
}

/// matrix * x * matrix^T for a square of vectors, row-major.
static SmallVector<Value> transformSquare(KernelEmitter &e, const Matrix &matrix, ArrayRef<Value> x) {
  const size_t n = matrix[0].size(), m = matrix.size();
  SmallVector<Value> half(m * n), y;
  for (size_t j = 0; j < n; ++j) {
    SmallVector<Value> column;
    for (size_t i = 0; i < n; ++i)
      column.push_back(x[i * n + j]);
    for (auto [i, value] : llvm::enumerate(apply(e, matrix, column)))
      half[i * n + j] = value;
  }
  for (size_t i = 0; i < m; ++i)
    llvm::append_range(y, apply(e, matrix, ArrayRef(half).slice(i * n, n)));
  return y;
}

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
  if ((m != 2 && m != 4) || type.getRank() != 4 || !type.hasStaticShape() || !isa<FloatType>(type.getElementType()))
    return emitOpError() << "needs tiles of 2 or 4 and a static channels-last image of floats, got " << type;
  int64_t h = type.getDimSize(1) - 2, w = type.getDimSize(2) - 2;
  if (h <= 0 || w <= 0 || h % m || w % m)
    return emitOpError() << "needs an image of whole tiles of " << m << " and 2 more, got " << type;
  results.push_back({type.getElementType(),
                     {shapes.constant((m + 2) * (m + 2)), shapes.constant(type.getDimSize(0) * (h / m) * (w / m)),
                      shapes.constant(type.getDimSize(3))}});
  return success();
}

/// Writes the transforms of `count` rows by columns of tiles, the first of which is at `first` (image, row, column), to `tiles` `[n * n, rows * columns, C]`.
static Value transformTiles(KernelEmitter &e, Value image, int64_t m, ValueRange first, ArrayRef<int64_t> count,
                            Value tiles) {
  auto type = cast<RankedTensorType>(image.getType());
  const int64_t n = m + 2, channels = type.getDimSize(3);
  const Matrix matrix = winogradMatrices(m).input;
  VectorType vector = channelVector(e, channels, type.getElementType());
  return loop(e, count[0], 1, tiles, [&](Value row, Value tiles) {
    Value top = e.mul(e.add(first[1], row), e.index(m));
    return loop(e, count[1], 1, tiles, [&](Value column, Value tiles) {
      Value left = e.mul(e.add(first[2], column), e.index(m)), tile = e.add(e.mul(row, e.index(count[1])), column);
      return loop(e, channels, vector.getNumElements(), tiles, [&](Value channel, Value tiles) {
        SmallVector<Value> x;
        for (int64_t i = 0; i < n; ++i)
          for (int64_t j = 0; j < n; ++j)
            x.push_back(
                readVector(e, vector, image, {first[0], e.add(top, e.index(i)), e.add(left, e.index(j)), channel}));
        for (auto [i, value] : llvm::enumerate(transformSquare(e, matrix, x)))
          tiles = writeVector(e, value, tiles, {e.index(i), tile, channel});
        return tiles;
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
    return {transformTiles(e, e.tensor(getInput()), m, {ivs[0], ivs[1], e.index(0)}, {1, columns}, part), offsets,
            sizes};
  })};
}

//===----------------------------------------------------------------------------------------------------------------===//
// The product and the output
//===----------------------------------------------------------------------------------------------------------------===//

LogicalResult WinogradConvOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  auto tiles = getTiles().getType(), filter = getFilter().getType();
  const int64_t m = getTile(), n = m + 2, rank = tiles.getRank();
  ArrayRef<int64_t> size = getSize();
  if ((m != 2 && m != 4) || !tiles.hasStaticShape() || !filter.hasStaticShape() || (rank != 3 && rank != 4) ||
      filter.getRank() != 4 || size.size() != 2 || size[0] <= 0 || size[1] <= 0)
    return emitOpError() << "needs static tiles, a static filter and a size, got " << tiles << " and " << filter;
  const int64_t rows = llvm::divideCeil(size[0], m), columns = llvm::divideCeil(size[1], m);
  const bool fits = rank == 4 ? tiles.getDimSize(1) == rows * m + 2 && tiles.getDimSize(2) == columns * m + 2
                              : tiles.getDimSize(0) == n * n && tiles.getDimSize(1) % (rows * columns) == 0;
  if (!fits || filter.getDimSize(1) != n * n || filter.getDimSize(2) != tiles.getShape().back() || getChannels() <= 0 ||
      llvm::divideCeil(getChannels(), filter.getDimSize(3)) != uint64_t(filter.getDimSize(0)))
    return emitOpError() << "has operands that do not fit: " << tiles << " and " << filter;
  const int64_t images = rank == 4 ? tiles.getDimSize(0) : tiles.getDimSize(1) / (rows * columns);
  results.push_back(
      {tiles.getElementType(),
       {shapes.constant(images), shapes.constant(size[0]), shapes.constant(size[1]), shapes.constant(getChannels())}});
  return success();
}

namespace {

/// The kernel of a WinogradConvOp.
struct WinogradConvolution {
  KernelEmitter &e;
  WinogradConvOp op;
  ArrayRef<int64_t> filterShape = op.getFilter().getType().getShape();
  const int64_t m = op.getTile(), n = m + 2, height = op.getSize()[0], width = op.getSize()[1],
                rows = llvm::divideCeil(height, m), columns = llvm::divideCeil(width, m),
                images = op.getResult().getType().getDimSize(0), channels = filterShape[2], blocks = filterShape[0],
                block = filterShape[3];
  Type element = elementTypeOf(op.getTiles());
  int64_t itemRows = 1, itemColumns = columns; // tiles of one item of work

  OpFoldResult fixed(int64_t size) { return e.b.getIndexAttr(size); }
  static SmallVector<bool> none(size_t rank) { return SmallVector<bool>(rank, false); }

  /// Tiles that are transformed already: a block of the filter is read for all of them before the next one is.
  Value emitTiles(Value destination) {
    itemRows = largestDivisor(rows, accumulatorBytes / (n * n * columns * block * elementBytes(element)));
    SmallVector<OpFoldResult> bounds = {fixed(blocks), fixed(images), fixed(rows / itemRows)};
    return e.forEach(bounds, destination, [&](ValueRange ivs, Value destination) -> KernelEmitter::Part {
      Value firstRow = e.mul(ivs[2], e.index(itemRows));
      Value firstTile = e.mul(e.add(e.mul(ivs[1], e.index(rows)), firstRow), e.index(columns));
      Value tiles = slice(e, e.tensor(op.getTiles()), {fixed(0), firstTile, fixed(0)},
                          {fixed(n * n), fixed(itemRows * columns), fixed(channels)}, none(3));
      return oneBlock(tiles, destination, {ivs[1], ivs[2], e.index(0)}, ivs[0]);
    });
  }

  /// An image: each item transforms its tiles, which stay in the second-level cache for all blocks of the filter.
  Value emitImage(Value destination) {
    std::tie(itemRows, itemColumns) = winogradItem(rows, columns);
    SmallVector<OpFoldResult> bounds = {fixed(images), fixed(rows / itemRows), fixed(columns / itemColumns)};
    return e.forEach(bounds, destination, [&](ValueRange ivs, Value destination) -> KernelEmitter::Part {
      Value tiles = tensor::EmptyOp::create(e.b, e.loc, {n * n, itemRows * itemColumns, channels}, element);
      tiles = transformTiles(e, e.tensor(op.getTiles()), m,
                             {ivs[0], e.mul(ivs[1], e.index(itemRows)), e.mul(ivs[2], e.index(itemColumns))},
                             {itemRows, itemColumns}, tiles);
      KernelEmitter::Part all = place(ivs, e.index(0), fixed(op.getChannels()));
      all.value = slice(e, destination, all.offsets, all.sizes, none(4));
      all.value = loop(e, blocks, 1, all.value, [&](Value number, Value part) -> Value {
        KernelEmitter::Part written = oneBlock(tiles, part, ivs, number, /*isLocal=*/true);
        written.strides.resize(4, fixed(1));
        return tensor::InsertSliceOp::create(e.b, e.loc, written.value, part, written.offsets, written.sizes,
                                             written.strides);
      });
      return all;
    });
  }

private:
  /// Where the results of an item (image, row, column of items) lie, of the output channels from `channel` on.
  KernelEmitter::Part place(ValueRange item, Value channel, OpFoldResult count) {
    auto down = tileRange(e, item[1], e.shapes.constant(height), itemRows * m);
    auto right = tileRange(e, item[2], e.shapes.constant(width), itemColumns * m);
    return {{}, {item[0], down.first, right.first, channel}, {fixed(1), down.second, right.second, count}};
  }

  /// One block of output channels of an item's tiles. `isLocal`: the destination is the item's part of the result.
  KernelEmitter::Part oneBlock(Value tiles, Value destination, ValueRange item, Value number, bool isLocal = false) {
    const int64_t count = itemRows * itemColumns;
    AffineExpr b, t, o, c;
    bindDims(e.b.getContext(), b, t, o, c);
    auto map = [&](ArrayRef<AffineExpr> results) { return AffineMap::get(4, 0, results, e.b.getContext()); };
    Value filter = slice(e, e.tensor(op.getFilter()), {number, fixed(0), fixed(0), fixed(0)},
                         {fixed(1), fixed(n * n), fixed(channels), fixed(block)}, {true, false, false, false});
    Value products = accumulatorTile(e, element, {n * n, count, block}, {fixed(n * n), fixed(count), fixed(block)});
    products =
        contract(e, tiles, filter, products, {map({b, t, c}), map({b, c, o}), map({b, t, o})}, 3, element, element);
    Value image = op.inverse(e, products, {itemRows, itemColumns, block});
    auto outputs = tileRange(e, number, e.shapes.constant(op.getChannels()), block);
    KernelEmitter::Part part = place(item, outputs.first, outputs.second);
    SmallVector<Value> start;
    for (OpFoldResult offset : part.offsets)
      start.push_back(getValueOrCreateConstantIndexOp(e.b, e.loc, offset));
    if (isLocal)
      part.offsets = {fixed(0), fixed(0), fixed(0), outputs.first};
    Value target = slice(e, destination, part.offsets, part.sizes, none(4));
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
  return {getTiles().getType().getRank() == 4 ? convolution.emitImage(inits[0]) : convolution.emitTiles(inits[0])};
}

/// Tiles `[n * n, rows * columns, block]` back to pixels `[rows * m, columns * m, block]`.
Value WinogradConvOp::inverse(KernelEmitter &e, Value products, ArrayRef<int64_t> item) {
  const int64_t m = getTile(), n = m + 2, rows = item[0], columns = item[1], block = item[2];
  Type element = elementTypeOf(products);
  const Matrix matrix = winogradMatrices(m).output;
  VectorType vector = channelVector(e, block, element);
  Value image = tensor::EmptyOp::create(e.b, e.loc, {rows * m, columns * m, block}, element);
  return loop(e, rows, 1, image, [&](Value row, Value image) {
    return loop(e, columns, 1, image, [&](Value column, Value image) {
      Value tile = e.add(e.mul(row, e.index(columns)), column), top = e.mul(row, e.index(m)),
            left = e.mul(column, e.index(m));
      return loop(e, block, vector.getNumElements(), image, [&](Value channel, Value image) {
        SmallVector<Value> x;
        for (int64_t i = 0; i < n * n; ++i)
          x.push_back(readVector(e, vector, products, {e.index(i), tile, channel}));
        for (auto [i, value] : llvm::enumerate(transformSquare(e, matrix, x)))
          image = writeVector(e, value, image,
                              {e.add(top, e.index(int64_t(i) / m)), e.add(left, e.index(int64_t(i) % m)), channel});
        return image;
      });
    });
  });
}
