//===- WideMath.cpp - functions of f32 that are computed in f64 -----------------------------------------------------------===//
//
// Twice the digits make short work of what is hard in f32: arguments far beyond a period, and logarithms that are multiplied. No branches and no tables, so that
// loops become vectors.
//
//===------------------------------------------------------------------------------------------------------------------------===//

#include "codegen/cpu/WideMath.h"
#include "codegen/cpu/LaneMath.h"

using namespace mlir;
using namespace lepton;

namespace {

/// Arithmetic in f64 and i64 beside an op on f32.
struct Wide : LaneMath {
  Wide(PatternRewriter &b, Operation *op) : LaneMath{b, op->getLoc(), op->getResult(0).getType()} {}

  Value number(double value) const { return splat(b.getF64FloatAttr(value)); }
  Value bits(int64_t value) const { return splat(b.getI64IntegerAttr(value)); }
  Value widen(Value x) const { return arith::ExtFOp::create(b, loc, like(b.getF64Type()), x); }
  Value narrow(Value x) const { return arith::TruncFOp::create(b, loc, type, x); }
  Value asBits(Value x) const { return arith::BitcastOp::create(b, loc, like(b.getI64Type()), x); }
  Value asNumber(Value x) const { return arith::BitcastOp::create(b, loc, like(b.getF64Type()), x); }
  Value abs(Value x) const { return math::AbsFOp::create(b, loc, x); }
  Value round(Value x) const { return math::RoundEvenOp::create(b, loc, x); }
  Value both(Value x, Value y) const { return arith::AndIOp::create(b, loc, x, y); }
  Value either(Value x, Value y) const { return arith::OrIOp::create(b, loc, x, y); }
  Value flip(Value x, Value y) const { return arith::XOrIOp::create(b, loc, x, y); }
  Value shiftLeft(Value x, int64_t count) const { return arith::ShLIOp::create(b, loc, x, bits(count)); }
  /// The coefficients from the highest power of x down.
  Value polynomial(Value x, ArrayRef<double> coefficients) const {
    Value sum = number(coefficients.front());
    for (double coefficient : coefficients.drop_front())
      sum = fma(sum, x, number(coefficient));
    return sum;
  }
  /// A whole number of less than 51 bits, whose lowest bits are those of the result.
  Value wholeBits(Value x) const { return asBits(add(x, number(0x1.8p52))); }
};

/// 2^shift * 2 / pi without whole multiples of 4, as a sum of which the first two have 29 bits or fewer: multiplied by a number of 24 bits they are exact. For
/// numbers from 2^(shift + 23) on, of which 2^shift is a factor.
struct TurnsPart {
  int shift;
  double high, middle, low;
};
constexpr TurnsPart turns[] = {
    {0, 0x1.45f306cp-1, 0x1.c9c882ap-29, 0x1.4fe13abe8fa9ap-59},
    {24, 0x1.b72722p+1, 0x1.529fc27p-28, 0x1.5f47d4d377037p-58},
    {48, 0x1.529fc2p-4, 0x1.d5f47d4p-30, 0x1.a6ee06db14acdp-59},
    {72, 0x1.3abe8fp-3, 0x1.534ddcp-28, 0x1.b6c52b3278872p-57},
    {96, 0x1.f534ddcp+0, 0x1.b6c52ap-33, 0x1.3278872083fcap-57},
};

/// sin(x + quarters * pi / 2). The argument is a number of quarter turns (Payne and Hanek, 1983, with one part of 2 / pi for 24 powers of 2), whose whole part
/// says which of the two polynomials and which sign; they are those of FreeBSD's k_sinf.c and k_cosf.c, with errors of 2^-37 and 2^-34.
static Value sine(const Wide &w, Value argument, int64_t quarters) {
  Value x = w.widen(argument), size = w.abs(x);
  Value scale = w.number(1), high = w.number(turns[0].high), middle = w.number(turns[0].middle),
        low = w.number(turns[0].low);
  for (const TurnsPart &part : ArrayRef(turns).drop_front()) {
    Value isLarger = w.is(arith::CmpFPredicate::OGE, size, w.number(std::ldexp(1, part.shift + 23)));
    for (auto [value, number] : {std::pair(&scale, std::ldexp(1, -part.shift)), std::pair(&high, part.high),
                                 std::pair(&middle, part.middle), std::pair(&low, part.low)})
      *value = w.select(isLarger, w.number(number), *value);
  }
  Value y = w.mul(x, scale), sum = w.mul(y, high), whole = w.round(sum);
  // Every step up to here is exact, and the sum of the next one is rounded once: so are turns close to a whole number right.
  sum = w.add(w.sub(sum, whole), w.mul(y, middle));
  Value more = w.round(sum);
  sum = w.add(w.sub(sum, more), w.mul(y, low));
  Value quadrant = w.wholeBits(w.add(w.add(whole, more), w.number(double(quarters))));
  Value r = w.mul(sum, w.number(0x1.921fb54442d18p+0)), square = w.mul(r, r);
  Value odd = w.polynomial(
      square, {0x1.6cd878c3b46a7p-19, -0x1.a00f9e2cae774p-13, 0x1.11110896efbb2p-7, -0x1.5555554cbac77p-3});
  odd = w.add(r, w.mul(w.mul(r, square), odd));
  Value even = w.polynomial(
      square, {0x1.99342e0ee5069p-16, -0x1.6c087e80f1e27p-10, 0x1.55553e1053a42p-5, -0x1.ffffffd0c5e81p-2, 1});
  Value isOdd = arith::CmpIOp::create(w.b, w.loc, arith::CmpIPredicate::ne, w.both(quadrant, w.bits(1)), w.bits(0));
  Value sign = w.shiftLeft(w.both(quadrant, w.bits(2)), 62);
  return w.narrow(w.asNumber(w.flip(w.asBits(w.select(isOdd, even, odd)), sign)));
}

template <typename OpT, int64_t quarters> struct Sine : OpRewritePattern<OpT> {
  using OpRewritePattern<OpT>::OpRewritePattern;

  LogicalResult matchAndRewrite(OpT op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    rewriter.replaceOp(op, sine(Wide(rewriter, op), op.getOperand(), quarters));
    return success();
  }
};

/// log2(x) of a positive finite number, within 2^-40 of its size. x = 2^k m with m between the roots of 1/2 and 2; log2(m) is the series of the inverse hyperbolic
/// tangent of (m - 1) / (m + 1).
static Value logarithm(const Wide &w, Value x) {
  constexpr int64_t rootOfHalf = 0x3fe6a09e667f3bcd;
  Value offset = arith::SubIOp::create(w.b, w.loc, w.asBits(x), w.bits(rootOfHalf));
  Value exponent = arith::ShRSIOp::create(w.b, w.loc, offset, w.bits(52));
  Value m = w.asNumber(arith::SubIOp::create(w.b, w.loc, w.asBits(x), w.shiftLeft(exponent, 52)));
  // The exponent as a number, by way of the lowest places of one: processors before AVX-512 convert no vectors of i64.
  constexpr double aligned = 0x1.8p52;
  Value k =
      w.sub(w.asNumber(arith::AddIOp::create(w.b, w.loc, exponent, w.asBits(w.number(aligned)))), w.number(aligned));
  Value t = w.div(w.sub(m, w.number(1)), w.add(m, w.number(1)));
  constexpr double factor = 2.8853900817779268; // 2 / ln 2
  Value series = w.polynomial(
      w.mul(t, t), {factor / 15, factor / 13, factor / 11, factor / 9, factor / 7, factor / 5, factor / 3, factor});
  return w.add(k, w.mul(t, series));
}

/// 2^x for |x| <= 300, within 2^-32 of its size.
static Value power2(const Wide &w, Value x) {
  constexpr double bias = 1023, aligned = 0x1.8p52 + bias;
  Value shifted = w.add(x, w.number(aligned)), f = w.sub(x, w.sub(shifted, w.number(aligned)));
  SmallVector<double> taylor; // of 2^f, |f| <= 1/2
  double term = 1;
  for (int i = 0; i <= 9; term *= 0.69314718055994531 / ++i)
    taylor.insert(taylor.begin(), term);
  return w.mul(w.polynomial(f, taylor), w.asNumber(w.shiftLeft(w.asBits(shifted), 52)));
}

/// pow as C has it (annex F.10.4.4).
struct Pow : OpRewritePattern<math::PowFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::PowFOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    using arith::CmpFPredicate;
    Wide w(rewriter, op);
    Value x = w.widen(op.getLhs()), y = w.widen(op.getRhs()), size = w.abs(x);
    Value zero = w.number(0), one = w.number(1), infinity = w.number(std::numeric_limits<double>::infinity());
    Value log = logarithm(w, size);
    log = w.select(w.is(CmpFPredicate::OEQ, size, zero), w.number(-std::numeric_limits<double>::infinity()), log);
    log = w.select(w.is(CmpFPredicate::OLT, size, infinity), log, size); // infinity and NaN
    Value exponent = w.mul(y, log);
    exponent = w.select(w.is(CmpFPredicate::OEQ, size, one), zero, exponent);
    exponent = arith::MaximumFOp::create(rewriter, w.loc, exponent, w.number(-300));
    exponent = arith::MinimumFOp::create(rewriter, w.loc, exponent, w.number(300));
    Value power = power2(w, exponent);
    // The sign of x where y is odd; NaN where x is negative and finite, and y no whole number.
    Value half = w.mul(y, w.number(0.5));
    Value isWhole = w.is(CmpFPredicate::OEQ, w.round(y), y), isEven = w.is(CmpFPredicate::OEQ, w.round(half), half);
    Value sign = w.both(w.asBits(x), w.bits(std::numeric_limits<int64_t>::min()));
    Value isOdd = w.select(isEven, w.bits(0), w.select(isWhole, w.bits(-1), w.bits(0)));
    power = w.asNumber(w.either(w.asBits(power), w.both(sign, isOdd)));
    Value isFiniteNegative = w.both(w.is(CmpFPredicate::OLT, x, zero), w.is(CmpFPredicate::OLT, size, infinity));
    power =
        w.select(isFiniteNegative, w.select(isWhole, power, w.number(std::numeric_limits<double>::quiet_NaN())), power);
    Value isOne = w.either(w.is(CmpFPredicate::OEQ, y, zero), w.is(CmpFPredicate::OEQ, x, one));
    rewriter.replaceOp(op, w.narrow(w.select(isOne, one, power)));
    return success();
  }
};

} // namespace

void lepton::populateWideMathPatterns(RewritePatternSet &patterns) {
  patterns.add<Sine<math::SinOp, 0>, Sine<math::CosOp, 1>, Pow>(patterns.getContext());
}
