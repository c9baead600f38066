//===- VectorizeContraction.h - Register-blocked mul-add kernels ----------===//
//
// Turns a mul-add linalg.generic on memrefs into loops around one micro-kernel whose accumulators live in registers.
// The numbers (how many rows, how many vectors) are chosen apart from the mechanism, by a pure function, and only
// obeyed by it.
//
//===----------------------------------------------------------------------===//
#ifndef LEPTON_PASSES_VECTOR_VECTORIZECONTRACTION_H
#define LEPTON_PASSES_VECTOR_VECTORIZECONTRACTION_H

#include "passes/vector/ContractionAnalysis.h"

namespace lepton {

/// The register block: (rows x vectors) accumulators of `lanes` elements each.
struct ContractionSchedule {
  /// Elements of the accumulator's type in one vector register.
  int64_t lanes = 8;
  /// Block of the row dimension (pixels of a row, rows of a matrix).
  int64_t rows = 6;
  /// Block of the vector dimension, in vectors. In the dot form: block of the column dimension, in elements.
  int64_t vectors = 2;
  /// Block of the innermost column dimension: panels of packed weights that are walked together.
  int64_t panels = 1;
  /// Copies of the innermost reduction loop's body.
  int64_t unroll = 1;
  /// Inner reduction loops disappear while the product of their trip counts is at most this.
  int64_t fullUnroll = 12;
  /// The target has fused multiply-add; without it a vector.fma would become calls of the C library.
  bool fma = true;
  /// The target has masked loads and stores.
  bool masks = true;
  /// Rows outside, columns inside: a panel of A stays in L1 and B is read once per row block.
  bool rowsOutermost = false;
};

/// Best register block for `numRegisters` vector registers and an output of m rows and n columns (ShapedType::kDynamic
/// if unknown).
ContractionSchedule defaultContractionSchedule(int64_t lanes, int64_t numRegisters, bool hasFma, int64_t n, int64_t m);

/// The same for an analysed contraction: also uses the reduction's size, the form, and the bytes of A and B.
ContractionSchedule defaultContractionSchedule(const Contraction &contraction, int64_t lanes, int64_t numRegisters,
                                               bool hasFma);

/// Replaces `op` by the loops. Fails without a change when analyzeContraction does.
llvm::LogicalResult vectorizeContraction(mlir::RewriterBase &rewriter, mlir::linalg::GenericOp op,
                                         const ContractionSchedule &schedule);

} // namespace lepton

#endif
