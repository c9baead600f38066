"""Matrix products and convolutions by the blocks of a GPU, most of them on tensor cores, without one: they agree with the CPU's within their precision in the emulator of test/gpu, NVIDIA's assembler
makes the instructions of them that are meant, and what is left out is noticed."""

import re
import shutil
import subprocess

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import lepton
from common import FAKE_CUDA, FULL, difference, emulate, save
from common import lepton as command_line

PTXAS = shutil.which("ptxas")
# The largest difference, as a part of the output's scale, that rounded factors make; and what they make at least, or nothing was rounded.
ERRORS = {"fp32": (0, 1e-5), "tf32": (1e-5, 1e-3), "fp16": (1e-5, 1e-3), "bf16": (1e-4, 1e-2)}
MMA = {
    "fp32": "fma.rn.f32",
    "tf32": "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32",
    "fp16": "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32",
    "bf16": "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32",
}
random = np.random.default_rng(0)


def floats(*shape):
    return random.standard_normal(shape).astype(np.float32)


def product(x, w, y, weight=True, transposed=False):
    """Nodes, shapes of inputs and the output, and weights of x * w + b."""
    nodes = [helper.make_node("MatMul", ["x", "w"], ["p"]), helper.make_node("Add", ["p", "b"], ["y"])]
    if transposed:
        nodes = [helper.make_node("Transpose", ["x"], ["t"], perm=[1, 0]), helper.make_node("MatMul", ["t", "w"], ["p"]), helper.make_node("Add", ["p", "b"], ["y"])]
    inputs = {"x": x} if weight else {"x": x, "w": w}
    return nodes, inputs, y, {"b": floats(y[-1])} | ({"w": floats(*w)} if weight else {})


def filter_of(x, w, y, **attributes):
    nodes = [helper.make_node("Conv", ["x", "w", "b"], ["p"], **attributes), helper.make_node("Relu", ["p"], ["y"])]
    return nodes, {"x": x}, y, {"w": floats(*w), "b": floats(w[0])}


# Whole tiles, and rows, columns and depths that are no whole number of them; copies of 16 bytes, and of 4 where lines begin anywhere.
CASES = {
    "product": product([1024, 64], [64, 512], [1024, 512]),
    "edges": product([1021, 58], [58, 509], [1021, 509]),
        "one slice": product([1024, 16], [16, 512], [1024, 512]),
    "batch": product([3, 500, 48], [3, 48, 360], [3, 500, 360], weight=False),
    "rows of a batch": product([4, 250, 64], [64, 516], [4, 250, 516]),
    "transposed": product([64, 1000], [64, 512], [1000, 512], transposed=True),
    "filter": filter_of([2, 16, 63, 65], [64, 16, 3, 3], [2, 64, 63, 65], pads=[1, 1, 1, 1]),
    "strides": filter_of([1, 32, 180, 180], [66, 32, 3, 3], [1, 66, 90, 90], pads=[1, 1, 1, 1], strides=[2, 2]),
    "pixels": filter_of([2, 64, 64, 64], [72, 64, 1, 1], [2, 72, 64, 64]),
    
}


def make(tmp_path, name, kind=TensorProto.FLOAT):
    nodes, inputs, y, weights = CASES[name]
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind)
    weights = {key: value.astype(dtype) for key, value in weights.items()}
    model = save(tmp_path / "model.onnx", nodes, {key: (kind, shape) for key, shape in inputs.items()}, {"y": (kind, y)}, weights)
    return model, {key: floats(*shape).astype(dtype) for key, shape in inputs.items()}


def compile_ptx(model, folder, *flags, gpu="sm_80"):
    result = command_line("compile", model, f"--target=cuda:{gpu}", *flags, "-o", folder / "model.ptx")
    assert result.returncode == 0, result.stderr
    return (folder / "model.ptx").read_text()


@pytest.fixture(autouse=True)
def emulator(monkeypatch):
    monkeypatch.setenv("LEPTON_LIBCUDA", str(FAKE_CUDA))


@pytest.mark.parametrize("name,precision", [(name, precision) for name in CASES for precision in ERRORS if FULL or precision == "tf32" or name in ("edges", "filter", "batch")])
def test_products_agree_within_their_precision(tmp_path, name, precision):
    model, feed = make(tmp_path, name)
    flag = f"--precision={precision}"
    assert MMA[precision] in compile_ptx(model, tmp_path, flag)
    cpu, emulated = lepton.InferenceSession(model), lepton.InferenceSession(emulate(model, tmp_path / "emulated.so", flag))
    error = difference(cpu.run(None, feed)[0], emulated.run(None, feed)[0])
    least, most = ERRORS[precision]
    assert least <= error < most


@pytest.mark.parametrize("name", ["edges", "batch", "filter", "pixels"])
def test_products_of_float16_need_no_leave(tmp_path, name):
    """They are exact in float32 by tensor cores, too: what is left is the order of the sums, which are rounded in the end."""
    model, feed = make(tmp_path, name, TensorProto.FLOAT16)
    assert MMA["fp16"] in compile_ptx(model, tmp_path)
    cpu, emulated = lepton.InferenceSession(model), lepton.InferenceSession(emulate(model, tmp_path / "emulated.so"))
    expected, result = cpu.run(None, feed)[0], emulated.run(None, feed)[0]
    assert result.dtype == np.float16 and difference(expected.astype(np.float32), result.astype(np.float32)) < 1e-3


@pytest.mark.parametrize("name,precision", [("batch", "fp32"), ("filter", "tf32"), ("filter", "bf16")])
def test_a_missing_barrier_or_wait_is_noticed(tmp_path, name, precision):
    """Float32 is copied while other slices are multiplied; for bfloat16 it goes through registers, and there is nothing to wait for."""
    model, feed = make(tmp_path, name)
    flag = f"--precision={precision}"
    expected = lepton.InferenceSession(model).run(None, feed)[0]
    assert command_line("compile", model, "--target=cuda", flag, "-o", tmp_path / "model.ll").returncode == 0
    code = (tmp_path / "model.ll").read_text()

    def error(*flags):
        library = emulate(model, tmp_path / ("-".join(["emulated", *flags]) + ".so"), flag, *flags)
        return difference(expected, lepton.InferenceSession(library).run(None, feed)[0])

    assert error() < ERRORS[precision][1]
    count = {kind: len(re.findall(rf"call void @llvm\.nvvm\.{kind}", code)) for kind in ("barrier", r"cp\.async\.wait")}
    assert list(count.values()) == [1, int(precision != "bf16")]
    assert not error("--drop-barrier=0") < ERRORS[precision][1]
    if precision != "bf16":
        assert not error("--drop-wait=0") < ERRORS[precision][1]


@pytest.mark.skipif(not PTXAS, reason="NVIDIA's assembler, ptxas, is not installed")
@pytest.mark.parametrize("gpu", ["sm_80", "sm_90a"])
@pytest.mark.parametrize("precision", list(ERRORS))
@pytest.mark.parametrize("name", ["batch", "edges", "filter"])
def test_products_assemble_without_spills(tmp_path, name, precision, gpu):
    model, _ = make(tmp_path, name)
    ptx = compile_ptx(model, tmp_path, f"--precision={precision}", gpu=gpu)
    assert ("cp.async" in ptx) == (precision == "tf32" or (precision == "fp32" and name != "filter"))
    assert (ptx.count("mma.sync") >= 8) == (precision != "fp32")
    command = [PTXAS, f"-arch={gpu}", "-v", tmp_path / "model.ptx", "-o", tmp_path / "model.cubin"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    spills = re.findall(r"(\d+) bytes spill stores", result.stderr)
    assert spills and set(spills) == {"0"}, result.stderr
