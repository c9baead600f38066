//===- LoopBlocks.h - what loops take from the pool and give back -------------------------------------*- C++ -*-===//
//
// Before: memory from the pool that an iteration hands to the next one, or that a branch in it yields, goes back when the run ends.
// After:  each such lrt.alloc in a loop is noted in a slot; at the end of an iteration whatever the next one is not given goes back.
//
// The slots of a loop: one per value that it carries, for blocks that were kept; one per allocation; then those of the loops inside, which it
// collects too, as what they leave is from then on memory of its own iteration. What the outermost loop leaves stays until the run ends.
//
//===--------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_PASSES_BUFFER_LOOPBLOCKS_H
#define LEPTON_PASSES_BUFFER_LOOPBLOCKS_H

#include "dialects/Runtime/RuntimeOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace lepton {

class LoopBlocks {
public:
  explicit LoopBlocks(mlir::func::FuncOp entry) : entry(entry) {}

  /// An allocation that no op after it can give back.
  void add(lrt::AllocOp alloc);
  /// Gives them slots and inserts what collects them.
  void collect();

private:
  void visit(mlir::Operation *scope);

  mlir::func::FuncOp entry;
  lrt::SlotsOp slots;
  int64_t next = 0;
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<lrt::AllocOp>> allocations; // by innermost loop
};

} // namespace lepton

#endif // LEPTON_PASSES_BUFFER_LOOPBLOCKS_H
