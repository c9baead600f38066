//===- ComputedAxes.cpp - axes that only the run knows ---------------------------------------------------------------------===//

#include "frontend/onnx/ComputedAxes.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

bool importer::hasComputedAxes(const Node &n, int operand) {
  return !n.has("axes") && n.input(operand) && !n.constantIntegers(operand);
}

static int64_t lengthOf(Value vector) { return cast<RankedTensorType>(vector.getType()).getDimSize(0); }

FailureOr<Value> importer::computedAxes(Node &n, int operand, int64_t rank) {
  auto type = cast<RankedTensorType>(n.input(operand).getType());
  if (type.getRank() != 1 || type.isDynamicDim(0) || !isa<IntegerType>(type.getElementType()) ||
      type.getDimSize(0) > rank)
    return n.error("takes its axes from a computed value that is no vector of a fitting, known length, so the rank of "
                   "the result is unknown; make "
                   "them a constant");
  Value axes = n.g.cast(n.loc, n.input(operand), n.g.b.getI64Type());
  Value isNegative = n.make<LessOp>({axes, n.scalarLike(axes, 0)});
  return n.make<WhereOp>({isNegative, n.make<AddOp>({axes, n.scalarLike(axes, rank)}), axes});
}

Value importer::spreadOverAxes(Node &n, Value axes, Value values, int64_t rank, int64_t otherwise) {
  auto kind = n.g.attr("kind", ScatterKindAttr::get(n.g.b.getContext(), ScatterKind::none));
  Value all = n.g.integers(n.loc, SmallVector<int64_t>(rank, otherwise));
  return n.make<ScatterElementsOp>({all, axes, values}, {kind, n.g.attr("axis", int64_t(0))});
}

/// The dimensions that are not among the axes, in order: those with the smallest of the keys `d`, and `d + rank` for an axis.
static Value keptDimensions(Node &n, Value axes, int64_t rank) {
  int64_t count = lengthOf(axes);
  Value marks = spreadOverAxes(n, axes, n.g.integers(n.loc, SmallVector<int64_t>(count, rank)), rank, 0);
  Value keys = n.make<AddOp>({marks, n.g.integers(n.loc, llvm::to_vector(llvm::seq<int64_t>(0, rank)))});
  return n.make<TopKOp>({keys, n.g.scalar(n.loc, n.g.b.getI64Type(), rank - count)}, n.g.attr("axis", int64_t(0)));
}

static Value reshaped(Node &n, Value x, Value sizes) { return n.make<ReshapeOp>({x, sizes}, n.g.flag("allowzero")); }

Value importer::squeezeComputed(Node &n, Value x, Value axes) {
  int64_t rank = rankOf(x);
  if (lengthOf(axes) == rank)
    return n.g.reshape(n.loc, x, {});
  return reshaped(
      n, x, n.make<GatherOp>({n.g.shapeOf(n.loc, x), keptDimensions(n, axes, rank)}, n.g.attr("axis", int64_t(0))));
}

Value importer::unsqueezeComputed(Node &n, Value x, Value axes) {
  int64_t rank = rankOf(x) + lengthOf(axes);
  if (rankOf(x) == 0)
    return n.g.reshape(n.loc, x, SmallVector<int64_t>(rank, 1));
  return reshaped(n, x, spreadOverAxes(n, keptDimensions(n, axes, rank), n.g.shapeOf(n.loc, x), rank, 1));
}

/// `x` reduced along dimension `d` where `condition` holds, and `x` itself elsewhere.
static Value reduceWhere(Node &n, ReduceKind kind, Value x, int64_t d, Value condition) {
  auto type = cast<RankedTensorType>(x.getType());
  SmallVector<int64_t> sizes(type.getShape());
  sizes[d] = sizes[d] == 1 ? 1 : ShapedType::kDynamic;
  OperationState state(n.loc, IfOp::getOperationName());
  for (bool reduces : {true, false}) {
    OpBuilder::InsertionGuard guard(n.g.b);
    Region *region = state.addRegion();
    n.g.b.createBlock(region);
    Value value =
        reduces ? n.make<ReduceOp>(x, {n.g.kind(kind), n.g.attr("axes", ArrayRef<int64_t>(d)), n.g.flag("keepdims")})
                : x;
    if (!value)
      return {};
    YieldOp::create(n.g.b, n.loc, value);
  }
  state.addOperands(condition);
  state.addTypes(RankedTensorType::get(sizes, type.getElementType()));
  Value result = n.g.b.create(state)->getResult(0);
  SmallVector<AffineExpr> dims = n.g.shapes.shape(x);
  dims[d] = n.g.shapes.dim(result, d);
  n.g.shapes.setShape(result, dims);
  return result;
}

Value importer::reduceComputed(Node &n, ReduceKind kind, Value x, Value axes) {
  Type i64 = n.g.b.getI64Type();
  for (int64_t d = 0, rank = rankOf(x); d < rank && x; ++d) {
    Value hits = n.g.cast(n.loc, n.make<EqualOp>({axes, n.g.scalar(n.loc, i64, d)}), i64);
    Value count = n.make<ReduceOp>(hits, {n.g.kind(ReduceKind::sum), n.g.attr("axes", ArrayRef<int64_t>{0})});
    Value condition = n.make<GreaterOp>({count, n.g.scalar(n.loc, i64, 0)});
    x = condition ? reduceWhere(n, kind, x, d, condition) : Value();
  }
  return x;
}
