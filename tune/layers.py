"""The first step: how the convolutions of models are computed, which is decided over whole models.

What an algorithm takes cannot be measured of a convolution alone: it decides which layouts meet, what is fused with what, and what is still in the caches. So a model is compiled
once for each algorithm, all convolutions that allow it being computed by it, and the trace of its runs says what each convolution took with the kernels that are there for its sake:
padding, transforms, what is fused with it. Each gets the algorithm that took the least. Whether the model is faster for it, as a whole, is for interleaved rounds to say.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from lepton_tune.database import Database, Measured, Tuned
from lepton_tune.kernels import command_line
from lepton_tune.measure import MeasureError
from lepton_tune.search import FASTER, FLOPS_PER_NS, MEASURED, NOT_FASTER, Keeper

CLEARLY = 0.97  # of the default's time
FEWEST_RUNS, MOST_RUNS, RUNS_NS = 5, 100, 0.4e9  # of a model, of which a trace is made
TIMEOUT = 60  # seconds for an algorithm in one model


@dataclass
class Layer:
    """A convolution of one model or several, as `lepton compile --dump-kernels` describes it. `nodes` are those of each model that are it, each
    with the neighbours that the choice is to be judged by; the default is the first candidate."""

    name: str
    hash: str
    candidates: list
    nodes: dict = field(default_factory=dict)  # model -> [[name]]
    times: dict = field(default_factory=dict)  # (algorithm, model) -> nanoseconds, of the model's nodes together
    failed: str = ""

    @property
    def kernel(self):
        return self

    @property
    def calls(self):
        return sum(map(len, self.nodes.values()))

    def ns(self, algorithm):
        """Of one node, in the mean of all models; None where it was not measured in all of them."""
        times = [self.times.get((algorithm, model)) for model in self.nodes]
        return None if None in times else sum(times) / self.calls

    @property
    def fastest(self):
        """The algorithm that took the least, which is the default where no other is clearly faster."""
        measured = [algorithm for algorithm in self.candidates if self.ns(algorithm)]
        best = min(measured, key=self.ns, default=self.candidates[0])
        return best if self.default_ns and self.ns(best) < CLEARLY * self.default_ns else self.candidates[0]

    @property
    def best(self):
        return None if self.fastest == self.candidates[0] else self.fastest

    @property
    def default_ns(self):
        return self.ns(self.candidates[0]) or 0.0

    @property
    def best_ns(self):
        return self.ns(self.fastest) or 0.0


def gather_layers(described):
    """[Layer] of {model: what kernels.json says of its layers}; those that several models have are one. What has no name of its own, no trace tells of."""
    layers = {}
    for model, entries in described.items():
        names = Counter(entry["nodes"][0] for entry in entries)
        for entry in entries:
            if not all(entry["nodes"]) or names[entry["nodes"][0]] > 1:
                continue
            layer = layers.setdefault(entry["hash"], Layer(entry["name"], entry["hash"], entry["candidates"]))
            layer.nodes.setdefault(model, []).append(entry["nodes"])
    return list(layers.values())


def least_times(events):
    """{node: nanoseconds} of a run, each kernel's time being that of the run where it was least; nothing where a run's kernels are not the model's steps in a row."""
    if not events or any("node" not in event["args"] for event in events):
        return {}
    runs = {}
    for event in events:
        runs.setdefault(event["args"]["run"], []).append(event)
    times = Counter()
    for same in zip(*runs.values()):
        times[same[0]["args"]["node"]] += 1e3 * min(event["dur"] for event in same)
    return times


def choice(algorithm):
    return f'{{algorithm = "{algorithm}"}}'


class LayerSearch(Keeper):
    """Finds algorithms for `layers` of models with so many `flops` ({model: number}), keeps them in `database` under `key`. `trace(model, chosen, flops, end)` gives least_times of a model of so many
    `flops` whose layers, by their hash, are computed as `chosen` says, and raises MeasureError; `report` is called with the search after every trace."""

    def __init__(self, layers, flops, key, database, trace, clock=time.monotonic, report=lambda search: None):
        super().__init__(key, database)
        self.states, self.flops, self.trace, self.clock, self.report = layers, flops, trace, clock, report
        self.tries, self.longest = 0, 0.0

    def gain(self):
        before, after = (sum(getattr(layer, name) * layer.calls for layer in self.states) for name in ("default_ns", "best_ns"))
        return before / after if after else 1.0

    def run(self, end):
        """Searches until the clock says `end`, the algorithms first that most convolutions have."""
        models = sorted({model for layer in self.states for model in layer.nodes})
        if not all(self._try(model, None, end) for model in models):
            return
        others = Counter(algorithm for layer in self.states for algorithm in layer.candidates[1:])
        for algorithm, _ in others.most_common():
            for model in models:
                if any(algorithm in layer.candidates[1:] for layer in self.states if model in layer.nodes):
                    self._try(model, algorithm, end)
        for layer in self.states:
            if layer.default_ns:
                self._note(layer)

    def _try(self, model, algorithm, end):
        """Whether one algorithm, or the default, was measured in a model."""
        begin = self.clock()
        if begin + 1.2 * self.longest > end:
            return False
        here = [layer for layer in self.states if model in layer.nodes]
        taking = [layer for layer in here if algorithm is None or algorithm in layer.candidates[1:]]
        self.tries += 1
        try:
            times = self.trace(model, {layer.hash: algorithm for layer in taking if algorithm}, self.flops[model], min(end, begin + TIMEOUT))
        except MeasureError as problem:
            print(f"not tuned: {algorithm or 'the default'} of {model}: {problem}", file=sys.stderr)
            return False
        for layer in taking:
            if all(group[0] in times for group in layer.nodes[model]):
                layer.times[algorithm or layer.candidates[0], model] = sum(times[node] for group in layer.nodes[model] for node in group)
        self.longest = max(self.longest, self.clock() - begin)
        self.report(self)
        return True

    def _note(self, layer):
        default_ns = layer.default_ns
        for algorithm in filter(layer.ns, layer.candidates):
            outcome = MEASURED if algorithm == layer.candidates[0] else FASTER if algorithm == layer.fastest else NOT_FASTER
            self.database.note(self.key, Measured(layer.hash, layer.name, [choice(algorithm)], default_ns, layer.ns(algorithm), outcome, 1.0, time.time(), []))
        if layer.fastest != layer.candidates[0]:
            self.keep(Tuned(layer.hash, layer.name, [choice(layer.fastest)], default_ns, layer.best_ns))


class Tracer:
    """Traces whole models in processes of their own; see LayerSearch."""

    def __init__(self, key, dims, cpu, threads):
        self.key, self.dims, self.cpu, self.threads = key, dims, cpu, threads

    def __call__(self, model, chosen, flops, end):
        runs = max(FEWEST_RUNS, min(MOST_RUNS, round(RUNS_NS * FLOPS_PER_NS / (1 + flops))))
        with tempfile.TemporaryDirectory() as folder:
            path, trace = Path(folder) / "candidate.db", Path(folder) / "trace.json"
            with Database(path, durable=False) as database:
                for hashed, algorithm in chosen.items():
                    database.store(self.key, Tuned(hashed, "layer", [choice(algorithm)], 0.0, 0.0))
            command = [*command_line("run", model, self.dims, self.cpu, self.threads), "--random-inputs=1", f"--repeat={runs}", f"--profile={trace}", f"--tuning-db={path}"]
            try:
                result = subprocess.run(command, capture_output=True, text=True, timeout=max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise MeasureError("no answer in time") from None
            if result.returncode:
                raise MeasureError((result.stderr.strip().splitlines() or [f"ended with status {result.returncode}"])[0])
            return least_times(json.loads(trace.read_text())["traceEvents"])
