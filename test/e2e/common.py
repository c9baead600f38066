"""What the end-to-end tests share: where things are, small models, the command line, comparison."""

import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

ROOT = Path(__file__).resolve().parent.parent.parent
LEPTON = ROOT / "build/bin/lepton"
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
CLANG = "/usr/lib/llvm-22/bin/clang"
FULL = "LEPTON_TEST_FULL" in os.environ  # leave nothing out
FAKE_CUDA = ROOT / "build/test/gpu/libcuda.so.1"  # NVIDIA's driver over an emulator of the GPU
FALSE_VULKAN = ROOT / "build/test/gpu/libfalse-vulkan.so"  # a loader of Vulkan that changes what a GPU says of itself, or fails
SECONDS = 120  # within which any command ends


def lepton(*arguments, cwd=None, **environment):
    """Runs the command line; its status, standard output and standard error are in the result."""
    command = [str(part) for part in (LEPTON, *arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=SECONDS, env=os.environ | environment)


def report(model, *flags, output="a.so"):
    """The page that --report writes about a compilation, which ends well."""
    page = model.parent / "r.html"
    result = lepton("compile", model, "-o", model.parent / output, f"--report={page}", *flags)
    assert result.returncode == 0 and result.stderr == "", result.stderr
    return page


def facts_of(page):
    """What a page of --report shows."""
    return json.loads(re.search(r'<script type="application/json" id="facts">(.*?)</script>', page.read_text(), re.DOTALL)[1])


def emulator_of(arch):
    """The command in front of a program for another architecture."""
    return [f"qemu-{arch}", "-L", f"/usr/{arch}-linux-gnu"]


def emulate(model, library, *flags):
    """An artifact whose kernels run in the emulator of a GPU, by way of FAKE_CUDA."""
    result = subprocess.run([ROOT / "build/test/gpu/lepton-emulate", model, library, *flags], capture_output=True, text=True, timeout=SECONDS)
    assert result.returncode == 0, result.stderr
    return library


def compile_vulkan(model, library, *flags):
    """An artifact whose kernels run by Vulkan."""
    result = lepton("compile", model, "--target=vulkan", "-o", library, *flags)
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    return library


def use_lavapipe(monkeypatch):
    """Vulkan without a GPU, by way of FALSE_VULKAN."""
    monkeypatch.setenv("LEPTON_LIBVULKAN", str(FALSE_VULKAN))
    monkeypatch.setenv("LEPTON_VULKAN_DEVICE", "llvmpipe")


def difference(expected, result):
    """The largest difference, as a part of the expected output's scale; infinite where shape or type differ."""
    if expected.shape != result.shape or expected.dtype != result.dtype:
        return float("inf")
    if expected.size == 0:
        return 0.0
    wide, other = expected.astype(np.float64), result.astype(np.float64)
    same = (wide == other) | (np.isnan(wide) & np.isnan(other))
    gap = np.where(same, 0.0, np.abs(wide - other))
    finite = np.abs(wide[np.isfinite(wide)])
    scale = max(float(finite.max()) if finite.size else 0.0, 1e-30)
    return float("inf") if np.isnan(gap).any() else float(gap.max()) / scale


def save(path, nodes, inputs, outputs, initializers=(), name="small", opset=21, domain=""):
    """Writes a model. Inputs and outputs: name -> (element type, dims)."""
    values = [[helper.make_tensor_value_info(n, dtype, dims) for n, (dtype, dims) in side.items()] for side in (inputs, outputs)]
    tensors = [numpy_helper.from_array(value, n) for n, value in dict(initializers).items()]
    opsets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    graph = helper.make_graph(nodes, name, *values, tensors)
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
    return path


def save_small(path):
    """y[N, 3] = relu(x[N, 4] w + 1): enough for every kind of artifact."""
    weights = np.arange(12, dtype=np.float32).reshape(4, 3) / 10 - 0.5
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["product"], name="product"),
        helper.make_node("Add", ["product", "one"], ["sum"], name="sum"),
        helper.make_node("Relu", ["sum"], ["y"], name="relu"),
    ]
    shapes = ({"x": (TensorProto.FLOAT, ["N", 4])}, {"y": (TensorProto.FLOAT, ["N", 3])})
    return save(path, nodes, *shapes, {"w": weights, "one": np.ones(3, np.float32)})


def small_result(x):
    """What the model of save_small computes."""
    return np.maximum(x @ (np.arange(12, dtype=np.float32).reshape(4, 3) / 10 - 0.5) + 1, 0)


def save_chain(path):
    """y[5, 3] = tanh(x[5, 4]) w + 1, z = relu(y)."""
    nodes = [
        helper.make_node("Tanh", ["x"], ["t"]),
        helper.make_node("MatMul", ["t", "w"], ["p"]),
        helper.make_node("Add", ["p", "one"], ["y"]),
        helper.make_node("Relu", ["y"], ["z"]),
    ]
    shapes = ({"x": (TensorProto.FLOAT, [5, 4])}, {"y": (TensorProto.FLOAT, [5, 3]), "z": (TensorProto.FLOAT, [5, 3])})
    weights = {"w": np.arange(12, dtype=np.float32).reshape(4, 3) / 10 - 0.5, "one": np.ones(3, np.float32)}
    return save(path, nodes, *shapes, weights)


def chain_result(x):
    """What the model of save_chain computes."""
    y = np.tanh(x) @ (np.arange(12, dtype=np.float32).reshape(4, 3) / 10 - 0.5) + 1
    return y, np.maximum(y, 0)


def save_doubling(path):
    """y = x[3] doubled until its greatest element is 100 or more, once at least: a loop whose end only the results say."""
    body = helper.make_graph(
        [
            helper.make_node("Add", ["a", "a"], ["twice"]),
            helper.make_node("ReduceMax", ["twice"], ["most"], keepdims=0),
            helper.make_node("Less", ["most", "limit"], ["goes_on"]),
        ],
        "body",
        [helper.make_tensor_value_info(n, t, d) for n, t, d in (("i", TensorProto.INT64, []), ("c", TensorProto.BOOL, []), ("a", TensorProto.FLOAT, [3]))],
        [helper.make_tensor_value_info(n, t, d) for n, t, d in (("goes_on", TensorProto.BOOL, []), ("twice", TensorProto.FLOAT, [3]))],
    )
    nodes = [helper.make_node("Loop", ["", "yes", "x"], ["y"], body=body)]
    shapes = ({"x": (TensorProto.FLOAT, [3])}, {"y": (TensorProto.FLOAT, [3])})
    return save(path, nodes, *shapes, {"yes": np.array(True), "limit": np.float32(100)})
