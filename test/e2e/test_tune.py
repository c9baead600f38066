"""lepton tune: the search with injected measurements and an injected clock, the processes that measure, and the command."""

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
from lepton_tune.kernels import Contraction, Kernel
from lepton_tune.measure import Comparison, Measurer, MeasureError, Result
from lepton_tune.search import Search

KEY = Key("t", 1, "c")
SCHEDULE = "#lepton.schedule<algorithm = register_block, lanes = 8, rows = {}>"


def make_kernel(name="k", calls=1, contractions=1, candidates=12):
    """A kernel of which the compiler expects the default to be the best, and each candidate to be a little worse than the one before."""
    schedules, costs = [SCHEDULE.format(row + 1) for row in range(candidates)], [100 + row for row in range(candidates)]
    return Kernel(name, name, f"{name}.mlir", calls, 1000, [], [Contraction([64, 32, 16], 1, schedules, costs) for _ in range(contractions)], {"m": calls})


def rows_of(schedules):
    return tuple(int(schedule.split("rows = ")[1].rstrip(">")) for schedule in schedules)


class FakeMachine:
    """A clock, and a measurer that moves it: {rows of each contraction: nanoseconds} says what runs how long, `noise` what comes on top of each comparison's rounds."""

    def __init__(self, times, step=0.1, noise=lambda rows, turn: 1.0, fault=lambda rows: None):
        self.now, self.times, self.step, self.noise, self.fault = 0.0, times, step, noise, fault
        self.asked, self.compared = [], []

    def clock(self):
        return self.now

    def measure(self, kernel, schedules, limit_ns, timeout):
        rows = rows_of(schedules)
        self.asked.append((kernel.name, rows))
        self.now += self.step
        if fault := self.fault(rows):
            self.now += min(timeout, fault) - self.step
            raise MeasureError("no answer")
        ns = self.times(rows)
        return Result(ns, ns > limit_ns)

    def compare(self, kernel, candidates, timeout):
        self.now += self.step * len(candidates)
        self.compared.append([rows_of(schedules) for schedules in candidates])
        return Comparison({s: [self.times(rows_of(s)) * self.noise(rows_of(s), turn) for turn in range(9)] for s in candidates})


def search(tmp_path, machine, kernels, seconds=1000):
    with Database(tmp_path / "t.db") as database:
        found = Search(kernels, KEY, database, machine, machine.clock)
        found.run(machine.now + seconds)
        return found, database.tuned(KEY), database.measured(KEY)


def test_the_fastest_is_found_and_kept(tmp_path):
    machine = FakeMachine(lambda rows: 100 + 10 * abs(rows[0] - 7))
    found, tuned, measured = search(tmp_path, machine, [make_kernel()])
    assert rows_of(tuned["k"].schedules) == (7,) and (tuned["k"].default_ns, tuned["k"].tuned_ns) == (160, 100)
    assert found.gain() == pytest.approx(1.6) and len(measured) == 11
    assert all([(1,), rows] == rivals[:2] for rivals in machine.compared for rows in [rivals[1]])  # the default is in every comparison


def test_contractions_of_a_kernel_are_tuned_together(tmp_path):
    machine = FakeMachine(lambda rows: 100 + 10 * abs(rows[0] - 5) + 7 * abs(rows[1] - 3))
    _, tuned, _ = search(tmp_path, machine, [make_kernel(contractions=2)])
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
        def measure(self, kernel, schedules, limit_ns, timeout):
            result = super().measure(kernel, schedules, limit_ns, timeout)
            return result if rows_of(schedules) == (1,) else Result(result.ns / 2, False)

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
    assert machine.asked[before:] == [("k", (1,))]  # nothing but the default is new


def test_a_kernel_whose_default_fails_is_left_alone(tmp_path):
    machine = FakeMachine(lambda rows: 100, fault=lambda rows: 1.0)
    found, tuned, measured = search(tmp_path, machine, [make_kernel()])
    assert found.states[0].failed == "no answer" and not tuned and not measured


def test_kernels_get_tries_by_their_share_of_the_time(tmp_path):
    machine = FakeMachine(lambda rows: 100.0)
    search(tmp_path, machine, [make_kernel("much", calls=9, candidates=200), make_kernel("little", candidates=200)], seconds=10)
    tries = [name for name, rows in machine.asked if rows != (1,)]
    assert tries.count("much") == pytest.approx(9 * tries.count("little"), abs=9)


def test_what_was_found_is_remembered_relative_to_the_default(tmp_path):
    """On a machine that is twice as slow today nothing is given up for it."""
    search(tmp_path, FakeMachine(lambda rows: 100 + 10 * abs(rows[0] - 3)), [make_kernel()])
    found, tuned, _ = search(tmp_path, FakeMachine(lambda rows: 200 + 20 * abs(rows[0] - 3)), [make_kernel()])
    assert rows_of(tuned["k"].schedules) == (3,) and found.gain() == pytest.approx(1.2)


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
            measurer.measure(make_kernel(), (fault,), 1e9, timeout=1 if fault == "hang" else SECONDS)
        assert measurer.measure(make_kernel(), ("good",), 1e9, SECONDS) == Result(4, False)
        assert measurer.compare(make_kernel(), [("a",), ("b",)], SECONDS).rounds == {("a",): [4] * 9, ("b",): [4] * 9}


# ---- the command --------------------------------------------------------------------------------------------------------


@pytest.fixture
def model(tmp_path):
    """Two products, the second of which two models could share."""
    random = np.random.default_rng(0)
    weights = {name: random.standard_normal(shape).astype(np.float32) for name, shape in (("v", (48, 72)), ("w", (72, 40)))}
    nodes = [helper.make_node("MatMul", ["x", "v"], ["p"]), helper.make_node("Relu", ["p"], ["q"]), helper.make_node("MatMul", ["q", "w"], ["y"])]
    return save(tmp_path / "m.onnx", nodes, {"x": (TensorProto.FLOAT, ["N", 48])}, {"y": (TensorProto.FLOAT, ["N", 40])}, weights)


def test_tunes_what_is_then_obeyed(tmp_path, model):
    """By `tune`, by `compile --tune`, and by Python: what was found computes the same."""
    path = tmp_path / "t.db"
    result = lepton("tune", model, "--budget=4", "--dim=N=30", "--tuning-db", path)
    assert result.returncode == 0 and f"{model}: kernels" in result.stdout, result.stderr
    with Database(path) as database:
        document = database.export()
    assert document["measured"] and all(row["tuned_ns"] < row["default_ns"] for row in document["tuned"])
    assert lepton("compile", model, "--dim=N=30", "--tune=2s", "--tuning-db", path, "-o", tmp_path / "m.so").returncode == 0
    x = np.random.default_rng(3).standard_normal((30, 48)).astype(np.float32)
    expected = onnxruntime.InferenceSession(model).run(None, {"x": x})[0]
    for session in (api.InferenceSession(tmp_path / "m.so"), api.InferenceSession(model, dims={"N": 30}, tuning_db=path)):
        assert difference(expected, session.run(None, {"x": x})[0]) < 1e-5


def test_kernels_of_unknown_sizes_are_named(tmp_path, model):
    result = lepton("tune", model, "--budget=1", "--tuning-db", tmp_path / "t.db")
    assert result.returncode == 0 and "its sizes are known at run time only; --dim gives them" in result.stderr, result.stderr


def test_control_c_keeps_what_was_found(tmp_path, model):
    path = tmp_path / "t.db"
    command = [LEPTON, "tune", model, "--budget=100", "--dim=N=30", f"--tuning-db={path}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    measured = []
    while not measured and process.poll() is None:
        time.sleep(0.2)
        if path.exists():
            with Database(path) as database:
                measured = database.export()["measured"]
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 0 and "what was found is kept" in err and f"{model}: kernels" in out, err
    with Database(path) as database:
        assert len(database.export()["measured"]) >= len(measured) > 0


def test_faults(tmp_path, model):
    for arguments, status, part in (
        (["absent.onnx"], 1, "absent.onnx: cannot be read"),
        ([model, "--dim=M=2"], 1, "no dimension 'M'"),
        ([model, "--budget=soon"], 2, "--budget takes seconds"),
        ([model, "--threads=0"], 2, "positive"),
        ([model, "--cpu=abacus"], 2, "unknown processor 'abacus'"),
        ([], 2, "name a model"),
    ):
        result = lepton("tune", *arguments, "--tuning-db", tmp_path / "t.db")
        assert result.returncode == status and part in result.stderr, result.stderr
        assert "Traceback" not in result.stderr
