//===- module.cpp - the Python module _lepton ----------------------------------------------------------------------------------===//
//
// Moves addresses, shapes and ONNX type numbers between Python and api/lepton.hpp; what users see is written in Python on top of it.
//
//===----------------------------------------------------------------------------------------------------------------------------===//

#include "python/module.h"
#include "frontend/native/graph.hpp"
#include "python/arrays.h"
#include "tools/lepton/Commands.h"

#include <nanobind/stl/map.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <deque>

namespace nb = nanobind;
using namespace lepton;
using namespace lepton::python;

[[noreturn]] void raise(Failure failure, const std::string &error) {
  const char *name = failure == Failure::internal ? "RuntimeError" : "ValueError";
  nb::object type = nb::module_::import_("builtins").attr(name);
  PyErr_SetString(type.ptr(), error.c_str());
  throw nb::python_error();
}

namespace {

/// (name, minimum, maximum, versions)
using Dims = std::vector<std::tuple<std::string, int64_t, int64_t, std::vector<int64_t>>>;

/// (target, cpu, threads, optLevel, dims, tuningDb, maxSeconds, maxMemory, verifyKey, audit, deterministic, weightsKey, device)
using Choices = std::tuple<std::string, std::string, uint32_t, int, Dims, std::string, double, uint64_t, std::string,
                           std::string, bool, std::string, uint32_t>;

CompileOptions optionsOf(const Choices &choices) {
  const auto &[target, cpu, threads, optLevel, dims, tuningDb, maxSeconds, maxMemory, verifyKey, audit, deterministic,
               weightsKey, device] = choices;
  CompileOptions result;
  result.target = target;
  result.cpu = cpu;
  result.threads = threads ? threads : 1;
  result.optLevel = optLevel;
  result.tuningDb = tuningDb;
  result.maxSeconds = maxSeconds;
  result.maxMemory = maxMemory;
  result.deterministic = deterministic;
  result.verifyKey = verifyKey;
  result.audit = audit;
  result.weightsKey = weightsKey;
  result.device = device;
  for (const auto &[name, minimum, maximum, versions] : dims)
    result.dims.push_back({name, minimum, maximum, versions});
  return result;
}

/// Raises what goes wrong; other Python threads run in the meantime.
template <typename OpenT> std::shared_ptr<Executable> opened(OpenT open) {
  std::string error;
  Failure failure = Failure::none;
  std::shared_ptr<Executable> executable;
  {
    nb::gil_scoped_release release;
    executable = open(error, &failure);
  }
  if (!executable)
    raise(failure, error);
  return executable;
}

std::shared_ptr<Executable> open(const std::string &path, const Choices &choices) {
  return opened(
      [&](std::string &error, Failure *failure) { return Executable::open(path, optionsOf(choices), error, failure); });
}

std::shared_ptr<Executable> openBytes(nb::bytes model, const Choices &choices) {
  return opened([&, data = model.c_str(), size = model.size()](std::string &error, Failure *failure) {
    return Executable::compileBytes(data, size, optionsOf(choices), error, failure);
  });
}

std::shared_ptr<Executable> openGraph(nn::Graph &graph, const Choices &choices) {
  return opened([&](std::string &error, Failure *failure) {
    auto executable = Executable::compile(graph, optionsOf(choices), error, failure);
    (void)graph.takeError();
    return executable;
  });
}

template <typename ModelT>
void compile(ModelT &model, const std::string &output, const std::string &emit, const std::string &weights,
             const std::string &runtime, const Choices &choices) {
  std::string error;
  Failure failure;
  {
    nb::gil_scoped_release release;
    CompileOptions wanted = optionsOf(choices);
    wanted.emit = emit;
    wanted.weights = weights;
    wanted.runtime = runtime;
    failure = compileFile(model, output, wanted, error);
  }
  if (failure != Failure::none)
    raise(failure, error);
}

/// (name, dtype, [size or name or None], what a sequence or optional holds, or None); None for the sizes of tensors of any rank.
nb::tuple describe(const lepton_value_info &value) {
  nb::object element = nb::none();
  if (value.dtype == LEPTON_MAP)
    element = nb::make_tuple(describe(value.element[0]), describe(value.element[1]));
  else if (value.element)
    element = describe(*value.element);
  if (value.rank == LEPTON_ANY_RANK)
    return nb::make_tuple(value.name, value.dtype, nb::none(), element);
  nb::list shape;
  for (uint32_t d = 0; d < value.rank; ++d) {
    const char *name = value.dim_names ? value.dim_names[d] : nullptr;
    if (value.shape[d] >= 0)
      shape.append(value.shape[d]);
    else if (name)
      shape.append(name);
    else
      shape.append(nb::none());
  }
  return nb::make_tuple(value.name, value.dtype, shape, element);
}

nb::list describe(const lepton_value_info *values, uint32_t count) {
  nb::list result;
  for (uint32_t i = 0; i < count; ++i)
    result.append(describe(values[i]));
  return result;
}

/// What the tensors of inputs refer to. Elements of a deque stay where they are.
struct Storage {
  std::deque<std::vector<int64_t>> shapes;
  std::deque<std::vector<const char *>> strings;
  std::deque<std::vector<lepton_tensor>> lists;
};

/// From (array, dtype) of an array of numbers that NumPy knows, (address, shape, dtype, bytes) of any other, ([bytes], shape, dtype) of strings, or
/// ([value], dtype) of a sequence, an optional or a map.
lepton_tensor toTensor(const nb::tuple &value, Storage &storage) {
  if (nb::len(value) == 2 && !nb::isinstance<nb::list>(value[0]))
    return viewArray(value[0], nb::cast<uint32_t>(value[1]));
  if (nb::len(value) == 4) {
    const auto &shape = storage.shapes.emplace_back(nb::cast<std::vector<int64_t>>(value[1]));
    return {reinterpret_cast<void *>(nb::cast<uintptr_t>(value[0])), shape.data(), nb::cast<uint32_t>(value[2]),
            uint32_t(shape.size()), nb::cast<uint64_t>(value[3])};
  }
  if (nb::len(value) == 3) {
    auto &strings = storage.strings.emplace_back();
    for (nb::handle text : nb::cast<nb::list>(value[0]))
      strings.push_back(nb::cast<nb::bytes>(text).c_str());
    const auto &shape = storage.shapes.emplace_back(nb::cast<std::vector<int64_t>>(value[1]));
    return {strings.data(), shape.data(), nb::cast<uint32_t>(value[2]), uint32_t(shape.size()),
            strings.size() * sizeof(const char *)};
  }
  auto &list = storage.lists.emplace_back();
  for (nb::handle element : nb::cast<nb::list>(value[0]))
    list.push_back(toTensor(nb::cast<nb::tuple>(element), storage));
  const auto &shape = storage.shapes.emplace_back(1, int64_t(list.size()));
  return {list.data(), shape.data(), nb::cast<uint32_t>(value[1]), 1, list.size() * sizeof(lepton_tensor)};
}

/// The way back: an array, whose memory `owner` holds; of a type that NumPy lacks, (bytes, shape, dtype).
nb::object fromTensor(const lepton_tensor &tensor, const nb::capsule &owner) {
  if (tensor.dtype == LEPTON_SEQUENCE || tensor.dtype == LEPTON_OPTIONAL || tensor.dtype == LEPTON_MAP) {
    nb::list list;
    for (int64_t i = 0; i < tensor.shape[0]; ++i)
      list.append(fromTensor(static_cast<const lepton_tensor *>(tensor.data)[i], owner));
    return nb::make_tuple(list, nb::none(), tensor.dtype);
  }
  if (hasArrays(tensor.dtype))
    return makeArray(tensor, owner);
  nb::list shape;
  for (uint32_t d = 0; d < tensor.rank; ++d)
    shape.append(tensor.shape[d]);
  if (tensor.dtype != LEPTON_STRING)
    return nb::make_tuple(makeBytes(tensor, owner), shape, tensor.dtype);
  nb::list strings;
  for (size_t i = 0; i < tensor.bytes / sizeof(const char *); ++i)
    strings.append(nb::bytes(static_cast<const char *const *>(tensor.data)[i]));
  return nb::make_tuple(strings, shape, tensor.dtype);
}

/// One run; the outputs' memory goes back to the runtime with the last array that refers to it. `self` is the executable. An output that has memory already
/// is written there, and None in the list.
nb::list run(nb::handle self, const Executable &executable, const std::vector<lepton_tensor> &inputs,
             const std::vector<lepton_tensor> &memory = {}) {
  std::vector<lepton_tensor> outputs = memory;
  outputs.resize(executable.model().output_count);
  std::string error;
  bool done;
  {
    nb::gil_scoped_release release;
    done = executable.run(inputs.data(), outputs.data(), error);
  }
  if (!done)
    raise(Failure::input, error);
  struct Owner {
    const Executable &executable;
    nb::object keptAlive;
    lepton_tensor tensor;
  };
  nb::list result;
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (i < memory.size() && memory[i].data) {
      result.append(nb::none());
      continue;
    }
    const lepton_tensor &output = outputs[i];
    auto *owner = new Owner{executable, nb::borrow(self), output};
    nb::capsule capsule(owner, [](void *pointer) noexcept {
      auto *owner = static_cast<Owner *>(pointer);
      owner->executable.release(owner->tensor);
      delete owner;
    });
    result.append(fromTensor(output, capsule));
  }
  return result;
}

/// Runs on the values of all inputs, in order, each as toTensor takes it. memory: (address, shape, dtype, bytes) of each output's own, None for others.
nb::list runValues(nb::handle self, const nb::list &values, const nb::list &memory) {
  const auto &executable = nb::cast<const Executable &>(self);
  const uint32_t count = executable.model().input_count;
  if (nb::len(values) != count)
    raise(Failure::input,
          "the model takes " + std::to_string(count) + " inputs, got " + std::to_string(nb::len(values)));
  std::vector<lepton_tensor> tensors;
  Storage storage;
  for (nb::handle value : values)
    tensors.push_back(toTensor(nb::cast<nb::tuple>(value), storage));
  std::vector<lepton_tensor> outputs;
  for (nb::handle given : memory)
    outputs.push_back(given.is_none() ? lepton_tensor{} : toTensor(nb::cast<nb::tuple>(given), storage));
  return run(self, executable, tensors, outputs);
}

/// Runs on {name: array} where each value is an array that can be read as it lies and each output becomes one; None, and no run, otherwise.
/// Nearly every call is of this kind, and a small model's run is shorter than looking at its values in Python.
nb::object runArrays(nb::handle self, const nb::tuple &names, const nb::dict &feed) {
  const auto &executable = nb::cast<const Executable &>(self);
  const lepton_model &model = executable.model();
  if (nb::len(feed) != model.input_count)
    return nb::none();
  for (uint32_t i = 0; i < model.output_count; ++i)
    if (!hasArrays(model.outputs[i].dtype))
      return nb::none();
  std::vector<lepton_tensor> tensors;
  std::vector<nb::object> alive; // the dict may change during the run
  tensors.reserve(model.input_count);
  alive.reserve(model.input_count);
  for (uint32_t i = 0; i < model.input_count; ++i) {
    nb::handle value = PyDict_GetItemWithError(feed.ptr(), nb::handle(names[i]).ptr());
    if (!value.is_valid() || !isArrayOf(value, model.inputs[i].dtype)) {
      PyErr_Clear();
      return nb::none();
    }
    alive.push_back(nb::borrow(value));
    tensors.push_back(viewArray(value, model.inputs[i].dtype));
  }
  return run(self, executable, tensors);
}

/// The command line, the program's name first; the exit status.
int command(std::vector<std::string> arguments) {
  std::vector<char *> argv;
  for (std::string &argument : arguments)
    argv.push_back(argument.data());
  argv.push_back(nullptr);
  return cli::command(int(arguments.size()), argv.data());
}

} // namespace

NB_MODULE(_lepton, module) {
  nb::set_leak_warnings(false); // PyTorch keeps what it compiled until after Python's end
  importNumpy();
  nb::class_<Executable>(module, "Executable")
      .def("inputs", [](const Executable &e) { return describe(e.model().inputs, e.model().input_count); })
      .def("outputs", [](const Executable &e) { return describe(e.model().outputs, e.model().output_count); })
      .def("metadata", [](const Executable &e) { return nb::make_tuple(e.metadata().fields, e.metadata().custom); })
      .def("name", [](const Executable &e) { return e.model().name; });
  module.def("run_values", runValues);
  module.def("run_arrays", runArrays);
  module.def("open", open);
  module.def("open_bytes", openBytes);
  module.def("open_graph", openGraph);
  module.def("compile", compile<const std::string>);
  module.def("compile", compile<nn::Graph>);
  module.def("version", version);
  module.def("command", command);
  bindGraph(module);
}
