//===- futex.h - Threads that wait for a word to change ---------------------===//
#ifndef LEPTON_RUNTIME_CPU_FUTEX_H
#define LEPTON_RUNTIME_CPU_FUTEX_H

#include "../core/atomic.h"
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace lepton::rt {

/// Sleeps while `word` holds `expected`; may wake for no reason.
inline void futexWait(Atomic<uint32_t> &word, uint32_t expected) {
  syscall(SYS_futex, word.address(), FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

inline void futexWake(Atomic<uint32_t> &word, uint32_t count) {
  syscall(SYS_futex, word.address(), FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

} // namespace lepton::rt

#endif // LEPTON_RUNTIME_CPU_FUTEX_H
