//===- LaneMath.h - arithmetic on scalars and vectors alike -----------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_CPU_LANEMATH_H
#define LEPTON_CODEGEN_CPU_LANEMATH_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace lepton {

/// Arithmetic beside an op whose result has `type`, a scalar or a vector: all values have as many lanes.
struct LaneMath {
  using Value = mlir::Value;

  mlir::OpBuilder &b;
  mlir::Location loc;
  mlir::Type type;

  /// As many lanes of `element`.
  mlir::Type like(mlir::Type element) const {
    auto vector = mlir::dyn_cast<mlir::VectorType>(type);
    return vector ? mlir::Type(vector.clone(element)) : element;
  }
  /// The same number in all lanes.
  Value splat(mlir::TypedAttr value) const {
    auto vector = mlir::dyn_cast<mlir::VectorType>(type);
    return mlir::arith::ConstantOp::create(
        b, loc, vector ? mlir::SplatElementsAttr::get(vector.clone(value.getType()), value) : value);
  }
  Value add(Value x, Value y) const { return mlir::arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) const { return mlir::arith::SubFOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) const { return mlir::arith::MulFOp::create(b, loc, x, y); }
  Value div(Value x, Value y) const { return mlir::arith::DivFOp::create(b, loc, x, y); }
  Value fma(Value x, Value y, Value z) const { return mlir::math::FmaOp::create(b, loc, x, y, z); }
  Value select(Value c, Value x, Value y) const { return mlir::arith::SelectOp::create(b, loc, c, x, y); }
  Value is(mlir::arith::CmpFPredicate predicate, Value x, Value y) const {
    return mlir::arith::CmpFOp::create(b, loc, predicate, x, y);
  }
};

} // namespace lepton

#endif // LEPTON_CODEGEN_CPU_LANEMATH_H
