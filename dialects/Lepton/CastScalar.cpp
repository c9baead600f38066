//===- CastScalar.cpp - conversions of scalars between element types ----------------------------------------------------===//

#include "dialects/Lepton/ElementTypes.h"
#include "dialects/Lepton/LeptonOps.h"
#include "dialects/Lepton/NarrowFloat.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace lepton;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

static Value resizeInteger(KernelEmitter &e, Value value, Type to, bool isUnsigned) {
  unsigned from = value.getType().getIntOrFloatBitWidth(), width = to.getIntOrFloatBitWidth();
  if (from == width)
    return value;
  if (from > width)
    return e.b.createOrFold<arith::TruncIOp>(e.loc, to, value);
  return isUnsigned ? e.b.createOrFold<arith::ExtUIOp>(e.loc, to, value)
                    : e.b.createOrFold<arith::ExtSIOp>(e.loc, to, value);
}

static Value resizeFloat(KernelEmitter &e, Value value, FloatType to) {
  auto from = cast<FloatType>(value.getType());
  if (from == to)
    return value;
  if (from.getWidth() < to.getWidth())
    return e.b.createOrFold<arith::ExtFOp>(e.loc, to, value);
  if (from.getWidth() > to.getWidth())
    return arith::TruncFOp::create(e.b, e.loc, to, value);
  // f16 and bf16 have the same width: by way of f32, which holds both.
  return arith::TruncFOp::create(e.b, e.loc, to, arith::ExtFOp::create(e.b, e.loc, e.b.getF32Type(), value));
}

/// Between types that are not narrow.
static Value convert(KernelEmitter &e, Value value, Type from, Type to) {
  Type target = KernelEmitter::scalarType(to);
  bool fromUnsigned = isUnsignedOrBool(from), toUnsigned = to.isUnsignedInteger();
  if (to.isInteger(1) && isa<ComplexType>(from)) {
    Type part = cast<ComplexType>(from).getElementType();
    return e.b.createOrFold<arith::OrIOp>(e.loc, convert(e, e.part(value, false), part, to),
                                          convert(e, e.part(value, true), part, to));
  }
  if (to.isInteger(1)) {
    Value zero = e.scalar(value.getType(), 0);
    if (isa<FloatType>(from))
      return e.b.createOrFold<arith::CmpFOp>(e.loc, CmpFPredicate::UNE, value, zero);
    return e.compare(CmpIPredicate::ne, value, zero);
  }
  if (isa<FloatType>(from) && isa<FloatType>(to))
    return resizeFloat(e, value, cast<FloatType>(to));
  if (isa<FloatType>(to)) {
    // Through f32 where the target is narrower: integers round once more there, as ONNX's reference does.
    auto wide = cast<FloatType>(computeType(to));
    Value converted = fromUnsigned ? Value(arith::UIToFPOp::create(e.b, e.loc, wide, value))
                                   : Value(arith::SIToFPOp::create(e.b, e.loc, wide, value));
    return resizeFloat(e, converted, cast<FloatType>(to));
  }
  if (isa<FloatType>(from)) {
    // Narrow integers wrap from a wider conversion, as in C and NumPy on this hardware.
    unsigned width = target.getIntOrFloatBitWidth();
    Type wide = e.b.getIntegerType(width < 32 ? 32 : toUnsigned ? 64 : width);
    Value source = resizeFloat(e, value, cast<FloatType>(computeType(from)));
    bool asUnsigned = toUnsigned && width == 64;
    Value converted = asUnsigned ? Value(arith::FPToUIOp::create(e.b, e.loc, wide, source))
                                 : Value(arith::FPToSIOp::create(e.b, e.loc, wide, source));
    return resizeInteger(e, converted, target, false);
  }
  return resizeInteger(e, value, target, fromUnsigned);
}

/// A byte from the low bits of another.
static Value extendNarrowInteger(KernelEmitter &e, Value value, IntegerType from) {
  Value unused = e.scalar(value.getType(), 8 - from.getWidth());
  Value top = e.b.createOrFold<arith::ShLIOp>(e.loc, value, unused);
  return from.isUnsigned() ? e.b.createOrFold<arith::ShRUIOp>(e.loc, top, unused)
                           : e.b.createOrFold<arith::ShRSIOp>(e.loc, top, unused);
}

/// f64 as f32, rounded to odd: whoever rounds it again, to less than f32 holds, gets what rounding the f64 itself gives. What is beyond all f32
/// is infinite.
static Value roundToOdd(KernelEmitter &e, Value value) {
  auto magnitudeOf = [&](Value x) { return math::AbsFOp::create(e.b, e.loc, x); };
  auto compare = [&](CmpFPredicate p, Value l, Value r) { return arith::CmpFOp::create(e.b, e.loc, p, l, r); };
  Type i32 = e.b.getI32Type(), f32 = e.b.getF32Type();
  Value nearest = arith::TruncFOp::create(e.b, e.loc, f32, value);
  Value bits = arith::BitcastOp::create(e.b, e.loc, i32, nearest), one = e.scalar(i32, 1);
  Value magnitude = magnitudeOf(value),
        rounded = magnitudeOf(arith::ExtFOp::create(e.b, e.loc, value.getType(), nearest));
  Value towardsZero = e.select(compare(CmpFPredicate::OGT, rounded, magnitude), e.sub(bits, one), bits);
  Value odd = arith::OrIOp::create(e.b, e.loc, towardsZero, one);
  Value isInexact = compare(CmpFPredicate::ONE, rounded, magnitude);
  Value isInRange = compare(CmpFPredicate::OLT, magnitude, e.scalar(value.getType(), 0x1p128));
  Value isOdd = arith::AndIOp::create(e.b, e.loc, isInexact, isInRange);
  return arith::BitcastOp::create(e.b, e.loc, f32, e.select(isOdd, odd, bits));
}

Value lepton::emitCast(KernelEmitter &e, Value value, Type from, Type to, bool saturate, CastRounding rounding) {
  if (from == to)
    return value;
  if (isNarrow(from)) {
    auto floatType = dyn_cast<FloatType>(from);
    value =
        floatType ? emitFromNarrowFloat(e, value, floatType) : extendNarrowInteger(e, value, cast<IntegerType>(from));
    return emitCast(e, value, computeType(from), to, saturate, rounding);
  }
  if (!isNarrow(to))
    return convert(e, value, from, to);
  if (auto floatType = dyn_cast<FloatType>(to)) {
    value = from.isF64() ? roundToOdd(e, value) : convert(e, value, from, e.b.getF32Type());
    return emitToNarrowFloat(e, value, floatType, saturate, rounding);
  }
  Value mask = e.scalar(e.b.getI8Type(), (1u << to.getIntOrFloatBitWidth()) - 1);
  return e.b.createOrFold<arith::AndIOp>(e.loc, emitCast(e, value, from, computeType(to)), mask);
}
