"""The machine code of contractions, and of what recurrences do with them: accumulators as wide as the processor's vectors, which do not leave their registers inside an inner loop."""

import re

import numpy as np
import pytest
from onnx import TensorProto, helper

from common import lepton, save

FLOAT = TensorProto.FLOAT
REGISTERS = {"x86-64-v4": "zmm", "x86-64-v3": "ymm"}
random = np.random.default_rng(0)


def weights(*shape):
    return random.standard_normal(shape).astype(np.float32)


def conv(image, filters, **attributes):
    return [helper.make_node("Conv", ["x", "w"], ["y"], **attributes)], image, {"w": weights(*filters)}


def same(image, outputs, kernel=3, group=1, **attributes):
    """A convolution that keeps the image's size, but for strides."""
    pads = [(kernel - 1) // 2 * attributes.get("dilations", [1])[0]] * 2 * (len(image) - 2)
    return conv(image, [outputs, image[1] // group, *[kernel] * (len(image) - 2)], pads=pads, group=group, **attributes)


def transposed(image, outputs, kernel, **attributes):
    return [helper.make_node("ConvTranspose", ["x", "w"], ["y"], **attributes)], image, {"w": weights(image[1], outputs, *[kernel] * (len(image) - 2))}


def product(rows, inner, columns):
    return [helper.make_node("MatMul", ["x", "w"], ["y"])], [rows, inner], {"w": weights(inner, columns)}


def recurrent(op, gates, steps, batch, inputs, hidden):
    node = helper.make_node(op, ["x", "w", "r"], ["y"], hidden_size=hidden)
    return [node], [steps, batch, inputs], {"w": weights(1, gates * hidden, inputs), "r": weights(1, gates * hidden, hidden)}


# The shapes of bench/networks.
LAYERS = {
    "first 7x7": same([1, 3, 224, 224], 64, 7, strides=[2, 2]),
    "first 3x3": same([1, 3, 224, 224], 32, 3, strides=[2, 2]),
    "1x1 to more": same([1, 64, 56, 56], 256, 1),
    "1x1 to fewer": same([1, 256, 56, 56], 64, 1),
    "1x1 small": same([1, 2048, 7, 7], 512, 1),
    "1x1 strided": same([1, 256, 56, 56], 512, 1, strides=[2, 2]),
    "3x3 strided": same([1, 128, 56, 56], 128, 3, strides=[2, 2]),
    "3x3 of few channels": same([1, 16, 64, 64], 16),
    "winograd 56": same([1, 64, 56, 56], 64),
    "winograd 28": same([1, 128, 28, 28], 128),
    "3x3 of a small image": same([1, 512, 7, 7], 512),
    "depthwise 3x3": same([1, 96, 56, 56], 96, 3, group=96),
    "depthwise 3x3 strided": same([1, 96, 112, 112], 96, 3, group=96, strides=[2, 2]),
    "depthwise 5x5": same([1, 240, 14, 14], 240, 5, group=240),
    "line": same([1, 64, 512], 64, 7),
    "dilated line": same([1, 32, 4096], 32, 3, dilations=[5]),
    "transposed": transposed([1, 256, 8, 8], 128, 4, strides=[2, 2], pads=[1] * 4),
    "transposed line": transposed([1, 128, 64], 64, 16, strides=[8], pads=[4] * 2),
    "matmul": product(512, 512, 512),
    "matmul of long sums": product(128, 2048, 512),
    "matmul of few rows": product(128, 256, 1024),
    "vector": product(1, 1024, 1024),
    "lstm": recurrent("LSTM", 4, 100, 1, 256, 256),
    "lstm of a batch": recurrent("LSTM", 4, 50, 8, 128, 128),
    "gru": recurrent("GRU", 3, 64, 1, 512, 512),
}


def functions(assembly):
    """The lines of each function."""
    lines = []
    for line in assembly.splitlines():
        if re.match(r"[A-Za-z_][\w.$]*:", line):
            yield lines
            lines = []
        lines.append(line.strip())
    yield lines


def inner_loops(lines):
    """From a label to the jump back to it, with no such pair inside."""
    labels, loops = {}, []
    for i, line in enumerate(lines):
        if label := re.match(r"(\.L\w+):", line):
            labels[label[1]] = i
        elif (jump := re.match(r"j\w+\s+(\.L\w+)", line)) and jump[1] in labels:
            loops.append((labels[jump[1]], i))
    return [lines[a : b + 1] for a, b in loops if not any((c, d) != (a, b) and a <= c and d <= b for c, d in loops)]


def is_spill(line):
    """A vector goes to a slot of the stack. Buffers on the stack are indexed; what only comes from there was put away in front of the loop."""
    return re.match(r"vmov\w+\s+%[xyz]mm\d+, -?\d*\(%r[sb]p\)", line)


def accumulating_loops(assembly, may_write=False):
    """Inner loops that multiply and add, and unless they may write, write nothing but perhaps spills: what they compute is kept in registers."""
    for lines in functions(assembly):
        for loop in inner_loops(lines):
            products = [line for line in loop if re.match(r"vfn?m(add|sub)\w*ps", line)]
            writes = [line for line in loop if re.match(r"vmov\w+\s+%[xyz]mm\d+, .*\(", line) and not is_spill(line)]
            if len(products) >= 4 and (may_write or not writes):
                yield loop, products


def is_of_accumulator(loop, spill):
    """Whether the register that goes to the stack was last written by a product."""
    register = re.search(r"%[xyz]mm\d+", spill)[0]
    before = loop[: loop.index(spill)] or loop
    writers = [line for line in before if line.endswith(register)]
    return bool(writers) and writers[-1].startswith("vf")


@pytest.mark.parametrize("cpu", REGISTERS)
@pytest.mark.parametrize("layer", LAYERS)
def test_accumulators_stay_in_whole_registers(tmp_path, layer, cpu):
    nodes, shape, constants = LAYERS[layer]
    model = save(tmp_path / "m.onnx", nodes, {"x": (FLOAT, shape)}, {"y": (FLOAT, None)}, constants)
    result = lepton("compile", model, "-o", tmp_path / "m.s", f"--cpu={cpu}")
    assert result.returncode == 0, result.stderr
    is_depthwise = "depthwise" in layer  # whose taps leave no loop inside that over the pixels
    loops = list(accumulating_loops((tmp_path / "m.s").read_text(), may_write=is_depthwise))
    assert any(sum("%" + REGISTERS[cpu] in line for line in products) == len(products) for _, products in loops), "no loop with whole accumulators"
    for loop, _ in loops:
        spills = [line for line in loop if is_spill(line)]
        # Pixels that taps of a depthwise convolution share may be put away: it is as fast as reading them again.
        assert not [line for line in spills if not is_depthwise or is_of_accumulator(loop, line)], "\n".join(loop)


@pytest.mark.parametrize("layer", [layer for layer in LAYERS if "winograd" in layer])
def test_winograd_transforms_stay_in_registers(tmp_path, layer):
    """A square of 36 vectors is more than 32 registers hold: its inner columns come first."""
    nodes, shape, constants = LAYERS[layer]
    model = save(tmp_path / "m.onnx", nodes, {"x": (FLOAT, shape)}, {"y": (FLOAT, None)}, constants)
    result = lepton("compile", model, "-o", tmp_path / "m.s", "--cpu=x86-64-v4")
    assert result.returncode == 0, result.stderr
    kernels = [lines for lines in functions((tmp_path / "m.s").read_text()) if lines and "winograd" in lines[0] and "range:" in lines[0]]
    assert kernels and not [line for lines in kernels for loop in inner_loops(lines) for line in loop if is_spill(line)]


@pytest.mark.parametrize("cpu", REGISTERS)
@pytest.mark.parametrize("layer", ["lstm", "gru"])
def test_cell_updates_stay_in_registers(tmp_path, layer, cpu):
    """One loop makes a new state, or a new output, from what the products gave: no sigmoid or tanh is called or put away, and nothing but the result is written."""
    nodes, shape, constants = LAYERS[layer]
    model = save(tmp_path / "m.onnx", nodes, {"x": (FLOAT, shape)}, {"y": (FLOAT, None)}, constants)
    result = lepton("compile", model, "-o", tmp_path / "m.s", f"--cpu={cpu}")
    assert result.returncode == 0, result.stderr
    cells = [lines for lines in functions((tmp_path / "m.s").read_text()) if lines and "slice" in lines[0] and "range:" in lines[0]]
    assert cells
    for lines in cells:
        # The vectors' loop; what is left at the end of a range may be scalars.
        loops = [loop for loop in inner_loops(lines) if any(re.match(rf"vdivps\s.*%{REGISTERS[cpu]}", line) for line in loop)]
        assert loops
        for loop in loops:
            stores = [line for line in loop if re.match(r"vmov\w+\s+%[xyz]mm\d+, .*\(", line)]
            assert len(stores) == 1 and not is_spill(stores[0]), "\n".join(stores)
            assert not [line for line in loop if line.startswith("call")]
