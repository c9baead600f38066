//===- WinogradConvolution.cpp - when and how a convolution is computed by minimal filtering ---------------------------===//
//
// Before: lepton.conv of 3x3 with stride 1.
// After:  lepton.pad to whole tiles, lepton.winograd_input, lepton.winograd_conv with a filter that is transformed in double precision from constants, so
//         that constant folding does it at compile time.
//
//===------------------------------------------------------------------------------------------------------------------===//

#include "passes/graph/WinogradConvolution.h"
#include "dialects/Lepton/Winograd.h"

using namespace mlir;
using namespace lepton;

/// F(4, 3): 2.25 products per output and channel where the direct form has 9, and an error that stays far below the tolerance of fp32.
static constexpr int64_t tile = 4, side = tile + 2;

namespace {
/// Sizes of a convolution: images, output pixels, channels in and out, tiles.
struct Sizes {
  int64_t images, height, width, inputs, outputs;
  int64_t rows() const { return llvm::divideCeil(height, tile); }
  int64_t columns() const { return llvm::divideCeil(width, tile); }
  int64_t tiles() const { return images * rows() * columns(); }
};
} // namespace

static Sizes sizesOf(ConvOp op) {
  auto type = op.getResult().getType();
  return {type.getDimSize(0), type.getDimSize(2), type.getDimSize(3), op.getInput().getType().getDimSize(1),
          type.getDimSize(1)};
}

bool lepton::prefersWinograd(ConvOp op, TargetAttr target) {
  auto filter = op.getFilter().getType();
  auto isOne = [](int64_t x) { return x == 1; };
  if (filter.getRank() != 4 || filter.getDimSize(2) != 3 || filter.getDimSize(3) != 3 || op.getGroup() != 1 ||
      !llvm::all_of(op.getStrides(), isOne) || !llvm::all_of(op.getDilations(), isOne) ||
      !op.getFilter().getDefiningOp<ConstantOp>() || !elementTypeOf(op.getInput()).isF32() ||
      !op.getInput().getType().hasStaticShape() || !op.getResult().getType().hasStaticShape())
    return false;
  const Sizes s = sizesOf(op);
  if (s.inputs % 8 || s.inputs < 16 || s.outputs < 16 || s.tiles() == 0)
    return false;
  // Cycles of one core: the filter streams from memory or the last cache at about 6 bytes a cycle where it does not
  // fit the second level.
  const double lanes = target.lanes(elementTypeOf(op.getInput())), rate = lanes * target.getMultiplyAdds(),
               channels = double(s.inputs) * s.outputs, direct = 9 * channels * s.images * s.height * s.width / rate,
               products = side * side * channels * s.tiles() / rate,
               transforms = s.tiles() * (s.inputs + s.outputs) / lanes * 200, filterBytes = side * side * channels * 4,
               stream = filterBytes > target.getL2() ? filterBytes / 6 : 0;
  return products + transforms + stream < 0.8 * direct;
}

/// Whether the transforms of all tiles would leave the second-level cache, but not those of an item of work, and there are enough items for several threads.
static bool transformsInside(const Sizes &s, TargetAttr target) {
  constexpr int64_t fewTiles = 16, enoughItems = 8;
  auto [rows, columns] = winogradItem(s.rows(), s.columns());
  const int64_t tiles = rows * columns, bytesPerTile = side * side * s.inputs * int64_t(sizeof(float));
  return tiles >= fewTiles && s.tiles() >= enoughItems * tiles && s.tiles() * bytesPerTile > target.getL2() &&
         tiles * bytesPerTile <= target.getL2() * 5 / 4;
}

/// The Kronecker product of G with itself: [side * side, 9].
static Value filterTransform(GraphBuilder &g, Location loc) {
  const Matrix matrix = winogradMatrices(tile).filter;
  SmallVector<double> values;
  for (int64_t i = 0; i < side; ++i)
    for (int64_t j = 0; j < side; ++j)
      for (int64_t k = 0; k < 3; ++k)
        for (int64_t l = 0; l < 3; ++l)
          values.push_back(matrix[i][k] * matrix[j][l]);
  auto type = RankedTensorType::get({side * side, 9}, g.b.getF64Type());
  return g.constant(loc, DenseElementsAttr::get(type, ArrayRef<double>(values)));
}

/// [M, C, 3, 3] -> [ceil(M / block), side * side, C, block]
static Value transformedFilter(GraphBuilder &g, Location loc, Value filter, const Sizes &s, int64_t block) {
  Value taps = g.reshape(loc, g.transpose(loc, filter, {2, 3, 1, 0}), {9, s.inputs * s.outputs});
  Value product = g.create<MatMulOp>(loc, {filterTransform(g, loc), g.cast(loc, taps, g.b.getF64Type())});
  Value single = g.reshape(loc, g.cast(loc, product, g.b.getF32Type()), {side * side, s.inputs, s.outputs});
  Value blocks = g.create<PackBlocksOp>(loc, single, {g.attr("axis", int64_t(2)), g.attr("block", block)});
  return g.transpose(loc, blocks, {2, 0, 1, 3});
}

Value lepton::winogradConvolution(GraphBuilder &g, ConvOp op, Value input, int64_t block, TargetAttr target) {
  Location loc = op.getLoc();
  const Sizes s = sizesOf(op);
  ArrayRef<int64_t> pads = op.getPads();
  // Zeros up to whole tiles, which nobody reads the results of.
  int64_t below = s.rows() * tile - s.height, right = s.columns() * tile - s.width;
  Value padded = g.pad(loc, input, g.integers(loc, {pads[0], pads[1], pads[2] + below, pads[3] + right}), {1, 2});
  Value tiles = transformsInside(s, target) ? padded : g.create<WinogradInputOp>(loc, padded, g.attr("tile", tile));
  return g.create<WinogradConvOp>(
      loc, {tiles, transformedFilter(g, loc, op.getFilter(), s, block)},
      {g.attr("tile", tile), g.attr("size", ArrayRef<int64_t>{s.height, s.width}), g.attr("channels", s.outputs)});
}
