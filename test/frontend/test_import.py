"""The importer: what IR a model becomes, and what it says about models at fault. Only the phase import is run."""

import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from common import lepton, save

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs, outputs, name=f"the {op}", **attributes)


def value(name, dtype=FLOAT, dims=()):
    return helper.make_tensor_value_info(name, dtype, dims)


def imported(path):
    """The module's text."""
    result = lepton("compile", path, "--compile-to=import", "-o", "-")
    assert result.returncode == 0, result.stderr
    return result.stdout


def build(path, nodes, inputs, outputs=None, initializers=(), **options):
    return imported(save(path, nodes, inputs, outputs or {"y": (FLOAT, None)}, initializers, **options))


def require_error(path, *parts):
    result = lepton("compile", path, "--compile-to=import", "-o", "-")
    assert result.returncode == 1, result.stderr
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1, result.stderr
    for part in parts:
        assert part in result.stderr


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


# ---- the module ----------------------------------------------------------------------------------------------------


def test_names_of_arguments_and_dimensions_are_kept(path):
    text = build(path, [node("Relu", ["x"], ["y"])], {"x": (FLOAT, ["batch", 3])})
    assert '%arg0: tensor<?x3xf32> {lepton.dims = ["batch", ""], lepton.name = "x"}' in text
    assert 'lepton.name = "y"' in text


def test_initializers_that_are_inputs_are_constants(path):
    text = build(path, [node("Add", ["x", "w"], ["y"])], {"x": (FLOAT, [2]), "w": (FLOAT, [2])}, None, {"w": np.float32([1, 2])})
    assert "%arg1" not in text
    assert "dense<[1.000000e+00, 2.000000e+00]>" in text


def test_a_declared_size_of_zero_is_unknown_but_a_list_may_be_empty(path):
    nodes = [node("ReduceSum", ["x", "axes"], ["y"], noop_with_empty_axes=1)]
    text = build(path, nodes, {"x": (FLOAT, [0, 0]), "axes": (INT64, [0])})
    assert "tensor<?x?xf32>" in text and "tensor<0xi64>" in text
    assert "lepton.reduce" not in text


def test_shape_arithmetic_folds(path):
    nodes = [node("Shape", ["x"], ["s"]), node("Gather", ["s", "zero"], ["n"]), node("Concat", ["n", "rest"], ["t"], axis=0), node("Reshape", ["x", "t"], ["y"])]
    text = build(path, nodes, {"x": (FLOAT, [2, 3, 4])}, None, {"zero": np.int64([0]), "rest": np.int64([-1])})
    assert "-> tensor<2x12xf32>" in text


# ---- old operator sets ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opset", "op", "attributes", "result"),
    [
        (11, "Squeeze", {"axes": [0]}, "tensor<3x4xf32>"),
        (11, "Unsqueeze", {"axes": [0, 4]}, "tensor<1x1x3x4x1xf32>"),
        (11, "ReduceSum", {"axes": [-1], "keepdims": 0}, "tensor<1x3xf32>"),
        (9, "Slice", {"starts": [1], "ends": [3], "axes": [2]}, "tensor<1x3x2xf32>"),
        (1, "Reshape", {"shape": [4, 3]}, "tensor<4x3xf32>"),
        (6, "Clip", {"min": 0.0, "max": 6.0}, "tensor<1x3x4xf32>"),
        (2, "Pad", {"pads": [0, 0, 1, 0, 0, 1]}, "tensor<1x3x6xf32>"),
        (11, "Softmax", {"axis": 1}, "tensor<1x12xf32>"),
    ],
)
def test_attributes_of_old_operator_sets(path, opset, op, attributes, result):
    assert f"-> {result}" in build(path, [node(op, ["x"], ["y"], **attributes)], {"x": (FLOAT, [1, 3, 4])}, opset=opset)


def test_broadcast_axis_of_operator_set_6(path):
    text = build(path, [node("Add", ["x", "b"], ["y"], broadcast=1, axis=1)], {"x": (FLOAT, [2, 3, 4]), "b": (FLOAT, [3])}, opset=6)
    assert "lepton.unsqueeze" in text and "tensor<3x1xf32>" in text


# ---- axes that only the run knows ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "attributes", "sizes"),
    [("ReduceMean", {"keepdims": 1}, "?x1x?"), ("ReduceMean", {"keepdims": 0}, "?x?"), ("Squeeze", {}, "?x?"), ("Unsqueeze", {}, "?x?x?x?")],
)
def test_computed_axes_fix_the_rank(path, op, attributes, sizes):
    text = build(path, [node(op, ["x", "axes"], ["y"], **attributes)], {"x": (FLOAT, [2, 1, 3]), "axes": (INT64, [1])})
    assert f"-> (tensor<{sizes}xf32>" in text


def test_computed_axes_of_unknown_number_are_refused(path):
    save(path, [node("Squeeze", ["x", "axes"], ["y"])], {"x": (FLOAT, [2, 1, 3]), "axes": (INT64, ["N"])}, {"y": (FLOAT, None)})
    require_error(path, "the Squeeze", "rank of the result is unknown")


def test_dynamic_dimension_splits_into_equal_parts(path):
    text = build(path, [node("Split", ["x"], ["y", "z"], num_outputs=2)], {"x": (FLOAT, ["N", 3])})
    assert "lepton.slice" in text


# ---- control flow and functions ------------------------------------------------------------------------------------


def branch(op):
    return helper.make_graph([node(op, ["x"], [op])], op, [], [value(op)])


def test_known_condition_imports_one_branch(path):
    nodes = [node("If", ["c"], ["y"], then_branch=branch("Sin"), else_branch=branch("Cos"))]
    text = build(path, nodes, {"x": (FLOAT, [2])}, None, {"c": np.array(False)})
    assert "lepton.cos" in text and "lepton.sin" not in text and "lepton.if" not in text


def test_unknown_condition_keeps_both_branches(path):
    nodes = [node("If", ["c"], ["y"], then_branch=branch("Sin"), else_branch=branch("Cos"))]
    text = build(path, nodes, {"x": (FLOAT, [2]), "c": (BOOL, [])})
    assert "lepton.if" in text and "lepton.cos" in text and "lepton.sin" in text


def loop_body(grows):
    nodes = [helper.make_node("Concat", ["v", "x"], ["w"], axis=0) if grows else helper.make_node("Add", ["v", "x"], ["w"])]
    return helper.make_graph(nodes + [helper.make_node("Identity", ["c"], ["d"])], "body", [value("i", INT64), value("c", BOOL), value("v")], [value("d", BOOL), value("w"), value("w")])


@pytest.mark.parametrize(("grows", "types"), [(False, "tensor<2xf32>, tensor<5x2xf32>"), (True, "tensor<?xf32>, tensor<?x?xf32>")])
def test_sizes_that_change_in_a_loop_are_dynamic(path, grows, types):
    nodes = [node("Loop", ["n", "", "x"], ["y", "all"], body=loop_body(grows))]
    text = build(path, nodes, {"x": (FLOAT, [2])}, {"y": (FLOAT, None), "all": (FLOAT, None)}, {"n": np.int64(5)})
    assert f": {types}\n" in text[text.index("return"):]


@pytest.mark.parametrize(("names", "collects"), [(("H", "H"), "in memory"), (("S", "X"), "in sequences")])
def test_slices_have_memory_where_a_loop_keeps_their_sizes(path, names, collects):
    nodes = [node("Loop", ["n", "", "v0", "x"], ["y", "x1", "all"], body=helper.make_graph(
        [helper.make_node("Add", ["v", "x0"], ["w"]), helper.make_node("Identity", ["c"], ["d"]), helper.make_node("Identity", ["x0"], ["x2"])],
        "body", [value("i", INT64), value("c", BOOL), value("v"), value("x0")], [value("d", BOOL), value("w"), value("x2"), value("w")]))]
    inputs = {"n": (INT64, []), "v0": (FLOAT, [names[0]]), "x": (FLOAT, [names[1]])}
    text = build(path, nodes, inputs, {"y": (FLOAT, None), "all": (FLOAT, None)})
    assert ("collected = 1" in text) == (collects == "in memory") and ("lepton.sequence_insert" in text) == (collects == "in sequences")


def save_function(path, nodes, name="Twice"):
    function = helper.make_function("mine", name, ["a"], ["b"], nodes, [helper.make_opsetid("", 21), helper.make_opsetid("mine", 1)], ["alpha"])
    graph = helper.make_graph([helper.make_node("Twice", ["x"], ["y"], domain="mine", name="call", alpha=0.25)], "g", [value("x", FLOAT, [2])], [value("y")])
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("mine", 1)]
    onnx.save(helper.make_model(graph, functions=[function], opset_imports=opsets, ir_version=10), path)
    return path


def test_function_gets_its_callers_attributes(path):
    leaky = helper.make_node("LeakyRelu", ["a"], ["b"])
    leaky.attribute.add(name="alpha", ref_attr_name="alpha", type=onnx.AttributeProto.FLOAT)
    assert "alpha = 2.500000e-01" in imported(save_function(path, [leaky]))


def test_recursive_function_is_refused(path):
    require_error(save_function(path, [helper.make_node("Twice", ["a"], ["b"], domain="mine")]), "recursive")


# ---- models at fault -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "parts"),
    [
        ([node("Add", ["x", "absent"], ["y"])], ["the Add", "'absent' is not defined"]),
        ([node("Relu", ["t"], ["y"]), node("Sin", ["x"], ["t"])], ["the Relu", "topological order"]),
        ([node("Sin", ["x"], ["y"]), node("Cos", ["x"], ["y"])], ["the Cos", "defined twice"]),
        ([node("Add", ["x"], ["y"])], ["the Add", "has 1 inputs"]),
        ([node("Concat", ["x", ""], ["y"], axis=0)], ["the Concat", "lacks its input"]),
        ([node("Concat", ["x", "x"], ["y"])], ["the Concat", "lacks its attribute 'axis'"]),
        ([node("Softmax", ["x"], ["y"], axis=7)], ["the Softmax", "axis 7", "out of range"]),
        ([node("Flatten", ["x"], ["y"], axis="1")], ["the Flatten", "'axis' of another type"]),
        ([node("MaxPool", ["x"], ["y"], kernel_shape=[2])], ["the MaxPool", "at least three dimensions"]),
        ([node("Transpose", ["x"], ["y"], perm=[0, 0])], ["the Transpose", "permutation"]),
    ],
)
def test_faults_of_nodes_name_the_node(path, nodes, parts):
    require_error(save(path, nodes, {"x": (FLOAT, [2, 3])}, {"y": (FLOAT, None)}), *parts)


def test_input_without_shape(path):
    require_error(save(path, [node("Relu", ["x"], ["y"])], {"x": (FLOAT, None)}, {"y": (FLOAT, None)}), "'x'", "declares no shape")


def test_shape_of_very_many_dimensions(path):
    save(path, [node("Reshape", ["x", "s"], ["y"])], {"x": (FLOAT, [2]), "s": (INT64, [1 << 31])}, {"y": (FLOAT, None)})
    require_error(path, "the Reshape", "at most 64")


def save_tensor(path, change):
    """y = x + w, with the tensor w changed."""
    save(path, [node("Add", ["x", "w"], ["y"])], {"x": (FLOAT, [2])}, {"y": (FLOAT, None)}, {"w": np.float32([1, 2])})
    model = onnx.load(path)
    change(model.graph.initializer[0])
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("dims", [[3], [-2], [1 << 40], [1 << 62, 4]])
def test_data_that_does_not_fit_its_shape(path, dims):
    require_error(save_tensor(path, lambda w: (w.ClearField("dims"), w.dims.extend(dims))), "'w'")


def external(location, **entries):
    def change(tensor):
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, text in {"location": location, **entries}.items():
            tensor.external_data.add(key=key, value=str(text))

    return change


def test_external_data(path):
    (path.parent / "weights").write_bytes(bytes(64) + np.float32([3, 4]).tobytes())
    assert "dense_resource<w> : tensor<2xf32>" in imported(save_tensor(path, external("weights", offset=64, length=8)))


def save_packed(path, change):
    """y = float(w), with the tensor w of three int4 changed: two to a byte, the first in the low bits, in raw data and in the field of integers."""
    save(path, [node("Cast", ["w"], ["y"], to=FLOAT)], {}, {"y": (FLOAT, None)})
    model = onnx.load(path)
    tensor = model.graph.initializer.add(name="w", data_type=TensorProto.INT4, dims=[3])
    change(tensor)
    path.write_bytes(model.SerializeToString())
    return path


PACKED = bytes([0x8F, 0x07])


@pytest.mark.parametrize("field", ["raw", "integers", "external"])
def test_packed_data(path, field):
    (path.parent / "weights").write_bytes(PACKED)
    ways = {"raw": lambda w: setattr(w, "raw_data", PACKED), "integers": lambda w: w.int32_data.extend(PACKED), "external": external("weights")}
    assert "dense<[-1, -8, 7]> : tensor<3xi4>" in imported(save_packed(path, ways[field]))


def test_packed_data_that_does_not_fit_its_shape(path):
    for data in (PACKED[:1], PACKED + b"\0"):
        require_error(save_packed(path, lambda w: setattr(w, "raw_data", data)), "tensor 'w'", f"has {len(data)} bytes of data, but its shape takes 2")


def test_casts_say_how_they_round(path):
    text = build(path, [node("Cast", ["x"], ["y"], to=TensorProto.FLOAT8E8M0, saturate=0, round_mode="nearest")], {"x": (FLOAT, [3])},
                 {"y": (TensorProto.FLOAT8E8M0, None)}, opset=25)
    assert "lepton.cast %arg0 {rounding = #lepton<cast_rounding nearest>, saturate = false, to = f8E8M0FNU}" in text
    save(path, [node("Cast", ["x"], ["y"], to=TensorProto.FLOAT8E8M0, round_mode="sideways")], {"x": (FLOAT, [3])}, {"y": (TensorProto.FLOAT8E8M0, None)}, opset=25)
    require_error(path, "node 'the Cast' (Cast): has the round_mode 'sideways'; up, down and nearest are known")


@pytest.mark.parametrize("entries", [{"offset": -8}, {"offset": 80}, {"offset": 1 << 63}, {"offset": "x"}, {"length": 4}, {"length": 1 << 40}])
def test_external_data_out_of_bounds(path, entries):
    (path.parent / "weights").write_bytes(bytes(72))
    require_error(save_tensor(path, external("weights", **entries)), "'w'")


@pytest.mark.parametrize("kind", ["parent", "middle", "absolute", "link", "linked folder", "hard link", "pipe", "folder", "absent"])
def test_external_data_stays_below_the_model(tmp_path, kind):
    folder, outside = tmp_path / "model", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (outside / "weights").write_bytes(bytes(8))
    (folder / "inside").mkdir()
    location = {"parent": "../outside/weights", "middle": "inside/../../outside/weights", "absolute": str(outside / "weights"), "linked folder": "linked/weights"}.get(kind, "it")
    if kind == "link":
        (folder / "it").symlink_to(outside / "weights")
    elif kind == "linked folder":
        (folder / "linked").symlink_to(outside)
    elif kind == "hard link":
        (folder / "it").hardlink_to(outside / "weights")
    elif kind == "pipe":
        os.mkfifo(folder / "it")
    elif kind == "folder":
        (folder / "it").mkdir()
    require_error(save_tensor(folder / "model.onnx", external(location)), "'w'")
