"""One peer with one model, in a process of its own: worker.py PEER MODEL THREADS DATA

DATA.json holds the signature (see Peer.prepare), DATA.npz the inputs. Answers are lines of JSON: first what loading took, then for each line `N` on standard
input the nanoseconds of N runs. Between them it waits in a read, and takes no processor from the others. The first run's outputs
are left in DATA.PEER.npz.
"""

import importlib
import json
import os
import sys
import time

import numpy as np

from lepton_bench.peers import PEERS


def load(peer, model, threads, data):
    with open(data + ".json") as file:
        given = json.load(file)
    arrays = np.load(data + ".npz")
    feed = {name: np.ascontiguousarray(arrays[f"i{i}"]).reshape(arrays[f"i{i}"].shape) for i, name in enumerate(given["inputs"])}
    importlib.import_module(peer.package or "lepton")  # before the clock starts
    begin = time.perf_counter()
    peer.prepare(model, threads, given)
    loaded = time.perf_counter()
    outputs = [np.array(output) for output in peer.run(feed)]
    first = time.perf_counter()
    peer.run(feed)
    second = time.perf_counter()
    np.savez(f"{data}.{peer.name}.npz", **{f"o{i}": output for i, output in enumerate(outputs)})
    facts = {"load_s": loaded - begin - peer.facts.get("compile_s", 0), "first_s": first - loaded, **peer.facts}
    return feed, {"facts": facts, "estimate_s": second - first}


def main(name, model, threads, data):
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the engines print must not mix with the answers

    def answer(**values):
        print(json.dumps(values), file=answers, flush=True)

    peer = PEERS[name]()
    try:
        feed, loaded = load(peer, model, int(threads), data)
        answer(**loaded)
        run, clock = peer.run, time.perf_counter_ns
        for line in sys.stdin:
            times = []
            for _ in range(int(line)):
                begin = clock()
                run(feed)
                times.append(clock() - begin)
            answer(ns=times)
    except Exception as problem:
        answer(error=" ".join(f"{type(problem).__name__}: {problem}".split())[:400])


if __name__ == "__main__":
    main(*sys.argv[1:])
