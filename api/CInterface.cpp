//===- CInterface.cpp - the public interface in C, on top of the one in C++ -----------------------------------------------------===//

#include "api/lepton.h"
#include "api/lepton.hpp"
#include "frontend/native/graph.hpp"

#include <algorithm>
#include <cstring>
#include <map>

using namespace lepton;

struct lepton_executable {
  std::shared_ptr<Executable> executable;
};

struct lepton_graph {
  nn::Graph graph;
  std::vector<std::string> begun; ///< bodies that have no end yet, the innermost last
  std::map<std::string, std::shared_ptr<nn::Body>> bodies;
};

/// Ends a call: notes the error, of which the beginning is kept where it is longer than there is room.
static lepton_status finish(Failure failure, const std::string &message, lepton_error *error) {
  if (error) {
    size_t size = failure == Failure::none ? 0 : std::min(message.size(), sizeof(error->message) - 1);
    memcpy(error->message, message.data(), size);
    error->message[size] = 0;
  }
  return failure == Failure::none       ? LEPTON_OK
         : failure == Failure::internal ? LEPTON_INTERNAL
                                        : LEPTON_INVALID_ARGUMENT;
}

static std::string text(const char *given) { return given ? given : ""; }

/// A struct of the caller's version: what it lacks has the default.
template <typename T> static T ofCaller(const T *given, T defaults) {
  if (given)
    memcpy(&defaults, given, std::min<size_t>(given->struct_bytes, sizeof(T)));
  return defaults;
}

static CompileOptions optionsOf(const lepton_compile_options *given) {
  auto options = ofCaller<lepton_compile_options>(given, LEPTON_COMPILE_OPTIONS);
  CompileOptions result;
  result.target = text(options.target);
  result.cpu = text(options.cpu);
  result.emit = text(options.emit);
  result.weights = text(options.weights);
  result.runtime = text(options.runtime);
  result.tuningDb = text(options.tuning_db);
  result.threads = std::max(options.threads, 1u);
  result.optLevel = int(options.opt_level);
  result.maxSeconds = options.max_seconds;
  result.maxMemory = options.max_memory;
  result.deterministic = options.deterministic != 0;
  result.verifyKey = text(options.verify_key);
  result.audit = text(options.audit);
  result.weightsKey = text(options.weights_key);
  result.device = options.device;
  for (uint32_t i = 0; i < options.dim_count; ++i)
    result.dims.push_back({text(options.dims[i].name), options.dims[i].minimum, options.dims[i].maximum, {}});
  return result;
}

extern "C" const char *lepton_version(void) { return version(); }

extern "C" lepton_status lepton_compile_file(const char *model, const char *output,
                                             const lepton_compile_options *options, lepton_error *error) {
  std::string message;
  Failure failure = compileFile(text(model), text(output), optionsOf(options), message);
  return finish(failure, message, error);
}

//===--------------------------------------------------------------------------------------------------------------------------------------===//
// Executables
//===--------------------------------------------------------------------------------------------------------------------------------------===//

template <typename OpenT>
static lepton_status open(lepton_executable **executable, lepton_error *error, OpenT openModel) {
  std::string message;
  Failure failure = Failure::internal;
  auto opened = openModel(message, &failure);
  *executable = opened ? new lepton_executable{opened} : nullptr;
  return finish(opened ? Failure::none : failure, message, error);
}

extern "C" lepton_status lepton_open(const char *path, const lepton_compile_options *options,
                                     lepton_executable **executable, lepton_error *error) {
  return open(executable, error, [&](std::string &message, Failure *failure) {
    return Executable::open(text(path), optionsOf(options), message, failure);
  });
}

extern "C" lepton_status lepton_open_bytes(const void *data, size_t size, const lepton_compile_options *options,
                                           lepton_executable **executable, lepton_error *error) {
  return open(executable, error, [&](std::string &message, Failure *failure) {
    return Executable::compileBytes(data, size, optionsOf(options), message, failure);
  });
}

extern "C" const lepton_model *lepton_executable_model(const lepton_executable *executable) {
  return &executable->executable->model();
}

extern "C" lepton_status lepton_executable_run(const lepton_executable *executable, const lepton_tensor *inputs,
                                               lepton_tensor *outputs, lepton_error *error) {
  lepton_error unwanted;
  return executable->executable->run(inputs, outputs, error ? *error : unwanted);
}

extern "C" void lepton_executable_release(const lepton_executable *executable, lepton_tensor *tensor) {
  executable->executable->release(*tensor);
}

extern "C" void lepton_executable_destroy(lepton_executable *executable) { delete executable; }

//===--------------------------------------------------------------------------------------------------------------------------------------===//
// Graphs
//===--------------------------------------------------------------------------------------------------------------------------------------===//

/// What a step of building said; the graph is as it was before it.
static lepton_status finish(lepton_graph *graph, lepton_error *error) {
  std::string message = graph->graph.takeError();
  return finish(message.empty() ? Failure::none : Failure::input, message, error);
}

static nn::Tensor tensorOf(const lepton_tensor &given) {
  std::vector<int64_t> shape(given.shape, given.shape + given.rank);
  nn::Tensor tensor(nn::Dtype(given.dtype), std::move(shape), nullptr);
  if (given.dtype == LEPTON_STRING)
    for (size_t i = 0; i < given.bytes / sizeof(const char *); ++i)
      tensor.strings.push_back(text(static_cast<const char *const *>(given.data)[i]));
  else
    tensor.bytes.assign(static_cast<const char *>(given.data), given.bytes);
  return tensor;
}

template <typename T> static std::vector<T> elementsOf(const lepton_tensor &tensor) {
  const auto *data = static_cast<const T *>(tensor.data);
  return std::vector<T>(data, data + tensor.bytes / sizeof(T));
}

/// A number or text of rank 0, a list of rank 1.
template <typename T> static nn::Attribute attributeOf(const lepton_attribute &given, const std::vector<T> &elements) {
  if (given.value.rank == 0 && elements.size() == 1)
    return {given.name, elements[0]};
  return {given.name, elements};
}

static nn::Attribute attributeOf(const lepton_attribute &given) {
  switch (given.value.dtype) {
  case LEPTON_INT64:
    return attributeOf(given, elementsOf<int64_t>(given.value));
  case LEPTON_DOUBLE:
    return attributeOf(given, elementsOf<double>(given.value));
  case LEPTON_FLOAT: {
    auto elements = elementsOf<float>(given.value);
    return attributeOf(given, std::vector<double>(elements.begin(), elements.end()));
  }
  case LEPTON_STRING:
    return attributeOf(given, tensorOf(given.value).strings);
  default:
    return {given.name, tensorOf(given.value)}; // of no attribute but a tensor, which the standard's check says
  }
}

/// Where a call of this interface stands in the caller's program is not known here.
static nn::At at(const char *name) { return nn::At(text(name), "", 0); }

extern "C" lepton_graph *lepton_graph_create(const char *name, uint32_t opset) {
  return new lepton_graph{opset ? nn::Graph(text(name), int(opset)) : nn::Graph(text(name)), {}, {}};
}

extern "C" void lepton_graph_destroy(lepton_graph *graph) { delete graph; }

static std::vector<nn::Dim> shapeOf(const lepton_value_info &input) {
  std::vector<nn::Dim> shape;
  for (uint32_t d = 0; d < input.rank; ++d)
    if (input.shape[d] >= 0)
      shape.push_back(input.shape[d]);
    else
      shape.push_back(text(input.dim_names ? input.dim_names[d] : nullptr));
  return shape;
}

extern "C" lepton_status lepton_graph_input(lepton_graph *graph, const lepton_value_info *input, lepton_error *error) {
  (void)graph->graph.input(text(input->name), nn::Dtype(input->dtype), shapeOf(*input), at(""));
  return finish(graph, error);
}

extern "C" lepton_status lepton_graph_constant(lepton_graph *graph, const char *name, const lepton_tensor *tensor,
                                               lepton_error *error) {
  (void)graph->graph.constant(tensorOf(*tensor), at(name));
  return finish(graph, error);
}

extern "C" lepton_status lepton_graph_add(lepton_graph *graph, const lepton_node *given, lepton_error *error) {
  auto node = ofCaller<lepton_node>(given, {});
  std::vector<nn::Operand> operands;
  for (uint32_t i = 0; i < node.input_count; ++i) {
    nn::Value value = node.inputs[i] ? graph->graph.value(node.inputs[i], at(node.name)) : nn::Value();
    operands.push_back(value);
  }
  std::vector<nn::Attribute> attributes;
  for (uint32_t i = 0; i < node.attribute_count; ++i)
    attributes.push_back(attributeOf(node.attributes[i]));
  for (uint32_t i = 0; i < node.body_count; ++i) {
    auto body = graph->bodies.find(text(node.bodies[i].body));
    if (body != graph->bodies.end())
      attributes.push_back({text(node.bodies[i].name), body->second});
    else
      (void)graph->graph.fail("node '" + text(node.name) + "' (" + text(node.op) + "): there is no body '" +
                                  text(node.bodies[i].body) + "' that has ended",
                              at(node.name));
  }
  (void)graph->graph.add(text(node.op), operands, attributes, int(node.output_count), at(node.name));
  return finish(graph, error);
}

extern "C" lepton_status lepton_graph_body_begin(lepton_graph *graph, const char *name, lepton_error *error) {
  if (graph->bodies.count(text(name)) || std::count(graph->begun.begin(), graph->begun.end(), text(name)))
    (void)graph->graph.fail("body '" + text(name) + "': the name is taken; names must be unique", at(name));
  graph->graph.beginBody(at(name));
  lepton_status status = finish(graph, error);
  if (status == LEPTON_OK)
    graph->begun.push_back(text(name));
  return status;
}

extern "C" lepton_status lepton_graph_body_input(lepton_graph *graph, const lepton_value_info *input,
                                                 lepton_error *error) {
  (void)graph->graph.bodyInput(text(input->name), nn::Dtype(input->dtype), shapeOf(*input), at(""));
  return finish(graph, error);
}

extern "C" lepton_status lepton_graph_body_end(lepton_graph *graph, const char *const *results, uint32_t count,
                                               lepton_error *error) {
  std::vector<nn::Value> values;
  for (uint32_t i = 0; i < count; ++i)
    values.push_back(graph->graph.value(text(results[i]), at("")));
  auto body = graph->graph.endBody(values, at(""));
  lepton_status status = finish(graph, error);
  if (status == LEPTON_OK) {
    graph->bodies[graph->begun.back()] = body;
    graph->begun.pop_back();
  }
  return status;
}

extern "C" lepton_status lepton_graph_output(lepton_graph *graph, const char *name, const char *value,
                                             lepton_error *error) {
  graph->graph.output(text(name), graph->graph.value(text(value), at(name)), at(name));
  return finish(graph, error);
}

extern "C" lepton_status lepton_graph_write(lepton_graph *graph, const char *output,
                                            const lepton_compile_options *options, lepton_error *error) {
  std::string message;
  Failure failure = compileFile(graph->graph, text(output), optionsOf(options), message);
  (void)graph->graph.takeError();
  return finish(failure, message, error);
}

extern "C" lepton_status lepton_graph_open(lepton_graph *graph, const lepton_compile_options *options,
                                           lepton_executable **executable, lepton_error *error) {
  lepton_status status = open(executable, error, [&](std::string &message, Failure *failure) {
    return Executable::compile(graph->graph, optionsOf(options), message, failure);
  });
  (void)graph->graph.takeError();
  return status;
}
