//===- FakeModel.h - Models and callers of the runtime, written by hand -----===//
#ifndef LEPTON_TEST_RUNTIME_FAKEMODEL_H
#define LEPTON_TEST_RUNTIME_FAKEMODEL_H

#include "Check.h"
#include "runtime/core/lepton_abi.h"
#include <cstring>
#include <deque>
#include <vector>

/// Declares inputs and outputs as a compiled model does. Dimensions: a size, or -1 and a name.
class FakeModel {
public:
  explicit FakeModel(lepton_entry_function entry) {
    model.abi_version = LEPTON_ABI_VERSION;
    model.struct_bytes = sizeof(lepton_model);
    model.name = "fake";
    model.target = "any";
    model.features = "";
    model.default_threads = 1;
    model.entry = entry;
  }
  FakeModel(const FakeModel &) = delete;

  FakeModel &input(const char *name, uint32_t dtype, std::vector<int64_t> shape, std::vector<const char *> dims = {}) {
    add(inputs, name, dtype, std::move(shape), std::move(dims));
    return *this;
  }
  FakeModel &output(const char *name, uint32_t dtype, std::vector<int64_t> shape, std::vector<const char *> dims = {}) {
    add(outputs, name, dtype, std::move(shape), std::move(dims));
    return *this;
  }
  /// Says that the last input or output is a sequence or an optional of `element`, or a map of the two there.
  FakeModel &inputOf(const lepton_value_info &element) {
    inputs.back().element = &element;
    return *this;
  }
  FakeModel &outputOf(const lepton_value_info &element) {
    outputs.back().element = &element;
    return *this;
  }
  const lepton_model *get() {
    model.inputs = inputs.data();
    model.outputs = outputs.data();
    model.input_count = uint32_t(inputs.size());
    model.output_count = uint32_t(outputs.size());
    return &model;
  }

  lepton_model model = {};

private:
  void add(std::vector<lepton_value_info> &values, const char *name, uint32_t dtype, std::vector<int64_t> shape,
           std::vector<const char *> dims) {
    dims.resize(shape.size(), nullptr);
    shapes.push_back(std::move(shape));
    names.push_back(std::move(dims));
    values.push_back({name, shapes.back().data(), names.back().data(), dtype, uint32_t(shapes.back().size()), nullptr});
  }

  std::vector<lepton_value_info> inputs, outputs;
  std::deque<std::vector<int64_t>> shapes;
  std::deque<std::vector<const char *>> names;
};

/// A session that is expected to be made.
class Session {
public:
  explicit Session(const lepton_model *model, uint32_t threads = 1)
      : Session(model, {sizeof(lepton_options), threads, nullptr, nullptr, nullptr, nullptr, 0}) {}
  Session(const lepton_model *model, const lepton_options &options) {
    CHECK_EQ(lepton_session_create(model, &options, &session, &error), LEPTON_OK);
  }
  explicit Session(FakeModel &model, uint32_t threads = 1) : Session(model.get(), threads) {}
  ~Session() { lepton_session_destroy(session); }
  Session(const Session &) = delete;

  lepton_status run(const std::vector<lepton_tensor> &inputs, std::vector<lepton_tensor> &outputs) {
    return lepton_session_run(session, inputs.data(), outputs.data(), &error);
  }
  /// Of a run that is expected to fail.
  std::string messageOf(lepton_status status, const std::vector<lepton_tensor> &inputs,
                        std::vector<lepton_tensor> outputs) {
    CHECK_EQ(run(inputs, outputs), status);
    return error.message;
  }

  lepton_session *session = nullptr;
  lepton_error error;
};

/// A tensor that owns its memory and shape.
struct Tensor {
  template <typename T>
  Tensor(uint32_t dtype, std::vector<int64_t> dims, std::vector<T> values) : dims(std::move(dims)) {
    bytes.resize(values.size() * sizeof(T));
    if (!bytes.empty())
      memcpy(bytes.data(), values.data(), bytes.size());
    view = {bytes.data(), this->dims.data(), dtype, uint32_t(this->dims.size()), bytes.size()};
  }
  Tensor(const Tensor &) = delete;
  operator lepton_tensor &() { return view; }

  std::vector<int64_t> dims;
  std::vector<char> bytes;
  lepton_tensor view;
};

/// An output that the runtime is to allocate.
inline lepton_tensor unallocated() { return {nullptr, nullptr, 0, 0, 0}; }

#endif // LEPTON_TEST_RUNTIME_FAKEMODEL_H
