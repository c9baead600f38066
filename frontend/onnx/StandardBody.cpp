//===- StandardBody.cpp - the function bodies that the standard gives its operators --------------------------------------===//

#include "frontend/onnx/ContribBody.h"
#include "frontend/onnx/GraphImporter.h"

#include "onnx/defs/function.h"
#include "onnx/defs/schema.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

static ::onnx::TypeProto protoOf(TensorType tensor) {
  ::onnx::TypeProto type;
  Type element = tensor.getElementType();
  if (auto sequence = dyn_cast<SequenceType>(element)) {
    *type.mutable_sequence_type()->mutable_elem_type() = protoOf(sequence.getElement());
    return type;
  }
  if (auto optional = dyn_cast<OptionalType>(element)) {
    *type.mutable_optional_type()->mutable_elem_type() = protoOf(optional.getElement());
    return type;
  }
  if (auto map = dyn_cast<MapType>(element)) {
    type.mutable_map_type()->set_key_type(numberOfElementType(map.getKey()));
    *type.mutable_map_type()->mutable_value_type() = protoOf(RankedTensorType::get({}, map.getValue()));
    return type;
  }
  auto *proto = type.mutable_tensor_type();
  proto->set_elem_type(numberOfElementType(element));
  if (!tensor.hasRank())
    return type;
  proto->mutable_shape();
  for (int64_t size : tensor.getShape()) {
    auto *dim = proto->mutable_shape()->add_dim();
    if (!ShapedType::isDynamic(size))
      dim->set_dim_value(size);
  }
  return type;
}

/// As schemas and messages write it: `tensor(int4)`, `seq(tensor(float))`, `map(int64,tensor(float))`.
static std::string typeName(TensorType tensor) {
  Type element = tensor.getElementType();
  if (auto sequence = dyn_cast<SequenceType>(element))
    return "seq(" + typeName(sequence.getElement()) + ")";
  if (auto optional = dyn_cast<OptionalType>(element))
    return "optional(" + typeName(optional.getElement()) + ")";
  if (auto map = dyn_cast<MapType>(element))
    return ("map(" + nameOfElementType(map.getKey()) + ",tensor(" + nameOfElementType(map.getValue()) + "))").str();
  return ("tensor(" + nameOfElementType(element) + ")").str();
}

static bool allows(const ::onnx::OpSchema::FormalParameter &formal, TensorType tensor) {
  return llvm::any_of(formal.GetTypes(),
                      [name = typeName(tensor)](::onnx::DataType type) { return type && *type == name; });
}

/// Types that only some operators take, those that the standard names: narrow ones, complex numbers, and handles.
static bool hasFewOperators(Type element) {
  return isNarrow(element) || isHandle(element) || isa<ComplexType>(element);
}

static StringRef remedyFor(Type element) {
  return isNarrow(element)           ? "; insert a cast"
         : isa<ComplexType>(element) ? "; store the real and the imaginary parts as tensors of their own"
                                     : "";
}

bool importer::takesNoStrings(StringRef op) {
  return llvm::is_contained({"GridSample", "Upsample", "Resize", "Trilu", "Pad", "CenterCropPad", "Col2Im",
                             "TensorScatter", "RandomUniformLike", "RandomNormalLike"},
                            op);
}

namespace {
/// What a number must be wherever the standard has an attribute of this name.
struct AttributeRange {
  const char *name;
  int64_t least, most = std::numeric_limits<int64_t>::max();
};
} // namespace

/// Sizes and distances stay so small that their products and sums are numbers of 64 bits.
static constexpr int64_t largest = int64_t(1) << 31;
static constexpr AttributeRange attributeRanges[] = {
    {"group", 1, largest},
    {"num_groups", 1, largest},
    {"hidden_size", 1, largest},
    {"blocksize", 1, 1 << 20},
    {"layout", 0, 1},
    {"p", 1},
    {"size", 1, largest},
    {"sample_size", 0, largest},
    {"num_scan_inputs", 1, largest},
    {"num_outputs", 1, largest},
    {"kernel_shape", 1, largest},
    {"strides", 1, largest},
    {"dilations", 1, largest},
    {"pads", -largest, largest},
    {"output_padding", 0, largest},
    {"output_shape", 0, largest},
    {"block_size", 0, largest},
    {"output_height", 1, largest},
    {"output_width", 1, largest},
};

/// What is wrong with an attribute's numbers; empty where nothing is.
static std::string faultOf(const ::onnx::AttributeProto &attribute) {
  for (const AttributeRange &range : attributeRanges) {
    if (attribute.name() != range.name)
      continue;
    std::vector<int64_t> values(attribute.ints().begin(), attribute.ints().end());
    if (attribute.type() == ::onnx::AttributeProto::INT)
      values.push_back(attribute.i());
    for (int64_t value : values)
      if (value < range.least || value > range.most)
        return "has the attribute '" + attribute.name() + "' with " + std::to_string(value) + "; it must be at least " +
               std::to_string(range.least) +
               (range.most == std::numeric_limits<int64_t>::max() ? "" : " and at most " + std::to_string(range.most));
  }
  return {};
}

LogicalResult GraphImporter::checkNode(const ::onnx::NodeProto &node, int64_t version, Location loc) {
  const auto *schema =
      ::onnx::OpSchemaRegistry::Schema(node.op_type(), version, node.domain() == "ai.onnx" ? "" : node.domain());
  if (!schema)
    return success();
  auto fail = [&](const Twine &message) -> LogicalResult { return emitError(loc) << message; };
  if (node.input_size() < schema->min_input() || node.input_size() > schema->max_input())
    return fail("has " + Twine(node.input_size()) + " inputs; " + Twine(schema->min_input()) + " to " +
                Twine(schema->max_input()) + " are allowed");
  if (node.output_size() < schema->min_output() || node.output_size() > schema->max_output())
    return fail("has " + Twine(node.output_size()) + " outputs; " + Twine(schema->min_output()) + " to " +
                Twine(schema->max_output()) + " are allowed");
  for (int i = 0; i < node.input_size(); ++i) {
    const auto &formal = schema->inputs()[std::min<size_t>(i, schema->inputs().size() - 1)];
    if (node.input(i).empty() && formal.GetOption() != ::onnx::OpSchema::Optional)
      return fail("lacks its input '" + formal.GetName() + "'");
    // Operators compute in wider types than the standard asks for, but nothing says what those are for types such as these.
    Value value = node.input(i).empty() ? Value() : scope->find(node.input(i));
    if (!value || !hasFewOperators(elementTypeOf(value)))
      continue;
    auto type = cast<TensorType>(value.getType());
    if (!allows(formal, type))
      return fail("has the input '" + node.input(i) + "' of type " + typeName(type) +
                  ", which the standard does not allow there" + remedyFor(type.getElementType()));
    if (isHandle(type.getElementType()) && takesNoStrings(node.op_type()))
      return fail("has the input '" + node.input(i) + "' of type " + typeName(type) +
                  ", which is not supported there; look its strings up as numbers first");
  }
  for (const auto &[name, formal] : schema->attributes()) {
    const ::onnx::AttributeProto *given = nullptr;
    for (const auto &attribute : node.attribute())
      if (attribute.name() == name)
        given = &attribute;
    if (!given && formal.required)
      return fail("lacks its attribute '" + name + "'");
    // Models of the first IR versions leave the type out.
    if (given && given->type() != formal.type && given->type() != ::onnx::AttributeProto::UNDEFINED)
      return fail("has the attribute '" + name + "' of another type than the standard's");
    if (std::string fault = given ? faultOf(*given) : ""; !fault.empty())
      return fail(fault);
  }
  return success();
}

std::unique_ptr<::onnx::FunctionProto> GraphImporter::standardBody(const ::onnx::NodeProto &node, int64_t version) {
  std::vector<::onnx::TypeProto> types;
  for (int i = 0; scope && i < node.input_size(); ++i) {
    Value value = node.input(i).empty() ? Value() : scope->find(node.input(i));
    types.push_back(value ? protoOf(cast<TensorType>(value.getType())) : ::onnx::TypeProto());
  }
  if (auto body = contribBody(node, types))
    return body;
  try {
    std::string domain = node.domain() == "ai.onnx" ? "" : node.domain();
    const auto *schema = ::onnx::OpSchemaRegistry::Schema(node.op_type(), version, domain);
    if (!schema)
      return nullptr;
    auto body = std::make_unique<::onnx::FunctionProto>();
    if (schema->HasFunction()) {
      const auto *function = schema->GetFunction(version, /*validate=*/false);
      if (!function)
        return nullptr;
      *body = *function;
    } else if (schema->HasContextDependentFunction()) {
      if (!scope) // only asked whether there is one
        return body;
      ::onnx::FunctionBodyBuildContextImpl context(node, types);
      if (!schema->BuildContextDependentFunction(context, *body, version))
        return nullptr;
    } else {
      return nullptr;
    }
    // A body says little of itself: its attributes' defaults and its operator set are the schema's.
    for (const auto &[name, attribute] : schema->attributes())
      if (attribute.default_value.has_name() || attribute.default_value.type() != ::onnx::AttributeProto::UNDEFINED) {
        auto *copy = body->add_attribute_proto();
        *copy = attribute.default_value;
        copy->set_name(name);
      }
    return body;
  } catch (const std::exception &) {
    return nullptr; // the schema refuses the node; it counts as an op without a body
  }
}
