//===- WinogradConvolution.h - when and how a convolution is computed by minimal filtering ----------------*- C++ -*-===//

#ifndef LEPTON_PASSES_GRAPH_WINOGRADCONVOLUTION_H
#define LEPTON_PASSES_GRAPH_WINOGRADCONVOLUTION_H

#include "dialects/Lepton/GraphBuilder.h"

namespace lepton {

/// Whether F(4x4, 3x3), F(4, 3) or F(4, 4) is expected to be clearly faster than the direct form: stride 1, constant weights, an image of known size or a line.
bool prefersWinograd(ConvOp op, TargetAttr target);

/// The convolution of a channels-last input, channels last; `block` output channels are one block of the filter.
mlir::Value winogradConvolution(GraphBuilder &g, ConvOp op, mlir::Value input, int64_t block, TargetAttr target);

} // namespace lepton

#endif // LEPTON_PASSES_GRAPH_WINOGRADCONVOLUTION_H
