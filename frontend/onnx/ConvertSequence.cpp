//===- ConvertSequence.cpp - operators on sequences and optionals ------------------------------------------------------------===//

#include "frontend/onnx/Compose.h"
#include "frontend/onnx/GraphImporter.h"
#include "frontend/onnx/Sequences.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

Value importer::emptySequence(GraphBuilder &g, Location loc, Type elementType) {
  auto type = SequenceType::get(g.b.getContext(), UnrankedTensorType::get(elementType), /*empty=*/true);
  return g.create<SequenceMakeOp>(loc, ValueRange(), g.attr("type", TypeAttr::get(type)));
}

Value importer::appended(GraphBuilder &g, Location loc, Value sequence, Value element) {
  Value length = sequence ? g.create<SequenceLengthOp>(loc, sequence) : Value();
  return g.create<SequenceInsertOp>(loc, {sequence, element, length});
}

Value importer::concatenated(GraphBuilder &g, Location loc, Value sequence, int64_t axis, bool stack) {
  SmallVector<NamedAttribute> attributes = {g.attr("axis", axis)};
  if (stack)
    attributes.push_back(g.flag("stack"));
  Value shape = g.create<SequenceConcatShapeOp>(loc, sequence, attributes);
  return g.create<SequenceConcatOp>(loc, {sequence, shape}, attributes);
}

/// The tensor at a position of a sequence, or in an optional.
static Value elementAt(Node &n, Value from, Value place) {
  Value shape = n.make<SequenceShapeOp>({from, place});
  return n.make<SequenceAtOp>({from, place, shape});
}

Value importer::contentOf(Node &n, Value optional) {
  auto type = dyn_cast<OptionalType>(elementTypeOf(optional));
  if (!type)
    return optional;
  if (isa<SequenceType>(type.getElement().getElementType()))
    return n.make<OptionalSequenceOp>(optional);
  return elementAt(n, optional, integer(n, 0));
}

Value importer::asOptional(Node &n, Value value) {
  if (isa<OptionalType>(elementTypeOf(value)))
    return value;
  auto type = OptionalType::get(n.g.b.getContext(), cast<TensorType>(value.getType()), /*empty=*/false);
  return n.make<OptionalMakeOp>(value, n.g.attr("type", TypeAttr::get(type)));
}

namespace {

Value position(Node &n, int i) {
  return n.input(i) ? single(n, toI64(n, n.input(i))) : n.make<SequenceLengthOp>(n.input(0));
}

LogicalResult sequenceEmpty(Node &n) {
  Type element = elementTypeOfNumber(n.g.b.getContext(), n.integer("dtype", 1));
  if (!element)
    return n.error("has the data type " + Twine(n.integer("dtype", 1)) + ", which is not supported");
  return n.result(emptySequence(n.g, n.loc, element));
}

LogicalResult sequenceConstruct(Node &n) {
  TensorType content;
  SmallVector<Value> values;
  for (int i = 0; i < n.inputCount(); ++i) {
    auto type = n.input(i) ? cast<RankedTensorType>(n.input(i).getType()) : RankedTensorType();
    content = !content || !type ? TensorType(type) : joinContents(content, type);
    if (!content)
      return n.error("takes tensors of one element type");
    values.push_back(n.input(i));
  }
  auto type = SequenceType::get(n.g.b.getContext(), content, /*empty=*/false);
  return n.result(n.make<SequenceMakeOp>(values, n.g.attr("type", TypeAttr::get(type))));
}

LogicalResult sequenceLength(Node &n) { return n.result(n.make<SequenceLengthOp>(n.input(0))); }

LogicalResult sequenceAt(Node &n) { return n.result(elementAt(n, n.input(0), position(n, 1))); }

LogicalResult sequenceInsert(Node &n) {
  return n.result(n.make<SequenceInsertOp>({n.input(0), n.input(1), position(n, 2)}));
}

LogicalResult sequenceErase(Node &n) {
  Value place = n.input(1) ? position(n, 1) : integer(n, -1);
  return n.result(n.make<SequenceEraseOp>({n.input(0), place}));
}

LogicalResult splitToSequence(Node &n) {
  auto axis = n.axis(n.integer("axis", 0), n.rank(0));
  if (failed(axis))
    return failure();
  SmallVector<NamedAttribute> attributes = {n.g.attr("axis", *axis)};
  Value split = n.input(1) ? toI64(n, n.input(1)) : integer(n, 1);
  if (!n.input(1) && !n.integer("keepdims", 1))
    attributes.push_back(n.g.flag("squeeze"));
  return n.result(n.make<SequenceSplitOp>({n.input(0), split}, attributes));
}

LogicalResult concatFromSequence(Node &n) {
  auto type = dyn_cast<SequenceType>(n.elementType(0));
  bool stack = n.integer("new_axis", 0) != 0;
  if (!type || !type.getElement().hasRank())
    return n.error("reads tensors of unknown rank; declare the shape of the sequence's tensors, sizes may be unknown");
  auto axis = n.axis(n.integer("axis", 0), type.getElement().getRank() + stack);
  return failed(axis) ? failure() : n.result(concatenated(n.g, n.loc, n.input(0), *axis, stack));
}

LogicalResult optional(Node &n) {
  if (!n.input(0)) {
    const auto *type = n.attribute("type");
    if (!type)
      return n.error("holds nothing, and says of no type what it could hold; give it the attribute 'type'");
    Type content = n.importer.typeOf(type->tp(), [&] { return emitError(n.loc) << "has an attribute 'type' that "; });
    if (!content)
      return failure();
    auto handle = OptionalType::get(n.g.b.getContext(), cast<TensorType>(content), /*empty=*/true);
    return n.result(n.make<OptionalMakeOp>(ValueRange(), n.g.attr("type", TypeAttr::get(handle))));
  }
  return n.result(asOptional(n, n.input(0)));
}

LogicalResult optionalHasElement(Node &n) {
  if (n.input(0) && isa<OptionalType>(n.elementType(0)))
    return n.result(n.make<OptionalHasOp>(n.input(0)));
  return n.result(n.g.scalar(n.loc, n.g.b.getI1Type(), n.input(0) ? 1 : 0)); // other values are there or not
}

LogicalResult optionalGetElement(Node &n) { return n.result(contentOf(n, n.input(0))); }

const Entry entries[] = {
    {"SequenceEmpty", 11, sequenceEmpty},
    {"SequenceConstruct", 11, sequenceConstruct},
    {"SequenceLength", 11, sequenceLength},
    {"SequenceAt", 11, sequenceAt},
    {"SequenceInsert", 11, sequenceInsert},
    {"SequenceErase", 11, sequenceErase},
    {"SplitToSequence", 11, splitToSequence},
    {"ConcatFromSequence", 11, concatFromSequence, "", "tensors of known rank"},
    {"Optional", 15, optional},
    {"OptionalHasElement", 15, optionalHasElement},
    {"OptionalGetElement", 15, optionalGetElement},
};

} // namespace

ArrayRef<Entry> importer::sequenceConverters() { return entries; }
