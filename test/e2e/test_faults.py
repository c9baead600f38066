"""Faults of Lepton itself: status 3, one line, the IR that repeats them in a file; never a signal."""

import os
import signal
import subprocess
import time

import numpy as np
import pytest

from common import LEPTON, ROOT, SECONDS, lepton, save_small, small_result

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


def crash(process, folder, sign):
    with (folder / "pipe").open("wb"):  # opens when the process does
        process.send_signal(sign)
        deadline = time.monotonic() + SECONDS
        while process.poll() is None and "--reproducer" not in open(f"/proc/{process.pid}/cmdline").read():
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.mark.parametrize("sign", [signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL, signal.SIGBUS], ids=lambda s: s.name)
def test_crash_that_does_not_come_again(waiting, tmp_path, sign):
    crash(waiting, tmp_path, sign)
    np.save(tmp_path / "rows.npy", ROWS)
    (tmp_path / "pipe").write_bytes((tmp_path / "rows.npy").read_bytes())
    out, err = waiting.communicate(timeout=SECONDS)
    assert (waiting.returncode, out, err) == (0, "y: float32[2, 3]\n", "")
    np.testing.assert_allclose(np.load(tmp_path / "out/y.npy"), small_result(ROWS), rtol=1e-6)
    assert faults(tmp_path) == []


def test_crash_that_comes_again(waiting, tmp_path):
    crash(waiting, tmp_path, signal.SIGSEGV)
    with (tmp_path / "pipe").open("wb"):
        waiting.send_signal(signal.SIGSEGV)
        out, err = waiting.communicate(timeout=SECONDS)
    (fault,) = faults(tmp_path)
    assert (waiting.returncode, out) == (3, "")
    assert err == f"error: small.onnx: Lepton failed; this is a fault of Lepton: please report it with {fault}\n"
    assert "llvm.func" in (tmp_path / fault).read_text()
