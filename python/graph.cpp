//===- graph.cpp - graphs that are built in Python ----------------------------------------------------------------------===//
//
// The functions of lepton.nn are bound from the declarations of frontend/native/ops.hpp (bind_ops.py). What they take is turned from Python's
// types here, and what is at fault is raised, with the caller's line.
//
//===--------------------------------------------------------------------------------------------------------------------===//

#include "python/module.h"

#include "api/lepton.hpp"
#include "frontend/native/ops.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;
using namespace nb::literals;
using namespace lepton;
using nn::At;
using nn::Value;
using nn::Values;

//===----------------------------------------------------------------------------------------------------------------------===//
// From Python
//===----------------------------------------------------------------------------------------------------------------------===//

/// The line outside of this package that is being run.
static At here(const std::string &name) {
  nb::object frame = nb::module_::import_("sys").attr("_getframe")(0);
  while (true) {
    nb::object back = frame.attr("f_back");
    auto module = nb::str(frame.attr("f_globals").attr("get")("__name__", ""));
    if (back.is_none() || (std::string(module.c_str()) + ".").rfind("lepton.", 0) != 0)
      break;
    frame = back;
  }
  return At(name, nb::str(frame.attr("f_code").attr("co_filename")).c_str(), nb::cast<int>(frame.attr("f_lineno")));
}

static nb::object helper(const char *name) { return nb::module_::import_("lepton.values").attr(name); }

static nn::Dtype toDtype(nb::handle value) { return nn::Dtype(nb::cast<uint32_t>(helper("number_of")(value))); }

static nn::Tensor toTensor(nb::handle value) {
  // (dtype, shape, address or strings, what must live as long)
  nb::tuple parts = nb::cast<nb::tuple>(helper("constant")(value));
  auto dtype = nn::Dtype(nb::cast<uint32_t>(parts[0]));
  auto shape = nb::cast<std::vector<int64_t>>(parts[1]);
  if (dtype.number != LEPTON_STRING)
    return nn::Tensor(dtype, shape, reinterpret_cast<const void *>(nb::cast<uintptr_t>(parts[2])));
  nn::Tensor tensor(dtype, shape, nullptr);
  for (nb::handle text : nb::cast<nb::list>(parts[2]))
    tensor.strings.emplace_back(nb::cast<nb::bytes>(text).c_str());
  return tensor;
}

static nn::Operand toOperand(nb::handle value) {
  if (value.is_none())
    return {};
  if (nb::isinstance<Value>(value))
    return nb::cast<Value>(value);
  if (PyBool_Check(value.ptr()) || PyLong_CheckExact(value.ptr()) || PyFloat_CheckExact(value.ptr()))
    return nb::cast<double>(value);
  return toTensor(value);
}

static nn::Attribute toAttribute(const std::string &name, nb::handle value) {
  if (PyBool_Check(value.ptr()) || PyLong_Check(value.ptr()))
    return {name, nb::cast<int64_t>(value)};
  if (PyFloat_Check(value.ptr()))
    return {name, nb::cast<double>(value)};
  if (nb::isinstance<nb::str>(value))
    return {name, nb::cast<std::string>(value)};
  if (!nb::isinstance<nb::list>(value) && !nb::isinstance<nb::tuple>(value))
    return {name, toTensor(value)};
  bool areTexts = false, areIntegers = true;
  for (nb::handle element : value) {
    areTexts |= nb::isinstance<nb::str>(element);
    areIntegers &= PyLong_Check(element.ptr()) != 0;
  }
  if (areTexts)
    return {name, nb::cast<std::vector<std::string>>(value)};
  if (areIntegers)
    return {name, nb::cast<std::vector<int64_t>>(value)};
  return {name, nb::cast<std::vector<double>>(value)};
}

static nn::Dim toDim(nb::handle value) {
  if (value.is_none())
    return "";
  return nb::isinstance<nb::str>(value) ? nn::Dim(nb::cast<std::string>(value)) : nn::Dim(nb::cast<int64_t>(value));
}

static std::vector<nn::Dim> toShape(nb::handle value) {
  std::vector<nn::Dim> shape;
  for (nb::handle dim : value)
    shape.push_back(toDim(dim));
  return shape;
}

/// A Python function as the body of a loop or branch: takes its arguments one by one, and returns a value or several.
static nn::Build toBuild(nb::object function) {
  return [function](const Values &arguments) {
    nb::list given;
    for (const Value &argument : arguments)
      given.append(argument);
    nb::object result = function(*given);
    return nb::isinstance<Value>(result) ? Values{nb::cast<Value>(result)} : nb::cast<Values>(result);
  };
}

//===----------------------------------------------------------------------------------------------------------------------===//
// To Python
//===----------------------------------------------------------------------------------------------------------------------===//

[[noreturn]] static void raiseErrorOf(const std::shared_ptr<nn::State> &state) {
  raise(Failure::input, state ? nn::Graph(state).takeError() : "none of the operands is a value of a graph");
}

static Value checked(Value value) {
  if (!value)
    raiseErrorOf(value.graph());
  return value;
}

static Values checked(Values values) {
  for (const Value &value : values)
    (void)checked(value);
  return values;
}

/// What a parameter of a function of ops.hpp is in Python, and the way from there.
template <typename T> struct Parameter {
  using Type = T;
  static T convert(T value) { return value; }
};
template <> struct Parameter<nn::Operand> {
  using Type = nb::object;
  static nn::Operand convert(const nb::object &value) { return toOperand(value); }
};
template <> struct Parameter<nn::Operands> {
  using Type = nb::object;
  static nn::Operands convert(const nb::object &values) {
    nn::Operands operands;
    for (nb::handle value : values)
      operands.push_back(toOperand(value));
    return operands;
  }
};
template <> struct Parameter<nn::Ints> {
  using Type = nb::object;
  static nn::Ints convert(const nb::object &value) {
    if (PyLong_Check(value.ptr()))
      return nb::cast<int>(value);
    return nb::cast<std::vector<int64_t>>(value);
  }
};
template <> struct Parameter<nn::Padding> {
  using Type = nb::object;
  static nn::Padding convert(const nb::object &value) {
    if (nb::isinstance<nb::str>(value))
      return nb::cast<std::string>(value);
    if (PyLong_Check(value.ptr()))
      return nb::cast<int>(value);
    return nb::cast<std::vector<int64_t>>(value);
  }
};
template <> struct Parameter<nn::Dtype> {
  using Type = nb::object;
  static nn::Dtype convert(const nb::object &value) { return toDtype(value); }
};
template <> struct Parameter<nn::Build> {
  using Type = nb::object;
  static nn::Build convert(const nb::object &value) { return toBuild(value); }
};
template <> struct Parameter<At> {
  using Type = std::string;
  static At convert(const std::string &name) { return here(name); }
};

template <typename ResultT, typename... Ts> static auto wrap(ResultT (*function)(Ts...)) {
  return [function](typename Parameter<Ts>::Type... arguments) {
    return checked(function(Parameter<Ts>::convert(arguments)...));
  };
}

//===----------------------------------------------------------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------------------------------------------------------===//

static std::vector<nn::Attribute> toAttributes(const nb::kwargs &named) {
  std::vector<nn::Attribute> attributes;
  for (auto [name, value] : named)
    if (!value.is_none())
      attributes.push_back(toAttribute(nb::cast<std::string>(name), value));
  return attributes;
}

static void save(nn::Graph &graph, const nb::object &file) {
  auto path = nb::cast<std::string>(nb::module_::import_("os").attr("fspath")(file));
  std::string error;
  Failure failure = Failure::input;
  size_t dot = path.rfind('.');
  std::string ending = dot == std::string::npos ? "" : path.substr(dot);
  if (ending == ".onnx" || ending == ".mlir" || ending == ".mlirbc")
    failure = compileFile(graph, path, {}, error);
  else
    error = path + ": end its name in .onnx, .mlir or .mlirbc";
  (void)graph.takeError();
  if (failure != Failure::none)
    raise(failure, error);
}

static nb::list shapeOf(const Value &value) {
  nb::list shape;
  for (const nn::Dim &dim : value.shape())
    if (dim.size >= 0)
      shape.append(dim.size);
    else if (!dim.name.empty())
      shape.append(dim.name);
    else
      shape.append(nb::none());
  return shape;
}

static void bindOperators(nb::class_<Value> &type) {
  using Binary = Value (*)(nn::Operand, nn::Operand, At);
  auto bind = [&](const char *name, const char *reflected, Binary function) {
    type.def(name,
             [function](const Value &a, const nb::object &b) { return checked(function(a, toOperand(b), here(""))); });
    type.def(reflected,
             [function](const Value &b, const nb::object &a) { return checked(function(toOperand(a), b, here(""))); });
  };
  bind("__add__", "__radd__", nn::add);
  bind("__sub__", "__rsub__", nn::sub);
  bind("__mul__", "__rmul__", nn::mul);
  bind("__truediv__", "__rtruediv__", nn::div);
  bind("__pow__", "__rpow__", nn::pow);
  bind("__matmul__", "__rmatmul__", nn::matmul);
  type.def("__neg__", [](const Value &x) { return checked(nn::neg(x, here(""))); });
  // NumPy's arrays leave `array + value` to the value.
  type.attr("__array_ufunc__") = nb::none();
}

void bindGraph(nb::module_ &parent) {
  nb::module_ module = parent.def_submodule("nn");
  nb::class_<Value> value(module, "Value", "What an operation of a graph gives.");
  value.def_prop_ro("name", &Value::name, "Of the value in the graph.")
      .def_prop_ro("shape", shapeOf, "Sizes; names or None where they are known only at run time.")
      .def_prop_ro(
          "dtype", [](const Value &v) { return helper("dtype_of")(v.dtype())[0]; }, "NumPy's type of its elements.")
      .def("__repr__", [](const Value &v) {
        return nb::str("Value({!r}, {}, {})").format(v.name(), helper("dtype_of")(v.dtype())[0], shapeOf(v));
      });
  bindOperators(value);
  nb::class_<nn::Graph>(module, "Graph")
      .def(nb::init<std::string, int>(), "name"_a = "model", "opset"_a = 23)
      .def_prop_ro("name", &nn::Graph::name)
      .def(
          "input",
          [](nn::Graph &graph, const std::string &name, const nb::object &dtype, const nb::object &shape) {
            return checked(graph.input(name, toDtype(dtype), toShape(shape), here("")));
          },
          "name"_a, "dtype"_a, "shape"_a,
          "An input of the model; a dimension is a size, a name where it is known only at run time, or None for any.")
      .def(
          "constant",
          [](nn::Graph &graph, const nb::object &array, const std::string &name) {
            return checked(graph.constant(toTensor(array), here(name)));
          },
          "array"_a, "name"_a = "", "A weight, or another constant.")
      .def(
          "load",
          [](nn::Graph &graph, const nb::object &file, const std::string &name) {
            auto path = nb::cast<std::string>(nb::module_::import_("os").attr("fspath")(file));
            return checked(graph.load(path, here(name)));
          },
          "file"_a, "name"_a = "", "A weight from a file of NumPy (.npy) or of ONNX (.pb, a TensorProto).")
      .def(
          "output",
          [](nn::Graph &graph, const std::string &name, const Value &value) {
            graph.output(name, value, here(""));
            if (std::string error = graph.takeError(); !error.empty())
              raise(Failure::input, error);
          },
          "name"_a, "value"_a, "Makes a value an output of the model.")
      .def(
          "onnx",
          [](nn::Graph &graph) {
            std::string bytes = graph.onnx();
            if (std::string error = graph.takeError(); !error.empty())
              raise(Failure::input, error);
            return nb::bytes(bytes.data(), bytes.size());
          },
          "The model in ONNX's format.")
      .def("save", save, "path"_a,
           "Writes the model: in ONNX's format (.onnx; more than 2 GB with the constants in NAME.onnx.data beside it), "
           "or in "
           "Lepton's dialect as text (.mlir) or bytecode (.mlirbc).");
  module.def(
      "op",
      [](const std::string &type, const nb::args &operands, const std::string &name, int outputs,
         const nb::kwargs &attributes) -> nb::object {
        nn::Operands given;
        for (nb::handle operand : operands)
          given.push_back(toOperand(operand));
        for (const nn::Operand &operand : given)
          if (operand.value.graph()) {
            Values values = checked(
                nn::Graph(operand.value.graph()).add(type, given, toAttributes(attributes), outputs, here(name)));
            return outputs == 1 ? nb::cast(values[0]) : nb::cast(values);
          }
        raiseErrorOf(nullptr);
      },
      "type"_a, "operands"_a, nb::kw_only(), "name"_a = "", "outputs"_a = 1, "attributes"_a,
      "Any operator of ONNX by its name (`domain::Name` outside of its own domain), with the standard's operands and, "
      "by "
      "their names, attributes.");
#include "python/Ops.inc"
}
