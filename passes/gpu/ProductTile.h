//===- ProductTile.h - what a thread computes of a block's product ---------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_PASSES_PRODUCTTILE_H
#define LEPTON_PASSES_PRODUCTTILE_H

#include "passes/gpu/SharedTile.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace lepton {

/// The rows and columns of a block's tile that a thread has, and how slices of them are multiplied.
class ProductTile {
public:
  ProductTile(DeviceFunction &device, mlir::Location loc) : b(device.b), loc(loc), device(device) {}
  virtual ~ProductTile() = default;

  virtual llvm::SmallVector<mlir::Value> ownRows() = 0;
  virtual llvm::SmallVector<mlir::Value> ownColumns() = 0;
  /// Adds the products of a slice to the sums: those of the first column, then the next.
  virtual void multiply(SharedTile &ofRows, SharedTile &ofColumns, mlir::Value stage, int64_t depth,
                        llvm::MutableArrayRef<mlir::Value> sums) = 0;

  mlir::Value add(mlir::Value l, mlir::Value r) { return b.createOrFold<mlir::arith::AddIOp>(loc, l, r); }
  mlir::Value add(mlir::Value l, int64_t r) { return add(l, device.constant(r)); }
  mlir::Value times(mlir::Value l, int64_t r) {
    return b.createOrFold<mlir::arith::MulIOp>(loc, l, device.constant(r));
  }
  mlir::Value over(mlir::Value l, int64_t r) {
    return b.createOrFold<mlir::arith::DivUIOp>(loc, l, device.constant(r));
  }
  mlir::Value rest(mlir::Value l, int64_t r) {
    return b.createOrFold<mlir::arith::RemUIOp>(loc, l, device.constant(r));
  }

protected:
  mlir::RewriterBase &b;
  mlir::Location loc;
  DeviceFunction &device;
};

/// Of tensor cores: a warp has a tile, and its threads what the instructions give them.
std::unique_ptr<ProductTile> makeWarpTile(DeviceFunction &device, mlir::Location loc, LaunchAttr launch,
                                          mlir::FloatType multiplicand);

/// Of float32 as such: a thread has groups of four neighbouring rows and columns, which are one load each.
std::unique_ptr<ProductTile> makeThreadTile(DeviceFunction &device, mlir::Location loc, LaunchAttr launch);

} // namespace lepton

#endif // LEPTON_PASSES_PRODUCTTILE_H
