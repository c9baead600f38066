//===- ContribAttention.cpp - transformers' operators of com.microsoft as function bodies ----------------------------------===//

#include "frontend/onnx/ContribWriter.h"

using namespace lepton;
using namespace lepton::importer;

namespace {

/// Attention of queries [batch, heads, sequence, head], keys and values, on the way to the standard operators.
struct AttentionBody {
  Body &b;
  int64_t heads;
  std::string q, k, v, mask, bias; // `mask` and `bias` may be added to the scores

  std::string size(const std::string &value, int64_t d) {
    return b.let("Shape <start: int = " + std::to_string(d) + ", end: int = " + std::to_string(d + 1) + "> (" + value +
                 ")");
  }
  /// 0, 1, .. up to a size, itself a list of one.
  std::string range(const std::string &count) {
    std::string zero = b.let("Constant <value_int: int = 0> ()"), one = b.let("Constant <value_int: int = 1> ()");
    return b.let("Range (" + zero + ", " + b.let("Squeeze (" + count + ")") + ", " + one + ")");
  }
  std::string binary(const std::string &op, const std::string &l, const std::string &r) {
    return b.let(op + " (" + l + ", " + r + ")");
  }

  /// [batch, sequence, heads * head] as [batch, heads, sequence, head].
  std::string split(const std::string &value) { return b.transpose(b.reshape(value, {0, 0, heads, -1}), {0, 2, 1, 3}); }

  /// What a mask of numbers adds: nothing where they are not 0.
  std::string penalty(const std::string &isShown) {
    std::string zero = b.constantLike(0, q), low = b.constantLike(filter(), q);
    return b.let("Where (" + isShown + ", " + zero + ", " + low + ")");
  }
  double filter() { return b.find("mask_filter_value") ? b.find("mask_filter_value")->f() : -10000.0; }

  /// Reads the mask in input `i`: lengths [batch], ends and starts [2 batch], or flags [batch, total], [batch, sequence, total] or [batch, 1, most, most].
  void readMask(int i) {
    if (!b.has(i))
      return;
    std::string x = b.x(i);
    int64_t rank = b.rank(i, 2), count = b.size(i, 0), batch = b.size(0, 0);
    if (rank == 1 && count == batch) {
      std::string place = b.let("Cast <to: int = 6> (" + range(size(k, 2)) + ")");
      mask = penalty(binary("Less", place, b.reshape(x, {-1, 1, 1, 1})));
    } else if (rank == 1 && batch > 0 && count == 2 * batch) {
      std::string place = b.let("Cast <to: int = 6> (" + range(size(k, 2)) + ")");
      std::string end = b.reshape(b.slice(x, 0, 0, batch), {-1, 1, 1, 1}),
                  begin = b.reshape(b.slice(x, 0, batch, 2 * batch), {-1, 1, 1, 1});
      mask = penalty(binary("And", binary("Less", place, end), binary("GreaterOrEqual", place, begin)));
    } else if (rank >= 2 && rank <= 4) {
      std::string shown = b.let("Cast <to: int = 9> (" + x + ")");
      if (rank == 4) { // the rows of the queries, which follow the past, and the columns of the keys
        std::string total = size(k, 2), past = binary("Sub", total, size(q, 2)), zero = b.integers(0);
        std::string rows = b.integers(2), columns = b.integers(3);
        shown = b.let("Slice (" + shown + ", " + past + ", " + total + ", " + rows + ")");
        shown = b.let("Slice (" + shown + ", " + zero + ", " + total + ", " + columns + ")");
      } else {
        std::string axes = rank == 2 ? b.integers({1, 2}) : b.integers(1);
        shown = binary("Unsqueeze", shown, axes);
      }
      mask = penalty(shown);
    } else {
      b.refuse();
    }
  }

  /// Hides what comes after each query; queries are the last of all positions.
  std::string causal() {
    std::string total = size(k, 2), length = size(q, 2), row = range(length), past = binary("Sub", total, length);
    std::string position = b.reshape(binary("Add", row, past), {-1, 1});
    std::string isShown = binary("LessOrEqual", range(total), position);
    std::string zero = b.constantLike(0, q), low = b.constantLike(-65504, q);
    return b.let("Where (" + isShown + ", " + zero + ", " + low + ")");
  }

  /// The result [batch, sequence, heads * head].
  std::string result() {
    std::string product = binary("MatMul", q, b.transpose(k, {0, 1, 3, 2})), scale;
    if (b.find("scale") && b.find("scale")->f() != 0) {
      scale = b.constantLike(b.find("scale")->f(), q);
    } else {
      std::string head = b.let("CastLike (" + size(q, 3) + ", " + q + ")");
      scale = b.let("Reciprocal (" + b.let("Sqrt (" + head + ")") + ")");
    }
    std::string scores = binary("Mul", product, scale);
    for (const std::string &more : {mask, b.integer("unidirectional", 0) ? causal() : std::string(), bias})
      if (!more.empty())
        scores = binary("Add", scores, more);
    std::string weights = b.let("Softmax <axis: int = -1> (" + scores + ")");
    return b.reshape(b.transpose(binary("MatMul", weights, v), {0, 2, 1, 3}), {0, 0, -1});
  }

  void concatenatePast(const std::string &key, const std::string &value) {
    k = b.let("Concat <axis: int = 2> (" + key + ", " + k + ")");
    v = b.let("Concat <axis: int = 2> (" + value + ", " + v + ")");
  }
};

void attention(Body &b) {
  AttentionBody a{b, b.integer("num_heads", 0), {}, {}, {}, {}, {}};
  if (a.heads < 1 || b.integer("do_rotary", 0) || b.has(6) || b.integer("past_present_share_buffer", 0))
    return b.refuse();
  b.add("product = MatMul (x0, x1)");
  b.add(b.has(2) ? "all = Add (product, x2)" : "all = Identity (product)");
  if (const auto *sizes = b.find("qkv_hidden_sizes")) {
    if (sizes->ints_size() != 3)
      return b.refuse();
    std::string parts = b.integers({sizes->ints(0), sizes->ints(1), sizes->ints(2)});
    b.add("q, k, v = Split <axis: int = -1> (all, " + parts + ")");
  } else {
    b.add("q, k, v = Split <axis: int = -1, num_outputs: int = 3> (all)");
  }
  a.q = a.split("q");
  a.k = a.split("k");
  a.v = a.split("v");
  if (b.has(4)) {
    std::string zero = b.let("Constant <value_int: int = 0> ()"), one = b.let("Constant <value_int: int = 1> ()");
    a.concatenatePast(b.let("Gather (x4, " + zero + ")"), b.let("Gather (x4, " + one + ")"));
  }
  if (b.wants(1)) {
    std::string first = b.integers(0);
    std::string keys = b.let("Unsqueeze (" + a.k + ", " + first + ")"),
                values = b.let("Unsqueeze (" + a.v + ", " + first + ")");
    b.add("y1 = Concat <axis: int = 0> (" + keys + ", " + values + ")");
  }
  a.readMask(3);
  a.bias = b.has(5) ? "x5" : "";
  b.add("y0 = Identity (" + a.result() + ")");
}

/// Queries, keys and values in three inputs, in two (keys and values packed) or in one.
void multiHeadAttention(Body &b) {
  AttentionBody a{b, b.integer("num_heads", 0), {}, {}, {}, {}, {}};
  if (a.heads < 1 || b.has(8) || b.has(9) || b.wants(3))
    return b.refuse();
  auto part = [&](const std::string &packed, int64_t i) { // of [batch, sequence, heads, 2 or 3, head]
    std::string place = b.let("Constant <value_int: int = " + std::to_string(i) + "> ()");
    return b.transpose(b.let("Gather <axis: int = 3> (" + packed + ", " + place + ")"), {0, 2, 1, 3});
  };
  bool isPacked = b.rank(0, b.has(1) ? 3 : 5) == 5;
  a.q = isPacked ? part("x0", 0) : a.split("x0");
  if (isPacked) {
    a.k = part("x0", 1);
    a.v = part("x0", 2);
  } else if (!b.has(1)) {
    return b.refuse();
  } else if (b.rank(1, 3) == 5) {
    a.k = part("x1", 0);
    a.v = part("x1", 1);
  } else {
    a.k = b.rank(1, 3) == 4 ? "x1" : a.split("x1");
    a.v = b.rank(2, 3) == 4 ? "x2" : a.split("x2");
  }
  if (b.has(3)) { // of queries, keys and values
    std::string width = a.size(a.q, 3), count = b.integers(a.heads);
    std::string hidden = b.let("Mul (" + width + ", " + count + ")"), rest = b.let("Shape (x3)");
    std::string two = b.integers(2);
    rest = b.let("Sub (" + rest + ", " + b.let("Mul (" + hidden + ", " + two + ")") + ")");
    std::string parts = b.let("Concat <axis: int = 0> (" + hidden + ", " + hidden + ", " + rest + ")");
    b.add("bias_q, bias_k, bias_v = Split <axis: int = 0> (x3, " + parts + ")");
    auto biased = [&](std::string &value, const std::string &bias) {
      value = b.let("Add (" + value + ", " + b.reshape(bias, {a.heads, 1, -1}) + ")");
    };
    biased(a.q, "bias_q");
    if (b.rank(1, 3) != 4) { // keys in the layout of the past have theirs
      biased(a.k, "bias_k");
      biased(a.v, "bias_v");
    }
  }
  if (b.has(6) && b.has(7))
    a.concatenatePast("x6", "x7");
  if (b.wants(1))
    b.add("y1 = Identity (" + a.k + ")");
  if (b.wants(2))
    b.add("y2 = Identity (" + a.v + ")");
  a.readMask(4);
  a.bias = b.has(5) ? "x5" : "";
  b.add("y0 = Identity (" + a.result() + ")");
}

/// The standard's, whose positions are there for every element of the batch and the sequence.
void rotaryEmbedding(Body &b) {
  if (b.integer("is_packed_batching", 0))
    return b.refuse();
  int64_t heads = b.integer("num_heads", 0), dimension = b.integer("rotary_embedding_dim", 0), rank = b.rank(0, 3);
  if (rank == 3 && heads == 0) { // the caches have half a head's width
    int64_t width = b.size(0, 2), half = b.size(2, 1);
    if (dimension || width < 1 || half < 1 || width % (2 * half))
      return b.types.empty() ? void() : b.refuse();
    heads = width / (2 * half);
  }
  std::string positions = "x1";
  if (b.rank(1, 2) == 1) { // where the sequence begins
    std::string axis = rank == 4 ? "2" : "1", end = rank == 4 ? "3" : "2";
    std::string length = b.let("Shape <start: int = " + axis + ", end: int = " + end + "> (x0)");
    std::string zero = b.let("Constant <value_int: int = 0> ()"), one = b.let("Constant <value_int: int = 1> ()");
    std::string range = b.let("Range (" + zero + ", " + b.let("Squeeze (" + length + ")") + ", " + one + ")");
    std::string batch = b.let("Shape <start: int = 0, end: int = 1> (x0)");
    std::string shape = b.let("Concat <axis: int = 0> (" + batch + ", " + length + ")");
    positions = b.let("Expand (" + b.let("Add (" + range + ", x1)") + ", " + shape + ")");
  }
  std::string mode = "interleaved: int = " + std::to_string(b.integer("interleaved", 0)) +
                     ", num_heads: int = " + std::to_string(heads) +
                     ", rotary_embedding_dim: int = " + std::to_string(dimension);
  b.add("rotated = RotaryEmbedding <" + mode + "> (x0, x2, x3, " + positions + ")");
  b.add("factor = Constant <value_float: float = " + b.number("scale", 1) + "> ()");
  b.add("own = CastLike (factor, x0)");
  b.add(b.find("scale") && b.find("scale")->f() != 1 ? "y0 = Mul (rotated, own)" : "y0 = Identity (rotated)");
}

/// Sums of the embeddings of words, positions and segments, normalised.
void embedLayerNormalization(Body &b) {
  std::string sum = b.let("Gather (x2, x0)"), positions;
  if (b.has(8)) {
    positions = b.let("Gather (x3, x8)");
  } else {
    std::string length = b.let("Squeeze (" + b.let("Shape <start: int = 1, end: int = 2> (x0)") + ")");
    std::string zero = b.let("Constant <value_int: int = 0> ()"), one = b.let("Constant <value_int: int = 1> ()");
    positions = b.let("Gather (x3, " + b.let("Range (" + zero + ", " + length + ", " + one + ")") + ")");
  }
  sum = b.let("Add (" + sum + ", " + positions + ")");
  if (b.has(1) && b.has(4))
    sum = b.let("Add (" + sum + ", " + b.let("Gather (x4, x1)") + ")");
  b.add("y0 = LayerNormalization <axis: int = -1, epsilon: float = " + b.number("epsilon", 1e-12) + "> (" + sum +
        ", x5, x6)");
  if (b.wants(1)) { // how many positions of each row count
    std::string last = b.integers(1), mask = b.has(7) ? "x7" : b.let("Sub (x0, x0)");
    std::string whole = b.let("Cast <to: int = 6> (" + mask + ")");
    b.add("y1 = ReduceSum <keepdims: int = 0> (" + whole + ", " + last + ")");
  }
  if (b.wants(2))
    b.add("y2 = Identity (" + sum + ")");
}

void skipLayerNormalization(Body &b) {
  b.add("skipped = Add (x0, x1)");
  b.add(b.has(4) ? "y3 = Add (skipped, x4)" : "y3 = Identity (skipped)");
  b.add("y0, y1, y2 = LayerNormalization <axis: int = -1, epsilon: float = " + b.number("epsilon", 1e-12) +
        "> (y3, x2, " + b.x(3) + ")");
}

/// The reciprocal of the root of the mean of the squares along the last dimension.
std::string inverseRoot(Body &b, const std::string &value) {
  std::string real = b.let("Cast <to: int = 1> (" + value + ")"), last = b.integers(-1);
  std::string mean = b.let("ReduceMean (" + b.let("Mul (" + real + ", " + real + ")") + ", " + last + ")");
  std::string epsilon = b.let("Constant <value_float: float = " + b.number("epsilon", 1e-12) + "> ()");
  return b.let("Reciprocal (" + b.let("Sqrt (" + b.let("Add (" + mean + ", " + epsilon + ")") + ")") + ")");
}

void skipSimplifiedLayerNormalization(Body &b) {
  if (b.wants(1))
    b.refuse();
  b.add("skipped = Add (x0, x1)");
  b.add(b.has(3) ? "y3 = Add (skipped, x3)" : "y3 = Identity (skipped)");
  b.add("y0 = RMSNormalization <axis: int = -1, epsilon: float = " + b.number("epsilon", 1e-12) + "> (y3, x2)");
  if (b.wants(2))
    b.add("y2 = Identity (" + inverseRoot(b, "y3") + ")");
}

constexpr Contrib contribs[] = {
    {"Attention", attention, nullptr, "no rotary embedding, no buffer that past and present share"},
    {"EmbedLayerNormalization", embedLayerNormalization},
    {"MultiHeadAttention", multiHeadAttention, nullptr, "no cache indirection, no output of the product"},
    {"RotaryEmbedding", rotaryEmbedding, nullptr, "no packed batches"},
    {"SkipLayerNormalization", skipLayerNormalization},
    {"SkipSimplifiedLayerNormalization", skipSimplifiedLayerNormalization, nullptr,
     "no second output, which is reserved"},
};

} // namespace

llvm::ArrayRef<Contrib> importer::attentionContribs() { return contribs; }
