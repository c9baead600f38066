"""Runs kernels, in a process of its own that a candidate may take with it: worker.py THREADS CPU, then requests as lines of JSON, each with an answer.

{"load": NAME, "kernel": {...}, "schedules": [...], "key": [...]} compiles a kernel as the schedules say, by way of a tuning database like any user's, so that what is
measured is what ships; {"load": NAME, "model": PATH, "dims": {...}, "tuning_db": PATH} compiles a model. {"run": NAME, "seconds": S, "limit_ns": N} runs it for a while, shorter where the first runs are above the limit, and answers the
nanoseconds of each run. {"drop": NAME} lets go of it.

Weights lie in as many copies as the model has weights, each run taking the next: in the model other kernels' weights would have driven them out of the caches.
"""

import itertools
import json
import os
import sys
import tempfile
import time

import numpy as np

import lepton
from lepton_tune.database import Database, Key, Tuned

COLD_BYTES = 48 << 20  # what the copies of the weights take together at most
MOST_COPIES = 12
FIRST_RUNS = 3


def make_feeds(session, constants, weights, sizes):
    """Inputs for one run after the other: activations stay, the inputs `constants` change their place. The model has `weights` bytes of them; `sizes` are those of named
    dimensions."""
    random = np.random.default_rng(1)
    arrays = {value.name: lepton.make_up(value, sizes, random) for value in session.get_inputs()}
    moving = [value.name for i, value in enumerate(session.get_inputs()) if i in constants]
    size = sum(arrays[name].nbytes for name in moving)
    copies = min(MOST_COPIES, max(1, min(weights, COLD_BYTES) // size)) if size else 1
    return [arrays | {name: arrays[name].copy() for name in moving} for _ in range(copies)]


class Runner:
    def __init__(self, threads, cpu):
        self.threads, self.cpu = threads, cpu
        self.sessions, self.feeds = {}, (None, None)

    def load(self, request):
        name, session = request["load"], (self._kernel if "kernel" in request else self._model)(request)
        kernel = request.get("kernel", {"hash": request.get("model"), "constants": [], "weights": 0})
        if self.feeds[0] != kernel["hash"]:  # one kernel's at a time
            self.feeds = kernel["hash"], itertools.cycle(make_feeds(session, kernel["constants"], kernel["weights"], request.get("dims", {})))
        session.run(None, next(self.feeds[1]))
        self.sessions[name] = session, self.feeds[1]
        return {}

    def _model(self, request):
        return lepton.InferenceSession(request["model"], threads=self.threads, cpu=self.cpu, dims=request["dims"], tuning_db=request["tuning_db"])

    def _kernel(self, request):
        kernel, key = request["kernel"], Key(*request["key"])
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "candidate.db")
            with Database(path, durable=False) as database:
                for hashed, chosen in [*kernel["given"], [kernel["hash"], request["schedules"]]]:
                    database.store(key, Tuned(hashed, kernel["name"], chosen, 0.0, 0.0))
            return lepton.InferenceSession(kernel["file"], threads=self.threads, cpu=self.cpu, tuning_db=path)

    def run(self, request):
        session, feeds = self.sessions[request["run"]]
        run, clock = session.run, time.perf_counter_ns
        times, end = [], clock() + request["seconds"] * 1e9
        while True:
            feed = next(feeds)
            begin = clock()
            run(None, feed)
            now = clock()
            times.append(now - begin)
            is_slow = len(times) >= FIRST_RUNS and min(times) > request["limit_ns"]
            if is_slow or (now > end and len(times) >= FIRST_RUNS):
                return {"ns": times, "cut": is_slow}

    def drop(self, request):
        self.sessions.pop(request["drop"], None)
        return {}


def main(threads, cpu):
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a kernel prints must not mix with the answers
    runner = Runner(int(threads), cpu)
    for line in sys.stdin:
        request = json.loads(line)
        verb = next(verb for verb in ("load", "run", "drop") if verb in request)
        try:
            answer = getattr(runner, verb)(request)
        except Exception as problem:
            answer = {"error": " ".join(f"{type(problem).__name__}: {problem}".split())[:400]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
