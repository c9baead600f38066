//===- RefineShapes.cpp - types say all that is known of sizes ----------------------------------------------------------===//
//
// Before: types as they were inferred at import, when the branch that would run, or what a constant would fold to, was unknown.
// After:  each dimension that its op can infer to be a constant is static.
//
//===------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/LeptonOps.h"
#include "passes/Passes.h"

namespace lepton {
#define GEN_PASS_DEF_REFINESHAPES
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

/// The more static of two types of equal rank.
static RankedTensorType refine(RankedTensorType type, RankedTensorType inferred) {
  SmallVector<int64_t> sizes(type.getShape());
  for (auto [size, known] : llvm::zip_equal(sizes, inferred.getShape()))
    if (ShapedType::isDynamic(size))
      size = known;
  return RankedTensorType::get(sizes, type.getElementType());
}

namespace {

struct RefineShapes : lepton::impl::RefineShapesBase<RefineShapes> {
  void runOnOperation() override {
    ShapeAnalysis shapes(&getContext());
    WalkResult walked = getOperation()->walk<WalkOrder::PreOrder>([&](ShapeOpInterface op) {
      SmallVector<ResultShape> inferred;
      if (failed(op.inferShapes(shapes, inferred)))
        return WalkResult::advance();
      for (auto [result, shape] : llvm::zip_equal(op->getResults(), inferred)) {
        auto type = cast<RankedTensorType>(result.getType()), better = refine(type, shapes.type(shape));
        // What leaves a region has the type that the region's owner declares; a branch may say more.
        auto mayKnowMore = [](Operation *user) {
          return isa<ShapeOpInterface>(user) || (isa<YieldOp>(user) && isa<IfOp>(user->getParentOp()));
        };
        if (better != type && isTooLarge(better)) {
          op->emitError() << "gives a result of type " << better << ", larger than any memory; give it smaller inputs";
          return WalkResult::interrupt();
        }
        if (better != type && llvm::all_of(result.getUsers(), mayKnowMore))
          result.setType(better);
        shapes.setShape(result, shape.dims);
      }
      return WalkResult::advance();
    });
    if (walked.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
