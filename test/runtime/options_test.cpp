//===- options_test.cpp - How many threads a session has and whose, and who is told of kernels ---------------===//
#include "FakeModel.h"
#include <algorithm>
#include <dirent.h>
#include <mutex>
#include <pthread.h>
#include <set>
#include <setjmp.h>
#include <stdexcept>
#include <thread>

/// A pool as simple as can be: threads for each loop, task i on thread i % threads, the last of which is the caller's.
struct Threads {
  const uint32_t count;
  lepton_pool pool{this, count, run};
  std::mutex mutex;
  std::set<std::thread::id> seen;

  explicit Threads(uint32_t count) : count(count) {}

  static void run(void *data, uint32_t count, void (*task)(void *, uint32_t), void *argument) {
    auto &self = *static_cast<Threads *>(data);
    auto work = [&](uint32_t thread) {
      std::unique_lock<std::mutex> lock(self.mutex);
      self.seen.insert(std::this_thread::get_id());
      lock.unlock();
      for (uint32_t i = thread; i < count; i += self.count)
        task(argument, i);
    };
    std::vector<std::thread> others;
    for (uint32_t thread = 0; thread + 1 < self.count; ++thread)
      others.emplace_back(work, thread);
    work(self.count - 1);
    for (std::thread &other : others)
      other.join();
  }
};

static lepton_options withPool(const lepton_pool &pool) { return {sizeof(lepton_options), 7, &pool, nullptr}; }

static int threadsOfProcess() {
  int count = 0;
  DIR *folder = opendir("/proc/self/task");
  while (folder && readdir(folder))
    ++count;
  if (folder)
    closedir(folder);
  return count;
}

/// Counts each index of a loop of 1000, and of a loop inside of that one; `stop`: then gives up in the middle.
static bool stops = false;
static std::atomic<int> counts[1000];

static int32_t countIndices(lepton_context *context) {
  auto inner = [](lepton_context *, void *, int64_t begin, int64_t end) {
    for (; begin < end; ++begin)
      ++counts[begin];
  };
  auto outer = [](lepton_context *context, void *function, int64_t begin, int64_t end) {
    if (stops && begin <= 500 && 500 < end)
      lepton_rt_stop(context, "index 500 is out of luck");
    reinterpret_cast<lepton_rt_body>(function)(context, nullptr, begin, end);
    lepton_rt_parallel_for(context, 10, 1, reinterpret_cast<lepton_rt_body>(function), nullptr);
  };
  lepton_rt_body body = inner;
  lepton_rt_parallel_for(context, 1000, 10, outer, reinterpret_cast<void *>(body));
  return lepton_rt_status(context);
}

TEST(rangesAreTasksOfACallersPool) {
  FakeModel model(countIndices);
  for (uint32_t count : {1, 2, 5}) {
    Threads threads(count);
    int before = threadsOfProcess();
    Session session(model.get(), withPool(threads.pool));
    CHECK_EQ(threadsOfProcess(), before);
    std::fill(std::begin(counts), std::end(counts), 0);
    std::vector<lepton_tensor> none;
    CHECK_EQ(session.run({}, none), LEPTON_OK);
    for (int i = 10; i < 1000; ++i)
      CHECK_EQ(counts[i].load(), 1);
    CHECK_EQ(counts[0].load(), 1 + (count == 1 ? 1 : int(count) * 4)); // loops inside of ranges are theirs alone
    CHECK_EQ(threads.seen.size(), count == 1 ? 0 : count);
  }
}

TEST(aRunMayEndInACallersPool) {
  FakeModel model(countIndices);
  Threads threads(3);
  Session session(model.get(), withPool(threads.pool));
  std::vector<lepton_tensor> none;
  for (int i = 0; i < 20; ++i) {
    stops = i % 2 == 0;
    CHECK_EQ(session.run({}, none), stops ? LEPTON_INVALID_ARGUMENT : LEPTON_OK);
    CHECK_EQ(std::string(session.error.message), stops ? "index 500 is out of luck" : "");
  }
  stops = false;
}

TEST(sessionsShareACallersPool) {
  FakeModel model(countIndices);
  const lepton_model *made = model.get();
  Threads threads(2);
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      Session session(made, withPool(threads.pool));
      std::vector<lepton_tensor> none;
      for (int i = 0; i < 20; ++i)
        CHECK_EQ(session.run({}, none), LEPTON_OK);
    });
  for (std::thread &caller : callers)
    caller.join();
}

TEST(aPoolWithoutAFunctionIsRefused) {
  FakeModel model(countIndices);
  lepton_pool pool = {nullptr, 2, nullptr};
  lepton_options options = withPool(pool);
  lepton_session *session = nullptr;
  lepton_error error;
  CHECK_EQ(lepton_session_create(model.get(), &options, &session, &error), LEPTON_INVALID_ARGUMENT);
  CHECK_EQ(std::string(error.message), "the pool in the options has no function 'run'");
}

TEST(optionsOfTheFirstVersionAreTaken) {
  FakeModel model(countIndices);
  lepton_pool unseen = {nullptr, 2, nullptr};
  lepton_options options = {8, 1, &unseen, nullptr, nullptr, nullptr, 0};
  Session session(model.get(), options);
}

TEST(anObserverIsToldOfKernels) {
  FakeModel model([](lepton_context *context) -> int32_t {
    lepton_rt_kernel(context, "first");
    lepton_rt_kernel(context, "second");
    return lepton_rt_status(context);
  });
  std::vector<std::string> heard;
  lepton_observer observer = {&heard, [](void *data, const char *name) {
                                static_cast<std::vector<std::string> *>(data)->push_back(name ? name : "end");
                              }};
  std::vector<lepton_tensor> none;
  Session session(model.get(), {sizeof(lepton_options), 1, nullptr, &observer}), unobserved(model);
  for (int i = 0; i < 2; ++i)
    CHECK_EQ(session.run({}, none), LEPTON_OK);
  CHECK_EQ(unobserved.run({}, none), LEPTON_OK);
  CHECK((heard == std::vector<std::string>{"first", "second", "end", "first", "second", "end"}));
}

static int32_t copyConstants(lepton_context *context) {
  int64_t shape[] = {4};
  memcpy(lepton_rt_output(context, 0, shape), lepton_rt_weights(context), 16);
  return lepton_rt_status(context);
}

/// What is in a file of constants, aligned as a mapped one.
struct alignas(64) ConstantsFile {
  lepton_weights_header header = {LEPTON_WEIGHTS_MAGIC, LEPTON_WEIGHTS_VERSION, sizeof header, 16, {}, {}, {}};
  int32_t constants[4] = {1, 2, 3, 4};
  char more[48] = {};

  explicit ConstantsFile(const std::string &hash) { memcpy(header.sha256, hash.data(), sizeof header.sha256); }
};

TEST(constantsMayBeInTheCallersMemory) {
  const std::string hash(64, 'a');
  FakeModel model(copyConstants);
  lepton_weights_file file = {"absent.weights", hash.c_str()};
  model.output("y", LEPTON_INT32, {4});
  model.model.weights_file = &file;
  model.model.weights_bytes = 16;
  ConstantsFile content(hash);
  lepton_options options = {};
  options.struct_bytes = sizeof options;
  options.weights_data = &content;
  options.weights_bytes = sizeof content.header + 16;
  for (int i = 0; i < 2; ++i) { // a session does not take the memory with it
    Session session(model.get(), options);
    int32_t numbers[4] = {};
    std::vector<lepton_tensor> outputs = {{numbers, nullptr, 0, 0, sizeof numbers}};
    CHECK_EQ(session.run({}, outputs), LEPTON_OK);
    CHECK(std::equal(std::begin(numbers), std::end(numbers), content.constants));
  }
  auto refusal = [&](const void *data, uint64_t bytes) {
    options.weights_data = data;
    options.weights_bytes = bytes;
    lepton_session *session = nullptr;
    lepton_error error;
    CHECK_EQ(lepton_session_create(model.get(), &options, &session, &error), LEPTON_INCOMPATIBLE);
    const std::string message = error.message,
                      begin = "the constants of model 'fake': what weights_data of the options points to ";
    CHECK_EQ(message.substr(0, begin.size()), begin);
    return message.substr(begin.size());
  };
  const std::string copied = "is truncated; copy it again, or compile the model again";
  CHECK_EQ(refusal(&content, sizeof content.header + 15), copied);
  CHECK_EQ(refusal(&content, 100), "is no file of constants; compile the model again");
  auto *moved = reinterpret_cast<char *>(&content) + 8;
  memmove(moved, &content, sizeof content.header + 16);
  CHECK_EQ(refusal(moved, sizeof content.header + 16), "is not aligned to 64 bytes");
  ConstantsFile other(std::string(64, 'b'));
  CHECK_EQ(refusal(&other, sizeof other).substr(0, 38), "belongs to another build of the model:");
  memcpy(other.header.magic, LEPTON_ENCRYPTED_WEIGHTS_MAGIC, sizeof other.header.magic);
  CHECK_EQ(refusal(&other, sizeof other).substr(0, 13), "is encrypted;");
}

/// Who leaves a run in the middle: by an exception, or by a jump.
struct Leaver {
  enum { Stays, Throws, Jumps } way = Stays;
  jmp_buf place;
  lepton_observer observer{this, [](void *data, const char *name) {
                             if (name)
                               static_cast<Leaver *>(data)->leave();
                           }};
  lepton_pool pool{this, 2, [](void *data, uint32_t count, void (*task)(void *, uint32_t), void *argument) {
                     for (uint32_t i = 0; i < count; ++i)
                       task(argument, i);
                     static_cast<Leaver *>(data)->leave();
                   }};

  void leave() {
    if (way == Throws)
      throw std::runtime_error("the caller has had enough");
    if (way == Jumps)
      longjmp(place, 1);
  }
};

static int32_t sumInPieces(lepton_context *context) {
  int64_t shape[] = {1000};
  auto *result = static_cast<int32_t *>(lepton_rt_output(context, 0, shape));
  auto *scratch = static_cast<int32_t *>(lepton_rt_alloc(context, 4000));
  auto body = [](lepton_context *, void *scratch, int64_t begin, int64_t end) {
    for (; begin < end; ++begin)
      static_cast<int32_t *>(scratch)[begin] = int32_t(begin);
  };
  lepton_rt_parallel_for(context, 1000, 10, body, scratch);
  lepton_rt_kernel(context, "copy");
  memcpy(result, scratch, 4000);
  lepton_rt_free(context, scratch);
  return lepton_rt_status(context);
}

static void leavesTheNextRunRight(lepton_options options, Leaver &leaver) {
  FakeModel model(sumInPieces);
  model.output("y", LEPTON_INT32, {1000});
  Session session(model.get(), options);
  for (auto way : {Leaver::Throws, Leaver::Jumps, Leaver::Throws}) {
    int32_t numbers[1000] = {};
    std::vector<lepton_tensor> outputs = {{numbers, nullptr, 0, 0, sizeof numbers}};
    leaver.way = way;
    if (!setjmp(leaver.place)) {
      try {
        session.run({}, outputs);
      } catch (const std::runtime_error &) {
      }
    }
    leaver.way = Leaver::Stays;
    CHECK_EQ(session.run({}, outputs), LEPTON_OK);
    for (int i = 0; i < 1000; ++i)
      CHECK_EQ(numbers[i], i);
  }
}

TEST(anObserverMayLeaveARun) {
  Leaver leaver;
  for (uint32_t threads : {1, 3})
    leavesTheNextRunRight({sizeof(lepton_options), threads, nullptr, &leaver.observer}, leaver);
}

TEST(aPoolMayLeaveARun) {
  Leaver leaver;
  leavesTheNextRunRight({sizeof(lepton_options), 2, &leaver.pool, nullptr}, leaver);
}

/// The last test runs first: threads of others, which the system may list for a moment after their end, are not there yet.
TEST(aSessionMakesTheThreadsThatItIsTold) {
  FakeModel model([](lepton_context *context) -> int32_t { return lepton_rt_status(context); });
  Session first(model, 2); // a sanitizer has a thread of its own from now on
  const int before = threadsOfProcess();
  Session one(model, 1);
  CHECK_EQ(threadsOfProcess(), before); // the caller works, too
  Session two(model, 2), five(model, 5);
  CHECK_EQ(threadsOfProcess(), before + 1 + 4);
}

int main(int argc, char **argv) { return runTests(argc, argv); }
