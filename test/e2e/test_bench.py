"""lepton bench: tables and JSON of what was measured, and what it does with peers that are missing, fail or are unknown."""

import json

import onnx
import pytest
from onnx import TensorProto, helper

from common import FULL, lepton, save, save_small
from lepton_networks import NETWORKS

FLOAT = TensorProto.FLOAT
QUICK = "--budget=0.1"


@pytest.fixture
def model(tmp_path):
    return save_small(tmp_path / "small.onnx")


def test_measures_beside_onnxruntime(tmp_path, model):
    result = lepton("bench", model, "--threads=1,2", "--against=onnxruntime", "--dim=N=16", QUICK, "--json", tmp_path / "r.json")
    assert result.returncode == 0 and result.stderr == "", result.stderr
    document = json.loads((tmp_path / "r.json").read_text())
    assert [(record["model"], record["threads"]) for record in document["results"]] == [("small", 1), ("small", 2)]
    for record in document["results"]:
        assert list(record["peers"]) == ["lepton", "onnxruntime"] and record["noise"]["rounds"] >= 3
        assert record["mflop"] == pytest.approx(16 * 3 * 10 / 1e6)
        for peer in record["peers"].values():
            assert 0 < peer["min_ms"] <= peer["median_ms"] and peer["runs"] >= 3 and peer["ok"] and peer["max_rel"] < 1e-5
            assert peer["fma_share"] > 0 and peer["memory_share"] > 0
        assert min(peer["ratio"] for peer in record["peers"].values()) == 1
    for threads in ("1", "2"):
        limits, summary = document["limits"]["threads"][threads], document["summary"][threads]
        assert limits["gflops"] > 0 and limits["l1_gbs"] > limits["dram_gbs"] > 0 and limits["fork_join_us"] > 0
        assert summary["models"] == 1 and summary["worst"] == "small" and summary["geometric_mean"] == pytest.approx(summary["worst_speedup"])
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["1", "2", "model", *["small"] * 4, "1", "2"] and lines[3].split()[:3] == ["small", "1", "lepton"]


def test_networks_by_name_and_their_kernels(tmp_path, monkeypatch):
    monkeypatch.setenv("LEPTON_CACHE", str(tmp_path))
    for _ in range(2):  # written once
        result = lepton("bench", "mnist_b1", "--against=onnxruntime", QUICK, "--kernels=2", "--json", tmp_path / "r.json")
        assert result.returncode == 0, result.stderr
        (written,) = tmp_path.glob("networks-*/mnist_b1.onnx")
        first = written.stat().st_mtime_ns
        record = json.loads((tmp_path / "r.json").read_text())["results"][0]
        assert record["peers"]["lepton"]["ok"] and record["model"] == "mnist_b1"
        assert len(record["kernels"]) > 2 and all(kernel["ms"] > 0 for kernel in record["kernels"])
        shares = [kernel["fma_share"] for kernel in record["kernels"] if "conv" in kernel["name"]]
        assert len(shares) == 2 and min(shares) > 0
        assert sum("% FMA" in line for line in result.stdout.splitlines()) == 3
    assert "writing" not in result.stderr and written.stat().st_mtime_ns == first


def test_every_network_is_a_model(tmp_path):
    """Those of few weights, compiled and compared; the rest are only written in the measurement."""
    for name in ("squeezenet1_1", "mobilenet_v3_small", "esrgan", "hifigan", "bilstm", "gru", "bert4") if FULL else ("bilstm",):
        onnx.save(NETWORKS[name](), tmp_path / f"{name}.onnx")
        result = lepton("check", tmp_path / f"{name}.onnx", "--random-inputs=0")
        assert result.returncode == 0, result.stdout + result.stderr


def test_missing_peers_are_named_and_left_out(tmp_path, model, monkeypatch):
    monkeypatch.setenv("LEPTON_CACHE", str(tmp_path))
    result = lepton("bench", model, "--against=mnn,ncnn", QUICK, "--json", tmp_path / "r.json")
    assert result.returncode == 0 and "missing: mnn" in result.stderr and f"-m venv {tmp_path}/peers/mnn" in result.stderr and "pip install MNN" in result.stderr
    document = json.loads((tmp_path / "r.json").read_text())
    assert document["missing"] == ["mnn", "ncnn"] and document["summary"] == {} and list(document["results"][0]["peers"]) == ["lepton"]


def test_peer_that_refuses_a_model_fails_alone(tmp_path):
    """onnxruntime does not know this element type of an op that Lepton has."""
    nodes = [helper.make_node("Erf", ["x"], ["y"])]
    path = save(tmp_path / "m.onnx", nodes, {"x": (TensorProto.DOUBLE, [4])}, {"y": (TensorProto.DOUBLE, [4])})
    result = lepton("bench", path, "--against=onnxruntime", QUICK)
    assert result.returncode == 0 and "onnxruntime  failed: " in result.stdout, result.stdout
    assert result.stdout.splitlines()[2].split()[6] == "?"


def test_tuned_schedules_are_measured_beside_the_default(tmp_path):
    product = [helper.make_node("MatMul", ["x", "x"], ["y"], name="product")]
    model = save(tmp_path / "square.onnx", product, {"x": (FLOAT, [64, 64])}, {"y": (FLOAT, [64, 64])})
    assert lepton("tune", model, "--budget=4", "--tuning-db", tmp_path / "t.db").returncode == 0
    result = lepton("bench", model, "--against=onnxruntime", QUICK, "--tuning-db", tmp_path / "t.db", "--json", tmp_path / "r.json")
    assert result.returncode == 0 and "with tuned schedules (geometric mean of 1)" in result.stdout, result.stdout + result.stderr
    document = json.loads((tmp_path / "r.json").read_text())
    peers, summary = document["results"][0]["peers"], document["summary"]["1"]
    assert list(peers) == ["lepton", "tuned", "onnxruntime"] and peers["tuned"]["ok"]
    assert summary["tuning_gain"] == pytest.approx(peers["lepton"]["min_ms"] / peers["tuned"]["min_ms"])
    assert summary["geometric_mean"] == pytest.approx(peers["onnxruntime"]["min_ms"] / peers["lepton"]["min_ms"])


def test_faults(tmp_path, model):
    bad = save(tmp_path / "bad.onnx", [helper.make_node("Frob", ["x"], ["y"], name="n", domain="mine")], {"x": (FLOAT, [2])}, {"y": (FLOAT, [2])}, domain="mine")
    for arguments, status, part in (
        (["absent.onnx"], 1, "absent.onnx: cannot be read"),
        ([bad], 1, "mine::Frob (node 'n')"),
        ([model, "--dim=M=2"], 1, "no dimension 'M'"),
        ([model, "--against=luck"], 2, "unknown peer 'luck'; there are onnxruntime, openvino, ncnn, mnn"),
        ([model, "--threads=0"], 2, "positive"),
        ([model, "--json", tmp_path / "absent/r.json"], 1, "absent/r.json: cannot be written: No such file"),
        ([model, "--threads=two"], 2, "whole numbers"),
        ([model, "--tuning-db=absent.db"], 1, "absent.db: cannot be read"),
        ([], 2, "MODEL"),
    ):
        result = lepton("bench", *arguments, QUICK)
        assert result.returncode == status and part in result.stderr and "Traceback" not in result.stderr, result.stderr
