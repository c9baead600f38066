//===- ConvertTraining.cpp - optimizer steps of ai.onnx.preview.training ----------------------------------------------------===//

#include "frontend/onnx/Compose.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

constexpr const char *domain = "ai.onnx.preview.training";

/// One step for one tensor: its value first, then gradient and accumulated state; yields the new value and state.
using Step = SmallVector<Value> (*)(Node &n, Value rate, Value time, ArrayRef<Value> x);

/// Operands: rate, time, all values, all gradients, all states of the first kind, and so on.
template <Step step, int operands> LogicalResult forAll(Node &n) {
  int count = (n.inputCount() - 2) / operands;
  if (n.inputCount() != 2 + count * operands || count < 1)
    return n.error("has " + Twine(n.inputCount()) + " inputs, which are not two and " + Twine(operands) +
                   " for each tensor");
  Value rate = single(n, n.input(0)), time = n.g.cast(n.loc, single(n, n.input(1)), n.g.b.getF64Type());
  for (int i = 0; i < count; ++i) {
    SmallVector<Value> x;
    for (int k = 0; k < operands; ++k)
      x.push_back(n.input(2 + k * count + i));
    Value own = n.g.cast(n.loc, rate, elementTypeOf(x[0]));
    for (auto [k, value] : llvm::enumerate(step(n, own, time, x))) {
      if (!value)
        return failure();
      n.set(k * count + i, value);
    }
  }
  return success();
}

Value add(Node &n, Value l, Value r) { return n.make<AddOp>({l, r}); }
Value sub(Node &n, Value l, Value r) { return n.make<SubOp>({l, r}); }
Value mul(Node &n, Value l, Value r) { return n.make<MulOp>({l, r}); }
Value div(Node &n, Value l, Value r) { return n.make<lepton::DivOp>({l, r}); }
Value times(Node &n, double factor, Value x) { return mul(n, x, n.scalarLike(x, factor)); }
Value isLater(Node &n, Value time) { return n.make<GreaterOp>({time, n.scalarLike(time, 0)}); }

/// The gradient with that of the regularization term.
Value regularized(Node &n, ArrayRef<Value> x) { return add(n, times(n, n.number("norm_coefficient", 0), x[0]), x[1]); }

SmallVector<Value> adagrad(Node &n, Value rate, Value time, ArrayRef<Value> x) {
  Value one = n.scalarLike(time, 1), decay = add(n, one, times(n, n.number("decay_factor", 0), time));
  Value gradient = regularized(n, x), sum = add(n, x[2], mul(n, gradient, gradient));
  Value own = div(n, rate, n.g.cast(n.loc, decay, elementTypeOf(x[0])));
  Value root = n.make<SqrtOp>(sum), scale = add(n, root, n.scalarLike(sum, n.number("epsilon", 0)));
  return {sub(n, x[0], div(n, mul(n, own, gradient), scale)), sum};
}

SmallVector<Value> momentum(Node &n, Value rate, Value time, ArrayRef<Value> x) {
  Value gradient = regularized(n, x);
  Value beta =
      n.make<WhereOp>({isLater(n, time), n.scalarLike(gradient, n.number("beta", 0)), n.scalarLike(gradient, 1)});
  double alpha = n.number("alpha", 0);
  Value velocity = add(n, times(n, alpha, x[2]), mul(n, beta, gradient));
  Value direction = n.text("mode", "standard") == "nesterov" ? add(n, gradient, times(n, alpha, velocity)) : velocity;
  return {sub(n, x[0], mul(n, rate, direction)), velocity};
}

SmallVector<Value> adam(Node &n, Value rate, Value time, ArrayRef<Value> x) {
  double alpha = n.number("alpha", 0.9), beta = n.number("beta", 0.999);
  Value gradient = regularized(n, x);
  Value first = add(n, times(n, alpha, x[2]), times(n, 1 - alpha, gradient));
  Value second = add(n, times(n, beta, x[3]), times(n, 1 - beta, mul(n, gradient, gradient)));
  Value root = n.make<SqrtOp>(second), spread = add(n, root, n.scalarLike(second, n.number("epsilon", 0)));
  // The averages begin at 0, which the first steps make up for.
  Value one = n.scalarLike(time, 1);
  auto missing = [&](double factor) { return sub(n, one, n.make<PowOp>({n.scalarLike(time, factor), time})); };
  Value correction = div(n, n.make<SqrtOp>(missing(beta)), missing(alpha));
  correction = n.make<WhereOp>({isLater(n, time), correction, one});
  Value own = mul(n, rate, n.g.cast(n.loc, correction, elementTypeOf(rate)));
  Value next = sub(n, x[0], mul(n, own, div(n, first, spread)));
  return {times(n, 1 - n.number("norm_coefficient_post", 0), next), first, second};
}

const Entry entries[] = {
    {"Adagrad", 1, forAll<adagrad, 3>, domain},
    {"Adam", 1, forAll<adam, 4>, domain},
    {"Momentum", 1, forAll<momentum, 3>, domain},
};

} // namespace

ArrayRef<Entry> importer::trainingConverters() { return entries; }
