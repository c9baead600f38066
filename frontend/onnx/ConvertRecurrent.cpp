//===- ConvertRecurrent.cpp - LSTM, GRU and RNN ----------------------------------------------------------------------------------------===//
//
// A direction is one matrix product that projects the inputs of all steps, and a loop over time whose body multiplies the hidden state by the recurrent
// weights and applies the gates. Every variant (direction, layout, sequence lengths, peepholes, clip, coupled gates, activations) is a difference in this
// graph; nothing else in the compiler knows of recurrence. Shapes: T steps, N sequences, I inputs, H hidden units, G gates.
//
//===------------------------------------------------------------------------------------------------------------------------------------===//

#include "frontend/onnx/Compose.h"
#include "frontend/onnx/Quantize.h"

using namespace mlir;
using namespace lepton;
using namespace lepton::importer;

namespace {

struct Activation {
  std::string name;
  std::optional<double> alpha, beta;
};

/// One node; `direction` counts 0 (or the only one), 1.
struct Recurrence {
  Node &n;
  GraphBuilder &g;
  Location loc;
  Value x;       // [T, N, I]
  Value lengths; // [N] of i32, or null
  SmallVector<Activation> activations;
  int64_t hidden = 0, directions = 1, gates = 1;
  std::optional<double> clip;
  Type type;
  bool isQuantized =
      false; // com.microsoft's DynamicQuantizeLSTM: 8-bit weights, transposed; states and inputs quantized over their range

  explicit Recurrence(Node &n) : n(n), g(n.g), loc(n.loc) {}

  Value slice0(Value value, int64_t index) {
    return value ? n.make<SqueezeOp>(g.slice(loc, value, 0, index, index + 1), g.attr("axes", ArrayRef<int64_t>{0}))
                 : Value();
  }
  Value columns(Value value, int64_t gate) {
    return g.slice(loc, value, rankOf(value) - 1, gate * hidden, (gate + 1) * hidden);
  }
  Value add(Value a, Value b) { return n.make<AddOp>({a, b}); }
  Value sub(Value a, Value b) { return n.make<SubOp>({a, b}); }
  Value mul(Value a, Value b) { return n.make<MulOp>({a, b}); }
  Value scalar(double value) { return g.scalar(loc, type, value); }
  Value one() { return scalar(1); }
  Value dimOf(Value value, int64_t d) { return n.make<ShapeOp>(value, {g.attr("start", d), g.attr("end", d + 1)}); }

  /// `value` times the weights of operand 1 (of the input) or 2 (recurrent), [.., GH].
  Value product(Value value, int operand, int64_t direction) {
    Value weights = slice0(n.input(operand), direction);
    if (!isQuantized)
      return n.make<MatMulOp>({value, g.transpose(loc, weights, {1, 0})});
    Type i16 = g.b.getI16Type(); // holds the difference of two 8-bit numbers
    DynamicallyQuantized x = dynamicallyQuantized(n, value);
    auto centred = [&](Value values, Value zero) {
      Value wide = g.cast(loc, values, i16);
      return zero ? sub(wide, g.cast(loc, zero, i16)) : wide;
    };
    int scale = operand == 1 ? 8 : 10;
    Value sum = n.make<MatMulOp>({centred(x.values, x.zero), centred(weights, slice0(n.input(scale + 1), direction))});
    return mul(g.cast(loc, sum, type), mul(x.scale, slice0(n.input(scale), direction)));
  }

  Value clipped(Value value) {
    return clip ? n.make<lepton::MinOp>({n.make<lepton::MaxOp>({value, scalar(-*clip)}), scalar(*clip)}) : value;
  }

  Value activate(Value value, const Activation &a) {
    value = clipped(value);
    double alpha = a.alpha.value_or(0), beta = a.beta.value_or(0);
    std::string name = StringRef(a.name).lower();
    if (name == "sigmoid")
      return n.make<SigmoidOp>(value);
    if (name == "tanh")
      return n.make<TanhOp>(value);
    if (name == "relu")
      return n.make<ReluOp>(value);
    if (name == "affine")
      return add(mul(value, scalar(a.alpha.value_or(1))), scalar(beta));
    if (name == "leakyrelu")
      return n.make<LeakyReluOp>(value, g.attr("alpha", a.alpha.value_or(0.01)));
    if (name == "thresholdedrelu")
      return n.make<WhereOp>({n.make<GreaterOp>({value, scalar(a.alpha.value_or(1))}), value, scalar(0)});
    if (name == "scaledtanh")
      return mul(n.make<TanhOp>(mul(value, scalar(a.beta.value_or(1)))), scalar(a.alpha.value_or(1)));
    if (name == "hardsigmoid")
      return n.make<HardSigmoidOp>(value,
                                   {g.attr("alpha", a.alpha.value_or(0.2)), g.attr("beta", a.beta.value_or(0.5))});
    if (name == "elu")
      return n.make<EluOp>(value, g.attr("alpha", a.alpha.value_or(1)));
    if (name == "softsign")
      return n.make<DivOp>({value, add(n.make<lepton::AbsOp>(value), one())});
    if (name == "softplus")
      return n.make<SoftplusOp>(value);
    (void)alpha;
    (void)n.error("has the unknown activation '" + a.name + "'");
    return {};
  }

  void pinSizes(int64_t stateDim, int64_t gateDim);
  LogicalResult read(int64_t gateCount, ArrayRef<const char *> defaults);
  Value initialState(int operand, int64_t direction);
  LogicalResult runDirection(int64_t direction, bool reverse, int states, SmallVectorImpl<Value> &results);
  SmallVector<Value> step(int64_t direction, Value projected, ValueRange state);
  SmallVector<Value> lstmStep(int64_t direction, Value all, Value c);
  Value gruStep(int64_t direction, Value projected, Value h);
  LogicalResult run(int states);
};

/// Sizes of the weights and states that the attributes tell.
void Recurrence::pinSizes(int64_t stateDim, int64_t gateDim) {
  for (int i : {1, 2}) {
    pin(n, i, 0, directions);
    pin(n, i, gateDim, gates * hidden);
  }
  if (n.input(4) && n.rank(4) == 1) // a length for each sequence
    if (int64_t batch = cast<RankedTensorType>(n.input(4).getType()).getDimSize(0); !ShapedType::isDynamic(batch))
      pin(n, 0, n.integer("layout", 0) ? 0 : 1, batch);
  pin(n, 2, stateDim, hidden);
  pin(n, 3, 0, directions);
  pin(n, 3, 1, 2 * gates * hidden);
  pin(n, 7, 0, directions);
  pin(n, 7, 1, 3 * hidden);
  for (int i : {5, 6}) {
    pin(n, i, n.integer("layout", 0) ? 1 : 0, directions);
    pin(n, i, 2, hidden);
  }
}

LogicalResult Recurrence::read(int64_t gateCount, ArrayRef<const char *> defaults) {
  gates = gateCount;
  std::string direction = n.text("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional")
    return n.error("has the unknown direction '" + direction + "'; forward, reverse and bidirectional are known");
  directions = direction == "bidirectional" ? 2 : 1;
  auto recurrent = cast<RankedTensorType>(n.input(2).getType());
  const int64_t stateDim = isQuantized ? 1 : 2, gateDim = 3 - stateDim;
  if (n.rank(0) != 3 || n.rank(1) != 3 || recurrent.getRank() != 3 ||
      (recurrent.isDynamicDim(stateDim) && !n.has("hidden_size")))
    return n.error("needs three-dimensional X, W and R");
  hidden = n.integer("hidden_size", recurrent.getDimSize(stateDim));
  pinSizes(stateDim, gateDim);
  recurrent = cast<RankedTensorType>(n.input(2).getType());
  auto weights = cast<RankedTensorType>(n.input(1).getType());
  if (recurrent.getDimSize(stateDim) != hidden || recurrent.getDimSize(gateDim) != gates * hidden ||
      weights.getDimSize(gateDim) != gates * hidden || weights.getDimSize(0) != directions)
    return n.error("has weights that do not fit hidden_size " + Twine(hidden) + " and its direction");
  type = n.elementType(0);
  x = n.integer("layout", 0) ? g.transpose(loc, n.input(0), {1, 0, 2}) : n.input(0);
  lengths = n.input(4);
  if (lengths && (rankOf(lengths) != 1 || !isa<IntegerType>(elementTypeOf(lengths))))
    return n.error("needs sequence_lens as a vector of integers");
  if (n.has("clip"))
    clip = n.number("clip", 0);
  SmallVector<std::string> names = n.texts("activations");
  if (names.empty())
    for (int64_t d = 0; d < directions; ++d)
      names.append(defaults.begin(), defaults.end());
  if (names.size() != defaults.size() * directions)
    return n.error("needs " + Twine(defaults.size()) + " activations for each direction");
  // Alphas and betas are listed for the activations that take them, in order.
  SmallVector<double> alphas = n.numbers("activation_alpha"), betas = n.numbers("activation_beta");
  size_t nextAlpha = 0, nextBeta = 0;
  for (const std::string &name : names) {
    std::string low = StringRef(name).lower();
    bool takesBeta = llvm::is_contained({"affine", "scaledtanh", "hardsigmoid"}, low);
    bool takesAlpha = takesBeta || llvm::is_contained({"leakyrelu", "thresholdedrelu", "elu"}, low);
    Activation a{name, std::nullopt, std::nullopt};
    bool onePerActivation = alphas.size() == names.size() && !takesAlpha;
    if (takesAlpha && nextAlpha < alphas.size())
      a.alpha = alphas[nextAlpha++];
    else if (onePerActivation)
      ++nextAlpha;
    if (takesBeta && nextBeta < betas.size())
      a.beta = betas[nextBeta++];
    else if (betas.size() == names.size() && !takesBeta)
      ++nextBeta;
    activations.push_back(a);
  }
  return success();
}

/// [N, H], from the operand or zero.
Value Recurrence::initialState(int operand, int64_t direction) {
  if (n.input(operand)) {
    Value all = n.input(operand);
    if (n.integer("layout", 0))
      all = g.transpose(loc, all, {1, 0, 2});
    Value state = slice0(all, direction);
    if (!state || g.shapes.dim(state, 0) == g.shapes.dim(x, 1))
      return state;
    // The batch size is X's, which the state's shape does not say: take as many rows, which the run checks to be there.
    return pick(n, state, iota(n, sizeOf(n, x, 1), 0, 1));
  }
  Value shape = n.make<ConcatOp>({dimOf(x, 1), g.integers(loc, hidden)}, g.attr("axis", int64_t(0)));
  return n.make<ExpandOp>({scalar(0), shape});
}

/// Gates in ONNX's order i, o, f, c.
SmallVector<Value> Recurrence::lstmStep(int64_t direction, Value all, Value c) {
  const Activation *f = &activations[direction * 3];
  Value peephole = slice0(n.input(7), direction); // [3H]: i, o, f
  auto peek = [&](Value gate, int64_t which, Value cell) {
    return peephole ? add(gate, mul(g.slice(loc, peephole, 0, which * hidden, (which + 1) * hidden), cell)) : gate;
  };
  Value input = activate(peek(columns(all, 0), 0, c), f[0]);
  Value forget = n.integer("input_forget", 0) ? sub(one(), input) : activate(peek(columns(all, 2), 2, c), f[0]);
  Value candidate = activate(columns(all, 3), f[1]);
  Value cell = add(mul(forget, c), mul(input, candidate));
  Value output = activate(peek(columns(all, 1), 1, cell), f[0]);
  // The standard's clip is on the inputs of activations, but runtimes do not apply it to h(Ct).
  std::optional<double> saved = std::exchange(clip, std::nullopt);
  Value squashed = activate(cell, f[2]);
  clip = saved;
  return {mul(output, squashed), cell};
}

/// Gates in ONNX's order z, r, h. The recurrent bias of h is inside the reset gate with linear_before_reset.
Value Recurrence::gruStep(int64_t direction, Value projected, Value h) {
  const Activation *f = &activations[direction * 2];
  Value recurrent = g.transpose(loc, slice0(n.input(2), direction), {1, 0}); // [H, 3H]
  Value bias = slice0(n.input(3), direction);                                // [6H]: Wb, Rb
  auto recurrentBias = [&](int64_t gate) {
    return bias ? g.slice(loc, bias, 0, (3 + gate) * hidden, (4 + gate) * hidden) : Value();
  };
  auto matrix = [&](int64_t gate) { return columns(recurrent, gate); };
  if (n.integer("linear_before_reset", 0)) {
    Value all = n.make<MatMulOp>({h, recurrent});
    if (bias)
      all = add(all, g.slice(loc, bias, 0, 3 * hidden, 6 * hidden));
    Value z = activate(add(columns(projected, 0), columns(all, 0)), f[0]),
          r = activate(add(columns(projected, 1), columns(all, 1)), f[0]);
    Value candidate = activate(add(columns(projected, 2), mul(r, columns(all, 2))), f[1]);
    return add(mul(sub(one(), z), candidate), mul(z, h));
  }
  auto gate = [&](int64_t which, Value state) {
    Value sum = add(columns(projected, which), n.make<MatMulOp>({state, matrix(which)}));
    return bias ? add(sum, recurrentBias(which)) : sum;
  };
  Value z = activate(gate(0, h), f[0]), r = activate(gate(1, h), f[0]);
  Value candidate = activate(gate(2, mul(r, h)), f[1]);
  return add(mul(sub(one(), z), candidate), mul(z, h));
}

SmallVector<Value> Recurrence::step(int64_t direction, Value projected, ValueRange state) {
  if (gates == 3)
    return {gruStep(direction, projected, state[0])};
  Value all = add(projected, product(state[0], 2, direction));
  if (gates == 4)
    return lstmStep(direction, all, state[1]);
  return {activate(all, activations[direction])};
}

/// Results: Y of the direction as [T, N, H], then the last states.
LogicalResult Recurrence::runDirection(int64_t direction, bool reverse, int states, SmallVectorImpl<Value> &results) {
  Value projected = product(x, 1, direction); // [T, N, GH]
  if (Value bias = slice0(n.input(3), direction)) {
    projected = add(projected, g.slice(loc, bias, 0, 0, gates * hidden));
    if (gates != 3)
      projected = add(projected, g.slice(loc, bias, 0, gates * hidden, 2 * gates * hidden));
  }
  SmallVector<Value> inits = {initialState(5, direction)};
  if (states == 2)
    inits.push_back(initialState(6, direction));
  Value count = n.make<SqueezeOp>(dimOf(x, 0), g.attr("axes", ArrayRef<int64_t>{0}));
  if (!projected || !count || llvm::is_contained(inits, Value()))
    return failure();
  // The sizes of a state are those of one step's result.
  Builder &b = g.b;
  auto stateType = RankedTensorType::get({cast<RankedTensorType>(projected.getType()).getDimSize(1), hidden}, type);
  auto scalarOf = [&](Type element) { return RankedTensorType::get({}, element); };
  OperationState state(loc, LoopOp::getOperationName());
  Region *region = state.addRegion();
  {
    OpBuilder::InsertionGuard guard(g.b);
    SmallVector<Type> arguments = {scalarOf(b.getI64Type()), scalarOf(b.getI1Type())};
    arguments.append(states, stateType);
    Block *body = g.b.createBlock(region, region->end(), arguments, SmallVector<Location>(arguments.size(), loc));
    ArrayRef<AffineExpr> sizes = g.shapes.shape(projected);
    SmallVector<AffineExpr> stateSizes = {sizes[1], g.shapes.constant(hidden)};
    for (Value argument : body->getArguments().drop_front(2))
      g.shapes.setShape(argument, stateSizes);
    Value t = body->getArgument(0);
    if (reverse)
      t = n.make<SubOp>({n.make<SubOp>({count, t}), g.scalar(loc, b.getI64Type(), 1)});
    Value now = pick(n, projected, t);
    SmallVector<Value> old(body->getArguments().drop_front(2)), next = step(direction, now, old);
    if (llvm::is_contained(next, Value()))
      return failure();
    Value y = next[0];
    if (lengths) { // past its end a sequence keeps its state, and its output is zero
      Value length = n.make<UnsqueezeOp>(g.cast(loc, lengths, b.getI64Type()), g.attr("axes", ArrayRef<int64_t>{1}));
      Value alive = n.make<LessOp>({t, length});
      y = n.make<WhereOp>({alive, y, scalar(0)});
      for (auto [value, before] : llvm::zip_equal(next, old))
        value = n.make<WhereOp>({alive, value, before});
    }
    SmallVector<Value> yielded = {body->getArgument(1)};
    llvm::append_range(yielded, next);
    yielded.push_back(y);
    if (llvm::is_contained(yielded, Value()))
      return failure();
    YieldOp::create(g.b, loc, yielded);
  }
  auto stackType =
      RankedTensorType::get({cast<RankedTensorType>(x.getType()).getDimSize(0), stateType.getDimSize(0), hidden}, type);
  state.addTypes(SmallVector<Type>(states, stateType));
  state.addTypes(stackType);
  state.addOperands(count);
  state.addOperands(inits);
  state.addAttribute("collected", b.getI64IntegerAttr(1));
  state.addAttribute("operandSegmentSizes", b.getDenseI32ArrayAttr({1, 0, states, 0}));
  Operation *loop = g.b.create(state);
  Value y = loop->getResult(states);
  g.shapes.setShape(y, {g.shapes.dim(x, 0), g.shapes.dim(x, 1), g.shapes.constant(hidden)});
  for (int i = 0; i < states; ++i)
    g.shapes.setShape(loop->getResult(i), {g.shapes.dim(x, 1), g.shapes.constant(hidden)});
  if (reverse) { // step t of the loop belongs to time T - 1 - t
    Value minusOne = g.integers(loc, -1), first = g.integers(loc, std::numeric_limits<int64_t>::min());
    y = n.make<SliceOp>({y, minusOne, first, minusOne}, g.attr("axes", ArrayRef<int64_t>{0}));
  }
  results.push_back(y);
  for (int i = 0; i < states; ++i)
    results.push_back(loop->getResult(i));
  return success();
}

LogicalResult Recurrence::run(int states) {
  bool reverse = n.text("direction", "forward") == "reverse", layout = n.integer("layout", 0);
  SmallVector<SmallVector<Value>> parts(1 + states); // Y, Y_h, Y_c; a value per direction
  for (int64_t direction = 0; direction < directions; ++direction) {
    SmallVector<Value> results;
    if (failed(runDirection(direction, reverse || direction == 1, states, results)))
      return failure();
    for (auto [part, value] : llvm::zip_equal(parts, results)) {
      int64_t axis = &part == &parts[0] ? 1 : 0;
      part.push_back(n.make<UnsqueezeOp>(value, g.attr("axes", ArrayRef<int64_t>{axis})));
    }
  }
  for (auto [i, part] : llvm::enumerate(parts)) {
    Value value = part.size() == 1 ? part[0] : n.make<ConcatOp>(part, g.attr("axis", int64_t(i == 0 ? 1 : 0)));
    if (!value)
      return failure();
    if (layout) // Y: [T, D, N, H] -> [N, T, D, H]; states: [D, N, H] -> [N, D, H]
      value = i == 0 ? g.transpose(loc, value, {2, 0, 1, 3}) : g.transpose(loc, value, {1, 0, 2});
    n.set(i, value);
  }
  return success();
}

LogicalResult lstm(Node &n) {
  Recurrence r(n);
  return failed(r.read(4, {"Sigmoid", "Tanh", "Tanh"})) ? failure() : r.run(2);
}

LogicalResult dynamicQuantizeLstm(Node &n) {
  Recurrence r(n);
  r.isQuantized = true;
  if (!n.input(8) || !n.input(10) || !n.elementType(0).isF32())
    return n.error("needs a float X and the scales of W and R");
  return failed(r.read(4, {"Sigmoid", "Tanh", "Tanh"})) ? failure() : r.run(2);
}

LogicalResult gru(Node &n) {
  Recurrence r(n);
  return failed(r.read(3, {"Sigmoid", "Tanh"})) ? failure() : r.run(1);
}

LogicalResult rnn(Node &n) {
  Recurrence r(n);
  return failed(r.read(1, {"Tanh"})) ? failure() : r.run(1);
}

const Entry entries[] = {{"LSTM", 1, lstm},
                         {"GRU", 1, gru},
                         {"RNN", 1, rnn},
                         {"DynamicQuantizeLSTM", 1, dynamicQuantizeLstm, "com.microsoft"}};

} // namespace

ArrayRef<Entry> importer::recurrentConverters() { return entries; }
