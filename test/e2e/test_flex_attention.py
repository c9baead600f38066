"""FlexAttention of ai.onnx.preview: modifiers that read what is around the node, against onnx.reference; wrong ones."""

import lepton
import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

FLOAT, HALF, DOUBLE, BOOL = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BOOL
SHAPES = {"Q": ["B", 4, "L", 8], "K": ["B", 2, "S", 8], "V": ["B", 2, "S", 6]}


def subgraph(nodes, kind=FLOAT):
    side = [helper.make_tensor_value_info(name, kind, [None] * 4) for name in ("x", "made")]
    return helper.make_graph(nodes, "modifier", side[:1], side[1:])


def build(modifiers, kind=FLOAT, others=None, shapes=None, **attributes):
    """A model of one node and of inputs, named as in the standard's body, that its subgraphs may read."""
    inputs = {name: (kind, shape) for name, shape in (shapes or SHAPES).items()} | (others or {})
    node = helper.make_node("FlexAttention", ["Q", "K", "V"], ["Y"], name="flex", domain="ai.onnx.preview", **modifiers, **attributes)
    infos = [helper.make_tensor_value_info(name, *info) for name, info in inputs.items()]
    graph = helper.make_graph([node], "g", infos, [helper.make_tensor_value_info("Y", kind, [None] * 4)])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 26), helper.make_opsetid("ai.onnx.preview", 1)], ir_version=13)


def operands(dtype=np.float32):
    random = np.random.default_rng(11)
    sizes = {"B": 2, "L": 5, "S": 7}
    return {name: random.standard_normal([sizes.get(size, size) for size in shape]).astype(dtype) for name, shape in SHAPES.items()}


@pytest.mark.parametrize("level", (0, 3))
def test_modifiers_read_values_around_the_node(level):
    """Also those that are named as values of the standard's body: Score, Prob."""
    masked = [helper.make_node("Where", ["Score", "x", "low"], ["made"])]
    weighed = [helper.make_node("Mul", ["x", "Prob"], ["made"])]
    others = {"Score": (BOOL, ["L", "S"]), "low": (FLOAT, []), "Prob": (FLOAT, [4, 1, 1])}
    model = build({"score_mod": subgraph(masked), "prob_mod": subgraph(weighed)}, others=others)
    feed = operands()
    mask, weight = np.tri(5, 7, 2, dtype=bool), np.float32([1, 0.5, -2, 0]).reshape(4, 1, 1)
    result = lepton.InferenceSession(model.SerializeToString(), opt_level=level).run(None, feed | {"Score": mask, "low": np.float32(-1e30), "Prob": weight})[0]

    keys, values = (np.repeat(feed[name], 2, axis=1) for name in "KV")
    scores = np.where(mask, feed["Q"] @ keys.swapaxes(2, 3) / np.sqrt(8), -np.inf)
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    expected = (scores / scores.sum(-1, keepdims=True) * weight) @ values
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind, dtype, tolerance", [(FLOAT, np.float32, 1e-5), (DOUBLE, np.float64, 1e-7), (HALF, np.float16, 2e-3)])
@pytest.mark.parametrize("attributes", [{}, {"scale": 0.25}, {"softmax_precision": DOUBLE}])
def test_types_and_scales(kind, dtype, tolerance, attributes):
    wide = attributes.get("softmax_precision", DOUBLE if kind == DOUBLE else FLOAT)
    model = build({"score_mod": subgraph([helper.make_node("Tanh", ["x"], ["made"])], wide)}, kind, **attributes)
    expected = ReferenceEvaluator(model).run(None, operands(dtype))[0]
    for level in (0, 3):
        result = lepton.InferenceSession(model.SerializeToString(), opt_level=level).run(None, operands(dtype))[0]
        assert result.dtype == expected.dtype
        np.testing.assert_allclose(result.astype(np.float64), expected.astype(np.float64), rtol=tolerance, atol=tolerance)


WIDER = subgraph([helper.make_node("Concat", ["x", "x"], ["made"], axis=3)])
DOUBLES = subgraph([helper.make_node("Cast", ["x"], ["made"], to=DOUBLE)])
STATIC = {"Q": [1, 3, 2, 4], "K": [1, 2, 5, 4], "V": [1, 2, 5, 4]}


@pytest.mark.parametrize(
    "modifiers, shapes, attributes, reason",
    [
        ({"score_mod": WIDER}, STATIC | {"Q": [1, 2, 2, 4]}, {}, "needs a 'score_mod' that makes one tensor of the type and shape"),
        ({"prob_mod": DOUBLES}, None, {}, "needs a 'prob_mod' that makes one tensor of the type and shape"),
        ({}, STATIC, {}, "has 3 heads of queries, which 2 heads of keys or values do not divide"),
        ({}, STATIC | {"Q": [2, 4]}, {}, "needs queries, keys and values of one type"),
        ({}, None, {"softmax_precision": TensorProto.INT64}, "has a softmax_precision that is no type of floating-point numbers"),
    ],
)
def test_what_does_not_fit_is_refused(modifiers, shapes, attributes, reason):
    with pytest.raises(ValueError, match=f"node 'flex' .FlexAttention.: {reason}"):
        lepton.InferenceSession(build(modifiers, shapes=shapes, **attributes).SerializeToString())
