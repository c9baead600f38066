"""Code for GPUs, without one: whole networks become PTX, which NVIDIA's assembler takes where it is installed, and compute the same as on the CPU in the emulator
of test/gpu, which runs every thread as a fiber."""

import os
import re
import shutil
import subprocess

import numpy as np
import pytest
from onnx import TensorProto, helper

import lepton
from common import FAKE_CUDA, FULL, ROOT, difference, emulate, save, save_small
from common import lepton as command_line
from emulated import TOLERANCE, require_agreement

PTXAS = shutil.which("ptxas")
MODELS = ROOT / "build/models"

# A classifier, a generator, a recurrent network and a transformer; and what else a second or two is enough for.
SMALL = ["mnist_b1", "dcgan", "lstm2", "bert4"]
OTHERS = ["bilstm", "crnn", "densenet121", "efficientnet_b0", "gru", "mnist_b32", "mobilenet_v2", "mobilenet_v3_small", "noop", "shufflenet_v2", "squeezenet1_1"]
PUBLIC = sorted(path for path in MODELS.rglob("*.onnx"))


def compile_ptx(model, folder, gpu="cuda"):
    """The PTX of a model, as text."""
    path = folder / "model.ptx"
    result = command_line("compile", model, f"--target={gpu}", "-o", path)
    assert result.returncode == 0, result.stderr
    return path.read_text()


@pytest.fixture(autouse=True)
def emulator(monkeypatch):
    monkeypatch.setenv("LEPTON_LIBCUDA", str(FAKE_CUDA))


# ---- PTX -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gpu,version", [("cuda", "7.0"), ("cuda:sm_90a", "8.0")])
def test_ptx_is_for_the_gpu_that_was_named(tmp_path, gpu, version):
    ptx = compile_ptx(save_small(tmp_path / "small.onnx"), tmp_path, gpu)
    assert f".version {version}\n.target {gpu.partition(':')[2] or 'sm_80'}\n" in ptx


@pytest.mark.parametrize("name", [*SMALL, *OTHERS] if FULL else SMALL)
def test_networks_become_ptx_that_needs_nothing_else(network, tmp_path, name):
    ptx = compile_ptx(network(name), tmp_path)
    assert ptx.count(".entry") > 0
    assert ".extern" not in ptx and "call" not in re.sub(r"//.*|_call", "", ptx)


@pytest.mark.parametrize("path", PUBLIC if FULL else [path for path in PUBLIC if "magika" in str(path) or "rec_infer" in path.name], ids=lambda path: path.stem)
def test_public_models_become_ptx_that_needs_nothing_else(tmp_path, path):
    assert ".extern" not in compile_ptx(path, tmp_path)


def test_elementwise_accesses_have_128_bits(tmp_path):
    shapes = ({"x": (TensorProto.FLOAT, [512, 1024])}, {"y": (TensorProto.FLOAT, [512, 1024])})
    ptx = compile_ptx(save(tmp_path / "tanh.onnx", [helper.make_node("Tanh", ["x"], ["y"])], *shapes), tmp_path)
    assert re.search(r"ld\.global(\.nc)?\.v4\.b32", ptx) and "st.global.v4.b32" in ptx
    assert not re.search(r"(ld\.global(\.nc)?|st\.global)\.b32", ptx)


@pytest.mark.skipif(not PTXAS, reason="NVIDIA's assembler, ptxas, is not installed")
@pytest.mark.parametrize("gpu", ["sm_80", "sm_90a"])
@pytest.mark.parametrize("name", [*SMALL, *OTHERS] if FULL else SMALL)
def test_ptx_assembles_without_spills(network, tmp_path, name, gpu):
    compile_ptx(network(name), tmp_path, f"cuda:{gpu}")
    command = [PTXAS, f"-arch={gpu}", "-v", tmp_path / "model.ptx", "-o", tmp_path / "model.cubin"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    spills = re.findall(r"(\d+) bytes spill stores", result.stderr)
    assert spills and set(spills) == {"0"}, result.stderr


@pytest.mark.skipif(not PTXAS, reason="NVIDIA's assembler, ptxas, is not installed")
def test_artifacts_have_machine_code_where_it_can_be_assembled(tmp_path, monkeypatch):
    model = save_small(tmp_path / "small.onnx")
    for name in ("model.cubin", "with.so"):
        assert command_line("compile", model, "--target=cuda", "-o", tmp_path / name).returncode == 0
    cubin = (tmp_path / "model.cubin").read_bytes()
    assert is_cubin(cubin) and cubin in (tmp_path / "with.so").read_bytes()
    monkeypatch.setenv("PATH", str(tmp_path))  # where there is no assembler
    assert command_line("compile", model, "--target=cuda", "-o", tmp_path / "without.so").returncode == 0
    without = (tmp_path / "without.so").read_bytes()
    assert b".target sm_80" in without and len(without) < len((tmp_path / "with.so").read_bytes()) - len(cubin) / 2
    result = command_line("compile", model, "--target=cuda", "-o", tmp_path / "other.cubin")
    assert result.returncode == 1 and "NVIDIA's assembler, ptxas, is not on the PATH" in result.stderr
    assert not (tmp_path / "other.cubin").exists()


def is_cubin(code):
    """An ELF file for NVIDIA's GPUs."""
    return code.startswith(b"\x7fELF") and int.from_bytes(code[18:20], "little") == 190


@pytest.mark.parametrize("ptxas,reason", [("exit 1", "does not assemble the kernels"), ("kill -9 $$", "does not assemble the kernels")])
def test_an_assembler_that_fails_is_done_without(tmp_path, monkeypatch, ptxas, reason):
    model = save_small(tmp_path / "small.onnx")
    (tmp_path / "ptxas").write_text(f"#!/bin/sh\n{ptxas}\n")
    (tmp_path / "ptxas").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert command_line("compile", model, "--target=cuda", "-o", tmp_path / "model.so").returncode == 0
    result = command_line("compile", model, "--target=cuda", "-o", tmp_path / "model.cubin")
    assert result.returncode == 1 and reason in result.stderr


# ---- numerics ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*SMALL, *OTHERS] if FULL else SMALL)
def test_emulated_networks_agree_with_the_cpu(network, tmp_path, name):
    require_agreement(network(name), emulate(network(name), tmp_path / "emulated.so"))


def test_machine_code_runs_where_it_is_for_the_gpu(tmp_path, monkeypatch):
    model = save_small(tmp_path / "small.onnx")
    alone = emulate(model, tmp_path / "alone.so", "--machine-code=alone")
    beside = emulate(model, tmp_path / "beside.so", "--machine-code=too")
    require_agreement(model, alone, {"N": 2})
    for library, output in ((beside, ""), (alone, "the model's code cannot be loaded")):
        run = subprocess.run([ROOT / "build/bin/lepton", "run", library, "--random-inputs=1"], env={**os.environ, "LEPTON_FAKE_CUDA": "other-gpu"}, capture_output=True, text=True, timeout=60)
        assert (run.returncode == 0) == (library == beside) and output in run.stderr, run.stderr


def test_emulated_model_of_unknown_sizes_agrees_with_the_cpu(tmp_path):
    model = MODELS / "magika/models/standard_v3_3/model.onnx"
    library = emulate(model, tmp_path / "emulated.so")
    for count in (1, 3):
        require_agreement(model, library, {"batch": count, "unk__214": count})


@pytest.mark.parametrize("op", ["GridSample", "Hardmax", "DFT"])
def test_constants_that_kernels_read_are_the_gpus(tmp_path, op):
    """What these compute needs tables, which are no inputs of their kernels."""
    inputs, outputs = {"x": [2, 3, 4, 4]}, [2, 3, 4, 4]
    if op == "GridSample":
        inputs, outputs = inputs | {"grid": [2, 6, 6, 2]}, [2, 3, 6, 6]
    elif op == "DFT":
        inputs, outputs = {"x": [2, 8, 1]}, [2, 8, 2]
    shapes = ({name: (TensorProto.FLOAT, shape) for name, shape in inputs.items()}, {"y": (TensorProto.FLOAT, outputs)})
    model = save(tmp_path / "model.onnx", [helper.make_node(op, list(inputs), ["y"])], *shapes)
    require_agreement(model, emulate(model, tmp_path / "emulated.so"))


@pytest.mark.parametrize("op", ["LayerNormalization", "Softmax"])
def test_a_missing_barrier_is_noticed(tmp_path, op):
    """Threads sum up a line together, which all of them divide by the sum: a barrier left out shows in the result of some of the lines. Of numbers that lie so far apart
    the exponentials overflow with a wrong maximum."""
    shapes = ({"x": (TensorProto.FLOAT, [64, 96])}, {"y": (TensorProto.FLOAT, [64, 96])})
    inputs = ["x", "scale"] if op == "LayerNormalization" else ["x"]
    model = save(tmp_path / "model.onnx", [helper.make_node(op, inputs, ["y"], axis=1)], *shapes, {"scale": np.ones(96, np.float32)})
    assert command_line("compile", model, "--target=cuda", "-o", tmp_path / "model.ll").returncode == 0
    count = len(re.findall(r"call void @llvm\.nvvm\.barrier", (tmp_path / "model.ll").read_text()))
    assert count > 0
    feed = {"x": np.random.default_rng(0).standard_normal((64, 96)).astype(np.float32) * 1000}
    expected = lepton.InferenceSession(model).run(None, feed)[0]

    def error(*flags):
        folder = tmp_path / "-".join(["emulated", *flags])
        folder.mkdir()
        return difference(expected, lepton.InferenceSession(emulate(model, folder / "emulated.so", *flags)).run(None, feed)[0])

    assert error() <= TOLERANCE
    for number in range(count):
        assert not error(f"--drop-barrier={number}") <= TOLERANCE, f"barrier {number} of {count}"


# ---- errors --------------------------------------------------------------------------------------------------------------


def test_errors_say_what_to_do(tmp_path):
    small = save_small(tmp_path / "small.onnx")
    shapes = ({"x": (TensorProto.STRING, [2])}, {"y": (TensorProto.STRING, [2])})
    strings = save(tmp_path / "strings.onnx", [helper.make_node("StringNormalizer", ["x"], ["y"], name="upper", case_change_action="UPPER")], *shapes)
    cases = [
        ([small, "--target=cuda:sm_12", "-o", "x.ptx"], 2, "unknown GPU 'sm_12'; known are sm_80, sm_90a"),
        ([small, "--target=cuda", "-o", "x.s"], 2, "the assembly of a GPU is PTX; end the output's name in .ptx"),
        ([small, "-o", "x.cubin"], 2, "a cubin is for NVIDIA's GPUs; add --target=cuda"),
        ([small, "-o", "x.ptx"], 2, "PTX is for NVIDIA's GPUs; add --target=cuda"),
        ([small, "--precision=tf32", "-o", "x.so"], 2, "--precision=tf32 is for the tensor cores of NVIDIA's GPUs; add --target=cuda"),
        ([small, "--target=cuda", "--precision=fp8", "-o", "x.so"], 2, "unknown precision 'fp8'; there are fp32, tf32, fp16 and bf16"),
        ([small, "--target=cuda", "--compile-to=vector"], 2, "the target sm_80 has no phase 'vector'"),
        ([small, "--compile-to=gpu"], 2, "has no phase 'gpu'"),
        ([strings, "--target=cuda", "-o", "x.ptx"], 1, "node 'upper' (StringNormalizer): is computed by the runtime, on the CPU alone; compile it for a CPU"),
    ]
    for arguments, status, message in cases:
        result = command_line("compile", *arguments, cwd=tmp_path)
        assert (result.returncode, message in result.stderr) == (status, True), (arguments, result.stderr)
        assert not list(tmp_path.glob("x.*"))
