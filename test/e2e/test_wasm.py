"""`--target=wasm32-wasi`: modules of WebAssembly, run by the engine of Node.js: programs, modules that are called, what goes into C programs."""

import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from common import CLANG, SECONDS, difference, lepton, save, save_small, small_result
from test_artifacts import ROWS, TWO_MODELS, compile_to, save_square

HERE = Path(__file__).resolve().parent
WASM = "--target=wasm32-wasi"
FLOAT, HALF, INT64 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT64
random = np.random.default_rng(3)


def node_js(script, *arguments):
    return subprocess.run(["node", "--no-warnings", HERE / script, *arguments], capture_output=True, text=True, timeout=SECONDS)


def weights(*shape):
    return (random.standard_normal(shape) / 4).astype(np.float32)


def node(op, inputs="x", outputs="y", **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), name=outputs, **attributes)


def doubling_loop():
    """y = x doubled until its sum is more than 1000: how often only the run knows."""
    body = helper.make_graph(
        [node("Add", "v v", "d"), node("ReduceSum", "d", "s", keepdims=0), node("Less", "s most", "more")],
        "body",
        [helper.make_tensor_value_info(name, dtype, dims) for name, dtype, dims in (("i", INT64, []), ("c", TensorProto.BOOL, []), ("v", FLOAT, None))],
        [helper.make_tensor_value_info(name, dtype, dims) for name, dtype, dims in (("more", TensorProto.BOOL, []), ("d", FLOAT, None))],
    )
    return [node("Abs", "x", "a"), helper.make_node("Loop", ["", "true", "a"], ["y"], body=body)]


# Nodes, the sizes of x, initializers.
MODELS = {
    "Conv": ([node("Conv", "x w b", "c", pads=[1] * 4), node("Relu", "c")], [1, 19, 17, 23], {"w": weights(21, 19, 3, 3), "b": weights(21)}),
    "Conv, minimal filtering": ([node("Conv", "x w", pads=[1] * 4)], [1, 64, 28, 28], {"w": weights(64, 64, 3, 3)}),
    "Conv, depthwise and pointwise": ([node("Conv", "x d", "c", group=32, pads=[1] * 4), node("Conv", "c w")], [1, 32, 15, 15], {"d": weights(32, 1, 3, 3), "w": weights(24, 32, 1, 1)}),
    "MatMul": ([node("MatMul", "x w")], [33, 70], {"w": weights(70, 45)}),
    "MatMul, sizes of the run": ([node("MatMul", "x w", "m"), node("Softmax", "m")], ["rows", 70], {"w": weights(70, 45)}),
    "MatMul of bytes": ([node("DynamicQuantizeLinear", "x", "q s z"), node("MatMulInteger", "q w z", "i"), node("Cast", "i", "f", to=FLOAT), node("Mul", "f s")], [9, 70], {"w": random.integers(-128, 128, (70, 33), dtype=np.int8)}),
    "half floats": ([node("Cast", "x", "h", to=HALF), node("Cast", "w", "v", to=HALF), node("MatMul", "h v", "m"), node("Tanh", "m", "t"), node("Cast", "t", to=FLOAT)], [9, 40], {"w": weights(40, 30)}),
    "brain floats": ([node("Cast", "x", "b", to=TensorProto.BFLOAT16), node("Cast", "b", to=FLOAT)], [3, 50], {}),
    "LSTM": ([node("LSTM", "x w r b", "s", hidden_size=24), node("Squeeze", "s a")], [7, 2, 20], {"w": weights(1, 96, 20), "r": weights(1, 96, 24), "b": weights(1, 192), "a": np.array([1])}),
    "reductions": ([node("ReduceSum", "x", "r"), node("ReduceMean", "x", "m"), node("ReduceMax", "x", "b"), node("ReduceLogSumExp", "x", "e"), node("Sum", "r m b e")], [3, 5, 41], {}),
    "elementwise": ([node("Exp", "x", "a"), node("Erf", "x", "b"), node("Sin", "x", "c"), node("Softplus", "x", "d"), node("Atan", "x", "e"), node("Sum", "a b c d e")], [3, 501], {}),
    "functions of the C library": ([node("Cast", "x", "w", to=TensorProto.DOUBLE), node("Sin", "w", "s"), node("Cast", "s", to=FLOAT)], [40], {}),
    "results of unknown size": ([node("NonZero", "p", "n"), node("Transpose", "n", "t", perm=[1, 0]), node("GatherND", "x t", "g"), node("CumSum", "g zero")], ["N", 7], {"zero": np.array(0)}),
    "Loop": (doubling_loop(), [4, 5], {"true": np.array(True), "most": np.float32(1000)}),
    "pools and Resize": ([node("MaxPool", "x", "m", kernel_shape=[3, 3], strides=[2, 2]), helper.make_node("Resize", ["m", "", "k"], ["y"], mode="linear")], [1, 3, 21, 23], {"k": np.array([1, 1, 1.7, 2.3], np.float32)}),
}
MODELS["results of unknown size"][0].insert(0, node("Relu", "x", "p"))


@pytest.mark.parametrize("level", [0, 3])
@pytest.mark.parametrize("name", MODELS)
def test_program(tmp_path, name, level):
    nodes, dims, constants = MODELS[name]
    x = np.random.default_rng(1).standard_normal([11 if isinstance(size, str) else size for size in dims]).astype(np.float32)
    model = save(tmp_path / "m.onnx", nodes, {"x": (FLOAT, dims)}, {"y": (FLOAT, None)}, constants)
    np.save(tmp_path / "x.npy", x)
    program = compile_to(tmp_path, model, "m.wasm", "--emit=exe", WASM, f"-O{level}")
    done = node_js("run_command.mjs", program, f"x={tmp_path}/x.npy", f"--output-dir={tmp_path}")
    assert done.returncode == 0, done.stderr
    expected = ReferenceEvaluator(onnx.load(model)).run(None, {"x": x})[0]
    assert expected.size and difference(expected, np.load(tmp_path / "y.npy")) < 1e-5


@pytest.mark.parametrize("source, target", [("FLOAT", "FLOAT16"), ("DOUBLE", "FLOAT16"), ("FLOAT", "BFLOAT16"), ("DOUBLE", "BFLOAT16")], ids=str)
def test_16_bit_floats(tmp_path, source, target):
    """LLVM's WebAssembly has none: they are integers, rounded as elsewhere; comparing vectors of them it would not end."""
    wide, narrow = getattr(TensorProto, source), getattr(TensorProto, target)
    nodes = [node("Cast", "x", "n", to=narrow), node("Less", "n limit", "c"), node("Where", "c n limit", "s"), node("Cast", "s", to=wide)]
    limit = np.array(1e38 if target == "BFLOAT16" else 6e4, helper.tensor_dtype_to_np_dtype(narrow))
    model = save(tmp_path / "m.onnx", nodes, {"x": (wide, ["N"])}, {"y": (wide, ["N"])}, {"limit": limit})
    ties = 1 + np.arange(64) * 2.0**-12 + (2.0**-40 if target == "FLOAT16" else 0)  # ml_dtypes rounds such a double twice
    value = np.concatenate([np.float32(2) ** np.arange(-149, 127), np.linspace(-3, 3, 999), ties, -ties * 2.0**-20, [0, -0.0, np.inf, -np.inf, np.nan, 59999, 65519.9, 65520, 2.0**-25]])
    value = value.astype(helper.tensor_dtype_to_np_dtype(wide))
    np.save(tmp_path / "x.npy", value)
    program = compile_to(tmp_path, model, "m.wasm", "--emit=exe", WASM)
    done = node_js("run_command.mjs", program, f"x={tmp_path}/x.npy", f"--output-dir={tmp_path}")
    assert done.returncode == 0, done.stderr
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = value.astype(limit.dtype)
        expected = np.where(rounded < limit, rounded, limit).astype(value.dtype)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), expected)


def test_code_has_vectors(tmp_path):
    model = save(tmp_path / "m.onnx", [node("MatMul", "x w")], {"x": (FLOAT, [33, 70])}, {"y": (FLOAT, [33, 45])}, {"w": weights(70, 45)})
    assembly = compile_to(tmp_path, model, "m.s", WASM).read_text()
    assert "f32x4.mul" in assembly and "f32x4.add" in assembly and "fmaf" not in assembly


def test_program_says_what_is_wrong(tmp_path):
    program = compile_to(tmp_path, save_small(tmp_path / "small.onnx"), "small.wasm", "--emit=exe", WASM)
    assert "x: float32 [N,4]" in node_js("run_command.mjs", program, "--help").stdout
    np.save(tmp_path / "x.npy", np.zeros((2, 3), np.float32))
    done = node_js("run_command.mjs", program, f"x={tmp_path}/x.npy")
    assert done.returncode == 1 and "input 'x' has shape [2,3], expected float32 [N,4]" in done.stderr, done.stderr
    done = node_js("run_command.mjs", program, f"x={tmp_path}/none.npy")
    assert done.returncode == 1 and "none.npy: No such file" in done.stderr, done.stderr


def test_run_that_cannot_go_on_ends_the_program(tmp_path):
    """There are no jumps out of functions, by which other targets leave such a run. A module that is called traps."""
    model = save(tmp_path / "m.onnx", [node("Expand", "x s")], {"s": (INT64, [2])}, {"y": (FLOAT, ["a", "b"])}, {"x": np.ones(1, np.float32)})
    module = compile_to(tmp_path, model, "called.wasm", WASM)
    assert node_js("call_module.mjs", module, "int64", "2", "1", "3").stdout == "1 1 1\n"
    done = node_js("call_module.mjs", module, "int64", "2", "65536", "65536")
    assert done.returncode == 1 and "error: " in done.stderr and "65536,65536" in done.stderr and "RuntimeError: unreachable" in done.stderr, done.stderr
    np.save(tmp_path / "s.npy", np.array([1 << 16, 1 << 16]))
    program = compile_to(tmp_path, model, "m.wasm", "--emit=exe", WASM)
    done = node_js("run_command.mjs", program, f"s={tmp_path}/s.npy")
    assert done.returncode == 1 and done.stderr.startswith("error: ") and "65536,65536" in done.stderr, done.stderr


def test_file_that_addresses_cannot_reach(tmp_path):
    program = compile_to(tmp_path, save_small(tmp_path / "small.onnx"), "small.wasm", "--emit=exe", WASM)
    content = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1073741825, 4), }"
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(content).to_bytes(2, "little") + content + bytes(64))
    done = node_js("run_command.mjs", program, f"x={tmp_path}/x.npy")
    assert done.returncode == 1 and "x.npy" in done.stderr, done.stderr


def test_module_that_is_called(tmp_path):
    module = compile_to(tmp_path, save_small(tmp_path / "small.onnx"), "small.wasm", WASM)
    assert (tmp_path / "small.h").exists() and module.stat().st_size < 100_000
    done = node_js("call_module.mjs", module, "float", "2,4", *map(str, ROWS.ravel()))
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.array(done.stdout.split(), np.float32), small_result(ROWS).ravel(), rtol=1e-5)
    done = node_js("call_module.mjs", module, "float", "1,3", "1", "2", "3")
    assert done.returncode == 1 and done.stderr == "input 'x' has shape [1,3], expected float32 [N,4]; give it that shape\n", done.stderr


@pytest.mark.parametrize("ending", ["o", "a"])
def test_models_in_a_c_program(tmp_path, ending):
    artifacts = [compile_to(tmp_path, save_small(tmp_path / "small.onnx"), f"small.{ending}", WASM), compile_to(tmp_path, save_square(tmp_path / "square.onnx"), f"the_square.{ending}", WASM)]
    if ending == "o":
        artifacts.append(HERE.parent.parent / "build/lib/wasm32/liblepton_rt.a")
    (tmp_path / "program.c").write_text(TWO_MODELS)
    command = [CLANG, WASM, "-Wno-deprecated", f"-I{tmp_path}", tmp_path / "program.c", *artifacts, "-o", tmp_path / "program.wasm"]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0 and not built.stderr, built.stderr
    done = node_js("run_command.mjs", tmp_path / "program.wasm")
    assert done.returncode == 0, done.stdout + done.stderr
    np.testing.assert_allclose(np.array(done.stdout.split(), float), [*small_result(ROWS).ravel(), 9, 16], rtol=1e-5)


def test_without_a_runtime(tmp_path):
    """A module that imports nothing."""
    nodes = [node("Cast", "x", "h", to=HALF), node("Mul", "h h", "s"), node("Cast", "s", to=FLOAT)]
    model = save(tmp_path / "m.onnx", nodes, {"x": (FLOAT, [5])}, {"y": (FLOAT, [5])})
    compile_to(tmp_path, model, "m.o", WASM, "--runtime=none")
    (tmp_path / "program.c").write_text('#include "m.h"\nfloat square(float v) { float x[5] = {0, 0, v}, y[5]; return m_run(x, y, 0, 0) ? -1 : y[2]; }')
    flags = ["--target=wasm32", "-nostdlib", "-Wl,--no-entry", "-Wl,--export=square", f"-I{tmp_path}"]
    subprocess.run([CLANG, *flags, tmp_path / "program.c", tmp_path / "m.o", "-o", tmp_path / "m.wasm"], check=True)
    call = "const { readFileSync } = require('fs'); WebAssembly.instantiate(readFileSync(process.argv[1])).then(({ instance }) => console.log(instance.exports.square(3)))"
    assert subprocess.run(["node", "-e", call, tmp_path / "m.wasm"], check=True, capture_output=True, text=True).stdout == "9\n"


@pytest.mark.parametrize(
    "flags, status, said",
    [
        (["--weights=file"], 2, "--weights=file"),
        (["--weights=section"], 2, "--weights=section"),
        (["--threads=2"], 2, "one thread"),
        (["--deterministic"], 2, "fused multiply-adds"),
        (["--cpu=cortex-a72"], 2, "'cortex-a72'"),
    ],
    ids=str,
)
def test_what_there_is_not(tmp_path, flags, status, said):
    result = lepton("compile", save_small(tmp_path / "small.onnx"), WASM, "-o", tmp_path / "small.wasm", *flags)
    assert result.returncode == status and said in result.stderr, result.stderr
    assert not (tmp_path / "small.wasm").exists()


def test_what_does_not_fit(tmp_path):
    large = [node("Mul", "x x", "p"), node("Softmax", "p")]
    model = save(tmp_path / "m.onnx", large, {"x": (FLOAT, [1 << 15, 1 << 15])}, {"y": (FLOAT, None)})
    result = lepton("compile", model, WASM, "-o", tmp_path / "m.wasm", "-O0")
    assert result.returncode == 1 and "2 GiB" in result.stderr, result.stderr
    text = save(tmp_path / "t.onnx", [node("StringConcat", "a b")], {"a": (TensorProto.STRING, [3]), "b": (TensorProto.STRING, [3])}, {"y": (TensorProto.STRING, [3])})
    result = lepton("compile", text, WASM, "-o", tmp_path / "t.wasm")
    assert result.returncode == 1 and "node 'y' has strings" in result.stderr, result.stderr


def test_here_it_does_not_run(tmp_path):
    model = save_small(tmp_path / "small.onnx")
    module = compile_to(tmp_path, model, "small.wasm", WASM)
    result = lepton("run", module, "--random-inputs=0")
    assert result.returncode == 1 and "a module of WebAssembly" in result.stderr, result.stderr
    result = lepton("run", model, "--random-inputs=0", WASM)
    assert result.returncode == 2 and "engine" in result.stderr, result.stderr
    result = lepton("compile", model, "-o", tmp_path / "other.wasm")
    assert result.returncode == 2 and WASM in result.stderr, result.stderr
