//===- thread_pool.h - Threads that share parallel loops ----------------------===//
//
// A region costs about a microsecond: workers poll for a while after a region before they sleep, the caller's thread takes part, and ranges are
// handed out by one counter. A caller that finds the pool busy with another region runs its own range alone, so nothing ever waits for
// a thread that may be waiting itself.
//
//===----------------------------------------------------------------------===//
#ifndef LEPTON_RUNTIME_CPU_THREAD_POOL_H
#define LEPTON_RUNTIME_CPU_THREAD_POOL_H

#include "../core/atomic.h"
#include "../core/lepton_abi.h"
#include <pthread.h>

namespace lepton::rt {

/// Valid when its memory is zero.
class ThreadPool {
public:
  /// `threads` take part in a region, the caller's included. Fewer are made where the system gives no more.
  void create(uint32_t threads);
  void destroy();
  /// In a forked child: the workers are gone.
  void forget();
  uint32_t threads() const { return workers + 1; }
  /// body(context, args, begin, end) over ranges that cover [0, n).
  void run(lepton_context *context, int64_t n, int64_t grain, lepton_rt_body body, void *args);

private:
  static constexpr uint32_t kMaxWorkers = 255;

  struct alignas(64) Line {
    Atomic<uint32_t> value;
  };

  static void *workerMain(void *pool);
  void work();
  void takeRanges();
  uint32_t waitForRegion(uint32_t seen);

  uint32_t workers;
  pthread_t handles[kMaxWorkers];
  Atomic<uint32_t> busy; // 1 while a region runs
  Atomic<uint32_t> stopping;
  Line generation; // number of the newest region; workers sleep on it
  Line sleepers;
  Line pending; // workers that have not left the newest region
  alignas(64) Atomic<int64_t> next; // first index that nobody took
  int64_t end, chunk;
  lepton_rt_body body;
  lepton_context *context;
  void *args;
};

} // namespace lepton::rt

#endif // LEPTON_RUNTIME_CPU_THREAD_POOL_H
