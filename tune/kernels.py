"""What of a model can be tuned, as the compiler says."""

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
class Contraction:
    """One of a kernel's: trip counts of its loops, the reductions last; schedules, the default first, and what the compiler's model thinks of each."""

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
    """A kernel of one model or several. `file` is a model that is this kernel alone, `constants` are its inputs that hold weights."""

    name: str
    hash: str
    file: str
    calls: int
    flops: int
    constants: list
    contractions: list
    weights: int  # bytes of the model's
    shares: dict = field(default_factory=dict)  # model -> calls

    @property
    def default(self):
        """The schedules that the compiler chooses, one for each contraction."""
        return tuple(contraction.candidates[0] for contraction in self.contractions)

    def features(self, schedules):
        """Numbers that describe the kernel and how it is computed, for the model: those of the contraction that differs most from the default."""
        ratios = [contraction.ratios.get(schedule, 1.0) for contraction, schedule in zip(self.contractions, schedules)]
        changed = [i for i, schedule in enumerate(schedules) if schedule != self.default[i]]
        index = max(changed, key=lambda i: abs(math.log(ratios[i])), default=0)
        contraction = self.contractions[index]
        inner, outer = contraction.extents[-contraction.reductions:], contraction.extents[:-contraction.reductions]
        sizes = [math.log2(max(1, math.prod(max(1, extent) for extent in part))) for part in (outer, inner)]
        return [len(self.contractions), len(changed), *sizes, max(1, contraction.extents[-1]), ratios[index],
                *numbers(self.default[index]), *numbers(schedules[index])]


@functools.cache
def numbers(schedule):
    """The numbers of a `#lepton.schedule<...>` in a fixed order."""
    given = dict(NUMBER.findall(schedule))
    standard = {"lanes": 1, "rows": 1, "vectors": 1, "panels": 1, "unroll": 1, "full_unroll": 12}
    return [int(given.get(name, default)) for name, default in standard.items()] + [int(given.get("rows_outermost") == "true")]


def compile_command(model, dims, cpu, threads):
    """The command line that compiles a model, but for what to write."""
    return [LEPTON, "compile", model, f"--threads={threads}", *([f"--cpu={cpu}"] if cpu else []), *(f"--dim={dim}" for dim in dims)]


def find_kernels(model, folder, dims, cpu, threads):
    """(Key, [Kernel], [why others cannot be tuned]) of a model; ends the command where it cannot be compiled. The kernels' files lie in `folder`."""
    command = [*compile_command(model, dims, cpu, threads), "--compile-to=schedule", f"--dump-kernels={folder}"]
    result = subprocess.run(command, stdout=subprocess.DEVNULL)
    if result.returncode:
        sys.exit(result.returncode)
    facts = json.loads((Path(folder) / "kernels.json").read_text())
    kernels = []
    for entry in facts["kernels"]:
        contractions = [Contraction(**contraction) for contraction in entry.pop("contractions")]
        entry["file"] = str(Path(folder) / entry["file"])
        kernels.append(Kernel(**entry, contractions=contractions, weights=facts["weights"], shares={model: entry["calls"]}))
    skipped = [f"{entry['name']}: {entry['reason']}" for entry in facts["skipped"]]
    return Key(facts["target"], facts["threads"], facts["compiler"]), kernels, skipped
