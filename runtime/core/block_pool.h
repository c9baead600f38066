//===- block_pool.h - Pages, and the pool of dynamically sized blocks --------===//
#ifndef LEPTON_RUNTIME_CORE_BLOCK_POOL_H
#define LEPTON_RUNTIME_CORE_BLOCK_POOL_H

#include "atomic.h"
#include <stddef.h>

namespace lepton::rt {

constexpr uint64_t kAlignment = 64;
constexpr uint64_t kHugePage = uint64_t(2) << 20;
/// No process maps more than this, so sizes up to it can be rounded up and added without overflow.
constexpr uint64_t kMaxBytes = uint64_t(1) << (sizeof(void *) == 8 ? 47 : 31);

constexpr uint64_t alignUp(uint64_t bytes, uint64_t alignment) { return (bytes + alignment - 1) & ~(alignment - 1); }
/// What a request takes in whole pages.
constexpr uint64_t mappedBytes(uint64_t bytes) { return alignUp(bytes, bytes >= 2 * kHugePage ? kHugePage : 4096); }

/// Zeroed pages, on a huge-page boundary and with huge pages advised when there is room for some. Null on exhaustion.
void *mapPages(uint64_t bytes);
void unmapPages(void *pages, uint64_t bytes);

/// Blocks of memory of any size for one context: a two-level segregated fit. Requests are rounded up to one of eight
/// size classes per power of two, so that sizes which vary from run to run meet each other's blocks; neighbouring free
/// blocks merge, so that the memory held stays near to the largest need of any run. Tasks of a parallel region call it
/// at the same time.
class BlockPool {
public:
  /// Aligned to 64 bytes; null on exhaustion.
  void *allocate(uint64_t bytes);
  void release(void *memory);
  /// Ends a run: every block is free again, and memory that grew in several steps becomes one range from the next run
  /// on.
  void reset();
  /// Gives everything back to the system.
  void destroy();
  uint64_t bytesHeld() const { return held; }

private:
  struct Block;
  struct Chunk;
  struct SizeClass {
    unsigned row, column;
  };
  static constexpr unsigned kRows = 48, kColumns = 8;

  static uint64_t roundToClass(uint64_t bytes);
  static SizeClass classOf(uint64_t bytes);
  Block *takeFit(uint64_t bytes);
  bool grow(uint64_t bytes);
  void dropFreeChunks();
  void addWholeChunk(Chunk *chunk);
  void insertFree(Block *block);
  void removeFree(Block *block);
  void splitTail(Block *block, uint64_t bytes);

  SpinLock lock;
  Chunk *chunks;
  uint64_t held;      // bytes of all chunks
  uint64_t nextChunk; // the least size of the next chunk: what an earlier run held in pieces
  uint64_t liveBlocks;
  uint64_t usedRows; // bit r: row r has a free block
  uint8_t usedColumns[kRows];
  Block *freeBlocks[kRows][kColumns];
};

} // namespace lepton::rt

#endif // LEPTON_RUNTIME_CORE_BLOCK_POOL_H
