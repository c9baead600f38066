"""lepton bench: tables and JSON of what was measured, and what it does with peers that are missing, fail or are unknown."""

import json

import pytest
from onnx import TensorProto, helper

from common import lepton, save, save_small
from lepton_bench.peers import PEERS

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
        assert min(peer["ratio"] for peer in record["peers"].values()) == 1
    lines = result.stdout.splitlines()
    assert len(lines) == 5 and lines[0].split()[:3] == ["model", "threads", "peer"] and lines[1].split()[:3] == ["small", "1", "lepton"]


def test_missing_peers_are_named_and_left_out(tmp_path, model):
    if PEERS["openvino"].is_installed():
        pytest.skip("openvino is installed")
    result = lepton("bench", model, "--against=openvino", QUICK, "--json", tmp_path / "r.json")
    assert result.returncode == 0 and "missing: openvino" in result.stderr and "pip install openvino" in result.stderr
    document = json.loads((tmp_path / "r.json").read_text())
    assert document["missing"] == ["openvino"] and list(document["results"][0]["peers"]) == ["lepton"]


def test_peer_that_refuses_a_model_fails_alone(tmp_path):
    """onnxruntime does not know this element type of an op that Lepton has."""
    nodes = [helper.make_node("Erf", ["x"], ["y"])]
    path = save(tmp_path / "m.onnx", nodes, {"x": (TensorProto.DOUBLE, [4])}, {"y": (TensorProto.DOUBLE, [4])})
    result = lepton("bench", path, "--against=onnxruntime", QUICK)
    assert result.returncode == 0 and "onnxruntime  failed: " in result.stdout, result.stdout
    assert result.stdout.splitlines()[1].split()[6] == "?"


def test_faults(tmp_path, model):
    bad = save(tmp_path / "bad.onnx", [helper.make_node("Frob", ["x"], ["y"], name="n", domain="mine")], {"x": (FLOAT, [2])}, {"y": (FLOAT, [2])}, domain="mine")
    for arguments, status, part in (
        (["absent.onnx"], 1, "absent.onnx: cannot be read"),
        ([bad], 1, "mine::Frob (node 'n')"),
        ([model, "--dim=M=2"], 1, "no dimension 'M'"),
        ([model, "--against=luck"], 2, "unknown peer 'luck'; there are onnxruntime, openvino"),
        ([model, "--threads=0"], 2, "positive"),
        ([model, "--json", tmp_path / "absent/r.json"], 1, "absent/r.json: cannot be written: No such file"),
        ([model, "--threads=two"], 2, "whole numbers"),
        ([], 2, "MODEL"),
    ):
        result = lepton("bench", *arguments, QUICK)
        assert result.returncode == status and part in result.stderr and "Traceback" not in result.stderr, result.stderr
