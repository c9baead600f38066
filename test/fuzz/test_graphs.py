"""Random graphs against onnxruntime without its optimizations. LEPTON_FUZZ_SEEDS=FIRST:LAST chooses the seeds.

A failure is cut down to the shortest beginning of the graph that still fails, and written to test/bugs/.
"""

import os
import sys
from pathlib import Path

import lepton
import numpy as np
import onnx
import onnxruntime
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import graphs

BUGS = Path(__file__).resolve().parent.parent / "bugs"
FIRST, LAST = (int(s) for s in os.environ.get("LEPTON_FUZZ_SEEDS", "0:2000" if os.environ.get("LEPTON_TEST_FULL") else "0:50").split(":"))
TOLERANCE = 1e-4  # of the output's scale


def expected(model, feeds):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"]).run(None, feeds)


def fault(model, feeds, level):
    """What is wrong with Lepton's results; empty where nothing is."""
    data = model.SerializeToString()
    feeds = {i.name: feeds[i.name] for i in model.graph.input}
    try:
        results = lepton.InferenceSession(data, opt_level=level, threads=2).run(None, feeds)
    except Exception as error:
        return str(error)
    for output, result, reference in zip(model.graph.output, results, expected(data, feeds)):
        if result.shape != reference.shape:
            return f"{output.name} has the shape {result.shape}, expected {reference.shape}"
        difference = np.abs(result - reference).max() / max(1, np.abs(reference).max())
        if not difference <= TOLERANCE:
            return f"{output.name} differs by {difference:.1e}"
    return ""


def shrunk(model, feeds, level):
    """The shortest beginning of the graph, reduced to what its last node needs, that still fails."""
    for count in range(1, len(model.graph.node) + 1):
        kept, needed = [], set(model.graph.node[count - 1].output)
        for node in reversed(model.graph.node[:count]):
            if needed & set(node.output):
                kept.insert(0, node)
                needed |= set(node.input)
        graph = onnx.helper.make_graph(
            kept,
            model.graph.name,
            [i for i in model.graph.input if i.name in needed],
            [onnx.helper.make_tensor_value_info(kept[-1].output[0], onnx.TensorProto.FLOAT, None)],
            [i for i in model.graph.initializer if i.name in needed],
        )
        part = onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
        if graph.input and fault(part, feeds, level):
            return part
    return model


@pytest.mark.parametrize("seed", range(FIRST, LAST))
def test_random_graph(seed):
    model, feeds = graphs.graph(seed)
    for level in (0, 3):
        reason = fault(model, feeds, level)
        if reason:
            BUGS.mkdir(exist_ok=True)
            path = BUGS / f"graph-{seed}-O{level}.onnx"
            onnx.save(shrunk(model, feeds, level), path)
            pytest.fail(f"seed {seed} at -O{level}: {reason}; the smallest graph that fails is {path}")


@pytest.mark.parametrize("level", [0, 3])
def test_fixed_bugs(level):
    """Every graph that once failed."""
    for path in sorted(BUGS.glob("*.onnx")):
        model = onnx.load(path)
        rng, sizes, feeds = np.random.default_rng(0), {}, {}
        for value in model.graph.input:
            shape = [d.dim_value or sizes.setdefault(d.dim_param, 3 + len(sizes) % 3) for d in value.type.tensor_type.shape.dim]
            feeds[value.name] = rng.standard_normal(shape).astype(np.float32)
        assert fault(model, feeds, level) == "", path.name
