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
};

/// Resolves auto_pad; the input's spatial sizes start at dimension 2.
LogicalResult resolvePads(Node &n, Window &w) {
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
  for (int64_t i = 0; i < spatial; ++i) {
    int64_t size = cast<RankedTensorType>(n.input(0).getType()).getDimSize(2 + i),
            reach = (w.kernel[i] - 1) * w.dilations[i] + 1, total;
    if (w.strides[i] == 1)
      total = reach - 1;
    else if (size == ShapedType::kDynamic)
      return n.error("has auto_pad " + mode +
                     " with a stride over a dimension of unknown size; give it a size (--dim) or explicit pads");
    else
      total = std::max<int64_t>((llvm::divideCeil(size, w.strides[i]) - 1) * w.strides[i] + reach - size, 0);
    w.pads[i] = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
    w.pads[spatial + i] = total - w.pads[i];
  }
  return success();
}

FailureOr<Window> window(Node &n, ArrayRef<int64_t> kernel) {
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
  if (failed(resolvePads(n, w)))
    return failure();
  if (int64_t(w.pads.size()) != 2 * spatial)
    return n.error("needs two pads for each of the " + Twine(spatial) + " spatial dimensions");
  return w;
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
  return n.make<ConvOp>({x, w}, {n.g.attr("strides", window.strides), n.g.attr("pads", window.pads),
                                 n.g.attr("dilations", window.dilations), n.g.attr("group", n.integer("group", 1))});
}

LogicalResult conv(Node &n) {
  if (n.rank(1) < 3 || n.rank(0) != n.rank(1))
    return n.error("has an input and a filter of different rank, or without spatial dimensions");
  for (auto [i, size] : llvm::enumerate(n.integers("kernel_shape")))
    pin(n, 1, 2 + i, size);
  auto w = window(n, filterKernel(n, 1));
  if (failed(w))
    return failure();
  if (n.has("kernel_shape") && n.integers("kernel_shape") != SmallVector<int64_t>(filterKernel(n, 1)))
    return n.error("has a kernel_shape that is not its filter's");
  return n.result(addBias(n, convolve(n, n.input(0), n.input(1), *w), n.input(2)));
}

/// x - zero point, in i32; the zero point of a filter may differ per output channel.
Value centred(Node &n, int value, int zero, bool perChannel) {
  Type i32 = n.g.b.getI32Type();
  Value x = n.g.cast(n.loc, n.input(value), i32);
  if (!n.input(zero))
    return x;
  Value z = n.g.cast(n.loc, n.input(zero), i32);
  if (perChannel && rankOf(z) == 1 && cast<RankedTensorType>(z.getType()).getDimSize(0) != 1) {
    SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(1, n.rank(value)));
    z = n.make<UnsqueezeOp>(z, n.g.attr("axes", ArrayRef<int64_t>(axes)));
  }
  return n.make<SubOp>({x, z});
}

LogicalResult convInteger(Node &n) {
  auto w = window(n, filterKernel(n, 1));
  if (failed(w))
    return failure();
  return n.result(convolve(n, centred(n, 0, 2, false), centred(n, 1, 3, true), *w));
}

/// Inputs: x, its scale and zero point, w, its scale and zero point, the result's scale and zero point, bias (i32).
LogicalResult qLinearConv(Node &n) {
  auto w = window(n, filterKernel(n, 3));
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
  Type i32 = n.g.b.getI32Type();
  Value a = n.g.cast(n.loc, n.input(0), i32), b = n.g.cast(n.loc, n.input(1), i32);
  if (Value zero = n.input(2)) {
    zero = n.g.cast(n.loc, zero, i32);
    if (rankOf(zero) == 1 && cast<RankedTensorType>(zero.getType()).getDimSize(0) != 1)
      zero = n.make<UnsqueezeOp>(zero, n.g.attr("axes", ArrayRef<int64_t>{1})); // one per row
    a = n.make<SubOp>({a, zero});
  }
  if (n.input(3))
    b = n.make<SubOp>({b, n.g.cast(n.loc, n.input(3), i32)});
  return n.result(n.make<MatMulOp>({a, b}));
}

LogicalResult convTranspose(Node &n) {
  if (n.rank(1) < 3 || n.rank(0) != n.rank(1))
    return n.error("has an input and a filter of different rank, or without spatial dimensions");
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
  if (!wanted.empty() || mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    for (int64_t i = 0; i < spatial; ++i) {
      int64_t size = cast<RankedTensorType>(n.input(0).getType()).getDimSize(2 + i);
      if (size == ShapedType::kDynamic)
        return n.error("gives its output's shape, but the input's size is unknown; give it a size (--dim)");
      int64_t target = wanted.empty() ? size * strides[i] : wanted[wanted.size() - spatial + i];
      int64_t total = strides[i] * (size - 1) + extra[i] + (kernel[i] - 1) * dilations[i] + 1 - target;
      if (total < 0) { // more than the windows reach: zeros at the end
        extra[i] -= total;
        total = 0;
      }
      pads[i] = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
      pads[spatial + i] = total - pads[i];
    }
  } else if (mode == "VALID") {
    pads.assign(2 * spatial, 0);
  }
  if (int64_t(pads.size()) != 2 * spatial)
    return n.error("needs two pads for each of the " + Twine(spatial) + " spatial dimensions");
  Value y = n.make<ConvTransposeOp>(
      {n.input(0), n.input(1)}, {n.g.attr("strides", strides), n.g.attr("pads", pads), n.g.attr("dilations", dilations),
                                 n.g.attr("output_padding", extra), n.g.attr("group", n.integer("group", 1))});
  return n.result(addBias(n, y, n.input(2)));
}

Value pool(Node &n, ReduceKind kind, Value x, const Window &w) {
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
    n.set(1, n.make<ArgPoolOp>(n.input(0), attributes));
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

const Entry entries[] = {
    {"Conv", 1, conv},
    {"ConvInteger", 10, convInteger},
    {"MatMulInteger", 10, matMulInteger},
    {"QLinearConv", 10, qLinearConv},
    {"ConvTranspose", 1, convTranspose},
    {"MaxPool", 1, maxPool},
    {"AveragePool", 1, poolOver<ReduceKind::mean>},
    {"LpPool", 2, lpPool},
    {"GlobalAveragePool", 1, globalPool<ReduceKind::mean>},
    {"GlobalMaxPool", 1, globalPool<ReduceKind::max>},
    {"GlobalLpPool", 2, globalLpPool},
};

} // namespace

ArrayRef<Entry> importer::convolutionConverters() { return entries; }
