//===- ResizeOps.cpp - resampling along dimensions ---------------------------------------------------------------------------===//

#include "dialects/Lepton/LeptonOps.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace lepton;
using F = SizeFunction;
using arith::CmpFPredicate;

namespace {

/// The fraction with the smallest denominator that is `scale` in single precision: 0.7 is 7 / 10, so that 10 elements become 7.
std::pair<int64_t, int64_t> fraction(double scale) {
  int64_t p0 = 0, q0 = 1, p1 = 1, q1 = 0;
  double rest = scale;
  for (int step = 0; step < 32; ++step) {
    int64_t whole = int64_t(rest);
    std::tie(p0, p1) = std::make_pair(p1, whole * p1 + p0);
    std::tie(q0, q1) = std::make_pair(q1, whole * q1 + q0);
    if (float(double(p1) / double(q1)) == float(scale) || rest - double(whole) < 1e-12 || q1 > (int64_t(1) << 30))
      break;
    rest = 1 / (rest - double(whole));
  }
  return {p1, q1};
}

/// One resized dimension: sizes of input and result, and the factor, a constant or numerator / denominator.
struct Axis {
  AffineExpr in, out, numerator, denominator;
  std::optional<double> scale;

  /// The result's size as a multiple of the input's; 0 where it is not known to be one.
  int64_t multiple() const {
    if (scale)
      return *scale >= 1 && *scale == std::floor(*scale) ? int64_t(*scale) : 0;
    if (numerator != out || denominator != in)
      return 0;
    for (int64_t k = 1; k <= 64; ++k)
      if (in * k == out)
        return k;
    return 0;
  }
};

SmallVector<Axis> axesOf(ResizeOp op, ShapeAnalysis &shapes) {
  SmallVector<Axis> axes;
  SmallVector<AffineExpr> input = shapes.shape(op.getInput());
  for (auto [i, d] : llvm::enumerate(op.getAxes())) {
    Axis axis;
    axis.in = input[d];
    if (auto scales = op.getScales()) {
      auto [p, q] = fraction((*scales)[i]);
      axis.scale = (*scales)[i];
      axis.out = (axis.in * p).floorDiv(q);
    } else {
      axis.out = axis.numerator = shapes.element(op.getSizes(), i);
      axis.denominator = axis.in;
    }
    axes.push_back(axis);
  }
  if (op.getFit() == ResizeFit::stretch)
    return axes;
  // The smallest (or largest) of the factors is that of all axes.
  AffineExpr top = axes[0].numerator, bottom = axes[0].denominator;
  for (const Axis &axis : llvm::drop_begin(axes)) {
    AffineExpr mine = axis.numerator * bottom, best = top * axis.denominator;
    AffineExpr better = shapes.apply(F::Lt, op.getFit() == ResizeFit::not_larger ? ArrayRef<AffineExpr>{mine, best}
                                                                                 : ArrayRef<AffineExpr>{best, mine});
    top = shapes.apply(F::Select, {better, axis.numerator, top});
    bottom = shapes.apply(F::Select, {better, axis.denominator, bottom});
  }
  for (Axis &axis : axes) {
    axis.numerator = top;
    axis.denominator = bottom;
    axis.out = shapes.apply(F::DivS, {top * axis.in * 2 + bottom, bottom * 2}); // rounded, halves up
  }
  return axes;
}

bool isVector(Value value, int64_t size, bool isFloat) {
  auto type = cast<RankedTensorType>(value.getType());
  return type.getRank() == 1 && type.getDimSize(0) == size &&
         (isFloat ? type.getElementType().isF32() : type.getElementType().isSignlessInteger(64));
}

} // namespace

LogicalResult ResizeOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> dims = shapes.shape(getInput());
  int64_t count = getAxes().size();
  if (count == 0)
    return emitOpError() << "needs at least one axis";
  for (auto [i, axis] : llvm::enumerate(getAxes())) {
    if (axis < 0 || axis >= int64_t(dims.size()))
      return emitOpError() << "has the axis " << axis << " out of range for rank " << dims.size();
    if (llvm::is_contained(getAxes().take_front(i), axis))
      return emitOpError() << "has the axis " << axis << " twice";
  }
  if (bool(getScales()) == bool(getSizes()))
    return emitOpError() << "needs either scales or sizes";
  if (getScales()) {
    if (int64_t(getScales()->size()) != count)
      return emitOpError() << "needs " << count << " scales, one per axis, got " << getScales()->size();
    ArrayRef<double> scales = *getScales();
    for (double scale : scales)
      if (!(scale > 0 && scale < 1e9))
        return emitOpError() << "has the scale " << scale << ", which is not positive and finite";
  }
  if (getSizes() && !isVector(getSizes(), count, false))
    return emitOpError() << "needs " << count << " sizes of type i64, one per axis, got " << getSizes().getType();
  if (getFactors() && (!getSizes() || !isVector(getFactors(), count, true)))
    return emitOpError() << "needs " << count << " factors of type f32, one per axis, beside sizes, got "
                         << getFactors().getType();
  if (getFit() != ResizeFit::stretch && (!getSizes() || getFactors()))
    return emitOpError() << "keeps the aspect ratio, which needs sizes, and no factors";
  bool crop = getCoordinates() == ResizeCoordinates::tf_crop_and_resize;
  if (crop != bool(getRoi()))
    return emitOpError() << "needs a roi with the coordinates tf_crop_and_resize, and only with them";
  if (crop && !isVector(getRoi(), 2 * count, true))
    return emitOpError() << "needs a roi of " << 2 * count << " elements of type f32, got " << getRoi().getType();
  if (getMode() != ResizeMode::nearest && elementTypeOf(getInput()).isInteger(1))
    return emitOpError() << "cannot interpolate bools";
  if (getMode() == ResizeMode::nearest && getAntialias())
    return emitOpError() << "antialias needs the mode linear or cubic";
  for (auto [d, axis] : llvm::zip_equal(getAxes(), axesOf(*this, shapes))) {
    if (auto size = ShapeAnalysis::constantValue(axis.out); size && *size < 0)
      return emitOpError() << "has the negative size " << *size << " for axis " << d;
    dims[d] = axis.out;
  }
  results.push_back({elementTypeOf(getInput()), dims});
  return success();
}

namespace {

/// The scalar code of one element. Coordinates and weights are f32.
struct Resampler {
  ResizeOp op;
  KernelEmitter &e;
  OpBuilder &b;
  Location loc;
  Type f32, element;
  Type sumType, type; // of the weighted sums, and of their parts where they are complex
  Value outside;      // of the input, by tf_crop_and_resize

  struct Tap {
    Value position, weight; // no weight: the only tap
  };
  /// Taps of one axis: unrolled, or where the filter is widened, those of a loop around a coordinate.
  struct Taps {
    SmallVector<Tap> unrolled;
    Value size, floor, rest, start, count, scale;
  };
  SmallVector<Taps> taps;

  Resampler(ResizeOp op, KernelEmitter &e)
      : op(op), e(e), b(e.b), loc(e.loc), f32(e.b.getF32Type()), element(elementTypeOf(op.getInput())) {
    auto complexType = dyn_cast<ComplexType>(element);
    type = element.isF64() ? element : complexType ? complexType.getElementType() : f32;
    sumType = complexType ? element : type;
  }

  Value number(double value) { return e.scalar(f32, value); }
  Value add(Value l, Value r) { return b.createOrFold<arith::AddFOp>(loc, l, r); }
  Value sub(Value l, Value r) { return b.createOrFold<arith::SubFOp>(loc, l, r); }
  Value mul(Value l, Value r) { return b.createOrFold<arith::MulFOp>(loc, l, r); }
  Value div(Value l, Value r) { return b.createOrFold<arith::DivFOp>(loc, l, r); }
  Value floor(Value x) { return b.createOrFold<math::FloorOp>(loc, x); }
  Value less(Value l, Value r) { return b.createOrFold<arith::CmpFOp>(loc, CmpFPredicate::OLT, l, r); }
  Value toFloat(Value index) {
    return b.createOrFold<arith::SIToFPOp>(loc, f32, b.createOrFold<arith::IndexCastOp>(loc, b.getI64Type(), index));
  }
  Value toIndex(Value x) {
    return b.createOrFold<arith::IndexCastOp>(loc, b.getIndexType(),
                                              b.createOrFold<arith::FPToSIOp>(loc, b.getI64Type(), x));
  }
  Value clamped(Value position, Value size) {
    Value high = b.createOrFold<arith::MinSIOp>(loc, position, e.sub(size, e.index(1)));
    return b.createOrFold<arith::MaxSIOp>(loc, high, e.index(0));
  }

  Value factor(const Axis &axis, int64_t i) {
    if (op.getFactors())
      return e.load(op.getFactors(), e.index(i));
    return axis.scale ? number(*axis.scale) : div(toFloat(e.size(axis.numerator)), toFloat(e.size(axis.denominator)));
  }

  /// The input coordinate of the output position `x`.
  Value coordinate(const Axis &axis, int64_t i, Value index, Value scale) {
    Value x = toFloat(index), in = toFloat(e.size(axis.in)), one = number(1), half = number(0.5);
    auto halfPixel = [&] { return sub(div(add(x, half), scale), half); };
    // With a scale the result's length counts as the fraction that it is before rounding.
    auto length = [&] { return axis.scale || op.getFactors() ? mul(scale, in) : toFloat(e.size(axis.out)); };
    auto isOne = [&](Value value) { return b.createOrFold<arith::CmpFOp>(loc, CmpFPredicate::OEQ, value, one); };
    switch (op.getCoordinates()) {
    case ResizeCoordinates::half_pixel:
      return halfPixel();
    case ResizeCoordinates::half_pixel_symmetric: {
      Value adjustment = div(toFloat(e.size(axis.out)), length());
      return add(mul(mul(in, half), sub(one, adjustment)), halfPixel());
    }
    case ResizeCoordinates::pytorch_half_pixel:
      return e.select(isOne(toFloat(e.size(axis.out))), number(0), halfPixel());
    case ResizeCoordinates::align_corners:
      return e.select(isOne(length()), number(0), div(mul(x, sub(in, one)), sub(length(), one)));
    case ResizeCoordinates::asymmetric:
      return div(x, scale);
    case ResizeCoordinates::tf_half_pixel_for_nn:
      return div(add(x, half), scale);
    case ResizeCoordinates::tf_crop_and_resize: {
      Value start = e.load(op.getRoi(), e.index(i)), end = e.load(op.getRoi(), e.index(i + op.getAxes().size())),
            last = sub(in, one);
      Value part = mul(sub(end, start), last), size = length();
      Value inside = e.select(isOne(size), mul(part, half), div(mul(x, part), sub(size, one)));
      Value result = add(inside, mul(start, last));
      Value past = b.createOrFold<arith::OrIOp>(loc, less(result, number(0)), less(last, result));
      outside = outside ? b.createOrFold<arith::OrIOp>(loc, outside, past) : past;
      return result;
    }
    }
    llvm_unreachable("a coordinate mode");
  }

  Value ceil(Value x) { return b.createOrFold<math::CeilOp>(loc, x); }

  Value nearest(Value x, Value scale) {
    switch (op.getRounding()) {
    case ResizeRounding::floor:
      return floor(x);
    case ResizeRounding::ceil:
      return ceil(x);
    case ResizeRounding::by_scale:
      return e.select(less(scale, number(1)), ceil(x), floor(x));
    case ResizeRounding::round_prefer_floor:
      return ceil(sub(x, number(0.5)));
    case ResizeRounding::round_prefer_ceil:
      return floor(add(x, number(0.5)));
    }
    llvm_unreachable("a rounding mode");
  }

  /// Whether growing by a whole factor repeats each element that many times.
  bool repeats() {
    bool rounds =
        op.getRounding() == ResizeRounding::round_prefer_floor || op.getRounding() == ResizeRounding::round_prefer_ceil;
    switch (op.getCoordinates()) {
    case ResizeCoordinates::asymmetric:
    case ResizeCoordinates::tf_half_pixel_for_nn:
      return op.getRounding() == ResizeRounding::floor || op.getRounding() == ResizeRounding::by_scale;
    case ResizeCoordinates::half_pixel:
    case ResizeCoordinates::half_pixel_symmetric:
    case ResizeCoordinates::pytorch_half_pixel:
      return rounds;
    default:
      return false;
    }
  }

  /// The filter at a distance: a triangle, or Keys' cubic.
  Value filter(Value distance) {
    Value d = b.createOrFold<math::AbsFOp>(loc, distance), one = number(1), zero = number(0);
    if (op.getMode() == ResizeMode::linear)
      return b.createOrFold<arith::MaximumFOp>(loc, sub(one, d), zero);
    double a = op.getCubicCoefficient().convertToDouble();
    // |d| <= 1: ((a + 2) d - (a + 3)) d^2 + 1; |d| < 2: ((a d - 5 a) d + 8 a) d - 4 a
    Value near = add(mul(mul(sub(mul(number(a + 2), d), number(a + 3)), d), d), one);
    Value far = sub(mul(add(mul(sub(mul(number(a), d), number(5 * a)), d), number(8 * a)), d), number(4 * a));
    Value beyond = e.select(less(d, number(2)), far, zero);
    return e.select(less(one, d), beyond, near);
  }

  Value excluded(Value weight, Value position, Value size) {
    return op.getExcludeOutside() ? e.select(e.isInside(position, size), weight, number(0)) : weight;
  }

  Taps tapsOf(const Axis &axis, int64_t i, Value index) {
    Taps result;
    result.size = e.size(axis.in);
    if (int64_t k = axis.multiple(); k && !op.getFactors() && op.getMode() == ResizeMode::nearest && repeats()) {
      result.unrolled.push_back({k == 1 ? index : b.createOrFold<arith::DivUIOp>(loc, index, e.index(k)), {}});
      return result;
    }
    Value scale = factor(axis, i), x = coordinate(axis, i, index, scale);
    if (op.getMode() == ResizeMode::nearest) {
      result.unrolled.push_back({clamped(toIndex(nearest(x, scale)), result.size), {}});
      return result;
    }
    Value whole = floor(x);
    result.floor = toIndex(whole);
    result.rest = sub(x, whole);
    bool linear = op.getMode() == ResizeMode::linear;
    if (op.getAntialias() && !(axis.scale && *axis.scale >= 1)) {
      result.scale = b.createOrFold<arith::MinimumFOp>(loc, scale, number(1));
      result.start = e.add(toIndex(floor(div(number(linear ? -1 : -2), result.scale))), e.index(1));
      result.count = e.sub(e.index(2), e.mul(result.start, e.index(2)));
      return result;
    }
    Value total;
    for (int64_t offset = linear ? 0 : -1, end = linear ? 2 : 3; offset < end; ++offset) {
      Value position = e.add(result.floor, e.index(offset));
      Value weight = excluded(filter(sub(number(offset), result.rest)), position, result.size);
      total = total ? add(total, weight) : weight;
      result.unrolled.push_back({clamped(position, result.size), weight});
    }
    if (op.getExcludeOutside())
      for (Tap &tap : result.unrolled)
        tap.weight = div(tap.weight, total);
    return result;
  }

  Value weighted(Value value, Value weight) {
    return e.forEachPart(value, [&](ValueRange x) { return mul(x[0], emitCast(e, weight, f32, type)); });
  }
  Value plus(Value l, Value r) {
    return e.forEachPart({l, r}, [&](ValueRange x) { return add(x[0], x[1]); });
  }

  /// The weighted sum over the taps of axis `i` and those after it; `source` holds the positions along the others.
  Value sum(size_t i, SmallVectorImpl<Value> &source) {
    if (i == taps.size())
      return emitCast(e, e.load(op.getInput(), source), element, sumType);
    const Taps &axis = taps[i];
    Value result;
    for (const Tap &tap : axis.unrolled) {
      source[op.getAxes()[i]] = tap.position;
      Value term = sum(i + 1, source);
      term = tap.weight ? weighted(term, tap.weight) : term;
      result = result ? plus(result, term) : term;
    }
    return result ? result : loop(i, source);
  }

  Value loop(size_t i, SmallVectorImpl<Value> &source) {
    const Taps &axis = taps[i];
    Value zero = e.scalar(sumType, 0);
    auto op = scf::ForOp::create(b, loc, e.index(0), axis.count, e.index(1), ValueRange{zero, number(0)});
    {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToEnd(op.getBody());
      Value offset = e.add(axis.start, op.getInductionVar()), position = e.add(axis.floor, offset);
      Value weight = excluded(filter(mul(sub(toFloat(offset), axis.rest), axis.scale)), position, axis.size);
      source[this->op.getAxes()[i]] = clamped(position, axis.size);
      Value term = weighted(sum(i + 1, source), weight);
      scf::YieldOp::create(b, loc, ValueRange{plus(op.getRegionIterArg(0), term), add(op.getRegionIterArg(1), weight)});
    }
    return e.forEachPart(op.getResult(0),
                         [&](ValueRange x) { return div(x[0], emitCast(e, op.getResult(1), f32, type)); });
  }

  Value emit(ValueRange indices) {
    for (auto [i, axis] : llvm::enumerate(axesOf(op, e.shapes)))
      taps.push_back(tapsOf(axis, i, indices[op.getAxes()[i]]));
    SmallVector<Value> source(indices);
    Value result;
    if (op.getMode() == ResizeMode::nearest) {
      for (auto [d, axis] : llvm::zip_equal(op.getAxes(), taps))
        source[d] = axis.unrolled[0].position;
      result = e.load(op.getInput(), source);
    } else {
      result = emitCast(e, sum(0, source), sumType, element);
    }
    if (!outside)
      return result;
    return e.select(outside, e.scalar(result.getType(), op.getExtrapolation().convertToDouble()), result);
  }
};

} // namespace

Value ResizeOp::emitElement(KernelEmitter &e, unsigned, ValueRange indices) {
  return Resampler(*this, e).emit(indices);
}
