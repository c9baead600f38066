"""lepton tune --workers: a Ray cluster of two nodes on this machine, one of which is killed in the middle; workers that answer in turn."""

import socket
import subprocess
import tempfile
import threading
import time

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from common import LEPTON, SECONDS, difference, lepton, save

import lepton as api
from lepton_tune.database import Database, Key
from lepton_tune.kernels import SCHEDULES, Choice, Kernel, find_kernels
from lepton_tune.measure import Comparison, MeasureError, Result, WorkerLost
from lepton_tune.search import Search
from lepton_tune.workers import Node

KEY = Key("t", 1, "c")


@pytest.fixture(autouse=True)
def command(monkeypatch):
    """The command that the packages start is the one under test, which says so to those that it starts itself."""
    monkeypatch.setattr("lepton_tune.kernels.LEPTON", str(LEPTON))
    monkeypatch.setenv("LEPTON_COMMAND", str(LEPTON))


# ---- the search with several measurers -----------------------------------------------------------------------------------


class Slow:
    """Measures a kernel in a hundredth of a second, each candidate a little faster than the one before; is lost after so many requests."""

    def __init__(self, lost_after=10**9):
        self.left, self.asked = lost_after, []

    def _ask(self, kernel, schedules):
        time.sleep(0.01)
        self.asked.append((kernel.name, schedules))
        self.left -= 1
        if self.left < 0:
            raise WorkerLost("gone")
        return 1000.0 - int(schedules[0])

    def measure_default(self, kernel, timeout):
        return self._ask(kernel, kernel.default)

    def measure(self, kernel, schedules, limit, timeout):
        return Result(self._ask(kernel, schedules), 1000.0, False)

    def compare(self, kernel, candidates, timeout):
        return Comparison({schedules: [self._ask(kernel, schedules)] for schedules in candidates})


def searched(tmp_path, measurers, kernels=4, candidates=30):
    names = [f"k{i}" for i in range(kernels)]
    choices = [str(i) for i in range(candidates)]
    found = [Kernel(name, name, "", 1, 1000, [], [Choice([8], 0, choices, [1] * candidates)], 0) for name in names]
    with Database(tmp_path / "t.db") as database:
        search = Search(found, KEY, database, measurers)
        search.run(time.monotonic() + SECONDS)
        return search, database.measured(KEY)


def test_measurers_have_kernels_of_their_own(tmp_path):
    measurers = [Slow(), Slow()]
    search, measured = searched(tmp_path, list(measurers))
    assert len(measured) == 4 * 29 and search.tries == len(measured)  # each candidate once
    assert all(len(measurer.asked) > 29 for measurer in measurers) and all(state.measurer is None for state in search.states)


def test_what_a_lost_measurer_had_is_measured_by_others(tmp_path, capsys):
    measurers = [Slow(lost_after=20), Slow()]
    search, measured = searched(tmp_path, list(measurers))
    assert len(measured) == 4 * 29 and not any("gone" in row.outcome for row in measured)
    assert capsys.readouterr().err == "a worker is lost: gone; 1 go on\n" and not any(state.failed for state in search.states)


def test_without_measurers_the_search_ends(tmp_path, capsys):
    _, measured = searched(tmp_path, [Slow(lost_after=20), Slow(lost_after=10)])
    assert len(measured) < 30 and capsys.readouterr().err.endswith("; 0 go on\n")


def test_a_node_measures_what_it_is_sent(tmp_path):
    """Where its Lepton and its processor are those of the search."""
    text = "func.func @main(%x: tensor<64x64xf32>) -> tensor<64x64xf32> {\n  %y = lepton.matmul %x, %x : (tensor<64x64xf32>, tensor<64x64xf32>) -> tensor<64x64xf32>\n  return %y : tensor<64x64xf32>\n}\n"
    (tmp_path / "m.mlir").write_text(text)
    key, (kernel, *_), _, _ = find_kernels(tmp_path / "m.mlir", tmp_path / "kernels", SCHEDULES, [], "", 1, "")
    contents = (tmp_path / "kernels" / kernel.file.rpartition("/")[2]).read_bytes()
    kernel.file = "kernel.mlir"  # of another machine
    node = Node(key, "", 1)
    with node.measurer:
        assert node.measure("measure_default", kernel, contents, 60) > 0
    with pytest.raises(MeasureError, match="it has lepton .* for #lepton.target.*, this machine c for t"):
        Node(KEY, "", 1)


# ---- a cluster --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def cluster(command, monkeypatch):
    from ray.cluster_utils import Cluster

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:  # pytest's folders have names too long for sockets
        monkeypatch.setenv("RAY_TMPDIR", folder)
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "ray_client_server_port": port, "include_dashboard": False})
        cluster.client_address = f"ray://127.0.0.1:{port}"
        yield cluster
        cluster.shutdown()


@pytest.fixture
def model(tmp_path):
    random = np.random.default_rng(0)
    weights = {"v": random.standard_normal((48, 72)).astype(np.float32), "w": random.standard_normal((72, 40)).astype(np.float32), "c": random.standard_normal((32, 16, 3, 3)).astype(np.float32)}
    nodes = [
        helper.make_node("Conv", ["x", "c"], ["a"], "conv", pads=[1] * 4),
        helper.make_node("Reshape", ["a", "shape"], ["b"], "flat"),
        helper.make_node("MatMul", ["b", "v"], ["p"], "first"),
        helper.make_node("Relu", ["p"], ["q"], "relu"),
        helper.make_node("MatMul", ["q", "w"], ["y"], "second"),
    ]
    constants = weights | {"shape": np.array([-1, 48], np.int64)}
    return save(tmp_path / "m.onnx", nodes, {"x": (TensorProto.FLOAT, [1, 16, 24, 24])}, {"y": (TensorProto.FLOAT, [384, 40])}, constants)


def test_a_node_is_killed_in_the_middle(tmp_path, cluster, model):
    """The search goes on with the other one, and nothing that was found is lost."""
    node = cluster.add_node(num_cpus=1)
    path = tmp_path / "t.db"
    process = subprocess.Popen([LEPTON, "tune", model, "--budget=30", f"--tuning-db={path}", f"--workers={cluster.client_address}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def kernels_measured():
        if not path.exists():
            return []
        with Database(path) as database:
            return [row for row in database.export()["measured"] if "algorithm" not in row["schedules"]]

    while len(kernels_measured()) < 6 and process.poll() is None:
        time.sleep(0.2)
    before = kernels_measured()
    killer = threading.Thread(target=cluster.remove_node, args=(node,), kwargs={"allow_graceful": False})
    killer.start()
    out, err = process.communicate(timeout=SECONDS)
    killer.join()
    assert process.returncode == 0 and " tries, " in out, err
    assert err.count("a worker is lost: ") == 1 and "; 1 go on" in err, err
    after = kernels_measured()
    assert len(after) > len(before) and {row["kernel"] for row in before} <= {row["kernel"] for row in after}
    assert all(row["outcome"] in ("measured", "cut", "faster", "not faster") for row in after)
    x = np.random.default_rng(3).standard_normal((1, 16, 24, 24)).astype(np.float32)
    expected = onnxruntime.InferenceSession(model).run(None, {"x": x})[0]
    assert difference(expected, api.InferenceSession(model, tuning_db=path).run(None, {"x": x})[0]) < 1e-4


def test_no_cluster(tmp_path, model):
    result = lepton("tune", model, "--budget=5", "--tuning-db", tmp_path / "t.db", "--workers=127.0.0.1:1")
    assert result.returncode == 1 and "--workers=127.0.0.1:1: no cluster answers" in result.stderr, result.stderr
