//===- module.cpp - the Python module _lepton ----------------------------------------------------------------------------------===//
//
// Moves addresses, shapes and ONNX type numbers between Python and api/lepton.hpp; what users see is written in Python on top of it.
//
//===----------------------------------------------------------------------------------------------------------------------------===//

#include "api/lepton.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;
using namespace lepton;

namespace {

/// (address, shape, dtype, bytes)
using Input = std::tuple<uintptr_t, std::vector<int64_t>, uint32_t, uint64_t>;
/// (name, minimum, maximum)
using Dims = std::vector<std::tuple<std::string, int64_t, int64_t>>;
using Bytes = nb::ndarray<nb::numpy, uint8_t, nb::ndim<1>>;

[[noreturn]] void raise(Failure failure, const std::string &error) {
  const char *name = failure == Failure::internal ? "RuntimeError" : "ValueError";
  nb::object type = nb::module_::import_("builtins").attr(name);
  PyErr_SetString(type.ptr(), error.c_str());
  throw nb::python_error();
}

CompileOptions options(const std::string &cpu, const std::string &target, uint32_t threads, int optLevel,
                       const Dims &dims) {
  CompileOptions result;
  result.cpu = cpu;
  result.target = target;
  result.threads = threads ? threads : 1;
  result.optLevel = optLevel;
  for (const auto &[name, minimum, maximum] : dims)
    result.dims.push_back({name, minimum, maximum});
  return result;
}

std::shared_ptr<Executable> open(const std::string &path, const std::string &cpu, uint32_t threads, int optLevel,
                                 const Dims &dims) {
  std::string error;
  Failure failure = Failure::none;
  std::shared_ptr<Executable> executable;
  {
    nb::gil_scoped_release release;
    executable = Executable::open(path, options(cpu, "", threads, optLevel, dims), error, &failure);
  }
  if (!executable)
    raise(failure, error);
  return executable;
}

std::shared_ptr<Executable> openBytes(nb::bytes model, const std::string &cpu, uint32_t threads, int optLevel,
                                      const Dims &dims) {
  std::string error;
  Failure failure = Failure::none;
  std::shared_ptr<Executable> executable;
  {
    nb::gil_scoped_release release;
    executable = Executable::compileBytes(model.c_str(), model.size(), options(cpu, "", threads, optLevel, dims), error,
                                          &failure);
  }
  if (!executable)
    raise(failure, error);
  return executable;
}

void compile(const std::string &model, const std::string &output, const std::string &cpu, const std::string &target,
             const std::string &emit, uint32_t threads, int optLevel, const Dims &dims) {
  std::string error;
  Failure failure;
  {
    nb::gil_scoped_release release;
    CompileOptions wanted = options(cpu, target, threads, optLevel, dims);
    wanted.emit = emit;
    failure = compileFile(model, output, wanted, error);
  }
  if (failure != Failure::none)
    raise(failure, error);
}

/// [(name, dtype, [size or name or None])]
nb::list describe(const lepton_value_info *values, uint32_t count) {
  nb::list result;
  for (uint32_t i = 0; i < count; ++i) {
    nb::list shape;
    for (uint32_t d = 0; d < values[i].rank; ++d) {
      const char *name = values[i].dim_names ? values[i].dim_names[d] : nullptr;
      if (values[i].shape[d] >= 0)
        shape.append(values[i].shape[d]);
      else if (name)
        shape.append(name);
      else
        shape.append(nb::none());
    }
    result.append(nb::make_tuple(values[i].name, values[i].dtype, shape));
  }
  return result;
}

/// The outputs as (bytes, shape, dtype); their memory goes back to the runtime with the last array that refers to it.
nb::list run(std::shared_ptr<Executable> executable, const std::vector<Input> &inputs) {
  if (inputs.size() != executable->model().input_count)
    raise(Failure::input, "the model takes " + std::to_string(executable->model().input_count) + " inputs, got " +
                              std::to_string(inputs.size()));
  std::vector<lepton_tensor> tensors, outputs(executable->model().output_count, lepton_tensor{});
  for (const auto &[address, shape, dtype, bytes] : inputs)
    tensors.push_back({reinterpret_cast<void *>(address), shape.data(), dtype, uint32_t(shape.size()), bytes});
  std::string error;
  bool done;
  {
    nb::gil_scoped_release release;
    done = executable->run(tensors.data(), outputs.data(), error);
  }
  if (!done)
    raise(Failure::input, error);
  struct Owner {
    std::shared_ptr<Executable> executable;
    lepton_tensor tensor;
  };
  nb::list result;
  for (lepton_tensor &output : outputs) {
    nb::list shape;
    for (uint32_t d = 0; d < output.rank; ++d)
      shape.append(output.shape[d]);
    auto *owner = new Owner{executable, output};
    nb::capsule capsule(owner, [](void *pointer) noexcept {
      auto *owner = static_cast<Owner *>(pointer);
      owner->executable->release(owner->tensor);
      delete owner;
    });
    result.append(nb::make_tuple(Bytes(output.data, {size_t(output.bytes)}, capsule), shape, output.dtype));
  }
  return result;
}

} // namespace

NB_MODULE(_lepton, module) {
  nb::class_<Executable>(module, "Executable")
      .def("inputs", [](const Executable &e) { return describe(e.model().inputs, e.model().input_count); })
      .def("outputs", [](const Executable &e) { return describe(e.model().outputs, e.model().output_count); })
      .def("name", [](const Executable &e) { return e.model().name; });
  module.def("run", run);
  module.def("open", open);
  module.def("open_bytes", openBytes);
  module.def("compile", compile);
}
