"""LSTM, GRU and RNN in every combination of their options, at batches and lengths that only the run knows, against the standard's equations in NumPy.

A case is drawn from all combinations by a seed: `make test-full` compiles hundreds of them, `make test` a part. Each is run with several batches and
numbers of steps, 0 and 1 among them.
"""

import lepton
import numpy as np
import pytest
from onnx import helper

from common import FULL, difference

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
FUNCTIONS = {"LSTM": 3, "GRU": 2, "RNN": 1}  # activations of a direction
INPUT, HIDDEN = 3, 5
SIZES = [(4, 3), (1, 2), (0, 2), (6, 1)]  # steps and batch
CASES = 300 if FULL else 36

# name: (function, has an alpha, has a beta)
ACTIVATIONS = {
    "Relu": (lambda x, a, b: np.maximum(x, 0), False, False),
    "Tanh": (lambda x, a, b: np.tanh(x), False, False),
    "Sigmoid": (lambda x, a, b: 1 / (1 + np.exp(-x)), False, False),
    "Softsign": (lambda x, a, b: x / (1 + np.abs(x)), False, False),
    "Softplus": (lambda x, a, b: np.log1p(np.exp(x)), False, False),
    "Affine": (lambda x, a, b: a * x + b, True, True),
    "LeakyRelu": (lambda x, a, b: np.where(x < 0, a * x, x), True, False),
    "ThresholdedRelu": (lambda x, a, b: np.where(x > a, x, 0), True, False),
    "ScaledTanh": (lambda x, a, b: a * np.tanh(b * x), True, True),
    "HardSigmoid": (lambda x, a, b: np.clip(a * x + b, 0, 1), True, True),
    "Elu": (lambda x, a, b: np.where(x < 0, a * (np.exp(np.minimum(x, 0)) - 1), x), True, False),
}
DEFAULTS = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}


# ---- the oracle ------------------------------------------------------------------------------------------------------------


def lstm(x, h, c, w, r, b, p, act, attributes):
    f, g, out = act
    wx, wr = b[: 4 * HIDDEN], b[4 * HIDDEN :]
    i, o, forget, cell = np.split(x @ w.T + h @ r.T + wx + wr, 4, axis=-1)
    pi, po, pf = np.split(p, 3)
    i = f(i + pi * c)
    forget = 1 - i if attributes.get("input_forget") else f(forget + pf * c)
    c = forget * c + i * g(cell)
    return f(o + po * c) * out(c), c


def gru(x, h, c, w, r, b, p, act, attributes):
    f, g = act
    wz, wr, wh = np.split(w, 3)
    rz, rr, rh = np.split(r, 3)
    bz, br, bh, cz, cr, ch = np.split(b, 6)
    z, reset = f(x @ wz.T + h @ rz.T + bz + cz), f(x @ wr.T + h @ rr.T + br + cr)
    inner = reset * (h @ rh.T + ch) if attributes.get("linear_before_reset") else (reset * h) @ rh.T + ch
    return (1 - z) * g(x @ wh.T + inner + bh) + z * h, c


def rnn(x, h, c, w, r, b, p, act, attributes):
    return act[0](x @ w.T + h @ r.T + b[:HIDDEN] + b[HIDDEN:]), c


def functions(op, attributes):
    """The activations of all directions, with their alphas and betas, after the clip of what they get. As in onnxruntime, h(Ct) has none."""
    clip = attributes.get("clip")
    names = attributes.get("activations", DEFAULTS[op] * directions(attributes))
    alphas, betas = (iter(attributes.get(f"activation_{kind}", [])) for kind in ("alpha", "beta"))
    result = []
    for i, name in enumerate(names):
        limit = None if op == "LSTM" and i % 3 == 2 else clip
        function, has_alpha, has_beta = ACTIVATIONS[name]
        a, b = next(alphas) if has_alpha else None, next(betas) if has_beta else None
        result.append(lambda x, function=function, limit=limit, a=a, b=b: function(x if limit is None else np.clip(x, -limit, limit), a, b))
    return result


def directions(attributes):
    return 2 if attributes["direction"] == "bidirectional" else 1


def oracle(op, attributes, values):
    cell, count, each = {"LSTM": lstm, "GRU": gru, "RNN": rnn}[op], directions(attributes), FUNCTIONS[op]
    values = {name: value.astype(np.float64) if value.dtype.kind == "f" else value for name, value in values.items()}
    batch_first = attributes.get("layout", 0)
    x = values["x"].swapaxes(0, 1) if batch_first else values["x"]
    steps, batch = x.shape[:2]
    lengths = values.get("lengths", np.full(batch, steps))
    start = {n: values[n].swapaxes(0, 1) if batch_first else values[n] for n in ("h", "c") if n in values}
    y, last, cells = np.zeros((steps, count, batch, HIDDEN)), np.zeros((count, batch, HIDDEN)), np.zeros((count, batch, HIDDEN))
    act = functions(op, attributes)
    for d in range(count):
        backwards = attributes["direction"] == "reverse" or d == 1
        b = values.get("b", np.zeros((count, 2 * GATES[op] * HIDDEN)))[d]
        p = values.get("p", np.zeros((count, 3 * HIDDEN)))[d]
        for n in range(batch):
            h, c = (start[name][d, n] if name in start else np.zeros(HIDDEN) for name in ("h", "c"))
            order = range(lengths[n])
            for t in reversed(order) if backwards else order:
                h, c = cell(x[t, n], h, c, values["w"][d], values["r"][d], b, p, act[d * each : (d + 1) * each], attributes)
                y[t, d, n] = h
            last[d, n], cells[d, n] = h, c
    outputs = [y.transpose(2, 0, 1, 3) if batch_first else y] + [v.swapaxes(0, 1) if batch_first else v for v in (last, cells)]
    return outputs[: 3 if op == "LSTM" else 2]


# ---- cases -----------------------------------------------------------------------------------------------------------------


def draw_attributes(op, rng):
    attributes = {"hidden_size": HIDDEN, "direction": str(rng.choice(["forward", "reverse", "bidirectional"])), "layout": int(rng.integers(2))}
    if rng.random() < 0.3:
        attributes["clip"] = float(np.float32(rng.uniform(0.2, 0.8)))
    if op == "LSTM":
        attributes["input_forget"] = int(rng.random() < 0.3)
    if op == "GRU":
        attributes["linear_before_reset"] = int(rng.integers(2))
    if rng.random() < 0.7:
        names = [str(name) for name in rng.choice(list(ACTIVATIONS), FUNCTIONS[op] * directions(attributes))]
        attributes["activations"] = names
        for kind, place in (("alpha", 1), ("beta", 2)):
            numbers = [float(np.float32(rng.uniform(0.1, 0.9))) for name in names if ACTIVATIONS[name][place]]
            if numbers:
                attributes[f"activation_{kind}"] = numbers
    return attributes


def draw_values(op, attributes, present, steps, batch, dtype, rng):
    count, batch_first = directions(attributes), attributes["layout"]
    draw = lambda *shape: rng.uniform(-0.6, 0.6, shape).astype(dtype)
    state = (batch, count, HIDDEN) if batch_first else (count, batch, HIDDEN)
    values = {"x": draw(*((batch, steps) if batch_first else (steps, batch)), INPUT)}
    shapes = {"w": (count, GATES[op] * HIDDEN, INPUT), "r": (count, GATES[op] * HIDDEN, HIDDEN), "b": (count, 2 * GATES[op] * HIDDEN), "p": (count, 3 * HIDDEN)}
    values |= {name: draw(*shape) for name, shape in shapes.items() if name in "wr" or name in present}
    values |= {name: draw(*state) for name in ("h", "c") if name in present}
    if "lengths" in present:
        values["lengths"] = rng.integers(0, steps + 1, batch).astype(np.int32)
    return values


def model_of(op, attributes, values):
    order = ["x", "w", "r", "b", "lengths", "h", "c", "p"][: 8 if op == "LSTM" else 6]
    batch_first = attributes["layout"]
    dims = {"x": ["N", "T", INPUT] if batch_first else ["T", "N", INPUT], "lengths": ["N"]}
    dims |= {name: ["N", None, HIDDEN] if batch_first else [None, "N", HIDDEN] for name in ("h", "c")}
    infos = []
    for name, value in values.items():
        shape = [size if dim is None else dim for dim, size in zip(dims.get(name, value.shape), value.shape)]
        infos.append(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), shape))
    outputs = ["y", "y_h", "y_c"][: 3 if op == "LSTM" else 2]
    node = helper.make_node(op, [name if name in values else "" for name in order], outputs, name="recurrent", **attributes)
    graph = helper.make_graph([node], "recurrent", infos, [helper.make_empty_tensor_value_info(name) for name in outputs])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10).SerializeToString()


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("op", GATES)
def test_drawn_cases(op, part):
    for seed in range(part, CASES // 3, 4):
        rng = np.random.default_rng([seed, GATES[op]])
        attributes = draw_attributes(op, rng)
        dtype = np.float64 if rng.random() < 0.2 else np.float32
        present = {name for name in ("b", "lengths", "h") if rng.random() < 0.6}
        if op == "LSTM":
            present |= {name for name in ("c", "p") if rng.random() < 0.5}
        values = draw_values(op, attributes, present, *SIZES[0], dtype, rng)
        session = lepton.InferenceSession(model_of(op, attributes, values), opt_level=0 if seed % 3 == 0 else 3)
        for steps, batch in SIZES:
            values = draw_values(op, attributes, present, steps, batch, dtype, rng)
            for wanted, result in zip(oracle(op, attributes, values), session.run(None, values), strict=True):
                assert result.dtype == dtype
                gap = difference(wanted, result.astype(np.float64))
                assert gap < (1e-5 if dtype == np.float32 else 1e-12), (seed, attributes, present, steps, batch)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_in_every_place(name):
    _, has_alpha, has_beta = ACTIVATIONS[name]
    rng = np.random.default_rng(3)
    for op, count in FUNCTIONS.items():
        attributes = {"hidden_size": HIDDEN, "direction": "forward", "layout": 0, "activations": [name] * count}
        attributes |= {"activation_alpha": [0.3, 0.5, 0.7][:count]} if has_alpha else {}
        attributes |= {"activation_beta": [0.2, 0.4, 0.6][:count]} if has_beta else {}
        values = draw_values(op, attributes, {"b", "h"}, 3, 2, np.float32, rng)
        results = lepton.InferenceSession(model_of(op, attributes, values)).run(None, values)
        for wanted, result in zip(oracle(op, attributes, values), results, strict=True):
            assert difference(wanted, result.astype(np.float64)) < 1e-5, op
