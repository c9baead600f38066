"""Attributes and constant operands that do not fit together: ranks, strides, groups, axes, modes."""

import numpy as np
from onnx import TensorProto, helper

from cases import BOOL, FLOAT, HUGE, INT64, STRING, add, model, node, one, tensor, value

F = np.float32
IMAGE = [1, 4, 8, 8]
W = {"w": np.ones((4, 4, 3, 3), F)}


def refused(name, built, says="", at="compile"):
    """The message names the node, the first of the model, or one of the body that the standard gives it."""
    op = built.graph.node[0].op_type
    add(f"op-{name}", built, f"(node 'the {op}[^']*'|output 'y').*: .*(?:{says})|output 'y' would have .*(?:{says})", at=at)


def convolution(op="Conv", dims=IMAGE, constants=W, **attributes):
    return one(op, dims, constants=constants, **attributes)


CONVOLUTIONS = {
    "kernel-of-another-rank": {"kernel_shape": [3]},
    "kernel-of-other-sizes": {"kernel_shape": [5, 5]},
    "kernel-of-zero": {"kernel_shape": [0, 3]},
    "kernel-negative": {"kernel_shape": [-3, 3]},
    "dilations-of-another-rank": {"dilations": [1, 1, 1]},
    "dilations-zero": {"dilations": [0, 1]},
    "dilations-negative": {"dilations": [-1, 1]},
    "dilations-largest": {"dilations": [HUGE, HUGE]},
    "strides-of-another-rank": {"strides": [1]},
    "strides-zero": {"strides": [0, 1]},
    "strides-negative": {"strides": [1, -1]},
    "pads-of-another-rank": {"pads": [1, 1]},
    "pads-negative": {"pads": [-20, 0, 0, 0]},
    "pads-largest": {"pads": [HUGE, HUGE, HUGE, HUGE]},
    "group-zero": {"group": 0},
    "group-negative": {"group": -2},
    "group-that-does-not-divide": {"group": 3},
    "group-largest": {"group": HUGE},
    "auto-pad-unknown": {"auto_pad": "SAME_SIDEWAYS"},
    "attribute-of-another-type": {"strides": 1.5},
}
for name, attributes in CONVOLUTIONS.items():
    refused(f"conv-{name}", convolution(**attributes))
for name in ("strides-zero", "strides-negative", "dilations-zero", "group-zero", "group-negative", "group-that-does-not-divide", "pads-of-another-rank", "kernel-of-another-rank"):
    refused(f"conv-transpose-{name}", convolution("ConvTranspose", **CONVOLUTIONS[name]))
refused("conv-transpose-output-shape-of-another-rank", convolution("ConvTranspose", output_shape=[20]))
refused("conv-transpose-output-shape-negative", convolution("ConvTranspose", output_shape=[-20, 20]), "output_shape")
refused("conv-transpose-output-padding-of-another-rank", convolution("ConvTranspose", output_padding=[1]))
refused("conv-of-other-channels", convolution(constants={"w": np.ones((4, 3, 3, 3), F)}), "channels")
refused("conv-of-a-vector", convolution(dims=[4]))
refused("conv-with-a-vector", convolution(constants={"w": np.ones(4, F)}))
refused("conv-bias-of-another-size", convolution(constants=W | {"b": np.ones(3, F)}))
refused("conv-larger-than-its-image", convolution(dims=[1, 4, 2, 2]))
refused("deform-conv-of-other-offsets", one("DeformConv", IMAGE, constants=W | {"o": np.ones((1, 3, 6, 6), F)}, opset=19))

POOLS = {
    "kernel-zero": {"kernel_shape": [0, 2]},
    "kernel-negative": {"kernel_shape": [-2, 2]},
    "kernel-larger-than-the-image": {"kernel_shape": [9, 9]},
    "kernel-of-another-rank": {"kernel_shape": [2]},
    "kernel-largest": {"kernel_shape": [HUGE, HUGE]},
    "kernel-missing": {},
    "strides-zero": {"kernel_shape": [2, 2], "strides": [0, 0]},
    "pads-of-another-rank": {"kernel_shape": [2, 2], "pads": [1]},
    "dilations-zero": {"kernel_shape": [2, 2], "dilations": [0, 1]},
}
for name, attributes in POOLS.items():
    refused(f"max-pool-{name}", one("MaxPool", IMAGE, **attributes))
    refused(f"average-pool-{name}", one("AveragePool", IMAGE, **attributes))
refused("lp-pool-of-norm-zero", one("LpPool", IMAGE, kernel_shape=[2, 2], p=0))
refused("lrn-of-no-size", one("LRN", IMAGE, size=0))

# ---- axes ----------------------------------------------------------------------------------------------------------

for op, attributes, constants in [
    ("Softmax", {"axis": 2}, {}), ("LogSoftmax", {"axis": -3}, {}), ("Hardmax", {"axis": HUGE}, {}), ("Concat", {"axis": 2}, {"w": np.ones((2, 3), F)}), ("Split", {"axis": -3, "num_outputs": 1}, {}),
    ("Gather", {"axis": 2}, {"i": np.int64([0])}), ("GatherElements", {"axis": -3}, {"i": np.int64([[0]])}), ("ScatterElements", {"axis": 5}, {"i": np.int64([[0]]), "u": np.ones((1, 1), F)}),
    ("ArgMax", {"axis": 2}, {}), ("ReduceSum", {}, {"a": np.int64([2])}), ("ReduceMax", {}, {"a": np.int64([-3])}), ("Flatten", {"axis": 3}, {}), ("CumSum", {}, {"a": np.int64(2)}),
    ("TopK", {"axis": 2}, {"k": np.int64([1])}), ("Unique", {"axis": 2}, {}), ("Unsqueeze", {}, {"a": np.int64([4])}), ("Squeeze", {}, {"a": np.int64([2])}), ("Compress", {"axis": 2}, {"c": np.array([True])}),
    ("LayerNormalization", {"axis": 2}, {"s": np.ones(3, F)}), ("OneHot", {"axis": 4}, {"d": np.int64(3), "v": F([0, 1])}), ("Slice", {}, {"s": np.int64([0]), "e": np.int64([1]), "a": np.int64([2])}),
]:  # fmt: skip
    outputs = ["y", "z"] if op == "TopK" else ["y"]
    refused(f"axis-of-{op.lower()}", one(op, [2, 3], outputs=outputs, constants=constants, dtype=INT64 if op == "OneHot" else FLOAT, **attributes), "axis|axes")

OPS = {
    "concat-of-nothing": (model([node("Concat", [], axis=0)]), "has 0 inputs"),
    "concat-of-other-ranks": (one("Concat", [2, 3], constants={"w": np.ones(3, F)}, axis=0), r"inputs differ in rank or element type: float\[2,3\] and float\[3\]"),
    "concat-of-other-types": (one("Concat", ["n", 3], constants={"w": np.ones((2, 3), np.int8)}, axis=0), r"inputs differ in rank or element type: float\[\?,3\] and int8\[2,3\]"),
    "concat-of-other-sizes": (one("Concat", [2, 3], constants={"w": np.ones((3, 4), F)}, axis=0), ""),
    "split-into-none": (one("Split", [4], num_outputs=0), ""),
    "split-into-others": (one("Split", [4], outputs=["y", "z"], constants={"s": np.int64([1, 2])}), ""),
    "split-negative": (one("Split", [4], outputs=["y", "z"], constants={"s": np.int64([-1, 5])}), ""),
    "transpose-short": (one("Transpose", [2, 3], perm=[0]), "permutation"),
    "transpose-past-the-end": (one("Transpose", [2, 3], perm=[0, 2]), "permutation"),
    "transpose-negative": (one("Transpose", [2, 3], perm=[-1, 0]), "permutation"),
    "reshape-to-others": (one("Reshape", [2, 3], constants={"s": np.int64([4])}), ""),
    "reshape-of-two-unknown": (one("Reshape", [2, 3], constants={"s": np.int64([-1, -1])}), ""),
    "reshape-negative": (one("Reshape", [2, 3], constants={"s": np.int64([-2, 3])}), ""),
    "reshape-that-overflows": (one("Reshape", [2, 3], constants={"s": np.int64([1 << 32, 1 << 32])}), ""),
    "reshape-zero-past-the-end": (one("Reshape", [2, 3], constants={"s": np.int64([2, 3, 0])}), ""),
    "squeeze-of-two": (one("Squeeze", [2, 3], constants={"a": np.int64([0])}), ""),
    "unsqueeze-twice": (one("Unsqueeze", [2, 3], constants={"a": np.int64([0, 0])}), ""),
    "expand-to-others": (one("Expand", [2, 3], constants={"s": np.int64([4, 3])}), ""),
    "expand-negative": (one("Expand", [2, 1], constants={"s": np.int64([2, -3])}), "negative size", "run"),
    "tile-of-another-rank": (one("Tile", [2, 3], constants={"s": np.int64([2])}), ""),
    "tile-negative": (one("Tile", [2, 3], constants={"s": np.int64([-1, 2])}), ""),
    "pad-of-another-rank": (one("Pad", [2, 3], constants={"p": np.int64([1, 1])}), ""),
    "pad-away-all": (one("Pad", [2, 3], constants={"p": np.int64([-3, 0, 0, 0])}), ""),
    "pad-of-unknown-mode": (one("Pad", [2, 3], constants={"p": np.int64([1, 1, 1, 1])}, mode="sideways"), "mode"),
    "slice-by-zero": (one("Slice", [4], constants={"s": np.int64([0]), "e": np.int64([2]), "a": np.int64([0]), "t": np.int64([0])}), "step"),
    "slice-of-other-counts": (one("Slice", [4], constants={"s": np.int64([0]), "e": np.int64([2, 3])}), ""),
    "gather-past-the-end": (one("Gather", [4], constants={"i": np.int64([4])}), "out of range", "run"),
    "depth-to-space-zero": (one("DepthToSpace", IMAGE, blocksize=0), ""),
    "depth-to-space-negative": (one("DepthToSpace", IMAGE, blocksize=-2), ""),
    "depth-to-space-that-does-not-divide": (one("DepthToSpace", IMAGE, blocksize=3), ""),
    "depth-to-space-largest": (one("DepthToSpace", IMAGE, blocksize=1 << 32), ""),
    "space-to-depth-zero": (one("SpaceToDepth", IMAGE, blocksize=0), ""),
    "matmul-of-other-sizes": (one("MatMul", [2, 3], constants={"w": np.ones((4, 5), F)}), ""),
    "matmul-of-scalars": (one("MatMul", [], constants={"w": F(1)}), ""),
    "gemm-of-cubes": (one("Gemm", [2, 3, 4], constants={"w": np.ones((4, 5), F)}), ""),
    "gemm-of-other-sizes": (one("Gemm", [2, 3], constants={"w": np.ones((4, 5), F)}), ""),
    "einsum-of-nonsense": (one("Einsum", [2, 3], equation="i->"), ""),
    "einsum-empty": (one("Einsum", [2, 3], equation=""), ""),
    "einsum-of-other-symbols": (one("Einsum", [2, 3], equation="i!->i"), ""),
    "einsum-of-other-sizes": (one("Einsum", [2, 3], equation="ii->i"), ""),
    "einsum-of-few-operands": (one("Einsum", [2, 3], equation="ij,jk->ik"), ""),
    "add-of-other-sizes": (one("Add", [2, 3], constants={"w": np.ones((2, 4), F)}), ""),
    "cast-to-nothing": (one("Cast", [2], to=0), ""),
    "cast-to-unknown": (one("Cast", [2], to=77), ""),
    "topk-negative": (one("TopK", [4], outputs=["y", "z"], constants={"k": np.int64([-1])}), ""),
    "topk-more-than-there-are": (one("TopK", [4], outputs=["y", "z"], constants={"k": np.int64([5])}), ""),
    "batch-normalization-of-other-sizes": (one("BatchNormalization", IMAGE, constants={n: np.ones(3, F) for n in "abcd"}), ""),
    "group-normalization-of-no-groups": (one("GroupNormalization", IMAGE, constants={n: np.ones(4, F) for n in "ab"}, num_groups=0), ""),
    "group-normalization-that-does-not-divide": (one("GroupNormalization", IMAGE, constants={n: np.ones(4, F) for n in "ab"}, num_groups=3), ""),
    "instance-normalization-of-other-sizes": (one("InstanceNormalization", IMAGE, constants={n: np.ones(3, F) for n in "ab"}), ""),
    "layer-normalization-of-other-sizes": (one("LayerNormalization", [2, 3], constants={"s": np.ones(5, F)}), ""),
    "quantize-of-other-scales": (one("QuantizeLinear", [2, 3], constants={"s": np.ones(4, F)}, axis=1), ""),
    "dequantize-of-floats": (one("DequantizeLinear", [2, 3], constants={"s": F(1)}), ""),
    "resize-of-scales-and-sizes": (one("Resize", IMAGE, more=[""], constants={"s": F([1, 1, 2, 2]), "n": np.int64([1, 4, 16, 16])}), ""),
    "resize-of-unknown-mode": (one("Resize", IMAGE, more=[""], constants={"s": F([1, 1, 2, 2])}, mode="magic"), "mode"),
    "resize-by-nan": (one("Resize", IMAGE, more=[""], constants={"s": F([1, 1, np.nan, 2])}), ""),
    "resize-by-negative": (one("Resize", IMAGE, more=[""], constants={"s": F([1, 1, -2, 2])}), ""),
    "resize-by-infinity": (one("Resize", IMAGE, more=[""], constants={"s": F([1, 1, np.inf, 2])}), ""),
    "resize-of-another-rank": (one("Resize", IMAGE, more=[""], constants={"s": F([2, 2])}), ""),
    "grid-sample-of-another-rank": (one("GridSample", IMAGE, constants={"g": np.zeros((1, 2, 2, 3), F)}), ""),
    "grid-sample-of-unknown-mode": (one("GridSample", IMAGE, constants={"g": np.zeros((1, 2, 2, 2), F)}, mode="magic"), ""),
    "roi-align-of-no-size": (one("RoiAlign", IMAGE, constants={"r": F([[0, 0, 4, 4]]), "b": np.int64([0])}, output_height=0, output_width=-1), ""),
    "one-hot-of-three-values": (one("OneHot", [2], dtype=INT64, constants={"d": np.int64(3), "v": F([0, 1, 2])}), ""),
    "where-of-numbers": (one("Where", [2], constants={"a": np.ones(2, F), "b": np.ones(2, F)}), ""),
    "trilu-of-a-vector": (one("Trilu", [4]), ""),
    "det-of-no-square": (one("Det", [2, 3]), ""),
    "eye-like-of-a-cube": (one("EyeLike", [2, 3, 4]), ""),
    "random-of-negative-shape": (model([node("RandomNormal", [], shape=[-1])]), ""),
    "attention-of-no-heads": (one("Attention", [1, 4, 8], opset=23, constants={"k": np.ones((1, 4, 8), F), "v": np.ones((1, 4, 8), F)}, q_num_heads=0, kv_num_heads=0), ""),
    "attention-of-heads-that-do-not-divide": (one("Attention", [1, 4, 8], opset=23, constants={"k": np.ones((1, 4, 8), F), "v": np.ones((1, 4, 8), F)}, q_num_heads=3, kv_num_heads=3), ""),
    "string-split-of-numbers": (one("StringSplit", [2], outputs=["y", "z"], delimiter=","), ""),
    "regex-of-nonsense": (one("RegexFullMatch", [2], dtype=STRING, pattern="(((["), ""),
    "constant-of-two-values": (model([node("Constant", [], value_float=1.0, value_int=2), helper.make_node("Identity", ["y"], ["z"])], outputs=["z"]), ""),
    "constant-of-no-value": (model([node("Constant", []), helper.make_node("Identity", ["y"], ["z"])], outputs=["z"]), ""),
    "constant-of-shape-negative": (model([node("ConstantOfShape", ["n"])], constants={"n": np.int64([-1])}), "", "run"),
    "constant-of-shape-of-two-values": (model([node("ConstantOfShape", ["n"], value=tensor("v", FLOAT, [2], float_data=[1, 2]))], constants={"n": np.int64([2])}), ""),
    "range-by-zero": (model([node("Range", ["a", "b", "c"])], constants={"a": np.int64(0), "b": np.int64(4), "c": np.int64(0)}), ""),
    "sequence-of-two-types": (one("SequenceConstruct", [2], constants={"w": np.int64([1])}), ""),
    "split-to-sequence-of-zero": (one("SplitToSequence", [4], constants={"s": np.int64(0)}), "", "run"),
}
for name, (built, says, *at) in OPS.items():
    refused(name, built, says, *at)

# ---- recurrent networks --------------------------------------------------------------------------------------------

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}


def recurrent(op, hidden=4, directions=1, sequence_lens=None, initial=None, **attributes):
    constants = {"w": np.ones((directions, GATES[op] * hidden, 3), F), "r": np.ones((directions, GATES[op] * hidden, hidden), F)}
    names = ["x", "w", "r"]
    if sequence_lens is not None or initial is not None:
        constants |= {"l": np.int32(sequence_lens)} if sequence_lens is not None else {}
        names += ["", "l" if sequence_lens is not None else ""]
    if initial is not None:
        constants["h"] = np.ones(initial, F)
        names.append("h")
    return model([node(op, names, ["y"], **attributes)], [value("x", FLOAT, [5, 2, 3])], constants=constants)


for op in GATES:
    refused(f"{op.lower()}-of-another-hidden-size", recurrent(op, hidden_size=7))
    refused(f"{op.lower()}-of-negative-hidden-size", recurrent(op, hidden_size=-4))
    refused(f"{op.lower()}-of-unknown-direction", recurrent(op, hidden_size=4, direction="sideways"))
    refused(f"{op.lower()}-of-two-directions-and-weights-for-one", recurrent(op, hidden_size=4, direction="bidirectional"))
    refused(f"{op.lower()}-of-unknown-activation", recurrent(op, hidden_size=4, activations=["Magic"] * {"RNN": 1, "GRU": 2, "LSTM": 3}[op]))
    refused(f"{op.lower()}-of-few-activations", recurrent(op, hidden_size=4, direction="bidirectional", directions=2, activations=["Tanh"]))
    refused(f"{op.lower()}-of-other-sequence-lens", recurrent(op, hidden_size=4, sequence_lens=[5, 5, 5]))
    refused(f"{op.lower()}-of-layout-two", recurrent(op, hidden_size=4, layout=2))
