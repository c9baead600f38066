//===- State.h - the ONNX model inside a graph ---------------------------------------------------------------*- C++ -*-===//

#ifndef LEPTON_FRONTEND_NATIVE_STATE_H
#define LEPTON_FRONTEND_NATIVE_STATE_H

#include "frontend/native/graph.hpp"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Types.h"
#include "onnx/onnx_pb.h"

#include <deque>
#include <unordered_map>
#include <unordered_set>

namespace lepton::nn {

struct Body {
  ::onnx::GraphProto proto;
};

struct State : std::enable_shared_from_this<State> {
  State(std::string name, int opset);

  Value input(const std::string &name, Dtype dtype, const std::vector<Dim> &shape, const At &at);
  Value constant(Tensor tensor, const std::string &name, const At &at);
  std::vector<Value> add(const std::string &op, const std::vector<Operand> &operands,
                         const std::vector<Attribute> &attributes, int outputs, const At &at);
  void output(const std::string &name, const Value &value, const At &at);
  std::shared_ptr<Body> body(const std::vector<Argument> &arguments,
                             const std::function<std::vector<Value>(const std::vector<Value> &)> &build, const At &at);
  void beginBody(const At &at);
  Value bodyInput(const std::string &name, Dtype dtype, const std::vector<Dim> &shape, const At &at);
  std::shared_ptr<Body> endBody(const std::vector<Value> &results, const At &at);

  Value find(const std::string &name, const At &at);
  /// A value that is nothing, but of this graph.
  Value nothing();
  /// Notes the first error; returns nothing.
  Value fail(const At &at, const std::string &message);
  const ::onnx::TypeProto &type(const Value &value) const { return types.at(value.id); }
  /// The name of the body that is being built; empty where there is none.
  std::string openBody() const { return scopes.size() > 1 ? scopes.back().graph->name() : ""; }

  ::onnx::ModelProto model;
  std::string error;

private:
  /// A graph that is being built, the model's or that of a body, and the names of the values in it.
  struct Scope {
    ::onnx::GraphProto *graph;
    std::shared_ptr<Body> body; // null for the model's
    std::unordered_set<std::string> names;
  };

  Value bodyInput(const std::string &name, const ::onnx::TypeProto &type, const At &at);
  /// Whether an input can have such a type; the error says why not.
  bool isType(const std::string &input, Dtype dtype, const std::vector<Dim> &shape, const At &at);
  Value define(Scope &scope, const std::string &name, const ::onnx::TypeProto &type);
  bool isVisible(const std::string &name) const;
  /// A name that nothing else has; empty where the name that is wanted is taken.
  std::string freeName(const std::string &wanted, const std::string &op);
  /// The name of an operand; an array becomes a constant.
  bool resolve(const Operand &operand, int i, uint32_t dtype, const std::string &node, const At &at, std::string &name);
  /// Finds the types of the node's results, and whether the compiler takes it: as a model of this node alone.
  bool infer(const ::onnx::NodeProto &node, std::vector<::onnx::TypeProto> &results, std::string &problem);
  void addOperand(const std::string &name, ::onnx::GraphProto &alone, std::unordered_set<std::string> &added) const;
  /// What the bodies of a node take from around them, too.
  void addOperands(const ::onnx::NodeProto &node, ::onnx::GraphProto &alone,
                   std::unordered_set<std::string> &added) const;
  bool import(const ::onnx::ModelProto &alone, std::vector<mlir::Type> &found, std::string &problem);
  /// `x float[1,3,8,8]`.
  std::string describe(const std::string &name) const;

  std::deque<Scope> scopes; // the model's graph first, the one that operations go to last
  std::unordered_map<std::string, ::onnx::TypeProto> types;
  std::unordered_map<std::string, const ::onnx::TensorProto *> constants;
  std::unordered_map<std::string, int> counts; // of names by operator
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
};

} // namespace lepton::nn

#endif // LEPTON_FRONTEND_NATIVE_STATE_H
