//===- State.cpp - operations become nodes of an ONNX model -------------------------------------------------------------===//

#include "frontend/native/State.h"
#include "dialects/Lepton/ElementTypes.h"
#include "frontend/onnx/TensorData.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include "onnx/defs/schema.h"

using namespace lepton;
using namespace lepton::nn;

/// The version of ONNX's format that came with a version of its operators.
static int64_t formatOf(int opset) {
  return opset >= 25 ? 13 : opset == 24 ? 12 : opset == 23 ? 11 : opset >= 21 ? 10 : 8;
}

State::State(std::string name, int opset) {
  model.set_ir_version(formatOf(opset));
  model.set_producer_name("lepton");
  model.mutable_graph()->set_name(name);
  model.add_opset_import()->set_version(opset);
  scopes.push_back({model.mutable_graph(), nullptr, {}});
}

Value State::nothing() {
  Value value;
  value.state = shared_from_this();
  return value;
}

Value State::fail(const At &at, const std::string &message) {
  if (error.empty())
    error = (at.file.empty() ? "" : at.file + ":" + std::to_string(at.line) + ": ") + message;
  return nothing();
}

//===----------------------------------------------------------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------------------------------------------------------===//

bool State::isVisible(const std::string &name) const {
  return std::any_of(scopes.begin(), scopes.end(), [&](const Scope &scope) { return scope.names.count(name); });
}

/// `conv_transpose` of ConvTranspose.
static std::string lowerName(llvm::StringRef op) {
  std::string name;
  for (size_t i = 0; i < op.size(); ++i) {
    bool startsWord =
        llvm::isUpper(op[i]) && i > 0 && (llvm::isLower(op[i - 1]) || (i + 1 < op.size() && llvm::isLower(op[i + 1])));
    name += startsWord ? "_" : "";
    name += llvm::toLower(op[i]);
  }
  return name;
}

std::string State::freeName(const std::string &wanted, const std::string &op) {
  if (!wanted.empty())
    return types.count(wanted) ? "" : wanted;
  std::string name;
  do
    name = op + "_" + std::to_string(++counts[op]);
  while (types.count(name));
  return name;
}

Value State::define(Scope &scope, const std::string &name, const ::onnx::TypeProto &type) {
  types[name] = type;
  scope.names.insert(name);
  Value value = nothing();
  value.id = name;
  return value;
}

//===----------------------------------------------------------------------------------------------------------------------===//
// Inputs, constants, outputs
//===----------------------------------------------------------------------------------------------------------------------===//

static ::onnx::TypeProto typeOf(uint32_t dtype, const std::vector<Dim> &shape) {
  ::onnx::TypeProto type;
  type.mutable_tensor_type()->set_elem_type(int32_t(dtype));
  auto *dims = type.mutable_tensor_type()->mutable_shape();
  for (const Dim &dim : shape) {
    auto *proto = dims->add_dim();
    if (dim.size >= 0)
      proto->set_dim_value(dim.size);
    else if (!dim.name.empty())
      proto->set_dim_param(dim.name);
  }
  return type;
}

bool State::isType(const std::string &input, Dtype dtype, const std::vector<Dim> &shape, const At &at) {
  std::string place = "input '" + input + "': ";
  if (!elementTypeOfNumber(&context, int32_t(dtype.number)))
    (void)fail(at, place + "there is no element type " + std::to_string(dtype.number) + " of tensors");
  else if (std::any_of(shape.begin(), shape.end(), [](const Dim &dim) { return dim.size < -1; }))
    (void)fail(at, place + "a size is negative; name a dimension whose size is known only at run time");
  return error.empty();
}

Value State::input(const std::string &name, Dtype dtype, const std::vector<Dim> &shape, const At &at) {
  if (!error.empty())
    return nothing();
  if (name.empty() || types.count(name))
    return fail(at, "input '" + name + "': the name is " + (name.empty() ? "empty" : "taken; names must be unique"));
  if (!isType(name, dtype, shape, at))
    return nothing();
  if (scopes.size() > 1)
    return fail(at, "input '" + name + "': a body has no inputs of the model; make them before it");
  auto *input = model.mutable_graph()->add_input();
  input->set_name(name);
  *input->mutable_type() = typeOf(dtype.number, shape);
  return define(scopes.back(), name, input->type());
}

Value State::find(const std::string &name, const At &at) {
  if (!isVisible(name))
    return fail(at, "there is no value '" + name + "'");
  Value value = nothing();
  value.id = name;
  return value;
}

static void setTensor(Tensor tensor, ::onnx::TensorProto &proto) {
  proto.set_data_type(int32_t(tensor.dtype));
  proto.mutable_dims()->Add(tensor.shape.begin(), tensor.shape.end());
  for (const std::string &text : tensor.strings)
    proto.add_string_data(text);
  if (tensor.dtype != LEPTON_STRING)
    importer::setElements(proto, std::move(tensor.bytes));
}

Value State::constant(Tensor tensor, const std::string &wanted, const At &at) {
  if (!error.empty())
    return nothing();
  std::string name = freeName(wanted, "constant");
  if (name.empty())
    return fail(at, "constant '" + wanted + "': the name is taken; names must be unique");
  auto count = importer::elementCount(tensor.shape);
  size_t bytes = importer::bytesInMemory(int32_t(tensor.dtype));
  bool isText = tensor.dtype == LEPTON_STRING;
  if (!count || (!isText && !bytes))
    return fail(at, "constant '" + name + "': there are no tensors of such a shape or element type");
  size_t given = isText ? tensor.strings.size() : tensor.bytes.size(), wantedSize = *count * (isText ? 1 : bytes);
  if (given != wantedSize)
    return fail(at, "constant '" + name + "': holds " + std::to_string(given) + (isText ? " strings" : " bytes") +
                        ", but its shape and type take " + std::to_string(wantedSize));
  auto *kept = model.mutable_graph()->add_initializer();
  kept->set_name(name);
  constants[name] = kept;
  const std::vector<Dim> shape(tensor.shape.begin(), tensor.shape.end());
  const ::onnx::TypeProto type = typeOf(tensor.dtype, shape);
  setTensor(std::move(tensor), *kept);
  return define(scopes.front(), name, type); // where bodies see it, too
}

void State::output(const std::string &name, const Value &value, const At &at) {
  if (!error.empty())
    return;
  std::string place = "output '" + name + "': ";
  if (value.state.get() != this || !value || !isVisible(value.id) || scopes.size() > 1) {
    (void)fail(at, place + (scopes.size() > 1 ? "a body gives its outputs by returning them"
                                              : "is no value of this graph, or one of a body that has ended"));
    return;
  }
  auto *graph = model.mutable_graph();
  auto isTaken = [&](const auto &values) {
    return std::any_of(values.begin(), values.end(), [&](const auto &other) { return other.name() == name; });
  };
  if (isTaken(graph->output()) || isTaken(graph->input()) || (name != value.id && types.count(name))) {
    (void)fail(at, place + "the name is taken; names must be unique");
    return;
  }
  Value named = value;
  // A constant is no result of a node.
  if (name != value.id || constants.count(name))
    named = add("Identity", {value}, {}, 1, At(name, at.file.c_str(), at.line))[0];
  if (!named)
    return;
  auto *output = graph->add_output();
  output->set_name(name);
  *output->mutable_type() = type(named);
  auto &known = *graph->mutable_value_info();
  known.erase(std::remove_if(known.begin(), known.end(), [&](const auto &info) { return info.name() == name; }),
              known.end());
}

//===----------------------------------------------------------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------------------------------------------------------===//

std::string State::describe(const std::string &name) const {
  const auto &type = types.at(name);
  if (!type.has_tensor_type())
    return name;
  std::vector<std::string> sizes;
  for (const auto &dim : type.tensor_type().shape().dim())
    sizes.push_back(dim.has_dim_value()       ? std::to_string(dim.dim_value())
                    : dim.dim_param().empty() ? "?"
                                              : dim.dim_param());
  return name + " " + llvm::StringRef(::onnx::TensorProto::DataType_Name(type.tensor_type().elem_type())).lower() +
         "[" + llvm::join(sizes, ",") + "]";
}

/// A number as a tensor of an element type without dimensions; false where the type does not have it.
static bool toScalar(double number, uint32_t dtype, mlir::MLIRContext &context, Tensor &tensor) {
  mlir::Type type = elementTypeOfNumber(&context, int32_t(dtype));
  llvm::APInt bits;
  if (auto real = llvm::dyn_cast_or_null<mlir::FloatType>(type)) {
    llvm::APFloat value(number);
    bool loses;
    value.convert(real.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &loses);
    bits = value.bitcastToAPInt();
  } else if (auto integer = llvm::dyn_cast_or_null<mlir::IntegerType>(type)) {
    bits = llvm::APInt(64, uint64_t(int64_t(number))).trunc(std::min(integer.getWidth(), 64u));
    llvm::APInt wide = integer.isUnsigned() || integer.getWidth() == 1 ? bits.zext(64) : bits.sext(64);
    if (double(int64_t(wide.getZExtValue())) != number)
      return false;
  } else {
    return false;
  }
  size_t bytes = std::max(bits.getBitWidth() / 8, 1u);
  tensor = Tensor(Dtype(dtype), {}, nullptr);
  tensor.bytes.assign(reinterpret_cast<const char *>(bits.getRawData()), bytes);
  return true;
}

static std::string numberText(double number) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%g", number);
  return text;
}

bool State::resolve(const Operand &operand, int i, uint32_t dtype, const std::string &node, const At &at,
                    std::string &name) {
  std::string place = node + "operand " + std::to_string(i) + " ";
  if (operand.value.state) {
    if (operand.value.state.get() != this || !isVisible(operand.value.id)) {
      (void)fail(at, place + (operand.value.state.get() != this ? "is a value of another graph"
                                                                : "is a value of a body that has ended"));
      return false;
    }
    name = operand.value.id;
    return true;
  }
  if (!operand.tensor && !operand.isNumber)
    return true;
  Tensor scalar;
  if (operand.isNumber && !toScalar(operand.number, dtype, context, scalar)) {
    (void)fail(at, place + "is the number " + numberText(operand.number) + ", which the type of the " +
                       "first value does not have; give it as an array");
    return false;
  }
  name = constant(operand.isNumber ? scalar : *operand.tensor, "", at).id;
  return !name.empty();
}

/// Whole numbers where the operator takes real ones.
static void widen(Attribute &attribute, ::onnx::AttributeProto::AttributeType wanted) {
  if (auto *number = std::get_if<int64_t>(&attribute.content); number && wanted == ::onnx::AttributeProto::FLOAT)
    attribute.content = double(*number);
  else if (auto *list = std::get_if<std::vector<int64_t>>(&attribute.content);
           list && wanted == ::onnx::AttributeProto::FLOATS)
    attribute.content = std::vector<double>(list->begin(), list->end());
}

static void setAttribute(const Attribute &attribute, ::onnx::AttributeProto &proto) {
  proto.set_name(attribute.name);
  auto set = [&](const auto &content) {
    using T = std::decay_t<decltype(content)>;
    if constexpr (std::is_same_v<T, int64_t>) {
      proto.set_type(::onnx::AttributeProto::INT);
      proto.set_i(content);
    } else if constexpr (std::is_same_v<T, double>) {
      proto.set_type(::onnx::AttributeProto::FLOAT);
      proto.set_f(float(content));
    } else if constexpr (std::is_same_v<T, std::string>) {
      proto.set_type(::onnx::AttributeProto::STRING);
      proto.set_s(content);
    } else if constexpr (std::is_same_v<T, std::vector<int64_t>>) {
      proto.set_type(::onnx::AttributeProto::INTS);
      proto.mutable_ints()->Add(content.begin(), content.end());
    } else if constexpr (std::is_same_v<T, std::vector<double>>) {
      proto.set_type(::onnx::AttributeProto::FLOATS);
      proto.mutable_floats()->Add(content.begin(), content.end());
    } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
      proto.set_type(::onnx::AttributeProto::STRINGS);
      for (const std::string &text : content)
        proto.add_strings(text);
    } else if constexpr (std::is_same_v<T, Tensor>) {
      proto.set_type(::onnx::AttributeProto::TENSOR);
      setTensor(content, *proto.mutable_t());
    } else {
      proto.set_type(::onnx::AttributeProto::GRAPH);
      *proto.mutable_g() = content->proto;
    }
  };
  std::visit(set, attribute.content);
}

std::vector<Value> State::add(const std::string &op, const std::vector<Operand> &operands,
                              const std::vector<Attribute> &attributes, int outputs, const At &at) {
  std::vector<Value> none(std::max(outputs, 1), nothing());
  if (!error.empty())
    return none;
  auto [domain, type] = op.find("::") == std::string::npos
                            ? std::pair(std::string(), op)
                            : std::pair(op.substr(0, op.find("::")), op.substr(op.find("::") + 2));
  std::string name = freeName(at.name, lowerName(type));
  std::string place = "node '" + (name.empty() ? at.name : name) + "' (" + op + "): ";
  auto refuse = [&](const std::string &message) {
    (void)fail(at, place + message);
    return none;
  };
  if (name.empty())
    return refuse("the name is taken; names must be unique");

  ::onnx::NodeProto node;
  node.set_name(name);
  node.set_op_type(type);
  node.set_domain(domain);
  // An array or a number becomes a constant only where the rest of the call is sound; it has the name of nothing else.
  auto first = std::find_if(operands.begin(), operands.end(), [](const Operand &o) { return bool(o.value); });
  uint32_t dtype = first == operands.end() ? LEPTON_FLOAT : first->value.dtype();
  for (size_t i = 0; i < operands.size(); ++i)
    if (!resolve(operands[i], int(i), dtype, place, at, *node.add_input()))
      return none;
  while (node.input_size() && node.input(node.input_size() - 1).empty())
    node.mutable_input()->RemoveLast();
  const auto *schema = ::onnx::OpSchemaRegistry::Schema(type, domain);
  for (Attribute attribute : attributes) {
    if (schema && schema->attributes().count(attribute.name))
      widen(attribute, schema->attributes().at(attribute.name).type);
    setAttribute(attribute, *node.add_attribute());
  }
  for (int i = 0; i < outputs; ++i)
    node.add_output(outputs == 1 ? name : name + "." + std::to_string(i));

  auto isImported = [&, &domain = domain](const auto &import) { return import.domain() == domain; };
  if (std::none_of(model.opset_import().begin(), model.opset_import().end(), isImported)) {
    const auto &known = ::onnx::OpSchemaRegistry::DomainToVersionRange::Instance().Map();
    auto range = known.find(domain);
    auto *import = model.add_opset_import();
    import->set_domain(domain);
    import->set_version(range == known.end() ? 1 : range->second.second);
  }
  std::vector<::onnx::TypeProto> results;
  std::string problem;
  if (!infer(node, results, problem)) {
    std::vector<std::string> given;
    for (const std::string &input : node.input())
      if (!input.empty())
        given.push_back(describe(input));
    return refuse(problem + (given.empty() ? "" : "; its operands are " + llvm::join(given, ", ")));
  }
  std::vector<Value> values;
  for (int i = 0; i < outputs; ++i) {
    values.push_back(define(scopes.back(), node.output(i), results[i]));
    auto *info = scopes.back().graph->add_value_info(); // for whoever reads the model
    info->set_name(values.back().id);
    *info->mutable_type() = results[i];
  }
  scopes.back().graph->add_node()->Swap(&node);
  return values;
}

//===----------------------------------------------------------------------------------------------------------------------===//
// Bodies
//===----------------------------------------------------------------------------------------------------------------------===//

void State::beginBody(const At &at) {
  std::string name = freeName(at.name, "body");
  if (name.empty())
    (void)fail(at, "body '" + at.name + "': the name is taken; names must be unique");
  if (!error.empty())
    return;
  auto body = std::make_shared<Body>();
  body->proto.set_name(name);
  scopes.push_back({&body->proto, body, {}});
}

Value State::bodyInput(const std::string &name, Dtype dtype, const std::vector<Dim> &shape, const At &at) {
  return error.empty() && isType(name, dtype, shape, at) ? bodyInput(name, typeOf(dtype.number, shape), at) : nothing();
}

Value State::bodyInput(const std::string &wanted, const ::onnx::TypeProto &type, const At &at) {
  if (!error.empty())
    return nothing();
  if (scopes.size() == 1)
    return fail(at, "input '" + wanted + "': no body was begun");
  std::string name = freeName(wanted, openBody() + "_argument");
  if (name.empty())
    return fail(at, "input '" + wanted + "': the name is taken; names must be unique");
  auto *input = scopes.back().graph->add_input();
  input->set_name(name);
  *input->mutable_type() = type;
  return define(scopes.back(), name, type);
}

std::shared_ptr<Body> State::endBody(const std::vector<Value> &results, const At &at) {
  if (error.empty() && scopes.size() == 1)
    (void)fail(at, "no body was begun");
  for (const Value &result : results)
    if (error.empty() && (result.state.get() != this || !isVisible(result.id)))
      (void)fail(at,
                 "body '" + openBody() + "': returns what is no value of this graph, or one of a body that has ended");
  if (!error.empty())
    return std::make_shared<Body>();
  Scope &scope = scopes.back();
  const auto &inputs = scope.graph->input();
  std::unordered_set<std::string> given;
  for (Value result : results) {
    // What a body gives is a result of one of its own nodes, each once.
    bool isInput = std::any_of(inputs.begin(), inputs.end(), [&](const auto &i) { return i.name() == result.id; });
    if (isInput || !scope.names.count(result.id) || !given.insert(result.id).second)
      result = add("Identity", {result}, {}, 1, At("", at.file.c_str(), at.line))[0];
    if (!result)
      return std::make_shared<Body>();
    auto *output = scope.graph->add_output();
    output->set_name(result.id);
    *output->mutable_type() = type(result);
  }
  auto body = scope.body;
  scopes.pop_back();
  return body;
}

std::shared_ptr<Body> State::body(const std::vector<Argument> &arguments,
                                  const std::function<std::vector<Value>(const std::vector<Value> &)> &build,
                                  const At &at) {
  // A function that throws, or is at fault, leaves the graph around the body as it was.
  llvm::scope_exit leave([&, depth = scopes.size()] {
    while (scopes.size() > depth)
      scopes.pop_back();
  });
  beginBody(at);
  std::vector<Value> values;
  for (const Argument &argument : arguments) {
    ::onnx::TypeProto type = argument.like ? this->type(argument.like) : typeOf(argument.dtype.number, argument.shape);
    if (argument.isSlice && argument.like.rank() > 0)
      type.mutable_tensor_type()->mutable_shape()->mutable_dim()->DeleteSubrange(0, 1);
    values.push_back(bodyInput("", type, at));
  }
  return error.empty() ? endBody(build(values), at) : std::make_shared<Body>();
}
