//===- WarpTile.cpp - a block's product by tensor cores ------------------------------------------------------------------------===//

#include "passes/gpu/ProductTile.h"
#include "passes/gpu/TensorCores.h"

using namespace mlir;
using namespace lepton;

namespace {

struct WarpTile : ProductTile {
  /// The warps of a block halve the longer side of its tile until each has one.
  WarpTile(DeviceFunction &device, Location loc, LaunchAttr launch, FloatType multiplicand)
      : ProductTile(device, loc), multiplicand(multiplicand), rows(launch.getRows()), columns(launch.getColumns()) {
    for (int64_t warps = launch.getThreads() / warpThreads; warps > 1; warps /= 2)
      (rows >= columns ? rows : columns) /= 2;
    const int64_t across = launch.getRows() / rows;
    lane = rest(device.thread(), warpThreads);
    Value warp = over(device.thread(), warpThreads);
    row = times(rest(warp, across), rows);
    column = times(over(warp, across), columns);
  }

  SmallVector<Value> ownRows() override {
    SmallVector<Value> own;
    for (int64_t i = 0; i < rows; i += mmaRows / 2)
      own.push_back(add(add(row, over(lane, 4)), i));
    return own;
  }

  SmallVector<Value> ownColumns() override {
    SmallVector<Value> own;
    for (int64_t j = 0; j < columns; j += mmaColumns)
      for (int64_t e = 0; e < 2; ++e)
        own.push_back(add(add(column, times(rest(lane, 4), 2)), j + e));
    return own;
  }

  void multiply(SharedTile &ofRows, SharedTile &ofColumns, Value stage, int64_t depth,
                MutableArrayRef<Value> sums) override {
    const int64_t fragment = 16, perColumn = rows / (mmaRows / 2); // lines; sums of a thread
    for (int64_t step = 0; step < depth; step += mmaDepth(ofRows.elementType())) {
      SmallVector<SmallVector<Value>> left, right;
      for (int64_t i = 0; i < rows; i += fragment)
        left.push_back(loadFragment(ofRows, b, lane, stage, add(row, i), step));
      for (int64_t j = 0; j < columns; j += fragment)
        right.push_back(loadFragment(ofColumns, b, lane, stage, add(column, j), step));
      for (int64_t i = 0; i < rows / mmaRows; ++i)
        for (int64_t j = 0; j < columns / mmaColumns; ++j) {
          // The sums of one instruction: rows g and g + 8, of two columns each.
          auto place = [&](int64_t n) { return (2 * j + n % 2) * perColumn + 2 * i + n / 2; };
          const SmallVector<Value> &both = right[j / 2];
          SmallVector<Value> own;
          for (int64_t n = 0; n < 4; ++n)
            own.push_back(sums[place(n)]);
          for (auto [n, next] :
               llvm::enumerate(multiplyAdd(b, multiplicand, left[i], {both[j % 2], both[j % 2 + 2]}, own)))
            sums[place(n)] = next;
        }
    }
  }

  FloatType multiplicand;
  int64_t rows, columns;   // of the warp
  Value lane, row, column; // where the warp begins
};

} // namespace

std::unique_ptr<ProductTile> lepton::makeWarpTile(DeviceFunction &device, Location loc, LaunchAttr launch,
                                                  FloatType multiplicand) {
  return std::make_unique<WarpTile>(device, loc, launch, multiplicand);
}
