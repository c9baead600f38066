//===- HalfFloats.cpp - floats of 16 bits where there are none --------------------------------------------------------------===//

#include "codegen/cpu/HalfFloats.h"
#include "codegen/cpu/LaneMath.h"

#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;
using namespace lepton;

namespace {

bool isHalf(Type type) { return type.isF16() || type.isBF16(); }

/// Arithmetic on the bits of f32 and narrower floats, in i32.
struct Bits : LaneMath {
  Type word() const { return like(b.getI32Type()); }
  Type half() const { return like(b.getIntegerType(16)); }
  Value number(uint32_t value) const { return splat(b.getI32IntegerAttr(int32_t(value))); }
  Value wide(Value x) const { // of 16 bits
    return arith::ExtUIOp::create(b, loc, word(), arith::BitcastOp::create(b, loc, half(), x));
  }
  Value of(Value x) const { return arith::BitcastOp::create(b, loc, word(), x); }
  Value asFloat(Value x) const { return arith::BitcastOp::create(b, loc, like(b.getF32Type()), x); }
  Value both(Value x, Value y) const { return arith::AndIOp::create(b, loc, x, y); }
  Value either(Value x, Value y) const { return arith::OrIOp::create(b, loc, x, y); }
  Value plus(Value x, Value y) const { return arith::AddIOp::create(b, loc, x, y); }
  Value minus(Value x, Value y) const { return arith::SubIOp::create(b, loc, x, y); }
  Value left(Value x, uint32_t by) const { return arith::ShLIOp::create(b, loc, x, number(by)); }
  Value right(Value x, uint32_t by) const { return arith::ShRUIOp::create(b, loc, x, number(by)); }
  Value is(arith::CmpIPredicate predicate, Value x, Value y) const {
    return arith::CmpIOp::create(b, loc, predicate, x, y);
  }
};

/// f16 to f32. In the place of the wider mantissa the bits are the number divided by 2^112, which is exact for denormals, too.
struct WidenHalf : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::ExtFOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getIn()).isF16() || !getElementTypeOrSelf(op).isF32())
      return failure();
    Bits f{{rewriter, op.getLoc(), op.getType()}};
    Value bits = f.wide(op.getIn()), magnitude = f.both(bits, f.number(0x7fff));
    Value sign = f.left(f.both(bits, f.number(0x8000)), 16), moved = f.left(magnitude, 13);
    Value finite = f.of(f.mul(f.asFloat(moved), f.splat(rewriter.getF32FloatAttr(0x1p112f))));
    Value isFinite = f.is(arith::CmpIPredicate::ult, magnitude, f.number(0x7c00));
    Value result = f.select(isFinite, finite, f.either(moved, f.number(0x7f800000)));
    rewriter.replaceOp(op, f.asFloat(f.either(result, sign)));
    return success();
  }
};

/// f32 to the nearest f16, ties to even.
struct NarrowToHalf : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getIn()).isF32() || !getElementTypeOrSelf(op).isF16())
      return failure();
    Bits f{{rewriter, op.getLoc(), op.getType()}};
    constexpr auto less = arith::CmpIPredicate::ult;
    Value bits = f.of(op.getIn()), magnitude = f.both(bits, f.number(0x7fffffff));
    Value sign = f.both(f.right(bits, 16), f.number(0x8000));
    // Added to a half, the last place of a denormal is that of the sum: the addition rounds.
    Value half = f.number(0x3f000000), sum = f.of(f.add(f.asFloat(magnitude), f.asFloat(half))),
          denormal = f.minus(sum, half);
    // The exponents' biases differ by 112; what is added to the bits that are dropped carries into those that stay.
    Value isOdd = f.both(f.right(magnitude, 13), f.number(1));
    Value normal = f.right(f.plus(f.plus(magnitude, f.number(0xfff - (112u << 23))), isOdd), 13);
    Value isNumber = f.is(less, magnitude, f.number(0x7f800001));
    Value quiet = f.either(f.both(f.right(magnitude, 13), f.number(0x1ff)), f.number(0x7e00));
    Value large = f.select(isNumber, f.number(0x7c00), quiet);
    Value small = f.select(f.is(less, magnitude, f.number(113u << 23)), denormal, normal);
    Value result = f.either(f.select(f.is(less, magnitude, f.number(143u << 23)), small, large), sign);
    Value narrow = arith::TruncIOp::create(rewriter, f.loc, f.half(), result);
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), narrow);
    return success();
  }
};

/// To f64 by way of f32, which is exact.
struct WidenTwice : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::ExtFOp op, PatternRewriter &rewriter) const override {
    if (!isHalf(getElementTypeOrSelf(op.getIn())) || !getElementTypeOrSelf(op).isF64())
      return failure();
    LaneMath lanes{rewriter, op.getLoc(), op.getType()};
    Value f32 = arith::ExtFOp::create(rewriter, lanes.loc, lanes.like(rewriter.getF32Type()), op.getIn());
    rewriter.replaceOpWithNewOp<arith::ExtFOp>(op, op.getType(), f32);
    return success();
  }
};

/// From f64 by way of f32, rounded to an odd number where it is not exact, so that the second rounding sees on which side of a tie it was.
struct NarrowTwice : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(arith::TruncFOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getIn()).isF64() || !isHalf(getElementTypeOrSelf(op)))
      return failure();
    Bits f{{rewriter, op.getLoc(), op.getType()}};
    Value nearest = arith::TruncFOp::create(rewriter, f.loc, f.like(rewriter.getF32Type()), op.getIn());
    Value back = arith::ExtFOp::create(rewriter, f.loc, op.getIn().getType(), nearest), bits = f.of(nearest);
    auto absolute = [&](Value x) { return math::AbsFOp::create(rewriter, f.loc, x); };
    Value isAbove = f.LaneMath::is(arith::CmpFPredicate::OGT, absolute(back), absolute(op.getIn()));
    Value towardsZero = f.select(isAbove, f.minus(bits, f.number(1)), bits);
    Value isInexact = f.LaneMath::is(arith::CmpFPredicate::ONE, back, op.getIn());
    Value odd = f.select(isInexact, f.either(towardsZero, f.number(1)), bits);
    rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, op.getType(), f.asFloat(odd));
    return success();
  }
};

} // namespace

/// What computes becomes arithmetic of f32 between conversions.
static LogicalResult computeInFloats(ModuleOp module) {
  MLIRContext *context = module.getContext();
  TypeConverter converter;
  arith::populateEmulateUnsupportedFloatsConversions(converter, {Float16Type::get(context), BFloat16Type::get(context)},
                                                     Float32Type::get(context));
  RewritePatternSet patterns(context);
  arith::populateEmulateUnsupportedFloatsPatterns(patterns, converter);
  ConversionTarget target(*context);
  arith::populateEmulateUnsupportedFloatsLegality(target, converter);
  target.addDynamicallyLegalDialect<math::MathDialect>([&](Operation *op) { return converter.isLegal(op); });
  return applyPartialConversion(module, target, std::move(patterns));
}

/// Conversions become arithmetic of integers.
static LogicalResult convertInBits(ModuleOp module) {
  RewritePatternSet patterns(module.getContext());
  patterns.add<WidenHalf, NarrowToHalf, WidenTwice, NarrowTwice>(module.getContext());
  arith::populateExpandBFloat16Patterns(patterns);
  return applyPatternsGreedily(module, std::move(patterns));
}

/// What moves such floats, constants among it, moves integers.
static void moveAsIntegers(ModuleOp module) {
  Type integer = IntegerType::get(module.getContext(), 16);
  AttrTypeReplacer replacer;
  replacer.addReplacement([=](FloatType type) -> Type { return isHalf(type) ? integer : Type(type); });
  replacer.addReplacement([=](FloatAttr number) -> Attribute {
    return isHalf(number.getType()) ? IntegerAttr::get(integer, number.getValue().bitcastToAPInt()) : Attribute(number);
  });
  replacer.addReplacement([=](DenseElementsAttr numbers) -> Attribute {
    return isHalf(numbers.getElementType()) ? numbers.bitcast(integer) : numbers;
  });
  for (auto function : module.getOps<FunctionOpInterface>())
    replacer.recursivelyReplaceElementsIn(function, /*replaceAttrs=*/true, /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);
}

LogicalResult lepton::emulateHalfFloats(ModuleOp module) {
  if (failed(computeInFloats(module)) || failed(convertInBits(module)))
    return failure();
  moveAsIntegers(module);
  return success();
}
