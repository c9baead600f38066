//===- WinogradTransforms.cpp - tiles into minimal filtering's domain and back --------------------------------------===//

#include "dialects/Lepton/WinogradTransforms.h"

using namespace mlir;
using namespace lepton;

namespace {
struct Term {
  double factor;
  Value vector; // null: zero
};

/// One of the transforms along one dimension. Since 0 is a point, as infinity is, the first vector goes into the first result only, times
/// `first`, and the last one into the last.
struct LineTransform {
  llvm::function_ref<SmallVector<Value>(ArrayRef<Value>)> apply;
  double first;
};
} // namespace

/// Null where all terms are zero.
static Value sumOf(KernelEmitter &e, ArrayRef<Term> terms) {
  auto flags = arith::FastMathFlagsAttr::get(e.b.getContext(), arith::FastMathFlags::contract);
  Value sum;
  for (auto [factor, vector] : terms) {
    if (factor == 0 || !vector)
      continue;
    Value term = vector;
    if (std::abs(factor) != 1) {
      auto type = cast<VectorType>(vector.getType());
      auto constant = DenseElementsAttr::get(type, e.b.getFloatAttr(type.getElementType(), factor));
      term = arith::MulFOp::create(e.b, e.loc, vector, arith::ConstantOp::create(e.b, e.loc, constant), flags);
    }
    if (!sum)
      sum = factor == -1 ? arith::NegFOp::create(e.b, e.loc, term).getResult() : term;
    else if (factor == -1)
      sum = arith::SubFOp::create(e.b, e.loc, sum, term, flags);
    else
      sum = arith::AddFOp::create(e.b, e.loc, sum, term, flags);
  }
  return sum;
}

/// The coefficients by the vectors from `first` on.
static Value sumOf(KernelEmitter &e, ArrayRef<double> coefficients, ArrayRef<Value> x, size_t first = 0) {
  SmallVector<Term> terms;
  for (auto [i, factor] : llvm::enumerate(coefficients))
    terms.push_back({factor, x[first + i]});
  return sumOf(e, terms);
}

/// The first two points that differ in their signs only.
static std::optional<std::pair<size_t, size_t>> findPair(ArrayRef<double> points) {
  for (size_t i = 0; i < points.size(); ++i)
    for (size_t j = i + 1; j < points.size(); ++j)
      if (points[i] == -points[j])
        return std::make_pair(i, j);
  return std::nullopt;
}

/// B^T x. The rows of two points p and -p are (y + p) q(y) and (y - p) q(y), with q the product of the other roots; y^2 - p^2 is a factor of all other rows.
static SmallVector<Value> inputLine(KernelEmitter &e, ArrayRef<double> points, ArrayRef<Value> x) {
  SmallVector<Value> result;
  auto pair = findPair(points);
  if (!pair) {
    for (size_t i = 0; i < points.size(); ++i)
      result.push_back(sumOf(e, productOfRoots(points, i), x));
    result.push_back(sumOf(e, productOfRoots(points), x));
    return result;
  }
  const double p = points[pair->first];
  SmallVector<double> rest;
  for (auto [i, point] : llvm::enumerate(points))
    if (i != pair->first && i != pair->second)
      rest.push_back(point);
  SmallVector<Value> reduced;
  for (size_t k = 0; k + 2 < x.size(); ++k)
    reduced.push_back(sumOf(e, {{1, x[k + 2]}, {-p * p, x[k]}}));
  SmallVector<double> q = productOfRoots(rest);
  Value even = sumOf(e, q, x, 1), odd = sumOf(e, q, x);
  result = inputLine(e, rest, reduced);
  result.insert(result.begin() + pair->first, sumOf(e, {{1, even}, {p, odd}}));
  result.insert(result.begin() + pair->second, sumOf(e, {{1, even}, {-p, odd}}));
  return result;
}

/// A^T x, m values: the sums of the points' powers. Those of p and -p take the vectors' sum where the exponent is even, their difference where it is odd.
static SmallVector<Value> outputLine(KernelEmitter &e, ArrayRef<double> points, int64_t m, ArrayRef<Value> x) {
  SmallVector<SmallVector<Term>> rows(m);
  SmallVector<double> left(points);
  SmallVector<Value> vectors(x);
  auto add = [&](double point, Value even, Value odd) {
    double power = 1;
    for (int64_t k = 0; k < m; ++k, power *= point)
      rows[k].push_back({power, k % 2 ? odd : even});
  };
  while (auto pair = findPair(left)) {
    auto [i, j] = *pair;
    add(left[i], sumOf(e, {{1, vectors[i]}, {1, vectors[j]}}), sumOf(e, {{1, vectors[i]}, {-1, vectors[j]}}));
    for (size_t taken : {j, i}) {
      left.erase(left.begin() + taken);
      vectors.erase(vectors.begin() + taken);
    }
  }
  vectors.pop_back();
  for (auto [point, vector] : llvm::zip_equal(left, vectors))
    add(point, vector, vector);
  rows.back().push_back({1, x.back()});
  SmallVector<Value> result;
  for (const SmallVector<Term> &row : rows)
    result.push_back(sumOf(e, row));
  return result;
}

/// Transforms a line of vectors; or a square of them along both dimensions. Of a square the inner columns come first: of what they become only the ends of rows are
/// not whole yet, which the outer columns complete one after the other. So no more is live than the inner columns.
static void transformTile(KernelEmitter &e, const WinogradTiling &tiling, const LineTransform &line, ReadOfTile read,
                          WriteOfTile write) {
  const size_t n = tiling.side();
  if (tiling.rank == 1) {
    SmallVector<Value> x;
    for (size_t i = 0; i < n; ++i)
      x.push_back(read(i));
    for (auto [i, value] : llvm::enumerate(line.apply(x)))
      write(i, value);
    return;
  }
  auto transformColumn = [&](size_t j) {
    SmallVector<Value> column;
    for (size_t i = 0; i < n; ++i)
      column.push_back(read(i * n + j));
    return line.apply(column);
  };
  SmallVector<SmallVector<Value>> inner; // columns
  for (size_t j = 1; j + 1 < n; ++j)
    inner.push_back(transformColumn(j));
  const size_t side = inner[0].size(), last = side - 1;
  SmallVector<std::pair<Value, Value>> ends; // of each row
  for (size_t i = 0; i < side; ++i) {
    SmallVector<Value> row = {Value()};
    for (const SmallVector<Value> &column : inner)
      row.push_back(column[i]);
    row.push_back(Value());
    row = line.apply(row);
    for (size_t j = 1; j < last; ++j)
      write(i * side + j, row[j]);
    ends.emplace_back(row.front(), row.back());
  }
  for (auto [i, value] : llvm::enumerate(transformColumn(0)))
    write(i * side, sumOf(e, {{1, ends[i].first}, {line.first, value}}));
  for (auto [i, value] : llvm::enumerate(transformColumn(n - 1)))
    write(i * side + last, sumOf(e, {{1, ends[i].second}, {1, value}}));
}

void lepton::transformInput(KernelEmitter &e, const WinogradTiling &tiling, ReadOfTile read, WriteOfTile write) {
  ArrayRef<double> points = tiling.points();
  auto apply = [&](ArrayRef<Value> x) { return inputLine(e, points, x); };
  transformTile(e, tiling, {apply, productOfRoots(points, 0).front()}, read, write);
}

void lepton::transformOutput(KernelEmitter &e, const WinogradTiling &tiling, ReadOfTile read, WriteOfTile write) {
  auto apply = [&](ArrayRef<Value> x) { return outputLine(e, tiling.points(), tiling.tile, x); };
  transformTile(e, tiling, {apply, 1}, read, write);
}
