//===- WinogradConvolution.h - when and how a convolution is computed by minimal filtering ----------------*- C++ -*-===//

#ifndef LEPTON_PASSES_GRAPH_WINOGRADCONVOLUTION_H
#define LEPTON_PASSES_GRAPH_WINOGRADCONVOLUTION_H

#include "dialects/Lepton/GraphBuilder.h"

namespace lepton {

/// How minimal filtering computes a convolution.
struct WinogradForm {
  /// Outputs of a tile along a dimension, 2, 4 or 6.
  int64_t tile;
  /// Whether each item of work transforms its own tiles, in front of the products; else a kernel does it for all of them.
  bool transformsInside;

  bool operator==(const WinogradForm &other) const {
    return tile == other.tile && transformsInside == other.transformsInside;
  }
};

/// All forms for a convolution of stride 1 with constant weights, and an image of known size with a filter of 3 x 3, or a line; of other convolutions none.
llvm::SmallVector<WinogradForm> winogradForms(ConvOp op, TargetAttr target);

/// The one that is expected to be clearly faster than the direct form, and fastest; nothing where none is.
std::optional<WinogradForm> expectedWinogradForm(ConvOp op, TargetAttr target);

/// The convolution of a channels-last input, channels last; `block` output channels are one block of the filter.
mlir::Value winogradConvolution(GraphBuilder &g, ConvOp op, WinogradForm form, mlir::Value input, int64_t block);

} // namespace lepton

#endif // LEPTON_PASSES_GRAPH_WINOGRADCONVOLUTION_H
