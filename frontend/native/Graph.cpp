//===- Graph.cpp - the public face of a graph ---------------------------------------------------------------------------===//

#include "frontend/native/ImportGraph.h"
#include "frontend/native/State.h"
#include "frontend/onnx/TensorData.h"
#include "frontend/onnx/TensorFile.h"
#include "runtime/program/npy.h"

#include "llvm/Support/Alignment.h"

#include <cstdlib>
#include <limits>

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

Value Graph::constant(Tensor tensor, At name) { return state->constant(std::move(tensor), name.name, name); }

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

bool Graph::isWhole() {
  if (state->error.empty() && !state->openBody().empty())
    state->error = "graph '" + name() + "': the body '" + state->openBody() + "' has not ended";
  if (state->error.empty() && state->model.graph().output_size() == 0)
    state->error = "graph '" + name() + "': has no outputs; name them with output()";
  return state->error.empty();
}

bool Graph::isLarge() const { return state->model.ByteSizeLong() > size_t(std::numeric_limits<int32_t>::max()); }

std::string Graph::onnx() {
  if (isWhole() && isLarge())
    state->error = "graph '" + name() + "': is larger than the 2 GB that ONNX's format holds in one piece; save it " +
                   "to a file, beside which another one then has the constants";
  return state->error.empty() ? state->model.SerializeAsString() : "";
}

/// Constants from this size on lie in the file of constants, each where a page begins, so that it can be mapped: as ONNX's own package writes them.
static constexpr size_t largestInModel = 1024, pageBytes = 4096;

std::string Graph::onnx(const std::string &location, const std::function<void(const char *, size_t)> &write) {
  if (!isWhole())
    return "";
  std::vector<std::pair<::onnx::TensorProto *, std::string *>> apart;
  size_t end = 0;
  for (::onnx::TensorProto &tensor : *state->model.mutable_graph()->mutable_initializer()) {
    const size_t size = tensor.raw_data().size();
    if (size < largestInModel)
      continue;
    const std::string padding(llvm::offsetToAlignment(end, llvm::Align(pageBytes)), 0);
    write(padding.data(), padding.size());
    write(tensor.raw_data().data(), size);
    auto say = [&tensor = tensor](const char *key, const std::string &value) {
      auto *entry = tensor.add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    };
    say("location", location);
    say("offset", std::to_string(end + padding.size()));
    say("length", std::to_string(size));
    tensor.set_data_location(::onnx::TensorProto::EXTERNAL);
    apart.emplace_back(&tensor, tensor.release_raw_data());
    end += padding.size() + size;
  }
  std::string bytes = state->model.SerializeAsString();
  for (auto [tensor, content] : apart) {
    tensor->set_allocated_raw_data(content);
    tensor->clear_external_data();
    tensor->clear_data_location();
  }
  return bytes;
}

mlir::OwningOpRef<mlir::ModuleOp> lepton::importGraph(const Graph &graph, mlir::MLIRContext &context,
                                                      const ImportOptions &options) {
  ImportOptions inPlace = options;
  inPlace.modelStays = true;
  return importOnnxModel(graph.content()->model, context, inPlace);
}
