"""Measures Lepton on a GPU: single operations beside PyTorch's (cuBLAS, cuDNN) and Triton's, and every network, whose results are compared with onnxruntime's on
the CPU, and its time with PyTorch's on the same GPU where that has the same network: as it is, of half-precision tensors, and of 128 images at a time.

usage: python3 run.py [--parts operations,networks,half,batch] [--networks A,B] [--json FILE] [--seconds S] [--budget S] [--gpu sm_90a] [--precision tf32]
in the folder that pack.py wrote

Needs PyTorch with CUDA (which brings Triton), torchvision, onnx and onnxruntime. Times are the least of many runs, in milliseconds: `host`, inputs and outputs in
memory of the CPU; `device`, in that of the GPU. PyTorch computes float32 products in the same precision, in memory of the GPU, as a CUDA graph. What the budget
leaves no time for is named.
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
from artifact import BFLOAT16, Artifact
from onnx import numpy_helper
from operations import operations
from variants import as_half, of_batch

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


def torch_peer(name, batch, is_half):
    """The same network in PyTorch and its inputs; nothing where PyTorch has none."""
    type = torch.float16 if is_half else torch.float32
    if name in TORCHVISION:
        import torchvision

        network = getattr(torchvision.models, TORCHVISION[name])(weights=None).to("cuda", type).eval()
        return network, [torch.randn(batch, 3, 224, 224, device="cuda", dtype=type)]
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


def bound(artifact, given):
    """(A function that runs the artifact on tensors of the GPU, the tensors that its outputs go to.) The caller keeps both."""
    types = {np.dtype(np.float16): torch.float16, BFLOAT16: torch.bfloat16}
    wanted = [torch.empty(shape, dtype=types.get(np.dtype(dtype)) or torch.from_numpy(np.empty(0, dtype)).dtype, device="cuda") for _, shape, dtype in artifact.outputs]
    return artifact.bind([tensor.data_ptr() for tensor in given], [tensor.data_ptr() for tensor in wanted]), wanted


def measure_network(name, options, folder, batch=1, is_half=False):
    row = {"network": name, "precision": "fp16" if is_half else options.precision, "batch": batch}
    model = with_weights(HERE / "graphs" / f"{name}.onnx")
    model = of_batch(model, batch) if batch > 1 else model
    path, library = folder / f"{name}.onnx", folder / f"{name}.{row['precision']}.{batch}.so"
    onnx.save(as_half(model) if is_half else model, path)
    row["compile_s"] = round(compile_for(options.gpu, options.precision, path, library), 2)
    begin = time.monotonic()
    artifact = Artifact(library)
    arrays = inputs_of(artifact)
    results = artifact.run(arrays)
    row["first_s"] = round(time.monotonic() - begin, 2)
    # Of half-precision networks the CPU computes the float32 one: half precision is what is to be judged.
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    wide = [array.astype(np.float32) if array.dtype == np.float16 else array for array in arrays]
    expected = session.run(None, {value.name: array for value, array in zip(session.get_inputs(), wide)})
    for _ in range(3):  # the later ones are replays
        row["error"] = max([row.get("error", 0.0), *map(difference, expected, results)])
        results = artifact.run(arrays)
    row["host"] = least(lambda: artifact.run(arrays), options.seconds)
    given = [torch.from_numpy(array).cuda() for array in arrays]
    run, wanted = bound(artifact, given)
    row["device"] = least(run, options.seconds)
    row["error"] = max([row["error"], *(difference(e, w.cpu().numpy()) for e, w in zip(expected, wanted))])
    row["correct"] = row["error"] <= TOLERANCE[row["precision"]]
    row["kernels"] = kernels_of(library, arrays)[:12]
    peer = torch_peer(name, batch, is_half)
    if peer:
        row["torch"] = torch_time(*peer, options.seconds)
    return row


def measure_operation(operation, options, folder):
    row = {"operation": operation.name, "precision": operation.precision}
    path, library = folder / "operation.onnx", folder / f"{operation.name.replace(' ', '_').replace('/', '_')}.{operation.precision}.so"
    onnx.save(operation.model, path)
    row["compile_s"] = round(compile_for(options.gpu, "tf32" if operation.precision == "tf32" else "fp32", path, library), 2)
    types = {"fp16": torch.float16, "bf16": torch.bfloat16}
    artifact, function = Artifact(library), operation.torch(torch)
    given = [torch.randn(shape, device="cuda", dtype=types.get(operation.precision, torch.float32)) for _, shape, _ in artifact.inputs]
    run, (result,) = bound(artifact, given)
    run()
    allow_tf32(False)
    with torch.inference_mode():
        expected = function(*(tensor.float() for tensor in given))
    row["error"] = float((result.float() - expected).abs().max() / expected.abs().max())
    row["correct"] = row["error"] <= TOLERANCE[operation.precision]
    del expected
    row["device"] = least(run, options.seconds)
    allow_tf32(operation.precision == "tf32")
    row["torch"] = torch_time(function, given, options.seconds)
    if operation.triton:
        try:
            row["triton"] = torch_time(operation.triton(), given, options.seconds)
        except Exception as problem:  # Triton is a peer, which may be missing
            row["triton_problem"] = str(problem)[:300]
    amount = operation.flops / 1e9 or operation.bytes / 1e6
    row["rate"], row["unit"] = amount / row["device"], "TFLOP/s" if operation.flops else "GB/s"
    return row


def allow_tf32(allowed):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed


def copy_bandwidth(seconds):
    """GB/s that a copy within the GPU reads and writes."""
    source = torch.empty(1 << 28, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return 2 * source.numel() / 1e6 / torch_time(target.copy_, [source], seconds)


def text_of(row):
    if "problem" in row:
        return row["problem"][:300]
    times = "".join(f"{row.get(key, float('nan')):11.3f}" for key in ("host", "device", "torch", "triton"))
    rate = f"{row['rate']:10.1f} {row['unit']}" if "rate" in row else ""
    return f"{row['precision']:>6}{row['error']:10.1e}{times}{rate}{'' if row['correct'] else '   WRONG'}"


def jobs(options, folder):
    """(Part, name, what measures it), the most telling first."""
    networks = options.networks.split(",") if options.networks else sorted(path.stem for path in (HERE / "graphs").glob("*.onnx"))
    for operation in operations():
        yield "operations", operation.name, lambda operation=operation: measure_operation(operation, options, folder)
    for name in networks:
        yield "networks", name, lambda name=name: measure_network(name, options, folder)
    for name in filter(TORCHVISION.get, networks):
        yield "half", name, lambda name=name: measure_network(name, options, folder, is_half=True)
    for name in filter(TORCHVISION.get, networks):
        yield "batch", name, lambda name=name: measure_network(name, options, folder, batch=128, is_half=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--parts", default="operations,networks,half,batch")
    parser.add_argument("--networks", default="")
    parser.add_argument("--json", default="")
    parser.add_argument("--seconds", type=float, default=0.3)
    parser.add_argument("--budget", type=float, default=500)
    parser.add_argument("--gpu", default="sm_90a")
    parser.add_argument("--precision", default="fp32", choices=list(TOLERANCE))
    options = parser.parse_args()
    end = time.monotonic() + options.budget
    torch.backends.cudnn.benchmark = True
    folder = HERE / "made"
    folder.mkdir(exist_ok=True)
    print(f"{torch.cuda.get_device_name(0)}, copies {copy_bandwidth(options.seconds):.0f} GB/s", flush=True)
    print(f"{'':44}{'':>6}{'error':>10}{'host ms':>11}{'device ms':>11}{'torch ms':>11}{'triton ms':>11}")
    rows, left_out = [], []
    for part, name, measure in jobs(options, folder):
        if part not in options.parts.split(","):
            continue
        if time.monotonic() > end:
            left_out.append(f"{part}: {name}")
            continue
        allow_tf32(options.precision == "tf32")
        try:
            row = measure()
        except Exception as problem:
            row = {part: name, "problem": str(problem)}
        torch.cuda.empty_cache()
        rows.append({"part": part, **row})
        print(f"{part + ': ' + name:44}{text_of(row)}", flush=True)
        if options.json:
            Path(options.json).write_text(json.dumps(rows, indent=1))
    if left_out:
        print(f"left out, the budget of {options.budget:.0f} s being spent: {', '.join(left_out)}")


if __name__ == "__main__":
    main()
