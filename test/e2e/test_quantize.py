"""QuantizeLinear and DequantizeLinear to and from every type, and integer powers, against onnx.reference."""

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import lepton
from common import save

INTEGERS = {"int2": -1, "uint2": 1, "int4": -3, "uint4": 7, "int8": -20, "uint8": 130, "int16": -500, "uint16": 3000}  # with a zero point
FLOATS = ["float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float4_e2m1fn"]
LEVELS = (0, 3)


def type_of(name):
    return np.dtype(getattr(ml_dtypes, name, None) or name)


def number(value):
    return helper.np_dtype_to_tensor_dtype(value.dtype)


def outputs(path, node, feed, kind, level):
    """What onnx.reference and Lepton make of a node whose first dimension is known only at run time."""
    inputs = {n: (number(v), ["N", *v.shape[1:]] if i == 0 else list(v.shape)) for i, (n, v) in enumerate(feed.items())}
    save(path, [node], inputs, {"y": (kind, None)}, opset=25)
    with np.errstate(all="ignore"):
        expected = ReferenceEvaluator(onnx.load(path)).run(None, feed)[0]
    return expected, lepton.InferenceSession(path, opt_level=level).run(None, feed)[0]


def scales(rng, granularity, dtype):
    shape = {"tensor": (), "axis": (6,), "blocks": (4, 3)}[granularity]
    return rng.uniform(0.01, 2, shape).astype(dtype)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("granularity", ["tensor", "axis", "blocks"])
@pytest.mark.parametrize("name", [*INTEGERS, *FLOATS])
def test_quantize(name, granularity, level, tmp_path):
    rng, dtype = np.random.default_rng(3), type_of(name)
    x = (rng.normal(size=(4, 6)) * np.exp2(rng.uniform(-3, 12, (4, 6)))).astype(np.float32)
    scale = scales(rng, granularity, np.float32)
    zero = np.full(scale.shape, INTEGERS.get(name, 0)).astype(dtype)
    for saturate in (1, 0):
        node = helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["y"], axis=1, block_size=2 if granularity == "blocks" else 0, saturate=saturate)
        expected, y = outputs(tmp_path / "q.onnx", node, {"x": x, "scale": scale, "zero": zero}, number(zero), level)
        assert y.dtype == dtype
        np.testing.assert_array_equal(y.astype(np.float32), expected.astype(np.float32))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["int4", "float8_e5m2", "uint8"])
def test_quantize_to_an_output_type(name, level, tmp_path):
    """Without a zero point; the division is of the precision asked for."""
    rng, kind = np.random.default_rng(4), helper.np_dtype_to_tensor_dtype(type_of(name))
    x, scale = rng.normal(size=(50, 6)).astype(np.float16) * np.float16(8), np.float16(0.3)
    for precision in (TensorProto.FLOAT, TensorProto.FLOAT16):
        node = helper.make_node("QuantizeLinear", ["x", "scale"], ["y"], output_dtype=kind, precision=precision)
        expected, y = outputs(tmp_path / "q.onnx", node, {"x": x, "scale": np.array(scale)}, kind, level)
        np.testing.assert_array_equal(y.astype(np.float32), expected.astype(np.float32))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("granularity", ["tensor", "axis", "blocks"])
@pytest.mark.parametrize("name", [*INTEGERS, *FLOATS])
def test_dequantize(name, granularity, level, tmp_path):
    rng, dtype = np.random.default_rng(5), type_of(name)
    x = rng.integers(-100, 100, (4, 6)).astype(dtype)
    for scale_type in (np.float32, np.float16):
        scale = scales(rng, granularity, scale_type)
        feed = {"x": x, "scale": scale, "zero": np.full(scale.shape, INTEGERS.get(name, 0)).astype(dtype)}
        node = helper.make_node("DequantizeLinear", list(feed), ["y"], axis=1, block_size=2 if granularity == "blocks" else 0)
        expected, y = outputs(tmp_path / "d.onnx", node, feed, number(scale), level)
        assert y.dtype == scale_type
        np.testing.assert_allclose(y, expected, rtol=2e-3 if scale_type == np.float16 else 1e-6)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e5m2fnuz"])
def test_product_of_floats(name, level, tmp_path):
    """QLinearMatMul of small floats, which onnx.reference takes for integers: computed here by the formula."""
    rng, dtype = np.random.default_rng(6), type_of(name)
    a, b = (rng.normal(size=shape).astype(dtype) for shape in ((4, 8), (8, 5)))
    one, zero = np.float32(0.5), np.zeros((), dtype)
    feed = {"a": a, "sa": np.array(one), "za": zero, "b": b, "sb": np.array(one), "zb": zero, "sy": np.array(one), "zy": zero}
    inputs = {n: (number(v), ["N", *v.shape[1:]] if n == "a" else list(v.shape)) for n, v in feed.items()}
    save(tmp_path / "m.onnx", [helper.make_node("QLinearMatMul", list(feed), ["y"])], inputs, {"y": (number(a), None)}, opset=21)
    y = lepton.InferenceSession(tmp_path / "m.onnx", opt_level=level).run(None, feed)[0]
    expected = (a.astype(np.float32) @ b.astype(np.float32) * one).astype(dtype)
    np.testing.assert_array_equal(y.view(np.uint8), expected.view(np.uint8))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("base, exponent", [("int32", "int64"), ("int64", "int32"), ("int32", "uint8"), ("int64", "uint32"), ("int32", "float32")])
def test_integer_powers(base, exponent, level, tmp_path):
    x = np.arange(-7, 8).astype(base)[:, None]
    feed = {"x": x, "e": np.arange(0, 9).astype(exponent)[None]}
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(base))
    expected, y = outputs(tmp_path / "p.onnx", helper.make_node("Pow", ["x", "e"], ["y"]), feed, kind, level)
    np.testing.assert_array_equal(y, expected)
