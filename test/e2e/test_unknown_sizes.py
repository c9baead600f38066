"""Operators whose result depends on sizes in more than its own: pads, kinds of numbers and ranks that follow from a size that only the run knows."""

import numpy as np
import onnxruntime
import pytest
from common import difference, save
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

import lepton

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
LEVELS = pytest.mark.parametrize("level", [0, 3])


def random(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


def sessions(path, node, inputs, level, constants=(), opset=21, engine="onnxruntime", result=FLOAT):
    """Lepton and an oracle for a node, the sizes of whose inputs have names."""
    types = {name: (INT64 if kind == "i" else FLOAT, [f"{name}{d}" for d in range(rank)]) for name, (kind, rank) in inputs.items()}
    node.name = "the_node"
    save(path, [node], types, {name: (result, None) for name in node.output}, constants, opset=opset)
    oracle = ReferenceEvaluator(str(path)) if engine == "onnx" else onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lepton.InferenceSession(str(path), opt_level=level), oracle


def require_agreement(made, oracle, feed):
    for wanted, got in zip(oracle.run(None, feed), made.run(None, feed)):
        assert difference(wanted, got) < 1e-5


WINDOWS = [
    ("MaxPool", {}),
    ("AveragePool", {}),
    ("AveragePool", {"count_include_pad": 1}),
    ("LpPool", {}),
    ("Conv", {}),
    ("Conv", {"dilations": [2, 1]}),
    ("ConvTranspose", {}),
]


def explicit(op, mode, sizes, attributes):
    """The attributes with pads in place of the mode, for sizes that are known (https://onnx.ai/onnx/operators/onnx__Conv.html and ..ConvTranspose.html)."""
    kernel, strides, dilations = attributes["kernel_shape"], attributes["strides"], attributes.get("dilations", [1, 1])
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations)]
    transposed = op == "ConvTranspose"
    totals = [r - s if transposed else (-(-n // s) - 1) * s + r - n for n, s, r in zip(sizes, strides, reach)]
    extra = {"output_padding": [max(-t, 0) for t in totals]} if transposed else {}
    small, large = [max(t, 0) // 2 for t in totals], [max(t, 0) - max(t, 0) // 2 for t in totals]
    return attributes | extra | {"pads": small + large if mode == "SAME_UPPER" else large + small}


@LEVELS
@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize(("op", "attributes"), WINDOWS)
def test_pads_that_depend_on_sizes(tmp_path, op, attributes, mode, level):
    """Kernels that are smaller and larger than the stride, over sizes that leave every rest."""
    attributes = attributes | {"strides": [2, 3], "kernel_shape": [3, 2]}
    operands, constants = (["x"], {}) if "Pool" in op else (["x", "w"], {"w": random(2, 2, 3, 2)})
    made, _ = sessions(tmp_path / "m.onnx", helper.make_node(op, operands, ["y"], auto_pad=mode, **attributes), {"x": ("f", 4)}, level, constants)
    for sizes in ((1, 1), (2, 3), (5, 4), (6, 5)):
        known = explicit(op, mode, sizes, attributes)
        _, oracle = sessions(tmp_path / "p.onnx", helper.make_node(op, operands, ["y"], **known), {"x": ("f", 4)}, level, constants)
        require_agreement(made, oracle, {"x": random(2, 2, *sizes) - 3})


@LEVELS
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER"])
def test_places_of_maxima_beside_pads_that_depend_on_sizes(tmp_path, mode, order, level):
    node = helper.make_node("MaxPool", ["x"], ["y", "i"], kernel_shape=[3, 3], strides=[2, 3], auto_pad=mode, storage_order=order)
    path = save(tmp_path / "m.onnx", [node], {"x": (FLOAT, ["N", "C", "H", "W"])}, {"y": (FLOAT, None), "i": (INT64, None)})
    made, oracle = lepton.InferenceSession(str(path), opt_level=level), onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for sizes in ((1, 1), (2, 3), (5, 4), (6, 5)):
        require_agreement(made, oracle, {"x": random(2, 3, *sizes) - 3})
    x = np.full((1, 1, 4, 4), -np.inf, np.float32)
    places = made.run(None, {"x": x})[1]
    assert (places >= 0).all() and (places < x.size).all()


@LEVELS
def test_pads_of_a_filter_that_only_the_run_knows(tmp_path, level):
    node = helper.make_node("Conv", ["x", "w"], ["y"], auto_pad="SAME_UPPER", strides=[2])
    made, oracle = sessions(tmp_path / "m.onnx", node, {"x": ("f", 3), "w": ("f", 3)}, level)
    for length, kernel in ((7, 3), (8, 2), (5, 1), (6, 5)):
        require_agreement(made, oracle, {"x": random(1, 2, length), "w": random(3, 2, kernel)})


@LEVELS
@pytest.mark.parametrize("mode", ["NOTSET", "SAME_UPPER"])
def test_the_shape_of_a_transposed_convolution(tmp_path, mode, level):
    """Less than the windows reach, as much, and more."""
    attributes = {} if mode == "NOTSET" else {"auto_pad": mode}
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2], output_shape=[12], **attributes)
    made, _ = sessions(tmp_path / "m.onnx", node, {"x": ("f", 3)}, level, {"w": random(2, 3, 4)})
    assert made.get_outputs()[0].shape[2] == 12
    for length in (4, 5, 6, 7):
        x, total = random(1, 2, length), 2 * (length - 1) + 4 - 12
        _, plain = sessions(tmp_path / "p.onnx", helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2]), {"x": ("f", 3)}, level, {"w": random(2, 3, 4)})
        full = np.pad(plain.run(None, {"x": x})[0], ((0, 0), (0, 0), (0, max(-total, 0))))
        cut = max(total, 0) // 2 if mode == "SAME_UPPER" else max(total, 0) - max(total, 0) // 2
        assert difference(full[:, :, cut : cut + 12], made.run(None, {"x": x})[0]) < 1e-5


@LEVELS
def test_causal_convolution_of_any_channels(tmp_path, level):
    node = helper.make_node("CausalConvWithState", ["x", "w", "b", "s"], ["y", "t"], activation="silu")
    inputs = {"x": ("f", 3), "w": ("f", 3), "b": ("f", 1), "s": ("f", 3)}
    made, oracle = sessions(tmp_path / "m.onnx", node, inputs, level, opset=27, engine="onnx")
    for channels, length, kernel in ((3, 6, 4), (1, 1, 3), (5, 2, 1)):
        feed = {"x": random(2, channels, length), "w": random(channels, 1, kernel), "b": random(channels), "s": random(2, channels, kernel - 1)}
        require_agreement(made, oracle, feed)
    feed["s"] = random(2, 5, 3)
    with pytest.raises(ValueError, match="node 'the_node'.*needs a state of one element fewer than its filters have"):
        made.run(None, feed)


@LEVELS
def test_deformable_convolution_of_any_channels(tmp_path, level):
    node = helper.make_node("DeformConv", ["x", "w", "o"], ["y"], kernel_shape=[2, 2], group=2, offset_group=2)
    made, oracle = sessions(tmp_path / "m.onnx", node, {"x": ("f", 4), "w": ("f", 4), "o": ("f", 4)}, level, engine="onnx")
    for channels, outputs, size in ((2, 2, 3), (4, 6, 5)):
        feed = {"x": random(1, channels, size, size), "w": random(outputs, channels // 2, 2, 2), "o": random(1, 16, size - 1, size - 1)}
        require_agreement(made, oracle, feed)
    with pytest.raises(ValueError, match="node 'the_node"):
        made.run(None, feed | {"x": random(1, 3, 5, 5)})


@LEVELS
def test_tuples_of_indices_are_as_long_as_ranks_say(tmp_path, level):
    gather = helper.make_node("GatherND", ["x", "i"], ["y"], name="gather")
    scatter = helper.make_node("ScatterND", ["x", "i", "u"], ["z"], name="scatter")
    inputs = {"x": (FLOAT, ["A", "B", "C"]), "i": (INT64, ["N", "K"]), "u": (FLOAT, ["M", "D"])}
    path = save(tmp_path / "m.onnx", [gather, scatter], inputs, {"y": (FLOAT, [None, None]), "z": (FLOAT, None)})
    made, x, u = lepton.InferenceSession(str(path), opt_level=level), random(3, 4, 5), random(2, 5)
    y, z = made.run(None, {"x": x, "i": np.array([[2, 1], [0, 3]]), "u": u})
    expected = x.copy()
    expected[2, 1], expected[0, 3] = u
    assert difference(np.stack([x[2, 1], x[0, 3]]), y) == 0 and difference(expected, z) == 0
    with pytest.raises(ValueError, match="node '(gather|scatter)': dimension 1 of operand 1 must be 2"):
        made.run(None, {"x": x, "i": np.array([[2], [0]]), "u": u})


@LEVELS
def test_a_diagonal_of_unknown_size(tmp_path, level):
    made, oracle = sessions(tmp_path / "m.onnx", helper.make_node("Einsum", ["x"], ["y"], equation="bii->bi"), {"x": ("f", 3)}, level)
    for shape in ((2, 3, 3), (1, 1, 1), (4, 7, 7)):
        require_agreement(made, oracle, {"x": random(*shape)})
    with pytest.raises(ValueError, match="node 'the_node': takes a diagonal, which needs two equal sizes"):
        made.run(None, {"x": random(2, 3, 4)})


@LEVELS
@pytest.mark.parametrize("are_known", [True, False])
@pytest.mark.parametrize("scales", [(0.5, 0.75), (0.5, 1), (0.625, 1.75), (1.5, 0.25), (1.5, 2)])
def test_nearest_of_operator_set_10(tmp_path, scales, are_known, level):
    """Up where an axis shrinks, down where it grows; onnx.reference has no Resize of this version."""
    node, scales = helper.make_node("Resize", ["x", "s"], ["y"], mode="nearest"), np.float32([1, 1, *scales])
    inputs = {"x": ("f", 4)} | ({} if are_known else {"s": ("f", 1)})
    made, oracle = sessions(tmp_path / "m.onnx", node, inputs, level, {"s": scales} if are_known else {}, opset=10)
    require_agreement(made, oracle, {"x": random(1, 2, 7, 6)} | ({} if are_known else {"s": scales}))


@LEVELS
def test_branches_of_one_element_meet(tmp_path, level):
    """Where one branch gives a scalar and the other a vector of one element, as AffineGrid's definition writes them."""
    values = [helper.make_tensor_value_info(name, FLOAT, None) for name in "tf"]
    branches = {
        "then_branch": helper.make_graph([helper.make_node("ReduceSum", ["v"], ["t"], keepdims=0)], "then", [], values[:1]),
        "else_branch": helper.make_graph([helper.make_node("Neg", ["v"], ["f"])], "else", [], values[1:]),
    }
    nodes = [helper.make_node("If", ["c"], ["w"], name="if", **branches), helper.make_node("Mul", ["x", "w"], ["y"])]
    inputs = {"c": (TensorProto.BOOL, []), "v": (FLOAT, [1]), "x": (FLOAT, ["N"])}
    made, x = lepton.InferenceSession(str(save(tmp_path / "m.onnx", nodes, inputs, {"y": (FLOAT, ["N"])})), opt_level=level), random(5)
    for condition in (True, False):
        y = made.run(None, {"c": np.array(condition), "v": np.float32([3]), "x": x})[0]
        assert difference(x * (3 if condition else -3), y) == 0


@LEVELS
@pytest.mark.parametrize("are_known", [True, False])
def test_parts_that_do_not_add_up(tmp_path, are_known, level):
    node = helper.make_node("Split", ["x", "s"], ["y", "z"], name="split")
    inputs = {"x": (FLOAT, ["N"])} | ({} if are_known else {"s": (INT64, [2])})
    path = save(tmp_path / "m.onnx", [node], inputs, {"y": (FLOAT, [None]), "z": (FLOAT, [None])}, {"s": np.array([2, 3])} if are_known else {})
    made, x = lepton.InferenceSession(str(path), opt_level=level), random(6)
    sizes = {} if are_known else {"s": np.array([2, 3])}
    y, z = made.run(None, {"x": x[:5]} | sizes)
    assert difference(x[:2], y) == 0 and difference(x[2:5], z) == 0
    misfits = [(x, sizes), (x[:4], sizes)] + ([] if are_known else [(x[:5], {"s": np.array([-1, 6])})])
    for given, sizes in misfits:
        with pytest.raises(ValueError, match="node 'split': .*(must be 5|sizes that add up)"):
            made.run(None, {"x": given} | sizes)


@LEVELS
@pytest.mark.parametrize(
    ("node", "inputs", "good", "bad", "message"),
    [
        (helper.make_node("DFT", ["x"], ["y"]), {"x": ("f", 3)}, {"x": random(2, 4, 2)}, {"x": random(2, 4, 3)}, "last dimension is 1"),
        (helper.make_node("STFT", ["x", "two"], ["y"]), {"x": ("f", 3)}, {"x": random(2, 4, 1)}, {"x": random(2, 4, 2)}, "dimension 2 of operand 0 must be 1"),
        (
            helper.make_node("NonMaxSuppression", ["x", "s", "most", "half", "least"], ["y"]),
            {"x": ("f", 3), "s": ("f", 3)},
            {"x": random(1, 3, 4), "s": random(1, 1, 3)},
            {"x": random(1, 3, 5), "s": random(1, 1, 3)},
            "dimension 2 of operand 0 must be 4",
        ),
    ],
    ids=lambda value: getattr(value, "op_type", ""),
)
def test_sizes_that_the_standard_gives(tmp_path, node, inputs, good, bad, message, level):
    constants = {"two": np.int64(2), "most": np.array([2]), "half": np.float32([0.5]), "least": np.float32([-9])}
    result = INT64 if node.op_type == "NonMaxSuppression" else FLOAT
    made, oracle = sessions(tmp_path / "m.onnx", node, inputs, level, constants, opset=20, engine="onnx", result=result)
    require_agreement(made, oracle, good)
    with pytest.raises(ValueError, match=f"node 'the_node.*{message}"):
        made.run(None, bad)
