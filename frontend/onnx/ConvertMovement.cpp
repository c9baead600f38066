//===- ConvertMovement.cpp - operators that move, view or generate data ------------------------------------------------------===//

#include "frontend/onnx/Compose.h"
#include "frontend/onnx/ComputedAxes.h"
#include "frontend/onnx/GraphImporter.h"
#include "frontend/onnx/TensorData.h"
#include "frontend/onnx/Text.h"

#include "mlir/Dialect/Utils/IndexingUtils.h"
#include <numeric>

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

LogicalResult identity(Node &n) { return n.result(n.input(0)); }

LogicalResult constant(Node &n) {
  Builder &b = n.g.b;
  if (n.proto.attribute_size() != 1)
    return n.error("has " + Twine(n.proto.attribute_size()) + " attributes; one, its value, is needed");
  if (const auto *value = n.attribute("value")) {
    auto constant = n.importer.constant(value->t(), n.loc);
    return failed(constant) ? failure() : n.result(*constant);
  }
  if (n.has("value_int"))
    return n.result(n.g.constant(
        n.loc, DenseElementsAttr::get(RankedTensorType::get({}, b.getI64Type()), n.integer("value_int", 0))));
  if (n.has("value_float"))
    return n.result(n.g.scalar(n.loc, b.getF32Type(), n.number("value_float", 0)));
  if (n.has("value_ints"))
    return n.result(n.g.integers(n.loc, n.integers("value_ints")));
  if (n.has("value_floats")) {
    SmallVector<double> values = n.numbers("value_floats");
    SmallVector<float> floats(values.begin(), values.end());
    return n.result(
        n.g.constant(n.loc, DenseElementsAttr::get(RankedTensorType::get({int64_t(floats.size())}, b.getF32Type()),
                                                   ArrayRef<float>(floats))));
  }
  if (n.has("value_string"))
    return n.result(stringConstant(n.g, n.loc, {n.text("value_string", "")}, {}));
  if (n.has("value_strings")) {
    SmallVector<std::string> texts = n.texts("value_strings");
    return n.result(stringConstant(n.g, n.loc, texts, {int64_t(texts.size())}));
  }
  const auto *sparse = n.attribute("sparse_value");
  if (!sparse)
    return n.error("has no value");
  auto constant = n.importer.sparseConstant(sparse->sparse_tensor(), n.loc);
  return failed(constant) ? failure() : n.result(*constant);
}

LogicalResult constantOfShape(Node &n) {
  Value fill = n.g.scalar(n.loc, n.g.b.getF32Type(), 0);
  if (const auto *value = n.attribute("value")) {
    auto constant = n.importer.constant(value->t(), n.loc);
    if (failed(constant))
      return failure();
    fill = n.g.reshape(n.loc, *constant, {});
  }
  if (auto type = cast<RankedTensorType>(n.input(0).getType()); type.hasStaticShape() && type.getNumElements() == 0)
    return n.result(fill);
  return n.result(n.make<ExpandOp>({fill, n.input(0)}));
}

LogicalResult reshape(Node &n) {
  Value shape = n.g.cast(n.loc, n.input(1), n.g.b.getI64Type());
  return n.result(n.make<ReshapeOp>({n.input(0), shape}, n.integer("allowzero", 0)
                                                             ? ArrayRef<NamedAttribute>(n.g.flag("allowzero"))
                                                             : ArrayRef<NamedAttribute>()));
}

LogicalResult reshapeByAttribute(Node &n) { return n.result(n.g.reshape(n.loc, n.input(0), n.integers("shape"))); }

LogicalResult transpose(Node &n) {
  SmallVector<int64_t> perm = n.integers("perm");
  if (perm.empty())
    for (int64_t d = n.rank(0) - 1; d >= 0; --d)
      perm.push_back(d);
  return n.result(n.g.transpose(n.loc, n.input(0), perm));
}

LogicalResult squeeze(Node &n) {
  if (hasComputedAxes(n, 1)) {
    auto computed = computedAxes(n, 1, n.rank(0));
    return failed(computed) ? failure() : n.result(squeezeComputed(n, n.input(0), *computed));
  }
  auto axes = n.axes(1, n.rank(0));
  if (failed(axes))
    return failure();
  SmallVector<int64_t> chosen;
  if (*axes)
    chosen = **axes;
  else
    for (auto [d, size] : llvm::enumerate(cast<RankedTensorType>(n.input(0).getType()).getShape()))
      if (size == 1)
        chosen.push_back(d);
  return n.result(n.make<SqueezeOp>(n.input(0), n.g.attr("axes", ArrayRef<int64_t>(chosen))));
}

LogicalResult unsqueeze(Node &n) {
  if (hasComputedAxes(n, 1)) {
    auto type = cast<RankedTensorType>(n.input(1).getType());
    int64_t added = type.hasStaticShape() ? type.getNumElements() : 0;
    if (added > 16)
      return n.error("adds " + Twine(added) + " dimensions; at most 16 are supported");
    auto computed = computedAxes(n, 1, n.rank(0) + added);
    return failed(computed) ? failure() : n.result(unsqueezeComputed(n, n.input(0), *computed));
  }
  int64_t count = n.has("axes") ? n.integers("axes").size() : n.constantIntegers(1) ? n.constantIntegers(1)->size() : 0;
  auto axes = n.axes(1, n.rank(0) + count);
  if (failed(axes))
    return failure();
  if (!*axes || int64_t((*axes)->size()) != count)
    return n.error("needs distinct axes");
  return n.result(n.make<UnsqueezeOp>(n.input(0), n.g.attr("axes", ArrayRef<int64_t>(**axes))));
}

LogicalResult flatten(Node &n) {
  int64_t axis = n.integer("axis", 1), rank = n.rank(0);
  return n.result(n.make<FlattenOp>(n.input(0), n.g.attr("axis", axis < 0 ? axis + rank : axis)));
}

LogicalResult shape(Node &n) {
  int64_t rank = n.rank(0);
  auto clamp = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  int64_t start = clamp(n.integer("start", 0)), end = clamp(n.integer("end", rank));
  return n.result(n.make<ShapeOp>(n.input(0), {n.g.attr("start", start), n.g.attr("end", std::max(start, end))}));
}

LogicalResult size(Node &n) {
  Value sizes = n.g.shapeOf(n.loc, n.input(0));
  return n.result(n.make<ReduceOp>(sizes, {n.g.kind(ReduceKind::prod), n.g.attr("axes", ArrayRef<int64_t>{0})}));
}

LogicalResult expand(Node &n) {
  return n.result(n.make<ExpandOp>({n.input(0), n.g.cast(n.loc, n.input(1), n.g.b.getI64Type())}));
}

LogicalResult concat(Node &n) {
  auto axis = n.axis(n.integer("axis", 1), n.rank(0));
  SmallVector<Value> inputs;
  for (int i = 0; i < n.inputCount(); ++i)
    inputs.push_back(n.input(i));
  return failed(axis) ? failure() : n.result(n.make<ConcatOp>(inputs, n.g.attr("axis", *axis)));
}

/// Positions i, j, ... of a one-dimensional tensor of i64.
Value part(Node &n, Value vector, int64_t begin, int64_t end) { return n.g.slice(n.loc, vector, 0, begin, end); }

LogicalResult slice(Node &n) {
  Type i64 = n.g.b.getI64Type();
  Value starts = n.g.cast(n.loc, n.input(1), i64), ends = n.g.cast(n.loc, n.input(2), i64);
  int64_t count = rankOf(starts) == 1 ? cast<RankedTensorType>(starts.getType()).getDimSize(0) : ShapedType::kDynamic;
  if (count == ShapedType::kDynamic || count > n.rank(0))
    return n.error("has starts of unknown length, or more than its input has dimensions");
  Value steps = n.input(4) ? n.g.cast(n.loc, n.input(4), i64) : n.g.integers(n.loc, SmallVector<int64_t>(count, 1));
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, count));
  if (hasComputedAxes(n, 3)) { // along all dimensions, whole ones where none of the axes is
    int64_t rank = n.rank(0);
    auto computed = computedAxes(n, 3, rank);
    if (failed(computed))
      return failure();
    starts = spreadOverAxes(n, *computed, starts, rank, 0);
    ends = spreadOverAxes(n, *computed, ends, rank, std::numeric_limits<int64_t>::max());
    steps = spreadOverAxes(n, *computed, steps, rank, 1);
    axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  } else if (n.input(3)) {
    axes = *n.constantIntegers(3);
  }
  for (int64_t &value : axes) {
    auto axis = n.axis(value, n.rank(0));
    if (failed(axis))
      return failure();
    value = *axis;
  }
  return n.result(n.make<SliceOp>({n.input(0), starts, ends, steps}, n.g.attr("axes", ArrayRef<int64_t>(axes))));
}

LogicalResult sliceByAttributes(Node &n) {
  SmallVector<int64_t> starts = n.integers("starts"), ends = n.integers("ends"),
                       axes = n.integers("axes", llvm::to_vector(llvm::seq<int64_t>(0, starts.size())));
  for (int64_t &value : axes) {
    auto axis = n.axis(value, n.rank(0));
    if (failed(axis))
      return failure();
    value = *axis;
  }
  Value steps = n.g.integers(n.loc, SmallVector<int64_t>(starts.size(), 1));
  return n.result(n.make<SliceOp>({n.input(0), n.g.integers(n.loc, starts), n.g.integers(n.loc, ends), steps},
                                  n.g.attr("axes", ArrayRef<int64_t>(axes))));
}

/// Parts whose sizes only the run knows, a vector of one element each.
LogicalResult splitComputed(Node &n, int64_t axis, llvm::function_ref<Value(int64_t)> sizeOf) {
  Value begin = n.g.integers(n.loc, int64_t(0)), one = n.g.integers(n.loc, int64_t(1));
  for (int64_t i = 0; i < n.proto.output_size(); ++i) {
    Value end = n.make<AddOp>({begin, sizeOf(i)});
    Value value = n.make<SliceOp>({n.input(0), begin, end, one}, n.g.attr("axes", ArrayRef<int64_t>(axis)));
    if (!value)
      return failure();
    n.set(i, value);
    begin = end;
  }
  return success();
}

/// Parts of given sizes along an axis.
LogicalResult splitInto(Node &n, int64_t axis, ArrayRef<int64_t> sizes) {
  int64_t begin = 0;
  for (auto [i, size] : llvm::enumerate(sizes)) {
    Value value = n.g.slice(n.loc, n.input(0), axis, begin, begin + size);
    if (!value)
      return failure();
    n.set(i, value);
    begin += size;
  }
  return success();
}

LogicalResult split(Node &n) {
  constexpr StringLiteral misfit = "needs parts of sizes that add up to that of its input";
  auto axis = n.axis(n.integer("axis", 0), n.rank(0));
  if (failed(axis))
    return failure();
  int64_t size = cast<RankedTensorType>(n.input(0).getType()).getDimSize(*axis), outputs = n.proto.output_size();
  SmallVector<int64_t> sizes = n.integers("split");
  if (n.input(1)) {
    auto given = n.constantIntegers(1);
    if (!given) {
      Value parts = toI64(n, n.input(1)), whole = sizeOf(n, n.input(0), *axis);
      Value fits = n.make<EqualOp>({reduced(n, ReduceKind::sum, parts, 0), whole});
      Value sane = n.make<GreaterOrEqualOp>({reduced(n, ReduceKind::min, parts, 0), integer(n, 0)});
      if (failed(require(n, n.make<BitwiseAndOp>({fits, sane}), misfit)))
        return failure();
      return splitComputed(n, *axis, [&](int64_t i) { return part(n, parts, i, i + 1); });
    }
    sizes = *given;
  }
  if (!sizes.empty()) {
    int64_t sum = std::accumulate(sizes.begin(), sizes.end(), int64_t(0));
    bool isNegative = llvm::any_of(sizes, [](int64_t part) { return part < 0; });
    if (isNegative || (size != ShapedType::kDynamic && size != sum))
      return n.error(misfit);
    pin(n, 0, *axis, sum);
  }
  if (sizes.empty()) {
    int64_t parts = n.integer("num_outputs", outputs);
    if (parts < 1)
      return n.error("splits into " + Twine(parts) + " parts");
    if (size == ShapedType::kDynamic) { // the last part is what is left: slices end where their input does
      Value whole = sizesOf(n, n.input(0), *axis, *axis + 1);
      Value each = n.make<DivOp>({n.make<AddOp>({whole, n.g.integers(n.loc, parts - 1)}), n.g.integers(n.loc, parts)});
      return splitComputed(n, *axis, [&](int64_t) { return each; });
    }
    int64_t each = llvm::divideCeil(size, parts);
    for (int64_t i = 0; i < outputs; ++i)
      sizes.push_back(std::clamp<int64_t>(size - i * each, 0, each));
  }
  return splitInto(n, *axis, sizes);
}

LogicalResult gather(Node &n) {
  auto axis = n.axis(n.integer("axis", 0), n.rank(0));
  return failed(axis) ? failure() : n.result(n.make<GatherOp>({n.input(0), n.input(1)}, n.g.attr("axis", *axis)));
}

FailureOr<PadMode> padMode(Node &n) {
  std::string mode = n.text("mode", "constant");
  if (auto known = symbolizePadMode(mode))
    return *known;
  return n.error("has the unknown mode '" + mode + "'");
}

LogicalResult padWith(Node &n, Value pads, Value value, ArrayRef<int64_t> axes) {
  auto mode = padMode(n);
  if (failed(mode))
    return failure();
  for (int64_t pad : n.g.shapes.constantElements(pads).value_or(SmallVector<int64_t>()))
    if (pad < -largestCount || pad > largestCount)
      return n.error("pads by " + Twine(pad) + ", more than any memory holds");
  return n.result(padded(n, n.input(0), pads, axes, value, *mode));
}

LogicalResult pad(Node &n) {
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, n.rank(0)));
  Value pads = n.g.cast(n.loc, n.input(1), n.g.b.getI64Type());
  if (hasComputedAxes(n, 3)) { // along all dimensions, by nothing where none of the axes is
    int64_t rank = n.rank(0);
    auto computed = computedAxes(n, 3, rank);
    if (failed(computed))
      return failure();
    int64_t count = cast<RankedTensorType>(computed->getType()).getDimSize(0);
    Value before = spreadOverAxes(n, *computed, part(n, pads, 0, count), rank, 0),
          after = spreadOverAxes(n, *computed, part(n, pads, count, 2 * count), rank, 0);
    pads = n.make<ConcatOp>({before, after}, n.g.attr("axis", int64_t(0)));
  } else if (n.input(3)) {
    axes = *n.constantIntegers(3);
    for (int64_t &value : axes) {
      auto axis = n.axis(value, n.rank(0));
      if (failed(axis))
        return failure();
      value = *axis;
    }
  }
  return padWith(n, pads, n.input(2), axes);
}

LogicalResult padByAttributes(Node &n) {
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, n.rank(0)));
  return padWith(n, n.g.integers(n.loc, n.integers(n.has("pads") ? "pads" : "paddings")),
                 n.scalarLike(n.input(0), n.number("value", 0)), axes);
}

LogicalResult tile(Node &n) {
  // [d0, d1] -> [1, d0, 1, d1] -> [r0, d0, r1, d1] -> [r0 * d0, r1 * d1]
  int64_t rank = n.rank(0);
  SmallVector<int64_t> axes;
  SmallVector<Value> wide, final;
  Value sizes = n.g.shapeOf(n.loc, n.input(0));
  for (int64_t d = 0; d < rank; ++d) {
    axes.push_back(2 * d);
    Value repeat = part(n, n.input(1), d, d + 1), size = part(n, sizes, d, d + 1);
    wide.append({repeat, size});
    final.push_back(n.make<MulOp>({repeat, size}));
  }
  if (rank == 0)
    return n.result(n.input(0));
  Value spread = n.make<UnsqueezeOp>(n.input(0), n.g.attr("axes", ArrayRef<int64_t>(axes)));
  Value repeated = n.make<ExpandOp>({spread, n.make<ConcatOp>(wide, n.g.attr("axis", int64_t(0)))});
  return n.result(
      n.make<ReshapeOp>({repeated, n.make<ConcatOp>(final, n.g.attr("axis", int64_t(0)))}, n.g.flag("allowzero")));
}

/// Sees to it that dimension `d` of the input divides by `factor`: now where it is known, else when the model runs.
LogicalResult requireMultiple(Node &n, int64_t d, int64_t factor) {
  std::string wanted = "dimension " + std::to_string(d) + " must be a multiple of " + std::to_string(factor);
  AffineExpr size = n.g.shapes.dim(n.input(0), d);
  if (auto rest = ShapeAnalysis::constantValue(size % factor)) {
    if (*rest == 0)
      return success();
    auto known = ShapeAnalysis::constantValue(size);
    return n.error(wanted + (known ? ", got " + std::to_string(*known) : std::string()));
  }
  Value rest = n.make<ModOp>({sizesOf(n, n.input(0), d, d + 1), n.g.integers(n.loc, factor)});
  return require(n, n.make<EqualOp>({rest, n.g.integers(n.loc, 0)}), wanted);
}

/// The block size of a node of four dimensions.
FailureOr<int64_t> blockSize(Node &n) {
  int64_t block = n.integer("blocksize", 1);
  if (n.rank(0) != 4)
    return n.error("needs four dimensions, got " + Twine(n.rank(0)));
  if (block < 1 || block > std::numeric_limits<int32_t>::max())
    return n.error("needs a positive block size, got " + Twine(block));
  return block;
}

LogicalResult depthToSpace(Node &n) {
  auto block = blockSize(n);
  if (failed(block) || failed(requireMultiple(n, 1, *block * *block)))
    return failure();
  SmallVector<NamedAttribute> attributes = {n.g.attr("block", ArrayRef<int64_t>{*block, *block}),
                                            n.g.attr("first_spatial", int64_t(2))};
  if (n.text("mode", "DCR") == "CRD")
    attributes.push_back(n.g.flag("channels_outside"));
  return n.result(n.make<DepthToSpaceOp>({n.input(0)}, attributes));
}

/// Views [N, C, H, W] with H and W split by the block, permutes, and views again.
LogicalResult spaceToDepth(Node &n) {
  auto block = blockSize(n);
  if (failed(block) || failed(requireMultiple(n, 2, *block)) || failed(requireMultiple(n, 3, *block)))
    return failure();
  Value sizes = n.g.shapeOf(n.loc, n.input(0)), side = n.g.integers(n.loc, *block);
  Value batch = part(n, sizes, 0, 1), channels = part(n, sizes, 1, 2);
  Value rows = n.make<DivOp>({part(n, sizes, 2, 3), side}), columns = n.make<DivOp>({part(n, sizes, 3, 4), side});
  auto view = [&](Value input, ValueRange parts) {
    return n.make<ReshapeOp>({input, n.make<ConcatOp>(parts, n.g.attr("axis", int64_t(0)))}, n.g.flag("allowzero"));
  };
  Value wide = view(n.input(0), {batch, channels, rows, side, columns, side});
  bool crd = n.text("mode", "DCR") == "CRD";
  Value moved =
      n.g.transpose(n.loc, wide, crd ? ArrayRef<int64_t>{0, 1, 3, 5, 2, 4} : ArrayRef<int64_t>{0, 3, 5, 1, 2, 4});
  Value deep = n.make<MulOp>({channels, n.g.integers(n.loc, *block * *block)});
  return n.result(view(moved, {batch, deep, rows, columns}));
}

const Entry entries[] = {
    {"Identity", 1, identity},
    {"Constant", 1, constant},
    {"ConstantOfShape", 9, constantOfShape},
    {"Reshape", 5, reshape},
    {"Reshape", 1, reshapeByAttribute},
    {"Transpose", 1, transpose},
    {"Squeeze", 1, squeeze, "", "computed axes: a known number of them"},
    {"Unsqueeze", 1, unsqueeze, "", "computed axes: a known number of them"},
    {"Flatten", 1, flatten},
    {"Shape", 1, shape},
    {"Size", 1, size},
    {"Expand", 8, expand},
    {"Concat", 1, concat},
    {"Slice", 10, slice},
    {"Slice", 1, sliceByAttributes},
    {"Split", 1, split},
    {"Gather", 1, gather},
    {"Pad", 11, pad},
    {"Pad", 1, padByAttributes},
    {"Tile", 6, tile},
    {"DepthToSpace", 1, depthToSpace},
    {"SpaceToDepth", 1, spaceToDepth},
};

} // namespace

ArrayRef<Entry> importer::movementConverters() { return entries; }
