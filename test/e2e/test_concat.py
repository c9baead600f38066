"""Concatenations whose parts are computed where they belong, against onnxruntime."""

import json

import lepton
import numpy as np
import onnxruntime
import pytest
from common import lepton as lepton_command
from lepton import nn

rng = np.random.default_rng(3)


def weights(*size):
    return (rng.standard_normal(size) / np.sqrt(np.prod(size[1:]))).astype(np.float32)


def conv(x, inputs, outputs, kernel=3, stride=1):
    return nn.conv2d(x, weights(outputs, inputs, kernel, kernel), weights(outputs), stride=stride, padding=kernel // 2)


def densenet(x):
    """Each layer reads all before it, normalised."""
    parts = [conv(x, 8, 24)]
    for i in range(3):
        joined = nn.concat(parts, axis=1) if i else parts[0]
        joined = nn.relu(nn.mul(joined, weights(24 + 12 * i, 1, 1)))
        parts.append(conv(conv(joined, 24 + 12 * i, 32, 1), 32, 12))
    return nn.concat(parts, axis=1)


def esrgan(x):
    """The same with frames, and the first part again at the end."""
    first = conv(x, 8, 32)
    parts = [first]
    for i in range(3):
        joined = nn.concat(parts, axis=1) if i else first
        parts.append(nn.leaky_relu(conv(joined, 32 + 16 * i, 16), slope=0.2))
    return nn.add(nn.mul(conv(nn.concat(parts, axis=1), 80, 32), np.float32(0.2)), first)


def unet(x):
    """A part that is pooled long before it is joined."""
    skipped = nn.relu(conv(x, 8, 16))
    below = nn.relu(conv(nn.max_pool(skipped, 2), 16, 32))
    above = nn.conv_transpose(below, weights(32, 16, 2, 2), stride=2)
    return conv(nn.concat([skipped, above], axis=1), 32, 8)


def yolo(x):
    """Both halves of a tensor, and what is computed of one."""
    whole = conv(x, 8, 32, 1)
    left, right = nn.split(whole, [16, 16], axis=1)
    more = nn.add(right, nn.relu(conv(right, 16, 16)))
    return conv(nn.concat([left, right, more], axis=1), 48, 24, 1)


def squeezenet(x):
    """Products of rows beside a convolution."""
    squeezed = nn.relu(conv(x, 8, 16, 1))
    joined = nn.concat([nn.relu(conv(squeezed, 16, 24, 1)), nn.relu(conv(squeezed, 16, 24))], axis=1)
    return conv(joined, 48, 10, 1)


def shufflenet(x):
    """Channels of odd numbers, mixed, of which half goes on."""
    joined = nn.concat([nn.relu(conv(x, 8, 29, 1)), nn.relu(conv(x, 8, 29, 1))], axis=1)
    mixed = nn.reshape(nn.transpose(nn.reshape(joined, [1, 2, 29, 18, 20]), [0, 2, 1, 3, 4]), [1, 58, 18, 20])
    kept, changed = nn.split(mixed, [29, 29], axis=1)
    return nn.concat([kept, nn.relu(conv(changed, 29, 29, 1))], axis=1)


def twice(x):
    """One part twice, one that is the input, one that leaves as well."""
    part = nn.relu(conv(x, 8, 12))
    return nn.concat([part, x, part, nn.sigmoid(part)], axis=1), part


def rows(x):
    """Along another axis than the channels."""
    return nn.concat([nn.relu(conv(x, 8, 12)), nn.tanh(conv(x, 8, 12)), conv(x, 8, 12)], axis=2)


def resized(x):
    """A part that is read by what enlarges it."""
    small = nn.relu(conv(x, 8, 16, stride=2))
    joined = nn.concat([small, conv(small, 16, 16)], axis=1)
    return nn.add(nn.resize(small, scales=[2, 2]), conv(nn.resize(joined, scales=[2, 2]), 32, 16))


def loop(x):
    """A concatenation that the next iteration reads while it makes its own."""
    w = weights(8, 16, 3, 3)

    def body(i, state):
        first = nn.relu(nn.conv2d(state, w, padding=1))
        return nn.concat([first, nn.tanh(nn.add(first, nn.slice(state, [0], [8], axes=[1])))], axis=1)

    return nn.loop(np.int64(4), [nn.concat([x, nn.sigmoid(x)], axis=1)], body)[0]


def inputs_first(x):
    """Parts that nothing computes, before anything else."""
    joined = nn.concat([x, x], axis=1)
    return nn.concat([x, x, nn.relu(nn.neg(joined))], axis=1)


def nested(x):
    """One concatenation of another one, many times, all read by others."""
    joined, total = x, 0
    for i in range(150):
        joined = nn.concat([joined, nn.mul(nn.slice(x, [0], [1], axes=[1]), np.float32(i))], axis=1)
        total = nn.add(total, nn.reduce_mean(joined, axes=[1]))
    return total


def many(x):
    """More parts than one kernel should copy."""
    return nn.concat([part for i in range(8) for part in nn.split(x, [1] * 8, axis=1)], axis=1)


# The kernels that insert, and those that only concatenate, at full optimization.
CASES = {densenet: (4, 0), esrgan: (4, 0), unet: (2, 0), yolo: (2, 0), squeezenet: (2, 0), shufflenet: (2, 0), twice: (0, 1), rows: (3, 0), resized: (2, 0), loop: (10, 0), inputs_first: (3, 0), nested: (152, 0), many: (0, 1)}


@pytest.mark.parametrize("known", [True, False], ids=["known_sizes", "unknown_sizes"])
@pytest.mark.parametrize("level", [0, 3])
def test_hundreds_of_inputs(level, known):
    """Of which one kernel would take minutes to compile."""
    sizes = [1 + i % 5 for i in range(400)]
    inputs = {f"x{i}": ("float32", [1, size if known else f"n{size}", 16]) for i, size in enumerate(sizes)}
    graph = nn.trace(lambda **parts: nn.concat(list(parts.values()), axis=1), **inputs, name="hundreds")
    arrays = {name: rng.standard_normal((1, size, 16)).astype(np.float32) for name, size in zip(inputs, sizes)}
    result = lepton.InferenceSession(graph, opt_level=level, threads=2).run(None, arrays)[0]
    np.testing.assert_array_equal(result, np.concatenate(list(arrays.values()), axis=1))


def built(case, tmp_path):
    path = tmp_path / "m.onnx"
    nn.trace(case, x=("float32", [1, 8, 18, 20]), name=case.__name__).save(str(path))
    return path


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
@pytest.mark.parametrize("level", [0, 3])
def test_results(tmp_path, case, level):
    path = built(case, tmp_path)
    x = np.random.default_rng(5).standard_normal((1, 8, 18, 20)).astype(np.float32)
    expected = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"x": x})
    for threads in (1, 2):
        session = lepton.InferenceSession(str(path), opt_level=level, threads=threads)
        for _ in range(2):
            for result, reference in zip(session.run(None, {"x": x}), expected, strict=True):
                np.testing.assert_allclose(result, reference, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_kernels(tmp_path, case):
    report = lepton_command("inspect", built(case, tmp_path), "--json", "--cpu=x86-64-v3")
    assert report.returncode == 0, report.stderr
    ops = [kernel["ops"] for kernel in json.loads(report.stdout)["kernel_list"] for _ in range(kernel["calls"])]
    assert (sum("insert" in op for op in ops), sum("concat" in op for op in ops)) == CASES[case], ops
