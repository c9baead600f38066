//===- thread_pool.cpp - Threads that share parallel loops --------------------===//
#include "thread_pool.h"
#include <limits.h>

namespace lepton::rt {

/// Polls before a worker sleeps: some tens of microseconds, longer than the gap between two kernels of a network.
static constexpr uint32_t kPolls = 2000;
/// Ranges per thread: enough to even out threads of different speed.
static constexpr int64_t kRangesPerThread = 4;

void *ThreadPool::workerMain(void *pool) {
  static_cast<ThreadPool *>(pool)->work();
  return nullptr;
}

void ThreadPool::create(uint32_t threads) {
  uint32_t wanted = threads > 1 ? threads - 1 : 0;
  if (wanted > kMaxWorkers)
    wanted = kMaxWorkers;
  for (workers = 0; workers < wanted; ++workers) {
    if (pthread_create(&handles[workers], nullptr, workerMain, this) != 0)
      break;
    pthread_setname_np(handles[workers], "lepton");
  }
}

void ThreadPool::destroy() {
  stopping.store(1);
  generation.value.fetchAdd(1);
  futexWake(generation.value, INT_MAX);
  for (uint32_t i = 0; i < workers; ++i)
    pthread_join(handles[i], nullptr);
  workers = 0;
}

void ThreadPool::forget() {
  workers = 0;
  busy.store(0);
}

uint32_t ThreadPool::waitForRegion(uint32_t seen) {
  for (uint32_t polls = 0; polls < kPolls; ++polls) {
    uint32_t now = generation.value.loadAcquire();
    if (now != seen)
      return now;
    relaxCpu();
  }
  sleepers.value.fetchAdd(1);
  while (generation.value.load() == seen)
    futexWait(generation.value, seen);
  sleepers.value.fetchAdd(uint32_t(-1));
  return generation.value.loadAcquire();
}

void ThreadPool::work() {
  uint32_t seen = 0;
  for (;;) {
    seen = waitForRegion(seen);
    if (stopping.loadAcquire())
      return;
    takeRanges();
    pending.value.fetchAdd(uint32_t(-1));
  }
}

void ThreadPool::takeRanges() {
  for (;;) {
    int64_t begin = next.fetchAdd(chunk);
    if (begin >= end)
      return;
    int64_t last = begin + chunk < end ? begin + chunk : end;
    body(context, args, begin, last);
  }
}

void ThreadPool::run(lepton_context *newContext, int64_t n, int64_t grain, lepton_rt_body newBody, void *newArgs) {
  if (n <= 0)
    return;
  if (grain < 1)
    grain = 1;
  if (n <= grain || workers == 0 || !busy.compareExchange(0, 1)) {
    newBody(newContext, newArgs, 0, n);
    return;
  }
  int64_t parts = int64_t(threads()) * kRangesPerThread;
  int64_t even = (n + parts - 1) / parts;
  chunk = even > grain ? even : grain;
  end = n;
  body = newBody;
  context = newContext;
  args = newArgs;
  next.storeRelaxed(0);
  pending.value.store(workers);
  generation.value.fetchAdd(1);
  if (sleepers.value.load())
    futexWake(generation.value, INT_MAX);
  takeRanges();
  // Every worker passes through the region, so the next one cannot change what a late worker still reads.
  for (uint32_t polls = 0; pending.value.loadAcquire() != 0; ++polls) {
    if (polls % 256 == 255)
      sched_yield();
    else
      relaxCpu();
  }
  busy.store(0);
}

} // namespace lepton::rt
