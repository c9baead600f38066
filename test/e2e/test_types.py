"""The types that the package declares: they are those of its functions, and a checker finds right programs right and wrong ones wrong."""

import subprocess
import sys

import pytest

from common import ROOT, SECONDS

RIGHT = """
import numpy as np
import lepton
from lepton import nn

options = lepton.SessionOptions()
options.intra_op_num_threads = 2
session = lepton.InferenceSession("model.onnx", options, providers=["CPUExecutionProvider"], dims={"N": (1, 8)})
result: np.ndarray = session.run(None, {value.name: np.zeros((1, 4), np.float32) for value in session.get_inputs()})[0]
graph = nn.Sequential([nn.Conv2D(32, 3, activation="relu"), nn.Flatten(), nn.Dense(10)], seed=1).graph((1, 28, 28))
traced = nn.trace(lambda x: nn.softmax(nn.relu(x) + 1), x=("float32", ["N", 4]))
lepton.compile(traced, "model.so", cpu="x86-64-v3")
print(session.get_modelmeta().custom_metadata_map["labels"].splitlines())
"""
WRONG = {
    'lepton.InferenceSession("model.onnx", threads="two")': "arg-type",
    'lepton.compile("model.onnx")': "call-arg",
    'nn.Dense(units="ten")': "arg-type",
    'lepton.InferenceSession("model.onnx").get_input()': "attr-defined",
}


def mypy(*arguments):
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=ROOT / "build", capture_output=True, text=True, timeout=SECONDS)


@pytest.fixture
def settings(tmp_path):
    """The parts of the package that are not public have no types."""
    file = tmp_path / "mypy.ini"
    file.write_text("[mypy]\nignore_missing_imports = True\nfollow_imports = silent\n")
    return file


def check(tmp_path, settings, text):
    (tmp_path / "program.py").write_text(text)
    return mypy("mypy", "--strict", f"--config-file={settings}", f"--cache-dir={tmp_path}", tmp_path / "program.py")


def test_programs(tmp_path, settings):
    result = check(tmp_path, settings, RIGHT)
    assert result.returncode == 0, result.stdout
    result = check(tmp_path, settings, "import lepton\nfrom lepton import nn\n" + "\n".join(WRONG))
    found = [line.rsplit("[", 1)[1].rstrip("]") for line in result.stdout.splitlines() if ": error: " in line]
    assert found == list(WRONG.values()), result.stdout


def test_types_are_those_of_the_functions(tmp_path):
    """The operations of lepton.nn are declared from the same lines of C++ as they are bound from; the checker cannot look at them."""
    (tmp_path / "mypy.ini").write_text("[mypy]\nignore_missing_imports = True\ndisable_error_code = attr-defined\n")
    (tmp_path / "allowed").write_text("lepton\\.nn\\..*\nlepton\\.torch\n")
    options = ("--concise", "--ignore-missing-stub", "--ignore-unused-allowlist", f"--allowlist={tmp_path / 'allowed'}", f"--mypy-config-file={tmp_path / 'mypy.ini'}")
    result = mypy("mypy.stubtest", "lepton", *options)
    assert result.returncode == 0, result.stdout + result.stderr
