"""Scans: slices of sizes that only the run knows, directions and axes, and the batches of operator set 8."""

import numpy as np
import pytest
from common import difference, save
from onnx import TensorProto, helper

import lepton

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
LEVELS = (0, 3)


def body():
    """s, x -> s / 2 + x, which is also what is collected."""
    nodes = [
        helper.make_node("Mul", ["s", "half"], ["part"]),
        helper.make_node("Add", ["part", "x"], ["t"]),
        helper.make_node("Identity", ["t"], ["out"]),
    ]
    inputs, outputs = [[helper.make_tensor_value_info(name, FLOAT, None) for name in side] for side in (("s", "x"), ("t", "out"))]
    return helper.make_graph(nodes, "body", inputs, outputs, [helper.make_tensor("half", FLOAT, [], [0.5])])


def scanned(s, x):
    parts = []
    for element in x:
        s = s * np.float32(0.5) + element
        parts.append(s)
    return s, np.stack(parts) if parts else np.zeros((0, *s.shape), np.float32)


def session(path, inputs, operands, level, opset=21, rank=2, **attributes):
    node = helper.make_node("Scan", operands, ["last", "all"], name="scan", body=body(), num_scan_inputs=1, **attributes)
    outputs = {"last": (FLOAT, [None] * (rank - 1)), "all": (FLOAT, [None] * rank)}
    return lepton.InferenceSession(str(save(path, [node], inputs, outputs, opset=opset)), opt_level=level)


def random(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("names", [("H", "H"), ("S", "X")], ids=["equal", "unrelated"])
def test_sizes_that_only_the_run_knows(tmp_path, names, level):
    made = session(tmp_path / "m.onnx", {"s": (FLOAT, [names[0]]), "x": (FLOAT, ["T", names[1]])}, ["s", "x"], level)
    for steps, size in ((3, 4), (1, 7), (9, 1), (0, 5)):
        s, x = random(size), random(steps, size)
        last, everything = scanned(s, x)
        results = made.run(None, {"s": s, "x": x})
        if not steps and names[0] != names[1]:
            everything = everything[:, :0]  # no slice says how large slices are
        assert difference(last, results[0]) < 1e-6 and difference(everything, results[1]) < 1e-6


@pytest.mark.parametrize("level", LEVELS)
def test_a_state_may_grow_in_the_first_iteration(tmp_path, level):
    made = session(tmp_path / "m.onnx", {"s": (FLOAT, [1]), "x": (FLOAT, ["T", 3])}, ["s", "x"], level)
    s, x = random(1), random(4, 3)
    for wanted, got in zip(scanned(s, x), made.run(None, {"s": s, "x": x})):
        assert difference(wanted, got) < 1e-6


@pytest.mark.parametrize("level", LEVELS)
def test_directions_and_axes(tmp_path, level):
    attributes = {"scan_input_directions": [1], "scan_output_directions": [1], "scan_input_axes": [1], "scan_output_axes": [-1]}
    made = session(tmp_path / "m.onnx", {"s": (FLOAT, ["H"]), "x": (FLOAT, ["H", "T"])}, ["s", "x"], level, **attributes)
    s, x = random(3), random(3, 5)
    last, everything = scanned(s, x.T[::-1])
    results = made.run(None, {"s": s, "x": x})
    assert difference(last, results[0]) < 1e-6 and difference(everything[::-1].T, results[1]) < 1e-6


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("backwards", [0, 1])
@pytest.mark.parametrize("lengths", [None, (2, 4, 0)])
@pytest.mark.parametrize("sizes", [(3, 4, 2), ("B", "T", "H")], ids=["known", "unknown"])
def test_a_batch_of_sequences(tmp_path, sizes, lengths, backwards, level):
    batch, steps, size = sizes
    inputs = {"s": (FLOAT, [batch, size]), "x": (FLOAT, [batch, steps, size])} | ({"n": (INT64, [batch])} if lengths else {})
    made = session(tmp_path / "m.onnx", inputs, ["n" if lengths else "", "s", "x"], level, 8, 3, directions=[backwards])
    s, x = random(3, 2), random(3, 4, 2)
    results = made.run(None, {"s": s, "x": x} | ({"n": np.array(lengths)} if lengths else {}))
    for entry in range(3):
        count = lengths[entry] if lengths else 4
        last, everything = scanned(s[entry], x[entry, :count][:: -1 if backwards else 1])
        padded = np.concatenate([everything, np.zeros((4 - count, 2), np.float32)])
        assert difference(last, results[0][entry]) < 1e-6 and difference(padded, results[1][entry]) < 1e-6


@pytest.mark.parametrize("level", LEVELS)
def test_a_length_beyond_the_sequence_is_an_error(tmp_path, level):
    inputs = {"n": (INT64, ["B"]), "s": (FLOAT, ["B", 2]), "x": (FLOAT, ["B", "T", 2])}
    made = session(tmp_path / "m.onnx", inputs, ["n", "s", "x"], level, 8, 3)
    with pytest.raises(ValueError, match="node '(scan|t)'.*index is out of range"):
        made.run(None, {"n": np.array([5]), "s": random(1, 2), "x": random(1, 4, 2)})


def test_a_batch_that_is_none(tmp_path):
    with pytest.raises(ValueError, match="node 'scan' .Scan.: needs a batch as the first dimension of each operand"):
        session(tmp_path / "m.onnx", {"s": (FLOAT, [1]), "x": (FLOAT, ["T"])}, ["", "s", "x"], 0, 8)
