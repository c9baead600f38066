//===- Winograd.cpp - the matrices of minimal filtering ----------------------------------------------------------------===//

#include "dialects/Lepton/Winograd.h"
#include "dialects/Lepton/TileEmitter.h"

using namespace mlir;
using namespace lepton;

ArrayRef<double> lepton::winogradPoints(int64_t count) {
  static const double points[] = {0, 1, -1, 0.5, -2, 2, -0.5};
  assert(count <= 7 && "no points for tiles so large");
  return ArrayRef(points).take_front(count);
}

SmallVector<double> lepton::productOfRoots(ArrayRef<double> points, std::optional<size_t> except) {
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

SmallVector<SmallVector<double>> lepton::winogradFilterMatrix(int64_t m, int64_t taps) {
  ArrayRef<double> points = winogradPoints(m + taps - 2);
  SmallVector<SmallVector<double>> matrix;
  for (double point : points) {
    double scale = 1;
    for (double other : points)
      scale *= other == point ? 1 : point - other;
    matrix.emplace_back();
    for (double power = 1; int64_t(matrix.back().size()) < taps; power *= point)
      matrix.back().push_back(power / scale);
  }
  matrix.emplace_back(taps, 0.0);
  matrix.back().back() = 1;
  return matrix;
}

int64_t WinogradTiling::positions() const { return rank == 2 ? side() * side() : side(); }

WinogradTiling lepton::winogradTiling(int64_t tile, ArrayRef<int64_t> kernel, int64_t dilation) {
  constexpr int64_t mostTaps = 4;
  const bool isLong = kernel.size() == 1 && kernel[0] >= mostTaps;
  const int64_t taps = isLong ? mostTaps : kernel[0];
  return {int64_t(kernel.size()), tile, taps, int64_t(llvm::divideCeil(kernel[0], taps)), dilation};
}

std::pair<int64_t, int64_t> WinogradTiling::item(int64_t rows, int64_t columns) const {
  const int64_t tiles = rank == 1 ? lineItemTiles : imageItemTiles, itemColumns = largestDivisor(columns, tiles);
  return {largestDivisor(rows, std::max<int64_t>(1, tiles / itemColumns)), itemColumns};
}
