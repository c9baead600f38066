"""Results whose size depends on data, sampling, transforms and random numbers, against NumPy and onnx.reference, over sizes that only the run knows."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import lepton
from common import save

FLOAT, INT64, BOOL, DOUBLE = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL, TensorProto.DOUBLE
LEVELS = pytest.mark.parametrize("level", [0, 3])


def session(tmp_path, nodes, inputs, outputs, level, opset=21):
    return lepton.InferenceSession(save(tmp_path / "model.onnx", nodes, inputs, outputs, opset=opset), opt_level=level)


@LEVELS
def test_sizes_of_choices_follow_the_data(tmp_path, level):
    nodes = [helper.make_node("NonZero", ["x"], ["n"]), helper.make_node("Compress", ["x", "c"], ["p"], axis=1)]
    inputs = {"x": (FLOAT, ["a", "b"]), "c": (BOOL, ["b"])}
    s = session(tmp_path, nodes, inputs, {"n": (INT64, None), "p": (FLOAT, None)}, level)
    random = np.random.default_rng(0)
    for rows, columns in [(1, 1), (3, 5), (0, 4), (7, 33), (2, 0)]:
        x = random.integers(-1, 2, (rows, columns)).astype(np.float32)
        x[random.random(x.shape) < 0.1] = np.nan
        c = random.random(columns) < 0.5
        n, p = s.run(None, {"x": x, "c": c})
        np.testing.assert_array_equal(n, np.array(np.nonzero(x)))
        np.testing.assert_array_equal(p, x[:, c])


@LEVELS
@pytest.mark.parametrize("ordered", [0, 1])
def test_unique_of_many(tmp_path, level, ordered):
    nodes = [helper.make_node("Unique", ["x"], ["y", "i", "v", "c"], sorted=ordered)]
    outputs = {"y": (FLOAT, None), "i": (INT64, None), "v": (INT64, None), "c": (INT64, None)}
    s = session(tmp_path, nodes, {"x": (FLOAT, ["n"])}, outputs, level)
    random = np.random.default_rng(1)
    for size in (0, 1, 2, 3, 64, 1000):
        x = random.integers(-20, 20, size).astype(np.float32)
        x[x == 7] = np.nan
        x[x == 0] = random.choice([0.0, -0.0], (x == 0).sum())
        y, i, v, c = s.run(None, {"x": x})
        want, first, inverse, counts = np.unique(x, True, True, True)
        order = np.arange(len(first)) if ordered else np.argsort(first)
        np.testing.assert_array_equal(y, want[order])
        np.testing.assert_array_equal(i, first[order])
        np.testing.assert_array_equal(v, np.argsort(order)[inverse])
        np.testing.assert_array_equal(c, counts[order])


@LEVELS
def test_unique_rows(tmp_path, level):
    s = session(tmp_path, [helper.make_node("Unique", ["x"], ["y", "i"], axis=0)], {"x": (INT64, ["n", "m"])}, {"y": (INT64, None), "i": (INT64, None)}, level)
    random = np.random.default_rng(2)
    for shape in [(1, 1), (5, 2), (300, 3)]:
        x = random.integers(-2, 3, shape)
        y, i = s.run(None, {"x": x})
        want, first = np.unique(x, True, axis=0)
        np.testing.assert_array_equal(y, want)
        np.testing.assert_array_equal(i, first)


def best_places(x, k, axis, largest):
    """Places of the k best along an axis: a NaN is the largest, zeros are equal, and of equals the first comes first."""
    rank = np.where(np.isnan(x), np.inf, x)
    order = np.argsort(-rank if largest else rank, axis=axis, kind="stable")
    return np.take(order, np.arange(k), axis=axis)


@LEVELS
@pytest.mark.parametrize("largest", [0, 1])
@pytest.mark.parametrize("count", ["known", "unknown"])
def test_best_of_lines_few_and_many(tmp_path, level, largest, count):
    random = np.random.default_rng(6)
    for shape, axis, counts in [((3, 133), 1, (0, 1, 7, 48, 49, 60, 133)), ((70, 5), 0, (3, 69)), ((1, 1), 1, (1,)), ((2, 0), 1, (0,))]:
        x = random.integers(-9, 9, shape).astype(np.float32)
        x[x == 4] = np.nan
        x[x == 0] = random.choice([0.0, -0.0], (x == 0).sum())
        for k in counts:
            node = helper.make_node("TopK", ["x", "k"], ["y", "i"], axis=axis, largest=largest)
            given, outputs = {"k": np.array([k])}, {"y": (FLOAT, None), "i": (INT64, None)}
            known, fed = (given, {}) if count == "known" else ({}, given)
            inputs = {"x": (FLOAT, list(shape))} | ({"k": (INT64, [1])} if fed else {})
            path = save(tmp_path / "model.onnx", [node], inputs, outputs, known)
            y, i = lepton.InferenceSession(path, opt_level=level).run(None, {"x": x} | fed)
            want = best_places(x, k, axis, largest)
            np.testing.assert_array_equal(i, want)
            np.testing.assert_array_equal(y, np.take_along_axis(x, want, axis))


@LEVELS
@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize("reverse", [0, 1])
def test_sums_along_every_axis(tmp_path, level, exclusive, reverse):
    random = np.random.default_rng(8)
    for shape in [(5, 3, 301), (4, 7), (2, 0, 3), (0, 4), (9,), (3, 130, 2)]:
        x = random.integers(-99, 99, shape)
        for axis in range(len(shape)):
            node = helper.make_node("CumSum", ["x", "a"], ["y"], exclusive=exclusive, reverse=reverse)
            path = save(tmp_path / "model.onnx", [node], {"x": (INT64, ["n", *shape[1:]])}, {"y": (INT64, None)}, {"a": np.int64(axis)})
            flipped = np.flip(x, axis) if reverse else x
            want = np.cumsum(flipped, axis) - (flipped if exclusive else 0)
            got = lepton.InferenceSession(path, opt_level=level).run(None, {"x": x})[0]
            np.testing.assert_array_equal(got, np.flip(want, axis) if reverse else want)


@LEVELS
@pytest.mark.parametrize("centre", [0, 1])
def test_boxes_are_suppressed_as_in_the_reference(tmp_path, level, centre):
    nodes = [helper.make_node("NonMaxSuppression", ["b", "s", "k", "t", "l"], ["y"], center_point_box=centre)]
    inputs = {"b": (FLOAT, ["batch", "n", 4]), "s": (FLOAT, ["batch", "classes", "n"]), "k": (INT64, [1]), "t": (FLOAT, [1]), "l": (FLOAT, [1])}
    s = session(tmp_path, nodes, inputs, {"y": (INT64, None)}, level)
    oracle = ReferenceEvaluator(str(tmp_path / "model.onnx"))
    random = np.random.default_rng(3)
    for batch, classes, count, limit in [(1, 1, 1, 1), (2, 3, 40, 5), (1, 2, 100, 1000), (1, 1, 9, 0)]:
        boxes, scores = random.random((batch, count, 4)).astype(np.float32), random.random((batch, classes, count)).astype(np.float32)
        feed = {"b": boxes, "s": scores, "k": np.int64([limit]), "t": np.float32([0.3]), "l": np.float32([0.2])}
        np.testing.assert_array_equal(s.run(None, feed)[0], oracle.run(None, feed)[0].reshape(-1, 3))


@LEVELS
@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_samples_far_outside(tmp_path, level, mode, padding):
    nodes = [helper.make_node("GridSample", ["x", "g"], ["y"], mode=mode, padding_mode=padding, align_corners=1)]
    s = session(tmp_path, nodes, {"x": (FLOAT, ["n", "c", "h", "w"]), "g": (FLOAT, ["n", "p", "q", 2])}, {"y": (FLOAT, None)}, level)
    oracle = ReferenceEvaluator(str(tmp_path / "model.onnx"))
    random = np.random.default_rng(4)
    x, grid = random.random((2, 2, 4, 5), np.float32), random.uniform(-3, 3, (2, 3, 4, 2)).astype(np.float32)
    np.testing.assert_allclose(s.run(None, {"x": x, "g": grid})[0], oracle.run(None, {"x": x, "g": grid})[0], atol=2e-5)
    grid.flat[:4] = np.nan, np.inf, -np.inf, 1e30
    assert s.run(None, {"x": x, "g": grid})[0].shape == (2, 2, 3, 4)


@LEVELS
@pytest.mark.parametrize("are_parts_known", [True, False])
@pytest.mark.parametrize(("onesided", "inverse", "parts"), [(0, 0, 1), (0, 0, 2), (1, 0, 1), (0, 1, 2), (1, 1, 2)])
def test_transforms_of_any_length(tmp_path, level, onesided, inverse, parts, are_parts_known):
    nodes = [helper.make_node("DFT", ["x", "n", "a"], ["y"], onesided=onesided, inverse=inverse)]
    s = session(tmp_path, nodes, {"x": (DOUBLE, ["b", "n", parts if are_parts_known else "p"]), "n": (INT64, []), "a": (INT64, [])}, {"y": (DOUBLE, None)}, level, 20)
    oracle = ReferenceEvaluator(str(tmp_path / "model.onnx"))
    random = np.random.default_rng(5)
    for size, length in [(1, 1), (8, 8), (9, 6), (5, 12), (31, 31)]:
        feed = {"x": random.random((3, size, parts)), "n": np.int64(length), "a": np.int64(1)}
        if onesided and inverse and length == 1:
            continue  # NumPy refuses it
        np.testing.assert_allclose(s.run(None, feed)[0], oracle.run(None, feed)[0], atol=1e-12)


@LEVELS
def test_random_numbers_are_numpys(tmp_path, level):
    nodes = [
        helper.make_node("RandomUniform", [], ["u"], shape=[3, 333], seed=7.0, low=-1.0, high=3.0, dtype=DOUBLE),
        helper.make_node("RandomNormalLike", ["x"], ["g"], seed=0.0, mean=2.0, scale=0.5, dtype=DOUBLE),
        helper.make_node("RandomUniformLike", ["x"], ["f"]),
    ]
    s = session(tmp_path, nodes, {"x": (FLOAT, ["n"])}, {"u": (DOUBLE, None), "g": (DOUBLE, None), "f": (FLOAT, None)}, level)
    u, g, f = s.run(None, {"x": np.zeros(501, np.float32)})
    np.testing.assert_allclose(u, np.random.RandomState(7).uniform(-1, 3, (3, 333)), rtol=1e-15)
    np.testing.assert_allclose(g, np.random.RandomState(0).normal(2, 0.5, 501), rtol=1e-14)
    assert f.shape == (501,) and abs(f.mean() - 0.5) < 0.05 and np.unique(f).size > 490
    np.testing.assert_array_equal(f, s.run(None, {"x": np.zeros(501, np.float32)})[2])


@LEVELS
def test_multinomial_follows_its_probabilities(tmp_path, level):
    s = session(tmp_path, [helper.make_node("Multinomial", ["x"], ["y"], sample_size=20000, seed=1.0)], {"x": (FLOAT, ["n", 4])}, {"y": (TensorProto.INT32, None)}, level)
    p = np.float32([[0.1, 0.2, 0.3, 0.4], [0.97, 0.01, 0.01, 0.01]])
    y = s.run(None, {"x": np.log(p)})[0]
    for row, want in zip(y, p):
        np.testing.assert_allclose(np.bincount(row, minlength=4) / row.size, want, atol=0.015)


@LEVELS
@pytest.mark.parametrize("dtype", [None, TensorProto.BOOL, TensorProto.INT8])
def test_bernoulli_follows_its_probabilities(tmp_path, dtype, level):
    node = helper.make_node("Bernoulli", ["x"], ["y"], seed=3.0, **({} if dtype is None else {"dtype": dtype}))
    s = session(tmp_path, [node], {"x": (FLOAT, ["n", 20000])}, {"y": (dtype or FLOAT, None)}, level)
    p = np.float32([0, 0.05, 0.3, 0.9, 1])
    y = s.run(None, {"x": np.repeat(p, 20000).reshape(5, 20000)})[0]
    assert y.dtype == helper.tensor_dtype_to_np_dtype(dtype or FLOAT) and set(np.unique(y)) == {0, 1}
    np.testing.assert_allclose(y.mean(axis=1, dtype=np.float64), p, atol=0.012)
    assert not y[0].any() and y[4].all()


@LEVELS
@pytest.mark.parametrize("bins, scale", [((3, 3), 1.0), ((2, 5), 0.5), ((1, 1), 0.0625), ((7, 7), 2.0)])
def test_largest_elements_of_regions(tmp_path, bins, scale, level):
    node = helper.make_node("MaxRoiPool", ["x", "r"], ["y"], pooled_shape=bins, spatial_scale=scale, name="pool")
    s = session(tmp_path, [node], {"x": (FLOAT, ["n", "c", "h", "w"]), "r": (FLOAT, ["regions", "five"])}, {"y": (FLOAT, None)}, level)
    oracle = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    random = np.random.default_rng(0)
    x = random.standard_normal((2, 3, 9, 11)).astype(np.float32)
    regions = np.concatenate([random.integers(0, 2, (20, 1)), random.uniform(-4, 20, (20, 4))], 1).astype(np.float32)
    regions[:2] = [1, 2.5, 1.5, 2.5, 1.5], [0, 8, 8, 2, 2]  # rounded halves, corners in the wrong order
    feed = {"x": x, "r": regions}
    np.testing.assert_array_equal(s.run(None, feed)[0], oracle.run(None, feed)[0])
    for image in (2, -3, np.nan):
        with pytest.raises(ValueError, match="node 'pool': the number of an image is out of range"):
            s.run(None, {"x": x, "r": np.float32([[image, 0, 0, 1, 1]])})
    with pytest.raises(ValueError, match="node 'pool': dimension 1 of operand 1 must be 5"):
        s.run(None, {"x": x, "r": regions[:, :4]})
