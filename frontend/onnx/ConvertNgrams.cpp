//===- ConvertNgrams.cpp - TfIdfVectorizer -------------------------------------------------------------------------===//

#include "frontend/onnx/ClassicMl.h"
#include "frontend/onnx/Text.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

/// How often each of `count` sequences of `length` numbers occurs in each row of `rows`, its elements `step` apart: [rows, count].
Value occurrences(Node &n, Value rows, ArrayRef<int64_t> pool, int64_t length, int64_t step) {
  int64_t count = pool.size() / length;
  Value span = integer(n, (length - 1) * step), size = sizeOf(n, rows, 1);
  Value places = n.make<MaxOp>({n.make<SubOp>({size, span}), integer(n, 0)});
  Value starts = iota(n, places, 0, 1), all;
  for (int64_t k = 0; k < length; ++k) {
    Value at = n.make<AddOp>({starts, integer(n, k * step)});
    Value element = pick(n, rows, at, 1);
    SmallVector<int64_t> wanted;
    for (int64_t g = 0; g < count; ++g)
      wanted.push_back(pool[g * length + k]);
    Value equal = n.make<EqualOp>({unsqueezed(n, element, ArrayRef<int64_t>{2}), n.g.integers(n.loc, wanted)});
    all = all ? n.make<BitwiseAndOp>({all, equal}) : equal;
  }
  return reduced(n, ReduceKind::sum, n.g.cast(n.loc, all, n.g.b.getF32Type()), ArrayRef<int64_t>{1});
}

/// The counts of all sequences of the pool, in its order; those of lengths that do not count are 0. Null, after an error, where the pool is wrong.
Value allOccurrences(Node &n, Value rows, ArrayRef<int64_t> pool, size_t sequences) {
  SmallVector<int64_t> starts = n.integers("ngram_counts");
  int64_t least = n.integer("min_gram_length", 1), most = n.integer("max_gram_length", 1),
          skips = n.integer("max_skip_count", 0);
  SmallVector<Value> parts;
  size_t total = 0;
  for (size_t i = 0; i < starts.size(); ++i) {
    int64_t length = i + 1, begin = starts[i], end = i + 1 < starts.size() ? starts[i + 1] : int64_t(pool.size());
    if (begin < 0 || begin > end || end > int64_t(pool.size()) || (end - begin) % length) {
      (void)n.error("has ngram_counts that do not fit its pool");
      return {};
    }
    ArrayRef<int64_t> part = pool.slice(begin, end - begin);
    if (part.empty())
      continue;
    total += part.size() / length;
    Value sum;
    for (int64_t skip = 0; skip <= (length == 1 ? 0 : skips); ++skip) {
      Value once = occurrences(n, rows, part, length, skip + 1);
      sum = sum ? n.make<AddOp>({sum, once}) : once;
    }
    parts.push_back(length >= least && length <= most ? sum : n.make<MulOp>({sum, n.scalarLike(sum, 0)}));
  }
  if (total != sequences || parts.empty()) {
    (void)n.error("needs a place in the output for each sequence of its pool");
    return {};
  }
  return joined(n, parts, 1);
}

/// Strings as their places in a pool, where equal ones have the same.
SmallVector<int64_t> lastPlaces(ArrayRef<std::string> pool) {
  llvm::StringMap<int64_t> last;
  for (auto [i, text] : llvm::enumerate(pool))
    last[text] = i;
  return llvm::map_to_vector(pool, [&](const std::string &text) { return last[text]; });
}

LogicalResult tfIdfVectorizer(Node &n) {
  SmallVector<int64_t> places = n.integers("ngram_indexes");
  SmallVector<double> weights = n.numbers("weights");
  std::string mode = n.text("mode", "");
  int64_t skips = n.integer("max_skip_count", 0);
  bool isText = isa<StringType>(n.elementType(0));
  if (n.rank(0) < 1 || n.rank(0) > 2 || !(isText || isa<IntegerType>(n.elementType(0))))
    return n.error("needs an input of integers or strings, of one or two dimensions");
  if (skips < 0 || skips > 1024 || (!weights.empty() && weights.size() != places.size()))
    return n.error("has a max_skip_count or weights that do not fit");
  SmallVector<std::string> texts = n.texts("pool_strings");
  SmallVector<int64_t> pool = isText ? lastPlaces(texts) : n.integers("pool_int64s");
  if (pool.empty())
    return n.error(Twine("lacks its ") + (isText ? "pool_strings" : "pool_int64s"));
  Value x = isText ? numbersOf(n, n.input(0), texts, -1) : toI64(n, n.input(0));
  Value rows = n.rank(0) == 1 ? unsqueezed(n, x, ArrayRef<int64_t>{0}) : x;
  Value counts = allOccurrences(n, rows, pool, places.size());
  if (!counts)
    return failure();
  weights.resize(places.size(), 1);
  if (mode == "IDF")
    counts = n.g.cast(n.loc, n.make<GreaterOp>({counts, n.scalarLike(counts, 0)}), elementTypeOf(counts));
  else if (mode != "TF" && mode != "TFIDF")
    return n.error("has the unknown mode '" + mode + "'");
  if (mode != "TF")
    counts = n.make<MulOp>({counts, numbers(n, weights, elementTypeOf(counts))});
  // Outputs that no sequence has are those of one more, which never occurs.
  int64_t none = places.size(), outputs = *llvm::max_element(places) + 1;
  if (*llvm::min_element(places) < 0 || outputs > (int64_t(1) << 24))
    return n.error("has ngram_indexes that are out of range");
  SmallVector<int64_t> sources(outputs, none);
  for (auto [sequence, place] : llvm::enumerate(places)) {
    if (sources[place] != none)
      return n.error("has ngram_indexes of which two are equal");
    sources[place] = sequence;
  }
  Value zero = n.make<ExpandOp>(
      {n.scalarLike(counts, 0), joined(n, {sizesOf(n, rows, 0, 1), n.g.integers(n.loc, int64_t(1))}, 0)});
  Value y = pick(n, joined(n, {counts, zero}, 1), n.g.integers(n.loc, sources), 1);
  return n.result(n.rank(0) == 1 ? n.g.reshape(n.loc, y, -1) : y);
}

const Entry entries[] = {{"TfIdfVectorizer", 9, tfIdfVectorizer}};

} // namespace

ArrayRef<Entry> importer::ngramConverters() { return entries; }
