//===- Operators.cpp - the list of what the importer takes --------------------------------------------------------------===//

#include "frontend/onnx/Operators.h"
#include "frontend/onnx/ContribBody.h"
#include "frontend/onnx/Node.h"

#include "onnx/defs/schema.h"
#include "llvm/ADT/StringExtras.h"

#include <limits>
#include <map>
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

/// Types of tensors, those that often come together under one name.
static std::string shorten(std::set<std::string> types) {
  static constexpr std::pair<const char *, const char *> groups[] = {
      {"floats", "float16 bfloat16 float double"},
      {"ints", "int8 int16 int32 int64"},
      {"uints", "uint8 uint16 uint32 uint64"},
      {"float8s", "float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz"},
  };
  std::vector<std::string> names;
  for (auto [group, members] : groups) {
    llvm::SmallVector<llvm::StringRef> parts;
    llvm::StringRef(members).split(parts, ' ');
    if (!llvm::all_of(parts, [&](llvm::StringRef part) { return types.count(part.str()); }))
      continue;
    names.push_back(group);
    for (llvm::StringRef part : parts)
      types.erase(part.str());
  }
  names.insert(names.end(), types.begin(), types.end());
  return llvm::join(names, ", ");
}

/// The types of an operator, by the standard's type parameters; operands of one type only by their names.
static std::string typesOf(const ::onnx::OpSchema &schema) {
  std::vector<std::string> parts;
  auto add = [&](const std::string &name, const auto &allowed) {
    std::map<std::string, std::set<std::string>> wrapped; // `optional(seq(` -> the types of the tensors in them
    for (llvm::StringRef type : allowed) {
      auto [wrapper, rest] = type.split("tensor(");
      llvm::StringRef element = rest.split(')').first;
      if (element != "string" || !takesNoStrings(schema.Name()))
        wrapped[wrapper.str()].insert(element.str());
    }
    std::vector<std::string> texts;
    for (const auto &[wrapper, types] : wrapped) // of maps the schemas write no tensors: `map(int64, float)`
      texts.push_back(wrapper + shorten(types) +
                      std::string(llvm::count(wrapper, '(') - llvm::count(wrapper, ')'), ')'));
    parts.push_back(name + ": " + llvm::join(texts, ", "));
  };
  for (const auto &parameter : schema.typeConstraintParams())
    add(parameter.type_param_str, parameter.allowed_type_strs);
  for (const auto &input : schema.inputs())
    if (llvm::StringRef(input.GetTypeStr()).contains('('))
      add(input.GetName(), std::vector<std::string>{input.GetTypeStr()});
  return llvm::join(parts, "; ");
}

std::vector<OperatorEntry> lepton::supportedOperators() {
  auto key = [](const OperatorEntry &entry) { return std::tie(entry.domain, entry.name, entry.since); };
  auto less = [&](const OperatorEntry &a, const OperatorEntry &b) { return key(a) < key(b); };
  std::set<OperatorEntry, decltype(less)> found(less);
  std::set<std::pair<std::string, std::string>> converted;
  for (llvm::ArrayRef<Entry> family : converterFamilies())
    for (const Entry &entry : family) {
      found.insert({entry.domain, entry.op, entry.since, false, entry.limit, {}});
      converted.insert({entry.domain, entry.op});
    }
  for (const ContribOperator &contrib : contribOperators())
    found.insert({"com.microsoft", contrib.name, 1, true, contrib.limit, {}});
  for (const ::onnx::OpSchema &schema : ::onnx::OpSchemaRegistry::get_all_schemas_with_history())
    if ((schema.HasFunction() || schema.HasContextDependentFunction()) &&
        !converted.count({schema.domain(), schema.Name()}) && isCovered(schema))
      found.insert({schema.domain(), schema.Name(), schema.SinceVersion(), true, {}, {}});
  std::vector<OperatorEntry> operators(found.begin(), found.end());
  for (size_t i = 0; i < operators.size(); ++i) {
    OperatorEntry &entry = operators[i];
    bool isLast =
        i + 1 == operators.size() || operators[i + 1].domain != entry.domain || operators[i + 1].name != entry.name;
    int last = isLast ? std::numeric_limits<int>::max() : operators[i + 1].since - 1;
    if (const auto *schema = ::onnx::OpSchemaRegistry::Schema(entry.name, last, entry.domain))
      entry.types = typesOf(*schema);
  }
  return operators;
}
