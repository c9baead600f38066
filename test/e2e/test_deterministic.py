"""`--deterministic`: a model has the same bits on every processor with fused multiply-add, on any number of threads.

Code for AArch64 and RISC-V runs in QEMU's user mode; that for AVX-512 where this machine has it.
"""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from common import SECONDS, difference, emulator_of, lepton, save

FLOAT = TensorProto.FLOAT
random = np.random.default_rng(7)


def weights(*shape):
    return (random.standard_normal(shape) / 4).astype(np.float32)


def node(op, inputs="x", outputs="y", **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def scan_of(op, gates, **attributes):
    shapes = {"w": weights(1, gates * 24, 20), "r": weights(1, gates * 24, 24), "b": weights(1, gates * 48)}
    return [node(op, "x w r b", hidden_size=24, **attributes)], [7, 2, 20], shapes


def chain(*ops):
    """A line of nodes without parameters, the results of all of them added up."""
    nodes, sums = [], []
    for i, op in enumerate(ops):
        nodes.append(node(op, "x", f"r{i}"))
        sums.append(f"r{i}")
    return [*nodes, helper.make_node("Sum", sums, ["y"])]


IMAGE = [1, 19, 17, 23]
MODELS = {
    "Conv": ([node("Conv", "x w b", "c", pads=[1] * 4), node("Relu", "c")], IMAGE, {"w": weights(21, 19, 3, 3), "b": weights(21)}),
    "Conv, minimal filtering": ([node("Conv", "x w", pads=[1] * 4)], [1, 64, 28, 28], {"w": weights(64, 64, 3, 3)}),
    "Conv, depthwise and pointwise": ([node("Conv", "x d", "c", group=32, pads=[1] * 4), node("Conv", "c w", "e"), node("Sigmoid", "e", "s"), node("Mul", "e s")], [1, 32, 15, 15], {"d": weights(32, 1, 3, 3), "w": weights(24, 32, 1, 1)}),
    "ConvTranspose": ([node("ConvTranspose", "x w", strides=[2, 2], pads=[1] * 4)], IMAGE, {"w": weights(19, 10, 4, 4)}),
    "MatMul": ([node("MatMul", "x w")], [13, 70], {"w": weights(70, 45)}),
    "MatMul by a vector": ([node("MatMul", "w x")], [301], {"w": weights(40, 301)}),
    "MatMul of a row": ([node("MatMul", "x w")], [1, 301], {"w": weights(301, 77)}),
    "Gemm": ([node("Gemm", "x w b", transB=1, alpha=0.5)], [5, 67], {"w": weights(33, 67), "b": weights(33)}),
    "attention": ([node("Transpose", "x", "t", perm=[0, 2, 1]), node("MatMul", "x t", "m"), node("Softmax", "m", "p"), node("MatMul", "p x")], [2, 21, 35], {}),
    "LSTM": scan_of("LSTM", 4),
    "GRU": scan_of("GRU", 3, linear_before_reset=1),
    "LayerNormalization": ([node("LayerNormalization", "x s b")], [9, 77], {"s": weights(77), "b": weights(77)}),
    "InstanceNormalization": ([node("InstanceNormalization", "x s b")], IMAGE, {"s": weights(19), "b": weights(19)}),
    "BatchNormalization": ([node("BatchNormalization", "x s b m v")], IMAGE, {"s": weights(19), "b": weights(19), "m": weights(19), "v": np.abs(weights(19))}),
    "Softmax": ([node("Softmax", axis=1)], IMAGE, {}),
    "reductions": (chain("ReduceSum", "ReduceMean", "ReduceProd", "ReduceLogSumExp", "ReduceL2", "ReduceSumSquare"), [3, 5, 41], {}),
    "pools": ([node("AveragePool", "x", "a", kernel_shape=[3, 3], strides=[2, 2]), node("GlobalAveragePool", "a")], IMAGE, {}),
    "elementwise": (chain("Exp", "Tanh", "Sigmoid", "Erf", "Softplus", "Gelu", "Sin", "Cos", "Tan", "Atan", "Sinh", "Cosh", "Asinh", "Mish", "HardSwish"), [3, 501], {}),
    "elementwise of the unit": ([node("Clip", "x lo hi", "c"), node("Asin", "c", "r0"), node("Acos", "c", "r1"), node("Atanh", "c", "r2"), node("Abs", "c", "p"), node("Log", "p", "r3"), node("Sqrt", "p", "r4"), node("Pow", "p e", "r5"), helper.make_node("Sum", [f"r{i}" for i in range(6)], ["y"])], [3, 501], {"lo": np.float32(-0.9), "hi": np.float32(0.9), "e": np.float32(1.7)}),
    "half floats": ([node("Cast", "x", "h", to=TensorProto.FLOAT16), node("Cast", "w", "v", to=TensorProto.FLOAT16), node("MatMul", "h v", "m"), node("Tanh", "m", "t"), node("Cast", "t", to=FLOAT)], [9, 40], {"w": weights(40, 30)}),
    "quantized": ([node("DynamicQuantizeLinear", "x", "q s z"), node("MatMulInteger", "q w z", "i"), node("Cast", "i", "f", to=FLOAT), node("Mul", "f s")], [9, 70], {"w": random.integers(-128, 128, (70, 33), dtype=np.int8)}),
    "casts to integers": ([node("Div", "x w", "d"), node("Cast", "d", "i", to=TensorProto.INT32), node("Cast", "d", "u", to=TensorProto.UINT8), node("Cast", "i", "r0", to=FLOAT), node("Cast", "u", "r1", to=FLOAT), node("Add", "r0 r1")], [3, 6], {"w": np.array([0, -0.0, 1e-30, -1e-30, 1e-9, 1], np.float32)}),
    "Resize": ([helper.make_node("Resize", ["x", "", "s"], ["y"], mode="cubic")], [1, 3, 11, 13], {"s": np.array([1, 1, 1.7, 2.3], np.float32)}),
    "constants that are folded": ([node("MatMul", "u v", "k"), node("Tanh", "k", "t"), node("Mul", "x t")], [33, 33], {"u": weights(33, 50), "v": weights(50, 33)}),
}
EMULATED = {"aarch64": "--target=aarch64-linux-gnu", "riscv64": "--target=riscv64-linux-gnu"}


def has_avx512():
    flags = set(Path("/proc/cpuinfo").read_text().split())
    return {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"} <= flags


def result_of(folder, model, name, *flags, prefix=()):
    folder = folder / name
    folder.mkdir()
    done = lepton("compile", model, "-o", folder / "program", "--emit=exe", *flags)
    assert done.returncode == 0, done.stderr
    subprocess.run([*prefix, folder / "program", f"x={model.parent}/x.npy", f"--output-dir={folder}"], check=True, timeout=SECONDS)
    return np.load(folder / "y.npy")


def prepared(folder, name):
    nodes, shape, constants = MODELS[name]
    np.save(folder / "x.npy", np.random.default_rng(1).standard_normal(shape).astype(np.float32))
    return save(folder / "m.onnx", nodes, {"x": (FLOAT, shape)}, {"y": (FLOAT, None)}, constants)


@pytest.mark.parametrize("name", MODELS)
def test_bits_are_the_same_everywhere(tmp_path, name):
    model = prepared(tmp_path, name)
    expected = result_of(tmp_path, model, "v3", "--cpu=x86-64-v3", "--deterministic")
    assert np.isfinite(expected).all() and np.any(expected)
    results = {arch: result_of(tmp_path, model, arch, target, "--deterministic", prefix=emulator_of(arch)) for arch, target in EMULATED.items()}
    results["two threads"] = result_of(tmp_path, model, "threads", "--cpu=x86-64-v3", "--deterministic", "--threads=2")
    if has_avx512():
        results["v4"] = result_of(tmp_path, model, "v4", "--cpu=x86-64-v4", "--deterministic")
    for where, result in results.items():
        np.testing.assert_array_equal(result.view(np.uint32), expected.view(np.uint32), err_msg=where)
    if name != "casts to integers":  # of what no integer holds: the processor's without the option
        assert difference(result_of(tmp_path, model, "plain", "--cpu=x86-64-v3"), expected) < 2e-5


def test_without_the_option_bits_differ(tmp_path):
    """So that the test above can fail."""
    model = prepared(tmp_path, "LayerNormalization")
    assert (result_of(tmp_path, model, "v3", "--cpu=x86-64-v3") != result_of(tmp_path, model, "arm", EMULATED["aarch64"], prefix=emulator_of("aarch64"))).any()


def test_what_cannot_be_promised_is_refused(tmp_path):
    nodes = [helper.make_node("Exp", ["x"], ["y"], name="grow")]
    model = save(tmp_path / "m.onnx", nodes, {"x": (TensorProto.DOUBLE, [3])}, {"y": (TensorProto.DOUBLE, [3])})
    result = lepton("compile", model, "-o", tmp_path / "m.so", "--deterministic")
    assert result.returncode == 1 and "grow" in result.stderr and "use float32" in result.stderr, result.stderr
    random_numbers = save(tmp_path / "r.onnx", [helper.make_node("RandomNormal", [], ["y"], name="noise", shape=[3])], {}, {"y": (FLOAT, [3])})
    result = lepton("compile", random_numbers, "-o", tmp_path / "m.so", "--deterministic")
    assert result.returncode == 1 and "noise" in result.stderr, result.stderr
    plain = prepared(tmp_path, "Gemm")
    for flags, said in ((["--cpu=x86-64-v2"], "fused multiply-adds"), (["--target=cuda"], "for CPUs"), (["--tuning-db=t.db"], "--tuning-db")):
        result = lepton("compile", plain, "-o", tmp_path / "m.so", "--deterministic", *flags)
        assert result.returncode == 2 and said in result.stderr, result.stderr
    assert not (tmp_path / "m.so").exists()
