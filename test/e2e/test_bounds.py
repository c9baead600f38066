"""Nothing outside of tensors is read or written: AddressSanitizer sees every access of kernels and of the runtime.

What lies in the arena, which is one block, it sees as a whole.
"""

import sys

import numpy as np
import onnx
import pytest

import sanitized
from common import FULL, ROOT, save_small

sys.path.insert(0, str(ROOT / "test/fuzz"))
import graphs

SHARDS, SAMPLE = (8, 4) if FULL else (1, 200)  # every so manieth of ONNX's node tests
GRAPHS = 100 if FULL else 3
LEVELS = [0, 3]


def fault(folder, level, model, inputs, *options):
    """What is wrong with a run; empty where nothing is."""
    # The program leaves its memory to the system when it ends.
    return sanitized.fault("address", folder, model, inputs, ["--weights=file", f"-O{level}"], *options, env={"ASAN_OPTIONS": "detect_leaks=0"})


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_onnx_node_tests_keep_inside(tmp_path, shard, level):
    sanitized.require_node_tests(lambda model, inputs: fault(tmp_path, level, model, inputs), lambda names: names[::SAMPLE][shard::SHARDS])


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("seed", range(GRAPHS))
def test_random_graphs_keep_inside(tmp_path, seed, level):
    model, feeds = graphs.graph(seed)
    assert fault(tmp_path, level, model, {value.name: feeds[value.name] for value in model.graph.input}) == ""


BEYOND = """#include "lepton_abi.h"
extern "C" void __wrap_lepton_rt_parallel_for(lepton_context *context, int64_t n, int64_t, lepton_rt_body body, void *args) { body(context, args, -1, n); }
"""


def test_what_is_outside_is_reported(tmp_path):
    (tmp_path / "beyond.cpp").write_text(BEYOND)
    beyond = (f"-I{ROOT}/runtime/core", "-Wl,--wrap=lepton_rt_parallel_for", tmp_path / "beyond.cpp")
    reason = fault(tmp_path, 3, onnx.load(save_small(tmp_path / "m.onnx")), {"x": np.ones((20_000, 4), np.float32)}, *beyond)
    assert "AddressSanitizer: heap-buffer-overflow" in reason and "_range" in reason
