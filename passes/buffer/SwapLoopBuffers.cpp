//===- SwapLoopBuffers.cpp - two buffers per carried value of a loop --------------------------------------------------------===//
//
// Before: each iteration of scf.for allocates the memory of the values that it hands to the next one.
// After:  such a value has two buffers from before the loop on, which change places: what an iteration reads is what the next one writes. So a
//         recurrence of any length stays in the cache, and takes no memory from the pool.
//
//===------------------------------------------------------------------------------------------------------------------------===//

#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace lepton {
#define GEN_PASS_DEF_SWAPLOOPBUFFERS
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

/// Whether all that happens to a buffer is that ops read and write its elements, but for its use as `exempt`.
static bool isOnlyAccessed(Value buffer, OpOperand *exempt = nullptr) {
  return llvm::all_of(buffer.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (isa<ViewLikeOpInterface>(user))
      return isOnlyAccessed(user->getResult(0));
    return &use == exempt || isa<func::CallOp, memref::CopyOp, memref::LoadOp, memref::StoreOp, memref::DimOp>(user);
  });
}

/// Whether nothing but the loop sees a buffer from the loop on.
static bool endsAt(Value buffer, scf::ForOp loop) {
  return llvm::all_of(buffer.getUsers(), [&](Operation *user) {
    if (isa<ViewLikeOpInterface>(user))
      return endsAt(user->getResult(0), loop);
    Operation *sibling = loop->getBlock()->findAncestorOpInBlock(*user);
    return user == loop || (sibling && sibling->isBeforeInBlock(loop));
  });
}

/// The allocation of what the loop yields as carried value `i`, if its memory and that of the value before it can change places.
static memref::AllocOp swappable(scf::ForOp loop, unsigned i) {
  auto init = loop.getInitArgs()[i].getDefiningOp<memref::AllocOp>();
  OpOperand &yielded = loop.getBody()->getTerminator()->getOpOperand(i);
  auto next = yielded.get().getDefiningOp<memref::AllocOp>();
  if (!init || !next || next->getBlock() != loop.getBody() || init.getType() != next.getType() ||
      !next.getType().hasStaticShape())
    return {};
  bool isPrivate = llvm::count(loop.getInitArgs(), init.getResult()) == 1 && endsAt(init, loop) &&
                   isOnlyAccessed(loop.getRegionIterArg(i)) && isOnlyAccessed(next, &yielded);
  return isPrivate ? next : memref::AllocOp();
}

namespace {

struct SwapLoopBuffers : lepton::impl::SwapLoopBuffersBase<SwapLoopBuffers> {
  void runOnOperation() override {
    SmallVector<scf::ForOp> loops; // innermost first
    getOperation().walk([&](scf::ForOp loop) { loops.push_back(loop); });
    IRRewriter b(&getContext());
    for (scf::ForOp loop : loops)
      swap(b, loop);
  }

  static void swap(IRRewriter &b, scf::ForOp loop) {
    SmallVector<std::pair<unsigned, memref::AllocOp>> carried;
    SmallVector<Value> spares;
    b.setInsertionPoint(loop);
    for (unsigned i = 0; i < loop.getNumRegionIterArgs(); ++i)
      if (memref::AllocOp next = swappable(loop, i)) {
        carried.push_back({i, next});
        spares.push_back(memref::AllocOp::create(b, next.getLoc(), next.getType(), next.getAlignmentAttr()));
      }
    if (carried.empty())
      return;
    auto yieldOld = [&](OpBuilder &, Location, ArrayRef<BlockArgument> added) {
      SmallVector<Value> old;
      for (auto [value, spare] : llvm::zip_equal(carried, added)) {
        b.replaceOp(value.second, spare);
        old.push_back(cast<scf::ForOp>(spare.getOwner()->getParentOp()).getRegionIterArg(value.first));
      }
      return old;
    };
    // Only a loop that is no scf.for, or results of other types, would make it fail.
    if (failed(loop.replaceWithAdditionalYields(b, spares, /*replaceInitOperandUsesInLoop=*/false, yieldOld)))
      llvm_unreachable("scf.for takes more values");
  }
};

} // namespace
