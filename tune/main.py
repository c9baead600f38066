"""lepton tune: finds faster schedules for the kernels of models.

What is found is kept in a database, which `lepton compile --tuning-db=FILE` and Python's `tuning_db=` obey. Kernels that several models have are
tuned once. A kernel's schedule is kept only where it beat the default in interleaved rounds. Ctrl-C ends the search and keeps what was found.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from lepton.files import write_whole
from lepton_tune import explain as explanation
from lepton_tune.database import Database, DatabaseError
from lepton_tune.kernels import LAYERS, SCHEDULES, TILES, find_kernels
from lepton_tune.layers import LayerSearch, gather_layers
from lepton_tune.measure import MeasureError
from lepton_tune.progress import Progress
from lepton_tune.search import Search
from lepton_tune.workers import LocalWorkers, RayWorkers

FINISH = 0.3  # seconds that the command takes in the end
SHARES = {LAYERS: 0.35, TILES: 0.5, SCHEDULES: 1}  # of the time that is left when a step begins, at most
CHECK = 0.1  # of the budget is for the whole models, with and without what was found, after each step
MOST_CHECK = 8  # seconds


def parse(argv):
    parser = argparse.ArgumentParser(prog="lepton tune", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="ONNX models")
    parser.add_argument("--budget", default="60", metavar="SECONDS", help="time for all of it (60)")
    parser.add_argument("--tuning-db", default=os.environ.get("LEPTON_TUNING_DB"), metavar="FILE", help="the database (%(default)s)")
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of a run (1)")
    parser.add_argument("--cpu", default="", help="processor, which this machine must be able to stand for")
    parser.add_argument("--workers", metavar="ADDRESS", help="measure on the nodes of a Ray cluster, as ray://HOST:PORT or HOST:PORT")
    parser.add_argument("--dim", action="append", default=[], metavar="NAME=VALUE", help="size of a named dimension; what has unknown sizes is not tuned")
    parser.add_argument("--explain", metavar="KERNEL", help="say how the search for a kernel went, given by its name or hash")
    parser.add_argument("--page", metavar="FILE.html", help="write that as a page with a picture")
    parser.add_argument("--merge", metavar="FILE", help="take over what another database holds")
    parser.add_argument("--import", dest="source", metavar="FILE.json", help="take over what --export wrote")
    parser.add_argument("--export", metavar="FILE.json", help="write what the database holds")
    arguments = parser.parse_args(argv)
    try:
        arguments.budget = float(arguments.budget.removesuffix("s"))
    except ValueError:
        parser.error(f"--budget takes seconds, got '{arguments.budget}'")
    try:
        arguments.sizes = {name: int(size) for name, _, size in (dim.rpartition("=") for dim in arguments.dim)}
    except ValueError:
        parser.error("--dim takes NAME=VALUE here: kernels are measured with the sizes that they have")
    if arguments.budget <= 0 or arguments.threads < 1:
        parser.error("--budget and --threads take positive numbers")
    if arguments.page and not arguments.explain:
        parser.error("--page shows the kernel that --explain names")
    if not (arguments.models or arguments.explain or arguments.merge or arguments.source or arguments.export):
        parser.error("name a model, or what to --explain, --merge, --import or --export")
    if "," in arguments.cpu:
        parser.error("--cpu takes one processor here: one this machine can stand for")
    if not arguments.tuning_db:
        parser.error("name a database with --tuning-db")
    return arguments


def gather(arguments, folder, step):
    """(Key, [Kernel], [Layer], [why others cannot be tuned]) of all models; a kernel that several have is one."""
    kernels, layers, reasons = {}, {}, []
    for i, model in enumerate(arguments.models):
        key, found, layers[model], skipped = find_kernels(model, f"{folder}/{i}-{step}", step, arguments.dim, arguments.cpu, arguments.threads, arguments.tuning_db)
        reasons += skipped
        for kernel in found:
            known = kernels.setdefault(kernel.hash, kernel)
            if known is not kernel:
                known.calls += kernel.calls
                known.weights = max(known.weights, kernel.weights)
                known.shares |= kernel.shares
    return key, list(kernels.values()), gather_layers(layers), reasons


def check(arguments, search, workers, end):
    """{model: Comparison} of the models without and with what was found. Where one of them is not faster as a whole, what the search found is given up."""
    comparisons = {}
    for i, model in enumerate(arguments.models if search.kept else []):
        share = (end - time.monotonic()) / (len(arguments.models) - i)
        try:
            comparisons[model] = workers.compare_models(model, arguments.sizes, arguments.tuning_db, time.monotonic() + share)
        except MeasureError as problem:
            print(f"{model}: not measured as a whole: {problem}", file=sys.stderr)
            continue
        if comparisons[model].ratio(True, False) >= 1:
            print(f"{model}: not faster as a whole, although {len(search.kept)} of its kernels alone are; the default stays", file=sys.stderr)
            search.forget()
            return {}
    return comparisons


def summarize(searches, comparisons):
    for search in searches:
        for state in search.states:
            if state.failed:
                print(f"not tuned: {state.kernel.name}: {state.failed}", file=sys.stderr)
        kept = [state for state in search.states if state.kernel.hash in search.kept]
        for state in sorted(kept, key=lambda state: state.kernel.calls * (state.best_ns - state.default_ns)):
            print(f"{state.kernel.name}: {state.default_ns / 1e3:.1f} us -> {state.best_ns / 1e3:.1f} us")
    print(f"{sum(search.tries for search in searches)} tries, {sum(len(search.kept) for search in searches)} choices kept")
    for model, comparison in comparisons.items():
        print(f"{model}: {comparison.best(False) / 1e6:.3f} ms -> {comparison.best(True) / 1e6:.3f} ms")


def tune(arguments, database, begin):
    end, searches, comparisons = begin + arguments.budget - FINISH, [], {}
    checking = min(CHECK * arguments.budget, MOST_CHECK)  # after each step
    with tempfile.TemporaryDirectory() as folder, Progress(arguments.budget, begin) as progress:
        key, kernels, layers, reasons = gather(arguments, folder, TILES)
        for reason in reasons:
            print(f"not tuned: {reason}", file=sys.stderr)
        flops = {model: sum(kernel.shares.get(model, 0) * kernel.flops for kernel in kernels) for model in arguments.models}
        where = (key, arguments.dim, arguments.cpu, arguments.threads)
        with RayWorkers(arguments.workers, *where) if arguments.workers else LocalWorkers(*where) as workers:
            try:
                for progress.step, share in SHARES.items():
                    if progress.step == SCHEDULES or (progress.step == TILES and searches[0].kept):  # others, now that something was chosen
                        _, kernels, _, _ = gather(arguments, folder, progress.step)
                    now = time.monotonic()
                    step_end = now + share * (end - now)
                    if progress.step == LAYERS:
                        searches.append(LayerSearch(layers, flops, key, database, workers.trace, report=progress))
                    else:
                        searches.append(Search(kernels, key, database, workers.measurers, report=progress))
                    searches[-1].run(step_end - checking)
                    checked = check(arguments, searches[-1], workers, step_end)
                    if progress.step == LAYERS and set(checked) != set(arguments.models):  # only whole models prove anything
                        searches[-1].forget()
                    comparisons |= checked
            except KeyboardInterrupt:
                if progress.step == LAYERS and searches:
                    searches[-1].forget()
                print("interrupted; what was found is kept", file=sys.stderr)
        summarize(searches, comparisons)


def explain(arguments, database):
    kernels = database.find(arguments.explain)
    if not kernels:
        sys.exit(f"error: {arguments.tuning_db}: holds nothing about the kernel '{arguments.explain}'; lepton inspect MODEL lists a model's kernels")
    print("\n\n".join(explanation.text(*kernel) for kernel in kernels))
    if arguments.page:
        write(arguments.page, explanation.page(kernels))


def load(path):
    try:
        return json.loads(Path(path).read_text())
    except (OSError, ValueError) as problem:
        sys.exit(f"error: {path}: cannot be read: {problem}")


def write(path, text):
    try:
        write_whole(path, text)
    except OSError as problem:
        sys.exit(f"error: {path}: cannot be written: {problem.strerror}")


def main(argv=None):
    begin = time.monotonic()
    arguments = parse(argv)
    try:
        with Database(arguments.tuning_db) as database:
            if arguments.merge:
                database.merge(arguments.merge)
            if arguments.source:
                database.load(load(arguments.source), arguments.source)
            if arguments.models:
                tune(arguments, database, begin)
            if arguments.export:
                write(arguments.export, json.dumps(database.export(), indent=1) + "\n")
            if arguments.explain:
                explain(arguments, database)
    except DatabaseError as problem:
        sys.exit(f"error: {problem}")
    except KeyboardInterrupt:
        sys.exit("interrupted; what was found is kept")
