"""Interleaved rounds: every peer runs for a moment in each round, so that whatever else the machine does hits all of them alike."""

import fcntl
import json
import os
import select
import subprocess
import tempfile
import time
from pathlib import Path

from lepton_bench.peers import PEERS

LIMIT = 600  # seconds within which a worker must answer
SLICE = 0.04  # seconds that a peer runs for in a round
FAR = 8  # a peer this many times slower than the best is measured in the first rounds only
FIRST = 3


class Worker:
    def __init__(self, peer, model, threads, data):
        folder = str(Path(data).parent)
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONWARNINGS": "ignore", "LEPTON_BENCH_FOLDER": folder}
        command = [PEERS[peer].python(), "-m", "lepton_bench.worker", peer, str(model), str(threads), data]
        self.log = open(Path(folder) / f"{peer}.log", "ab")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, env=environment, text=True)

    def read(self):
        """The next answer; a worker that dies or takes too long answers with an error."""
        if not select.select([self.process.stdout], [], [], LIMIT)[0]:
            self.process.kill()
            return {"error": f"no answer in {LIMIT} s"}
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": f"died with status {self.process.wait()}"}

    def ask(self, runs):
        try:
            print(runs, file=self.process.stdin, flush=True)
        except OSError:
            pass
        return self.read()

    def seconds(self):
        """Of processor that it has used."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            return 0.0

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


def busy_seconds():
    """Of all processors, by anyone; columns 3 and 4 are idle and waiting."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    return sum(int(value) for i, value in enumerate(fields) if i not in (3, 4)) / os.sysconf("SC_CLK_TCK")


def measure(workers, estimates, budget):
    """Runs the workers in rounds for `budget` seconds, at least three rounds; nanoseconds by name, and how much others used the machine."""
    times = {name: [] for name in workers}
    with open(Path(tempfile.gettempdir()) / "lepton-bench.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two measurements at once would measure each other
        for name, worker in workers.items():
            worker.ask(max(1, min(200, int(0.1 / estimates[name]))))
        begin, busy, own, rounds = time.monotonic(), busy_seconds(), sum(w.seconds() for w in workers.values()), 0
        while rounds < FIRST or time.monotonic() - begin < budget:
            best = min(estimates.values())
            for name, worker in workers.items():
                if rounds >= FIRST and estimates[name] > FAR * best:
                    continue
                answer = worker.ask(max(1, min(4000, int(SLICE / estimates[name]))))
                if "ns" in answer:
                    times[name] += answer["ns"]
                    estimates[name] = min(answer["ns"]) / 1e9
                time.sleep(0.02)  # lets its threads stop spinning
            rounds += 1
        own = sum(worker.seconds() for worker in workers.values()) - own
        others = max(0.0, busy_seconds() - busy - own) / (time.monotonic() - begin)
    return times, {"rounds": rounds, "others_cpu": round(others, 2)}
