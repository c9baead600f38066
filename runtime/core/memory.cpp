//===- memory.cpp - The pool of dynamically sized blocks ---------------------===//
//
// A chunk is a range of pages: its own header, then blocks side by side, then a sentinel header that is never free. A
// block is a header of 64 bytes and its payload, a multiple of 64 bytes: every payload is therefore aligned.
//
//===----------------------------------------------------------------------===//
#include "block_pool.h"
#include <string.h>

namespace lepton::rt {

struct alignas(kAlignment) BlockPool::Block {
  Block *before;  // the neighbour at the lower address; null for a chunk's first block
  uint64_t bytes; // of the payload; 0 in the sentinel
  Block *nextFree, *previousFree;
  bool isFree;

  void *payload() { return this + 1; }
  Block *after() { return reinterpret_cast<Block *>(reinterpret_cast<char *>(this + 1) + bytes); }
  static Block *of(void *payload) { return static_cast<Block *>(payload) - 1; }
};

struct alignas(kAlignment) BlockPool::Chunk {
  Chunk *next;
  uint64_t bytes;

  Block *first() { return reinterpret_cast<Block *>(this + 1); }
};

static unsigned floorLog2(uint64_t value) { return 63 - static_cast<unsigned>(__builtin_clzll(value)); }

/// A free block is found by its class alone, so a request must fit into any block of its class: it takes the least size
/// of it.
uint64_t BlockPool::roundToClass(uint64_t bytes) {
  uint64_t units = bytes <= kAlignment ? 1 : alignUp(bytes, kAlignment) / kAlignment;
  if (units >= kColumns)
    units = alignUp(units, uint64_t(1) << (floorLog2(units) - 3));
  return units * kAlignment;
}

BlockPool::SizeClass BlockPool::classOf(uint64_t bytes) {
  uint64_t units = bytes / kAlignment;
  if (units < kColumns)
    return {0, static_cast<unsigned>(units)};
  unsigned log = floorLog2(units);
  return {log - 2, static_cast<unsigned>(units >> (log - 3)) % kColumns};
}

void BlockPool::insertFree(Block *block) {
  SizeClass c = classOf(block->bytes);
  Block *&head = freeBlocks[c.row][c.column];
  block->isFree = true;
  block->previousFree = nullptr;
  block->nextFree = head;
  if (head)
    head->previousFree = block;
  head = block;
  usedColumns[c.row] |= uint8_t(1u << c.column);
  usedRows |= uint64_t(1) << c.row;
}

void BlockPool::removeFree(Block *block) {
  block->isFree = false;
  if (block->nextFree)
    block->nextFree->previousFree = block->previousFree;
  if (block->previousFree) {
    block->previousFree->nextFree = block->nextFree;
    return;
  }
  SizeClass c = classOf(block->bytes);
  freeBlocks[c.row][c.column] = block->nextFree;
  if (block->nextFree)
    return;
  usedColumns[c.row] &= uint8_t(~(1u << c.column));
  if (!usedColumns[c.row])
    usedRows &= ~(uint64_t(1) << c.row);
}

/// Removes from the free lists a block of at least `bytes`, which is the least size of its class.
BlockPool::Block *BlockPool::takeFit(uint64_t bytes) {
  SizeClass c = classOf(bytes);
  unsigned row = c.row;
  unsigned columns = usedColumns[row] & (~0u << c.column);
  if (!columns) {
    uint64_t rows = usedRows & (~uint64_t(0) << (row + 1));
    if (!rows)
      return nullptr;
    row = static_cast<unsigned>(__builtin_ctzll(rows));
    columns = usedColumns[row];
  }
  Block *block = freeBlocks[row][__builtin_ctz(columns)];
  removeFree(block);
  return block;
}

/// Cuts a used block after `bytes`; the rest becomes free. Its upper neighbour is never free, since free neighbours are
/// merged.
void BlockPool::splitTail(Block *block, uint64_t bytes) {
  if (block->bytes < bytes + sizeof(Block) + kAlignment)
    return;
  Block *end = block->after();
  uint64_t rest = block->bytes - bytes - sizeof(Block);
  block->bytes = bytes;
  Block *tail = block->after();
  tail->before = block;
  tail->bytes = rest;
  end->before = tail;
  insertFree(tail);
}

void BlockPool::addWholeChunk(Chunk *chunk) {
  Block *block = chunk->first();
  block->before = nullptr;
  block->bytes = chunk->bytes - sizeof(Chunk) - 2 * sizeof(Block);
  Block *sentinel = block->after();
  sentinel->before = block;
  sentinel->bytes = 0;
  sentinel->isFree = false;
  insertFree(block);
}

/// Gives back the chunks that nothing lies in: what has no room in any of them gets a larger one in their place.
void BlockPool::dropFreeChunks() {
  for (Chunk **place = &chunks; Chunk *chunk = *place;) {
    Block *block = chunk->first();
    const bool isFree = block->isFree && block->after()->bytes == 0;
    if (!isFree) {
      place = &chunk->next;
      continue;
    }
    removeFree(block);
    *place = chunk->next;
    held -= chunk->bytes;
    unmapPages(chunk, chunk->bytes);
  }
}

bool BlockPool::grow(uint64_t bytes) {
  constexpr uint64_t kLeast = uint64_t(1) << 20;
  uint64_t needed = mappedBytes(bytes + sizeof(Chunk) + 2 * sizeof(Block));
  uint64_t least = nextChunk > held / 2 ? nextChunk : held / 2;
  least = mappedBytes(least > kLeast ? least : kLeast);
  uint64_t wanted = needed > least ? needed : least;
  dropFreeChunks();
  Chunk *chunk = static_cast<Chunk *>(mapPages(wanted));
  if (!chunk) {
    wanted = needed;
    chunk = static_cast<Chunk *>(mapPages(wanted));
  }
  if (!chunk)
    return false;
  chunk->bytes = wanted;
  chunk->next = chunks;
  chunks = chunk;
  held += wanted;
  nextChunk = 0;
  addWholeChunk(chunk);
  return true;
}

void *BlockPool::allocate(uint64_t bytes) {
  if (bytes > kMaxBytes)
    return nullptr;
  bytes = roundToClass(bytes);
  lock.lock();
  Block *block = takeFit(bytes);
  if (!block && grow(bytes))
    block = takeFit(bytes);
  if (block) {
    splitTail(block, bytes);
    ++liveBlocks;
  }
  lock.unlock();
  return block ? block->payload() : nullptr;
}

void BlockPool::release(void *memory) {
  if (!memory)
    return;
  lock.lock();
  Block *block = Block::of(memory);
  --liveBlocks;
  Block *above = block->after();
  if (above->isFree) {
    removeFree(above);
    block->bytes += sizeof(Block) + above->bytes;
  }
  Block *below = block->before;
  if (below && below->isFree) {
    removeFree(below);
    below->bytes += sizeof(Block) + block->bytes;
    block = below;
  }
  block->after()->before = block;
  insertFree(block);
  lock.unlock();
}

void BlockPool::reset() {
  if (chunks && chunks->next) {
    uint64_t total = held;
    destroy();
    nextChunk = total;
    return;
  }
  if (!liveBlocks)
    return;
  // The run ended early: its blocks need not be found one by one, the chunk is simply whole again.
  liveBlocks = usedRows = 0;
  memset(usedColumns, 0, sizeof usedColumns);
  memset(freeBlocks, 0, sizeof freeBlocks);
  addWholeChunk(chunks);
}

void BlockPool::destroy() {
  while (Chunk *chunk = chunks) {
    chunks = chunk->next;
    unmapPages(chunk, chunk->bytes);
  }
  held = nextChunk = liveBlocks = usedRows = 0;
  memset(usedColumns, 0, sizeof usedColumns);
  memset(freeBlocks, 0, sizeof freeBlocks);
}

} // namespace lepton::rt
