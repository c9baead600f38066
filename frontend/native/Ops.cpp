//===- Ops.cpp - the operations of networks, in terms of ONNX's operators -----------------------------------------------===//

#include "frontend/native/ops.hpp"

#include <algorithm>

using namespace lepton::nn;

/// The graph of the first operand that is of one; null where there is none.
static std::shared_ptr<State> stateOf(const Operands &operands) {
  for (const Operand &operand : operands)
    if (operand.value.graph())
      return operand.value.graph();
  return nullptr;
}

static Values emit(const char *op, const Operands &operands, const std::vector<Attribute> &attributes, int outputs,
                   const At &name) {
  auto state = stateOf(operands);
  return state ? Graph(state).add(op, operands, attributes, outputs, name) : Values(std::max(outputs, 1));
}

static Value emit(const char *op, const Operands &operands, const std::vector<Attribute> &attributes, const At &name) {
  return emit(op, operands, attributes, 1, name)[0];
}

/// The line of a call, for a node of it that is not its result.
static At unnamed(const At &at) { return At("", at.file.c_str(), at.line); }
/// The same with a name that says what the node is for.
static At part(const At &at, const char *what) {
  return At(at.name.empty() ? "" : at.name + "." + what, at.file.c_str(), at.line);
}

static Operand integers(const std::vector<int64_t> &numbers) { return Tensor::integers(numbers); }
static Operand axesOrNone(const std::vector<int64_t> &axes) { return axes.empty() ? Operand() : integers(axes); }

/// An operand as a value; an array becomes a constant.
static Value valueOf(const std::shared_ptr<State> &state, const Operand &operand, const At &at) {
  if (operand.value.graph() || !state)
    return operand.value;
  if (operand.tensor)
    return Graph(state).constant(*operand.tensor, unnamed(at));
  return Graph(state).constant(Tensor({}, {float(operand.number)}), unnamed(at));
}

static int64_t rankOf(const Operand &operand) {
  return operand.tensor ? int64_t(operand.tensor->shape.size()) : operand.value.rank();
}

Value lepton::nn::op(std::string type, Operands operands, std::vector<Attribute> attributes, At name) {
  return emit(type.c_str(), operands, attributes, name);
}

//===----------------------------------------------------------------------------------------------------------------------===//
// Convolutions and pooling
//===----------------------------------------------------------------------------------------------------------------------===//

std::vector<int64_t> Ints::of(int64_t axes) const {
  return isOne ? std::vector<int64_t>(size_t(std::max<int64_t>(axes, 0)), numbers[0]) : numbers;
}

/// The attributes of windows that slide over `axes` dimensions.
static std::vector<Attribute> window(int64_t axes, const Ints &stride, const Padding &padding, const Ints &dilation) {
  std::vector<Attribute> attributes = {{"strides", stride.of(axes)}, {"dilations", dilation.of(axes)}};
  if (!padding.mode.empty()) {
    // Another word is refused by the standard's own check of the attribute.
    attributes.push_back({"auto_pad", padding.mode == "same"    ? std::string("SAME_UPPER")
                                      : padding.mode == "valid" ? std::string("VALID")
                                                                : padding.mode});
    return attributes;
  }
  auto pads = padding.of(axes);
  if (int64_t(pads.size()) == axes) { // the same before and after
    auto before = pads;
    pads.insert(pads.end(), before.begin(), before.end());
  }
  attributes.push_back({"pads", pads});
  return attributes;
}

static Value convolution(const char *op, const Operand &x, const Operand &weight, const Operand &bias,
                         std::vector<Attribute> attributes, int64_t groups, const At &name) {
  attributes.push_back({"group", groups});
  return emit(op, {x, weight, bias}, attributes, name);
}

/// A convolution whose name says how many dimensions it has.
static Value convolution(int64_t axes, const Operand &x, const Operand &weight, const Operand &bias, const Ints &stride,
                         const Padding &padding, const Ints &dilation, int64_t groups, const At &name) {
  Value value = x.value;
  if (value && value.rank() != axes + 2)
    return Graph(value.graph())
        .fail("conv" + std::to_string(axes) + "d takes x of rank " + std::to_string(axes + 2) + ", got rank " +
                  std::to_string(value.rank()),
              name);
  return convolution("Conv", x, weight, bias, window(axes, stride, padding, dilation), groups, name);
}

Value lepton::nn::conv1d(Operand x, Operand weight, Operand bias, Ints stride, Padding padding, Ints dilation,
                         int64_t groups, At name) {
  return convolution(1, x, weight, bias, stride, padding, dilation, groups, name);
}

Value lepton::nn::conv2d(Operand x, Operand weight, Operand bias, Ints stride, Padding padding, Ints dilation,
                         int64_t groups, At name) {
  return convolution(2, x, weight, bias, stride, padding, dilation, groups, name);
}

Value lepton::nn::conv3d(Operand x, Operand weight, Operand bias, Ints stride, Padding padding, Ints dilation,
                         int64_t groups, At name) {
  return convolution(3, x, weight, bias, stride, padding, dilation, groups, name);
}

Value lepton::nn::conv_transpose(Operand x, Operand weight, Operand bias, Ints stride, Padding padding,
                                 Ints output_padding, Ints dilation, int64_t groups, At name) {
  int64_t axes = rankOf(x) - 2;
  auto attributes = window(axes, stride, padding, dilation);
  attributes.push_back({"output_padding", output_padding.of(axes)});
  return convolution("ConvTranspose", x, weight, bias, attributes, groups, name);
}

static std::vector<Attribute> poolWindow(const Operand &x, const Ints &size, const Ints &stride, const Padding &padding,
                                         const Ints &dilation, bool ceilMode) {
  int64_t axes = rankOf(x) - 2;
  bool isSize = stride.isOne && stride.numbers[0] == 0;
  auto attributes = window(axes, isSize ? size : stride, padding, dilation);
  attributes.push_back({"kernel_shape", size.of(axes)});
  attributes.push_back({"ceil_mode", int64_t(ceilMode)});
  return attributes;
}

Value lepton::nn::max_pool(Operand x, Ints size, Ints stride, Padding padding, Ints dilation, bool ceil_mode, At name) {
  return emit("MaxPool", {x}, poolWindow(x, size, stride, padding, dilation, ceil_mode), name);
}

Value lepton::nn::average_pool(Operand x, Ints size, Ints stride, Padding padding, bool ceil_mode, bool count_padding,
                               At name) {
  auto attributes = poolWindow(x, size, stride, padding, 1, ceil_mode);
  attributes.push_back({"count_include_pad", int64_t(count_padding)});
  return emit("AveragePool", {x}, attributes, name);
}

Value lepton::nn::global_average_pool(Operand x, At name) { return emit("GlobalAveragePool", {x}, {}, name); }
Value lepton::nn::global_max_pool(Operand x, At name) { return emit("GlobalMaxPool", {x}, {}, name); }

//===----------------------------------------------------------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------------------------------------------------------===//

Value lepton::nn::linear(Operand x, Operand weight, Operand bias, At name) {
  if (rankOf(x) == 2)
    return emit("Gemm", {x, weight, bias}, {{"transB", 1}}, name);
  bool hasBias = bias.value.graph() || bias.tensor;
  Value turned = emit("Transpose", {valueOf(stateOf({x, weight}), weight, name)}, {}, part(name, "weight"));
  Value product = emit("MatMul", {x, turned}, {}, hasBias ? part(name, "product") : name);
  return hasBias ? emit("Add", {product, bias}, {}, name) : product;
}

Value lepton::nn::matmul(Operand a, Operand b, At name) { return emit("MatMul", {a, b}, {}, name); }

Value lepton::nn::einsum(std::string equation, Operands operands, At name) {
  return emit("Einsum", operands, {{"equation", equation}}, name);
}

Value lepton::nn::embedding(Operand indices, Operand table, At name) {
  return emit("Gather", {table, indices}, {}, name);
}

//===----------------------------------------------------------------------------------------------------------------------===//
// Recurrent layers
//===----------------------------------------------------------------------------------------------------------------------===//

/// The states of all times as [T, N, D * H]; ONNX has [T, D, N, H].
static Values recurrence(const char *op, const Operands &operands, std::vector<Attribute> attributes, int outputs,
                         const std::string &direction, const At &name) {
  const Operand &weight = operands[2];
  auto sizes =
      weight.tensor ? std::vector<Dim>(weight.tensor->shape.begin(), weight.tensor->shape.end()) : weight.value.shape();
  attributes.push_back({"direction", direction});
  if (!sizes.empty())
    attributes.push_back({"hidden_size", sizes.back().size});
  Values results = emit(op, operands, attributes, outputs, part(name, "all"));
  if (direction != "bidirectional") {
    results[0] = emit("Squeeze", {results[0], integers({1})}, {}, name);
  } else {
    Value turned = emit("Transpose", {results[0]}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}}, part(name, "turned"));
    results[0] = emit("Reshape", {turned, integers({0, 0, -1})}, {}, name);
  }
  return results;
}

Values lepton::nn::lstm(Operand x, Operand weight, Operand recurrent, Operand bias, Operand initial_state,
                        Operand initial_cell, std::string direction, At name) {
  return recurrence("LSTM", {x, weight, recurrent, bias, {}, initial_state, initial_cell}, {}, 3, direction, name);
}

Values lepton::nn::gru(Operand x, Operand weight, Operand recurrent, Operand bias, Operand initial_state,
                       bool reset_after, std::string direction, At name) {
  return recurrence("GRU", {x, weight, recurrent, bias, {}, initial_state},
                    {{"linear_before_reset", int64_t(reset_after)}}, 2, direction, name);
}

Values lepton::nn::rnn(Operand x, Operand weight, Operand recurrent, Operand bias, Operand initial_state,
                       std::string direction, At name) {
  return recurrence("RNN", {x, weight, recurrent, bias, {}, initial_state}, {}, 2, direction, name);
}

//===----------------------------------------------------------------------------------------------------------------------===//
// Attention and normalization
//===----------------------------------------------------------------------------------------------------------------------===//

Value lepton::nn::attention(Operand query, Operand key, Operand value, Operand mask, bool causal, double scale,
                            int64_t heads, int64_t kv_heads, At name) {
  std::vector<Attribute> attributes = {{"is_causal", int64_t(causal)}};
  if (scale != 0)
    attributes.push_back({"scale", scale});
  if (heads)
    attributes.push_back({"q_num_heads", heads});
  if (heads)
    attributes.push_back({"kv_num_heads", kv_heads ? kv_heads : heads});
  return emit("Attention", {query, key, value, mask}, attributes, name);
}

Value lepton::nn::batch_norm(Operand x, Operand scale, Operand bias, Operand mean, Operand variance, double epsilon,
                             At name) {
  return emit("BatchNormalization", {x, scale, bias, mean, variance}, {{"epsilon", epsilon}}, name);
}

Value lepton::nn::layer_norm(Operand x, Operand scale, Operand bias, int64_t axis, double epsilon, At name) {
  return emit("LayerNormalization", {x, scale, bias}, {{"axis", axis}, {"epsilon", epsilon}}, name);
}

Value lepton::nn::rms_norm(Operand x, Operand scale, int64_t axis, double epsilon, At name) {
  return emit("RMSNormalization", {x, scale}, {{"axis", axis}, {"epsilon", epsilon}}, name);
}

Value lepton::nn::instance_norm(Operand x, Operand scale, Operand bias, double epsilon, At name) {
  return emit("InstanceNormalization", {x, scale, bias}, {{"epsilon", epsilon}}, name);
}

Value lepton::nn::group_norm(Operand x, int64_t groups, Operand scale, Operand bias, double epsilon, At name) {
  return emit("GroupNormalization", {x, scale, bias}, {{"num_groups", groups}, {"epsilon", epsilon}}, name);
}

//===----------------------------------------------------------------------------------------------------------------------===//
// Element by element
//===----------------------------------------------------------------------------------------------------------------------===//

Value lepton::nn::operator+(Term a, Term b) { return add(a.operand, b.operand, a.at); }
Value lepton::nn::operator-(Term a, Term b) { return sub(a.operand, b.operand, a.at); }
Value lepton::nn::operator*(Term a, Term b) { return mul(a.operand, b.operand, a.at); }
Value lepton::nn::operator/(Term a, Term b) { return div(a.operand, b.operand, a.at); }
Value lepton::nn::operator-(Term x) { return neg(x.operand, x.at); }

Value lepton::nn::relu(Operand x, At name) { return emit("Relu", {x}, {}, name); }
Value lepton::nn::relu6(Operand x, At name) { return emit("Clip", {x, 0, 6}, {}, name); }
Value lepton::nn::leaky_relu(Operand x, double slope, At name) {
  return emit("LeakyRelu", {x}, {{"alpha", slope}}, name);
}
Value lepton::nn::prelu(Operand x, Operand slope, At name) { return emit("PRelu", {x, slope}, {}, name); }
Value lepton::nn::elu(Operand x, double alpha, At name) { return emit("Elu", {x}, {{"alpha", alpha}}, name); }
Value lepton::nn::selu(Operand x, At name) { return emit("Selu", {x}, {}, name); }
Value lepton::nn::gelu(Operand x, std::string approximate, At name) {
  return emit("Gelu", {x}, {{"approximate", approximate}}, name);
}
Value lepton::nn::silu(Operand x, At name) { return mul(x, sigmoid(x, part(name, "sigmoid")), name); }
Value lepton::nn::mish(Operand x, At name) { return emit("Mish", {x}, {}, name); }
Value lepton::nn::sigmoid(Operand x, At name) { return emit("Sigmoid", {x}, {}, name); }
Value lepton::nn::hard_sigmoid(Operand x, double alpha, double beta, At name) {
  return emit("HardSigmoid", {x}, {{"alpha", alpha}, {"beta", beta}}, name);
}
Value lepton::nn::hard_swish(Operand x, At name) { return emit("HardSwish", {x}, {}, name); }
Value lepton::nn::tanh(Operand x, At name) { return emit("Tanh", {x}, {}, name); }
Value lepton::nn::softplus(Operand x, At name) { return emit("Softplus", {x}, {}, name); }
Value lepton::nn::softmax(Operand x, int64_t axis, At name) { return emit("Softmax", {x}, {{"axis", axis}}, name); }
Value lepton::nn::log_softmax(Operand x, int64_t axis, At name) {
  return emit("LogSoftmax", {x}, {{"axis", axis}}, name);
}
Value lepton::nn::add(Operand a, Operand b, At name) { return emit("Add", {a, b}, {}, name); }
Value lepton::nn::sub(Operand a, Operand b, At name) { return emit("Sub", {a, b}, {}, name); }
Value lepton::nn::mul(Operand a, Operand b, At name) { return emit("Mul", {a, b}, {}, name); }
Value lepton::nn::div(Operand a, Operand b, At name) { return emit("Div", {a, b}, {}, name); }
Value lepton::nn::pow(Operand a, Operand b, At name) { return emit("Pow", {a, b}, {}, name); }
Value lepton::nn::minimum(Operand a, Operand b, At name) { return emit("Min", {a, b}, {}, name); }
Value lepton::nn::maximum(Operand a, Operand b, At name) { return emit("Max", {a, b}, {}, name); }
Value lepton::nn::neg(Operand x, At name) { return emit("Neg", {x}, {}, name); }
Value lepton::nn::abs(Operand x, At name) { return emit("Abs", {x}, {}, name); }
Value lepton::nn::exp(Operand x, At name) { return emit("Exp", {x}, {}, name); }
Value lepton::nn::log(Operand x, At name) { return emit("Log", {x}, {}, name); }
Value lepton::nn::sqrt(Operand x, At name) { return emit("Sqrt", {x}, {}, name); }
Value lepton::nn::erf(Operand x, At name) { return emit("Erf", {x}, {}, name); }
Value lepton::nn::clip(Operand x, Operand minimum, Operand maximum, At name) {
  return emit("Clip", {x, minimum, maximum}, {}, name);
}
Value lepton::nn::where(Operand condition, Operand a, Operand b, At name) {
  return emit("Where", {condition, a, b}, {}, name);
}
Value lepton::nn::equal(Operand a, Operand b, At name) { return emit("Equal", {a, b}, {}, name); }
Value lepton::nn::less(Operand a, Operand b, At name) { return emit("Less", {a, b}, {}, name); }
Value lepton::nn::greater(Operand a, Operand b, At name) { return emit("Greater", {a, b}, {}, name); }
Value lepton::nn::cast(Operand x, Dtype dtype, At name) {
  return emit("Cast", {x}, {{"to", int64_t(dtype.number)}}, name);
}

//===----------------------------------------------------------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------------------------------------------------------===//

static Value reduction(const char *op, const Operand &x, const std::vector<int64_t> &axes, bool keepdims,
                       const At &name) {
  return emit(op, {x, axesOrNone(axes)}, {{"keepdims", int64_t(keepdims)}}, name);
}

Value lepton::nn::reduce_sum(Operand x, std::vector<int64_t> axes, bool keepdims, At name) {
  return reduction("ReduceSum", x, axes, keepdims, name);
}
Value lepton::nn::reduce_mean(Operand x, std::vector<int64_t> axes, bool keepdims, At name) {
  return reduction("ReduceMean", x, axes, keepdims, name);
}
Value lepton::nn::reduce_max(Operand x, std::vector<int64_t> axes, bool keepdims, At name) {
  return reduction("ReduceMax", x, axes, keepdims, name);
}
Value lepton::nn::reduce_min(Operand x, std::vector<int64_t> axes, bool keepdims, At name) {
  return reduction("ReduceMin", x, axes, keepdims, name);
}
Value lepton::nn::reduce_l2(Operand x, std::vector<int64_t> axes, bool keepdims, At name) {
  return reduction("ReduceL2", x, axes, keepdims, name);
}
Value lepton::nn::argmax(Operand x, int64_t axis, bool keepdims, At name) {
  return emit("ArgMax", {x}, {{"axis", axis}, {"keepdims", int64_t(keepdims)}}, name);
}
Values lepton::nn::top_k(Operand x, Operand count, int64_t axis, At name) {
  if (count.isNumber)
    count = integers({int64_t(count.number)});
  return emit("TopK", {x, count}, {{"axis", axis}}, 2, name);
}

//===----------------------------------------------------------------------------------------------------------------------===//
// Shapes and places
//===----------------------------------------------------------------------------------------------------------------------===//

Value lepton::nn::reshape(Operand x, std::vector<int64_t> shape, At name) {
  return emit("Reshape", {x, integers(shape)}, {}, name);
}
Value lepton::nn::flatten(Operand x, int64_t axis, At name) { return emit("Flatten", {x}, {{"axis", axis}}, name); }
Value lepton::nn::transpose(Operand x, std::vector<int64_t> order, At name) {
  return emit("Transpose", {x}, order.empty() ? std::vector<Attribute>() : std::vector<Attribute>{{"perm", order}},
              name);
}
Value lepton::nn::squeeze(Operand x, std::vector<int64_t> axes, At name) {
  return emit("Squeeze", {x, axesOrNone(axes)}, {}, name);
}
Value lepton::nn::unsqueeze(Operand x, std::vector<int64_t> axes, At name) {
  return emit("Unsqueeze", {x, integers(axes)}, {}, name);
}
Value lepton::nn::concat(Operands values, int64_t axis, At name) {
  return emit("Concat", values, {{"axis", axis}}, name);
}
Values lepton::nn::split(Operand x, std::vector<int64_t> sizes, int64_t axis, At name) {
  return emit("Split", {x, integers(sizes)}, {{"axis", axis}}, int(sizes.size()), name);
}
Value lepton::nn::slice(Operand x, std::vector<int64_t> starts, std::vector<int64_t> ends, std::vector<int64_t> axes,
                        std::vector<int64_t> steps, At name) {
  return emit("Slice", {x, integers(starts), integers(ends), axesOrNone(axes), axesOrNone(steps)}, {}, name);
}
Value lepton::nn::gather(Operand x, Operand indices, int64_t axis, At name) {
  return emit("Gather", {x, indices}, {{"axis", axis}}, name);
}
Value lepton::nn::pad(Operand x, std::vector<int64_t> padding, std::string mode, Operand value, At name) {
  return emit("Pad", {x, integers(padding), value}, {{"mode", mode}}, name);
}
Value lepton::nn::expand(Operand x, std::vector<int64_t> shape, At name) {
  return emit("Expand", {x, integers(shape)}, {}, name);
}
Value lepton::nn::tile(Operand x, std::vector<int64_t> repeats, At name) {
  return emit("Tile", {x, integers(repeats)}, {}, name);
}
Value lepton::nn::pixel_shuffle(Operand x, int64_t factor, At name) {
  return emit("DepthToSpace", {x}, {{"blocksize", factor}, {"mode", "CRD"}}, name);
}
Value lepton::nn::space_to_depth(Operand x, int64_t factor, At name) {
  return emit("SpaceToDepth", {x}, {{"blocksize", factor}}, name);
}

Value lepton::nn::resize(Operand x, std::vector<double> scales, std::vector<int64_t> sizes, std::string mode,
                         std::string coordinates, std::string rounding, At name) {
  std::vector<Attribute> attributes = {
      {"mode", mode}, {"coordinate_transformation_mode", coordinates}, {"nearest_mode", rounding}};
  std::vector<int64_t> axes; // those after batch and channels
  for (size_t d = 0; d < std::max(scales.size(), sizes.size()); ++d)
    axes.push_back(int64_t(d) + 2);
  attributes.push_back({"axes", axes});
  if (sizes.empty())
    return emit("Resize", {x, {}, Tensor({int64_t(scales.size())}, std::vector<float>(scales.begin(), scales.end()))},
                attributes, name);
  return emit("Resize", {x, {}, {}, integers(sizes)}, attributes, name);
}

//===----------------------------------------------------------------------------------------------------------------------===//
// Branches and loops
//===----------------------------------------------------------------------------------------------------------------------===//

static Values valuesOf(const std::shared_ptr<State> &state, const Operands &operands, const At &at) {
  Values values;
  for (const Operand &operand : operands)
    values.push_back(valueOf(state, operand, at));
  return values;
}

/// A body that also counts its results.
static std::shared_ptr<Body> counted(const std::shared_ptr<State> &state, const std::vector<Argument> &arguments,
                                     const Build &build, int &results, const At &at) {
  auto count = [&](const Values &values) {
    Values made = build(values);
    results = int(made.size());
    return made;
  };
  return Graph(state).body(arguments, count, unnamed(at));
}

static Operands joined(Operands first, const Values &rest) {
  first.insert(first.end(), rest.begin(), rest.end());
  return first;
}

Values lepton::nn::if_else(Operand condition, Build then, Build otherwise, At name) {
  auto state = stateOf({condition});
  if (!state)
    return {Value()};
  int results = 0, others = 0;
  auto yes = counted(state, {}, then, results, name), no = counted(state, {}, otherwise, others, name);
  if (results != others)
    return {Graph(state).fail("the branches of if_else return " + std::to_string(results) + " and " +
                                  std::to_string(others) + " values; return as many",
                              name)};
  return emit("If", {condition}, {{"then_branch", yes}, {"else_branch", no}}, results, name);
}

/// ONNX's Loop: its body takes the iteration and the condition, and returns the condition first.
static Values onnxLoop(const std::shared_ptr<State> &state, const Operand &count, const Operand &condition,
                       const Values &states, const Build &body, const At &name) {
  std::vector<Argument> arguments = {{LEPTON_INT64, {}}, {LEPTON_BOOL, {}}};
  arguments.insert(arguments.end(), states.begin(), states.end());
  int results = 0;
  auto inside = counted(state, arguments, body, results, name);
  return emit("Loop", joined({count, condition}, states), {{"body", inside}}, results - 1, name);
}

Values lepton::nn::loop(Operand count, Operands states, Build body, At name) {
  auto state = stateOf({count});
  if (!state)
    state = stateOf(states);
  if (!state)
    return {Value()};
  if (count.isNumber) {
    auto times = int64_t(count.number);
    count = Tensor(LEPTON_INT64, {}, &times);
  }
  auto build = [&](const Values &arguments) {
    Values passed = {arguments[0]};
    passed.insert(passed.end(), arguments.begin() + 2, arguments.end());
    Values results = body(passed);
    results.insert(results.begin(), arguments[1]);
    return results;
  };
  return onnxLoop(state, count, {}, valuesOf(state, states, name), build, name);
}

Values lepton::nn::while_loop(Operand condition, Operands states, Build body, At name) {
  auto state = stateOf({condition});
  if (!state)
    return {Value()};
  auto build = [&](const Values &arguments) { return body(Values(arguments.begin() + 2, arguments.end())); };
  return onnxLoop(state, {}, condition, valuesOf(state, states, name), build, name);
}

Values lepton::nn::scan(Operands states, Operands sequences, Build body, At name) {
  auto state = stateOf(sequences);
  if (!state)
    return {Value()};
  Values given = valuesOf(state, states, name);
  std::vector<Argument> arguments(given.begin(), given.end());
  for (const Value &sequence : valuesOf(state, sequences, name)) {
    given.push_back(sequence);
    arguments.push_back({sequence, /*isSlice=*/true});
  }
  int results = 0;
  auto inside = counted(state, arguments, body, results, name);
  return emit("Scan", joined({}, given), {{"body", inside}, {"num_scan_inputs", int64_t(sequences.size())}}, results,
              name);
}
