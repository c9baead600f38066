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

#include <deque>

namespace nb = nanobind;
using namespace lepton;

namespace {

/// (name, minimum, maximum, versions)
using Dims = std::vector<std::tuple<std::string, int64_t, int64_t, std::vector<int64_t>>>;
using Bytes = nb::ndarray<nb::numpy, uint8_t, nb::ndim<1>>;

[[noreturn]] void raise(Failure failure, const std::string &error) {
  const char *name = failure == Failure::internal ? "RuntimeError" : "ValueError";
  nb::object type = nb::module_::import_("builtins").attr(name);
  PyErr_SetString(type.ptr(), error.c_str());
  throw nb::python_error();
}

CompileOptions options(const std::string &cpu, const std::string &target, uint32_t threads, int optLevel,
                       const Dims &dims, const std::string &tuningDb) {
  CompileOptions result;
  result.cpu = cpu;
  result.target = target;
  result.threads = threads ? threads : 1;
  result.optLevel = optLevel;
  result.tuningDb = tuningDb;
  for (const auto &[name, minimum, maximum, versions] : dims)
    result.dims.push_back({name, minimum, maximum, versions});
  return result;
}

std::shared_ptr<Executable> open(const std::string &path, const std::string &cpu, uint32_t threads, int optLevel,
                                 const Dims &dims, const std::string &tuningDb) {
  std::string error;
  Failure failure = Failure::none;
  std::shared_ptr<Executable> executable;
  {
    nb::gil_scoped_release release;
    executable = Executable::open(path, options(cpu, "", threads, optLevel, dims, tuningDb), error, &failure);
  }
  if (!executable)
    raise(failure, error);
  return executable;
}

std::shared_ptr<Executable> openBytes(nb::bytes model, const std::string &cpu, uint32_t threads, int optLevel,
                                      const Dims &dims, const std::string &tuningDb) {
  std::string error;
  Failure failure = Failure::none;
  std::shared_ptr<Executable> executable;
  {
    nb::gil_scoped_release release;
    executable = Executable::compileBytes(model.c_str(), model.size(),
                                          options(cpu, "", threads, optLevel, dims, tuningDb), error, &failure);
  }
  if (!executable)
    raise(failure, error);
  return executable;
}

void compile(const std::string &model, const std::string &output, const std::string &cpu, const std::string &target,
             const std::string &emit, uint32_t threads, int optLevel, const Dims &dims, const std::string &tuningDb) {
  std::string error;
  Failure failure;
  {
    nb::gil_scoped_release release;
    CompileOptions wanted = options(cpu, target, threads, optLevel, dims, tuningDb);
    wanted.emit = emit;
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
  std::deque<nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>> arrays;
  std::deque<std::vector<int64_t>> shapes;
  std::deque<std::vector<const char *>> strings;
  std::deque<std::vector<lepton_tensor>> lists;
};

/// From (array, dtype) of an array of numbers that NumPy knows, (address, shape, dtype, bytes) of any other, ([bytes], shape, dtype) of strings, or
/// ([value], dtype) of a sequence, an optional or a map.
lepton_tensor toTensor(const nb::tuple &value, Storage &storage) {
  if (nb::len(value) == 2 && !nb::isinstance<nb::list>(value[0])) {
    const auto &array =
        storage.arrays.emplace_back(nb::cast<nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>>(value[0]));
    return {const_cast<void *>(array.data()), array.shape_ptr(), nb::cast<uint32_t>(value[1]), uint32_t(array.ndim()),
            array.nbytes()};
  }
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

/// NumPy's type of an ONNX number, where it has one; of 0 bits otherwise.
nb::dlpack::dtype typeOf(uint32_t number) {
  using nb::dlpack::dtype_code;
  auto type = [](dtype_code code, uint8_t bits) { return nb::dlpack::dtype{uint8_t(code), bits, 1}; };
  switch (number) {
  case LEPTON_FLOAT:
    return type(dtype_code::Float, 32);
  case LEPTON_UINT8:
    return type(dtype_code::UInt, 8);
  case LEPTON_INT8:
    return type(dtype_code::Int, 8);
  case LEPTON_UINT16:
    return type(dtype_code::UInt, 16);
  case LEPTON_INT16:
    return type(dtype_code::Int, 16);
  case LEPTON_INT32:
    return type(dtype_code::Int, 32);
  case LEPTON_INT64:
    return type(dtype_code::Int, 64);
  case LEPTON_BOOL:
    return type(dtype_code::Bool, 8);
  case LEPTON_FLOAT16:
    return type(dtype_code::Float, 16);
  case LEPTON_DOUBLE:
    return type(dtype_code::Float, 64);
  case LEPTON_UINT32:
    return type(dtype_code::UInt, 32);
  case LEPTON_UINT64:
    return type(dtype_code::UInt, 64);
  case LEPTON_COMPLEX64:
    return type(dtype_code::Complex, 64);
  case LEPTON_COMPLEX128:
    return type(dtype_code::Complex, 128);
  default:
    return {};
  }
}

/// The way back: an array, whose memory `owner` holds; of a type that NumPy lacks, (bytes, shape, dtype).
nb::object fromTensor(const lepton_tensor &tensor, const nb::capsule &owner) {
  if (tensor.dtype == LEPTON_SEQUENCE || tensor.dtype == LEPTON_OPTIONAL || tensor.dtype == LEPTON_MAP) {
    nb::list list;
    for (int64_t i = 0; i < tensor.shape[0]; ++i)
      list.append(fromTensor(static_cast<const lepton_tensor *>(tensor.data)[i], owner));
    return nb::make_tuple(list, nb::none(), tensor.dtype);
  }
  if (nb::dlpack::dtype type = typeOf(tensor.dtype); type.bits) {
    std::vector<size_t> sizes(tensor.shape, tensor.shape + tensor.rank);
    return nb::cast(nb::ndarray<nb::numpy>(tensor.data, sizes.size(), sizes.data(), owner, nullptr, type));
  }
  nb::list shape;
  for (uint32_t d = 0; d < tensor.rank; ++d)
    shape.append(tensor.shape[d]);
  if (tensor.dtype != LEPTON_STRING)
    return nb::make_tuple(Bytes(tensor.data, {size_t(tensor.bytes)}, owner), shape, tensor.dtype);
  nb::list strings;
  for (size_t i = 0; i < tensor.bytes / sizeof(const char *); ++i)
    strings.append(nb::bytes(static_cast<const char *const *>(tensor.data)[i]));
  return nb::make_tuple(strings, shape, tensor.dtype);
}

/// The outputs; their memory goes back to the runtime with the last array that refers to it.
nb::list run(std::shared_ptr<Executable> executable, const nb::list &inputs) {
  if (nb::len(inputs) != executable->model().input_count)
    raise(Failure::input, "the model takes " + std::to_string(executable->model().input_count) + " inputs, got " +
                              std::to_string(nb::len(inputs)));
  std::vector<lepton_tensor> tensors, outputs(executable->model().output_count, lepton_tensor{});
  Storage storage;
  for (nb::handle input : inputs)
    tensors.push_back(toTensor(nb::cast<nb::tuple>(input), storage));
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
    auto *owner = new Owner{executable, output};
    nb::capsule capsule(owner, [](void *pointer) noexcept {
      auto *owner = static_cast<Owner *>(pointer);
      owner->executable->release(owner->tensor);
      delete owner;
    });
    result.append(fromTensor(output, capsule));
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
