"""Single operations that networks spend a GPU's time on, as ONNX models, with the same in PyTorch (cuBLAS, cuDNN) and Triton.

PyTorch is not needed before one of them is asked for its peer. Sizes: products of square matrices; the convolutions of ResNet-50, of one image and of 128; an LSTM; a chain of elementwise operations.
"""

from dataclasses import dataclass
from typing import Callable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TYPES = {"fp32": TensorProto.FLOAT, "tf32": TensorProto.FLOAT, "fp16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16}  # of tensors in memory
# channels, filters, side of the window, stride, side of the image
RESNET50 = [(3, 64, 7, 2, 224), (64, 64, 1, 1, 56), (64, 64, 3, 1, 56), (64, 256, 1, 1, 56), (256, 128, 1, 1, 56), (128, 128, 3, 2, 56), (128, 128, 3, 1, 28),
            (512, 256, 1, 1, 28), (256, 256, 3, 1, 14), (256, 1024, 1, 1, 14), (512, 512, 3, 1, 7), (2048, 512, 1, 1, 7)]  # fmt: skip


@dataclass
class Operation:
    name: str
    precision: str
    model: onnx.ModelProto
    torch: Callable  # PyTorch -> a function of the model's inputs
    flops: float = 0.0
    bytes: float = 0.0  # that it has to read and write
    triton: Callable = None  # -> a function of the model's inputs; None: no peer


def model_of(name, nodes, inputs, output, type, initializers=()):
    values = [helper.make_tensor_value_info(key, type, shape) for key, shape in inputs.items()]
    graph = helper.make_graph(nodes, name, values, [helper.make_tensor_value_info("y", type, output)], list(initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)


def product(size, precision):
    """Both factors are inputs."""
    model = model_of("product", [helper.make_node("MatMul", ["a", "b"], ["y"])], {"a": [size, size], "b": [size, size]}, [size, size], TYPES[precision])

    def triton():
        from triton_product import product

        return product

    return Operation(f"product {size}", precision, model, lambda torch: torch.matmul, 2.0 * size**3, triton=triton)


def convolution(batch, channels, filters, side, stride, pixels, precision):
    """With a ReLU; its weights are an input, as PyTorch's functions have them."""
    padding, out = side // 2, -(-pixels // stride)
    attributes = {"kernel_shape": [side, side], "strides": [stride, stride], "pads": [padding] * 4}
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], **attributes), helper.make_node("Relu", ["c"], ["y"])]
    inputs = {"x": [batch, channels, pixels, pixels], "w": [filters, channels, side, side]}
    model = model_of("convolution", nodes, inputs, [batch, filters, out, out], TYPES[precision])
    name = f"{batch}x{channels}x{pixels}x{pixels} conv {filters}x{side}x{side}/{stride}"
    flops = 2.0 * batch * filters * out * out * channels * side * side
    return Operation(name, precision, model, lambda torch: lambda x, w: torch.relu(torch.conv2d(x, w, stride=stride, padding=padding)), flops)


def lstm(steps, size, precision):
    """One layer, batch 1; ONNX has the gates in the order i, o, f, c and PyTorch i, f, c, o."""
    random = np.random.default_rng(3)
    w, r = (random.uniform(-1, 1, [4, size, size]).astype(np.float32) / np.float32(size**0.5) for _ in range(2))
    named = [numpy_helper.from_array(values.reshape(1, 4 * size, size), name) for name, values in (("w", w), ("r", r))]
    nodes = [helper.make_node("LSTM", ["x", "w", "r"], ["all"], hidden_size=size), helper.make_node("Squeeze", ["all", "direction"], ["y"])]
    named.append(numpy_helper.from_array(np.array([1]), "direction"))
    model = model_of("lstm", nodes, {"x": [steps, 1, size]}, [steps, 1, size], TYPES[precision], named)

    def peer(torch):
        layer = torch.nn.LSTM(size, size, bias=False)
        for ours, theirs in ((w, layer.weight_ih_l0), (r, layer.weight_hh_l0)):
            theirs.data = torch.from_numpy(ours[[0, 2, 3, 1]].reshape(4 * size, size))
        device = "cuda" if torch.cuda.is_available() else "cpu"
        layer = layer.to(device)
        return lambda x: layer(x)[0]

    return Operation(f"lstm {steps}x{size}", precision, model, peer, 16.0 * steps * size * size)


def elementwise(count, precision):
    """relu(a * b + c), which reads three tensors and writes one."""
    nodes = [helper.make_node("Mul", ["a", "b"], ["p"]), helper.make_node("Add", ["p", "c"], ["s"]), helper.make_node("Relu", ["s"], ["y"])]
    model = model_of("elementwise", nodes, {key: [count] for key in "abc"}, [count], TYPES[precision])
    width = 4 if TYPES[precision] == TensorProto.FLOAT else 2
    return Operation(f"elementwise {count}", precision, model, lambda torch: lambda a, b, c: torch.relu(torch.addcmul(c, a, b)), bytes=4.0 * width * count)


def operations(scale=1):
    """All of them; `scale` divides the sizes, for tests."""
    for precision in TYPES:
        for size in (512, 1024, 2048, 4096, 8192):
            if precision != "fp32" or size < 8192:
                yield product(size // scale, precision)
    for batch, precision in ((1, "fp32"), (1, "fp16"), (128, "tf32"), (128, "fp16")):
        for channels, filters, side, stride, pixels in RESNET50:
            yield convolution(max(batch // scale, 1), channels, filters, side, stride, max(pixels // scale, side), precision)
    yield lstm(max(100 // scale, 2), 256, "fp32")
    for precision in ("fp32", "fp16"):
        yield elementwise((1 << 26) // scale, precision)
