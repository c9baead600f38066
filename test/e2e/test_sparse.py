"""Sparse tensors that a model holds, as constants of a node and as initializers, are dense when it runs."""

import lepton
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

SHAPE = (3, 4, 5)
FLAT = np.array([0, 7, 8, 31, 59], np.int64)
LEVELS = pytest.mark.parametrize("level", [0, 3])


def sparse(values, indices, shape, name="w"):
    return helper.make_sparse_tensor(numpy_helper.from_array(values, name), numpy_helper.from_array(indices, name + "_indices"), shape)


def build(nodes, dtype=np.float32, sparse_initializers=(), shape=SHAPE):
    number = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    inputs = [helper.make_tensor_value_info("x", number, ["N", *shape])]
    outputs = [helper.make_tensor_value_info("y", number, None)]
    graph = helper.make_graph(nodes, "g", inputs, outputs, sparse_initializer=list(sparse_initializers))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()


def add():
    return helper.make_node("Add", ["x", "w"], ["y"], name="sum")


@LEVELS
@pytest.mark.parametrize("is_linear", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64, np.int32])
@pytest.mark.parametrize("is_initializer", [True, False])
def test_sparse_tensors_are_dense_in_the_run(is_initializer, dtype, is_linear, level):
    values = np.arange(1, 6).astype(dtype)
    dense = np.zeros(np.prod(SHAPE), dtype)
    dense[FLAT] = values
    indices = FLAT if is_linear else np.stack(np.unravel_index(FLAT, SHAPE), 1)
    tensor = sparse(values, indices, SHAPE)
    if is_initializer:
        model = build([add()], dtype, [tensor])
    else:
        model = build([helper.make_node("Constant", [], ["w"], name="constant", sparse_value=tensor), add()], dtype)
    x = np.ones((2, *SHAPE), dtype)
    y = lepton.InferenceSession(model, opt_level=level).run(None, {"x": x})[0]
    np.testing.assert_array_equal(y, x + dense.reshape(SHAPE))


@LEVELS
def test_a_sparse_tensor_without_values_is_zero(level):
    model = build([add()], sparse_initializers=[sparse(np.zeros(0, np.float32), np.zeros(0, np.int64), SHAPE)])
    x = np.ones((1, *SHAPE), np.float32)
    np.testing.assert_array_equal(lepton.InferenceSession(model, opt_level=level).run(None, {"x": x})[0], x)


ONE = np.ones(1, np.float32)


@pytest.mark.parametrize(
    "tensor, reason",
    [
        (sparse(ONE, np.array([60], np.int64), SHAPE), "an index out of range"),
        (sparse(ONE, np.array([-1], np.int64), SHAPE), "an index out of range"),
        (sparse(ONE, np.array([[2, 4, 0]], np.int64), SHAPE), "an index out of range"),
        (sparse(ONE, np.array([[2, 3]], np.int64), SHAPE), "needs indices of int64, one for each value"),
        (sparse(ONE, np.array([1, 2], np.int64), SHAPE), "needs indices of int64, one for each value"),
        (sparse(ONE, np.array([1], np.int32), SHAPE), "needs indices of int64"),
        (sparse(ONE.reshape(1, 1), np.array([1], np.int64), SHAPE), "needs a vector of numbers"),
        (sparse(ONE, np.array([1], np.int64), [-3, 4]), "negative or impossibly large dimensions"),
        (sparse(ONE, np.array([1], np.int64), [1 << 40, 1 << 40]), "negative or impossibly large dimensions"),
    ],
)
def test_faulty_sparse_tensors_are_refused(tensor, reason):
    with pytest.raises(ValueError, match=f"sparse tensor 'w' .*{reason}"):
        lepton.InferenceSession(build([add()], sparse_initializers=[tensor]))
    with pytest.raises(ValueError, match=f"node 'constant'.*{reason}"):
        lepton.InferenceSession(build([helper.make_node("Constant", [], ["w"], name="constant", sparse_value=tensor), add()]))


def test_a_name_that_is_defined_twice_is_refused():
    tensor = sparse(ONE, np.array([1], np.int64), SHAPE)
    with pytest.raises(ValueError, match="'w' is defined twice"):
        lepton.InferenceSession(build([add()], sparse_initializers=[tensor, tensor]))
