"""Measures candidates in a child process, which a crash or a hang of one ends: the next candidate gets a new one."""

import contextlib
import json
import select
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field

SLICE = 0.008  # seconds that a candidate runs for at a time
ROUNDS = 9  # of an interleaved comparison
MODEL_ROUNDS = 25  # of whole models
FEW_ROUNDS = 5  # tell something
NO_LIMIT = 1e18  # nanoseconds


class MeasureError(Exception):
    """A candidate that does not compile, crashes, hangs or fails."""


class WorkerLost(Exception):
    """The machine that measured is gone, or does not answer; what it was asked can be asked of another one."""


def drop(measurers, lost, why):
    """The measurer `lost` is none of the `measurers` any more."""
    measurers.remove(lost)
    print(f"a worker is lost: {why}; {len(measurers)} go on", file=sys.stderr)


@dataclass
class Result:
    """Nanoseconds of the fastest run, and of the default's around it; whether the candidate was given up early."""

    ns: float
    default_ns: float
    is_cut: bool


@dataclass
class Comparison:
    """Minima of each interleaved round, in nanoseconds: {schedules: [...]}."""

    rounds: dict = field(default_factory=dict)

    def best(self, schedules):
        return min(self.rounds[schedules])

    def ratio(self, candidate, base):
        """The median over the rounds of `candidate`'s time as a part of `base`'s."""
        return statistics.median(self._ratios(candidate, base))

    def is_faster(self, candidate, base):
        """Whether `candidate` beats `base` beyond the noise: in the median by more than a hundredth, in its best round, and in four rounds of five."""
        ratios = self._ratios(candidate, base)
        wins = sum(ratio < 1 for ratio in ratios)
        return statistics.median(ratios) < 0.99 and self.best(candidate) < self.best(base) and wins >= 0.8 * len(ratios)

    def _ratios(self, candidate, base):
        return [a / b for a, b in zip(self.rounds[candidate], self.rounds[base])]


class Measurer:
    """Measures kernels or whole models in a process with so many threads. To be used in a `with`.

    The default of a kernel stays loaded while candidates of that kernel come. Raises MeasureError where a step fails or takes longer than its timeout in seconds.
    """

    def __init__(self, key, threads, cpu, command=(sys.executable, "-m", "lepton_tune.worker")):
        self.key, self.command = key, [*command, str(threads), cpu]
        self.process, self.loaded = None, None  # hash of the kernel whose default is there

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end()

    def measure_default(self, kernel, timeout):
        """Nanoseconds of the fastest run of the default."""
        self._load_default(kernel, timeout)
        return self._run("default", NO_LIMIT, timeout)[0]

    def measure(self, kernel, schedules, limit, timeout):
        """The Result of one candidate, between two runs of the default; it is given up when its first runs take more than `limit` times as long as the default's."""
        self._load_default(kernel, timeout)
        with self._loaded("candidate", self._kernel(kernel, schedules), timeout):
            before, _ = self._run("default", NO_LIMIT, timeout)
            ns, is_cut = self._run("candidate", limit * before, timeout)
            after, _ = self._run("default", NO_LIMIT, timeout)
        return Result(ns, min(before, after), is_cut)

    def compare(self, kernel, candidates, timeout):
        """The Comparison of several schedules of a kernel, the default first."""
        self._load_default(kernel, timeout)
        with contextlib.ExitStack() as stack:
            names = {candidates[0]: "default"}
            for i, schedules in enumerate(candidates[1:]):
                names[schedules] = f"candidate{i}"
                stack.enter_context(self._loaded(names[schedules], self._kernel(kernel, schedules), timeout))
            comparison = Comparison({schedules: [] for schedules in candidates})
            for _ in range(ROUNDS):
                self._round(comparison, names, timeout)
        return comparison

    def compare_models(self, model, dims, database, end):
        """The Comparison of a model without (False) and with (True) what the database holds; in fewer rounds where they do not fit in before the clock says `end`."""

        def left():
            return max(0.0, end - time.monotonic())

        with contextlib.ExitStack() as stack:
            for is_tuned in (False, True):
                stack.enter_context(self._loaded(str(is_tuned), {"model": model, "dims": dims, "tuning_db": database if is_tuned else ""}, left()))
            comparison, begin = Comparison({False: [], True: []}), time.monotonic()
            for rounds in range(1, MODEL_ROUNDS + 1):
                self._round(comparison, {False: "False", True: "True"}, left())
                if rounds >= FEW_ROUNDS and left() < 2 * (time.monotonic() - begin) / rounds:
                    break
        return comparison

    def _round(self, comparison, names, timeout):
        """Runs all in turn, each time in another order, so that whatever else the machine does hits all of them alike."""
        turn = len(next(iter(comparison.rounds.values())))
        order = list(names.items())
        for what, name in order if turn % 2 else reversed(order):
            comparison.rounds[what].append(self._run(name, NO_LIMIT, timeout)[0])

    def _kernel(self, kernel, schedules):
        facts = {name: getattr(kernel, name) for name in ("name", "hash", "file", "constants", "weights", "given")}
        return {"kernel": facts, "schedules": list(schedules), "key": list(self.key)}

    def _load_default(self, kernel, timeout):
        if self.loaded != kernel.hash:
            self._ask({"load": "default", **self._kernel(kernel, kernel.default)}, timeout)
            self.loaded = kernel.hash

    @contextlib.contextmanager
    def _loaded(self, name, what, timeout):
        self._ask({"load": name, **what}, timeout)
        yield
        self._ask({"drop": name}, timeout)

    def _run(self, name, limit_ns, timeout):
        """(nanoseconds of the fastest run, whether it was given up)"""
        answer = self._ask({"run": name, "seconds": SLICE, "limit_ns": limit_ns}, timeout)
        return min(answer["ns"]), answer["cut"]

    def _ask(self, request, timeout):
        if not self.process:
            # A group of its own: Ctrl-C is for the parent, which knows what to keep.
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
        try:
            print(json.dumps(request), file=self.process.stdin, flush=True)
        except OSError:
            raise self._lost() from None
        if not select.select([self.process.stdout], [], [], timeout)[0]:
            self._end()
            raise MeasureError(f"no answer in {timeout:.0f} s")
        line = self.process.stdout.readline()
        if not line:
            raise self._lost()
        answer = json.loads(line)
        if "error" in answer:
            raise MeasureError(answer["error"])
        return answer

    def _lost(self):
        status = self.process.wait()
        self._end()
        return MeasureError(f"crashed with {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}")

    def _end(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
        self.process = self.loaded = None
