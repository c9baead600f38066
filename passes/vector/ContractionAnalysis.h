//===- ContractionAnalysis.h - What a mul-add linalg.generic computes -----===//
//
// A contraction is `C[c(d)] += A[a(d)] * B[b(d)]` with linear maps a, b, c over
// the loop dimensions d. Code generation needs to know only how each dimension
// moves in each operand; this file finds that out, and gives every dimension a
// role. Nothing is changed here.
//
//===----------------------------------------------------------------------===//
#ifndef LEPTON_PASSES_VECTOR_CONTRACTIONANALYSIS_H
#define LEPTON_PASSES_VECTOR_CONTRACTIONANALYSIS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace lepton {

/// One operand addressed as a flat buffer: element `constant + sum(iv_d * step_d)` where the steps follow from the
/// indexing map and the strides of the memref. Unknown steps are ShapedType::kDynamic; a dimension that does not move
/// the operand has step 0.
struct OperandAccess {
  mlir::Value memref;
  /// coefficients[result][dim] of the indexing map, and its constants.
  llvm::SmallVector<llvm::SmallVector<int64_t>> coefficients;
  llvm::SmallVector<int64_t> constants;
  llvm::SmallVector<int64_t> strides;
  llvm::SmallVector<int64_t> steps;

  bool uses(unsigned dim) const { return steps[dim] != 0; }
  bool isUnit(unsigned dim) const { return steps[dim] == 1; }
};

/// The scalar computation `acc + f(a) * g(b)`, where f and g are chains of element-wise operations (extensions, zero
/// points).
struct MulAddBody {
  llvm::SmallVector<mlir::Operation *> aChain, bChain;
  mlir::Type accumulatorType;
  bool isFloat;
};

enum class ContractionForm {
  /// Lanes run along an output dimension: rows of A are broadcast (or, for depthwise forms, loaded as vectors too).
  Columns,
  /// Lanes run along a reduction dimension: dot products, summed horizontally at the end.
  Dot,
};

struct Contraction {
  ContractionForm form;
  OperandAccess a, b, c;
  MulAddBody body;
  unsigned vectorDim;
  /// Columns form only: A is unit-stride along the vector dimension as well (depthwise convolution, element-wise
  /// batches).
  bool vectorA = false;
  /// Parallel dimensions of A and C only, in loop order, and the one that is blocked in registers.
  llvm::SmallVector<unsigned> rowDims;
  std::optional<unsigned> rowDim;
  /// The row dimension around `rowDim`, if both are of known sizes: a block of more rows than `rowDim` has goes on along it.
  std::optional<unsigned> lineDim() const;
  /// Parallel dimensions of B and C only, in loop order, without the vector dimension.
  llvm::SmallVector<unsigned> columnDims;
  /// The other parallel dimensions (of A, B and C).
  llvm::SmallVector<unsigned> batchDims;
  /// Innermost last.
  llvm::SmallVector<unsigned> reductionDims;
  /// Trip counts, ShapedType::kDynamic where unknown.
  llvm::SmallVector<int64_t> extents;
};

/// Finds the roles, or fails when `op` is no contraction or no dimension can be vectorized. `lanes` decides between
/// the forms when the output's dimension would fill less than half a vector.
mlir::FailureOr<Contraction> analyzeContraction(mlir::linalg::GenericOp op, int64_t lanes);

} // namespace lepton

#endif
