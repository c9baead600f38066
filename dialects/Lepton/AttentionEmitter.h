//===- AttentionEmitter.h - products of a softmax, row by row ---------------------------------------------*- C++ -*-===//

#ifndef LEPTON_DIALECTS_ATTENTIONEMITTER_H
#define LEPTON_DIALECTS_ATTENTIONEMITTER_H

#include "dialects/Lepton/LeptonOps.h"

namespace lepton {

/// The softmax within the kernel that is the left operand of `product`; null where that operand lies in memory or is something else.
SoftmaxOp attentionWeights(KernelEmitter &e, MatMulOp product);

/// The kernel of `values`, a product whose left operand is the softmax `weights` of the same kernel.
llvm::SmallVector<mlir::Value> emitAttention(KernelEmitter &e, MatMulOp values, SoftmaxOp weights,
                                             mlir::ValueRange inits);

/// Writes the softmax, along the last dimension, of the row at `position` of the op's input to `row`.
mlir::Value softmaxRow(KernelEmitter &e, SoftmaxOp op, mlir::ValueRange position, mlir::Value row);

} // namespace lepton

#endif // LEPTON_DIALECTS_ATTENTIONEMITTER_H
