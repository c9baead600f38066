"""The importer's families that choose, sample, transform and draw: what malformed nodes are told, and what known sizes become."""

import numpy as np
import pytest
from onnx import TensorProto

from common import save
from test_import import FLOAT, INT64, build, node, path, require_error  # noqa: F401

BOOL = TensorProto.BOOL
INPUTS = {"x": (FLOAT, [1, 2, 4, 4]), "b": (BOOL, [4]), "i": (INT64, [3]), "m": (FLOAT, [3, 3]), "g": (FLOAT, [1, 5, 5, 2])}
INPUTS |= {"c": (FLOAT, [1, 3, 5]), "w": (FLOAT, [3, 1, 4]), "t": (INT64, ["N", "K"]), "u": (FLOAT, [1, 1, "N"]), "v": (FLOAT, [2, 2, "H", "W"])}


@pytest.mark.parametrize(
    ("faulty", "parts"),
    [
        (node("Compress", ["x", "i"], ["y"]), ["vector of bools"]),
        (node("Compress", ["x", "b"], ["y"], axis=4), ["axis 4", "out of range"]),
        (node("Unique", ["x"], ["y"], axis=-5), ["axis -5", "out of range"]),
        (node("NonMaxSuppression", ["m", "x"], ["y"]), ["boxes [batch, boxes, 4]"]),
        (node("BitCast", ["x"], ["y"], to=TensorProto.INT64), ["not as wide"]),
        (node("BitCast", ["x"], ["y"], to=TensorProto.STRING), ["not supported"]),
        (node("GridSample", ["x", "m"], ["y"]), ["grid [N, sizes..., 2]"]),
        (node("GridSample", ["x", "g"], ["y"], mode="sharp"), ["unknown mode 'sharp'"]),
        (node("GridSample", ["x", "g"], ["y"], padding_mode="sand"), ["unknown padding_mode 'sand'"]),
        (node("DeformConv", ["x", "x", "m"], ["y"]), ["of the same rank"]),
        (node("DeformConv", ["x", "x", "x"], ["y"], group=2), ["do not fit its filter and groups"]),
        (node("DeformConv", ["x", "x", "x"], ["y"], strides=[1]), ["strides, dilations or pads"]),
        (node("DeformConv", ["x", "x", "x"], ["y"]), ["2 offsets per place", "needs 32"]),
        (node("RoiAlign", ["x", "m", "i"], ["y"]), ["four corners per region"]),
        (node("RoiAlign", ["x", "m", "i"], ["y"], mode="min"), ["unknown mode 'min'"]),
        (node("RoiAlign", ["x", "m", "i"], ["y"], coordinate_transformation_mode="x"), ["unknown coordinate_transformation_mode 'x'"]),
        (node("AffineGrid", ["m", "i"], ["y"]), ["theta [N, d, d + 1]"]),
        (node("Det", ["x", "x"], ["y"]), ["has 2 inputs"]),
        (node("Det", ["g"], ["y"]), ["square matrices"]),
        (node("DFT", ["x"], ["y"]), ["last dimension is 1"]),
        (node("STFT", ["g", "i"], ["y"]), ["signal [batch, length, 1 or 2]"]),
        (node("MelWeightMatrix", ["i", "i", "i", "m", "m"], ["y"], output_datatype=TensorProto.STRING), ["not supported"]),
        (node("RandomNormal", [], ["y"], shape=[2, -1]), ["negative size"]),
        (node("RandomUniform", [], ["y"], shape=[2], dtype=TensorProto.INT32), ["not supported"]),
        (node("Multinomial", ["x"], ["y"]), ["[batch, classes]"]),
        (node("DepthToSpace", ["x"], ["y"], blocksize=2), ["dimension 1 must be a multiple of 4, got 2"]),
        (node("DepthToSpace", ["x"], ["y"], blocksize=0), ["'blocksize' with 0; it must be at least 1"]),
        (node("SpaceToDepth", ["x"], ["y"], blocksize=3), ["dimension 2 must be a multiple of 3, got 4"]),
        (node("SpaceToDepth", ["m"], ["y"], blocksize=3), ["four dimensions, got 2"]),
        (node("Einsum", ["x"], ["y"], equation="abcc,abcb->a"), ["terms"]),
        (node("Einsum", ["x"], ["y"], equation="aabc->a"), ["diagonal, which needs two equal sizes"]),
        (node("Split", ["x", "parts"], ["y", "z"], axis=2), ["parts of sizes that add up"]),
        (node("Split", ["u", "less"], ["y", "z"], axis=2), ["parts of sizes that add up"]),
        (node("ConvTranspose", ["x", "x"], ["y"], output_shape=[4]), ["output_shape that does not fit"]),
        (node("CausalConvWithState", ["x", "m"], ["y", "p"]), ["filters [channels, 1, k]"]),
        (node("CausalConvWithState", ["c", "c"], ["y", "p"], activation="x"), ["unknown activation 'x'"]),
        (node("CausalConvWithState", ["c", "w", "", "c"], ["y", "p"]), ["one element fewer than its filters"]),
        (node("GatherND", ["x", "t"], ["y"]), ["declare the result's shape"]),
        (node("DeformConv", ["x", "v", "x"], ["y"]), ["give it a kernel_shape"]),
        (node("LinearRegressor", ["x"], ["y"], domain="ai.onnx.ml"), ["[batch, features]"]),
    ],
)
def test_faults_of_nodes_name_the_node(path, faulty, parts):  # noqa: F811
    save(path, [faulty], INPUTS, {"y": (FLOAT, None)}, {"parts": np.array([2, 3]), "less": np.array([3, -1])}, opset=27, domain=faulty.domain)
    require_error(path, f"the {faulty.op_type}", *parts)


def test_transform_of_known_length_is_one_product(path):  # noqa: F811
    text = build(path, [node("DFT", ["x"], ["y"], axis=1, onesided=1)], {"x": (FLOAT, ["batch", 8, 1])}, opset=19)
    assert "tensor<8x10xf32>" in text and text.count("lepton.matmul") == 1 and "lepton.cos" not in text
