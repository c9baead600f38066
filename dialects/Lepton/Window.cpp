//===- Window.cpp - where the windows of convolutions lie --------------------------------------------------------------===//

#include "dialects/Lepton/Window.h"

#include <numeric>

using namespace mlir;
using namespace lepton;

AffineExpr lepton::windowCount(ShapeAnalysis &shapes, AffineExpr size, AffineExpr kernel, int64_t stride,
                               int64_t dilation) {
  AffineExpr count = (size - (kernel - 1) * dilation - 1).floorDiv(stride) + 1;
  return ShapeAnalysis::constantValue(count)
             ? shapes.constant(std::max<int64_t>(*ShapeAnalysis::constantValue(count), 0))
             : count;
}

LogicalResult lepton::checkWindow(Operation *op, int64_t spatial, ArrayRef<int64_t> strides,
                                  ArrayRef<int64_t> dilations, ArrayRef<int64_t> pads, bool hasPads) {
  if (spatial < 1)
    return op->emitOpError() << "needs an input with at least one spatial dimension";
  if (int64_t(strides.size()) != spatial || int64_t(dilations.size()) != spatial ||
      (hasPads && int64_t(pads.size()) != 2 * spatial))
    return op->emitOpError() << "needs one stride and one dilation and two pads for each of the " << spatial
                             << " spatial dimensions";
  for (int64_t value : llvm::concat<const int64_t>(strides, dilations))
    if (value < 1)
      return op->emitOpError() << "has the stride or dilation " << value << "; it must be at least 1";
  return success();
}

TransposedDim::TransposedDim(int64_t stride, int64_t kernel, int64_t dilation, int64_t padBegin, int64_t padEnd,
                             int64_t outputPadding)
    : stride(stride), dilation(dilation / std::gcd(stride, dilation)), padBefore(0), padAfter(0) {
  // The size of the result is (input - 1) * stride + beyond.
  const int64_t beyond = outputPadding + (kernel - 1) * dilation + 1 - padBegin - padEnd;
  for (int64_t phase = 0; phase < stride; ++phase) {
    Phase &current = phases.emplace_back(Phase{int64_t(order.size()), 0, 0});
    for (int64_t k = kernel - 1; k >= 0; --k) {
      const int64_t numerator = phase + padBegin - dilation * k;
      if (numerator % stride)
        continue;
      const int64_t position = numerator / stride; // of the phase's first result, in the input
      if (current.taps++ == 0) {
        current.start = position;
        padBefore = std::max(padBefore, -position);
      }
      // The last result of the phase has this position from the input's end.
      padAfter = std::max(padAfter, position - 1 + llvm::divideCeilSigned(beyond - phase, stride));
      order.push_back(k);
    }
  }
  for (Phase &phase : phases)
    phase.start += padBefore;
}

SmallVector<TransposedDim> lepton::transposedDims(ArrayRef<int64_t> kernel, ArrayRef<int64_t> strides,
                                                  ArrayRef<int64_t> dilations, ArrayRef<int64_t> pads,
                                                  ArrayRef<int64_t> outputPadding) {
  SmallVector<TransposedDim> dims;
  for (size_t i = 0, spatial = strides.size(); i < spatial; ++i)
    dims.emplace_back(strides[i], kernel[i], dilations[i], pads[i], pads[spatial + i], outputPadding[i]);
  return dims;
}
