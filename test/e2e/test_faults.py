"""Faults of Lepton itself: status 3, one line, the IR that repeats them in a file; never a signal."""

import fcntl
import os
import shutil
import signal
import subprocess
import termios
import time
from pathlib import Path

import numpy as np
import pytest

from onnx import TensorProto, helper

from common import LEPTON, ROOT, SECONDS, lepton, save, save_small, small_result

ROWS = np.array([[1, 2, 3, 4], [-1, 0, 1, 2]], np.float32)

# An op that no phase lowers, in a dialect that models are not written in.
UNKNOWN_TO_ALL_PHASES = """
func.func @main(%x: tensor<4xf32> {lepton.name = "x"}) -> (tensor<4xf32> {lepton.name = "y"}) {
  %y = tosa.abs %x : (tensor<4xf32>) -> tensor<4xf32>
  return %y : tensor<4xf32>
}
"""


def faults(folder):
    return sorted(path.name for path in folder.glob("lepton-fault-*.mlir"))


def test_phase_that_fails(tmp_path):
    (tmp_path / "m.mlir").write_text(UNKNOWN_TO_ALL_PHASES)
    for verb in (["compile", "-o", "m.so"], ["run", "--random-inputs=1"], ["inspect"]):
        result = lepton(verb[0], "m.mlir", *verb[1:], cwd=tmp_path)
        (fault,) = faults(tmp_path)
        assert result.returncode == 3 and result.stdout == ""
        assert len(result.stderr.splitlines()) == 1 and result.stderr.startswith("error: m.mlir: phase 'buffer' failed")
        assert fault in result.stderr and "tosa.abs" in (tmp_path / fault).read_text()
        (tmp_path / fault).rename(tmp_path / "kept.mlir")
    assert sorted(os.listdir(tmp_path)) == ["kept.mlir", "m.mlir"]
    flag = (tmp_path / "kept.mlir").read_text().split()[2]
    again = subprocess.run([ROOT / "build/bin/lepton-opt", flag, tmp_path / "kept.mlir"], capture_output=True, text=True, timeout=SECONDS)
    assert again.returncode != 0 and "not bufferized" in again.stderr


def test_constants_that_cannot_be_computed(tmp_path):
    """Without its runtime the compiler cannot run what it compiles to fold constants: no fault of the model."""
    (tmp_path / "bin").mkdir()
    shutil.copy(LEPTON, tmp_path / "bin")
    save_small(tmp_path / "small.onnx")
    command = [tmp_path / "bin/lepton", "compile", "small.onnx", "--compile-to=graph", "-o", "graph.mlir"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS)
    (fault,) = faults(tmp_path)
    assert result.returncode == 3 and len(result.stderr.splitlines()) == 1 and fault in result.stderr, result.stderr
    assert "constants cannot be computed" in result.stderr and "lepton.matmul" in (tmp_path / fault).read_text()


def test_constants_with_an_index_out_of_range(tmp_path):
    nodes = [helper.make_node("Gather", ["table", "at"], ["row"], name="look up"), helper.make_node("Add", ["x", "row"], ["y"])]
    value = (TensorProto.FLOAT, [4])
    weights = {"table": np.ones((3, 4), np.float32), "at": np.int64(3)}
    path = save(tmp_path / "gather.onnx", nodes, {"x": value}, {"y": value}, weights)
    result = lepton("compile", path, "-o", tmp_path / "a.so")
    assert result.returncode == 1 and "out of range" in result.stderr, result.stderr
    assert faults(tmp_path) == []


@pytest.fixture
def waiting(tmp_path):
    """A run that waits for its input, from a pipe in the file system."""
    save_small(tmp_path / "small.onnx")
    os.mkfifo(tmp_path / "pipe")
    command = [LEPTON, "run", "small.onnx", "--input", "x=pipe", "--output-dir=out"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def wait_until(happened):
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def write_and_wait(pipe, content):
    """Returns when the run has read what is written: the only sign that it, and not the run before it, has opened the pipe."""
    pipe.write(content)
    wait_until(lambda: fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)) == bytes(4))


def both_ends(path):
    """The pipe for writing, whether someone reads or not."""
    return os.fdopen(os.open(path, os.O_RDWR), "wb", buffering=0)


def crash_once(process, pipe, sign):
    """Crashes the run while it reads; returns when the repeated one has taken its place."""
    write_and_wait(pipe, b"x")
    process.send_signal(sign)
    command = Path(f"/proc/{process.pid}/cmdline")
    wait_until(lambda: process.poll() is not None or "--reproducer" in command.read_text())


@pytest.mark.parametrize("sign", [signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGBUS], ids=lambda s: s.name)
def test_crash_that_does_not_come_again(waiting, tmp_path, sign):
    np.save(tmp_path / "rows.npy", ROWS)
    with both_ends(tmp_path / "pipe") as pipe:
        crash_once(waiting, pipe, sign)
        write_and_wait(pipe, (tmp_path / "rows.npy").read_bytes())
    out, err = waiting.communicate(timeout=SECONDS)
    assert (waiting.returncode, out, err) == (0, "y: float32[2, 3]\n", "")
    np.testing.assert_allclose(np.load(tmp_path / "out/y.npy"), small_result(ROWS), rtol=1e-6)
    assert faults(tmp_path) == []


def test_crash_that_comes_again(waiting, tmp_path):
    with both_ends(tmp_path / "pipe") as pipe:
        crash_once(waiting, pipe, signal.SIGSEGV)
        write_and_wait(pipe, b"no array")
        waiting.send_signal(signal.SIGSEGV)
        out, err = waiting.communicate(timeout=SECONDS)
    (fault,) = faults(tmp_path)
    assert (waiting.returncode, out) == (3, "")
    assert err == f"error: small.onnx: Lepton failed; this is a fault of Lepton: please report it with {fault}\n"
    assert "llvm.func" in (tmp_path / fault).read_text()
