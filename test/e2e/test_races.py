"""No two threads meet at one place of memory: ThreadSanitizer sees every access of kernels and of the runtime, and reports two that nothing orders."""

import subprocess
import sys

import numpy as np
import onnx
import pytest

import sanitized
from common import CLANG, FULL, ROOT, save_small
from test_load import MODELS, compile_all, require_right

sys.path.insert(0, str(ROOT / "test/fuzz"))
import graphs

SANITIZER = sanitized.OPTIONS["thread"]
FLAGS = ("--weights=file", "--cpu=x86-64-v2")  # no masked stores, which the sanitizer does not see
SHARDS, SAMPLE = (8, 1) if FULL else (2, 100)  # every so manieth of ONNX's node tests
GRAPHS = 200 if FULL else 4


def test_load(tmp_path):
    """The load of test_load.py, on the runtime's own threads."""
    for code in compile_all(tmp_path, ".so", ".ll", flags=FLAGS):
        sanitized.link("thread", code, code.with_suffix(".so"), "-shared")
    artifacts = [tmp_path / f"{write.__name__}.so" for write in MODELS]
    require_right(tmp_path, artifacts, 60 if FULL else 2, 16, *SANITIZER, TSAN_OPTIONS="die_after_fork=0")


def compile_ranges(folder, *flags):
    ranges = folder / "races.o"
    subprocess.run([f"{CLANG}++", "-std=c++17", *SANITIZER, f"-I{ROOT}/runtime/core", *flags, "-c", ROOT / "test/e2e/races.cpp", "-o", ranges], check=True)
    return ranges


@pytest.fixture(scope="module")
def ranges(tmp_path_factory):
    return compile_ranges(tmp_path_factory.mktemp("ranges"))


def fault(folder, ranges, model, inputs):
    """What is wrong with a run that has a thread for every range of a loop; empty where nothing is."""
    return sanitized.fault("thread", folder, model, inputs, FLAGS, "-Wl,--wrap=lepton_rt_parallel_for", ranges)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_ranges_of_onnx_node_tests_do_not_meet(tmp_path, ranges, shard):
    sanitized.require_node_tests(lambda model, inputs: fault(tmp_path, ranges, model, inputs), lambda names: names[::SAMPLE][shard::SHARDS])


@pytest.mark.parametrize("seed", range(GRAPHS))
def test_ranges_of_random_graphs_do_not_meet(tmp_path, ranges, seed):
    model, feeds = graphs.graph(seed)
    assert fault(tmp_path, ranges, model, {value.name: feeds[value.name] for value in model.graph.input}) == ""


def test_ranges_that_meet_are_reported(tmp_path):
    reason = fault(tmp_path, compile_ranges(tmp_path, "-DOVERLAP=1"), onnx.load(save_small(tmp_path / "m.onnx")), {"x": np.ones((200, 4), np.float32)})
    assert "ThreadSanitizer: data race" in reason and "_range" in reason
