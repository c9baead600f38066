"""lepton bench: the latency of models, beside the peers that are installed.

Each peer runs in a process of its own, in interleaved rounds. The minimum is the figure to compare, the median shows the noise, `others` is how many
processors other programs kept busy meanwhile. Inputs are random; sizes known only at run time are 1 unless --dim gives them. Outputs are
compared with those of onnxruntime without its optimizations, as a part of the output's scale.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from lepton.check import compare
from lepton_bench.peers import PEERS
from lepton_bench.rounds import Worker, measure

TOLERANCE = 1e-3  # of an output's scale


def inspect(model, dims):
    """What Lepton says of the model; ends the command where it cannot compile it."""
    command = [os.environ.get("LEPTON_COMMAND", "lepton"), "inspect", "--json", model, *(f"--dim={name}={size}" for name, size in dims.items())]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if result.returncode:
        sys.exit(result.returncode)
    return json.loads(result.stdout)


def write_inputs(facts, dims, data):
    random = np.random.default_rng(1)
    arrays = {}
    for i, info in enumerate(facts["inputs"]):
        shape = [size if isinstance(size, int) else 1 for size in info["shape"]]
        dtype = np.dtype(info["dtype"])
        whole = dtype.kind in "biu"
        arrays[f"i{i}"] = (random.integers(0, 2, shape) if whole else random.standard_normal(shape)).astype(dtype)
    np.savez(data + ".npz", **arrays)
    Path(data + ".json").write_text(json.dumps({"names": [info["name"] for info in facts["inputs"]], "dims": dims}))


def errors_of(data, peer):
    """How far a peer's outputs are from the reference's; nothing where there is none."""
    try:
        expected, results = np.load(f"{data}.reference.npz"), np.load(f"{data}.{peer}.npz")
    except OSError:
        return {}
    if set(expected.files) != set(results.files):
        return {"max_abs": None, "max_rel": None, "ok": False}
    errors = [compare(expected[name], results[name]) for name in expected.files]
    worst = [max((error[i] for error in errors), default=0.0) for i in (0, 3)]
    finite = [value if np.isfinite(value) else None for value in worst]
    return {"max_abs": finite[0], "max_rel": finite[1], "ok": bool(worst[1] < TOLERANCE)}


def start(peer, model, threads, data):
    """A worker that has loaded the model, its facts, and seconds of a run; no worker where it failed."""
    worker = Worker(peer, model, threads, data)
    answer = worker.read()
    if "error" in answer:
        worker.end()
        return None, {"error": answer["error"]}, None
    return worker, answer["facts"], max(answer["estimate_s"], 1e-7)


def bench(model, threads, peers, dims, budget):
    facts = inspect(model, dims)
    record = {"model": Path(model).stem, "threads": threads, "mflop": facts["flops"] and facts["flops"] / 1e6, "peers": {}}
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/data"
        write_inputs(facts, dims, data)
        workers, estimates = {}, {}
        try:
            for peer in (["reference"] if PEERS["reference"].is_installed() else []) + peers:
                worker, record["peers"][peer], estimate = start(peer, model, threads, data)
                if peer == "reference":
                    del record["peers"][peer]
                    if worker:
                        worker.end()
                elif worker:
                    workers[peer], estimates[peer] = worker, estimate
                    record["peers"][peer] |= errors_of(data, peer)
            if workers:
                times, record["noise"] = measure(workers, estimates, budget)
        finally:
            for worker in workers.values():
                worker.end()
    for peer in workers:
        if times[peer]:
            record["peers"][peer] |= {"min_ms": min(times[peer]) / 1e6, "median_ms": statistics.median(times[peer]) / 1e6, "runs": len(times[peer])}
    best = min((peer["min_ms"] for peer in record["peers"].values() if peer.get("ok", True) and "min_ms" in peer), default=None)
    for peer in record["peers"].values():
        if best and "min_ms" in peer:
            peer["ratio"] = peer["min_ms"] / best
    return record


# ---- the command ---------------------------------------------------------------------------------------------------

COLUMNS = f"{'model':24} {'threads':>7} {'peer':12} {'min ms':>9} {'median ms':>9} {'ratio':>6} {'error':>8} {'load s':>7} {'others':>6}"


def print_record(record):
    for name, peer in record["peers"].items():
        head = f"{record['model'][:24]:24} {record['threads']:>7} {name:12} "
        if "min_ms" not in peer:
            print(head + "failed: " + peer.get("error", "no run was measured"))
            continue
        error = "?" if "ok" not in peer else "wrong" if not peer["ok"] else f"{peer['max_rel']:.1e}"
        ratio = f"{peer['ratio']:.2f}" if "ratio" in peer else "?"
        print(head + f"{peer['min_ms']:9.4g} {peer['median_ms']:9.4g} {ratio:>6} {error:>8} {peer['load_s']:7.3f} {record['noise']['others_cpu']:6.2f}")
    sys.stdout.flush()


def parse(argv):
    parser = argparse.ArgumentParser(prog="lepton bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="ONNX models")
    parser.add_argument("--threads", default="1", metavar="N,...", help="threads of a run (1); each number is measured")
    known = [name for name in PEERS if name not in ("lepton", "reference")]
    parser.add_argument("--against", metavar="PEER,...", help=f"peers (those installed of {', '.join(known)})")
    parser.add_argument("--dim", action="append", default=[], metavar="NAME=VALUE", help="size of a named dimension, known to all peers in advance")
    parser.add_argument("--budget", type=float, default=5, metavar="SECONDS", help="time for the rounds of a model (5)")
    parser.add_argument("--json", metavar="FILE", help="write the results there")
    arguments = parser.parse_args(argv)
    wanted = arguments.against.split(",") if arguments.against is not None else known
    wanted = [name for name in wanted if name]
    if unknown := set(wanted) - set(known):
        parser.error(f"unknown peer '{min(unknown)}'; there are {', '.join(known)}")
    try:
        arguments.threads = [int(number) for number in arguments.threads.split(",")]
        arguments.dims = {name: int(size) for name, _, size in (dim.rpartition("=") for dim in arguments.dim)}
    except ValueError:
        parser.error("--threads takes whole numbers, and --dim NAME=VALUE")
    if min(arguments.threads) < 1:
        parser.error("--threads takes positive numbers")
    arguments.missing = [name for name in wanted if not PEERS[name].is_installed()]
    arguments.peers = ["lepton"] + [name for name in wanted if name not in arguments.missing]
    return arguments


def processor():
    names = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{names[0] if names else 'unknown'} x{os.cpu_count()}"


def write(arguments, results):
    """The results so far; ends the command where they cannot be written."""
    document = {"cpu": processor(), "date": time.strftime("%Y-%m-%d %H:%M"), "missing": arguments.missing, "results": results}
    try:
        Path(arguments.json).write_text(json.dumps(document, indent=1) + "\n")
    except OSError as problem:
        sys.exit(f"error: {arguments.json}: cannot be written: {problem.strerror}")


def main(argv=None):
    arguments = parse(argv)
    if arguments.json:
        write(arguments, [])  # not after minutes of measuring
    for name in arguments.missing:
        print(f"missing: {name}; to measure it: {sys.executable} -m pip install {PEERS[name].package}", file=sys.stderr)
    results = []
    for model in arguments.models:
        for threads in arguments.threads:
            record = bench(model, threads, arguments.peers, arguments.dims, arguments.budget)
            if not results:
                print(COLUMNS)
            print_record(record)
            results.append(record)
            if arguments.json:
                write(arguments, results)
    failed = any("min_ms" not in record["peers"]["lepton"] for record in results)
    sys.exit(1 if failed else 0)
