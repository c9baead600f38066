"""Graphs built in Python (lepton.nn): each operation against onnxruntime, which gets the graph in ONNX's format; what is wrong is said at the call."""

import ast
import linecache
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from onnx import numpy_helper

import lepton
from common import difference, lepton as command
from lepton import nn

RANDOM = np.random.default_rng(7)


def weight(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


IMAGE, ROWS, SERIES = ("float32", [2, 4, 8, 6]), ("float32", ["N", 6]), ("float32", [5, 2, 3])
HEADS = ("float32", [1, 2, 5, 4])

# Name -> (function of values, its inputs).
CASES = {
    "op": (lambda x: nn.op("Celu", x, alpha=2), [ROWS]),
    "conv1d": (lambda x: nn.conv1d(x, weight(4, 2, 3), weight(4), stride=2, padding=1, groups=2), [("float32", [1, 4, 9])]),
    "conv2d": (lambda x: nn.conv2d(x, weight(3, 4, 3, 2), weight(3), stride=[1, 2], padding="same"), [IMAGE]),
    "conv3d": (lambda x: nn.conv3d(x, weight(3, 2, 2, 2, 2), padding=[1, 0, 0, 0, 1, 0], dilation=2), [("float32", [1, 2, 4, 4, 4])]),
    "conv_transpose": (lambda x: nn.conv_transpose(x, weight(4, 3, 3, 3), weight(3), stride=2, padding=1, output_padding=1), [IMAGE]),
    "max_pool": (lambda x: nn.max_pool(x, 3, stride=2, padding=1, ceil_mode=True), [IMAGE]),
    "average_pool": (lambda x: nn.average_pool(x, [2, 3], padding=[1, 0], count_padding=True), [IMAGE]),
    "global_average_pool": (nn.global_average_pool, [IMAGE]),
    "global_max_pool": (nn.global_max_pool, [IMAGE]),
    "linear": (lambda x, y: (nn.linear(x, weight(3, 6), weight(3)), nn.linear(y, weight(2, 3), weight(2)), nn.linear(y, weight(2, 3))), [ROWS, SERIES]),
    "matmul": (lambda x: x @ weight(6, 2), [IMAGE]),
    "einsum": (lambda x: nn.einsum("nchw,cwd->nhd", [x, weight(4, 6, 2)]), [IMAGE]),
    "embedding": (lambda x: nn.embedding(x, weight(9, 4)), [("int64", ["N", 3])]),
    "lstm": (lambda x: nn.lstm(x, weight(2, 16, 3), weight(2, 16, 4), weight(2, 32), direction="bidirectional"), [SERIES]),
    "gru": (lambda x: nn.gru(x, weight(1, 12, 3), weight(1, 12, 4), weight(1, 24), weight(1, 2, 4)), [SERIES]),
    "rnn": (lambda x: nn.rnn(x, weight(1, 4, 3), weight(1, 4, 4), direction="reverse"), [SERIES]),
    "attention": (
        lambda q, k, v: (nn.attention(q, k, v, causal=True), nn.attention(q, k, v, np.tri(5, dtype=bool)), nn.attention(q, k, v, scale=0.3)),
        [HEADS] * 3,
    ),
    "batch_norm": (lambda x: nn.batch_norm(x, weight(4), weight(4), weight(4), np.abs(weight(4)) + 1), [IMAGE]),
    "layer_norm": (lambda x: nn.layer_norm(x, weight(8, 6), weight(8, 6), axis=-2), [IMAGE]),
    "rms_norm": (lambda x: nn.rms_norm(x, weight(6)), [IMAGE]),
    "instance_norm": (lambda x: nn.instance_norm(x, weight(4), weight(4)), [IMAGE]),
    "group_norm": (lambda x: nn.group_norm(x, 2, weight(4), weight(4)), [IMAGE]),
    "leaky_relu": (lambda x: nn.leaky_relu(x, 0.2), [ROWS]),
    "prelu": (lambda x: nn.prelu(x, weight(4, 1, 1)), [IMAGE]),
    "elu": (lambda x: nn.elu(x, 0.5), [ROWS]),
    "gelu": (lambda x: (nn.gelu(x), nn.gelu(x, "tanh")), [ROWS]),
    "hard_sigmoid": (lambda x: nn.hard_sigmoid(x, 0.1, 0.4), [ROWS]),
    "softmax": (lambda x: nn.softmax(x, axis=1), [IMAGE]),
    "log_softmax": (nn.log_softmax, [ROWS]),
    "pow": (lambda x: nn.abs(x) ** 2.5, [ROWS]),
    "minimum": (nn.minimum, [ROWS, ("float32", [6])]),
    "maximum": (nn.maximum, [ROWS, ("float32", [6])]),
    "sub": (lambda x: 1 - x - [1, 2, 3, 4, 5, 6.0], [ROWS]),
    "add": (lambda x, n: (weight(6) + x + 0.5, n + 3), [ROWS, ("int64", ["N"])]),
    "mul": (lambda x: 2 * x * np.float32(3), [ROWS]),
    "div": (lambda x: x / 3, [ROWS]),
    "neg": (lambda x: -x, [ROWS]),
    "log": (lambda x: nn.log(nn.abs(x)), [ROWS]),
    "sqrt": (lambda x: nn.sqrt(nn.abs(x)), [ROWS]),
    "clip": (lambda x: (nn.clip(x, -0.5, 0.5), nn.clip(x, maximum=0.1)), [ROWS]),
    "where": (lambda x, y: nn.where(nn.less(x, y), x, nn.cast(nn.greater(x, 0), "float32")), [ROWS, ROWS]),
    "equal": (lambda x: nn.equal(nn.argmax(x), 2), [ROWS]),
    "reduce_sum": (lambda x: (nn.reduce_sum(x, [1], keepdims=True), nn.reduce_sum(x)), [IMAGE]),
    "reduce_mean": (lambda x: nn.reduce_mean(x, [2, 3]), [IMAGE]),
    "reduce_max": (lambda x: nn.reduce_max(x, [-1]), [IMAGE]),
    "reduce_min": (lambda x: nn.reduce_min(x, [-1]), [IMAGE]),
    "reduce_l2": (lambda x: nn.reduce_l2(x, [1]), [IMAGE]),
    "argmax": (lambda x: nn.argmax(x, 1, keepdims=True), [IMAGE]),
    "top_k": (lambda x: nn.top_k(x, 3), [ROWS]),
    "reshape": (lambda x: nn.reshape(x, [0, -1, 2]), [IMAGE]),
    "flatten": (nn.flatten, [IMAGE]),
    "transpose": (lambda x: (nn.transpose(x), nn.transpose(x, [0, 2, 3, 1])), [IMAGE]),
    "squeeze": (lambda x: (nn.squeeze(nn.unsqueeze(x, [0, 2]), [0]), nn.squeeze(nn.unsqueeze(x, [1]))), [IMAGE]),
    "concat": (lambda x, y: nn.concat([x, y, weight(2, 1, 8, 6)], 1), [IMAGE, IMAGE]),
    "split": (lambda x: nn.split(x, [1, 3], axis=1), [IMAGE]),
    "slice": (lambda x: (nn.slice(x, [1, -1], [3, -5], [1, 3], [1, -2]), nn.slice(x, [0, 1], [2, 3])), [IMAGE]),
    "gather": (lambda x: nn.gather(x, np.array([[0, 2], [1, 1]]), axis=2), [IMAGE]),
    "pad": (lambda x: (nn.pad(x, [1, 2, 0, 1], value=3), nn.pad(x, [0, 1, 0, 2], "reflect")), [ROWS]),
    "expand": (lambda x: nn.expand(x, [3, 1, 6]), [("float32", [2, 6])]),
    "tile": (lambda x: nn.tile(x, [1, 2]), [ROWS]),
    "pixel_shuffle": (lambda x: nn.pixel_shuffle(x, 2), [IMAGE]),
    "space_to_depth": (lambda x: nn.space_to_depth(x, 2), [IMAGE]),
    "resize": (
        lambda x: (nn.resize(x, [2, 3]), nn.resize(x, sizes=[5, 9], mode="linear"), nn.resize(x, [2, 2], coordinates="asymmetric", rounding="floor")),
        [IMAGE],
    ),
    "if_else": (lambda x: nn.if_else(nn.greater(nn.reduce_sum(x), 0), lambda: x * 2, lambda: nn.neg(x)), [ROWS]),
    "loop": (lambda x: nn.loop(3, [x], lambda i, s: (s * 0.5 + nn.cast(i, "float32"), nn.reduce_sum(s))), [ROWS]),
    "while_loop": (lambda x: nn.while_loop(nn.less(nn.reduce_sum(x), 9), [x], lambda s: (nn.less(nn.reduce_sum(s), 9), nn.abs(s) + 1)), [("float32", [2, 3])]),
    "scan": (lambda x: nn.scan([np.zeros((2, 3), np.float32)], [x], lambda s, row: (s + row, nn.tanh(s))), [SERIES]),
}
UNARY = ["relu", "relu6", "selu", "silu", "mish", "sigmoid", "hard_swish", "tanh", "softplus", "abs", "exp", "erf"]
CASES.update({name: (getattr(nn, name), [ROWS]) for name in UNARY})
CHECKED_ELSEWHERE = {"less", "greater", "cast", "unsqueeze"}  # parts of the cases above


def values_for(inputs):
    random = np.random.default_rng(3)
    values = []
    for dtype, shape in inputs:
        sizes = [3 if isinstance(size, str) else size for size in shape]
        values.append(random.integers(0, 6, sizes) if dtype == "int64" else random.standard_normal(sizes).astype(dtype))
    return values


def traced(function, inputs, **options):
    """The graph of a function of as many values."""
    names = [f"x{i}" for i in range(len(inputs))]
    return nn.trace(lambda **values: function(*values.values()), name="case", **dict(zip(names, inputs)), **options), names


@pytest.mark.parametrize("name", CASES)
def test_operation(name):
    function, inputs = CASES[name]
    graph, names = traced(function, inputs)
    feed = dict(zip(names, values_for(inputs)))
    expected = onnxruntime.InferenceSession(graph.onnx(), providers=["CPUExecutionProvider"]).run(None, feed)
    for level in (0, 3):
        results = lepton.InferenceSession(graph, opt_level=level).run(None, feed)
        assert len(results) == len(expected)
        assert max(difference(e, r) for e, r in zip(expected, results)) < 2e-5, f"-O{level}"


def test_every_operation_has_a_case():
    operations = {name for name, value in vars(nn).items() if name.islower() and callable(value) and name != "trace"}
    assert operations == set(CASES) | CHECKED_ELSEWHERE


def test_shapes_keep_the_names_of_dimensions():
    graph = nn.Graph()
    x = graph.input("x", "float32", ["N", None, 8, 8])
    assert (x.shape, x.dtype) == (["N", None, 8, 8], np.float32)
    y = nn.conv2d(nn.concat([x, x], 0), weight(5, 3, 3, 3), padding=1)
    assert y.shape[1:] == [5, 8, 8]
    assert nn.flatten(y).shape == [None, 320]
    assert nn.argmax(nn.reshape(x, [0, -1])).shape == ["N"]


FAULTS = {
    "channels": (lambda x: nn.conv2d(x, weight(3, 5, 3, 3), name="c"), "node 'c' (Conv): has 4 input channels, but the filter takes 5"),
    "inner dimension": (lambda x: x @ weight(5, 2), "(MatMul): operands differ in the inner dimension"),
    "element types": (lambda x: x + np.zeros(6), "(Add): operands have different element types"),
    "broadcast": (lambda x: x + weight(5), "(Add): operands do not broadcast: .* its operands are x0 float\\[2,4,8,6\\], .* float\\[5\\]"),
    "axis": (lambda x: nn.softmax(x, 4), "(Softmax): has the axis 4, out of range"),
    "rank": (lambda x: nn.conv1d(x, weight(1, 4, 3)), "conv1d takes x of rank 3, got rank 4"),
    "no operator": (lambda x: nn.op("Rlu", x), "operator set 23 of ONNX has no such operator"),
    "newer operator": (lambda x: nn.op("Swish", x), "it is there from 24 on"),
    "attribute": (lambda x: nn.op("Relu", x, alpha=1), "(Relu): Unrecognized attribute: alpha"),
    "name": (lambda x: nn.relu(nn.relu(x, name="r"), name="r"), "node 'r' (Relu): the name is taken"),
    "no such number": (lambda x: nn.cast(x, "int64") + 0.5, "is the number 0.5, which the type of the first value does not have"),
    "body": (lambda x: nn.loop(2, [x], lambda i, s: nn.relu(nn.reshape(s, [2, 4, 8, 6, 2]))), "(Reshape): turns 384 elements into 768"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_said_at_the_call(fault):
    function, message = FAULTS[fault]
    with pytest.raises(ValueError, match=message.replace("(", "\\(").replace(")", "\\)")) as info:
        traced(function, [IMAGE])
    file, line, _ = str(info.value).split(":", 2)
    assert file == __file__ and f'"{fault}"' in linecache.getline(file, int(line))


def test_a_graph_goes_on_after_a_fault():
    graph = nn.Graph()
    x = graph.input("x", "float32", ["N", 4])
    with pytest.raises(ValueError, match="inner dimension"):
        nn.matmul(x, weight(3, 3))
    graph.output("y", nn.relu(x))
    assert (lepton.InferenceSession(graph).run(None, {"x": -np.ones((1, 4), np.float32)})[0] == 0).all()


def test_values_stay_in_their_graph():
    first, second = nn.Graph(), nn.Graph()
    x, y = (graph.input("x", "float32", [2]) for graph in (first, second))
    with pytest.raises(ValueError, match="operand 1 is a value of another graph"):
        nn.add(x, y)
    kept = []
    nn.loop(2, [x], lambda i, s: kept.append(s * 2) or s)
    with pytest.raises(ValueError, match="is a value of a body that has ended"):
        nn.relu(kept[0])
    with pytest.raises(ValueError, match="none of the operands is a value of a graph"):
        nn.relu(weight(3))
    with pytest.raises(ValueError, match="has no outputs"):
        first.onnx()


@pytest.mark.parametrize("ending", ["onnx", "mlir", "mlirbc"])
def test_files(tmp_path, ending):
    graph, names = traced(lambda x: nn.relu(nn.conv2d(x, weight(3, 4, 3, 3), name="conv")), [IMAGE])
    file = tmp_path / f"graph.{ending}"
    graph.save(file)
    feed = dict(zip(names, values_for([IMAGE])))
    assert (lepton.InferenceSession(file).run(None, feed)[0] == lepton.InferenceSession(graph).run(None, feed)[0]).all()
    again = command("compile", file, "-o", tmp_path / "again.mlir", "--compile-to=import")
    assert again.returncode == 0 and "lepton.conv" in (tmp_path / "again.mlir").read_text()
    with pytest.raises(ValueError, match="end its name in .onnx, .mlir or .mlirbc"):
        graph.save(tmp_path / "graph.txt")


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "float16", "complex64"])
def test_weights_from_files(tmp_path, dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    np.save(tmp_path / "weight.npy", array)
    (tmp_path / "weight.pb").write_bytes(numpy_helper.from_array(array).SerializeToString())
    graph = nn.Graph()
    for ending in ("npy", "pb"):
        value = graph.load(tmp_path / f"weight.{ending}", name=ending)
        assert (value.shape, value.dtype) == ([2, 3], dtype)
        graph.output(f"from_{ending}", value)
    for result in lepton.InferenceSession(graph).run(None, {}):
        assert result.dtype == dtype and (result == array).all()
    (tmp_path / "short.npy").write_bytes((tmp_path / "weight.npy").read_bytes()[:-1])
    for file, message in (("short.npy", "is truncated"), ("none.npy", "No such file"), ("none.pb", "cannot be read")):
        with pytest.raises(ValueError, match=f"{file}: {message}"):
            graph.load(tmp_path / file)


def test_artifacts_of_graphs(tmp_path):
    graph, names = traced(lambda x: nn.softmax(x), [ROWS])
    lepton.compile(graph, tmp_path / "softmax.so")
    feed = dict(zip(names, values_for([ROWS])))
    result = lepton.InferenceSession(tmp_path / "softmax.so").run(None, feed)[0]
    np.testing.assert_allclose(result.sum(axis=1), 1, rtol=1e-5)


# ---- layers ---------------------------------------------------------------------------------------------------------

MNIST = [nn.Conv2D(32, 3, activation="relu"), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(10, activation="softmax")]
STACKS = {
    "mnist": (MNIST, (1, 28, 28)),
    "image": (
        [
            nn.Conv2D(8, 3, strides=2, padding="same", use_bias=False), nn.BatchNormalization(), nn.PReLU(), nn.DepthwiseConv2D(3, padding="same"),
            nn.Activation(nn.relu6), nn.UpSampling2D(2, "bilinear"), nn.Conv2DTranspose(4, 2, strides=2), nn.AveragePool2D((2, 1)), nn.GlobalMaxPool2D(),
            nn.LayerNormalization(), nn.Reshape((2, 2)), nn.Flatten(), nn.Dense(3),
        ],
        (3, 8, 8),
    ),
    "sequence": ([nn.LSTM(6, return_sequences=True), nn.GRU(5), nn.Dense(2, activation="tanh")], (7, 3)),
    "signal": ([nn.Conv1D(4, 3, activation="gelu"), nn.Conv1D(2, 1), nn.Flatten()], (3, 9)),
    "pooled": ([nn.Conv2D(4, 3), nn.GlobalAveragePool2D()], (3, 5, 5)),
}


@pytest.mark.parametrize("name", STACKS)
def test_layers(name):
    layers, shape = STACKS[name]
    graph = nn.Sequential(layers).graph(shape)
    feed = {"input": np.random.default_rng(1).standard_normal((2, *shape)).astype(np.float32)}
    expected = onnxruntime.InferenceSession(graph.onnx(), providers=["CPUExecutionProvider"]).run(None, feed)[0]
    for level in (0, 3):
        assert difference(expected, lepton.InferenceSession(graph, opt_level=level).run(None, feed)[0]) < 2e-5


def test_embedding_layer():
    table = weight(5, 3)
    graph = nn.Sequential([nn.Embedding(5, 3, embeddings=table)]).graph((2,), dtype="int64")
    indices = np.array([[4, 0], [2, 2]])
    assert (lepton.InferenceSession(graph).run(None, {"input": indices})[0] == table[indices]).all()


def test_dense_is_its_formula():
    kernel, bias = weight(2, 3), weight(2)
    graph = nn.Sequential([nn.Dense(2, kernel=kernel, bias=bias)]).graph((3,))
    x = weight(4, 3)
    np.testing.assert_allclose(lepton.InferenceSession(graph).run(None, {"input": x})[0], x @ kernel.T + bias, rtol=1e-5, atol=1e-6)


def test_weights_from_seed_dict_and_file(tmp_path):
    def run(model):
        x = np.random.default_rng(1).standard_normal((1, 1, 28, 28)).astype(np.float32)
        return lepton.InferenceSession(model.graph((1, 28, 28))).run(None, {"input": x})[0]

    model = nn.Sequential(MNIST, seed=5)
    expected = run(model)
    assert (run(nn.Sequential(MNIST, seed=5)) == expected).all()
    assert not (run(nn.Sequential(MNIST, seed=6)) == expected).all()
    assert list(model.weights) == ["conv2d_1.kernel", "conv2d_1.bias", "dense_1.kernel", "dense_1.bias"]
    assert (run(nn.Sequential(MNIST, model.weights)) == expected).all()
    np.savez(tmp_path / "weights.npz", **model.weights)
    assert (run(nn.Sequential(MNIST, tmp_path / "weights.npz")) == expected).all()
    np.save(tmp_path / "kernel.npy", model.weights["dense_1.kernel"])
    last = nn.Dense(10, activation="softmax", kernel=tmp_path / "kernel.npy", bias=model.weights["dense_1.bias"])
    assert (run(nn.Sequential([*MNIST[:-1], last], seed=5)) == expected).all()
    with pytest.raises(ValueError, match="the weights have no 'dense_1.bias'"):
        run(nn.Sequential(MNIST, {name: array for name, array in model.weights.items() if name != "dense_1.bias"}))
    with pytest.raises(ValueError, match="no layer takes the weights more.bias"):
        run(nn.Sequential(MNIST, {**model.weights, "more.bias": np.zeros(1)}))
    with pytest.raises(ValueError, match=r"'dense_1.bias' has the shape \[9\], expected \[10\]"):
        run(nn.Sequential(MNIST, {**model.weights, "dense_1.bias": np.zeros(9)}))
    with pytest.raises(ValueError, match="there is no activation 'rleu'"):
        nn.Sequential([nn.Dense(2, activation="rleu")]).graph((3,))



def test_types_and_documentation_are_those_of_the_header():
    tree = ast.parse(Path(nn.__file__).with_suffix(".pyi").read_text())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert functions.keys() == set(CASES) | CHECKED_ELSEWHERE | {"trace"}
    assert ast.unparse(functions["conv1d"].args) == ast.unparse(functions["conv2d"].args)
    assert nn.relu.__doc__.endswith("max(x, 0).")
    assert "stride: int | Sequence[int] = 1" in nn.conv2d.__doc__
