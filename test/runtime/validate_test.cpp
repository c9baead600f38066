//===- validate_test.cpp - What is refused, and in which words --------------===//
#include "FakeModel.h"

static int32_t nothing(lepton_context *) { return LEPTON_OK; }

static FakeModel &model() {
  static FakeModel model(nothing);
  if (!model.get()->input_count)
    model.input("a", LEPTON_FLOAT, {-1, 4}, {"H"})
        .input("x", LEPTON_FLOAT, {1, 3, -1, -1}, {nullptr, nullptr, "H", nullptr});
  return model;
}

struct Inputs {
  Session session{model()};
  Tensor a{LEPTON_FLOAT, {2, 4}, std::vector<float>(8)};
  Tensor x{LEPTON_FLOAT, {1, 3, 2, 1}, std::vector<float>(6)};

  std::string refused() { return session.messageOf(LEPTON_INVALID_ARGUMENT, {a, x}, {}); }
};

TEST(takesWhatFits) {
  Inputs inputs;
  std::vector<lepton_tensor> none;
  CHECK_EQ(inputs.session.run({inputs.a, inputs.x}, none), LEPTON_OK);
}

TEST(refusesOtherTypes) {
  Inputs inputs;
  inputs.a.view.dtype = LEPTON_INT64;
  CHECK_EQ(inputs.refused(), "input 'a' has type int64, expected float32 [H,4]; convert it to float32");
  inputs.a.view.dtype = 99;
  CHECK_EQ(inputs.refused(), "input 'a' has type unknown, expected float32 [H,4]; convert it to float32");
}

TEST(refusesOtherShapes) {
  Inputs inputs;
  inputs.x.view.rank = 2;
  CHECK_EQ(inputs.refused(), "input 'x' has shape [1,3], expected float32 [1,3,H,?]; reshape it to rank 4");
  inputs.x.view.rank = 4;
  inputs.x.dims[1] = 5;
  CHECK_EQ(inputs.refused(), "input 'x' has shape [1,5,2,1], expected float32 [1,3,H,?]; give it that shape");
  inputs.x.dims[1] = 3;
  inputs.x.dims[3] = -1;
  CHECK_EQ(inputs.refused(), "input 'x' has shape [1,3,2,-1], expected float32 [1,3,H,?]; give it that shape");
  inputs.x.view.shape = nullptr;
  CHECK_EQ(inputs.refused(), "input 'x' has rank 4 but no shape (NULL), expected float32 [1,3,H,?]");
}

TEST(refusesUnequalSizesOfOneName) {
  Inputs inputs;
  inputs.x.dims[2] = 7;
  CHECK_EQ(inputs.refused(),
           "input 'x' has shape [1,3,7,1], expected float32 [1,3,H,?] with H=2 as in input 'a'; give both the "
           "same size");
}

TEST(refusesSizesOutOfBounds) {
  Inputs inputs;
  static const lepton_dim_bounds bounds[] = {{"W", 5, 6}, {"H", 1, 2}};
  model().model.dim_bounds = bounds;
  model().model.dim_bound_count = 2;
  std::vector<lepton_tensor> none;
  CHECK_EQ(inputs.session.run({inputs.a, inputs.x}, none), LEPTON_OK);
  inputs.x.dims[2] = 3;
  CHECK_EQ(inputs.refused(), "input 'x' has shape [1,3,3,1], expected float32 [1,3,H,?] with H from 1 to 2; give it "
                             "such a shape, or compile the model for other bounds");
  model().model.dim_bound_count = 0;
}

TEST(refusesWrongMemory) {
  Inputs inputs;
  inputs.a.view.bytes = 31;
  CHECK_EQ(inputs.refused(), "input 'a' has 31 bytes, but float32 [2,4] takes 32; give all elements, densely packed");
  inputs.a.view.bytes = 32;
  inputs.a.view.data = nullptr;
  CHECK_EQ(inputs.refused(), "input 'a' has no data (NULL), expected 32 bytes of float32 [H,4]");
  inputs.a.view.data = inputs.a.bytes.data() + 1;
  CHECK_EQ(inputs.refused().find("input 'a' begins in the middle of a float32 at address"), 0u);
}

TEST(refusesSizesBeyondMemory) {
  Inputs inputs;
  inputs.x.dims[3] = INT64_MAX / 16;
  CHECK_EQ(inputs.refused(),
           "input 'x' has shape [1,3,2,576460752303423487], which no memory can hold; give it a smaller shape");
  // Nothing overflows in an empty tensor.
  inputs.x.dims[2] = inputs.a.dims[0] = 0;
  inputs.x.view.bytes = inputs.a.view.bytes = 0;
  std::vector<lepton_tensor> none;
  CHECK_EQ(inputs.session.run({inputs.a, inputs.x}, none), LEPTON_OK);
}

TEST(refusesMissingArrays) {
  Session session(model());
  CHECK_EQ(lepton_session_run(session.session, nullptr, nullptr, &session.error), LEPTON_INVALID_ARGUMENT);
  CHECK_EQ(std::string(session.error.message), "the array of inputs is NULL, expected 2 tensors");
  CHECK_EQ(lepton_session_run(nullptr, nullptr, nullptr, &session.error), LEPTON_INVALID_ARGUMENT);
  CHECK_EQ(std::string(session.error.message), "the session is NULL");
  FakeModel withOutput(nothing);
  withOutput.output("y", LEPTON_FLOAT, {1});
  Session other(withOutput);
  CHECK_EQ(lepton_session_run(other.session, nullptr, nullptr, &other.error), LEPTON_INVALID_ARGUMENT);
  CHECK_EQ(std::string(other.error.message), "the array of outputs is NULL, expected 1 tensors");
}

TEST(countsAByteForNarrowTypes) {
  FakeModel narrow(nothing);
  narrow.input("q", LEPTON_INT4, {3}).input("r", LEPTON_FLOAT6E3M2, {5}).input("s", LEPTON_COMPLEX128, {});
  Session session(narrow);
  Tensor q(LEPTON_INT4, {3}, std::vector<char>(3)), r(LEPTON_FLOAT6E3M2, {5}, std::vector<char>(5));
  Tensor s(LEPTON_COMPLEX128, {}, std::vector<double>(2));
  std::vector<lepton_tensor> none;
  s.view.shape = nullptr;
  CHECK_EQ(session.run({q, r, s}, none), LEPTON_OK);
  q.view.bytes = 2;
  CHECK_EQ(session.messageOf(LEPTON_INVALID_ARGUMENT, {q, r, s}, {}),
           "input 'q' has 2 bytes, but int4 [3] takes 3; give all elements, densely packed");
}

static std::string creationError(const lepton_model *model, lepton_status status,
                                 const lepton_options *options = nullptr) {
  lepton_session *session = nullptr;
  lepton_error error;
  CHECK_EQ(lepton_session_create(model, options, &session, &error), status);
  CHECK(!session);
  return error.message;
}

TEST(refusesOtherVersions) {
  FakeModel other(nothing);
  other.model.abi_version = 1;
  CHECK_EQ(creationError(other.get(), LEPTON_INCOMPATIBLE),
           "the model was compiled for version 1 of the interface (" + std::to_string(sizeof(lepton_model)) +
               " bytes), but this runtime has version 2 (" + std::to_string(sizeof(lepton_model)) +
               " bytes); compile it again");
  other.model.abi_version = 2;
  other.model.struct_bytes = 8;
  CHECK_EQ(creationError(other.get(), LEPTON_INCOMPATIBLE).find("the model was compiled for version 2"), 0u);
  other.model.struct_bytes = sizeof(lepton_model);
  lepton_options old = {4, 1, nullptr, nullptr, nullptr, nullptr, 0};
  CHECK_EQ(creationError(other.get(), LEPTON_INVALID_ARGUMENT, &old),
           "the options have 4 bytes, expected at least 8; set struct_bytes to sizeof(lepton_options)");
  CHECK_EQ(creationError(nullptr, LEPTON_INVALID_ARGUMENT), "the model is NULL");
}

TEST(refusesOtherCpusAndTypes) {
  FakeModel other(nothing);
#if defined(__x86_64__)
  other.model.features = "sse4_2,,popcnt,cmov";
#else
  other.model.features = "asimd,fp";
#endif
  {
    Session session(other);
  }
  other.model.features = "quantum,avx";
  other.model.target = "x86-64-v9";
  CHECK_EQ(
      creationError(other.get(), LEPTON_INCOMPATIBLE),
      "model 'fake' was compiled for x86-64-v9, but this CPU has no 'quantum'; compile it for an older CPU (--cpu)");
  FakeModel unknown(nothing);
  unknown.input("s", 99, {1});
  CHECK_EQ(creationError(unknown.get(), LEPTON_INCOMPATIBLE),
           "input 's' of model 'fake' is a tensor of type unknown, which this runtime does not know; use a newer one");
}

int main(int argc, char **argv) { return runTests(argc, argv); }
