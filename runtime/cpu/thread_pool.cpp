//===- thread_pool.cpp - Threads that share parallel loops ------------------===//
#include "../core/context.h"
#include "futex.h"
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

namespace lepton::rt {

/// A slot's count is below its loop's number, in one word.
static constexpr uint32_t kCountBits = 16;
static constexpr uint64_t kCountMask = (uint64_t(1) << kCountBits) - 1;

/// Longer than the gap between two kernels of a network, shorter than anybody would notice on a battery.
static constexpr uint32_t kPollNanoseconds = 50000;
/// Evens out threads of different speed, at a few nanoseconds each.
static constexpr int64_t kRangesPerThread = 4;
static_assert(ThreadPool::kMaxThreads * kRangesPerThread <= kCountMask, "all ranges of a loop can be counted");

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

static uint32_t coreCount() {
  cpu_set_t cores;
  return sched_getaffinity(0, sizeof cores, &cores) == 0 ? uint32_t(CPU_COUNT(&cores)) : 1;
}

void ThreadPool::create(uint32_t threads) {
  if (threads == 0)
    threads = coreCount();
  if (threads > kMaxThreads)
    threads = kMaxThreads;
  if (threads < 2)
    return;
  void *slotMemory = nullptr;
  workers = static_cast<Worker *>(calloc(threads - 1, sizeof(Worker)));
  if (!workers || posix_memalign(&slotMemory, alignof(Slot), threads * sizeof(Slot)) != 0)
    return;
  slots = static_cast<Slot *>(memset(slotMemory, 0, threads * sizeof(Slot)));
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
  alarms.value.fetchAdd(1);
  futexWake(alarms.value, INT_MAX);
  for (uint32_t i = 0; i < workerCount; ++i)
    pthread_join(workers[i].thread, nullptr);
  workerCount = 0;
  free(workers);
  free(slots);
}

/// Null if the thread works on no range, or is the one that opened the region.
Escape *ThreadPool::escapeOf(pthread_t thread) {
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

int32_t ThreadPool::enter(lepton_context *context, lepton_entry_function entry) {
  Escape end;
  context->escape = &end;
  return _setjmp(end.place) == 0 ? entry(context) : LEPTON_OK;
}

void ThreadPool::leave(lepton_context *context) {
  Escape *ofRange = escapeOf(pthread_self());
  _longjmp((ofRange ? ofRange : context->escape)->place, 1);
}

//===----------------------------------------------------------------------===//
// The workers' side
//===----------------------------------------------------------------------===//

/// The number of a loop after `last`; `last` itself when the pool stops.
uint64_t ThreadPool::waitForLoop(uint64_t last) {
  uint64_t number = last;
  auto isDifferent = [&] {
    uint64_t now = loop.number.loadAcquire();
    if (now != 0)
      number = now;
    return number != last;
  };
  while (!poll(pollNanoseconds, isDifferent) && !stopping.value.loadAcquire()) {
    // Either the caller sees that this thread is about to sleep and wakes it, or this thread sees the caller's loop.
    uint32_t alarm = alarms.value.load();
    sleepers.value.fetchAdd(1);
    if (loop.number.load() == last && !stopping.value.load())
      futexWait(alarms.value, alarm);
    sleepers.value.fetchAdd(uint32_t(-1));
  }
  return number;
}

/// Copies the loop of this number, unless a newer one has taken its place.
bool ThreadPool::readLoop(uint64_t number, Region &r) const {
  r = {loop.context.loadRelaxed(), loop.body.loadRelaxed(),   loop.args.loadRelaxed(),
       loop.n.loadRelaxed(),       loop.ranges.loadRelaxed(), loop.slots.loadRelaxed()};
  acquireFence();
  return loop.number.loadRelaxed() == number;
}

void ThreadPool::work(Worker &worker) {
  uint64_t number = 0;
  while (!stopping.value.loadAcquire()) {
    number = waitForLoop(number);
    Region r;
    if (!readLoop(number, r))
      continue;
    worker.taken = 0;
    // Whoever gives up inside a range comes back to here, and takes what is left without running it.
    _setjmp(worker.escape.place);
    takeRanges(r, number, worker.slot, worker.taken);
    if (!worker.taken)
      continue;
    done.value.fetchAdd(worker.taken);
    if (callerSleeps.value.load())
      futexWake(done.value, 1);
  }
}

/// One of the `size` ranges of a slot, counted from 0; false when all are taken, as they are of every loop that is over.
bool ThreadPool::takeFrom(Slot &slot, uint64_t number, int64_t size, int64_t &range) {
  for (;;) {
    uint64_t seen = slot.taken.loadRelaxed(), owner = seen >> kCountBits;
    range = owner == number ? int64_t(seen & kCountMask) : 0;
    if (owner > number || range >= size)
      return false;
    if (slot.taken.compareExchange(seen, number << kCountBits | uint64_t(range + 1)))
      return true;
  }
}

/// Counts in `taken`, which outlives a jump out of a range. A run that gave up is not worth another range, but its
/// ranges are taken nonetheless, since the caller waits for all of them.
void ThreadPool::takeRanges(const Region &r, uint64_t number, uint32_t slot, uint32_t &taken) {
  for (uint32_t i = 0; i < r.slots; ++i, ++slot) {
    slot %= r.slots;
    int64_t first = partBegin(r.ranges, r.slots, slot), size = partBegin(r.ranges, r.slots, slot + 1) - first, range;
    while (takeFrom(slots[slot], number, size, range)) {
      ++taken;
      if (!r.context->abandoned.loadRelaxed())
        takeRange(r, first + range);
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
  if (_setjmp(guest.escape.place) == 0)
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

uint64_t ThreadPool::publish(const Region &r) {
  leaveCallersCpu();
  loop.number.storeRelaxed(0);
  releaseFence();
  loop.context.storeRelaxed(r.context);
  loop.body.storeRelaxed(r.body);
  loop.args.storeRelaxed(r.args);
  loop.n.storeRelaxed(r.n);
  loop.ranges.storeRelaxed(r.ranges);
  loop.slots.storeRelaxed(r.slots);
  loop.number.store(++loops);
  if (sleepers.value.load()) {
    alarms.value.fetchAdd(1);
    futexWake(alarms.value, r.slots - 1);
  }
  return loops;
}

/// Until the workers are done with `ranges` more of them.
void ThreadPool::waitForWorkers(uint32_t ranges) {
  expected += ranges;
  if (poll(pollNanoseconds, [&] { return done.value.loadAcquire() == expected; }))
    return;
  callerSleeps.value.store(1);
  uint32_t now;
  while ((now = done.value.load()) != expected)
    futexWait(done.value, now);
  callerSleeps.value.store(0);
}

/// Whoever gives up inside a range comes back to here, since workers still use what lies on this thread's stack.
void ThreadPool::runOnWorkers(const Region &r) {
  uint64_t number = publish(r);
  callersTaken = 0;
  Escape here, *outer = r.context->escape;
  r.context->escape = &here;
  _setjmp(here.place);
  takeRanges(r, number, 0, callersTaken);
  r.context->escape = outer;
  waitForWorkers(uint32_t(r.ranges) - callersTaken);
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
    _longjmp(context->escape->place, 1);
}

} // namespace lepton::rt
