//===- SeparableEmitter.h - depthwise and pointwise convolutions in one kernel ----------------------------*- C++ -*-===//

#ifndef LEPTON_DIALECTS_SEPARABLEEMITTER_H
#define LEPTON_DIALECTS_SEPARABLEEMITTER_H

#include "dialects/Lepton/LeptonOps.h"

namespace lepton {

/// Sums of a depthwise convolution over channels-last images `[N, spatial..., C]`, tile by tile.
struct DepthwiseTiles {
  KernelEmitter &e;
  DepthwiseConvOp op;

  const llvm::SmallVector<mlir::AffineExpr> sizes = e.shapes.shape(op.getResult());
  const int64_t spatial = int64_t(sizes.size()) - 2;
  const int64_t pixels, channels; // of a tile: along the last spatial dimension, and of the last dimension
  using Range = std::pair<mlir::Value, mlir::OpFoldResult>;

  /// Tiles for the kernel that is being emitted.
  static DepthwiseTiles of(KernelEmitter &e, DepthwiseConvOp op);
  /// `[pixels, channels]` of the row at `position`: the image, then all spatial dimensions but the last.
  mlir::Value sums(mlir::ValueRange position, const Range &pixelRange, const Range &channelRange);
};

/// The depthwise convolution of which `input`, a value that only `reader` reads, is computed element by element: what
/// they compute can then be computed where it is read. Null if there is none.
DepthwiseConvOp depthwiseBefore(mlir::Value input, mlir::Operation *reader);

/// Whether it pays to compute the result of `op`, rows at a time, where a pointwise convolution reads it: as a whole it
/// would not stay in the second-level cache, while some rows do in the first levels.
bool paysByRows(DepthwiseConvOp op);

/// The depthwise convolution that `op`, if it is pointwise, takes into its kernel; null if there is none.
DepthwiseConvOp fusedDepthwise(PackedConvOp op);

/// The same within the kernel that is being emitted; null where the input lies in memory.
DepthwiseConvOp depthwiseInKernel(KernelEmitter &e, PackedConvOp op);

/// The kernel of a pointwise convolution and the depthwise one before it.
llvm::SmallVector<mlir::Value> emitSeparable(KernelEmitter &e, PackedConvOp pointwise, DepthwiseConvOp depthwise,
                                             mlir::ValueRange inits);

} // namespace lepton

#endif // LEPTON_DIALECTS_SEPARABLEEMITTER_H
