//===- pages.cpp - Memory from the system -----------------------------------===//
#include "block_pool.h"
#include <sys/mman.h>

namespace lepton::rt {

static void *mapAnonymous(uint64_t bytes) {
  void *pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? nullptr : pages;
}

void *mapPages(uint64_t bytes) {
  if (bytes > kMaxBytes)
    return nullptr;
  bytes = mappedBytes(bytes);
  if (bytes < 2 * kHugePage)
    return mapAnonymous(bytes);
  char *pages = static_cast<char *>(mapAnonymous(bytes + kHugePage));
  if (!pages)
    return nullptr;
  // Cut the range that was asked for too much into what lies before and after the aligned part.
  uint64_t address = reinterpret_cast<uint64_t>(pages);
  uint64_t before = alignUp(address, kHugePage) - address;
  if (before)
    munmap(pages, before);
  if (before != kHugePage)
    munmap(pages + before + bytes, kHugePage - before);
  madvise(pages + before, bytes, MADV_HUGEPAGE);
  return pages + before;
}

void unmapPages(void *pages, uint64_t bytes) {
  if (pages)
    munmap(pages, mappedBytes(bytes));
}

} // namespace lepton::rt
