"""Load: 64 threads on a few artifacts at once, with sessions that come and go, forks, signals and calls that fail; memory that stays as it is."""

import os
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


MODELS = (save_small, save_convolution, save_sizes, save_lookup)


def compile_all(folder, *endings, flags=()):
    """Every model as NAME.ENDING, in a folder; the paths of the last ending."""
    for write in MODELS:
        model = write(folder / f"{write.__name__}.onnx")
        for ending in endings:
            result = lepton("compile", model, "-o", model.with_suffix(ending), *flags)
            assert result.returncode == 0, result.stderr
    return [folder / f"{write.__name__}{ending}" for write in MODELS]


def require_right(folder, artifacts, seconds, threads, *flags, **environment):
    """Compiles load.cpp with these flags and lets it run."""
    program = folder / "load"
    command = [f"{CLANG}++", "-std=c++17", "-O2", "-Wall", f"-I{ROOT}/runtime/core", ROOT / "test/e2e/load.cpp", "-ldl", "-pthread", *flags, "-o", program]
    subprocess.run(command, check=True)
    command = [program, str(seconds), str(threads), *artifacts]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + SECONDS, env=os.environ | environment)
    print(done.stdout)
    assert done.returncode == 0, done.stderr
    runs, signals = map(int, re.match(r"(\d+) runs, (\d+) signals, ms: p50", done.stdout).groups())
    assert runs > threads and signals > 0


def test_load(tmp_path):
    require_right(tmp_path, compile_all(tmp_path, ".so"), LOAD, THREADS)


MEMORY = """
import ctypes
import sys
import numpy as np
import lepton

class Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]

mallinfo = ctypes.CDLL(None).mallinfo2
mallinfo.restype = Mallinfo

def memory():
    info, resident = mallinfo(), int(open("/proc/self/statm").read().split()[1]) * 4096
    return np.array([info.uordblks + info.hblkhd, resident])

def require_constant(what, count, warm, work):
    for i in range(count):
        if i == warm:
            before = memory()
        work()
    allocated, resident = memory() - before
    print(f"{what}: {count} times, {allocated / 2**10:.1f} KB more allocated, {resident / 2**20:.1f} MB more in memory")
    assert allocated < 256 << 10 and resident < 24 << 20, (allocated, resident)

model, compilations, runs = open(sys.argv[1], "rb").read(), int(sys.argv[2]), int(sys.argv[3])
session = lepton.InferenceSession(model, threads=2)
x = {"x": np.ones((2, 4), np.float32)}
require_constant("runs", runs, runs // 10, lambda: session.run(None, x))
require_constant("compilations", compilations, compilations // 2 if compilations < 100 else 50, lambda: lepton.InferenceSession(model, opt_level=0))
"""


@pytest.mark.timeout(3600 if FULL else 900)
def test_constant_memory(tmp_path):
    """10,000 compilations and 1,000,000 runs, or a part of them, in one process."""
    compilations, runs = (10_000, 1_000_000) if FULL else (40, 100_000)
    command = [sys.executable, "-c", MEMORY, save_small(tmp_path / "small.onnx"), str(compilations), str(runs)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3000)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
