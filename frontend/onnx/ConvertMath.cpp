//===- ConvertMath.cpp - elementwise operators ------------------------------------------------------------------------------===//

#include "frontend/onnx/Text.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

template <typename OpT> LogicalResult unary(Node &n) { return n.result(n.make<OpT>(n.input(0))); }

template <typename OpT> LogicalResult binary(Node &n) { return n.result(n.make<OpT>({n.input(0), n.input(1)})); }

/// Before opset 7 the second operand was aligned by the attributes `broadcast` and `axis`.
template <typename OpT> LogicalResult binaryWithAxis(Node &n) {
  Value rhs = n.input(1);
  int64_t left = n.rank(0), right = n.rank(1);
  if (n.integer("broadcast", 0) && n.has("axis") && right < left) {
    auto axis = n.axis(n.integer("axis", 0), left);
    if (failed(axis))
      return failure();
    SmallVector<int64_t> axes;
    for (int64_t d = *axis + right; d < left; ++d)
      axes.push_back(d - *axis);
    rhs = axes.empty() ? rhs : n.make<UnsqueezeOp>(rhs, n.g.attr("axes", ArrayRef<int64_t>(axes)));
  }
  return n.result(n.make<OpT>({n.input(0), rhs}));
}

/// Before opset 7 a one-dimensional slope was one per channel.
LogicalResult preluPerChannel(Node &n) {
  Value slope = n.input(1);
  if (n.rank(1) == 1 && n.rank(0) > 2) {
    SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(1, n.rank(0) - 1));
    slope = n.make<UnsqueezeOp>(slope, n.g.attr("axes", ArrayRef<int64_t>(axes)));
  }
  return n.result(n.make<PReluOp>({n.input(0), slope}));
}

template <typename OpT> LogicalResult variadic(Node &n) {
  Value result = n.input(0);
  for (int i = 1; i < n.inputCount(); ++i)
    result = n.make<OpT>({result, n.input(i)});
  return n.result(result);
}

LogicalResult mean(Node &n) {
  Value sum = n.input(0);
  for (int i = 1; i < n.inputCount(); ++i)
    sum = n.make<AddOp>({sum, n.input(i)});
  return n.result(n.make<DivOp>({sum, n.scalarLike(sum, n.inputCount())}));
}

LogicalResult mod(Node &n) {
  return n.result(n.make<ModOp>({n.input(0), n.input(1)}, n.integer("fmod", 0)
                                                              ? ArrayRef<NamedAttribute>(n.g.flag("fmod"))
                                                              : ArrayRef<NamedAttribute>()));
}

LogicalResult bitShift(Node &n) {
  bool right = n.text("direction", "LEFT") == "RIGHT";
  return n.result(n.make<BitShiftOp>({n.input(0), n.input(1)},
                                     right ? ArrayRef<NamedAttribute>(n.g.flag("right")) : ArrayRef<NamedAttribute>()));
}

LogicalResult isInf(Node &n) {
  Builder &b = n.g.b;
  return n.result(n.make<IsInfOp>(n.input(0), {n.g.attr("positive", b.getBoolAttr(n.integer("detect_positive", 1))),
                                               n.g.attr("negative", b.getBoolAttr(n.integer("detect_negative", 1)))}));
}

LogicalResult castAs(Node &n, Type to) {
  Builder &b = n.g.b;
  auto rounding = symbolizeCastRounding(n.text("round_mode", "up"));
  if (!rounding)
    return n.error("has the round_mode '" + n.text("round_mode", "") + "'; up, down and nearest are known");
  if (n.elementType(0) == to)
    return n.result(n.input(0));
  if (isa<StringType>(to))
    return n.result(spelled(n, n.input(0)));
  if (isa<StringType>(n.elementType(0)))
    return n.result(readAs(n, n.input(0), to));
  return n.result(n.make<CastOp>(n.input(0), {n.g.attr("to", TypeAttr::get(to)),
                                              n.g.attr("saturate", b.getBoolAttr(n.integer("saturate", 1))),
                                              n.g.attr("rounding", CastRoundingAttr::get(b.getContext(), *rounding))}));
}

LogicalResult equal(Node &n) {
  if (!isa<StringType>(n.elementType(0)))
    return binary<EqualOp>(n);
  return n.result(n.make<StringEqualOp>({n.input(0), n.input(1)}));
}

LogicalResult castTo(Node &n) {
  Type to = elementTypeOfNumber(n.g.b.getContext(), n.integer("to", 1));
  return to && !isa<ComplexType>(to)
             ? castAs(n, to)
             : n.error("casts to the data type " + Twine(n.integer("to", 0)) + ", which is not supported");
}

LogicalResult bitCast(Node &n) {
  Type to = elementTypeOfNumber(n.g.b.getContext(), n.integer("to", 1));
  if (!to || isHandle(to))
    return n.error("casts to the data type " + Twine(n.integer("to", 0)) + ", which is not supported");
  return n.result(n.make<BitCastOp>(n.input(0), n.g.attr("to", TypeAttr::get(to))));
}

LogicalResult castLike(Node &n) { return castAs(n, n.elementType(1)); }

Value clamp(Node &n, Value value, Value low, Value high) {
  if (low)
    value = n.make<lepton::MaxOp>({value, low});
  return high ? n.make<lepton::MinOp>({value, high}) : value;
}

LogicalResult clip(Node &n) { return n.result(clamp(n, n.input(0), n.input(1), n.input(2))); }

LogicalResult clipByAttributes(Node &n) {
  Value x = n.input(0);
  auto bound = [&](StringRef name) { return n.has(name) ? n.scalarLike(x, n.number(name, 0)) : Value(); };
  return n.result(clamp(n, x, bound("min"), bound("max")));
}

template <typename OpT> LogicalResult withAlpha(Node &n, double otherwise) {
  return n.result(n.make<OpT>(n.input(0), n.g.attr("alpha", n.number("alpha", otherwise))));
}
LogicalResult leakyRelu(Node &n) { return withAlpha<LeakyReluOp>(n, 0.01); }
LogicalResult elu(Node &n) { return withAlpha<EluOp>(n, 1.0); }

LogicalResult hardSigmoid(Node &n) {
  return n.result(n.make<HardSigmoidOp>(
      n.input(0), {n.g.attr("alpha", n.number("alpha", 0.2)), n.g.attr("beta", n.number("beta", 0.5))}));
}

LogicalResult hardSwish(Node &n) {
  Value gate = n.make<HardSigmoidOp>(n.input(0), {n.g.attr("alpha", 1.0 / 6), n.g.attr("beta", 0.5)});
  return n.result(n.make<MulOp>({n.input(0), gate}));
}

LogicalResult selu(Node &n) {
  double alpha = n.number("alpha", 1.67326319217681884765625), gamma = n.number("gamma", 1.05070102214813232421875);
  Value curve = n.make<EluOp>(n.input(0), n.g.attr("alpha", alpha));
  return n.result(n.make<MulOp>({curve, n.scalarLike(n.input(0), gamma)}));
}

LogicalResult celu(Node &n) {
  // max(0, x) + min(0, alpha * (exp(x / alpha) - 1))
  Value x = n.input(0), alpha = n.scalarLike(x, n.number("alpha", 1.0));
  Value curve = n.make<EluOp>(n.make<DivOp>({x, alpha}), n.g.attr("alpha", 1.0));
  Value negative = n.make<MulOp>({curve, alpha}), zero = n.scalarLike(x, 0);
  return n.result(n.make<WhereOp>({n.make<LessOp>({x, zero}), negative, x}));
}

LogicalResult gelu(Node &n) {
  Value x = n.input(0), half = n.scalarLike(x, 0.5), one = n.scalarLike(x, 1), inner;
  if (n.text("approximate", "none") == "tanh") {
    Value cube = n.make<MulOp>({n.make<MulOp>({x, x}), x});
    Value sum = n.make<AddOp>({x, n.make<MulOp>({cube, n.scalarLike(x, 0.044715)})});
    inner = n.make<TanhOp>(n.make<MulOp>({sum, n.scalarLike(x, 0.7978845608028654)}));
  } else {
    inner = n.make<ErfOp>(n.make<MulOp>({x, n.scalarLike(x, 0.7071067811865476)}));
  }
  return n.result(n.make<MulOp>({n.make<MulOp>({x, half}), n.make<AddOp>({inner, one})}));
}

LogicalResult mish(Node &n) {
  return n.result(n.make<MulOp>({n.input(0), n.make<TanhOp>(n.make<SoftplusOp>(n.input(0)))}));
}

LogicalResult swish(Node &n) {
  Value x = n.input(0), scaled = n.make<MulOp>({x, n.scalarLike(x, n.number("alpha", 1))});
  return n.result(n.make<MulOp>({x, n.make<SigmoidOp>(scaled)}));
}

LogicalResult softsign(Node &n) {
  Value x = n.input(0);
  return n.result(n.make<DivOp>({x, n.make<AddOp>({n.make<lepton::AbsOp>(x), n.scalarLike(x, 1)})}));
}

LogicalResult thresholdedRelu(Node &n) {
  Value x = n.input(0), above = n.make<GreaterOp>({x, n.scalarLike(x, n.number("alpha", 1))});
  return n.result(n.make<WhereOp>({above, x, n.scalarLike(x, 0)}));
}

LogicalResult shrink(Node &n) {
  Value x = n.input(0), zero = n.scalarLike(x, 0), bias = n.scalarLike(x, n.number("bias", 0)),
        lambda = n.scalarLike(x, n.number("lambd", 0.5));
  Value below = n.make<LessOp>({x, n.scalarLike(x, -n.number("lambd", 0.5))}), above = n.make<GreaterOp>({x, lambda});
  Value high = n.make<WhereOp>({above, n.make<SubOp>({x, bias}), zero});
  return n.result(n.make<WhereOp>({below, n.make<AddOp>({x, bias}), high}));
}

LogicalResult where(Node &n) { return n.result(n.make<WhereOp>({n.input(0), n.input(1), n.input(2)})); }

const Entry entries[] = {
    {"Add", 7, binary<AddOp>},
    {"Sub", 7, binary<SubOp>},
    {"Mul", 7, binary<MulOp>},
    {"Div", 7, binary<DivOp>},
    {"Pow", 7, binary<PowOp>},
    {"Add", 1, binaryWithAxis<AddOp>},
    {"Sub", 1, binaryWithAxis<SubOp>},
    {"Mul", 1, binaryWithAxis<MulOp>},
    {"Div", 1, binaryWithAxis<DivOp>},
    {"Pow", 1, binaryWithAxis<PowOp>},
    {"And", 7, binary<BitwiseAndOp>},
    {"Or", 7, binary<BitwiseOrOp>},
    {"Xor", 7, binary<BitwiseXorOp>},
    {"And", 1, binaryWithAxis<BitwiseAndOp>},
    {"Or", 1, binaryWithAxis<BitwiseOrOp>},
    {"Xor", 1, binaryWithAxis<BitwiseXorOp>},
    {"Equal", 7, equal},
    {"Less", 7, binary<LessOp>},
    {"Greater", 7, binary<GreaterOp>},
    {"Equal", 1, binaryWithAxis<EqualOp>},
    {"Less", 1, binaryWithAxis<LessOp>},
    {"Greater", 1, binaryWithAxis<GreaterOp>},
    {"LessOrEqual", 12, binary<LessOrEqualOp>},
    {"GreaterOrEqual", 12, binary<GreaterOrEqualOp>},
    {"PRelu", 7, binary<PReluOp>},
    {"PRelu", 1, preluPerChannel},
    {"BitwiseAnd", 18, binary<BitwiseAndOp>},
    {"BitwiseOr", 18, binary<BitwiseOrOp>},
    {"BitwiseXor", 18, binary<BitwiseXorOp>},
    {"BitwiseNot", 18, unary<BitwiseNotOp>},
    {"Not", 1, unary<BitwiseNotOp>},
    {"BitShift", 11, bitShift},
    {"Mod", 10, mod},
    {"Max", 1, variadic<lepton::MaxOp>},
    {"Min", 1, variadic<lepton::MinOp>},
    {"Sum", 1, variadic<AddOp>},
    {"Mean", 1, mean},
    {"IsNaN", 9, unary<IsNaNOp>},
    {"IsInf", 10, isInf},
    {"Abs", 1, unary<lepton::AbsOp>},
    {"Neg", 1, unary<NegOp>},
    {"Sign", 9, unary<SignOp>},
    {"Reciprocal", 1, unary<ReciprocalOp>},
    {"Sqrt", 1, unary<SqrtOp>},
    {"Exp", 1, unary<ExpOp>},
    {"Log", 1, unary<LogOp>},
    {"Erf", 9, unary<ErfOp>},
    {"Sin", 7, unary<SinOp>},
    {"Cos", 7, unary<CosOp>},
    {"Tan", 7, unary<TanOp>},
    {"Asin", 7, unary<AsinOp>},
    {"Acos", 7, unary<AcosOp>},
    {"Atan", 7, unary<AtanOp>},
    {"Sinh", 9, unary<SinhOp>},
    {"Cosh", 9, unary<CoshOp>},
    {"Tanh", 1, unary<TanhOp>},
    {"Asinh", 9, unary<AsinhOp>},
    {"Acosh", 9, unary<AcoshOp>},
    {"Atanh", 9, unary<AtanhOp>},
    {"Floor", 1, unary<FloorOp>},
    {"Ceil", 1, unary<CeilOp>},
    {"Round", 11, unary<RoundOp>},
    {"Relu", 1, unary<ReluOp>},
    {"Sigmoid", 1, unary<SigmoidOp>},
    {"Softplus", 1, unary<SoftplusOp>},
    {"LeakyRelu", 1, leakyRelu},
    {"Elu", 1, elu},
    {"HardSigmoid", 1, hardSigmoid},
    {"HardSwish", 14, hardSwish},
    {"Selu", 1, selu},
    {"Celu", 12, celu},
    {"Gelu", 20, gelu},
    {"Mish", 18, mish},
    {"Swish", 24, swish},
    {"Softsign", 1, softsign},
    {"ThresholdedRelu", 1, thresholdedRelu},
    {"Shrink", 9, shrink},
    {"Where", 9, where},
    {"Cast", 6, castTo},
    {"CastLike", 15, castLike},
    {"BitCast", 26, bitCast},
    {"Clip", 11, clip},
    {"Clip", 1, clipByAttributes},
};

} // namespace

ArrayRef<Entry> importer::mathConverters() { return entries; }
