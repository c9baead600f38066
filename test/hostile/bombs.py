"""Small files with giant results, and graphs without an end: nesting, recursion, cycles."""

import numpy as np
import onnx
from onnx import helper

from cases import BOOL, FLOAT, HUGE, INT64, add, function, graph, model, node, one, tensor, value

# ---- giant results of sizes that the model fixes -------------------------------------------------------------------

GIANT = 1 << 40
TOO_LARGE = "no memory can hold|(larger|more) than any memory|out of memory|it must be at least 0 and at most"


def fixed(op, inputs, constants, **attributes):
    """y = op of constants alone: a folded one would be stored."""
    return model([node(op, inputs, **attributes)], constants=constants)


RESULTS = {
    "constant-of-shape": fixed("ConstantOfShape", ["n"], {"n": np.int64([GIANT])}),
    "constant-of-shape-that-overflows": fixed("ConstantOfShape", ["n"], {"n": np.int64([1 << 32, 1 << 32])}),
    "constant-of-largest-shape": fixed("ConstantOfShape", ["n"], {"n": np.int64([HUGE])}),
    "expand": fixed("Expand", ["v", "n"], {"v": np.float32([1]), "n": np.int64([GIANT])}),
    "expand-that-overflows": fixed("Expand", ["v", "n"], {"v": np.float32([1]), "n": np.int64([1 << 31] * 3)}),
    "tile": fixed("Tile", ["v", "n"], {"v": np.ones(4, np.float32), "n": np.int64([GIANT])}),
    "tile-that-overflows": fixed("Tile", ["v", "n"], {"v": np.ones(4, np.float32), "n": np.int64([HUGE])}),
    "range": fixed("Range", ["a", "b", "c"], {"a": np.int64(0), "b": np.int64(GIANT), "c": np.int64(1)}),
    "pad": one("Pad", [4], constants={"p": np.int64([0, GIANT])}),
    "pad-that-overflows": one("Pad", [4], constants={"p": np.int64([HUGE, HUGE])}),
    "resize": one("Resize", [1, 1, 4, 4], more=["", ""], constants={"n": np.int64([1, 1, 1 << 21, 1 << 21])}),
    "resize-by-scales": one("Resize", [1, 1, 4, 4], more=[""], constants={"s": np.float32([1, 1, 1e7, 1e7])}),
    "upsample": one("Upsample", [1, 1, 4, 4], opset=9, constants={"s": np.float32([1, 1, 1e7, 1e7])}),
    "one-hot": fixed("OneHot", ["i", "d", "v"], {"i": np.int64([1]), "d": np.int64(GIANT), "v": np.float32([0, 1])}),
    "random": model([node("RandomNormal", [], shape=[GIANT])]),
    "random-that-overflows": model([node("RandomUniform", [], shape=[1 << 32, 1 << 32])]),
    "multinomial": one("Multinomial", [1, 3], sample_size=HUGE),
    "window": fixed("HannWindow", ["n"], {"n": np.int64(GIANT)}),
    "mel-matrix": fixed("MelWeightMatrix", list("abcde"), {"a": np.int64(1 << 30), "b": np.int64(1 << 30), "c": np.int64(8000), "d": np.float32(0), "e": np.float32(4000)}),
    "dft": one("DFT", [1, 8, 1], constants={"n": np.int64(GIANT)}),
    "unpool": one("MaxUnpool", [1, 1, 1, 1], constants={"i": np.int64([[[[0]]]]), "n": np.int64([1, 1, 1 << 20, 1 << 20])}, kernel_shape=[2, 2]),
    "transposed-convolution": one("ConvTranspose", [1, 1, 4, 4], constants={"w": np.ones((1, 1, 3, 3), np.float32)}, strides=[1 << 20, 1 << 20]),
    "transposed-convolution-output": one("ConvTranspose", [1, 1, 4, 4], constants={"w": np.ones((1, 1, 3, 3), np.float32)}, output_shape=[1 << 20, 1 << 20]),
    "center-crop-pad": one("CenterCropPad", [4], constants={"n": np.int64([GIANT])}),
    "outer-product": one("Einsum", [1 << 14], more=["x", "x"], equation="a,b,c->abc"),
    "matrix-product": model([node("MatMul", ["a", "b"])], [value("a", FLOAT, [1 << 20, 1]), value("b", FLOAT, [1, 1 << 20])]),
    "broadcast": model([node("Add", ["a", "b"])], [value("a", FLOAT, [1 << 20, 1]), value("b", FLOAT, [1, 1 << 20])]),
}
for name, built in RESULTS.items():
    add(f"giant-{name}", built, TOO_LARGE, at="any")


def doubled(times, op="Concat", **attributes):
    """Twice as large with each node."""
    nodes = [helper.make_node(op, [f"v{i}", f"v{i}"], [f"v{i + 1}"], name=f"double {i}", **attributes) for i in range(times)]
    return model(nodes, [value("v0", FLOAT, [4])], [f"v{times}"])


add("giant-by-doubling", doubled(40, axis=0), TOO_LARGE, at="any")
add("giant-by-doubling-that-overflows", doubled(70, axis=0), TOO_LARGE, at="any")


def squared(times):
    """A constant as large as may be folded, again and again: each Tile is four times as large."""
    nodes = [helper.make_node("Tile", [f"v{i}", "n"], [f"v{i + 1}"], name=f"tile {i}") for i in range(times)]
    return model([*nodes, node("Gather", [f"v{times}", "x"])], [value("x", INT64, [1])], constants={"v0": np.ones(1 << 14, np.float32), "n": np.int64([4])})


add("giant-constant-by-folding", squared(20), TOO_LARGE, at="any")

# ---- giant results of sizes that a run brings ----------------------------------------------------------------------

RUNS = {
    "constant-of-shape": (model([node("ConstantOfShape", ["n"])], [value("n", INT64, [1])]), {"n": np.int64([GIANT])}),
    "constant-of-shape-that-overflows": (model([node("ConstantOfShape", ["n"])], [value("n", INT64, [2])]), {"n": np.int64([1 << 32, 1 << 32])}),
    "expand": (one("Expand", [1], more=["n"]), {"n": np.int64([GIANT])}),
    "tile": (one("Tile", [4], more=["n"]), {"n": np.int64([HUGE])}),
    "range": (model([node("Range", ["a", "b", "c"])], [value(n, INT64, []) for n in "abc"]), {"a": np.int64(0), "b": np.int64(HUGE), "c": np.int64(1)}),
    "pad": (one("Pad", [4], more=["n"]), {"n": np.int64([0, GIANT])}),
    "resize": (one("Resize", [1, 1, 4, 4], more=["", "", "n"]), {"n": np.int64([1, 1, 1 << 30, 1 << 30])}),
    "one-hot": (model([node("OneHot", ["i", "n", "v"])], [value("n", INT64, [])], constants={"i": np.int64([0]), "v": np.float32([0, 1])}), {"n": np.int64(GIANT)}),
    "window": (model([node("BlackmanWindow", ["n"])], [value("n", INT64, [])]), {"n": np.int64(GIANT)}),
}
for name, (built, inputs) in RUNS.items():
    for each in built.graph.node[0].input:
        if each == "n" and all(i.name != "n" for i in built.graph.input):
            built.graph.input.append(value("n", INT64, list(inputs["n"].shape)))
    add(f"giant-run-{name}", built, TOO_LARGE, at="run", inputs=inputs)

# ---- functions -----------------------------------------------------------------------------------------------------


def call(name, source="a", target="b"):
    return helper.make_node(name, [source], [target], domain="mine", name=f"call {name}")


def pyramid(levels, width):
    """Each function calls the next one `width` times."""
    functions = [function(f"F{levels}", [helper.make_node("Neg", ["a"], ["b"])])]
    for level in range(levels):
        chain = [call(f"F{level + 1}", "a" if i == 0 else f"t{i}", "b" if i == width - 1 else f"t{i + 1}") for i in range(width)]
        functions.append(function(f"F{level}", chain))
    return model([call("F0", "x", "y")], [value("x", FLOAT, [2])], functions=functions)


add("function-bomb", pyramid(30, 2), "expands to more than")
add("function-bomb-wide", pyramid(10, 10), "expands to more than")
big = helper.make_node("Constant", [], ["w"], value=tensor("w", FLOAT, [1 << 18], raw_data=bytes(1 << 20)))
fat = pyramid(18, 2)
fat.functions[0].node.insert(0, big)
add("function-bomb-of-constants", fat, "expands to more than")
add("function-that-calls-itself", model([call("F", "x", "y")], [value("x", FLOAT, [2])], functions=[function("F", [call("F")])]), "recursive")
add("functions-that-call-each-other", model([call("F", "x", "y")], [value("x", FLOAT, [2])], functions=[function("F", [call("G")]), function("G", [call("F")])]), "recursive")
twice = [call("F", "a", "t"), call("F", "t", "b")]
add("function-that-calls-itself-twice", model([call("F", "x", "y")], [value("x", FLOAT, [2])], functions=[function("F", twice)]), "recursive")
inner = graph([call("F", "a", "c")], outputs=["c"])
looped = [helper.make_node("Constant", [], ["yes"], value=tensor("t", BOOL, [], raw_data=b"\1")), helper.make_node("If", ["yes"], ["b"], then_branch=inner, else_branch=inner)]
add("function-that-calls-itself-in-a-branch", model([call("F", "x", "y")], [value("x", FLOAT, [2])], functions=[function("F", looped)]), "recursive")
add("function-without-its-output", model([call("F", "x", "y")], [value("x", FLOAT, [2])], functions=[function("F", [helper.make_node("Neg", ["a"], ["c"])])]), "function 'F' does not compute its output 'b'")
add("function-that-reads-the-model", model([call("F", "x", "y")], [value("x", FLOAT, [2])], functions=[function("F", [helper.make_node("Neg", ["x"], ["b"])])]), "input 'x' is not defined before the node")
add("function-of-few-inputs", model([call("F", "x", "y")], [value("x", FLOAT, [2])], functions=[function("F", [helper.make_node("Add", ["a", "c"], ["b"])], ["a", "c"])]), "lacks its input|not defined")
add("function-defined-twice", model([call("F", "x", "y")], [value("x", FLOAT, [2])], functions=[function("F", [helper.make_node("Neg", ["a"], ["b"])])] * 2), "function 'F' is defined twice")

# ---- nesting, loops, order -----------------------------------------------------------------------------------------


def field(number, content):
    """A field of bytes as files have it; Python's protobuf writes nothing that is nested deeply."""
    length, size = len(content), bytearray()
    while length > 127:
        size.append(length & 127 | 128)
        length >>= 7
    return bytes([number << 3 | 2, *size, length]) + content


def nested(depth, known=False):
    """y = If(c) whose branches hold an If, whose branches ...: as deep as said."""
    neg = graph([helper.make_node("Neg", ["x"], ["v"])], outputs=["v"]).SerializeToString()
    body = neg
    for _ in range(depth):
        choice = helper.make_node("If", ["c"], ["v"], name="the If").SerializeToString()
        for name, content in (("then_branch", body), ("else_branch", neg)):
            kind = helper.make_attribute(name, 1)
            kind.type = onnx.AttributeProto.GRAPH
            kind.ClearField("i")
            choice += field(5, kind.SerializeToString() + field(6, content))
        body = field(1, choice) + graph([], outputs=["v"]).SerializeToString()
    inputs = [value("x", FLOAT, [2])] + ([] if known else [value("c", BOOL, [])])
    top = graph([], inputs, [], {"c": np.array(True)} if known else {})
    rest = model([node("Neg", ["x"])], [value("x", FLOAT, [2])])
    rest.ClearField("graph")
    return rest.SerializeToString() + field(7, body + top.SerializeToString())


add("nested-deeper-than-files-may-be", nested(70), "no ONNX model, or it is truncated, damaged or nested too deeply")
add("nested-deep", nested(60), "", at="any")
add("nested-deep-and-known", nested(60, known=True), "")


def loop(trips, condition, body_condition, nodes=(), scanned=(), carried=(FLOAT, [2])):
    """y = x after -y in every trip."""
    body = graph([helper.make_node("Neg", ["a"], ["b"]), *nodes, helper.make_node("Identity", [body_condition], ["on"])],
                 [value("i", INT64, []), value("go", BOOL, []), value("a", *carried)], [value("on", BOOL, []), value("b", *carried), *scanned])
    constants = {"n": np.int64(trips)} if trips is not None else {}
    constants |= {"c": np.array(condition)} if condition is not None else {}
    return model([node("Loop", ["n" if "n" in constants else "", "c" if "c" in constants else "", "x"], ["y", *(f"s{i}" for i in range(len(scanned)))], body=body)],
                 [value("x", *carried)], ["y", *(f"s{i}" for i in range(len(scanned)))], constants)


BOUND = ("--max-time=1",)
add("loop-without-an-end", loop(None, True, "go"), "--max-time", at="run", flags=BOUND)
add("loop-without-trips-or-condition", loop(None, None, "go"), f"--max-time|{TOO_LARGE}", at="any", flags=BOUND)
add("loop-of-all-trips", loop(HUGE, True, "go"), "--max-time", at="run", flags=BOUND)
add("loop-of-negative-trips", loop(-5, True, "go"), "")
big_slice = [helper.make_node("Concat", ["a"] * 64, ["s"], axis=0)]
add("loop-that-collects-without-an-end", loop(HUGE, True, "go", big_slice, ["s"], (FLOAT, [1 << 14])), TOO_LARGE)
add("loop-of-large-collected-results", loop(1 << 36, True, "go", [helper.make_node("Identity", ["a"], ["s"])], ["s"]), f"--max-time|{TOO_LARGE}", at="any", flags=BOUND)
add("loop-without-its-body", model([node("Loop", ["n", "c", "x"])], [value("x", FLOAT, [2])], constants={"n": np.int64(2), "c": np.array(True)}), "lacks its attribute 'body'")
few = graph([helper.make_node("Neg", ["a"], ["b"])], [value("a", FLOAT, [2])], ["b"])
add("loop-whose-body-has-few-values", model([node("Loop", ["n", "c", "x"], body=few)], [value("x", FLOAT, [2])], constants={"n": np.int64(2), "c": np.array(True)}), "the Loop|subgraph")
add("scan-over-inputs-of-two-lengths", model([node("Scan", ["x", "z"], num_scan_inputs=2, body=graph([helper.make_node("Add", ["a", "b"], ["c"])], [value("a", FLOAT, []), value("b", FLOAT, [])], ["c"]))],
                                             [value("x", FLOAT, [2]), value("z", FLOAT, [3])]), "the Scan")
add("scan-of-more-inputs-than-there-are", model([node("Scan", ["x"], num_scan_inputs=7, body=few)], [value("x", FLOAT, [2])]), "the Scan")
add("scan-of-negative-inputs", model([node("Scan", ["x"], num_scan_inputs=-1, body=few)], [value("x", FLOAT, [2])]), "the Scan")

add("cycle", model([helper.make_node("Add", ["x", "t"], ["y"], name="one"), helper.make_node("Neg", ["y"], ["t"], name="two")], [value("x", FLOAT, [2])]), "node 'one' \\(Add\\): input 't' is not defined before the node")
add("cycle-of-one", model([node("Add", ["x", "y"])], [value("x", FLOAT, [2])]), "node 'the Add' \\(Add\\): input 'y' is not defined")
add("unsorted", model([node("Neg", ["t"]), node("Abs", ["x"], ["t"])], [value("x", FLOAT, [2])]), "topological order")


def chain(length, op="Neg"):
    nodes = [helper.make_node(op, [f"v{i}"], [f"v{i + 1}"]) for i in range(length)]
    return model(nodes, [value("v0", FLOAT, [2])], [f"v{length}"])


add("million-nodes", chain(1_000_001), "expands to more than|--max-time", at="any", flags=("--max-time=8",))
add("many-nodes", chain(20_000), "--max-time|", at="any", flags=("--max-time=8",))
wide = model([helper.make_node("Neg", ["x"], [f"v{i}"]) for i in range(3000)], [value("x", FLOAT, [2])], [f"v{i}" for i in range(3000)])
add("many-outputs", wide, "--max-time|", at="any", flags=("--max-time=8",))
