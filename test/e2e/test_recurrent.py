"""LSTM, GRU and RNN in their variants against onnxruntime (which refuses layout=1 and does not clip h(Ct))."""

import itertools

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import lepton
from common import FULL, difference
from common import lepton as command

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
STEPS, BATCH, INPUT, HIDDEN = 5, 3, 4, 6
ACTIVATIONS = {
    "LSTM": [None, ["HardSigmoid", "Softsign", "Relu"]],
    "GRU": [None, ["HardSigmoid", "Relu"]],
    "RNN": [None, ["Relu"], ["Softsign"]],
}


def variants(op):
    """Attributes and optional inputs: every pair of values of two options meets in the full run, a part of them otherwise."""
    flags = [False, True]
    last = flags if op in ("LSTM", "GRU") else [False]  # peepholes; linear_before_reset
    every = list(itertools.product(["forward", "reverse", "bidirectional"], flags, flags, flags, last, ACTIVATIONS[op]))
    return every if FULL else every[:: max(len(every) // 16, 1)]


def build(op, direction, lengths, initial, clip, last, activations, rng):
    """A model and its inputs."""
    directions = 2 if direction == "bidirectional" else 1
    draw = lambda *shape: rng.uniform(-0.8, 0.8, shape).astype(np.float32)
    values = {"x": draw(STEPS, BATCH, INPUT), "w": draw(directions, GATES[op] * HIDDEN, INPUT)}
    values |= {"r": draw(directions, GATES[op] * HIDDEN, HIDDEN), "b": draw(directions, 2 * GATES[op] * HIDDEN)}
    names = ["x", "w", "r", "b"] + [""] * (4 if op == "LSTM" else 2)
    if lengths:
        values["lengths"], names[4] = np.array([5, 1, 3], np.int32), "lengths"
    if initial:
        values["h"], names[5] = draw(directions, BATCH, HIDDEN), "h"
        if op == "LSTM":
            values["c"], names[6] = draw(directions, BATCH, HIDDEN), "c"
    attributes = {"hidden_size": HIDDEN, "direction": direction}
    if op == "LSTM" and last:
        values["p"], names[7] = draw(directions, 3 * HIDDEN), "p"
    if op == "GRU" and last:
        attributes["linear_before_reset"] = 1
    if clip:
        attributes["clip"] = 0.4
    if activations:
        attributes["activations"] = activations * directions
    outputs = ["y", "y_h", "y_c"][: 3 if op == "LSTM" else 2]
    node = helper.make_node(op, names, outputs, name="recurrent", **attributes)
    types = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int32): TensorProto.INT32}
    inputs = [helper.make_tensor_value_info(n, types[v.dtype], v.shape) for n, v in values.items()]
    graph = helper.make_graph([node], "recurrent", inputs, [helper.make_empty_tensor_value_info(n) for n in outputs])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString(), values


@pytest.mark.parametrize("op", GATES)
@pytest.mark.parametrize("level, threads", [(0, 1), (3, 1), (3, 2)])
def test_variants(op, level, threads):
    """With two threads the directions of a bidirectional layer run side by side."""
    rng = np.random.default_rng(7)
    for variant in variants(op):
        model, values = build(op, *variant, rng)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        expected = onnxruntime.InferenceSession(model, options).run(None, values)
        results = lepton.InferenceSession(model, opt_level=level, threads=threads).run(None, values)
        for wanted, result in zip(expected, results):
            assert difference(wanted, result) < 1e-5, variant


@pytest.mark.parametrize("op", GATES)
def test_layout_is_a_transposition(op):
    """layout=1 puts the batch first in X, Y and the states."""
    rng = np.random.default_rng(11)
    model, values = build(op, "bidirectional", True, True, False, False, None, rng)
    expected = lepton.InferenceSession(model).run(None, values)
    proto = onnx.load_from_string(model)
    proto.graph.node[0].attribute.append(helper.make_attribute("layout", 1))
    swapped = {n: v.swapaxes(0, 1) if n in ("x", "h", "c") else v for n, v in values.items()}
    for value in proto.graph.input:
        if value.name in swapped:
            for dim, size in zip(value.type.tensor_type.shape.dim, swapped[value.name].shape):
                dim.dim_value = size
    results = lepton.InferenceSession(proto.SerializeToString()).run(None, swapped)
    assert difference(expected[0].transpose(2, 0, 1, 3), results[0]) < 1e-6
    for wanted, result in zip(expected[1:], results[1:]):
        assert difference(wanted.swapaxes(0, 1), result) < 1e-6


def stack(op, layers, steps, links):
    """Layers of one direction whose states are outputs, too. `links` puts nodes between two of them: from `a`, what the layer before collected, to `b`."""
    rng = np.random.default_rng(3)
    hidden, gates = 64, GATES[op]
    values = {"one": np.array([1], np.int64), "scale": np.ones(hidden, np.float32), "twist": rng.uniform(-0.1, 0.1, (hidden, hidden)).astype(np.float32)}
    nodes, source = [], "x"
    for i in range(layers):
        for name, shape in {"w": (1, gates * hidden, hidden), "r": (1, gates * hidden, hidden), "b": (1, 2 * gates * hidden)}.items():
            values[f"{name}{i}"] = rng.uniform(-0.2, 0.2, shape).astype(np.float32)
        if i:
            nodes += [helper.make_node(kind, [{"a": source}.get(n, n) for n in ins], [f"{i}_{out}"], name=f"{kind}{i}", **more) for kind, ins, out, more in links(i)]
            source = f"{i}_b"
        nodes.append(helper.make_node(op, [source, f"w{i}", f"r{i}", f"b{i}"], [f"y{i}", f"h{i}"], name=f"layer{i}", hidden_size=hidden))
        nodes.append(helper.make_node("Squeeze", [f"y{i}", "one"], [f"s{i}"], name=f"squeeze{i}"))
        source = f"s{i}"
    outputs = [helper.make_tensor_value_info(source, TensorProto.FLOAT, None), *(helper.make_tensor_value_info(f"h{i}", TensorProto.FLOAT, None) for i in range(layers))]
    tensors = [onnx.numpy_helper.from_array(value, name) for name, value in values.items()]
    graph = helper.make_graph(nodes, "stack", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [steps, 2, hidden])], outputs, tensors)
    x = rng.standard_normal((steps, 2, hidden)).astype(np.float32)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString(), x


LINKS = {
    "nothing": (lambda i: [("Identity", ["a"], "b", {})], True),
    "a product": (lambda i: [("MatMul", ["a", "twist"], "t", {}), ("Mul", [f"{i}_t", "scale"], "b", {})], True),
    "a sum with the input": (lambda i: [("Add", ["a", "x"], "b", {})], False),
    "a norm over time": (lambda i: [("Softmax", ["a"], "b", {"axis": 0})], False),
}


@pytest.mark.parametrize("op, layers, steps", [("LSTM", 2, 34), ("LSTM", 3, 61), ("GRU", 3, 32), ("RNN", 2, 64)])
@pytest.mark.parametrize("links", LINKS)
def test_layers_of_a_stack(op, layers, steps, links, tmp_path):
    """Two threads take the layers as a wavefront, where nothing between them mixes steps: the bits are those of one thread."""
    link, is_cut = LINKS[links]
    model, x = stack(op, layers, steps, link)
    expected = onnxruntime.InferenceSession(model).run(None, {"x": x})
    one, two = (lepton.InferenceSession(model, threads=threads).run(None, {"x": x}) for threads in (1, 2))
    for wanted, single, result in zip(expected, one, two):
        assert difference(wanted, result) < 1e-5
        np.testing.assert_array_equal(single, result)
    (tmp_path / "stack.onnx").write_bytes(model)
    loops = command("compile", tmp_path / "stack.onnx", "--threads=2", "--compile-to=graph").stdout.count("lepton.loop")
    is_small = GATES[op] * 64 * 64 * 4 < 32 << 10  # nothing is gained
    assert loops == layers * (4 if is_cut and not is_small else 1)
