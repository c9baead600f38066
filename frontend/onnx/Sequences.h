//===- Sequences.h - sequences in graphs -------------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_FRONTEND_ONNX_SEQUENCES_H
#define LEPTON_FRONTEND_ONNX_SEQUENCES_H

#include "frontend/onnx/Node.h"

namespace lepton::importer {

/// A sequence without tensors, of tensors of the element type.
mlir::Value emptySequence(GraphBuilder &g, mlir::Location loc, mlir::Type elementType);
/// The sequence with one more tensor at its end.
mlir::Value appended(GraphBuilder &g, mlir::Location loc, mlir::Value sequence, mlir::Value element);
/// The sequence's tensors put together along `axis`, with `stack` a new dimension.
mlir::Value concatenated(GraphBuilder &g, mlir::Location loc, mlir::Value sequence, int64_t axis, bool stack);
/// What an optional holds; the run fails where that is nothing. Other values are what they are.
mlir::Value contentOf(Node &n, mlir::Value optional);
/// A value as an optional that holds it; an optional is one.
mlir::Value asOptional(Node &n, mlir::Value value);

} // namespace lepton::importer

#endif // LEPTON_FRONTEND_ONNX_SEQUENCES_H
