//===- VectorizeContraction.h - Register-blocked mul-add kernels ----------===//
//
// Turns a mul-add linalg.generic on memrefs into loops around one micro-kernel whose accumulators live in registers.
// The numbers (how many rows, how many vectors) stand in the op's schedule and are only obeyed.
//
//===----------------------------------------------------------------------===//
#ifndef LEPTON_PASSES_VECTOR_VECTORIZECONTRACTION_H
#define LEPTON_PASSES_VECTOR_VECTORIZECONTRACTION_H

#include "dialects/Lepton/LeptonOps.h"
#include "passes/vector/ContractionAnalysis.h"

namespace lepton {

/// Replaces `op` by the loops. Fails without a change when analyzeContraction does.
llvm::LogicalResult vectorizeContraction(mlir::RewriterBase &rewriter, mlir::linalg::GenericOp op,
                                         ScheduleAttr schedule, TargetAttr target);

} // namespace lepton

#endif
