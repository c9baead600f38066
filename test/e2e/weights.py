"""Weights without the library that wrote them: PyTorch's checkpoints and ncnn's models, read with NumPy alone."""

import pickle
from collections import OrderedDict
from typing import NamedTuple

import numpy as np

# torch/serialization.py, _legacy_save: five pickles (these two, the machine's sizes of C types, the object, the keys of its
# storages), and then the storages in the keys' order, each behind the count of its elements.
TORCH_MAGIC, TORCH_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
STORAGE_TYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}


def rebuild_tensor(storage, offset, size, stride, requires_grad, hooks):
    """torch._utils._rebuild_tensor_v2: a tensor is a view of its storage, which is filled later."""
    count = int(np.prod(size, dtype=np.int64))
    tensor = storage[offset : offset + count].reshape(size)
    if tuple(step * tensor.itemsize for step in stride) != tensor.strides:
        raise ValueError(f"a tensor of sizes {size} has the strides {stride}; only whole rows in order are read")
    return tensor


class TorchUnpickler(pickle.Unpickler):
    """Makes arrays, and nothing else: a pickle may name any function of Python, of which these few are let through."""

    def __init__(self, file):
        super().__init__(file)
        self.storages = {}

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return rebuild_tensor
        if module == "torch" and name in STORAGE_TYPES:
            return np.dtype(STORAGE_TYPES[name])
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a tensor")

    def persistent_load(self, saved):
        kind, dtype, key, _device, count, view = saved
        if kind != "storage" or view is not None:
            raise pickle.UnpicklingError(f"{saved} is not a whole storage")
        return self.storages.setdefault(key, np.empty(count, dtype))


def read_torch(path):
    """The object of a checkpoint as torch.save wrote it before PyTorch 1.6, with arrays for tensors.

    Raises pickle.UnpicklingError for anything but dictionaries, numbers and contiguous tensors of float and long.
    """
    with open(path, "rb") as file:
        magic, protocol, _sizes = (TorchUnpickler(file).load() for _ in range(3))
        if (magic, protocol) != (TORCH_MAGIC, TORCH_PROTOCOL):
            raise ValueError(f"{path} is no checkpoint of PyTorch's first format")
        unpickler = TorchUnpickler(file)
        result = unpickler.load()
        for key in TorchUnpickler(file).load():
            storage = unpickler.storages[key]
            if int.from_bytes(file.read(8), "little") != storage.size:
                raise ValueError(f"{path}: storage {key} has another size than its tensors")
            storage[:] = np.frombuffer(file.read(storage.nbytes), storage.dtype)
        if file.read(1):
            raise ValueError(f"{path} goes on after its last storage")
    return result


class Layer(NamedTuple):
    """A line of an ncnn model; parameters are numbered, as in ncnn's docs/developer-guide/operators.md."""

    kind: str
    name: str
    inputs: list
    outputs: list
    parameters: dict


def read_ncnn_layers(path):
    """The layers of a .param file, in order; one that only hands its input on (Split) gives its outputs the input's name."""
    magic, counts, *lines = path.read_text().splitlines()
    if magic != "7767517" or int(counts.split()[0]) != len(lines):
        raise ValueError(f"{path} is not a whole ncnn model")
    layers, names = [], {}
    for line in lines:
        kind, name, inputs, outputs, *rest = line.split()
        blobs, parameters = rest[: int(inputs) + int(outputs)], rest[int(inputs) + int(outputs) :]
        sources, results = [names.get(blob, blob) for blob in blobs[: int(inputs)]], blobs[int(inputs) :]
        if kind == "Split":
            names.update(dict.fromkeys(results, sources[0]))
        else:
            numbered = (parameter.split("=") for parameter in parameters)
            layers.append(Layer(kind, name, sources, results, {int(key): float(value) for key, value in numbered}))
    return layers


class NcnnWeights:
    """The .bin file of an ncnn model, whose weights lie there in the order of its layers."""

    # src/modelbin.cpp: the four bytes before a weight that may be stored in several ways -> its element type.
    ELEMENTS = {0: "<f4", 0x01306B47: "<f2"}

    def __init__(self, path):
        self.data = path.read_bytes()
        self.offset = 0

    def take(self, count, dtype="<f4"):
        """The next float32[count], without a tag: biases and slopes."""
        values = np.frombuffer(self.data, dtype, count, self.offset)
        self.offset += (values.nbytes + 3) // 4 * 4
        return values.astype(np.float32)

    def take_tagged(self, count):
        """The next float32[count] behind a tag: the weights of convolutions. Raises KeyError for an unknown tag."""
        tag = int.from_bytes(self.data[self.offset : self.offset + 4], "little")
        self.offset += 4
        return self.take(count, self.ELEMENTS[tag])

    def finish(self):
        """Raises ValueError when weights are left over."""
        if self.offset != len(self.data):
            raise ValueError(f"{len(self.data) - self.offset} bytes of the weights are left over")
