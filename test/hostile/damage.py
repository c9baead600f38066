"""Files that are cut off, changed or something else."""

import random

import numpy as np
from onnx import TensorProto, helper

from cases import BOOL, FLOAT, INT64, add, function, graph, model, node, one, value


def specimen():
    """A model of everything that files have: initializers, a function, a branch, a loop."""
    branch = [graph([helper.make_node(op, ["t"], ["b"])], outputs=["b"]) for op in ("Neg", "Abs")]
    body = graph([helper.make_node("Add", ["a", "one"], ["c"]), helper.make_node("Identity", ["go"], ["on"])], [value("i", INT64, []), value("go", BOOL, []), value("a", FLOAT, [2, 3])], [value("on", BOOL, []), "c"])
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"], name="product"),
        helper.make_node("F", ["p"], ["t"], domain="mine", name="call"),
        helper.make_node("If", ["yes"], ["u"], then_branch=branch[0], else_branch=branch[1], name="choice"),
        helper.make_node("Loop", ["three", "", "u"], ["y"], body=body, name="loop"),
    ]
    constants = {"w": np.ones((4, 3), np.float32), "one": np.float32(1), "three": np.int64(3)}
    return model(nodes, [value("x", FLOAT, [2, 4]), value("yes", BOOL, [])], ["y"], constants, [function("F", [helper.make_node("Relu", ["a"], ["b"])])])


WHOLE = specimen().SerializeToString()
ANYTHING = "^error: .*model.onnx: |^$"  # a model in words, or one that is still sound
add("damage-none", WHOLE, "")
add("damage-empty", b"", "the file is empty")
for part in range(1, 16):
    add(f"damage-cut-off-at-{part}-of-16", WHOLE[: len(WHOLE) * part // 16], ANYTHING, at="any", flags=("--max-time=8",))
for seed in range(40):
    dice = random.Random(seed)
    content = bytearray(WHOLE)
    for _ in range(dice.choice([1, 1, 2, 8])):
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    add(f"damage-bits-{seed}", bytes(content), ANYTHING, at="any", flags=("--max-time=8",))
add("damage-twice-the-file", WHOLE * 2, ANYTHING, at="any")
add("damage-noise", random.Random(7).randbytes(10_000), "no ONNX model, or it is truncated, damaged or nested too deeply")
add("damage-zeros", bytes(10_000), "no ONNX model, or it is truncated, damaged or nested too deeply")
add("damage-text", b"{}\n" * 1000, "no ONNX model, or it is truncated, damaged or nested too deeply")
add("damage-elf", b"\x7fELF" + bytes(1000), "truncated|compiled for another architecture")
add("damage-bytecode", b"ML\xefR" + bytes(100), "model.onnx")
# A field of bytes that says it has more than the file, at every depth.
add("damage-length-past-the-end", b"\x3a" + b"\xff" * 9 + b"\x01", "no ONNX model, or it is truncated, damaged or nested too deeply")
add("damage-nested-groups", b"\x0b" * 100_000, "no ONNX model, or it is truncated, damaged or nested too deeply")
