//===- ops.hpp - the operations of networks, by the names of the field --------------------------------------*- C++ -*-===//
//
// Each is a few words over Graph::add, which checks shapes and types and says what is wrong with which node; the result of one that is at fault is nothing.
// Images are [N, channels, height, width], sequences [time, N, features], and so on for other ranks. `name` is that of the node and its result.
// The functions of Python's lepton.nn are made from the declarations in this file, comments included: keep to one form.
//
//===--------------------------------------------------------------------------------------------------------------------===//

#ifndef LEPTON_FRONTEND_NATIVE_OPS_HPP
#define LEPTON_FRONTEND_NATIVE_OPS_HPP

#include "graph.hpp"

namespace lepton::nn {

/// A number for each axis; a single one stands for every axis.
struct Ints {
  Ints(int number) : numbers{number}, isOne(true) {}
  Ints(std::initializer_list<int64_t> numbers) : numbers(numbers) {}
  Ints(std::vector<int64_t> numbers) : numbers(std::move(numbers)) {}
  std::vector<int64_t> of(int64_t axes) const;

  std::vector<int64_t> numbers;
  bool isOne = false;
};

/// Elements added at the borders: a number, one for each axis, those before and then those after each axis, or "same" (as many results as there are inputs, by
/// stride) or "valid" (none).
struct Padding : Ints {
  using Ints::Ints;
  Padding(const char *mode) : Padding(std::string(mode)) {}
  Padding(std::string mode) : Ints(0), mode(std::move(mode)) {}

  std::string mode;
};

using Operands = std::vector<Operand>;
using Values = std::vector<Value>;
/// Makes the body of a loop or branch from its arguments; returns its results.
using Build = std::function<Values(const Values &)>;

// ---- any operator ------------------------------------------------------------------------------------------------------

/// The operator of ONNX of this name (`domain::Name` outside of its own domain), with the standard's operands and attributes; its first result.
Value op(std::string type, Operands operands, std::vector<Attribute> attributes = {}, At name = {});

/// A side of `a + b`, with the line that it stands in.
struct Term {
  template <typename T, typename = std::enable_if_t<std::is_convertible_v<T, Operand>>>
  Term(T operand, const char *file = __builtin_FILE(), int line = __builtin_LINE())
      : operand(std::move(operand)), at("", file, line) {}

  Operand operand;
  At at;
};
Value operator+(Term a, Term b);
Value operator-(Term a, Term b);
Value operator*(Term a, Term b);
Value operator/(Term a, Term b);
Value operator-(Term x);

// ---- convolutions and pooling ------------------------------------------------------------------------------------------

/// Convolution of x[N, C, W] with weight[O, C / groups, K] and bias[O].
Value conv1d(Operand x, Operand weight, Operand bias = {}, Ints stride = 1, Padding padding = 0, Ints dilation = 1,
             int64_t groups = 1, At name = {});
/// Convolution of x[N, C, H, W] with weight[O, C / groups, KH, KW] and bias[O].
Value conv2d(Operand x, Operand weight, Operand bias = {}, Ints stride = 1, Padding padding = 0, Ints dilation = 1,
             int64_t groups = 1, At name = {});
/// Convolution of x[N, C, D, H, W] with weight[O, C / groups, KD, KH, KW] and bias[O].
Value conv3d(Operand x, Operand weight, Operand bias = {}, Ints stride = 1, Padding padding = 0, Ints dilation = 1,
             int64_t groups = 1, At name = {});
/// Transposed convolution of x[N, C, ...] of any rank with weight[C, O / groups, ...] and bias[O].
Value conv_transpose(Operand x, Operand weight, Operand bias = {}, Ints stride = 1, Padding padding = 0,
                     Ints output_padding = 0, Ints dilation = 1, int64_t groups = 1, At name = {});
/// The largest element of each window of x[N, C, ...]; stride 0: the size of the window.
Value max_pool(Operand x, Ints window, Ints stride = 0, Padding padding = 0, Ints dilation = 1, bool ceil_mode = false,
               At name = {});
/// The mean of each window of x[N, C, ...]; stride 0: the size of the window.
Value average_pool(Operand x, Ints window, Ints stride = 0, Padding padding = 0, bool ceil_mode = false,
                   bool count_padding = false, At name = {});
/// The mean of each channel of x[N, C, ...]: [N, C, 1, ...].
Value global_average_pool(Operand x, At name = {});
/// The largest element of each channel of x[N, C, ...]: [N, C, 1, ...].
Value global_max_pool(Operand x, At name = {});

// ---- products ----------------------------------------------------------------------------------------------------------

/// x[..., I] times the transpose of weight[O, I], plus bias[O].
Value linear(Operand x, Operand weight, Operand bias = {}, At name = {});
/// The matrix product of the last two dimensions; those before them broadcast.
Value matmul(Operand a, Operand b, At name = {});
/// Einstein's sum: "bij,bjk->bik".
Value einsum(std::string equation, Operands operands, At name = {});
/// Rows of table[V, E] by indices[...]: [..., E].
Value embedding(Operand indices, Operand table, At name = {});

// ---- recurrent layers --------------------------------------------------------------------------------------------------

/// LSTM over x[T, N, I]. weight[D, 4H, I] and recurrence[D, 4H, H] hold the gates input, output, forget, cell, bias[D, 8H] those of both; D is 2 for the
/// direction "bidirectional", 1 for "forward" and "reverse". Results: all states [T, N, D * H], the last [D, N, H], the last cell [D, N, H].
Values lstm(Operand x, Operand weight, Operand recurrence, Operand bias = {}, Operand initial_state = {},
            Operand initial_cell = {}, std::string direction = "forward", At name = {});
/// GRU over x[T, N, I], with weight[D, 3H, I] and recurrence[D, 3H, H] of the gates update, reset, hidden, bias[D, 6H]; reset_after: the reset gate comes after
/// the product, as in PyTorch and Keras. Results: all states [T, N, D * H], the last [D, N, H].
Values gru(Operand x, Operand weight, Operand recurrence, Operand bias = {}, Operand initial_state = {},
           bool reset_after = true, std::string direction = "forward", At name = {});
/// Recurrent layer with tanh over x[T, N, I], with weight[D, H, I], recurrence[D, H, H], bias[D, 2H]. Results: all states [T, N, D * H], the last [D, N, H].
Values rnn(Operand x, Operand weight, Operand recurrence, Operand bias = {}, Operand initial_state = {},
           std::string direction = "forward", At name = {});

// ---- attention and normalization ---------------------------------------------------------------------------------------

/// Scaled dot-product attention: query[N, heads, L, E], key[N, kv_heads, S, E], value[N, kv_heads, S, V], mask of booleans or numbers to be added,
/// [..., L, S]; scale 0: 1 / sqrt(E). Where `heads` is given, operands are [N, L, heads * E].
Value attention(Operand query, Operand key, Operand value, Operand mask = {}, bool causal = false, double scale = 0,
                int64_t heads = 0, int64_t kv_heads = 0, At name = {});
/// Batch normalization of x[N, C, ...] by the statistics of the training, each [C].
Value batch_norm(Operand x, Operand scale, Operand bias, Operand mean, Operand variance, double epsilon = 1e-5,
                 At name = {});
/// Normalization over the dimensions from `axis` on.
Value layer_norm(Operand x, Operand scale, Operand bias = {}, int64_t axis = -1, double epsilon = 1e-5, At name = {});
/// Division by the root of the mean square over the dimensions from `axis` on.
Value rms_norm(Operand x, Operand scale, int64_t axis = -1, double epsilon = 1e-5, At name = {});
/// Normalization of each channel of x[N, C, ...], with scale[C] and bias[C].
Value instance_norm(Operand x, Operand scale, Operand bias, double epsilon = 1e-5, At name = {});
/// Normalization of groups of channels of x[N, C, ...], with scale[C] and bias[C].
Value group_norm(Operand x, int64_t groups, Operand scale, Operand bias, double epsilon = 1e-5, At name = {});

// ---- activations -------------------------------------------------------------------------------------------------------

/// max(x, 0).
Value relu(Operand x, At name = {});
/// min(max(x, 0), 6).
Value relu6(Operand x, At name = {});
/// x, or slope * x where it is negative.
Value leaky_relu(Operand x, double slope = 0.01, At name = {});
/// x, or slope * x where it is negative; slopes broadcast to x from the right.
Value prelu(Operand x, Operand slope, At name = {});
/// x, or alpha * (exp(x) - 1) where it is negative.
Value elu(Operand x, double alpha = 1, At name = {});
/// The scaled exponential linear unit.
Value selu(Operand x, At name = {});
/// x * P(X <= x) of a normal X; approximate "none" or "tanh".
Value gelu(Operand x, std::string approximate = "none", At name = {});
/// x * sigmoid(x), also called swish.
Value silu(Operand x, At name = {});
/// x * tanh(softplus(x)).
Value mish(Operand x, At name = {});
/// 1 / (1 + exp(-x)).
Value sigmoid(Operand x, At name = {});
/// max(0, min(1, alpha * x + beta)).
Value hard_sigmoid(Operand x, double alpha = 0.2, double beta = 0.5, At name = {});
/// x * max(0, min(1, x / 6 + 0.5)).
Value hard_swish(Operand x, At name = {});
/// The hyperbolic tangent.
Value tanh(Operand x, At name = {});
/// log(1 + exp(x)).
Value softplus(Operand x, At name = {});
/// exp(x) over its sum along an axis.
Value softmax(Operand x, int64_t axis = -1, At name = {});
/// log(softmax(x)).
Value log_softmax(Operand x, int64_t axis = -1, At name = {});

// ---- element by element ------------------------------------------------------------------------------------------------

/// a + b, broadcast to each other as all binary operations.
Value add(Operand a, Operand b, At name = {});
/// a - b.
Value sub(Operand a, Operand b, At name = {});
/// a * b.
Value mul(Operand a, Operand b, At name = {});
/// a / b; of integers, towards zero.
Value div(Operand a, Operand b, At name = {});
/// a to the power of b.
Value pow(Operand a, Operand b, At name = {});
/// The smaller of a and b.
Value minimum(Operand a, Operand b, At name = {});
/// The larger of a and b.
Value maximum(Operand a, Operand b, At name = {});
/// -x.
Value neg(Operand x, At name = {});
/// |x|.
Value abs(Operand x, At name = {});
/// exp(x).
Value exp(Operand x, At name = {});
/// The natural logarithm.
Value log(Operand x, At name = {});
/// The square root.
Value sqrt(Operand x, At name = {});
/// The error function.
Value erf(Operand x, At name = {});
/// min(max(x, minimum), maximum); either bound may be left out.
Value clip(Operand x, Operand minimum = {}, Operand maximum = {}, At name = {});
/// a where the condition holds, b elsewhere.
Value where(Operand condition, Operand a, Operand b, At name = {});
/// a == b, as booleans.
Value equal(Operand a, Operand b, At name = {});
/// a < b, as booleans.
Value less(Operand a, Operand b, At name = {});
/// a > b, as booleans.
Value greater(Operand a, Operand b, At name = {});
/// x as elements of another type, a lepton_dtype.
Value cast(Operand x, Dtype dtype, At name = {});

// ---- reductions --------------------------------------------------------------------------------------------------------

/// The sum over axes; no axes: over all.
Value reduce_sum(Operand x, std::vector<int64_t> axes = {}, bool keepdims = false, At name = {});
/// The mean over axes; no axes: over all.
Value reduce_mean(Operand x, std::vector<int64_t> axes = {}, bool keepdims = false, At name = {});
/// The largest element over axes; no axes: over all.
Value reduce_max(Operand x, std::vector<int64_t> axes = {}, bool keepdims = false, At name = {});
/// The smallest element over axes; no axes: over all.
Value reduce_min(Operand x, std::vector<int64_t> axes = {}, bool keepdims = false, At name = {});
/// The root of the sum of squares over axes; no axes: over all.
Value reduce_l2(Operand x, std::vector<int64_t> axes = {}, bool keepdims = false, At name = {});
/// The place of the largest element along an axis, of int64.
Value argmax(Operand x, int64_t axis = -1, bool keepdims = false, At name = {});
/// The `count` largest elements along an axis, in falling order, and their places, of int64.
Values top_k(Operand x, Operand count, int64_t axis = -1, At name = {});

// ---- shapes and places -------------------------------------------------------------------------------------------------

/// x in another shape; a 0 keeps a dimension, one -1 is what remains.
Value reshape(Operand x, std::vector<int64_t> shape, At name = {});
/// x as a matrix: the dimensions before `axis`, and those from it on.
Value flatten(Operand x, int64_t axis = 1, At name = {});
/// x with its dimensions in another order; no order: reversed.
Value transpose(Operand x, std::vector<int64_t> order = {}, At name = {});
/// x without these dimensions of size 1; no axes: without all of them.
Value squeeze(Operand x, std::vector<int64_t> axes = {}, At name = {});
/// x with dimensions of size 1 at these places of the result.
Value unsqueeze(Operand x, std::vector<int64_t> axes, At name = {});
/// Values one after the other along an axis.
Value concat(Operands values, int64_t axis, At name = {});
/// Parts of these sizes along an axis.
Values split(Operand x, std::vector<int64_t> sizes, int64_t axis = 0, At name = {});
/// x[starts:ends:steps] along axes, as Python counts; no axes: the first ones, no steps: 1.
Value slice(Operand x, std::vector<int64_t> starts, std::vector<int64_t> ends, std::vector<int64_t> axes = {},
            std::vector<int64_t> steps = {}, At name = {});
/// Slices of x along an axis, by indices of any shape, which takes the place of the axis.
Value gather(Operand x, Operand indices, int64_t axis = 0, At name = {});
/// x with elements added: those before and then those after each dimension; mode "constant", "reflect", "edge" or "wrap".
Value pad(Operand x, std::vector<int64_t> padding, std::string mode = "constant", Operand value = {}, At name = {});
/// x broadcast to a shape.
Value expand(Operand x, std::vector<int64_t> shape, At name = {});
/// x repeated, so often along each dimension.
Value tile(Operand x, std::vector<int64_t> repeats, At name = {});
/// x[N, C * factor^2, H, W] as [N, C, H * factor, W * factor].
Value pixel_shuffle(Operand x, int64_t factor, At name = {});
/// x[N, C, H * factor, W * factor] as [N, C * factor^2, H, W].
Value space_to_depth(Operand x, int64_t factor, At name = {});
/// x[N, C, ...] at another size, given by a scale for each dimension after the second, or by their sizes. mode "nearest", "linear" or "cubic"; coordinates
/// "half_pixel", "asymmetric", "align_corners" or another of ONNX's.
Value resize(Operand x, std::vector<double> scales = {}, std::vector<int64_t> sizes = {}, std::string mode = "nearest",
             std::string coordinates = "half_pixel", std::string rounding = "round_prefer_floor", At name = {});

// ---- branches and loops ------------------------------------------------------------------------------------------------

/// The results of one of two functions without arguments, which may use all values around them.
Values if_else(Operand condition, Build then, Build otherwise, At name = {});
/// Calls body(i, states...) `count` times, which returns the next states, and values of which all are stacked along a new first dimension. Results: the last
/// states, the stacks.
Values loop(Operand count, Operands states, Build body, At name = {});
/// Calls body(states...), which returns a condition and the next states, as long as the condition holds. Results: the last states.
Values while_loop(Operand condition, Operands states, Build body, At name = {});
/// Calls body(states..., slices...) for each slice of the sequences along their first dimension; returns the next states, and values that are stacked.
/// Results: the last states, the stacks.
Values scan(Operands states, Operands sequences, Build body, At name = {});

} // namespace lepton::nn

#endif // LEPTON_FRONTEND_NATIVE_OPS_HPP
