"""lepton tune: the search with injected measurements and an injected clock, the processes that measure, and the command."""

import argparse
import os
import signal
import subprocess
import sys
import time

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from common import LEPTON, SECONDS, difference, lepton, save

import lepton as api
from lepton_tune.database import Database, Key
from lepton_tune.kernels import Choice, Kernel
from lepton_tune.main import check
from lepton_tune.measure import Comparison, Measurer, MeasureError, Result
from lepton_tune.model import CostModel
from lepton_tune.search import TURN, Search

KEY = Key("t", 1, "c")
SCHEDULE = "#lepton.schedule<algorithm = register_block, lanes = 8, rows = {}>"


def make_kernel(name="k", calls=1, choices=1, candidates=12):
    """A kernel of which the compiler expects the default to be the best, and each candidate to be a little worse than the one before."""
    schedules, costs = [SCHEDULE.format(row + 1) for row in range(candidates)], [100 + row for row in range(candidates)]
    return Kernel(name, name, f"{name}.mlir", calls, 1000, [], [Choice([64, 32, 16], 1, schedules, costs) for _ in range(choices)], 0, [], {"m": calls})


def rows_of(schedules):
    return tuple(int(schedule.split("rows = ")[1].rstrip(">")) for schedule in schedules)


class FakeMachine:
    """A clock, and a measurer that moves it: {rows of each choice: nanoseconds} says what runs how long, `noise` what comes on top of each comparison's rounds."""

    def __init__(self, times, step=0.1, noise=lambda rows, turn: 1.0, fault=lambda rows: None):
        self.now, self.times, self.step, self.noise, self.fault = 0.0, times, step, noise, fault
        self.asked, self.compared = [], []

    def clock(self):
        return self.now

    def measure_default(self, kernel, timeout):
        return self._run(kernel, kernel.default, timeout)

    def measure(self, kernel, schedules, limit, timeout):
        ns, default_ns = self._run(kernel, schedules, timeout), self.times(rows_of(kernel.default))
        return Result(ns, default_ns, ns > limit * default_ns)

    def _run(self, kernel, schedules, timeout):
        rows = rows_of(schedules)
        self.asked.append((kernel.name, rows))
        self.now += self.step
        if fault := self.fault(rows):
            self.now += min(timeout, fault) - self.step
            raise MeasureError("no answer")
        return self.times(rows)

    def compare(self, kernel, candidates, timeout):
        self.now += self.step * len(candidates)
        self.compared.append([rows_of(schedules) for schedules in candidates])
        return Comparison({s: [self.times(rows_of(s)) * self.noise(rows_of(s), turn) for turn in range(9)] for s in candidates})


def search(tmp_path, machine, kernels, seconds=1000):
    with Database(tmp_path / "t.db") as database:
        found = Search(kernels, KEY, database, [machine], machine.clock)
        found.run(machine.now + seconds)
        return found, database.tuned(KEY), database.measured(KEY)


def test_the_fastest_is_found_and_kept(tmp_path):
    machine = FakeMachine(lambda rows: 100 + 10 * abs(rows[0] - 7))
    found, tuned, measured = search(tmp_path, machine, [make_kernel()])
    assert rows_of(tuned["k"].schedules) == (7,) and (tuned["k"].default_ns, tuned["k"].tuned_ns) == (160, 100)
    assert found.gain() == pytest.approx(1.6) and len(measured) == 11
    assert all([(1,), rows] == rivals[:2] for rivals in machine.compared for rows in [rivals[1]])  # the default is in every comparison


def test_choices_of_a_kernel_are_tuned_together(tmp_path):
    machine = FakeMachine(lambda rows: 100 + 10 * abs(rows[0] - 5) + 7 * abs(rows[1] - 3))
    _, tuned, _ = search(tmp_path, machine, [make_kernel(choices=2)])
    assert rows_of(tuned["k"].schedules) == (5, 3)


def test_the_default_stays_where_nothing_is_faster(tmp_path):
    _, tuned, _ = search(tmp_path, FakeMachine(lambda rows: 100 + rows[0]), [make_kernel()])
    assert not tuned


def test_the_default_stays_where_noise_hides_the_difference(tmp_path):
    """The first measurement flatters a candidate; in interleaved rounds it wins every other round only."""
    machine = FakeMachine(lambda rows: 100 if rows == (1,) else 97, noise=lambda rows, turn: 1.0 + 0.1 * ((turn + (rows == (1,))) % 2))
    _, tuned, measured = search(tmp_path, machine, [make_kernel()])
    assert machine.compared and not tuned and len(measured) == 11


def test_a_flattered_candidate_that_is_slower_is_never_kept(tmp_path):
    class Flattering(FakeMachine):
        def measure(self, kernel, schedules, limit, timeout):
            result = super().measure(kernel, schedules, limit, timeout)
            return Result(result.ns / 2, result.default_ns, False)

    machine = Flattering(lambda rows: 100 + rows[0])
    _, tuned, _ = search(tmp_path, machine, [make_kernel()])
    assert len(machine.compared) == 11 and not tuned


def test_the_budget_is_kept(tmp_path):
    """A step begins only where there is time for it."""
    for seconds in (0.05, 1, 3.3):
        machine = FakeMachine(lambda rows: 100 + 10 * abs(rows[0] - 7), step=0.25)
        folder = tmp_path / str(seconds)
        folder.mkdir()
        search(folder, machine, [make_kernel(str(i), candidates=100) for i in range(4)], seconds)
        assert seconds - 1.5 * 0.75 <= machine.now <= seconds + 0.25 * (seconds < 1)


def test_faults_of_candidates_cost_their_time_only(tmp_path):
    """A candidate that hangs takes what is left to it, is noted, and is not tried again; the search goes on."""
    machine = FakeMachine(lambda rows: 100 - rows[0], fault=lambda rows: 20.0 if rows[0] in (4, 12) else None)
    _, tuned, measured = search(tmp_path, machine, [make_kernel()])
    assert rows_of(tuned["k"].schedules) == (11,)
    assert sorted(rows_of(row.schedules)[0] for row in measured if row.outcome == "no answer") == [4, 12]
    before = len(machine.asked)
    search(tmp_path, machine, [make_kernel()])
    assert machine.asked[before:] == []  # nothing is new


def test_a_kernel_whose_default_fails_is_left_alone(tmp_path):
    machine = FakeMachine(lambda rows: 100, fault=lambda rows: 1.0)
    found, tuned, measured = search(tmp_path, machine, [make_kernel()])
    assert found.states[0].failed == "no answer" and not tuned and not measured


def test_kernels_get_tries_by_their_share_of_the_time(tmp_path):
    machine = FakeMachine(lambda rows: 100.0)
    search(tmp_path, machine, [make_kernel("much", calls=9, candidates=250), make_kernel("little", candidates=250)], seconds=20)
    tries = [name for name, rows in machine.asked if rows != (1,)]
    assert tries.count("much") == pytest.approx(9 * tries.count("little"), abs=9 * TURN)


def test_what_is_found_can_be_given_up(tmp_path):
    """The database holds again what it held before the session."""
    search(tmp_path, FakeMachine(lambda rows: 100 + 10 * abs(rows[0] - 3)), [make_kernel("old")])
    with Database(tmp_path / "t.db") as database:
        before = database.tuned(KEY)
        machine = FakeMachine(lambda rows: 100 + 10 * abs(rows[0] - 20))
        found = Search([make_kernel("old", candidates=24), make_kernel("new", candidates=24)], KEY, database, [machine], machine.clock)
        found.run(1000)
        assert found.kept == {"old", "new"} and database.tuned(KEY).keys() == {"old", "new"}
        found.forget()
        assert database.tuned(KEY) == before and before.keys() == {"old"}


def test_what_was_found_is_remembered_relative_to_the_default(tmp_path):
    """On a machine that is twice as slow today nothing is given up for it."""
    search(tmp_path, FakeMachine(lambda rows: 100 + 10 * abs(rows[0] - 3)), [make_kernel()])
    found, tuned, _ = search(tmp_path, FakeMachine(lambda rows: 200 + 20 * abs(rows[0] - 3)), [make_kernel(candidates=14)])
    assert rows_of(tuned["k"].schedules) == (3,) and found.gain() == pytest.approx(1.2)


def test_the_model_learns_what_the_compiler_got_wrong(monkeypatch):
    """The compiler expects more rows to be slower; they are faster. Without scikit-learn its word stands."""
    kernel = make_kernel(candidates=40)
    features = [kernel.features((schedule,)) for schedule in kernel.choices[0].candidates]
    for is_installed in (True, False):
        if not is_installed:
            monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
        model = CostModel()
        for rows in range(1, 40, 1):
            model.learn(features[rows], 1.5 - rows / 40)
        guesses = model.guess(features)
        assert (guesses[5] > guesses[35]) == is_installed


class Models:
    """Measures whole models: {model: their time with what was found, as a part of the time without}."""

    def __init__(self, ratios):
        self.ratios = ratios

    def compare_models(self, model, sizes, database, end):
        if self.ratios[model] is None:
            raise MeasureError("no answer")
        return Comparison({False: [100.0] * 9, True: [100.0 * self.ratios[model]] * 9})


@pytest.mark.parametrize("ratios, stays", [({"a": 0.9, "b": 0.99}, True), ({"a": 0.9, "b": 1.0}, False), ({"a": 1.1, "b": 0.9}, False), ({"a": None, "b": 0.9}, True)])
def test_what_makes_no_model_faster_as_a_whole_is_given_up(tmp_path, ratios, stays):
    arguments = argparse.Namespace(models=["a", "b"], sizes={}, tuning_db=tmp_path / "t.db")
    machine = FakeMachine(lambda rows: 100 + 10 * abs(rows[0] - 7))
    with Database(tmp_path / "t.db") as database:
        found = Search([make_kernel()], KEY, database, [machine], machine.clock)
        found.run(1000)
        assert database.tuned(KEY)
        comparisons = check(arguments, found, Models(ratios), end=1e9)
        assert bool(database.tuned(KEY)) == stays == bool(comparisons)


# ---- the processes that measure -----------------------------------------------------------------------------------------

WORKER = """
import json, os, signal, sys, time
for line in sys.stdin:
    request = json.loads(line)
    what = request.get("schedules", [""])[0]
    if what == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "leave":
        sys.exit(3)
    if what == "hang":
        time.sleep(1000)
    print(json.dumps({"error": "refused"} if what == "fail" else {"ns": [5, 4], "cut": False} if "run" in request else {}), flush=True)
"""


@pytest.mark.parametrize("fault, reason", [("crash", "crashed with SIGSEGV"), ("leave", "status 3"), ("hang", "no answer in 1 s"), ("fail", "refused")])
def test_a_candidate_that_takes_the_process_with_it(fault, reason):
    with Measurer(KEY, 1, "", command=(sys.executable, "-c", WORKER)) as measurer:
        with pytest.raises(MeasureError, match=reason):
            measurer.measure(make_kernel(), (fault,), 2, timeout=1 if fault == "hang" else SECONDS)
        assert measurer.measure(make_kernel(), ("good",), 2, SECONDS) == Result(4, 4, False)
        assert measurer.compare(make_kernel(), [("a",), ("b",)], SECONDS).rounds == {("a",): [4] * 9, ("b",): [4] * 9}


# ---- the command --------------------------------------------------------------------------------------------------------


@pytest.fixture
def model(tmp_path):
    """Two products, the second of which two models could share."""
    random = np.random.default_rng(0)
    weights = {name: random.standard_normal(shape).astype(np.float32) for name, shape in (("v", (48, 72)), ("w", (72, 40)))}
    nodes = [helper.make_node("MatMul", ["x", "v"], ["p"]), helper.make_node("Relu", ["p"], ["q"]), helper.make_node("MatMul", ["q", "w"], ["y"])]
    return save(tmp_path / "m.onnx", nodes, {"x": (TensorProto.FLOAT, ["N", 48])}, {"y": (TensorProto.FLOAT, ["N", 40])}, weights)


def test_kernels_of_unknown_sizes_are_named(tmp_path, model):
    result = lepton("tune", model, "--budget=1", "--tuning-db", tmp_path / "t.db")
    assert result.returncode == 0 and "its sizes are known at run time only; --dim gives them" in result.stderr, result.stderr


def test_control_c_keeps_what_was_found(tmp_path, model):
    """And what was found computes the same, by way of the command line and of Python."""
    path = tmp_path / "t.db"
    command = [LEPTON, "tune", model, "--budget=100", "--dim=N=30", f"--tuning-db={path}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    measured = []
    while len(measured) < 12 and process.poll() is None:
        time.sleep(0.2)
        if path.exists():
            with Database(path) as database:
                measured = database.export()["measured"]
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0 and "what was found is kept" in err and " choices kept" in out, err
    with Database(path) as database:
        document = database.export()
    assert len(document["measured"]) >= len(measured) and all(row["tuned_ns"] < row["default_ns"] for row in document["tuned"])
    x = np.random.default_rng(3).standard_normal((30, 48)).astype(np.float32)
    expected = onnxruntime.InferenceSession(model).run(None, {"x": x})[0]
    assert lepton("compile", model, "--dim=N=30", "--tuning-db", path, "-o", tmp_path / "m.so").returncode == 0
    for session in (api.InferenceSession(tmp_path / "m.so"), api.InferenceSession(model, dims={"N": 30}, tuning_db=path)):
        assert difference(expected, session.run(None, {"x": x})[0]) < 1e-5


def test_compile_tunes_first(tmp_path, model):
    """The search ends, the artifact is there, and a search that fails is the compilation's failure."""
    result = lepton("compile", model, "--dim=N=30", "--tune=2s", "--tuning-db", tmp_path / "t.db", "-o", tmp_path / "m.so")
    assert result.returncode == 0 and (tmp_path / "m.so").exists(), result.stderr
    with Database(tmp_path / "t.db"):
        pass
    result = lepton("compile", model, "--tune=soon", "--tuning-db", tmp_path / "t.db", "-o", tmp_path / "n.so")
    assert result.returncode == 2 and not (tmp_path / "n.so").exists()


def test_a_search_is_explained(tmp_path):
    """In words with the fastest first, and as a page with a picture of every try."""
    path = tmp_path / "t.db"
    machine = FakeMachine(lambda rows: 1000 + 100 * abs(rows[0] - 7), fault=lambda rows: 1.0 if rows == (9,) else None)
    search(tmp_path, machine, [make_kernel("product", candidates=30)])
    result = lepton("tune", "--explain=product", "--page", tmp_path / "p.html", "--tuning-db", path)
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("product (product) for t with 1 thread: 29 tries: ") and "1 no answer" in lines[0] and "0.625 of the default's 1.60 us" in lines[0]
    assert lines[2].split()[1:3] == ["1.00", "0.625"] and "faster" in lines[2] and "rows = 7" in lines[2] and lines[-1] == "and 9 slower ones"
    page = (tmp_path / "p.html").read_text()
    assert page.count("<circle") == 28 and page.count("<tr>") == 30 and page.count("<svg") == 1
    result = lepton("tune", "--explain=quotient", "--tuning-db", path)
    assert result.returncode == 1 and "holds nothing about the kernel 'quotient'" in result.stderr


def test_faults(tmp_path, model):
    for arguments, status, part in (
        (["absent.onnx"], 1, "absent.onnx: cannot be read"),
        ([model, "--dim=M=2"], 1, "no dimension 'M'"),
        ([model, "--budget=soon"], 2, "--budget takes seconds"),
        ([model, "--threads=0"], 2, "positive"),
        ([model, "--cpu=abacus"], 2, "unknown processor 'abacus'"),
        ([model, "--cpu=x86-64-v2,x86-64-v3"], 2, "--cpu takes one processor here"),
        ([model, "--dim=N=1:8"], 2, "--dim takes NAME=VALUE here"),
        ([model, "--page=p.html"], 2, "--explain"),
        ([], 2, "name a model"),
    ):
        result = lepton("tune", *arguments, "--tuning-db", tmp_path / "t.db")
        assert result.returncode == status and part in result.stderr, result.stderr
        assert "Traceback" not in result.stderr
