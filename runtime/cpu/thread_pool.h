//===- thread_pool.h - Threads that share parallel loops --------------------===//
//
// A region is published as one word that says "open". Workers that see it in time join; whoever comes late finds it
// closed and goes on waiting. So the caller never waits for a thread that did not start to work, be it asleep or
// without a core. Ranges are dealt out to one slot per thread, which keeps a thread on the same part of a tensor from
// kernel to kernel; a thread whose slot is empty takes from the others.
//
// A caller that finds the pool busy (another run's region, or its own further up the stack) runs its loop alone:
// nothing ever waits for a thread that may be waiting itself.
//
// A caller may lend threads of its own instead: then each range is a task of theirs.
//
//===----------------------------------------------------------------------===//
#ifndef LEPTON_RUNTIME_CPU_THREAD_POOL_H
#define LEPTON_RUNTIME_CPU_THREAD_POOL_H

#include "../core/atomic.h"
#include "../core/lepton_abi.h"
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>

namespace lepton::rt {

/// Valid when its memory is zero.
class ThreadPool {
public:
  static constexpr uint32_t kMaxThreads = 256;

  /// `threads` take part in a region, the caller's included. Fewer are made where the system gives no more.
  void create(uint32_t threads);
  /// In place of `create`: whose threads take part.
  void borrow(const lepton_pool &pool) { lent = pool; }
  void destroy();
  /// In a forked child: the workers are gone, and so is whoever ran a region.
  void forgetWorkers() {
    workerCount = 0;
    lent = {};
  }
  uint32_t threads() const { return lent.run ? lent.threads : workerCount + 1; }
  /// body(context, args, begin, end) over ranges of at least `grain` that cover [0, n).
  void run(lepton_context *context, int64_t n, int64_t grain, lepton_rt_body body, void *args);
  /// Where `thread` goes when it cannot go on; null if it works on no range, or is the one that opened the region.
  jmp_buf *escapeOf(pthread_t thread);

private:
  struct Worker {
    ThreadPool *pool;
    uint32_t slot;
    pthread_t thread;
    jmp_buf escape;
  };
  struct Region {
    lepton_context *context;
    lepton_rt_body body;
    void *args;
    int64_t n;
    int64_t ranges;
    uint32_t slots;
  };
  /// A lent thread that works on a range.
  struct Guest {
    Guest *next;
    pthread_t thread;
    jmp_buf escape;
  };
  struct LentRegion {
    ThreadPool *pool;
    Region region;
  };
  struct alignas(64) Slot {
    Atomic<int64_t> taken; // of this slot's ranges
  };
  struct alignas(64) Line {
    Atomic<uint32_t> value;
  };

  static void *workerMain(void *worker);
  void work(Worker &worker);
  uint32_t waitForChange(uint32_t seen);
  bool tryJoin(uint32_t seen);
  void takeRanges(uint32_t slot);
  static void takeRange(const Region &region, int64_t range);
  static void takeLentRange(void *lentRegion, uint32_t range);
  void runOnWorkers(const Region &newRegion);
  void leaveCallersCpu();
  void open(const Region &newRegion);
  void closeAndWait();

  lepton_pool lent; // run: null where there is none
  SpinLock guestLock;
  Guest *guests; // guarded by guestLock

  Worker *workers;
  Slot *slots; // one per thread
  uint32_t workerCount;
  uint32_t pollNanoseconds; // before a thread sleeps
  cpu_set_t cpus;           // those of the thread that made the pool; none where it has fewer than threads
  uint32_t leftCpu;         // 1 + the one that workers stay away from; 0: none
  Region region;            // written while closed, read between joining and leaving
  Line state;               // see thread_pool.cpp; workers sleep on it
  Line busy;                // 1 while a thread has the pool
  Line stopping;
  Line sleepers;     // workers that sleep or are about to
  Line left;         // workers that joined the region and left it; the caller sleeps on it
  Line callerSleeps; // 1 while the caller sleeps on `left` or is about to
};

} // namespace lepton::rt

#endif // LEPTON_RUNTIME_CPU_THREAD_POOL_H
