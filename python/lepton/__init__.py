"""Lepton: compiles neural networks and runs them.

    import lepton
    session = lepton.InferenceSession("model.onnx", threads=2)
    outputs = session.run(None, {"x": array})
    lepton.compile("model.onnx", "model.so", cpu="x86-64-v3")

The names are onnxruntime's where it has one, so that `import lepton as ort` runs existing code, and so that install_as_onnxruntime() puts Lepton under
packages that import onnxruntime themselves. Networks are built with lepton.nn.
"""
import ctypes as _ctypes
import os as _os
import sys as _sys


def _load():
    """Loads the native module. Where a package shows an LLVM of its own to whatever is loaded later (TensorFlow does), the module's own LLVM must come first for it."""
    flags = _sys.getdlopenflags()
    if hasattr(_ctypes.CDLL(None), "LLVMContextCreate"):
        _sys.setdlopenflags(flags | _os.RTLD_DEEPBIND)
    try:
        from . import _lepton
    finally:
        _sys.setdlopenflags(flags)
    return _lepton


_version = _load().version
from .binding import IOBinding, OrtValue
from .options import (
    ExecutionMode, GraphOptimizationLevel, RunOptions, SessionOptions, disable_telemetry_events, enable_telemetry_events, get_all_providers, get_available_providers,
    get_device, set_default_logger_severity, set_default_logger_verbosity,
)
from .session import InferenceSession, ModelMetadata, NodeArg, compile, make_up

__version__ = _version()
__all__ = [
    "ExecutionMode", "GraphOptimizationLevel", "IOBinding", "InferenceSession", "ModelMetadata", "NodeArg", "OrtValue", "RunOptions", "SessionOptions", "compile",
    "disable_telemetry_events", "enable_telemetry_events", "get_all_providers", "get_available_providers", "from_torch", "get_device", "install_as_onnxruntime", "make_up",
    "set_default_logger_severity", "set_default_logger_verbosity",
]


def from_torch(module, example_inputs, *, dynamic_shapes=None, **options):
    """Compiles a torch.nn.Module for inference: lepton.torch.from_torch, which needs PyTorch and onnxscript."""
    from .torch import from_torch as compile_module

    return compile_module(module, example_inputs, dynamic_shapes=dynamic_shapes, **options)


def install_as_onnxruntime():
    """Makes `import onnxruntime` give Lepton, in this process from now on."""
    _sys.modules["onnxruntime"] = _sys.modules[__name__]
