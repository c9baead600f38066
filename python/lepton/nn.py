"""Networks written in Python: as functions of values, or as stacks of layers.

    from lepton import nn

    def classifier(image):
        features = nn.relu(nn.conv2d(image, filters, bias, padding=1))
        return nn.softmax(nn.linear(nn.flatten(features), weight, offset))

    graph = nn.trace(classifier, image=("float32", ["N", 1, 28, 28]))

    graph = nn.Sequential([nn.Conv2D(32, 3, activation="relu"), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(10, activation="softmax")]).graph((1, 28, 28))

    session = lepton.InferenceSession(graph)     # runs it
    graph.save("model.onnx")                     # or .mlir, .mlirbc

An operation takes values of a graph, arrays (weights), numbers, and None for what is left out. Types and shapes are checked at the call: ValueError
names the line of the caller, the node, its operator and the reason.
"""
from . import _lepton
from .layers import *  # noqa: F403 - the names of layers.__all__

Graph, Value = _lepton.nn.Graph, _lepton.nn.Value
_operations = {name: function for name, function in vars(_lepton.nn).items() if not name.startswith("_")}
globals().update(_operations)


def trace(function, *, name=None, opset=23, **inputs):
    """The graph of a function of values.

    inputs: the function's arguments by name, each (dtype, shape).
    The function returns a value, several, or a dict of them by the names of the outputs; a value alone is the output "output", several are "output0" and so on.
    """
    graph = Graph(name or function.__name__, opset)
    results = function(**{key: graph.input(key, dtype, shape) for key, (dtype, shape) in inputs.items()})
    if isinstance(results, Value):
        results = {"output": results}
    elif not isinstance(results, dict):
        results = {f"output{i}": value for i, value in enumerate(results)}
    for key, value in results.items():
        graph.output(key, value)
    return graph
