"""What artifacts do on GPUs of all kinds: replays, sizes, threads, decisions of the host. NVIDIA's is the emulator of test/gpu behind the interface of its driver;
Vulkan's is lavapipe, as it is and as one whose memory the CPU does not reach."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from onnx import TensorProto, helper

import lepton
from common import FAKE_CUDA, chain_result, compile_vulkan, emulate, save, save_doubling, small_result, use_lavapipe


@pytest.fixture(scope="module", params=["cuda", "vulkan", "discrete"])
def compile_for_gpu(request):
    """Model, artifact -> the artifact."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEPTON_LIBCUDA", str(FAKE_CUDA))
        use_lavapipe(patch)
        patch.setenv("LEPTON_VULKAN_LIES", "discrete" if request.param == "discrete" else "")
        yield emulate if request.param == "cuda" else compile_vulkan


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
    for count in (3, 1, 200, 2, 0, 20000, 200):
        x = np.random.default_rng(count).standard_normal((count, 4)).astype(np.float32)
        np.testing.assert_allclose(session.run(None, {"x": x})[0], small_result(x), rtol=1e-5, atol=1e-6)


def test_several_threads_run_one_session(chain):
    session = lepton.InferenceSession(chain)

    def work(seed):
        x = np.random.default_rng(seed).standard_normal((5, 4)).astype(np.float32)
        return np.allclose(session.run(None, {"x": x})[1], chain_result(x)[1], rtol=1e-5, atol=1e-6)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(64)))


def test_the_host_decides_by_what_a_kernel_computed(compile_for_gpu, tmp_path):
    session = lepton.InferenceSession(compile_for_gpu(save_doubling(tmp_path / "loop.onnx"), tmp_path / "loop.so"))
    for scale in (1, 10, 1000):
        x = np.array([1, 2, 3], np.float32) * scale
        expected = x * 2
        while expected.max() < 100:
            expected = expected * 2
        np.testing.assert_array_equal(session.run(None, {"x": x})[0], expected)


def test_an_index_out_of_range_is_an_error_in_words(compile_for_gpu, tmp_path):
    shapes = ({"x": (TensorProto.FLOAT, [4]), "at": (TensorProto.INT64, [2])}, {"y": (TensorProto.FLOAT, [2])})
    model = save(tmp_path / "gather.onnx", [helper.make_node("Gather", ["x", "at"], ["y"], name="pick")], *shapes)
    session = lepton.InferenceSession(compile_for_gpu(model, tmp_path / "gather.so"))
    x = np.arange(4, dtype=np.float32)
    for _ in range(4):  # the third run is a replay
        np.testing.assert_array_equal(session.run(None, {"x": x, "at": np.array([3, -4])})[0], [3, 0])
        with pytest.raises(Exception, match="node 'pick'.*out of range"):
            session.run(None, {"x": x + 1, "at": np.array([1 << 40, -3])})
