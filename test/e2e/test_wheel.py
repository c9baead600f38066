"""The wheel: what it carries, how large it is, and that it compiles and runs models where no LLVM is."""

import fcntl
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from common import ROOT, SECONDS, save_small, small_result

MEGABYTE = 10**6
# What the set-up installs for the build, which a user of the wheel does not have; each is hidden by an empty file or folder.
HIDDEN = ("/usr/lib/llvm-22", "/usr/lib/x86_64-linux-gnu/lib{LLVM,MLIR,lld,protobuf,sqlite3,zstd,xml2,z3}*")

PROGRAM = """
import sys
import numpy as np
import lepton
from lepton import nn

folder = sys.argv[1]
rows = np.arange(8, dtype=np.float32).reshape(2, 4)
np.save(f"{folder}/y.npy", lepton.InferenceSession(f"{folder}/small.onnx").run(None, {"x": rows})[0])
graph = nn.Sequential([nn.Dense(3, activation="relu")], seed=1).graph((4,))
lepton.compile(graph, f"{folder}/dense.so", target="aarch64-linux-gnu")
lepton.compile(graph, f"{folder}/dense.wasm", target="wasm32-wasi")
assert lepton.InferenceSession(graph).run(None, {"input": rows})[0].shape == (2, 3)
print(*{line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}, sep="\\n")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built as `pip install .` builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", folder, ROOT]
    # Another process of the tests may want the wheel, too, and builds it in the same folder.
    with open(ROOT / "build/wheel.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = subprocess.run(command, capture_output=True, text=True, timeout=5 * SECONDS)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def venv(wheel, tmp_path_factory):
    """An environment with the wheel and NumPy, and nothing else."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=SECONDS)
    subprocess.run([folder / "bin/pip", "install", "--quiet", "--no-index", "--no-deps", wheel], check=True, timeout=SECONDS)
    (packages,) = folder.glob("lib/python3*/site-packages")
    for package in (np, ml_dtypes):
        source = Path(package.__file__).parent
        for part in (source, source.with_suffix(".libs")):
            if part.exists():
                (packages / part.name).symlink_to(part)
    return folder


def alone(*command):
    """Runs a command where the build's libraries are hidden."""
    hide = f"shopt -s nullglob; for path in {' '.join(HIDDEN)}; do if [ -d $path ]; then mount -t tmpfs none $path; else mount --bind /dev/null $path; fi; done"
    namespace = ["unshare", "--map-root-user", "--mount", "bash", "-euc", f'{hide}; ! [ -e /usr/lib/llvm-22/lib ]; exec "$@"', "bash"]
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "LD_LIBRARY_PATH")}
    return subprocess.run([*namespace, *command], env=environment, capture_output=True, text=True, timeout=SECONDS)


def test_what_it_carries(wheel):
    assert re.fullmatch(r"lepton-[\d.]+-cp311-cp311-manylinux_2_\d+_x86_64\.whl", wheel.name)
    assert wheel.stat().st_size < 80 * MEGABYTE
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"lepton/__init__.py", "lepton/nn.pyi", "lepton/py.typed", "lepton_tune/main.py", "lepton_bench/lepton-limits"} <= names
    assert {f"lepton/lib/{arch}/liblepton_rt.a" for arch in ("x86_64", "aarch64", "riscv64", "wasm32")} <= names
    assert not [name for name in names if "LLVM" in name or "MLIR" in name]


def test_runs_without_llvm(venv, tmp_path):
    save_small(tmp_path / "small.onnx")
    result = alone(venv / "bin/python", "-c", PROGRAM, tmp_path)
    assert result.returncode == 0, result.stderr
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), small_result(np.arange(8, dtype=np.float32).reshape(2, 4)), rtol=1e-6)
    own = [file for file in result.stdout.split() if re.match("_lepton|lib(protobuf|sqlite3|zstd|LLVM|MLIR)", Path(file).name)]
    assert len(own) == 4 and all(file.startswith(str(venv)) for file in own), own


def test_command_line(venv, tmp_path):
    save_small(tmp_path / "small.onnx")
    for command in (["compile", tmp_path / "small.onnx", "-o", tmp_path / "small.so"], ["run", tmp_path / "small.so", "--random-inputs=1"], ["ops"]):
        result = alone(venv / "bin/lepton", *command)
        assert result.returncode == 0, result.stderr
    result = alone(venv / "bin/lepton", "compile", tmp_path / "none.onnx", "-o", tmp_path / "none.so")
    assert result.returncode == 1 and result.stderr.startswith(f"error: {tmp_path}/none.onnx: cannot be read")


def test_bench(venv, tmp_path):
    """Beside no peer, which a user has to install."""
    save_small(tmp_path / "small.onnx")
    result = alone(venv / "bin/lepton", "bench", tmp_path / "small.onnx", "--against=", "--budget=0.1", "--kernels=1", "--json", tmp_path / "r.json")
    assert result.returncode == 0, result.stderr
    document = json.loads((tmp_path / "r.json").read_text())
    assert document["results"][0]["peers"]["lepton"]["min_ms"] > 0 and document["results"][0]["kernels"] and document["limits"]["threads"]["1"]["gflops"] > 0
    result = alone(venv / "bin/lepton", "bench", "mnist_b1", "--against=")
    assert result.returncode == 1 and result.stderr.startswith("error: mnist_b1: networks by name are written with the Python package onnx; install it with: ")
