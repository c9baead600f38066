//===- WinogradTransforms.cpp - tiles into minimal filtering's domain and back --------------------------------------===//

#include "dialects/Lepton/WinogradTransforms.h"

using namespace mlir;
using namespace lepton;

namespace {
struct Term {
  double factor;
  Value vector;
};

/// One of the transforms along one dimension, of a column of vectors.
using LineTransform = llvm::function_ref<SmallVector<Value>(ArrayRef<Value>)>;
} // namespace

static Value sumOf(KernelEmitter &e, ArrayRef<Term> terms) {
  auto flags = arith::FastMathFlagsAttr::get(e.b.getContext(), arith::FastMathFlags::contract);
  Value sum;
  for (auto [factor, vector] : terms) {
    if (factor == 0)
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

/// Transforms a line of vectors; or a square of them, row-major, along both dimensions.
static SmallVector<Value> transformTile(const WinogradTiling &tiling, ArrayRef<Value> x, LineTransform line) {
  if (tiling.rank == 1)
    return line(x);
  const size_t n = tiling.side();
  SmallVector<SmallVector<Value>> columns; // transformed
  for (size_t j = 0; j < n; ++j) {
    SmallVector<Value> column;
    for (size_t i = 0; i < n; ++i)
      column.push_back(x[i * n + j]);
    columns.push_back(line(column));
  }
  SmallVector<Value> result;
  for (size_t i = 0; i < columns[0].size(); ++i) {
    SmallVector<Value> row;
    for (const SmallVector<Value> &column : columns)
      row.push_back(column[i]);
    llvm::append_range(result, line(row));
  }
  return result;
}

SmallVector<Value> lepton::transformInput(KernelEmitter &e, const WinogradTiling &tiling, ArrayRef<Value> x) {
  return transformTile(tiling, x, [&](ArrayRef<Value> line) { return inputLine(e, tiling.points(), line); });
}

SmallVector<Value> lepton::transformOutput(KernelEmitter &e, const WinogradTiling &tiling, ArrayRef<Value> x) {
  return transformTile(tiling, x,
                       [&](ArrayRef<Value> line) { return outputLine(e, tiling.points(), tiling.tile, line); });
}
