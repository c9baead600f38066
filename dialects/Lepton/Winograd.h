//===- Winograd.h - minimal filtering --------------------------------------------------------------------*- C++ -*-===//
//
// F(m, r): m outputs of a filter of r taps from m + r - 1 products instead of r m, nested for two dimensions:
// y = A^T [ (G g G^T) * (B^T d B) ] A (Winograd 1980; Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).
// A longer filter is a sum of shorter ones.
//
//===--------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_DIALECTS_WINOGRAD_H
#define LEPTON_DIALECTS_WINOGRAD_H

#include "llvm/ADT/SmallVector.h"

namespace lepton {

using Matrix = llvm::SmallVector<llvm::SmallVector<double>>;

/// The matrices of F(m, r), by Cook and Toom's construction: a finite point per product but the last, which is at infinity.
struct WinogradMatrices {
  Matrix input;  // B^T: (m + r - 1) x (m + r - 1)
  Matrix filter; // G:   (m + r - 1) x r
  Matrix output; // A^T: m x (m + r - 1)
};

/// For at most 7 products.
WinogradMatrices winogradMatrices(int64_t m, int64_t taps);

/// How convolutions of stride 1 are cut. In two dimensions an image is cut into squares of `tile` outputs. In one, a line is cut into blocks of
/// `tile * dilation`; the outputs of a block that lie `dilation` apart make a tile. A filter of more taps than F(m, r) has is cut into `groups` that begin a tile
/// apart, so that the window of a tile for one group is the window of a later tile for the first.
struct WinogradTiling {
  int64_t rank, tile, taps, groups, dilation;

  /// Pixels of a tile's window along a dimension.
  int64_t side() const { return tile + taps - 1; }
  /// Products per tile.
  int64_t positions() const;
  /// Pixels that so many rows or blocks of tiles read, along a dimension.
  int64_t pixels(int64_t blocks) const { return ((blocks + groups - 2) * tile + side()) * dilation; }
};

/// The tiling for a filter's size: up to 3 taps as they are, longer filters of one dimension in groups of 4.
WinogradTiling winogradTiling(int64_t tile, llvm::ArrayRef<int64_t> kernel, int64_t dilation);

/// Blocks of outputs along a line of so many pixels.
int64_t winogradBlocks(const WinogradTiling &tiling, int64_t pixels);

/// Rows and columns of tiles, of so many in an image, that one item of a convolution transforms by itself: about `tiles`, enough to read the filter seldom.
std::pair<int64_t, int64_t> winogradItem(int64_t rows, int64_t columns, int64_t tiles = 32);

/// Tiles of an item where an image is a line: more, since items share the windows of a filter's other groups.
constexpr int64_t winogradLineTiles = 64;

} // namespace lepton

#endif // LEPTON_DIALECTS_WINOGRAD_H
