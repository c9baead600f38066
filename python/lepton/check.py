"""lepton check: compiles a model, runs it, and holds its outputs against an oracle's.

The inputs are made up from a seed: normal numbers for floats, 0 or 1 for integers, which is a valid index, flag or count. Sizes known only at run
time are 1; a dimension bounded by --dim NAME=MIN:MAX is run at both ends, one with
versions (--dim NAME=VALUE,VALUE) at each of them and at one more size. The status is 0 when every output is within the tolerance, 1 when not.
"""
import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import lepton

# Largest difference allowed, as a part of the output's scale, by bits of the significand: a step where there are fewer; what is no float must be equal.
TOLERANCES = {52: 1e-6, 23: 1e-4, 10: 5e-3, 7: 4e-2}


class Failure(Exception):
    """Ends the command with a line on standard error."""

    def __init__(self, message, status=1):
        super().__init__(message)
        self.status = status


# ---- oracles -------------------------------------------------------------------------------------------------------


def open_reference(path):
    import onnx
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(onnx.load(path))
    return f"onnx.reference {onnx.__version__}", lambda feed: evaluator.run(None, feed)


def open_onnxruntime(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return f"onnxruntime {onnxruntime.__version__}", lambda feed: session.run(None, feed)


ORACLES = {"onnxruntime": (open_onnxruntime, "onnxruntime"), "reference": (open_reference, "onnx")}


def open_oracle(name, path):
    """The oracle asked for, or the first one that is installed: (title, function of a feed)."""
    for candidate in [name] if name else ORACLES:
        try:
            return ORACLES[candidate][0](path)
        except ImportError:
            continue
        except Exception as problem:
            other = "reference" if candidate == "onnxruntime" else "onnxruntime"
            raise Failure(f"{path}: {candidate} refuses the model ({first_line(problem)}); try --against={other}") from None
    packages = " or ".join(ORACLES[candidate][1] for candidate in ([name] if name else ORACLES))
    raise Failure(f"there is no oracle to compare with; install one with: {sys.executable} -m pip install {packages}", 2)


def first_line(problem):
    return next(iter(str(problem).splitlines()), type(problem).__name__)


# ---- runs ----------------------------------------------------------------------------------------------------------


def compile_model(arguments, folder):
    """An artifact in `folder`. The compiler says itself what is wrong, and its status is the command's."""
    command = [os.environ.get("LEPTON_COMMAND", "lepton"), "compile", arguments.model, "-o", f"{folder}/model.so", f"-O{arguments.opt_level}"]
    command += [f"--threads={arguments.threads}", *(f"--dim={dim}" for dim in arguments.dim)]
    status = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
    if status:
        sys.exit(status)
    return f"{folder}/model.so"


def sizes_to_run(dims):
    """The sizes of dimensions that have several, one {name: size} for each run: bounded ones at both ends, versions each and one size besides."""
    choices = {}
    for name, _, size in (dim.rpartition("=") for dim in dims):
        if ":" in size:
            choices[name] = [int(end) for end in size.split(":")]
        elif "," in size:
            choices[name] = [int(version) for version in size.split(",")]
            choices[name].append(max(choices[name]) + 1)
    runs = max((len(sizes) for sizes in choices.values()), default=1)
    return [{name: sizes[min(run, len(sizes) - 1)] for name, sizes in choices.items()} for run in range(runs)]


def read_inputs(arguments):
    values = {}
    for entry in arguments.input:
        name, equals, file = entry.rpartition("=")
        if not equals:
            raise Failure(f"--input takes NAME=FILE.npy, got '{entry}'", 2)
        try:
            values[name] = np.load(file)
        except (OSError, ValueError) as problem:
            raise Failure(f"{file}: {first_line(problem)}") from None
    return values


# ---- comparison ----------------------------------------------------------------------------------------------------


def ordered(values):
    """Floats as integers of the same order: neighbours differ by one."""
    bits = values.view(f"i{values.itemsize}").astype(np.int64)
    return np.where(bits < 0, np.int64(-1 << (8 * values.itemsize - 1)) - bits, bits)


def compare(expected, result):
    """(max abs, max rel, max ULP, part of the scale); all infinite where shape or type differ."""
    if expected.shape != result.shape or expected.dtype != result.dtype:
        return (float("inf"),) * 4
    if expected.dtype.kind not in "biufcV":
        return (float("inf"),) * 4 if (expected != result).any() else (0.0,) * 4
    if expected.dtype.kind == "c":
        return compare(np.stack([expected.real, expected.imag]), np.stack([result.real, result.imag]))
    a, b = expected.astype(np.float64), result.astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(all="ignore"):
        gap = np.where(same, 0.0, np.abs(a - b))
        gap = np.where(np.isnan(gap), np.inf, gap)
        relative = np.where(same, 0.0, gap / np.abs(a))
        ulps = gap if expected.dtype.kind in "biu" else np.where(same, 0.0, np.abs(ordered(expected).astype(np.float64) - ordered(result)))
    finite = np.abs(a[np.isfinite(a)])
    scale = max(float(finite.max(initial=0.0)), 1e-30)
    return float(gap.max(initial=0.0)), float(relative.max(initial=0.0)), float(ulps.max(initial=0.0)), float(gap.max(initial=0.0)) / scale


def tolerance_of(dtype, given):
    if dtype.kind in "biuSUO" or "int" in dtype.name:
        return 0.0
    if given is not None:
        return given
    if dtype.isbuiltin == 1:
        return TOLERANCES[np.finfo(dtype).nmant]
    import ml_dtypes  # the type is its

    bits = ml_dtypes.finfo(dtype).nmant
    return TOLERANCES.get(bits, 2.0**-bits)


def tensors(name, value):
    """(name, array) of a tensor, or of each one in a sequence; an optional that holds nothing is one of no elements."""
    if isinstance(value, (list, tuple)):
        return [tensor for i, part in enumerate(value) for tensor in tensors(f"{name}[{i}]", part)]
    return [(name, np.array([], dtype=object) if value is None else np.asarray(value))]


def report(infos, expected, results, given):
    """A line per output; whether all are within the tolerance."""
    rows = []
    for info, want, got in zip(infos, expected, results, strict=True):
        wanted, gotten = tensors(info.name, want), tensors(info.name, got)
        if len(wanted) != len(gotten):
            raise Failure(f"output '{info.name}' has {len(gotten)} tensors, expected {len(wanted)}")
        rows += [(name, want, got) for (name, got), (_, want) in zip(gotten, wanted)]
    width = max([6, *(len(name) for name, _, _ in rows)])
    print(f"{'output':{width}}  {'shape':24} {'max abs':>9} {'max rel':>9} {'max ULP':>9} {'of scale':>9}")
    fine = True
    for name, want, got in rows:
        errors = compare(want, got)
        ok = errors[3] <= tolerance_of(got.dtype, given)
        fine &= ok
        cells = " ".join(f"{error:9.3g}" for error in errors)
        text = f"{got.dtype}{list(got.shape)}"
        unlike = "" if want.shape == got.shape and want.dtype == got.dtype else f"; expected {want.dtype}{list(want.shape)}"
        print(f"{name:{width}}  {text:24} {cells}  {'ok' if ok else 'DIFFERS'}{unlike}")
    return fine


def check(arguments):
    given = read_inputs(arguments)
    with tempfile.TemporaryDirectory() as folder:
        artifact = compile_model(arguments, folder)
        title, oracle = open_oracle(arguments.against, arguments.model)
        session = lepton.InferenceSession(artifact, threads=arguments.threads)
    unknown = set(given) - {info.name for info in session.get_inputs()}
    if unknown:
        raise Failure(f"{arguments.model}: the model has no input '{min(unknown)}'")
    fine = True
    for sizes in sizes_to_run(arguments.dim):
        random = np.random.default_rng(arguments.random_inputs)
        feed = {info.name: lepton.make_up(info, sizes, random) for info in session.get_inputs()} | given
        try:
            results = session.run(None, feed)
        except ValueError as problem:
            taken = ", ".join(f"{name} {list(np.shape(value))}" for name, value in feed.items())
            raise Failure(f"{arguments.model}: {problem}; the inputs were {taken}: try other sizes (--dim) or inputs (--input)") from None
        try:
            expected = oracle(feed)
        except Exception as problem:
            raise Failure(f"{arguments.model}: {title} cannot run the model ({first_line(problem)}); try other sizes (--dim) or inputs (--input)") from None
        if sizes:
            print(", ".join(f"{name}={size}" for name, size in sizes.items()))
        fine &= report(session.get_outputs(), expected, results, arguments.tolerance)
    print(f"{'agrees' if fine else 'DOES NOT AGREE'} with {title}; -O{arguments.opt_level}, seed {arguments.random_inputs}")
    return 0 if fine else 1


def parse(argv):
    parser = argparse.ArgumentParser(prog="lepton check", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL", help="ONNX model")
    parser.add_argument("--against", choices=list(ORACLES), help="the oracle; without it the first one that is installed")
    parser.add_argument("--random-inputs", type=int, default=0, metavar="SEED", help="seed of the inputs made up (0)")
    parser.add_argument("--input", action="append", default=[], metavar="NAME=FILE.npy", help="value of an input")
    parser.add_argument("--dim", action="append", default=[], metavar="NAME=VALUE|MIN:MAX|VALUE,VALUE", help="size of a named dimension, its bounds, or the sizes that get code of their own")
    parser.add_argument("--tolerance", type=float, metavar="PART", help="largest difference of floats, as a part of the output's scale (by type: 1e-4 for float32)")
    parser.add_argument("--threads", type=int, default=1, help="threads of a run (1)")
    parser.add_argument("-O", dest="opt_level", type=int, choices=range(4), default=3, help="optimization level (3)")
    return parser.parse_args(argv)


def main(argv=None):
    arguments = parse(argv)
    if not Path(arguments.model).is_file():
        sys.exit(fail(Failure(f"{arguments.model}: cannot be read: No such file or directory")))
    try:
        sys.exit(check(arguments))
    except Failure as failure:
        sys.exit(fail(failure))


def fail(failure):
    print(f"error: {failure}", file=sys.stderr)
    return failure.status
