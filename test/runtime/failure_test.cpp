//===- failure_test.cpp - Exhausted memory, refused threads, forked children ===//
//
// Linked with --wrap for the functions below, so that a test can let the system refuse what the runtime asks for.
//
//===----------------------------------------------------------------------===//
#include "FakeModel.h"
#include <cerrno>
#include <csignal>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static std::atomic<int> threadsAllowed = 1000;
static std::atomic<bool> memoryRefused = false;
static std::atomic<int> memoryCalls = 0;

extern "C" {
// A sanitizer's answer to a size beyond reason shall be that of the C library.
const char *__asan_default_options() { return "allocator_may_return_null=1"; }
const char *__tsan_default_options() { return "allocator_may_return_null=1"; }

int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __real_posix_memalign(void **, size_t, size_t);
void *__real_mmap(void *, size_t, int, int, int, off_t);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument) {
  return threadsAllowed-- > 0 ? __real_pthread_create(thread, attributes, start, argument) : EAGAIN;
}
int __wrap_posix_memalign(void **memory, size_t alignment, size_t bytes) {
  ++memoryCalls;
  return memoryRefused ? ENOMEM : __real_posix_memalign(memory, alignment, bytes);
}
void *__wrap_mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset) {
  ++memoryCalls;
  return memoryRefused ? MAP_FAILED : __real_mmap(address, bytes, protection, flags, file, offset);
}
}

static constexpr int64_t kTooMuch = int64_t(1) << 60;

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

static std::atomic<bool> fails = false;
static void (*failing)(lepton_context *) = nullptr;

static int32_t maybeFail(lepton_context *context) {
  lepton_rt_alloc(context, 1000); // never freed: the run's end does it
  if (fails)
    failing(context);
  int64_t shape[] = {4};
  memset(lepton_rt_output(context, 0, shape), 1, 4);
  return lepton_rt_status(context);
}

/// Lets a run fail in `function` and checks that the session goes on as if nothing had happened.
static void checkFailure(void (*function)(lepton_context *), lepton_status status, const std::string &message) {
  FakeModel model(maybeFail);
  model.output("y", LEPTON_UINT8, {-1});
  Session session(model, 3);
  failing = function;
  for (int i = 0; i < 50; ++i) {
    fails = i % 2;
    std::vector<lepton_tensor> outputs = {unallocated()};
    CHECK_EQ(session.run({}, outputs), fails ? status : LEPTON_OK);
    if (fails)
      CHECK_EQ(std::string(session.error.message).find(message), 0u);
    CHECK_EQ(outputs[0].data == nullptr, fails.load());
    lepton_tensor_release(&outputs[0]);
  }
}

TEST(endsARunThatNeedsTooMuch) {
  checkFailure([](lepton_context *context) { lepton_rt_alloc(context, kTooMuch); }, LEPTON_OUT_OF_MEMORY,
               "out of memory: an intermediate result needs 1152921504606846976 bytes beside the ");
  checkFailure(
      [](lepton_context *context) {
        int64_t shape[] = {2, kTooMuch >> 16};
        lepton_rt_alloc_tensor(context, "conv", shape, 2, 4);
      },
      LEPTON_OUT_OF_MEMORY,
      "out of memory: node 'conv': a result of shape [2,17592186044416] needs 140737488355328 bytes beside the ");
}

TEST(endsARunOfImpossibleSizes) {
  auto negative = [](lepton_context *context) {
    int64_t shape[] = {2, -130};
    lepton_rt_alloc_tensor(context, "conv", shape, 2, 4);
  };
  checkFailure(negative, LEPTON_INVALID_ARGUMENT,
               "node 'conv': a result would have shape [2,-130], of a negative size");
  auto overflowing = [](lepton_context *context) {
    int64_t shape[] = {kTooMuch, 16};
    lepton_rt_alloc_tensor(context, "conv", shape, 2, 4);
  };
  checkFailure(overflowing, LEPTON_INVALID_ARGUMENT,
               "node 'conv': a result would have shape [1152921504606846976,16], which no memory can hold");
  auto empty = [](lepton_context *context) {
    int64_t shape[] = {kTooMuch, 16, 0};
    lepton_rt_free(context, lepton_rt_alloc_tensor(context, "conv", shape, 3, 4));
    lepton_rt_fail(context, "went on");
  };
  checkFailure(empty, LEPTON_INVALID_ARGUMENT, "went on");
  auto stopped = [](lepton_context *context) {
    lepton_rt_stop(context, "sizes differ");
    CHECK(!"reached");
  };
  checkFailure(stopped, LEPTON_INVALID_ARGUMENT, "sizes differ");
}

TEST(endsARunWhoseOutputIsTooLarge) {
  auto tooLarge = [](lepton_context *context) {
    int64_t shape[] = {int64_t(1) << 46};
    lepton_rt_output(context, 0, shape);
  };
  checkFailure(tooLarge, LEPTON_OUT_OF_MEMORY, "out of memory: output 'y' needs 70368744177664 bytes");
  auto negative = [](lepton_context *context) {
    int64_t shape[] = {-3};
    lepton_rt_output(context, 0, shape);
  };
  checkFailure(negative, LEPTON_INVALID_ARGUMENT, "output 'y' would have shape [-3], of a negative size");
}

TEST(endsARunWhoseTasksNeedTooMuch) {
  auto everyRange = [](lepton_context *context) {
    auto body = [](lepton_context *context, void *, int64_t, int64_t) { lepton_rt_alloc(context, kTooMuch); };
    lepton_rt_parallel_for(context, 100, 1, body, nullptr);
    CHECK(!"reached");
  };
  checkFailure(everyRange, LEPTON_OUT_OF_MEMORY, "out of memory");
  auto nested = [](lepton_context *context) {
    auto body = [](lepton_context *context, void *, int64_t, int64_t) { lepton_rt_alloc(context, kTooMuch); };
    auto outer = [](lepton_context *context, void *body, int64_t, int64_t) {
      lepton_rt_parallel_for(context, 100, 1, reinterpret_cast<lepton_rt_body>(body), nullptr);
    };
    lepton_rt_parallel_for(context, 100, 1, outer, reinterpret_cast<void *>(+body));
    CHECK(!"reached");
  };
  checkFailure(nested, LEPTON_OUT_OF_MEMORY, "out of memory");
}

/// A region in which one side runs out of memory while the other is inside its range, on the caller's stack.
struct OneSide {
  explicit OneSide(bool callerFails) : callerFails(callerFails) {}

  static void body(lepton_context *context, void *args, int64_t, int64_t) {
    auto *side = static_cast<OneSide *>(args);
    bool isCaller = pthread_equal(side->caller, pthread_self());
    if (isCaller == side->callerFails) {
      waitFor(side->otherIsInside);
      side->failed = true;
      lepton_rt_alloc(context, kTooMuch);
    }
    side->otherIsInside = true;
    waitFor(side->failed);
    usleep(2000); // the failed thread would be out of the region by now, if it did not wait
    ++side->finished;
  }
  static void waitFor(std::atomic<bool> &flag) {
    for (int i = 0; i < 20000 && !flag; ++i)
      usleep(500);
    CHECK(flag.load());
  }
  static inline OneSide *current = nullptr;
  pthread_t caller = pthread_self();
  bool callerFails;
  std::atomic<bool> otherIsInside = false, failed = false;
  std::atomic<int> finished = 0;
};

TEST(waitsForTheOtherThreadsOfARegion) {
  for (bool callerFails : {false, true}) {
    FakeModel model(maybeFail);
    model.output("y", LEPTON_UINT8, {-1});
    Session session(model, 3);
    fails = true;
    failing = [](lepton_context *context) {
      lepton_rt_parallel_for(context, 3, 1, OneSide::body, OneSide::current);
      CHECK(!"reached");
    };
    for (int i = 0; i < 20; ++i) {
      OneSide side(callerFails);
      OneSide::current = &side;
      CHECK_EQ(session.messageOf(LEPTON_OUT_OF_MEMORY, {}, {unallocated()}).find("out of memory"), 0u);
      CHECK(side.failed.load());
      CHECK(side.finished >= 1);
    }
  }
}

TEST(saysWhenTheSystemRefusesMemory) {
  FakeModel model([](lepton_context *) -> int32_t { return LEPTON_OK; });
  model.model.arena_bytes = 123456;
  lepton_session *none = nullptr;
  lepton_error error;
  memoryRefused = true;
  CHECK_EQ(lepton_session_create(model.get(), nullptr, &none, &error), LEPTON_OUT_OF_MEMORY);
  memoryRefused = false;
  CHECK_EQ(std::string(error.message), "out of memory: no session can be made of model 'fake'");
  CHECK(!none);
  Session session(model);
  std::vector<lepton_tensor> outputs;
  memoryRefused = true;
  lepton_status status = session.run({}, outputs);
  memoryRefused = false;
  CHECK_EQ(status, LEPTON_OUT_OF_MEMORY);
  CHECK_EQ(std::string(session.error.message),
           "out of memory: the workspace of model 'fake' needs 123456 bytes; run fewer at once");
  CHECK_EQ(session.run({}, outputs), LEPTON_OK);
}

TEST(asksForNoMemoryInTheSteadyState) {
  FakeModel model([](lepton_context *context) -> int32_t {
    int64_t shape[] = {4};
    lepton_rt_output(context, 0, shape);
    lepton_rt_free(context, lepton_rt_alloc(context, 100000));
    return lepton_rt_status(context);
  });
  model.output("y", LEPTON_UINT8, {4});
  model.model.arena_bytes = 1 << 23;
  Session session(model, 2);
  char memory[4];
  std::vector<lepton_tensor> outputs = {{memory, nullptr, 0, 0, 4}}, inputs;
  CHECK_EQ(session.run(inputs, outputs), LEPTON_OK);
  int before = memoryCalls;
  for (int i = 0; i < 100; ++i)
    session.run(inputs, outputs);
  CHECK_EQ(memoryCalls.load(), before);
}

TEST(collectsWhatALoopDoesNotHandOn) {
  FakeModel model([](lepton_context *context) -> int32_t {
    void *first = lepton_rt_alloc(context, 1000), *second = lepton_rt_alloc(context, 1000),
         *third = lepton_rt_alloc(context, 1000), *others = lepton_rt_alloc(context, 1000);
    void *slots[] = {nullptr, first, second, nullptr, third}, *kept[] = {third, others, second};
    lepton_rt_collect(context, slots, 5, kept, 3);
    bool isRight = slots[0] == second && slots[1] == third && !slots[2] && !slots[3] && !slots[4];
    if (!isRight || lepton_rt_alloc(context, 1000) != first) // the only one that is free again
      lepton_rt_fail(context, "wrong");
    return lepton_rt_status(context);
  });
  Session session(model);
  std::vector<lepton_tensor> outputs;
  CHECK_EQ(session.run({}, outputs), LEPTON_OK);
}

//===----------------------------------------------------------------------===//
// Threads and processes
//===----------------------------------------------------------------------===//

static int32_t countEntry(lepton_context *context) {
  int64_t shape[] = {1};
  auto *count = static_cast<std::atomic<int64_t> *>(lepton_rt_output(context, 0, shape));
  *count = 0;
  auto body = [](lepton_context *, void *args, int64_t begin, int64_t end) {
    *static_cast<std::atomic<int64_t> *>(args) += end - begin;
  };
  lepton_rt_parallel_for(context, 1000, 1, body, count);
  return lepton_rt_status(context);
}

static bool countsRight(Session &session) {
  int64_t count = 0;
  std::vector<lepton_tensor> outputs = {{&count, nullptr, 0, 0, sizeof count}};
  return session.run({}, outputs) == LEPTON_OK && count == 1000;
}

TEST(makesDoWithFewerThreads) {
  FakeModel model(countEntry);
  model.output("count", LEPTON_INT64, {1});
  for (int allowed : {0, 1, 3}) {
    threadsAllowed = allowed;
    Session session(model, 8);
    threadsAllowed = 1000;
    CHECK(countsRight(session));
  }
}

/// Whether a child that calls `function` ends with status 0.
template <typename Function> static bool succeedsInChild(Function function) {
  pid_t child = fork();
  if (child == 0) {
    alarm(20); // a child that hangs shall not hang the tests
    _exit(function() ? 0 : 1);
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && status == 0;
}

TEST(runsInForkedChildren) {
  FakeModel model(countEntry);
  model.output("count", LEPTON_INT64, {1});
  auto *session = new Session(model, 4);
  CHECK(countsRight(*session));
  auto inChild = [&] {
    bool isRight = countsRight(*session) && countsRight(*session);
    bool grandchild = succeedsInChild([&] { return countsRight(*session); });
    delete session;
    return isRight && grandchild;
  };
  CHECK(succeedsInChild(inChild));
  CHECK(countsRight(*session));
  CHECK(succeedsInChild([&] {
    delete session;
    return true;
  }));
  delete session;
}

int main(int argc, char **argv) { return runTests(argc, argv); }
