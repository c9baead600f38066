"""Variants of ONNX's backend tests: suite_variants.py [--update] [--jobs N] [--budget SECONDS] [--sample N] [NAME...]

Every node test that passes (backend_passes.txt) is run twice more: `symbolic`, with a name in place of each size of its inputs, so that only the run knows
them, and `constant`, with its inputs as initializers, so that compilation computes them. Those that fail are listed in variant_failures.txt, each with
its reason; the list may only shrink. --update writes it.
"""

import sys
from pathlib import Path

import lepton
import numpy as np
import onnx
from onnx import numpy_helper

import backend_suite

FAILURES = Path(__file__).with_name("variant_failures.txt")
VARIANTS = ("symbolic", "constant")


def expected_failures():
    """(test, variant) -> reason."""
    lines = FAILURES.read_text().splitlines() if FAILURES.exists() else []
    parts = [line.split(" ", 2) for line in lines if line and not line.startswith("#")]
    return {(name, variant): reason for name, variant, reason in parts}


def names(cases):
    """The tests that have variants: those of nodes on tensors."""
    return [name for name in backend_suite.listed() if cases[name].kind == "node" and has_variants(cases[name])]


def has_variants(case):
    values = [value for inputs, outputs in case.data_sets for value in (*inputs, *outputs)]
    tensors = all(isinstance(backend_suite.plain(value), np.ndarray) for value in values)
    return tensors and len(case.model.graph.input) > 0 and all(i.type.HasField("tensor_type") for i in case.model.graph.input)


def symbolic(model, inputs):
    """The model with names for sizes. Vectors of integers keep theirs: shapes, axes and the like, whose length is a rank."""
    result = onnx.ModelProto.FromString(model.SerializeToString())
    count = 0
    for info, value in zip(result.graph.input, inputs):
        if value.ndim == 1 and value.dtype.kind == "i":
            continue
        for dim in info.type.tensor_type.shape.dim:
            dim.Clear()
            dim.dim_param = f"size{count}"
            count += 1
    for info in result.graph.output:
        for dim in info.type.tensor_type.shape.dim:
            dim.Clear()
    return result


def constant(model, inputs):
    result = onnx.ModelProto.FromString(model.SerializeToString())
    for info, value in zip(model.graph.input, inputs):
        tensor = numpy_helper.from_array(value, info.name)
        tensor.data_type = info.type.tensor_type.elem_type
        result.graph.initializer.append(tensor)
    del result.graph.input[:]
    return result


def check(case, variant):
    """Raises what went wrong, or returns."""
    model, data_sets = backend_suite.materialize(case)
    for inputs, outputs in data_sets:
        made = symbolic(model, inputs) if variant == "symbolic" else constant(model, inputs)
        session = lepton.InferenceSession(made.SerializeToString(), opt_level=3)
        feed = {info.name: value for info, value in zip(made.graph.input, inputs)}
        backend_suite.assert_similar(outputs, session.run(None, feed), case)


def run(cases, chosen, jobs=1, budget=float("inf"), progress=lambda done: None):
    """(test, variant) -> reason of failure, "" after a pass."""
    results = backend_suite.run(cases, chosen, jobs, progress, budget, VARIANTS, check)
    return {(name, variant): reason for name, reasons in results.items() for variant, reason in reasons.items()}


def update(results):
    failures = expected_failures()
    for key, reason in results.items():
        failures.pop(key, None)
        if reason:
            failures[key] = reason
    head = "# Variants of backend tests that fail, each with its reason. Written by suite_variants.py --update; it may only shrink.\n"
    FAILURES.write_text(head + "".join(f"{name} {variant} {reason}\n" for (name, variant), reason in sorted(failures.items())))


def main():
    arguments = backend_suite.command(__doc__, "write what fails to variant_failures.txt").parse_args()
    cases = backend_suite.load_cases()
    chosen = (arguments.names or names(cases))[:: arguments.sample]
    results = run(cases, chosen, arguments.jobs, arguments.budget)
    known = expected_failures()
    for (name, variant), reason in results.items():
        if reason:
            print(f"{name} {variant}: {reason}{'' if (name, variant) in known else ' (not listed)'}")
    for variant in VARIANTS:
        reasons = [reason for (_, v), reason in results.items() if v == variant]
        print(f"{variant}: {len(reasons)} run, {sum(map(bool, reasons))} fail")
    if arguments.update:
        update(results)
    return 1 if any(reason and key not in known for key, reason in results.items()) else 0


if __name__ == "__main__":
    sys.exit(main())
