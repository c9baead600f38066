//===- ConvertConvolution.cpp - convolutions and pools --------------------------------------------------------------------------===//

#include "frontend/onnx/Compose.h"
#include "frontend/onnx/Quantize.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

/// Window attributes in the dialect's normal form.
struct Window {
  SmallVector<int64_t> kernel, strides, dilations, pads;
  Value computedPads; // those that depend on a size that only the run knows, in place of `pads`
};

/// How far the window reaches along a spatial dimension, in elements.
Value reachOf(Node &n, Value kernel, int64_t dilation) {
  Value steps = n.make<SubOp>({kernel, integer(n, 1)});
  return n.make<AddOp>({n.make<MulOp>({steps, integer(n, dilation)}), integer(n, 1)});
}

/// `total` in two parts; the second is the larger one with SAME_UPPER, the first otherwise.
std::pair<Value, Value> halves(Node &n, Value total, StringRef mode) {
  Value small = n.make<lepton::DivOp>({total, integer(n, 2)}), large = n.make<SubOp>({total, small});
  return mode == "SAME_UPPER" ? std::pair(small, large) : std::pair(large, small);
}

/// Resolves auto_pad; the spatial sizes of the input, and of the filter where there is one, start at dimension 2.
LogicalResult resolvePads(Node &n, Window &w, Value filter) {
  int64_t spatial = w.kernel.size();
  std::string mode = n.text("auto_pad", "NOTSET");
  w.pads = n.integers("pads", SmallVector<int64_t>(2 * spatial, 0));
  if (mode == "NOTSET" || mode.empty())
    return success();
  w.pads.assign(2 * spatial, 0);
  if (mode == "VALID")
    return success();
  if (mode != "SAME_UPPER" && mode != "SAME_LOWER")
    return n.error("has the unknown auto_pad '" + mode + "'");
  SmallVector<Value> before, after;
  for (int64_t i = 0; i < spatial; ++i) {
    Value one = integer(n, 1);
    Value reach = reachOf(n, filter ? sizeOf(n, filter, 2 + i) : integer(n, w.kernel[i]), w.dilations[i]);
    Value total = n.make<SubOp>({reach, one});
    if (w.strides[i] != 1) {
      Value size = sizeOf(n, n.input(0), 2 + i), stride = integer(n, w.strides[i]);
      Value windows = n.make<lepton::DivOp>({n.make<AddOp>({size, integer(n, w.strides[i] - 1)}), stride});
      Value end = n.make<AddOp>({n.make<MulOp>({n.make<SubOp>({windows, one}), stride}), reach});
      total = n.make<lepton::MaxOp>({n.make<SubOp>({end, size}), integer(n, 0)});
    }
    auto [first, second] = halves(n, total, mode);
    before.push_back(asVector(n, first));
    after.push_back(asVector(n, second));
  }
  before.append(after);
  Value pads = joined(n, before, 0);
  if (auto known = n.g.shapes.constantElements(pads))
    w.pads = *known;
  else
    w.computedPads = pads;
  return success();
}

FailureOr<Window> window(Node &n, ArrayRef<int64_t> kernel, Value filter = {}) {
  Window w;
  int64_t spatial = n.rank(0) - 2;
  if (spatial < 1)
    return n.error("needs an input of at least three dimensions, got " + Twine(n.rank(0)));
  w.kernel.assign(kernel.begin(), kernel.end());
  w.strides = n.integers("strides", SmallVector<int64_t>(spatial, 1));
  w.dilations = n.integers("dilations", SmallVector<int64_t>(spatial, 1));
  if (int64_t(w.kernel.size()) != spatial || int64_t(w.strides.size()) != spatial ||
      int64_t(w.dilations.size()) != spatial)
    return n.error("has a kernel, strides or dilations that do not fit the input's " + Twine(spatial) +
                   " spatial dimensions");
  for (int64_t value : llvm::concat<const int64_t>(w.kernel, w.strides, w.dilations))
    if (value < 1 && !ShapedType::isDynamic(value))
      return n.error("has a kernel size, stride or dilation below 1");
  if (failed(resolvePads(n, w, filter)))
    return failure();
  if (int64_t(w.pads.size()) != 2 * spatial)
    return n.error("needs two pads for each of the " + Twine(spatial) + " spatial dimensions");
  return w;
}

/// The input with the pads that only the run knows; ops have no others then.
Value withComputedPads(Node &n, Value x, const Window &w, Value fill = {}) {
  if (!w.computedPads)
    return x;
  return padded(n, x, w.computedPads, llvm::to_vector(llvm::seq<int64_t>(2, rankOf(x))), fill);
}

ArrayRef<int64_t> filterKernel(Node &n, int operand) {
  ArrayRef<int64_t> shape = cast<RankedTensorType>(n.input(operand).getType()).getShape();
  return shape.size() < 2 ? ArrayRef<int64_t>() : shape.drop_front(2);
}

Value addBias(Node &n, Value y, Value bias) {
  if (!bias || !y)
    return y;
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(1, rankOf(y) - 1));
  return n.make<AddOp>({y, n.make<UnsqueezeOp>(bias, n.g.attr("axes", ArrayRef<int64_t>(axes)))});
}

Value convolve(Node &n, Value x, Value w, const Window &window) {
  x = withComputedPads(n, x, window);
  return n.make<ConvOp>({x, w}, {n.g.attr("strides", window.strides), n.g.attr("pads", window.pads),
                                 n.g.attr("dilations", window.dilations), n.g.attr("group", n.integer("group", 1))});
}

LogicalResult conv(Node &n) {
  if (n.rank(1) < 3 || n.rank(0) != n.rank(1))
    return n.error("has an input and a filter of different rank, or without spatial dimensions");
  for (auto [i, size] : llvm::enumerate(n.integers("kernel_shape")))
    pin(n, 1, 2 + i, size);
  auto w = window(n, filterKernel(n, 1), n.input(1));
  if (failed(w))
    return failure();
  if (n.has("kernel_shape") && n.integers("kernel_shape") != SmallVector<int64_t>(filterKernel(n, 1)))
    return n.error("has a kernel_shape that is not its filter's");
  return n.result(addBias(n, convolve(n, n.input(0), n.input(1), *w), n.input(2)));
}

/// x - zero point, in the 16 bits that the difference of two 8-bit numbers needs; the zero point of a filter may differ per output channel.
Value centred(Node &n, int value, int zero, bool perChannel) {
  Type i16 = n.g.b.getI16Type();
  Value x = n.g.cast(n.loc, n.input(value), i16);
  if (!n.input(zero))
    return x;
  Value z = n.g.cast(n.loc, n.input(zero), i16);
  if (perChannel && rankOf(z) == 1 && cast<RankedTensorType>(z.getType()).getDimSize(0) != 1) {
    SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(1, n.rank(value)));
    z = n.make<UnsqueezeOp>(z, n.g.attr("axes", ArrayRef<int64_t>(axes)));
  }
  return n.make<SubOp>({x, z});
}

LogicalResult convInteger(Node &n) {
  auto w = window(n, filterKernel(n, 1), n.input(1));
  if (failed(w))
    return failure();
  return n.result(convolve(n, centred(n, 0, 2, false), centred(n, 1, 3, true), *w));
}

/// Inputs: x, its scale and zero point, w, its scale and zero point, the result's scale and zero point, bias (i32).
LogicalResult qLinearConv(Node &n) {
  auto w = window(n, filterKernel(n, 3), n.input(3));
  if (failed(w))
    return failure();
  if (!isa<IntegerType>(n.elementType(7)) || n.elementType(7).getIntOrFloatBitWidth() != 8)
    return n.error("quantizes to a type that is not supported; int8 and uint8 are");
  Type f32 = n.g.b.getF32Type();
  Value sum = addBias(n, convolve(n, centred(n, 0, 2, false), centred(n, 3, 5, true), *w), n.input(8));
  Value scale =
      n.make<MulOp>({n.g.cast(n.loc, n.input(1), f32), alongAxis(n, n.g.cast(n.loc, n.input(4), f32), 1, n.rank(0))});
  Value scaled = n.make<MulOp>({n.g.cast(n.loc, sum, f32), n.make<DivOp>({scale, n.g.cast(n.loc, n.input(6), f32)})});
  return n.result(quantized(n, scaled, {}, n.input(7), n.elementType(7)));
}

LogicalResult matMulInteger(Node &n) {
  Type i16 = n.g.b.getI16Type();
  Value a = n.g.cast(n.loc, n.input(0), i16), b = n.g.cast(n.loc, n.input(1), i16);
  if (Value zero = n.input(2)) {
    zero = n.g.cast(n.loc, zero, i16);
    if (rankOf(zero) == 1 && cast<RankedTensorType>(zero.getType()).getDimSize(0) != 1)
      zero = n.make<UnsqueezeOp>(zero, n.g.attr("axes", ArrayRef<int64_t>{1})); // one per row
    a = n.make<SubOp>({a, zero});
  }
  if (n.input(3))
    b = n.make<SubOp>({b, n.g.cast(n.loc, n.input(3), i16)});
  return n.result(n.make<MatMulOp>({a, b}));
}

/// What a transposed convolution has more than the shape asked for: `output_shape`, or as many times the input's sizes as the strides say. Before each
/// dimension, then after each; negative where it has less.
Value removedByShape(Node &n, ArrayRef<int64_t> strides, ArrayRef<int64_t> dilations, ArrayRef<int64_t> extra,
                     ArrayRef<int64_t> wanted, StringRef mode) {
  int64_t spatial = strides.size();
  SmallVector<Value> before, after;
  for (int64_t i = 0; i < spatial; ++i) {
    Value reach = reachOf(n, sizeOf(n, n.input(1), 2 + i), dilations[i]);
    Value total = n.make<AddOp>({reach, integer(n, extra[i] - strides[i])});
    if (!wanted.empty()) {
      Value starts = n.make<MulOp>({sizeOf(n, n.input(0), 2 + i), integer(n, strides[i])});
      total = n.make<SubOp>({n.make<AddOp>({starts, total}), integer(n, wanted[wanted.size() - spatial + i])});
    }
    Value first = halves(n, n.make<lepton::MaxOp>({total, integer(n, 0)}), mode).first;
    before.push_back(asVector(n, first));
    after.push_back(asVector(n, n.make<SubOp>({total, first})));
  }
  before.append(after);
  return joined(n, before, 0);
}

LogicalResult convTranspose(Node &n) {
  if (n.rank(1) < 3 || n.rank(0) != n.rank(1))
    return n.error("has an input and a filter of different rank, or without spatial dimensions");
  for (auto [i, size] : llvm::enumerate(n.integers("kernel_shape")))
    pin(n, 1, 2 + i, size);
  int64_t spatial = n.rank(0) - 2;
  SmallVector<int64_t> kernel(filterKernel(n, 1)),
      strides = n.integers("strides", SmallVector<int64_t>(spatial, 1)),
      dilations = n.integers("dilations", SmallVector<int64_t>(spatial, 1)),
      pads = n.integers("pads", SmallVector<int64_t>(2 * spatial, 0)),
      extra = n.integers("output_padding", SmallVector<int64_t>(spatial, 0)), wanted = n.integers("output_shape");
  std::string mode = n.text("auto_pad", "NOTSET");
  for (ArrayRef<int64_t> list :
       {ArrayRef<int64_t>(kernel), ArrayRef<int64_t>(strides), ArrayRef<int64_t>(dilations), ArrayRef<int64_t>(extra)})
    if (int64_t(list.size()) != spatial)
      return n.error("has a kernel, strides, dilations or output_padding that do not fit the input's " +
                     Twine(spatial) + " spatial dimensions");
  if (n.has("kernel_shape") && n.integers("kernel_shape") != kernel)
    return n.error("has a kernel_shape that is not its filter's");
  if (!wanted.empty() && int64_t(wanted.size()) != spatial && int64_t(wanted.size()) != n.rank(0))
    return n.error("has an output_shape that does not fit the input's " + Twine(spatial) + " spatial dimensions");
  Value removed; // before and after each spatial dimension, where only the run knows how much that is
  if (mode == "VALID")
    pads.assign(2 * spatial, 0);
  if (!wanted.empty() || mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    pads.assign(2 * spatial, 0);
    removed = removedByShape(n, strides, dilations, extra, wanted, mode);
    if (auto known = n.g.shapes.constantElements(removed)) {
      removed = {};
      for (int64_t i = 0; i < spatial; ++i) { // more than the windows reach: zeros at the end
        pads[i] = (*known)[i];
        pads[spatial + i] = std::max<int64_t>((*known)[spatial + i], 0);
        extra[i] -= std::min<int64_t>((*known)[spatial + i], 0);
      }
    }
  }
  if (int64_t(pads.size()) != 2 * spatial)
    return n.error("needs two pads for each of the " + Twine(spatial) + " spatial dimensions");
  Value y = n.make<ConvTransposeOp>(
      {n.input(0), n.input(1)}, {n.g.attr("strides", strides), n.g.attr("pads", pads), n.g.attr("dilations", dilations),
                                 n.g.attr("output_padding", extra), n.g.attr("group", n.integer("group", 1))});
  if (removed)
    y = padded(n, y, n.make<NegOp>(removed), llvm::to_vector(llvm::seq<int64_t>(2, n.rank(0))));
  return n.result(addBias(n, y, n.input(2)));
}

/// No maximum is lower.
Value lowest(Node &n, Type type) {
  if (isa<FloatType>(type))
    return n.g.scalar(n.loc, type, -std::numeric_limits<double>::infinity());
  return n.g.scalar(n.loc, type, type.isUnsignedInteger() ? 0 : -std::ldexp(1.0, type.getIntOrFloatBitWidth() - 1));
}

Value pool(Node &n, ReduceKind kind, Value x, const Window &w) {
  if (w.computedPads && kind == ReduceKind::mean && !n.integer("count_include_pad", 0)) {
    // A sum is divided by the number of elements in its window that are no pads.
    Value sizes = joined(n, {n.g.integers(n.loc, {1, 1}), sizesOf(n, x, 2, rankOf(x))}, 0);
    Value ones = n.make<ExpandOp>({n.scalarLike(x, 1), sizes});
    return n.make<lepton::DivOp>({pool(n, ReduceKind::sum, x, w), pool(n, ReduceKind::sum, ones, w)});
  }
  x = withComputedPads(n, x, w, kind == ReduceKind::max ? lowest(n, elementTypeOf(x)) : Value());
  SmallVector<NamedAttribute> attributes = {
      n.g.kind(kind),           n.g.attr("kernel", w.kernel),       n.g.attr("strides", w.strides),
      n.g.attr("pads", w.pads), n.g.attr("dilations", w.dilations), n.g.attr("first_spatial", int64_t(2))};
  if (n.integer("ceil_mode", 0))
    attributes.push_back(n.g.flag("ceil_mode"));
  if (n.integer("count_include_pad", 0))
    attributes.push_back(n.g.flag("count_include_pad"));
  return n.make<PoolOp>(x, attributes);
}

template <ReduceKind Kind> LogicalResult poolOver(Node &n) {
  auto w = window(n, n.integers("kernel_shape"));
  return failed(w) ? failure() : n.result(pool(n, Kind, n.input(0), *w));
}

/// Places in the padded input `whole`, counted over all dimensions, as places in the node's input.
Value placesWithoutPads(Node &n, Value places, Value whole, const Window &w) {
  int64_t spatial = w.kernel.size();
  bool isColumnMajor = n.integer("storage_order", 0);
  Value rest = places, result = integer(n, 0), step = integer(n, 1);
  for (int64_t k = 0; k < spatial; ++k) { // from the dimension whose places lie closest
    int64_t i = isColumnMajor ? k : spatial - 1 - k;
    Value size = sizeOf(n, n.input(0), 2 + i), wide = sizeOf(n, whole, 2 + i);
    Value place =
        n.make<SubOp>({n.make<ModOp>({rest, wide}), single(n, n.g.slice(n.loc, w.computedPads, 0, i, i + 1))});
    // A pad is found where all that its window has is as low: what lies closest to it in the input is in the window too.
    place = n.make<lepton::MinOp>({place, n.make<SubOp>({size, integer(n, 1)})});
    place = n.make<lepton::MaxOp>({place, integer(n, 0)});
    result = n.make<AddOp>({result, n.make<MulOp>({place, step})});
    step = n.make<MulOp>({step, size});
    rest = n.make<lepton::DivOp>({rest, wide});
  }
  return n.make<AddOp>({result, n.make<MulOp>({rest, step})});
}

LogicalResult maxPool(Node &n) {
  auto w = window(n, n.integers("kernel_shape"));
  if (failed(w))
    return failure();
  if (n.wants(1)) {
    SmallVector<NamedAttribute> attributes = {n.g.attr("kernel", w->kernel), n.g.attr("strides", w->strides),
                                              n.g.attr("pads", w->pads), n.g.attr("dilations", w->dilations)};
    if (n.integer("ceil_mode", 0))
      attributes.push_back(n.g.flag("ceil_mode"));
    if (n.integer("storage_order", 0))
      attributes.push_back(n.g.flag("column_major"));
    Value whole = withComputedPads(n, n.input(0), *w, lowest(n, n.elementType(0)));
    Value places = n.make<ArgPoolOp>(whole, attributes);
    n.set(1, w->computedPads && places ? placesWithoutPads(n, places, whole, *w) : places);
  }
  return n.result(pool(n, ReduceKind::max, n.input(0), *w));
}

LogicalResult lpPool(Node &n) {
  auto w = window(n, n.integers("kernel_shape"));
  if (failed(w))
    return failure();
  double p = n.integer("p", 2);
  Value power = n.make<PowOp>({n.make<lepton::AbsOp>(n.input(0)), n.scalarLike(n.input(0), p)});
  Value sum = pool(n, ReduceKind::sum, power, *w);
  return n.result(n.make<PowOp>({sum, n.scalarLike(n.input(0), 1 / p)}));
}

Value overSpatial(Node &n, ReduceKind kind, Value x) {
  if (rankOf(x) < 3) {
    (void)n.error("needs an input of at least three dimensions");
    return {};
  }
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(2, rankOf(x)));
  return n.make<ReduceOp>(x, {n.g.kind(kind), n.g.attr("axes", ArrayRef<int64_t>(axes)), n.g.flag("keepdims")});
}

template <ReduceKind Kind> LogicalResult globalPool(Node &n) { return n.result(overSpatial(n, Kind, n.input(0))); }

LogicalResult globalLpPool(Node &n) {
  double p = n.integer("p", 2);
  Value power = n.make<PowOp>({n.make<lepton::AbsOp>(n.input(0)), n.scalarLike(n.input(0), p)});
  return n.result(n.make<PowOp>({overSpatial(n, ReduceKind::sum, power), n.scalarLike(n.input(0), 1 / p)}));
}

/// Each channel of x [batch, channels, length] by its own filter, where only the run knows how many channels there are: the windows times the filters.
Value convolveChannels(Node &n, Value x, Value filters, Value length) {
  Value places = n.make<AddOp>({iota(n, length, 0, 2), iota(n, sizeOf(n, filters, 2), 1, 2)});
  Value windows = pick(n, x, places, 2); // [batch, channels, length, k]
  Type type = elementTypeOf(x), wide = type.getIntOrFloatBitWidth() < 32 ? Type(n.g.b.getF32Type()) : type;
  Value products = n.make<MulOp>({n.g.cast(n.loc, windows, wide), n.g.cast(n.loc, filters, wide)});
  return n.g.cast(n.loc, reduced(n, ReduceKind::sum, products, 3), type);
}

/// The filters see what came before, k - 1 elements of an earlier run or zeros; as many go to the next run.
LogicalResult causalConvWithState(Node &n) {
  std::string activation = n.text("activation", "none");
  if (activation != "none" && activation != "silu" && activation != "swish")
    return n.error("has the unknown activation '" + activation + "'");
  if (n.rank(0) != 3 || n.rank(1) != 3 || (n.input(3) && n.rank(3) != 3))
    return n.error(
        "needs an input [batch, channels, length], filters [channels, 1, k] and a state [batch, channels, k - 1]");
  pin(n, 1, 1, 1);
  if (int64_t size = cast<RankedTensorType>(n.input(1).getType()).getDimSize(2); !ShapedType::isDynamic(size))
    pin(n, 3, 2, size - 1);
  Value x = n.input(0), filters = n.input(1), length = sizeOf(n, x, 2);
  Value before = n.make<SubOp>({sizeOf(n, filters, 2), integer(n, 1)});
  if (n.input(3) && failed(require(n, n.make<EqualOp>({sizeOf(n, n.input(3), 2), before}),
                                   "needs a state of one element fewer than its filters have")))
    return failure();
  Value all = n.input(3) ? joined(n, {n.input(3), x}, 2)
                         : padded(n, x, joined(n, {asVector(n, before), n.g.integers(n.loc, 0)}, 0), 2);
  int64_t channels = cast<RankedTensorType>(filters.getType()).getDimSize(0);
  Value y = ShapedType::isDynamic(channels)
                ? convolveChannels(n, all, filters, length)
                : n.make<ConvOp>({all, filters},
                                 {n.g.attr("strides", ArrayRef<int64_t>{1}), n.g.attr("pads", ArrayRef<int64_t>{0, 0}),
                                  n.g.attr("dilations", ArrayRef<int64_t>{1}), n.g.attr("group", channels)});
  y = addBias(n, y, n.input(2));
  if (y && activation != "none") {
    Value wide = n.g.cast(n.loc, y, n.g.b.getF32Type());
    y = n.g.cast(n.loc, n.make<MulOp>({wide, n.make<SigmoidOp>(wide)}), elementTypeOf(x));
  }
  Value end = n.make<AddOp>({length, before});
  n.set(1, n.make<SliceOp>({all, asVector(n, length), asVector(n, end), n.g.integers(n.loc, 1)},
                           n.g.attr("axes", ArrayRef<int64_t>{2})));
  return n.result(y);
}

const Entry entries[] = {
    {"Conv", 1, conv},
    {"ConvInteger", 10, convInteger},
    {"MatMulInteger", 10, matMulInteger},
    {"QLinearConv", 10, qLinearConv},
    {"ConvTranspose", 1, convTranspose},
    {"CausalConvWithState", 27, causalConvWithState},
    {"MaxPool", 1, maxPool},
    {"AveragePool", 1, poolOver<ReduceKind::mean>},
    {"LpPool", 2, lpPool},
    {"GlobalAveragePool", 1, globalPool<ReduceKind::mean>},
    {"GlobalMaxPool", 1, globalPool<ReduceKind::max>},
    {"GlobalLpPool", 2, globalLpPool},
};

} // namespace

ArrayRef<Entry> importer::convolutionConverters() { return entries; }
