"""Gradient of ai.onnx.preview.training against differences of the outputs."""

import lepton
import numpy as np
import pytest
from onnx import TensorProto, helper

from common import difference, save

RNG = np.random.default_rng(23)
STEP = 1e-6


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs, [output], name=output, **attributes)


# name: (nodes from a [3, 4] and b [4] to y, whether values are positive)
GRAPHS = {
    "arithmetic": [node("Mul", ["a", "b"], "p"), node("Sub", ["p", "a"], "d"), node("Div", ["d", "b"], "q"), node("Add", ["q", "a"], "y")],
    "shared": [node("Mul", ["a", "a"], "s"), node("Mul", ["s", "a"], "c"), node("Add", ["c", "s"], "y")],
    "functions": [
        *(node(op, ["a"], op) for op in ("Exp", "Log", "Sqrt", "Reciprocal", "Abs", "Sin", "Cos", "Tanh", "Sigmoid", "Neg")),
        node("Sum", ["Exp", "Log", "Sqrt", "Reciprocal", "Abs", "Sin", "Cos", "Tanh", "Sigmoid", "Neg"], "y"),
    ],
    "product": [
        node("Transpose", ["a"], "t", perm=[1, 0]),
        node("MatMul", ["a", "t"], "m"),
        node("Relu", ["m"], "r"),
        node("ReduceMean", ["r"], "mean", keepdims=0),
        node("ReduceSum", ["b"], "sum", keepdims=1),
        node("Mul", ["mean", "sum"], "y"),
    ],
}


@pytest.mark.parametrize("level", [0, 3])
@pytest.mark.parametrize("name", GRAPHS)
def test_gradient(name, level, tmp_path):
    gradient = helper.make_node("Gradient", ["a", "b"], ["da", "db"], name="gradient", domain="ai.onnx.preview.training", xs=["a", "b"], y="y")
    shapes = {"a": (TensorProto.DOUBLE, [3, 4]), "b": (TensorProto.DOUBLE, [4])}
    outputs = {output: (TensorProto.DOUBLE, None) for output in ("y", "da", "db")}
    path = save(tmp_path / "gradient.onnx", [*GRAPHS[name], gradient], shapes, outputs, opset=18, domain="ai.onnx.preview.training")
    session = lepton.InferenceSession(str(path), opt_level=level)
    feed = {"a": RNG.uniform(0.5, 2, (3, 4)), "b": RNG.uniform(0.5, 2, 4)}
    results = session.run(None, feed)
    total = lambda changed: session.run(["y"], changed)[0].sum()
    for which, result in zip("ab", results[1:]):
        expected = np.zeros_like(feed[which])
        for place in np.ndindex(*expected.shape):
            low, high = feed[which].copy(), feed[which].copy()
            low[place] -= STEP
            high[place] += STEP
            expected[place] = (total(feed | {which: high}) - total(feed | {which: low})) / (2 * STEP)
        assert difference(expected, result) < 1e-6 or np.abs(expected - result).max() < 1e-8, which


def test_an_operation_without_a_derivative_is_named(tmp_path):
    gradient = helper.make_node("Gradient", ["a"], ["da"], name="gradient", domain="ai.onnx.preview.training", xs=["a"], y="y")
    path = save(tmp_path / "m.onnx", [node("CumSum", ["a", "axis"], "y"), gradient], {"a": (TensorProto.FLOAT, [3]), "axis": (TensorProto.INT64, [1])}, {"da": (TensorProto.FLOAT, None)}, opset=18, domain="ai.onnx.preview.training")
    with pytest.raises(ValueError, match="'gradient'.*without a derivative.*cumulate"):
        lepton.InferenceSession(str(path))
