//===- ConvertSampling.cpp - operators that read between elements -----------------------------------------------------------===//

#include "frontend/onnx/Compose.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

Value sample(Node &n, ResizeMode mode, SamplePadding padding, Value x, Value positions, bool reflectCentres) {
  MLIRContext *context = n.g.b.getContext();
  SmallVector<NamedAttribute> attributes = {n.g.attr("mode", ResizeModeAttr::get(context, mode)),
                                            n.g.attr("padding", SamplePaddingAttr::get(context, padding))};
  if (reflectCentres)
    attributes.push_back(n.g.flag("reflect_centres"));
  return n.make<SampleOp>({x, positions}, attributes);
}

/// `value` in reverse order along its last dimension, of `size` elements.
Value reversedLast(Node &n, Value value, int64_t size) {
  SmallVector<int64_t> order = llvm::to_vector(llvm::reverse(llvm::seq<int64_t>(0, size)));
  return pick(n, value, n.g.integers(n.loc, order), rankOf(value) - 1);
}

LogicalResult gridSample(Node &n) {
  int64_t rank = n.rank(0), spatial = rank - 2;
  pin(n, 1, rank - 1, spatial);
  if (spatial < 1 || n.rank(1) != rank || !n.isFloat(1) ||
      cast<RankedTensorType>(n.input(1).getType()).getShape().back() != spatial)
    return n.error("needs an input [N, C, spatial...] and a grid [N, sizes..., " +
                   Twine(std::max<int64_t>(spatial, 1)) + "] of the same rank");
  std::string modeText = n.text("mode", n.version < 20 ? "bilinear" : "linear"),
              paddingText = n.text("padding_mode", "zeros");
  StringRef name = modeText;
  if (name == "bilinear" || name == "bicubic")
    name = name.drop_front(2);
  auto mode = symbolizeResizeMode(name);
  auto padding = symbolizeSamplePadding(paddingText);
  if (!mode)
    return n.error("has the unknown mode '" + modeText + "'");
  if (!padding)
    return n.error("has the unknown padding_mode '" + paddingText + "'");
  bool alignCorners = n.integer("align_corners", 0);
  // The grid gives the last dimension first, and -1 and 1 for the ends: the centres of the outermost elements or their outer edges.
  Value grid = reversedLast(n, n.input(1), spatial), one = n.scalarLike(grid, 1), two = n.scalarLike(grid, 2);
  Value sizes = n.g.cast(n.loc, sizesOf(n, n.input(0), 2, rank), n.elementType(1)),
        shifted = n.make<AddOp>({grid, one});
  Value positions;
  if (alignCorners)
    positions = n.make<MulOp>({n.make<lepton::DivOp>({shifted, two}), n.make<SubOp>({sizes, one})});
  else
    positions = n.make<lepton::DivOp>({n.make<SubOp>({n.make<MulOp>({shifted, sizes}), one}), two});
  return n.result(sample(n, *mode, *padding, n.input(0), positions, alignCorners));
}

/// The grid of an affine map: theta applied to the coordinates of each place, from -1 to 1 along every dimension.
LogicalResult affineGrid(Node &n) {
  auto sizes = cast<RankedTensorType>(n.input(1).getType());
  int64_t spatial = sizes.getRank() == 1 ? sizes.getDimSize(0) - 2 : 0;
  pin(n, 0, 1, spatial);
  pin(n, 0, 2, spatial + 1);
  auto theta = cast<RankedTensorType>(n.input(0).getType());
  if (spatial < 1 || theta.getRank() != 3 || theta.getDimSize(1) != spatial || theta.getDimSize(2) != spatial + 1)
    return n.error("needs theta [N, d, d + 1] and a size of d + 2 elements");
  Type type = theta.getElementType();
  SmallVector<int64_t> places = llvm::to_vector(llvm::seq<int64_t>(1, 1 + spatial));
  /// Column `i` of theta as [N, 1..., d].
  auto column = [&](int64_t i) {
    Value part = n.make<SqueezeOp>(n.g.slice(n.loc, n.input(0), 2, i, i + 1), n.g.attr("axes", ArrayRef<int64_t>{2}));
    return unsqueezed(n, part, places);
  };
  Value sum = column(spatial), one = n.g.scalar(n.loc, type, 1), two = n.g.scalar(n.loc, type, 2);
  for (int64_t i = 0; i < spatial; ++i) { // theta's first column belongs to the last dimension
    int64_t d = spatial - 1 - i;
    Value size = single(n, n.g.slice(n.loc, toI64(n, n.input(1)), 0, 2 + d, 3 + d)),
          count = n.g.cast(n.loc, size, type);
    Value steps = n.g.cast(n.loc, iota(n, size, 1 + d, 2 + spatial), type), coordinate;
    if (n.integer("align_corners", 0)) {
      Value last = n.make<lepton::MaxOp>({n.make<SubOp>({count, one}), one}); // a single place is the first
      coordinate = n.make<SubOp>({n.make<MulOp>({steps, n.make<lepton::DivOp>({two, last})}), one});
    } else {
      Value step = n.make<lepton::DivOp>({two, count}),
            start = n.make<SubOp>({n.make<lepton::DivOp>({step, two}), one});
      coordinate = n.make<AddOp>({start, n.make<MulOp>({steps, step})});
    }
    sum = n.make<AddOp>({sum, n.make<MulOp>({coordinate, column(i)})});
  }
  return n.result(sum);
}

/// A deformable convolution: samples at displaced taps are the columns of a matrix product.
struct DeformConv {
  Node &n;
  int64_t spatial, group, offsetGroup, taps = 1;
  SmallVector<int64_t> kernel, strides, dilations, pads;

  explicit DeformConv(Node &n)
      : n(n), spatial(n.rank(0) - 2), group(n.integer("group", 1)), offsetGroup(n.integer("offset_group", 1)) {
    for (auto [i, size] : llvm::enumerate(n.integers("kernel_shape")))
      pin(n, 1, 2 + i, size);
    kernel.assign(filter().begin() + std::min<int64_t>(2, filter().size()), filter().end());
    strides = n.integers("strides", SmallVector<int64_t>(std::max<int64_t>(spatial, 0), 1));
    dilations = n.integers("dilations", SmallVector<int64_t>(std::max<int64_t>(spatial, 0), 1));
    pads = n.integers("pads", SmallVector<int64_t>(std::max<int64_t>(2 * spatial, 0), 0));
  }

  ArrayRef<int64_t> filter() { return cast<RankedTensorType>(n.input(1).getType()).getShape(); }
  int64_t channels(int operand) { return cast<RankedTensorType>(n.input(operand).getType()).getDimSize(1); }

  LogicalResult check() {
    if (spatial < 1 || n.rank(1) != n.rank(0) || n.rank(2) != n.rank(0))
      return n.error("needs an input, a filter and offsets of the same rank, with spatial dimensions");
    if (int64_t(strides.size()) != spatial || int64_t(dilations.size()) != spatial ||
        int64_t(pads.size()) != 2 * spatial)
      return n.error("has strides, dilations or pads that do not fit the input's " + Twine(spatial) +
                     " spatial dimensions");
    if (llvm::is_contained(kernel, ShapedType::kDynamic))
      return n.error("needs a filter of known spatial sizes; give it a kernel_shape");
    for (int64_t size : kernel)
      taps *= size;
    auto differ = [](int64_t a, int64_t b) { return !ShapedType::isDynamic(a) && !ShapedType::isDynamic(b) && a != b; };
    auto divides = [](int64_t a, int64_t b) { return ShapedType::isDynamic(a) || a % b == 0; };
    int64_t inner = channels(1);
    if (group < 1 || offsetGroup < 1 || differ(channels(0), ShapedType::isDynamic(inner) ? inner : inner * group) ||
        !divides(filter()[0], group) || !divides(channels(0), offsetGroup))
      return n.error("has " + Twine(channels(0)) + " channels, which do not fit its filter and groups");
    if (differ(channels(2), offsetGroup * taps * spatial))
      return n.error("has " + Twine(channels(2)) + " offsets per place, where its kernel needs " +
                     Twine(offsetGroup * taps * spatial));
    if (n.input(4) && n.rank(4) != n.rank(0))
      return n.error("has a mask of another rank than its input");
    return success();
  }

  Value number(int64_t value) { return n.g.integers(n.loc, value); }
  Value numbers(ArrayRef<int64_t> values) { return n.g.integers(n.loc, values); }

  /// Images times offset groups.
  Value images() { return n.make<MulOp>({sizesOf(n, n.input(0), 0, 1), number(offsetGroup)}); }
  Value places() { return sizesOf(n, n.input(2), 2, 2 + spatial); }

  /// Coordinates [images, taps, place..., spatial].
  Value positions() {
    Type type = n.elementType(2);
    Value offsets = reshaped(n, n.input(2), {images(), numbers({taps, spatial}), places()});
    SmallVector<Value> coordinates;
    for (int64_t d = 0; d < spatial; ++d) {
      Value own = n.make<SqueezeOp>(n.g.slice(n.loc, offsets, 2, d, d + 1), n.g.attr("axes", ArrayRef<int64_t>{2}));
      SmallVector<int64_t> tapStarts, behind = llvm::to_vector(llvm::seq<int64_t>(1, 1 + spatial));
      forEachTap(kernel, [&](ArrayRef<int64_t> tap) { tapStarts.push_back(tap[d] * dilations[d] - pads[d]); });
      Value start = unsqueezed(n, numbers(tapStarts), behind);
      Value place = n.make<MulOp>({iota(n, sizeOf(n, n.input(2), 2 + d), d, spatial), integer(n, strides[d])});
      Value whole = n.g.cast(n.loc, n.make<AddOp>({start, place}), type);
      coordinates.push_back(unsqueezed(n, n.make<AddOp>({own, whole}), 2 + spatial));
    }
    return joined(n, coordinates, 2 + spatial);
  }

  LogicalResult convert() {
    if (failed(check()))
      return failure();
    auto divided = [&](Value sizes, int64_t by) { return n.make<lepton::DivOp>({sizes, number(by)}); };
    Value x = reshaped(
        n, n.input(0),
        {images(), divided(sizesOf(n, n.input(0), 1, 2), offsetGroup), sizesOf(n, n.input(0), 2, 2 + spatial)});
    Value columns = sample(n, ResizeMode::linear, SamplePadding::zeros, x, positions(), false);
    if (n.input(4))
      columns = n.make<MulOp>({columns, reshaped(n, n.input(4), {images(), numbers({1, taps}), places()})});
    Value rows = n.make<MulOp>({sizesOf(n, n.input(1), 1, 2), number(taps)}), outputs = sizesOf(n, n.input(1), 0, 1);
    if (!columns)
      return failure();
    Value batch = sizesOf(n, n.input(0), 0, 1);
    Value count = n.make<ReduceOp>(
        places(), {n.g.kind(ReduceKind::prod), n.g.attr("axes", ArrayRef<int64_t>{0}), n.g.flag("keepdims")});
    columns = reshaped(n, columns, {batch, number(group), rows, count});
    Value filters = reshaped(n, n.input(1), {number(group), divided(outputs, group), rows});
    Value y = reshaped(n, n.make<MatMulOp>({filters, columns}), {batch, outputs, places()});
    if (n.input(3))
      y = n.make<AddOp>({y, unsqueezed(n, n.input(3), llvm::to_vector(llvm::seq<int64_t>(1, 1 + spatial)))});
    return n.result(y);
  }
};

LogicalResult deformConv(Node &n) { return DeformConv(n).convert(); }

LogicalResult roiAlign(Node &n) {
  std::string mode = n.text("mode", "avg"), coordinates = n.text("coordinate_transformation_mode",
                                                                 n.version < 16 ? "output_half_pixel" : "half_pixel");
  if (mode != "avg" && mode != "max")
    return n.error("has the unknown mode '" + mode + "'");
  if (coordinates != "half_pixel" && coordinates != "output_half_pixel")
    return n.error("has the unknown coordinate_transformation_mode '" + coordinates + "'");
  pin(n, 1, 1, 4);
  SmallVector<NamedAttribute> attributes = {
      n.g.attr("spatial_scale", n.number("spatial_scale", 1)), n.g.attr("height", n.integer("output_height", 1)),
      n.g.attr("width", n.integer("output_width", 1)), n.g.attr("sampling_ratio", n.integer("sampling_ratio", 0))};
  if (coordinates == "half_pixel")
    attributes.push_back(n.g.flag("half_pixel"));
  if (mode == "max")
    attributes.push_back(n.g.flag("max"));
  return n.result(n.make<RoiAlignOp>({n.input(0), n.input(1), n.input(2)}, attributes));
}

LogicalResult maxRoiPool(Node &n) {
  SmallVector<int64_t> shape = n.integers("pooled_shape");
  if (shape.size() != 2)
    return n.error("needs a pooled_shape of height and width");
  pin(n, 1, 1, 5);
  return n.result(
      n.make<MaxRoiPoolOp>({n.input(0), n.input(1)}, {n.g.attr("spatial_scale", n.number("spatial_scale", 1)),
                                                      n.g.attr("height", shape[0]), n.g.attr("width", shape[1])}));
}

const Entry entries[] = {
    {"GridSample", 16, gridSample},
    {"AffineGrid", 20, affineGrid},
    {"DeformConv", 19, deformConv, "", "a kernel of known size"},
    {"RoiAlign", 10, roiAlign},
    {"MaxRoiPool", 1, maxRoiPool},
};

} // namespace

ArrayRef<Entry> importer::samplingConverters() { return entries; }
