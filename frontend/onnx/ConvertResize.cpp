//===- ConvertResize.cpp - resampling operators --------------------------------------------------------------------------------===//

#include "frontend/onnx/Compose.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

/// Absent, or of size 0, as opset 11 writes an omitted operand.
bool isAbsent(Value value) {
  return !value || llvm::is_contained(cast<RankedTensorType>(value.getType()).getShape(), 0);
}

/// The values of a vector of floats that are known: a constant, or joined from constants.
std::optional<SmallVector<double>> knownNumbers(Value value) {
  Operation *op = value.getDefiningOp();
  SmallVector<double> numbers;
  if (auto constant = dyn_cast_or_null<ConstantOp>(op)) {
    if (!isa<FloatType>(elementTypeOf(value)))
      return std::nullopt;
    for (int64_t i = 0; i < constant.getType().getNumElements(); ++i)
      numbers.push_back(readFloat(constant.getValue(), i));
    return numbers;
  }
  if (isa_and_nonnull<UnsqueezeOp, SqueezeOp, ReshapeOp>(op))
    return knownNumbers(op->getOperand(0));
  if (!isa_and_nonnull<ConcatOp>(op))
    return std::nullopt;
  for (Value operand : op->getOperands()) {
    auto part = knownNumbers(operand);
    if (!part)
      return std::nullopt;
    numbers.append(*part);
  }
  return numbers;
}

struct Resize {
  explicit Resize(Node &n) : n(n) {}

  Node &n;
  ResizeMode mode = ResizeMode::nearest;
  ResizeCoordinates coordinates = ResizeCoordinates::asymmetric;
  ResizeRounding rounding = ResizeRounding::floor;
  ResizeFit fit = ResizeFit::stretch;
  SmallVector<int64_t> axes;
  std::optional<SmallVector<double>> scales; // per axis, where known
  Value sizes, factors, roi;

  template <typename T>
  LogicalResult choose(StringRef attribute, StringRef otherwise, std::optional<T> (*parse)(StringRef), T &value) {
    std::string text = n.text(attribute, otherwise);
    auto known = parse(text);
    if (!known)
      return n.error("has the unknown " + attribute + " '" + text + "'");
    value = *known;
    return success();
  }

  LogicalResult readMode() {
    std::string text = n.text("mode", "nearest");
    if (text == "bilinear" || text == "trilinear")
      text = "linear";
    auto known = symbolizeResizeMode(text);
    if (!known)
      return n.error("has the unknown mode '" + text + "'");
    mode = *known;
    return success();
  }

  LogicalResult readAxes() {
    axes = n.integers("axes", llvm::to_vector(llvm::seq<int64_t>(0, n.rank(0))));
    for (int64_t &value : axes) {
      auto axis = n.axis(value, n.rank(0));
      if (failed(axis))
        return failure();
      value = *axis;
    }
    return success();
  }

  LogicalResult checkLength(Value value, int64_t length, StringRef name) {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getRank() != 1 || type.getDimSize(0) != length)
      return n.error("needs " + Twine(length) + " " + name);
    return success();
  }

  /// Scales from an operand: known ones, or computed ones, which the sizes follow from.
  LogicalResult readScales(Value value) {
    if (failed(checkLength(value, axes.size(), "scales")))
      return failure();
    scales = knownNumbers(value);
    if (scales)
      return success();
    factors = n.g.cast(n.loc, value, n.g.b.getF32Type());
    Value input =
        n.make<GatherOp>({n.g.shapeOf(n.loc, n.input(0)), n.g.integers(n.loc, axes)}, n.g.attr("axis", int64_t(0)));
    Value scaled = n.make<MulOp>({n.g.cast(n.loc, input, n.g.b.getF32Type()), factors});
    sizes = n.g.cast(n.loc, n.make<FloorOp>(scaled), n.g.b.getI64Type());
    return success();
  }

  /// Axes whose size stays need no work.
  void dropUnchanged() {
    if (roi || factors || fit != ResizeFit::stretch)
      return;
    SmallVector<int64_t> kept;
    for (auto [i, axis] : llvm::enumerate(axes))
      if (scales ? (*scales)[i] != 1 : n.g.shapes.element(sizes, i) != n.g.shapes.dim(n.input(0), axis))
        kept.push_back(i);
    if (kept.size() == axes.size())
      return;
    SmallVector<int64_t> keptAxes;
    SmallVector<double> keptScales;
    SmallVector<Value> keptSizes;
    for (int64_t i : kept) {
      keptAxes.push_back(axes[i]);
      if (scales)
        keptScales.push_back((*scales)[i]);
      else
        keptSizes.push_back(n.g.slice(n.loc, sizes, 0, i, i + 1));
    }
    axes = keptAxes;
    if (scales)
      scales = keptScales;
    else if (!kept.empty())
      sizes = n.make<ConcatOp>(keptSizes, n.g.attr("axis", int64_t(0)));
  }

  LogicalResult emit() {
    dropUnchanged();
    if (axes.empty())
      return n.result(n.input(0));
    GraphBuilder &g = n.g;
    MLIRContext *context = g.b.getContext();
    SmallVector<NamedAttribute> attributes = {
        g.attr("mode", ResizeModeAttr::get(context, mode)),
        g.attr("coordinates", ResizeCoordinatesAttr::get(context, coordinates)),
        g.attr("axes", ArrayRef<int64_t>(axes)),
        g.attr("rounding", ResizeRoundingAttr::get(context, rounding)),
        g.attr("fit", ResizeFitAttr::get(context, fit)),
        g.attr("cubic_coefficient", n.number("cubic_coeff_a", -0.75)),
        g.attr("extrapolation", n.number("extrapolation_value", 0)),
    };
    if (scales)
      attributes.push_back(g.attr("scales", g.b.getDenseF64ArrayAttr(*scales)));
    if (n.integer("exclude_outside", 0))
      attributes.push_back(g.flag("exclude_outside"));
    if (n.integer("antialias", 0))
      attributes.push_back(g.flag("antialias"));
    SmallVector<Value> operands = {n.input(0)};
    SmallVector<int32_t> segments = {1};
    for (Value operand : {sizes, factors, roi}) {
      segments.push_back(operand ? 1 : 0);
      if (operand)
        operands.push_back(operand);
    }
    return n.result(g.create(n.loc, ResizeOp::getOperationName(), operands, attributes, segments));
  }
};

LogicalResult resize(Node &n) {
  Resize r(n);
  if (failed(r.readMode()) || failed(r.readAxes()) ||
      failed(r.choose("coordinate_transformation_mode", "half_pixel", symbolizeResizeCoordinates, r.coordinates)) ||
      failed(r.choose("nearest_mode", "round_prefer_floor", symbolizeResizeRounding, r.rounding)) ||
      failed(r.choose("keep_aspect_ratio_policy", "stretch", symbolizeResizeFit, r.fit)))
    return failure();
  if (r.coordinates == ResizeCoordinates::tf_crop_and_resize) {
    pin(n, 1, 0, 2 * r.axes.size());
    if (isAbsent(n.input(1)) || failed(r.checkLength(n.input(1), 2 * r.axes.size(), "elements in roi")))
      return n.error("crops, which needs a roi");
    r.roi = n.g.cast(n.loc, n.input(1), n.g.b.getF32Type());
  }
  if (isAbsent(n.input(3)))
    pin(n, 2, 0, r.axes.size());
  else if (isAbsent(n.input(2)))
    pin(n, 3, 0, r.axes.size());
  bool hasScales = !isAbsent(n.input(2)), hasSizes = !isAbsent(n.input(3));
  if (hasScales == hasSizes)
    return n.error("needs either scales or sizes");
  if (hasScales) {
    r.fit = ResizeFit::stretch; // the policy is about sizes
    return failed(r.readScales(n.input(2))) ? failure() : r.emit();
  }
  if (failed(r.checkLength(n.input(3), r.axes.size(), "sizes")))
    return failure();
  r.sizes = n.g.cast(n.loc, n.input(3), n.g.b.getI64Type());
  return r.emit();
}

/// Resize of opset 10 and Upsample: asymmetric; nearest rounds down where an axis grows, up where it shrinks. The
/// standard leaves the rounding open, this one is onnxruntime's.
LogicalResult resizeByScales(Node &n) {
  Resize r(n);
  r.rounding = ResizeRounding::by_scale;
  if (failed(r.readMode()) || failed(r.readAxes()))
    return failure();
  if (n.has("scales")) {
    r.scales = n.numbers("scales");
    if (r.scales->size() != r.axes.size())
      return n.error("needs one scale per dimension");
  } else {
    pin(n, 1, 0, r.axes.size());
    if (isAbsent(n.input(1)))
      return n.error("needs scales");
    if (failed(r.readScales(n.input(1))))
      return failure();
  }
  return r.emit();
}

const Entry entries[] = {{"Resize", 11, resize}, {"Resize", 10, resizeByScales}, {"Upsample", 7, resizeByScales}};

} // namespace

ArrayRef<Entry> importer::resizeConverters() { return entries; }
