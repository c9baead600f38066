"""Memory stays flat however many sizes a model of unknown sizes meets, and a run takes little beside weights and arena."""

import json
import os
import subprocess
import sys

import lepton
import numpy as np
import onnx
import pytest
from lepton_networks import NETWORKS
from onnx import TensorProto, helper

from common import FULL, LEPTON, save
from common import lepton as command_line

SIZES, WARM = 10_000, 1_000
ALLOWED = 2 << 20  # bytes; the buffers of the largest run take about 4 MB


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def model(path):
    """Convolutions, a recurrent layer, an attention-like product and a size that depends on the data, all of unknown sizes."""
    random = np.random.default_rng(0)

    def weights(*shape):
        return random.standard_normal(shape).astype(np.float32)

    nodes = [
        helper.make_node("Conv", ["x", "filter"], ["maps"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["maps"], ["positive"], name="relu"),
        helper.make_node("Resize", ["positive", "", "scales"], ["large"], name="resize", mode="linear"),
        helper.make_node("ReduceMean", ["large", "width"], ["steps"], name="mean", keepdims=0),
        helper.make_node("Transpose", ["steps"], ["sequence"], name="turn", perm=[2, 0, 1]),
        helper.make_node("GRU", ["sequence", "input_weights", "state_weights"], ["hidden", "last"], name="gru", hidden_size=8),
        helper.make_node("Transpose", ["last"], ["left"], name="left", perm=[1, 0, 2]),
        helper.make_node("Transpose", ["left"], ["right"], name="right", perm=[0, 2, 1]),
        helper.make_node("MatMul", ["right", "left"], ["product"], name="product"),
        helper.make_node("NonZero", ["positive"], ["where"], name="nonzero"),
    ]
    constants = {
        "filter": weights(4, 2, 3, 3),
        "scales": np.array([1, 1, 2, 2], np.float32),
        "width": np.array([3], np.int64),
        "input_weights": weights(1, 24, 4),
        "state_weights": weights(1, 24, 8),
    }
    inputs = {"x": (TensorProto.FLOAT, ["N", 2, "H", "W"])}
    outputs = {
        "product": (TensorProto.FLOAT, ["N", 8, 8]),
        "where": (TensorProto.INT64, [4, "found"]),
        "large": (TensorProto.FLOAT, ["N", 4, None, None]),
    }
    return save(path, nodes, inputs, outputs, constants)


def test_memory_is_flat_over_many_sizes(tmp_path):
    session = lepton.InferenceSession(str(model(tmp_path / "m.onnx")), threads=2)
    random = np.random.default_rng(1)
    largest = np.ones((4, 2, 40, 40), np.float32)
    session.run(None, {"x": largest})
    before = None
    for i in range(SIZES):
        if i == WARM:
            before = resident()
        n, h, w = random.integers(1, 5), random.integers(1, 41), random.integers(1, 41)
        product, where, large = session.run(None, {"x": largest[:n, :, :h, :w]})
        assert product.shape == (n, 8, 8) and large.shape == (n, 4, 2 * h, 2 * w) and where.shape[0] == 4
    assert resident() - before < ALLOWED


def peak_of(*command):
    """Bytes, measured from a small process: what one holds in front of a program counts for it, too."""
    measure = "import os, sys; child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)]); _, status, usage = os.wait4(child, 0); print(usage.ru_maxrss); sys.exit(status != 0)"
    return int(subprocess.run([sys.executable, "-I", "-S", "-c", measure, *command], check=True, stdout=subprocess.PIPE, text=True).stdout) * 1024


def test_weights_are_packed_where_they_are(tmp_path):
    """In memory are at most the file of weights, what they are packed to, and the file that is written; no program that holds them is made for packing."""

    def peak(size):
        weights = np.random.default_rng(0).standard_normal((size, size), np.float32)
        path = save(tmp_path / "m.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], {"x": (TensorProto.FLOAT, [1, size])}, {"y": (TensorProto.FLOAT, [1, size])}, {"w": weights})
        onnx.save(onnx.load(path), path, save_as_external_data=True, location=f"w{size}.bin")
        return peak_of(LEPTON, "compile", path, "-o", tmp_path / "m.so", "--weights=file"), weights.nbytes

    (small, _), (large, size) = peak(64), peak(4096)
    assert large - small <= 3.3 * size


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", [*NETWORKS] if FULL else ["dcgan", "mobilenet_v2", "unet"])
def test_a_run_takes_little_beside_weights_and_arena(tmp_path, name, threads):
    onnx.save(NETWORKS[name](), tmp_path / "m.onnx")
    assert command_line("compile", tmp_path / "m.onnx", "--emit=exe", "-o", tmp_path / "m").returncode == 0
    facts = json.loads(command_line("inspect", tmp_path / "m.onnx", "--json").stdout)
    outputs = sum(int(np.prod(info["shape"])) * np.dtype(info["dtype"]).itemsize for info in facts["outputs"])
    allowed = facts["weights_bytes"] + facts["arena_bytes"] + 10_000_000 + 2 * outputs  # the C library may keep what the run before gave back
    assert peak_of(tmp_path / "m", f"--threads={threads}", "--repeat=3") <= allowed  # the inputs are zeros, which are in no memory
