//===- ClassicMl.cpp - what converters of ai.onnx.ml share ---------------------------------------------------------------===//

#include "frontend/onnx/ClassicMl.h"
#include "frontend/onnx/Text.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

template <typename T> static Value listOf(Node &n, ArrayRef<double> values, Type type) {
  std::vector<T> data(values.begin(), values.end());
  ArrayRef<char> bytes(reinterpret_cast<const char *>(data.data()), data.size() * sizeof(T));
  return n.g.constant(n.loc, makeConstant(RankedTensorType::get({int64_t(data.size())}, type), bytes));
}

Value importer::numbers(Node &n, ArrayRef<double> values, Type type) {
  return type.isF32() ? listOf<float>(n, values, type)
                      : n.g.cast(n.loc, listOf<double>(n, values, n.g.b.getF64Type()), type);
}

Value importer::rowsOf(Node &n) {
  Value x = n.input(0);
  if (rankOf(x) == 1)
    x = unsqueezed(n, x, ArrayRef<int64_t>{0});
  if (!x || rankOf(x) != 2) {
    (void)n.error("needs an input [batch, features]");
    return {};
  }
  return n.elementType(0).isF64() ? x : n.g.cast(n.loc, x, n.g.b.getF32Type());
}

FailureOr<SmallVector<double>> importer::tensorNumbers(Node &n, StringRef name) {
  const auto *attribute = n.attribute(name);
  if (!attribute)
    return SmallVector<double>();
  auto tensor = n.importer.tensor(attribute->t(), n.loc);
  if (failed(tensor))
    return failure();
  bool isFloat = isa<FloatType>(tensor->getElementType());
  SmallVector<double> values;
  for (int64_t i = 0; i < tensor->getNumElements(); ++i)
    values.push_back(isFloat ? readFloat(*tensor, i) : double(readInteger(*tensor, i)));
  return values;
}

FailureOr<SmallVector<double>> importer::numbersOrTensor(Node &n, StringRef name) {
  if (n.has(name))
    return n.numbers(name);
  return tensorNumbers(n, (name + "_as_tensor").str());
}

/// The square root of two times the inverse error function of 2 x - 1, in Winitzki's approximation.
static Value probit(Node &n, Value x) {
  Value one = n.scalarLike(x, 1), zero = n.scalarLike(x, 0);
  auto times = [&](Value v, double factor) { return n.make<MulOp>({v, n.scalarLike(x, factor)}); };
  Value y = n.make<SubOp>({times(x, 2), one});
  Value product = n.make<MulOp>({n.make<SubOp>({one, y}), n.make<AddOp>({one, y})}), log = n.make<LogOp>(product);
  constexpr double a = 0.147, pi = 3.14159265358979;
  Value v = n.make<AddOp>({n.scalarLike(x, 2 / (pi * a)), times(log, 0.5)});
  Value root = n.make<SqrtOp>(n.make<SubOp>({n.make<MulOp>({v, v}), times(log, 1 / a)}));
  Value size = times(n.make<SqrtOp>(n.make<SubOp>({root, v})), 1.41421356);
  return n.make<WhereOp>({n.make<LessOp>({y, zero}), n.make<NegOp>(size), size});
}

/// A softmax in which zeros stay small.
static Value softmaxZero(Node &n, Value x) {
  auto over = [&](ReduceKind kind, Value v) {
    return n.make<ReduceOp>(v, {n.g.kind(kind), n.g.attr("axes", ArrayRef<int64_t>{1}), n.g.flag("keepdims")});
  };
  Value most = over(ReduceKind::max, x), zero = n.scalarLike(x, 0);
  Value isZero = n.make<LessOrEqualOp>({n.make<AbsOp>(x), n.scalarLike(x, 1e-7)});
  Value small = n.make<MulOp>({x, n.make<ExpOp>(n.make<NegOp>(most))});
  Value e = n.make<WhereOp>({isZero, small, n.make<ExpOp>(n.make<SubOp>({x, most}))}), sum = over(ReduceKind::sum, e);
  return n.make<WhereOp>({n.make<EqualOp>({sum, zero}), n.scalarLike(x, 0.5), n.make<lepton::DivOp>({e, sum})});
}

Value importer::transformed(Node &n, Value scores, StringRef transform) {
  bool isSingle = cast<RankedTensorType>(scores.getType()).getDimSize(1) == 1;
  if (transform == "PROBIT")
    return probit(n, scores);
  if (transform == "NONE")
    return scores;
  if (transform == "LOGISTIC")
    return isSingle ? scores : n.make<SigmoidOp>(scores);
  if (transform == "SOFTMAX")
    return isSingle ? scores : n.make<SoftmaxOp>(scores, n.g.attr("axis", int64_t(1)));
  if (transform == "SOFTMAX_ZERO")
    return isSingle ? scores : softmaxZero(n, scores);
  (void)n.error("has the unknown post_transform '" + transform + "'");
  return {};
}

Value importer::twoClasses(Node &n, Value score, bool isProbability, StringRef transform) {
  Value other =
      isProbability && transform != "LOGISTIC" ? n.make<SubOp>({n.scalarLike(score, 1), score}) : n.make<NegOp>(score);
  Value both = joined(n, {other, score}, 1);
  return transform == "LOGISTIC" || transform == "PROBIT" ? transformed(n, both, transform) : both;
}

Value importer::labelsAt(Node &n, StringRef integers, Value positions) {
  if (n.has(integers))
    return pick(n, n.g.integers(n.loc, n.integers(integers)), positions);
  SmallVector<std::string> texts = n.texts("classlabels_strings");
  if (!texts.empty())
    return pick(n, stringConstant(n.g, n.loc, texts, {int64_t(texts.size())}), positions);
  (void)n.error("needs class labels");
  return {};
}

Value importer::largest(Node &n, Value scores) {
  return n.make<ArgReduceOp>(scores, {n.g.kind(ReduceKind::max), n.g.attr("axis", int64_t(1))});
}

Value importer::column(Node &n, Value matrix, int64_t i) {
  return n.g.reshape(n.loc, n.g.slice(n.loc, matrix, 1, i, i + 1), -1);
}

LogicalResult importer::classified(Node &n, Value labels, Value scores) {
  if (!labels || !scores)
    return failure();
  n.set(0, labels);
  if (n.wants(1))
    n.set(1, n.g.cast(n.loc, scores, n.g.b.getF32Type()));
  return success();
}
