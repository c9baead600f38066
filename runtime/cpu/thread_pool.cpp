//===- thread_pool.cpp - Threads that share parallel loops ------------------===//
#include "../core/context.h"
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

namespace lepton::rt {

// The state word: bit 0 is set while a region is open, then follows how many workers joined it, then a number that
// tells one region from the next. That the number wraps around does no harm: a worker that mistakes a region for one it
// has been in stays away, and that is always allowed.
static constexpr uint32_t kOpen = 1;
static constexpr uint32_t kOneJoined = 2;
static constexpr uint32_t kJoinedMask = 0x3fe;
static constexpr uint32_t kOneRegion = 0x400;
static_assert(ThreadPool::kMaxThreads <= kJoinedMask / kOneJoined, "all workers may join");

/// Longer than the gap between two kernels of a network, shorter than anybody would notice on a battery.
static constexpr uint32_t kPollNanoseconds = 50000;
/// Evens out threads of different speed, at a few nanoseconds each.
static constexpr int64_t kRangesPerThread = 4;

static int64_t nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t(now.tv_sec) * 1000000000 + now.tv_nsec;
}

/// Polls until isDone() or the time is over; whether it is done.
template <typename Predicate> static bool poll(uint32_t limit, Predicate isDone) {
  if (isDone())
    return true;
  if (!limit)
    return false;
  int64_t end = nanoseconds() + limit;
  do {
    for (int i = 0; i < 64; ++i) {
      if (isDone())
        return true;
      relaxCpu();
    }
  } while (nanoseconds() < end);
  return false;
}

/// Where part `i` begins when n is cut into `parts` that differ by one at most.
static int64_t partBegin(int64_t n, int64_t parts, int64_t i) {
  int64_t longer = n % parts;
  return n / parts * i + (i < longer ? i : longer);
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

void *ThreadPool::workerMain(void *argument) {
  auto *worker = static_cast<Worker *>(argument);
  char name[16];
  snprintf(name, sizeof name, "lepton-%u", worker->slot);
  pthread_setname_np(pthread_self(), name);
  worker->pool->work(*worker);
  return nullptr;
}

void ThreadPool::create(uint32_t threads) {
  if (threads > kMaxThreads)
    threads = kMaxThreads;
  if (threads < 2)
    return;
  void *slotMemory = nullptr;
  workers = static_cast<Worker *>(calloc(threads - 1, sizeof(Worker)));
  if (!workers || posix_memalign(&slotMemory, alignof(Slot), threads * sizeof(Slot)) != 0)
    return;
  slots = static_cast<Slot *>(slotMemory);
  // More threads than cores: polling would take the core from a thread that works.
  bool isCrowded = sched_getaffinity(0, sizeof cpus, &cpus) == 0 && threads > uint32_t(CPU_COUNT(&cpus));
  pollNanoseconds = isCrowded ? 0 : kPollNanoseconds;
  if (isCrowded)
    CPU_ZERO(&cpus);
  // The process's signals are for its own threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (; workerCount < threads - 1; ++workerCount) {
    Worker &worker = workers[workerCount];
    worker.pool = this;
    worker.slot = workerCount + 1;
    if (pthread_create(&worker.thread, nullptr, workerMain, &worker) != 0)
      break;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void ThreadPool::destroy() {
  stopping.value.store(1);
  state.value.fetchAdd(kOneRegion);
  futexWake(state.value, INT_MAX);
  for (uint32_t i = 0; i < workerCount; ++i)
    pthread_join(workers[i].thread, nullptr);
  workerCount = 0;
  free(workers);
  free(slots);
}

jmp_buf *ThreadPool::escapeOf(pthread_t thread) {
  guestLock.lock();
  Guest *guest = guests;
  while (guest && !pthread_equal(guest->thread, thread))
    guest = guest->next;
  guestLock.unlock();
  if (guest)
    return &guest->escape;
  for (uint32_t i = 0; i < workerCount; ++i)
    if (pthread_equal(workers[i].thread, thread))
      return &workers[i].escape;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// The workers' side
//===----------------------------------------------------------------------===//

uint32_t ThreadPool::waitForChange(uint32_t seen) {
  if (poll(pollNanoseconds, [&] { return state.value.loadRelaxed() != seen; }))
    return state.value.loadAcquire();
  // Either the caller sees that this thread is about to sleep and wakes it, or futexWait sees the caller's new state.
  sleepers.value.fetchAdd(1);
  uint32_t now;
  while ((now = state.value.load()) == seen)
    futexWait(state.value, seen);
  sleepers.value.fetchAdd(uint32_t(-1));
  return now;
}

/// Joins the region that `seen` belongs to, unless it is closed by now.
bool ThreadPool::tryJoin(uint32_t seen) {
  uint32_t number = seen / kOneRegion;
  while ((seen & kOpen) && seen / kOneRegion == number) {
    if (state.value.compareExchange(seen, seen + kOneJoined))
      return true;
    seen = state.value.load();
  }
  return false;
}

void ThreadPool::work(Worker &worker) {
  uint32_t seen = 0;
  uint32_t lastNumber = 0;
  while (!stopping.value.loadAcquire()) {
    seen = waitForChange(seen);
    if (!(seen & kOpen) || seen / kOneRegion == lastNumber)
      continue;
    lastNumber = seen / kOneRegion;
    if (!tryJoin(seen))
      continue;
    if (_setjmp(worker.escape) == 0)
      takeRanges(worker.slot);
    left.value.fetchAdd(1);
    if (callerSleeps.value.load())
      futexWake(left.value, 1);
  }
}

void ThreadPool::takeRanges(uint32_t slot) {
  const Region &r = region;
  for (uint32_t i = 0; i < r.slots; ++i, ++slot) {
    slot %= r.slots;
    int64_t first = partBegin(r.ranges, r.slots, slot), end = partBegin(r.ranges, r.slots, slot + 1);
    for (;;) {
      // A run that gave up is not worth another range.
      if (r.context->abandoned.loadRelaxed())
        return;
      int64_t range = first + slots[slot].taken.fetchAddRelaxed(1);
      if (range >= end)
        break;
      takeRange(r, range);
    }
  }
}

void ThreadPool::takeRange(const Region &r, int64_t range) {
  r.body(r.context, r.args, partBegin(r.n, r.ranges, range), partBegin(r.n, r.ranges, range + 1));
}

//===----------------------------------------------------------------------===//
// Lent threads
//===----------------------------------------------------------------------===//

void ThreadPool::takeLentRange(void *argument, uint32_t range) {
  const auto &[pool, region] = *static_cast<const LentRegion *>(argument);
  if (region.context->abandoned.loadRelaxed())
    return;
  Guest guest;
  guest.thread = pthread_self();
  pool->guestLock.lock();
  guest.next = pool->guests;
  pool->guests = &guest;
  pool->guestLock.unlock();
  if (_setjmp(guest.escape) == 0)
    takeRange(region, range);
  pool->guestLock.lock();
  Guest **place = &pool->guests;
  while (*place != &guest)
    place = &(*place)->next;
  *place = guest.next;
  pool->guestLock.unlock();
}

//===----------------------------------------------------------------------===//
// The caller's side
//===----------------------------------------------------------------------===//

/// Sends the workers away from the core that the caller runs on, at the cost of system calls whenever it has moved.
/// Schedulers wake a thread on the core of who wakes it, and those of virtual machines pack threads that have slept onto
/// few cores. Both would then run as slow as one for many milliseconds while other cores are free.
void ThreadPool::leaveCallersCpu() {
  int cpu = sched_getcpu();
  if (cpu < 0 || uint32_t(cpu) + 1 == leftCpu || !CPU_ISSET(cpu, &cpus))
    return;
  cpu_set_t others = cpus;
  CPU_CLR(cpu, &others);
  for (uint32_t i = 0; i < workerCount; ++i)
    pthread_setaffinity_np(workers[i].thread, sizeof others, &others);
  leftCpu = uint32_t(cpu) + 1;
}

void ThreadPool::open(const Region &newRegion) {
  leaveCallersCpu();
  region = newRegion;
  for (uint32_t i = 0; i < region.slots; ++i)
    slots[i].taken.storeRelaxed(0);
  left.value.storeRelaxed(0);
  uint32_t number = state.value.loadRelaxed() / kOneRegion + 1;
  state.value.store(number * kOneRegion | kOpen);
  if (sleepers.value.load())
    futexWake(state.value, region.slots - 1);
}

void ThreadPool::closeAndWait() {
  uint32_t joined = (state.value.fetchAnd(~kOpen) & kJoinedMask) / kOneJoined;
  if (poll(pollNanoseconds, [&] { return left.value.loadAcquire() == joined; }))
    return;
  callerSleeps.value.store(1);
  uint32_t now;
  while ((now = left.value.load()) != joined)
    futexWait(left.value, now);
  callerSleeps.value.store(0);
}

/// Whoever gives up inside a range comes back to here, since workers still use what lies on this thread's stack.
void ThreadPool::runOnWorkers(const Region &newRegion) {
  open(newRegion);
  lepton_context *context = newRegion.context;
  jmp_buf here;
  jmp_buf *outer = context->escape;
  context->escape = &here;
  if (_setjmp(here) == 0)
    takeRanges(0);
  context->escape = outer;
  closeAndWait();
}

void ThreadPool::run(lepton_context *context, int64_t n, int64_t grain, lepton_rt_body body, void *args) {
  if (n <= 0)
    return;
  int64_t ranges = n / (grain > 1 ? grain : 1);
  if (ranges < 2 || threads() < 2 || busy.value.loadRelaxed() || !busy.value.compareExchange(0, 1)) {
    body(context, args, 0, n);
    return;
  }
  if (ranges > threads() * kRangesPerThread)
    ranges = threads() * kRangesPerThread;
  uint32_t used = ranges < threads() ? uint32_t(ranges) : threads();
  Region newRegion = {context, body, args, n, ranges, used};
  if (lent.run) {
    LentRegion lentRegion = {this, newRegion};
    lent.run(lent.data, uint32_t(ranges), takeLentRange, &lentRegion);
  } else {
    runOnWorkers(newRegion);
  }
  busy.value.storeRelease(0);
  if (context->abandoned.load())
    _longjmp(*context->escape, 1);
}

} // namespace lepton::rt
