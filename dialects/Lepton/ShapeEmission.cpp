//===- ShapeEmission.cpp - the code that computes a size ------------------------------------------------------------===//

#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/ShapeAnalysis.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lepton;

Value ShapeAnalysis::materialize(OpBuilder &builder, Location loc, AffineExpr expr) {
  if (auto value = constantValue(expr))
    return arith::ConstantIndexOp::create(builder, loc, *value);
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
    Leaf leaf = leaves[symbol.getPosition()]; // a copy: materializing its operands may add leaves
    return materializeLeaf(builder, loc, leaf);
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Value lhs = materialize(builder, loc, binary.getLHS()), rhs = materialize(builder, loc, binary.getRHS());
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return builder.createOrFold<arith::AddIOp>(loc, lhs, rhs);
  case AffineExprKind::Mul:
    return builder.createOrFold<arith::MulIOp>(loc, lhs, rhs);
  case AffineExprKind::FloorDiv:
    return builder.createOrFold<arith::FloorDivSIOp>(loc, lhs, rhs);
  case AffineExprKind::CeilDiv:
    return builder.createOrFold<arith::CeilDivSIOp>(loc, lhs, rhs);
  default: { // Mod: the result has the divisor's sign
    Value floor = builder.createOrFold<arith::FloorDivSIOp>(loc, lhs, rhs);
    return builder.createOrFold<arith::SubIOp>(loc, lhs, builder.createOrFold<arith::MulIOp>(loc, floor, rhs));
  }
  }
}

static Value emitFunction(OpBuilder &b, Location loc, SizeFunction function, ArrayRef<Value> x) {
  auto toIndex = [&](Value flag) { return b.createOrFold<arith::IndexCastUIOp>(loc, b.getIndexType(), flag); };
  auto compare = [&](arith::CmpIPredicate p, Value l, Value r) { return b.createOrFold<arith::CmpIOp>(loc, p, l, r); };
  auto isTrue = [&](Value v) {
    return compare(arith::CmpIPredicate::ne, v, arith::ConstantIndexOp::create(b, loc, 0));
  };
  switch (function) {
  case SizeFunction::Min:
    return b.createOrFold<arith::MinSIOp>(loc, x[0], x[1]);
  case SizeFunction::Max:
    return b.createOrFold<arith::MaxSIOp>(loc, x[0], x[1]);
  case SizeFunction::DivS:
  case SizeFunction::RemS: {
    // A division by zero is checked where the op that divides is run; here it must only not trap.
    Value zero = arith::ConstantIndexOp::create(b, loc, 0), one = arith::ConstantIndexOp::create(b, loc, 1);
    Value divisor = b.createOrFold<arith::SelectOp>(loc, compare(arith::CmpIPredicate::eq, x[1], zero), one, x[1]);
    return function == SizeFunction::DivS ? b.createOrFold<arith::DivSIOp>(loc, x[0], divisor)
                                          : b.createOrFold<arith::RemSIOp>(loc, x[0], divisor);
  }
  case SizeFunction::Eq:
    return toIndex(compare(arith::CmpIPredicate::eq, x[0], x[1]));
  case SizeFunction::Lt:
    return toIndex(compare(arith::CmpIPredicate::slt, x[0], x[1]));
  case SizeFunction::Le:
    return toIndex(compare(arith::CmpIPredicate::sle, x[0], x[1]));
  case SizeFunction::And:
    return toIndex(b.createOrFold<arith::AndIOp>(loc, isTrue(x[0]), isTrue(x[1])));
  case SizeFunction::Or:
    return toIndex(b.createOrFold<arith::OrIOp>(loc, isTrue(x[0]), isTrue(x[1])));
  case SizeFunction::Select:
    return b.createOrFold<arith::SelectOp>(loc, isTrue(x[0]), x[1], x[2]);
  }
  return {};
}

Value ShapeAnalysis::materializeLeaf(OpBuilder &builder, Location loc, const Leaf &leaf) {
  if (!leaf.value) {
    SmallVector<Value> operands;
    for (AffineExpr operand : leaf.operands)
      operands.push_back(materialize(builder, loc, operand));
    return emitFunction(builder, loc, leaf.function, operands);
  }
  Value value = resolve(leaf.value);
  if (!leaf.isElement)
    return builder.createOrFold<tensor::DimOp>(loc, value, leaf.index);
  // Row-major position -> indices.
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<Value> indices(type.getRank());
  int64_t rest = leaf.index;
  for (int64_t d = type.getRank() - 1; d >= 0; --d) {
    int64_t size =
        type.isDynamicDim(d) ? std::numeric_limits<int64_t>::max() : std::max<int64_t>(type.getDimSize(d), 1);
    indices[d] = arith::ConstantIndexOp::create(builder, loc, rest % size);
    rest /= size;
  }
  Value scalar = tensor::ExtractOp::create(builder, loc, value, indices);
  Type original = cast<RankedTensorType>(leaf.value.getType()).getElementType();
  Type signless = builder.getIntegerType(scalar.getType().getIntOrFloatBitWidth());
  if (scalar.getType() != signless)
    scalar = UnrealizedConversionCastOp::create(builder, loc, signless, scalar).getResult(0);
  bool isUnsigned = isUnsignedOrBool(original);
  return isUnsigned ? builder.createOrFold<arith::IndexCastUIOp>(loc, builder.getIndexType(), scalar)
                    : builder.createOrFold<arith::IndexCastOp>(loc, builder.getIndexType(), scalar);
}
