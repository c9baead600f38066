"""What of a model can be tuned, as the compiler says.

Layers come first, see layers.py. A kernel is tuned in two steps, each with a hash of its own: first the tiles that its work is cut into, then, the tiles being what they are, the schedules of its
contractions. To the search both are choices among texts: `{tile_rows = 32 : i64}`, `#lepton.schedule<...>`.
"""

import functools
import json
import math
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from lepton_tune.database import Key

LEPTON = os.environ.get("LEPTON_COMMAND", "lepton")
NUMBER = re.compile(r"(\w+) = (\w+)")


@dataclass
class Choice:
    """Something about a kernel that can be chosen: its tiles, or a contraction's schedule. Trip counts of its loops, the reductions last; candidates, the default first, and
    what the compiler's model thinks of each."""

    extents: list
    reductions: int
    candidates: list
    costs: list

    @functools.cached_property
    def ratios(self):
        """{schedule: what the compiler thinks it takes, as a part of the default's time}"""
        return {schedule: cost / self.costs[0] for schedule, cost in zip(self.candidates, self.costs)}


@dataclass
class Kernel:
    """A step of a kernel of one model or several. `file` is a model that is this kernel alone, `constants` are its inputs that hold weights."""

    name: str
    hash: str
    file: str
    calls: int
    flops: int
    constants: list
    choices: list
    weights: int  # bytes of the model's
    given: list = field(default_factory=list)  # what was chosen before, as [hash, candidates] of the database
    shares: dict = field(default_factory=dict)  # model -> calls

    @property
    def default(self):
        """What the compiler chooses, one candidate of each choice."""
        return tuple(choice.candidates[0] for choice in self.choices)

    def features(self, schedules):
        """Numbers that describe the kernel and how it is computed, for the model: those of the choice that differs most from the default."""
        ratios = [choice.ratios.get(schedule, 1.0) for choice, schedule in zip(self.choices, schedules)]
        changed = [i for i, schedule in enumerate(schedules) if schedule != self.default[i]]
        index = max(changed, key=lambda i: abs(math.log(ratios[i])), default=0)
        choice = self.choices[index]
        outer, inner = choice.extents[:len(choice.extents) - choice.reductions], choice.extents[len(choice.extents) - choice.reductions:]
        sizes = [math.log2(max(1, math.prod(max(1, extent) for extent in part))) for part in (outer, inner)]
        return [len(self.choices), len(changed), *sizes, max(1, choice.extents[-1]), ratios[index],
                *numbers(self.default[index]), *numbers(schedules[index])]


@functools.cache
def numbers(schedule):
    """The numbers of a candidate in a fixed order."""
    given = dict(NUMBER.findall(schedule))
    standard = {"lanes": 1, "rows": 1, "vectors": 1, "panels": 1, "unroll": 1, "full_unroll": 12, "tile_rows": 0}
    return [int(given.get(name, default)) for name, default in standard.items()] + [int(given.get("rows_outermost") == "true")]


def command_line(verb, model, dims, cpu, threads):
    """The command line that compiles or runs a model, but for what to write."""
    return [LEPTON, verb, model, f"--threads={threads}", *([f"--cpu={cpu}"] if cpu else []), *(f"--dim={dim}" for dim in dims)]


LAYERS, TILES, SCHEDULES = "layers", "tiles", "schedules"  # the steps


def make_kernel(entry, step, model, folder, weights):
    """A Kernel from what the compiler wrote about it; None where the step has nothing to choose."""
    tiles, given = entry["tiles"], []
    if step == SCHEDULES:
        hashed, choices = entry["hash"], [Choice(**contraction) for contraction in entry["contractions"]]
        if tiles and tiles["chosen"] != tiles["candidates"][0]:
            given = [[tiles["hash"], [tiles["chosen"]]]]
    elif tiles:
        count = len(tiles["candidates"])
        hashed, choices = tiles["hash"], [Choice([1], 0, tiles["candidates"], [100 + i for i in range(count)])]
    else:
        return None
    return Kernel(entry["name"], hashed, str(Path(folder) / entry["file"]), entry["calls"], entry["flops"], entry["constants"], choices, weights, given,
                  {model: entry["calls"]})


def find_kernels(model, folder, step, dims, cpu, threads, database):
    """(Key, [Kernel], [layer], [why others cannot be tuned]) of a model for a step; ends the command where it cannot be compiled. The kernels' files lie in `folder`;
    what the database holds about steps before is chosen."""
    command = [*command_line("compile", model, dims, cpu, threads), "--compile-to=schedule", f"--dump-kernels={folder}", f"--tuning-db={database}"]
    result = subprocess.run(command, stdout=subprocess.DEVNULL)
    if result.returncode:
        sys.exit(result.returncode)
    facts = json.loads((Path(folder) / "kernels.json").read_text())
    kernels = [kernel for entry in facts["kernels"] if (kernel := make_kernel(entry, step, model, folder, facts["weights"]))]
    skipped = [f"{entry['name']}: {entry['reason']}" for entry in facts["skipped"]]
    return Key(facts["target"], facts["threads"], facts["compiler"]), kernels, facts["layers"], skipped
