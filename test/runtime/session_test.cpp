//===- session_test.cpp - Results, and who owns them ------------------------===//
#include "FakeModel.h"
#include <string>

/// y = 2 * x over float32 of any shape.
static int32_t doubleEntry(lepton_context *context) {
  const int64_t *shape = lepton_rt_input_shape(context, 0);
  auto *x = static_cast<float *>(lepton_rt_input(context, 0));
  auto *y = static_cast<float *>(lepton_rt_output(context, 0, shape));
  for (int64_t i = 0; i < shape[0] * shape[1]; ++i)
    y[i] = 2 * x[i];
  return lepton_rt_status(context);
}

static FakeModel &doubleModel() {
  static FakeModel model(doubleEntry);
  if (!model.get()->input_count)
    model.input("x", LEPTON_FLOAT, {-1, 3}, {"N"}).output("y", LEPTON_FLOAT, {-1, 3}, {"N"});
  return model;
}

TEST(allocatesOutputs) {
  Session session(doubleModel());
  Tensor x(LEPTON_FLOAT, {2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6});
  std::vector<lepton_tensor> outputs = {unallocated()};
  CHECK_EQ(session.run({x}, outputs), LEPTON_OK);
  CHECK_EQ(std::string(session.error.message), "");
  CHECK_EQ(static_cast<float *>(outputs[0].data)[5], 12.0f);
  CHECK_EQ(reinterpret_cast<uintptr_t>(outputs[0].data) % 64, 0u);
  CHECK_EQ(outputs[0].rank, 2u);
  CHECK_EQ(outputs[0].shape[0], 2);
  CHECK_EQ(outputs[0].shape[1], 3);
  CHECK_EQ(outputs[0].bytes, 24u);
  CHECK_EQ(outputs[0].dtype, uint32_t(LEPTON_FLOAT));
  // What one run allocated, the next of the same shape can fill.
  void *first = outputs[0].data;
  CHECK_EQ(session.run({x}, outputs), LEPTON_OK);
  CHECK(outputs[0].data == first);
  lepton_tensor_release(&outputs[0]);
  CHECK(!outputs[0].data && !outputs[0].shape);
  lepton_tensor_release(&outputs[0]);
  lepton_tensor_release(nullptr);
}

TEST(outputsOutliveTheSession) {
  std::vector<lepton_tensor> outputs = {unallocated()};
  {
    Session session(doubleModel());
    Tensor x(LEPTON_FLOAT, {1, 3}, std::vector<float>{1, 2, 3});
    CHECK_EQ(session.run({x}, outputs), LEPTON_OK);
  }
  CHECK_EQ(static_cast<float *>(outputs[0].data)[2], 6.0f);
  lepton_tensor_release(&outputs[0]);
}

TEST(writesIntoCallersMemory) {
  Session session(doubleModel());
  Tensor x(LEPTON_FLOAT, {1, 3}, std::vector<float>{1, 2, 3});
  float memory[3] = {};
  std::vector<lepton_tensor> outputs = {{memory, nullptr, 0, 0, sizeof memory}};
  CHECK_EQ(session.run({x}, outputs), LEPTON_OK);
  CHECK_EQ(memory[2], 6.0f);
  CHECK(outputs[0].data == memory);
  CHECK_EQ(outputs[0].rank, 2u);
}

TEST(takesEmptyTensorsWithoutData) {
  Session session(doubleModel());
  int64_t shape[] = {0, 3};
  std::vector<lepton_tensor> outputs = {unallocated()};
  CHECK_EQ(session.run({{nullptr, shape, LEPTON_FLOAT, 2, 0}}, outputs), LEPTON_OK);
  CHECK_EQ(outputs[0].bytes, 0u);
  CHECK_EQ(outputs[0].shape[0], 0);
  lepton_tensor_release(&outputs[0]);
}

TEST(saysWhyAnOutputDoesNotFit) {
  Session session(doubleModel());
  Tensor x(LEPTON_FLOAT, {2, 3}, std::vector<float>(6));
  alignas(8) char memory[32] = {};
  CHECK_EQ(session.messageOf(LEPTON_INVALID_ARGUMENT, {x}, {{memory, nullptr, 0, 0, 20}}),
           "output 'y' is float32 [2,3], 24 bytes, but the caller's buffer has 20; give one of that size, or none to "
           "have it "
           "allocated");
  int64_t turned[] = {3, 2};
  CHECK_EQ(session.messageOf(LEPTON_INVALID_ARGUMENT, {x}, {{memory, turned, LEPTON_FLOAT, 2, 24}}),
           "output 'y' has shape [2,3], but the caller expects [3,2]; give a buffer of that shape, or none to have it "
           "allocated");
  CHECK_EQ(session.messageOf(LEPTON_INVALID_ARGUMENT, {x}, {{memory, turned, LEPTON_FLOAT, 1, 24}}),
           "output 'y' has shape [2,3], but the caller expects [3]; give a buffer of that shape, or none to have it "
           "allocated");
  std::string message = session.messageOf(LEPTON_INVALID_ARGUMENT, {x}, {{memory + 1, nullptr, 0, 0, 24}});
  CHECK_EQ(message.find("the buffer of output 'y' begins in the middle of a float32 at address"), 0u);
  for (char byte : memory)
    CHECK_EQ(int(byte), 0);
}

static int32_t failEntry(lepton_context *context) {
  int64_t shape[] = {1000};
  lepton_rt_output(context, 0, shape);
  lepton_rt_fail(context, "node 'gather' (Gather): index 7 is out of range [-3,3)");
  lepton_rt_fail(context, "a later message");
  CHECK_EQ(lepton_rt_status(context), int32_t(LEPTON_INVALID_ARGUMENT));
  return lepton_rt_status(context);
}

TEST(keepsTheFirstMessageAndFreesOutputs) {
  FakeModel model(failEntry);
  model.output("y", LEPTON_FLOAT, {1000});
  Session session(model);
  std::vector<lepton_tensor> outputs = {unallocated()};
  CHECK_EQ(session.run({}, outputs), LEPTON_INVALID_ARGUMENT);
  CHECK_EQ(std::string(session.error.message), "node 'gather' (Gather): index 7 is out of range [-3,3)");
  CHECK(!outputs[0].data && !outputs[0].shape);
  // Whoever wants no words gets the status alone.
  CHECK_EQ(lepton_session_run(session.session, nullptr, outputs.data(), nullptr), LEPTON_INVALID_ARGUMENT);
}

TEST(noticesMissingOutputsAndStatuses) {
  FakeModel model([](lepton_context *) -> int32_t { return LEPTON_OK; });
  model.output("y", LEPTON_FLOAT, {1});
  Session session(model);
  CHECK_EQ(session.messageOf(LEPTON_INTERNAL, {}, {unallocated()}),
           "output 'y' was not produced: the model or its compiler is at fault");
  FakeModel silent([](lepton_context *) -> int32_t { return LEPTON_INTERNAL; });
  Session other(silent);
  CHECK_EQ(other.messageOf(LEPTON_INTERNAL, {}, {}), "the model failed and gave no reason");
}

TEST(cutsLongMessages) {
  FakeModel model([](lepton_context *context) -> int32_t {
    lepton_rt_fail(context, std::string(5000, '%').c_str());
    return lepton_rt_status(context);
  });
  Session session(model);
  CHECK_EQ(session.messageOf(LEPTON_INVALID_ARGUMENT, {}, {}), std::string(1023, '%'));
}

TEST(givesTheArenaAligned) {
  FakeModel model([](lepton_context *context) -> int32_t {
    auto *arena = static_cast<char *>(lepton_rt_arena(context));
    CHECK_EQ(reinterpret_cast<uintptr_t>(arena) % 64, 0u);
    memset(arena, 1, 5000001);
    return lepton_rt_status(context);
  });
  model.model.arena_bytes = 5000001;
  Session session(model);
  std::vector<lepton_tensor> none;
  CHECK_EQ(session.run({}, none), LEPTON_OK);
  CHECK_EQ(session.run({}, none), LEPTON_OK);
}

int main(int argc, char **argv) { return runTests(argc, argv); }
