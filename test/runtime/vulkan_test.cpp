//===- vulkan_test.cpp - Runs on a GPU by Vulkan, of models written by hand ---===//
//
// The GPU is whichever there is; without one it is Mesa's lavapipe, threads of the CPU. test/gpu/vulkan.cpp says other things of it than are so.
//
//===----------------------------------------------------------------------===//
#include "FakeModel.h"
#include "runtime/vulkan/driver.h"
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

extern "C" const lepton_device_runtime lepton_rt_vulkan;

/// The module of kernels.mlir, as long as the program.
static const std::vector<uint32_t> &kernels() {
  static const std::vector<uint32_t> words = [] {
    std::ifstream file(LEPTON_TEST_KERNELS, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    std::vector<uint32_t> all(bytes.size() / sizeof(uint32_t));
    memcpy(all.data(), bytes.data(), all.size() * sizeof(uint32_t));
    return all;
  }();
  return words;
}

static constexpr int64_t kCount = 1000;
alignas(64) static const float constants[] = {5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};

/// Drivers leave memory of theirs behind when they go with the last session, which is not what is looked for here.
static void keepDrivers() {
  static lepton_error error;
  static const lepton::rt::vulkan::Driver *kept = lepton::rt::vulkan::acquireDriver(error);
  CHECK(kept);
}

/// A model whose kernels a GPU runs, of one input and one output: float32 of kCount elements, or of N.
class DeviceModel : public FakeModel {
public:
  DeviceModel(lepton_entry_function entry, bool isReplayable, int64_t size = kCount) : FakeModel(entry) {
    keepDrivers();
    const char *name = size < 0 ? "N" : nullptr;
    input("x", LEPTON_FLOAT, {size}, {name}).output("y", LEPTON_FLOAT, {size}, {name});
    static const char *const messages[] = {"the first thing", "x begins with a negative number"};
    code = {kernels().data(),
            nullptr,
            constants,
            messages,
            2,
            isReplayable,
            &lepton_rt_vulkan,
            kernels().size() * sizeof(uint32_t),
            kCount * 4};
    model.device_code = &code;
    model.arena_bytes = 8192;
    model.weights_bytes = sizeof constants;
  }
  lepton_device_code code;
};

static void add(lepton_context *context, const void *x, void *y, int64_t count, int64_t addend) {
  static const char name[] = "add";
  void *values[] = {&x, &y, &count, &addend};
  lepton_rt_launch(context, name, "aann", (count + 63) / 64, 64, values);
}

static void check(lepton_context *context, const void *x) {
  static const char name[] = "check";
  void *fault = lepton_rt_fault(context);
  void *values[] = {&x, &fault};
  lepton_rt_launch(context, name, "aa", 1, 1, values);
}

/// y = x + 11, by way of the workspace and a block.
static int32_t addEntry(lepton_context *context) {
  const int64_t *shape = lepton_rt_input_shape(context, 0);
  auto *x = static_cast<float *>(lepton_rt_input(context, 0));
  auto *arena = static_cast<char *>(lepton_rt_arena(context)) + 64;
  void *block = lepton_rt_alloc(context, shape[0] * 4);
  check(context, x);
  add(context, x, shape[0] <= kCount ? arena : block, shape[0], 1);
  add(context, shape[0] <= kCount ? arena : block, block, shape[0], 4);
  add(context, block, lepton_rt_output(context, 0, shape), shape[0], 6);
  lepton_rt_free(context, block);
  return lepton_rt_status(context);
}

/// What a run makes of numbers from `first` on; the reason alone where it fails.
static std::string run(Session &session, float first, int64_t count = kCount, float expected = 11) {
  std::vector<float> x(count), y(count);
  for (int64_t i = 0; i < count; ++i)
    x[i] = first + float(i);
  lepton_tensor input = {x.data(), &count, LEPTON_FLOAT, 1, uint64_t(count) * 4},
                output = {y.data(), nullptr, 0, 0, uint64_t(count) * 4};
  lepton_error error = {};
  if (lepton_session_run(session.session, &input, &output, &error) != LEPTON_OK)
    return error.message;
  for (int64_t i = 0; i < count; ++i)
    if (y[i] != x[i] + expected)
      return "element " + std::to_string(i) + " is " + std::to_string(y[i]);
  return "";
}

TEST(launchesFollowEachOtherAndAreReplayed) {
  for (bool isReplayable : {false, true}) {
    DeviceModel model(addEntry, isReplayable);
    Session session(model);
    for (int i = 0; i < 5; ++i)
      CHECK_EQ(run(session, float(10 * i)), "");
  }
}

TEST(faultsAreWords) {
  DeviceModel model(addEntry, true);
  Session session(model);
  for (int i = 0; i < 4; ++i) {
    CHECK_EQ(run(session, -1), "x begins with a negative number");
    CHECK_EQ(run(session, 1), "");
  }
}

TEST(sizesChange) {
  DeviceModel model(addEntry, false, -1);
  Session session(model);
  for (int64_t count : {3, 1, 4000, 100000, 2, 300000})
    CHECK_EQ(run(session, 1, count), "");
}

TEST(threadsShareASession) {
  for (bool isReplayable : {false, true}) {
    DeviceModel model(addEntry, isReplayable);
    Session session(model);
    std::vector<std::thread> threads;
    for (int t = 0; t < 6; ++t)
      threads.emplace_back([&session, t] {
        for (int i = 0; i < 8; ++i)
          CHECK_EQ(run(session, float(100 * t + i)), "");
      });
    for (std::thread &thread : threads)
      thread.join();
  }
}

/// Doubles x[0] until it is 100 or more by adding it to itself, which the host knows; the output is x + what was added.
static int32_t fetchEntry(lepton_context *context) {
  const int64_t *shape = lepton_rt_input_shape(context, 0);
  void *x = lepton_rt_input(context, 0), *arena = lepton_rt_arena(context);
  add(context, x, arena, shape[0], 0);
  for (;;) {
    const float first = *static_cast<const float *>(lepton_rt_fetch(context, arena, 4));
    if (first >= 100)
      break;
    add(context, arena, arena, shape[0], int64_t(first));
  }
  add(context, arena, lepton_rt_output(context, 0, shape), shape[0], 0);
  return lepton_rt_status(context);
}

TEST(theHostReadsWhatAKernelWrote) {
  DeviceModel model(fetchEntry, false);
  Session session(model);
  CHECK_EQ(run(session, 3, kCount, 192 - 3), "");
  CHECK_EQ(run(session, 100, kCount, 0), "");
}

/// Bytes of several sizes at several places, copied to odd places, and a constant: their sum is in y.
static int32_t sendEntry(lepton_context *context) {
  const int64_t *shape = lepton_rt_input_shape(context, 0);
  auto *x = static_cast<float *>(lepton_rt_input(context, 0));
  auto *arena = static_cast<char *>(lepton_rt_arena(context));
  const uint64_t number = 0x1122334455667788;
  for (int64_t bytes : {1, 2, 4, 8})
    lepton_rt_send(context, arena + 64 * bytes + (bytes < 4), &number, bytes);
  lepton_rt_copy(context, arena + 1027, arena + 513, 7);
  for (int64_t bytes : {1, 2, 4, 8}) {
    auto *sent = lepton_rt_fetch(context, arena + 64 * bytes + (bytes < 4), bytes);
    CHECK_EQ(memcmp(sent, &number, size_t(bytes)), 0);
  }
  CHECK_EQ(memcmp(lepton_rt_fetch(context, arena + 1027, 7), reinterpret_cast<const char *>(&number) + 1, 7), 0);
  CHECK_EQ(*static_cast<const float *>(lepton_rt_fetch(context, constants, 4)), 5.0f);
  void *y = lepton_rt_output(context, 0, shape);
  add(context, x, y, shape[0], 0);
  add(context, constants + 16, y, 1, 0);
  add(context, y, y, 1, *static_cast<const float *>(lepton_rt_fetch(context, x, 4)) + 4);
  return lepton_rt_status(context);
}

TEST(theHostWritesWhatAKernelReads) {
  DeviceModel model(sendEntry, false);
  Session session(model);
  CHECK_EQ(run(session, 2), "element 1 is 3.000000"); // x as it was, but for the first element, 7 + 2 + 4
}

TEST(aNumberBeyond32BitsIsRefused) {
  DeviceModel model(
      [](lepton_context *context) {
        const int64_t *shape = lepton_rt_input_shape(context, 0);
        add(context, lepton_rt_input(context, 0), lepton_rt_output(context, 0, shape), shape[0], int64_t(1) << 40);
        return lepton_rt_status(context);
      },
      false);
  Session session(model);
  CHECK(run(session, 1).find("kernel 'add' gets the number 1099511627776, which is beyond the 32 bits") == 0);
}

TEST(damagedCodeIsRefused) {
  lepton_error error = {};
  lepton_session *session = nullptr;
  DeviceModel model(addEntry, false);
  auto refused = [&] {
    CHECK_EQ(lepton_session_create(model.get(), nullptr, &session, &error), LEPTON_INCOMPATIBLE);
    return std::string(error.message);
  };
  for (uint64_t bytes : {0, 4, 21, 30}) {
    model.code.image_bytes = bytes;
    CHECK_EQ(refused(), "model 'fake' has no SPIR-V for its kernels: the artifact is damaged; compile it again");
  }
  std::vector<uint32_t> words = kernels();
  model.code.image = words.data();
  model.code.image_bytes = words.size() * sizeof(uint32_t);
  words[6] = 4321; // the operand of the first instruction, OpCapability
  CHECK_EQ(refused(),
           "model 'fake' needs the capability 4321 of SPIR-V, which this runtime does not know; use a newer one");
}

/// The sanitizer does not see what orders the threads of lavapipe.
extern "C" const char *__tsan_default_suppressions() { return "race:libvulkan_lvp.so\n"; }

int main(int argc, char **argv) { return runTests(argc, argv); }
