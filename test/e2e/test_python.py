"""The Python package: sessions from paths, bytes and artifacts, what they say of themselves, and how they refuse."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import lepton
import lepton.backend
import onnx
from common import CLANG, save, save_small, small_result
from lepton import nn

ROWS = np.arange(20, dtype=np.float32).reshape(5, 4) - 9


@pytest.fixture
def model(tmp_path):
    return save_small(tmp_path / "small.onnx")


def require_small(session):
    (result,) = session.run(None, {"x": ROWS})
    np.testing.assert_allclose(result, small_result(ROWS), rtol=1e-6)


def test_sessions_from_path_bytes_and_artifact(model, tmp_path):
    require_small(lepton.InferenceSession(model))
    require_small(lepton.InferenceSession(str(model), threads=2, opt_level=0))
    require_small(lepton.InferenceSession(model.read_bytes()))
    lepton.compile(model, tmp_path / "small.so", cpu="x86-64-v2")
    require_small(lepton.InferenceSession(tmp_path / "small.so"))


def test_sizes_of_dimensions(model, tmp_path):
    bounded = lepton.InferenceSession(model, dims={"N": (2, 5)})
    require_small(bounded)
    with pytest.raises(ValueError, match="N from 2 to 5"):
        bounded.run(None, {"x": ROWS[:1]})
    assert lepton.InferenceSession(model, dims={"N": 5}).get_inputs()[0].shape == [5, 4]
    lepton.compile(model, tmp_path / "five.so", dims={"N": (5, 5)})
    require_small(lepton.InferenceSession(tmp_path / "five.so"))
    versions = lepton.InferenceSession(model, dims={"N": [2, 5]})
    require_small(versions)
    assert versions.get_inputs()[0].shape == ["N", 4]
    for rows in (1, 2, 5, 7):
        x = np.ones((rows, 4), np.float32)
        np.testing.assert_allclose(versions.run(None, {"x": x})[0], lepton.InferenceSession(model).run(None, {"x": x})[0], rtol=1e-6)
    for dims, message in (({"N": []}, "list of the sizes"), ({"M": 2}, "'M'.*its dimensions are N"), ({"N": 0}, "positive"), ({"N": (3, 2)}, "smallest"), ({"N": 1.5}, "positive")):
        with pytest.raises(ValueError, match=message):
            lepton.InferenceSession(model, dims=dims)


def test_sessions_of_several_models_stay_apart(tmp_path, model):
    first = lepton.InferenceSession(model)
    product = onnx.helper.make_node("Mul", ["a", "a"], ["b"])
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2]) for name in "ab"]
    graph = onnx.helper.make_graph([product], "square", values[:1], values[1:])
    second = lepton.InferenceSession(onnx.helper.make_model(graph).SerializeToString())
    np.testing.assert_array_equal(second.run(None, {"a": np.array([2, 3], np.float32)})[0], [4, 9])
    require_small(first)


def test_inputs_and_outputs(model):
    session = lepton.InferenceSession(model)
    assert [(value.name, value.shape, value.type) for value in session.get_inputs()] == [("x", ["N", 4], "tensor(float)")]
    assert [(value.name, value.shape, value.type) for value in session.get_outputs()] == [("y", ["N", 3], "tensor(float)")]
    assert session.run(["y"], {"x": ROWS})[0].shape == (5, 3)
    assert session.run(None, {"x": ROWS[:0]})[0].shape == (0, 3)


def test_any_memory_layout(model):
    session = lepton.InferenceSession(model)
    for value in (np.asfortranarray(ROWS), ROWS[::-1], ROWS[::2], np.repeat(ROWS, 2, axis=1)[:, ::2]):
        np.testing.assert_allclose(session.run(None, {"x": value})[0], small_result(value), rtol=1e-6)


@pytest.mark.parametrize(
    "feed, part",
    [
        ({}, "'x'"),
        ({"x": ROWS, "z": ROWS}, "z"),
        ({"x": ROWS[:, :3]}, r"\[5,3\]"),
        ({"x": ROWS.astype(np.float64)}, "float64"),
        ({"x": ROWS.astype(str)}, "type"),
    ],
    ids=["missing", "unknown", "shape", "type", "text"],
)
def test_wrong_inputs(model, feed, part):
    session = lepton.InferenceSession(model)
    with pytest.raises(ValueError, match=part):
        session.run(None, feed)
    require_small(session)


def test_wrong_models(tmp_path):
    with pytest.raises(ValueError, match="absent.onnx.*No such file"):
        lepton.InferenceSession(tmp_path / "absent.onnx")
    with pytest.raises(ValueError, match="no ONNX model"):
        lepton.InferenceSession(b"nothing of the kind")
    with pytest.raises(ValueError, match="no folder"):
        lepton.compile(save_small(tmp_path / "small.onnx"), tmp_path / "absent/small.so")


def test_what_is_no_option(model):
    with pytest.warns(UserWarning, match="no option use_magic"):
        require_small(lepton.InferenceSession(model, use_magic=True))
    with pytest.raises(TypeError):
        lepton.InferenceSession(None)
    for count in (-1, 2**32):
        with pytest.raises(ValueError, match=f"threads is {count}; it takes how many threads there are in a run, or 0"):
            lepton.InferenceSession(model, threads=count)
        with pytest.raises(ValueError, match=f"threads is {count};"):
            lepton.compile(model, "never.so", threads=count)


def test_numbers_of_python_are_not_cut():
    session = lepton.InferenceSession(nn.trace(lambda x: x + 1, x=("int8", ["N"])))
    np.testing.assert_array_equal(session.run(None, {"x": [-128, 5]})[0], np.array([-127, 6], np.int8))
    for numbers in ([300], [-129, 0]):
        with pytest.raises(ValueError, match="input 'x' has numbers that tensor\\(int8\\) does not hold"):
            session.run(None, {"x": numbers})


def test_wrong_output_name(model):
    with pytest.raises(ValueError, match="no output.*'q'"):
        lepton.InferenceSession(model).run(["q"], {"x": ROWS})


def test_threads_share_a_session(model):
    session = lepton.InferenceSession(model, threads=2)
    inputs = [ROWS + i for i in range(64)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda x: session.run(None, {"x": x})[0], inputs))
    for x, result in zip(inputs, results):
        np.testing.assert_allclose(result, small_result(x), rtol=1e-6, atol=1e-6)


def test_backend_interface(model):
    assert lepton.backend.supports_device("CPU") and not lepton.backend.supports_device("CUDA")
    np.testing.assert_allclose(lepton.backend.run_model(onnx.load(model), [ROWS])[0], small_result(ROWS), rtol=1e-6)
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    np.testing.assert_array_equal(lepton.backend.run_node(node, [ROWS])[0], np.maximum(ROWS, 0))


def test_artifact_that_replaced_another_one(tmp_path):
    """A path names the artifact that lies there now, also while results of the one before are in use."""
    path = tmp_path / "model.so"
    results = []
    for factor in (2.0, 3.0):
        shapes = ({"x": (onnx.TensorProto.FLOAT, [4])}, {"y": (onnx.TensorProto.FLOAT, [4])})
        save(tmp_path / "model.onnx", [onnx.helper.make_node("Mul", ["x", "f"], ["y"])], *shapes, {"f": np.float32(factor)})
        lepton.compile(tmp_path / "model.onnx", path)
        session = lepton.InferenceSession(path)
        results.append((session, session.run(None, {"x": np.ones(4, np.float32)})[0]))
    assert [result[0] for _, result in results] == [2.0, 3.0]


def test_a_forked_child_compiles():
    """After its parent has compiled: no thread of the parent's is waited for."""
    import multiprocessing

    from onnx import TensorProto, helper

    def compile_one(channel):
        channel.send(lepton.InferenceSession(model).run(None, feed)[0].tolist())

    node = helper.make_node("Relu", ["x"], ["y"])
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in ("x", "y")]
    graph = helper.make_graph([node], "relu", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()
    feed = {"x": np.array([-1, 2], np.float32)}
    lepton.InferenceSession(model).run(None, feed)
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=compile_one, args=(sender,), daemon=True)
    child.start()
    assert receiver.poll(60), "the child hangs"
    assert receiver.recv() == [0, 2]
    child.join()


def test_an_unknown_optimization_level_is_refused(model):
    with pytest.raises(ValueError, match="unknown optimization level 9; there are 0, 1, 2 and 3"):
        lepton.InferenceSession(str(model), opt_level=9)


def test_an_interrupted_caller_runs_on(tmp_path):
    """What a handler of a signal raises while a model runs comes out of `run`, and the next run is right."""
    session = lepton.InferenceSession(str(save_small(tmp_path / "m.onnx")), threads=2)
    x = np.random.default_rng(0).standard_normal((20_000, 4)).astype(np.float32)
    expected = session.run(None, {"x": x})[0]
    interrupted, before = 0, signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        while interrupted < 50:
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-4)
                for _ in range(1000):
                    session.run(None, {"x": x})
            except KeyboardInterrupt:
                interrupted += 1
            np.testing.assert_array_equal(session.run(None, {"x": x})[0], expected)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


ANOTHER_LLVM = """
#include <stdlib.h>
void LLVMContextCreate(void) { abort(); }
void _ZN4llvm11raw_ostream5writeEPKcm(void) { abort(); } /* llvm::raw_ostream::write */
void _ZN4llvm2cl6Option11addArgumentEv(void) { abort(); } /* llvm::cl::Option::addArgument */
"""
BESIDE_IT = """
import ctypes, sys
ctypes.CDLL(sys.argv[1], ctypes.RTLD_GLOBAL)
import lepton
print(lepton.InferenceSession(sys.argv[2]).run(None, {"x": [[1, 2, 3, 4]]})[0].shape)
"""


def test_another_llvm_that_all_see_is_not_used(model, tmp_path):
    """TensorFlow shows its own one to whatever is loaded after it."""
    (tmp_path / "llvm.c").write_text(ANOTHER_LLVM)
    subprocess.run([CLANG, "-shared", "-fPIC", tmp_path / "llvm.c", "-o", tmp_path / "llvm.so"], check=True)
    result = subprocess.run([sys.executable, "-c", BESIDE_IT, tmp_path / "llvm.so", model], capture_output=True, text=True, timeout=100)
    assert result.returncode == 0 and result.stdout == "(1, 3)\n", result.stderr
