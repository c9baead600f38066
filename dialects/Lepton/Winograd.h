//===- Winograd.h - minimal filtering --------------------------------------------------------------------*- C++ -*-===//
//
// F(m, 3): m outputs of a filter of 3 taps from m + 2 products instead of 3 m, nested for two dimensions:
// y = A^T [ (G g G^T) * (B^T d B) ] A (Winograd 1980; Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).
//
//===--------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_DIALECTS_WINOGRAD_H
#define LEPTON_DIALECTS_WINOGRAD_H

#include "llvm/ADT/SmallVector.h"

namespace lepton {

using Matrix = llvm::SmallVector<llvm::SmallVector<double>>;

/// The matrices of F(m, 3), by Cook and Toom's construction: a finite point per product but the last, which is at infinity.
struct WinogradMatrices {
  Matrix input;  // B^T: (m + 2) x (m + 2)
  Matrix filter; // G:   (m + 2) x 3
  Matrix output; // A^T: m x (m + 2)
};

/// For m = 2 or 4.
WinogradMatrices winogradMatrices(int64_t m);

/// Rows and columns of tiles, of so many in an image, that one item of a convolution transforms by itself: about 32, enough to read the filter seldom.
std::pair<int64_t, int64_t> winogradItem(int64_t rows, int64_t columns);

} // namespace lepton

#endif // LEPTON_DIALECTS_WINOGRAD_H
