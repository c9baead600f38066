"""What bench/gpu measures on a GPU, as far as it can be tried without one: its models compute what they should, in the emulator too."""

import sys

import lepton_networks
import numpy as np
import onnx
import pytest

import lepton
from common import FAKE_CUDA, ROOT, difference, emulate
from emulated import inputs_of

sys.path.insert(0, str(ROOT / "bench/gpu"))
from operations import RESNET50, convolution, elementwise, lstm, operations, product  # noqa: E402
from variants import as_half, of_batch  # noqa: E402

SMALL = [product(96, "fp32"), product(96, "fp16"), convolution(2, 3, 16, 7, 2, 20, "fp32"), convolution(2, 16, 24, 3, 1, 9, "fp16"), lstm(3, 32, "fp32"), elementwise(1000, "fp16")]


def feed_of(session, random):
    types = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
    return {value.name: random.standard_normal(value.shape).astype(types[value.type]) for value in session.get_inputs()}


@pytest.mark.parametrize("operation", SMALL, ids=lambda operation: f"{operation.name}-{operation.precision}".replace("/", "_"))
def test_operations_agree_with_the_cpu(tmp_path, monkeypatch, operation):
    monkeypatch.setenv("LEPTON_LIBCUDA", str(FAKE_CUDA))
    onnx.save(operation.model, tmp_path / "operation.onnx")
    cpu = lepton.InferenceSession(tmp_path / "operation.onnx")
    feed = feed_of(cpu, np.random.default_rng(2))
    result = lepton.InferenceSession(emulate(tmp_path / "operation.onnx", tmp_path / "operation.so")).run(None, feed)[0]
    assert difference(cpu.run(None, feed)[0], result) <= (2e-3 if operation.precision == "fp16" else 1e-5)


def test_all_operations_are_measured():
    names = {(operation.name, operation.precision) for operation in operations()}
    assert {("product 8192", "bf16"), ("product 4096", "fp32"), ("lstm 100x256", "fp32")} <= names
    assert sum(" conv " in name for name, _ in names) == 4 * len(RESNET50)
    assert next(operation for operation in operations() if operation.name == "product 1024").flops == 2 * 1024**3


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "shufflenet_v2"])
def test_networks_of_half_precision_and_of_another_batch(name):
    network = lepton_networks.NETWORKS[name]()
    single = lepton.InferenceSession(network.SerializeToString())
    feed = [inputs_of(single, {}, seed) for seed in range(3)]
    expected = np.concatenate([single.run(None, each)[0] for each in feed])
    (key,) = feed[0]
    images = np.concatenate([each[key] for each in feed])
    batch = lepton.InferenceSession(of_batch(network, 3).SerializeToString()).run(None, {key: images})[0]
    assert difference(expected, batch) <= 1e-5
    half = lepton.InferenceSession(of_batch(as_half(network), 3).SerializeToString()).run(None, {key: images.astype(np.float16)})[0]
    assert half.dtype == np.float16 and difference(expected, half.astype(np.float32)) <= 2e-2
