"""Networks over sequences: recurrent ones, a transformer."""

from lepton_networks.registry import network
from lepton_networks.writer import Graph


@network
def lstm2():
    g = Graph("lstm2", [100, 1, 256], 256)
    return g.finish(g.recurrent("LSTM", g.recurrent("LSTM", g.x, 256), 256))


@network
def bilstm():
    g = Graph("bilstm", [50, 8, 128], 128)
    return g.finish(g.recurrent("LSTM", g.x, 128, directions=2))


@network
def gru():
    g = Graph("gru", [64, 1, 512], 512)
    return g.finish(g.recurrent("GRU", g.x, 512))


@network
def crnn():
    """Reads a line of text (Shi, Bai and Yao, 2015): a picture of 32 x 100 pixels, seven convolutions, two bidirectional LSTMs, 37 classes."""
    g = Graph("crnn", [1, 1, 32, 100])
    x = g.x
    rows = ((64, 3, (2, 2)), (128, 3, (2, 2)), (256, 3, None), (256, 3, (2, 1)), (512, 3, None), (512, 3, (2, 1)), (512, 2, None))
    for i, (outputs, kernel, strides) in enumerate(rows):
        x = g.conv(x, outputs, kernel, pad=1 if kernel == 3 else 0)
        x = g.relu(g.norm(x) if i in (2, 4, 6) else x)
        if strides:
            x = g.max_pool(x, 2, strides, (0, 0) if strides == (2, 2) else (0, 1))
    x = g.transpose(g.op("Squeeze", x, g.integers(2)), 2, 0, 1)
    for outputs in (256, 37):
        x = g.linear(g.recurrent("LSTM", x, 256, directions=2), outputs)
    return g.finish(x)


@network
def bert4():
    """Four layers of a transformer's encoder: 128 tokens, hidden size 256, four heads."""
    g = Graph("bert4", [1, 128, 256], 256)

    def heads(x, *order):
        return g.transpose(g.reshape(x, 1, 128, 4, 64), *order)

    def normal(x):
        return g.op("LayerNormalization", x, g.uniform(256, low=0.7, high=1.3), g.normal(256, variance=0.01), axis=-1, epsilon=1e-5)

    def gelu(x):
        half = g.op("Add", g.op("Erf", g.op("Div", x, g.number(2**0.5))), g.number(1))
        return g.scaled(g.op("Mul", x, half), 0.5)

    x = g.x
    for _ in range(4):
        queries, keys, values = heads(g.linear(x, 256), 0, 2, 1, 3), heads(g.linear(x, 256), 0, 2, 3, 1), heads(g.linear(x, 256), 0, 2, 1, 3)
        weights = g.op("Softmax", g.scaled(g.op("MatMul", queries, keys), 0.125), axis=-1)
        mixed = g.reshape(g.transpose(g.op("MatMul", weights, values), 0, 2, 1, 3), 1, 128, 256, channels=256)
        x = normal(g.add(x, g.linear(mixed, 256)))
        x = normal(g.add(x, g.linear(gelu(g.linear(x, 1024)), 256)))
    return g.finish(x)
