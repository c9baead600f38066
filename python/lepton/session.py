"""Sessions: models that run, with onnxruntime's names."""
import operator
import os
import threading
import warnings

import numpy as np

from . import _lepton
from .binding import IOBinding, OrtValue
from .options import SessionOptions, get_available_providers
from .values import MAP, OPTIONAL, SEQUENCE, STRING, dtype_of, pack, type_name, unpack


class NodeArg:
    """An input or output: `name`, `shape` (sizes; names or None where known only at run time), `type` ("tensor(float)")."""

    def __init__(self, name, number, shape, element=None):
        self.name, self.shape, self.type = name, shape, type_name(number, element)
        self._number, self._element = number, element

    def __repr__(self):
        return f"NodeArg(name={self.name!r}, type={self.type!r}, shape={self.shape!r})"


class ModelMetadata:
    """What an ONNX model says of itself: `producer_name`, `graph_name`, `domain`, `description`, `graph_description`, `version` (a number), `custom_metadata_map`;
    empty of artifacts and of models in Lepton's dialect."""

    def __init__(self, fields, custom):
        self.producer_name, self.graph_name, self.domain = (fields.get(name, "") for name in ("producer_name", "graph_name", "domain"))
        self.description, self.graph_description = fields.get("description", ""), fields.get("graph_description", "")
        self.version = int(fields.get("version", 0))
        self.custom_metadata_map = custom


def make_up(value, sizes, random):
    """A value for an input (a NodeArg): normal numbers, 0 or 1 for integers, words; {name: size} gives sizes, others are 1."""
    if value._number in (SEQUENCE, OPTIONAL):
        content = NodeArg(*value._element)
        parts = [make_up(content, sizes, random) for _ in range(0 if content.shape is None else 2)]
        return parts if value._number == SEQUENCE else parts[0] if parts else None
    if value._number == MAP:
        keys, values = (make_up(NodeArg(*part), sizes, random).tolist() for part in value._element)
        return dict(zip(keys, values))
    shape = [size if isinstance(size, int) else sizes.get(size, 1) for size in value.shape]
    if value._number == STRING:
        return np.array(["word", "Two words", ""], dtype=object)[random.integers(0, 3, shape)]
    dtype = dtype_of(value._number)[0]
    if np.issubdtype(dtype, np.integer) or dtype == bool:
        return random.integers(0, 2, shape).astype(dtype)
    numbers = random.standard_normal(shape)
    return (numbers + 1j * random.standard_normal(shape) if dtype.kind == "c" else numbers).astype(dtype)


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


def _thread_count(threads):
    if not 0 <= operator.index(threads) < 2**32:
        raise ValueError(f"threads is {threads}; it takes how many threads there are in a run, or 0")
    return operator.index(threads)


def _device_number(device, providers, provider_options):
    """`device`, or what onnxruntime calls device_id."""
    if device is None:
        beside = [provider[1] for provider in providers or () if not isinstance(provider, str) and len(provider) > 1]
        device = next((int(options["device_id"]) for options in [*beside, *(provider_options or ())] if "device_id" in options), 0)
    if not 0 <= operator.index(device) < 2**32:
        raise ValueError(f"device is {device}; it takes the number of a GPU, from 0")
    return operator.index(device)


class InferenceSession:
    """A model that runs.

    path_or_bytes: an ONNX model (path or bytes), a model in Lepton's dialect, an artifact that `compile` made, or a graph (lepton.nn).
    target: what it is compiled for: "cuda" is NVIDIA's GPUs, "vulkan" any GPU with a driver of Vulkan; "" the CPU. An artifact was compiled for one already.
    dims: {name: size} fixes a named dimension of the model, {name: (smallest, largest)} bounds it, {name: [size, ...]} leaves it open
        and adds code made for these sizes, chosen at run time.
    tuning_db: a file that `lepton tune` made; kernels that were tuned on this processor for as many threads are computed as was found fastest.
    max_time, max_memory: seconds, and bytes that the process may have in memory, past which a compilation is given up at its next step; 0: no bound.
    deterministic: the same bits on all processors with fused multiply-add, in longer time.
    verify_key: file of a public key (Ed25519, PEM); only an artifact that it signed (`lepton sign`) is loaded.
    audit: file to which a line of JSON is added for each artifact that is loaded: file, hash, signer, process.
    weights_key: file of the key (32 bytes) that an artifact's file of constants is encrypted with.
    threads: threads that take part in a run; 0: as many as sess_options says, or one.
    device: which of several GPUs runs a model for them, from 0; None: the `device_id` of the provider's options, or the first.
    Raises ValueError where the model or an input is at fault, with the node's name in the message.
    """

    def __init__(self, path_or_bytes, sess_options=None, providers=None, provider_options=None, *, threads=0, cpu="", target="", opt_level=3, dims=None, tuning_db=None, max_time=0, max_memory=0, deterministic=False, verify_key=None, audit=None, weights_key=None, device=None, **others):
        if others:
            warnings.warn(f"Lepton has no option {', '.join(others)}; it is ignored", stacklevel=2)
        ignored = [provider for provider in providers or () if (provider if isinstance(provider, str) else provider[0]) not in get_available_providers()]
        if ignored:
            warnings.warn(f"Lepton runs on the CPU, or on a GPU with target='cuda' or 'vulkan'; the providers {ignored} are ignored", stacklevel=2)
        self._options = sess_options or SessionOptions()
        threads = _thread_count(threads or self._options.intra_op_num_threads)
        dims = {**self._options._dims, **(dims or {})}
        policy = os.fspath(verify_key or ""), os.fspath(audit or "")
        choices = target, cpu, threads, opt_level, _ranges(dims), os.fspath(tuning_db or ""), max_time, max_memory, *policy, deterministic, os.fspath(weights_key or ""), _device_number(device, providers, provider_options)
        if isinstance(path_or_bytes, _lepton.nn.Graph):
            self._executable = _lepton.open_graph(path_or_bytes, choices)
        elif isinstance(path_or_bytes, (bytes, bytearray)):
            self._executable = _lepton.open_bytes(bytes(path_or_bytes), choices)
        else:
            self._executable = _lepton.open(os.fspath(path_or_bytes), choices)
        self._inputs = [NodeArg(*info) for info in self._executable.inputs()]
        self._outputs = [NodeArg(*info) for info in self._executable.outputs()]
        self._names = tuple(value.name for value in self._inputs)

    def get_inputs(self):
        return self._inputs

    def get_outputs(self):
        return self._outputs

    def get_overridable_initializers(self):
        """None: initializers are compiled in."""
        return []

    def get_modelmeta(self):
        return ModelMetadata(*self._executable.metadata())

    def get_session_options(self):
        return self._options

    def get_providers(self):
        return get_available_providers()

    def get_provider_options(self):
        return {name: {} for name in get_available_providers()}

    def set_providers(self, providers=None, provider_options=None):
        """A session runs on the CPU whatever it is told."""

    def disable_fallback(self):
        """A run never moves to another provider."""

    def enable_fallback(self):
        """There is no provider to fall back to."""

    def run(self, output_names, input_feed, run_options=None):
        """Runs the model on {name: value}; returns the outputs named (none: all), in order.

        A tensor is an array, one of strings an array of str; a sequence is a list; an optional that holds nothing is None; a map is a dict. What has
        DLPack's interface is taken without a copy, and the arrays returned have it.
        """
        results = _lepton.run_arrays(self._executable, self._names, input_feed) if type(input_feed) is dict else None
        if results is None:
            results = self._run_values(input_feed)
        if not output_names:
            return results
        by_name = {value.name: result for value, result in zip(self._outputs, results)}
        missing = [name for name in output_names if name not in by_name]
        if missing:
            raise ValueError(f"the model has no output {missing}; its outputs are {list(by_name)}")
        return [by_name[name] for name in output_names]

    def run_async(self, output_names, input_feed, callback, user_data, run_options=None):
        """The same in a thread of its own, which then calls callback(outputs, user_data, error); error is empty where the run went well."""

        def run():
            results, error = [], ""
            try:
                results = self.run(output_names, input_feed, run_options)
            except Exception as problem:  # whose thread is not the caller's
                error = str(problem)
            callback(results, user_data, error)

        threading.Thread(target=run).start()

    def run_with_ort_values(self, output_names, input_dict_ort_values, run_options=None):
        """Takes and gives OrtValues."""
        return [OrtValue(result) for result in self.run(output_names, {name: value.numpy() for name, value in input_dict_ort_values.items()}, run_options)]

    def io_binding(self):
        """Inputs and outputs that stay where they are from run to run."""
        return IOBinding(self)

    def run_with_iobinding(self, iobinding, run_options=None):
        """Runs the model on the inputs of a binding, and writes to its outputs."""
        memory = iobinding.outputs
        results = self._run_values(iobinding.inputs, [self._memory(value, memory[value.name]) if value.name in memory else None for value in self._outputs])
        iobinding.results = {value.name: memory.get(value.name, result) for value, result in zip(self._outputs, results)}

    def _run_values(self, input_feed, memory=()):
        """The run on values of any kind, converted to what the model declares where they can be; memory: for each output, what `_memory` gives, or None."""
        if len(input_feed) != len(self._inputs):
            self._refuse(input_feed)
        alive, inputs = [], []
        for value in self._inputs:
            name = value.name
            if name not in input_feed:
                self._refuse(input_feed)
            packed, kept = pack(input_feed[name], name, value._number, value._element)
            inputs.append(packed)
            alive.append(kept)
        results = _lepton.run_values(self._executable, inputs, list(memory))
        return [None if result is None else unpack(result) for result in results]

    @staticmethod
    def _memory(output, array):
        """What the native module takes of an array that an output is written to. Raises ValueError where it cannot be, as it is."""
        dtype, text = dtype_of(output._number)
        if array.dtype != dtype or not (array.flags.c_contiguous and array.flags.writeable):
            raise ValueError(f"the memory for the output '{output.name}' is an array of {array.dtype}; expected is a contiguous and writable one of {text}")
        return array.ctypes.data, array.shape, output._number, array.nbytes

    def _refuse(self, input_feed):
        """Says which inputs are too many or missing."""
        unknown = sorted(set(input_feed) - set(self._names))
        if unknown:
            raise ValueError(f"the model has no input {unknown}; its inputs are {list(self._names)}")
        raise ValueError(f"no value for the input '{next(name for name in self._names if name not in input_feed)}'")


def compile(model, output, *, cpu="", target="", emit="", weights="", runtime="", threads=1, opt_level=3, dims=None, tuning_db=None, max_time=0, max_memory=0, deterministic=False, weights_key=None):
    """Compiles a model, a file or a graph (lepton.nn), to an artifact; the ending of `output` (.so, .wasm, .a, .o, .s, .ll) says what it is.

    weights says where the constants go: "embed", "file" (beside the artifact, shared by all processes that run it), "section" (pages of their own).
    weights_key: file of a key (32 bytes) with which weights="file" encrypts them; a session of the artifact takes the same one.
    runtime="none" makes an object or archive for one thread that needs nothing but itself.
    The other options are those of InferenceSession that say how a model is compiled.
    """
    model = model if isinstance(model, _lepton.nn.Graph) else os.fspath(model)
    _lepton.compile(model, os.fspath(output), emit, weights, runtime, (target, cpu, _thread_count(threads), opt_level, _ranges(dims), os.fspath(tuning_db or ""), max_time, max_memory, "", "", deterministic, os.fspath(weights_key or ""), 0))
