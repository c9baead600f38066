"""Lepton: compiles neural networks and runs them.

    import lepton
    session = lepton.InferenceSession("model.onnx", threads=2)
    outputs = session.run(None, {"x": array})
    lepton.compile("model.onnx", "model.so", cpu="x86-64-v3")

The names are onnxruntime's where it has one, so that `import lepton as ort` runs existing code. Networks are built with lepton.nn.
"""
from ._lepton import version as _version
from .binding import IOBinding, OrtValue
from .options import ExecutionMode, GraphOptimizationLevel, RunOptions, SessionOptions, get_available_providers, get_device, set_default_logger_severity
from .session import InferenceSession, NodeArg, compile, make_up

__version__ = _version()
__all__ = [
    "ExecutionMode", "GraphOptimizationLevel", "IOBinding", "InferenceSession", "NodeArg", "OrtValue", "RunOptions", "SessionOptions", "compile",
    "get_available_providers", "get_device", "make_up", "set_default_logger_severity",
]
