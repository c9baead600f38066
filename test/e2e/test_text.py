"""Strings: operators on them against Python and onnxruntime, and what the command line and bad input make of them."""

import re

import numpy as np
import onnx
import onnxruntime
import pytest
from common import save
from onnx import TensorProto, helper

import lepton

STRING, FLOAT, INT64, BOOL, DOUBLE = TensorProto.STRING, TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL, TensorProto.DOUBLE
LEVELS = (0, 3)


def strings(*texts):
    return np.array(texts, dtype=object)


def run(path, nodes, inputs, outputs, level, feed, initializers=(), opset=21):
    save(path, nodes, inputs, outputs, opset=opset)
    if initializers:
        model = onnx.load(path)
        model.graph.initializer.extend(initializers)
        onnx.save(model, path)
    return lepton.InferenceSession(str(path), opt_level=level).run(None, feed)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


@pytest.mark.parametrize("level", LEVELS)
def test_concat_and_equal_broadcast(path, level):
    nodes = [helper.make_node("StringConcat", ["a", "b"], ["c"]), helper.make_node("Equal", ["a", "b"], ["e"])]
    a, b = strings("x", "", "naïve").reshape(3, 1), strings("x", "é")
    shapes = {"a": (STRING, ["M", 1]), "b": (STRING, ["N"])}
    c, e = run(path, nodes, shapes, {"c": (STRING, None), "e": (BOOL, None)}, level, {"a": a, "b": b})
    assert c.tolist() == [["xx", "xé"], ["x", "é"], ["naïvex", "naïveé"]]
    assert e.tolist() == [[True, False], [False, False], [False, False]]


@pytest.mark.parametrize("level", LEVELS)
def test_strings_move_as_numbers_do(path, level):
    """Constants, gather, concat, transpose, where, a branch and a loop."""
    words = helper.make_tensor("words", STRING, [2, 2], ["a", "b", "c", "d"])
    body = helper.make_graph(
        [
            helper.make_node("StringConcat", ["s", "x"], ["t"]),
            helper.make_node("Identity", ["c"], ["d"]),
        ],
        "body",
        [helper.make_tensor_value_info(n, t, s) for n, t, s in (("i", INT64, []), ("c", BOOL, []), ("s", STRING, [2]))],
        [helper.make_tensor_value_info(n, t, s) for n, t, s in (("d", BOOL, []), ("t", STRING, [2]))],
    )
    nodes = [
        helper.make_node("Transpose", ["words"], ["w"]),
        helper.make_node("Gather", ["w", "i"], ["g"], axis=0),
        helper.make_node("Where", ["mask", "g", "x"], ["y"]),
        helper.make_node("Concat", ["y", "x"], ["z"], axis=0),
        helper.make_node("Loop", ["n", "", "y"], ["last"], body=body),
    ]
    shapes = {"i": (INT64, []), "mask": (BOOL, [2]), "x": (STRING, [2]), "n": (INT64, [])}
    feed = {"i": np.int64(1), "mask": np.array([True, False]), "x": strings("p", "q"), "n": np.int64(2)}
    z, last = run(path, nodes, shapes, {"z": (STRING, None), "last": (STRING, None)}, level, feed, [words])
    assert z.tolist() == ["b", "q", "p", "q"]
    assert last.tolist() == ["bpp", "qqq"]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("delimiter", ["", ",", "ab", "é"])
@pytest.mark.parametrize("maxsplit", [None, 0, 1, 3])
def test_split_is_pythons(path, level, delimiter, maxsplit):
    texts = ["", "a", " a  b\tc ", ",a,,b,", "abab", "xabyab z", "éaé é", "   "]
    attributes = {"maxsplit": maxsplit} if maxsplit is not None else {}
    nodes = [helper.make_node("StringSplit", ["x"], ["y", "n"], delimiter=delimiter, **attributes)]
    outputs = {"y": (STRING, None), "n": (INT64, None)}
    y, n = run(path, nodes, {"x": (STRING, ["N"])}, outputs, level, {"x": strings(*texts)})
    parts = [text.split(delimiter or None, -1 if maxsplit is None else maxsplit) for text in texts]
    assert n.tolist() == [len(part) for part in parts]
    width = max(len(part) for part in parts)
    assert y.tolist() == [part + [""] * (width - len(part)) for part in parts]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("action", ["LOWER", "UPPER", "NONE"])
@pytest.mark.parametrize("sensitive", [0, 1])
@pytest.mark.parametrize("texts", [["Montag", "dienstag", "MONTAG", "Ärger", "ОДИН"], ["Montag", "montag"], ["МОНТАГ"], []])
def test_normalizer_drops_stop_words(path, level, action, sensitive, texts):
    stops = ["montag", "ОДИН", "ärger"]
    nodes = [helper.make_node("StringNormalizer", ["x"], ["y"], case_change_action=action, is_case_sensitive=sensitive, stopwords=stops)]
    (y,) = run(path, nodes, {"x": (STRING, ["N"])}, {"y": (STRING, None)}, level, {"x": strings(*texts)})
    kept = [t for t in texts if (t not in stops if sensitive else t.lower() not in [s.lower() for s in stops])]
    changed = [t.lower() if action == "LOWER" else t.upper() if action == "UPPER" else t for t in kept]
    assert y.tolist() == (changed or [""])


PATTERNS = [
    r"a|b*c", r"(ab){2,3}", r"[a-c]+\d?", r"\w+@\w+\.(com|org)", r"^x.*y$", r"[^a-z ]+", r"\bcat\b.*", r"(?i)Hello", r"a.?b", r"", r"(a|b)*abb",
    r"\D\S\s", r"x{3}", r"x{2,}", r"(?:ab|cd)+?", r"[\w.-]+", r"\x41\t?", r"é+", r"(\W|^)[\w.\-]{0,25}@(yahoo|gmail)\.com(\W|$)", r"\Bx",
]  # fmt: skip
SUBJECTS = [
    "", "a", "c", "bbc", "abab", "ababab", "abc1", "me@x.com", "me@x.net", "xy", "x\ny", "x  y", "ABC", "cat", "cat nap", "concat", "hello", "HELLO",
    "a-b", "aéb", "ab", "aabb", "ab1", "z y", "1a\t", "xx", "xxx", "xxxx", "cdab", "a.b-c_d", "A\t", "A", "éé", "e", "joe@gmail.com", "joe@gmail.com!", "x",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_regular_expressions_match_as_pythons(path, pattern):
    nodes = [helper.make_node("RegexFullMatch", ["x"], ["y"], pattern=pattern)]
    (y,) = run(path, nodes, {"x": (STRING, ["N"])}, {"y": (BOOL, None)}, 3, {"x": strings(*SUBJECTS)})
    expected = [re.fullmatch(pattern, text, re.ASCII) is not None for text in SUBJECTS]
    assert dict(zip(SUBJECTS, y.tolist())) == dict(zip(SUBJECTS, expected))


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(a", r"a '\(' without a '\)'"),
        ("a)", r"a '\)' without a '\('"),
        ("[a", r"a '\[' without a '\]'"),
        ("*a", "repeats nothing"),
        ("a{2000}", "out of range"),
        (r"\pL", "escape '.p', which is not supported"),
        ("[é]", "beyond ASCII"),
        ("(a?){900}(a?){900}(a?){900}(a?){900}(a?){900}(a?){900}", "too large"),
        ("(a|b)*a(a|b){20}", "more than 4096 states"),
        ("(" * 300 + ")" * 300, "nests too deep"),
        ("(((a{900}){900}){900}){900}", "too large"),
        ("a" + "?" * 10000, "nests too deep|too large|pattern"),
    ],
)
def test_patterns_that_are_refused(path, pattern, reason):
    nodes = [helper.make_node("RegexFullMatch", ["x"], ["y"], name="match", pattern=pattern)]
    with pytest.raises(ValueError, match=f"(?s)node 'match' .RegexFullMatch.: .*({reason})"):
        run(path, nodes, {"x": (STRING, ["N"])}, {"y": (BOOL, None)}, 3, {"x": strings("")})


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("kind", "dtype", "texts"),
    [
        (FLOAT, np.float32, ["1.5", "-2e-3", "inf", "0.1"]),
        (DOUBLE, np.float64, ["0.1", "1e300", "-0.0"]),
        (INT64, np.int64, ["9223372036854775807", "-5", "0"]),
        (TensorProto.INT8, np.int8, ["-7", "100"]),
    ],
)
def test_numbers_are_read(path, level, kind, dtype, texts):
    (y,) = run(path, [helper.make_node("Cast", ["x"], ["y"], to=kind)], {"x": (STRING, ["N"])}, {"y": (kind, None)}, level, {"x": strings(*texts)})
    np.testing.assert_array_equal(y, np.array([dtype(text) for text in texts]))


@pytest.mark.parametrize("level", LEVELS)
def test_numbers_are_spelled_so_that_they_read_back(path, level):
    random = np.random.default_rng(5)
    values = random.integers(0, 2**32, 500, dtype=np.uint32).view(np.float32)
    values = np.concatenate([values[np.isfinite(values)], np.float32([0, -0.0, 1, 100, 1e16, 1e-5, 3.14159])])
    (y,) = run(path, [helper.make_node("Cast", ["x"], ["y"], to=STRING)], {"x": (FLOAT, ["N"])}, {"y": (STRING, None)}, level, {"x": values})
    np.testing.assert_array_equal(np.array([np.float32(text) for text in y]), values)
    assert y[-6:].tolist() == ["-0.0", "1.0", "100.0", "1e+16", "1e-05", "3.14159"]
    assert all(len(text) <= len(repr(float(value))) for text, value in zip(y, values))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("is_sorted", (0, 1))
@pytest.mark.parametrize("axis", (None, 0, 1))
def test_unique(path, axis, is_sorted, level):
    attributes = {"sorted": is_sorted} | ({} if axis is None else {"axis": axis})
    x = strings("b", "", "é", "b", "a", "b", "", "é", "b", "\U0001f600", "z", "\uff01").reshape(4, 3)
    node = helper.make_node("Unique", ["x"], ["y", "first", "inverse", "counts"], **attributes)
    outputs = {"y": (STRING, None), "first": (INT64, None), "inverse": (INT64, None), "counts": (INT64, None)}
    results = run(path, [node], {"x": (STRING, ["M", 3])}, outputs, level, {"x": x})
    expected = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"x": x})
    for ours, theirs in zip(results, expected):
        assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("x", [strings("a", "", "b").reshape(1, 3), strings("", ""), np.array("a", dtype=object)])
def test_strings_that_are_not_empty_are_nonzero(path, x, level):
    (y,) = run(path, [helper.make_node("NonZero", ["x"], ["y"])], {"x": (STRING, x.shape)}, {"y": (INT64, None)}, level, {"x": x})
    np.testing.assert_array_equal(y, np.stack(np.nonzero(np.atleast_1d(x != ""))))


def test_a_string_that_is_no_number_fails_the_run(path):
    with pytest.raises(ValueError, match="node 'read': the string 'ten' is no number"):
        run(path, [helper.make_node("Cast", ["x"], ["y"], name="read", to=FLOAT)], {"x": (STRING, ["N"])}, {"y": (FLOAT, None)}, 3, {"x": strings("ten")})


def test_operators_that_cannot_take_strings_say_so(path):
    for op, attributes, reason in (("Relu", {}, "does not allow"), ("Trilu", {}, "look its strings up")):
        with pytest.raises(ValueError, match=f"node 'op' .{op}.: has the input 'x' of type tensor.string., .*{reason}"):
            run(path, [helper.make_node(op, ["x"], ["y"], name="op", **attributes)], {"x": (STRING, ["N"])}, {"y": (FLOAT, None)}, 3, {"x": strings("")})


def test_what_is_no_string_is_refused(path):
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    for wrong, reason in ((np.zeros(2, np.float32), "takes strings"), (strings("a\0b"), "NUL"), (strings("a", None), "takes strings")):
        with pytest.raises(ValueError, match=f"input 'x' .*{reason}"):
            run(path, nodes, {"x": (STRING, ["N"])}, {"y": (STRING, None)}, 3, {"x": wrong})


def test_memory_of_runs_is_given_back(path):
    """Ten thousand runs of other sizes hold no more than the largest."""
    save(path, [helper.make_node("StringConcat", ["x", "x"], ["y"])], {"x": (STRING, ["N"])}, {"y": (STRING, None)})
    session = lepton.InferenceSession(str(path))

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    words = strings(*["word" * 20] * 200)
    for count in range(0, 200):
        session.run(None, {"x": words[:count]})
    before = resident()
    for i in range(10000):
        session.run(None, {"x": words[: i * 7919 % 100]})
    assert resident() - before < 16 << 20


def classic(op, inputs, outputs, opset=4, **attributes):
    """A model of one node of ai.onnx.ml. Inputs and outputs: name -> (element type, dims)."""
    values = [[helper.make_tensor_value_info(n, *info) for n, info in side.items()] for side in (inputs, outputs)]
    node = helper.make_node(op, list(inputs), list(outputs), name="classic", domain="ai.onnx.ml", **attributes)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", opset)]
    return helper.make_model(helper.make_graph([node], "classic", *values), opset_imports=opsets, ir_version=10).SerializeToString()


WORDS = strings("b", "a", "none", "", "é", "b")
TABLES = [
    (STRING, INT64, {"keys_strings": ["a", "b", "é"], "values_int64s": [7, 8, 9]}, WORDS),
    (STRING, FLOAT, {"keys_strings": ["b", ""], "values_floats": [0.5, -1.0], "default_float": 3.0}, WORDS),
    (STRING, STRING, {"keys_strings": ["b", "a"], "values_strings": ["bee", "ay"], "default_string": "?"}, WORDS),
    (INT64, STRING, {"keys_int64s": [5, -2], "values_strings": ["five", "minus two"]}, np.array([5, -2, 0, 5])),
    (FLOAT, STRING, {"keys_floats": [0.5, float("nan")], "values_strings": ["half", "nan"]}, np.array([0.5, np.nan, 1], np.float32)),
]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("source", "target", "attributes", "x"), TABLES)
def test_label_encoder(level, source, target, attributes, x):
    import onnxruntime

    model = classic("LabelEncoder", {"x": (source, ["N"])}, {"y": (target, ["N"])}, **attributes)
    (expected,) = onnxruntime.InferenceSession(model).run(None, {"x": x})
    (y,) = lepton.InferenceSession(model, opt_level=level).run(None, {"x": x})
    assert y.dtype == expected.dtype and y.tolist() == expected.tolist()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("opset", [1, 2, 4])
def test_strings_of_classic_models(level, opset):
    """Classes by name: as features, as mapped categories, and as what a classifier answers."""
    import onnxruntime

    words, rows = strings("b", "a", "c", "b"), np.random.default_rng(2).standard_normal((5, 3)).astype(np.float32)
    models = [
        (classic("OneHotEncoder", {"x": (STRING, ["N"])}, {"y": (FLOAT, None)}, opset, cats_strings=["a", "b", "c"]), words),
        (classic("CategoryMapper", {"x": (STRING, ["N"])}, {"y": (INT64, None)}, opset, cats_strings=["b", "a"], cats_int64s=[4, 6]), words),
        (classic("CategoryMapper", {"x": (INT64, ["N"])}, {"y": (STRING, None)}, opset, cats_strings=["b", "a"], cats_int64s=[4, 6]), np.array([6, 4, 5])),
        (
            classic(
                "LinearClassifier",
                {"x": (FLOAT, ["N", 3])},
                {"label": (STRING, None), "scores": (FLOAT, None)},
                opset,
                classlabels_strings=["one", "two", "three"],
                coefficients=np.arange(9, dtype=np.float32).tolist()[::-1],
                intercepts=[0.0, 1.0, -1.0],
            ),
            rows,
        ),
    ]
    for model, x in models:
        expected = onnxruntime.InferenceSession(model).run(None, {"x": x})
        results = lepton.InferenceSession(model, opt_level=level).run(None, {"x": x})
        assert results[0].tolist() == expected[0].tolist()
        for got, wanted in zip(results[1:], expected[1:]):
            np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_classes_by_position(path):
    """LabelEncoder of the first version, which onnxruntime has dropped: between strings and their places in a list."""
    attributes = {"classes_strings": ["x", "y"], "default_int64": -7, "default_string": "other"}
    model = classic("LabelEncoder", {"x": (STRING, ["N"])}, {"y": (INT64, None)}, opset=1, **attributes)
    assert lepton.InferenceSession(model).run(None, {"x": strings("y", "z", "x")})[0].tolist() == [1, -7, 0]
    model = classic("LabelEncoder", {"x": (INT64, ["N"])}, {"y": (STRING, None)}, opset=1, **attributes)
    assert lepton.InferenceSession(model).run(None, {"x": np.array([1, 0, 5])})[0].tolist() == ["y", "x", "other"]
