//===- SamplingOps.cpp - ops that read between elements, at computed coordinates -------------------------------------------===//

#include "dialects/Lepton/FloatMath.h"
#include "dialects/Lepton/LeptonOps.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace lepton;
using arith::CmpIPredicate;

/// Coefficient of the cubic interpolation, the one of the standard.
static constexpr double cubicCoefficient = -0.75;
/// Coordinates are kept this close to the input, so that they fit an index; all that is farther away is outside anyway.
static constexpr double farOutside = 8;
/// A bin has at most this many samples per dimension, however large its region is.
static constexpr double mostSamples = 4096;

/// Corners of regions, and numbers of images, are kept below this before they become indices; single precision counts up to here.
static constexpr double farthestCorner = 1 << 24;

static Value both(KernelEmitter &e, Value l, Value r) { return l ? e.b.createOrFold<arith::AndIOp>(e.loc, l, r) : r; }

/// A loop over [begin, end) that carries one number.
static Value loop(KernelEmitter &e, Value begin, Value end, Value init,
                  llvm::function_ref<Value(Value i, Value carried)> body) {
  auto loop =
      scf::ForOp::create(e.b, e.loc, begin, end, e.index(1), init, [](OpBuilder &, Location, Value, ValueRange) {});
  OpBuilder::InsertionGuard guard(e.b);
  e.b.setInsertionPointToEnd(loop.getBody());
  scf::YieldOp::create(e.b, e.loc, body(loop.getInductionVar(), loop.getRegionIterArg(0)));
  return loop.getResult(0);
}

static Value clampedIndex(KernelEmitter &e, Value position, Value size) {
  Value high = e.b.createOrFold<arith::MinSIOp>(e.loc, position, e.sub(size, e.index(1)));
  return e.b.createOrFold<arith::MaxSIOp>(e.loc, high, e.index(0));
}

//===------------------------------------------------------------------------------------------------------------------===//
// Sample
//===------------------------------------------------------------------------------------------------------------------===//

LogicalResult SampleOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> input = shapes.shape(getInput()), positions = shapes.shape(getPositions());
  int64_t spatial = int64_t(input.size()) - 2;
  if (spatial < 1)
    return emitOpError() << "needs an input of at least three dimensions, got " << getInput().getType();
  if (!isa<FloatType>(elementTypeOf(getPositions())))
    return emitOpError() << "needs floating-point positions, got " << getPositions().getType();
  if (positions.size() < 2 || ShapeAnalysis::constantValue(positions.back()) != spatial)
    return emitOpError() << "needs positions whose last dimension is " << spatial
                         << ", the number of spatial dimensions, got " << getPositions().getType();
  if (!shapes.requireEqual(input[0], positions[0]))
    return emitOpError() << "has positions for " << *ShapeAnalysis::constantValue(positions[0]) << " images, but "
                         << *ShapeAnalysis::constantValue(input[0]) << " images";
  if (getMode() != ResizeMode::nearest && elementTypeOf(getInput()).isInteger(1))
    return emitOpError() << "cannot interpolate bools";
  SmallVector<AffineExpr> dims = {input[0], input[1]};
  dims.append(positions.begin() + 1, positions.end() - 1);
  results.push_back({elementTypeOf(getInput()), dims});
  return success();
}

namespace {

/// The scalar code of one element.
struct Sampler {
  SampleOp op;
  KernelEmitter &e;
  Type element, type; // `type`: of the weighted sums
  FloatMath m;        // of coordinates and weights

  struct Tap {
    Value position, weight, inside; // no weight: the only tap; no `inside`: always
  };
  SmallVector<SmallVector<Tap>> taps; // per spatial dimension

  Sampler(SampleOp op, KernelEmitter &e)
      : op(op), e(e), element(elementTypeOf(op.getInput())),
        type(isa<FloatType, ComplexType>(element) ? e.computeType(element) : Type(e.b.getF32Type())),
        m{e, e.computeType(elementTypeOf(op.getPositions()))} {}

  /// A coordinate mirrored until it lies between the mirrors.
  Value reflected(Value x, Value size) {
    Value low = m.number(op.getReflectCentres() ? 0 : -0.5), span = m.fromIndex(size);
    if (op.getReflectCentres())
      span = m.sub(span, m.number(1));
    Value distance = m.abs(m.sub(x, low)), zero = m.number(0);
    // The mirrors of a dimension of size 1 may lie in one place, where every coordinate then is.
    Value safe = e.select(m.less(zero, span), span, m.number(1));
    Value flips = m.floor(m.div(distance, safe)), rest = m.sub(distance, m.mul(flips, safe));
    Value half = m.mul(flips, m.number(0.5)), isEven = m.equal(half, m.floor(half));
    Value mirrored = e.select(isEven, rest, m.sub(safe, rest));
    return m.add(low, e.select(m.less(zero, span), mirrored, zero));
  }

  Value coordinate(Value x, Value size) {
    if (op.getMode() == ResizeMode::nearest)
      x = m.roundEven(x);
    Value last = m.sub(m.fromIndex(size), m.number(1)), margin = m.number(0);
    if (op.getPadding() == SamplePadding::reflection)
      x = reflected(x, size);
    if (op.getPadding() != SamplePadding::border)
      margin = m.number(farOutside);
    return m.min(m.max(x, m.sub(m.number(0), margin)), m.add(last, margin));
  }

  /// Where the element at `position`, which may be outside, is read.
  Tap place(Value position, Value size) {
    if (op.getPadding() == SamplePadding::zeros)
      return {clampedIndex(e, position, size), {}, e.isInside(position, size)};
    if (op.getPadding() == SamplePadding::border)
      return {clampedIndex(e, position, size), {}, {}};
    Value zero = e.index(0), one = e.index(1), two = e.index(2);
    Value period = op.getReflectCentres() ? e.mul(e.sub(size, one), two) : e.mul(size, two);
    period = e.b.createOrFold<arith::MaxSIOp>(e.loc, period, one);
    Value rest = e.b.createOrFold<arith::RemSIOp>(e.loc, position, period);
    rest = e.select(e.compare(CmpIPredicate::slt, rest, zero), e.add(rest, period), rest);
    Value mirrored = e.sub(period, op.getReflectCentres() ? rest : e.add(rest, one));
    return {e.select(e.compare(CmpIPredicate::slt, rest, size), rest, mirrored), {}, {}};
  }

  /// Keys' cubic filter at a distance, below one or from one to two.
  Value cubic(Value d, bool near) {
    double a = cubicCoefficient;
    if (near)
      return m.add(m.mul(m.mul(m.sub(m.mul(m.number(a + 2), d), m.number(a + 3)), d), d), m.number(1));
    return m.sub(m.mul(m.add(m.mul(m.sub(m.mul(m.number(a), d), m.number(5 * a)), d), m.number(8 * a)), d),
                 m.number(4 * a));
  }

  void addTaps(Value x, Value size) {
    SmallVector<Tap> &result = taps.emplace_back();
    x = coordinate(x, size);
    if (op.getMode() == ResizeMode::nearest) {
      result.push_back(place(m.toIndex(x), size));
      return;
    }
    Value whole = m.floor(x), rest = m.sub(x, whole), first = m.toIndex(whole), one = m.number(1);
    Value opposite = m.sub(one, rest);
    SmallVector<std::pair<int64_t, Value>> weights = {{0, opposite}, {1, rest}};
    if (op.getMode() == ResizeMode::cubic)
      weights = {{-1, cubic(m.add(rest, one), false)},
                 {0, cubic(rest, true)},
                 {1, cubic(opposite, true)},
                 {2, cubic(m.add(opposite, one), false)}};
    for (auto [offset, weight] : weights) {
      result.push_back(place(e.add(first, e.index(offset)), size));
      result.back().weight = weight;
    }
  }

  /// The weighted sum over the taps of spatial dimension `i` and those after it.
  Value sum(size_t i, SmallVectorImpl<Value> &source, Value inside) {
    auto complexType = dyn_cast<ComplexType>(type);
    Type real = complexType ? complexType.getElementType() : type;
    FloatMath values{e, real};
    if (i == taps.size()) {
      Value value = e.load(op.getInput(), source);
      if (op.getMode() != ResizeMode::nearest)
        value = emitCast(e, value, element, type);
      return inside ? e.select(inside, value, e.scalar(value.getType(), 0)) : value;
    }
    Value result;
    for (const Tap &tap : taps[i]) {
      source[2 + i] = tap.position;
      Value term = sum(i + 1, source, tap.inside ? both(e, inside, tap.inside) : inside);
      if (tap.weight)
        term =
            e.forEachPart(term, [&](ValueRange x) { return values.mul(x[0], emitCast(e, tap.weight, m.type, real)); });
      result = result ? e.forEachPart({result, term}, [&](ValueRange x) { return values.add(x[0], x[1]); }) : term;
    }
    return result;
  }

  Value emit(ValueRange indices) {
    int64_t spatial = rankOf(op.getInput()) - 2;
    Type positionType = elementTypeOf(op.getPositions());
    SmallVector<Value> at = {indices[0]}, source = {indices[0], indices[1]};
    at.append(indices.begin() + 2, indices.end());
    at.emplace_back();
    for (int64_t i = 0; i < spatial; ++i) {
      at.back() = e.index(i);
      addTaps(e.widen(e.load(op.getPositions(), at), positionType), e.dim(op.getInput(), 2 + i));
    }
    source.resize(2 + spatial);
    Value value = sum(0, source, {});
    return op.getMode() == ResizeMode::nearest ? value : emitCast(e, value, type, element);
  }
};

} // namespace

Value SampleOp::emitElement(KernelEmitter &e, unsigned, ValueRange indices) { return Sampler(*this, e).emit(indices); }

//===------------------------------------------------------------------------------------------------------------------===//
// RoiAlign
//===------------------------------------------------------------------------------------------------------------------===//

LogicalResult RoiAlignOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> input = shapes.shape(getInput()), rois = shapes.shape(getRois());
  if (input.size() != 4 || !isa<FloatType>(elementTypeOf(getInput())))
    return emitOpError() << "needs a floating-point input of four dimensions, got " << getInput().getType();
  if (rois.size() != 2 || ShapeAnalysis::constantValue(rois[1]) != 4 ||
      elementTypeOf(getRois()) != elementTypeOf(getInput()))
    return emitOpError() << "needs four corners per region, of the input's element type, got " << getRois().getType();
  if (rankOf(getBatch()) != 1 || !isa<IntegerType>(elementTypeOf(getBatch())))
    return emitOpError() << "needs an image's number per region, got " << getBatch().getType();
  AffineExpr numbers = shapes.dim(getBatch(), 0);
  if (!shapes.requireEqual(rois[0], numbers))
    return emitOpError() << "has " << *ShapeAnalysis::constantValue(rois[0]) << " regions, but the images of "
                         << *ShapeAnalysis::constantValue(numbers);
  if (getHeight() < 1 || getWidth() < 1 || int64_t(getSamplingRatio()) < 0)
    return emitOpError() << "has a height or width below 1, or a negative sampling ratio";
  results.push_back(
      {elementTypeOf(getInput()), {rois[0], input[1], shapes.constant(getHeight()), shapes.constant(getWidth())}});
  return success();
}

namespace {

struct RoiPool {
  RoiAlignOp op;
  KernelEmitter &e;
  OpBuilder &b;
  Type element;
  FloatMath m;

  RoiPool(RoiAlignOp op, KernelEmitter &e)
      : op(op), e(e), b(e.b), element(elementTypeOf(op.getInput())), m{e, e.computeType(element)} {}

  /// One dimension of a bin: its samples lie at `start + (i + 0.5) * step`.
  struct Side {
    Value size, count, start, step;
  };

  /// `bin` counts the `bins` between the corners `corner` (x, y) of region `roi`.
  Side side(Value roi, int64_t corner, Value bin, int64_t bins, Value size) {
    auto scaled = [&](int64_t i) {
      Value raw = e.widen(e.load(op.getRois(), {roi, e.index(i)}), element);
      Value x = m.mul(raw, m.number(op.getSpatialScale().convertToDouble()));
      return op.getHalfPixel() ? m.sub(x, m.number(0.5)) : x;
    };
    Value start = scaled(corner), length = m.sub(scaled(corner + 2), start);
    if (!op.getHalfPixel())
      length = m.max(length, m.number(1));
    Value each = m.div(length, m.number(bins));
    Value samples = m.max(m.min(m.ceil(each), m.number(mostSamples)), m.number(0));
    Value count = op.getSamplingRatio() ? e.index(op.getSamplingRatio()) : m.toIndex(samples);
    start = m.add(start, m.mul(m.fromIndex(bin), each));
    return {size, count, start, m.div(each, m.fromIndex(count))};
  }

  /// A sample's two elements along one dimension, the weight of the second, and whether it lies on the image.
  struct Place {
    Value low, high, rest, inside;
  };

  Place placeOf(const Side &side, Value i) {
    Value x = m.add(side.start, m.mul(m.add(m.fromIndex(i), m.number(0.5)), side.step));
    Value size = m.fromIndex(side.size), last = m.sub(size, m.number(1));
    // Comparisons with a NaN are false: it is on no image.
    Value inside =
        both(e, m.compare(arith::CmpFPredicate::OGE, x, m.number(-1)), m.compare(arith::CmpFPredicate::OLE, x, size));
    x = m.min(m.max(x, m.number(0)), last);
    Value whole = m.floor(x), low = m.toIndex(whole);
    return {low, clampedIndex(e, e.add(low, e.index(1)), side.size), m.sub(x, whole), inside};
  }

  Value sample(Value image, Value channel, const Place &y, const Place &x) {
    Value one = m.number(1), result;
    for (bool highY : {false, true})
      for (bool highX : {false, true}) {
        Value weight = m.mul(highY ? y.rest : m.sub(one, y.rest), highX ? x.rest : m.sub(one, x.rest));
        Value value = e.load(op.getInput(), {image, channel, highY ? y.high : y.low, highX ? x.high : x.low});
        Value term = m.mul(weight, e.widen(value, element));
        result = result ? (op.getMax() ? m.max(result, term) : m.add(result, term)) : term;
      }
    return e.select(both(e, y.inside, x.inside), result, m.number(0));
  }

  Value emit(ValueRange indices) {
    Value roi = indices[0];
    Value image =
        e.checkedIndex(e.load(op.getBatch(), roi), e.dim(op.getInput(), 0), "the number of an image is out of range");
    Side y = side(roi, 1, indices[2], op.getHeight(), e.dim(op.getInput(), 2)),
         x = side(roi, 0, indices[3], op.getWidth(), e.dim(op.getInput(), 3));
    Value init = m.number(op.getMax() ? -std::numeric_limits<double>::infinity() : 0);
    Value total = loop(e, e.index(0), y.count, init, [&](Value i, Value outer) {
      Place row = placeOf(y, i);
      return loop(e, e.index(0), x.count, outer, [&](Value j, Value inner) {
        Value value = sample(image, indices[1], row, placeOf(x, j));
        return op.getMax() ? m.max(inner, value) : m.add(inner, value);
      });
    });
    Value count = e.mul(y.count, x.count), isEmpty = e.compare(CmpIPredicate::eq, count, e.index(0));
    if (!op.getMax())
      total = m.div(total, m.fromIndex(b.createOrFold<arith::MaxSIOp>(e.loc, count, e.index(1))));
    return e.narrow(e.select(isEmpty, m.number(0), total), element);
  }
};

} // namespace

Value RoiAlignOp::emitElement(KernelEmitter &e, unsigned, ValueRange indices) {
  return RoiPool(*this, e).emit(indices);
}

//===------------------------------------------------------------------------------------------------------------------===//
// MaxRoiPool
//===------------------------------------------------------------------------------------------------------------------===//

LogicalResult MaxRoiPoolOp::inferShapes(ShapeAnalysis &shapes, SmallVectorImpl<ResultShape> &results) {
  SmallVector<AffineExpr> input = shapes.shape(getInput()), rois = shapes.shape(getRois());
  if (input.size() != 4 || !isa<FloatType>(elementTypeOf(getInput())))
    return emitOpError() << "needs a floating-point input of four dimensions, got " << getInput().getType();
  if (rois.size() != 2 || ShapeAnalysis::constantValue(rois[1]) != 5 ||
      elementTypeOf(getRois()) != elementTypeOf(getInput()))
    return emitOpError() << "needs an image and four corners per region, of the input's element type, got "
                         << getRois().getType();
  if (getHeight() < 1 || getWidth() < 1)
    return emitOpError() << "has a height or width below 1";
  results.push_back(
      {elementTypeOf(getInput()), {rois[0], input[1], shapes.constant(getHeight()), shapes.constant(getWidth())}});
  return success();
}

Value MaxRoiPoolOp::emitElement(KernelEmitter &e, unsigned, ValueRange indices) {
  Type element = elementTypeOf(getInput());
  FloatMath m{e, e.computeType(element)};
  Value roi = indices[0], zero = m.number(0);
  auto read = [&](int64_t i) { return e.widen(e.load(getRois(), {roi, e.index(i)}), element); };
  // Kept near, so that it fits an index; a NaN becomes the lower bound.
  auto near = [&](Value x, double bound) { return m.min(m.max(x, m.number(-bound)), m.number(bound)); };
  auto corner = [&](int64_t i) {
    Value x = near(m.mul(read(i), m.number(getSpatialScale().convertToDouble())), farthestCorner);
    return e.b.createOrFold<math::RoundOp>(e.loc, x);
  };
  /// The elements of a bin along one dimension, [begin, end); `first` is where rois have its lower corner.
  auto range = [&](int64_t first, Value bin, int64_t bins, Value size) {
    Value start = corner(first), length = m.add(m.sub(corner(first + 2), start), m.number(1));
    Value each = m.div(m.max(length, m.number(1)), m.number(bins)), number = m.fromIndex(bin);
    auto onImage = [&](Value x) { return m.toIndex(m.min(m.max(m.add(x, start), zero), m.fromIndex(size))); };
    return std::make_pair(onImage(m.floor(m.mul(number, each))),
                          onImage(m.ceil(m.mul(m.add(number, m.number(1)), each))));
  };
  Value image = e.checkedIndex(m.toIndex(near(read(0), farthestCorner)), e.dim(getInput(), 0),
                               "the number of an image is out of range");
  auto [top, bottom] = range(2, indices[2], getHeight(), e.dim(getInput(), 2));
  auto [left, right] = range(1, indices[3], getWidth(), e.dim(getInput(), 3));
  Value lowest = m.number(-std::numeric_limits<double>::infinity());
  Value largest = loop(e, top, bottom, lowest, [&, left = left, right = right](Value y, Value outer) {
    return loop(e, left, right, outer, [&](Value x, Value inner) {
      return m.max(inner, e.widen(e.load(getInput(), {image, indices[1], y, x}), element));
    });
  });
  Value hasElements = both(e, e.compare(CmpIPredicate::slt, top, bottom), e.compare(CmpIPredicate::slt, left, right));
  return e.narrow(e.select(hasElements, largest, zero), element);
}
