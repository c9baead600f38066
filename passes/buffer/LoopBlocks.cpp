//===- LoopBlocks.cpp - what loops take from the pool and give back -------------------------------------------------===//

#include "passes/buffer/LoopBlocks.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace lepton;

/// What an iteration hands to the next one; nothing for what is no loop.
static std::optional<OperandRange> handedOn(Operation *op) {
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return loop.getBody()->getTerminator()->getOperands();
  if (auto loop = dyn_cast<scf::WhileOp>(op))
    return loop.getYieldOp()->getOperands();
  return std::nullopt;
}

void LoopBlocks::add(lrt::AllocOp alloc) {
  Operation *loop = alloc->getParentOp();
  while (loop != entry && !handedOn(loop))
    loop = loop->getParentOp();
  if (loop != entry)
    allocations[loop].push_back(alloc);
}

void LoopBlocks::collect() {
  if (allocations.empty())
    return;
  OpBuilder b = OpBuilder::atBlockBegin(&entry.front());
  slots = lrt::SlotsOp::create(b, entry.getLoc(), b.getType<LLVM::LLVMPointerType>(), b.getI64IntegerAttr(0));
  visit(entry);
  slots.setCount(next);
}

void LoopBlocks::visit(Operation *scope) {
  const int64_t begin = next;
  SmallVector<Value> kept;
  if (auto values = handedOn(scope))
    llvm::copy_if(*values, std::back_inserter(kept), [](Value value) { return isa<MemRefType>(value.getType()); });
  next += int64_t(kept.size());
  const int64_t first = next;
  for (lrt::AllocOp alloc : allocations.lookup(scope)) {
    OpBuilder b(alloc->getContext());
    b.setInsertionPointAfter(alloc);
    lrt::HoldOp::create(b, alloc.getLoc(), slots, next++, alloc);
  }
  scope->walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (op == scope || !handedOn(op))
      return WalkResult::advance();
    visit(op);
    return WalkResult::skip();
  });
  if (next == first) {
    next = begin;
    return;
  }
  if (scope == entry)
    return;
  Operation *end = isa<scf::ForOp>(scope) ? cast<scf::ForOp>(scope).getBody()->getTerminator()
                                          : cast<scf::WhileOp>(scope).getYieldOp().getOperation();
  OpBuilder b(end);
  lrt::CollectOp::create(b, scope->getLoc(), entry.getArgument(0), slots, begin, next - begin, kept);
}
