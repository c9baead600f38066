"""Names that are missing, twice there, or meant for whoever prints them; headers of files that are not of this world."""

import numpy as np
import onnx
from onnx import helper

from cases import BOOL, FLOAT, INT64, add, graph, model, node, one, value

X = [value("x", FLOAT, [2])]

add("name-undefined", model([node("Neg", ["absent"])], X), "node 'the Neg' \\(Neg\\): input 'absent' is not defined")
add("name-of-an-output-undefined", model([node("Neg", ["x"])], X, ["absent"]), "output 'absent' is computed by no node")
add("name-of-an-output-empty", model([node("Neg", ["x"])], X, [""]), "output ''")
add("name-of-two-inputs", model([node("Add", ["x", "x"])], X * 2), "input 'x' is defined twice")
add("name-of-two-outputs-of-nodes", model([node("Neg", ["x"]), node("Abs", ["x"])], X), "node 'the Abs' \\(Abs\\): output 'y' is defined twice")
add("name-of-two-outputs-of-one-node", model([node("Split", ["x"], ["y", "y"], num_outputs=2)], X), "output 'y' is defined twice")
add("name-of-an-input-and-an-output", model([node("Neg", ["x"], ["x"])], X, ["x"]), "output 'x' is defined twice")
twice = model([node("Add", ["x", "w"])], X, constants={"w": np.zeros(2, np.float32)})
twice.graph.initializer.append(twice.graph.initializer[0])
add("name-of-two-initializers", twice, "initializer 'w' is defined twice")
add("name-of-an-initializer-and-an-output", model([node("Neg", ["x"], ["w"])], X, ["w"], {"w": np.zeros(2, np.float32)}), "output 'w' is defined twice")
add("output-twice", model([node("Neg", ["x"])], X, ["y", "y"]), "")
add("output-that-is-an-input", model([node("Neg", ["x"])], X, ["x"]), "")
add("output-that-is-a-constant", model([node("Neg", ["x"])], X, ["y", "w"], {"w": np.zeros(2, np.float32)}), "")
shadow = graph([helper.make_node("Neg", ["x"], ["y"])], outputs=["y"])
add("name-of-a-branch-and-of-the-model", model([node("If", ["c"], then_branch=shadow, else_branch=shadow)], [*X, value("c", BOOL, [])]), "")
lost = graph([helper.make_node("Neg", ["absent"], ["b"])], outputs=["b"])
add("name-undefined-in-a-branch", model([node("If", ["c"], then_branch=lost, else_branch=lost)], [value("c", BOOL, [])]), "input 'absent' is not defined")
add("output-of-a-branch-undefined", model([node("If", ["c"], then_branch=graph([], outputs=["b"]), else_branch=shadow)], [*X, value("c", BOOL, [])]), "output 'b' of subgraph")

add("inputs-missing", model([node("Add", ["x"])], X), "node 'the Add' \\(Add\\): has 1 inputs")
add("inputs-none", model([node("Add", [])], X), "node 'the Add' \\(Add\\): has 0 inputs")
add("inputs-too-many", model([node("Neg", ["x"] * 5)], X), "node 'the Neg' \\(Neg\\): has 5 inputs")
add("input-left-out", model([node("Add", ["x", ""])], X), "node 'the Add' \\(Add\\): lacks its input")
add("outputs-none", model([node("Neg", ["x"], [])], X), "node 'the Neg' \\(Neg\\): has 0 outputs")
add("outputs-too-many", model([node("Neg", ["x"], ["y", "z", "u"])], X), "node 'the Neg' \\(Neg\\): has 3 outputs")
add("operator-unknown", model([node("Frobnicate", ["x"])], X), "operators that are not supported: Frobnicate \\(node 'the Frobnicate'\\)")
add("operator-without-a-name", model([node("", ["x"])], X), "not supported")
add("operator-of-an-unknown-domain", model([helper.make_node("Neg", ["x"], ["y"], name="it", domain="evil.example")], X), "evil.example::Neg")
add("operator-newer-than-its-set", one("Gelu", opset=13), "Gelu")

add("type-of-an-input-unknown", model([node("Neg", ["x"])], [value("x", 99, [2])]), "input 'x' has the data type 99")
add("type-of-an-input-undefined", model([node("Neg", ["x"])], [value("x", 0, [2])]), "input 'x' has the data type 0")
add("type-of-an-input-missing", model([node("Neg", ["x"])], [onnx.ValueInfoProto(name="x")]), "input 'x' is")
add("types-of-two-inputs", model([node("Add", ["x", "z"])], [*X, value("z", INT64, [2])]), "node 'the Add' \\(Add\\)")
add("type-of-a-condition", model([node("If", ["x"], then_branch=shadow, else_branch=shadow)], X), "node 'the If' \\(If\\)")
add("shape-of-an-input-missing", model([node("Neg", ["x"])], [value("x")]), "input 'x' declares no shape")


def changed(change):
    result = model([node("Neg", ["x"])], X)
    change(result)
    return result


add("opset-of-the-future", changed(lambda m: setattr(m.opset_import[0], "version", 99)), "operator set 99")
add("opset-zero", changed(lambda m: setattr(m.opset_import[0], "version", 0)), "operator set 0")
add("opset-negative", changed(lambda m: setattr(m.opset_import[0], "version", -1)), "operator set -1")
add("opset-largest", changed(lambda m: setattr(m.opset_import[0], "version", (1 << 63) - 1)), "operator set 9223372036854775807")
add("opsets-missing", changed(lambda m: m.ClearField("opset_import")), "")
add("graph-missing", changed(lambda m: m.ClearField("graph")), "holds no ONNX graph")
add("graph-empty", onnx.ModelProto(ir_version=10), "holds no ONNX graph")
add("graph-without-outputs", changed(lambda m: m.graph.ClearField("output")), "")

# Names that end up in C, in symbols, in HTML, in JSON, on a terminal and in the names of files.
STRANGE = {
    "quote": 'a"b',
    "backslash": "a\\b\\",
    "line-break": "a\nb\r\n#error no",
    "end-of-a-comment": "a*/ int evil(void); /*",
    "markup": "</script><script>alert(1)</script>",
    "percent": "%s%n%100000d",
    "zero-byte": "a\0b",
    "path": "../../../../evil",
    "absolute-path": "/etc/evil",
    "only-dots": "..",
    "keyword": "int",
    "digits": "7",
    "blank": " ",
    "letters-of-all-the-world": "größe-Ω-数-🙂",
    "escape": "\x1b[2J\x07",
    "trigraph": "a??/",
    "very-long": "n" * 200,
    "macro": "NULL",
}
for name, text in STRANGE.items():
    nodes = [helper.make_node("Add", [text, "other"], ["t"], name=text), helper.make_node("Relu", ["t"], [text + "!"], name=text + text[:8])]
    built = model(nodes, [value(text, FLOAT, [text + "N", 2]), value("other", FLOAT, [2])], [value(text + "!", FLOAT, [text + "N", 2])])
    built.graph.name = text
    add(f"name-strange-{name}", built, "")
    add(f"name-strange-{name}-at-fault", model([helper.make_node("Concat", [text, text], [text + "!"], name=text, axis=9)], [value(text, FLOAT, [2])], [text + "!"]), "\\(Concat\\)")
long = "n" * 100_000
add("name-longer-than-those-of-files", model([helper.make_node("Neg", [long], [long + "!"])], [value(long, FLOAT, [2])], [long + "!"]), "too long", at="run")
not_text = model([node("Neg", ["x"])], X).SerializeToString().replace(b"the Neg", b"\xff\xfe\xfd\x80e g"[:7])
add("name-that-is-not-text", not_text, "")
