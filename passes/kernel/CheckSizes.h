//===- CheckSizes.h - what ops require of sizes is checked in the run ----------------------------------------*- C++ -*-===//

#ifndef LEPTON_PASSES_KERNEL_CHECKSIZES_H
#define LEPTON_PASSES_KERNEL_CHECKSIZES_H

#include "passes/kernel/KernelGroups.h"

namespace lepton {

/// Puts checks in front of ops that require something of sizes which only the run knows: the same inner dimension, as many elements, and the like.
void checkSizes(mlir::func::FuncOp entry, ShapeAnalysis &shapes, const ReadOps &reads);

} // namespace lepton

#endif // LEPTON_PASSES_KERNEL_CHECKSIZES_H
