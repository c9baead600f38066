"""lepton compile --report: the facts in the page, and the page in a browser."""

import re

import numpy as np
import pytest
from onnx import TensorProto, helper

from browser import CHROMIUM, Browser
from common import facts_of, lepton, save, save_small

OK, INPUT = 0, 1
PHASES = ["import", "graph", "kernel", "tile", "buffer", "schedule", "vector", "llvm", "object", "artifact"]
FLOAT = TensorProto.FLOAT


@pytest.fixture
def model(tmp_path):
    return save_small(tmp_path / "small.onnx")


def report(model, *flags, output="a.so"):
    """The page of a compilation."""
    page = model.parent / "r.html"
    result = lepton("compile", model, "-o", model.parent / output, f"--report={page}", *flags)
    assert result.returncode == OK and result.stderr == "", result.stderr
    return page


# ---- facts -----------------------------------------------------------------------------------------------------------


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
    assert facts["graph"] == [] and facts["kernels"] == []


def test_folder_that_is_absent(tmp_path, model):
    missing = tmp_path / "absent/r.html"
    result = lepton("compile", model, "-o", tmp_path / "b.so", f"--report={missing}")
    assert result.returncode == INPUT and f"{missing}: cannot be written: there is no folder" in result.stderr
    assert not (tmp_path / "b.so").exists()


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
    nodes = [helper.make_node("Cast", ["x"], ["f"], to=TensorProto.INT64), helper.make_node("ReduceMax", ["f"], ["m"], keepdims=0), helper.make_node("Mul", ["m", "zero"], ["o"])]
    nodes += [helper.make_node("Add", ["o", "five"], ["n"]), helper.make_node("Loop", ["n", "", "x"], ["y"], body=body)]
    path = save(tmp_path / "m.onnx", nodes, {"x": (FLOAT, [600])}, {"y": (FLOAT, [600])}, {"zero": np.array(0, np.int64), "five": np.array(5, np.int64)})
    facts = facts_of(report(path))
    assert [kernel["measuredCalls"] for kernel in facts["kernels"] if kernel["name"].startswith("sin")] == [5]


def together(a, b):
    return a["first"] <= b["last"] and b["first"] <= a["last"]


def test_memory_plan(tmp_path):
    """Buffers that live at one time lie apart, within the arena; a chain of kernels needs two at a time."""
    nodes = [helper.make_node("Softmax", [f"v{i}"], [f"v{i + 1}"]) for i in range(6)]
    path = save(tmp_path / "m.onnx", nodes, {"v0": (FLOAT, [4, 1000])}, {"v6": (FLOAT, [4, 1000])})
    facts = facts_of(report(path, "-O0"))
    memory, buffers = facts["memory"], facts["memory"]["buffers"]
    assert memory["steps"] == [node["name"] for node in facts["graph"] if node["kind"] == "kernel"] and memory["pooled"] == 0
    assert len(buffers) == len(memory["steps"]) - 1 and max(buffer["offset"] + buffer["bytes"] for buffer in buffers) <= memory["bytes"] < 3 * 16064
    assert all(buffer["bytes"] == 16000 and buffer["last"] == buffer["first"] + 1 for buffer in buffers)
    pairs = [(a, b) for i, a in enumerate(buffers) for b in buffers[:i] if together(a, b)]
    assert len(pairs) == len(buffers) - 1 and all(a["offset"] + a["bytes"] <= b["offset"] or b["offset"] + b["bytes"] <= a["offset"] for a, b in pairs)


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


# ---- the page --------------------------------------------------------------------------------------------------------

HOSTILE = "</script><script>document.title='stolen'</script><img src=x onerror=\"document.title='stolen'\">"


def save_chain(path, length):
    """Pairs of a sine, which ends a kernel where its value is an output too, and a sum with the value before."""
    nodes, outputs, last = [], {}, "x"
    for i in range(length):
        nodes += [helper.make_node("Sin", [last], [f"s{i}"], name=f"wave{i}"), helper.make_node("Add", [f"s{i}", last], [f"a{i}"], name=f"sum{i}")]
        outputs |= {f"s{i}": (FLOAT, [4]), f"a{i}": (FLOAT, [4])}
        last = f"a{i}"
    return save(path, nodes, {"x": (FLOAT, [4])}, outputs)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    assert CHROMIUM, "there is no chromium; tools/setup/setup.sh installs it"
    with Browser(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


def open_page(browser, page):
    """Opens a page and sees that it needs nothing else and complains of nothing."""
    browser.complaints.clear()
    browser.requests.clear()
    browser.open(page)
    assert browser.complaints == [] and browser.requests == [page.as_uri()]
    browser.show("#graph")


def test_page_shows_all(browser, model):
    page = report(model, "--dim=N=10")
    open_page(browser, page)
    facts = facts_of(page)
    assert browser.value("document.title") == str(model)
    assert browser.value("document.querySelectorAll('.node').length") == len(facts["graph"])
    assert browser.value("document.querySelectorAll('#kernels tr[data-kernel]').length") == len(facts["kernels"])
    shown = browser.value("[...document.querySelectorAll('#phases tr')].slice(1).map(row => row.cells[0].textContent)")
    assert shown == [*PHASES, "all"]


def test_pages_of_what_ends_early_or_is_symbolic(browser, model):
    for flags, output in ((["--compile-to=graph"], "a.mlir"), (["--compile-to=import"], "a.mlir"), ([], "a.s"), (["-O0"], "a.so")):
        open_page(browser, report(model, *flags, output=output))
        assert browser.value("document.querySelectorAll('section').length") >= 4


def test_search_marks_kernels_and_finds_the_next(browser, tmp_path):
    open_page(browser, report(save_chain(tmp_path / "chain.onnx", 6)))
    browser.type("#search", "wave3")
    assert browser.value("byId('matches').textContent").startswith("1 of ")
    assert browser.value("document.querySelectorAll('.node.found').length") == 1
    assert browser.value("document.querySelectorAll('#kernels tr.found').length") == 1
    browser.press_enter()
    canvas, found = browser.middle("#canvas"), browser.middle(".node.found")
    assert canvas == pytest.approx(found, abs=2)  # it has come to the middle
    assert "wave3" in browser.value("byId('details').textContent")
    browser.type("#search", "no such thing")
    assert browser.value("byId('matches').textContent").startswith("0 of ")
    browser.type("#search", "sin")
    assert browser.value("document.querySelectorAll('.node.found').length") >= 6


def test_zoom_and_drag(browser, tmp_path):
    open_page(browser, report(save_chain(tmp_path / "chain.onnx", 6)))
    browser.click("#fit")
    x, y = browser.middle(".node.input")
    scale = browser.value("camera.scale")
    browser.wheel(x, y, -400)
    assert browser.value("camera.scale") == pytest.approx(scale * np.e)
    assert browser.middle(".node.input") == pytest.approx([x, y], abs=2)  # what is under the pointer stays there
    browser.drag(x, y, 50, 30)
    assert browser.middle(".node.input") == pytest.approx([x + 50, y + 30], abs=2)
    browser.click("#fit")
    assert browser.value("camera.scale") == pytest.approx(scale) and browser.middle(".node.input") == pytest.approx([x, y], abs=2)
    browser.click("#closer")
    assert browser.value("camera.scale") > scale
    browser.click("#farther")
    assert browser.value("camera.scale") == pytest.approx(scale)


def test_click_shows_a_kernel(browser, model):
    open_page(browser, report(model, "--dim=N=10"))
    browser.click(".node.kernel")
    shown = browser.value("byId('details').textContent")
    assert "product" in shown and "matmul" in shown
    browser.click("#kernels tr[data-kernel]")
    assert browser.value("document.querySelectorAll('.node.selected').length") == 1


def test_roofline_shows_kernels(browser, model):
    page = report(model, "--dim=N=10")
    open_page(browser, page)
    dots = browser.value("[...document.querySelectorAll('#roofline circle')].map(dot => [dot.dataset.kernel, Number(dot.getAttribute('cx')), Number(dot.getAttribute('cy'))])")
    computing = [i for i, kernel in enumerate(facts_of(page)["kernels"]) if kernel["flops"]]
    assert [int(kernel) for kernel, _, _ in dots] == computing and all(60 <= x <= 880 and 28 <= y <= 380 for _, x, y in dots)
    assert browser.value("document.querySelectorAll('#roofline .roof').length") == 5
    browser.click("#roofline circle")
    assert browser.value("document.querySelectorAll('.node.selected').length") == 1
    open_page(browser, report(model))
    assert "--dim gives sizes" in browser.value("document.querySelector('#roofline .note').textContent")


def test_memory_is_drawn(browser, tmp_path):
    page = report(save_chain(tmp_path / "chain.onnx", 6), "-O0")
    open_page(browser, page)
    buffers = facts_of(page)["memory"]["buffers"]
    drawn = browser.value("[...document.querySelectorAll('#memory rect')].map(rect => ['x', 'y', 'width', 'height'].map(name => Number(rect.getAttribute(name))))")
    assert len(drawn) == len(buffers) and all(x >= 60 and y >= 27 and width > 0 and height > 0 and x + width <= 881 and y + height <= 381 for x, y, width, height in drawn)


def test_passes_and_schedules_are_listed(browser, model):
    page = report(model, "--dim=N=10")
    open_page(browser, page)
    facts = facts_of(page)
    assert browser.value("document.querySelectorAll('#passes > table tr').length") == 1 + len(facts["passes"])
    assert browser.value("document.querySelectorAll('#passes details tr').length") == len(facts["remarks"]) + len({remark["pass"] for remark in facts["remarks"]})
    assert "No kernel was tuned" in browser.value("byId('tuned').textContent") and "register_block" in browser.value("byId('tuned').textContent")
    browser.click(".node.kernel")
    assert "tiles of 64 rows" in browser.value("byId('details').textContent")


def test_names_are_text(browser, tmp_path):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["p"], name=HOSTILE), helper.make_node("Relu", ["p"], [HOSTILE], name="\\u003c<!--<script>")]
    path = save(tmp_path / "m.onnx", nodes, {"x": (FLOAT, ["<b>", 4])}, {HOSTILE: (FLOAT, ["<b>", 3])}, {"w": np.ones((4, 3), np.float32)})
    page = report(path)
    open_page(browser, page)
    assert browser.value("document.title") == str(path) and browser.value("document.querySelectorAll('img, b').length") == 0
    assert browser.value("facts.graph.at(-1).name") == HOSTILE
    browser.click(".node.kernel")
    assert HOSTILE in browser.value("byId('details').textContent")


def save_fan(path, width):
    """Kernels that all take the same value, and a last one that takes them all."""
    names = [f"s{i}" for i in range(width)]
    nodes = [helper.make_node("Pow", ["x", f"c{name}"], [name], name=name) for name in names]
    nodes.append(helper.make_node("Concat", names, ["y"], axis=0, name="last"))
    constants = {f"c{name}": np.float32(i) for i, name in enumerate(names)}
    return save(path, nodes, {"x": (FLOAT, [4])}, {"y": (FLOAT, [4 * width])}, constants)


@pytest.mark.parametrize("write, size, least", [(save_chain, 100, 300), (save_fan, 40, 40)], ids=["chain", "fan"])
def test_boxes_stand_apart(browser, tmp_path, write, size, least):
    """Hundreds of kernels: no two boxes overlap, and each stands below those that it takes values from."""
    open_page(browser, report(write(tmp_path / "m.onnx", size), "-O0"))
    places = browser.value("layOut(facts.graph).boxes")
    assert len(places) >= least
    rows = {}
    for box in places:
        rows.setdefault(box["y"], []).append((box["x"] - box["width"] / 2, box["x"] + box["width"] / 2))
    assert all(left[1] < right[0] for row in map(sorted, rows.values()) for left, right in zip(row, row[1:]))
    assert browser.value("(boxes => facts.graph.every((node, i) => node.inputs.every(input => boxes[input].y < boxes[i].y)))(layOut(facts.graph).boxes)") is True
