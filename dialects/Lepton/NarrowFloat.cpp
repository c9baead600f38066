//===- NarrowFloat.cpp - floats of at most eight bits, in integer arithmetic --------------------------------------------===//

#include "dialects/Lepton/NarrowFloat.h"

using namespace mlir;
using namespace lepton;
using arith::CmpIPredicate;
using llvm::APFloat;

namespace {

constexpr uint32_t f32Mantissa = 23, f32Bias = 127, f32Infinity = 0x7f800000, f32QuietNaN = 0x7fc00000;

/// A format with a sign, whose numbers without it grow with their bits ("code").
struct Format {
  explicit Format(FloatType type) : semantics(type.getFloatSemantics()), width(type.getWidth()) {
    mantissa = APFloat::semanticsPrecision(semantics) - 1;
    minExponent = APFloat::semanticsMinExponent(semantics);
    signBit = 1u << (width - 1);
    largest = code(APFloat::getLargest(semantics));
    hasInfinity = APFloat::semanticsHasInf(semantics);
    hasNaN = APFloat::semanticsHasNaN(semantics);
    infinity = hasInfinity ? code(APFloat::getInf(semantics)) : 0;
    // Formats of four and six bits have none; what is none becomes 0, of the other sign, as in ml_dtypes.
    nan = hasNaN ? code(APFloat::getNaN(semantics)) : signBit;
  }
  static uint32_t code(const APFloat &value) { return value.bitcastToAPInt().getZExtValue(); }

  /// The one NaN takes the place of the negative zero ("FNUZ").
  bool hasUnsignedZero() const { return hasNaN && nan == signBit; }
  /// The bits of 2^exponent as f32.
  static uint32_t power(int exponent) { return uint32_t(exponent + int(f32Bias)) << f32Mantissa; }
  uint32_t smallestNormal() const { return power(minExponent); }
  /// From the exponent's bits of a code, shifted to f32's place, to those of f32.
  uint32_t rebias() const { return uint32_t(int(f32Bias) - (1 - minExponent)) << f32Mantissa; }

  const llvm::fltSemantics &semantics;
  unsigned width, mantissa;
  int minExponent; // of normal numbers
  uint32_t signBit, largest, infinity, nan;
  bool hasInfinity, hasNaN;
};

/// Arithmetic on i32.
struct Bits {
  explicit Bits(KernelEmitter &e) : e(e), b(e.b), loc(e.loc), i32(e.b.getI32Type()), f32(e.b.getF32Type()) {}

  Value number(uint32_t value) {
    return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(static_cast<int32_t>(value)));
  }
  Value both(Value l, uint32_t r) { return b.createOrFold<arith::AndIOp>(loc, l, number(r)); }
  Value either(Value l, Value r) { return b.createOrFold<arith::OrIOp>(loc, l, r); }
  Value flip(Value l, Value r) { return b.createOrFold<arith::XOrIOp>(loc, l, r); }
  Value left(Value l, uint32_t r) { return b.createOrFold<arith::ShLIOp>(loc, l, number(r)); }
  Value right(Value l, uint32_t r) { return b.createOrFold<arith::ShRUIOp>(loc, l, number(r)); }
  Value above(Value l, uint32_t r) { return e.compare(CmpIPredicate::ugt, l, number(r)); }
  Value below(Value l, uint32_t r) { return e.compare(CmpIPredicate::ult, l, number(r)); }
  Value equal(Value l, uint32_t r) { return e.compare(CmpIPredicate::eq, l, number(r)); }
  Value select(Value c, Value l, Value r) { return e.select(c, l, r); }
  Value select(Value c, uint32_t l, Value r) { return e.select(c, number(l), r); }
  Value asFloat(Value x) { return b.createOrFold<arith::BitcastOp>(loc, f32, x); }
  Value asBits(Value x) { return b.createOrFold<arith::BitcastOp>(loc, i32, x); }
  Value fromByte(Value x) { return b.createOrFold<arith::ExtUIOp>(loc, i32, x); }
  Value toByte(Value x) { return b.createOrFold<arith::TruncIOp>(loc, b.getI8Type(), x); }

  KernelEmitter &e;
  OpBuilder &b;
  Location loc;
  Type i32, f32;
};

/// A code of the format from the magnitude of an f32, rounded to nearest, ties to even; above `largest` where it is out of range.
Value roundedCode(Bits &bits, const Format &format, Value magnitude) {
  unsigned drop = f32Mantissa - format.mantissa;
  // Half of what is dropped, less one where the last bit kept is even, carries into what is kept just when it must.
  Value odd = bits.both(bits.right(magnitude, drop), 1);
  Value carried = bits.e.add(bits.e.add(magnitude, bits.number((1u << (drop - 1)) - 1)), odd);
  Value normal = bits.e.sub(bits.right(carried, drop), bits.number(format.rebias() >> drop));
  // Numbers with the smallest exponent have a fixed step; next to a number whose step is the same, the addition of f32 rounds to it.
  uint32_t anchor = Format::power(format.minExponent - int(format.mantissa) + int(f32Mantissa));
  Value sum = bits.b.createOrFold<arith::AddFOp>(bits.loc, bits.asFloat(magnitude), bits.asFloat(bits.number(anchor)));
  Value subnormal = bits.e.sub(bits.asBits(sum), bits.number(anchor));
  return bits.select(bits.below(magnitude, format.smallestNormal()), subnormal, normal);
}

Value toSignedFormat(Bits &bits, Value value, const Format &format, bool saturate) {
  Value pattern = bits.asBits(value), magnitude = bits.both(pattern, 0x7fffffff);
  Value sign = bits.both(bits.right(pattern, 32 - format.width), format.signBit);
  Value code = roundedCode(bits, format, magnitude), isNaN = bits.above(magnitude, f32Infinity);
  Value isTooLarge = bits.above(code, format.largest);
  if (saturate || !format.hasNaN)
    code = bits.select(isTooLarge, format.largest, code);
  else if (format.hasInfinity)
    code = bits.select(isTooLarge, format.infinity, code);
  else
    isNaN = bits.either(isNaN, isTooLarge);
  if (format.hasUnsignedZero()) {
    Value signedCode = bits.select(bits.equal(code, 0), code, bits.either(code, sign));
    return bits.select(isNaN, format.nan, signedCode);
  }
  return bits.flip(bits.select(isNaN, format.nan, code), sign);
}

Value fromSignedFormat(Bits &bits, Value pattern, const Format &format) {
  Value code = bits.both(pattern, format.signBit - 1);
  Value sign = bits.left(bits.both(pattern, format.signBit), 32 - format.width);
  Value normal = bits.e.add(bits.left(code, f32Mantissa - format.mantissa), bits.number(format.rebias()));
  Value step = bits.asFloat(bits.number(Format::power(format.minExponent - int(format.mantissa))));
  Value steps = bits.b.createOrFold<arith::SIToFPOp>(bits.loc, bits.f32, code);
  Value subnormal = bits.asBits(bits.b.createOrFold<arith::MulFOp>(bits.loc, steps, step));
  Value result = bits.select(bits.below(code, 1u << format.mantissa), subnormal, normal);
  if (format.hasInfinity) {
    Value isInfinite = bits.equal(code, format.infinity), isNaN = bits.above(code, format.infinity);
    result = bits.select(isInfinite, f32Infinity, bits.select(isNaN, f32QuietNaN, result));
  } else if (format.hasUnsignedZero()) {
    return bits.select(bits.equal(pattern, format.nan), f32QuietNaN, bits.either(result, sign));
  } else if (format.hasNaN) {
    result = bits.select(bits.equal(code, format.nan), f32QuietNaN, result);
  }
  return bits.either(result, sign);
}

/// f8E8M0FNU is the exponent of an f32: powers of two from 2^-127, which is a subnormal f32, to 2^127; 255 is no number.
constexpr uint32_t smallestPower = 1u << (f32Mantissa - 1), largestExponent = 254, noExponent = 255;

Value toPowerOfTwo(Bits &bits, Value value, bool saturate, CastRounding rounding) {
  Value pattern = bits.asBits(value), magnitude = bits.both(pattern, 0x7fffffff);
  Value exponent = bits.right(magnitude, f32Mantissa), fraction = bits.both(magnitude, (1u << f32Mantissa) - 1);
  if (rounding != CastRounding::down) {
    // Among subnormal numbers the fraction alone is the number: 2^-127 is the half of it, and 1.5 * 2^-127 is halfway to 2^-126.
    bool isUp = rounding == CastRounding::up;
    uint32_t half = 1u << (f32Mantissa - 1);
    Value passed = bits.above(fraction, isUp ? 0 : half - 1);
    Value passedSmall = bits.above(fraction, isUp ? half : half + half / 2 - 1);
    exponent = bits.e.add(exponent, bits.fromByte(bits.select(bits.equal(exponent, 0), passedSmall, passed)));
  }
  Value code = bits.select(bits.above(exponent, largestExponent), saturate ? largestExponent : noExponent, exponent);
  if (!saturate)
    code = bits.select(bits.below(magnitude, smallestPower), noExponent, code);
  Value isNaN = bits.above(magnitude, f32Infinity), isNegative = bits.above(pattern, 0x80000000);
  return bits.select(bits.either(isNaN, isNegative), noExponent, code);
}

Value fromPowerOfTwo(Bits &bits, Value exponent) {
  Value power = bits.select(bits.equal(exponent, 0), smallestPower, bits.left(exponent, f32Mantissa));
  return bits.select(bits.equal(exponent, noExponent), f32QuietNaN, power);
}

} // namespace

Value lepton::emitFromNarrowFloat(KernelEmitter &e, Value value, FloatType from) {
  Bits bits(e);
  Value pattern = bits.fromByte(value);
  return bits.asFloat(isa<Float8E8M0FNUType>(from) ? fromPowerOfTwo(bits, pattern)
                                                   : fromSignedFormat(bits, pattern, Format(from)));
}

Value lepton::emitToNarrowFloat(KernelEmitter &e, Value value, FloatType to, bool saturate, CastRounding rounding) {
  Bits bits(e);
  return bits.toByte(isa<Float8E8M0FNUType>(to) ? toPowerOfTwo(bits, value, saturate, rounding)
                                                : toSignedFormat(bits, value, Format(to), saturate));
}
