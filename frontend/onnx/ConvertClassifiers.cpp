//===- ConvertClassifiers.cpp - linear models and support vector machines of ai.onnx.ml -------------------------------------===//

#include "frontend/onnx/ClassicMl.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

Value matrix(Node &n, ArrayRef<double> values, int64_t rows, int64_t columns, Type type) {
  return n.g.reshape(n.loc, numbers(n, values, type), {rows, columns});
}

//===----------------------------------------------------------------------------------------------------------------------===//
// Linear models
//===----------------------------------------------------------------------------------------------------------------------===//

/// The scores [batch, outputs] of rows, in float.
Value linear(Node &n, int64_t outputs) {
  SmallVector<double> coefficients = n.numbers("coefficients"), intercepts = n.numbers("intercepts");
  if (outputs < 1 || coefficients.empty() || coefficients.size() % outputs ||
      (!intercepts.empty() && int64_t(intercepts.size()) != outputs)) {
    (void)n.error("needs an input [batch, features], and coefficients for each of its outputs");
    return {};
  }
  Type f32 = n.g.b.getF32Type();
  Value x = rowsOf(n), weights = matrix(n, coefficients, outputs, coefficients.size() / outputs, f32);
  if (!x)
    return {};
  Value y = n.make<MatMulOp>({n.g.cast(n.loc, x, f32), n.g.transpose(n.loc, weights, {1, 0})});
  return intercepts.empty() ? y : n.make<AddOp>({y, numbers(n, intercepts, f32)});
}

LogicalResult linearRegressor(Node &n) {
  Value y = linear(n, n.integer("targets", 1));
  return n.result(y ? transformed(n, y, n.text("post_transform", "NONE")) : y);
}

LogicalResult linearClassifier(Node &n) {
  SmallVector<int64_t> labels = n.integers("classlabels_ints");
  int64_t classes = std::max(labels.size(), n.texts("classlabels_strings").size());
  // As many scores as intercepts; without those, as classes.
  int64_t outputs = n.has("intercepts") ? n.numbers("intercepts").size() : classes;
  std::string transform = n.text("post_transform", "NONE");
  Value scores = linear(n, outputs);
  if (!scores)
    return failure();
  if (outputs > 1)
    return classified(n, labelsAt(n, "classlabels_ints", largest(n, scores)), transformed(n, scores, transform));
  Value position = toI64(n, n.make<GreaterOp>({n.g.reshape(n.loc, scores, -1), n.scalarLike(scores, 0)}));
  if (classes == 2)
    return classified(n, labelsAt(n, "classlabels_ints", position), twoClasses(n, scores, true, transform));
  return classified(n, position, transformed(n, scores, transform));
}

//===----------------------------------------------------------------------------------------------------------------------===//
// Support vector machines
//===----------------------------------------------------------------------------------------------------------------------===//

/// Kernels of rows with vectors, both [.., features]: [rows, vectors].
Value kernels(Node &n, Value x, Value vectors, StringRef kind) {
  SmallVector<double> parameters = n.numbers("kernel_params");
  parameters.resize(3);
  double gamma = parameters[0], offset = parameters[1], degree = parameters[2];
  if (kind == "RBF") {
    Value difference =
        n.make<SubOp>({unsqueezed(n, x, ArrayRef<int64_t>{1}), unsqueezed(n, vectors, ArrayRef<int64_t>{0})});
    Value distance = reduced(n, ReduceKind::sum, n.make<MulOp>({difference, difference}), ArrayRef<int64_t>{2});
    return n.make<ExpOp>(n.make<MulOp>({distance, n.scalarLike(x, -gamma)}));
  }
  Value product = n.make<MatMulOp>({x, n.g.transpose(n.loc, vectors, {1, 0})});
  if (kind == "LINEAR")
    return product;
  if (kind != "POLY" && kind != "SIGMOID") {
    (void)n.error("has the unknown kernel_type '" + kind + "'");
    return {};
  }
  Value y = n.make<AddOp>({n.make<MulOp>({product, n.scalarLike(x, gamma)}), n.scalarLike(x, offset)});
  return kind == "POLY" ? n.make<PowOp>({y, n.scalarLike(x, degree)}) : n.make<TanhOp>(y);
}

LogicalResult svmRegressor(Node &n) {
  SmallVector<double> coefficients = n.numbers("coefficients"), vectors = n.numbers("support_vectors"),
                      rho = n.numbers("rho");
  int64_t supports = n.integer("n_supports", 0), count = supports > 0 ? supports : 1;
  const SmallVector<double> &lists = supports > 0 ? vectors : coefficients;
  if (lists.empty() || lists.size() % count || rho.empty() ||
      (supports > 0 && int64_t(coefficients.size()) != supports))
    return n.error("needs rho, and as many coefficients and support vectors as it says");
  Value x = rowsOf(n);
  if (!x)
    return failure();
  Type f32 = n.g.b.getF32Type();
  x = n.g.cast(n.loc, x, f32);
  Value table = matrix(n, lists, count, lists.size() / count, f32), y;
  if (supports > 0) {
    Value k = kernels(n, x, table, n.text("kernel_type", "LINEAR"));
    y = k ? n.make<MatMulOp>({k, matrix(n, coefficients, count, 1, f32)}) : k;
  } else {
    y = kernels(n, x, table, "LINEAR");
  }
  if (!y)
    return failure();
  y = n.make<AddOp>({y, n.scalarLike(y, rho[0])});
  if (n.integer("one_class", 0)) {
    Value isInside = n.make<GreaterOp>({y, n.scalarLike(y, 0)});
    y = n.make<WhereOp>({isInside, n.scalarLike(y, 1), n.scalarLike(y, -1)});
  }
  return n.result(y); // onnxruntime too leaves post_transform alone here
}

/// A classifier that compares each pair of classes, in the order (0, 1), (0, 2), ..., (1, 2), ...
struct PairClassifier {
  Node &n;
  int64_t classes;
  Type type;
  SmallVector<std::pair<int64_t, int64_t>> pairs;

  PairClassifier(Node &n, int64_t classes) : n(n), classes(classes), type(n.g.b.getF32Type()) {
    for (int64_t i = 0; i < classes; ++i)
      for (int64_t j = i + 1; j < classes; ++j)
        pairs.push_back({i, j});
  }

  /// The scores [batch, pairs]. A vector of class c has a coefficient against each other class.
  Value scores(Value kernels, ArrayRef<int64_t> perClass, int64_t vectors) {
    SmallVector<double> coefficients = n.numbers("coefficients"), rho = n.numbers("rho");
    rho.resize(pairs.size());
    SmallVector<int64_t> starts = {0};
    for (int64_t count : perClass)
      starts.push_back(starts.back() + count);
    std::vector<double> weights(vectors * pairs.size());
    for (auto [p, pair] : llvm::enumerate(pairs)) {
      auto [i, j] = pair;
      for (int64_t v = starts[i]; v < starts[i + 1]; ++v)
        weights[v * pairs.size() + p] = coefficients[(j - 1) * vectors + v];
      for (int64_t v = starts[j]; v < starts[j + 1]; ++v)
        weights[v * pairs.size() + p] = coefficients[i * vectors + v];
    }
    Value product = n.make<MatMulOp>({kernels, matrix(n, weights, vectors, pairs.size(), type)});
    return n.make<AddOp>({product, numbers(n, rho, type)});
  }

  /// `values`, a number for each pair, times `factor(p, column)`, summed over the pairs.
  Value spread(Value values, int64_t columns, llvm::function_ref<double(size_t p, int64_t column)> factor) {
    std::vector<double> factors;
    for (size_t p = 0; p < pairs.size(); ++p)
      for (int64_t column = 0; column < columns; ++column)
        factors.push_back(factor(p, column));
    return n.make<MatMulOp>({values, matrix(n, factors, pairs.size(), columns, type)});
  }

  /// How many pairs each class wins, less how many it might have: the most is the best.
  Value votes(Value scores) {
    Value first = n.g.cast(n.loc, n.make<GreaterOp>({scores, n.scalarLike(scores, 0)}), type),
          second = n.make<SubOp>({n.scalarLike(scores, 1), first});
    Value ofFirst = spread(first, classes, [&](size_t p, int64_t c) { return pairs[p].first == c; });
    return n.make<AddOp>({ofFirst, spread(second, classes, [&](size_t p, int64_t c) { return pairs[p].second == c; })});
  }

  /// The probabilities of the classes from those of the pairs, which are logistic functions of the scores.
  Value probabilities(Value scores, ArrayRef<double> a, ArrayRef<double> b) {
    Value x = n.make<AddOp>({n.make<MulOp>({scores, numbers(n, a, type)}), numbers(n, b, type)});
    Value p = n.make<SigmoidOp>(n.make<NegOp>(x));
    p = n.make<MinOp>({n.make<MaxOp>({p, n.scalarLike(p, 1e-7)}), n.scalarLike(p, 1 - 1e-7)});
    Value rest = n.make<SubOp>({n.scalarLike(p, 1), p});
    auto place = [&](std::pair<int64_t, int64_t> pair) { return pair.first * classes + pair.second; };
    Value upper = spread(p, classes * classes, [&](size_t i, int64_t at) { return place(pairs[i]) == at; });
    Value lower = spread(rest, classes * classes,
                         [&](size_t i, int64_t at) { return place({pairs[i].second, pairs[i].first}) == at; });
    Value both = n.make<AddOp>({upper, lower});
    return n.make<CoupleProbabilitiesOp>(n.g.reshape(n.loc, both, {-1, classes, classes}));
  }
};

LogicalResult svmClassifier(Node &n) {
  SmallVector<double> coefficients = n.numbers("coefficients"), support = n.numbers("support_vectors"),
                      rho = n.numbers("rho"), a = n.numbers("prob_a"), b = n.numbers("prob_b");
  SmallVector<int64_t> perClass = n.integers("vectors_per_class");
  int64_t classes = std::max(n.integers("classlabels_ints").size(), n.texts("classlabels_strings").size());
  int64_t vectors = 0;
  for (int64_t count : perClass)
    vectors = count < 0 || count > int64_t(support.size()) ? -1 : vectors < 0 ? -1 : vectors + count;
  std::string transform = n.text("post_transform", "NONE");
  Value x = rowsOf(n);
  if (!x)
    return failure();
  x = n.g.cast(n.loc, x, n.g.b.getF32Type());
  if (vectors == 0) { // a linear classifier
    if (classes < 1 || coefficients.empty() || coefficients.size() % classes || rho.empty())
      return n.error("needs class labels, rho, and coefficients for each class");
    Value scores =
        kernels(n, x, matrix(n, coefficients, classes, coefficients.size() / classes, elementTypeOf(x)), "LINEAR");
    scores = n.make<AddOp>({scores, n.scalarLike(scores, rho[0])});
    Value labels;
    if (classes ==
        2) { // the second class wins where the larger score is positive, or at least 1/2 if all coefficients are
      bool allPositive = llvm::all_of(coefficients, [](double c) { return c >= 0; });
      Value most = reduced(n, ReduceKind::max, scores, ArrayRef<int64_t>{1}),
            threshold = n.scalarLike(scores, allPositive ? 0.5 : 0);
      Value isSecond = allPositive ? n.make<GreaterOrEqualOp>({most, threshold}) : n.make<GreaterOp>({most, threshold});
      labels = labelsAt(n, "classlabels_ints", n.make<WhereOp>({isSecond, integer(n, 1), largest(n, scores)}));
    } else {
      labels = labelsAt(n, "classlabels_ints", largest(n, scores));
    }
    return classified(n, labels, transformed(n, scores, transform));
  }
  PairClassifier pairs(n, classes);
  size_t count = pairs.pairs.size();
  bool fits = vectors > 0 && classes > 1 && int64_t(perClass.size()) == classes && support.size() % vectors == 0 &&
              int64_t(coefficients.size()) >= (classes - 1) * vectors && rho.size() >= count && a.size() == b.size() &&
              (a.empty() || a.size() >= count);
  if (!fits)
    return n.error("has attributes whose lengths do not fit its classes and support vectors");
  Value table = matrix(n, support, vectors, support.size() / vectors, elementTypeOf(x));
  Value k = kernels(n, x, table, n.text("kernel_type", "LINEAR"));
  if (!k)
    return failure();
  Value scores = pairs.scores(k, perClass, vectors);
  Value labels = labelsAt(n, "classlabels_ints", largest(n, pairs.votes(scores)));
  a.truncate(std::min(a.size(), count));
  b.truncate(a.size());
  if (!a.empty())
    return classified(n, labels, transformed(n, pairs.probabilities(scores, a, b), transform));
  if (count == 1)
    return classified(n, labels, twoClasses(n, scores, transform != "NONE", transform));
  return classified(n, labels, transformed(n, scores, transform));
}

const Entry entries[] = {
    {"LinearClassifier", 1, linearClassifier, classicDomain},
    {"LinearRegressor", 1, linearRegressor, classicDomain},
    {"SVMClassifier", 1, svmClassifier, classicDomain},
    {"SVMRegressor", 1, svmRegressor, classicDomain},
};

} // namespace

ArrayRef<Entry> importer::classifierConverters() { return entries; }
