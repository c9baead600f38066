"""Who measures: this machine, or the nodes of a Ray cluster, which is Ray's to run.

Both are used in a `with`, and have `measurers`, one for each machine, `trace` (see layers.py) and `compare_models` (see measure.py). A node needs Lepton's Python package with the
extra `ray`, and a processor and a Lepton whose kernels are this one's. Models and kernels travel to it as files.
"""

import contextlib
import hashlib
import logging
import socket
import sys
import tempfile
import time
from pathlib import Path

from lepton_tune.kernels import find_kernels
from lepton_tune.layers import Tracer
from lepton_tune.measure import Measurer, MeasureError, WorkerLost, drop

GRACE = 30  # seconds more than the time-out of a request, until a node counts as lost
PROBE = "func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {\n  %y = lepton.relu %x : (tensor<4xf32>) -> tensor<4xf32>\n  return %y : tensor<4xf32>\n}\n"


class LocalWorkers(contextlib.ExitStack):
    """This machine."""

    def __init__(self, key, dims, cpu, threads):
        super().__init__()
        measurer = self.enter_context(Measurer(key, threads, cpu))
        self.measurers, self.compare_models = [measurer], measurer.compare_models
        self.trace = Tracer(key, dims, cpu, threads)


class Node:
    """What runs on a node: a measurer, and the files that were sent."""

    def __init__(self, key, cpu, threads):
        self.key, self.cpu, self.threads = key, cpu, threads
        self.folder = tempfile.TemporaryDirectory()
        probe = self._file("probe.mlir", PROBE.encode())
        own, *_ = find_kernels(probe, f"{self.folder.name}/probe", "", [], cpu, threads, "")
        if own != key:
            raise MeasureError(f"it has {own.compiler} for {own.target}, this machine {key.compiler} for {key.target}")
        self.measurer = Measurer(key, threads, cpu)

    def _file(self, name, contents):
        path = Path(self.folder.name) / f"{hashlib.sha256(contents).hexdigest()}{Path(name).suffix}"
        if not path.exists():
            path.write_bytes(contents)
        return str(path)

    def measure(self, method, kernel, contents, *arguments):
        kernel.file = self._file(kernel.file, contents)
        return getattr(self.measurer, method)(kernel, *arguments)

    def compare_models(self, model, contents, sizes, database, seconds):
        return self.measurer.compare_models(self._file(model, contents), sizes, self._file("t.db", database), time.monotonic() + seconds)

    def trace(self, model, contents, chosen, dims, flops, seconds):
        return Tracer(self.key, dims, self.cpu, self.threads)(self._file(model, contents), chosen, flops, time.monotonic() + seconds)


class NodeMeasurer:
    """A measurer by way of a node; raises WorkerLost where it is gone."""

    def __init__(self, ray, actor, name):
        self.ray, self.actor, self.name = ray, actor, name

    def ask(self, method, seconds, *arguments):
        try:
            return self.ray.get(getattr(self.actor, method).remote(*arguments), timeout=seconds + GRACE)
        except self.ray.exceptions.RayTaskError as problem:  # what the node raised
            raise problem.cause from None
        except self.ray.exceptions.RayError as problem:
            raise WorkerLost(f"{self.name}: {' '.join(str(problem).split())[:200]}") from None

    def _measure(self, method, kernel, *arguments):
        timeout = arguments[-1]
        return self.ask("measure", 20 * timeout, method, kernel, Path(kernel.file).read_bytes(), *arguments)  # a step is several requests to the process that measures

    def measure_default(self, *arguments):
        return self._measure("measure_default", *arguments)

    def measure(self, *arguments):
        return self._measure("measure", *arguments)

    def compare(self, *arguments):
        return self._measure("compare", *arguments)


class RayWorkers(contextlib.ExitStack):
    """The nodes of the cluster at `address` that have the target, for as long as they live."""

    def __init__(self, address, key, dims, cpu, threads):
        super().__init__()
        try:
            import ray
        except ImportError:
            sys.exit("error: --workers measures on a Ray cluster, and the package ray is not here; install lepton[ray]")
        self.ray, self.dims = ray, dims
        try:
            host, _, port = address.removeprefix("ray://").rpartition(":")
            socket.create_connection((host, int(port)), timeout=GRACE).close()  # Ray itself would try for minutes
            self._connect(address)
        except Exception as problem:  # Ray raises what its parts do
            sys.exit(f"error: --workers={address}: no cluster answers: {' '.join(str(problem).split())[:200]}")
        self.callback(ray.shutdown)
        self.measurers = []
        strategy, remote = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy, ray.remote(Node)
        alive = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= threads]
        actors = {node["NodeName"] + " " + node["NodeID"][:8]: remote.options(num_cpus=threads, scheduling_strategy=strategy(node["NodeID"], soft=False)).remote(key, cpu, threads) for node in alive}
        for name, actor in actors.items():
            try:
                ray.get(actor.__ray_ready__.remote(), timeout=GRACE)
                self.measurers.append(NodeMeasurer(ray, actor, name))
            except ray.exceptions.RayError as problem:
                print(f"node {name} is left out: {str(problem).strip().splitlines()[-1][:300]}", file=sys.stderr)
        if not self.measurers:
            sys.exit(f"error: --workers={address}: no node with {threads} processors has Lepton and the target")

    def _connect(self, address):
        """A head that is busy may start what serves this client too late for Ray, which gives up after half a minute: the next try finds it."""
        for tries_left in reversed(range(3)):
            try:
                return self.ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
            except Exception as problem:
                self.ray.shutdown()
                if not tries_left or "Initialization failure" not in str(problem):
                    raise

    def _ask(self, method, end, *arguments):
        """Of the first node that is there."""
        while self.measurers:
            seconds = max(0.0, end - time.monotonic())
            try:
                return self.measurers[0].ask(method, seconds, *arguments, seconds)
            except WorkerLost as loss:
                drop(self.measurers, self.measurers[0], loss)
        raise MeasureError("no worker is left")

    def compare_models(self, model, sizes, database, end):
        return self._ask("compare_models", end, model, Path(model).read_bytes(), sizes, Path(database).read_bytes())

    def trace(self, model, chosen, flops, end):
        return self._ask("trace", end, model, Path(model).read_bytes(), chosen, self.dims, flops)
