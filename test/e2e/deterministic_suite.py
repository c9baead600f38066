"""ONNX's node tests with `--deterministic`: deterministic_suite.py [--update] [--jobs N] [--budget SECONDS] [--sample N] [NAME...]

Every node test that passes (backend_passes.txt) becomes a program for x86-64-v3 and one for AArch64, which runs in QEMU's user mode; both write the same bits, or the
compiler refuses the model. --update writes what was found of each op to docs/deterministic-ops.md.
"""

import collections
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

import backend_suite
from common import ROOT, SECONDS, emulator_of, lepton

PAGE = ROOT / "docs/deterministic-ops.md"
PROCESSORS = {
    "x86_64": (["--cpu=x86-64-v3"], []),
    "aarch64": (["--target=aarch64-linux-gnu"], emulator_of("aarch64")),
}
REFUSED = "refused"


def fits_in_files(case):
    """Whether all values are tensors that NumPy's files hold, which is where programs read and write them."""
    values = [backend_suite.plain(value) for inputs, outputs in case.data_sets for value in (*inputs, *outputs)]
    ends = (*case.model.graph.input, *case.model.graph.output)
    return all(isinstance(value, np.ndarray) and value.dtype.kind not in "OSU" for value in values) and all(end.type.HasField("tensor_type") for end in ends)


def names(cases):
    return [name for name in backend_suite.listed() if cases[name].kind == "node" and fits_in_files(cases[name])]


def program(folder, arch):
    flags, _ = PROCESSORS[arch]
    done = lepton("compile", folder / "m.onnx", "-o", folder / arch, "--emit=exe", "--deterministic", *flags)
    if done.returncode:
        reason = "refused: " if "leave --deterministic out" in done.stderr else ""
        raise RuntimeError(reason + done.stderr)


def outputs_of(folder, arch, inputs, outputs):
    results = folder / f"{arch}.results"
    results.mkdir(exist_ok=True)
    command = [*PROCESSORS[arch][1], folder / arch, *(f"{name}={folder / f'{i}.npy'}" for i, name in enumerate(inputs)), f"--output-dir={results}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return {name: np.load(results / f"{name}.npy") for name in outputs}


def bits(array):
    """The bits of numbers; every NaN is the same one."""
    if array.dtype.kind in "fc":
        array = np.where(np.isnan(array), np.array(np.nan, array.dtype), array)
    return array.shape, array.tobytes()


def check(case, _):
    """Raises what went wrong, or that the model was refused, or returns."""
    model, data_sets = backend_suite.materialize(case)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        onnx.save(model, folder / "m.onnx")
        for arch in PROCESSORS:
            program(folder, arch)
        for inputs, outputs in data_sets:
            for i, value in enumerate(inputs):
                np.save(folder / f"{i}.npy", value)
            sides = [[value.name for value in side] for side in (model.graph.input, model.graph.output)]
            one, other = (outputs_of(folder, arch, *sides) for arch in PROCESSORS)
            differ = [name for name in one if bits(one[name]) != bits(other[name])]
            assert not differ, f"other bits on AArch64: {', '.join(differ)}"


def run(cases, chosen, jobs=1, budget=float("inf")):
    """Name -> reason of failure, REFUSED, or "" where the bits are the same."""
    results = backend_suite.run(cases, chosen, jobs, budget=budget, levels=("deterministic",), check=check)
    reasons = {name: levels["deterministic"] for name, levels in results.items() if levels}
    return {name: REFUSED if reason.startswith(f"RuntimeError: {REFUSED}") else reason for name, reason in reasons.items()}


def ops(model):
    return {(f"{node.domain}." if node.domain else "") + node.op_type for node in model.graph.node}


def page(cases, results):
    """What was found of each op, as a table."""
    counts = collections.defaultdict(collections.Counter)
    for name, reason in results.items():
        for op in ops(cases[name].model):
            counts[op][REFUSED if reason == REFUSED else "failed" if reason else "same"] += 1
    lines = [f"| {op} | {count['same'] or ''} | {count[REFUSED] or ''} |" for op, count in sorted(counts.items()) if not count["failed"]]
    return f"""# The same bits, op by op

ONNX's own tests of each op that gave the same bits on x86-64-v3 and on AArch64 with `--deterministic`, and those that the compiler refused: [determinism.md](determinism.md)
says why. Written by `test/e2e/deterministic_suite.py --update`. The figures of a function's ops
include the tests of its expansion. Ops whose tests are on strings, sequences or optional values alone, which do no arithmetic, are not among them.

| op | tests with the same bits | tests refused |
|---|---|---|
""" + "".join(line + "\n" for line in lines)


def main():
    arguments = backend_suite.command(__doc__, f"write {PAGE.relative_to(ROOT)}").parse_args()
    cases = backend_suite.load_cases()
    results = run(cases, (arguments.names or names(cases))[:: arguments.sample], arguments.jobs, arguments.budget)
    failed = {name: reason for name, reason in results.items() if reason and reason != REFUSED}
    print("".join(f"{name}: {reason}\n" for name, reason in failed.items()), end="")
    print(f"{len(results)} run, {len(failed)} fail, {sum(reason == REFUSED for reason in results.values())} refused")
    if arguments.update:
        PAGE.write_text(page(cases, results))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
