//===- parallel_test.cpp - Parallel regions, and many runs at once ----------===//
#include "FakeModel.h"
#include <algorithm>
#include <mutex>
#include <thread>
#include <unistd.h>

// A model without inputs whose entry is the test's own: `work` is called with the context.
static thread_local void (*work)(lepton_context *) = nullptr;

static int32_t callWork(lepton_context *context) {
  work(context);
  return lepton_rt_status(context);
}

static const lepton_model *workModel() {
  static FakeModel model(callWork);
  static const lepton_model *made = model.get();
  return made;
}

static void runWork(Session &session, void (*function)(lepton_context *)) {
  work = function;
  std::vector<lepton_tensor> none;
  CHECK_EQ(session.run({}, none), LEPTON_OK);
}

struct Ranges {
  std::mutex mutex;
  std::vector<std::pair<int64_t, int64_t>> taken;

  static void take(lepton_context *, void *args, int64_t begin, int64_t end) {
    auto *ranges = static_cast<Ranges *>(args);
    std::lock_guard<std::mutex> lock(ranges->mutex);
    ranges->taken.push_back({begin, end});
  }
  /// Each index of [0, n) once, in ranges of at least `grain`.
  void check(int64_t n, int64_t grain) {
    std::sort(taken.begin(), taken.end());
    int64_t at = 0;
    for (auto [begin, end] : taken) {
      CHECK_EQ(begin, at);
      CHECK(end - begin >= std::min(n, grain));
      at = end;
    }
    CHECK_EQ(at, n);
  }
};

TEST(coversEveryIndexOnce) {
  for (uint32_t threads : {1, 2, 3, 8}) {
    Session session(workModel(), threads);
    runWork(session, [](lepton_context *context) {
      for (int64_t n : {int64_t(1), int64_t(2), int64_t(7), int64_t(64), int64_t(1001), int64_t(1) << 62})
        for (int64_t grain : {int64_t(1), int64_t(3), int64_t(50), int64_t(1) << 40}) {
          Ranges ranges;
          lepton_rt_parallel_for(context, n, grain, Ranges::take, &ranges);
          ranges.check(n, grain);
        }
      Ranges none;
      lepton_rt_parallel_for(context, 0, 0, Ranges::take, &none);
      lepton_rt_parallel_for(context, -5, 1, Ranges::take, &none);
      CHECK(none.taken.empty());
      lepton_rt_parallel_for(context, 5, -1, Ranges::take, &none);
      none.check(5, 1);
    });
  }
}

/// Two ranges that wait for each other: they end only if two threads run them.
struct Meeting {
  std::atomic<int> arrived = 0;
  bool met = false;

  static void body(lepton_context *, void *args, int64_t begin, int64_t) {
    auto *meeting = static_cast<Meeting *>(args);
    ++meeting->arrived;
    for (int i = 0; i < 5000 && meeting->arrived < 2; ++i)
      usleep(1000);
    if (begin == 0)
      meeting->met = meeting->arrived == 2;
  }
};

TEST(runsOnSeveralThreads) {
  Session session(workModel(), 2);
  for (int round = 0; round < 5; ++round) {
    usleep(round * 1000); // awake and asleep
    runWork(session, [](lepton_context *context) {
      Meeting meeting;
      lepton_rt_parallel_for(context, 2, 1, Meeting::body, &meeting);
      CHECK(meeting.met);
    });
  }
}

/// Notes the cores that the worker may run on.
struct AffinityMeeting : Meeting {
  pthread_t caller = pthread_self();
  cpu_set_t worker = {};

  static void body(lepton_context *context, void *args, int64_t begin, int64_t end) {
    auto *meeting = static_cast<AffinityMeeting *>(args);
    if (!pthread_equal(pthread_self(), meeting->caller))
      sched_getaffinity(0, sizeof meeting->worker, &meeting->worker);
    Meeting::body(context, static_cast<Meeting *>(meeting), begin, end);
  }
};

TEST(keepsWorkersOffTheCallersCore) {
  cpu_set_t all;
  CHECK_EQ(sched_getaffinity(0, sizeof all, &all), 0);
  if (CPU_COUNT(&all) < 2)
    return;
  Session session(workModel(), 2);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &all))
      continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    CHECK_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    runWork(session, [](lepton_context *context) {
      AffinityMeeting meeting;
      lepton_rt_parallel_for(context, 2, 1, AffinityMeeting::body, &meeting);
      CHECK(meeting.met);
      CHECK(CPU_COUNT(&meeting.worker) > 0);
      CHECK(!CPU_ISSET(sched_getcpu(), &meeting.worker));
    });
  }
  CHECK_EQ(sched_setaffinity(0, sizeof all, &all), 0);
}

TEST(nestsRegions) {
  Session session(workModel(), 4);
  runWork(session, [](lepton_context *context) {
    std::atomic<int64_t> sum = 0;
    auto outer = [](lepton_context *context, void *args, int64_t begin, int64_t end) {
      auto inner = [](lepton_context *, void *args, int64_t begin, int64_t end) {
        *static_cast<std::atomic<int64_t> *>(args) += end - begin;
      };
      for (; begin < end; ++begin)
        lepton_rt_parallel_for(context, 100, 1, inner, args);
    };
    lepton_rt_parallel_for(context, 100, 1, outer, &sum);
    CHECK_EQ(sum.load(), 10000);
  });
}

TEST(survivesManyShortRegions) {
  for (uint32_t threads : {2, 5}) {
    Session session(workModel(), threads);
    runWork(session, [](lepton_context *context) {
      // Plain memory: the sanitizer sees whether a region really ends before the next one begins.
      std::vector<int64_t> counts(16);
      auto body = [](lepton_context *, void *args, int64_t begin, int64_t end) {
        for (; begin < end; ++begin)
          ++(*static_cast<std::vector<int64_t> *>(args))[size_t(begin)];
      };
      for (int i = 0; i < 20000; ++i) {
        lepton_rt_parallel_for(context, 16, 1, body, &counts);
        if (i % 4000 == 0)
          usleep(500); // lets the workers fall asleep
      }
      for (int64_t count : counts)
        CHECK_EQ(count, 20000);
    });
  }
}

//===----------------------------------------------------------------------===//
// Many runs at once
//===----------------------------------------------------------------------===//

/// y[i] = x[i] + x[n-1-i], by way of the arena, a dynamic block and a region.
static int32_t foldEntry(lepton_context *context) {
  const int64_t *shape = lepton_rt_input_shape(context, 0);
  int64_t n = shape[0];
  struct Args {
    int64_t n;
    const float *x;
    float *copy, *y;
  };
  auto *arena = static_cast<Args *>(lepton_rt_arena(context));
  *arena = {n, static_cast<float *>(lepton_rt_input(context, 0)),
            static_cast<float *>(lepton_rt_alloc(context, n * int64_t(sizeof(float)))),
            static_cast<float *>(lepton_rt_output(context, 0, shape))};
  auto copy = [](lepton_context *context, void *memory, int64_t begin, int64_t end) {
    auto *args = static_cast<Args *>(memory);
    void *scratch = lepton_rt_alloc(context, end - begin);
    for (; begin < end; ++begin)
      args->copy[begin] = args->x[args->n - 1 - begin];
    lepton_rt_free(context, scratch);
  };
  auto add = [](lepton_context *, void *memory, int64_t begin, int64_t end) {
    auto *args = static_cast<Args *>(memory);
    for (; begin < end; ++begin)
      args->y[begin] = args->x[begin] + args->copy[begin];
  };
  lepton_rt_parallel_for(context, n, 8, copy, arena);
  lepton_rt_parallel_for(context, n, 8, add, arena);
  lepton_rt_free(context, arena->copy);
  return lepton_rt_status(context);
}

TEST(runsOnSixtyFourThreadsAtOnce) {
  FakeModel model(foldEntry);
  model.input("x", LEPTON_FLOAT, {-1}, {"N"}).output("y", LEPTON_FLOAT, {-1}, {"N"});
  model.model.arena_bytes = 4096;
  Session session(model, 3);
  std::vector<std::thread> callers;
  for (int t = 0; t < 64; ++t)
    callers.emplace_back([&session, t] {
      lepton_error error;
      for (int i = 0; i < 50; ++i) {
        int64_t n = 1 + (t * 131 + i * 17) % 700;
        std::vector<float> x(n), y(n);
        for (int64_t k = 0; k < n; ++k)
          x[k] = float(k * t);
        bool isBad = i % 10 == 9;
        lepton_tensor input = {x.data(), &n, LEPTON_FLOAT, 1, n * sizeof(float) - isBad};
        lepton_tensor output = unallocated();
        if (i % 2)
          output = {y.data(), nullptr, 0, 0, n * sizeof(float)};
        lepton_status status = lepton_session_run(session.session, &input, &output, &error);
        CHECK_EQ(status, isBad ? LEPTON_INVALID_ARGUMENT : LEPTON_OK);
        for (int64_t k = 0; k < n && !isBad; ++k)
          CHECK_EQ(static_cast<float *>(output.data)[k], float((n - 1) * t));
        if (i % 2 == 0)
          lepton_tensor_release(&output);
      }
    });
  for (std::thread &caller : callers)
    caller.join();
}

TEST(makesAndDestroysSessionsAtOnce) {
  std::vector<std::thread> makers;
  for (int t = 0; t < 8; ++t)
    makers.emplace_back([t] {
      for (int i = 0; i < 20; ++i) {
        Session session(workModel(), uint32_t(1 + (t + i) % 4));
        if (i % 2)
          runWork(session, [](lepton_context *context) {
            Ranges ranges;
            lepton_rt_parallel_for(context, 100, 1, Ranges::take, &ranges);
            ranges.check(100, 1);
          });
      }
    });
  for (std::thread &maker : makers)
    maker.join();
}

int main(int argc, char **argv) { return runTests(argc, argv); }
