"""The engines that are measured: one small class each. A new peer is a subclass of Peer with `prepare` and `run`.

A peer runs in the interpreter that has its package: this one, or that of an environment of its own, PEERS_FOLDER/NAME.
"""

import glob
import importlib.util
import os
import subprocess
import sys
import time

from lepton_bench.machine import cache

PEERS = {}


class Peer:
    name = ""  # a subclass with a name is known by it
    package = ""  # what pip installs; it is also the module's name
    alone = ()  # arguments of pip for what is installed beside it
    facts = {}

    def __init_subclass__(cls):
        if cls.name:
            PEERS[cls.name] = cls

    @classmethod
    def environment(cls):
        return cache() / "peers" / cls.name

    @classmethod
    def python(cls):
        """The interpreter that has the package; None where it is not installed."""
        if not cls.package or importlib.util.find_spec(cls.package):
            return sys.executable
        found = glob.glob(f"{cls.environment()}/lib/python3*/site-packages/{cls.package}")
        return f"{cls.environment()}/bin/python" if found else None

    @classmethod
    def installation(cls):
        """The command that installs it, beside this interpreter's packages where those of the peer get on with them."""
        if not cls.alone:
            return f"{sys.executable} -m pip install {cls.package}"
        pip = f"{cls.environment()}/bin/pip install"
        return f"{sys.executable} -m venv {cls.environment()} && " + " && ".join(f"{pip} {arguments}" for arguments in cls.alone)

    def prepare(self, model, threads, signature):
        """Loads a model. `signature` has the `inputs` and `outputs` {name: shape}, None for a shape that only a run knows, and the `dims` {name: size} that are given,
        and the `tuning_db`, a file or None."""
        raise NotImplementedError

    def run(self, feed):
        """The outputs, in order, for {name: array}."""
        raise NotImplementedError


def lepton_command(verb, model, dims):
    """The command line of a verb of Lepton's for a model with the sizes {name: size} of its named dimensions."""
    return [os.environ.get("LEPTON_COMMAND", "lepton"), verb, model, *(f"--dim={name}={size}" for name, size in dims.items())]


def convert(command, **settings):
    """Runs a converter of a peer; its last words are the error's."""
    result = subprocess.run(command, capture_output=True, text=True, **settings)
    if result.returncode:
        raise RuntimeError(f"{os.path.basename(command[0])}: " + " ".join((result.stderr + result.stdout).split())[-200:])


def folder():
    """For files of this measurement."""
    return os.environ["LEPTON_BENCH_FOLDER"]


class Lepton(Peer):
    """Compiled ahead of time, then loaded, as a program would."""

    name = "lepton"

    def flags(self, signature):
        return []

    def prepare(self, model, threads, signature):
        import lepton

        artifact = os.path.join(folder(), f"{self.name}-{threads}.so")
        begin = time.perf_counter()
        command = [*lepton_command("compile", model, signature["dims"]), "-o", artifact, f"--threads={threads}", *self.flags(signature)]
        compiled = subprocess.run(command, capture_output=True, text=True)
        if compiled.returncode:
            raise RuntimeError(compiled.stderr.strip().removeprefix("error: "))
        self.facts = {"compile_s": time.perf_counter() - begin, "artifact_mb": os.path.getsize(artifact) / 1e6}
        self.session = lepton.InferenceSession(artifact, threads=threads)

    def run(self, feed):
        return self.session.run(None, feed)


class Tuned(Lepton):
    """With the schedules that `lepton tune` found."""

    name = "tuned"

    def flags(self, signature):
        return [f"--tuning-db={signature['tuning_db']}"]


class Onnxruntime(Peer):
    name = package = "onnxruntime"
    level = "ORT_ENABLE_ALL"

    def prepare(self, model, threads, signature):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 4
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, self.level)
        for name, size in signature["dims"].items():
            options.add_free_dimension_override_by_name(name, size)
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(self, feed):
        return self.session.run(None, feed)


class Reference(Onnxruntime):
    """What every peer's outputs are compared with; never measured."""

    name, level = "reference", "ORT_DISABLE_ALL"


class OpenVino(Peer):
    name = package = "openvino"

    def prepare(self, model, threads, signature):
        import openvino

        core = openvino.Core()
        network = core.read_model(model)
        if signature["dims"]:
            network.reshape({name: list(shape) for name, shape in signature["inputs"].items()})
        settings = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        compiled = core.compile_model(network, "CPU", settings)
        self.request, self.count = compiled.create_infer_request(), len(compiled.outputs)

    def run(self, feed):
        outputs = self.request.infer(feed, share_inputs=True, share_outputs=True)
        return [outputs[i] for i in range(self.count)]


class Ncnn(Peer):
    """Converted by pnnx, in f32. It has no dimension of batches."""

    name = package = "ncnn"
    alone = ("ncnn numpy", "--no-deps pnnx")  # pnnx asks for torch, which its program does not use

    def prepare(self, model, threads, signature):
        begin = time.perf_counter()
        import ncnn

        tool = glob.glob(f"{sys.prefix}/lib/python3*/site-packages/pnnx/pnnx")[0]
        os.symlink(os.path.abspath(model), f"{folder()}/ncnn-{threads}.onnx")
        shapes = ",".join("[" + ",".join(map(str, shape)) + "]f32" for shape in signature["inputs"].values())
        convert([tool, f"ncnn-{threads}.onnx", f"inputshape={shapes}", "fp16=0"], cwd=folder())
        self.facts = {"compile_s": time.perf_counter() - begin}
        self.ncnn, self.net, self.shapes = ncnn, ncnn.Net(), list(signature["outputs"].values())
        options = self.net.opt
        options.num_threads, options.use_vulkan_compute, options.use_bf16_storage = threads, False, False
        options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
        if self.net.load_param(f"{folder()}/ncnn_{threads}.ncnn.param") or self.net.load_model(f"{folder()}/ncnn_{threads}.ncnn.bin"):
            raise RuntimeError("ncnn cannot load what pnnx wrote")

    def run(self, feed):
        import numpy

        extractor, kept = self.net.create_extractor(), []
        for name, array in zip(self.net.input_names(), feed.values()):
            if array.ndim >= 3:
                if 1 not in array.shape[:2]:
                    raise RuntimeError(f"ncnn has no dimension of batches: {array.shape}")
                array = array.squeeze(array.shape.index(1))
            kept.append(self.ncnn.Mat(numpy.ascontiguousarray(array)))
            extractor.input(name, kept[-1])
        results = []
        for name, shape in zip(self.net.output_names(), self.shapes):
            status, result = extractor.extract(name)
            if status:
                raise RuntimeError(f"ncnn cannot compute {name}: {status}")
            results.append(numpy.array(result).reshape(shape if shape else result.shape))
        return results


class Mnn(Peer):
    name, package = "mnn", "MNN"
    alone = ("MNN numpy",)

    def prepare(self, model, threads, signature):
        import MNN
        import numpy

        begin = time.perf_counter()
        converted = f"{folder()}/model-{threads}.mnn"
        # Not by the command mnnconvert, which sends home how it is used.
        command = [sys.executable, "-c", "import sys, MNN, _tools; _tools.mnnconvert(sys.argv)", "-f", "ONNX", "--modelFile", model, "--MNNModel", converted, "--bizCode", "b"]
        try:
            convert(command)
        except RuntimeError:  # its loops for recurrent layers fail on those of two directions
            convert([*command, "--useOriginRNNImpl"])
        self.facts = {"compile_s": time.perf_counter() - begin}
        self.mnn, self.net = MNN, MNN.Interpreter(converted)
        self.session = self.net.createSession({"numThread": threads, "backend": "CPU", "precision": "high"})
        inputs, outputs = self.net.getSessionInputAll(self.session), self.net.getSessionOutputAll(self.session)
        if any(shape is None for shape in signature["outputs"].values()):
            raise RuntimeError("the sizes of the outputs must be known; --dim gives sizes")
        self.inputs, self.outputs = inputs, [outputs[name] for name in signature["outputs"]]
        self.results = [numpy.zeros(shape, numpy.float32) for shape in signature["outputs"].values()]

    def run(self, feed):
        import numpy

        def tensor(array):
            return self.mnn.Tensor(array.shape, self.mnn.Halide_Type_Float, array, self.mnn.Tensor_DimensionType_Caffe)

        for name, array in feed.items():
            self.inputs[name].copyFrom(tensor(array))
        self.net.runSession(self.session)
        results = []
        for output, memory in zip(self.outputs, self.results):
            host = tensor(memory)
            output.copyToHostTensor(host)
            results.append(numpy.array(host.getNumpyData()).reshape(memory.shape))
        return results
