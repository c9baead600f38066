//===- thread_pool.h - Threads that share parallel loops --------------------===//
//
// The workers stay with a run from its first loop to its last: between loops they poll one cache line, in which the next
// loop appears, so that a whole network is one fork and each loop a barrier. A barrier counts ranges, not threads: the
// caller goes on when all ranges are done, and never waits for a thread that has none, be it asleep or without a core.
// Ranges are dealt out to one slot per thread, which keeps a thread on the same part of a tensor from kernel to kernel;
// a thread whose slot is empty takes from the others.
//
// Cache lines that move between cores are what a loop costs: one for the loop, one for the count of what is done. So
// nothing else is reset from loop to loop: slots carry the number of the loop that they count for, and what is done is
// counted on and on.
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

/// Where a thread goes when it cannot go on.
struct Escape {
  jmp_buf place;
};

/// Valid when its memory is zero.
class ThreadPool {
public:
  static constexpr uint32_t kMaxThreads = 256;

  /// `threads` take part in a region, the caller's included; 0: one for each core. Fewer are made where the system gives no more.
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
  /// What the model's entry returns; LEPTON_OK where it was left.
  static int32_t enter(lepton_context *context, lepton_entry_function entry);
  /// Ends what this thread does: a range or, outside of regions, the entry. Compiled code holds nothing that would need to be released on the way.
  [[noreturn]] void leave(lepton_context *context);

private:
  struct Worker {
    ThreadPool *pool;
    uint32_t slot;
    uint32_t taken; // ranges of the loop at hand
    pthread_t thread;
    Escape escape;
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
    Escape escape;
  };
  struct LentRegion {
    ThreadPool *pool;
    Region region;
  };
  /// A region as the workers find it: those of them that copy it while it changes see another number afterwards.
  struct alignas(64) Loop {
    Atomic<uint64_t> number; // from 1 on; 0 while the rest changes
    Atomic<lepton_context *> context;
    Atomic<lepton_rt_body> body;
    Atomic<void *> args;
    Atomic<int64_t> n;
    Atomic<int64_t> ranges;
    Atomic<uint32_t> slots;
  };
  struct alignas(64) Slot {
    Atomic<uint64_t> taken; // the number of a loop, and how many of the slot's ranges are taken of it
  };
  struct alignas(64) Line {
    Atomic<uint32_t> value;
  };

  static void *workerMain(void *worker);
  Escape *escapeOf(pthread_t thread);
  void work(Worker &worker);
  uint64_t waitForLoop(uint64_t last);
  bool readLoop(uint64_t number, Region &region) const;
  bool takeFrom(Slot &slot, uint64_t number, int64_t size, int64_t &range);
  void takeRanges(const Region &region, uint64_t number, uint32_t slot, uint32_t &taken);
  static void takeRange(const Region &region, int64_t range);
  static void takeLentRange(void *lentRegion, uint32_t range);
  void runOnWorkers(const Region &region);
  void leaveCallersCpu();
  uint64_t publish(const Region &region);
  void waitForWorkers(uint32_t ranges);

  lepton_pool lent; // run: null where there is none
  SpinLock guestLock;
  Guest *guests; // guarded by guestLock

  Worker *workers;
  Slot *slots; // one per thread
  uint32_t workerCount;
  uint32_t pollNanoseconds; // before a thread sleeps
  cpu_set_t cpus;           // those of the thread that made the pool; none where it has fewer than threads
  uint32_t leftCpu;         // 1 + the one that workers stay away from; 0: none
  uint64_t loops;           // published so far
  uint32_t callersTaken;    // ranges of the loop at hand
  uint32_t expected;        // what `done` is when the workers' ranges of all loops so far are
  Loop loop;                // the newest
  Line done;                // ranges that workers are done with, ever; the caller sleeps on it
  Line busy;                // 1 while a thread has the pool
  Line stopping;
  Line sleepers;     // workers that sleep or are about to
  Line alarms;       // times that sleepers were woken; they sleep on it
  Line callerSleeps; // 1 while the caller sleeps on `done` or is about to
};

} // namespace lepton::rt

#endif // LEPTON_RUNTIME_CPU_THREAD_POOL_H
