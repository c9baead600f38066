"""Pixels into channels and back where only the run knows the sizes: DepthToSpace and SpaceToDepth."""

import lepton
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from common import difference, save

SIZES = ([1, 4, 2, 2], [2, 8, 6, 4], [1, 36, 4, 10])
FILTER = np.random.default_rng(1).standard_normal((5, 1, 3, 3)).astype(np.float32)


def model(path, *nodes):
    shape = (TensorProto.FLOAT, ["N", "C", "H", "W"])
    output = (TensorProto.FLOAT, [None] * 4)
    return save(path, nodes, {"x": shape}, {"y": output}, {"filter": FILTER, "one": np.array([1], np.int64)})


def run(path, x, level):
    return lepton.InferenceSession(str(path), opt_level=level).run(None, {"x": x})[0]


@pytest.mark.parametrize("level", [0, 3])
@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_to_space(tmp_path, mode, level):
    path = model(tmp_path / "m.onnx", helper.make_node("DepthToSpace", ["x"], ["y"], name="n", blocksize=2, mode=mode))
    for shape in SIZES:
        x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        assert difference(ReferenceEvaluator(onnx.load(path)).run(None, {"x": x})[0], run(path, x, level)) == 0


@pytest.mark.parametrize("level", [0, 3])
def test_space_to_depth_and_back(tmp_path, level):
    path = model(
        tmp_path / "m.onnx",
        helper.make_node("SpaceToDepth", ["x"], ["deep"], name="deep", blocksize=2),
        helper.make_node("Relu", ["deep"], ["relu"], name="relu"),
        helper.make_node("DepthToSpace", ["relu"], ["back"], name="back", blocksize=2),
        helper.make_node("Add", ["back", "x"], ["y"], name="sum"),
    )
    for shape in SIZES:
        x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        assert difference(np.maximum(x, 0) + x, run(path, x, level)) == 0


@pytest.mark.parametrize("level", [0, 3])
def test_between_convolutions(tmp_path, level):
    """The convolutions' layout has the channels last, and the sums of two tensors of unknown sizes must meet in it."""
    path = model(
        tmp_path / "m.onnx",
        helper.make_node("ReduceMean", ["x", "one"], ["grey"], name="grey"),
        helper.make_node("Conv", ["grey", "filter"], ["five"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("SpaceToDepth", ["five"], ["y"], name="deep", blocksize=2),
    )
    for shape in SIZES:
        x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
        assert difference(ReferenceEvaluator(onnx.load(path)).run(None, {"x": x})[0], run(path, x, level)) < 1e-5


def test_sizes_that_do_not_divide(tmp_path):
    for op, shape, message in (
        ("DepthToSpace", (1, 6, 2, 2), "dimension 1 must be a multiple of 4"),
        ("SpaceToDepth", (1, 4, 3, 2), "dimension 2 must be a multiple of 2"),
        ("SpaceToDepth", (1, 4, 2, 5), "dimension 3 must be a multiple of 2"),
    ):
        path = model(tmp_path / "m.onnx", helper.make_node(op, ["x"], ["y"], name="the_node", blocksize=2))
        with pytest.raises(Exception, match=message) as error:
            run(path, np.zeros(shape, np.float32), 3)
        assert "the_node" in str(error.value)
