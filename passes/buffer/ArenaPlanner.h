//===- ArenaPlanner.h - offsets of buffers in one arena, by liveness -----------------------------------*- C++ -*-===//
//
// A buffer lives from its allocation to the last use of it or of a view of it. Buffers of static size get offsets so that two that live at
// the same time never overlap: largest first, each at the lowest offset that is free (greedy by size: Pisarchyk and Lee, 2020). While
// that takes more than what lives at one time, the buffer that reaches highest is placed earlier, and all others
// again.
//
//===--------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_PASSES_BUFFER_ARENAPLANNER_H
#define LEPTON_PASSES_BUFFER_ARENAPLANNER_H

#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include <optional>

namespace lepton {

class ArenaPlanner {
public:
  explicit ArenaPlanner(mlir::func::FuncOp entry);

  void add(mlir::memref::AllocOp op);
  /// Assigns offsets; returns the arena's size in bytes.
  int64_t plan();
  /// The most bytes that live at one time: no arena can be smaller.
  int64_t liveBytes() const;
  /// Where a buffer lies; nothing for one that the pool must give.
  std::optional<int64_t> offset(mlir::memref::AllocOp op) const;
  /// The op after which a buffer from the pool can go back; null where it leaves its block.
  mlir::Operation *lastUse(mlir::memref::AllocOp op) const;

private:
  struct Buffer {
    int64_t bytes = -1;         // of one in the arena; -1: from the pool
    int64_t begin = 0, end = 0; // positions of the first and last top-level op that sees it
    int64_t offset = 0;
    mlir::Operation *last = nullptr;
  };

  /// Assigns offsets one after the other; returns the highest end.
  static int64_t place(llvm::ArrayRef<Buffer *> sequence);

  mlir::func::FuncOp entry;
  mlir::BufferViewFlowAnalysis views;
  llvm::DenseMap<mlir::Operation *, int64_t> position; // of top-level ops
  llvm::DenseMap<mlir::Operation *, Buffer> buffers;
  llvm::SmallVector<mlir::Operation *> order;
};

} // namespace lepton

#endif // LEPTON_PASSES_BUFFER_ARENAPLANNER_H
