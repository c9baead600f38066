//===- GraphBuilder.cpp - makes lepton ops with inferred types ---------------------------------------------------------===//

#include "dialects/Lepton/GraphBuilder.h"

using namespace mlir;
using namespace lepton;

/// Integer results of at most this many elements are folded by looking through shape arithmetic.
static constexpr int64_t largestFoldedResult = 64;

Operation *GraphBuilder::createOp(Location loc, StringRef name, ValueRange operands,
                                  ArrayRef<NamedAttribute> attributes, ArrayRef<int32_t> segments, unsigned results) {
  for (Value operand : operands)
    if (!operand)
      return nullptr; // the error was reported where the operand was made
  OperationState state(loc, name);
  state.addOperands(operands);
  state.addAttributes(attributes);
  if (!segments.empty())
    state.addAttribute("operandSegmentSizes", b.getDenseI32ArrayAttr(segments));
  // A placeholder type: the real one is inferred from the op itself.
  state.addTypes(SmallVector<Type>(results, RankedTensorType::get({}, b.getI1Type())));
  Operation *op = b.create(state);
  SmallVector<ResultShape> inferred;
  if (failed(llvm::cast<ShapeOpInterface>(op).inferShapes(shapes, inferred))) {
    op->erase();
    return nullptr;
  }
  for (auto [result, shape] : llvm::zip_equal(op->getResults(), inferred)) {
    result.setType(shapes.type(shape));
    shapes.setShape(result, shape.dims);
  }
  return op;
}

Value GraphBuilder::create(Location loc, StringRef name, ValueRange operands, ArrayRef<NamedAttribute> attributes,
                           ArrayRef<int32_t> segments) {
  Operation *op = createOp(loc, name, operands, attributes, segments, 1);
  return op ? fold(op) : Value();
}

Value GraphBuilder::fold(Operation *op) {
  Value result = op->getResult(0);
  auto type = llvm::cast<RankedTensorType>(result.getType());
  if (isa<ConstantOp>(op) || !isa<IntegerType>(type.getElementType()) || !type.hasStaticShape() ||
      type.getNumElements() > largestFoldedResult)
    return result;
  auto values = shapes.constantElements(result, largestFoldedResult);
  if (!values)
    return result;
  unsigned width = type.getElementType().getIntOrFloatBitWidth();
  SmallVector<llvm::APInt> elements;
  for (int64_t value : *values)
    elements.push_back(llvm::APInt(width, value, true, true));
  // The op stays, unused: erasing it would leave dangling values in the analysis.
  return constant(op->getLoc(), DenseElementsAttr::get(type, elements));
}

Value GraphBuilder::constant(Location loc, ElementsAttr value) { return ConstantOp::create(b, loc, value); }

Value GraphBuilder::integers(Location loc, ArrayRef<int64_t> values) {
  return constant(loc, DenseElementsAttr::get(RankedTensorType::get({int64_t(values.size())}, b.getI64Type()), values));
}

Value GraphBuilder::scalar(Location loc, Type elementType, double value) {
  auto type = RankedTensorType::get({}, elementType);
  if (isa<FloatType>(elementType))
    return constant(loc, DenseElementsAttr::get(type, b.getFloatAttr(elementType, value)));
  if (auto complexType = dyn_cast<ComplexType>(elementType)) {
    auto part = [&](double value) { return b.getFloatAttr(complexType.getElementType(), value).getValue(); };
    return constant(loc, DenseElementsAttr::get(type, std::complex<llvm::APFloat>(part(value), part(0))));
  }
  return constant(
      loc, DenseElementsAttr::get(type, llvm::APInt(elementType.getIntOrFloatBitWidth(), int64_t(value), true, true)));
}

Value GraphBuilder::reshape(Location loc, Value input, ArrayRef<int64_t> shape) {
  return create<ReshapeOp>(loc, {input, integers(loc, shape)});
}

Value GraphBuilder::transpose(Location loc, Value input, ArrayRef<int64_t> perm) {
  return create<TransposeOp>(loc, input, attr("perm", perm));
}

Value GraphBuilder::cast(Location loc, Value input, Type elementType) {
  return !input || elementTypeOf(input) == elementType
             ? input
             : create<CastOp>(loc, input, attr("to", TypeAttr::get(elementType)));
}

Value GraphBuilder::slice(Location loc, Value input, int64_t axis, int64_t start, int64_t end, int64_t step) {
  return create<SliceOp>(loc, {input, integers(loc, start), integers(loc, end), integers(loc, step)},
                         attr("axes", ArrayRef<int64_t>(axis)));
}

Value GraphBuilder::pad(Location loc, Value input, Value pads, ArrayRef<int64_t> axes, Value fill, PadMode mode) {
  SmallVector<Value> operands = {input, pads};
  if (fill)
    operands.push_back(fill);
  return create(loc, PadOp::getOperationName(), operands,
                {attr("mode", PadModeAttr::get(b.getContext(), mode)), attr("axes", axes)}, {1, 1, fill ? 1 : 0});
}

Value GraphBuilder::shapeOf(Location loc, Value input) {
  return create<ShapeOp>(loc, input, {attr("start", int64_t(0)), attr("end", rankOf(input))});
}
