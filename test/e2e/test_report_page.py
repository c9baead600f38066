"""The page of lepton compile --report in a browser: it needs nothing else, complains of nothing, and can be searched and zoomed."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from browser import CHROMIUM, Browser
from common import facts_of, report, save, save_small

FLOAT = TensorProto.FLOAT
HOSTILE = "</script><script>document.title='stolen'</script><img src=x onerror=\"document.title='stolen'\">"


def save_chain(path, length):
    """Pairs of a sine, which ends a kernel where its value is an output too, and a sum with the value before."""
    nodes, outputs, last = [], {}, "x"
    for i in range(length):
        nodes += [helper.make_node("Sin", [last], [f"s{i}"], name=f"wave{i}"), helper.make_node("Add", [f"s{i}", last], [f"a{i}"], name=f"sum{i}")]
        outputs |= {f"s{i}": (FLOAT, [4]), f"a{i}": (FLOAT, [4])}
        last = f"a{i}"
    return save(path, nodes, {"x": (FLOAT, [4])}, outputs)


@pytest.fixture
def model(tmp_path):
    return save_small(tmp_path / "small.onnx")


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
    assert shown == [*[phase["name"] for phase in facts["phases"]], "all"]


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
