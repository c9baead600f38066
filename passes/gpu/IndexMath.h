//===- IndexMath.h - arithmetic of places ------------------------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_PASSES_INDEXMATH_H
#define LEPTON_PASSES_INDEXMATH_H

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace lepton {

/// Writes arithmetic on indices that are not negative; what is known is folded.
struct IndexMath {
  mlir::OpBuilder &b;
  mlir::Location loc;

  mlir::Value constant(int64_t value) const { return mlir::arith::ConstantIndexOp::create(b, loc, value); }
  mlir::Value add(mlir::Value l, mlir::Value r) const { return b.createOrFold<mlir::arith::AddIOp>(loc, l, r); }
  mlir::Value add(mlir::Value l, int64_t r) const { return add(l, constant(r)); }
  mlir::Value times(mlir::Value l, mlir::Value r) const { return b.createOrFold<mlir::arith::MulIOp>(loc, l, r); }
  mlir::Value times(mlir::Value l, int64_t r) const { return times(l, constant(r)); }
  mlir::Value over(mlir::Value l, int64_t r) const { return b.createOrFold<mlir::arith::DivUIOp>(loc, l, constant(r)); }
  mlir::Value rest(mlir::Value l, int64_t r) const { return b.createOrFold<mlir::arith::RemUIOp>(loc, l, constant(r)); }
};

} // namespace lepton

#endif // LEPTON_PASSES_INDEXMATH_H
