//===- KernelGroups.h - which ops share a kernel --------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_PASSES_KERNEL_KERNELGROUPS_H
#define LEPTON_PASSES_KERNEL_KERNELGROUPS_H

#include "dialects/Lepton/LeptonOps.h"
#include "llvm/ADT/DenseSet.h"

namespace lepton {

/// Ops in program order; the last one's results are the kernel's.
struct KernelGroup {
  llvm::SmallVector<mlir::Operation *> ops;
  mlir::Operation *root() const { return ops.back(); }
};

/// How the ops of a function are read.
struct ReadOps {
  llvm::DenseSet<mlir::Operation *> unread; // by nothing
  llvm::DenseSet<mlir::Operation *>
      readBySizes; // element by element, where a size is computed: a kernel must leave them in memory
};

/// Of more parts a kernel that copies them all takes much longer to compile than several.
inline constexpr size_t mostConcatenated = 16;

/// Whether a kernel of this op applies the ops that are fused after it where it writes its result.
bool takesEpilogue(mlir::Operation *op);

/// Whether an op reads a slice, as this operand, without a copy of it: where it lies in memory, or element by element.
bool readsSlice(mlir::OpOperand &operand);

/// Cuts the compute ops of a block into groups, in the order in which they can run. Without `fuse` each op is a group; unread ops are in none.
std::vector<KernelGroup> groupOps(mlir::Block &block, ShapeAnalysis &shapes, bool fuse, const ReadOps &reads);

/// A name that says what a kernel does: ops, element type and shape of its result.
std::string kernelName(const KernelGroup &group);

} // namespace lepton

#endif // LEPTON_PASSES_KERNEL_KERNELGROUPS_H
