"""Kernels for Vulkan as SPIR-V: what its own tools say of the modules. test_vulkan.py runs them."""

import re
import subprocess

import lepton_networks
import onnx
import pytest
from onnx import TensorProto, helper

from common import FULL, ROOT, save, save_small
from common import lepton as command_line

SMALL = ["mnist_b1", "dcgan", "lstm2", "bert4"]
NETWORKS = sorted(lepton_networks.NETWORKS) if FULL else SMALL
PUBLIC = sorted((ROOT / "build/models").rglob("*.onnx"))
MOST_THREADS, SHARED_BYTES, NUMBER_BYTES = 256, 32 << 10, 128  # of a block and of push constants, that most devices or all of them have
BYTES = {"f16": 2, "f32": 4, "f64": 8, "i8": 1, "i16": 2, "i32": 4, "i64": 8}
ALWAYS = {"Shader", "Matrix"}  # the one has the other
SUBGROUPS = {"GroupNonUniform", "GroupNonUniformArithmetic"}


def tool(name, *arguments):
    result = subprocess.run([name, *arguments], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def compile_spirv(model, folder):
    """The valid module of a model, as text."""
    path = folder / "model.spv"
    result = command_line("compile", model, "--target=vulkan", "-o", path)
    assert result.returncode == 0 and result.stderr == "", result.stderr
    tool("spirv-val", "--target-env", "vulkan1.1", path)
    return tool("spirv-dis", path)


def capabilities(module):
    return set(re.findall(r"OpCapability (\w+)", module)) - ALWAYS


def ir(model):
    result = command_line("compile", model, "--target=vulkan", "--compile-to=spirv", "-o", "-")
    assert result.returncode == 0, result.stderr
    return result.stdout


def check_module(model, folder):
    """An entry point for each kernel, of as many threads as are launched, within the limits of devices."""
    module = compile_spirv(model, folder)
    text = ir(model)
    kernels = {name: int(threads) for name, threads in re.findall(r"lrt\.launch .*@kernels::@(\w+), .* threads (\d+)", text)}
    names = dict(re.findall(r'OpEntryPoint GLCompute (%\w+) "(\w+)"', module))
    sizes = {names[entry]: int(threads) for entry, threads in re.findall(r"OpExecutionMode (%\w+) LocalSize (\d+) 1 1", module)}
    assert sizes == kernels and max(sizes.values(), default=0) <= MOST_THREADS
    shared = dict.fromkeys(kernels, 0)
    for kernel, count, element in re.findall(r"GlobalVariable @(\w+)_shared\d+ : !spirv\.ptr<!spirv\.array<(\d+) x (\w+)>, Workgroup>", text):
        shared[kernel] += int(count) * BYTES[element]
    assert max(shared.values(), default=0) <= SHARED_BYTES
    for numbers in re.findall(r"@\w+_numbers : !spirv\.ptr<!spirv\.struct<\((.*)\)>, PushConstant>", text):
        assert 4 * numbers.count("i32") <= NUMBER_BYTES
    return module


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_become_valid_modules(tmp_path, name):
    model = tmp_path / "network.onnx"
    onnx.save(lepton_networks.NETWORKS[name](), model)
    assert capabilities(check_module(model, tmp_path)) <= {"Int64", *SUBGROUPS}
    model.unlink()  # up to half a gigabyte, which pytest would keep


@pytest.mark.parametrize("path", PUBLIC if FULL else [path for path in PUBLIC if "magika" in str(path) or "rec_infer" in path.name], ids=lambda path: path.stem)
def test_public_models_become_valid_modules(tmp_path, path):
    check_module(path, tmp_path)


@pytest.mark.parametrize(
    "dtype,needed",
    [
        (TensorProto.FLOAT, set()),
        (TensorProto.INT32, set()),
        (TensorProto.INT64, {"Int64"}),
        (TensorProto.DOUBLE, {"Float64"}),
        (TensorProto.FLOAT16, {"Float16", "StorageBuffer16BitAccess"}),
        (TensorProto.INT8, {"Int8", "StorageBuffer8BitAccess"}),
        (TensorProto.INT16, {"Int16", "StorageBuffer16BitAccess"}),
    ],
    ids=lambda value: TensorProto.DataType.Name(value) if isinstance(value, int) else "",
)
def test_a_module_declares_what_it_uses(tmp_path, dtype, needed):
    shapes = ({"x": (dtype, [64, 64]), "y": (dtype, [64, 64])}, {"z": (dtype, [64, 64])})
    model = save(tmp_path / "sum.onnx", [helper.make_node("Add", ["x", "y"], ["z"])], *shapes)
    assert capabilities(check_module(model, tmp_path)) == needed


@pytest.mark.parametrize("columns,needed", [(1000, SUBGROUPS), (100, set())])
def test_subgroups_share_long_lines(tmp_path, columns, needed):
    shapes = ({"x": (TensorProto.FLOAT, [64, columns])}, {"y": (TensorProto.FLOAT, [64, columns])})
    model = save(tmp_path / "softmax.onnx", [helper.make_node("Softmax", ["x"], ["y"], axis=1)], *shapes)
    assert capabilities(check_module(model, tmp_path)) == needed


def test_functions_are_arithmetic(tmp_path):
    """GLSL's own are of any accuracy."""
    nodes = [helper.make_node(op, [x], [y]) for op, x, y in [("Erf", "x", "e"), ("Tanh", "e", "t"), ("Log", "t", "l"), ("Exp", "l", "y")]]
    shapes = ({"x": (TensorProto.FLOAT, [64])}, {"y": (TensorProto.FLOAT, [64])})
    functions = set(re.findall(r"OpExtInst \S+ \S+ (\w+)", check_module(save(tmp_path / "functions.onnx", nodes, *shapes), tmp_path)))
    assert functions and functions <= {"FAbs", "FMax", "FMin", "Fma", "Sqrt", "Floor", "RoundEven"}


def test_errors_say_what_to_do(tmp_path):
    small = save_small(tmp_path / "small.onnx")
    strings = ({"x": (TensorProto.STRING, [4])}, {"y": (TensorProto.STRING, [4])})
    text = save(tmp_path / "text.onnx", [helper.make_node("Identity", ["x"], ["y"])], *strings)
    cases = [
        *[(["compile", text, f"--target={gpu}", "-o", output], 1, "input 'x' is of strings, which are the runtime's; compile the model for a CPU") for gpu, output in [("vulkan", "x.spv"), ("cuda", "x.so")]],
        (["compile", small, "-o", "x.spv"], 2, "SPIR-V is for Vulkan; add --target=vulkan, or end the output's name in another way"),
        (["compile", small, "--target=cuda", "-o", "x.spv"], 2, "SPIR-V is for Vulkan; add --target=vulkan"),
        *[(["compile", small, "--target=vulkan", "-o", output], 2, "the kernels for Vulkan are SPIR-V; end the output's name in .spv") for output in ("x.s", "x.ll")],
        (["compile", small, "--target=vulkan", "-o", "x.ptx"], 2, "PTX is for NVIDIA's GPUs; add --target=cuda"),
        (["compile", small, "--target=vulkan", "--emit=spv", "-o", "-"], 2, "machine code is not written to standard output"),
        (["compile", small, "--target=vulkan:radv", "-o", "x.spv"], 2, "unknown GPU 'radv'; known are vulkan"),
        (["compile", small, "--target=vulkan", "--precision=tf32", "-o", "x.spv"], 2, "--precision=tf32 is for the tensor cores of NVIDIA's GPUs"),
        (["compile", small, "--target=vulkan", "--compile-to=nvvm"], 2, "the target vulkan has no phase 'nvvm'"),
    ]
    for arguments, status, message in cases:
        result = command_line(*arguments, cwd=tmp_path)
        assert (result.returncode, message in result.stderr) == (status, True), (arguments, result.stderr)
        assert not list(tmp_path.glob("x.*"))
