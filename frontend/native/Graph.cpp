//===- Graph.cpp - the public face of a graph ---------------------------------------------------------------------------===//

#include "frontend/native/State.h"
#include "frontend/onnx/TensorData.h"
#include "frontend/onnx/TensorFile.h"
#include "runtime/program/npy.h"

#include <cstdlib>

using namespace lepton;
using namespace lepton::nn;

Tensor::Tensor(Dtype dtype, std::vector<int64_t> sizes, const void *data)
    : dtype(dtype.number), shape(std::move(sizes)) {
  size_t count = 1;
  for (int64_t size : shape)
    count *= size_t(size);
  if (data)
    bytes.assign(static_cast<const char *>(data), count * importer::bytesInMemory(int32_t(this->dtype)));
}

Tensor::Tensor(std::vector<int64_t> shape, const std::vector<float> &elements) : shape(std::move(shape)) {
  bytes.assign(reinterpret_cast<const char *>(elements.data()), elements.size() * sizeof(float));
}

Tensor Tensor::integers(const std::vector<int64_t> &elements) {
  Tensor tensor;
  tensor.dtype = LEPTON_INT64;
  tensor.shape = {int64_t(elements.size())};
  tensor.bytes.assign(reinterpret_cast<const char *>(elements.data()), elements.size() * sizeof(int64_t));
  return tensor;
}

uint32_t Value::dtype() const { return *this ? uint32_t(state->type(*this).tensor_type().elem_type()) : 0; }

std::vector<Dim> Value::shape() const {
  std::vector<Dim> shape;
  if (*this)
    for (const auto &dim : state->type(*this).tensor_type().shape().dim())
      shape.push_back(dim.has_dim_value() ? Dim(dim.dim_value()) : Dim(dim.dim_param()));
  return shape;
}

int64_t Value::rank() const { return int64_t(shape().size()); }

Graph::Graph(std::string name, int opset) : state(std::make_shared<State>(std::move(name), opset)) {}

Value Graph::input(const std::string &name, Dtype dtype, const std::vector<Dim> &shape, At at) {
  return state->input(name, dtype, shape, at);
}

Value Graph::constant(Tensor tensor, At name) { return state->constant(tensor, name.name, name); }

Value Graph::value(const std::string &name, At at) { return state->find(name, at); }

/// Reads a file into a tensor; returns what is wrong, or nothing.
static std::string read(const std::string &path, Tensor &tensor) {
  if (path.size() > 3 && path.compare(path.size() - 3, 3, ".pb") == 0) {
    std::string error;
    TensorFile file;
    if (!readTensorFile(path, LEPTON_FLOAT, file, error))
      return error;
    tensor.dtype = uint32_t(file.dataType);
    tensor.shape = std::move(file.shape);
    tensor.bytes = std::move(file.bytes);
    tensor.strings = std::move(file.strings);
    return "";
  }
  lepton_tensor found;
  const char *problem = rt::readNpy(path.c_str(), /*expected=*/0, found);
  if (!problem)
    tensor = Tensor(Dtype(found.dtype), std::vector<int64_t>(found.shape, found.shape + found.rank), found.data);
  free(found.data);
  free(const_cast<int64_t *>(found.shape));
  return problem ? problem : "";
}

Value Graph::load(const std::string &file, At name) {
  Tensor tensor;
  std::string problem = read(file, tensor);
  return problem.empty() ? constant(std::move(tensor), name) : state->fail(name, file + ": " + problem);
}

std::vector<Value> Graph::add(const std::string &op, const std::vector<Operand> &operands,
                              const std::vector<Attribute> &attributes, int outputs, At name) {
  return state->add(op, operands, attributes, outputs, name);
}

void Graph::output(const std::string &name, const Value &value, At at) { state->output(name, value, at); }

std::shared_ptr<Body> Graph::body(const std::vector<Argument> &arguments,
                                  const std::function<std::vector<Value>(const std::vector<Value> &)> &build, At at) {
  return state->body(arguments, build, at);
}

void Graph::beginBody(At name) { state->beginBody(name); }

Value Graph::bodyInput(const std::string &name, Dtype dtype, const std::vector<Dim> &shape, At at) {
  return state->bodyInput(name, dtype, shape, at);
}

std::shared_ptr<Body> Graph::endBody(const std::vector<Value> &results, At at) { return state->endBody(results, at); }

Value Graph::fail(const std::string &message, At at) { return state->fail(at, message); }

const std::string &Graph::error() const { return state->error; }

std::string Graph::takeError() {
  std::string taken;
  taken.swap(state->error);
  return taken;
}

const std::string &Graph::name() const { return state->model.graph().name(); }

std::string Graph::onnx() {
  if (state->error.empty() && !state->openBody().empty())
    state->error = "graph '" + name() + "': the body '" + state->openBody() + "' has not ended";
  if (state->error.empty() && state->model.graph().output_size() == 0)
    state->error = "graph '" + name() + "': has no outputs; name them with output()";
  std::string bytes;
  if (state->error.empty() && !state->model.SerializeToString(&bytes))
    state->error = "graph '" + name() + "': is larger than the 2 GB that ONNX's format holds";
  return bytes;
}
