//===- atomic.h - Atomics and a spin lock -----------------------------------===//
//
// What <atomic> and <mutex> would give, without any header or symbol of a C++ library, so that the runtime
// cross-compiles with nothing but a C library. All types are valid when their memory is zero, and therefore live in
// calloc'ed structs.
//
//===----------------------------------------------------------------------===//
#ifndef LEPTON_RUNTIME_CORE_ATOMIC_H
#define LEPTON_RUNTIME_CORE_ATOMIC_H

#include <sched.h>
#include <stdint.h>

namespace lepton::rt {

/// Sequentially consistent unless the name of the operation says less.
template <typename T> class Atomic {
public:
  T load() const { return __atomic_load_n(&value, __ATOMIC_SEQ_CST); }
  T loadAcquire() const { return __atomic_load_n(&value, __ATOMIC_ACQUIRE); }
  T loadRelaxed() const { return __atomic_load_n(&value, __ATOMIC_RELAXED); }
  void store(T desired) { __atomic_store_n(&value, desired, __ATOMIC_SEQ_CST); }
  void storeRelease(T desired) { __atomic_store_n(&value, desired, __ATOMIC_RELEASE); }
  void storeRelaxed(T desired) { __atomic_store_n(&value, desired, __ATOMIC_RELAXED); }
  T fetchAdd(T amount) { return __atomic_fetch_add(&value, amount, __ATOMIC_SEQ_CST); }
  bool compareExchange(T expected, T desired) {
    return __atomic_compare_exchange_n(&value, &expected, desired, /*weak=*/false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
  }
  T *address() { return &value; }

private:
  T value;
};

inline void acquireFence() { __atomic_thread_fence(__ATOMIC_ACQUIRE); }
inline void releaseFence() { __atomic_thread_fence(__ATOMIC_RELEASE); }

/// Tells the core that this thread is polling.
inline void relaxCpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#elif defined(__riscv)
  asm volatile(".insn i 0x0F, 0, x0, x0, 0x010"); // pause; a hint, which older cores skip
#endif
}

/// For critical sections of a few instructions. Yields when the holder seems to have lost its core.
class SpinLock {
public:
  void lock() {
    for (unsigned spins = 0; !tryLock(); ++spins) {
      if (spins % 128 == 127)
        sched_yield();
      else
        relaxCpu();
    }
  }
  bool tryLock() { return held.loadRelaxed() == 0 && held.compareExchange(0, 1); }
  void unlock() { held.storeRelease(0); }

private:
  Atomic<uint32_t> held;
};

} // namespace lepton::rt

#endif // LEPTON_RUNTIME_CORE_ATOMIC_H
