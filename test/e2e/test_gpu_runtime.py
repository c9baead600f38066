"""What an artifact does on a GPU but compute: memory, replays, streams, errors. The GPU is an emulator behind the interface of NVIDIA's driver."""

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import lepton
from common import FAKE_CUDA, emulate, save, save_small, small_result
from common import lepton as command_line


@pytest.fixture(autouse=True)
def emulator(monkeypatch):
    monkeypatch.setenv("LEPTON_LIBCUDA", str(FAKE_CUDA))
    return monkeypatch


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """save_small's model, of unknown sizes."""
    folder = tmp_path_factory.mktemp("small")
    return emulate(save_small(folder / "small.onnx"), folder / "small.so")


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """y = tanh(x) w + 1, z = relu(y), of known sizes: recorded in the second run."""
    folder = tmp_path_factory.mktemp("chain")
    nodes = [
        helper.make_node("Tanh", ["x"], ["t"]),
        helper.make_node("MatMul", ["t", "w"], ["p"]),
        helper.make_node("Add", ["p", "one"], ["y"]),
        helper.make_node("Relu", ["y"], ["z"]),
    ]
    shapes = ({"x": (TensorProto.FLOAT, [5, 4])}, {"y": (TensorProto.FLOAT, [5, 3]), "z": (TensorProto.FLOAT, [5, 3])})
    weights = {"w": np.arange(12, dtype=np.float32).reshape(4, 3) / 10 - 0.5, "one": np.ones(3, np.float32)}
    return emulate(save(folder / "chain.onnx", nodes, *shapes, weights), folder / "chain.so")


def chain_result(x):
    y = np.tanh(x) @ (np.arange(12, dtype=np.float32).reshape(4, 3) / 10 - 0.5) + 1
    return y, np.maximum(y, 0)


def error_of(library, emulator, fault):
    """What making a session or running it says, with a driver that fails in this way."""
    emulator.setenv("LEPTON_FAKE_CUDA", fault)
    with pytest.raises(Exception) as caught:
        lepton.InferenceSession(library).run(None, {"x": np.zeros((2, 4), np.float32)})
    return str(caught.value)


def test_runs_differ_by_their_inputs_also_as_replays(chain):
    session = lepton.InferenceSession(chain)
    random = np.random.default_rng(0)
    for _ in range(5):
        x = random.standard_normal((5, 4)).astype(np.float32)
        for expected, result in zip(chain_result(x), session.run(None, {"x": x}), strict=True):
            np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


def test_outputs_go_to_the_callers_memory(chain):
    session = lepton.InferenceSession(chain)
    y, z = np.full((5, 3), 7, np.float32), np.full((5, 3), 7, np.float32)
    for run in range(4):
        x = np.full((5, 4), run, np.float32)
        binding = session.io_binding()
        binding.bind_cpu_input("x", x)
        for name, array in (("y", y), ("z", z)):
            binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        session.run_with_iobinding(binding)
        np.testing.assert_allclose(y, chain_result(x)[0], rtol=1e-5)
        np.testing.assert_allclose(z, chain_result(x)[1], rtol=1e-5)


def test_a_run_that_fails_while_it_is_recorded_is_not_replayed(chain):
    session = lepton.InferenceSession(chain)
    for run in range(4):
        x = np.full((5, 4), run, np.float32)
        if run == 1:  # the one that is recorded
            binding = session.io_binding()
            binding.bind_cpu_input("x", x)
            small = np.zeros((5, 2), np.float32)
            binding.bind_output("y", "cpu", 0, np.float32, small.shape, small.ctypes.data)
            with pytest.raises(Exception, match="output 'y'"):
                session.run_with_iobinding(binding)
        else:
            np.testing.assert_allclose(session.run(None, {"x": x})[1], chain_result(x)[1], rtol=1e-5)


def test_sizes_may_change_from_run_to_run(small):
    session = lepton.InferenceSession(small)
    for count in (3, 1, 200, 2, 0, 200):
        x = np.random.default_rng(count).standard_normal((count, 4)).astype(np.float32)
        np.testing.assert_allclose(session.run(None, {"x": x})[0], small_result(x), rtol=1e-5, atol=1e-6)


def test_several_threads_run_one_session(chain):
    session = lepton.InferenceSession(chain)

    def work(seed):
        x = np.random.default_rng(seed).standard_normal((5, 4)).astype(np.float32)
        return np.allclose(session.run(None, {"x": x})[1], chain_result(x)[1], rtol=1e-5, atol=1e-6)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(64)))


def test_the_host_decides_by_what_a_kernel_computed(tmp_path):
    """A loop whose end only the GPU knows, and a branch."""
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
    model = save(tmp_path / "loop.onnx", nodes, *shapes, {"yes": np.array(True), "limit": np.float32(100)})
    session = lepton.InferenceSession(emulate(model, tmp_path / "loop.so"))
    for scale in (1, 10, 1000):
        x = np.array([1, 2, 3], np.float32) * scale
        expected = x * 2
        while expected.max() < 100:
            expected = expected * 2
        np.testing.assert_array_equal(session.run(None, {"x": x})[0], expected)


def test_command_line_runs_and_profiles(chain, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((5, 4), np.float32))
    arguments = ("run", chain, f"--input=x={tmp_path / 'x.npy'}", f"--output-dir={tmp_path}")
    result = command_line(*arguments)
    assert result.returncode == 0, result.stderr
    np.testing.assert_allclose(np.load(tmp_path / "z.npy"), chain_result(np.ones((5, 4), np.float32))[1], rtol=1e-5)
    described = json.loads(command_line("inspect", chain, "--json").stdout)
    assert described["target"] == "cuda:sm_80"


def test_an_artifact_needs_no_gpu_to_be_made(tmp_path):
    model = save_small(tmp_path / "small.onnx")
    result = command_line("compile", model, "--target=cuda", "-o", tmp_path / "small.so", LEPTON_LIBCUDA="/nowhere")
    assert result.returncode == 0, result.stderr
    assert b".target sm_80" in (tmp_path / "small.so").read_bytes()


@pytest.mark.parametrize(
    "fault,message",
    [
        ("no-device", "the driver finds none on this machine"),
        ("old-driver", "the driver of the emulator knows CUDA 11.4, which is too old for the model's code (cuda:sm_80); install a newer driver"),
        ("memory=16", "out of memory: the constants of model 'small' need"),
        ("memory=300", "out of memory"),
        ("launch=0", "the driver of the emulator says 'unspecified launch failure' (CUDA error 719); the kernel launched last is 'matmul"),
    ],
)
def test_failures_are_said_in_words(small, emulator, fault, message):
    assert message in error_of(small, emulator, fault)
    emulator.delenv("LEPTON_FAKE_CUDA")
    x = np.ones((2, 4), np.float32)
    np.testing.assert_allclose(lepton.InferenceSession(small).run(None, {"x": x})[0], small_result(x), rtol=1e-5)


def test_a_session_has_the_gpu_that_was_named(small, emulator):
    emulator.setenv("LEPTON_FAKE_CUDA", "only-device=1")
    x = np.ones((2, 4), np.float32)
    for choice in ({"device": 1}, {"providers": [("CPUExecutionProvider", {"device_id": "1"})]}, {"provider_options": [{"device_id": 1}]}):
        session = lepton.InferenceSession(small, **choice)
        np.testing.assert_allclose(session.run(None, {"x": x})[0], small_result(x), rtol=1e-5)
    assert command_line("run", small, "--device=1", "--random-inputs=1").returncode == 0
    for device, message in ((0, "the GPU cannot be used: the GPU's driver says 'CUDA-capable device(s) is/are busy"), (2, "is to run on GPU 2, but the driver finds 2 on this machine, counted from 0")):
        with pytest.raises(Exception, match=re.escape(message)):
            lepton.InferenceSession(small, device=device)
        result = command_line("run", small, f"--device={device}", "--random-inputs=1")
        assert result.returncode == 1 and message in result.stderr
    with pytest.raises(ValueError, match="it takes the number of a GPU, from 0"):
        lepton.InferenceSession(small, device=-1)


def test_a_machine_without_a_driver_is_told_so(small, emulator, tmp_path):
    small = shutil.copy(small, tmp_path)  # which has not found its driver yet
    emulator.setenv("LEPTON_LIBCUDA", "libcuda-of-nobody.so.1")
    with pytest.raises(Exception, match=r"no driver of one \(libcuda-of-nobody\.so\.1 cannot be loaded.*compile the model for the CPU"):
        lepton.InferenceSession(small)


def test_code_that_the_gpu_cannot_read_is_refused(tmp_path):
    """PTX, which the emulator does not read, stands for code of another GPU: in an artifact, and compiled just in time."""
    model = save_small(tmp_path / "small.onnx")
    message = "the model's code cannot be loaded: the GPU's driver says 'invalid argument'"
    assert command_line("compile", model, "--target=cuda:sm_90a", "-o", tmp_path / "small.so").returncode == 0
    for path, options in ((tmp_path / "small.so", {}), (model, {"target": "cuda:sm_90a"})):
        with pytest.raises(Exception, match=message):
            lepton.InferenceSession(path, **options)
    result = command_line("run", model, "--target=cuda", "--random-inputs=0")
    assert (result.returncode, message in result.stderr) == (1, True), result.stderr
