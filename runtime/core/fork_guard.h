//===- fork_guard.h - Noticing that this process is a forked child ----------===//
//
// A child has none of the parent's threads, and locks in the state in which other threads held them. The handlers of
// pthread_atfork would outlive an artifact that is unloaded; instead a word in memory that the kernel wipes in a child
// is read at each run. Where the kernel cannot (before Linux 4.14, some emulators) the process id is compared.
//
//===----------------------------------------------------------------------===//
#ifndef LEPTON_RUNTIME_CORE_FORK_GUARD_H
#define LEPTON_RUNTIME_CORE_FORK_GUARD_H

#include "block_pool.h"
#include <unistd.h>

namespace lepton::rt {

class ForkGuard {
public:
  bool create();
  void destroy();
  /// Calls adopt(argument) once in each child, before any thread of it gets past this.
  void enter(void (*adopt)(void *), void *argument) {
    if (__builtin_expect(!isOwned(owner->loadAcquire()), 0))
      adoptOnce(adopt, argument);
  }

private:
  static constexpr int32_t kAdopting = -1;

  bool isOwned(int32_t pid) const { return isWiped ? pid > 0 : pid == getpid(); }
  void adoptOnce(void (*adopt)(void *), void *argument);

  Atomic<int32_t> *owner; // process id of the owner; 0 in a page that was wiped
  bool isWiped;
};

} // namespace lepton::rt

#endif // LEPTON_RUNTIME_CORE_FORK_GUARD_H
