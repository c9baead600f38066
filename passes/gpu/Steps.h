//===- Steps.h - what of a kernel runs by itself on a GPU ----------------------------------------------------*- C++ -*-===//
//
// A kernel of the phase buffer is a list of ops on memory. Its steps are those that write memory; each becomes a launch, or several that compute the same
// elements one. All else (sizes, views, constants) is computed where it is used.
//
//===------------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_PASSES_STEPS_H
#define LEPTON_PASSES_STEPS_H

#include "dialects/Lepton/LeptonOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/SmallBitVector.h"

namespace lepton {

/// Whether the op, one of a kernel's outermost, can be a launch of its own.
bool isStep(mlir::Operation *op);

/// Whether a kernel is a list of steps; where it is not, one block has to run it in order.
bool hasSeparateSteps(mlir::func::FuncOp kernel);

/// Iterations of the op's loops of one kind; nothing where an extent is unknown.
std::optional<int64_t> iterationsOf(mlir::linalg::LinalgOp op, mlir::utils::IteratorType kind);

/// The op's loops on which a value of its body depends.
llvm::SmallBitVector loopsOf(mlir::Value value, mlir::linalg::LinalgOp op);

/// The memory that a view is a part of.
mlir::Value baseOf(mlir::Value memref);

/// Whether the value is computed from what lies in memory, so that only the GPU knows it.
bool dependsOnMemory(mlir::Operation *op);

/// Neighbouring steps that one launch can compute: a thread of it reads only those elements of what the others write that it writes itself.
llvm::SmallVector<llvm::SmallVector<mlir::Operation *>> groupSteps(mlir::func::FuncOp kernel);

/// How a group is launched: as its reduction is, or with as many elements for a thread as suit all.
LaunchAttr launchOf(llvm::ArrayRef<mlir::Operation *> group);

/// Memory of the kernel's own that only this group uses: each thread needs but its own elements.
llvm::SmallVector<mlir::Value> privateMemory(llvm::ArrayRef<mlir::Operation *> group);

/// Whether only the sizes of this memory are read: those of a reduction's loops.
bool isOnlyShape(mlir::Value memref);

} // namespace lepton

#endif // LEPTON_PASSES_STEPS_H
