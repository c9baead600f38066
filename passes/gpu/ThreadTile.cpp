//===- ThreadTile.cpp - a block's product by the threads themselves --------------------------------------------------------------===//

#include "passes/gpu/ProductTile.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace lepton;

/// Neighbours that one load brings; and the rows of a thread, where it has that many.
static constexpr int64_t group = 4, mostRows = 8;

namespace {

struct ThreadTile : ProductTile {
  /// Threads that follow each other have neighbouring groups of columns, so that those of a warp read few banks, and each of them once.
  ThreadTile(DeviceFunction &device, Location loc, LaunchAttr launch) : ProductTile(device, loc) {
    const int64_t perThread = launch.getRows() * launch.getColumns() / launch.getThreads();
    rows = std::min(mostRows, perThread / group);
    columns = perThread / rows;
    down = launch.getRows() / rows;
    across = launch.getColumns() / columns;
    row = times(over(device.thread(), across), group);
    column = times(rest(device.thread(), across), group);
  }

  /// Groups lie as far apart as all threads have one.
  SmallVector<Value> numbersFrom(Value begin, int64_t count, int64_t threads) {
    SmallVector<Value> numbers;
    for (int64_t i = 0; i < count; ++i)
      numbers.push_back(add(begin, i / group * group * threads + i % group));
    return numbers;
  }
  SmallVector<Value> ownRows() override { return numbersFrom(row, rows, down); }
  SmallVector<Value> ownColumns() override { return numbersFrom(column, columns, across); }

  SmallVector<Value> load(SharedTile &tile, Value stage, ArrayRef<Value> lines, int64_t depth) {
    SmallVector<Value> numbers;
    for (auto [i, line] : llvm::enumerate(lines)) {
      Value address = tile.addressOf(stage, line, device.constant(depth));
      numbers.push_back(LLVM::LoadOp::create(b, loc, b.getF32Type(), address, i % group ? 4 : 4 * group));
    }
    return numbers;
  }

  void multiply(SharedTile &ofRows, SharedTile &ofColumns, Value stage, int64_t depth,
                MutableArrayRef<Value> sums) override {
    const SmallVector<Value> rowLines = ownRows(), columnLines = ownColumns();
    for (int64_t step = 0; step < depth; ++step) {
      SmallVector<Value> left = load(ofRows, stage, rowLines, step), right = load(ofColumns, stage, columnLines, step);
      for (auto [j, factor] : llvm::enumerate(right))
        for (auto [i, other] : llvm::enumerate(left)) {
          Value &sum = sums[j * left.size() + i];
          sum = LLVM::FMAOp::create(b, loc, other, factor, sum);
        }
    }
  }

  int64_t rows, columns, down, across; // of a thread; threads along the sides
  Value row, column;
};

} // namespace

std::unique_ptr<ProductTile> lepton::makeThreadTile(DeviceFunction &device, Location loc, LaunchAttr launch) {
  return std::make_unique<ThreadTile>(device, loc, launch);
}
