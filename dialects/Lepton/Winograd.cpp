//===- Winograd.cpp - the matrices of minimal filtering ----------------------------------------------------------------===//

#include "dialects/Lepton/Winograd.h"
#include "dialects/Lepton/TileEmitter.h"

using namespace mlir;
using namespace lepton;

/// Points near 1 in magnitude, and not symmetric where that can be: of the sets tried the ones with the smallest error.
static ArrayRef<double> pointsOf(int64_t count) {
  static const double points[] = {0, 1, -1, 0.5, -2, 2};
  assert(count <= 6 && "no points for tiles so large");
  return ArrayRef(points).take_front(count);
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

WinogradMatrices lepton::winogradMatrices(int64_t m, int64_t taps) {
  const int64_t n = m + taps - 1, finite = n - 1;
  ArrayRef<double> points = pointsOf(finite);
  WinogradMatrices matrices;
  matrices.output.assign(m, SmallVector<double>(n, 0));
  matrices.output[m - 1][finite] = 1;
  matrices.filter.assign(n, SmallVector<double>(taps, 0));
  matrices.filter[finite][taps - 1] = 1;
  for (int64_t i = 0; i < finite; ++i) {
    double scale = 1, power = 1;
    for (int64_t j = 0; j < finite; ++j)
      scale *= j == i ? 1 : points[i] - points[j];
    for (int64_t k = 0; k < std::max(m, taps); ++k, power *= points[i]) {
      if (k < m)
        matrices.output[k][i] = power;
      if (k < taps)
        matrices.filter[i][k] = power / scale;
    }
    matrices.input.push_back(productOfRoots(points, i));
    matrices.input.back().resize(n, 0);
  }
  matrices.input.push_back(productOfRoots(points, finite));
  return matrices;
}

int64_t WinogradTiling::positions() const { return rank == 2 ? side() * side() : side(); }

WinogradTiling lepton::winogradTiling(int64_t tile, ArrayRef<int64_t> kernel, int64_t dilation) {
  constexpr int64_t mostTaps = 4;
  const bool isLong = kernel.size() == 1 && kernel[0] >= mostTaps;
  const int64_t taps = isLong ? mostTaps : kernel[0];
  return {int64_t(kernel.size()), tile, taps, int64_t(llvm::divideCeil(kernel[0], taps)), dilation};
}

int64_t lepton::winogradBlocks(const WinogradTiling &tiling, int64_t pixels) {
  return (pixels / tiling.dilation - tiling.side()) / tiling.tile + 2 - tiling.groups;
}

std::pair<int64_t, int64_t> lepton::winogradItem(int64_t rows, int64_t columns, int64_t tiles) {
  const int64_t itemColumns = largestDivisor(columns, tiles);
  return {largestDivisor(rows, std::max<int64_t>(1, tiles / itemColumns)), itemColumns};
}
