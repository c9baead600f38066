"""Sizes that only the run knows and that do not fit each other: an error that names the node, never a read past a tensor's end."""

import lepton
import numpy as np
import pytest
from onnx import TensorProto, helper

from common import difference, save

TYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}


def ones(*shape):
    return np.ones(shape, np.float32)


def ints(*numbers):
    return np.array(numbers, np.int64)


def node(op, inputs, outputs=("y",), **attributes):
    return helper.make_node(op, inputs, outputs, name=f"the_{op}", **attributes)


# (node, its inputs in the run, constants); the model declares each size of an input by a name of its own.
MISFITS = [
    (node("Add", ["a", "b"]), {"a": ones(3), "b": ones(4)}, {}),
    (node("Mul", ["a", "b"]), {"a": ones(4, 2)}, {"b": ones(3, 2)}),
    (node("Where", ["c", "a", "b"]), {"a": ones(3), "b": ones(4)}, {"c": np.array([True])}),
    (node("MatMul", ["a", "b"]), {"a": ones(3, 5), "b": ones(4, 2)}, {}),
    (node("MatMul", ["a", "b"]), {"a": ones(3, 5)}, {"b": ones(4, 2)}),
    (node("MatMul", ["a", "b"]), {"a": ones(2, 3, 4), "b": ones(3, 4, 5)}, {}),
    (node("Gemm", ["a", "b", "c"]), {"a": ones(3, 4), "c": ones(7)}, {"b": ones(4, 2)}),
    (node("Einsum", ["a", "b"], equation="ij,jk->ik"), {"a": ones(3, 5), "b": ones(4, 2)}, {}),
    (node("Conv", ["a", "b"]), {"a": ones(1, 5, 9)}, {"b": ones(2, 3, 3)}),
    (node("Conv", ["a", "b"], group=2), {"a": ones(1, 5, 9)}, {"b": ones(2, 1, 3)}),
    (node("ConvTranspose", ["a", "b"]), {"a": ones(1, 5, 9)}, {"b": ones(2, 3, 3)}),
    (node("Reshape", ["a", "s"]), {"a": ones(7)}, {"s": ints(2, -1)}),
    (node("Reshape", ["a", "s"]), {"a": ones(7)}, {"s": ints(2, 4)}),
    (node("Reshape", ["a", "s"]), {"a": ones(7), "s": ints(3, 4)}, {}),
    (node("Expand", ["a", "s"]), {"a": ones(3), "s": ints(5)}, {}),
    (node("Squeeze", ["a", "s"]), {"a": ones(3, 2)}, {"s": ints(0)}),
    (node("Concat", ["a", "b"], axis=0), {"a": ones(3, 5), "b": ones(3, 4)}, {}),
    (node("GatherElements", ["a", "i"], axis=0), {"a": ones(3, 2), "i": np.zeros((1, 4), np.int64)}, {}),
    (node("GatherND", ["a", "i"], batch_dims=1), {"a": ones(3, 2)}, {"i": np.zeros((4, 1), np.int64)}),
    (node("ScatterElements", ["a", "i", "b"], axis=0), {"a": ones(3, 2), "b": ones(2, 2)}, {"i": np.zeros((1, 2), np.int64)}),
    (node("ScatterND", ["a", "i", "b"]), {"a": ones(3, 2), "b": ones(1, 4)}, {"i": np.zeros((1, 1), np.int64)}),
    (node("LayerNormalization", ["a", "b"]), {"a": ones(3, 4), "b": ones(5)}, {}),
    (node("LSTM", ["a", "w", "r"], ["", "y"], hidden_size=2), {"a": ones(3, 1, 5)}, {"w": ones(1, 8, 4), "r": ones(1, 8, 2)}),
]


def model(path, faulty, feeds, constants):
    inputs = {name: (TYPES[value.dtype.name], [f"{name}{d}" for d in range(value.ndim)]) for name, value in feeds.items()}
    if "s" in inputs:
        inputs["s"] = (TensorProto.INT64, list(feeds["s"].shape))  # the rank of a result is known
    return save(path, [faulty], inputs, {"y": (TensorProto.FLOAT, None)}, constants)


@pytest.mark.parametrize("level", [0, 3])
@pytest.mark.parametrize(("faulty", "feeds", "constants"), MISFITS, ids=lambda value: getattr(value, "op_type", ""))
def test_misfits(tmp_path, faulty, feeds, constants, level):
    session = lepton.InferenceSession(str(model(tmp_path / "m.onnx", faulty, feeds, constants)), opt_level=level)
    for _ in range(2):  # the session goes on after an error
        with pytest.raises(ValueError, match=f"node 'the_{faulty.op_type}.*sizes of its inputs do not fit"):
            session.run(None, feeds)


@pytest.mark.parametrize("level", [0, 3])
def test_sizes_that_fit(tmp_path, level):
    """What is checked is no more than what is needed: sizes of 1 stretch, and a size may be given as what is left."""
    nodes = [
        helper.make_node("Add", ["a", "b"], ["sum"], name="sum"),
        helper.make_node("Add", ["sum", "a"], ["again"], name="again"),
        helper.make_node("Reshape", ["again", "s"], ["y"], name="view"),
    ]
    inputs = {"a": (TensorProto.FLOAT, ["A", "B"]), "b": (TensorProto.FLOAT, ["C", "D"]), "s": (TensorProto.INT64, [3])}
    path = save(tmp_path / "m.onnx", nodes, inputs, {"y": (TensorProto.FLOAT, [None] * 3)})
    session = lepton.InferenceSession(str(path), opt_level=level)
    random = np.random.default_rng(0)
    for a, b, s in (((3, 4), (3, 4), (3, 2, 2)), ((1, 4), (3, 1), (-1, 2, 1)), ((3, 1), (1, 4), (0, 2, -1)), ((0, 4), (1, 1), (0, 2, 2))):
        x, y = random.standard_normal(a).astype(np.float32), random.standard_normal(b).astype(np.float32)
        total = x + y + x
        shape = [total.shape[d] if size == 0 else size for d, size in enumerate(s)]
        result = session.run(None, {"a": x, "b": y, "s": np.array(s, np.int64)})[0]
        assert difference(total.reshape(shape), result) == 0
