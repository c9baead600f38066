"""The engines that are measured: one small class each. A new peer is a subclass of Peer with `prepare` and `run`."""

import importlib.util
import os
import subprocess
import time

PEERS = {}


class Peer:
    name = ""  # a subclass with a name is known by it
    package = ""  # what pip installs; it is also the module's name

    def __init_subclass__(cls):
        if cls.name:
            PEERS[cls.name] = cls

    @classmethod
    def is_installed(cls):
        return not cls.package or importlib.util.find_spec(cls.package) is not None

    def prepare(self, model, threads, shapes, dims):
        """Loads a model for inputs of these shapes {name: shape}; `dims` are the sizes given to named dimensions."""
        raise NotImplementedError

    def run(self, feed):
        """The outputs, in order, for {name: array}."""
        raise NotImplementedError


class Lepton(Peer):
    """Compiled ahead of time, then loaded, as a program would."""

    name = "lepton"
    facts = {}

    def prepare(self, model, threads, shapes, dims):
        import lepton

        artifact = os.path.join(os.environ["LEPTON_BENCH_FOLDER"], f"model-{threads}.so")
        begin = time.perf_counter()
        command = [os.environ.get("LEPTON_COMMAND", "lepton"), "compile", model, "-o", artifact, f"--threads={threads}"]
        compiled = subprocess.run([*command, *(f"--dim={name}={size}" for name, size in dims.items())], capture_output=True, text=True)
        if compiled.returncode:
            raise RuntimeError(compiled.stderr.strip().removeprefix("error: "))
        self.facts = {"compile_s": time.perf_counter() - begin, "artifact_mb": os.path.getsize(artifact) / 1e6}
        self.session = lepton.InferenceSession(artifact, threads=threads)

    def run(self, feed):
        return self.session.run(None, feed)


class Onnxruntime(Peer):
    name = package = "onnxruntime"
    level = "ORT_ENABLE_ALL"
    facts = {}

    def prepare(self, model, threads, shapes, dims):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 4
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, self.level)
        for name, size in dims.items():
            options.add_free_dimension_override_by_name(name, size)
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(self, feed):
        return self.session.run(None, feed)


class Reference(Onnxruntime):
    """What every peer's outputs are compared with; never measured."""

    name, level = "reference", "ORT_DISABLE_ALL"


class OpenVino(Peer):
    name = package = "openvino"
    facts = {}

    def prepare(self, model, threads, shapes, dims):
        import openvino

        core = openvino.Core()
        network = core.read_model(model)
        if dims:
            network.reshape({name: list(shape) for name, shape in shapes.items()})
        settings = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        compiled = core.compile_model(network, "CPU", settings)
        self.request, self.count = compiled.create_infer_request(), len(compiled.outputs)

    def run(self, feed):
        outputs = self.request.infer(feed, share_inputs=True, share_outputs=True)
        return [outputs[i] for i in range(self.count)]
