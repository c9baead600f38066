//===- ApproximateMath.cpp - transcendental functions become polynomials --------------------------------------------------===//
//
// Before: math.exp and the like of f32, scalar or vector.  After: polynomials in arith and math.fma, which vectorize; where the processor has no
// fused multiply-add, products and sums.
//
//===------------------------------------------------------------------------------------------------------------------------===//

#include "codegen/Passes.h"
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

struct ApproximateMath : lepton::impl::ApproximateMathBase<ApproximateMath> {
  void runOnOperation() override {
    // Within 2 ulp in f32 or so; sin, cos and the like stay calls of libm, as their approximations lose the large arguments.
    StringRef names[] = {"math.exp", "math.tanh", "math.erf", "math.log", "math.log1p", "math.expm1"};
    RewritePatternSet patterns(&getContext());
    auto chosen = [&](StringRef name) { return llvm::is_contained(names, name); };
    populateMathPolynomialApproximationPatterns(patterns, chosen);
    (void)applyPatternsGreedily(getOperation(), std::move(patterns));
    if (!targetOf(getOperation()).getFma())
      getOperation().walk([](math::FmaOp op) { split(op); });
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
