//===- fork_guard.cpp - Noticing that this process is a forked child --------===//
#include "fork_guard.h"
#include <sys/mman.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

namespace lepton::rt {

bool ForkGuard::create() {
  owner = static_cast<Atomic<int32_t> *>(mapPages(sizeof *owner));
  if (!owner)
    return false;
  // Emulators answer 0 to advice that they do not know, so an advice that cannot exist is the control.
  isWiped = madvise(owner, sizeof *owner, MADV_WIPEONFORK) == 0 && madvise(owner, sizeof *owner, 9999) != 0;
  owner->store(getpid());
  return true;
}

void ForkGuard::destroy() { unmapPages(owner, sizeof *owner); }

void ForkGuard::adoptOnce(void (*adopt)(void *), void *argument) {
  for (;;) {
    int32_t seen = owner->loadAcquire();
    if (seen != kAdopting && isOwned(seen))
      return;
    if (seen != kAdopting && owner->compareExchange(seen, kAdopting)) {
      adopt(argument);
      owner->store(getpid());
      return;
    }
    sched_yield();
  }
}

} // namespace lepton::rt
