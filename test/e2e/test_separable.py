"""Depthwise convolutions that share a kernel with the pointwise one behind them, against onnxruntime."""

import json

import lepton
import numpy as np
import onnxruntime
import pytest
from common import lepton as lepton_command
from lepton import nn

# name: image, kernel, stride of the depthwise convolution, outputs, what stands between
CASES = {
    "relu6": ((1, 144, 56, 56), 3, 1, 24, lambda x: nn.clip(x, np.float32(0), np.float32(6))),
    "swish": ((1, 96, 90, 75), 3, 2, 40, lambda x: nn.mul(x, nn.sigmoid(x))),
    "nothing_between": ((2, 40, 67, 100), 5, 1, 33, lambda x: x),
    "short_rows": ((1, 320, 40, 28), 3, 1, 64, nn.relu),
    "gate_of_another_value": ((1, 144, 56, 56), 3, 1, 24, lambda x: nn.mul(x, np.linspace(0, 1, 144, dtype=np.float32).reshape(144, 1, 1))),
}


def block(name, residual=False):
    shape, kernel, stride, outputs, between = CASES[name]
    rng = np.random.default_rng(3)
    channels = shape[1]

    def normal(*size):
        return (rng.standard_normal(size) / np.sqrt(np.prod(size[1:]))).astype(np.float32)

    expand, depthwise, project = normal(channels, 8, 1, 1), normal(channels, 1, kernel, kernel), normal(outputs, channels, 1, 1)
    enter = normal(outputs, 8, 1, 1)

    def body(x):
        y = nn.relu(nn.conv2d(x, expand))
        y = nn.conv2d(y, depthwise, normal(channels), stride=stride, padding=kernel // 2, groups=channels)
        y = nn.conv2d(between(y), project, normal(outputs))
        return nn.add(y, nn.conv2d(x, enter)) if residual else y

    return nn.trace(body, x=("float32", [shape[0], 8, *shape[2:]]), name=name)


def kernels(path):
    report = lepton_command("inspect", path, "--json", "--cpu=x86-64-v3")
    assert report.returncode == 0, report.stderr
    return json.loads(report.stdout)["kernel_list"]


WITH_RESIDUAL = [(name, residual) for name in CASES for residual in (False, True) if CASES[name][2] == 1 or not residual]


@pytest.mark.parametrize("name, residual", WITH_RESIDUAL)
def test_block(tmp_path, name, residual):
    graph = block(name, residual)
    path = tmp_path / "m.onnx"
    graph.save(str(path))
    fused = [kernel["name"] for kernel in kernels(path) if "depthwise_conv" in kernel["name"]]
    assert len(fused) == 1 and "packed_conv" in fused[0]
    shape = CASES[name][0]
    x = np.random.default_rng(5).standard_normal((shape[0], 8, *shape[2:])).astype(np.float32)
    expected = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
    options = [(0, 1), (3, 1), (3, 2)]
    results = [lepton.InferenceSession(str(path), opt_level=level, threads=threads).run(None, {"x": x})[0] for level, threads in options]
    for result in results:
        assert np.abs(result - expected).max() <= 2e-5 * np.abs(expected).max()
    np.testing.assert_array_equal(results[1], results[2])
