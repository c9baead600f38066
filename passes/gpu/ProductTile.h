//===- ProductTile.h - what a thread computes of a block's product ---------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_PASSES_PRODUCTTILE_H
#define LEPTON_PASSES_PRODUCTTILE_H

#include "passes/gpu/IndexMath.h"
#include "passes/gpu/SharedTile.h"

namespace lepton {

/// The rows and columns of a block's tile that a thread has, and how slices of them are multiplied.
class ProductTile : protected IndexMath {
public:
  ProductTile(DeviceFunction &device, mlir::Location loc) : IndexMath{device.b, loc}, device(device) {}
  virtual ~ProductTile() = default;

  virtual llvm::SmallVector<mlir::Value> ownRows() = 0;
  virtual llvm::SmallVector<mlir::Value> ownColumns() = 0;
  /// Adds the products of a slice to the sums: those of the first column, then the next.
  virtual void multiply(SharedTile &ofRows, SharedTile &ofColumns, mlir::Value stage, int64_t depth,
                        llvm::MutableArrayRef<mlir::Value> sums) = 0;

protected:
  DeviceFunction &device;
};

/// Of tensor cores: a warp has a tile, and its threads what the instructions give them.
std::unique_ptr<ProductTile> makeWarpTile(DeviceFunction &device, mlir::Location loc, LaunchAttr launch,
                                          mlir::FloatType multiplicand);

/// Of float32 as such: a thread has groups of four neighbouring rows and columns, which are one load each.
std::unique_ptr<ProductTile> makeThreadTile(DeviceFunction &device, mlir::Location loc, LaunchAttr launch);

} // namespace lepton

#endif // LEPTON_PASSES_PRODUCTTILE_H
