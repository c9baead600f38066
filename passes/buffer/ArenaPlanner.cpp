//===- ArenaPlanner.cpp - offsets of buffers in one arena, by liveness --------------------------------------------------===//

#include "passes/buffer/ArenaPlanner.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace lepton;

static constexpr int64_t alignment = 64;

ArenaPlanner::ArenaPlanner(func::FuncOp entry) : entry(entry), views(entry) {
  for (auto [i, op] : llvm::enumerate(entry.front()))
    position[&op] = i;
}

void ArenaPlanner::add(memref::AllocOp op) {
  Buffer buffer;
  Block *home = op->getBlock();
  bool leaves = false, carried = false;
  Operation *top = entry.front().findAncestorOpInBlock(*op);
  buffer.begin = buffer.end = position[top];
  buffer.last = op;
  for (Value alias : views.resolve(op.getResult())) {
    // A view that belongs to another block: the buffer outlives its own block, perhaps into the next iteration of a loop.
    if (!home->findAncestorOpInBlock(*alias.getParentBlock()->getParentOp()) && alias.getParentBlock() != home)
      leaves = true;
    if (auto argument = dyn_cast<BlockArgument>(alias);
        argument && isa<LoopLikeOpInterface>(argument.getOwner()->getParentOp()) && op->getParentOp() != entry &&
        argument.getOwner()->getParentOp()->isAncestor(op))
      carried = true;
    for (Operation *user : alias.getUsers()) {
      if (Operation *outer = entry.front().findAncestorOpInBlock(*user))
        buffer.end = std::max(buffer.end, position[outer]);
      if (Operation *inner = home->findAncestorOpInBlock(*user); inner && buffer.last->isBeforeInBlock(inner))
        buffer.last = inner;
    }
  }
  if (leaves || carried || buffer.last == home->getTerminator())
    buffer.last = nullptr;
  MemRefType type = op.getType();
  if (type.hasStaticShape() && !carried)
    buffer.bytes = llvm::alignTo(
        std::max<int64_t>(type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8), 1), alignment);
  buffers[op] = buffer;
  order.push_back(op);
}

int64_t ArenaPlanner::plan() {
  SmallVector<Operation *> largestFirst;
  for (Operation *op : order)
    if (buffers[op].bytes >= 0)
      largestFirst.push_back(op);
  llvm::sort(largestFirst, [&](Operation *a, Operation *b) {
    return std::pair(-buffers[a].bytes, buffers[a].begin) < std::pair(-buffers[b].bytes, buffers[b].begin);
  });
  SmallVector<Buffer *> placed; // by offset
  int64_t size = 0;
  for (Operation *op : largestFirst) {
    Buffer &buffer = buffers[op];
    buffer.offset = 0;
    for (Buffer *other : placed) {
      bool together = buffer.begin <= other->end && other->begin <= buffer.end;
      if (together && buffer.offset + buffer.bytes > other->offset)
        buffer.offset = std::max(buffer.offset, other->offset + other->bytes);
    }
    placed.insert(llvm::upper_bound(placed, &buffer, [](Buffer *a, Buffer *b) { return a->offset < b->offset; }),
                  &buffer);
    size = std::max(size, buffer.offset + buffer.bytes);
  }
  return size;
}

std::optional<int64_t> ArenaPlanner::offset(memref::AllocOp op) const {
  const Buffer &buffer = buffers.at(op);
  return buffer.bytes < 0 ? std::nullopt : std::optional<int64_t>(buffer.offset);
}

Operation *ArenaPlanner::lastUse(memref::AllocOp op) const { return buffers.at(op).last; }
