"""What floats lose: errors beside those of onnxruntime, by an oracle in double precision, and the same bits for any number of threads and in every run."""

import lepton
import numpy as np
import onnx
import onnxruntime
import pytest
from lepton import nn
from lepton_networks import NETWORKS
from lepton_networks.writer import Graph
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

from common import FULL

WORSE = 4  # times the error of onnxruntime that is allowed
ROUNDING = 2.0**-23  # of the output's scale: an error that every order of the sums has
LEVELS = [0, 3]


def convolutions():
    """Direct, by minimal filtering, of one tap, by channel, strided, dilated, transposed."""
    g = Graph("convolutions", [1, 3, 32, 32])
    x = g.relu(g.conv(g.x, 32, 3, 2))
    x = g.relu(g.conv(g.relu(g.conv(x, 32)), 64, 1))
    x = g.relu(g.conv(x, 64, 5, group=64))
    x = g.relu(g.conv(x, 32, 3, dilation=2))
    return g.finish(g.conv_transpose(x, 16, 4, 2, 1))


def deep():
    g = Graph("deep", [1, 32, 14, 14])
    x = g.x
    for _ in range(8):
        x = g.relu(g.add(x, g.conv(g.relu(g.conv(x, 32)), 32, gain=0.5)))
    return g.finish(x)


def lines():
    g = Graph("lines", [2, 16, 200])
    x = g.leaky(g.conv(g.x, 32, 7, rank=1), 0.1)
    x = g.leaky(g.conv(x, 32, 3, dilation=5, rank=1), 0.1)
    return g.finish(g.op("Tanh", g.conv_transpose(x, 16, 16, 8, 4, rank=1)))


def products():
    g = Graph("products", [37, 300], 300)
    return g.finish(g.linear(g.op("Sigmoid", g.linear(g.x, 500)), 70))


def encoder():
    g = Graph("encoder", [1, 64, 48], 48)
    q, k, v = (g.linear(g.x, 48) for _ in range(3))
    weights = g.op("Softmax", g.scaled(g.op("MatMul", q, g.transpose(k, 0, 2, 1)), 48**-0.5), axis=-1)
    x = g.add(g.x, g.linear(g.op("MatMul", weights, v), 48))
    x = g.op("LayerNormalization", x, g.uniform(48, low=0.7, high=1.3), g.normal(48, variance=0.01), axis=-1)
    y = g.linear(x, 96)
    return g.finish(g.add(x, g.linear(g.op("Mul", y, g.op("Add", g.op("Erf", g.scaled(y, 0.5**0.5)), g.number(1))), 48)))


def statistics():
    g = Graph("statistics", [2, 24, 17, 19])
    x = g.norm(g.op("Exp", g.scaled(g.x, 0.3)), "InstanceNormalization")
    x = g.op("Log", g.op("Add", g.op("Mul", x, x), g.number(1)))
    return g.finish(g.op("ReduceMean", g.op("Softmax", x, axis=1), g.integers(2, 3), keepdims=0))


def large_slices():
    """Normalised far from zero, in several blocks of which the last is shorter: along the lines of planes, and beside the channels of convolutions."""
    g = Graph("large_slices", [1, 4, 70, 131])
    x = g.norm(g.op("Add", g.x, g.number(100)), "InstanceNormalization")
    x = g.norm(g.conv(x, 40), "InstanceNormalization")
    return g.finish(g.norm(g.op("Add", g.conv(x, 3), g.number(-30)), "InstanceNormalization"))


SMALL = {build.__name__: build for build in (convolutions, deep, lines, products, encoder, statistics, large_slices)}
MODELS = SMALL | {name: NETWORKS[name] for name in ("mnist_b1", "mnist_b32", "bilstm", "gru")}
# What takes long without optimizations. The sums of matmul2048 are the longest, and the layers of lstm2 run side by side.
LARGE = {name: build for name, build in NETWORKS.items() if name not in MODELS and (FULL or name in ("matmul2048", "lstm2", "squeezenet1_1"))}
CASES = [(name, level) for name in MODELS for level in LEVELS] + [(name, 3) for name in LARGE]


def inputs_of(model):
    random = np.random.default_rng(3)
    shapes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in model.graph.input}
    return {name: random.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def in_double(model, feed):
    """The model's outputs, computed in double precision from the same weights and inputs."""
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    del wide.graph.value_info[:]
    for tensor in wide.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))
    for value in [*wide.graph.input, *wide.graph.output]:
        value.type.tensor_type.elem_type = TensorProto.DOUBLE
    results = ReferenceEvaluator(wide).run(None, {name: array.astype(np.float64) for name, array in feed.items()})
    assert all(result.dtype == np.float64 for result in results)
    return results


def error(exact, result):
    return float(np.abs(exact - result).max() / np.abs(exact).max())


@pytest.mark.parametrize("name, level", CASES)
def test_errors_are_those_of_floats(name, level):
    model = (MODELS | LARGE)[name]()
    feed, data = inputs_of(model), model.SerializeToString()
    oracle = in_double(model, feed)
    peer = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"]).run(None, feed)
    ours = lepton.InferenceSession(data, opt_level=level).run(None, feed)
    for exact, theirs, result in zip(oracle, peer, ours):
        assert error(exact, result) <= WORSE * max(error(exact, theirs), ROUNDING)


@pytest.mark.parametrize("name, level", CASES)
def test_same_bits_for_any_number_of_threads_and_in_every_run(name, level):
    model = (MODELS | LARGE)[name]()
    feed, data = inputs_of(model), model.SerializeToString()
    expected = None
    for threads in (1, 2, 3, 7):
        session = lepton.InferenceSession(data, threads=threads, opt_level=level)
        for _ in range(3):
            results = [result.tobytes() for result in session.run(None, feed)]
            expected = expected or results
            assert results == expected


# The shapes and the axes of sums of many terms, and which size is known to a run alone.
LONG_SUMS = {
    "one_axis": ([1, 1_000_000], [1], None),
    "two_axes": ([2, 700, 900], [1, 2], None),
    "short_last_axes": ([100_000, 3, 2], [0, 1, 2], None),
    "columns": ([300_000, 8], [0], None),
    "planes": ([3, 200, 400, 5], [1, 2], None),
    "any_number": ([3, 100_000], [1], 0),
    "any_length": ([2, 100_001], [1], 1),
    "columns_of_any_length": ([300_001, 7], [0], 0),
    "any_number_of_columns": ([10_000, 4100], [0], 1),
}


@pytest.mark.parametrize("case", LONG_SUMS)
@pytest.mark.parametrize("level", LEVELS)
def test_long_sums_lose_no_more_than_sums_of_blocks(case, level):
    shape, axes, unknown = LONG_SUMS[case]
    declared = ["n" if d == unknown else size for d, size in enumerate(shape)]
    graph = nn.trace(lambda x: nn.reduce_sum(x, axes=axes), x=("float32", declared), name=case)
    x = np.random.default_rng(4).random(shape, dtype=np.float32)
    exact = x.sum(axis=tuple(axes), dtype=np.float64, keepdims=True)
    results = [lepton.InferenceSession(graph, opt_level=level, threads=threads).run(None, {"x": x})[0] for threads in (1, 2, 3)]
    assert error(exact, results[0].reshape(exact.shape)) <= 1e-6
    assert len({result.tobytes() for result in results}) == 1
