//===- ConvertIndexing.cpp - operators that read or write at computed positions, and scans ---------------------------------===//

#include "frontend/onnx/Compose.h"
#include "frontend/onnx/GraphImporter.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

LogicalResult range(Node &n) {
  Value start = single(n, n.input(0)), limit = single(n, n.input(1)), delta = single(n, n.input(2)), count;
  if (!start || !limit || !delta)
    return failure();
  if (n.isFloat(0)) {
    auto first = n.constantNumbers(0), end = n.constantNumbers(1), step = n.constantNumbers(2);
    if (first && end && step) {
      double steps = std::ceil((end->front() - first->front()) / step->front());
      if (!(std::abs(steps) < 1e15))
        return n.error("has a step of 0 or bounds that are not finite");
      count = integer(n, std::max<int64_t>(steps, 0));
    } else {
      Value wide[] = {n.g.cast(n.loc, start, n.g.b.getF64Type()), n.g.cast(n.loc, limit, n.g.b.getF64Type()),
                      n.g.cast(n.loc, delta, n.g.b.getF64Type())};
      count =
          toI64(n, n.make<lepton::CeilOp>(n.make<lepton::DivOp>({n.make<lepton::SubOp>({wide[1], wide[0]}), wide[2]})));
    }
  } else {
    auto step = n.constantIntegers(2);
    if (step && step->front() == 0)
      return n.error("has a step of 0");
    Value first = toI64(n, start), end = toI64(n, limit), by = toI64(n, delta);
    Value sign = n.make<WhereOp>({n.make<LessOp>({by, integer(n, 0)}), integer(n, -1), integer(n, 1)});
    Value span = n.make<SubOp>({n.make<AddOp>({n.make<SubOp>({end, first}), by}), sign});
    count = n.make<lepton::DivOp>({span, by});
  }
  return n.result(n.make<RangeOp>({start, delta, count}));
}

LogicalResult gatherElements(Node &n) {
  auto axis = n.axis(n.integer("axis", 0), n.rank(0));
  return failed(axis) ? failure()
                      : n.result(n.make<GatherElementsOp>({n.input(0), n.input(1)}, n.g.attr("axis", *axis)));
}

/// The tuples of indices are as long as the dimensions that they replace are many.
LogicalResult gatherND(Node &n) {
  int64_t batch = n.integer("batch_dims", 0), last = n.rank(1) - 1;
  if (auto rank = n.declaredRank(0))
    pin(n, 1, last, n.rank(0) - batch + last - *rank);
  return n.result(n.make<GatherNDOp>({n.input(0), n.input(1)}, n.g.attr("batch_dims", batch)));
}

LogicalResult trilu(Node &n) {
  int64_t rank = n.rank(0);
  if (rank < 2)
    return n.error("needs at least two dimensions");
  Value x = n.input(0), row = iota(n, sizeOf(n, x, rank - 2), 0, 2), column = iota(n, sizeOf(n, x, rank - 1), 1, 2);
  if (n.input(1))
    row = n.make<AddOp>({row, single(n, n.input(1))});
  Value keeps = n.integer("upper", 1) ? n.make<LessOrEqualOp>({row, column}) : n.make<LessOrEqualOp>({column, row});
  return n.result(n.make<WhereOp>({keeps, x, n.scalarLike(x, 0)}));
}

LogicalResult eyeLike(Node &n) {
  if (n.rank(0) != 2)
    return n.error("needs an input of two dimensions");
  Type type = n.has("dtype") ? numericType(n.g.b.getContext(), n.integer("dtype", 0)) : n.elementType(0);
  if (!type)
    return n.error("makes a data type that is not supported");
  Value x = n.input(0), row = iota(n, sizeOf(n, x, 0), 0, 2), column = iota(n, sizeOf(n, x, 1), 1, 2);
  if (int64_t k = n.integer("k", 0))
    row = n.make<AddOp>({row, integer(n, k)});
  Value one = n.g.scalar(n.loc, type, 1), zero = n.g.scalar(n.loc, type, 0);
  return n.result(n.make<WhereOp>({n.make<EqualOp>({row, column}), one, zero}));
}

LogicalResult oneHot(Node &n) {
  int64_t rank = n.rank(0) + 1;
  auto axis = n.axis(n.integer("axis", -1), rank);
  if (failed(axis))
    return failure();
  auto values = cast<RankedTensorType>(n.input(2).getType());
  if (values.getRank() != 1 || (values.hasStaticShape() && values.getNumElements() != 2))
    return n.error("needs two values, off and on");
  Value index = toI64(n, n.input(0)), depth = toI64(n, single(n, n.input(1)));
  index = n.make<WhereOp>({n.make<LessOp>({index, integer(n, 0)}), n.make<AddOp>({index, depth}), index});
  index = n.make<UnsqueezeOp>(index, n.g.attr("axes", ArrayRef<int64_t>{*axis}));
  Value off = single(n, n.g.slice(n.loc, n.input(2), 0, 0, 1)), on = single(n, n.g.slice(n.loc, n.input(2), 0, 1, 2));
  return n.result(n.make<WhereOp>({n.make<EqualOp>({index, iota(n, depth, *axis, rank)}), on, off}));
}

LogicalResult reverseSequence(Node &n) {
  auto batch = n.axis(n.integer("batch_axis", 1), n.rank(0)), time = n.axis(n.integer("time_axis", 0), n.rank(0));
  if (failed(batch) || failed(time))
    return failure();
  return n.result(n.make<ReverseSequenceOp>({n.input(0), n.input(1)},
                                            {n.g.attr("batch_axis", *batch), n.g.attr("time_axis", *time)}));
}

FailureOr<NamedAttribute> scatterKind(Node &n) {
  std::string text = n.text("reduction", "none");
  auto kind = symbolizeScatterKind(text);
  if (!kind) {
    (void)n.error("has the unknown reduction '" + text + "'");
    return failure();
  }
  return n.g.attr("kind", ScatterKindAttr::get(n.g.b.getContext(), *kind));
}

LogicalResult scatterElements(Node &n) {
  auto axis = n.axis(n.integer("axis", 0), n.rank(0));
  auto kind = scatterKind(n);
  if (failed(axis) || failed(kind))
    return failure();
  return n.result(n.make<ScatterElementsOp>({n.input(0), n.input(1), n.input(2)}, {*kind, n.g.attr("axis", *axis)}));
}

LogicalResult scatterND(Node &n) {
  auto kind = scatterKind(n);
  int64_t last = n.rank(1) - 1;
  pin(n, 1, last, n.rank(0) + last - n.rank(2));
  return failed(kind) ? failure() : n.result(n.make<ScatterNDOp>({n.input(0), n.input(1), n.input(2)}, *kind));
}

LogicalResult tensorScatter(Node &n) {
  auto axis = n.axis(n.integer("axis", -2), n.rank(0));
  std::string mode = n.text("mode", "linear");
  if (failed(axis))
    return failure();
  if (mode != "linear" && mode != "circular")
    return n.error("has the unknown mode '" + mode + "'");
  Value positions = n.input(2);
  if (!positions) // every entry starts at 0
    positions = n.make<ExpandOp>(
        {integer(n, 0), n.make<ShapeOp>(n.input(0), {n.g.attr("start", int64_t(0)), n.g.attr("end", int64_t(1))})});
  SmallVector<NamedAttribute> attributes = {n.g.attr("axis", *axis)};
  if (mode == "circular")
    attributes.push_back(n.g.flag("circular"));
  return n.result(n.make<TensorScatterOp>({n.input(0), n.input(1), positions}, attributes));
}

template <ReduceKind kind> LogicalResult cumulate(Node &n) {
  auto type = cast<RankedTensorType>(n.input(1).getType());
  if (!type.hasStaticShape() || type.getNumElements() != 1)
    return n.error("needs one axis");
  auto along = [&](int64_t axis) {
    SmallVector<NamedAttribute> attributes = {n.g.kind(kind), n.g.attr("axis", axis)};
    for (const char *flag : {"exclusive", "reverse"})
      if (n.integer(flag, 0))
        attributes.push_back(n.g.flag(flag));
    return n.make<CumulateOp>(n.input(0), attributes);
  };
  if (auto given = n.constantIntegers(1)) {
    auto axis = n.axis(given->front(), n.rank(0));
    return failed(axis) ? failure() : n.result(along(*axis));
  }
  // An axis that only the run knows picks one of the results for all axes.
  int64_t rank = n.rank(0);
  if (rank == 0)
    return n.error("needs at least one dimension");
  Value axis = toI64(n, single(n, n.input(1)));
  axis = n.make<WhereOp>({n.make<LessOp>({axis, integer(n, 0)}), n.make<AddOp>({axis, integer(n, rank)}), axis});
  Value y = along(rank - 1);
  for (int64_t d = rank - 2; d >= 0; --d)
    y = n.make<WhereOp>({n.make<EqualOp>({axis, integer(n, d)}), along(d), y});
  return n.result(y);
}

LogicalResult topK(Node &n) {
  auto axis = n.axis(n.integer("axis", -1), n.rank(0));
  if (failed(axis))
    return failure();
  Value k = n.input(1) ? single(n, n.input(1)) : integer(n, n.integer("k", 1));
  SmallVector<NamedAttribute> attributes = {n.g.attr("axis", *axis)};
  if (n.integer("largest", 1))
    attributes.push_back(n.g.flag("largest"));
  Value indices = n.make<TopKOp>({n.input(0), k}, attributes);
  n.set(1, indices);
  return n.result(n.make<GatherElementsOp>({n.input(0), indices}, n.g.attr("axis", *axis)));
}

/// Scatters the values into zeros of the shape that the pool had; a larger output_shape adds zeros at the ends.
LogicalResult maxUnpool(Node &n) {
  int64_t rank = n.rank(0), spatial = rank - 2;
  if (spatial < 1)
    return n.error("needs an input of at least three dimensions, got " + Twine(rank));
  SmallVector<int64_t> kernel = n.integers("kernel_shape"),
                       strides = n.integers("strides", SmallVector<int64_t>(spatial, 1)),
                       pads = n.integers("pads", SmallVector<int64_t>(2 * spatial, 0));
  if (int64_t(kernel.size()) != spatial || int64_t(strides.size()) != spatial || int64_t(pads.size()) != 2 * spatial)
    return n.error("has kernel_shape, strides or pads that do not fit the input's rank");
  Value x = n.input(0), sizes = n.g.shapeOf(n.loc, x);
  SmallVector<int64_t> scale = {1, 1}, shift = {0, 0};
  for (int64_t i = 0; i < spatial; ++i) {
    scale.push_back(strides[i]);
    shift.push_back(kernel[i] - strides[i] - pads[i] - pads[spatial + i]);
  }
  Value shape = n.make<AddOp>({n.make<MulOp>({sizes, n.g.integers(n.loc, scale)}), n.g.integers(n.loc, shift)});
  if (!shape)
    return failure();
  Value count = n.make<ReduceOp>(
      shape, {n.g.kind(ReduceKind::prod), n.g.attr("axes", ArrayRef<int64_t>{0}), n.g.flag("keepdims")});
  Value zeros = n.make<ExpandOp>({n.scalarLike(x, 0), count}), flat = n.g.integers(n.loc, -1);
  auto kind = n.g.attr("kind", ScatterKindAttr::get(n.g.b.getContext(), ScatterKind::none));
  Value placed = n.make<ScatterElementsOp>({zeros, n.make<ReshapeOp>({n.input(1), flat}), n.make<ReshapeOp>({x, flat})},
                                           {kind, n.g.attr("axis", int64_t(0))});
  Value y = n.make<ReshapeOp>({placed, shape}, n.g.flag("allowzero"));
  if (n.input(2) && y) {
    Value more = n.make<SubOp>({n.input(2), shape});
    Value added =
        n.make<ConcatOp>({n.g.integers(n.loc, SmallVector<int64_t>(rank, 0)), more}, n.g.attr("axis", int64_t(0)));
    SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
    y = padded(n, y, added, axes);
  }
  return n.result(y);
}

LogicalResult col2im(Node &n) {
  Value image = toI64(n, n.input(1)), block = toI64(n, n.input(2));
  auto type = cast<RankedTensorType>(image.getType());
  if (!type.hasStaticShape())
    return n.error("has an image of unknown rank");
  int64_t spatial = type.getNumElements();
  if (spatial > 16)
    return n.error("has an image of " + Twine(spatial) + " dimensions; at most 16 are supported");
  SmallVector<int64_t> ones(spatial, 1), zeros(2 * spatial, 0);
  return n.result(n.make<Col2ImOp>({n.input(0), image, block},
                                   {n.g.attr("strides", ArrayRef<int64_t>(n.integers("strides", ones))),
                                    n.g.attr("dilations", ArrayRef<int64_t>(n.integers("dilations", ones))),
                                    n.g.attr("pads", ArrayRef<int64_t>(n.integers("pads", zeros)))}));
}

const Entry entries[] = {
    {"Range", 11, range},
    {"GatherElements", 11, gatherElements},
    {"GatherND", 11, gatherND},
    {"Trilu", 14, trilu},
    {"EyeLike", 9, eyeLike},
    {"OneHot", 9, oneHot},
    {"ReverseSequence", 10, reverseSequence},
    {"Scatter", 9, scatterElements},
    {"ScatterElements", 11, scatterElements, "", "complex numbers: no reduction by min or max"},
    {"ScatterND", 11, scatterND, "", "complex numbers: no reduction by min or max"},
    {"TensorScatter", 24, tensorScatter},
    {"CumSum", 11, cumulate<ReduceKind::sum>},
    {"CumProd", 26, cumulate<ReduceKind::prod>},
    {"TopK", 1, topK},
    {"MaxUnpool", 9, maxUnpool},
    {"Col2Im", 18, col2im, "", "at most 16 spatial dimensions"},
};

} // namespace

ArrayRef<Entry> importer::indexingConverters() { return entries; }
