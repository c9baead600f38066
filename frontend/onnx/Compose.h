//===- Compose.h - small compositions that converters of several families use ------------------------------*- C++ -*-===//

#ifndef LEPTON_FRONTEND_ONNX_COMPOSE_H
#define LEPTON_FRONTEND_ONNX_COMPOSE_H

#include "frontend/onnx/Node.h"

namespace lepton::importer {

/// An i64 scalar.
mlir::Value integer(Node &n, int64_t value);
mlir::Value toI64(Node &n, mlir::Value value);
/// A tensor of one element as a scalar; null stays null.
mlir::Value single(Node &n, mlir::Value value);
/// And back: a scalar as a vector of one element.
mlir::Value asVector(Node &n, mlir::Value scalar);
/// The size of a dimension, as a scalar; and those of the dimensions [begin, end), as a vector.
mlir::Value sizeOf(Node &n, mlir::Value value, int64_t d);
mlir::Value sizesOf(Node &n, mlir::Value value, int64_t begin, int64_t end);
/// 0, 1, ..., count - 1 along dimension `axis` of `rank`; the other dimensions are 1.
mlir::Value iota(Node &n, mlir::Value count, int64_t axis, int64_t rank);
/// Dimensions of size 1 at `axes`, sorted positions in the result.
mlir::Value unsqueezed(Node &n, mlir::Value value, llvm::ArrayRef<int64_t> axes);
/// The parts of a value at positions along an axis: tensor [..., positions..., ...].
mlir::Value pick(Node &n, mlir::Value value, mlir::Value positions, int64_t axis = 0);
mlir::Value joined(Node &n, llvm::ArrayRef<mlir::Value> values, int64_t axis);
/// `value` under the shape that the parts, vectors of i64, make up together.
mlir::Value reshaped(Node &n, mlir::Value value, llvm::ArrayRef<mlir::Value> shape);
/// `value` with elements added at the ends of dimensions: `pads`, a vector, counts those before, then those after each of `axes`. They are `fill`, or 0.
mlir::Value padded(Node &n, mlir::Value value, mlir::Value pads, llvm::ArrayRef<int64_t> axes, mlir::Value fill = {},
                   PadMode mode = PadMode::constant);
/// Fails unless `holds`, one bool: here where it is known, in the run otherwise. `message` goes on from the node's name.
mlir::LogicalResult require(Node &n, mlir::Value holds, const llvm::Twine &message);
/// Says that dimension `d` of operand `i`, which the operator gives a size, has it: known from here on, checked when the model runs.
void pin(Node &n, int i, int64_t d, int64_t size);
mlir::Value reduced(Node &n, ReduceKind kind, mlir::Value value, llvm::ArrayRef<int64_t> axes);
/// A vector of `count` (a scalar) elements that are all `element`.
mlir::Value repeated(Node &n, mlir::Value element, mlir::Value count);
/// The positions of the true elements of a vector, as a vector.
mlir::Value truePlaces(Node &n, mlir::Value flags);
/// Positions of the nonzero elements: a row per dimension, a column per element.
mlir::Value nonZero(Node &n, mlir::Value value);

} // namespace lepton::importer

#endif // LEPTON_FRONTEND_ONNX_COMPOSE_H
