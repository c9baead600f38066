"""lepton inspect: what it says of models and artifacts, how it counts arithmetic, and that it finds every node at fault."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from common import FULL, lepton, save, save_small
from lepton_networks import NETWORKS

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
OK, INPUT = 0, 1


def inspect(path, *flags):
    result = lepton("inspect", path, "--json", *flags)
    assert result.returncode == OK and result.stderr == "", result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def model(tmp_path):
    return save_small(tmp_path / "small.onnx")


def test_model(model):
    facts = inspect(model)
    assert facts["ops"] == {"MatMul": 1, "Add": 1, "Relu": 1}
    assert (facts["parameters"], facts["parameter_bytes"]) == (15, 60)
    assert facts["inputs"] == [{"name": "x", "dtype": "float32", "shape": ["N", 4]}]
    assert facts["outputs"] == [{"name": "y", "dtype": "float32", "shape": ["N", 3]}]
    assert facts["flops"] is None and facts["ops_of_unknown_flops"] == {"MatMul": 1, "Add": 1, "Relu": 1}
    assert facts["kernels"] == sum(1 for kernel in facts["kernel_list"]) and facts["target"].startswith("x86_64")
    text = lepton("inspect", model).stdout
    for part in ("x: float32[N, 4]", "Add 1, MatMul 1, Relu 1", "15 (60 bytes)", "--dim"):
        assert part in text


def test_sizes_make_flops_known(model):
    facts = inspect(model, "--dim=N=10")
    assert facts["flops"] == 10 * 3 * (2 * 4 + 2) and facts["ops_of_unknown_flops"] == {}
    assert sum(kernel["flops"] * kernel["calls"] for kernel in facts["kernel_list"]) == facts["flops"]
    assert "300" in lepton("inspect", model, "--dim=N=10").stdout


def test_artifact(tmp_path, model):
    assert lepton("compile", model, "--dim=N=1:8", "--threads=2", "-o", tmp_path / "a.so").returncode == OK
    facts = inspect(tmp_path / "a.so")
    whole = inspect(model, "--dim=N=1:8")
    assert facts["dim_bounds"] == {"N": [1, 8]} and facts["threads"] == 2
    assert {key: facts[key] for key in facts if key != "threads"} == {key: whole[key] for key in facts if key != "threads"}
    assert "N from 1 to 8" in lepton("inspect", tmp_path / "a.so").stdout


def test_parameters_of_sparse_tensors_are_their_values(tmp_path):
    values = numpy_helper.from_array(np.ones(2, np.float32), "w")
    tensor = helper.make_sparse_tensor(values, numpy_helper.from_array(np.array([0, 7], np.int64), "w_indices"), [4, 3])
    sides = [[helper.make_tensor_value_info(name, FLOAT, dims)] for name, dims in (("x", [5, 4]), ("y", None))]
    nodes = [helper.make_node("Constant", [], ["v"], name="constant", sparse_value=tensor), node("Add", ["w", "v"], ["s"]), node("MatMul", ["x", "s"])]
    graph = helper.make_graph(nodes, "g", *sides, sparse_initializer=[tensor])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), tmp_path / "m.onnx")
    facts = inspect(tmp_path / "m.onnx")
    assert (facts["parameters"], facts["parameter_bytes"]) == (4, 16)


@pytest.mark.parametrize("name", [*NETWORKS] if FULL else ["mnist_b1", "bilstm", "bert4", "dcgan", "mobilenet_v2"])
def test_arena_is_hardly_larger_than_what_lives_at_one_time(tmp_path, name):
    onnx.save(NETWORKS[name](), tmp_path / "m.onnx")
    facts = inspect(tmp_path / "m.onnx")
    assert facts["live_bytes"] <= facts["arena_bytes"] <= 1.1 * facts["live_bytes"]


def node(op, inputs, outputs=("y",), **attributes):
    return helper.make_node(op, inputs, list(outputs), name=f"the {op}", **attributes)


def ones(*shape):
    return np.ones(shape, np.float32)


@pytest.mark.parametrize(
    ("nodes", "shape", "weights", "flops"),
    [
        ([node("Conv", ["x", "w"], pads=[1, 1, 1, 1])], [2, 3, 8, 8], ones(5, 3, 3, 3), 2 * (2 * 5 * 8 * 8) * 3 * 9),
        ([node("Conv", ["x", "w"], pads=[1, 1, 1, 1])], [1, 32, 28, 28], ones(64, 32, 3, 3), 2 * (64 * 28 * 28) * 32 * 9),
        ([node("Conv", ["x", "w"], group=4)], [1, 4, 6, 6], ones(4, 1, 3, 3), 2 * (4 * 4 * 4) * 9),
        ([node("ConvTranspose", ["x", "w"], strides=[2])], [1, 3, 8], ones(3, 4, 2), 2 * (3 * 8) * 4 * 2),
        ([node("Gemm", ["x", "w"], transB=1)], [4, 6], ones(5, 6), 2 * 4 * 5 * 6),
        ([node("MaxPool", ["x"], kernel_shape=[2, 2], strides=[2, 2])], [1, 3, 8, 8], None, 3 * 4 * 4 * 4),
        ([node("ReduceSum", ["x"], keepdims=0)], [5, 7], None, 35),
        ([node("Softmax", ["x"])], [2, 10], None, 100),
        ([node("Tanh", ["x"], ["t"]), node("Transpose", ["t"])], [3, 4], None, 12),
        ([node("Cast", ["x"], to=TensorProto.INT32)], [3, 4], None, 0),
    ],
    ids=lambda value: "-".join(node.op_type for node in value) if isinstance(value, list) and value and hasattr(value[0], "op_type") else "",
)
def test_flops(tmp_path, nodes, shape, weights, flops):
    dtype = TensorProto.INT32 if nodes[-1].op_type == "Cast" else FLOAT
    path = save(tmp_path / "m.onnx", nodes, {"x": (FLOAT, shape)}, {"y": (dtype, None)}, {} if weights is None else {"w": weights})
    assert inspect(path)["flops"] == flops


def test_flops_of_loops_and_branches(tmp_path):
    def value(name, dtype=FLOAT, dims=()):
        return helper.make_tensor_value_info(name, dtype, dims)

    body = helper.make_graph([node("Sin", ["v"], ["w"]), node("Identity", ["c"], ["d"])], "body", [value("i", INT64), value("c", BOOL), value("v", FLOAT, [6])], [value("d", BOOL), value("w", FLOAT, [6])])
    path = save(tmp_path / "loop.onnx", [node("Loop", ["n", "", "x"], body=body)], {"x": (FLOAT, [6])}, {"y": (FLOAT, [6])}, {"n": np.int64(5)})
    assert inspect(path)["flops"] == 30
    path = save(tmp_path / "unknown.onnx", [node("Loop", ["n", "", "x"], body=body)], {"x": (FLOAT, [6]), "n": (INT64, [])}, {"y": (FLOAT, [6])})
    assert inspect(path)["ops_of_unknown_flops"] == {"Loop": 1}
    small = helper.make_graph([node("Sin", ["x"], ["a"])], "small", [], [value("a", FLOAT, [6])])
    large = helper.make_graph([node("Sin", ["x"], ["b"]), node("Cos", ["b"], ["c"])], "large", [], [value("c", FLOAT, [6])])
    for branches in ({"then_branch": small, "else_branch": large}, {"then_branch": large, "else_branch": small}):
        path = save(tmp_path / "if.onnx", [node("If", ["c"], **branches)], {"x": (FLOAT, [6]), "c": (BOOL, [])}, {"y": (FLOAT, [6])})
        assert inspect(path)["flops"] == 12 and inspect(path)["ops"] == {"If": 1, "Sin": 2, "Cos": 1}


def test_every_node_at_fault_is_named_at_once(tmp_path):
    nodes = [
        node("Frobnicate", ["x"], ["a"], domain="my.ops"),
        helper.make_node("Frobnicate", ["a"], ["b"], name="another", domain="my.ops"),
        node("Transpose", ["x"], ["c"], perm=[0, 0]),
        node("Relu", ["c"], ["d"]),
        node("Softmax", ["x"], ["e"], axis=7),
        node("Sum", ["b", "d", "e"]),
    ]
    bad = save(tmp_path / "bad.onnx", nodes, {"x": (FLOAT, [2, 3])}, {"y": (FLOAT, None)}, domain="my.ops")
    result = lepton("inspect", bad, "--json")
    assert result.returncode == INPUT
    lines = result.stderr.splitlines()
    assert len(lines) == 3 and all(line.startswith(f"error: {bad}: ") for line in lines), result.stderr
    assert "my.ops::Frobnicate (node 'the Frobnicate', 'another')" in lines[0]
    assert "'the Transpose'" in lines[1] and "'the Softmax'" in lines[2]
    said = json.loads(result.stdout)
    assert ["error: " + line for line in said["errors"]] == lines and said["ops"]["my.ops::Frobnicate"] == 2
    assert lepton("inspect", bad).stderr == result.stderr


def test_faults_in_subgraphs_and_what_depends_on_them(tmp_path):
    inner = helper.make_graph([node("Sin", ["lost"], ["z"])], "inner", [], [helper.make_tensor_value_info("z", FLOAT, [2, 3])])
    nodes = [node("Transpose", ["x"], ["lost"], perm=[0, 0]), node("If", ["c"], then_branch=inner, else_branch=inner)]
    bad = save(tmp_path / "bad.onnx", nodes, {"x": (FLOAT, [2, 3]), "c": (BOOL, [])}, {"y": (FLOAT, None)})
    lines = lepton("inspect", bad).stderr.splitlines()
    assert len(lines) == 1 and "'the Transpose'" in lines[0], lines


def test_many_faults_end(tmp_path):
    nodes = [helper.make_node("Transpose", ["x"], [f"y{i}"], name=f"n{i}", perm=[0, 0]) for i in range(500)]
    bad = save(tmp_path / "bad.onnx", nodes, {"x": (FLOAT, [2, 3])}, {"y0": (FLOAT, None)})
    lines = lepton("inspect", bad).stderr.splitlines()
    assert len(lines) == 100
