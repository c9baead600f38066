//===- ApproximateMath.cpp - transcendental functions become polynomials --------------------------------------------------===//
//
// Before: math.exp and the like of f32, scalar or vector.  After: polynomials in arith and math.fma, which vectorize; where the processor has no
// fused multiply-add, products and sums.
//
//===------------------------------------------------------------------------------------------------------------------------===//

#include "codegen/Passes.h"
#include "codegen/cpu/LaneMath.h"
#include "codegen/cpu/WideMath.h"
#include "dialects/Lepton/LeptonOps.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace lepton {
#define GEN_PASS_DEF_APPROXIMATEMATH
#include "codegen/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

namespace {

/// Arithmetic in f32.
struct Floats : LaneMath {
  Value number(float value) const { return splat(b.getF32FloatAttr(value)); }
};

/// exp(x) within 2 ulp; 0 below the smallest normal number. x = n ln 2 + f with 0 <= f <= ln 2; exp(f) is a polynomial of degree 6 (relative error 2e-9, by
/// Remez' criterion with exp(0) = 1), and 2^n is made of n's bits, which adding 1.5 * 2^23 puts in the lowest places of a float.
struct Exp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ExpOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return failure();
    Floats f{{rewriter, op.getLoc(), op.getType()}};
    // Beyond -127 ln 2 and 128 ln 2 the bits of 2^n are those of 0 and of infinity.
    Value x = arith::MaximumFOp::create(rewriter, f.loc, op.getOperand(), f.number(-88.0296f));
    x = arith::MinimumFOp::create(rewriter, f.loc, x, f.number(88.7228391f));
    constexpr float bias = 127, aligned = 12582912 + bias;
    Value shifted = f.add(f.fma(x, f.number(1.44269504f), f.number(-0.5f)), f.number(aligned));
    Value n = f.sub(shifted, f.number(aligned));
    Value rest = f.fma(n, f.number(-0.693359375f), x); // ln 2 in two parts, the first of which times n is exact
    rest = f.fma(n, f.number(2.12194440e-4f), rest);
    Value sum = f.number(0.001950655598193407f);
    for (float coefficient : {0.007788838818669319f, 0.041917286813259125f, 0.16660945117473602f, 0.5000059008598328f,
                              0.9999998211860657f, 1.0f})
      sum = f.fma(sum, rest, f.number(coefficient));
    Type i32 = rewriter.getI32Type();
    Value bits = arith::BitcastOp::create(rewriter, f.loc, f.like(i32), shifted);
    bits = arith::ShLIOp::create(rewriter, f.loc, bits, f.splat(rewriter.getI32IntegerAttr(23)));
    rewriter.replaceOp(op, f.mul(sum, arith::BitcastOp::create(rewriter, f.loc, op.getType(), bits)));
    return success();
  }
};

struct ApproximateMath : lepton::impl::ApproximateMathBase<ApproximateMath> {
  void runOnOperation() override {
    SmallVector<StringRef> names = {"math.tanh", "math.erf", "math.log", "math.log1p", "math.expm1"};
    // A GPU has no libm, and the processors that are to agree have different ones.
    if (TargetAttr target = targetOf(getOperation()); target.isGpu() || target.isDeterministic()) {
      names.append({"math.acos", "math.asin", "math.atan"});
      makeOfOthers();
    }
    getOperation()->walk([](math::LogOp op) { scaleSubnormals(op); });
    RewritePatternSet patterns(&getContext());
    patterns.add<Exp>(&getContext());
    if (targetOf(getOperation()).getFma()) // two numbers of f64 in a vector gain nothing over calls of libm
      populateWideMathPatterns(patterns);
    auto chosen = [&](StringRef name) { return llvm::is_contained(names, name); };
    populateMathPolynomialApproximationPatterns(patterns, chosen);
    (void)applyPatternsGreedily(getOperation(), std::move(patterns));
    if (!targetOf(getOperation()).getFma())
      getOperation()->walk([](math::FmaOp op) { split(op); });
  }

  /// The hyperbolic functions, their inverses and the tangent are made of exp, log, sin and cos.
  void makeOfOthers() {
    RewritePatternSet patterns(&getContext());
    math::populateExpansionPatterns(patterns, {"tan", "sinh", "cosh", "asinh", "acosh", "atanh"});
    (void)applyPatternsGreedily(getOperation(), std::move(patterns));
  }

  /// log(x) is log(2^24 x) - 24 ln 2 where x is subnormal, which the approximation takes for the smallest normal number.
  static void scaleSubnormals(math::LogOp op) {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return;
    OpBuilder b(op);
    Floats f{{b, op.getLoc(), op.getType()}};
    Value x = op.getOperand();
    Value isSmall = f.is(arith::CmpFPredicate::OLT, x, f.number(0x1p-126f));
    op.setOperand(f.select(isSmall, f.mul(x, f.number(0x1p24f)), x));
    b.setInsertionPointAfter(op);
    Value shift = f.select(isSmall, f.number(-16.635532f), f.number(0));
    auto sum = arith::AddFOp::create(b, f.loc, op, shift);
    op.getResult().replaceAllUsesExcept(sum, sum);
  }

  /// Where the processor has no fused multiply-add, each would be a call of libm; the polynomials do as well without.
  static void split(math::FmaOp op) {
    OpBuilder b(op);
    Value product = arith::MulFOp::create(b, op.getLoc(), op.getA(), op.getB());
    op.replaceAllUsesWith(arith::AddFOp::create(b, op.getLoc(), product, op.getC()).getResult());
    op.erase();
  }
};

} // namespace
