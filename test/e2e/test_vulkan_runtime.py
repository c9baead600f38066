"""What an artifact does by Vulkan but compute: memory, replays, command buffers, the choice of a GPU, errors. The GPU is lavapipe, and test/gpu/vulkan.cpp says
other things of it than are so."""

import ctypes
import gc
import json
import os
import shutil

import numpy as np
import pytest
from onnx import TensorProto, helper

import lepton
from common import FALSE_VULKAN, chain_result, compile_vulkan, save, save_doubling, save_small, small_result, use_lavapipe
from common import lepton as command_line

GPU = r"llvmpipe \(LLVM [^)]*\)"

pytestmark = pytest.mark.usefixtures("lavapipe")


@pytest.fixture(scope="module")
def compile_for_gpu():
    return compile_vulkan


def submissions():
    """How many command buffers have gone to the GPU in this process."""
    return ctypes.CDLL(FALSE_VULKAN).lepton_vulkan_submissions()


def require_small(library):
    x = np.ones((2, 4), np.float32)
    np.testing.assert_allclose(lepton.InferenceSession(library).run(None, {"x": x})[0], small_result(x), rtol=1e-5)


def test_a_run_is_one_command_buffer(chain):
    session = lepton.InferenceSession(chain)
    for _ in range(4):
        before = submissions()
        session.run(None, {"x": np.ones((5, 4), np.float32)})
        assert submissions() == before + 1


def test_each_decision_of_the_host_is_a_command_buffer(tmp_path):
    session = lepton.InferenceSession(compile_vulkan(save_doubling(tmp_path / "loop.onnx"), tmp_path / "loop.so"))
    before = submissions()
    np.testing.assert_array_equal(session.run(None, {"x": np.array([1, 2, 3], np.float32)})[0], np.array([64, 128, 192]))
    assert submissions() - before >= 6


def test_command_line_runs_profiles_and_inspects(chain, tmp_path):
    np.save(tmp_path / "x.npy", np.ones((5, 4), np.float32))
    result = command_line("run", chain, f"--input=x={tmp_path / 'x.npy'}", f"--output-dir={tmp_path}")
    assert result.returncode == 0, result.stderr
    np.testing.assert_allclose(np.load(tmp_path / "z.npy"), chain_result(np.ones((5, 4), np.float32))[1], rtol=1e-5)
    assert json.loads(command_line("inspect", chain, "--json").stdout)["target"] == "vulkan"
    model = save_small(tmp_path / "small.onnx")
    result = command_line("run", model, "--target=vulkan", "--dim=N=2", "--random-inputs=0", "--repeat=3", f"--profile={tmp_path / 'p.json'}")
    assert result.returncode == 0, result.stderr
    names = [event["name"] for event in json.loads((tmp_path / "p.json").read_text())["traceEvents"]]
    assert names and len(names) % 3 == 0 and any("matmul" in name for name in names), names


def test_models_are_compiled_just_in_time(tmp_path):
    x = np.ones((2, 4), np.float32)
    session = lepton.InferenceSession(save_small(tmp_path / "small.onnx"), target="vulkan")
    np.testing.assert_allclose(session.run(None, {"x": x})[0], small_result(x), rtol=1e-5)


def test_an_artifact_needs_no_gpu_to_be_made(tmp_path):
    model = save_small(tmp_path / "small.onnx")
    result = command_line("compile", model, "--target=vulkan", "-o", tmp_path / "small.so", LEPTON_LIBVULKAN="/nowhere")
    assert result.returncode == 0, result.stderr


# ---- errors --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lies,message",
    [
        ("no-device", "the model was compiled for Vulkan, but its drivers find no GPU on this machine that computes; install the driver of one"),
        ("old-driver", f"the driver of {GPU} is of Vulkan 1.0, older than 1.1; install a newer one"),
        ("threads=16", rf"{GPU} cannot run model 'small': its limit maxComputeWorkGroupInvocations is 16, and the kernels need \d+; run it on another GPU"),
        ("shared=16384", "its limit maxComputeSharedMemorySize is 16384, and the kernels need 32768"),
        ("alignment=256", "its limit minStorageBufferOffsetAlignment is 256, and the kernels need 64"),
        ("tensor=16", r"its limit maxStorageBufferRange is 16, and the kernels need \d+|a tensor has \d+ bytes, and kernels on .* reach no more than 16 of one"),
        ("buffers=1", rf"kernel '.*' has \d buffers and \d numbers, but {GPU} takes no more than 1 and \d+"),
        ("memory=16", rf"out of memory: the constants of model 'small' need \d+ bytes of {GPU} in one piece, which has 16 in all"),
        ("memory=300", "out of memory"),
        ("discrete,memory=300", "out of memory"),
        ("lost=", rf"a kernel of the model failed: the driver of {GPU} says 'the GPU was lost' \(VK_ERROR_DEVICE_LOST\); the kernel launched last is '.+', run with --profile"),
    ],
)
def test_failures_are_said_in_words(small, lavapipe, lies, message):
    lavapipe.setenv("LEPTON_VULKAN_LIES", f"{lies}{submissions()}" if lies == "lost=" else lies)
    with pytest.raises(Exception, match=message):
        lepton.InferenceSession(small).run(None, {"x": np.zeros((2, 4), np.float32)})
    lavapipe.delenv("LEPTON_VULKAN_LIES")
    require_small(small)


@pytest.mark.parametrize(
    "without,dtype,op,capability",
    [("int64", "INT64", "Neg", "Int64"), ("int8", "INT8", "Neg", "Int8"), ("subgroups", "FLOAT", "Softmax", "GroupNonUniformArithmetic")],
)
def test_features_that_a_gpu_lacks_are_named(tmp_path, lavapipe, without, dtype, op, capability):
    shape = (getattr(TensorProto, dtype), [64, 256])
    library = compile_vulkan(save(tmp_path / "model.onnx", [helper.make_node(op, ["x"], ["y"])], {"x": shape}, {"y": shape}), tmp_path / "model.so")
    lavapipe.setenv("LEPTON_VULKAN_LIES", f"without={without}")
    with pytest.raises(Exception, match=f"model 'small' needs the capability {capability} of SPIR-V, which {GPU} or its driver has not"):
        lepton.InferenceSession(library)


def test_sessions_leave_no_threads_behind(tmp_path):
    """Drivers have threads, lavapipe at least one for each of the CPU's."""
    model, x = save_small(tmp_path / "small.onnx"), np.ones((2, 4), np.float32)

    def threads_after(sessions):
        for _ in range(sessions):
            np.testing.assert_allclose(lepton.InferenceSession(model, target="vulkan").run(None, {"x": x})[0], small_result(x), rtol=1e-5)
        gc.collect()
        return len(os.listdir("/proc/self/task"))

    before = threads_after(2)
    assert threads_after(8) <= before


def test_a_gpu_is_chosen_by_number_or_name(small, lavapipe):
    for wish in ("0", "pipe", ""):
        lavapipe.setenv("LEPTON_VULKAN_DEVICE", wish)
        require_small(small)
    for wish in ("77", "Voodoo"):
        lavapipe.setenv("LEPTON_VULKAN_DEVICE", wish)
        with pytest.raises(Exception, match=f"LEPTON_VULKAN_DEVICE names '{wish}', which is no GPU of this machine that computes; there are 0 {GPU}"):
            lepton.InferenceSession(small)
    lavapipe.delenv("LEPTON_VULKAN_DEVICE")
    with pytest.raises(Exception, match="is to run on GPU 9, but there are . that compute on this machine, counted from 0"):
        lepton.InferenceSession(small, device=9)


def test_a_machine_without_vulkan_is_told_so(small, lavapipe, tmp_path):
    small = shutil.copy(small, tmp_path)  # which has not found its driver yet
    for library, message in (
        ("libvulkan-of-nobody.so.1", r"no loader of Vulkan's drivers \(libvulkan-of-nobody\.so\.1 cannot be loaded.*compile the model for the CPU"),
        ("libm.so.6", r"libm\.so\.6 is no loader of Vulkan's drivers"),
    ):
        lavapipe.setenv("LEPTON_LIBVULKAN", library)
        with pytest.raises(Exception, match=message):
            lepton.InferenceSession(small)
    use_lavapipe(lavapipe)
    lavapipe.setenv("LEPTON_VULKAN_LIES", "old-loader")
    with pytest.raises(Exception, match=r"the loader of Vulkan's drivers on this machine is of version 1\.0, older than 1\.1"):
        lepton.InferenceSession(small)


def test_a_machine_without_a_driver_is_told_so(small):
    nowhere = {"LEPTON_LIBVULKAN": "", "VK_ICD_FILENAMES": "/nowhere", "VK_DRIVER_FILES": "/nowhere"}
    result = command_line("run", small, "--random-inputs=0", **nowhere)
    assert result.returncode == 1
    assert "the model was compiled for Vulkan, but this machine has no driver of a GPU for it; install one" in result.stderr
