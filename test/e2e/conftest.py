"""Fixtures of several files."""

import lepton_networks
import onnx
import pytest

from common import save_chain, save_small, use_lavapipe


@pytest.fixture
def lavapipe(monkeypatch):
    use_lavapipe(monkeypatch)
    return monkeypatch


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """Name -> file, written when it is first asked for."""
    folder = tmp_path_factory.mktemp("networks")

    def find(name):
        path = folder / f"{name}.onnx"
        if not path.exists():
            onnx.save(lepton_networks.NETWORKS[name](), path)
        return path

    return find


# ---- artifacts by `compile_for_gpu(model, artifact)`, which a file of tests defines ----------------------------------------------


@pytest.fixture(scope="module")
def small(compile_for_gpu, tmp_path_factory):
    """save_small's model, of unknown sizes."""
    folder = tmp_path_factory.mktemp("small")
    return compile_for_gpu(save_small(folder / "small.onnx"), folder / "small.so")


@pytest.fixture(scope="module")
def chain(compile_for_gpu, tmp_path_factory):
    """save_chain's model, of known sizes: recorded in the second run."""
    folder = tmp_path_factory.mktemp("chain")
    return compile_for_gpu(save_chain(folder / "chain.onnx"), folder / "chain.so")
