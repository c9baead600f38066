//===- SeparateBuffers.cpp - no two values of the entry share a tensor.empty ------------------------------------------------===//
//
// Before: equal destinations of kernels are one tensor.empty, which bufferization makes one buffer that lives from the first use to the last.
// After:  each use has its own, next to it. Which buffers share memory is for the arena's planner to say, and calls that have nothing to do with each
//         other stay free to change places.
//
//===------------------------------------------------------------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace lepton {
#define GEN_PASS_DEF_SEPARATEBUFFERS
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;

namespace {

struct SeparateBuffers : lepton::impl::SeparateBuffersBase<SeparateBuffers> {
  void runOnOperation() override {
    auto entry = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!entry)
      return;
    SmallVector<tensor::EmptyOp> shared;
    entry.walk([&](tensor::EmptyOp op) { shared.push_back(op); });
    for (tensor::EmptyOp op : shared) {
      for (OpOperand &use : llvm::make_early_inc_range(op->getUses())) {
        OpBuilder b(use.getOwner());
        use.set(b.clone(*op)->getResult(0));
      }
      op.erase();
    }
  }
};

} // namespace
