//===- ConvertGradient.cpp - Gradient of ai.onnx.preview.training ------------------------------------------------------------===//
//
// Derivatives backwards through the ops between an output and the inputs asked for: each op hands on to its operands what its result's elements are
// worth. The ops are those that the importer has made so far; one that has no derivative here is an error.
//
//===------------------------------------------------------------------------------------------------------------------------===//

#include "frontend/onnx/Compose.h"
#include "frontend/onnx/GraphImporter.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

struct Backward {
  Node &n;
  llvm::DenseMap<Value, Value> worth; // of each value's elements, so far

  explicit Backward(Node &n) : n(n) {}

  Value add(Value l, Value r) { return n.make<AddOp>({l, r}); }
  Value mul(Value l, Value r) { return n.make<MulOp>({l, r}); }
  Value div(Value l, Value r) { return n.make<lepton::DivOp>({l, r}); }
  Value neg(Value x) { return n.make<NegOp>(x); }
  Value oneMinus(Value x) { return n.make<SubOp>({n.scalarLike(x, 1), x}); }
  Value shapeOf(Value x) { return sizesOf(n, x, 0, rankOf(x)); }

  /// Sums over the dimensions along which `like` was broadcast to the shape of `gradient`. Null, after an error, where those are not known.
  Value reducedTo(Value gradient, Value like) {
    auto from = n.g.shapes.shape(gradient), to = n.g.shapes.shape(like);
    int64_t skip = from.size() - to.size();
    SmallVector<int64_t> axes;
    for (int64_t d = 0; d < int64_t(from.size()); ++d) {
      if (d >= skip && from[d] == to[d - skip])
        continue;
      if (d >= skip && ShapeAnalysis::constantValue(to[d - skip]) != 1) {
        (void)n.error("depends on values that may be broadcast; fix their sizes (--dim)");
        return {};
      }
      axes.push_back(d);
    }
    return axes.empty() ? gradient : reshaped(n, reduced(n, ReduceKind::sum, gradient, axes), shapeOf(like));
  }

  void give(Value operand, Value gradient) {
    Value own = gradient ? reducedTo(gradient, operand) : Value();
    Value &sum = worth[operand];
    sum = sum && own ? add(sum, own) : own;
  }

  /// What a reduction's result is worth, for each element that it reduced.
  Value spread(ReduceOp op, Value g) {
    SmallVector<int64_t> axes(op.getAxes());
    llvm::sort(axes);
    Value all = n.make<ExpandOp>({op.getKeepdims() ? g : unsqueezed(n, g, axes), shapeOf(op.getInput())});
    if (op.getKind() == ReduceKind::sum)
      return all;
    Value count = n.g.cast(n.loc, integer(n, 1), elementTypeOf(g));
    for (int64_t axis : axes)
      count = mul(count, n.g.cast(n.loc, sizeOf(n, op.getInput(), axis), elementTypeOf(g)));
    return div(all, count);
  }

  Value transposed(Value matrix) { return n.g.transpose(n.loc, matrix, {1, 0}); }

  /// Hands the worth `g` of an op's result on to its operands.
  LogicalResult handOn(Operation *op, Value g) {
    Value y = op->getResult(0), x = op->getOperand(0), r = op->getNumOperands() > 1 ? op->getOperand(1) : Value();
    bool known = true;
    llvm::TypeSwitch<Operation *>(op)
        .Case([&](AddOp) { give(x, g), give(r, g); })
        .Case([&](SubOp) { give(x, g), give(r, neg(g)); })
        .Case([&](MulOp) { give(x, mul(g, r)), give(r, mul(g, x)); })
        .Case([&](lepton::DivOp) { give(x, div(g, r)), give(r, neg(div(mul(g, y), r))); })
        .Case([&](NegOp) { give(x, neg(g)); })
        .Case([&](ExpOp) { give(x, mul(g, y)); })
        .Case([&](LogOp) { give(x, div(g, x)); })
        .Case([&](SqrtOp) { give(x, div(g, add(y, y))); })
        .Case([&](ReciprocalOp) { give(x, neg(mul(g, mul(y, y)))); })
        .Case([&](AbsOp) { give(x, mul(g, n.make<SignOp>(x))); })
        .Case([&](SinOp) { give(x, mul(g, n.make<CosOp>(x))); })
        .Case([&](CosOp) { give(x, neg(mul(g, n.make<SinOp>(x)))); })
        .Case([&](TanhOp) { give(x, mul(g, oneMinus(mul(y, y)))); })
        .Case([&](SigmoidOp) { give(x, mul(g, mul(y, oneMinus(y)))); })
        .Case([&](ReluOp) {
          give(x, n.make<WhereOp>({n.make<GreaterOp>({x, n.scalarLike(x, 0)}), g, n.scalarLike(g, 0)}));
        })
        .Case([&](ReshapeOp) { give(x, reshaped(n, g, shapeOf(x))); })
        .Case([&](TransposeOp transpose) {
          SmallVector<int64_t> back(transpose.getPerm().size());
          for (auto [to, from] : llvm::enumerate(transpose.getPerm()))
            back[from] = to;
          give(x, n.g.transpose(n.loc, g, back));
        })
        .Case([&](ReduceOp reduce) {
          known = reduce.getKind() == ReduceKind::sum || reduce.getKind() == ReduceKind::mean;
          if (known)
            give(x, spread(reduce, g));
        })
        .Case([&](MatMulOp) {
          known = rankOf(x) == 2 && rankOf(r) == 2;
          if (known) {
            give(x, n.make<MatMulOp>({g, transposed(r)}));
            give(r, n.make<MatMulOp>({transposed(x), g}));
          }
        })
        .Default([&](Operation *) { known = false; });
    return known ? success()
                 : n.error("depends on an operation without a derivative here: " + op->getName().stripDialect());
  }
};

/// The ops from `y` back to `inputs`, each after those that use its result.
SmallVector<Operation *> between(Value y, ArrayRef<Value> inputs) {
  llvm::DenseMap<Operation *, bool> leads; // to an input
  SmallVector<Operation *> order;
  auto isInput = [&](Value value) { return llvm::is_contained(inputs, value); };
  SmallVector<std::pair<Operation *, unsigned>> stack; // and the next operand to look at
  if (y.getDefiningOp() && !isInput(y))
    stack.push_back({y.getDefiningOp(), 0});
  while (!stack.empty()) {
    auto &[op, next] = stack.back();
    if (next == op->getNumOperands()) {
      bool found = llvm::any_of(op->getOperands(), [&](Value operand) {
        return isInput(operand) || (operand.getDefiningOp() && leads.lookup(operand.getDefiningOp()));
      });
      if (leads.try_emplace(op, found).second && found)
        order.push_back(op);
      stack.pop_back();
      continue;
    }
    Value operand = op->getOperand(next++);
    Operation *producer = operand.getDefiningOp();
    if (producer && !isInput(operand) && !leads.contains(producer))
      stack.push_back({producer, 0});
  }
  return {order.rbegin(), order.rend()};
}

LogicalResult gradient(Node &n) {
  SmallVector<std::string> names = n.texts("xs");
  Value y = n.importer.scope->find(n.text("y", ""));
  if (!y || !isa<FloatType>(elementTypeOf(y)))
    return n.error("needs the name of a floating-point value before it as its y");
  SmallVector<Value> inputs;
  for (auto [i, name] : llvm::enumerate(names)) {
    Value value = n.importer.scope->find(name);
    if (!value || value != n.input(i))
      return n.error("needs the values that its xs name as inputs, in their order");
    inputs.push_back(value);
  }
  Backward backward(n);
  backward.worth[y] = n.make<ExpandOp>({n.scalarLike(y, 1), backward.shapeOf(y)});
  for (Operation *op : between(y, inputs)) {
    Value own = backward.worth.lookup(op->getResult(0));
    if (own && failed(backward.handOn(op, own)))
      return failure();
  }
  for (auto [i, value] : llvm::enumerate(inputs)) {
    Value own = backward.worth.lookup(value);
    n.set(i, own ? own : n.make<ExpandOp>({n.scalarLike(value, 0), backward.shapeOf(value)}));
  }
  return success();
}

const Entry entries[] = {
    {"Gradient", 1, gradient, "ai.onnx.preview.training",
     "through arithmetic, exp, log, sqrt, sin, cos, tanh, sigmoid, relu, sums, means, shapes and matrix products"}};

} // namespace

ArrayRef<Entry> importer::gradientConverters() { return entries; }
