"""What an artifact does on a GPU but compute: memory, replays, streams, errors. The GPU is an emulator behind the interface of NVIDIA's driver."""

import json
import re
import shutil

import numpy as np
import pytest

import lepton
from common import FAKE_CUDA, chain_result, emulate, save_small, small_result
from common import lepton as command_line


@pytest.fixture(scope="module")
def compile_for_gpu():
    return emulate


@pytest.fixture(autouse=True)
def emulator(monkeypatch):
    monkeypatch.setenv("LEPTON_LIBCUDA", str(FAKE_CUDA))
    return monkeypatch


def error_of(library, emulator, fault):
    """What making a session or running it says, with a driver that fails in this way."""
    emulator.setenv("LEPTON_FAKE_CUDA", fault)
    with pytest.raises(Exception) as caught:
        lepton.InferenceSession(library).run(None, {"x": np.zeros((2, 4), np.float32)})
    return str(caught.value)


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
