"""ONNX's backend test suite through lepton.InferenceSession: backend_suite.py [--update] [--jobs N] [-v] [NAME...]

Runs the named tests (all of them when none is named), each without optimization and with all of it, in worker processes that
may crash or hang without harm. Prints a summary and, with -v, every failure with its reason. A test passes when it passes at both
levels; --update adds those that pass to backend_passes.txt, which only ever grows. The others are in backend_failures.txt, each with
its reason, written by hand.
"""

import argparse
import collections
import functools
import multiprocessing
import os
import resource
import sys
import time
import warnings
from multiprocessing.connection import wait
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests
from onnx.backend.test.runner import Runner

import lepton

PASSES = Path(__file__).with_name("backend_passes.txt")
FAILURES = Path(__file__).with_name("backend_failures.txt")
KINDS = ("node", "simple", "real", "pytorch-converted", "pytorch-operator")
LEVELS = (0, 3)
SECONDS = 60  # of the processor's time for one test: others may keep it busy
PATIENCE = 600  # seconds by the clock, after which a test that does nothing is given up
MEMORY = 8 << 30  # bytes of address space of a worker, since some models are hostile


@functools.cache
def load_cases():
    """Name -> the suite's test."""
    warnings.simplefilter("ignore")
    return {case.name: case for kind in KINDS for case in load_model_tests(kind=kind)}


def listed():
    return [line for line in PASSES.read_text().splitlines() if line and not line.startswith("#")] if PASSES.exists() else []


def known_failures():
    """Name -> the reason why the test fails."""
    lines = [line for line in FAILURES.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split(" ", 1) for line in lines)


# ---- one test --------------------------------------------------------------------------------------------------------


def read_value(file, value_type):
    """The content of a .pb file of the suite."""
    readers = (
        ("sequence_type", onnx.SequenceProto, numpy_helper.to_list),
        ("optional_type", onnx.OptionalProto, numpy_helper.to_optional),
        ("map_type", onnx.MapProto, numpy_helper.to_dict),
        ("tensor_type", onnx.TensorProto, numpy_helper.to_array),
    )
    for field, message, convert in readers:
        if value_type.HasField(field):
            return convert(message.FromString(file.read_bytes()))
    raise TypeError(f"{file}: of a type that the suite does not use")


def read_folder(folder, what, values):
    count = len(list(folder.glob(f"{what}_*.pb")))
    return [read_value(folder / f"{what}_{i}.pb", value.type) for i, value in zip(range(count), values)]


def plain(value):
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def materialize(case):
    """The test's model (message) and its data sets: [(inputs, expected outputs)]."""
    if case.kind == "node":
        return case.model, [([plain(v) for v in ins], [plain(v) for v in outs]) for ins, outs in case.data_sets]
    if case.kind == "real":  # weights are made by the graph; the package has the expected outputs alone
        source = Path(onnx.__file__).parent / case.url.removeprefix("onnx/")
        model = onnx.load(source)
        initialized = {tensor.name for tensor in model.graph.initializer}
        inputs = [Runner.generate_dummy_data(value) for value in model.graph.input if value.name not in initialized]
        names = [source.with_name(f"{source.stem}_output_{i}.pb") for i in range(len(model.graph.output))]
        return model, [(inputs, [read_value(file, value.type) for file, value in zip(names, model.graph.output)])]
    folder = Path(case.model_dir)
    model = onnx.load(folder / "model.onnx")
    sets = sorted(folder.glob("test_data_set_*"))
    return model, [(read_folder(s, "input", model.graph.input), read_folder(s, "output", model.graph.output)) for s in sets]


def assert_similar(expected, results, case):
    """The suite's own comparison, which takes a tensor in a sequence for a list of tensors; a scalar is none."""
    assert len(expected) == len(results), f"{len(results)} values, expected {len(expected)}"
    for one, other in zip(expected, results):
        assert isinstance(one, list) == isinstance(other, list), f"a {type(other).__name__}, expected a {type(one).__name__}"
        if isinstance(one, list):
            assert_similar(one, other, case)
        else:
            Runner.assert_similar_outputs([one], [other], case.rtol, case.atol)


def check(case, level):
    """Raises what went wrong, or returns."""
    model, data_sets = materialize(case)
    session = lepton.InferenceSession(model.SerializeToString(), opt_level=level)
    initialized = {tensor.name for tensor in model.graph.initializer} if case.kind == "real" else set()
    names = [value.name for value in model.graph.input if value.name not in initialized]
    for inputs, outputs in data_sets:
        results = session.run(None, dict(zip(names, inputs)))
        assert_similar(outputs, results, case)


# ---- many tests ------------------------------------------------------------------------------------------------------


def work(cases, check, channel):
    """The life of a worker process: takes (name, level), answers with the reason of failure, "" after a pass."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # a crash prints a stack trace
    while (task := channel.recv()) is not None:
        try:
            check(cases[task[0]], task[1])
            channel.send("")
        except Exception as problem:  # the reason is all that counts
            kind = "wrong" if isinstance(problem, AssertionError) else type(problem).__name__
            channel.send(f"{kind}: {' '.join(str(problem).split())[:300]}")


class Worker:
    def __init__(self, cases, check):
        self.cases, self.check, self.process = cases, check, None

    def begin(self, task):
        if self.process is None:
            context = multiprocessing.get_context("fork")  # the child has the cases without loading them again
            self.channel, other = context.Pipe()
            self.process = context.Process(target=work, args=(self.cases, self.check, other), daemon=True)
            self.process.start()
            other.close()
        self.task, self.until, self.used = task, time.monotonic() + PATIENCE, self.seconds()
        self.channel.send(task)

    def seconds(self):
        """Of the processor's time that the process has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.channel.close()
            self.process = None

    def result(self):
        """The reason of failure, "" after a pass, None while the test runs."""
        if self.channel.poll():
            try:
                return self.channel.recv()
            except (EOFError, ConnectionResetError):
                self.process.join()
                status = self.process.exitcode
                self.stop()
                return f"crash: exit status {status}"
        if time.monotonic() < self.until and self.seconds() - self.used < SECONDS:
            return None
        self.stop()
        return f"time-out: more than {SECONDS} s"


def run(cases, names, jobs, progress=lambda done: None, budget=float("inf"), levels=LEVELS, check=check):
    """Runs tests at all levels; name -> {level: reason of failure, "" after a pass}. Begins none after `budget` seconds."""
    until = time.monotonic() + budget
    tasks = collections.deque((name, level) for name in names for level in levels)
    results = {name: {} for name in names}
    idle, busy = [Worker(cases, check) for _ in range(jobs)], []
    while tasks or busy:
        if time.monotonic() > until:
            tasks.clear()
        while tasks and idle:
            worker = idle.pop()
            worker.begin(tasks.popleft())
            busy.append(worker)
        wait([worker.channel for worker in busy], timeout=1)
        for worker in list(busy):
            if (reason := worker.result()) is not None:
                name, level = worker.task
                results[name][level] = reason
                busy.remove(worker)
                idle.append(worker)
                progress(sum(len(levels) for levels in results.values()))
    for worker in idle:
        worker.stop()
    return results


def failures(results):
    """Lines `NAME -OLEVEL: reason`."""
    return [f"{name} -O{level}: {reason}" for name, levels in results.items() for level, reason in sorted(levels.items()) if reason]


def update(passed):
    names = sorted(set(listed()) | set(passed))
    head = "# Tests of ONNX's backend suite that pass at -O0 and at -O3. Written by backend_suite.py --update; it may only grow.\n"
    PASSES.write_text(head + "".join(name + "\n" for name in names))


def command(description, update):
    """The parser of a command that runs tests of the suite; `update` says what --update does."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help=update)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--sample", type=int, default=1, metavar="N", help="every Nth test alone")
    parser.add_argument("--budget", type=float, default=float("inf"), metavar="SECONDS", help="begin no test after this time")
    parser.add_argument("names", nargs="*", metavar="NAME")
    return parser


def main():
    parser = command(__doc__, "add the tests that pass to backend_passes.txt")
    parser.add_argument("-v", action="store_true", help="print every failure")
    arguments = parser.parse_args()
    cases = load_cases()
    unknown = [name for name in arguments.names if name not in cases]
    if unknown:
        parser.error(f"the suite has no test {', '.join(unknown)}")
    names = (arguments.names or sorted(cases))[:: arguments.sample]
    total = len(names) * len(LEVELS)
    show = (lambda done: print(f"\r{done}/{total}", end="", file=sys.stderr)) if sys.stderr.isatty() else (lambda done: None)
    results = run(cases, names, arguments.jobs, show, arguments.budget)
    results = {name: levels for name, levels in results.items() if len(levels) == len(LEVELS)}
    passed = [name for name, levels in results.items() if not any(levels.values())]
    if arguments.v:
        print("\n".join(failures(results)))
    for level in LEVELS:
        kinds = collections.Counter(levels[level].split(":")[0] or "pass" for levels in results.values())
        print(f"-O{level}: {dict(kinds.most_common())}")
    missing = [name for name in listed() if name in results and name not in passed]
    print(f"{len(passed)} of {len(names)} pass at both levels, {len(names) - len(results)} were not run; {len(set(passed) - set(listed()))} of them are not listed")
    print("\n".join(f"listed, but fails: {name}" for name in missing), end="\n" if missing else "")
    if arguments.update:
        update(passed)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
