//===- BasicMath.h - functions that are instructions, the same on every processor ------------------------------*- C++ -*-===//

#ifndef LEPTON_CODEGEN_CPU_BASICMATH_H
#define LEPTON_CODEGEN_CPU_BASICMATH_H

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"

namespace lepton {

/// Whether an op, if it is of the math dialect, has one correct result and needs no library for it.
inline bool isBasicMath(mlir::Operation *op) {
  using namespace mlir;
  return !isa<math::MathDialect>(op->getDialect()) || !isa<FloatType>(getElementTypeOrSelf(op->getResult(0))) ||
         isa<math::AbsFOp, math::CeilOp, math::CopySignOp, math::FloorOp, math::FmaOp, math::RoundOp, math::RoundEvenOp,
             math::SqrtOp, math::TruncOp>(op);
}

} // namespace lepton

#endif // LEPTON_CODEGEN_CPU_BASICMATH_H
