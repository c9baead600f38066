//===- TextOps.cpp - ops on strings, and how the runtime's functions are called ---------------------------------------------===//

#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Runtime/RuntimeOps.h"

using namespace mlir;
using namespace lepton;

SmallVector<Value> lepton::detail::emitRuntimeCall(Operation *op, KernelEmitter &e, ValueRange inits) {
  SmallVector<Value> inputs;
  SmallVector<int32_t> dtypes;
  for (Value operand : op->getOperands()) {
    inputs.push_back(e.materialize(operand));
    dtypes.push_back(numberOfElementType(elementTypeOf(operand)));
  }
  for (Value result : op->getResults())
    dtypes.push_back(numberOfElementType(elementTypeOf(result)));
  SmallVector<int64_t> numbers;
  for (StringAttr name : op->getName().getAttributeNames()) {
    Attribute value = op->getAttr(name);
    if (auto number = dyn_cast_or_null<IntegerAttr>(value))
      numbers.push_back(number.getInt());
    else if (!value || isa<UnitAttr>(value))
      numbers.push_back(value ? 1 : 0);
  }
  Value context = e.b.getInsertionBlock()->getArgument(0);
  auto call = lrt::CallOp::create(e.b, e.loc, inits.getTypes(), context,
                                  ("lepton_rt_" + op->getName().stripDialect()).str(), inputs, inits, dtypes, numbers);
  return llvm::to_vector(ValueRange(call.getResults()));
}

static bool isText(Value value) { return isa<StringType>(elementTypeOf(value)); }

/// Bytes and offsets of constant strings.
static bool isList(Value bytes, Value offsets) {
  return elementTypeOf(bytes).isUnsignedInteger(8) && rankOf(bytes) == 1 && elementTypeOf(offsets).isInteger(64);
}

static LogicalResult needsText(Operation *op, Value value) {
  return isText(value) ? success() : op->emitOpError() << "needs strings, got " << value.getType();
}

LogicalResult StringLiteralsOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  if (!isList(getBytes(), getOffsets()))
    return emitOpError() << "needs bytes [n] and offsets of i64, got " << getBytes().getType() << " and "
                         << getOffsets().getType();
  results.push_back({StringType::get(getContext()), shapes.shape(getOffsets())});
  return success();
}

static LogicalResult inferPair(Operation *op, Type elementType, ShapeAnalysis &shapes,
                               SmallVectorImpl<ResultShape> &results) {
  for (Value operand : op->getOperands())
    if (failed(needsText(op, operand)))
      return failure();
  Value misfit;
  auto dims = lepton::detail::broadcastShapes(op->getOperands(), shapes, misfit);
  if (!dims)
    return op->emitOpError() << "cannot broadcast " << op->getOperand(0).getType() << " and " << misfit.getType();
  results.push_back({elementType, *dims});
  return success();
}

LogicalResult StringEqualOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  return inferPair(*this, IntegerType::get(getContext(), 1), shapes, results);
}

LogicalResult StringConcatOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  return inferPair(*this, StringType::get(getContext()), shapes, results);
}

static LogicalResult needsDelimiter(Operation *op, Value input, Value delimiter) {
  if (failed(needsText(op, input)))
    return failure();
  if (!elementTypeOf(delimiter).isUnsignedInteger(8) || rankOf(delimiter) != 1)
    return op->emitOpError() << "needs a delimiter of bytes [n], got " << delimiter.getType();
  return success();
}

LogicalResult StringSplitCountOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  if (failed(needsDelimiter(*this, getInput(), getDelimiter())))
    return failure();
  results.push_back({IntegerType::get(getContext(), 64), shapes.shape(getInput())});
  return success();
}

LogicalResult StringSplitOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  if (failed(needsDelimiter(*this, getInput(), getDelimiter())))
    return failure();
  if (!elementTypeOf(getWidth()).isInteger(64) || rankOf(getWidth()) != 0)
    return emitOpError() << "needs a width of one integer, got " << getWidth().getType();
  SmallVector<AffineExpr> dims = shapes.shape(getInput());
  dims.push_back(shapes.element(getWidth(), 0));
  results.push_back({StringType::get(getContext()), dims});
  return success();
}

LogicalResult StringCaseOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  results.push_back({StringType::get(getContext()), shapes.shape(getInput())});
  return needsText(*this, getInput());
}

LogicalResult StringLookupOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  if (!isList(getBytes(), getOffsets()) || rankOf(getOffsets()) != 1)
    return emitOpError() << "needs bytes [n] and offsets [m] of i64, got " << getBytes().getType() << " and "
                         << getOffsets().getType();
  results.push_back({IntegerType::get(getContext(), 64), shapes.shape(getInput())});
  return needsText(*this, getInput());
}

LogicalResult StringRankOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  results.push_back({IntegerType::get(getContext(), 64), shapes.shape(getInput())});
  return needsText(*this, getInput());
}

LogicalResult StringMatchOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  auto classes = cast<RankedTensorType>(getClasses().getType());
  auto transitions = cast<RankedTensorType>(getTransitions().getType());
  auto accepting = cast<RankedTensorType>(getAccepting().getType());
  bool fits = classes.getElementType().isUnsignedInteger(8) && classes.getShape() == ArrayRef<int64_t>(256) &&
              transitions.getElementType().isInteger(32) && transitions.getRank() == 2 &&
              transitions.hasStaticShape() && accepting.getElementType().isInteger(1) &&
              accepting.getShape() == transitions.getShape().take_front(1) && accepting.getNumElements() > 0;
  if (!fits)
    return emitOpError() << "needs 256 classes, transitions [states, classes] of i32 and accepting [states] of i1, got "
                         << classes << ", " << transitions << " and " << accepting;
  results.push_back({IntegerType::get(getContext(), 1), shapes.shape(getInput())});
  return needsText(*this, getInput());
}

LogicalResult StringToNumberOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  if (!getTo().isF64() && !getTo().isInteger(64))
    return emitOpError() << "reads f64 and i64, got " << getTo();
  results.push_back({getTo(), shapes.shape(getInput())});
  return needsText(*this, getInput());
}

LogicalResult NumberToStringOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  Type type = elementTypeOf(getInput());
  if (!type.isF32() && !type.isF64() && !type.isInteger(64) && !type.isUnsignedInteger(64))
    return emitOpError() << "spells f32, f64, i64 and ui64, got " << getInput().getType();
  results.push_back({StringType::get(getContext()), shapes.shape(getInput())});
  return success();
}
