"""Transcendental functions of f32 over all exponents: errors in ulp of the exact result (NumPy's in double), for each kind of code."""

import math

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import lepton
from common import FULL

SMALLEST_NORMAL = 2.0**-126
# Greatest error in ulp where the exact result is a normal number, which docs give (codegen/Passes.td). What is smaller may be zero.
FUNCTIONS = {
    "Exp": (np.exp, 2),
    "Log": (np.log, 2),
    "Tanh": (np.tanh, 6),
    "Sigmoid": (lambda x: 1 / (1 + np.exp(-x)), 2.5),
    "Erf": (np.vectorize(math.erf), 6),
    "Softplus": (lambda x: np.logaddexp(0, x), 3),
    "Sin": (np.sin, 1),
    "Cos": (np.cos, 1),
    "Tan": (np.tan, 1.5),
    "Atan": (np.arctan, 1),
    "Sqrt": (np.sqrt, 0.5),
    "Gelu": (lambda x: 0.5 * x * (1 + np.vectorize(math.erf)(x * 0.5**0.5)), 3),
}
OF_OPERAND = {"Gelu"}  # whose bound is in ulp of the operand: 1 + erf(x) cancels out where x is negative


def ulp(x):
    return np.spacing(np.maximum(np.abs(x), np.float32(SMALLEST_NORMAL))).astype(np.float64)


@pytest.mark.parametrize("cpu", ["x86-64-v2", "native"])
@pytest.mark.parametrize("op", FUNCTIONS)
def test_error_over_all_exponents(op, cpu):
    function, bound = FUNCTIONS[op]
    node = helper.make_node(op, ["x"], ["y"], name="node")
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N"]) for name in ("x", "y")]
    model = helper.make_model(helper.make_graph([node], "g", values[:1], values[1:]), opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    x = np.arange(0, 2**32, 257 if FULL else 8209, dtype=np.uint64).astype(np.uint32).view(np.float32)
    x = np.concatenate([x, np.float32([0, -0.0, 1, -1, 88.72283, 88.72284, -87.33654, -104, np.inf, -np.inf])])
    result = lepton.InferenceSession(model.SerializeToString(), cpu=cpu).run(None, {"x": x})[0]
    with np.errstate(all="ignore"):
        exact = function(x.astype(np.float64))
        expected = exact.astype(np.float32)
        np.testing.assert_array_equal(np.isnan(result), np.isnan(expected))
        np.testing.assert_array_equal(np.isinf(result), np.isinf(expected))
        error = np.abs(result - exact) / ulp(x if op in OF_OPERAND else expected)
    isNormal = np.isfinite(expected) & (np.abs(expected) >= SMALLEST_NORMAL)
    worst = np.argmax(np.where(isNormal, error, 0))
    assert error[worst] <= bound, f"{op}({x[worst]!r}) is {result[worst]!r}, not {expected[worst]!r}: {error[worst]:.2f} ulp"
    assert np.all(np.abs(result[np.isfinite(expected) & ~isNormal]) <= SMALLEST_NORMAL)


@pytest.mark.parametrize("cpu", ["x86-64-v2", "native"])
@pytest.mark.parametrize("exponent", [-2.5, -1, 0, 0.3, 0.5, 1, 1.75, 2, 3, 11])
def test_error_of_powers(exponent, cpu):
    """Of a constant exponent, which some powers of are products or roots, and of a computed one."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N"]) for name in ("x", "e", "y", "z")]
    constant = helper.make_tensor("c", TensorProto.FLOAT, [], [exponent])
    nodes = [helper.make_node("Pow", ["x", "c"], ["y"], name="constant"), helper.make_node("Pow", ["x", "e"], ["z"], name="computed")]
    graph = helper.make_graph(nodes, "g", values[:2], values[2:], [constant])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    x = np.arange(0, 2**32, 2**20 + 9, dtype=np.uint64).astype(np.uint32).view(np.float32)
    x = np.concatenate([x, np.float32([0, -0.0, 1, -1, -2, np.inf, -np.inf])])
    x[np.isnan(x)] = np.nan  # quiet ones: those that signal stay NaN to the power of 0, too
    results = lepton.InferenceSession(model.SerializeToString(), cpu=cpu).run(None, {"x": x, "e": np.full_like(x, exponent)})
    with np.errstate(all="ignore"):
        exact = np.power(x.astype(np.float64), np.full(x.shape, np.float32(exponent), np.float64))  # an array: np.power has shortcuts of its own
        expected = exact.astype(np.float32)
    is_normal = np.isfinite(expected) & (np.abs(expected) >= SMALLEST_NORMAL)
    for result in results:
        np.testing.assert_array_equal(np.isnan(result), np.isnan(expected))
        np.testing.assert_array_equal(result[np.isinf(expected)], expected[np.isinf(expected)])
        error = np.abs(result[is_normal] - exact[is_normal]) / ulp(expected[is_normal])
        assert error.max() <= 1.5, f"{x[is_normal][error.argmax()]!r}: {error.max():.2f} ulp"
