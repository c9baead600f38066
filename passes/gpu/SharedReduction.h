//===- SharedReduction.h - reductions that the threads of a block share ---------------------------------------*- C++ -*-===//
//
// Threads are numbered part by part: thread t has part t / lines of line t mod lines. Each accumulates its part of the reduction, the first one of a line from
// what the destination holds and the others from nothing; halves are added up in shared memory until one is left.
//
//===----------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_PASSES_SHAREDREDUCTION_H
#define LEPTON_PASSES_SHAREDREDUCTION_H

#include "passes/gpu/DeviceFunction.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace lepton {

/// The op that adds a term to the accumulator of a reduction with one result; null where there is none that may be applied in any order.
mlir::Operation *combinerOf(mlir::linalg::LinalgOp op);

/// The reduction's loops, the longest one innermost: it is the one that parts and copies of the body split, and where a window lies within the input is known outside.
llvm::SmallVector<int64_t> reductionOf(mlir::linalg::LinalgOp op);

/// What `combiner` leaves as it is.
mlir::Value neutralElement(mlir::OpBuilder &b, mlir::Operation *combiner);

/// Whether the threads of a subgroup combine what they have by an instruction.
bool hasSubgroupOperation(mlir::Operation *combiner);

/// A reduction's iterations, split in `parts`, for lines of threads.
struct SharedReduction {
  SharedReduction(DeviceFunction &device, mlir::Operation *combiner, int64_t threads, int64_t parts);

  /// What this thread begins with, where the destination holds `initial`.
  mlir::Value begin(mlir::Value initial);
  /// The sums of all parts in place of a thread's own, of as many reductions as there are values. Right in the threads of the first part; all threads of the
  /// block have to come here.
  llvm::SmallVector<mlir::Value> combine(mlir::ValueRange partial);

  DeviceFunction &device;
  mlir::RewriterBase &b;
  mlir::Location loc;
  mlir::Operation *combiner;
  int64_t threads, parts, lines;
  mlir::Value line, part; // this thread's
  mlir::Value isFirst;    // of its line

private:
  mlir::Value combineTwo(mlir::Value l, mlir::Value r);
  mlir::Value combineSubgroup(mlir::Value partial, mlir::gpu::AllReduceOperation operation);
  mlir::Value combineBlock(mlir::Value partial, mlir::gpu::AllReduceOperation operation);
};

} // namespace lepton

#endif // LEPTON_PASSES_SHAREDREDUCTION_H
