"""Load: 64 threads on a few artifacts at once, with sessions that come and go, forks, signals and calls that fail; memory that stays as it is."""

import re
import subprocess
import sys

import numpy as np
import pytest
from onnx import TensorProto, helper

from common import CLANG, FULL, ROOT, SECONDS, lepton, save, save_small

THREADS, LOAD = 64, 600 if FULL else 4


def save_convolution(path):
    """Two convolutions, whose kernels are split among threads."""
    random = np.random.default_rng(0)
    weights = {f"w{i}": random.standard_normal((8, channels, 3, 3)).astype(np.float32) for i, channels in enumerate((3, 8))}
    nodes = [
        helper.make_node("Conv", ["x", "w0"], ["t"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["t"], ["u"]),
        helper.make_node("Conv", ["u", "w1"], ["y"], pads=[1, 1, 1, 1]),
    ]
    return save(path, nodes, {"x": (TensorProto.FLOAT, ["N", 3, 16, 16])}, {"y": (TensorProto.FLOAT, None)}, weights)


def save_sizes(path):
    """Memory whose size only the run knows."""
    nodes = [helper.make_node("NonZero", ["x"], ["n"]), helper.make_node("Transpose", ["n"], ["t"], perm=[1, 0]), helper.make_node("GatherND", ["x", "t"], ["y"])]
    return save(path, nodes, {"x": (TensorProto.FLOAT, ["N", 64])}, {"y": (TensorProto.FLOAT, ["M"])})


def save_lookup(path):
    """Fails in the middle of a run where an index is not 0."""
    nodes = [helper.make_node("Gather", ["table", "i"], ["r"], axis=0), helper.make_node("Exp", ["r"], ["y"])]
    return save(path, nodes, {"i": (TensorProto.INT64, ["N"])}, {"y": (TensorProto.FLOAT, None)}, {"table": np.ones((1, 40), np.float32)})


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("artifacts")
    paths = []
    for write in (save_small, save_convolution, save_sizes, save_lookup):
        paths.append(folder / f"{write.__name__}.so")
        result = lepton("compile", write(folder / "m.onnx"), "-o", paths[-1])
        assert result.returncode == 0, result.stderr
    return paths


def test_load(artifacts, tmp_path):
    command = [f"{CLANG}++", "-std=c++17", "-O2", "-Wall", f"-I{ROOT}/runtime/core", ROOT / "test/e2e/load.cpp", "-ldl", "-pthread", "-o", tmp_path / "load"]
    subprocess.run(command, check=True)
    done = subprocess.run([tmp_path / "load", str(LOAD), str(THREADS), *artifacts], capture_output=True, text=True, timeout=LOAD + SECONDS)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    runs, signals = map(int, re.match(r"(\d+) runs, (\d+) signals, ms: p50", done.stdout).groups())
    assert runs > THREADS and signals > 0


MEMORY = """
import sys
import numpy as np
import lepton

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

def require_constant(what, count, warm, work):
    for i in range(count):
        if i == warm:
            before = resident()
        work()
    grown = resident() - before
    print(f"{what}: {count} times, {grown / 2**20:.1f} MB more in memory")
    assert grown < 24 << 20, grown

model, compilations, runs = open(sys.argv[1], "rb").read(), int(sys.argv[2]), int(sys.argv[3])
session = lepton.InferenceSession(model, threads=2)
x = {"x": np.ones((2, 4), np.float32)}
require_constant("runs", runs, runs // 10, lambda: session.run(None, x))
require_constant("compilations", compilations, compilations // 2 if compilations < 100 else 50, lambda: lepton.InferenceSession(model, opt_level=0))
"""


def test_constant_memory(tmp_path):
    """10,000 compilations and 1,000,000 runs, or a part of them, in one process."""
    compilations, runs = (10_000, 1_000_000) if FULL else (40, 100_000)
    command = [sys.executable, "-c", MEMORY, save_small(tmp_path / "small.onnx"), str(compilations), str(runs)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3000)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
