"""Builds networks layer by layer: float32, sizes known, weights random and so scaled that activations stay near 1 in deep networks."""

from collections import namedtuple

import numpy as np

from lepton import nn

OPSET = 18  # which all peers read
Value = namedtuple("Value", "value channels")  # channels: size of the dimension that layers mix


def spread(kernel, rank):
    return (kernel,) * rank if isinstance(kernel, int) else tuple(kernel)


class Graph:
    def __init__(self, name, shape, channels=None):
        """A model of one input `x` of this shape; `channels` is the size of the dimension that its layers mix (the second one)."""
        self.graph = nn.Graph(name, OPSET)
        self.random = np.random.default_rng(len(name))
        self.x = self.input("x", shape, channels)

    def input(self, name, shape, channels=None):
        return Value(self.graph.input(name, "float32", shape), channels or shape[min(1, len(shape) - 1)])

    def constant(self, array):
        return self.graph.constant(array)

    def integers(self, *values):
        return self.constant(np.array(values, np.int64))

    def number(self, value):
        return self.constant(np.float32(value))

    def normal(self, *shape, variance=1.0, mean=0.0):
        return self.constant((mean + self.random.standard_normal(shape) * variance**0.5).astype(np.float32))

    def uniform(self, *shape, low, high):
        return self.constant(self.random.uniform(low, high, shape).astype(np.float32))

    # ---- any op ------------------------------------------------------------------------------------------------------

    def op(self, kind, *inputs, channels=None, **attributes):
        """A node of one result; it has the channels of the first operand unless they are given. Operands are values or constants."""
        operands = [value.value if isinstance(value, Value) else value for value in inputs]
        return Value(nn.op(kind, *operands, **attributes), channels or inputs[0].channels)

    # ---- layers ------------------------------------------------------------------------------------------------------

    def conv(self, x, outputs, kernel=3, stride=1, group=1, pad=None, dilation=1, gain=2.0, rank=2):
        """A convolution with a bias that keeps the image's size where the stride is 1, unless a padding is given; `gain` is the variance of its results for
        inputs of variance 1."""
        kernel = spread(kernel, rank)
        pads = [dilation * (k - 1) // 2 for k in kernel] if pad is None else list(spread(pad, rank))
        fan = x.channels // group * int(np.prod(kernel))
        filters = self.normal(outputs, x.channels // group, *kernel, variance=gain / fan)
        attributes = dict(kernel_shape=kernel, strides=spread(stride, rank), pads=pads * 2, group=group, dilations=spread(dilation, rank))
        return self.op("Conv", x, filters, self.normal(outputs, variance=0.01), channels=outputs, **attributes)

    def conv_transpose(self, x, outputs, kernel, stride, pad=0, output_pad=0, gain=2.0, rank=2):
        kernel, strides = spread(kernel, rank), spread(stride, rank)
        fan = max(1, x.channels * int(np.prod(kernel)) // int(np.prod(strides)))
        filters = self.normal(x.channels, outputs, *kernel, variance=gain / fan)
        attributes = dict(kernel_shape=kernel, strides=strides, pads=[pad] * 2 * rank, output_padding=[output_pad] * rank)
        return self.op("ConvTranspose", x, filters, self.normal(outputs, variance=0.01), channels=outputs, **attributes)

    def norm(self, x, kind="BatchNormalization"):
        scale, bias = self.uniform(x.channels, low=0.7, high=1.3), self.normal(x.channels, variance=0.01)
        statistics = [self.normal(x.channels, variance=0.01), self.uniform(x.channels, low=0.8, high=1.25)] if kind == "BatchNormalization" else []
        return self.op(kind, x, scale, bias, *statistics, epsilon=1e-5)

    def linear(self, x, outputs, gain=1.0):
        """x w + b for rows of any rank."""
        product = self.op("MatMul", x, self.normal(x.channels, outputs, variance=gain / x.channels), channels=outputs)
        return self.op("Add", product, self.normal(outputs, variance=0.01))

    def dense(self, x, outputs, gain=1.0):
        """The same for a matrix, as exporters write it."""
        return self.op("Gemm", x, self.normal(outputs, x.channels, variance=gain / x.channels), self.normal(outputs, variance=0.01), channels=outputs, transB=1)

    def relu(self, x):
        return self.op("Relu", x)

    def relu6(self, x):
        return self.op("Clip", x, self.number(0), self.number(6))

    def silu(self, x):
        return self.op("Mul", x, self.op("Sigmoid", x))

    def leaky(self, x, slope):
        return self.op("LeakyRelu", x, alpha=slope)

    def prelu(self, x):
        return self.op("PRelu", x, self.uniform(1, 1, 1, low=0.1, high=0.3))

    def add(self, x, y):
        return self.op("Add", x, y)

    def scaled(self, x, factor):
        return self.op("Mul", x, self.number(factor))

    def concat(self, *values, axis=1):
        return self.op("Concat", *values, axis=axis, channels=sum(value.channels for value in values))

    def split(self, x, *sizes, axis=1):
        return [Value(part, size) for part, size in zip(nn.split(x.value, sizes, axis), sizes)]

    def max_pool(self, x, kernel, stride=None, pad=0):
        kernel, stride, pad = spread(kernel, 2), spread(stride or kernel, 2), spread(pad, 2)
        return self.op("MaxPool", x, kernel_shape=kernel, strides=stride, pads=pad * 2)

    def global_pool(self, x):
        return self.op("GlobalAveragePool", x)

    def flatten(self, x, channels=None):
        return self.op("Flatten", x, axis=1, channels=channels)

    def reshape(self, x, *shape, channels=None):
        return self.op("Reshape", x, self.integers(*shape), channels=channels)

    def transpose(self, x, *order, channels=None):
        return self.op("Transpose", x, perm=order, channels=channels)

    def double(self, x, mode="nearest"):
        """Twice the height and the width."""
        attributes = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"} if mode == "nearest" else {"coordinate_transformation_mode": "half_pixel"}
        return self.op("Resize", x, None, self.constant(np.array([1, 1, 2, 2], np.float32)), mode=mode, **attributes)

    def recurrent(self, kind, x, hidden, directions=1):
        """An LSTM or a GRU over x (steps, batch, channels): (steps, batch, directions * hidden)."""
        gates = {"LSTM": 4, "GRU": 3}[kind] * hidden
        bound = hidden**-0.5
        w, r, b = (self.uniform(directions, *shape, low=-bound, high=bound) for shape in ((gates, x.channels), (gates, hidden), (2 * gates,)))
        attributes = {"linear_before_reset": 1} if kind == "GRU" else {}
        steps = self.op(kind, x, w, r, b, channels=hidden, hidden_size=hidden, direction="bidirectional" if directions == 2 else "forward", **attributes)
        if directions == 1:
            return self.op("Squeeze", steps, self.integers(1))
        return self.reshape(self.transpose(steps, 0, 2, 1, 3), 0, 0, -1, channels=2 * hidden)

    def finish(self, *outputs):
        """The model."""
        import onnx  # which lepton bench needs for these networks alone

        for output in outputs:
            self.graph.output(output.value.name, output.value)
        return onnx.load_from_string(self.graph.onnx())
