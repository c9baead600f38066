//===- WinogradConvolution.h - when and how a convolution is computed by minimal filtering ----------------*- C++ -*-===//

#ifndef LEPTON_PASSES_GRAPH_WINOGRADCONVOLUTION_H
#define LEPTON_PASSES_GRAPH_WINOGRADCONVOLUTION_H

#include "dialects/Lepton/GraphBuilder.h"

namespace lepton {

/// The outputs of a tile along a dimension, 2 or 4, with which minimal filtering is expected to be clearly faster than the direct form, and fastest; 0 where it is
/// not. For stride 1, constant weights, and an image of known size with a filter of 3 x 3, or a line.
int64_t winogradTile(ConvOp op, TargetAttr target);

/// The convolution of a channels-last input, channels last; `block` output channels are one block of the filter.
mlir::Value winogradConvolution(GraphBuilder &g, ConvOp op, int64_t tile, mlir::Value input, int64_t block,
                                TargetAttr target);

} // namespace lepton

#endif // LEPTON_PASSES_GRAPH_WINOGRADCONVOLUTION_H
