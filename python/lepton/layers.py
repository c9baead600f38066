"""Stacks of layers, by the names and defaults of Keras, for channels first: images are [N, channels, height, width], sequences [N, time, features]."""
import os

import numpy as np

from . import _lepton

_nn = _lepton.nn

__all__ = [
    "Activation", "AveragePool2D", "BatchNormalization", "Conv1D", "Conv2D", "Conv2DTranspose", "Dense", "DepthwiseConv2D", "Embedding", "Flatten",
    "GRU", "GlobalAveragePool2D", "GlobalMaxPool2D", "LSTM", "LayerNormalization", "MaxPool2D", "PReLU", "Reshape", "Sequential", "UpSampling2D",
]

ACTIVATIONS = {
    name: getattr(_nn, name)
    for name in ("relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "mish", "sigmoid", "hard_sigmoid", "hard_swish", "tanh", "softplus", "softmax",
                 "log_softmax")
}


def _activated(value, activation, name=""):
    if activation is None:
        return value
    if callable(activation):
        return activation(value)
    if activation not in ACTIVATIONS:
        raise ValueError(f"there is no activation '{activation}'; there are {', '.join(sorted(ACTIVATIONS))}, or give a function")
    return ACTIVATIONS[activation](value, name=name)


def _pair(size, axes=2):
    return [int(size)] * axes if np.ndim(size) == 0 else [int(part) for part in size]


class Weights:
    """Where a model's weights come from: by their names from a dict or a file of NumPy, or drawn from a seed.

    Names are `layer.weight`, such as "dense_1.kernel". What is drawn is as Keras does it: Glorot's uniform distribution, zeros for biases.
    """

    def __init__(self, source, seed):
        self.given = None
        if isinstance(source, (str, os.PathLike)):
            self.given = dict(np.load(source))
        elif source is not None:
            self.given = dict(source)
        self.random = np.random.default_rng(seed)
        self.arrays = {}

    def take(self, layer, name, shape, fans=None, value=None, given=None):
        """The array of a weight; fans: (in, out) where it is drawn, otherwise it is filled with `value`; given: the layer's own array."""
        key = f"{layer}.{name}"
        if given is not None:
            array = given if isinstance(given, np.ndarray) else np.load(given)
        elif self.given is not None:
            if key not in self.given:
                raise ValueError(f"the weights have no '{key}'; they have {', '.join(self.given)}")
            array = self.given.pop(key)
        elif fans:
            limit = np.sqrt(6 / sum(fans))
            array = self.random.uniform(-limit, limit, shape)
        else:
            array = np.full(shape, value)
        if array.shape != tuple(shape):
            raise ValueError(f"'{key}' has the shape {list(array.shape)}, expected {list(shape)}")
        self.arrays[key] = np.ascontiguousarray(array, np.float32)
        return self.arrays[key]

    def finish(self):
        """Raises ValueError when weights that were given are left over."""
        if self.given:
            raise ValueError(f"no layer takes the weights {', '.join(self.given)}")


class Layer:
    """A layer: `apply(x, weights, name)` adds its operations. kernel, bias, ...: an array or a .npy file for a weight of its own."""

    def __init__(self, name=None, **arrays):
        self.name, self.arrays = name, arrays

    def weight(self, weights, name, what, shape, **source):
        return weights.take(name, what, shape, given=self.arrays.get(what), **source)


class Activation(Layer):
    """A function of each element, by name ("relu") or as a function of a value."""

    def __init__(self, activation, name=None):
        super().__init__(name)
        self.activation = activation

    def apply(self, x, weights, name):
        return _activated(x, self.activation, name)


class PReLU(Layer):
    """x, or a learned slope of each channel times x where it is negative. Weight: alpha[C, 1, ...]."""

    def apply(self, x, weights, name):
        alpha = self.weight(weights, name, "alpha", [x.shape[1]] + [1] * (len(x.shape) - 2), value=0.25)
        return _nn.prelu(x, alpha, name=name)


class Conv(Layer):
    """filters outputs, kernel_size and strides numbers or one per axis; padding "valid", "same", or elements at each border.

    Weights: kernel[filters, C / groups, ...], bias[filters].
    """

    axes = 2

    def __init__(self, filters, kernel_size, strides=1, padding="valid", dilation_rate=1, groups=1, activation=None, use_bias=True, name=None, **arrays):
        super().__init__(name, **arrays)
        self.filters, self.size, self.groups = filters, _pair(kernel_size, self.axes), groups
        self.options = {"stride": strides, "padding": padding, "dilation": dilation_rate}
        self.activation, self.use_bias = activation, use_bias

    def apply(self, x, weights, name):
        area, channels = int(np.prod(self.size)), x.shape[1] // self.groups
        shape = [self.filters, channels, *self.size]
        kernel = self.weight(weights, name, "kernel", shape, fans=(channels * area, self.filters * area))
        bias = self.weight(weights, name, "bias", [self.filters], value=0) if self.use_bias else None
        function = _nn.conv2d if self.axes == 2 else _nn.conv1d
        return _activated(function(x, kernel, bias, groups=self.groups, **self.options, name=name), self.activation)


class Conv1D(Conv):
    __doc__ = Conv.__doc__
    axes = 1


class Conv2D(Conv):
    __doc__ = Conv.__doc__


class DepthwiseConv2D(Conv):
    """A convolution of each channel by itself. Weights: kernel[C, 1, KH, KW], bias[C]."""

    def __init__(self, kernel_size, **options):
        super().__init__(0, kernel_size, **options)

    def apply(self, x, weights, name):
        self.filters = self.groups = x.shape[1]
        return super().apply(x, weights, name)


class Conv2DTranspose(Conv):
    """A transposed convolution. Weights: kernel[C, filters / groups, KH, KW], bias[filters]."""

    def apply(self, x, weights, name):
        area, filters = int(np.prod(self.size)), self.filters // self.groups
        kernel = self.weight(weights, name, "kernel", [x.shape[1], filters, *self.size], fans=(x.shape[1] * area, filters * area))
        bias = self.weight(weights, name, "bias", [self.filters], value=0) if self.use_bias else None
        return _activated(_nn.conv_transpose(x, kernel, bias, groups=self.groups, **self.options, name=name), self.activation)


class MaxPool2D(Layer):
    """The largest element of each window; strides None: the size of the window."""

    function = staticmethod(_nn.max_pool)

    def __init__(self, pool_size=2, strides=None, padding="valid", name=None):
        super().__init__(name)
        self.size, self.options = _pair(pool_size), {"stride": strides or 0, "padding": padding}

    def apply(self, x, weights, name):
        return self.function(x, self.size, **self.options, name=name)


class AveragePool2D(MaxPool2D):
    """The mean of each window; strides None: the size of the window."""

    function = staticmethod(_nn.average_pool)


class GlobalAveragePool2D(Layer):
    """The mean of each channel: [N, C]."""

    function = staticmethod(_nn.reduce_mean)

    def apply(self, x, weights, name):
        return self.function(x, [2, 3], name=name)


class GlobalMaxPool2D(GlobalAveragePool2D):
    """The largest element of each channel: [N, C]."""

    function = staticmethod(_nn.reduce_max)


class Flatten(Layer):
    """[N, ...] as [N, elements]."""

    def apply(self, x, weights, name):
        return _nn.flatten(x, name=name)


class Reshape(Layer):
    """Another shape of all dimensions but the batch's; one may be -1."""

    def __init__(self, target_shape, name=None):
        super().__init__(name)
        self.shape = list(target_shape)

    def apply(self, x, weights, name):
        return _nn.reshape(x, [0, *self.shape], name=name)


class UpSampling2D(Layer):
    """An image of `size` times as many pixels; interpolation "nearest" or "bilinear"."""

    def __init__(self, size=2, interpolation="nearest", name=None):
        super().__init__(name)
        self.size, self.mode = _pair(size), {"nearest": "nearest", "bilinear": "linear"}[interpolation]

    def apply(self, x, weights, name):
        return _nn.resize(x, self.size, mode=self.mode, name=name)


class Dense(Layer):
    """units outputs of all features. Weights: kernel[units, features], bias[units]."""

    def __init__(self, units, activation=None, use_bias=True, name=None, **arrays):
        super().__init__(name, **arrays)
        self.units, self.activation, self.use_bias = units, activation, use_bias

    def apply(self, x, weights, name):
        features = x.shape[-1]
        kernel = self.weight(weights, name, "kernel", [self.units, features], fans=(features, self.units))
        bias = self.weight(weights, name, "bias", [self.units], value=0) if self.use_bias else None
        return _activated(_nn.linear(x, kernel, bias, name=name), self.activation)


class Embedding(Layer):
    """A vector of output_dim numbers for each integer below input_dim. Weight: embeddings[input_dim, output_dim]."""

    def __init__(self, input_dim, output_dim, name=None, **arrays):
        super().__init__(name, **arrays)
        self.shape = [input_dim, output_dim]

    def apply(self, x, weights, name):
        return _nn.embedding(x, self.weight(weights, name, "embeddings", self.shape, fans=self.shape), name=name)


class BatchNormalization(Layer):
    """By the statistics of the training. Weights: gamma, beta, moving_mean and moving_variance, each [C]."""

    def __init__(self, epsilon=1e-3, name=None, **arrays):
        super().__init__(name, **arrays)
        self.epsilon = epsilon

    def apply(self, x, weights, name):
        values = {"gamma": 1, "beta": 0, "moving_mean": 0, "moving_variance": 1}
        arrays = [self.weight(weights, name, what, [x.shape[1]], value=value) for what, value in values.items()]
        return _nn.batch_norm(x, *arrays, epsilon=self.epsilon, name=name)


class LayerNormalization(Layer):
    """Over the last dimension. Weights: gamma, beta, each [features]."""

    def __init__(self, epsilon=1e-3, name=None, **arrays):
        super().__init__(name, **arrays)
        self.epsilon = epsilon

    def apply(self, x, weights, name):
        gamma, beta = (self.weight(weights, name, what, [x.shape[-1]], value=value) for what, value in (("gamma", 1), ("beta", 0)))
        return _nn.layer_norm(x, gamma, beta, epsilon=self.epsilon, name=name)


class LSTM(Layer):
    """Over [N, time, features]: the last state [N, units], or all of them [N, time, units] with return_sequences.

    Weights, of the gates input, output, forget, cell: kernel[4 units, features], recurrent_kernel[4 units, units], bias[8 units] (of both).
    """

    gates, function = 4, staticmethod(_nn.lstm)

    def __init__(self, units, return_sequences=False, name=None, **arrays):
        super().__init__(name, **arrays)
        self.units, self.return_sequences = units, return_sequences

    def apply(self, x, weights, name):
        features, rows = x.shape[-1], self.gates * self.units
        kernel = self.weight(weights, name, "kernel", [rows, features], fans=(features, rows))
        recurrent = self.weight(weights, name, "recurrent_kernel", [rows, self.units], fans=(self.units, rows))
        bias = self.weight(weights, name, "bias", [2 * rows], value=0)
        states, last, *_ = self.function(_nn.transpose(x, [1, 0, 2]), kernel[None], recurrent[None], bias[None], name=f"{name}.states")
        return _nn.transpose(states, [1, 0, 2], name=name) if self.return_sequences else _nn.squeeze(last, [0], name=name)


class GRU(LSTM):
    """Over [N, time, features]: the last state [N, units], or all of them [N, time, units] with return_sequences.

    Weights, of the gates update, reset, hidden: kernel[3 units, features], recurrent_kernel[3 units, units], bias[6 units] (of both).
    """

    gates, function = 3, staticmethod(_nn.gru)


class Sequential:
    """Layers one after the other.

    weights: {"layer.weight": array} or a .npz file of them; None: drawn from `seed`.
    """

    def __init__(self, layers, weights=None, seed=0, name="sequential"):
        self.layers, self.source, self.seed, self.name = list(layers), weights, seed, name
        self.weights = {}

    def __call__(self, x):
        """The layers applied to a value of a graph; `weights` has the arrays afterwards, as numpy.savez(file, **weights) takes them.

        A layer without a name is called after its class and its place among such, "conv2d_1".
        """
        weights, counts = Weights(self.source, self.seed), {}
        for layer in self.layers:
            kind = type(layer).__name__.lower()
            counts[kind] = counts.get(kind, 0) + 1
            x = layer.apply(x, weights, layer.name or f"{kind}_{counts[kind]}")
        weights.finish()
        self.weights = weights.arrays
        return x

    def graph(self, input_shape, dtype="float32", batch="N", opset=23):
        """The graph of the layers for inputs of [batch, *input_shape]: input "input", output "output"."""
        graph = _nn.Graph(self.name, opset)
        graph.output("output", self(graph.input("input", dtype, [batch, *input_shape])))
        return graph
