//===- ElementwiseOps.cpp - shapes of elementwise ops, and their element from the scalar function ------------------===//

#include "dialects/Lepton/LeptonOps.h"

using namespace mlir;
using namespace lepton;

static Type resultElementType(Operation *op) {
  Type first = elementTypeOf(op->getOperand(0));
  if (auto cast = dyn_cast<CastOp>(op))
    return cast.getTo();
  if (auto cast = dyn_cast<BitCastOp>(op))
    return cast.getTo();
  if (auto complexType = dyn_cast<ComplexType>(first); complexType && isa<ComplexPartOp>(op))
    return complexType.getElementType();
  if (isa<EqualOp, LessOp, LessOrEqualOp, GreaterOp, GreaterOrEqualOp, IsNaNOp, IsInfOp>(op))
    return IntegerType::get(op->getContext(), 1);
  return isa<WhereOp>(op) ? elementTypeOf(op->getOperand(1)) : first;
}

static LogicalResult checkElementTypes(Operation *op) {
  if (auto cast = dyn_cast<BitCastOp>(op)) {
    auto width = [](Type type) -> int64_t {
      bool isBool = type.isInteger(1), isComplex = isa<ComplexType>(type);
      return isBool || isComplex ? 8 * elementBytes(type) : type.getIntOrFloatBitWidth();
    };
    Type from = elementTypeOf(cast.getInput());
    if (width(from) != width(cast.getTo()))
      return op->emitOpError() << "casts bits of " << from << " to " << cast.getTo() << ", which is not as wide";
  }
  if (isa<ComplexPartOp>(op) && !isa<ComplexType>(elementTypeOf(op->getOperand(0))))
    return op->emitOpError() << "needs complex numbers, got " << elementTypeOf(op->getOperand(0));
  if (isa<CastOp, PowOp>(op) || op->getNumOperands() == 1)
    return success();
  unsigned first = isa<WhereOp>(op) ? 1 : 0;
  if (first && !elementTypeOf(op->getOperand(0)).isInteger(1))
    return op->emitOpError() << "condition has element type " << elementTypeOf(op->getOperand(0))
                             << ", expected a bool";
  Type lhs = elementTypeOf(op->getOperand(first)), rhs = elementTypeOf(op->getOperand(first + 1));
  if (lhs != rhs)
    return op->emitOpError() << "operands have different element types " << lhs << " and " << rhs << "; insert a cast";
  return success();
}

std::optional<SmallVector<AffineExpr>> lepton::detail::broadcastShapes(ValueRange operands, ShapeAnalysis &shapes,
                                                                       Value &misfit) {
  SmallVector<AffineExpr> dims;
  for (Value operand : operands) {
    SmallVector<AffineExpr> other = shapes.shape(operand);
    if (dims.size() < other.size())
      std::swap(dims, other);
    size_t skip = dims.size() - other.size();
    for (size_t i = 0; i < other.size(); ++i) {
      AffineExpr merged = shapes.broadcast(dims[skip + i], other[i]);
      if (!merged) {
        misfit = operand;
        return std::nullopt;
      }
      dims[skip + i] = merged;
    }
  }
  return dims;
}

LogicalResult lepton::detail::inferElementwise(Operation *op, ShapeAnalysis &shapes,
                                               SmallVectorImpl<ResultShape> &results) {
  if (failed(checkElementTypes(op)))
    return failure();
  Value misfit;
  auto dims = broadcastShapes(op->getOperands(), shapes, misfit);
  if (!dims)
    return op->emitOpError() << "operands do not broadcast: " << op->getOperand(0).getType() << " and "
                             << misfit.getType();
  results.push_back({resultElementType(op), *dims});
  return success();
}

Value lepton::detail::emitElementwise(Operation *op, KernelEmitter &emitter, ValueRange indices) {
  SmallVector<AffineExpr> sizes = emitter.shapes.shape(op->getResult(0));
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(emitter.loadBroadcast(operand, sizes, indices));
  return emitScalar(op, emitter, operands);
}
