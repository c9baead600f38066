"""Operators of ai.onnx.ml on numbers, over generated attributes, against onnxruntime and onnx.reference."""

import itertools
import time

import lepton
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnxruntime.capi.onnxruntime_pybind11_state import NotImplemented as NotImplemented_

from common import FULL, difference

MODES = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"]
TRANSFORMS = ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"]
ROWS, FEATURES = 37, 5


def build(op, x, outputs, version=3, **attributes):
    """The model of one node, whose batch is any."""
    node = helper.make_node(op, ["x"], outputs, name="node", domain="ai.onnx.ml", **attributes)
    dims = ["batch", *x.shape[1:]] if x.ndim > 1 else list(x.shape)
    info = helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(x.dtype), dims)
    graph = helper.make_graph([node], "classic", [info], [helper.make_empty_tensor_value_info(name) for name in outputs])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", version)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def by_onnxruntime(model, x):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, {"x": x})
    except NotImplemented_:  # it lacks some types of inputs, for which its floats stand in
        real = onnx.ModelProto.FromString(model.SerializeToString())
        real.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT
        return onnxruntime.InferenceSession(real.SerializeToString(), options).run(None, {"x": x.astype(np.float32)})


def by_reference(model, x):
    return ReferenceEvaluator(model).run(None, {"x": x})


def check(model, x, oracle=by_onnxruntime, context=None, tolerance=1e-5, outputs=None):
    expected = oracle(model, x)
    for level in (0, 3):
        results = lepton.InferenceSession(model.SerializeToString(), opt_level=level).run(None, {"x": x})
        for i in range(len(expected)) if outputs is None else outputs:
            assert difference(np.asarray(expected[i]), results[i]) < tolerance, (context, level, i)


def numbers(rng, *shape, dtype=np.float32):
    """Features of which many are equal to splits, and some are missing."""
    x = rng.integers(-4, 5, shape).astype(dtype)
    if np.issubdtype(dtype, np.floating):
        x[rng.random(shape) < 0.1] = np.nan
    return x


def forest(rng, trees, depth, outputs, modes, count=1, missing=False):
    """Attributes of the nodes of complete trees, and the votes of their leaves: (tree, node, output, weight)."""
    inner, each = 2**depth - 1, 2 ** (depth + 1) - 1
    ids = np.tile(np.arange(each), trees)
    leaf = ids >= inner
    attributes = {
        "nodes_treeids": np.repeat(np.arange(trees), each),
        "nodes_nodeids": ids,
        "nodes_featureids": np.where(leaf, 0, rng.integers(FEATURES, size=ids.size)),
        "nodes_modes": np.where(leaf, "LEAF", rng.choice(modes, ids.size)),
        "nodes_values": rng.integers(-3, 4, ids.size).astype(float),
        "nodes_truenodeids": np.where(leaf, 0, 2 * ids + 1),
        "nodes_falsenodeids": np.where(leaf, 0, 2 * ids + 2),
    }
    if missing:
        attributes["nodes_missing_value_tracks_true"] = (~leaf & (rng.random(ids.size) < 0.5)).astype(int)
    leaves = np.flatnonzero(leaf)
    outs = np.argsort(rng.random((leaves.size, outputs)))[:, :count].reshape(-1)
    leaves = np.repeat(leaves, min(count, outputs))
    columns = attributes["nodes_treeids"][leaves], ids[leaves], outs, rng.uniform(-1, 1, leaves.size)
    return {name: values.tolist() for name, values in attributes.items()}, list(zip(*(column.tolist() for column in columns)))


def votes(what, cast):
    trees, nodes, outputs, weights = (list(column) for column in zip(*cast))
    return {f"{what}_treeids": trees, f"{what}_nodeids": nodes, f"{what}_ids": outputs, f"{what}_weights": weights}


@pytest.mark.parametrize("function", ["SUM", "AVERAGE", "MIN", "MAX"])
def test_tree_ensemble_regressor(function):
    rng = np.random.default_rng(5)
    variants = itertools.product([1, 3], [1, 2], [[m] for m in MODES] + [MODES], [False, True], [np.float32, np.float64, np.int64], [False, True])
    for variant in list(variants)[:: 1 if FULL else 13]:
        outputs, count, modes, missing, dtype, base = variant
        # Where base values are, onnxruntime adds none to what has no vote.
        attributes, cast = forest(rng, 4, 3, outputs, modes, outputs if base else count, missing)
        attributes |= votes("target", cast) | {"n_targets": outputs, "aggregate_function": function}
        if base:
            attributes["base_values"] = [0.5 * i + 0.25 for i in range(outputs)]
        x = numbers(rng, ROWS, FEATURES, dtype=dtype)
        check(build("TreeEnsembleRegressor", x, ["y"], **attributes), x, context=variant)


@pytest.mark.parametrize("transform", [*TRANSFORMS, "PROBIT"])
def test_tree_ensemble_regressor_transforms(transform):
    rng = np.random.default_rng(6)
    for outputs in (1, 3):
        attributes, cast = forest(rng, 2, 2, outputs, MODES, outputs)
        cast = [(tree, node, out, 0.1 + abs(weight) / 3) for tree, node, out, weight in cast]  # within (0, 1), for PROBIT
        attributes |= votes("target", cast) | {"n_targets": outputs, "post_transform": transform}
        x = numbers(rng, ROWS, FEATURES)
        check(build("TreeEnsembleRegressor", x, ["y"], **attributes), x, context=outputs, tolerance=1e-4)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_tree_ensemble_classifier(transform):
    rng = np.random.default_rng(7)
    variants = itertools.product(["many", "one score", "one class"], [False, True], [1, 3], [np.float32, np.float64, np.int32], [False, True])
    for variant in list(variants)[:: 1 if FULL else 5]:
        kind, positive, count, dtype, base = variant
        classes = 4 if kind == "many" else 1
        # onnxruntime's label is one for which there are votes, the standard's any: the same where the scores are positive.
        attributes, cast = forest(rng, 5, 3, classes, MODES, count if positive and not base else classes, True)
        if positive:
            cast = [(tree, node, out, abs(weight) / 5) for tree, node, out, weight in cast]
        attributes |= votes("class", cast) | {"post_transform": transform}
        attributes["classlabels_int64s"] = {"many": [7, -2, 30, 4], "one score": [11, 5], "one class": [1]}[kind]
        if base:
            attributes["base_values"] = [0.125 * i + 0.0625 for i in range(classes)]
        x = numbers(rng, ROWS, FEATURES, dtype=dtype)
        check(build("TreeEnsembleClassifier", x, ["label", "scores"], **attributes), x, context=variant)


def test_tree_ensemble_classifier_of_two_scored_classes():
    """onnxruntime labels these 1 and 0, whatever their names are; the standard takes the larger score's name."""
    rng = np.random.default_rng(8)
    attributes, cast = forest(rng, 3, 3, 2, MODES, 2)
    attributes |= votes("class", cast) | {"classlabels_int64s": [6, 9]}
    x = numbers(rng, ROWS, FEATURES)
    model = build("TreeEnsembleClassifier", x, ["label", "scores"], **attributes)
    check(model, x, outputs=[1])
    labels, scores = lepton.InferenceSession(model.SerializeToString()).run(None, {"x": x})
    assert np.array_equal(labels, np.array([6, 9])[scores.argmax(axis=1)])


def test_double_thresholds_are_not_rounded():
    rng = np.random.default_rng(9)
    attributes, cast = forest(rng, 3, 3, 1, ["BRANCH_LEQ"])
    attributes |= votes("target", cast) | {"n_targets": 1}
    values = np.array(attributes.pop("nodes_values")) + 1e-12
    weights = np.array(attributes.pop("target_weights"))
    attributes["nodes_values_as_tensor"] = numpy_helper.from_array(values, "values")
    attributes["target_weights_as_tensor"] = numpy_helper.from_array(weights, "weights")
    x = rng.choice([-1e-12, 0, 1e-12, 2e-12], (ROWS, FEATURES)) + rng.integers(-3, 4, (ROWS, FEATURES))
    check(build("TreeEnsembleRegressor", x, ["y"], **attributes), x)


def tensor_trees(rng, dtype, function, transform, outputs, member, missing):
    """Attributes of TreeEnsemble: a few trees, of which one is a single test."""
    modes, splits, features, true, false, true_leaf, false_leaf, tracks, members, targets, weights, roots = ([] for _ in range(12))

    def grow(depth):
        at = len(modes)
        mode = int(rng.integers(7 if member else 6))
        for values, value in zip((modes, splits, features, tracks), (mode, rng.integers(-3, 4), rng.integers(FEATURES), missing and rng.random() < 0.5)):
            values.append(value)
        if mode == 6:
            members.extend([*map(float, rng.permutation(np.array([-3, -2, -1, 1, 2, 3]))[: rng.integers(1, 5)]), np.nan])
        for values in (true, false, true_leaf, false_leaf):
            values.append(0)
        for ids, leaf in ((true, true_leaf), (false, false_leaf)):
            leaf[at] = int(depth == 0 or rng.random() < 0.2)
            if leaf[at]:
                ids[at] = len(weights)
                weights.append(rng.uniform(0, 0.2))
                targets.append(int(rng.integers(outputs)))
            else:
                ids[at] = len(modes)
                grow(depth - 1)

    for depth in (0, 2, 3, 3):
        roots.append(len(modes))
        grow(depth)
    tensor = lambda values, kind=dtype: numpy_helper.from_array(np.array(values, kind))
    attributes = {"nodes_modes": tensor(modes, np.uint8), "nodes_splits": tensor(splits), "leaf_weights": tensor(weights)}
    attributes |= {"nodes_featureids": list(map(int, features)), "nodes_truenodeids": true, "nodes_falsenodeids": false}
    attributes |= {"nodes_trueleafs": true_leaf, "nodes_falseleafs": false_leaf, "leaf_targetids": targets, "tree_roots": roots}
    attributes |= {"n_targets": outputs, "aggregate_function": function, "post_transform": transform}
    if members:
        attributes["membership_values"] = tensor(members)
    if missing:
        attributes["nodes_missing_value_tracks_true"] = list(map(int, tracks))
    return attributes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tree_ensemble(dtype):
    rng = np.random.default_rng(10)
    variants = itertools.product(range(4), range(5), [1, 3], [False, True], [False, True])
    for variant in list(variants)[:: 1 if FULL else 11]:
        function, transform, outputs, member, missing = variant
        x = numbers(rng, ROWS, FEATURES, dtype=dtype)
        attributes = tensor_trees(rng, dtype, *variant)
        # onnxruntime numbers SOFTMAX and LOGISTIC the other way round.
        theirs = build("TreeEnsemble", x, ["y"], 5, **attributes | {"post_transform": [0, 2, 1, 3, 4][transform]})
        oracle = lambda model, x: by_onnxruntime(theirs, x)
        # onnxruntime's PROBIT is made of logarithms of floats, which lose 1e-4 near scores of one half.
        check(build("TreeEnsemble", x, ["y"], 5, **attributes), x, oracle, variant, 1e-3 if transform == 4 else 1e-5)


def test_many_trees_compile_and_run_quickly():
    rng = np.random.default_rng(11)
    attributes, cast = forest(rng, 1000, 8, 1, ["BRANCH_LEQ"])
    attributes |= votes("target", cast) | {"n_targets": 1}
    x = rng.uniform(-4, 4, (64, FEATURES)).astype(np.float32)
    model = build("TreeEnsembleRegressor", x, ["y"], **attributes)
    begin = time.monotonic()
    session = lepton.InferenceSession(model.SerializeToString())
    compiled = time.monotonic() - begin
    assert difference(by_onnxruntime(model, x)[0], session.run(None, {"x": x})[0]) < 1e-5
    assert compiled < 10  # about a second on a quiet machine


@pytest.mark.parametrize("transform", [*TRANSFORMS, "PROBIT"])
def test_linear_models(transform):
    rng = np.random.default_rng(12)
    draw = lambda count: rng.uniform(0, 0.04, count).tolist()
    variants = list(itertools.product((1, 2, 4), (np.float32, np.float64, np.int64, np.int32)))
    for outputs, dtype in variants[:: 1 if FULL else 5]:
        x = rng.integers(0, 5, (ROWS, FEATURES)).astype(dtype)
        shared = {"coefficients": draw(outputs * FEATURES), "intercepts": draw(outputs), "post_transform": transform}
        check(build("LinearRegressor", x, ["y"], targets=outputs, **shared), x, tolerance=1e-4)
        if transform == "PROBIT" and outputs == 1:
            continue  # onnxruntime writes one of the two scores, and leaves the other
        labels = [5, 9, 2, 4][: max(outputs, 2)]
        check(build("LinearClassifier", x, ["label", "scores"], classlabels_ints=labels, **shared), x, tolerance=1e-4)


@pytest.mark.parametrize("kernel", ["LINEAR", "POLY", "RBF", "SIGMOID"])
def test_support_vector_machines(kernel):
    rng = np.random.default_rng(13)
    draw = lambda count: rng.uniform(-1, 1, count).astype(np.float32).tolist()
    variants = list(itertools.product((np.float32, np.int64), (2, 3, 5), TRANSFORMS, (False, True)))
    for dtype, classes, transform, probabilities in variants[:: 1 if FULL else 7]:
        x = rng.integers(-2, 3, (ROWS, FEATURES)).astype(dtype)
        per_class = rng.integers(1, 4, classes).tolist()
        count, pairs = sum(per_class), classes * (classes - 1) // 2
        attributes = {"kernel_type": kernel, "kernel_params": [0.3, 0.1, 2.0], "post_transform": transform, "rho": draw(pairs)}
        attributes |= {"coefficients": draw((classes - 1) * count), "support_vectors": draw(count * FEATURES), "vectors_per_class": per_class}
        attributes["classlabels_ints"] = [3, 1, 8, -4, 6][:classes]
        if probabilities:
            attributes |= {"prob_a": (-np.abs(draw(pairs))).tolist(), "prob_b": draw(pairs)}
        context = (classes, transform, probabilities)
        # The probabilities of more than two classes are iterated until they are within 0.005 / classes (libsvm), a step more or less where rounding differs.
        tolerance = 0.005 / classes if probabilities and classes > 2 else 1e-4
        check(build("SVMClassifier", x, ["label", "scores"], 1, **attributes), x, context=context, tolerance=tolerance)
    for one_class in (0, 1):
        attributes = {"kernel_type": kernel, "kernel_params": [0.3, 0.1, 2.0], "rho": [0.1], "one_class": one_class}
        attributes |= {"coefficients": draw(6), "support_vectors": draw(6 * FEATURES), "n_supports": 6}
        check(build("SVMRegressor", x, ["y"], 1, **attributes), x, context=one_class, tolerance=1e-4)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_linear_support_vector_machines(transform):
    rng = np.random.default_rng(14)
    for classes, positive in itertools.product((2, 3), (False, True)):
        coefficients = rng.uniform(0 if positive else -1, 1, classes * FEATURES).tolist()
        x = rng.uniform(-1, 1, (ROWS, FEATURES)).astype(np.float32)
        attributes = {"coefficients": coefficients, "rho": [0.1], "kernel_params": [0.3, 0.1, 2.0], "post_transform": transform}
        model = build("SVMClassifier", x, ["label", "scores"], 1, classlabels_ints=[4, 2, 7][:classes], **attributes)
        check(model, x, context=(classes, positive))
    model = build("SVMRegressor", x, ["y"], 1, coefficients=coefficients[:FEATURES], rho=[0.2], kernel_params=[0.3, 0.1, 2.0])
    check(model, x)


@pytest.mark.parametrize("norm", ["MAX", "L1", "L2"])
def test_normalizer(norm):
    rng = np.random.default_rng(15)
    for dtype in (np.float32, np.float64, np.int64, np.int32):
        x = rng.integers(1, 9, (ROWS, FEATURES)).astype(dtype)
        check(build("Normalizer", x, ["y"], 1, norm=norm), x, context=dtype)


def test_features_are_scaled_replaced_and_chosen():
    rng = np.random.default_rng(16)
    x = numbers(rng, ROWS, FEATURES)
    five = [1.0, 2.0, 3.0, 4.0, 5.0]
    for values, replaced in itertools.product(([7.5], five), (float("nan"), 2.0)):
        check(build("Imputer", x, ["y"], 1, imputed_value_floats=values, replaced_value_float=replaced), x)
    whole = rng.integers(-4, 5, (ROWS, FEATURES))
    check(build("Imputer", whole, ["y"], 1, imputed_value_int64s=[9], replaced_value_int64=-1), whole)
    clean = np.nan_to_num(x)
    for value in (clean, clean.astype(np.float64), whole, whole.astype(np.int32)):
        check(build("Scaler", value, ["y"], 1, offset=five, scale=five[::-1]), value)
        check(build("Scaler", value, ["y"], 1, offset=[0.5], scale=[3.0]), value)
        check(build("FeatureVectorizer", value, ["y"], 1, inputdimensions=[FEATURES]), value)
    check(build("Binarizer", clean, ["y"], 1, threshold=1.0), clean)
    check(build("FeatureVectorizer", clean, ["y"], 1, inputdimensions=[3]), clean, by_reference)
    check(build("FeatureVectorizer", clean, ["y"], 1, inputdimensions=[7]), clean, by_reference)


def test_one_hot_encoder():
    rng = np.random.default_rng(17)
    for dtype, shape in itertools.product((np.int64, np.int32, np.float32, np.float64), ((ROWS,), (6, 4))):
        x = rng.integers(0, 9, shape).astype(dtype)
        check(build("OneHotEncoder", x, ["y"], 1, cats_int64s=[7, 1, 2, 8, 3]), x, by_reference)
    known, unknown = np.array([7, 1]), np.array([7, 4])
    session = lepton.InferenceSession(build("OneHotEncoder", known, ["y"], 1, cats_int64s=[7, 1], zeros=0).SerializeToString())
    assert np.array_equal(session.run(None, {"x": known})[0], np.eye(2, dtype=np.float32))
    with pytest.raises(ValueError, match="out of range"):
        session.run(None, {"x": unknown})


def test_label_encoder_of_attributes():
    rng = np.random.default_rng(18)
    reals, whole = [3.0, -1.5, float("nan"), 0.0, 8.0], [4, -7, 100, 0, 12]
    queries = {"floats": np.array([3, -1.5, np.nan, -0.0, 8, 2, np.inf], np.float32), "int64s": np.array([4, -7, 100, 0, 12, 5, -8])}
    defaults = {"floats": {"default_float": -2.5}, "int64s": {"default_int64": 77}}
    for source, target, default in itertools.product(queries, defaults, (False, True)):
        keys, values = (reals, whole) if source == "floats" else (whole, reals)
        values = {"floats": [0.5, 1.5, 2.5, 3.5, 4.5], "int64s": [50, 51, 52, 53, 54]}[target]
        attributes = {f"keys_{source}": keys, f"values_{target}": values} | (defaults[target] if default else {})
        x = rng.permutation(np.tile(queries[source], 3)).reshape(3, 7)
        check(build("LabelEncoder", x, ["y"], 4, **attributes), x, context=(source, target, default))


@pytest.mark.parametrize("keys", [np.float64, np.float32, np.int64, np.int32, np.int16])
def test_label_encoder_of_tensors(keys):
    rng = np.random.default_rng(19)
    given = rng.permutation(400)[:300].astype(keys)
    for target in (np.float64, np.float32, np.int64, np.int32, np.int16):
        values = rng.permutation(300).astype(target)
        attributes = {"keys_tensor": given, "values_tensor": values, "default_tensor": np.array([-5], target)}
        x = rng.integers(0, 400, (5, 60)).astype(keys)
        model = build("LabelEncoder", x, ["y"], 4, **{k: numpy_helper.from_array(v, k) for k, v in attributes.items()})
        table = dict(zip(given.tolist(), values.tolist()))
        expected = np.array([table.get(key, -5) for key in x.ravel().tolist()], target).reshape(x.shape)
        for level in (0, 3):
            result = lepton.InferenceSession(model.SerializeToString(), opt_level=level).run(None, {"x": x})[0]
            assert result.dtype == target and np.array_equal(result, expected)


def test_array_feature_extractor():
    x, places = np.arange(24, dtype=np.float32).reshape(4, 6), np.array([5, 0, 0, 3])
    node = helper.make_node("ArrayFeatureExtractor", ["x", "i"], ["y"], domain="ai.onnx.ml")
    infos = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 6]), helper.make_tensor_value_info("i", TensorProto.INT64, ["k"])]
    graph = helper.make_graph([node], "g", infos, [helper.make_empty_tensor_value_info("y")])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    result = lepton.InferenceSession(model).run(None, {"x": x, "i": places})[0]
    assert np.array_equal(result, x[:, places])
