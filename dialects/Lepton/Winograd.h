//===- Winograd.h - minimal filtering --------------------------------------------------------------------*- C++ -*-===//
//
// F(m, r): m outputs of a filter of r taps from m + r - 1 products instead of r m, nested for two dimensions:
// y = A^T [ (G g G^T) * (B^T d B) ] A (Winograd 1980; Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).
// A longer filter is a sum of shorter ones. The matrices are Cook and Toom's: each product belongs to a finite point, the last to infinity.
//
//===--------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_DIALECTS_WINOGRAD_H
#define LEPTON_DIALECTS_WINOGRAD_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

#include <optional>

namespace lepton {

/// Points near 1 in magnitude: of the sets tried the ones with the smallest error. At most 7.
llvm::ArrayRef<double> winogradPoints(int64_t count);

/// Whether there are tiles of so many outputs along a dimension.
constexpr bool isWinogradTile(int64_t outputs) { return outputs == 2 || outputs == 4 || outputs == 6; }

/// Coefficients of the product of (x - p) over all points, or all but number `except`: the rows of B^T.
llvm::SmallVector<double> productOfRoots(llvm::ArrayRef<double> points, std::optional<size_t> except = {});

/// G of F(m, taps): (m + taps - 1) x taps. A^T has the points' powers.
llvm::SmallVector<llvm::SmallVector<double>> winogradFilterMatrix(int64_t m, int64_t taps);

/// How convolutions of stride 1 are cut. In two dimensions an image is cut into squares of `tile` outputs. In one, a line is cut into blocks of
/// `tile * dilation`; the outputs of a block that lie `dilation` apart make a tile. A filter of more taps than F(m, r) has is cut into `groups` that begin a tile
/// apart, so that the window of a tile for one group is the window of a later tile for the first.
struct WinogradTiling {
  /// Tiles of an image that one item of a convolution transforms by itself: enough to read the filter seldom.
  static constexpr int64_t imageItemTiles = 32;
  /// The same of a line: more, since items share the windows of a filter's other groups. An item has whole blocks, so that this is also the largest dilation.
  static constexpr int64_t lineItemTiles = 64;

  int64_t rank, tile, taps, groups, dilation;

  /// Pixels of a tile's window along a dimension.
  int64_t side() const { return tile + taps - 1; }
  /// The finite points.
  llvm::ArrayRef<double> points() const { return winogradPoints(side() - 1); }
  /// Products per tile.
  int64_t positions() const;
  /// Pixels that so many rows or blocks of tiles read, along a dimension.
  int64_t pixels(int64_t blocks) const { return ((blocks + groups - 2) * tile + side()) * dilation; }
  /// The inverse: blocks of outputs along a line of so many pixels.
  int64_t blocks(int64_t pixels) const { return (pixels / dilation - side()) / tile + 2 - groups; }
  /// Rows and columns of tiles of one item, of so many in an image; in a line blocks, and the tiles of a block.
  std::pair<int64_t, int64_t> item(int64_t rows, int64_t columns) const;
};

/// The tiling for a filter's size: up to 3 taps as they are, longer filters of one dimension in groups of 4.
WinogradTiling winogradTiling(int64_t tile, llvm::ArrayRef<int64_t> kernel, int64_t dilation);

} // namespace lepton

#endif // LEPTON_DIALECTS_WINOGRAD_H
