//===- ConvertAttention.cpp - attention whose steps a model changes by subgraphs ---------------------------------------------===//
//
// The standard's body of FlexAttention would do, but that names in it hide those of the graph around, which the subgraphs may read.
//
//===----------------------------------------------------------------------------------------------------------------------===//

#include "frontend/onnx/Compose.h"
#include "frontend/onnx/GraphImporter.h"

#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

/// What the subgraph of an attribute makes of a value; the value itself where there is none. Null after an error.
Value modified(Node &n, StringRef name, Value value) {
  const auto *attribute = n.attribute(name);
  if (!value || !attribute)
    return value;
  auto outputs = n.importer.importSubgraph(attribute->g(), value);
  if (failed(outputs))
    return {};
  auto type = cast<RankedTensorType>(value.getType());
  auto made = outputs->size() == 1 ? cast<RankedTensorType>(outputs->front().getType()) : RankedTensorType();
  if (made && made.getElementType() == type.getElementType() && succeeded(verifyCompatibleShape(type, made)))
    return outputs->front();
  (void)n.error("needs a '" + name + "' that makes one tensor of the type and shape of its input");
  return {};
}

/// Keys or values [batch, kv_heads, length, size] with each head as often as query heads share it, one after the other.
Value sharedHeads(Node &n, Value x, Value queries) {
  int64_t own = cast<RankedTensorType>(x.getType()).getDimSize(1);
  int64_t wanted = cast<RankedTensorType>(queries.getType()).getDimSize(1);
  bool isKnown = !ShapedType::isDynamic(own) && !ShapedType::isDynamic(wanted);
  if (isKnown && (own == 0 || wanted % own != 0)) {
    (void)n.error("has " + Twine(wanted) + " heads of queries, which " + Twine(own) +
                  " heads of keys or values do not divide");
    return {};
  }
  if (isKnown && own == wanted)
    return x;
  Value heads = sizesOf(n, queries, 1, 2), share = n.make<DivOp>({heads, sizesOf(n, x, 1, 2)});
  Value shape = joined(n, {sizesOf(n, x, 0, 2), share, sizesOf(n, x, 2, 4)}, 0);
  Value copies = n.make<ExpandOp>({unsqueezed(n, x, {2}), shape});
  return reshaped(n, copies, {sizesOf(n, x, 0, 1), heads, sizesOf(n, x, 2, 4)});
}

LogicalResult flexAttention(Node &n) {
  Value queries = n.input(0), keys = n.input(1), values = n.input(2);
  if (n.rank(0) != 4 || n.rank(1) != 4 || n.rank(2) != 4 || n.elementType(0) != n.elementType(1) ||
      n.elementType(0) != n.elementType(2))
    return n.error("needs queries, keys and values of one type, [batch, heads, length, size]");
  Type type = n.elementType(0), wide = type.isF64() ? type : Type(n.g.b.getF32Type());
  if (n.has("softmax_precision"))
    wide = elementTypeOfNumber(n.g.b.getContext(), n.integer("softmax_precision", 0));
  if (!isa_and_nonnull<FloatType>(wide))
    return n.error("has a softmax_precision that is no type of floating-point numbers");
  keys = sharedHeads(n, keys, queries);
  values = sharedHeads(n, values, queries);
  if (!keys || !values)
    return failure();
  Type f32 = n.g.b.getF32Type();
  Value scale = n.g.scalar(n.loc, f32, n.number("scale", 1));
  if (!n.has("scale"))
    scale = n.make<DivOp>({scale, n.make<SqrtOp>(n.g.cast(n.loc, sizeOf(n, queries, 3), f32))});
  Value root = n.g.cast(n.loc, n.make<SqrtOp>(scale), type); // on both sides, so that no score overflows a half
  keys = n.g.transpose(n.loc, n.make<MulOp>({keys, root}), {0, 1, 3, 2});
  Value scores = n.make<MatMulOp>({n.make<MulOp>({queries, root}), keys});
  scores = scores ? modified(n, "score_mod", n.g.cast(n.loc, scores, wide)) : Value();
  if (!scores)
    return failure();
  Value weights = modified(n, "prob_mod", n.make<SoftmaxOp>(scores, n.g.attr("axis", int64_t(3))));
  if (!weights)
    return failure();
  return n.result(n.g.cast(n.loc, n.make<MatMulOp>({weights, n.g.cast(n.loc, values, wide)}), type));
}

const Entry entries[] = {{"FlexAttention", 1, flexAttention, "ai.onnx.preview"}};

} // namespace

ArrayRef<Entry> importer::attentionConverters() { return entries; }
