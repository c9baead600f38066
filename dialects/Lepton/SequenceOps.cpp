//===- SequenceOps.cpp - sequences and optionals ----------------------------------------------------------------------------===//

#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/LeptonOps.h"

using namespace mlir;
using namespace lepton;

/// What a sequence or an optional holds; null for other values.
static TensorType contentOf(Value value) {
  return rankOf(value) == 0 ? contentType(elementTypeOf(value)) : TensorType();
}

static LogicalResult needsSequence(Operation *op, Value value) {
  if (rankOf(value) == 0 && isa<SequenceType>(elementTypeOf(value)))
    return success();
  return op->emitOpError() << "needs a sequence, got " << value.getType();
}

static LogicalResult needsPosition(Operation *op, Value value) {
  if (rankOf(value) == 0 && elementTypeOf(value).isInteger(64))
    return success();
  return op->emitOpError() << "needs a position of one integer, got " << value.getType();
}

TensorType lepton::contentType(Type elementType) {
  if (auto sequence = dyn_cast<SequenceType>(elementType))
    return sequence.getElement();
  auto optional = dyn_cast<OptionalType>(elementType);
  return optional ? optional.getElement() : TensorType();
}

TensorType lepton::joinContents(TensorType a, TensorType b) {
  Type element = joinElementTypes(a.getElementType(), b.getElementType());
  if (!element)
    return {};
  if (!a.hasRank() || !b.hasRank() || a.getRank() != b.getRank())
    return UnrankedTensorType::get(element);
  SmallVector<int64_t> sizes;
  for (auto [l, r] : llvm::zip_equal(a.getShape(), b.getShape()))
    sizes.push_back(l == r ? l : ShapedType::kDynamic);
  return RankedTensorType::get(sizes, element);
}

template <typename T> static Type joinHandles(T a, T b) {
  if (a.getEmpty() || b.getEmpty()) {
    bool fits = joinElementTypes(a.getElement().getElementType(), b.getElement().getElementType()) != nullptr;
    return fits ? (a.getEmpty() ? b : a) : T();
  }
  TensorType content = joinContents(a.getElement(), b.getElement());
  return content ? T::get(a.getContext(), content, false) : T();
}

Type lepton::joinElementTypes(Type a, Type b) {
  if (a == b)
    return a;
  if (isa<SequenceType>(a) && isa<SequenceType>(b))
    return joinHandles(cast<SequenceType>(a), cast<SequenceType>(b));
  if (isa<OptionalType>(a) && isa<OptionalType>(b))
    return joinHandles(cast<OptionalType>(a), cast<OptionalType>(b));
  return {};
}

LogicalResult SequenceMakeOp::inferShapes(ShapeAnalysis &, SmallVectorImpl<ResultShape> &results) {
  auto type = dyn_cast<SequenceType>(getType());
  if (!type)
    return emitOpError() << "needs the type of a sequence, got " << getType();
  for (Value element : getElements())
    if (elementTypeOf(element) != type.getElement().getElementType())
      return emitOpError() << "has an element of type " << element.getType() << ", but its type is " << type;
  results.push_back({type, {}});
  return success();
}

LogicalResult SequenceLengthOp::inferShapes(ShapeAnalysis &, SmallVectorImpl<ResultShape> &results) {
  results.push_back({IntegerType::get(getContext(), 64), {}});
  return needsSequence(*this, getSequence());
}

LogicalResult SequenceInsertOp::inferShapes(ShapeAnalysis &, SmallVectorImpl<ResultShape> &results) {
  if (failed(needsSequence(*this, getSequence())) || failed(needsPosition(*this, getPosition())))
    return failure();
  auto one = SequenceType::get(getContext(), cast<RankedTensorType>(getElement().getType()), false);
  Type type = joinElementTypes(elementTypeOf(getSequence()), one);
  if (!type)
    return emitOpError() << "cannot insert " << getElement().getType() << " into " << getSequence().getType();
  results.push_back({type, {}});
  return success();
}

LogicalResult SequenceEraseOp::inferShapes(ShapeAnalysis &, SmallVectorImpl<ResultShape> &results) {
  results.push_back({elementTypeOf(getSequence()), {}});
  return failed(needsSequence(*this, getSequence())) ? failure() : needsPosition(*this, getPosition());
}

/// The ranked content of a sequence or optional; null, with an error, where there is none.
static RankedTensorType needsRank(Operation *op, Value value) {
  TensorType content = contentOf(value);
  if (!content)
    (void)(op->emitOpError() << "needs a sequence or an optional, got " << value.getType());
  else if (!content.hasRank())
    (void)(op->emitOpError() << "reads tensors of unknown rank; declare their shape, sizes may be unknown");
  return content && content.hasRank() ? cast<RankedTensorType>(content) : RankedTensorType();
}

LogicalResult SequenceShapeOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  RankedTensorType content = needsRank(*this, getSequence());
  if (!content || failed(needsPosition(*this, getPosition())))
    return failure();
  results.push_back({IntegerType::get(getContext(), 64), {shapes.constant(content.getRank())}});
  return success();
}

/// Sizes that the type knows, the others from a tensor of sizes.
static LogicalResult inferRead(Operation *op, RankedTensorType type, Value shape, ShapeAnalysis &shapes,
                               SmallVectorImpl<ResultShape> &results) {
  auto sizes = cast<RankedTensorType>(shape.getType());
  if (!sizes.getElementType().isInteger(64) || sizes.getShape() != ArrayRef<int64_t>(type.getRank()))
    return op->emitOpError() << "needs a shape of " << type.getRank() << " integers, got " << sizes;
  SmallVector<AffineExpr> dims;
  for (auto [d, size] : llvm::enumerate(type.getShape()))
    dims.push_back(ShapedType::isDynamic(size) ? shapes.element(shape, d) : shapes.constant(size));
  results.push_back({type.getElementType(), dims});
  return success();
}

LogicalResult SequenceAtOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  RankedTensorType content = needsRank(*this, getSequence());
  if (!content || failed(needsPosition(*this, getPosition())))
    return failure();
  return inferRead(*this, content, getShape(), shapes, results);
}

LogicalResult SequenceSplitOp::inferShapes(ShapeAnalysis &, SmallVectorImpl<ResultShape> &results) {
  auto type = cast<RankedTensorType>(getInput().getType());
  int64_t axis = getAxis();
  if (axis < 0 || axis >= type.getRank())
    return emitOpError() << "has axis " << axis << " out of range for rank " << type.getRank();
  if (!elementTypeOf(getSplit()).isInteger(64) || rankOf(getSplit()) > 1)
    return emitOpError() << "needs one size or a list of sizes, got " << getSplit().getType();
  SmallVector<int64_t> sizes(type.getShape());
  if (getSqueeze())
    sizes.erase(sizes.begin() + axis);
  else
    sizes[axis] = ShapedType::kDynamic;
  results.push_back({SequenceType::get(getContext(), RankedTensorType::get(sizes, type.getElementType()), false), {}});
  return success();
}

/// The type of a sequence's tensors put together; null, with an error, where they cannot be.
static RankedTensorType concatType(Operation *op, Value sequence, int64_t axis, bool stack) {
  RankedTensorType content = needsRank(op, sequence);
  if (!content)
    return {};
  SmallVector<int64_t> sizes(content.getShape());
  if (axis < 0 || axis >= int64_t(sizes.size()) + stack) {
    (void)(op->emitOpError() << "has axis " << axis << " out of range for rank " << sizes.size());
    return {};
  }
  if (stack)
    sizes.insert(sizes.begin() + axis, ShapedType::kDynamic);
  else
    sizes[axis] = ShapedType::kDynamic;
  return RankedTensorType::get(sizes, content.getElementType());
}

LogicalResult SequenceConcatShapeOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  RankedTensorType type = concatType(*this, getSequence(), getAxis(), getStack());
  if (!type)
    return failure();
  results.push_back({IntegerType::get(getContext(), 64), {shapes.constant(type.getRank())}});
  return success();
}

LogicalResult SequenceConcatOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  RankedTensorType type = concatType(*this, getSequence(), getAxis(), getStack());
  return type ? inferRead(*this, type, getShape(), shapes, results) : failure();
}

LogicalResult OptionalMakeOp::inferShapes(ShapeAnalysis &, SmallVectorImpl<ResultShape> &results) {
  auto type = dyn_cast<OptionalType>(getType());
  if (!type)
    return emitOpError() << "needs the type of an optional, got " << getType();
  if (getContent().size() > 1)
    return emitOpError() << "holds one value at most, got " << getContent().size();
  for (Value value : getContent())
    if (elementTypeOf(value) != type.getElement().getElementType())
      return emitOpError() << "has a content of type " << value.getType() << ", but its type is " << type;
  results.push_back({type, {}});
  return success();
}

static LogicalResult needsOptional(Operation *op, Value value) {
  if (rankOf(value) == 0 && isa<OptionalType>(elementTypeOf(value)))
    return success();
  return op->emitOpError() << "needs an optional, got " << value.getType();
}

LogicalResult OptionalHasOp::inferShapes(ShapeAnalysis &, SmallVectorImpl<ResultShape> &results) {
  results.push_back({IntegerType::get(getContext(), 1), {}});
  return needsOptional(*this, getOptional());
}

LogicalResult OptionalSequenceOp::inferShapes(ShapeAnalysis &, SmallVectorImpl<ResultShape> &results) {
  if (failed(needsOptional(*this, getOptional())))
    return failure();
  Type inner = contentOf(getOptional()).getElementType();
  if (!isa<SequenceType>(inner))
    return emitOpError() << "needs an optional of a sequence, got " << getOptional().getType();
  results.push_back({inner, {}});
  return success();
}
