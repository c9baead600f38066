"""What only a run shows: indices out of range, sizes that do not fit, texts that are no numbers."""

import numpy as np
from onnx import TensorProto, TypeProto, helper

from cases import BOOL, FLOAT, HUGE, INT32, INT64, STRING, add, model, node, value

F = np.float32


def run(name, op, arrays, says, outputs=("y",), constants=None, **attributes):
    """The arrays are the inputs of a run; the message names the node."""
    constants = constants or {}
    types = {"f": FLOAT, "i": INT64, "b": BOOL}
    inputs = [value(n, INT32 if a.dtype == np.int32 else types[a.dtype.kind], [f"{n}{d}" for d in range(a.ndim)]) for n, a in arrays.items()]
    for each in inputs:  # what is a list of sizes has a known length, and so have tuples of indices
        if op == "GatherND" and each.name == "i":
            each.type.tensor_type.shape.dim[1].dim_value = 2
        if arrays[each.name].ndim == 1 and arrays[each.name].dtype.kind == "i":
            each.type.tensor_type.shape.dim[0].dim_value = len(arrays[each.name])
    built = model([node(op, [*arrays, *constants], outputs, **attributes)], inputs, outputs, constants)
    add(f"run-{name}", built, f"node 'the {op}' \\({op}\\): .*(?:{says})|{says}" if says else "", at="run" if says else "compile", inputs=arrays)


# What the standard leaves open, such as lengths past the end, is computed from what is there (an empty message): nothing outside is read.
X, ROWS = np.arange(12, dtype=F).reshape(3, 4), np.int64([0, 1])
OUT = "out of range|outside|cannot insert at position"
for index in (3, -4, HUGE, -HUGE - 1):
    name = {3: "past-the-end", -4: "before-the-start", HUGE: "largest"}.get(index, "smallest")
    run(f"gather-{name}", "Gather", {"x": X, "i": np.int64([0, index])}, OUT)
    run(f"gather-elements-{name}", "GatherElements", {"x": X, "i": np.int64([[0, index, 0, 0]])}, OUT)
    run(f"gather-nd-{name}", "GatherND", {"x": X, "i": np.int64([[0, 0], [index, 1]])}, OUT) if index != 3 else None
    run(f"scatter-elements-{name}", "ScatterElements", {"x": X, "i": np.int64([[0, index, 0, 0]]), "u": np.ones((1, 4), F)}, OUT)
    run(f"scatter-nd-{name}", "ScatterND", {"x": X, "i": np.int64([[index]]), "u": np.ones((1, 4), F)}, OUT)
run("gather-of-int32", "Gather", {"x": X, "i": np.int32([2**31 - 1])}, OUT)
run("scatter-of-other-updates", "ScatterElements", {"x": X, "i": np.int64([[0, 1]]), "u": np.ones((2, 4), F)}, "updates|indices|do not fit")
run("scatter-of-more-rows", "ScatterElements", {"x": X, "i": np.zeros((4, 9), np.int64), "u": np.ones((4, 9), F)}, "do not fit")
run("unpool-past-the-end", "MaxUnpool", {"x": np.ones((1, 1, 2, 2), F), "i": np.int64([[[[0, 99], [1, 2]]]])}, OUT, kernel_shape=[2, 2], strides=[2, 2])
run("reshape-to-others", "Reshape", {"x": X, "s": np.int64([5, -1])}, "Reshape|elements")
run("reshape-of-two-unknown", "Reshape", {"x": X, "s": np.int64([-1, -1])}, "Reshape|-1")
run("reshape-negative", "Reshape", {"x": X, "s": np.int64([-7, 2])}, "Reshape|negative")
run("expand-to-others", "Expand", {"x": X, "s": np.int64([5, 4])}, "broadcast|fit|Expand")
run("expand-negative", "Expand", {"x": X, "s": np.int64([-3, 4])}, "negative|broadcast|Expand")
run("tile-negative", "Tile", {"x": X, "s": np.int64([-3, 4])}, "negative")
run("constant-of-negative-shape", "ConstantOfShape", {"s": np.int64([-3, 4])}, "negative")
run("pad-away-all", "Pad", {"x": X, "p": np.int64([-3, -3, -3, -3])}, "negative|Pad")
run("reflect-past-the-end", "Pad", {"x": X, "p": np.int64([50, 0, 0, 0])}, "", mode="reflect")
run("range-by-zero", "Range", {"a": np.int64(0), "b": np.int64(5), "c": np.int64(0)}, "")
run("slice-by-zero", "Slice", {"x": X, "s": np.int64([0]), "e": np.int64([2]), "a": np.int64([0]), "t": np.int64([0])}, "")
run("slice-far-past-the-end", "Slice", {"x": X, "s": np.int64([-HUGE]), "e": np.int64([HUGE])}, "")
run("topk-more-than-there-are", "TopK", {"x": X, "k": np.int64([5])}, "TopK|k|largest", outputs=("y", "z"))
run("topk-negative", "TopK", {"x": X, "k": np.int64([-5])}, "", outputs=("y", "z"))
run("split-into-others", "Split", {"x": X, "s": np.int64([1, 1])}, "Split|sum", outputs=("y", "z"))
run("split-negative", "Split", {"x": X, "s": np.int64([-1, 4])}, "Split|negative", outputs=("y", "z"))
run("one-hot-of-negative-depth", "OneHot", {"i": ROWS, "d": np.int64(-3)}, "", constants={"v": F([0, 1])})
run("cumsum-along-no-axis", "CumSum", {"x": X, "a": np.int64(2)}, "")
run("compress-past-the-end", "Compress", {"x": X, "c": np.array([True] * 9)}, "Compress|condition|longer", axis=0)
run("matmul-of-other-sizes", "MatMul", {"x": X, "w": np.ones((5, 2), F)}, "MatMul|size|product")
run("add-of-other-sizes", "Add", {"x": X, "w": np.ones((3, 5), F)}, "broadcast|Add|size")
run("concat-of-other-sizes", "Concat", {"x": X, "w": np.ones((3, 5), F)}, "Concat|size", axis=0)
run("center-crop-negative", "CenterCropPad", {"x": X, "s": np.int64([-4, 4])}, "")
run("window-of-negative-size", "HannWindow", {"n": np.int64(-4)}, "")
run("trilu-far-away", "Trilu", {"x": X, "k": np.int64(HUGE)}, "")

# ---- sequences -----------------------------------------------------------------------------------------------------


def sequence(name, nodes, inputs, says, arrays):
    add(f"run-sequence-{name}", model(nodes, inputs), says, at="run", inputs=arrays)


MADE = helper.make_node("SequenceConstruct", ["x", "x"], ["s"], name="make")
TWO = [value("x", FLOAT, [2]), value("i", INT64, [])]
for name, index in {"past-the-end": 2, "before-the-start": -3, "largest": HUGE}.items():
    arrays = {"x": np.ones(2, F), "i": np.int64(index)}
    sequence(f"at-{name}", [MADE, node("SequenceAt", ["s", "i"])], TWO, OUT, arrays)
    sequence(f"erase-{name}", [MADE, node("SequenceErase", ["s", "i"], ["t"]), helper.make_node("SequenceLength", ["t"], ["y"])], TWO, OUT, arrays)
    past = {"x": np.ones(2, F), "i": np.int64(index + (index == 2))}
    sequence(f"insert-{name}", [MADE, node("SequenceInsert", ["s", "x", "i"], ["t"]), helper.make_node("SequenceLength", ["t"], ["y"])], TWO, OUT, past)
PAIR = [value("x", FLOAT, ["N"]), value("z", FLOAT, ["M"])]
sequence("concat-of-other-sizes", [helper.make_node("SequenceConstruct", ["x", "z"], ["s"]), node("ConcatFromSequence", ["s"], axis=0, new_axis=1)], PAIR, "Concat|size|shape", {"x": np.ones(2, F), "z": np.ones(3, F)})
sequence("split-by-zero", [node("SplitToSequence", ["x", "i"], ["s"], axis=0), helper.make_node("SequenceLength", ["s"], ["y"])], TWO, "Split|zero|positive", {"x": np.ones(2, F), "i": np.int64(0)})
sequence("empty", [helper.make_node("SequenceEmpty", [], ["s"]), helper.make_node("SequenceInsert", ["s", "x"], ["t"]), helper.make_node("SequenceErase", ["t"], ["u"]), node("SequenceAt", ["u", "i"])], TWO, OUT, {"x": np.ones(2, F), "i": np.int64(0)})
add("run-optional-of-nothing", model([helper.make_node("Optional", [], ["o"], type=helper.make_tensor_type_proto(FLOAT, [2])), node("OptionalGetElement", ["o"])], [value("x", FLOAT, [2])]), "OptionalGetElement|optional|empty", at="any")
add("optional-of-no-type", model([helper.make_node("Optional", [], ["o"], type=TypeProto()), node("OptionalHasElement", ["o"])], [value("x", FLOAT, [2])]), "attribute 'type'.*not supported")

# ---- recurrent networks --------------------------------------------------------------------------------------------

W = {"w": np.ones((1, 16, 3), F), "r": np.ones((1, 16, 4), F)}
for name, lens in {"past-the-end": [6, 5], "negative": [-1, 5], "largest": [2**31 - 1, 1], "smallest": [-(2**31), 1]}.items():
    built = model([node("LSTM", ["x", "w", "r", "", "l"], hidden_size=4)], [value("x", FLOAT, [5, 2, 3]), value("l", INT32, [2])], constants=W)
    add(f"run-lstm-lens-{name}", built, "", inputs={"x": np.ones((5, 2, 3), F), "l": np.int32(lens)})
reverse = model([node("ReverseSequence", ["x", "l"], batch_axis=1, time_axis=0)], [value("x", FLOAT, [5, 2]), value("l", INT64, [2])])
for name, lens in {"past-the-end": [6, 5], "negative": [-1, 5], "largest": [HUGE, 1]}.items():
    add(f"run-reverse-sequence-{name}", reverse, "", inputs={"x": np.ones((5, 2), F), "l": np.int64(lens)})

# ---- texts and images ----------------------------------------------------------------------------------------------

for name, (text, says) in {"no-number": ("seven", "'seven' is no number"), "empty": ("", "'' is no number"), "too-large": ("9" * 400, ""), "zero-byte": ("1\0002", "")}.items():
    texts = model([node("Cast", ["t"], to=INT32)], constants={"t": np.array([text], object)})
    add(f"run-cast-of-text-{name}", texts, says, at="any")
backtracking = model([node("RegexFullMatch", ["t"], pattern="(a*)*b")], constants={"t": np.array(["a" * 50_000], object)})
add("run-regex-that-backtracks", backtracking, "")
add("run-regex-of-many-repetitions", model([node("RegexFullMatch", ["t"], pattern="((a{1000}){1000}){1000}")], constants={"t": np.array(["a"], object)}), "pattern|RegexFullMatch|large", at="any")
HEADER = bytes.fromhex("89504e470d0a1a0a0000000d49484452")  # of PNG, in front of width and height
for name, content in {"empty": b"", "of-nothing": b"GIF89a", "of-exapixels": HEADER + b"\x7f\xff\xff\xff" * 2 + b"\x08\x02\0\0\0" + bytes(4), "noise": bytes(range(256)) * 4}.items():
    built = model([node("ImageDecoder", ["d"])], constants={"d": np.frombuffer(content, np.uint8)})
    add(f"run-image-{name}", built, "image|ImageDecoder", at="any")
