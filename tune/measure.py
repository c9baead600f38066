"""Measures candidates in a child process, which a crash or a hang of one ends: the next candidate gets a new one."""

import contextlib
import json
import select
import signal
import statistics
import subprocess
import sys
from dataclasses import dataclass, field

SLICE = 0.008  # seconds that a candidate runs for at a time
ROUNDS = 9  # of an interleaved comparison
NO_LIMIT = float("inf")


class MeasureError(Exception):
    """A candidate that does not compile, crashes, hangs or fails."""


@dataclass
class Result:
    """Nanoseconds of the fastest run; whether the candidate was given up early."""

    ns: float
    is_cut: bool


@dataclass
class Comparison:
    """Minima of each interleaved round, in nanoseconds: {schedules: [...]}."""

    rounds: dict = field(default_factory=dict)

    def best(self, schedules):
        return min(self.rounds[schedules])

    def is_faster(self, candidate, base):
        """Whether `candidate` beats `base` beyond the noise: in the median by more than a hundredth, in its best round, and in four rounds of five."""
        ratios = [a / b for a, b in zip(self.rounds[candidate], self.rounds[base])]
        wins = sum(ratio < 1 for ratio in ratios)
        return statistics.median(ratios) < 0.99 and self.best(candidate) < self.best(base) and wins >= 0.8 * len(ratios)


class Measurer:
    """Measures kernels for a key. To be used in a `with`."""

    def __init__(self, key, threads, cpu, command=(sys.executable, "-m", "lepton_tune.worker")):
        self.key, self.command = key, [*command, str(threads), cpu]
        self.process = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end()

    def measure(self, kernel, schedules, limit_ns, timeout):
        """The Result of one candidate; it is given up when its first runs take longer than `limit_ns`. Raises MeasureError."""
        with self._loaded(kernel, schedules, "candidate", timeout):
            answer = self._run("candidate", limit_ns, timeout)
        return Result(min(answer["ns"]), answer["cut"])

    def compare(self, kernel, candidates, timeout):
        """Measures candidates, a list of schedules, in interleaved rounds, so that whatever else the machine does hits all of them alike. Raises MeasureError."""
        comparison = Comparison({schedules: [] for schedules in candidates})
        with contextlib.ExitStack() as stack:
            for i, schedules in enumerate(candidates):
                stack.enter_context(self._loaded(kernel, schedules, f"candidate{i}", timeout))
            for turn in range(ROUNDS):
                order = list(enumerate(candidates))
                for i, schedules in order if turn % 2 else reversed(order):
                    comparison.rounds[schedules].append(min(self._run(f"candidate{i}", NO_LIMIT, timeout)["ns"]))
        return comparison

    @contextlib.contextmanager
    def _loaded(self, kernel, schedules, name, timeout):
        facts = {"name": kernel.name, "hash": kernel.hash, "file": kernel.file, "constants": kernel.constants}
        self._ask({"load": name, "kernel": facts, "schedules": list(schedules), "key": list(self.key)}, timeout)
        yield
        self._ask({"drop": name}, timeout)

    def _run(self, name, limit_ns, timeout):
        return self._ask({"run": name, "seconds": SLICE, "limit_ns": limit_ns if limit_ns < NO_LIMIT else 1e18}, timeout)

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
        self.process = None
