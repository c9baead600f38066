"""Lepton: compiles neural networks and runs them.

    import lepton
    session = lepton.InferenceSession("model.onnx", threads=2)
    outputs = session.run(None, {"x": array})
    lepton.compile("model.onnx", "model.so", cpu="x86-64-v3")

The names are onnxruntime's where it has one.
"""
import os
import warnings

import numpy as np

from . import _lepton

__all__ = ["InferenceSession", "NodeArg", "SessionOptions", "compile", "get_available_providers", "make_up"]

# ONNX's number of an element type -> (NumPy's type, onnxruntime's name).
_DTYPES = {
    1: (np.dtype(np.float32), "float"), 2: (np.dtype(np.uint8), "uint8"), 3: (np.dtype(np.int8), "int8"),
    4: (np.dtype(np.uint16), "uint16"), 5: (np.dtype(np.int16), "int16"), 6: (np.dtype(np.int32), "int32"),
    7: (np.dtype(np.int64), "int64"), 9: (np.dtype(np.bool_), "bool"), 10: (np.dtype(np.float16), "float16"),
    11: (np.dtype(np.float64), "double"), 12: (np.dtype(np.uint32), "uint32"), 13: (np.dtype(np.uint64), "uint64"),
    14: (np.dtype(np.complex64), "complex64"), 15: (np.dtype(np.complex128), "complex128"),
}
# Types that NumPy lacks; an element takes a byte or two. ONNX's number -> (their name in the package ml_dtypes, onnxruntime's name).
_ML_DTYPES = {
    16: ("bfloat16", "bfloat16"), 17: ("float8_e4m3fn", "float8e4m3fn"), 18: ("float8_e4m3fnuz", "float8e4m3fnuz"),
    19: ("float8_e5m2", "float8e5m2"), 20: ("float8_e5m2fnuz", "float8e5m2fnuz"), 21: ("uint4", "uint4"), 22: ("int4", "int4"),
    23: ("float4_e2m1fn", "float4e2m1"), 24: ("float8_e8m0fnu", "float8e8m0"), 25: ("uint2", "uint2"), 26: ("int2", "int2"),
    27: ("float6_e2m3fn", "float6e2m3"), 28: ("float6_e3m2fn", "float6e3m2"),
}
try:
    import ml_dtypes

    _DTYPES.update({number: (np.dtype(getattr(ml_dtypes, name)), text) for number, (name, text) in _ML_DTYPES.items() if hasattr(ml_dtypes, name)})
except ImportError:  # only models with such types need the package
    pass
_NUMBERS = {dtype: number for number, (dtype, _) in _DTYPES.items()}
_STRING, _SEQUENCE, _OPTIONAL, _MAP = 8, 256, 257, 258  # lepton_dtype


def _dtype(number):
    """NumPy's type and onnxruntime's name of an element type."""
    if number not in _DTYPES:
        raise ImportError(f"the model has values of type {_ML_DTYPES[number][1]}; install the package ml_dtypes, version 0.5 or newer")
    return _DTYPES[number]


def as_declared(array, dtype):
    """The array; raw bytes, which is how NumPy's files hold the elements that it has no type for, as what the model declares."""
    is_raw = array.dtype.type is np.void and not array.dtype.names
    return array.view(dtype) if is_raw and dtype.isbuiltin == 2 and array.dtype.itemsize == dtype.itemsize else array


def _type_name(number, element):
    """As onnxruntime writes it: "tensor(float)", "seq(tensor(string))", "map(int64,tensor(float))"."""
    if number == _MAP:
        key, value = (_type_name(part[1], part[3]) for part in element)
        return f"map({key.removeprefix('tensor(').removesuffix(')')},{value})"
    if number in (_SEQUENCE, _OPTIONAL):
        return f"{'seq' if number == _SEQUENCE else 'optional'}({_type_name(element[1], element[3])})"
    return f"tensor({'string' if number == _STRING else _dtype(number)[1]})"


class NodeArg:
    """An input or output: `name`, `shape` (sizes; names or None where known only at run time), `type` ("tensor(float)")."""

    def __init__(self, name, number, shape, element=None):
        self.name, self.shape, self.type = name, shape, _type_name(number, element)
        self._number, self._element = number, element

    def __repr__(self):
        return f"NodeArg(name={self.name!r}, type={self.type!r}, shape={self.shape!r})"


def _array(value, name, number):
    """What the native module takes of an array; and the array, which must live as long."""
    dtype, text = _dtype(number)
    if type(value) is np.ndarray and value.dtype == dtype and dtype.isbuiltin == 1 and value.flags.c_contiguous:
        return (value, number), value
    array = as_declared(np.asarray(value), dtype)
    if array.dtype not in _NUMBERS:
        raise ValueError(f"input '{name}' has the type {array.dtype}, expected tensor({text})")
    if not array.flags.c_contiguous:
        array = np.ascontiguousarray(array)
    return (array.ctypes.data, array.shape, _NUMBERS[array.dtype], array.nbytes), array


def _strings(value, name):
    array = np.asarray(value, dtype=object)
    texts = [text.encode() if isinstance(text, str) else text for text in array.ravel().tolist()]
    if not all(isinstance(text, bytes) and b"\0" not in text for text in texts):
        raise ValueError(f"input '{name}' takes strings without NUL characters, got {value!r:.80}")
    return (texts, array.shape, _STRING), texts


def make_up(value, sizes, random):
    """A value for an input (a NodeArg): normal numbers, 0 or 1 for integers, words; {name: size} gives sizes, others are 1."""
    if value._number in (_SEQUENCE, _OPTIONAL):
        content = NodeArg(*value._element)
        parts = [make_up(content, sizes, random) for _ in range(0 if content.shape is None else 2)]
        return parts if value._number == _SEQUENCE else parts[0] if parts else None
    if value._number == _MAP:
        keys, values = (make_up(NodeArg(*part), sizes, random).tolist() for part in value._element)
        return dict(zip(keys, values))
    shape = [size if isinstance(size, int) else sizes.get(size, 1) for size in value.shape]
    if value._number == _STRING:
        return np.array(["word", "Two words", ""], dtype=object)[random.integers(0, 3, shape)]
    dtype = _dtype(value._number)[0]
    if np.issubdtype(dtype, np.integer) or dtype == bool:
        return random.integers(0, 2, shape).astype(dtype)
    numbers = random.standard_normal(shape)
    return (numbers + 1j * random.standard_normal(shape) if dtype.kind == "c" else numbers).astype(dtype)


def _column(values, name, number):
    """The keys or the values of a map, as a vector; and what must live as long."""
    if number == _STRING:
        return _strings(values, name)
    dtype, text = _dtype(number)
    if values and not np.can_cast(np.asarray(values).dtype, dtype, "same_kind"):
        raise ValueError(f"input '{name}' is a map of {text}, got {values!r:.80}")
    return _array(np.array(values, dtype), name, number)


def _pack(value, name, number, element):
    """A value for the native module; and what must live as long."""
    if number == _MAP:
        if not isinstance(value, dict):
            raise ValueError(f"input '{name}' takes a dict, got {type(value).__name__}")
        columns = [_column(part, name, info[1]) for part, info in zip((list(value), list(value.values())), element)]
        return ([column for column, _ in columns], number), [alive for _, alive in columns]
    if number not in (_SEQUENCE, _OPTIONAL):
        return _strings(value, name) if number == _STRING else _array(value, name, number)
    if number == _SEQUENCE and not isinstance(value, (list, tuple)):
        raise ValueError(f"input '{name}' takes a list of arrays, got {type(value).__name__}")
    values = value if number == _SEQUENCE else [] if value is None else [value]
    parts = [_pack(part, name, element[1], element[3]) for part in values]
    return ([part for part, _ in parts], number), [alive for _, alive in parts]


def _unpack(result):
    if type(result) is np.ndarray:
        return result
    data, shape, number = result
    if number == _MAP:
        keys, values = (_unpack(part).tolist() for part in data)
        return dict(zip(keys, values))
    if number in (_SEQUENCE, _OPTIONAL):
        values = [_unpack(part) for part in data]
        return values if number == _SEQUENCE else values[0] if values else None
    if number == _STRING:
        array = np.empty(len(data), dtype=object)
        array[:] = [text.decode(errors="surrogateescape") for text in data]
        return array.reshape(shape)
    return data.view(_dtype(number)[0]).reshape(shape)


class SessionOptions:
    """What onnxruntime's options and Lepton have in common: the number of threads."""

    def __init__(self):
        self.intra_op_num_threads = 0
        self.inter_op_num_threads = 0
        self.log_severity_level = 2
        self.graph_optimization_level = None


def get_available_providers():
    return ["CPUExecutionProvider"]


def _ranges(dims):
    """[(name, minimum, maximum, versions)] from {name: size, (minimum, maximum), or [size, ...] with code of their own}."""
    ranges = []
    for name, size in (dims or {}).items():
        sizes = list(size) if isinstance(size, (tuple, list)) else [size]
        positive = sizes and all(isinstance(size, (int, np.integer)) and size >= 1 for size in sizes)
        if not positive or (isinstance(size, tuple) and (len(sizes) != 2 or sizes[0] > sizes[1])):
            raise ValueError(f"dims gives '{name}' {size!r}; it takes a positive size, (smallest, largest), or a list of the sizes that get code of their own")
        sizes = [int(size) for size in sizes]
        ranges.append((name, 1, 2**63 - 1, sizes) if isinstance(size, list) else (name, sizes[0], sizes[-1], []))
    return ranges


class InferenceSession:
    """A model that runs.

    path_or_bytes: an ONNX model (path or bytes), a model in Lepton's dialect, or an artifact that `compile` made.
    dims: {name: size} fixes a named dimension of the model, {name: (smallest, largest)} bounds it, {name: [size, ...]} leaves it open
        and adds code made for these sizes, chosen at run time.
    tuning_db: a file that `lepton tune` made; kernels that were tuned on this processor for as many threads are computed as was found fastest.
    threads: threads that take part in a run; 0: as many as sess_options says, or one.
    Raises ValueError where the model or an input is at fault, with the node's name in the message.
    """

    def __init__(self, path_or_bytes, sess_options=None, providers=None, provider_options=None, *, threads=0, cpu="", opt_level=3, dims=None, tuning_db=None, **others):
        if others:
            warnings.warn(f"Lepton has no option {', '.join(others)}; it is ignored", stacklevel=2)
        if providers and not any("CPU" in str(provider) for provider in providers):
            warnings.warn(f"Lepton runs on the CPU; the providers {providers} are ignored", stacklevel=2)
        threads = threads or (sess_options.intra_op_num_threads if sess_options else 0)
        choices = cpu, threads, opt_level, _ranges(dims), os.fspath(tuning_db or "")
        if isinstance(path_or_bytes, (bytes, bytearray)):
            self._executable = _lepton.open_bytes(bytes(path_or_bytes), *choices)
        else:
            self._executable = _lepton.open(os.fspath(path_or_bytes), *choices)
        self._inputs = [NodeArg(*info) for info in self._executable.inputs()]
        self._outputs = [NodeArg(*info) for info in self._executable.outputs()]
        self._names = tuple(value.name for value in self._inputs)

    def get_inputs(self):
        return self._inputs

    def get_outputs(self):
        return self._outputs

    def get_providers(self):
        return get_available_providers()

    def run(self, output_names, input_feed, run_options=None):
        """Runs the model on {name: value}; returns the outputs named (None: all), in order.

        A tensor is an array, one of strings an array of str; a sequence is a list; an optional that holds nothing is None; a map is a dict.
        """
        results = _lepton.run_arrays(self._executable, self._names, input_feed) if type(input_feed) is dict else None
        if results is None:
            results = self._run_values(input_feed)
        if output_names is None:
            return results
        by_name = {value.name: result for value, result in zip(self._outputs, results)}
        missing = [name for name in output_names if name not in by_name]
        if missing:
            raise ValueError(f"the model has no output {missing}; its outputs are {list(by_name)}")
        return [by_name[name] for name in output_names]

    def _run_values(self, input_feed):
        """The run on values of any kind, converted to what the model declares where they can be."""
        if len(input_feed) != len(self._inputs):
            self._refuse(input_feed)
        alive, inputs = [], []
        for value in self._inputs:
            name = value.name
            if name not in input_feed:
                self._refuse(input_feed)
            packed, kept = _pack(input_feed[name], name, value._number, value._element)
            inputs.append(packed)
            alive.append(kept)
        return [_unpack(result) for result in _lepton.run_values(self._executable, inputs)]

    def _refuse(self, input_feed):
        """Says which inputs are too many or missing."""
        unknown = sorted(set(input_feed) - set(self._names))
        if unknown:
            raise ValueError(f"the model has no input {unknown}; its inputs are {list(self._names)}")
        raise ValueError(f"no value for the input '{next(name for name in self._names if name not in input_feed)}'")


def compile(model, output, *, cpu="", target="", emit="", threads=1, opt_level=3, dims=None, tuning_db=None):
    """Compiles a model file to an artifact; the ending of `output` (.so, .a, .o, .s, .ll) says what it is. The options are those of InferenceSession."""
    _lepton.compile(os.fspath(model), os.fspath(output), cpu, target, emit, threads, opt_level, _ranges(dims), os.fspath(tuning_db or ""))
