"""softmax(f(Q K)) V written out as a graph: what becomes one kernel, and what looks like it and must not, against NumPy in double precision."""

import lepton
import numpy as np
import pytest
from onnx import TensorProto, helper

from common import difference, save

FLOAT = TensorProto.FLOAT


def softmax(x):
    exps = np.exp(x - x.max(-1, keepdims=True))
    return exps / exps.sum(-1, keepdims=True)


def run_and_compare(tmp_path, nodes, feed, outputs, expected, declared=None, type=FLOAT, tolerance=5e-6):
    """`declared`: shapes of the inputs where they are not those of the arrays; `outputs`: ranks by name."""
    inputs = {name: (type, (declared or {}).get(name, array.shape)) for name, array in feed.items()}
    path = save(tmp_path / "m.onnx", nodes, inputs, {name: (type, [None] * rank) for name, rank in outputs.items()}, {"scale": np.array(0.3, helper.tensor_dtype_to_np_dtype(type))})
    for level in (0, 3):
        for threads in (1, 2):
            results = lepton.InferenceSession(str(path), opt_level=level, threads=threads).run(list(outputs), feed)
            for wanted, result in zip(expected, results, strict=True):
                assert difference(wanted.astype(result.dtype), result) < tolerance, (level, threads)


def values_of(shape, seed, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


CHAIN = [
    helper.make_node("MatMul", ["q", "k"], ["scores"], name="scores"),
    helper.make_node("Mul", ["scores", "scale"], ["scaled"], name="scaled"),
    helper.make_node("Add", ["scaled", "mask"], ["masked"], name="masked"),
    helper.make_node("Softmax", ["masked"], ["weights"], name="weights", axis=-1),
    helper.make_node("MatMul", ["weights", "v"], ["y"], name="values"),
]

# queries, keys, sizes of Q and K, sizes of V, shape of the mask, batches of the three
SHAPES = {
    "heads": (70, 33, 16, 24, (1, 1, 1, 33), ((2, 3), (2, 3), (2, 3))),
    "one_query": (1, 100, 8, 8, (1, 1, 1, 100), ((1, 4), (1, 4), (1, 4))),
    "many_keys": (37, 5000, 8, 16, (37, 5000), ((2,), (2,), (2,))),
    "shared_keys": (20, 40, 8, 8, (4, 1, 40), ((4,), (1,), ())),
    "no_batch": (50, 300, 32, 70, (50, 1), ((), (), ())),
    "values_of_more_batches": (9, 17, 8, 8, (1, 17), ((1,), (1,), (5,))),
}


@pytest.mark.parametrize("is_open", [False, True], ids=["known", "open"])
@pytest.mark.parametrize("case", SHAPES.values(), ids=SHAPES)
def test_attention(tmp_path, case, is_open):
    queries, keys, depth, width, mask, batches = case
    shapes = {"q": (*batches[0], queries, depth), "k": (*batches[1], depth, keys), "v": (*batches[2], keys, width), "mask": mask}
    feed = {name: values_of(shape, i) for i, (name, shape) in enumerate(shapes.items())}
    q, k, v, m = (array.astype(np.float64) for array in feed.values())
    expected = softmax(q @ k * 0.3 + m) @ v
    declared = {"q": [*batches[0], "queries", depth], "k": [*batches[1], depth, "keys"], "v": [*batches[2], "keys", width]} if is_open else None
    run_and_compare(tmp_path, CHAIN, feed, {"y": expected.ndim}, [expected], declared)


def test_attention_of_half_floats(tmp_path):
    feed = {name: values_of(shape, i, np.float16) for i, (name, shape) in enumerate({"q": (2, 20, 8), "k": (2, 8, 30), "v": (2, 30, 8), "mask": (20, 30)}.items())}
    q, k, v, m = (array.astype(np.float64) for array in feed.values())
    run_and_compare(tmp_path, CHAIN, feed, {"y": 3}, [softmax(q @ k * 0.3 + m) @ v], type=TensorProto.FLOAT16, tolerance=4e-3)


# What else is read of the chain; square matrices, so that all of it has one shape. Nodes behind the chain, and y and the other outputs.
READERS = {
    "scores_are_an_output": ([], lambda s, t, m, w, y: {"y": y, "scores": s}),
    "weights_are_an_output": ([], lambda s, t, m, w, y: {"y": y, "weights": w}),
    "scaled_scores_are_added": ([("Add", ["y", "scaled"], "z")], lambda s, t, m, w, y: {"z": y + t}),
    "masked_scores_are_added": ([("Add", ["y", "masked"], "z")], lambda s, t, m, w, y: {"z": y + m}),
    "weights_are_added": ([("Add", ["y", "weights"], "z")], lambda s, t, m, w, y: {"z": y + w}),
    "something_follows": ([("Relu", ["y"], "r"), ("Mul", ["r", "scale"], "z")], lambda s, t, m, w, y: {"z": np.maximum(y, 0) * 0.3}),
    "another_product_follows": ([("MatMul", ["y", "weights"], "z")], lambda s, t, m, w, y: {"z": y @ w}),
}


@pytest.mark.parametrize("case", READERS.values(), ids=READERS)
def test_other_readers_of_an_attention(tmp_path, case):
    behind, outputs_of = case
    feed = {name: values_of((3, 24, 24), i) for i, name in enumerate(("q", "k", "v", "mask"))}
    q, k, v, m = (array.astype(np.float64) for array in feed.values())
    scores, scaled, masked = q @ k, q @ k * 0.3, q @ k * 0.3 + m
    weights = softmax(masked)
    expected = outputs_of(scores, scaled, masked, weights, weights @ v)
    nodes = CHAIN + [helper.make_node(op, inputs, [output], name=output) for op, inputs, output in behind]
    run_and_compare(tmp_path, nodes, feed, {name: 3 for name in expected}, list(expected.values()))


# Softmaxes that are no attention's: along another axis, on the right, of itself.
OTHERS = {
    "along_columns": ([("Softmax", ["q"], "w", {"axis": -2}), ("MatMul", ["w", "v"], "y", {})], lambda q, v: softmax(q.swapaxes(-1, -2)).swapaxes(-1, -2) @ v),
    "on_the_right": ([("Softmax", ["q"], "w", {"axis": -1}), ("MatMul", ["v", "w"], "y", {})], lambda q, v: v @ softmax(q)),
    "squared": ([("Softmax", ["q"], "w", {"axis": -1}), ("MatMul", ["w", "w"], "y", {})], lambda q, v: softmax(q) @ softmax(q)),
    "without_a_product": ([("Exp", ["q"], "e", {}), ("Softmax", ["e"], "w", {"axis": -1}), ("MatMul", ["w", "v"], "y", {})], lambda q, v: softmax(np.exp(q)) @ v),
    "of_a_transposed_product": (
        [("MatMul", ["q", "v"], "s", {}), ("Transpose", ["s"], "t", {"perm": [0, 2, 1]}), ("Softmax", ["t"], "w", {"axis": -1}), ("MatMul", ["w", "v"], "y", {})],
        lambda q, v: softmax((q @ v).swapaxes(-1, -2)) @ v,
    ),
}


@pytest.mark.parametrize("case", OTHERS.values(), ids=OTHERS)
def test_other_softmaxes_beside_products(tmp_path, case):
    nodes, expected_of = case
    feed = {name: values_of((2, 20, 20), i) for i, name in enumerate(("q", "v"))}
    expected = expected_of(*(array.astype(np.float64) for array in feed.values()))
    made = [helper.make_node(op, inputs, [output], name=output, **attributes) for op, inputs, output, attributes in nodes]
    run_and_compare(tmp_path, made, feed, {"y": 3}, [expected])
