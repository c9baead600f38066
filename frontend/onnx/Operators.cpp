//===- Operators.cpp - the list of what the importer takes --------------------------------------------------------------===//

#include "frontend/onnx/Operators.h"
#include "frontend/onnx/ContribBody.h"
#include "frontend/onnx/Node.h"

#include "onnx/defs/schema.h"

#include <set>
#include <tuple>

using namespace lepton;
using namespace lepton::importer;

/// Whether every operator in a fixed body has a converter or such a body itself.
static bool isCovered(const ::onnx::OpSchema &schema, int depth = 8) {
  const auto *body = schema.HasFunction() ? schema.GetFunction(schema.SinceVersion(), false) : nullptr;
  if (!body || depth == 0)
    return schema.HasContextDependentFunction();
  int64_t version = schema.SinceVersion();
  for (const auto &import : body->opset_import())
    if (import.domain().empty())
      version = import.version();
  return llvm::all_of(body->node(), [&](const ::onnx::NodeProto &node) {
    const auto *inner = ::onnx::OpSchemaRegistry::Schema(node.op_type(), version, node.domain());
    return findConverter(node.domain(), node.op_type(), version) || (inner && isCovered(*inner, depth - 1));
  });
}

std::vector<OperatorEntry> lepton::supportedOperators() {
  auto key = [](const OperatorEntry &entry) { return std::tie(entry.domain, entry.name, entry.since); };
  auto less = [&](const OperatorEntry &a, const OperatorEntry &b) { return key(a) < key(b); };
  std::set<OperatorEntry, decltype(less)> found(less);
  std::set<std::pair<std::string, std::string>> converted;
  for (llvm::ArrayRef<Entry> family : converterFamilies())
    for (const Entry &entry : family) {
      found.insert({entry.domain, entry.op, entry.since, false});
      converted.insert({entry.domain, entry.op});
    }
  for (const char *name : contribNames())
    found.insert({"com.microsoft", name, 1, true});
  for (const ::onnx::OpSchema &schema : ::onnx::OpSchemaRegistry::get_all_schemas_with_history())
    if ((schema.HasFunction() || schema.HasContextDependentFunction()) &&
        !converted.count({schema.domain(), schema.Name()}) && isCovered(schema))
      found.insert({schema.domain(), schema.Name(), schema.SinceVersion(), true});
  return {found.begin(), found.end()};
}
