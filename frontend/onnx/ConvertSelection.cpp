//===- ConvertSelection.cpp - operators that choose elements by their values ----------------------------------------------===//

#include "frontend/onnx/Compose.h"
#include "frontend/onnx/Text.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

/// `input` with `updates` written, or added, at `places`; all are vectors.
Value placed(Node &n, ScatterKind kind, Value input, Value places, Value updates) {
  auto attribute = n.g.attr("kind", ScatterKindAttr::get(n.g.b.getContext(), kind));
  return n.make<ScatterElementsOp>({input, places, updates}, {attribute, n.g.attr("axis", int64_t(0))});
}

LogicalResult nonZeroOfInput(Node &n) {
  Value x = n.input(0);
  if (isa<StringType>(elementTypeOf(x))) // those that are not empty count
    x = n.make<BitwiseNotOp>(n.make<StringEqualOp>({x, stringConstant(n.g, n.loc, {std::string()}, {})}));
  return n.result(nonZero(n, rankOf(x) ? x : unsqueezed(n, x, ArrayRef<int64_t>{0})));
}

LogicalResult compress(Node &n) {
  if (n.rank(1) != 1 || !n.elementType(1).isInteger(1))
    return n.error("needs a vector of bools as its condition");
  Value x = n.input(0), places = truePlaces(n, n.input(1));
  if (!n.has("axis"))
    return n.result(pick(n, n.g.reshape(n.loc, x, -1), places, 0));
  auto axis = n.axis(n.integer("axis", 0), n.rank(0));
  return failed(axis) ? failure() : n.result(pick(n, x, places, *axis));
}

//===----------------------------------------------------------------------------------------------------------------------===//
// Unique
//===----------------------------------------------------------------------------------------------------------------------===//

/// Equal rows of a table, found by sorting it: equal ones are neighbours then, and the first of them is the first in the table, as the sort is
/// stable. All members are vectors; a group is a set of equal rows.
struct EqualRows {
  Value group;  // of each row, counted in the order of the rows' values
  Value first;  // the first row of each group
  Value counts; // the number of rows of each group
};

EqualRows equalRows(Node &n, Value rows) {
  Value order = n.make<ArgSortOp>(rows), sorted = pick(n, rows, order, 0), count = sizeOf(n, rows, 0);
  Value place = iota(n, count, 0, 1), zero = integer(n, 0);
  Value before = n.make<lepton::MaxOp>({n.make<SubOp>({place, integer(n, 1)}), zero});
  Value previous = pick(n, sorted, before, 0), differs = n.make<BitwiseNotOp>(n.make<EqualOp>({sorted, previous}));
  if (isa<FloatType>(elementTypeOf(rows))) { // here, a NaN equals another
    Value bothNaN = n.make<BitwiseAndOp>({n.make<IsNaNOp>(sorted), n.make<IsNaNOp>(previous)});
    differs = n.make<BitwiseAndOp>({differs, n.make<BitwiseNotOp>(bothNaN)});
  }
  Value starts = n.make<BitwiseOrOp>({reduced(n, ReduceKind::max, differs, 1), n.make<EqualOp>({place, zero})});
  Value numbers = n.make<CumulateOp>(toI64(n, starts), {n.g.kind(ReduceKind::sum), n.g.attr("axis", int64_t(0))});
  numbers = n.make<SubOp>({numbers, integer(n, 1)});
  Value first = pick(n, order, truePlaces(n, starts), 0);
  if (!first)
    return {};
  Value groups = sizeOf(n, first, 0), ones = repeated(n, integer(n, 1), count);
  return {placed(n, ScatterKind::none, repeated(n, zero, count), order, numbers), first,
          placed(n, ScatterKind::add, repeated(n, zero, groups), numbers, ones)};
}

/// The groups in the order of their first rows.
EqualRows inOrderOfAppearance(Node &n, EqualRows rows) {
  Value order = n.make<ArgSortOp>(unsqueezed(n, rows.first, 1)), groups = sizeOf(n, rows.first, 0);
  Value places = placed(n, ScatterKind::none, repeated(n, integer(n, 0), groups), order, iota(n, groups, 0, 1));
  return {pick(n, places, rows.group, 0), pick(n, rows.first, order, 0), pick(n, rows.counts, order, 0)};
}

/// A table whose rows compare as the parts of `x` along dimension 0 do: complex numbers by their real parts, then by their imaginary ones.
Value rowsOf(Node &n, Value x) {
  Value keys = comparable(n, x);
  if (isa<ComplexType>(elementTypeOf(x))) {
    int64_t behind = rankOf(x);
    Value real = n.make<ComplexPartOp>(x), imaginary = n.make<ComplexPartOp>(x, n.g.flag("imaginary"));
    keys = joined(n, {unsqueezed(n, real, behind), unsqueezed(n, imaginary, behind)}, behind);
  }
  return n.make<FlattenOp>(keys, n.g.attr("axis", int64_t(1)));
}

LogicalResult unique(Node &n) {
  Value x = n.input(0), rows;
  int64_t axis = 0;
  if (n.has("axis")) {
    auto given = n.axis(n.integer("axis", 0), n.rank(0));
    if (failed(given))
      return failure();
    axis = *given;
    SmallVector<int64_t> perm = llvm::to_vector(llvm::seq<int64_t>(0, n.rank(0)));
    perm.erase(perm.begin() + axis);
    perm.insert(perm.begin(), axis);
    rows = rowsOf(n, axis ? n.g.transpose(n.loc, x, perm) : x);
  } else {
    x = n.g.reshape(n.loc, x, -1);
    rows = rowsOf(n, x);
  }
  EqualRows found = rows ? equalRows(n, rows) : EqualRows();
  if (!found.first)
    return failure();
  if (!n.integer("sorted", 1))
    found = inOrderOfAppearance(n, found);
  n.set(1, found.first);
  n.set(2, found.group);
  n.set(3, found.counts);
  return n.result(pick(n, x, found.first, axis));
}

//===----------------------------------------------------------------------------------------------------------------------===//
// NonMaxSuppression
//===----------------------------------------------------------------------------------------------------------------------===//

/// Centre, width and height as corners (y, x, y, x).
Value cornersOf(Node &n, Value boxes) {
  Value parts[4];
  for (int64_t i = 0; i < 4; ++i)
    parts[i] = n.g.slice(n.loc, boxes, 2, i, i + 1);
  Value half = n.scalarLike(boxes, 0.5), x = n.make<MulOp>({parts[2], half}), y = n.make<MulOp>({parts[3], half});
  return joined(n,
                {n.make<SubOp>({parts[1], y}), n.make<SubOp>({parts[0], x}), n.make<AddOp>({parts[1], y}),
                 n.make<AddOp>({parts[0], x})},
                2);
}

LogicalResult nonMaxSuppression(Node &n) {
  if (n.rank(0) != 3 || n.rank(1) != 3)
    return n.error("needs boxes [batch, boxes, 4] and scores [batch, classes, boxes]");
  pin(n, 0, 2, 4);
  Value boxes = n.input(0), scores = n.input(1);
  if (n.integer("center_point_box", 0))
    boxes = cornersOf(n, boxes);
  Value limit = n.input(2) ? single(n, n.input(2)) : integer(n, 0);
  Value threshold = n.input(3) ? single(n, n.input(3)) : n.scalarLike(scores, 0);
  Value order = n.make<ArgSortOp>(unsqueezed(n, scores, 3), n.g.flag("descending")), candidates;
  if (n.input(4)) {
    Value ranked = n.make<GatherElementsOp>({scores, order}, n.g.attr("axis", int64_t(2)));
    candidates = n.make<GreaterOp>({ranked, single(n, n.input(4))});
  } else {
    candidates = n.make<ExpandOp>({n.g.scalar(n.loc, n.g.b.getI1Type(), 1), n.g.shapeOf(n.loc, scores)});
  }
  Value kept = n.make<SuppressBoxesOp>({boxes, order, candidates, limit, threshold}), places = nonZero(n, kept);
  if (!places)
    return failure();
  // Batch, class and place in the order; the last becomes the box there.
  Value rows = n.g.transpose(n.loc, places, {1, 0});
  Value chosen = n.make<GatherNDOp>({order, rows}, n.g.attr("batch_dims", int64_t(0)));
  return n.result(joined(n, {n.g.slice(n.loc, rows, 1, 0, 2), unsqueezed(n, chosen, 1)}, 1));
}

const Entry entries[] = {
    {"NonZero", 9, nonZeroOfInput},
    {"Compress", 9, compress},
    {"Unique", 11, unique},
    {"NonMaxSuppression", 10, nonMaxSuppression},
};

} // namespace

ArrayRef<Entry> importer::selectionConverters() { return entries; }
