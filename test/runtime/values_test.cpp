//===- values_test.cpp - Strings, sequences, optionals, maps at the border --===//
#include "FakeModel.h"
#include "runtime/core/context.h"

using List = const lepton_tensor *;

static const lepton_value_info anyFloats = {"", nullptr, nullptr, LEPTON_FLOAT, LEPTON_ANY_RANK, nullptr};
static const int64_t rows[] = {-1, 2};
static const lepton_value_info pairs = {"", rows, nullptr, LEPTON_FLOAT, 2, nullptr};
static const int64_t vector[] = {-1};
static const lepton_value_info words = {"", vector, nullptr, LEPTON_STRING, 1, nullptr};
static const lepton_value_info sequenceOfWords = {"", nullptr, nullptr, LEPTON_SEQUENCE, 0, &words};

static const int64_t columns[] = {-1};
static const lepton_value_info wordsToFloats[] = {words, {"", columns, nullptr, LEPTON_FLOAT, 1, nullptr}};

/// Copies input 0, a handle, to output 0.
static int32_t copyHandle(lepton_context *context) {
  auto *from = static_cast<List *>(lepton_rt_input(context, 0));
  *static_cast<List *>(lepton_rt_output(context, 0, nullptr)) = *from;
  return LEPTON_OK;
}

/// Copies input 0, strings, to output 0.
static int32_t copyStrings(lepton_context *context) {
  const int64_t *shape = lepton_rt_input_shape(context, 0);
  void *to = lepton_rt_output(context, 0, shape);
  memcpy(to, lepton_rt_input(context, 0), shape[0] * sizeof(const char *));
  return LEPTON_OK;
}

/// A list of tensors as the caller of a model gives it.
struct ListTensor {
  std::vector<lepton_tensor> elements;
  int64_t length;
  lepton_tensor view;

  ListTensor(uint32_t dtype, std::vector<lepton_tensor> values) : elements(std::move(values)), length(elements.size()) {
    view = {elements.data(), &length, dtype, 1, elements.size() * sizeof(lepton_tensor)};
  }
  ListTensor(const ListTensor &) = delete;
};

static lepton_tensor tensor(std::vector<float> &values, const int64_t *shape, uint32_t rank) {
  return {values.data(), shape, LEPTON_FLOAT, rank, values.size() * sizeof(float)};
}

static FakeModel &sequences(const lepton_value_info &element) {
  static std::deque<FakeModel> models;
  FakeModel &model = models.emplace_back(copyHandle);
  model.input("s", LEPTON_SEQUENCE, {}).inputOf(element).output("t", LEPTON_SEQUENCE, {}).outputOf(element);
  return model;
}

TEST(aSequenceComesBackInOneBlock) {
  std::vector<float> one = {1, 2, 3}, two = {4}, none;
  const int64_t three[] = {3}, square[] = {1, 1}, empty[] = {0, 7};
  ListTensor list(LEPTON_SEQUENCE, {tensor(one, three, 1), tensor(two, square, 2), tensor(none, empty, 2)});
  Session session(sequences(anyFloats));
  std::vector<lepton_tensor> outputs(1, lepton_tensor{});
  CHECK_EQ(session.run({list.view}, outputs), LEPTON_OK);
  CHECK_EQ(outputs[0].dtype, uint32_t(LEPTON_SEQUENCE));
  CHECK_EQ(outputs[0].rank, 1u);
  CHECK_EQ(outputs[0].shape[0], 3);
  const auto *elements = static_cast<const lepton_tensor *>(outputs[0].data);
  CHECK_EQ(elements[0].shape[0], 3);
  CHECK_EQ(static_cast<const float *>(elements[0].data)[2], 3.0f);
  CHECK_EQ(elements[1].rank, 2u);
  CHECK_EQ(static_cast<const float *>(elements[1].data)[0], 4.0f);
  CHECK_EQ(elements[2].shape[1], 7);
  CHECK_EQ(elements[2].bytes, 0u);
  CHECK(elements[0].data != one.data());
  lepton_tensor_release(&outputs[0]);
  CHECK(!outputs[0].data);
}

TEST(mapsOfOtherThanKeysAndAsManyValuesAreRefused) {
  FakeModel model(copyHandle);
  model.input("m", LEPTON_MAP, {}).inputOf(*wordsToFloats).output("t", LEPTON_MAP, {}).outputOf(*wordsToFloats);
  Session session(model);
  std::vector<float> two = {1, 2}, three = {1, 2, 3};
  const int64_t ofTwo[] = {2}, ofThree[] = {3};
  Tensor keys(LEPTON_STRING, {2}, std::vector<const char *>{"b", "a"});
  ListTensor whole(LEPTON_MAP, {keys.view, tensor(two, ofTwo, 1)}),
      more(LEPTON_MAP, {keys.view, tensor(three, ofThree, 1)});
  ListTensor half(LEPTON_MAP, {keys.view}), swapped(LEPTON_MAP, {tensor(two, ofTwo, 1), keys.view});
  std::vector<lepton_tensor> outputs(1, lepton_tensor{});
  CHECK_EQ(session.run({whole.view}, outputs), LEPTON_OK);
  const auto *parts = static_cast<const lepton_tensor *>(outputs[0].data);
  CHECK_EQ(std::string(static_cast<const char *const *>(parts[0].data)[1]), "a");
  CHECK_EQ(static_cast<const float *>(parts[1].data)[1], 2.0f);
  lepton_tensor_release(&outputs[0]);
  CHECK_EQ(session.messageOf(LEPTON_INVALID_ARGUMENT, {more.view}, {unallocated()}),
           "input 'm' is a map of 2 keys and 3 values; give each key one");
  CHECK_EQ(
      session.messageOf(LEPTON_INVALID_ARGUMENT, {half.view}, {unallocated()}),
      "input 'm' is no list of 2 of lepton_tensor, a tensor of rank 1; expected map from string [?] to float32 [?]");
  CHECK_EQ(session.messageOf(LEPTON_INVALID_ARGUMENT, {swapped.view}, {unallocated()}),
           "input 'm' holds a value of type float32, expected string [?]");
}

TEST(stringsComeBackAsCopies) {
  FakeModel model(copyStrings);
  model.input("s", LEPTON_STRING, {-1}, {nullptr}).output("t", LEPTON_STRING, {-1}, {nullptr});
  Session session(model);
  std::string text = "in the caller's memory";
  Tensor strings(LEPTON_STRING, {2}, std::vector<const char *>{text.c_str(), ""});
  std::vector<lepton_tensor> outputs(1, lepton_tensor{});
  CHECK_EQ(session.run({strings}, outputs), LEPTON_OK);
  text[0] = '?';
  CHECK_EQ(std::string(static_cast<const char *const *>(outputs[0].data)[0]), "in the caller's memory");
  CHECK_EQ(std::string(static_cast<const char *const *>(outputs[0].data)[1]), "");
  CHECK_EQ(outputs[0].shape[0], 2);
  CHECK_EQ(outputs[0].dtype, uint32_t(LEPTON_STRING));
  lepton_tensor_release(&outputs[0]);
  Tensor hole(LEPTON_STRING, {2}, std::vector<const char *>{"", nullptr});
  CHECK_EQ(session.messageOf(LEPTON_INVALID_ARGUMENT, {hole}, {unallocated()}),
           "input 's' has a NULL as string 1; give an empty string");
  std::vector<const char *> place(2);
  std::vector<lepton_tensor> given = {{place.data(), nullptr, LEPTON_STRING, 1, 16}};
  CHECK_EQ(
      session.messageOf(LEPTON_INVALID_ARGUMENT, {strings}, given),
      "output 't' is of strings, a sequence, an optional or a map, which the runtime allocates; leave its data NULL");
}

TEST(optionalsNest) {
  FakeModel model(copyHandle);
  model.input("o", LEPTON_OPTIONAL, {}).inputOf(sequenceOfWords);
  model.output("p", LEPTON_OPTIONAL, {}).outputOf(sequenceOfWords);
  Session session(model);
  Tensor strings(LEPTON_STRING, {1}, std::vector<const char *>{"word"});
  ListTensor sequence(LEPTON_SEQUENCE, {strings.view, strings.view}), full(LEPTON_OPTIONAL, {sequence.view}),
      empty(LEPTON_OPTIONAL, {}), two(LEPTON_OPTIONAL, {sequence.view, sequence.view});
  std::vector<lepton_tensor> outputs(1, lepton_tensor{});
  CHECK_EQ(session.run({full.view}, outputs), LEPTON_OK);
  const auto *inner = static_cast<const lepton_tensor *>(outputs[0].data);
  const auto *last = static_cast<const lepton_tensor *>(inner->data) + 1;
  CHECK_EQ(std::string(*static_cast<const char *const *>(last->data)), "word");
  lepton_tensor_release(&outputs[0]);
  CHECK_EQ(session.run({empty.view}, outputs), LEPTON_OK);
  CHECK_EQ(outputs[0].shape[0], 0);
  lepton_tensor_release(&outputs[0]);
  CHECK_EQ(session.messageOf(LEPTON_INVALID_ARGUMENT, {two.view}, {unallocated()}),
           "input 'o' is no list of 0 or 1 of lepton_tensor, a tensor of rank 1; expected optional of sequence of "
           "string [?]");
}

TEST(refusesSequencesOfOtherContents) {
  Session session(sequences(pairs));
  std::vector<float> values = {1, 2, 3};
  const int64_t three[] = {3, 1}, one[] = {1, 2}, negative[] = {-1, 2};
  auto refused = [&](lepton_tensor element) {
    ListTensor list(LEPTON_SEQUENCE, {element});
    return session.messageOf(LEPTON_INVALID_ARGUMENT, {list.view}, {unallocated()});
  };
  CHECK_EQ(refused(tensor(values, three, 2)), "input 's' holds a tensor of shape [3,1], expected float32 [?,2]");
  CHECK_EQ(refused(tensor(values, negative, 2)), "input 's' holds a tensor of shape [-1,2], expected float32 [?,2]");
  CHECK_EQ(refused(tensor(values, nullptr, 2)), "input 's' holds a tensor of shape [], expected float32 [?,2]");
  CHECK_EQ(refused(tensor(values, one, 2)).find("input 's' holds a tensor of 12 bytes at "), 0u);
  lepton_tensor whole = tensor(values, one, 2);
  whole.dtype = LEPTON_INT32;
  CHECK_EQ(refused(whole), "input 's' holds a value of type int32, expected float32 [?,2]");
  ListTensor list(LEPTON_SEQUENCE, {});
  list.view.dtype = LEPTON_FLOAT;
  CHECK_EQ(session.messageOf(LEPTON_INVALID_ARGUMENT, {list.view}, {unallocated()}),
           "input 's' has type float32, expected sequence of float32 [?,2]");
  list.view.dtype = LEPTON_SEQUENCE;
  list.view.bytes = 1;
  CHECK_EQ(session.messageOf(LEPTON_INVALID_ARGUMENT, {list.view}, {unallocated()}),
           "input 's' is no list of lepton_tensor, a tensor of rank 1; expected sequence of float32 [?,2]");
}

int main(int argc, char **argv) { return runTests(argc, argv); }
