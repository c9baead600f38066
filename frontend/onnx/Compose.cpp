//===- Compose.cpp - small compositions that converters of several families use ------------------------------------------===//

#include "frontend/onnx/Compose.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

Value importer::integer(Node &n, int64_t value) { return n.g.scalar(n.loc, n.g.b.getI64Type(), value); }

Value importer::toI64(Node &n, Value value) { return n.g.cast(n.loc, value, n.g.b.getI64Type()); }

Value importer::single(Node &n, Value value) {
  return !value || rankOf(value) == 0 ? value : n.g.reshape(n.loc, value, {});
}

Value importer::asVector(Node &n, Value scalar) { return n.g.reshape(n.loc, scalar, 1); }

Value importer::sizesOf(Node &n, Value value, int64_t begin, int64_t end) {
  return n.make<ShapeOp>(value, {n.g.attr("start", begin), n.g.attr("end", end)});
}

Value importer::sizeOf(Node &n, Value value, int64_t d) { return single(n, sizesOf(n, value, d, d + 1)); }

Value importer::iota(Node &n, Value count, int64_t axis, int64_t rank) {
  Value range = n.make<RangeOp>({integer(n, 0), integer(n, 1), count});
  SmallVector<int64_t> axes;
  for (int64_t d = 0; d < rank; ++d)
    if (d != axis)
      axes.push_back(d);
  return unsqueezed(n, range, axes);
}

Value importer::unsqueezed(Node &n, Value value, ArrayRef<int64_t> axes) {
  return axes.empty() ? value : n.make<UnsqueezeOp>(value, n.g.attr("axes", axes));
}

Value importer::pick(Node &n, Value value, Value positions, int64_t axis) {
  return n.make<GatherOp>({value, positions}, n.g.attr("axis", axis));
}

Value importer::joined(Node &n, ArrayRef<Value> values, int64_t axis) {
  return values.size() == 1 ? values[0] : n.make<ConcatOp>(values, n.g.attr("axis", axis));
}

Value importer::reshaped(Node &n, Value value, ArrayRef<Value> shape) {
  return n.make<ReshapeOp>({value, joined(n, shape, 0)}, n.g.flag("allowzero"));
}

Value importer::padded(Node &n, Value value, Value pads, ArrayRef<int64_t> axes, Value fill, PadMode mode) {
  return n.g.pad(n.loc, value, pads, axes, fill, mode);
}

LogicalResult importer::require(Node &n, Value holds, const Twine &message) {
  if (!holds)
    return failure();
  if (auto known = n.g.shapes.constantElements(holds))
    return known->front() ? success() : n.error(message);
  AssertOp::create(n.g.b, n.loc, holds, message.str());
  return success();
}

void importer::pin(Node &n, int i, int64_t d, int64_t size) {
  Value value = n.input(i);
  if (!value || size < 0 || d < 0 || d >= rankOf(value) || !cast<RankedTensorType>(value.getType()).isDynamicDim(d))
    return;
  if (failed(require(n, n.make<EqualOp>({sizeOf(n, value, d), integer(n, size)}),
                     "dimension " + Twine(d) + " of operand " + Twine(i) + " must be " + Twine(size))))
    return;
  SmallVector<Value> shape;
  if (d > 0)
    shape.push_back(sizesOf(n, value, 0, d));
  shape.push_back(n.g.integers(n.loc, size));
  if (d + 1 < rankOf(value))
    shape.push_back(sizesOf(n, value, d + 1, rankOf(value)));
  if (Value pinned = reshaped(n, value, shape))
    n.replaceInput(i, pinned);
}

Value importer::reduced(Node &n, ReduceKind kind, Value value, ArrayRef<int64_t> axes) {
  return n.make<ReduceOp>(value, {n.g.kind(kind), n.g.attr("axes", axes)});
}

Value importer::repeated(Node &n, Value element, Value count) {
  return n.make<ExpandOp>({element, asVector(n, count)});
}

Value importer::nonZero(Node &n, Value value) {
  if (!value)
    return {};
  Value flags = n.g.cast(n.loc, value, n.g.b.getI1Type());
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rankOf(value)));
  return n.make<NonZeroOp>({value, reduced(n, ReduceKind::sum, toI64(n, flags), axes)});
}

Value importer::truePlaces(Node &n, Value flags) {
  Value places = nonZero(n, flags);
  return places ? n.make<SqueezeOp>(places, n.g.attr("axes", ArrayRef<int64_t>{0})) : Value();
}
