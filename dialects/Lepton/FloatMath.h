//===- FloatMath.h - short forms for scalar arithmetic on floating-point numbers ----------------------------*- C++ -*-===//

#ifndef LEPTON_DIALECTS_FLOATMATH_H
#define LEPTON_DIALECTS_FLOATMATH_H

#include "dialects/Lepton/KernelEmitter.h"

#include "mlir/Dialect/Math/IR/Math.h"

namespace lepton {

/// Arithmetic in one floating-point type, and the way between it and indices.
struct FloatMath {
  using Value = mlir::Value;

  KernelEmitter &e;
  mlir::Type type;

  Value number(double value) const { return e.scalar(type, value); }
  Value add(Value l, Value r) const { return make<mlir::arith::AddFOp>(l, r); }
  Value sub(Value l, Value r) const { return make<mlir::arith::SubFOp>(l, r); }
  Value mul(Value l, Value r) const { return make<mlir::arith::MulFOp>(l, r); }
  Value div(Value l, Value r) const { return make<mlir::arith::DivFOp>(l, r); }
  Value floor(Value x) const { return make<mlir::math::FloorOp>(x); }
  Value ceil(Value x) const { return make<mlir::math::CeilOp>(x); }
  Value abs(Value x) const { return make<mlir::math::AbsFOp>(x); }
  Value sqrt(Value x) const { return make<mlir::math::SqrtOp>(x); }
  Value log(Value x) const { return make<mlir::math::LogOp>(x); }
  Value roundEven(Value x) const { return make<mlir::math::RoundEvenOp>(x); }
  /// The larger and the smaller number; a NaN loses.
  Value max(Value l, Value r) const { return make<mlir::arith::MaxNumFOp>(l, r); }
  Value min(Value l, Value r) const { return make<mlir::arith::MinNumFOp>(l, r); }
  Value compare(mlir::arith::CmpFPredicate predicate, Value l, Value r) const {
    return e.b.createOrFold<mlir::arith::CmpFOp>(e.loc, predicate, l, r);
  }
  Value less(Value l, Value r) const { return compare(mlir::arith::CmpFPredicate::OLT, l, r); }
  Value equal(Value l, Value r) const { return compare(mlir::arith::CmpFPredicate::OEQ, l, r); }
  Value fromIndex(Value index) const {
    Value integer = e.b.createOrFold<mlir::arith::IndexCastOp>(e.loc, e.b.getI64Type(), index);
    return e.b.createOrFold<mlir::arith::SIToFPOp>(e.loc, type, integer);
  }
  /// A whole number that is known to be small as an index.
  Value toIndex(Value x) const {
    Value integer = e.b.createOrFold<mlir::arith::FPToSIOp>(e.loc, e.b.getI64Type(), x);
    return e.b.createOrFold<mlir::arith::IndexCastOp>(e.loc, e.b.getIndexType(), integer);
  }

private:
  template <typename OpT, typename... Operands> Value make(Operands... operands) const {
    return e.b.createOrFold<OpT>(e.loc, operands...);
  }
};

} // namespace lepton

#endif // LEPTON_DIALECTS_FLOATMATH_H
