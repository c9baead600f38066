//===- LowerViews.cpp - reshapes become views with computed sizes ----------------------------------------------------===//
//
// Before: lepton ops that change nothing but the shape, their sizes given by tensors of integers.
// After:  tensor.collapse_shape / tensor.expand_shape, sizes as index arithmetic over dimensions.
//
//===--------------------------------------------------------------------------------------------------------------------===//

#include "passes/kernel/LowerViews.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lepton;

/// All dimensions of a value as one.
static Value flatten(OpBuilder &b, Location loc, Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getRank() == 1)
    return value;
  if (type.getRank() == 0)
    return tensor::ExpandShapeOp::create(b, loc, RankedTensorType::get({1}, type.getElementType()), value,
                                         ArrayRef<ReassociationIndices>{});
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
  if (type.hasStaticShape() &&
      !cast<RankedTensorType>(view.getType()).hasStaticShape()) // the verifier wants both static
    view = tensor::CastOp::create(b, loc, RankedTensorType::get({type.getNumElements()}, type.getElementType()), view);
  if (type.getRank() == 0) {
    view = tensor::CollapseShapeOp::create(b, loc, type, view, ArrayRef<ReassociationIndices>{});
  } else if (type.getRank() > 1 || type != view.getType()) {
    SmallVector<OpFoldResult> extents;
    for (AffineExpr size : sizes)
      extents.push_back(getAsOpFoldResult(shapes.materialize(b, loc, size)));
    if (type.getRank() > 1) {
      ReassociationIndices all = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
      if (cast<RankedTensorType>(view.getType()).hasStaticShape() && !type.hasStaticShape())
        view =
            tensor::CastOp::create(b, loc, RankedTensorType::get({ShapedType::kDynamic}, type.getElementType()), view);
      view = tensor::ExpandShapeOp::create(b, loc, type, view, ArrayRef<ReassociationIndices>{all}, extents);
    }
  }
  if (view.getType() != result.getType())
    view = tensor::CastOp::create(b, loc, result.getType(), view);
  shapes.setShape(view, sizes);
  return view;
}

void lepton::lowerViews(func::FuncOp function, ShapeAnalysis &shapes, llvm::DenseMap<Value, Value> &replaced) {
  SmallVector<Operation *> views;
  function.walk([&](Operation *op) {
    if (isa<ViewOpInterface>(op))
      views.push_back(op);
  });
  for (Operation *op : views) {
    OpBuilder b(op);
    Value view = lowerView(b, shapes, op);
    replaced[op->getResult(0)] = view;
    op->getResult(0).replaceAllUsesWith(view);
  }
}
