"""Measures Lepton on a GPU: every network is compiled, its results are compared with onnxruntime's on the CPU, and its time with PyTorch's on the same GPU where
that has the same network.

usage: python3 run.py [--networks A,B] [--json FILE] [--seconds S] [--gpu sm_90a] [--precision tf32]      in the folder that pack.py wrote

Needs PyTorch with CUDA, torchvision, onnx and onnxruntime. Times are the least of many runs, in milliseconds: `host`, inputs and outputs in memory of the CPU;
`device`, in that of the GPU. PyTorch computes float32 products in the same precision, in memory of the GPU, as a CUDA graph.
"""

import argparse
import ast
import json
import os
import subprocess
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from artifact import Artifact
from onnx import numpy_helper

HERE = Path(__file__).resolve().parent
TOLERANCE = {"fp32": 1e-4, "tf32": 1e-2, "fp16": 1e-2, "bf16": 1e-1}  # of an output's scale; errors of TF32 and fp16, 5e-4 of a factor, of bf16 4e-3, add up over a network
TORCHVISION = {"resnet18": "resnet18", "resnet50": "resnet50", "vgg16": "vgg16", "mobilenet_v2": "mobilenet_v2", "mobilenet_v3_small": "mobilenet_v3_small",
               "efficientnet_b0": "efficientnet_b0", "densenet121": "densenet121", "squeezenet1_1": "squeezenet1_1", "shufflenet_v2": "shufflenet_v2_x1_0"}  # fmt: skip


def with_weights(path):
    """The network of a graph that pack.py wrote, with normal numbers of the same mean and deviation for weights."""
    model = onnx.load(path)
    random = np.random.default_rng(0)
    for tensor in model.graph.initializer:
        if tensor.doc_string:
            mean, deviation = ast.literal_eval(tensor.doc_string)
            values = random.standard_normal(list(tensor.dims), dtype=np.float32) * np.float32(deviation) + np.float32(mean)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return model


def compile_for(gpu, precision, model, library):
    """Seconds that it took."""
    compiler = HERE / "compiler"
    if not compiler.exists():
        subprocess.run(["tar", "-C", HERE, "-xf", HERE / "compiler.tar.xz"], check=True)
    environment = os.environ | {"LD_LIBRARY_PATH": str(compiler / "lib")}
    begin = time.monotonic()
    result = subprocess.run([compiler / "bin/lepton", "compile", model, f"--target=cuda:{gpu}", f"--precision={precision}", "-o", library], env=environment, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(result.stderr.strip())
    return time.monotonic() - begin


def inputs_of(artifact):
    random = np.random.default_rng(1)
    floats = lambda shape: random.standard_normal(shape, dtype=np.float32)
    return [floats(shape) if dtype == np.float32 else random.integers(0, 40, shape).astype(dtype) for _, shape, dtype in artifact.inputs]


def difference(expected, result):
    if expected.size == 0 or expected.shape != result.shape:
        return 0.0 if expected.shape == result.shape else float("inf")
    gap = np.abs(expected.astype(np.float64) - result)
    return float("inf") if np.isnan(gap).any() else float(gap.max() / max(np.abs(expected).max(), 1e-30))


def least(run, seconds):
    """Milliseconds of the fastest of the runs that fit in, the first few left out."""
    times = []
    for _ in range(5):
        run()
    end = time.perf_counter() + seconds
    while len(times) < 5 or (time.perf_counter() < end and len(times) < 2000):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return min(times) * 1e3


def torch_time(function, inputs, seconds):
    """Of a function of tensors on the GPU, recorded as a CUDA graph."""
    with torch.inference_mode():
        for _ in range(3):
            function(*inputs)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            function(*inputs)

        def run():
            graph.replay()
            torch.cuda.synchronize()

        return least(run, seconds)


def torch_peer(name):
    """The same network in PyTorch and its inputs; nothing where PyTorch has none."""
    if name in TORCHVISION:
        import torchvision

        return getattr(torchvision.models, TORCHVISION[name])(weights=None).cuda().eval(), [torch.randn(1, 3, 224, 224, device="cuda")]
    if name.startswith("matmul") and name[6:].isdigit():
        size = int(name[6:])
        return torch.matmul, [torch.randn(size, size, device="cuda") for _ in range(2)]
    return None


def kernels_of(library, arrays):
    """Milliseconds of each kernel in one run, the slowest first."""
    marks = []
    artifact = Artifact(library, lambda name: marks.append((name, time.perf_counter())))
    artifact.run(arrays)
    marks.clear()
    artifact.run(arrays)
    spans = [(name, round((after - begin) * 1e3, 3)) for (name, begin), (_, after) in zip(marks, marks[1:])]
    return sorted(spans, key=lambda span: -span[1])


def measure(name, gpu, precision, seconds, folder):
    row = {"network": name, "precision": precision}
    model = with_weights(HERE / "graphs" / f"{name}.onnx")
    path, library = folder / f"{name}.onnx", folder / f"{name}.so"
    onnx.save(model, path)
    row["compile_s"] = round(compile_for(gpu, precision, path, library), 2)
    begin = time.monotonic()
    artifact = Artifact(library)
    arrays = inputs_of(artifact)
    results = artifact.run(arrays)
    row["first_s"] = round(time.monotonic() - begin, 2)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    expected = session.run(None, {value.name: array for value, array in zip(session.get_inputs(), arrays)})
    for _ in range(3):  # the later ones are replays
        row["error"] = max([row.get("error", 0.0), *map(difference, expected, results)])
        results = artifact.run(arrays)
    row["host"] = least(lambda: artifact.run(arrays), seconds)
    given = [torch.from_numpy(array).cuda() for array in arrays]
    wanted = [torch.empty(shape, dtype=torch.from_numpy(np.empty(0, dtype)).dtype, device="cuda") for _, shape, dtype in artifact.outputs]
    run = artifact.bind([tensor.data_ptr() for tensor in given], [tensor.data_ptr() for tensor in wanted])
    row["device"] = least(run, seconds)
    row["error"] = max([row["error"], *(difference(e, w.cpu().numpy()) for e, w in zip(expected, wanted))])
    row["correct"] = row["error"] <= TOLERANCE[precision]
    row["kernels"] = kernels_of(library, arrays)[:12]
    peer = torch_peer(name)
    if peer:
        row["torch"] = torch_time(*peer, seconds)
    return row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--networks", default="")
    parser.add_argument("--json", default="")
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--gpu", default="sm_90a")
    parser.add_argument("--precision", default="fp32", choices=list(TOLERANCE))
    options = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = options.precision == "tf32"
    torch.backends.cudnn.benchmark = True
    folder = HERE / "made"
    folder.mkdir(exist_ok=True)
    print(torch.cuda.get_device_name(0), flush=True)
    print(f"{'network':20}{'compile s':>10}{'first s':>9}{'error':>10}{'host ms':>10}{'device ms':>11}{'torch ms':>10}")
    rows = []
    for name in options.networks.split(",") if options.networks else sorted(path.stem for path in (HERE / "graphs").glob("*.onnx")):
        try:
            row = measure(name, options.gpu, options.precision, options.seconds, folder)
            text = f"{row['compile_s']:10}{row['first_s']:9}{row['error']:10.1e}{row['host']:10.3f}{row['device']:11.3f}{row.get('torch', float('nan')):10.3f}"
            print(f"{name:20}{text}{'' if row['correct'] else '   WRONG'}", flush=True)
        except Exception as problem:
            row = {"network": name, "problem": str(problem)}
            print(f"{name:20}{str(problem)[:300]}", flush=True)
        rows.append(row)
        if options.json:
            Path(options.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
