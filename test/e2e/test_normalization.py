"""Normalisations and softmax between convolutions, whose layout has the channels last: vectors run along the channels."""

import lepton
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from common import difference, save

SIZES = ([1, 2, 5, 7], [3, 2, 1, 4], [2, 2, 16, 16])
RANDOM = np.random.default_rng(2)


def normalization(op):
    if op == "InstanceNormalization":
        return [helper.make_node(op, ["wide", "scale", "bias"], ["norm"], name="norm", epsilon=1e-3)]
    return [helper.make_node(op, ["wide"], ["norm"], name="norm", axis=int(op == "LogSoftmax") + 1)]


@pytest.mark.parametrize("level", [0, 3])
@pytest.mark.parametrize("sizes", [["N", 2, "H", "W"], None], ids=["dynamic", "static"])
@pytest.mark.parametrize("channels", [3, 64, 100])
@pytest.mark.parametrize("op", ["InstanceNormalization", "Softmax", "LogSoftmax"])
def test_between_convolutions(tmp_path, op, channels, sizes, level):
    constants = {
        "first": RANDOM.standard_normal((channels, 2, 3, 3)).astype(np.float32),
        "second": RANDOM.standard_normal((4, channels, 1, 1)).astype(np.float32),
        "scale": RANDOM.standard_normal(channels).astype(np.float32),
        "bias": RANDOM.standard_normal(channels).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["x", "first"], ["wide"], name="first", pads=[1, 1, 1, 1]),
        *normalization(op),
        helper.make_node("Conv", ["norm", "second"], ["y"], name="second"),
    ]
    for shape in SIZES:
        x = RANDOM.standard_normal(shape).astype(np.float32) + 3
        declared = {"x": (TensorProto.FLOAT, sizes or shape)}
        path = save(tmp_path / "m.onnx", nodes, declared, {"y": (TensorProto.FLOAT, [None] * 4)}, constants)
        result = lepton.InferenceSession(str(path), opt_level=level).run(None, {"x": x})[0]
        expected = ReferenceEvaluator(onnx.load(path)).run(None, {"x": x})[0]
        assert difference(expected, result) < 2e-5
