"""Where the time of a model goes: `lepton run --profile`, kernel by kernel."""

import json
import subprocess
from collections import defaultdict

from lepton_bench.peers import lepton_command


def seconds_of(trace):
    """The least time of a run that each kernel takes, all its calls together, by name."""
    runs = defaultdict(lambda: defaultdict(float))
    for event in trace["traceEvents"]:
        runs[event["args"]["run"]][event["name"]] += event["dur"] / 1e6
    return {name: min(run[name] for run in runs.values() if name in run) for name in {name for run in runs.values() for name in run}}


def profile(model, threads, dims, facts, folder, estimate):
    """A list of kernels, the slowest first: name, calls, ms, and GFLOP/s and GB/s where their arithmetic and sizes are known."""
    path = f"{folder}/trace.json"
    repeats = max(3, min(300, int(1 / estimate)))
    flags = ["--random-inputs=1", f"--threads={threads}", f"--repeat={repeats}", f"--profile={path}"]
    result = subprocess.run([*lepton_command("run", model, dims), *flags], capture_output=True, text=True)
    if result.returncode:
        return []
    with open(path) as file:
        seconds = seconds_of(json.load(file))
    known = {kernel["name"]: kernel for kernel in facts["kernel_list"]}
    rows = []
    for name, time in sorted(seconds.items(), key=lambda item: -item[1]):
        row, kernel = {"name": name, "ms": time * 1e3}, known.get(name)
        if kernel and time > 0:
            row["calls"] = kernel["calls"]
            for key, amount in (("gflops", kernel["flops"]), ("gbs", kernel["bytes"])):
                row[key] = None if amount is None else amount * kernel["calls"] / time / 1e9
        rows.append(row)
    return rows
