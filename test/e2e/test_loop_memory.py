"""Loops of a million iterations give back what an iteration does not hand to the next, and hand on the right memory."""

import resource

import lepton
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from common import save

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
FEW, MANY = 7, 1_000_000
ALLOWED = 2 << 10  # KiB; an iteration that gave nothing back would take 128 bytes, all of them 128 MB
ONES = {"one": np.float32(1), "half": np.float32(0.5), "true": np.array(True), "two": np.int64(2)}
X = np.array([0.25, 1], np.float32)


def graph(name, nodes, inputs, outputs):
    """A body: its values by name -> (type, dims)."""
    values = [[helper.make_tensor_value_info(n, *info) for n, info in side.items()] for side in (inputs, outputs)]
    return helper.make_graph(nodes, name, *values)


def body(nodes, carried, results, condition="go"):
    vector = (FLOAT, ["N"])
    go_on = [helper.make_node("Identity", [condition], ["on"])]
    return graph("body", nodes + go_on, {"i": (INT64, []), "go": (BOOL, [])} | dict.fromkeys(carried, vector), {"on": (BOOL, [])} | dict.fromkeys(results, vector))


def loop(path, count, inside, inits=("x",), sizes=("N",), counted=True):
    outputs = [f"y{i}" for i in range(len(inits))]
    nodes = [
        helper.make_node("Neg", ["x"], ["negative"]),
        helper.make_node("Loop", ["count" if counted else "", "true", *inits], outputs, name="loop", body=inside),
    ]
    constants = ONES | {"count": np.int64(count), "limit": np.float32(count)}
    return save(path, nodes, {"x": (FLOAT, list(sizes))}, dict.fromkeys(outputs, (FLOAT, list(sizes))), constants)


ADD = helper.make_node("Add", ["a", "one"], ["b"])
LESS = [helper.make_node("ReduceMax", ["b"], ["most"], keepdims=0), helper.make_node("Less", ["most", "limit"], ["less"])]


def unknown_size(path, count):
    return loop(path, count, body([ADD], ["a"], ["b"]))


def until_a_condition(path, count):
    return loop(path, count, body([ADD, *LESS], ["a"], ["b"], "less"), sizes=[2], counted=False)


def until_a_condition_of_unknown_size(path, count):
    return loop(path, count, body([ADD, *LESS], ["a"], ["b"], "less"), counted=False)


def kept_for_two_iterations(path, count):
    mean = [helper.make_node("Add", ["a", "c"], ["sum"]), helper.make_node("Mul", ["sum", "half"], ["d"])]
    return loop(path, count, body([helper.make_node("Identity", ["c"], ["b"]), *mean], ["a", "c"], ["b", "d"]), inits=("x", "negative"))


def handed_on_twice(path, count):
    half = helper.make_node("Mul", ["c", "half"], ["e"])
    return loop(path, count, body([half, helper.make_node("Add", ["e", "one"], ["b"]), helper.make_node("Identity", ["b"], ["d"])], ["a", "c"], ["b", "d"]), inits=("x", "negative"))


def in_a_branch(path, count):
    vector = (FLOAT, ["N"])
    odd = [helper.make_node("Mod", ["i", "two"], ["rest"]), helper.make_node("Cast", ["rest"], ["odd"], to=BOOL)]
    then = graph("then", [helper.make_node("Add", ["a", "one"], ["more"])], {}, {"more": vector})
    other = graph("other", [helper.make_node("Identity", ["a"], ["same"])], {}, {"same": vector})
    return loop(path, count, body([*odd, helper.make_node("If", ["odd"], ["b"], then_branch=then, else_branch=other)], ["a"], ["b"]))


def in_a_loop(path, count):
    inner = body([helper.make_node("Mul", ["a", "half"], ["b"]), *LESS], ["a"], ["b"], "less")
    for value in inner.input[:2]:
        value.name += "_inside"
    nodes = [helper.make_node("Loop", ["two", "true", "c"], ["quarter"], body=inner), helper.make_node("Add", ["quarter", "one"], ["d"])]
    return loop(path, count, body(nodes, ["c"], ["d"]))


def scan(path, count):
    """Its scanned input and output are as long as it runs, so their elements are single numbers."""
    nodes = [helper.make_node("Mul", ["a", "half"], ["h"]), helper.make_node("Add", ["h", "each"], ["b"]), helper.make_node("ReduceMax", ["b"], ["most"], keepdims=0)]
    inside = graph("body", nodes, {"a": (FLOAT, ["N"]), "each": (FLOAT, [])}, {"b": (FLOAT, ["N"]), "most": (FLOAT, [])})
    whole = [helper.make_node("ConstantOfShape", ["length"], ["each_of"]), helper.make_node("Scan", ["x", "each_of"], ["y", "all"], body=inside, num_scan_inputs=1)]
    return save(path, [*whole, helper.make_node("ReduceMax", ["all"], ["z"], keepdims=0)], {"x": (FLOAT, ["N"])}, {"y": (FLOAT, ["N"]), "z": (FLOAT, [])}, ONES | {"length": np.int64([count])})


MODELS = [unknown_size, until_a_condition, until_a_condition_of_unknown_size, kept_for_two_iterations, handed_on_twice, in_a_branch, in_a_loop, scan]


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_iterations_give_back_their_memory(tmp_path, make):
    few = make(tmp_path / "few.onnx", FEW)
    expected = ReferenceEvaluator(onnx.load(few)).run(None, {"x": X})
    for level in 0, 3:
        results = lepton.InferenceSession(str(few), opt_level=level).run(None, {"x": X})
        for result, right in zip(results, expected, strict=True):
            np.testing.assert_allclose(result, right, rtol=1e-6)
    sessions = [lepton.InferenceSession(str(make(tmp_path / "many.onnx", count)), threads=1) for count in (FEW, MANY)]
    sessions[0].run(None, {"x": X})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sessions[1].run(None, {"x": X})
    arrays = 2 * 4 * MANY >> 10 if make is scan else 0
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before <= ALLOWED + arrays
