//===- WinogradConvolution.cpp - when and how a convolution is computed by minimal filtering ---------------------------===//
//
// Before: lepton.conv of 3x3, or of one dimension, with stride 1.
// After:  lepton.pad to whole tiles, lepton.winograd_input, lepton.winograd_conv with a filter that is transformed in double precision from constants, so
//         that constant folding does it at compile time.
//
//===------------------------------------------------------------------------------------------------------------------===//

#include "passes/graph/WinogradConvolution.h"
#include "dialects/Lepton/Winograd.h"

using namespace mlir;
using namespace lepton;

/// Outputs of a tile along a dimension. Of the 9 products per output and channel of the direct form F(6, 3) takes 1.78, F(4, 3) 2.25, F(2, 3), which has the smallest filter,
/// 4; in one dimension F(6, 3) takes 1.33 of 3, F(4, 3) 1.5, F(2, 3) 2, and F(4, 4) 1.75 of 4. The errors stay far below the tolerance of fp32.
static constexpr int64_t tileSizes[] = {6, 4, 2};
/// Pixels of a tile's window along a dimension: larger ones lack points. So F(6, r) is for 3 taps alone.
static constexpr int64_t largestSide = 8;
/// Fewer channels leave the vectors of the products empty.
static constexpr int64_t leastChannelsOfImage = 16, leastChannelsOfLine = 8, channelMultiple = 8;
/// Instructions of both transforms of a tile of 6, 4 or 2, for a vector of channels: of a line, of an image.
static constexpr double lineTransforms[] = {50, 25, 10}, imageTransforms[] = {600, 200, 50};
/// Of the direct form's cycles, by an estimate that leaves out what only a run shows.
static constexpr double clearlyFaster = 0.8;

namespace {
/// Sizes of a convolution: images, rows of pixels (1 in one dimension), pixels of a row, channels in and out; and how it is cut.
struct Sizes {
  int64_t images, height, width, inputs, outputs;
  WinogradTiling tiling;

  bool isLine() const { return tiling.rank == 1; }
  /// In one dimension: blocks, which make items of equal size.
  int64_t rows() const {
    if (!isLine())
      return llvm::divideCeil(height, tiling.tile);
    const int64_t blocks = llvm::divideCeil(width, tiling.tile * tiling.dilation),
                  perItem = std::max<int64_t>(1, WinogradTiling::lineItemTiles / tiling.dilation),
                  items = llvm::divideCeil(blocks, perItem);
    return items * llvm::divideCeil(blocks, items);
  }
  int64_t columns() const { return isLine() ? tiling.dilation : llvm::divideCeil(width, tiling.tile); }
  int64_t tiles() const { return images * rows() * columns(); }
  int64_t filterElements() const { return tiling.positions() * tiling.groups * inputs * outputs; }
};
} // namespace

static Sizes sizesOf(ConvOp op, int64_t tile) {
  ArrayRef<int64_t> result = op.getResult().getType().getShape(),
                    kernel = op.getFilter().getType().getShape().drop_front(2);
  return {result[0],     result.size() == 4 ? result[2] : 1,
          result.back(), op.getInput().getType().getDimSize(1),
          result[1],     winogradTiling(tile, kernel, op.getDilations().back())};
}

/// Whether a filter is 3 x 3, or has one dimension.
static bool isCovered(ConvOp op) {
  ArrayRef<int64_t> kernel = op.getFilter().getType().getShape().drop_front(2);
  auto isOne = [](int64_t x) { return x == 1; };
  if (op.getGroup() != 1 || !llvm::all_of(op.getStrides(), isOne))
    return false;
  if (kernel.size() == 1)
    return kernel[0] >= 3 && op.getDilations()[0] <= WinogradTiling::lineItemTiles;
  return kernel.size() == 2 && kernel[0] == 3 && kernel[1] == 3 && llvm::all_of(op.getDilations(), isOne);
}

/// Cycles of one core that computes for so many, while a filter that does not fit the second-level cache streams from memory or the last one. Prefetching hides most of the
/// shorter of the two.
static double cyclesOf(double compute, double filterElements, TargetAttr target) {
  constexpr double bytesPerCycle = 6;
  const double bytes = filterElements * sizeof(float), stream = bytes > target.getL2() ? bytes / bytesPerCycle : 0;
  return std::max(compute, stream) + std::min(compute, stream) / 4;
}

/// The tile sizes that can be, the largest first.
static SmallVector<int64_t> tilesFor(ConvOp op) {
  SmallVector<int64_t> tiles;
  if (!op.getInput().getType().hasStaticShape() || !op.getResult().getType().hasStaticShape() || !isCovered(op) ||
      !op.getFilter().getDefiningOp<ConstantOp>() || !elementTypeOf(op.getInput()).isF32())
    return tiles;
  for (int64_t tile : tileSizes) {
    const Sizes s = sizesOf(op, tile);
    const int64_t leastChannels = s.isLine() ? leastChannelsOfLine : leastChannelsOfImage;
    if (s.inputs % channelMultiple == 0 && s.inputs >= leastChannels && s.outputs >= leastChannels && s.tiles() > 0 &&
        s.tiling.side() <= largestSide)
      tiles.push_back(tile);
  }
  return tiles;
}

/// Tiles of one item of work that transforms its own.
static int64_t itemTiles(const Sizes &s) {
  auto [rows, columns] = s.tiling.item(s.rows(), s.columns());
  return rows * columns;
}

/// Of the transforms of a tile.
static int64_t bytesPerTile(const Sizes &s) { return s.tiling.positions() * s.inputs * int64_t(sizeof(float)); }

/// Whether the second-level cache holds the transforms of an item of work.
static bool fitsInside(const Sizes &s, TargetAttr target) {
  return itemTiles(s) * bytesPerTile(s) <= target.getL2() * 5 / 4;
}

/// Whether that cache does not hold those of all tiles, and there are enough items for several threads.
static bool paysInside(const Sizes &s, TargetAttr target) {
  constexpr int64_t fewTiles = 16, enoughItems = 8;
  const int64_t tiles = itemTiles(s);
  return tiles >= fewTiles && s.tiles() >= enoughItems * tiles && s.tiles() * bytesPerTile(s) > target.getL2() &&
         fitsInside(s, target);
}

SmallVector<WinogradForm> lepton::winogradForms(ConvOp op, TargetAttr target) {
  SmallVector<WinogradForm> forms;
  for (int64_t tile : tilesFor(op)) {
    const Sizes s = sizesOf(op, tile);
    if (!s.isLine())
      forms.push_back({tile, false});
    if (s.isLine() || fitsInside(s, target))
      forms.push_back({tile, true});
  }
  return forms;
}

std::optional<WinogradForm> lepton::expectedWinogradForm(ConvOp op, TargetAttr target) {
  constexpr int64_t manyLineTiles = WinogradTiling::lineItemTiles / 2;
  const double lanes = target.lanes(elementTypeOf(op.getInput())), rate = lanes * target.getMultiplyAdds(),
               taps = op.getFilter().getType().getNumElements();
  std::optional<WinogradForm> best;
  double bestCycles = 0;
  for (int64_t tile : tilesFor(op)) {
    const Sizes s = sizesOf(op, tile);
    // The largest transforms of images leave 16 registers often, and the second-level cache where all tiles are transformed first. Of lines they have the largest filter,
    // which few tiles read.
    if (tile == 6 && (s.isLine() ? s.tiles() < manyLineTiles : target.getRegisters() < 32 || !paysInside(s, target)))
      continue;
    const size_t number = llvm::find(tileSizes, tile) - std::begin(tileSizes);
    const double perTile = (s.isLine() ? lineTransforms : imageTransforms)[number], filter = s.filterElements(),
                 transforms = s.tiles() * (s.inputs + s.outputs) / lanes * perTile,
                 cycles = cyclesOf(filter * s.tiles() / rate, filter, target) + transforms,
                 direct = cyclesOf(taps * s.images * s.height * s.width / rate, taps, target);
    const double limit = best ? bestCycles : clearlyFaster * direct;
    if (cycles < limit) {
      best = WinogradForm{tile, s.isLine() || paysInside(s, target)};
      bestCycles = cycles;
    }
  }
  return best;
}

/// G, or in two dimensions the Kronecker product of G with itself: [positions, taps].
static Value filterTransform(GraphBuilder &g, Location loc, const WinogradTiling &tiling) {
  const auto matrix = winogradFilterMatrix(tiling.tile, tiling.taps);
  SmallVector<double> values;
  for (const auto &outer : tiling.rank == 2 ? matrix : decltype(matrix){{1}})
    for (const auto &inner : matrix)
      for (double a : outer)
        for (double b : inner)
          values.push_back(a * b);
  auto type =
      RankedTensorType::get({tiling.positions(), int64_t(values.size()) / tiling.positions()}, g.b.getF64Type());
  return g.constant(loc, DenseElementsAttr::get(type, ArrayRef<double>(values)));
}

/// [M, C, taps...] -> [ceil(M / block), positions, groups, C, block]
static Value transformedFilter(GraphBuilder &g, Location loc, Value filter, const Sizes &s, int64_t block) {
  const int64_t channels = s.inputs * s.outputs, positions = s.tiling.positions(), groups = s.tiling.groups;
  SmallVector<int64_t> perm = {1, 0}; // taps first
  for (int64_t d = rankOf(filter) - 1; d >= 2; --d)
    perm.insert(perm.begin(), d);
  Value transform = filterTransform(g, loc, s.tiling);
  const int64_t perGroup = cast<RankedTensorType>(transform.getType()).getDimSize(1),
                taps = cast<RankedTensorType>(filter.getType()).getNumElements() / channels;
  Value rows = g.cast(loc, g.reshape(loc, g.transpose(loc, filter, perm), {taps, channels}), g.b.getF64Type());
  Value whole = g.pad(loc, rows, g.integers(loc, {0, groups * perGroup - taps}), {0});
  Value product = g.create<MatMulOp>(loc, {transform, g.reshape(loc, whole, {groups, perGroup, channels})});
  Value single = g.reshape(loc, g.cast(loc, product, g.b.getF32Type()), {groups, positions, s.inputs, s.outputs});
  Value blocks = g.create<PackBlocksOp>(loc, single, {g.attr("axis", int64_t(3)), g.attr("block", block)});
  return g.transpose(loc, blocks, {3, 1, 0, 2, 4});
}

Value lepton::winogradConvolution(GraphBuilder &g, ConvOp op, WinogradForm form, Value input, int64_t block) {
  Location loc = op.getLoc();
  const Sizes s = sizesOf(op, form.tile);
  ArrayRef<int64_t> pads = op.getPads(), kernel = op.getFilter().getType().getShape().drop_front(2);
  // Zeros up to whole tiles, which nobody reads the results of.
  SmallVector<int64_t> frame(pads), axes, tilesAlong = {s.rows()}, size = {s.width};
  if (!s.isLine()) {
    tilesAlong.push_back(s.columns());
    size = {s.height, s.width};
  }
  for (auto [i, blocks] : llvm::enumerate(tilesAlong)) {
    axes.push_back(int64_t(i) + 1);
    frame[kernel.size() + i] =
        s.tiling.pixels(blocks) - cast<RankedTensorType>(input.getType()).getDimSize(axes.back()) - pads[i];
  }
  Value tiles = g.pad(loc, input, g.integers(loc, frame), axes);
  if (!form.transformsInside)
    tiles = g.create<WinogradInputOp>(loc, tiles, g.attr("tile", form.tile));
  return g.create<WinogradConvOp>(loc, {tiles, transformedFilter(g, loc, op.getFilter(), s, block)},
                                  {g.attr("tile", form.tile), g.attr("kernel", kernel),
                                   g.attr("size", ArrayRef<int64_t>(size)), g.attr("channels", s.outputs),
                                   g.attr("dilation", s.tiling.dilation)});
}
