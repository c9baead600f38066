//===- Node.cpp - one ONNX node being converted, and the table of converters --------------------------------------------===//

#include "frontend/onnx/Node.h"
#include "frontend/onnx/GraphImporter.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

Node::Node(GraphImporter &importer, const ::onnx::NodeProto &proto, Location loc, int64_t version)
    : importer(importer), proto(proto), g(importer.g), loc(loc), version(version) {
  for (const std::string &name : proto.input())
    inputs.push_back(name.empty() ? Value() : importer.scope->find(name));
}

std::optional<int64_t> Node::declaredRank(int i) const {
  auto it = wants(i) ? importer.scope->ranks.find(proto.output(i)) : importer.scope->ranks.end();
  return it == importer.scope->ranks.end() ? std::nullopt : std::optional(it->second);
}

void Node::set(int i, Value value) {
  if (wants(i))
    importer.scope->values[proto.output(i)] = value;
}

LogicalResult Node::result(Value value) {
  if (!value)
    return failure();
  set(0, value);
  return success();
}

LogicalResult Node::error(const Twine &message) const { return emitError(loc) << message; }

const ::onnx::AttributeProto *Node::attribute(StringRef name) const {
  for (const auto &attribute : proto.attribute())
    if (attribute.name() == name)
      return &attribute;
  return nullptr;
}

int64_t Node::integer(StringRef name, int64_t otherwise) const {
  const auto *found = attribute(name);
  return found ? found->i() : otherwise;
}

double Node::number(StringRef name, double otherwise) const {
  const auto *found = attribute(name);
  return found ? found->f() : otherwise;
}

std::string Node::text(StringRef name, StringRef otherwise) const {
  const auto *found = attribute(name);
  return found ? found->s() : otherwise.str();
}

SmallVector<int64_t> Node::integers(StringRef name, ArrayRef<int64_t> otherwise) const {
  const auto *found = attribute(name);
  return found ? SmallVector<int64_t>(found->ints().begin(), found->ints().end()) : SmallVector<int64_t>(otherwise);
}

SmallVector<double> Node::numbers(StringRef name) const {
  const auto *found = attribute(name);
  return found ? SmallVector<double>(found->floats().begin(), found->floats().end()) : SmallVector<double>();
}

SmallVector<std::string> Node::texts(StringRef name) const {
  const auto *found = attribute(name);
  return found ? SmallVector<std::string>(found->strings().begin(), found->strings().end())
               : SmallVector<std::string>();
}

std::optional<SmallVector<int64_t>> Node::constantIntegers(int i) const {
  return input(i) ? g.shapes.constantElements(input(i)) : std::nullopt;
}

std::optional<SmallVector<double>> Node::constantNumbers(int i) const {
  auto constant = input(i) ? input(i).getDefiningOp<ConstantOp>() : ConstantOp();
  if (!constant || !isFloat(i))
    return std::nullopt;
  SmallVector<double> values;
  for (int64_t k = 0; k < constant.getType().getNumElements(); ++k)
    values.push_back(readFloat(constant.getValue(), k));
  return values;
}

FailureOr<int64_t> Node::axis(int64_t value, int64_t rank) const {
  if (value < -rank || value >= rank) {
    (void)error("has the axis " + Twine(value) + ", out of range for rank " + Twine(rank));
    return failure();
  }
  return value < 0 ? value + rank : value;
}

FailureOr<std::optional<SmallVector<int64_t>>> Node::axes(int i, int64_t rank) {
  SmallVector<int64_t> given;
  if (has("axes")) {
    given = integers("axes");
  } else if (input(i)) {
    auto values = constantIntegers(i);
    if (!values) {
      (void)error("takes its axes from a computed value, so the rank of the result is unknown; make them a constant");
      return failure();
    }
    given = *values;
  } else {
    return std::optional<SmallVector<int64_t>>();
  }
  for (int64_t &value : given) {
    auto known = axis(value, rank);
    if (failed(known))
      return failure();
    value = *known;
  }
  llvm::sort(given);
  given.erase(llvm::unique(given), given.end());
  return std::optional(given);
}

std::vector<ArrayRef<Entry>> importer::converterFamilies() {
  return {mathConverters(),        movementConverters(), indexingConverters(),  reductionConverters(),
          convolutionConverters(), controlConverters(),  recurrentConverters(), resizeConverters(),
          quantizeConverters(),    einsumConverters(),   samplingConverters(),  selectionConverters(),
          signalConverters(),      randomConverters(),   trainingConverters(),  classicMlConverters(),
          classifierConverters(),  treeConverters(),     textConverters(),      sequenceConverters(),
          gradientConverters(),    ngramConverters(),    imageConverters(),     attentionConverters(),
          mapConverters()};
}

Converter importer::findConverter(StringRef domain, StringRef op, int64_t version) {
  // Domain and op -> entries by version. Built once; the tables are constant.
  static const auto *table = [] {
    auto *map = new llvm::StringMap<std::vector<const Entry *>>();
    for (ArrayRef<Entry> family : converterFamilies())
      for (const Entry &entry : family)
        (*map)[(Twine(entry.domain) + ":" + entry.op).str()].push_back(&entry);
    return map;
  }();
  auto it = table->find((domain + ":" + op).str());
  Converter best = nullptr;
  int since = 0;
  if (it != table->end())
    for (const Entry *entry : it->second)
      if (entry->since <= version && entry->since >= since) {
        best = entry->convert;
        since = entry->since;
      }
  return best;
}
