//===- LowerViews.cpp - reshapes become views with computed sizes ----------------------------------------------------===//
//
// Before: lepton ops that change nothing but the shape, their sizes given by tensors of integers.
// After:  tensor.collapse_shape / tensor.expand_shape, sizes as index arithmetic over dimensions.
//
//===--------------------------------------------------------------------------------------------------------------------===//

#include "dialects/Lepton/LeptonOps.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/RegionUtils.h"

namespace lepton {
#define GEN_PASS_DEF_LOWERVIEWS
#include "passes/Passes.h.inc"
} // namespace lepton

using namespace mlir;
using namespace lepton;

namespace {

struct LowerViews : lepton::impl::LowerViewsBase<LowerViews> {
  void runOnOperation() override {
    ShapeAnalysis shapes(&getContext());
    SmallVector<Operation *> views;
    getOperation().walk([&](Operation *op) {
      for (Value result : op->getResults())
        if (isa<RankedTensorType>(result.getType()))
          shapes.shape(result); // before anything changes: chains of shape arithmetic are still whole
      if (isa<ViewOpInterface>(op))
        views.push_back(op);
    });
    llvm::DenseMap<Value, Value> replaced;
    shapes.resolve = [&](Value value) {
      while (Value next = replaced.lookup(value))
        value = next;
      return value;
    };
    for (Operation *op : views) {
      OpBuilder b(op);
      Value view = lowerView(b, shapes, op);
      replaced[op->getResult(0)] = view;
      op->getResult(0).replaceAllUsesWith(view);
    }
    IRRewriter rewriter(&getContext());
    for (Operation *op : llvm::reverse(views))
      op->erase();
    (void)runRegionDCE(rewriter, getOperation()->getRegions());
  }

  /// All dimensions of a value as one.
  static Value flatten(OpBuilder &b, Location loc, Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getRank() == 1)
      return value;
    if (type.getRank() == 0)
      return tensor::ExpandShapeOp::create(b, loc, RankedTensorType::get({1}, type.getElementType()), value, ArrayRef<ReassociationIndices>{});
    ReassociationIndices all = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
    return tensor::CollapseShapeOp::create(b, loc, value, ArrayRef<ReassociationIndices>{all});
  }

  static Value lowerView(OpBuilder &b, ShapeAnalysis &shapes, Operation *op) {
    Location loc = op->getLoc();
    Value input = op->getOperand(0), result = op->getResult(0);
    SmallVector<AffineExpr> sizes = shapes.shape(result);
    if (shapes.shape(input) == sizes && input.getType() == result.getType())
      return input;
    auto type = shapes.type({elementTypeOf(result), sizes});
    Value view = flatten(b, loc, input);
    if (type.getRank() == 0) {
      view = tensor::CollapseShapeOp::create(b, loc, type, view, ArrayRef<ReassociationIndices>{});
    } else if (type.getRank() > 1 || type != view.getType()) {
      SmallVector<OpFoldResult> extents;
      for (AffineExpr size : sizes)
        extents.push_back(getAsOpFoldResult(shapes.materialize(b, loc, size)));
      if (type.getRank() > 1) {
        ReassociationIndices all = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
        auto viewType = cast<RankedTensorType>(view.getType());
        if (type.hasStaticShape() && !viewType.hasStaticShape()) // the verifier wants both static
          view = tensor::CastOp::create(b, loc, RankedTensorType::get({type.getNumElements()}, type.getElementType()), view);
        if (viewType.hasStaticShape() && !type.hasStaticShape())
          view = tensor::CastOp::create(b, loc, RankedTensorType::get({ShapedType::kDynamic}, type.getElementType()), view);
        view = tensor::ExpandShapeOp::create(b, loc, type, view, ArrayRef<ReassociationIndices>{all}, extents);
      }
    }
    if (view.getType() != result.getType())
      view = tensor::CastOp::create(b, loc, result.getType(), view);
    shapes.setShape(view, sizes);
    return view;
  }
};

} // namespace
