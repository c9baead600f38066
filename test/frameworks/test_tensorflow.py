"""Keras' models on Lepton, by way of tf2onnx: they compute what TensorFlow computes."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tf2onnx
from keras import Input, Model, Sequential, layers, utils

import lepton

IMPORTED_AFTER_TENSORFLOW = """
import tensorflow
import lepton
from lepton import nn
graph = nn.Sequential([nn.Dense(3)], seed=1).graph((4,))
print(lepton.InferenceSession(graph).run(None, {"input": [[1, 2, 3, 4]]})[0].shape)
"""


@pytest.fixture(autouse=True)
def same_weights():
    utils.set_random_seed(0)


def convert(model, path):
    """The model as ONNX, with whatever sizes it leaves open; the names of its inputs are Keras'."""
    signature = [tf.TensorSpec(value.shape, value.dtype, name=value.name) for value in model.inputs]
    function = tf.function(lambda *values: model(values if len(values) > 1 else values[0]), input_signature=signature)
    tf2onnx.convert.from_function(function, input_signature=signature, opset=18, output_path=str(path))
    return lepton.InferenceSession(path, threads=2)


def require_same(model, session, *values):
    expected = model(list(values) if len(values) > 1 else values[0])
    names = [value.name for value in session.get_inputs()]
    results = session.run(None, dict(zip(names, values)))
    for result, wanted in zip(results, expected if isinstance(expected, list) else [expected], strict=True):
        np.testing.assert_allclose(result, wanted, rtol=1e-4, atol=1e-5)


def normal(*shape):
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def test_convolutions(tmp_path):
    model = Sequential(
        [
            Input((16, 16, 3)),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.DepthwiseConv2D(3, strides=2, padding="same"),
            layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="silu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5, activation="softmax"),
        ]
    )
    session = convert(model, tmp_path / "m.onnx")
    for batch in (1, 3):
        require_same(model, session, normal(batch, 16, 16, 3))


@pytest.mark.parametrize("layer", [layers.LSTM, layers.GRU, lambda *a, **b: layers.Bidirectional(layers.LSTM(*a, **b))], ids=["LSTM", "GRU", "Bidirectional"])
def test_recurrent(tmp_path, layer):
    model = Sequential([Input((None, 6)), layer(8, return_sequences=True), layer(4), layers.Dense(2)])
    session = convert(model, tmp_path / "m.onnx")
    for batch, steps in ((1, 5), (2, 9)):
        require_same(model, session, normal(batch, steps, 6))


def test_attention_of_two_inputs(tmp_path):
    query, memory = Input((7, 16), name="query"), Input((9, 16), name="memory")
    mixed = layers.MultiHeadAttention(num_heads=2, key_dim=8)(query, memory)
    model = Model([query, memory], [layers.LayerNormalization()(mixed + query), mixed])
    require_same(model, convert(model, tmp_path / "m.onnx"), normal(2, 7, 16), normal(2, 9, 16))


def test_loop_whose_length_is_data(tmp_path):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x"), tf.TensorSpec([], tf.int32, name="steps")])
    def function(x, steps):
        return tf.while_loop(lambda i, _: i < steps, lambda i, y: (i + 1, tf.where(y > 1, y / 2, 3 * y)), (0, x))[1]

    path = tmp_path / "m.onnx"
    tf2onnx.convert.from_function(function, input_signature=function.input_signature, opset=18, output_path=str(path))
    session = lepton.InferenceSession(path)
    for size, steps in ((1, 0), (5, 7)):
        x, count = normal(size), np.int32(steps)
        np.testing.assert_allclose(session.run(None, {"x": x, "steps": count})[0], function(x, count), rtol=1e-6)


def test_lepton_may_be_imported_after_tensorflow():
    result = subprocess.run([sys.executable, "-c", IMPORTED_AFTER_TENSORFLOW], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0 and result.stdout == "(1, 3)\n", result.stderr
