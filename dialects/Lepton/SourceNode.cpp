//===- SourceNode.cpp - the model's node that an op comes from, in messages ---------------------------------------------===//

#include "dialects/Lepton/SourceNode.h"
#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/LeptonOps.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace lepton;

SourceNode lepton::sourceNode(Location loc) {
  if (auto fused = dyn_cast<FusedLoc>(loc))
    for (Location part : fused.getLocations())
      if (SourceNode node = sourceNode(part); !node.name.empty())
        return node;
  auto name = dyn_cast<NameLoc>(loc);
  if (!name)
    return {};
  auto type = dyn_cast<NameLoc>(name.getChildLoc());
  return {name.getName().getValue(), type ? type.getName().getValue() : StringRef()};
}

static std::string modelType(Type type);

static std::string modelElementType(Type type) {
  if (auto sequence = dyn_cast<SequenceType>(type))
    return "seq(" + modelType(sequence.getElement()) + ")";
  if (auto optional = dyn_cast<OptionalType>(type))
    return "optional(" + modelType(optional.getElement()) + ")";
  if (auto map = dyn_cast<MapType>(type))
    return "map(" + modelType(map.getKey()) + ", " + modelType(map.getValue()) + ")";
  return nameOfElementType(type).str();
}

/// A type as ONNX's text has it: `float[2,?]`, of which `float` is a scalar and `float[]` one of any shape. Empty where it has no such type.
static std::string modelType(Type type) {
  auto tensor = dyn_cast<TensorType>(type);
  std::string name = modelElementType(tensor ? tensor.getElementType() : type);
  if (name.empty() || !tensor || (tensor.hasRank() && tensor.getRank() == 0))
    return name;
  SmallVector<std::string> sizes;
  if (tensor.hasRank())
    for (int64_t size : tensor.getShape())
      sizes.push_back(ShapedType::isDynamic(size) ? "?" : std::to_string(size));
  return name + "[" + llvm::join(sizes, ",") + "]";
}

/// Who is told the node reads types as ONNX's text has them, too.
std::string lepton::userMessage(const Diagnostic &diagnostic) {
  const bool namesNode = sourceNode(diagnostic.getLocation()).name.data() != nullptr;
  std::string text;
  llvm::raw_string_ostream os(text);
  for (const DiagnosticArgument &argument : diagnostic.getArguments()) {
    const bool isType = argument.getKind() == DiagnosticArgument::DiagnosticArgumentKind::Type;
    std::string type = namesNode && isType ? modelType(argument.getAsType()) : "";
    type.empty() ? argument.print(os) : void(os << type);
  }
  if (namesNode && StringRef(text).starts_with("'lepton.") && StringRef(text).contains("' op "))
    text = StringRef(text).split("' op ").second.str();
  llvm::replace(text, '\n', ' ');
  return text;
}
