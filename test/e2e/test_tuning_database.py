"""The tuning database: what the compiler obeys, what it passes over, what it refuses; merging, exporting, importing, many writers."""

import json
import sqlite3
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from common import difference, facts_of, lepton, save

import lepton as api
from lepton_tune.database import Database, DatabaseError, Key, Measured, Tuned

KEY = Key("t", 1, "c")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """y[14, 40] = relu(x[14, 64] w): one kernel with one contraction."""
    weights = np.random.default_rng(0).standard_normal((64, 40)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["p"]), helper.make_node("Relu", ["p"], ["y"])]
    shapes = ({"x": (TensorProto.FLOAT, [14, 64])}, {"y": (TensorProto.FLOAT, [14, 40])})
    return save(tmp_path_factory.mktemp("model") / "m.onnx", nodes, *shapes, {"w": weights})


@pytest.fixture(scope="module")
def kernel(model, tmp_path_factory):
    """What the compiler says of the model's kernel."""
    folder = tmp_path_factory.mktemp("kernels")
    result = lepton("compile", model, "--compile-to=schedule", "--dump-kernels", folder)
    assert result.returncode == 0, result.stderr
    facts = json.loads((folder / "kernels.json").read_text())
    (only,) = facts.pop("kernels")
    assert facts.pop("skipped") == facts.pop("layers") == [] and facts.pop("weights") >= 4 * 64 * 40
    return only | {"key": Key(**facts), "folder": folder}


def other(kernel):
    """A schedule that is not the default."""
    return kernel["contractions"][0]["candidates"][-1]


def fill(path, kernel, schedule, **changes):
    with Database(path) as database:
        database.store(kernel["key"]._replace(**changes), Tuned(kernel["hash"], kernel["name"], [schedule], 2.0, 1.0))
    return path


def schedules(model, *flags):
    """The IR after the phase that chooses."""
    result = lepton("compile", model, "--compile-to=schedule", *flags)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("level", [0, 3])
def test_kernels_run_alone(kernel, tmp_path, level):
    """A dumped kernel is a model, which computes the same however it is scheduled."""
    file = kernel["folder"] / kernel["file"]
    for i, schedule in enumerate(kernel["contractions"][0]["candidates"][:: max(1, len(kernel["contractions"][0]["candidates"]) // 12)]):
        path = fill(tmp_path / f"{i}.db", kernel, schedule)
        chosen = schedules(file, f"-O{level}", "--tuning-db", path)
        assert (schedule in chosen) == (level > 0)
        session, plain = api.InferenceSession(file, opt_level=level, tuning_db=path), api.InferenceSession(file, opt_level=0)
        feed = {value.name: api.make_up(value, {}, np.random.default_rng(1)) for value in plain.get_inputs()}
        assert difference(plain.run(None, feed)[0], session.run(None, feed)[0]) < 1e-5


def test_hits_are_obeyed_and_give_the_same_bytes(model, kernel, tmp_path):
    path = fill(tmp_path / "t.db", kernel, other(kernel))
    assert other(kernel) not in schedules(model) and other(kernel) in schedules(model, "--tuning-db", path)
    for name in ("a", "b"):
        assert lepton("compile", model, "--tuning-db", path, "-o", tmp_path / name / "m.so").returncode == 1  # no such folder
        (tmp_path / name).mkdir()
        assert lepton("compile", model, "--tuning-db", path, "-o", tmp_path / name / "m.so").returncode == 0
    assert (tmp_path / "a/m.so").read_bytes() == (tmp_path / "b/m.so").read_bytes()
    api.compile(model, tmp_path / "p.so", tuning_db=path)
    x = np.random.default_rng(3).standard_normal((14, 64)).astype(np.float32)
    expected = onnxruntime.InferenceSession(model).run(None, {"x": x})[0]
    for session in (api.InferenceSession(tmp_path / "p.so"), api.InferenceSession(model, tuning_db=path)):
        assert difference(expected, session.run(None, {"x": x})[0]) < 1e-5


def test_tiles_are_obeyed(model, kernel, tmp_path):
    """They have a hash of their own, in front of the phase `tile`; 14 rows by 7 are two tiles."""
    tiles = kernel["tiles"]
    assert tiles["chosen"] == tiles["candidates"][0] == "{tile_rows = 64 : i64}" and "{tile_rows = 8 : i64}" in tiles["candidates"]
    path = fill(tmp_path / "t.db", kernel | {"hash": tiles["hash"]}, "{tile_rows = 8 : i64}")
    assert "lepton.tile_rows = 64" in schedules(model) and "lepton.tile_rows = 8" in schedules(model, "--tuning-db", path)
    assert schedules(model, "-O0") == schedules(model, "-O0", "--tuning-db", path)
    x = np.random.default_rng(3).standard_normal((14, 64)).astype(np.float32)
    expected = onnxruntime.InferenceSession(model).run(None, {"x": x})[0]
    assert difference(expected, api.InferenceSession(model, tuning_db=path).run(None, {"x": x})[0]) < 1e-5


def test_report_says_what_was_tuned(model, kernel, tmp_path):
    path, page = fill(tmp_path / "t.db", kernel, other(kernel)), tmp_path / "r.html"
    for flags, word in (([], "chosen"), (["--tuning-db", path], "tuned")):
        assert lepton("compile", model, "-o", tmp_path / "m.so", "--report", page, *flags).returncode == 0
        said = {remark["name"]: remark for remark in facts_of(page)["remarks"] if remark["pass"] == "SelectSchedule"}
        assert list(said) == [word] and said[word]["kernel"] == kernel["name"] and (said[word]["text"] == other(kernel)) == (word == "tuned")


def test_misses_change_nothing(model, kernel, tmp_path):
    """Another number of threads, another compiler, another target, or no optimization; and what the target cannot obey."""
    plain = schedules(model)
    for changes in ({"threads": 2}, {"compiler": "lepton 0.0.1 LLVM 1.0"}, {"target": "#lepton.target<cpu = \"pentium\">"}):
        assert schedules(model, "--tuning-db", fill(tmp_path / f"{next(iter(changes))}.db", kernel, other(kernel), **changes)) == plain
    hit = fill(tmp_path / "hit.db", kernel, other(kernel))
    assert schedules(model, "-O0", "--tuning-db", hit) == schedules(model, "-O0")
    greedy = "#lepton.schedule<algorithm = register_block, lanes = 4, rows = 1000, vectors = 1000>"
    assert schedules(model, "--tuning-db", fill(tmp_path / "greedy.db", kernel, greedy)) == plain


def damage_page(path):
    content = bytearray(path.read_bytes())
    content[4096:4160] = b"\xff" * 64
    path.write_bytes(content)


def execute(statement):
    def change(path):
        connection = sqlite3.connect(path)
        connection.execute(statement)
        connection.commit()
        connection.close()

    return change


FAULTS = {
    "absent": (lambda path: path.unlink(), "cannot be opened"),
    "text": (lambda path: path.write_text("a diary\n" * 1000), "database"),
    "foreign": (execute("PRAGMA application_id = 7"), "is no tuning database of Lepton"),
    "newer": (execute("PRAGMA user_version = 99"), "of format 99"),
    "page": (damage_page, "damaged"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:6000]), "damaged"),
    "json": (execute("UPDATE tuned SET schedules = '[1'"), "damaged"),
    "schedule": (execute("UPDATE tuned SET schedules = '[\"sooner\"]'"), "'sooner', which is no schedule"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_unsound_files_are_refused(model, kernel, tmp_path, fault):
    """By the compiler, with the file's name and a reason, and nothing is written; by `lepton tune` too, which leaves the file as it is."""
    path = fill(tmp_path / "t.db", kernel, other(kernel))
    change, reason = FAULTS[fault]
    change(path)
    result = lepton("compile", model, "-o", tmp_path / "m.so", "--tuning-db", path)
    assert result.returncode == 1 and str(path) in result.stderr and reason in result.stderr, result.stderr
    assert len(result.stderr.splitlines()) == 1 and not (tmp_path / "m.so").exists()
    with pytest.raises(ValueError, match=reason if fault != "text" else "database"):
        api.InferenceSession(model, tuning_db=path)
    if fault in ("text", "foreign", "newer", "page", "cut"):
        before = path.read_bytes()
        result = lepton("tune", "--export", tmp_path / "e.json", "--tuning-db", path)
        assert result.returncode == 1 and str(path) in result.stderr and len(result.stderr.splitlines()) == 1, result.stderr
        assert path.read_bytes() == before


CRASHED = Measured("both", "k", ["s"], 100.0, None, "crashed", 0.9, 7.0, [1.0])


def tuned(kernel, gain):
    return Tuned(kernel, "k", ["s"], 100.0, 100.0 / gain)


def test_merge_export_and_import(tmp_path):
    """Where two have a kernel, the one that gained more stays."""
    with Database(tmp_path / "a.db") as a, Database(tmp_path / "b.db") as b:
        a.store(KEY, tuned("both", 2.0))
        a.store(KEY, tuned("mine", 1.5))
        b.store(KEY, tuned("both", 3.0))
        b.store(KEY._replace(threads=2), tuned("both", 4.0))
        b.note(KEY, CRASHED)
        a.merge(tmp_path / "b.db")
        assert {name: row.tuned_ns for name, row in a.tuned(KEY).items()} == {"both": 100 / 3, "mine": 100 / 1.5}
        b.merge(tmp_path / "a.db")
        assert a.export() == b.export()
        assert a.measured(KEY) == [CRASHED]
        document = a.export()
    assert lepton("tune", "--export", tmp_path / "a.json", "--tuning-db", tmp_path / "a.db").returncode == 0
    assert lepton("tune", "--import", tmp_path / "a.json", "--tuning-db", tmp_path / "c.db").returncode == 0
    assert lepton("tune", "--merge", tmp_path / "a.db", "--tuning-db", tmp_path / "d.db").returncode == 0
    for name in ("c.db", "d.db"):
        with Database(tmp_path / name) as database:
            assert database.export() == document


@pytest.mark.parametrize("text", ["{", "[]", '{"lepton_tuning": 99, "tuned": [], "measured": []}', '{"lepton_tuning": 1, "tuned": [{"kernel": "k"}], "measured": []}'])
def test_what_is_no_export_is_refused(tmp_path, text):
    (tmp_path / "e.json").write_text(text)
    result = lepton("tune", "--import", tmp_path / "e.json", "--tuning-db", tmp_path / "t.db")
    assert result.returncode == 1 and "e.json" in result.stderr and len(result.stderr.splitlines()) == 1, result.stderr


def test_merging_what_is_not_there_is_refused(tmp_path):
    with Database(tmp_path / "a.db") as database, pytest.raises(DatabaseError, match="no such database"):
        database.merge(tmp_path / "b.db")
    assert not (tmp_path / "b.db").exists()


WRITER = """
import sys
from lepton_tune.database import Database, Key, Tuned
for i in range(20):
    with Database(sys.argv[1]) as database:
        database.store(Key("t", 1, "c"), Tuned(f"{sys.argv[2]}-{i}", "k", ["s"], 2.0, 1.0))
"""


def test_many_may_write_at_once(model, kernel, tmp_path):
    """Processes that make the file and write, and a compiler that reads meanwhile."""
    path = tmp_path / "t.db"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(i)]) for i in range(4)]
    while not path.exists() and any(writer.poll() is None for writer in writers):
        pass
    fill(path, kernel, other(kernel))
    assert other(kernel) in schedules(model, "--tuning-db", path)
    assert [writer.wait() for writer in writers] == [0] * 4
    with Database(path) as database:
        assert len(database.tuned(KEY)) == 80
