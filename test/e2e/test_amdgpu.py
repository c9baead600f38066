"""Code for AMD's GPUs, of which there is none here: what LLVM's tools say of the code objects, and what the LLVM IR that they are made from computes in the emulator of
test/gpu, in artifacts that are like those for NVIDIA's."""

import re
import subprocess
from pathlib import Path

import lepton_networks
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from common import CLANG, FAKE_CUDA, FULL, emulate, save, save_small
from common import lepton as command_line
from emulated import require_agreement

FLOAT = TensorProto.FLOAT
TOOLS = Path(CLANG).parent
WAVES = {"gfx942": 64, "gfx1100": 32}  # processor -> threads of a wave
SMALL = ["mnist_b1", "dcgan", "lstm2", "bert4"]
NETWORKS = sorted(lepton_networks.NETWORKS) if FULL else SMALL

pytestmark = pytest.mark.parametrize("gpu", WAVES)


def tool(name, *arguments):
    result = subprocess.run([TOOLS / name, *arguments], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return result.stdout


def code_object(model, gpu, output):
    result = command_line("compile", model, f"--target=amdgpu:{gpu}", "-o", output)
    assert result.returncode == 0 and result.stderr == "", result.stderr
    return output


def kernels_of(model, gpu):
    """The names of a model's kernels, from its IR."""
    result = command_line("compile", model, f"--target=amdgpu:{gpu}", "--compile-to=rocdl", "-o", "-")
    assert result.returncode == 0, result.stderr
    return sorted(re.findall(r"llvm\.func @(\w+)\(.*rocdl\.kernel", result.stdout))


def check_code_object(model, gpu, path):
    """It is for this processor, has each kernel with its descriptor, and needs nothing else."""
    header = tool("llvm-readelf", "--file-header", path)
    assert "AMDGPU - HSA" in header and "DYN (Shared object file)" in header and f", {gpu}" in header
    symbols = tool("llvm-readelf", "--dyn-symbols", path)
    kernels = kernels_of(model, gpu)
    assert kernels and sorted(re.findall(r"OBJECT .* (\w+)\.kd\n", symbols)) == kernels
    assert sorted(re.findall(r"FUNC .* (\w+)\n", symbols)) == kernels
    assert len(re.findall(r" UND ", symbols)) == 1  # the first symbol is that of no name
    notes = tool("llvm-readelf", "--notes", path)
    assert set(re.findall(r"\.wavefront_size: +(\d+)", notes)) == {str(WAVES[gpu])}
    assert set(re.findall(r"\.vgpr_spill_count: +(\d+)", notes)) == {"0"}  # scalars without a register lie in lanes of vectors, not in memory
    code = tool("llvm-objdump", "-d", path)
    assert "global_store" in code
    assert not re.search(r"\b(flat_load|flat_store|s_swappc)", code)  # every access knows its memory; nothing is called


@pytest.fixture
def product(tmp_path):
    """x w, of 256 rows and columns."""
    shapes = ({"x": (FLOAT, [256, 256])}, {"y": (FLOAT, [256, 256])})
    return save(tmp_path / "product.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], *shapes, {"w": np.ones((256, 256), np.float32)})


def softmax(folder):
    """Threads of a block share out each line."""
    shapes = ({"x": (FLOAT, [64, 96])}, {"y": (FLOAT, [64, 96])})
    return save(folder / "softmax.onnx", [helper.make_node("Softmax", ["x"], ["y"], axis=1)], *shapes)


def pooling(folder):
    shapes = ({"x": (FLOAT, [1, 8, 32, 32])}, {"y": (FLOAT, [1, 8, 16, 16])})
    return save(folder / "pooling.onnx", [helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2])], *shapes)


def sampling(folder):
    """The kernel reads a table."""
    shapes = ({"x": (FLOAT, [2, 3, 4, 4]), "grid": (FLOAT, [2, 6, 6, 2])}, {"y": (FLOAT, [2, 3, 6, 6])})
    return save(folder / "sampling.onnx", [helper.make_node("GridSample", ["x", "grid"], ["y"])], *shapes)


def halves(folder):
    """Of float16, and functions of floats that are no instructions."""
    half = TensorProto.FLOAT16
    nodes = [helper.make_node(op, [x], [y]) for op, x, y in [("Erf", "x", "e"), ("Tanh", "e", "t"), ("Log", "t", "y")]]
    return save(folder / "halves.onnx", nodes, {"x": (half, [64, 64])}, {"y": (half, [64, 64])})


@pytest.mark.parametrize("make", [lambda folder: save_small(folder / "small.onnx"), softmax, pooling, sampling, halves], ids=["small", "softmax", "pooling", "sampling", "halves"])
def test_models_become_code_objects(tmp_path, make, gpu):
    model = make(tmp_path)
    check_code_object(model, gpu, code_object(model, gpu, tmp_path / "model.hsaco"))


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_become_code_objects(tmp_path, name, gpu):
    model = tmp_path / "network.onnx"
    onnx.save(lepton_networks.NETWORKS[name](), model)
    check_code_object(model, gpu, code_object(model, gpu, tmp_path / "model.hsaco"))
    model.unlink()  # up to half a gigabyte, which pytest would keep


@pytest.mark.parametrize("name", SMALL)
def test_emulated_networks_agree_with_the_cpu(monkeypatch, tmp_path, name, gpu):
    monkeypatch.setenv("LEPTON_LIBCUDA", str(FAKE_CUDA))
    onnx.save(lepton_networks.NETWORKS[name](), tmp_path / "network.onnx")
    require_agreement(tmp_path / "network.onnx", emulate(tmp_path / "network.onnx", tmp_path / "emulated.so", f"--gpu=amdgpu:{gpu}"))


@pytest.mark.parametrize("make", [softmax, sampling], ids=["softmax", "sampling"])
def test_emulated_models_agree_with_the_cpu(monkeypatch, tmp_path, make, gpu):
    monkeypatch.setenv("LEPTON_LIBCUDA", str(FAKE_CUDA))
    require_agreement(make(tmp_path), emulate(tmp_path / f"{make.__name__}.onnx", tmp_path / "emulated.so", f"--gpu=amdgpu:{gpu}"))


def test_products_are_fused_multiply_adds_of_what_whole_accesses_read(tmp_path, product, gpu):
    code = tool("llvm-objdump", "-d", code_object(product, gpu, tmp_path / "model.hsaco"))
    assert re.search(r"global_load_(dwordx4|b128)", code)
    assert len(re.findall(r"v_(fma|fmac|pk_fma|dual_fmac)_f32", code)) >= 32
    assert not re.search(r"\bv_(pk_|dual_)?mul_f32", code)


def test_assembly_and_llvm_ir_are_those_of_the_code_object(tmp_path, product, gpu):
    assembly = code_object(product, gpu, tmp_path / "model.s").read_text()
    assert f'.amdgcn_target "amdgcn-amd-amdhsa--{gpu}"' in assembly and assembly.count(".amdhsa_kernel ") == 1
    assert 'target triple = "amdgcn-amd-amdhsa"' in code_object(product, gpu, tmp_path / "model.ll").read_text()


def test_errors_say_what_to_do(tmp_path, gpu):
    small = save_small(tmp_path / "small.onnx")
    target = f"--target=amdgpu:{gpu}"
    no_runtime = "there is no runtime for AMD's GPUs yet, for which kernels alone are compiled; "
    cases = [
        *[(["compile", small, target, "-o", output], 2, no_runtime + "end the output's name in .hsaco, .s or .ll") for output in ("x.so", "x.o", "x.a", "x.h", "x.ptx")],
        (["run", small, target], 2, no_runtime + "write them to a file with lepton compile -o FILE.hsaco"),
        (["compile", small, "-o", "x.hsaco"], 2, "a code object is for AMD's GPUs; add --target=amdgpu:gfx942"),
        (["compile", small, "--target=cuda", "-o", "x.hsaco"], 2, "a code object is for AMD's GPUs"),
        (["compile", small, target, "--emit=hsaco", "-o", "-"], 2, "machine code is not written to standard output"),
        (["compile", small, "--target=amdgpu", "-o", "x.hsaco"], 2, "--target=amdgpu names no GPU; known are gfx942, gfx1100"),
        (["compile", small, "--target=amdgpu:gfx7", "-o", "x.hsaco"], 2, "unknown GPU 'gfx7'; known are gfx942, gfx1100"),
        (["compile", small, target, "--precision=tf32", "-o", "x.hsaco"], 2, "--precision=tf32 is for the tensor cores of NVIDIA's GPUs"),
        (["compile", small, target, "--compile-to=nvvm"], 2, f"the target {gpu} has no phase 'nvvm'"),
    ]
    for arguments, status, message in cases:
        result = command_line(*arguments, cwd=tmp_path)
        assert (result.returncode, message in result.stderr) == (status, True), (arguments, result.stderr)
        assert not list(tmp_path.glob("x.*"))
