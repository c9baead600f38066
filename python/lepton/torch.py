"""PyTorch's modules on Lepton: lepton.from_torch(module, example_inputs), and, once this module is imported, torch.compile(module, backend="lepton").

A module is exported by torch.export, written as ONNX by torch.onnx, and compiled. What cannot go that way, and whatever a gradient is wanted of, is computed by PyTorch.
"""
import copy
import logging
import os
import tempfile
import warnings

import numpy as np
import torch
from torch.nn import functional
from torch.utils import _pytree as pytree

from .session import InferenceSession


def _to_numpy(tensor):
    """The tensor's memory as an array."""
    tensor = tensor.detach().cpu()
    if tensor.dtype == torch.bfloat16:
        import ml_dtypes

        return tensor.contiguous().view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


def _to_torch(array):
    """The array's memory as a tensor."""
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def _write(program, folder):
    """The exported program as ONNX; weights lie beside it, so that there may be any number of them."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")  # names operators of packages that are not there
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        written = torch.onnx.export(program, dynamo=True, verbose=False)
    finally:
        logger.setLevel(level)
    path = os.path.join(folder, "model.onnx")
    written.save(path, external_data=True)
    return path


class CompiledModule:
    """A module that was compiled, called as the module itself is, without gradients.

    session: the InferenceSession, whose inputs are the tensors of the arguments in their order.
    """

    def __init__(self, program, **options):
        self._structure = program.call_spec.out_spec
        with tempfile.TemporaryDirectory() as folder:
            self.session = InferenceSession(_write(program, folder), **options)
        self._names = [value.name for value in self.session.get_inputs()]

    def __call__(self, *args, **kwargs):
        return self.run([value for value in pytree.tree_leaves((args, kwargs)) if isinstance(value, torch.Tensor)])

    def run(self, values):
        """The result for the values of all inputs, tensors and whole numbers."""
        if len(values) != len(self._names):
            raise ValueError(f"the module takes {len(self._names)} tensors, {', '.join(self._names)}; got {len(values)}")
        results = self.session.run(None, {name: _to_numpy(value) if isinstance(value, torch.Tensor) else value for name, value in zip(self._names, values)})
        return pytree.tree_unflatten([_to_torch(result) for result in results], self._structure)


def from_torch(module, example_inputs, *, dynamic_shapes=None, **options):
    """Compiles a torch.nn.Module, whose results are tensors, or lists and dicts of them, for inference.

    example_inputs: a tuple of its arguments, of the shapes and types that it is compiled for.
    dynamic_shapes: as of torch.export.export, dimensions that may have other sizes in later calls: ({0: torch.export.Dim("batch")},).
    options: of InferenceSession (threads, cpu, opt_level, ...).
    Returns a CompiledModule. Raises what torch.export does where the module cannot be exported, and ValueError where Lepton cannot compile it.
    """
    with torch.no_grad():
        program = torch.export.export(module.eval(), tuple(example_inputs), dynamic_shapes=dynamic_shapes)
    return CompiledModule(program, **options)


def _encoder_layer(
    x, width, heads, in_weight, in_bias, out_weight, out_bias, use_gelu, norm_first, eps, norm_weight_1, norm_bias_1, norm_weight_2, norm_bias_2, weight_1, bias_1, weight_2, bias_2,
    mask=None, mask_type=None,
):
    """What torch.nn.TransformerEncoderLayer does in inference, where it is one operator of PyTorch's; mask_type: 0 for a mask of pairs, 1 for one of elements."""
    allowed = None if mask is None else ~mask.to(torch.bool)
    if mask_type == 1:
        allowed = allowed[:, None, None, :]

    def attend(x):
        parts = functional.linear(x, in_weight, in_bias).chunk(3, -1)
        query, key, value = (part.unflatten(-1, (heads, width // heads)).transpose(1, 2) for part in parts)
        return functional.linear(functional.scaled_dot_product_attention(query, key, value, allowed).transpose(1, 2).flatten(2), out_weight, out_bias)

    def feed_forward(x):
        hidden = functional.linear(x, weight_1, bias_1)
        return functional.linear(functional.gelu(hidden) if use_gelu else functional.relu(hidden), weight_2, bias_2)

    def norm_1(x):
        return functional.layer_norm(x, (width,), norm_weight_1, norm_bias_1, eps)

    def norm_2(x):
        return functional.layer_norm(x, (width,), norm_weight_2, norm_bias_2, eps)

    if norm_first:
        x = x + attend(norm_1(x))
        return x + feed_forward(norm_2(x))
    x = norm_1(x + attend(x))
    return norm_2(x + feed_forward(x))


_DECOMPOSITIONS = {torch.ops.aten._transformer_encoder_layer_fwd.default: _encoder_layer}  # what torch.onnx has no operators for


class _Part(torch.nn.Module):
    """A graph of torch.compile with its weights as parameters, of which it is a function of the other arguments."""

    def __init__(self, graph, fixed):
        super().__init__()
        self.graph, self.count = graph, len(fixed)
        self.places = [place for place, value in enumerate(fixed) if value is not None]
        for place in self.places:
            self.register_buffer(f"weight{place}", fixed[place].detach())

    def forward(self, *args):
        rest = iter(args)
        return self.graph(*(getattr(self, f"weight{place}") if place in self.places else next(rest) for place in range(self.count)))


class _Version:
    """A graph compiled for the arguments `rest`; is_open: for each, whether a number, or each of a tensor's dimensions, may be another one later."""

    def __init__(self, graph, fixed, rest, is_open, options):
        free = [{d: torch.export.Dim.AUTO for d, open_ in enumerate(dims) if open_} for dims in is_open]
        free = [dims if isinstance(value, torch.Tensor) else dims.get(0) for value, dims in zip(rest, free)]
        with torch.no_grad():
            program = torch.export.export(_Part(graph, fixed), tuple(rest), dynamic_shapes=(tuple(free),))
            program = program.run_decompositions(_DECOMPOSITIONS)  # which also shows what is written to
        signature = program.graph_signature
        if signature.buffers_to_mutate or signature.user_inputs_to_mutate:
            raise ValueError("it changes its inputs or its state")
        self.takes = [isinstance(value, torch.Tensor) or any(dims) for value, dims in zip(rest, is_open)]
        self.module = CompiledModule(program, **options)
        taken = [dims for dims, is_taken in zip(is_open, self.takes) if is_taken]
        for value, dims in zip(self.module.session.get_inputs(), taken):
            if any(open_ and isinstance(size, int) for open_, size in zip(dims, value.shape)):
                raise ValueError("its sizes cannot be left open")

    def __call__(self, rest):
        return self.module.run([value for value, is_taken in zip(rest, self.takes) if is_taken])


_MOST_NUMBERS = 8  # sets of real numbers that a graph is compiled for


def _placeholders(graph):
    return [node for node in graph.graph.nodes if node.op == "placeholder"]


def _is_number(placeholder):
    """Whether it stands for a real number of Python's, which torch.compile passes as a tensor where it does not take it for a constant."""
    value = placeholder.meta["example_value"]
    is_scalar = isinstance(value, torch.Tensor) and value.dtype == torch.float64 and value.dim() == 0
    return is_scalar and len(placeholder.users) > 0 and all(user.op == "call_method" and user.target == "item" for user in placeholder.users)


def _with_numbers(graph, numbers):
    """The graph with numbers as constants; its arguments in their places, {place: number}, are no longer used."""
    graph = torch.fx.GraphModule(graph, copy.deepcopy(graph.graph))
    placeholders = _placeholders(graph)
    for place, number in numbers.items():
        for user in list(placeholders[place].users):
            user.replace_all_uses_with(number)
            graph.graph.erase_node(user)
    graph.recompile()
    return graph


class _Graph:
    """One graph that torch.compile found. It is compiled when it is first called, for the sizes that torch.compile left open where that can be, and for its real
    numbers."""

    def __init__(self, graph, example_inputs, options):
        self.graph, self.options = graph, options
        self.is_weight = [isinstance(value, torch.nn.Parameter) for value in example_inputs]
        placeholders = _placeholders(graph)
        self.numbers = [place for place, node in enumerate(placeholders) if _is_number(node)]
        known = self.rest_of([node.meta["example_value"] for node in placeholders])
        self.is_open = [tuple(isinstance(size, torch.SymInt) for size in (value.shape if isinstance(value, torch.Tensor) else (value,))) for value in known]
        self.weights = None  # those that the compiled code has
        self.versions = {}  # by the numbers, and the sizes or () for all; None where PyTorch computes

    def rest_of(self, values):
        """Those that are neither weights nor numbers, which are compiled in."""
        return [value for place, (value, is_weight) in enumerate(zip(values, self.is_weight)) if not is_weight and place not in self.numbers]

    def __call__(self, *args):
        tensors = [value for value in args if isinstance(value, torch.Tensor)]
        if torch.is_grad_enabled() and any(value.requires_grad for value in tensors):
            return self.graph(*args)
        weights = [(value.data_ptr(), value._version) for value, is_weight in zip(args, self.is_weight) if is_weight]
        if weights != self.weights:
            self.versions, self.weights = {}, weights
        rest, numbers = self.rest_of(args), tuple(args[place].item() for place in self.numbers)
        sizes = tuple(value.shape if isinstance(value, torch.Tensor) else value for value in rest)
        key = numbers, () if (numbers, ()) in self.versions else sizes
        if key not in self.versions:
            if self.numbers and len({known for known, _ in self.versions} | {numbers}) > _MOST_NUMBERS:
                return self.graph(*args)
            sizes, version = self.compile(args, rest, sizes, numbers)
            key = numbers, sizes
            self.versions[key] = version
        run = self.versions[key]
        return self.graph(*args) if run is None else run(rest)

    def compile(self, args, rest, sizes, numbers):
        """(sizes, version) for any sizes, which is (), or for these; no version, but a warning that says why, where the graph stays PyTorch's."""
        fixed = [value if is_weight or place in self.numbers else None for place, (value, is_weight) in enumerate(zip(args, self.is_weight))]
        closed = [(False,) * len(dims) for dims in self.is_open]
        reason = "its tensors are not in the CPU's memory"
        if all(value.device.type == "cpu" for value in args if isinstance(value, torch.Tensor)):
            graph = _with_numbers(self.graph, dict(zip(self.numbers, numbers)))
            is_first = all(known != numbers for known, _ in self.versions)
            for is_open in [self.is_open, closed] if self.is_open != closed and is_first else [closed]:
                try:
                    return () if is_open == self.is_open else sizes, _Version(graph, fixed, rest, is_open, self.options)
                except Exception as problem:  # of many classes: torch.export's, torch.onnx's, Lepton's
                    reason = f"{type(problem).__name__}: {str(problem).strip().splitlines()[0]}"
        warnings.warn(f"Lepton leaves a graph of {len(self.graph.graph.nodes)} nodes to PyTorch: {reason}", stacklevel=3)
        return sizes, None


def backend(graph, example_inputs, *, options=None):
    """The backend "lepton" of torch.compile; options: {name: value} of InferenceSession."""
    return _Graph(graph, example_inputs, options or {})


torch._dynamo.register_backend(backend, "lepton")
