"""lepton bench: the latency of models, beside the peers that are installed.

A model is an ONNX file or the name of a network of Lepton's own set; `all` is the whole set. Each peer runs in a process of its own, in interleaved
rounds. The minimum is the figure to compare, the median shows the noise, `others` is how many processors other programs kept busy meanwhile. Inputs are
random; sizes known only at run time are 1 unless --dim gives them. Outputs are compared with those of onnxruntime without its optimizations, as a
part of the output's scale. `% FMA` is the model's arithmetic in that time as a part of what the processor can do (more than 100 where an algorithm
needs less), `% mem` its weights, inputs and outputs as a part of what can be read from memory.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from lepton.check import compare
from lepton.files import write_whole
from lepton_bench import machine, models, tables
from lepton_bench.kernels import profile
from lepton_bench.peers import PEERS, lepton_command
from lepton_bench.rounds import Worker, measure

TOLERANCE = 1e-3  # of an output's scale


def inspect(model, dims):
    """What Lepton says of the model; ends the command where it cannot compile it."""
    result = subprocess.run([*lepton_command("inspect", model, dims), "--json"], stdout=subprocess.PIPE, text=True)
    if result.returncode:
        sys.exit(result.returncode)
    return json.loads(result.stdout)


def known_shape(info, dims):
    """A declared shape; None where a size is known only at run time."""
    sizes = [dims.get(size, size) for size in info["shape"] or ()]
    return sizes if info["shape"] is not None and all(isinstance(size, int) for size in sizes) else None


def bytes_of(shape, dtype):
    return 0 if shape is None else int(np.prod(shape)) * np.dtype(dtype).itemsize


def write_inputs(facts, dims, tuning_db, data):
    """Leaves the inputs and the signature where workers look for them; the inputs' bytes."""
    random = np.random.default_rng(1)
    arrays = {}
    for i, info in enumerate(facts["inputs"]):
        shape = [size if isinstance(size, int) else 1 for size in info["shape"]]
        dtype = np.dtype(info["dtype"])
        whole = dtype.kind in "biu"
        arrays[f"i{i}"] = (random.integers(0, 2, shape) if whole else random.standard_normal(shape)).astype(dtype)
    np.savez(data + ".npz", **arrays)
    inputs = {info["name"]: array.shape for info, array in zip(facts["inputs"], arrays.values())}
    outputs = {info["name"]: known_shape(info, dims) for info in facts["outputs"]}
    Path(data + ".json").write_text(json.dumps({"inputs": inputs, "outputs": outputs, "dims": dims, "tuning_db": tuning_db}))
    return sum(array.nbytes for array in arrays.values())


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


def add_shares(rows, limit):
    """What rows of `gflops` and `gbs` are of the machine's limits."""
    for row in rows:
        for share, key, most in (("fma_share", "gflops", "gflops"), ("memory_share", "gbs", "dram_gbs")):
            if limit and row.get(key) is not None:
                row[share] = row[key] / limit[most]


def bench(model, arguments, threads, limit):
    facts, dims = inspect(model, arguments.dims), arguments.dims
    record = {"model": Path(model).stem, "threads": threads, "mflop": facts["flops"] and facts["flops"] / 1e6, "peers": {}}
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/data"
        traffic = write_inputs(facts, dims, arguments.tuning_db, data) + facts["parameter_bytes"]
        traffic += sum(bytes_of(known_shape(info, dims), info["dtype"]) for info in facts["outputs"])
        workers, estimates = {}, {}
        try:
            for peer in (["reference"] if PEERS["reference"].python() else []) + arguments.peers:
                worker, record["peers"][peer], estimate = start(peer, model, threads, data)
                if peer == "reference":
                    del record["peers"][peer]
                    if worker:
                        worker.end()
                elif worker:
                    workers[peer], estimates[peer] = worker, estimate
                    record["peers"][peer] |= errors_of(data, peer)
            if workers:
                times, record["noise"] = measure(workers, estimates, arguments.budget)
        finally:
            for worker in workers.values():
                worker.end()
        if arguments.kernels and "lepton" in workers:
            record["kernels"] = profile(model, threads, dims, facts, folder, estimates["lepton"])
            add_shares(record["kernels"], limit)
    for peer in workers:
        if times[peer]:
            seconds = min(times[peer]) / 1e9
            row = {"min_ms": seconds * 1e3, "median_ms": statistics.median(times[peer]) / 1e6, "runs": len(times[peer])}
            row |= {"gflops": facts["flops"] and facts["flops"] / seconds / 1e9, "gbs": traffic / seconds / 1e9}
            record["peers"][peer] |= row
    add_shares(record["peers"].values(), limit)
    best = min((peer["min_ms"] for peer in record["peers"].values() if peer.get("ok", True) and "min_ms" in peer), default=None)
    for peer in record["peers"].values():
        if best and "min_ms" in peer:
            peer["ratio"] = peer["min_ms"] / best
    return record


# ---- the command ---------------------------------------------------------------------------------------------------


def parse(argv):
    parser = argparse.ArgumentParser(prog="lepton bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL", help=f"ONNX models, `all`, or networks: {', '.join(models.networks())}")
    parser.add_argument("--threads", default="1", metavar="N,...", help="threads of a run (1); each number is measured")
    known = [name for name in PEERS if name not in ("reference", *tables.OURS)]
    parser.add_argument("--against", metavar="PEER,...", help=f"peers (those installed of {', '.join(known)})")
    parser.add_argument("--dim", action="append", default=[], metavar="NAME=VALUE", help="size of a named dimension, known to all peers in advance")
    parser.add_argument("--budget", type=float, default=5, metavar="SECONDS", help="time for the rounds of a model (5)")
    parser.add_argument("--kernels", type=int, default=0, metavar="COUNT", help="profile Lepton, and show so many of the kernels that take longest (JSON has all)")
    parser.add_argument("--tuning-db", metavar="FILE", help="measure Lepton with the schedules of this database, too")
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
    arguments.missing = [name for name in wanted if not PEERS[name].python()]
    arguments.peers = ["lepton"] + (["tuned"] if arguments.tuning_db else []) + [name for name in wanted if name not in arguments.missing]
    return arguments


def write(arguments, limits, results):
    """The results so far; ends the command where they cannot be written."""
    document = machine.describe() | {"limits": limits, "missing": arguments.missing, "results": results, "summary": tables.summarize(results)}
    try:
        write_whole(arguments.json, json.dumps(document, indent=1) + "\n")
    except OSError as problem:
        sys.exit(f"error: {arguments.json}: cannot be written: {problem.strerror}")


def main(argv=None):
    arguments = parse(argv)
    if arguments.json:
        write(arguments, {}, [])  # not after minutes of measuring
    for name in arguments.missing:
        print(f"missing: {name}; to measure it: {PEERS[name].installation()}", file=sys.stderr)
    if arguments.tuning_db and not Path(arguments.tuning_db).is_file():
        sys.exit(f"error: {arguments.tuning_db}: cannot be read: there is no such file; lepton tune makes one")
    paths = [path for model in arguments.models for path in models.find(model)]
    limits = machine.limits(max(arguments.threads))
    tables.print_limits(limits)
    results = []
    for path in paths:
        for threads in arguments.threads:
            record = bench(path, arguments, threads, limits.get("threads", {}).get(str(threads)))
            if not results:
                print(tables.COLUMNS)
            tables.print_record(record)
            if arguments.kernels:
                tables.print_kernels(record, arguments.kernels)
            results.append(record)
            if arguments.json:
                write(arguments, limits, results)
    tables.print_summary(tables.summarize(results))
    failed = any("min_ms" not in record["peers"][name] for record in results for name in tables.OURS if name in record["peers"])
    sys.exit(1 if failed else 0)
