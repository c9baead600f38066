//===- ConvertSignal.cpp - Fourier transforms and mel weights -------------------------------------------------------------------===//
//
// A discrete Fourier transform of length n is the product with a matrix of roots of unity. Complex numbers are pairs of real ones, so the matrix
// is one of real numbers, twice as large in each dimension where there are pairs; a real signal, or a result that is known to be real, leaves half of it out.
// The matrix is a constant where n is known, and computed by ordinary ops where it is not.
//
//===--------------------------------------------------------------------------------------------------------------------------------===//

#include "frontend/onnx/Compose.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

Value real(Node &n, double value) { return n.g.scalar(n.loc, n.g.b.getF64Type(), value); }
Value toReal(Node &n, Value value) { return n.g.cast(n.loc, value, n.g.b.getF64Type()); }
Value half(Node &n, Value length) { return n.make<lepton::DivOp>({length, integer(n, 2)}); }

/// Larger matrices are computed by the run, as they would make the artifact large.
constexpr double largestConstant = 1 << 22;

/// A transform of `length`, a scalar.
struct Fourier {
  Node &n;
  Value length;
  bool inverse, onesided;

  /// A one-sided spectrum and its real signal: the other half of the spectrum is the conjugate of the first.
  bool toRealSignal() const { return inverse && onesided; }
  Value spectrumSize() { return n.make<AddOp>({half(n, length), integer(n, 1)}); }
  Value resultSize() { return onesided && !inverse ? spectrumSize() : length; }

  /// The matrix below for sizes that are known.
  Value constantMatrix(int64_t rows, int64_t parts, int64_t size, Type type) {
    int64_t columns = onesided && !inverse ? size / 2 + 1 : size, pairs = toRealSignal() ? 1 : 2;
    std::vector<double> numbers;
    for (int64_t j = 0; j < rows; ++j)
      for (int64_t p = 0; p < parts; ++p)
        for (int64_t k = 0; k < columns; ++k) {
          double angle = 2 * M_PI * double(j * k % size) / double(size);
          double scale = !inverse ? 1 : (onesided && j != 0 && 2 * j != size ? 2.0 : 1.0) / double(size);
          double cosine = scale * std::cos(angle), sine = (inverse ? -scale : scale) * std::sin(angle);
          numbers.push_back(p ? sine : cosine);
          if (pairs == 2)
            numbers.push_back(p ? cosine : -sine);
        }
    auto tensor = RankedTensorType::get({rows * parts, columns * pairs}, n.g.b.getF64Type());
    ArrayRef<char> bytes(reinterpret_cast<const char *>(numbers.data()), numbers.size() * sizeof(double));
    if (type.isF64())
      return n.g.constant(n.loc, makeConstant(tensor, bytes));
    std::vector<float> narrow(numbers.begin(), numbers.end());
    bytes = ArrayRef<char>(reinterpret_cast<const char *>(narrow.data()), narrow.size() * sizeof(float));
    return n.g.cast(
        n.loc, n.g.constant(n.loc, makeConstant(RankedTensorType::get(tensor.getShape(), n.g.b.getF32Type()), bytes)),
        type);
  }

  /// [rows * parts, columns * pairs]: row (j, p) is what part p (real, imaginary) of element j gives to the parts of each element of the result.
  Value matrix(Value rows, int64_t parts, Type type) {
    auto knownRows = n.g.shapes.constantElements(rows), knownLength = n.g.shapes.constantElements(length);
    if (knownRows && knownLength) {
      int64_t size = knownLength->front();
      if (size < 1) {
        (void)n.error("transforms a length of " + Twine(size) + "; it must be at least 1");
        return {};
      }
      if (double(knownRows->front()) * double(size) < largestConstant)
        return constantMatrix(knownRows->front(), parts, size, type);
    }
    Value j = iota(n, rows, 0, 2), k = iota(n, resultSize(), 1, 2);
    // The angle is that of j * k modulo n, so that it is exact however large j * k is.
    Value turns = n.make<ModOp>({n.make<MulOp>({j, k}), length});
    Value angle = n.make<MulOp>({toReal(n, turns), n.make<lepton::DivOp>({real(n, 2 * M_PI), toReal(n, length)})});
    Value cosine = n.make<CosOp>(angle), sine = n.make<SinOp>(angle);
    if (inverse) {
      Value scale = n.make<lepton::DivOp>({real(n, 1), toReal(n, length)});
      if (onesided) { // every element counts twice but the first, and the middle one of an even length
        Value isMiddle = n.make<EqualOp>({n.make<MulOp>({j, integer(n, 2)}), length});
        Value once = n.make<BitwiseOrOp>({n.make<EqualOp>({j, integer(n, 0)}), isMiddle});
        scale = n.make<MulOp>({scale, n.make<WhereOp>({once, real(n, 1), real(n, 2)})});
      }
      cosine = n.make<MulOp>({cosine, scale});
      sine = n.make<NegOp>(n.make<MulOp>({sine, scale}));
    }
    cosine = n.g.cast(n.loc, cosine, type);
    sine = n.g.cast(n.loc, sine, type);
    auto row = [&](Value first, Value second) { // [rows, 1, columns, pairs]
      Value left = unsqueezed(n, first, {1, 3});
      return toRealSignal() ? left : joined(n, {left, unsqueezed(n, second, {1, 3})}, 3);
    };
    if (!cosine || !sine)
      return {};
    SmallVector<Value> all = {row(cosine, n.make<NegOp>(sine))};
    if (parts == 2)
      all.push_back(row(sine, cosine));
    Value columns = n.make<MulOp>({resultSize(), integer(n, toRealSignal() ? 1 : 2)});
    Value height = n.make<MulOp>({rows, integer(n, parts)});
    return reshaped(n, joined(n, all, 1), {asVector(n, height), asVector(n, columns)});
  }

  /// The transform of x [signals, elements, parts] along the elements, of which there are too many or too few where `fits` does not hold.
  Value transform(Value x, bool fits) {
    int64_t parts = cast<RankedTensorType>(x.getType()).getDimSize(2);
    if (!fits) {
      Value used = toRealSignal() ? spectrumSize() : length;
      x = n.make<SliceOp>({x, n.g.integers(n.loc, ArrayRef<int64_t>{0}), asVector(n, used), n.g.integers(n.loc, 1)},
                          n.g.attr("axes", ArrayRef<int64_t>{1}));
    }
    if (!x)
      return {};
    Value weights = matrix(sizeOf(n, x, 1), parts, elementTypeOf(x)),
          flat = n.make<FlattenOp>(x, n.g.attr("axis", int64_t(1)));
    Value y = n.make<MatMulOp>({flat, weights});
    return reshaped(n, y,
                    {sizesOf(n, x, 0, 1), asVector(n, resultSize()), n.g.integers(n.loc, toRealSignal() ? 1 : 2)});
  }
};

/// The number of parts, real and imaginary, in the last dimension; fails where it is not 1 or 2. Where only the run knows it, a one-sided spectrum
/// tells: it is that of real numbers. Otherwise real numbers become complex ones.
FailureOr<int64_t> partsOf(Node &n, bool onesided, bool inverse) {
  int64_t last = n.rank(0) - 1;
  auto sizeOfLast = [&] { return last < 0 ? 0 : cast<RankedTensorType>(n.input(0).getType()).getDimSize(last); };
  if (onesided)
    pin(n, 0, last, inverse ? 2 : 1);
  if (sizeOfLast() == ShapedType::kDynamic) {
    Value size = sizesOf(n, n.input(0), last, last + 1), missing = n.make<SubOp>({n.g.integers(n.loc, 2), size});
    Value fits = n.make<BitwiseOrOp>({n.make<EqualOp>({size, integer(n, 1)}), n.make<EqualOp>({size, integer(n, 2)})});
    if (failed(require(n, fits, "needs a signal whose last dimension is 1, for real numbers, or 2, for complex ones")))
      return failure();
    n.replaceInput(0, padded(n, n.input(0), joined(n, {n.g.integers(n.loc, 0), missing}, 0), last));
  }
  int64_t parts = sizeOfLast();
  if (parts != 1 && parts != 2) {
    (void)n.error("needs a signal whose last dimension is 1, for real numbers, or 2, for complex ones");
    return failure();
  }
  return parts;
}

/// The product of the elements of a vector for which a condition holds.
Value productWhere(Node &n, Value condition, Value sizes) {
  return reduced(n, ReduceKind::prod, n.make<WhereOp>({condition, sizes, integer(n, 1)}), 0);
}

/// Seen as [outer, axis, inner, parts], so that an axis that only the run knows is no different.
LogicalResult dft(Node &n, Value axis) {
  int64_t rank = n.rank(0);
  bool inverse = n.integer("inverse", 0), onesided = n.integer("onesided", 0);
  auto parts = partsOf(n, onesided, inverse);
  if (failed(parts))
    return failure();
  if (rank < 3)
    return n.error("needs a signal of at least three dimensions");
  axis = toI64(n, single(n, axis));
  axis = n.make<WhereOp>({n.make<LessOp>({axis, integer(n, 0)}), n.make<AddOp>({axis, integer(n, rank)}), axis});
  Value x = n.input(0), sizes = sizesOf(n, x, 0, rank - 1), place = iota(n, integer(n, rank - 1), 0, 1);
  Value isAxis = n.make<EqualOp>({place, axis});
  Value size = productWhere(n, isAxis, sizes), outer = productWhere(n, n.make<LessOp>({place, axis}), sizes),
        inner = productWhere(n, n.make<GreaterOp>({place, axis}), sizes);
  Fourier fourier{n, {}, inverse, onesided};
  if (n.input(1))
    fourier.length = toI64(n, single(n, n.input(1)));
  else if (fourier.toRealSignal())
    fourier.length = n.make<MulOp>({n.make<SubOp>({size, integer(n, 1)}), integer(n, 2)});
  else
    fourier.length = size;
  Value sides[] = {asVector(n, outer), asVector(n, size), asVector(n, inner)}, last = n.g.integers(n.loc, *parts);
  Value table = n.g.transpose(n.loc, reshaped(n, x, {sides[0], sides[1], sides[2], last}), {0, 2, 1, 3});
  Value signals = n.make<MulOp>({sides[0], sides[2]});
  Value y = fourier.transform(reshaped(n, table, {signals, sides[1], last}), !n.input(1));
  last = n.g.integers(n.loc, fourier.toRealSignal() ? 1 : 2);
  Value length = fourier.resultSize();
  y = n.g.transpose(n.loc, reshaped(n, y, {sides[0], sides[2], asVector(n, length), last}), {0, 2, 1, 3});
  return n.result(reshaped(n, y, {n.make<WhereOp>({isAxis, length, sizes}), last}));
}

LogicalResult dftAlongAttribute(Node &n) { return dft(n, integer(n, n.integer("axis", 1))); }
LogicalResult dftAlongOperand(Node &n) { return dft(n, n.input(2) ? n.input(2) : integer(n, -2)); }

LogicalResult stft(Node &n) {
  bool onesided = n.integer("onesided", 1);
  auto parts = partsOf(n, onesided, /*inverse=*/false);
  if (failed(parts))
    return failure();
  if (n.rank(0) != 3)
    return n.error("needs a signal [batch, length, 1 or 2]");
  if (n.input(2) && n.rank(2) != 1)
    return n.error("needs a window of one dimension");
  Value x = n.input(0), size = sizeOf(n, x, 1), step = toI64(n, single(n, n.input(1)));
  Value length = n.input(3) ? toI64(n, single(n, n.input(3))) : n.input(2) ? sizeOf(n, n.input(2), 0) : size;
  Value frames = n.make<AddOp>({n.make<lepton::DivOp>({n.make<SubOp>({size, length}), step}), integer(n, 1)});
  Value starts = n.make<MulOp>({iota(n, frames, 0, 2), step});
  Value places = n.make<AddOp>({starts, iota(n, length, 1, 2)});
  Value cut = pick(n, x, places, 1);
  if (n.input(2))
    cut = n.make<MulOp>({cut, unsqueezed(n, n.input(2), 1)});
  Fourier fourier{n, length, /*inverse=*/false, onesided};
  Value batch = sizesOf(n, x, 0, 1), count = asVector(n, frames);
  Value signals = reshaped(n, cut, {n.make<MulOp>({batch, count}), asVector(n, length), n.g.integers(n.loc, *parts)});
  if (!signals)
    return failure();
  Value y = fourier.transform(signals, true);
  return n.result(reshaped(n, y, {batch, count, asVector(n, fourier.resultSize()), n.g.integers(n.loc, 2)}));
}

/// Triangles over the bins of a spectrum, whose corners are equally far apart on the mel scale.
LogicalResult melWeightMatrix(Node &n) {
  Type type = numericType(n.g.b.getContext(), n.integer("output_datatype", 1));
  if (!type)
    return n.error("makes a data type that is not supported");
  Value bands = toI64(n, single(n, n.input(0))), length = toI64(n, single(n, n.input(1)));
  Value rate = toReal(n, single(n, n.input(2)));
  auto times = [&](Value l, double r) { return n.make<MulOp>({l, real(n, r)}); };
  auto mel = [&](int operand) {
    Value hertz = times(toReal(n, single(n, n.input(operand))), 1.0 / 700);
    return times(n.make<LogOp>(n.make<AddOp>({hertz, real(n, 1)})), 2595 / std::log(10.0));
  };
  Value low = mel(3), corners = n.make<AddOp>({bands, integer(n, 2)});
  Value step = n.make<lepton::DivOp>({n.make<SubOp>({mel(4), low}), toReal(n, corners)});
  Value mels = n.make<AddOp>({n.make<MulOp>({toReal(n, iota(n, corners, 0, 1)), step}), low});
  Value hertz = times(n.make<SubOp>({n.make<ExpOp>(times(mels, std::log(10.0) / 2595)), real(n, 1)}), 700);
  Value scaled = n.make<MulOp>({hertz, toReal(n, n.make<AddOp>({length, integer(n, 1)}))});
  Value bins = n.make<lepton::FloorOp>(n.make<lepton::DivOp>({scaled, rate}));
  auto corner = [&](int64_t offset) {
    Value places = n.make<AddOp>({iota(n, bands, 0, 1), integer(n, offset)});
    return pick(n, bins, places);
  };
  Value left = corner(0), centre = corner(1), right = corner(2);
  Value bin = toReal(n, iota(n, n.make<AddOp>({half(n, length), integer(n, 1)}), 0, 2));
  auto ratio = [&](Value a, Value b, Value c, Value d) {
    return n.make<lepton::DivOp>({n.make<SubOp>({a, b}), n.make<SubOp>({c, d})});
  };
  auto both = [&](Value l, Value r) { return n.make<BitwiseAndOp>({l, r}); };
  Value falls = both(n.make<LessOrEqualOp>({centre, bin}), n.make<LessOp>({bin, right})),
        rises = both(n.make<LessOrEqualOp>({left, bin}), n.make<LessOrEqualOp>({bin, centre}));
  // A side without width: the centre alone.
  Value rising = n.make<WhereOp>({n.make<EqualOp>({left, centre}), real(n, 1), ratio(bin, left, centre, left)});
  Value weight = n.make<WhereOp>({rises, rising, real(n, 0)});
  weight = n.make<WhereOp>({falls, ratio(right, bin, right, centre), weight});
  return n.result(n.g.cast(n.loc, weight, type));
}

const Entry entries[] = {
    {"DFT", 17, dftAlongAttribute},
    {"DFT", 20, dftAlongOperand},
    {"STFT", 17, stft},
    {"MelWeightMatrix", 17, melWeightMatrix},
};

} // namespace

ArrayRef<Entry> importer::signalConverters() { return entries; }
