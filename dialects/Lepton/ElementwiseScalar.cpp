//===- ElementwiseScalar.cpp - the scalar functions of elementwise ops -----------------------------------------------===//
//
// Floats narrower than f32 are computed in f32 and rounded once at the end, integers narrower than a byte in bytes. Integer division never traps.
//
//===------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/LeptonOps.h"

#include "mlir/Dialect/Complex/IR/Complex.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lepton;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

namespace {

/// Scalar code of one op: operands `x`, all of `type` but where an op says otherwise.
struct Scalar {
  KernelEmitter &e;
  OpBuilder &b;
  Location loc;
  Type type; // signless scalar type of the operands
  bool isFloat;
  bool isUnsigned; // bools count as unsigned

  Scalar(KernelEmitter &e, Type elementType, Type scalar)
      : e(e), b(e.b), loc(e.loc), type(scalar), isFloat(isa<FloatType>(scalar)),
        isUnsigned(isUnsignedOrBool(elementType)) {}

  Value constant(double value) { return e.scalar(type, value); }
  template <typename F, typename I> Value pick(ValueRange x) {
    return isFloat ? b.createOrFold<F>(loc, x[0], x[1]) : b.createOrFold<I>(loc, x[0], x[1]);
  }
  template <typename F, typename S, typename U> Value pick(ValueRange x) {
    return isFloat      ? b.createOrFold<F>(loc, x[0], x[1])
           : isUnsigned ? b.createOrFold<U>(loc, x[0], x[1])
                        : b.createOrFold<S>(loc, x[0], x[1]);
  }
  Value add(Value l, Value r) { return pick<arith::AddFOp, arith::AddIOp>({l, r}); }
  Value sub(Value l, Value r) { return pick<arith::SubFOp, arith::SubIOp>({l, r}); }
  Value mul(Value l, Value r) { return pick<arith::MulFOp, arith::MulIOp>({l, r}); }
  Value divF(Value l, Value r) { return b.createOrFold<arith::DivFOp>(loc, l, r); }
  Value select(Value c, Value l, Value r) { return e.select(c, l, r); }
  template <typename Op> Value unary(Value x) { return b.createOrFold<Op>(loc, x); }
  Value exp(Value x) { return unary<math::ExpOp>(x); }
  Value compare(CmpFPredicate f, CmpIPredicate s, CmpIPredicate u, Value l, Value r) {
    if (isFloat)
      return b.createOrFold<arith::CmpFOp>(loc, f, l, r);
    return b.createOrFold<arith::CmpIOp>(loc, isUnsigned ? u : s, l, r);
  }
  Value less(Value l, Value r) { return compare(CmpFPredicate::OLT, CmpIPredicate::slt, CmpIPredicate::ult, l, r); }
  Value lessOrEqual(Value l, Value r) {
    return compare(CmpFPredicate::OLE, CmpIPredicate::sle, CmpIPredicate::ule, l, r);
  }
  Value equal(Value l, Value r) { return compare(CmpFPredicate::OEQ, CmpIPredicate::eq, CmpIPredicate::eq, l, r); }
  Value isNegative(Value x) { return less(x, constant(0)); }

  Value div(Value l, Value r);
  Value mod(Value l, Value r, bool fmod);
  Value pow(Value base, Value exponent);
  Value abs(Value x);
  Value sign(Value x);
  Value shift(Value l, Value r, bool right);
  Value softplus(Value x);
  Value sigmoid(Value x) { return divF(constant(1), add(constant(1), exp(unary<arith::NegFOp>(x)))); }
  Value isInf(Value x, bool positive, bool negative);
};

Value Scalar::div(Value l, Value r) {
  if (isFloat)
    return divF(l, r);
  // x / 0 is 0, and the one overflowing quotient wraps; the hardware's trap is avoided by dividing by 1 instead.
  Value zero = constant(0), byZero = equal(r, zero), unsafe = byZero, wrapped;
  if (!isUnsigned) {
    Value byMinusOne = equal(r, constant(-1));
    unsafe = b.createOrFold<arith::OrIOp>(loc, byZero, byMinusOne);
    wrapped = sub(zero, l);
  }
  Value divisor = select(unsafe, constant(1), r);
  Value quotient =
      isUnsigned ? b.createOrFold<arith::DivUIOp>(loc, l, divisor) : b.createOrFold<arith::DivSIOp>(loc, l, divisor);
  if (!isUnsigned)
    quotient = select(unsafe, wrapped, quotient);
  return select(byZero, zero, quotient);
}

Value Scalar::mod(Value l, Value r, bool fmod) {
  Value zero = constant(0), rest, divisor = r;
  if (isFloat) {
    rest = b.createOrFold<arith::RemFOp>(loc, l, r);
  } else {
    Value unsafe = equal(r, zero);
    if (!isUnsigned)
      unsafe = b.createOrFold<arith::OrIOp>(loc, unsafe, equal(r, constant(-1)));
    divisor = select(unsafe, constant(1), r);
    rest =
        isUnsigned ? b.createOrFold<arith::RemUIOp>(loc, l, divisor) : b.createOrFold<arith::RemSIOp>(loc, l, divisor);
  }
  if (fmod || isUnsigned)
    return rest;
  Value signsDiffer = b.createOrFold<arith::XOrIOp>(loc, isNegative(rest), isNegative(r));
  Value nonzero = b.createOrFold<arith::XOrIOp>(loc, equal(rest, zero), arith::ConstantIntOp::create(b, loc, 1, 1));
  return select(b.createOrFold<arith::AndIOp>(loc, signsDiffer, nonzero), add(rest, r), rest);
}

Value Scalar::pow(Value base, Value exponent) {
  if (!isFloat)
    return b.createOrFold<math::IPowIOp>(loc, base, exponent);
  if (auto constantOp = exponent.getDefiningOp<arith::ConstantOp>()) {
    double value = cast<FloatAttr>(constantOp.getValue()).getValueAsDouble();
    if (value == 1)
      return base;
    if (value == 2)
      return mul(base, base);
    if (value == 3)
      return mul(mul(base, base), base);
  }
  return b.createOrFold<math::PowFOp>(loc, base, exponent);
}

Value Scalar::abs(Value x) {
  if (isFloat)
    return unary<math::AbsFOp>(x);
  return isUnsigned ? x : unary<math::AbsIOp>(x);
}

Value Scalar::sign(Value x) {
  Value zero = constant(0), positive = select(less(zero, x), constant(1), zero);
  if (isUnsigned)
    return positive;
  Value result = select(isNegative(x), constant(-1), positive);
  return isFloat ? select(b.createOrFold<arith::CmpFOp>(loc, CmpFPredicate::UNO, x, x), x, result) : result;
}

Value Scalar::shift(Value l, Value r, bool right) {
  // Shifting by the width or more is undefined in hardware; here it leaves 0, or the sign.
  double width = type.getIntOrFloatBitWidth();
  Value tooFar = b.createOrFold<arith::CmpIOp>(loc, CmpIPredicate::uge, r, constant(width));
  Value amount = select(tooFar, constant(width - 1), r);
  if (right && !isUnsigned)
    return b.createOrFold<arith::ShRSIOp>(loc, l, amount);
  Value shifted =
      right ? b.createOrFold<arith::ShRUIOp>(loc, l, amount) : b.createOrFold<arith::ShLIOp>(loc, l, amount);
  return select(tooFar, constant(0), shifted);
}

Value Scalar::softplus(Value x) {
  // max(x, 0) + log1p(exp(-|x|)) does not overflow.
  Value tail = unary<math::Log1pOp>(exp(unary<arith::NegFOp>(abs(x))));
  return add(b.createOrFold<arith::MaximumFOp>(loc, x, constant(0)), tail);
}

Value Scalar::isInf(Value x, bool positive, bool negative) {
  double infinity = std::numeric_limits<double>::infinity();
  Value no = arith::ConstantIntOp::create(b, loc, 0, 1);
  Value above = positive ? equal(x, constant(infinity)) : no, below = negative ? equal(x, constant(-infinity)) : no;
  return b.createOrFold<arith::OrIOp>(loc, above, below);
}

} // namespace

/// Ops on floats only; null for other ops.
static Value emitMath(Operation *op, Scalar s, Value x) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case<SqrtOp>([&](auto) { return s.unary<math::SqrtOp>(x); })
      .Case<ExpOp>([&](auto) { return s.exp(x); })
      .Case<LogOp>([&](auto) { return s.unary<math::LogOp>(x); })
      .Case<ErfOp>([&](auto) { return s.unary<math::ErfOp>(x); })
      .Case<SinOp>([&](auto) { return s.unary<math::SinOp>(x); })
      .Case<CosOp>([&](auto) { return s.unary<math::CosOp>(x); })
      .Case<TanOp>([&](auto) { return s.unary<math::TanOp>(x); })
      .Case<AsinOp>([&](auto) { return s.unary<math::AsinOp>(x); })
      .Case<AcosOp>([&](auto) { return s.unary<math::AcosOp>(x); })
      .Case<AtanOp>([&](auto) { return s.unary<math::AtanOp>(x); })
      .Case<SinhOp>([&](auto) { return s.unary<math::SinhOp>(x); })
      .Case<CoshOp>([&](auto) { return s.unary<math::CoshOp>(x); })
      .Case<TanhOp>([&](auto) { return s.unary<math::TanhOp>(x); })
      .Case<AsinhOp>([&](auto) { return s.unary<math::AsinhOp>(x); })
      .Case<AcoshOp>([&](auto) { return s.unary<math::AcoshOp>(x); })
      .Case<AtanhOp>([&](auto) { return s.unary<math::AtanhOp>(x); })
      .Case<SigmoidOp>([&](auto) { return s.sigmoid(x); })
      .Case<SoftplusOp>([&](auto) { return s.softplus(x); })
      .Case<EluOp>([&](EluOp op) {
        Value curve = s.mul(s.constant(op.getAlpha().convertToDouble()), s.sub(s.exp(x), s.constant(1)));
        return s.select(s.isNegative(x), curve, x);
      })
      .Case<HardSigmoidOp>([&](HardSigmoidOp op) {
        Value line =
            s.add(s.mul(x, s.constant(op.getAlpha().convertToDouble())), s.constant(op.getBeta().convertToDouble()));
        return s.b.createOrFold<arith::MaximumFOp>(s.loc, s.constant(0),
                                                   s.b.createOrFold<arith::MinimumFOp>(s.loc, s.constant(1), line));
      })
      .Case<IsNaNOp>([&](auto) { return s.b.createOrFold<arith::CmpFOp>(s.loc, CmpFPredicate::UNO, x, x); })
      .Case<IsInfOp>([&](IsInfOp op) { return s.isInf(x, op.getPositive(), op.getNegative()); })
      .Default([](Operation *) { return Value(); });
}

static Value emitUnary(Operation *op, Scalar s, Value x) {
  if (Value result = emitMath(op, s, x))
    return result;
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case<AbsOp>([&](auto) { return s.abs(x); })
      .Case<NegOp>([&](auto) { return s.isFloat ? s.unary<arith::NegFOp>(x) : s.sub(s.constant(0), x); })
      .Case<SignOp>([&](auto) { return s.sign(x); })
      .Case<ReciprocalOp>([&](auto) { return s.div(s.constant(1), x); })
      .Case<FloorOp>([&](auto) { return s.isFloat ? s.unary<math::FloorOp>(x) : x; })
      .Case<CeilOp>([&](auto) { return s.isFloat ? s.unary<math::CeilOp>(x) : x; })
      .Case<RoundOp>([&](auto) { return s.isFloat ? s.unary<math::RoundEvenOp>(x) : x; })
      .Case<BitwiseNotOp>([&](auto) { return s.b.createOrFold<arith::XOrIOp>(s.loc, x, s.constant(-1)); })
      .Case<ReluOp>([&](auto) { return s.select(s.isNegative(x), s.constant(0), x); })
      .Case<LeakyReluOp>([&](LeakyReluOp op) {
        return s.select(s.isNegative(x), s.mul(x, s.constant(op.getAlpha().convertToDouble())), x);
      })
      .Default([](Operation *) { return Value(); });
}

static Value emitBinary(Operation *op, Scalar s, ArrayRef<Value> x) {
  using namespace arith;
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case<AddOp>([&](auto) { return s.add(x[0], x[1]); })
      .Case<SubOp>([&](auto) { return s.sub(x[0], x[1]); })
      .Case<MulOp>([&](auto) { return s.mul(x[0], x[1]); })
      .Case<DivOp>([&](auto) { return s.div(x[0], x[1]); })
      .Case<ModOp>([&](ModOp op) { return s.mod(x[0], x[1], op.getFmod()); })
      .Case<PowOp>([&](auto) { return s.pow(x[0], x[1]); })
      .Case<lepton::MaxOp>([&](auto) { return s.pick<MaximumFOp, MaxSIOp, MaxUIOp>(x); })
      .Case<lepton::MinOp>([&](auto) { return s.pick<MinimumFOp, MinSIOp, MinUIOp>(x); })
      .Case<PReluOp>([&](auto) { return s.select(s.isNegative(x[0]), s.mul(x[0], x[1]), x[0]); })
      .Case<BitwiseAndOp>([&](auto) { return s.b.createOrFold<AndIOp>(s.loc, x[0], x[1]); })
      .Case<BitwiseOrOp>([&](auto) { return s.b.createOrFold<OrIOp>(s.loc, x[0], x[1]); })
      .Case<BitwiseXorOp>([&](auto) { return s.b.createOrFold<XOrIOp>(s.loc, x[0], x[1]); })
      .Case<BitShiftOp>([&](BitShiftOp op) { return s.shift(x[0], x[1], op.getRight()); })
      .Case<EqualOp>([&](auto) { return s.equal(x[0], x[1]); })
      .Case<LessOp>([&](auto) { return s.less(x[0], x[1]); })
      .Case<LessOrEqualOp>([&](auto) { return s.lessOrEqual(x[0], x[1]); })
      .Case<GreaterOp>([&](auto) { return s.less(x[1], x[0]); })
      .Case<GreaterOrEqualOp>([&](auto) { return s.lessOrEqual(x[1], x[0]); })
      .Default([](Operation *) { return Value(); });
}

/// The bits of a scalar in memory as a type of the same width: of a complex number, those of the real part come first.
static Value castBits(KernelEmitter &e, Value scalar, Type to) {
  OpBuilder &b = e.b;
  auto cast = [&](Value value, Type type) { return b.createOrFold<arith::BitcastOp>(e.loc, type, value); };
  Type from = scalar.getType();
  auto complexType = dyn_cast<ComplexType>(isa<ComplexType>(from) ? from : to);
  if (!complexType)
    return cast(scalar, to);
  unsigned width = complexType.getElementType().getIntOrFloatBitWidth();
  Type half = b.getIntegerType(width), whole = b.getIntegerType(2 * width);
  Value shift = e.scalar(whole, width);
  if (from == complexType) {
    Value low = b.createOrFold<arith::ExtUIOp>(e.loc, whole, cast(e.part(scalar, false), half)),
          high = b.createOrFold<arith::ExtUIOp>(e.loc, whole, cast(e.part(scalar, true), half));
    return cast(b.createOrFold<arith::OrIOp>(e.loc, low, b.createOrFold<arith::ShLIOp>(e.loc, high, shift)), to);
  }
  auto part = [&](Value bits) {
    return cast(b.createOrFold<arith::TruncIOp>(e.loc, half, bits), complexType.getElementType());
  };
  Value low = cast(scalar, whole), high = b.createOrFold<arith::ShRUIOp>(e.loc, low, shift);
  return complex::CreateOp::create(b, e.loc, to, part(low), part(high));
}

Value lepton::emitScalar(Operation *op, KernelEmitter &e, ArrayRef<Value> operands) {
  if (auto castOp = dyn_cast<CastOp>(op))
    return emitCast(e, operands[0], elementTypeOf(castOp.getInput()), castOp.getTo(), castOp.getSaturate(),
                    castOp.getRounding());
  if (auto castOp = dyn_cast<BitCastOp>(op)) {
    Type from = elementTypeOf(castOp.getInput()), to = castOp.getTo();
    Value bits = e.toStorage(operands[0], from);
    if (from != to)
      bits = castBits(e, bits, KernelEmitter::storageType(to));
    return e.fromStorage(bits, to);
  }
  if (auto partOp = dyn_cast<ComplexPartOp>(op))
    return e.part(operands[0], partOp.getImaginary());
  if (isa<WhereOp>(op))
    return e.select(operands[0], operands[1], operands[2]);
  Type elementType = elementTypeOf(op->getOperand(0)), wide = computeType(elementType);
  if (isa<PowOp>(op) && isa<IntegerType>(wide) && isa<FloatType>(elementTypeOf(op->getOperand(1))))
    wide = e.b.getF64Type();
  SmallVector<Value> x;
  for (auto [value, operand] : llvm::zip_equal(operands, op->getOperands()))
    x.push_back(emitCast(e, value, elementTypeOf(operand), wide));
  Scalar s(e, wide, KernelEmitter::scalarType(wide));
  Value result = op->getNumOperands() == 1 ? emitUnary(op, s, x[0]) : emitBinary(op, s, x);
  assert(result && "an elementwise op without a scalar function");
  bool isWide = wide != elementType && result.getType() == s.type;
  return isWide ? emitCast(e, result, wide, elementType) : result;
}
