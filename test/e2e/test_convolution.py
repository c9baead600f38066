"""Convolutions and transposed convolutions in their variants, against onnxruntime."""

import lepton
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

# name: input shape, filter shape, attributes
CONVOLUTIONS = {
    "tiles_fit": ((1, 32, 16, 16), (32, 32, 3, 3), {"pads": [1, 1, 1, 1]}),
    "tiles_reach_past_the_end": ((1, 32, 13, 22), (48, 32, 3, 3), {"pads": [1, 1, 1, 1]}),
    "no_padding": ((1, 32, 17, 19), (40, 32, 3, 3), {}),
    "padding_of_four_sizes": ((1, 24, 20, 21), (33, 24, 3, 3), {"pads": [0, 1, 2, 1]}),
    "batch": ((3, 16, 12, 12), (64, 16, 3, 3), {"pads": [1, 1, 1, 1]}),
    "smaller_than_a_tile": ((1, 64, 3, 2), (64, 64, 3, 3), {"pads": [1, 1, 1, 1]}),
    "many_channels": ((1, 256, 14, 14), (256, 256, 3, 3), {"pads": [1, 1, 1, 1]}),
    "many_channels_of_few_pixels": ((1, 512, 7, 7), (256, 512, 3, 3), {"pads": [1, 1, 1, 1]}),
    "stride": ((1, 32, 15, 15), (32, 32, 3, 3), {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
    "dilation": ((1, 32, 15, 15), (32, 32, 3, 3), {"pads": [2, 2, 2, 2], "dilations": [2, 2]}),
    "groups": ((1, 32, 15, 15), (32, 16, 3, 3), {"pads": [1, 1, 1, 1], "group": 2}),
    "depthwise": ((1, 48, 14, 14), (48, 1, 5, 5), {"pads": [2, 2, 2, 2], "group": 48}),
    "depthwise_channels_beside_vectors": ((2, 37, 9, 70), (37, 1, 3, 3), {"pads": [1, 1, 1, 1], "group": 37, "strides": [2, 2]}),
    "depthwise_dilation": ((1, 16, 15, 15), (16, 1, 3, 3), {"pads": [2, 2, 2, 2], "group": 16, "dilations": [2, 2]}),
    "depthwise_few_channels": ((1, 5, 8), (5, 1, 3), {"group": 5}),
    "few_outputs": ((1, 48, 12, 11), (3, 48, 3, 3), {"pads": [1, 1, 1, 1]}),
    "few_outputs_beside_vectors": ((2, 37, 9, 8), (2, 37, 5, 3), {"pads": [2, 1, 2, 1], "strides": [2, 1]}),
    "short_rows": ((1, 24, 6, 3), (40, 24, 3, 3), {"pads": [1, 1, 1, 1], "strides": [1, 2]}),
    "short_rows_of_one_pixel": ((2, 16, 9, 1), (20, 16, 3, 1), {"pads": [1, 0, 1, 0], "strides": [2, 1]}),
    "short_rows_in_three_dimensions": ((1, 12, 4, 5, 4), (20, 12, 3, 3, 3), {"pads": [1, 1, 1, 1, 1, 1]}),
    "pointwise": ((2, 20, 7, 9), (40, 20, 1, 1), {}),
    "outputs_of_half_vectors": ((1, 32, 15, 15), (24, 32, 3, 3), {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
    "pointwise_outputs_of_half_vectors": ((2, 20, 7, 9), (72, 20, 1, 1), {}),
    "line": ((1, 32, 300), (32, 32, 3), {"pads": [1, 1]}),
    "line_in_two_groups_dilated": ((2, 16, 211), (24, 16, 7), {"pads": [9, 9], "dilations": [3]}),
    "line_in_three_groups_dilated": ((1, 64, 397), (33, 64, 11), {"pads": [25, 24], "dilations": [5]}),
    "line_of_taps_far_apart": ((1, 32, 1200), (32, 32, 3), {"pads": [64, 64], "dilations": [64]}),
    "line_of_taps_farther_apart": ((1, 32, 1200), (32, 32, 3), {"pads": [96, 96], "dilations": [96]}),
    "line_of_few_channels": ((1, 8, 1000), (8, 8, 11), {"pads": [5, 5]}),
    "line_without_padding": ((3, 24, 270), (40, 24, 5), {}),
    "line_of_large_tiles": ((2, 64, 1001), (48, 64, 3), {"pads": [3, 4], "dilations": [3]}),
    "line_of_two_outputs": ((1, 64, 4), (64, 64, 3), {}),
    "line_shorter_than_a_tile": ((1, 32, 6), (32, 32, 4), {}),
}


def model_of(op, shape, filter_shape, attributes, outputs, declared=None):
    """An op with bias and ReLU; returns the model and an input."""
    rng = np.random.default_rng(7)
    fan = np.prod(filter_shape[1:])
    w = (rng.standard_normal(filter_shape) / np.sqrt(fan)).astype(np.float32)
    bias = rng.standard_normal(outputs).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node(op, ["x", "w", "b"], ["y"], name="conv", **attributes), helper.make_node("Relu", ["y"], ["z"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, declared or shape)],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(w, "w"), numpy_helper.from_array(bias, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return model.SerializeToString(), rng.standard_normal(shape).astype(np.float32)


def require_agreement(model, x, level, threads):
    expected = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
    result = lepton.InferenceSession(model, opt_level=level, threads=threads).run(None, {"x": x})[0]
    assert result.shape == expected.shape
    assert np.abs(result - expected).max() <= 2e-5 * np.abs(expected).max()


@pytest.mark.parametrize("level", [0, 3])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution(name, level):
    shape, filter_shape, attributes = CONVOLUTIONS[name]
    model, x = model_of("Conv", shape, filter_shape, attributes, filter_shape[0])
    require_agreement(model, x, level, threads=2)


@pytest.mark.parametrize("level", [0, 3])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_integer_convolution(name, level):
    """Of 8-bit integers with zero points, each sum is exact; here products reach all 17 bits that they may have."""
    shape, filter_shape, attributes = CONVOLUTIONS[name]
    rng = np.random.default_rng(11)
    w = rng.choice(np.array([0, 3, 128, 254, 255], np.uint8), filter_shape)
    graph = helper.make_graph(
        [helper.make_node("ConvInteger", ["x", "w", "x0", "w0"], ["y"], name="conv", **attributes)],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("y", TensorProto.INT32, None)],
        [numpy_helper.from_array(w, "w"), numpy_helper.from_array(np.uint8(255), "x0"), numpy_helper.from_array(np.uint8(1), "w0")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString()
    x = rng.choice(np.array([0, 1, 77, 255], np.uint8), shape)
    expected = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
    np.testing.assert_array_equal(lepton.InferenceSession(model, opt_level=level).run(None, {"x": x})[0], expected)


@pytest.mark.parametrize("level", [0, 3])
@pytest.mark.parametrize("activation", ["Relu", "Sigmoid", "SiLU", "Tanh", "Gelu"])
@pytest.mark.parametrize("outputs", [32, 58, 130])
def test_activation(activation, outputs, level):
    """What follows the sums is applied in registers, also to the part of a block that the last outputs are."""
    model, x = model_of("Conv", (1, 16, 9, 30), (outputs, 16, 3, 3), {"pads": [1, 1, 1, 1]}, outputs)
    model = onnx.load_model_from_string(model)
    node = model.graph.node[1]
    if activation == "SiLU":
        node.CopyFrom(helper.make_node("Sigmoid", ["y"], ["s"]))
        model.graph.node.append(helper.make_node("Mul", ["y", "s"], ["z"]))
    else:
        node.op_type = activation
    model.opset_import[0].version = 20
    require_agreement(model.SerializeToString(), x, level, threads=1)


TRANSPOSED = {
    "kernel_of_two_strides": ((1, 16, 8, 8), (16, 24, 4, 4), {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    "kernel_is_the_stride": ((1, 16, 9, 7), (16, 8, 2, 2), {"strides": [2, 2]}),
    "phases_of_unlike_sizes": ((1, 16, 8, 9), (16, 12, 3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
    "kernel_smaller_than_the_stride": ((1, 8, 5, 6), (8, 8, 2, 2), {"strides": [3, 3]}),
    "stride_of_one": ((1, 16, 8, 8), (16, 16, 3, 3), {"pads": [1, 0, 1, 2]}),
    "strides_of_two_sizes": ((2, 8, 6, 5), (8, 10, 5, 3), {"strides": [3, 2], "pads": [2, 1, 0, 1]}),
    "one_dimension": ((1, 16, 20), (16, 8, 16), {"strides": [8], "pads": [4, 4]}),
    "three_dimensions": ((1, 4, 3, 4, 5), (4, 6, 2, 3, 4), {"strides": [2, 2, 2], "pads": [0, 1, 1, 0, 1, 1]}),
    "padding_beyond_the_kernel": ((1, 4, 8, 8), (4, 4, 2, 2), {"strides": [2, 2], "pads": [3, 3, 3, 3]}),
    "output_shape": ((1, 4, 8, 8), (4, 4, 3, 3), {"strides": [2, 2], "output_shape": [16, 16]}),
    "one_pixel": ((3, 20, 1, 1), (20, 12, 4, 3), {}),
    "one_pixel_that_is_cropped": ((1, 20, 1, 1), (20, 12, 4, 3), {"pads": [1, 0, 0, 1]}),
    "many_phases": ((1, 6, 4, 5), (6, 4, 10, 10), {"strides": [5, 5], "pads": [2, 2, 3, 3]}),
    "groups": ((1, 8, 6, 6), (8, 4, 3, 3), {"strides": [2, 2], "group": 2}),
    "few_outputs": ((2, 37, 6, 7), (37, 3, 4, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    "dilation_and_stride_without_common_divisor": ((1, 4, 6, 7), (4, 20, 4, 3), {"strides": [2, 3], "dilations": [3, 2], "pads": [2, 1, 3, 1]}),
    "dilation_of_twice_the_stride": ((2, 4, 9), (4, 20, 3), {"strides": [2], "dilations": [4], "pads": [3, 2]}),
    "dilation": ((1, 4, 6, 6), (4, 4, 3, 3), {"strides": [2, 2], "dilations": [2, 2]}),
}


@pytest.mark.parametrize("level", [0, 3])
@pytest.mark.parametrize("name", TRANSPOSED)
def test_transposed_convolution(name, level):
    shape, filter_shape, attributes = TRANSPOSED[name]
    model, x = model_of("ConvTranspose", shape, filter_shape, attributes, filter_shape[1] * attributes.get("group", 1))
    require_agreement(model, x, level, threads=2)


@pytest.mark.parametrize("level", [0, 3])
@pytest.mark.parametrize("name", ["phases_of_unlike_sizes", "one_dimension", "groups", "strides_of_two_sizes"])
def test_transposed_convolution_of_unknown_size(name, level):
    shape, filter_shape, attributes = TRANSPOSED[name]
    outputs = filter_shape[1] * attributes.get("group", 1)
    names = ["N", shape[1], "H", "W"][: len(shape)]
    model, x = model_of("ConvTranspose", shape, filter_shape, attributes, outputs, declared=names)
    require_agreement(model, x, level, threads=2)
    require_agreement(model, x[..., :-2], level, threads=1)
