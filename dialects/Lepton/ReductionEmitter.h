//===- ReductionEmitter.h - sums, products and extremes in kernels ----------------------------------------*- C++ -*-===//

#ifndef LEPTON_DIALECTS_REDUCTIONEMITTER_H
#define LEPTON_DIALECTS_REDUCTIONEMITTER_H

#include "dialects/Lepton/KernelEmitter.h"
#include "dialects/Lepton/LeptonOps.h"

namespace lepton {

/// The type in which values of a tensor element type are accumulated.
mlir::Type accumulatorType(mlir::OpBuilder &b, mlir::Type elementType);

/// A scalar of the element type in the accumulator's type, and back.
mlir::Value widen(KernelEmitter &e, mlir::Value scalar, mlir::Type elementType, mlir::Type accumulator);
mlir::Value narrow(KernelEmitter &e, mlir::Value value, mlir::Type accumulator, mlir::Type elementType);

/// What a reduction starts from, and one step of it.
mlir::Value neutral(KernelEmitter &e, ReduceKind kind, mlir::Type type, bool isUnsigned);
mlir::Value combine(KernelEmitter &e, ReduceKind kind, mlir::Value l, mlir::Value r, bool isUnsigned);

/// `KernelEmitter::reduce` over sizes of which some may be known to the kernel alone.
mlir::Value reduceOver(KernelEmitter &e, mlir::Value init, llvm::ArrayRef<mlir::OpFoldResult> sizes,
                       KernelEmitter::ReduceFn combine);

/// Positions of the result, and of the reduced dimensions `axes`, as positions of the input.
llvm::SmallVector<mlir::Value> inputIndices(int64_t rank, llvm::ArrayRef<int64_t> axes, mlir::ValueRange kept,
                                            mlir::ValueRange reduced);

} // namespace lepton

#endif // LEPTON_DIALECTS_REDUCTIONEMITTER_H
