//===- graph.hpp - networks built by a program -------------------------------------------------------------*- C++ -*-===//
//
// A graph is built operation by operation, checked as it grows, and compiled like a model from a file:
//
//   lepton::nn::Graph graph("classifier");
//   auto image = graph.input("image", LEPTON_FLOAT, {"N", 1, 28, 28});
//   auto features = relu(conv2d(image, filters, bias, /*stride=*/1, /*padding=*/1));
//   graph.output("classes", softmax(linear(flatten(features), weight, offset)));
//   auto model = lepton::Executable::compile(graph, options, error);
//
// A graph holds an ONNX model: it has ONNX's operators, whose schemas say what an operation takes and infer what it gives, and each is imported on its own at
// the call, so that a graph which was built can also be compiled. So there is one way into the compiler, a graph can be saved for any other runtime, and the
// functions of ops.hpp are no more than the names of the field for what `op` does with the names of the standard.
//
// Nothing throws. The first error stays with the graph, with the line of the call; what is built on its result is nothing, and says nothing.
//
//===--------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_FRONTEND_NATIVE_GRAPH_HPP
#define LEPTON_FRONTEND_NATIVE_GRAPH_HPP

#include "lepton_abi.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

namespace lepton::nn {

struct State; // of a graph

/// The name of a node, and the line of the program that makes it. Empty: named after its operator.
struct At {
  At(std::string name, const char *file = __builtin_FILE(), int line = __builtin_LINE())
      : name(std::move(name)), file(file), line(line) {}
  At(const char *name = "", const char *file = __builtin_FILE(), int line = __builtin_LINE())
      : At(std::string(name), file, line) {}

  std::string name, file;
  int line;
};

/// A dimension: its size, or a name where that is known only at run time. Equal names are equal sizes; an empty one stands for any size.
struct Dim {
  Dim(int64_t size) : size(size) {}
  Dim(int size) : size(size) {}
  Dim(std::string name) : size(-1), name(std::move(name)) {}
  Dim(const char *name) : size(-1), name(name) {}

  int64_t size; ///< -1 where it is not known
  std::string name;
};

/// An element type of lepton_abi.h.
struct Dtype {
  Dtype(lepton_dtype number) : number(number) {}
  explicit Dtype(uint32_t number) : number(number) {}

  uint32_t number;
};

/// Elements in memory, dense and row-major, each in whole bytes, as lepton_abi.h has them.
struct Tensor {
  Tensor() = default;
  Tensor(Dtype dtype, std::vector<int64_t> shape, const void *data);
  Tensor(std::vector<int64_t> shape, const std::vector<float> &elements);
  /// A vector of int64, as axes and shapes are.
  static Tensor integers(const std::vector<int64_t> &elements);

  uint32_t dtype = LEPTON_FLOAT; ///< lepton_dtype
  std::vector<int64_t> shape;
  std::string bytes;
  std::vector<std::string> strings; ///< the elements of a tensor of strings
};

/// What an operation of a graph gives. One that was at fault gives nothing: false.
class Value {
public:
  Value() = default;
  explicit operator bool() const { return !id.empty(); }
  const std::string &name() const { return id; }
  /// lepton_dtype.
  uint32_t dtype() const;
  std::vector<Dim> shape() const;
  int64_t rank() const;
  /// Null for a value that is of no graph.
  const std::shared_ptr<State> &graph() const { return state; }

private:
  friend struct State;
  std::shared_ptr<State> state;
  std::string id;
};

/// What an operation takes: a value, an array, a number of the element type of the operation's first value, or nothing where it may be left out.
class Operand {
public:
  Operand() = default;
  Operand(Value value) : value(std::move(value)) {}
  Operand(Tensor tensor) : tensor(std::make_shared<Tensor>(std::move(tensor))) {}
  Operand(double number) : number(number), isNumber(true) {}
  Operand(float number) : Operand(double(number)) {}
  Operand(int number) : Operand(double(number)) {}

  Value value;
  std::shared_ptr<const Tensor> tensor; ///< null where there is none
  double number = 0;
  bool isNumber = false;
};

/// The body of a loop or branch, made by Graph::body.
struct Body;

/// An attribute of an operator, by the name that the standard has for it.
struct Attribute {
  using Content = std::variant<int64_t, double, std::string, std::vector<int64_t>, std::vector<double>,
                               std::vector<std::string>, Tensor, std::shared_ptr<Body>>;
  /// A whole number, a real one, text, a list of these, a tensor or a body.
  template <typename T> Attribute(std::string name, T value) : name(std::move(name)) {
    if constexpr (std::is_integral_v<T>)
      content = int64_t(value);
    else if constexpr (std::is_floating_point_v<T>)
      content = double(value);
    else if constexpr (std::is_convertible_v<T, std::string>)
      content = std::string(value);
    else
      content = std::move(value);
  }

  std::string name;
  Content content;
};

/// An argument of a body: like a value, or like a slice of it along its first dimension; or of a type.
struct Argument {
  Argument(Value like, bool isSlice = false) : like(std::move(like)), isSlice(isSlice) {}
  Argument(Dtype dtype, std::vector<Dim> shape) : dtype(dtype), shape(std::move(shape)) {}

  Value like;
  bool isSlice = false;
  Dtype dtype = LEPTON_FLOAT; // where it is like no value
  std::vector<Dim> shape;
};

/// A model while it is made, and after. Copies are the same graph.
class Graph {
public:
  /// opset: the version of ONNX's operators; older ones run in older runtimes.
  explicit Graph(std::string name = "model", int opset = 23);

  Value input(const std::string &name, Dtype dtype, const std::vector<Dim> &shape, At at = {});
  /// A weight, or another constant.
  Value constant(Tensor tensor, At name = {});
  /// The same from a file of NumPy (.npy) or of ONNX (.pb, a TensorProto).
  Value load(const std::string &file, At name = {});
  /// The value of a name that was given before.
  Value value(const std::string &name, At at = {});
  /// Any operator of ONNX by its name there (`domain::Name` outside of its own domain); the values of its outputs, as many as are asked for.
  std::vector<Value> add(const std::string &op, const std::vector<Operand> &operands,
                         const std::vector<Attribute> &attributes = {}, int outputs = 1, At name = {});
  /// Makes a value an output of the model.
  void output(const std::string &name, const Value &value, At at = {});
  /// The body of a loop or branch: `build` makes it from its arguments, and may use all values around it.
  std::shared_ptr<Body> body(const std::vector<Argument> &arguments,
                             const std::function<std::vector<Value>(const std::vector<Value> &)> &build, At at = {});
  /// The same for a caller that has no function to pass: what is made between beginBody and endBody goes into the body.
  void beginBody(At name = {});
  Value bodyInput(const std::string &name, Dtype dtype, const std::vector<Dim> &shape, At at = {});
  std::shared_ptr<Body> endBody(const std::vector<Value> &results, At at = {});

  /// Puts the graph at fault; returns nothing.
  Value fail(const std::string &message, At at = {});
  /// The first error so far, `FILE:LINE: node 'NAME' (OP): REASON`; empty when there is none.
  const std::string &error() const;
  /// The same, which is then forgotten.
  std::string takeError();
  const std::string &name() const;
  /// Whether the graph can be compiled and saved: it has no error, which it gets where it lacks outputs.
  bool isWhole();
  /// The model in ONNX's format; empty, with an error, where it is not whole or is large.
  std::string onnx();
  /// Whether the model is larger than the 2 GB that ONNX's format holds in one piece.
  bool isLarge() const;
  /// The model without its constants of some size: these lie in the file `location` beside it (in ONNX's words external data), whose content `write`
  /// gets piece by piece.
  std::string onnx(const std::string &location, const std::function<void(const char *, size_t)> &write);

  /// The graph of a value.
  explicit Graph(std::shared_ptr<State> state) : state(std::move(state)) {}
  const std::shared_ptr<State> &content() const { return state; }

private:
  std::shared_ptr<State> state;
};

} // namespace lepton::nn

#endif // LEPTON_FRONTEND_NATIVE_GRAPH_HPP
