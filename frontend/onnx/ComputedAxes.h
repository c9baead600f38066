//===- ComputedAxes.h - axes that only the run knows -----------------------------------------------------*- C++ -*-===//
//
// ONNX passes axes as operands. Nearly always they are constants; where they are not, their number still fixes the ranks, and the sizes are computed
// by the run. Every function takes axes as made by computedAxes: i64, counted from the front, of static length.
//
//===----------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_FRONTEND_ONNX_COMPUTEDAXES_H
#define LEPTON_FRONTEND_ONNX_COMPUTEDAXES_H

#include "frontend/onnx/Node.h"

namespace lepton::importer {

/// Whether the axes are neither an attribute nor a constant.
bool hasComputedAxes(const Node &n, int operand);

/// Operand `operand` as axes of `rank` dimensions (for Unsqueeze: of the input's rank and the number of the axes together).
mlir::FailureOr<mlir::Value> computedAxes(Node &n, int operand, int64_t rank);

/// A vector of `rank` elements: `values` at the axes, `otherwise` elsewhere.
mlir::Value spreadOverAxes(Node &n, mlir::Value axes, mlir::Value values, int64_t rank, int64_t otherwise);

mlir::Value squeezeComputed(Node &n, mlir::Value x, mlir::Value axes);
mlir::Value unsqueezeComputed(Node &n, mlir::Value x, mlir::Value axes);

/// Reduces one dimension after the other, each where it is among the axes; all dimensions stay, those with the size 1.
mlir::Value reduceComputed(Node &n, ReduceKind kind, mlir::Value x, mlir::Value axes);

} // namespace lepton::importer

#endif // LEPTON_FRONTEND_ONNX_COMPUTEDAXES_H
