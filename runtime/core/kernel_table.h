//===- kernel_table.h - A GPU's kernels by their names -----------------------===//
#ifndef LEPTON_RUNTIME_CORE_KERNEL_TABLE_H
#define LEPTON_RUNTIME_CORE_KERNEL_TABLE_H

#include "atomic.h"
#include <stdlib.h>

namespace lepton::rt {

/// What a session keeps of a kernel, by the address of the kernel's name in the artifact: a hash table with open addressing. Valid when its memory is zero.
template <typename Kernel> class KernelTable {
public:
  /// NULL when it is not there. Stays where it is as long as the table.
  Kernel *find(const char *name) {
    lock.lock();
    Kernel *found = slots ? slotOf(entries, slots, name).kernel : nullptr;
    lock.unlock();
    return found;
  }

  /// Takes over a kernel from malloc; gives the one that another thread was faster to insert, or NULL without memory, and has not taken this one then.
  Kernel *insert(const char *name, Kernel *kernel) {
    lock.lock();
    Kernel *result = nullptr;
    if (2 * count < slots || grow()) {
      Entry &slot = slotOf(entries, slots, name);
      if (!slot.name) {
        slot = {name, kernel};
        ++count;
      }
      result = slot.kernel;
    }
    lock.unlock();
    return result;
  }

  /// Frees the table, after `drop` of each kernel.
  template <typename Function> void destroy(Function drop) {
    for (uint32_t i = 0; i < slots; ++i)
      if (entries[i].name) {
        drop(*entries[i].kernel);
        free(entries[i].kernel);
      }
    free(entries);
    entries = nullptr;
    count = slots = 0;
  }

private:
  struct Entry {
    const char *name;
    Kernel *kernel;
  };

  static Entry &slotOf(Entry *entries, uint32_t slots, const char *name) {
    uint64_t at = reinterpret_cast<uintptr_t>(name) * 0x9e3779b97f4a7c15u >> 32;
    while (entries[at & (slots - 1)].name && entries[at & (slots - 1)].name != name)
      ++at;
    return entries[at & (slots - 1)];
  }

  /// Twice as many slots; false without memory.
  bool grow() {
    uint32_t more = slots ? 2 * slots : 64;
    auto *larger = static_cast<Entry *>(calloc(more, sizeof(Entry)));
    if (!larger)
      return false;
    for (uint32_t i = 0; i < slots; ++i)
      if (entries[i].name)
        slotOf(larger, more, entries[i].name) = entries[i];
    free(entries);
    entries = larger;
    slots = more;
    return true;
  }

  SpinLock lock;
  Entry *entries;
  uint32_t count, slots; // slots: a power of two, at least twice as many
};

} // namespace lepton::rt

#endif // LEPTON_RUNTIME_CORE_KERNEL_TABLE_H
