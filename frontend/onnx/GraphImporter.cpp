//===- GraphImporter.cpp - walks graphs and functions --------------------------------------------------------------------===//

#include "frontend/onnx/GraphImporter.h"
#include "frontend/onnx/TensorData.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

/// Functions that call functions deeper than this are taken for a recursion.
static constexpr int deepestFunction = 64;
/// Of nodes of one operator in a message, and of messages about one model.
static constexpr int mostNames = 100, mostErrors = 100;

Value Scope::find(StringRef name) const {
  for (const Scope *scope = this; scope; scope = scope->outer)
    if (auto it = scope->values.find(name); it != scope->values.end())
      return it->second;
  return {};
}

void Scope::declare(const google::protobuf::RepeatedPtrField<::onnx::ValueInfoProto> &values) {
  for (const auto &value : values)
    if (value.type().has_tensor_type() && value.type().tensor_type().has_shape())
      ranks[value.name()] = value.type().tensor_type().shape().dim_size();
}

bool Scope::isLost(StringRef name) const {
  for (const Scope *scope = this; scope; scope = scope->outer)
    if (scope->lost.contains(name))
      return true;
  return false;
}

GraphImporter::GraphImporter(const ::onnx::ModelProto &model, MLIRContext &context, const ImportOptions &options)
    : b(&context), shapes(&context), g(b, shapes), model(model), options(options) {}

void GraphImporter::retire(OperationState &state) {
  for (std::unique_ptr<Region> &region : state.regions) {
    region->dropAllReferences();
    retired.push_back(std::move(region));
  }
  state.regions.clear();
}

Location GraphImporter::locationOf(const ::onnx::NodeProto &node) {
  std::string name = node.name();
  if (name.empty() && node.output_size())
    name = node.output(0);
  return NameLoc::get(b.getStringAttr(name), NameLoc::get(b.getStringAttr(node.op_type())));
}

static llvm::StringMap<int64_t>
opsetsOf(const google::protobuf::RepeatedPtrField<::onnx::OperatorSetIdProto> &imports) {
  llvm::StringMap<int64_t> opsets;
  for (const auto &import : imports)
    opsets[import.domain() == "ai.onnx" ? "" : import.domain()] = import.version();
  return opsets;
}

static StringRef domainOf(const ::onnx::NodeProto &node) {
  return node.domain() == "ai.onnx" ? StringRef() : StringRef(node.domain());
}

static std::string fullName(const ::onnx::NodeProto &node) {
  return domainOf(node).empty() ? node.op_type() : node.domain() + "::" + node.op_type();
}

static int64_t versionIn(const llvm::StringMap<int64_t> &opsets, StringRef domain) {
  auto it = opsets.find(domain);
  return it == opsets.end() ? 1 : it->second;
}

const ::onnx::FunctionProto *GraphImporter::modelFunction(const ::onnx::NodeProto &node) const {
  auto found = functions.find({node.domain(), node.op_type(), node.overload()});
  return found == functions.end() ? nullptr : found->second;
}

LogicalResult GraphImporter::indexFunctions() {
  for (const auto &function : model.functions())
    if (!functions.try_emplace({function.domain(), function.name(), function.overload()}, &function).second)
      return emitError(b.getUnknownLoc())
             << "function '" << function.name() << "' is defined twice; names must be unique";
  return success();
}

//===----------------------------------------------------------------------------------------------------------------------===//
// Support
//===----------------------------------------------------------------------------------------------------------------------===//

void GraphImporter::collectUnsupported(const google::protobuf::RepeatedPtrField<::onnx::NodeProto> &nodes,
                                       const llvm::StringMap<int64_t> &opsets, int depth) {
  for (const auto &node : nodes) {
    int64_t version = versionIn(opsets, domainOf(node));
    bool known =
        modelFunction(node) || findConverter(domainOf(node), node.op_type(), version) || standardBody(node, version);
    if (!known)
      unsupported[fullName(node)].push_back(node.name().empty() && node.output_size() ? node.output(0) : node.name());
    if (depth > deepestFunction)
      continue;
    for (const auto &attribute : node.attribute()) {
      if (attribute.has_g())
        collectUnsupported(attribute.g().node(), opsets, depth + 1);
      for (const auto &graph : attribute.graphs())
        collectUnsupported(graph.node(), opsets, depth + 1);
    }
  }
}

LogicalResult GraphImporter::checkOps() {
  collectUnsupported(model.graph().node(), opsetsOf(model.opset_import()), 0);
  for (const auto &function : model.functions())
    collectUnsupported(function.node(), opsetsOf(function.opset_import()), 0);
  if (unsupported.empty())
    return success();
  std::vector<std::string> parts;
  for (const auto &[op, nodes] : unsupported) {
    size_t shown = std::min<size_t>(nodes.size(), mostNames);
    parts.push_back(op + " (node '" + llvm::join(ArrayRef(nodes).take_front(shown), "', '") + "'" +
                    (shown < nodes.size() ? " and " + std::to_string(nodes.size() - shown) + " more" : "") + ")");
  }
  return emitError(b.getUnknownLoc()) << "the model has operators that are not supported: " << llvm::join(parts, ", ");
}

//===----------------------------------------------------------------------------------------------------------------------===//
// Graphs
//===----------------------------------------------------------------------------------------------------------------------===//

LogicalResult GraphImporter::importInitializers(const ::onnx::GraphProto &graph) {
  auto define = [&](const std::string &name, llvm::function_ref<FailureOr<Value>(Location)> import) -> LogicalResult {
    Location loc = NameLoc::get(b.getStringAttr(name));
    auto value = import(loc);
    if (failed(value))
      return failure();
    if (!scope->values.try_emplace(name, *value).second && !isa<BlockArgument>(scope->values[name]) &&
        scope->outer == nullptr)
      return emitError(loc) << "initializer '" << name << "' is defined twice; names must be unique";
    return success();
  };
  for (const auto &initializer : graph.initializer())
    if (failed(define(initializer.name(), [&](Location loc) { return constant(initializer, loc); })))
      return failure();
  for (const auto &sparse : graph.sparse_initializer())
    if (failed(define(sparse.values().name(), [&](Location loc) { return sparseConstant(sparse, loc); })))
      return failure();
  return success();
}

static bool hasGraph(const ::onnx::NodeProto &node) {
  return llvm::any_of(node.attribute(), [](const ::onnx::AttributeProto &attribute) {
    return attribute.has_g() || attribute.graphs_size();
  });
}

LogicalResult GraphImporter::importNodes(const google::protobuf::RepeatedPtrField<::onnx::NodeProto> &nodes) {
  LogicalResult result = success();
  for (const auto &node : nodes) {
    OpBuilder::InsertionGuard guard(b);
    auto isLost = [&](const std::string &name) { return scope->isLost(name); };
    if (llvm::none_of(node.input(), isLost) && succeeded(importNode(node)))
      continue;
    // Whatever does not depend on it may have errors of its own. A failed subgraph may leave values behind that are no longer there.
    result = failure();
    if (errors >= mostErrors || expandedNodes > options.maxExpandedNodes || hasGraph(node))
      break;
    for (const std::string &output : node.output())
      scope->lost.insert(output);
  }
  return result;
}

LogicalResult GraphImporter::importNode(const ::onnx::NodeProto &proto) {
  Location loc = locationOf(proto);
  if (++expandedNodes > options.maxExpandedNodes || expandedBytes > options.maxExpandedBytes)
    return emitError(loc) << "the model expands to more than " << options.maxExpandedNodes
                          << " nodes, or its functions to "
                          << "more than " << (options.maxExpandedBytes >> 20) << " MB of them";
  if (options.stopped && options.stopped())
    return emitError(loc) << "the model takes too long to read, or too much memory";
  for (const std::string &input : proto.input())
    if (!input.empty() && !scope->find(input))
      return emitError(loc) << "input '" << input
                            << "' is not defined before the node; nodes must be in topological order";
  llvm::SmallDenseSet<StringRef> own;
  for (const std::string &output : proto.output())
    if (!output.empty() && (scope->values.contains(output) || !own.insert(output).second))
      return emitError(loc) << "output '" << output << "' is defined twice; names must be unique";
  if (const auto *function = modelFunction(proto))
    return importFunction(*function, proto, loc);
  int64_t version = versionIn(scope->opsets, domainOf(proto));
  if (failed(checkNode(proto, version, loc)))
    return failure();
  if (Converter convert = findConverter(domainOf(proto), proto.op_type(), version)) {
    Node node(*this, proto, loc, version);
    int before = errors;
    if (succeeded(convert(node)))
      return checkResults(proto, loc);
    bool isKnown = errors > before || (errors && hasGraph(proto)); // a subgraph may read what was lost
    return isKnown ? failure() : emitError(loc) << "has operands or attributes that do not fit together";
  }
  if (auto body = standardBody(proto, version))
    return importFunction(*body, proto, loc);
  if (unsupported.count(fullName(proto)))
    return failure(); // checkOps has reported it
  return emitError(loc) << "operator " << proto.op_type() << " is not supported for these inputs";
}

LogicalResult GraphImporter::checkResults(const ::onnx::NodeProto &node, Location loc) {
  for (const std::string &output : node.output()) {
    Value value = output.empty() ? Value() : scope->find(output);
    auto type = value ? dyn_cast<RankedTensorType>(value.getType()) : RankedTensorType();
    if (!type || llvm::is_contained(type.getShape(), 0))
      continue;
    SmallVector<int64_t> sizes;
    llvm::copy_if(type.getShape(), std::back_inserter(sizes), [](int64_t size) { return size > 0; });
    auto count = elementCount(sizes);
    if (!count || *count > largestCount)
      return emitError(loc) << "gives '" << output << "' of type " << type << ", larger than any memory";
  }
  return success();
}

FailureOr<SmallVector<Value>> GraphImporter::importSubgraph(const ::onnx::GraphProto &graph, ValueRange arguments) {
  Scope inner;
  inner.outer = scope;
  inner.opsets = scope->opsets;
  llvm::SaveAndRestore restore(scope, &inner);
  if (int(arguments.size()) != graph.input_size())
    return emitError(b.getUnknownLoc()) << "subgraph '" << graph.name() << "' takes " << graph.input_size()
                                        << " inputs, but gets " << arguments.size();
  for (auto [input, value] : llvm::zip(graph.input(), arguments))
    inner.values[input.name()] = value;
  inner.declare(graph.value_info());
  inner.declare(graph.output());
  if (failed(importInitializers(graph)) || failed(importNodes(graph.node())))
    return failure();
  SmallVector<Value> outputs;
  for (const auto &output : graph.output()) {
    Value value = scope->find(output.name());
    if (!value && scope->isLost(output.name()))
      return failure();
    if (!value)
      return emitError(b.getUnknownLoc())
             << "output '" << output.name() << "' of subgraph '" << graph.name() << "' is not defined";
    outputs.push_back(value);
  }
  return outputs;
}

/// A dimension's name as a model's author meant it: exporters write placeholders for unknown sizes.
static std::string dimName(const ::onnx::TensorShapeProto_Dimension &dim) {
  return dim.dim_param() == "?" ? "" : dim.dim_param();
}

FailureOr<RankedTensorType> GraphImporter::inputType(const ::onnx::ValueInfoProto &input,
                                                     SmallVectorImpl<Attribute> &names) {
  Location loc = NameLoc::get(b.getStringAttr(input.name()));
  if (!input.type().has_tensor_type()) {
    if (Type type = typeOf(input.type(), [&] { return emitError(loc) << "input '" << input.name() << "' "; }))
      return cast<RankedTensorType>(type);
    return failure();
  }
  const auto &tensor = input.type().tensor_type();
  Type element = elementTypeOfNumber(b.getContext(), tensor.elem_type());
  if (!element)
    return emitError(loc) << "input '" << input.name() << "' has the data type " << tensor.elem_type()
                          << ", which is not supported";
  if (tensor.shape().dim_size() > largestRank)
    return emitError(loc) << "input '" << input.name() << "' has " << tensor.shape().dim_size()
                          << " dimensions; at most " << largestRank << " are supported";
  if (!tensor.has_shape())
    return emitError(loc)
           << "input '" << input.name()
           << "' declares no shape, so its rank is unknown; add a shape to the model (its sizes may be names)";
  SmallVector<int64_t> sizes;
  // A declared 0 is how some exporters write an unknown size; a real input without elements would be of no use. A list of integers, such as axes, may
  // be empty.
  bool isList = tensor.shape().dim_size() == 1 && isa<IntegerType>(element);
  for (const auto &[d, dim] : llvm::enumerate(tensor.shape().dim())) {
    int64_t size = dim.has_dim_value() && dim.dim_value() >= (isList ? 0 : 1) ? dim.dim_value() : ShapedType::kDynamic;
    std::string name = size == ShapedType::kDynamic ? dimName(dim) : "";
    // One without a name of its own is given sizes by its place.
    std::string handle = name.empty() ? input.name() + "[" + std::to_string(d) + "]" : name;
    if (size == ShapedType::kDynamic)
      dimNames.insert(b.getStringAttr(handle).getValue());
    for (const NamedDim &given : options.dims) {
      if (size != ShapedType::kDynamic || given.name != handle)
        continue;
      name = handle;
      if (given.versions.empty() && given.minimum == given.maximum)
        size = given.minimum;
    }
    sizes.push_back(size);
    names.push_back(b.getStringAttr(size == ShapedType::kDynamic ? name : ""));
  }
  return RankedTensorType::get(sizes, element);
}

SmallVector<int64_t> importer::declaredSizes(const ::onnx::TensorShapeProto &shape) {
  SmallVector<int64_t> sizes;
  for (const auto &dim : shape.dim())
    sizes.push_back(dim.has_dim_value() && dim.dim_value() >= 0 ? dim.dim_value() : ShapedType::kDynamic);
  return sizes;
}

Type GraphImporter::typeOf(const ::onnx::TypeProto &type, function_ref<InFlightDiagnostic()> refuse) {
  auto unsupported = [&] {
    refuse() << "is a sparse tensor, or holds a type that is not supported; give it as dense tensors";
    return Type();
  };
  bool isSequence = type.has_sequence_type();
  if (isSequence || type.has_optional_type()) {
    auto content = cast_or_null<TensorType>(
        typeOf(isSequence ? type.sequence_type().elem_type() : type.optional_type().elem_type(), refuse));
    if (!content)
      return {};
    if (isSequence && isa<SequenceType, OptionalType>(content.getElementType()))
      return unsupported();
    Type handle = isSequence ? Type(SequenceType::get(b.getContext(), content, /*empty=*/false))
                             : Type(OptionalType::get(b.getContext(), content, /*empty=*/false));
    return RankedTensorType::get({}, handle);
  }
  if (type.has_map_type()) {
    Type key = elementTypeOfNumber(b.getContext(), type.map_type().key_type());
    if (!key)
      return unsupported();
    auto value = cast_or_null<TensorType>(typeOf(type.map_type().value_type(), refuse));
    Type map = value ? MapType::getChecked(refuse, b.getContext(), key, value.getElementType()) : MapType();
    return map ? Type(RankedTensorType::get({}, map)) : Type();
  }
  Type element = type.has_tensor_type() ? elementTypeOfNumber(b.getContext(), type.tensor_type().elem_type()) : Type();
  if (!element)
    return unsupported();
  if (!type.tensor_type().has_shape())
    return UnrankedTensorType::get(element);
  return RankedTensorType::get(declaredSizes(type.tensor_type().shape()), element);
}

LogicalResult GraphImporter::applyDims(ModuleOp module) {
  SmallVector<NamedAttribute> bounds, versions;
  for (const NamedDim &given : options.dims) {
    if (!dimNames.contains(given.name)) {
      InFlightDiagnostic error = emitError(b.getUnknownLoc())
                                 << "the model has no dimension '" << given.name << "' to give a size; ";
      if (dimNames.empty())
        return error << "the sizes of its inputs are fixed";
      return error << "its dimensions are " << llvm::join(dimNames, ", ");
    }
    if (!given.versions.empty())
      versions.push_back(b.getNamedAttr(given.name, b.getDenseI64ArrayAttr(given.versions)));
    else if (given.minimum != given.maximum)
      bounds.push_back(b.getNamedAttr(given.name, b.getDenseI64ArrayAttr({given.minimum, given.maximum})));
  }
  if (!bounds.empty())
    module->setAttr("lepton.dim_bounds", b.getDictionaryAttr(bounds));
  if (!versions.empty())
    module->setAttr("lepton.dim_versions", b.getDictionaryAttr(versions));
  return success();
}

OwningOpRef<ModuleOp> GraphImporter::run() {
  const auto &graph = model.graph();
  ScopedDiagnosticHandler watch(b.getContext(), [&](Diagnostic &diagnostic) {
    errors += diagnostic.getSeverity() == DiagnosticSeverity::Error;
    return failure(); // others print it
  });
  OwningOpRef<ModuleOp> module = ModuleOp::create(b.getUnknownLoc());
  module.get()->setAttr("lepton.name", b.getStringAttr(graph.name()));
  Scope top;
  top.opsets = opsetsOf(model.opset_import());
  top.declare(graph.value_info());
  top.declare(graph.output());
  scope = nullptr; // the check asks for bodies before any value exists
  if (failed(indexFunctions()))
    return {};
  LogicalResult ops = checkOps();
  scope = &top;
  llvm::StringSet<> initializers;
  for (const auto &initializer : graph.initializer())
    initializers.insert(initializer.name());
  for (const auto &sparse : graph.sparse_initializer())
    initializers.insert(sparse.values().name());
  SmallVector<Type> types;
  SmallVector<SmallVector<Attribute>> dims;
  SmallVector<std::string> names;
  for (const auto &input : graph.input()) {
    if (initializers.contains(input.name()))
      continue;
    auto type = inputType(input, dims.emplace_back());
    if (failed(type))
      return {};
    types.push_back(*type);
    names.push_back(input.name());
  }
  if (failed(applyDims(*module)))
    return {};
  b.setInsertionPointToEnd(module->getBody());
  auto main = func::FuncOp::create(b, b.getUnknownLoc(), "main", b.getFunctionType(types, {}));
  Block *body = main.addEntryBlock();
  for (size_t i = 0; i < names.size(); ++i) {
    main.setArgAttr(i, "lepton.name", b.getStringAttr(names[i]));
    main.setArgAttr(i, "lepton.dims", b.getArrayAttr(dims[i]));
    if (!top.values.try_emplace(names[i], body->getArgument(i)).second) {
      emitError(b.getUnknownLoc()) << "input '" << names[i] << "' is defined twice; names must be unique";
      return {};
    }
  }
  b.setInsertionPointToEnd(body);
  if (failed(importInitializers(graph)) || failed(importNodes(graph.node())) || failed(ops))
    return {};
  SmallVector<Value> outputs;
  for (const auto &output : graph.output()) {
    Value value = top.find(output.name());
    if (!value) {
      emitError(b.getUnknownLoc()) << "output '" << output.name() << "' is computed by no node";
      return {};
    }
    outputs.push_back(value);
  }
  func::ReturnOp::create(b, b.getUnknownLoc(), outputs);
  main.setType(b.getFunctionType(types, TypeRange(ValueRange(outputs))));
  for (auto [i, output] : llvm::enumerate(graph.output())) {
    main.setResultAttr(i, "lepton.name", b.getStringAttr(output.name()));
    SmallVector<Attribute> sizes;
    int64_t rank = rankOf(outputs[i]);
    for (int64_t d = 0; d < rank; ++d) {
      bool declared = output.type().has_tensor_type() && output.type().tensor_type().shape().dim_size() == rank;
      sizes.push_back(b.getStringAttr(declared ? dimName(output.type().tensor_type().shape().dim(d)) : ""));
    }
    main.setResultAttr(i, "lepton.dims", b.getArrayAttr(sizes));
  }
  return module;
}

//===----------------------------------------------------------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------------------------------------------------------===//

/// A copy of a node of a function body with the references to the function's attributes replaced by the caller's.
static void resolveAttributes(::onnx::NodeProto &node, const ::onnx::FunctionProto &function,
                              const ::onnx::NodeProto &caller);

static void resolveAttributes(::onnx::GraphProto &graph, const ::onnx::FunctionProto &function,
                              const ::onnx::NodeProto &caller) {
  for (auto &node : *graph.mutable_node())
    resolveAttributes(node, function, caller);
}

static void resolveAttributes(::onnx::NodeProto &node, const ::onnx::FunctionProto &function,
                              const ::onnx::NodeProto &caller) {
  google::protobuf::RepeatedPtrField<::onnx::AttributeProto> resolved;
  for (auto &attribute : *node.mutable_attribute()) {
    if (attribute.ref_attr_name().empty()) {
      if (attribute.has_g())
        resolveAttributes(*attribute.mutable_g(), function, caller);
      *resolved.Add() = attribute;
      continue;
    }
    const ::onnx::AttributeProto *found = nullptr;
    for (const auto &given : function.attribute_proto())
      if (given.name() == attribute.ref_attr_name())
        found = &given;
    for (const auto &given : caller.attribute())
      if (given.name() == attribute.ref_attr_name())
        found = &given;
    if (!found)
      continue; // neither given nor defaulted: the node's own default holds
    auto *copy = resolved.Add();
    *copy = *found;
    copy->set_name(attribute.name());
  }
  node.mutable_attribute()->Swap(&resolved);
}

LogicalResult GraphImporter::importFunction(const ::onnx::FunctionProto &function, const ::onnx::NodeProto &node,
                                            Location loc) {
  if (functionDepth >= deepestFunction)
    return emitError(loc) << "function '" << function.name() << "' nests deeper than " << deepestFunction
                          << " calls; is it recursive?";
  llvm::SaveAndRestore depth(functionDepth, functionDepth + 1);
  Scope inner;
  inner.opsets = opsetsOf(function.opset_import());
  if (!inner.opsets.contains(""))
    inner.opsets[""] = versionIn(scope->opsets, "");
  inner.declare(function.value_info());
  for (int i = 0; i < function.input_size(); ++i)
    inner.values[function.input(i)] =
        i < node.input_size() && !node.input(i).empty() ? scope->find(node.input(i)) : Value();
  Scope *outer = scope;
  scope = &inner;
  bool ok = true;
  for (const auto &bodyNode : function.node()) {
    expandedBytes += bodyNode.ByteSizeLong();
    ::onnx::NodeProto copy = bodyNode;
    resolveAttributes(copy, function, node);
    for (auto &input : *copy.mutable_input()) // an omitted optional operand of the function is omitted in the body
      if (inner.values.contains(input) && !inner.values[input])
        input.clear();
    copy.set_name(node.name() + "/" + (copy.name().empty() ? copy.op_type() : copy.name()));
    if (failed(importNode(copy))) {
      ok = false;
      break;
    }
  }
  scope = outer;
  if (!ok)
    return failure();
  for (int i = 0; i < node.output_size() && i < function.output_size(); ++i) {
    if (node.output(i).empty())
      continue;
    Value value = inner.find(function.output(i));
    if (!value)
      return emitError(loc) << "function '" << function.name() << "' does not compute its output '"
                            << function.output(i) << "'";
    scope->values[node.output(i)] = value;
  }
  return success();
}
