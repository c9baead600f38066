"""The algorithms of convolutions: the compiler obeys each, and the search finds the one that takes the least in the whole model."""

import json
import time

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from common import LEPTON, difference, lepton, save

import lepton as api
from lepton_tune.database import Database, Key, Tuned
from lepton_tune.layers import Layer, LayerSearch, Tracer, choice, gather_layers, least_times
from lepton_tune.measure import MeasureError

KEY = Key("t", 1, "c")


@pytest.fixture(autouse=True)
def command(monkeypatch):
    """The command that the packages start is the one under test, which says so to those that it starts itself."""
    monkeypatch.setattr("lepton_tune.kernels.LEPTON", str(LEPTON))
    monkeypatch.setenv("LEPTON_COMMAND", str(LEPTON))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """3x3 by 32 channels, a depthwise and a pointwise convolution, 3x3 again on what the pointwise one frames, and a line of 3 taps."""
    random = np.random.default_rng(0)
    shapes = {"a": (32, 16, 3, 3), "b": (32, 1, 3, 3), "c": (32, 32, 1, 1), "d": (16, 32, 3, 3), "e": (16, 16, 3)}
    weights = {name: (random.standard_normal(shape) / 10).astype(np.float32) for name, shape in shapes.items()}
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["p"], "first", pads=[1] * 4),
        helper.make_node("Relu", ["p"], ["q"], "rectified"),
        helper.make_node("Conv", ["q", "b"], ["r"], "depthwise", pads=[1] * 4, group=32),
        helper.make_node("Conv", ["r", "c"], ["s"], "pointwise"),
        helper.make_node("Conv", ["s", "d"], ["t"], "last", pads=[1] * 4),
        helper.make_node("Reshape", ["t", "shape"], ["u"], "flat"),
        helper.make_node("Conv", ["u", "e"], ["y"], "line", pads=[1] * 2),
    ]
    constants = weights | {"shape": np.array([1, 16, 1024], np.int64)}
    return save(tmp_path_factory.mktemp("model") / "m.onnx", nodes, {"x": (TensorProto.FLOAT, [1, 16, 32, 32])}, {"y": (TensorProto.FLOAT, [1, 16, 1024])}, constants)


@pytest.fixture(scope="module")
def facts(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernels")
    result = lepton("compile", model, "--compile-to=schedule", "--dump-kernels", folder)
    assert result.returncode == 0, result.stderr
    return json.loads((folder / "kernels.json").read_text())


def key_of(facts):
    return Key(facts["target"], facts["threads"], facts["compiler"])


def test_layers_are_named(facts):
    """What has one algorithm only, the depthwise convolution, is none. Neighbours that share a kernel with a pointwise convolution are judged with it."""
    candidates = {layer["nodes"][0]: set(layer["candidates"]) for layer in facts["layers"]}
    images = {"direct", "winograd_2", "winograd_2_inside", "winograd_4", "winograd_4_inside", "winograd_6", "winograd_6_inside"}
    assert candidates == {"first": images, "pointwise": {"direct", "rows"}, "last": images, "line": {"direct", "winograd_2_inside", "winograd_4_inside", "winograd_6_inside"}}
    assert [layer["nodes"] for layer in facts["layers"]][1][-1] == "last" and all(layer["chosen"] == layer["candidates"][0] for layer in facts["layers"])


def test_each_algorithm_is_obeyed_and_computes_the_same(model, facts, tmp_path):
    x = np.random.default_rng(3).standard_normal((1, 16, 32, 32)).astype(np.float32)
    expected = onnxruntime.InferenceSession(model).run(None, {"x": x})[0]
    for layer in facts["layers"]:
        for i, algorithm in enumerate(layer["candidates"]):
            path = tmp_path / f"{layer['hash']}-{i}.db"
            with Database(path) as database:
                database.store(key_of(facts), Tuned(layer["hash"], layer["name"], [choice(algorithm)], 2.0, 1.0))
            again = tmp_path / path.stem
            assert lepton("compile", model, "--compile-to=schedule", "--dump-kernels", again, "--tuning-db", path).returncode == 0
            chosen = {other["hash"]: other["chosen"] for other in json.loads((again / "kernels.json").read_text())["layers"]}
            assert chosen == {other["hash"]: other["chosen"] for other in facts["layers"]} | {layer["hash"]: algorithm}
            assert difference(expected, api.InferenceSession(model, tuning_db=path).run(None, {"x": x})[0]) < 1e-4


def test_what_is_no_algorithm_changes_nothing(model, facts, tmp_path):
    """Nor does one that the convolution does not allow."""
    plain = lepton("compile", model, "--compile-to=graph").stdout
    for i, text in enumerate((choice("fft"), choice("rows"), "{tile_rows = 8 : i64}")):
        path = tmp_path / f"{i}.db"
        with Database(path) as database:
            database.store(key_of(facts), Tuned(facts["layers"][0]["hash"], "first", [text], 2.0, 1.0))
        tuned = lepton("compile", model, "--compile-to=graph", "--tuning-db", path).stdout
        assert plain.split("func.func")[1] == tuned.split("func.func")[1]


def test_a_trace_says_what_nodes_take(model, facts):
    tracer = Tracer(key_of(facts), [], "", facts["threads"])
    first = facts["layers"][0]
    for chosen in {}, {first["hash"]: "direct"}:
        times = tracer(model, chosen, 1e6, time.monotonic() + 60)
        assert {layer["nodes"][0] for layer in facts["layers"]} <= times.keys() and all(ns > 0 for ns in times.values())
    for path, seconds, said in (model, 0, "no answer in time"), ("absent.onnx", 60, "absent.onnx"):
        with pytest.raises(MeasureError, match=said):
            tracer(path, {}, 1e6, time.monotonic() + seconds)


def test_kernels_count_where_they_took_the_least():
    def event(run, node, microseconds):
        return {"args": {"run": run, "node": node}, "dur": microseconds}

    events = [event(0, "a", 5.0), event(0, "b", 2.0), event(0, "a", 1.0), event(1, "a", 4.0), event(1, "b", 3.0), event(1, "a", 2.0)]
    assert least_times(events) == {"a": 5000.0, "b": 2000.0}
    assert least_times([*events, {"args": {"run": 2}, "dur": 1.0}]) == {} == least_times([])


# ---- the search ---------------------------------------------------------------------------------------------------------

SLOW, FAST = {"k": 100.0, "l": 100.0}, {"k": 80.0, "l": 99.0}


def layers():
    """Two convolutions of model m, the second of which n has, too."""
    entry = {"name": "k", "hash": "1", "nodes": ["k"], "candidates": ["direct", "rows"]}
    other = {"name": "l", "hash": "2", "nodes": ["l"], "candidates": ["direct", "rows", "winograd_4"]}
    return gather_layers({"m": [entry, other], "n": [other]})


def searched(tmp_path, trace, end=100.0):
    with Database(tmp_path / "t.db") as database:
        found = LayerSearch(layers(), {"m": 1, "n": 1}, KEY, database, trace, clock=lambda: 0.0)
        found.run(end)
        return found, database.tuned(KEY), database.measured(KEY)


def test_each_gets_what_took_the_least(tmp_path):
    asked = []

    def trace(model, chosen, flops, end):
        asked.append((model, chosen))
        return FAST if chosen else SLOW

    found, tuned, measured = searched(tmp_path, trace)
    assert asked == [("m", {}), ("n", {}), ("m", {"1": "rows", "2": "rows"}), ("n", {"2": "rows"}), ("m", {"2": "winograd_4"}), ("n", {"2": "winograd_4"})]
    assert found.kept == tuned.keys() == {"1"} and tuned["1"].schedules == [choice("rows")]  # the other's hundredth may be noise
    assert found.gain() == pytest.approx(300 / 280) and len(measured) == 5
    with Database(tmp_path / "t.db") as database:
        again = LayerSearch(layers(), {"m": 1, "n": 1}, KEY, database, trace, clock=lambda: 0.0)
        again.keep(Tuned("2", "l", [choice("rows")], 2.0, 1.0))
        again.forget()
        assert database.tuned(KEY) == tuned


def test_what_fails_is_passed_over(tmp_path, capsys):
    def trace(model, chosen, flops, end):
        if chosen == {"1": "rows", "2": "rows"}:
            raise MeasureError("no answer in time")
        return FAST if chosen else SLOW

    found, tuned, _ = searched(tmp_path, trace)
    assert not tuned and "rows of m: no answer in time" in capsys.readouterr().err


@pytest.mark.parametrize("default", [{}, {"other": 1.0}])
def test_a_model_without_times_is_left_alone(tmp_path, default):
    """Its steps are not those of its runs, since it branches or loops."""
    found, tuned, measured = searched(tmp_path, lambda model, chosen, flops, end: FAST if chosen else default)
    assert not tuned and not measured and found.gain() == 1.0


@pytest.mark.parametrize("names", [("", "k"), ("k", "k")])
def test_what_has_no_name_of_its_own_is_left_alone(names):
    entries = [{"name": "conv", "hash": str(i), "nodes": [name], "candidates": ["direct", "rows"]} for i, name in enumerate(names)]
    assert [layer.hash for layer in gather_layers({"m": entries})] == (["1"] if names[0] == "" else [])


def test_no_time_no_trace(tmp_path):
    found, tuned, _ = searched(tmp_path, lambda *_: SLOW, end=-1.0)
    assert found.tries == 0 and not tuned


def test_a_layer_without_times_has_its_default():
    layer = Layer("k", "1", ["direct", "rows"], {"m": [["k"]]})
    assert layer.fastest == "direct" and layer.best is None and layer.default_ns == 0
