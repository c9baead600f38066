//===- SourceNode.cpp - the model's node that an op comes from, in messages ---------------------------------------------===//

#include "dialects/Lepton/SourceNode.h"

#include "mlir/IR/BuiltinAttributes.h"

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

std::string lepton::userMessage(const Diagnostic &diagnostic) {
  std::string text = diagnostic.str();
  bool namesNode = sourceNode(diagnostic.getLocation()).name.data() != nullptr;
  if (namesNode && StringRef(text).starts_with("'lepton.") && StringRef(text).contains("' op "))
    text = StringRef(text).split("' op ").second.str();
  llvm::replace(text, '\n', ' ');
  return text;
}
