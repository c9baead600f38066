"""lepton compile --report: the facts in the page. What a browser makes of it: test_report_page.py."""

import re

import numpy as np
import pytest
from onnx import TensorProto, helper

from common import facts_of, lepton, report, save, save_small

OK, INPUT = 0, 1
PHASES = ["import", "graph", "kernel", "tile", "buffer", "schedule", "vector", "llvm", "object", "artifact"]
FLOAT = TensorProto.FLOAT


@pytest.fixture
def model(tmp_path):
    return save_small(tmp_path / "small.onnx")


def test_facts(model):
    facts = facts_of(report(model, "--dim=N=10"))
    summary = dict(facts["summary"])
    assert summary["FLOPs"] == "300" and re.fullmatch(r"[\d,]+ bytes, of which [\d,]+ live at one time", summary["arena"])
    assert [phase["name"] for phase in facts["phases"]] == PHASES and facts["warnings"] == []
    assert sum(kernel["flops"] * kernel["calls"] for kernel in facts["kernels"]) == 300
    ops = [op for kernel in facts["kernels"] for op in kernel["ops"]]
    assert {"name": "relu", "node": "relu"} in ops and any("matmul" in op["name"] and op["node"] == "product" for op in ops)


def test_sizes_that_are_unknown_are_said(model):
    facts = facts_of(report(model, output="a.ll"))
    assert "--dim" in facts["warnings"][0] and all(kernel["flops"] is None for kernel in facts["kernels"])


def test_graph(model):
    graph = facts_of(report(model, "--dim=N=10", "-O0"))["graph"]
    assert [node["kind"] for node in graph] == ["input", "kernel", "kernel", "kernel", "output"]
    assert [node["inputs"] for node in graph] == [[], [0], [1], [2], [3]]
    assert [node["node"] for node in graph[1:4]] == ["product", "sum", "relu"]
    assert (graph[0]["name"], graph[-1]["name"], graph[1]["type"]) == ("x", "y", "10x3xf32")


def test_graph_through_branches_and_loops(tmp_path):
    def value(name, dtype=FLOAT, dims=()):
        return helper.make_tensor_value_info(name, dtype, dims)

    inputs = [value("i", TensorProto.INT64), value("c", TensorProto.BOOL), value("v", dims=[600])]
    body = helper.make_graph([helper.make_node("Sin", ["v"], ["w"], name="wave"), helper.make_node("Identity", ["c"], ["d"])], "body", inputs, [value("d", TensorProto.BOOL), value("w", dims=[600])])
    three = np.array(3, np.int64)
    path = save(
        tmp_path / "m.onnx",
        [helper.make_node("Loop", ["n", "", "x"], ["u"], body=body), helper.make_node("Neg", ["u"], ["y"], name="negative")],
        *({"x": (FLOAT, [600])}, {"y": (FLOAT, [600])}),
        {"n": three},
    )
    graph = facts_of(report(path))["graph"]
    wave, negative = (next(i for i, node in enumerate(graph) if node["node"] == name) for name in ("wave", "negative"))
    assert 0 in graph[wave]["inputs"] and wave in graph[negative]["inputs"] and graph[wave]["times"] == 3 and graph[-1]["inputs"] == [negative]
    assert all(source < i for i, node in enumerate(graph) for source in node["inputs"])


def test_passes_and_remarks(model):
    facts = facts_of(report(model, "--dim=N=10"))
    passes = facts["passes"]
    assert list(dict.fromkeys(entry["phase"] for entry in passes)) == [phase for phase in PHASES if phase not in ("object", "artifact")]
    assert all(entry["seconds"] > 0 for entry in passes)
    (forming,) = [entry for entry in passes if entry["name"] == "FormKernels"]
    assert (forming["phase"], forming["opsBefore"] > 0, forming["opsAfter"] > forming["opsBefore"]) == ("kernel", True, True)
    remarks = {(remark["pass"], remark["node"]): remark for remark in facts["remarks"]}
    assert remarks["AssignLayouts", "product"]["text"] == "matmul becomes packed_matmul"
    fused = remarks["FormKernels", "relu"]
    assert fused["kernel"] in [kernel["name"] for kernel in facts["kernels"]] and fused["text"].endswith("packed_matmul, add, relu")


def test_remarks_are_of_the_model_alone(model):
    """Constants are packed by compiling and running what packs them, of which the page says nothing but that they are folded."""
    facts = facts_of(report(model, "--dim=N=10"))
    names = {kernel["name"] for kernel in facts["kernels"]}
    assert {remark["kernel"] for remark in facts["remarks"]} - {""} <= names
    (folded,) = [remark["text"] for remark in facts["remarks"] if remark["pass"] == "FoldConstants"]
    assert re.fullmatch(r"ops that depend on constants alone: \d+; results that are kept: 1", folded)


def test_page_without_kernels(model):
    facts = facts_of(report(model, "--compile-to=graph", output="a.mlir"))
    assert facts["graph"] == [] and facts["kernels"] == [] and facts["unmeasured"] == "the compilation ended after the phase graph"
    assert facts_of(report(model, output="a.mlir"))["unmeasured"] == facts["unmeasured"]


def test_folder_that_is_absent(tmp_path, model):
    missing = tmp_path / "absent/r.html"
    result = lepton("compile", model, "-o", tmp_path / "b.so", f"--report={missing}")
    assert result.returncode == INPUT and f"{missing}: cannot be written: there is no folder" in result.stderr
    assert not (tmp_path / "b.so").exists()


def require_apart(buffers):
    """Those that live at one time share no byte; the number of such pairs."""
    pairs = [(a, b) for i, a in enumerate(buffers) for b in buffers[:i] if a["first"] <= b["last"] and b["first"] <= a["last"]]
    assert all(a["offset"] + a["bytes"] <= b["offset"] or b["offset"] + b["bytes"] <= a["offset"] for a, b in pairs)
    return len(pairs)


def test_kernels_are_measured(model):
    facts = facts_of(report(model, "--dim=N=10", "--threads=2"))
    assert facts["unmeasured"] == "" and facts["runs"] >= 3 and facts["threads"] == 2
    assert all(kernel["seconds"] > 0 and kernel["measuredCalls"] == kernel["calls"] for kernel in facts["kernels"])
    assert facts["limits"]["gflops"] > 0 and [level["name"] for level in facts["limits"]["bandwidths"]] == ["L1", "L2", "L3", "memory"]


def test_calls_of_a_run_are_counted(tmp_path):
    """What a loop runs is measured as often as it ran, though only the run knows how often."""
    value = helper.make_tensor_value_info
    inputs = [value("i", TensorProto.INT64, []), value("c", TensorProto.BOOL, []), value("v", FLOAT, [600])]
    body = helper.make_graph([helper.make_node("Sin", ["v"], ["w"]), helper.make_node("Identity", ["c"], ["d"])], "body", inputs, [value("d", TensorProto.BOOL, []), value("w", FLOAT, [600])])
    nodes = [helper.make_node("Greater", ["x", "low"], ["g"]), helper.make_node("Cast", ["g"], ["f"], to=TensorProto.INT64), helper.make_node("ReduceMin", ["f"], ["m"], keepdims=0)]
    nodes += [helper.make_node("Mul", ["m", "five"], ["n"]), helper.make_node("Loop", ["n", "", "x"], ["y"], body=body)]
    path = save(tmp_path / "m.onnx", nodes, {"x": (FLOAT, [600])}, {"y": (FLOAT, [600])}, {"low": np.float32(-100), "five": np.array(5, np.int64)})
    facts = facts_of(report(path))
    assert [kernel["measuredCalls"] for kernel in facts["kernels"] if kernel["name"].startswith("sin")] == [5]
    require_apart(facts["memory"]["buffers"])  # the count is read before the loop, in whose memory it lay


def test_memory_plan(tmp_path):
    """Buffers that live at one time lie apart, within the arena; a chain of kernels needs two at a time."""
    nodes = [helper.make_node("Softmax", [f"v{i}"], [f"v{i + 1}"]) for i in range(6)]
    path = save(tmp_path / "m.onnx", nodes, {"v0": (FLOAT, [4, 1000])}, {"v6": (FLOAT, [4, 1000])})
    facts = facts_of(report(path, "-O0"))
    memory, buffers = facts["memory"], facts["memory"]["buffers"]
    assert memory["steps"] == [node["name"] for node in facts["graph"] if node["kind"] == "kernel"] and memory["pooled"] == 0
    assert len(buffers) == len(memory["steps"]) - 1 and max(buffer["offset"] + buffer["bytes"] for buffer in buffers) <= memory["bytes"] < 3 * 16064
    assert all(buffer["bytes"] == 16000 and buffer["last"] == buffer["first"] + 1 for buffer in buffers)
    assert require_apart(buffers) == len(buffers) - 1


def test_memory_of_unknown_size_comes_from_the_pool(tmp_path):
    nodes = [helper.make_node("Softmax", ["x"], ["h"]), helper.make_node("Softmax", ["h"], ["y"])]
    path = save(tmp_path / "m.onnx", nodes, {"x": (FLOAT, ["N", 10])}, {"y": (FLOAT, ["N", 10])})
    memory = facts_of(report(path, "-O0"))["memory"]
    assert memory["buffers"] == [] and memory["pooled"] == 1


@pytest.mark.parametrize(
    "flags, output, reason",
    [
        ([], "a.so", "the size of the input 'x' is known at run time only; --dim gives sizes"),
        (["--dim=N=10", "--target=aarch64-linux-gnu"], "a.o", "the code is for another architecture, aarch64"),
        (["--dim=N=10", "--cpu=x86-64-v2,x86-64-v3"], "a.so", "the code is for several processors"),
        (["--dim=N=10", "--compile-to=kernel"], "a.mlir", "the compilation ended after the phase kernel"),
        (["--dim=N=10", "--target=cuda:sm_80"], "a.so", "the kernels are for a GPU"),
    ],
    ids=["sizes", "architecture", "processors", "phase", "gpu"],
)
def test_page_says_why_kernels_have_no_times(model, flags, output, reason):
    facts = facts_of(report(model, *flags, output=output))
    assert reason in facts["unmeasured"] and facts["runs"] == 0 and facts["limits"] is None
    assert facts["kernels"] and all(kernel["seconds"] is None for kernel in facts["kernels"])


def test_run_that_fails_is_said(tmp_path):
    """Made-up inputs are one or zero, of which this model wants neither."""
    nodes = [helper.make_node("Add", ["i", "seven"], ["j"]), helper.make_node("Gather", ["t", "j"], ["y"])]
    path = save(tmp_path / "m.onnx", nodes, {"i": (TensorProto.INT64, [1]), "t": (FLOAT, [4])}, {"y": (FLOAT, [1])}, {"seven": np.array([7], np.int64)})
    assert "index" in facts_of(report(path))["unmeasured"]
