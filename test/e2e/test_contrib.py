"""Operators of the domain com.microsoft, which exporters and quantizers leave in files, against onnxruntime."""

import lepton
import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

RNG = np.random.default_rng(3)


def real(*shape, scale=1.0):
    return (RNG.standard_normal(shape) * scale).astype(np.float32)


def bytes_of(*shape, dtype=np.uint8):
    info = np.iinfo(dtype)
    return RNG.integers(info.min, info.max + 1, shape).astype(dtype)


def scale(value=0.02):
    return np.float32(value)


# name: (op, inputs or None where omitted, attributes, number of outputs)
CASES = {
    "gelu": ("Gelu", [real(3, 5)], {}),
    "fast_gelu": ("FastGelu", [real(3, 5)], {}),
    "fast_gelu_bias": ("FastGelu", [real(3, 5), real(5)], {}),
    "bias_gelu": ("BiasGelu", [real(3, 5), real(5)], {}),
    "quick_gelu": ("QuickGelu", [real(3, 5)], {"alpha": 1.5}),
    "fused_conv_relu": ("FusedConv", [real(1, 4, 8, 8), real(6, 4, 3, 3), real(6)], {"activation": "Relu", "pads": [1, 1, 1, 1]}),
    "fused_conv_clip": ("FusedConv", [real(1, 4, 8, 8), real(6, 4, 3, 3)], {"activation": "Clip", "activation_params": [-0.5, 0.5]}),
    "fused_conv_sum": ("FusedConv", [real(1, 4, 8, 8), real(6, 4, 1, 1), real(6), real(1, 6, 8, 8)], {"activation": "Relu"}),
    "fused_gemm": ("FusedGemm", [real(3, 4), real(5, 4), real(5)], {"transB": 1, "activation": "LeakyRelu", "activation_alpha": 0.3}),
    "skip_layer_norm": ("SkipLayerNormalization", [real(2, 3, 8), real(2, 3, 8), real(8), real(8), real(8)], {"epsilon": 1e-5}),
    "skip_layer_norm_plain": ("SkipLayerNormalization", [real(2, 3, 8), real(2, 3, 8), real(8)], {"epsilon": 1e-5}),
    "skip_rms_norm": ("SkipSimplifiedLayerNormalization", [real(2, 3, 8), real(2, 3, 8), real(8)], {"epsilon": 1e-5}),
    "mat_mul_integer_to_float": (
        "MatMulIntegerToFloat",
        [bytes_of(3, 8), bytes_of(8, 5), scale(), np.float32(0.03), np.uint8(120), np.uint8(130), real(5)],
        {},
    ),
    "mat_mul_integer_to_float_plain": ("MatMulIntegerToFloat", [bytes_of(3, 8), bytes_of(8, 5), scale(), scale()], {}),
    "dynamic_quantize_mat_mul": ("DynamicQuantizeMatMul", [real(3, 8), bytes_of(8, 5), scale(), np.uint8(128), real(5)], {}),
    "q_linear_add": ("QLinearAdd", [bytes_of(3, 8), scale(), np.uint8(128), bytes_of(8), scale(), np.uint8(100), scale(0.05), np.uint8(127)], {}),
    "q_linear_mul": ("QLinearMul", [bytes_of(3, 8), scale(), np.uint8(128), bytes_of(8), scale(), np.uint8(100), scale(0.05), np.uint8(127)], {}),
    "q_linear_sigmoid": ("QLinearSigmoid", [bytes_of(3, 8), scale(), np.uint8(128), np.float32(1 / 256), np.uint8(0)], {}),
    "q_linear_leaky_relu": ("QLinearLeakyRelu", [bytes_of(3, 8), scale(), np.uint8(128), scale(), np.uint8(100)], {"alpha": 0.1}),
    "q_linear_global_average_pool": ("QLinearGlobalAveragePool", [bytes_of(1, 3, 5, 5), scale(), np.uint8(128), scale(), np.uint8(128)], {}),
    "q_linear_average_pool": (
        "QLinearAveragePool",
        [bytes_of(1, 3, 6, 6), scale(), np.uint8(128), scale(), np.uint8(128)],
        {"kernel_shape": [2, 2], "strides": [2, 2]},
    ),
    "q_linear_softmax": ("QLinearSoftmax", [bytes_of(3, 8), scale(0.1), np.uint8(128), np.float32(1 / 256), np.uint8(0)], {"axis": -1, "opset": 13}),
    "q_linear_concat": ("QLinearConcat", [scale(), np.uint8(128), bytes_of(2, 3), scale(), np.uint8(120), bytes_of(2, 4), scale(0.03), np.uint8(128)], {"axis": 1}),
    "q_linear_average_pool_channels_last": (
        "QLinearAveragePool",
        [bytes_of(1, 6, 6, 3), scale(), np.uint8(128), scale(), np.uint8(128)],
        {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1], "channels_last": 1},
    ),
    "q_linear_average_pool_pads": (
        "QLinearAveragePool",
        [bytes_of(2, 3, 7, 6), scale(), np.uint8(128), scale(), np.uint8(128)],
        {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1},
    ),
    "q_linear_global_average_pool_channels_last": (
        "QLinearGlobalAveragePool", [bytes_of(2, 5, 4, 3), scale(), np.uint8(128), scale(), np.uint8(128)], {"channels_last": 1}
    ),
    "q_linear_where": (
        "QLinearWhere",
        [RNG.random((3, 8)) < 0.5, bytes_of(3, 8), scale(), np.uint8(128), bytes_of(8), scale(0.03), np.uint8(100), scale(0.04), np.uint8(120)],
        {},
    ),
    "q_gemm": (
        "QGemm",
        [bytes_of(3, 8), scale(), np.uint8(120), bytes_of(5, 8), scale(0.03), np.uint8(130), RNG.integers(-999, 999, 5).astype(np.int32)],
        {"transB": 1, "alpha": 0.5},
    ),
    "fused_gemm_relu": ("FusedGemm", [real(4, 3), real(4, 5), real(5)], {"transA": 1, "alpha": 0.5, "beta": 2.0, "activation": "Relu"}),
    "fused_gemm_hard_sigmoid": ("FusedGemm", [real(3, 4), real(4, 5)], {"activation": "HardSigmoid", "activation_alpha": 0.3, "activation_beta": 0.4}),
    "fused_conv_hard_sigmoid": (
        "FusedConv", [real(1, 4, 8, 8), real(6, 2, 3, 3), real(6)], {"activation": "HardSigmoid", "activation_params": [0.3, 0.4], "group": 2, "strides": [2, 2]}
    ),
    "inverse": ("Inverse", [real(2, 4, 4) + 2 * np.eye(4, dtype=np.float32)], {}),
    "inverse_of_one_matrix": ("Inverse", [np.array([[0, 2], [3, 1]], np.float32)], {}),
    "trilu_upper": ("Trilu", [real(2, 4, 5), np.array(1)], {"upper": 1}),
    "trilu": ("Trilu", [real(4, 5)], {"upper": 0}),
    "attention": ("Attention", [real(2, 3, 8), real(8, 24), real(24)], {"num_heads": 2}),
}


def model_of(op, inputs, attributes):
    names = ["" if value is None else f"x{i}" for i, value in enumerate(inputs)]
    infos = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.asarray(value).dtype), np.asarray(value).shape)
        for name, value in zip(names, inputs)
        if name
    ]
    output = TensorProto.UINT8 if op.startswith("QLinear") else TensorProto.FLOAT  # of QGemm without a scale too
    graph = helper.make_graph(
        [helper.make_node(op, names, ["y"], name="node", domain="com.microsoft", **attributes)],
        "g",
        infos,
        [helper.make_tensor_value_info("y", output, None)],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


@pytest.mark.parametrize("level", [0, 3])
@pytest.mark.parametrize("name", CASES)
def test_contrib(name, level):
    op, inputs, attributes = CASES[name]
    model = model_of(op, inputs, attributes)
    feed = {f"x{i}": np.asarray(value) for i, value in enumerate(inputs) if value is not None}
    expected = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, feed)[0]
    result = lepton.InferenceSession(model, opt_level=level).run(None, feed)[0]
    assert result.dtype == expected.dtype and result.shape == expected.shape
    if expected.dtype == np.uint8:  # onnxruntime computes some of these with tables or in integers: one step of rounding
        assert np.abs(result.astype(int) - expected.astype(int)).max() <= 1
    else:
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("level", [0, 3])
@pytest.mark.parametrize("outputs", [["y"], ["y", "inverse"]])
@pytest.mark.parametrize("op, opset", [("LayerNormalization", 14), ("SimplifiedLayerNormalization", 14), ("SimplifiedLayerNormalization", 18)])
def test_normalizations_that_onnxruntime_writes_into_the_standard_domain(op, opset, outputs, level):
    if op == "LayerNormalization" and len(outputs) == 2:
        outputs = ["y", "mean", "inverse"]
    x, weights = real(2, 3, 8), real(8)
    infos = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["B", 3, 8]), helper.make_tensor_value_info("w", TensorProto.FLOAT, [8])]
    node = helper.make_node(op, ["x", "w"], outputs, axis=-1, epsilon=1e-3)
    graph = helper.make_graph([node], "g", infos, [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8).SerializeToString()
    feed = {"x": x, "w": weights}
    expected = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, feed)
    for wanted, got in zip(expected, lepton.InferenceSession(model, opt_level=level).run(None, feed), strict=True):
        assert wanted.shape == got.shape
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("inputs", [[], ["x"], ["x", ""]])
def test_a_normalization_without_a_scale_is_refused(inputs):
    infos = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3, 8])]
    node = helper.make_node("SimplifiedLayerNormalization", inputs, ["y"], name="norm")
    graph = helper.make_graph([node], "g", infos, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8).SerializeToString()
    with pytest.raises(ValueError, match="node 'norm'.* needs an input and a scale"):
        lepton.InferenceSession(model)


def test_a_form_that_is_not_covered_is_reported():
    inputs = [real(2, 3, 8), real(8, 24), real(24)]
    with pytest.raises(ValueError, match="com.microsoft::Attention"):
        lepton.InferenceSession(model_of("Attention", inputs, {"num_heads": 2, "do_rotary": 1}))


@pytest.mark.parametrize("level", [0, 3])
def test_convolutions_with_channels_last(level):
    """onnxruntime has these for other devices only: against the ones with channels first."""
    x, w, b = real(2, 7, 6, 4), real(6, 2, 3, 2), real(6)
    attributes = {"group": 2, "pads": [1, 0, 1, 1], "strides": [2, 1]}
    run = lambda op, inputs, **more: lepton.InferenceSession(model_of(op, inputs, attributes | more), opt_level=level).run(
        None, {f"x{i}": np.asarray(value) for i, value in enumerate(inputs)}
    )[0]
    expected = run("FusedConv", [x.transpose(0, 3, 1, 2), w, b]).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(run("NhwcConv", [x, w, b]), expected, rtol=1e-5, atol=1e-5)
    small = [bytes_of(2, 7, 6, 4), scale(), np.uint8(128), bytes_of(6, 2, 3, 2), scale(), np.uint8(120), scale(0.2), np.uint8(100)]
    expected = run("QLinearConv", [small[0].transpose(0, 3, 1, 2), *small[1:]]).transpose(0, 2, 3, 1)
    assert np.array_equal(run("QLinearConv", small, channels_last=1), expected)


@pytest.mark.parametrize("direction", ["forward", "bidirectional"])
@pytest.mark.parametrize("level", [0, 3])
def test_dynamic_quantize_lstm(level, direction):
    steps, batch, width, hidden, directions = 5, 1, 6, 8, 2 if direction == "bidirectional" else 1
    inputs = [
        real(steps, batch, width),
        # Of 7 bits: on processors without VNNI onnxruntime adds pairs of products in 16 bits, which saturate where weights have 8.
        bytes_of(directions, width, 4 * hidden, dtype=np.int8) // 2,
        bytes_of(directions, hidden, 4 * hidden, dtype=np.int8) // 2,
        real(directions, 8 * hidden),
        None, None, None, None,
        np.full(directions, 0.01, np.float32), np.zeros(directions, np.int8),
        np.full(directions, 0.012, np.float32), np.zeros(directions, np.int8),
    ]
    weights = {1, 2, 8, 9, 10, 11}  # onnxruntime wants these as constants
    names = ["" if value is None else f"x{i}" for i, value in enumerate(inputs)]
    graph = helper.make_graph(
        [helper.make_node("DynamicQuantizeLSTM", names, ["y"], domain="com.microsoft", hidden_size=hidden, direction=direction)],
        "g",
        [helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, inputs[i].shape) for i in (0, 3)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(inputs[i], f"x{i}") for i in weights],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    feed = {f"x{i}": inputs[i] for i in (0, 3)}
    expected = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, feed)[0]
    result = lepton.InferenceSession(model, opt_level=level).run(None, feed)[0]
    # A state on the edge between two steps of its quantization may fall to either side.
    np.testing.assert_allclose(result, expected, atol=5e-3)
