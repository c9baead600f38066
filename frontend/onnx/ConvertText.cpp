//===- ConvertText.cpp - operators on strings ------------------------------------------------------------------------------===//

#include "frontend/onnx/Compose.h"
#include "frontend/onnx/Regex.h"
#include "frontend/onnx/Text.h"
#include "runtime/core/utf8.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

StringList importer::stringList(GraphBuilder &g, Location loc, ArrayRef<std::string> texts, ArrayRef<int64_t> shape) {
  std::string bytes;
  SmallVector<int64_t> offsets;
  for (const std::string &text : texts) {
    offsets.push_back(bytes.size());
    bytes += text.c_str(); // up to a NUL, which no string can hold
    bytes += '\0';
  }
  Type u8 = IntegerType::get(g.b.getContext(), 8, IntegerType::Unsigned);
  auto bytesType = RankedTensorType::get({int64_t(bytes.size())}, u8);
  auto offsetsType = RankedTensorType::get(shape, g.b.getI64Type());
  ArrayRef<char> raw(reinterpret_cast<const char *>(offsets.data()), offsets.size() * sizeof(int64_t));
  return {g.constant(loc, makeConstant(bytesType, ArrayRef<char>(bytes.data(), bytes.size()))),
          g.constant(loc, makeConstant(offsetsType, raw))};
}

Value importer::stringConstant(GraphBuilder &g, Location loc, ArrayRef<std::string> texts, ArrayRef<int64_t> shape) {
  StringList list = stringList(g, loc, texts, shape);
  return g.create<StringLiteralsOp>(loc, {list.bytes, list.offsets});
}

Value importer::numbersOf(Node &n, Value value, ArrayRef<std::string> texts, int64_t missing) {
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, texts.size()));
  llvm::sort(order, [&](int64_t a, int64_t b) { return std::tie(texts[a], b) < std::tie(texts[b], a); });
  auto isSame = [&](int64_t a, int64_t b) { return texts[a] == texts[b]; };
  order.erase(llvm::unique(order, isSame), order.end());
  SmallVector<std::string> sorted;
  for (int64_t i : order)
    sorted.push_back(texts[i]);
  StringList list = stringList(n.g, n.loc, sorted, {int64_t(sorted.size())});
  Value place = n.make<StringLookupOp>({value, list.bytes, list.offsets});
  order.insert(order.begin(), missing); // what is not in the list
  return pick(n, n.g.integers(n.loc, order), n.make<AddOp>({place, integer(n, 1)}));
}

Value importer::comparable(Node &n, Value value) {
  return isa<StringType>(elementTypeOf(value)) ? n.make<StringRankOp>(value) : value;
}

Value importer::spelled(Node &n, Value numbers) {
  Builder &b = n.g.b;
  Type type = elementTypeOf(numbers), wide = b.getF32Type();
  if (isa<IntegerType>(type))
    wide = type.isUnsignedInteger() ? Type(IntegerType::get(b.getContext(), 64, IntegerType::Unsigned))
                                    : Type(b.getI64Type());
  else if (type.isF64())
    wide = type;
  return n.make<NumberToStringOp>(n.g.cast(n.loc, numbers, wide));
}

Value importer::readAs(Node &n, Value strings, Type elementType) {
  Type wide = isa<IntegerType>(elementType) ? Type(n.g.b.getI64Type()) : Type(n.g.b.getF64Type());
  return n.g.cast(n.loc, n.make<StringToNumberOp>(strings, n.g.attr("to", TypeAttr::get(wide))), elementType);
}

namespace {

Value delimiterOf(Node &n) { return stringList(n.g, n.loc, {n.text("delimiter", "")}, {1}).bytes; }

LogicalResult stringConcat(Node &n) { return n.result(n.make<StringConcatOp>({n.input(0), n.input(1)})); }

LogicalResult stringSplit(Node &n) {
  auto most = n.g.attr("maxsplit", n.integer("maxsplit", -1));
  Value x = n.input(0), delimiter = delimiterOf(n), count = n.make<StringSplitCountOp>({x, delimiter}, most);
  if (!count)
    return failure();
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(x)));
  Value width = axes.empty() ? count : reduced(n, ReduceKind::max, count, axes);
  width = n.make<lepton::MaxOp>({width, integer(n, 0)}); // of no strings at all
  n.set(1, count);
  return n.result(n.make<StringSplitOp>({x, delimiter, width}, most));
}

LogicalResult regexFullMatch(Node &n) {
  if (!n.has("pattern"))
    return n.error("lacks its pattern");
  std::string error;
  auto automaton = compileRegex(n.text("pattern", ""), error);
  if (!automaton)
    return n.error("has the pattern '" + n.text("pattern", "") + "', which " + error);
  Builder &b = n.g.b;
  int64_t states = automaton->accepting.size();
  auto raw = [](const auto &values) {
    return ArrayRef<char>(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(values[0]));
  };
  auto constant = [&](ArrayRef<int64_t> shape, Type type, ArrayRef<char> bytes) {
    return n.g.constant(n.loc, makeConstant(RankedTensorType::get(shape, type), bytes));
  };
  Type u8 = IntegerType::get(b.getContext(), 8, IntegerType::Unsigned);
  int64_t classes = automaton->transitions.size() / states;
  return n.result(n.make<StringMatchOp>({n.input(0), constant({256}, u8, raw(automaton->classes)),
                                         constant({states, classes}, b.getI32Type(), raw(automaton->transitions)),
                                         constant({states}, b.getI1Type(), raw(automaton->accepting))}));
}

Value inCase(Node &n, Value x, bool upper) {
  return n.make<StringCaseOp>(x, upper ? ArrayRef<NamedAttribute>(n.g.flag("upper")) : ArrayRef<NamedAttribute>());
}

/// Strings that are no stop words, in another case. Where none is left, one empty string is.
LogicalResult stringNormalizer(Node &n) {
  Value x = n.input(0);
  int64_t rank = rankOf(x);
  auto type = cast<RankedTensorType>(x.getType());
  if (rank < 1 || rank > 2 || (rank == 2 && !type.isDynamicDim(0) && type.getDimSize(0) != 1))
    return n.error("takes strings [count] or [1, count]");
  std::string action = n.text("case_change_action", "NONE");
  if (action != "NONE" && action != "LOWER" && action != "UPPER")
    return n.error("has the case_change_action '" + action + "'; NONE, LOWER and UPPER are allowed");
  SmallVector<std::string> stops = n.texts("stopwords");
  x = rank == 2 ? n.g.reshape(n.loc, x, {-1}) : x;
  Value changed = action == "NONE" ? x : inCase(n, x, action == "UPPER");
  if (!stops.empty()) {
    bool exact = n.integer("is_case_sensitive", 0) != 0;
    for (std::string &stop : stops)
      if (!exact)
        rt::changeCase(stop.data(), /*upper=*/false);
    Value keeps = n.make<LessOp>({numbersOf(n, exact ? x : inCase(n, x, false), stops, -1), integer(n, 0)});
    if (!keeps)
      return failure();
    Value left = reduced(n, ReduceKind::sum, toI64(n, keeps), {0});
    Value nothing = n.make<EqualOp>({left, integer(n, 0)});
    // One empty string behind the others, which counts where no other does.
    changed = joined(n, {changed, stringConstant(n.g, n.loc, {std::string()}, {1})}, 0);
    changed = pick(n, changed, truePlaces(n, joined(n, {keeps, unsqueezed(n, nothing, {0})}, 0)));
  }
  return n.result(rank == 2 ? unsqueezed(n, changed, {0}) : changed);
}

const Entry entries[] = {
    {"StringConcat", 20, stringConcat},
    {"StringSplit", 20, stringSplit},
    {"RegexFullMatch", 20, regexFullMatch, "", "no Unicode classes, no named sets, no sets of characters beyond ASCII"},
    {"StringNormalizer", 10, stringNormalizer},
};

} // namespace

ArrayRef<Entry> importer::textConverters() { return entries; }
