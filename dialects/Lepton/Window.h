//===- Window.h - where the windows of convolutions lie ----------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_DIALECTS_WINDOW_H
#define LEPTON_DIALECTS_WINDOW_H

#include "dialects/Lepton/KernelEmitter.h"

namespace lepton {

/// Positions where a window of `kernel` taps fits: (size - (kernel - 1) * dilation - 1) / stride + 1, at least 0.
mlir::AffineExpr windowCount(ShapeAnalysis &shapes, mlir::AffineExpr size, mlir::AffineExpr kernel, int64_t stride,
                             int64_t dilation);

/// Checks ranks and attribute lengths that convolutions and pools share.
mlir::LogicalResult checkWindow(mlir::Operation *op, int64_t spatial, llvm::ArrayRef<int64_t> strides,
                                llvm::ArrayRef<int64_t> dilations, llvm::ArrayRef<int64_t> pads, bool hasPads);

/// One dimension of a transposed convolution, result[o] = sum over i, k with stride * i + dilation * k = o + pad of input[i] * filter[k]. Its results
/// fall into one phase for each remainder of o by the stride; each phase is a dense convolution, whose windows move by 1, with some of the taps.
struct TransposedDim {
  /// More phases than this, of all dimensions, are better the channels of one dense convolution: each has code of its own.
  static constexpr int64_t mostPhases = 16;

  struct Phase {
    int64_t first, taps; // in `order`
    int64_t start;       // of the window of the phase's first result, in the padded input
  };
  int64_t stride;
  int64_t dilation;                 // between taps of a phase
  int64_t padBefore, padAfter;      // zeros that the windows of all phases reach over the edges of the input
  llvm::SmallVector<int64_t> order; // taps by phases, each phase's in the order of the input
  llvm::SmallVector<Phase> phases;

  TransposedDim(int64_t stride, int64_t kernel, int64_t dilation, int64_t padBegin, int64_t padEnd,
                int64_t outputPadding);
  /// Results in a phase.
  mlir::AffineExpr count(mlir::AffineExpr results, int64_t phase) const {
    return (results + (stride - 1 - phase)).floorDiv(stride);
  }
};

/// All spatial dimensions, from the attributes of a transposed convolution.
llvm::SmallVector<TransposedDim> transposedDims(llvm::ArrayRef<int64_t> kernel, llvm::ArrayRef<int64_t> strides,
                                                llvm::ArrayRef<int64_t> dilations, llvm::ArrayRef<int64_t> pads,
                                                llvm::ArrayRef<int64_t> outputPadding);

} // namespace lepton

#endif // LEPTON_DIALECTS_WINDOW_H
