//===- ConvertMaps.cpp - operators of ai.onnx.ml on maps ---------------------------------------------------------------------===//

#include "frontend/onnx/ClassicMl.h"
#include "frontend/onnx/Text.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

/// The keys that a node's attributes list, of strings or integers: a vector. Null, after an error, where not one of them is given.
Value keysFrom(Node &n, StringRef strings, StringRef integers) {
  SmallVector<std::string> texts = n.texts(strings);
  SmallVector<int64_t> numbers = n.integers(integers);
  if (texts.empty() == numbers.empty()) {
    (void)n.error("needs either " + strings + " or " + integers);
    return {};
  }
  if (!texts.empty())
    return stringConstant(n.g, n.loc, texts, {int64_t(texts.size())});
  return n.g.integers(n.loc, numbers);
}

/// What stands where a map has no value: zero, or the string `empty`.
Value nothing(Node &n, Type type, StringRef empty) {
  return isa<StringType>(type) ? stringConstant(n.g, n.loc, {empty.str()}, {}) : n.g.scalar(n.loc, type, 0);
}

/// The type of the map that a node takes; null after an error.
MapType mapOf(Node &n) {
  auto type = dyn_cast<MapType>(n.elementType(0));
  if (!type)
    (void)n.error("takes a map");
  return type;
}

template <typename T> bool hasTwice(ArrayRef<T> values) {
  SmallVector<T> sorted(values);
  llvm::sort(sorted);
  return std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
}

LogicalResult zipMap(Node &n) {
  if (n.rank(0) < 1 || n.rank(0) > 2)
    return n.error("takes scores [classes] or [batch, classes]");
  StringRef strings = "classlabels_strings", integers = "classlabels_int64s";
  Value keys = keysFrom(n, strings, integers);
  if (!keys)
    return failure();
  if (hasTwice<std::string>(n.texts(strings)) || hasTwice<int64_t>(n.integers(integers)))
    return n.error("has a class label twice; the keys of a map are distinct");
  Value scores = n.rank(0) == 1 ? unsqueezed(n, n.input(0), ArrayRef<int64_t>{0}) : n.input(0);
  return n.result(n.make<MapZipOp>({keys, scores}));
}

/// Values as numbers or strings of a type that may be another.
Value castTo(Node &n, Value values, Type type) {
  bool isText = isa<StringType>(elementTypeOf(values));
  if (isa<StringType>(type))
    return isText ? values : spelled(n, values);
  return isText ? readAs(n, values, type) : n.g.cast(n.loc, values, type);
}

LogicalResult castMap(Node &n) {
  MapType map = mapOf(n);
  if (!map)
    return failure();
  Builder &b = n.g.b;
  std::string form = n.text("map_form", "DENSE"), to = n.text("cast_to", "TO_FLOAT");
  Type type = to == "TO_FLOAT"    ? Type(b.getF32Type())
              : to == "TO_INT64"  ? Type(b.getI64Type())
              : to == "TO_STRING" ? Type(StringType::get(b.getContext()))
                                  : Type();
  if (!type)
    return n.error("has the cast_to '" + to + "'; TO_FLOAT, TO_INT64 and TO_STRING are allowed");
  Value values;
  if (form == "DENSE") {
    values = n.make<MapValuesOp>({n.input(0), n.make<MapLengthOp>(n.input(0))});
  } else if (form == "SPARSE") {
    int64_t size = n.integer("max_map", 1);
    if (size < 1)
      return n.error("has a max_map of " + Twine(size) + "; it is the number of columns");
    StringRef empty = isa<StringType>(type) ? "" : "0"; // which is read as a number
    values = n.make<MapAtOp>({n.input(0), iota(n, integer(n, size), 0, 1), nothing(n, map.getValue(), empty)});
  } else {
    return n.error("has the map_form '" + form + "'; DENSE and SPARSE are allowed");
  }
  return values ? n.result(unsqueezed(n, castTo(n, values, type), {0})) : failure();
}

LogicalResult dictVectorizer(Node &n) {
  MapType map = mapOf(n);
  Value keys = map ? keysFrom(n, "string_vocabulary", "int64_vocabulary") : Value();
  if (!keys)
    return failure();
  if (elementTypeOf(keys) != map.getKey())
    return n.error("has a vocabulary of another type than the map's keys");
  Value values = n.make<MapAtOp>({n.input(0), keys, nothing(n, map.getValue(), "")});
  return values ? n.result(unsqueezed(n, values, {0})) : failure();
}

const Entry entries[] = {
    {"ZipMap", 1, zipMap, classicDomain},
    {"CastMap", 1, castMap, classicDomain},
    {"DictVectorizer", 1, dictVectorizer, classicDomain},
};

} // namespace

ArrayRef<Entry> importer::mapConverters() { return entries; }
