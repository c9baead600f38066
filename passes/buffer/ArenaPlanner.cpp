//===- ArenaPlanner.cpp - offsets of buffers in one arena, by liveness --------------------------------------------------===//

#include "passes/buffer/ArenaPlanner.h"
#include "dialects/Lepton/LeptonOps.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include <map>
#include <random>

using namespace mlir;
using namespace lepton;

static constexpr int64_t alignment = 64;
/// Sequences tried of few buffers; of many, pairs of buffers that are looked at in all (a tenth of a second), a sequence taking n * n.
static constexpr int64_t mostTries = 20000, effort = 200000000;

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
    buffer.bytes =
        llvm::alignTo(std::max<int64_t>(type.getNumElements() * elementBytes(type.getElementType()), 1), alignment);
  buffers[op] = buffer;
  order.push_back(op);
}

int64_t ArenaPlanner::place(ArrayRef<Buffer *> sequence) {
  SmallVector<Buffer *> placed; // by offset
  int64_t size = 0;
  for (Buffer *buffer : sequence) {
    buffer->offset = 0;
    for (Buffer *other : placed) {
      bool together = buffer->begin <= other->end && other->begin <= buffer->end;
      if (together && buffer->offset + buffer->bytes > other->offset)
        buffer->offset = std::max(buffer->offset, other->offset + other->bytes);
    }
    placed.insert(llvm::upper_bound(placed, buffer, [](Buffer *a, Buffer *b) { return a->offset < b->offset; }),
                  buffer);
    size = std::max(size, buffer->offset + buffer->bytes);
  }
  return size;
}

int64_t ArenaPlanner::plan() {
  SmallVector<Buffer *> sequence;
  for (Operation *op : order)
    if (buffers[op].bytes >= 0)
      sequence.push_back(&buffers[op]);
  llvm::sort(sequence,
             [](Buffer *a, Buffer *b) { return std::pair(-a->bytes, a->begin) < std::pair(-b->bytes, b->begin); });
  const int64_t least = liveBytes(), n = sequence.size(),
                tries = std::min(mostTries, effort / std::max<int64_t>(n * n, 1));
  SmallVector<Buffer *> best = sequence;
  int64_t size = place(sequence), smallest = size;
  std::minstd_rand random; // the same sequences in every compilation
  for (int64_t i = 1; i < tries && smallest > least; ++i) {
    auto *highest =
        llvm::max_element(sequence, [](Buffer *a, Buffer *b) { return a->offset + a->bytes < b->offset + b->bytes; });
    std::rotate(sequence.begin() + random() % (highest - sequence.begin() + 1), highest, std::next(highest));
    size = place(sequence);
    if (size < smallest) {
      smallest = size;
      best = sequence;
    }
  }
  return place(best);
}

int64_t ArenaPlanner::liveBytes() const {
  std::map<int64_t, int64_t> changes; // by position
  for (Operation *op : order) {
    const Buffer &buffer = buffers.at(op);
    if (buffer.bytes < 0)
      continue;
    changes[buffer.begin] += buffer.bytes;
    changes[buffer.end + 1] -= buffer.bytes;
  }
  int64_t live = 0, most = 0;
  for (auto [at, change] : changes)
    most = std::max(most, live += change);
  return most;
}

std::optional<int64_t> ArenaPlanner::offset(memref::AllocOp op) const {
  const Buffer &buffer = buffers.at(op);
  return buffer.bytes < 0 ? std::nullopt : std::optional<int64_t>(buffer.offset);
}

Operation *ArenaPlanner::lastUse(memref::AllocOp op) const { return buffers.at(op).last; }
