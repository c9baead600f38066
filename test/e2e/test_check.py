"""lepton check: what it reports, that it finds what is wrong, and how it refuses."""

import os
import re
import subprocess

import numpy as np
import pytest
from onnx import TensorProto, helper

import lepton.check
from common import LEPTON, SECONDS, lepton as command, save, save_small

OK, DIFFERS, USAGE = 0, 1, 2
FLOAT = TensorProto.FLOAT


@pytest.fixture
def model(tmp_path):
    return save_small(tmp_path / "small.onnx")


@pytest.fixture
def rounding(tmp_path):
    """A model whose last digits are a matter of taste."""
    return save(tmp_path / "softmax.onnx", [helper.make_node("Softmax", ["x"], ["y"])], {"x": (FLOAT, [50, 40])}, {"y": (FLOAT, [50, 40])})


@pytest.mark.parametrize("flags", [[], ["--against=reference"], ["--against=onnxruntime", "-O0", "--threads=2"]], ids=str)
def test_model_agrees(model, flags):
    result = command("check", model, "--random-inputs=3", "--dim=N=5", *flags)
    assert result.returncode == OK and result.stderr == "", result.stderr
    line = next(line for line in result.stdout.splitlines() if line.startswith("y "))
    assert "float32[5, 3]" in line and line.endswith("ok") and float(line.split()[3]) < 1e-5
    assert "seed 3" in result.stdout and ("onnx.reference" if "--against=reference" in flags else "onnxruntime") in result.stdout


def test_seeds_reproduce(rounding):
    first, again, other = (command("check", rounding, f"--random-inputs={seed}").stdout for seed in (1, 1, 2))
    assert first == again and first.splitlines()[1] != other.splitlines()[1]


def test_bounds_are_run_at_both_ends(model):
    result = command("check", model, "--dim=N=2:7")
    assert result.returncode == OK and "float32[2, 3]" in result.stdout and "float32[7, 3]" in result.stdout


def test_given_inputs(tmp_path, model):
    np.save(tmp_path / "x.npy", np.ones((9, 4), np.float32))
    assert "float32[9, 3]" in command("check", model, f"--input=x={tmp_path / 'x.npy'}").stdout
    result = command("check", model, f"--input=z={tmp_path / 'x.npy'}")
    assert result.returncode == 1 and "no input 'z'" in result.stderr


def test_difference_is_found(rounding):
    """The last digit of an output is enough where none is allowed."""
    result = command("check", rounding, "--tolerance=0", "--against=reference")
    assert result.returncode == DIFFERS and re.search(r"^y .*DIFFERS$", result.stdout, re.M) and "DOES NOT AGREE" in result.stdout


def test_errors_of_an_output():
    one = np.float32([1.0, -2.0, 0.0, np.nan, np.inf])
    assert lepton.check.compare(one, one) == (0, 0, 0, 0)
    after = np.nextafter(np.float32(-2), np.float32(-3))
    gap = float(np.float32(-2) - after)
    assert lepton.check.compare(one, np.float32([1, after, 0, np.nan, np.inf])) == (gap, gap / 2, 1, gap / 2)
    tiny = np.nextafter(np.float32(0), np.float32(-1))
    assert lepton.check.compare(np.float32([-tiny]), np.float32([tiny]))[2] == 2
    assert lepton.check.compare(one, np.float32([1, -2, 0, 0, np.inf]))[0] == np.inf
    assert lepton.check.compare(one, one[:3])[0] == np.inf and lepton.check.compare(one, one.astype(np.float64))[0] == np.inf
    assert lepton.check.compare(np.int64([4, 5]), np.int64([4, 7])) == (2, 2 / 5, 2, 2 / 5)
    assert lepton.check.compare(np.float32([]), np.float32([])) == (0, 0, 0, 0)


def test_faults(tmp_path, model):
    bad = save(tmp_path / "bad.onnx", [helper.make_node("Frob", ["x"], ["y"], name="n", domain="mine")], {"x": (FLOAT, [2])}, {"y": (FLOAT, [2])}, domain="mine")
    for arguments, status, part in (
        (["absent.onnx"], 1, "absent.onnx: cannot be read"),
        ([bad], 1, "mine::Frob (node 'n')"),
        ([model, "--dim=M=2"], 1, "no dimension 'M'"),
        ([model, "--against=luck"], USAGE, "invalid choice: 'luck'"),
        ([], USAGE, "MODEL"),
    ):
        result = command("check", *arguments)
        assert result.returncode == status and part in result.stderr and "Traceback" not in result.stderr, result.stderr


def test_what_is_missing_is_named(tmp_path, model):
    """An interpreter without packages, none at all, and one whose oracle is not installed."""
    bare = tmp_path / "bare"
    bare.write_text('#!/bin/sh\nexec /usr/bin/python3 -I "$@"\n')
    bare.chmod(0o755)
    hidden = tmp_path / "hidden/onnxruntime"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ImportError('hidden')\n")
    for extra, flags, part in (
        ({"LEPTON_PYTHON": str(bare)}, [], "-m pip install"),
        ({"LEPTON_PYTHON": "/absent/python"}, [], "/absent/python: cannot be started"),
        ({"PYTHONPATH": str(hidden.parent)}, ["--against=onnxruntime"], "-m pip install onnxruntime"),
    ):
        result = subprocess.run([LEPTON, "check", model, *flags], env=os.environ | extra, capture_output=True, text=True, timeout=SECONDS)
        assert result.returncode == USAGE and result.stderr.count("\n") == 1 and part in result.stderr, result.stderr


def test_a_death_is_a_fault(tmp_path, model):
    dying = tmp_path / "dying"
    dying.write_text("#!/bin/sh\nkill -SEGV $$\n")
    dying.chmod(0o755)
    result = subprocess.run([LEPTON, "check", model], env=os.environ | {"LEPTON_PYTHON": str(dying)}, capture_output=True, text=True, timeout=SECONDS)
    assert result.returncode == 3 and "fault of Lepton" in result.stderr
