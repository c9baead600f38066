"""Sequences and optionals: operators on them, loops that collect what has no size before they run, and bad input."""

import resource

import backend_suite
import numpy as np
import onnx
import pytest
from common import save
from onnx import TensorProto, helper

import lepton

FLOAT, INT64, BOOL, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING
LEVELS = (0, 3)


def tensor(kind=FLOAT, shape=None):
    return helper.make_tensor_type_proto(kind, shape)


def sequence(kind=FLOAT, shape=None):
    return helper.make_sequence_type_proto(tensor(kind, shape))


def optional(content):
    return helper.make_optional_type_proto(content)


def build(nodes, inputs, outputs, initializers=()):
    values = [[helper.make_value_info(name, kind) for name, kind in side.items()] for side in (inputs, outputs)]
    graph = helper.make_graph(nodes, "sequences", *values, [onnx.numpy_helper.from_array(np.asarray(v), n) for n, v in dict(initializers).items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10).SerializeToString()


def run(model, level, feed):
    return lepton.InferenceSession(model, opt_level=level).run(None, feed)


def arrays(*shapes):
    random = np.random.default_rng(3)
    return [random.standard_normal(shape).astype(np.float32) for shape in shapes]


def same(result, expected):
    assert len(result) == len(expected)
    for got, wanted in zip(result, expected):
        np.testing.assert_array_equal(got, wanted)
        assert got.dtype == wanted.dtype and got.shape == wanted.shape


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("place", [None, 0, 1, 3, -1, -3])
def test_insert_and_erase(level, place):
    positions = {} if place is None else {"p": np.int64(place)}
    nodes = [
        helper.make_node("SequenceInsert", ["s", "x", *positions], ["t"]),
        helper.make_node("SequenceErase", ["t", *positions], ["u"]),
        helper.make_node("SequenceLength", ["t"], ["n"]),
    ]
    model = build(nodes, {"s": sequence(), "x": tensor(shape=[2])}, {"t": sequence(), "u": sequence(), "n": tensor(INT64)}, positions)
    s, (x,) = arrays((3,), (2, 2), ()), arrays((2,))
    t, u, n = run(model, level, {"s": s, "x": x})
    expected = list(s)
    expected.insert(3 if place is None else place, x)
    same(t, expected)
    del expected[-1 if place is None else place]
    same(u, expected)
    assert n == 4


@pytest.mark.parametrize("level", LEVELS)
def test_elements_of_several_shapes_at_positions_that_the_run_gives(level):
    nodes = [helper.make_node("SequenceAt", ["s", "i"], ["x"]), helper.make_node("Relu", ["x"], ["y"])]
    model = build(nodes, {"s": sequence(shape=[None, 2]), "i": tensor(INT64, [])}, {"y": tensor()})
    session, s = lepton.InferenceSession(model, opt_level=level), arrays((3, 2), (0, 2), (5, 2))
    for i in (0, 1, 2, -1, -3):
        same(session.run(None, {"s": s, "i": np.int64(i)}), [np.maximum(s[i], 0)])
    for i in (3, -4):
        with pytest.raises(ValueError, match=f"node 'x': position {i} is out of range for a sequence of 3"):
            session.run(None, {"s": s, "i": np.int64(i)})


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("axis", "new_axis"), [(0, 0), (1, 0), (-1, 0), (0, 1), (1, 1), (-1, 1), (2, 1)])
def test_concat_from_a_sequence(level, axis, new_axis):
    nodes = [helper.make_node("ConcatFromSequence", ["s"], ["y"], axis=axis, new_axis=new_axis)]
    session = lepton.InferenceSession(build(nodes, {"s": sequence(shape=["A", "B"])}, {"y": tensor()}), opt_level=level)
    for count in (1, 3):
        s = arrays(*[(2, 3)] * count)
        same(session.run(None, {"s": s}), [np.stack(s, axis) if new_axis else np.concatenate(s, axis)])
    with pytest.raises(ValueError, match="node 'y': tensor 1 of the sequence does not fit to the first"):
        session.run(None, {"s": arrays((2, 3), (4, 5))})


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("split", "keepdims", "sections"),
    [(None, 1, [1] * 6), (None, 0, None), (np.int64(4), 1, [4, 2]), (np.int64(6), 1, [6]), (np.array([1, 0, 5]), 1, [1, 0, 5])],
)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_split_to_a_sequence(level, split, keepdims, sections, axis):
    names = [] if split is None else ["split"]
    nodes = [helper.make_node("SplitToSequence", ["x", *names], ["s"], axis=axis, keepdims=keepdims)]
    model = build(nodes, {"x": tensor(shape=["A", "B", "C"])}, {"s": sequence()}, {} if split is None else {"split": split})
    (x,) = arrays((6, 6, 6))
    (s,) = run(model, level, {"x": x})
    parts = np.split(x, np.cumsum(sections)[:-1], axis) if sections else [np.squeeze(part, axis) for part in np.split(x, 6, axis)]
    same(s, [np.ascontiguousarray(part) for part in parts])


def test_pieces_that_do_not_add_up_fail_the_run():
    nodes = [helper.make_node("SplitToSequence", ["x", "n"], ["s"])]
    session = lepton.InferenceSession(build(nodes, {"x": tensor(shape=["N"]), "n": tensor(INT64, ["K"])}, {"s": sequence()}))
    for pieces in ([2, 2], [-1, 4], [2**62, 2**62], [2**62] * 4 + [3]):
        with pytest.raises(ValueError, match="node 's': the sizes of the pieces do not add up"):
            session.run(None, {"x": np.zeros(3, np.float32), "n": np.array(pieces)})


@pytest.mark.parametrize("level", LEVELS)
def test_construct_a_sequence_of_strings(level):
    nodes = [helper.make_node("SequenceConstruct", ["a", "b"], ["s"]), helper.make_node("ConcatFromSequence", ["s"], ["y"], axis=0)]
    model = build(nodes, {"a": tensor(STRING, ["A"]), "b": tensor(STRING, ["B"])}, {"s": sequence(STRING), "y": tensor(STRING)})
    s, y = run(model, level, {"a": np.array(["one"], object), "b": np.array(["two", "three"], object)})
    assert [part.tolist() for part in s] == [["one"], ["two", "three"]] and y.tolist() == ["one", "two", "three"]


def collecting_body(grows):
    """v, and the loop's outputs: v of each iteration, whose size may grow; ends when the sum of v exceeds a limit."""
    step = helper.make_node("Concat", ["v", "x"], ["w"], axis=0) if grows else helper.make_node("Add", ["v", "x"], ["w"])
    nodes = [
        step,
        helper.make_node("ReduceSum", ["w"], ["sum"], keepdims=0),
        helper.make_node("Less", ["sum", "limit"], ["d"]),
        helper.make_node("Slice", ["w", "zero", "two"], ["part"]),
    ]
    values = [helper.make_value_info(n, t) for n, t in (("i", tensor(INT64, [])), ("c", tensor(BOOL, [])), ("v", tensor(shape=None)))]
    outputs = [helper.make_value_info(n, t) for n, t in (("d", tensor(BOOL, [])), ("w", tensor()), ("part", tensor()))]
    return helper.make_graph(nodes, "body", values, outputs)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("grows", [False, True])
@pytest.mark.parametrize("trip", ["", "trip"])
def test_loops_collect_any_number_of_slices(level, grows, trip):
    """Without a trip count, or with one that is no bound to plan memory by."""
    nodes = [helper.make_node("Loop", [trip, "go", "x"], ["last", "all"], body=collecting_body(grows))]
    constants = {"trip": np.int64(2**62), "go": np.True_, "zero": np.array([0]), "two": np.array([2])}
    model = build(nodes, {"x": tensor(shape=[2]), "limit": tensor(shape=[])}, {"last": tensor(), "all": tensor()}, constants)
    session, x = lepton.InferenceSession(model, opt_level=level), np.array([1, 0.5], np.float32)
    for limit in (1, 20):
        v, parts = x, []
        while not parts or v.sum() < limit:
            v = np.concatenate([v, x]) if grows else v + x
            parts.append(v[:2])
        same(session.run(None, {"x": x, "limit": np.float32(limit)}), [v, np.stack(parts)])


@pytest.mark.parametrize("level", LEVELS)
def test_a_counted_loop_may_grow_what_it_carries(level):
    nodes = [helper.make_node("Concat", ["v", "x"], ["w"], axis=0), helper.make_node("Identity", ["c"], ["d"])]
    values = [helper.make_value_info(n, t) for n, t in (("i", tensor(INT64, [])), ("c", tensor(BOOL, [])), ("v", tensor()))]
    body = helper.make_graph(nodes, "body", values, [helper.make_value_info(n, t) for n, t in (("d", tensor(BOOL, [])), ("w", tensor()))])
    model = build([helper.make_node("Loop", ["n", "", "x"], ["y"], body=body)], {"x": tensor(shape=[2]), "n": tensor(INT64, [])}, {"y": tensor()})
    session, x = lepton.InferenceSession(model, opt_level=level), np.array([1, 2], np.float32)
    for count in (0, 1, 4):
        same(session.run(None, {"x": x, "n": np.int64(count)}), [np.tile(x, count + 1)])


@pytest.mark.parametrize("level", LEVELS)
def test_a_sequence_that_several_add_to(level):
    """Each of them has what it was given, although lists that grow at their end share elements."""
    added = {"t": "sa", "u": "tb", "v": "ta", "w": "ub", "z": "sb"}  # t is s and a; v begins as u does, whose end is another
    nodes = [helper.make_node("SequenceInsert", list(of), [name]) for name, of in added.items()]
    results = dict.fromkeys(["s", *added], sequence())
    whole = [helper.make_node("SequenceConstruct", ["a", "b"], ["s"])]
    model = build(whole + nodes, {"a": tensor(shape=[2]), "b": tensor(shape=[3])}, results)
    a, b = arrays((2,), (3,))
    expected = {"s": [a, b]}
    for name, (before, last) in added.items():
        expected[name] = [*expected[before], a if last == "a" else b]
    session = lepton.InferenceSession(model, opt_level=level)
    for _ in range(2):
        for result, right in zip(session.run(None, {"a": a, "b": b}), expected.values(), strict=True):
            same(result, right)


@pytest.mark.parametrize("level", LEVELS)
def test_a_loop_gathers_a_long_sequence(level):
    """In memory for its elements: a list for each iteration would take 16 GB."""
    count = 30_000
    nodes = [helper.make_node("Cast", ["i"], ["f"], to=FLOAT), helper.make_node("SequenceInsert", ["q", "f"], ["r"]), helper.make_node("Identity", ["c"], ["d"])]
    values = [helper.make_value_info(n, t) for n, t in (("i", tensor(INT64, [])), ("c", tensor(BOOL, [])), ("q", sequence()))]
    body = helper.make_graph(nodes, "body", values, [helper.make_value_info(n, t) for n, t in (("d", tensor(BOOL, [])), ("r", sequence()))])
    whole = [helper.make_node("SequenceEmpty", [], ["e"], dtype=FLOAT), helper.make_node("Loop", ["n", "", "e"], ["s"], body=body)]
    model = build([*whole, helper.make_node("ConcatFromSequence", ["s"], ["y"], axis=0, new_axis=1)], {"n": tensor(INT64, [])}, {"y": tensor()})
    session = lepton.InferenceSession(model, opt_level=level)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    same(session.run(None, {"n": np.int64(count)}), [np.arange(count, dtype=np.float32)])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


@pytest.mark.parametrize("level", LEVELS)
def test_a_loop_without_iterations_collects_nothing(level):
    nodes = [helper.make_node("Loop", ["", "go", "x"], ["last", "all"], body=collecting_body(False))]
    constants = {"zero": np.array([0]), "two": np.array([2])}
    inputs = {"x": tensor(shape=[2]), "limit": tensor(shape=[]), "go": tensor(BOOL, [])}
    x = np.array([1, 2], np.float32)
    last, everything = run(build(nodes, inputs, {"last": tensor(), "all": tensor()}, constants), level, {"x": x, "limit": np.float32(9), "go": np.False_})
    same([last], [x])
    assert everything.shape == (0, 2)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(("content", "value"), [(tensor(shape=["N"]), arrays((4,))[0]), (sequence(shape=["N"]), arrays((4,), (2,)))])
def test_optionals(level, content, value):
    """Passed through, asked, opened; a branch on what is there."""
    branches = [
        helper.make_graph(nodes, name, [], [helper.make_value_info("n", tensor(INT64, []))])
        for name, nodes in (
            ("full", [helper.make_node("Constant", [], ["n"], value_int=7)]),
            ("empty", [helper.make_node("Constant", [], ["n"], value_int=-7)]),
        )
    ]
    nodes = [
        helper.make_node("OptionalHasElement", ["o"], ["has"]),
        helper.make_node("If", ["has"], ["number"], then_branch=branches[0], else_branch=branches[1]),
        helper.make_node("Identity", ["o"], ["same"]),
    ]
    outputs = {"has": tensor(BOOL), "number": tensor(INT64), "same": optional(content)}
    session = lepton.InferenceSession(build(nodes, {"o": optional(content)}, outputs), opt_level=level)
    has, number, copy = session.run(None, {"o": value})
    assert has and number == 7
    same(*([copy], [value]) if isinstance(value, np.ndarray) else (copy, value))
    has, number, copy = session.run(None, {"o": None})
    assert not has and number == -7 and copy is None
    opened = lepton.InferenceSession(build([helper.make_node("OptionalGetElement", ["o"], ["x"])], {"o": optional(content)}, {"x": content}), opt_level=level)
    (x,) = opened.run(None, {"o": value})
    same(*([x], [value]) if isinstance(value, np.ndarray) else (x, value))
    with pytest.raises(ValueError, match="node 'x': the optional holds nothing"):
        opened.run(None, {"o": None})


@pytest.mark.parametrize("level", LEVELS)
def test_scalars_grow_a_sequence_from_nothing(level):
    """A loop that starts from no sequence at all (onnx/backend/test/case/node/loop.py, loop16_seq_none, in which scalars cannot be compared by its runner)."""
    case = backend_suite.load_cases()["test_loop16_seq_none"]
    for inputs, (expected,) in case.data_sets:
        names = [value.name for value in case.model.graph.input]
        (result,) = run(case.model.SerializeToString(), level, dict(zip(names, inputs)))
        same(result, expected)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (np.zeros((2, 2), np.float32), "takes a list of arrays, got ndarray"),
        ([np.zeros((2, 3), np.float32)], r"holds a tensor of shape \[2,3\], expected float32 \[\?,2\]"),
        ([np.zeros((2, 2), np.int32)], r"holds a value of type int32, expected float32 \[\?,2\]"),
        ([np.zeros(2, np.float32)], r"holds a tensor of shape \[2\], expected float32 \[\?,2\]"),
    ],
)
def test_other_contents_are_refused(value, reason):
    session = lepton.InferenceSession(build([helper.make_node("SequenceLength", ["s"], ["n"])], {"s": sequence(shape=["N", 2])}, {"n": tensor(INT64)}))
    assert session.get_inputs()[0].type == "seq(tensor(float))"
    with pytest.raises(ValueError, match=f"input 's' {reason}"):
        session.run(None, {"s": value})


@pytest.mark.parametrize(
    ("node", "inputs", "reason"),
    [
        (helper.make_node("SequenceAt", ["s", "i"], ["y"]), {"s": sequence(), "i": tensor(INT64, [])}, "tensors of unknown rank; declare their shape"),
        (helper.make_node("ConcatFromSequence", ["s"], ["y"], axis=0), {"s": sequence()}, "tensors of unknown rank; declare the shape"),
        (helper.make_node("ConcatFromSequence", ["s"], ["y"], axis=3), {"s": sequence(shape=["A", "B"])}, "axis 3, out of range"),
        (helper.make_node("SequenceConstruct", ["a", "b"], ["y"]), {"a": tensor(shape=[1]), "b": tensor(INT64, [1])}, "one element type"),
        (helper.make_node("SequenceInsert", ["s", "i"], ["y"]), {"s": sequence(shape=["A"]), "i": tensor(INT64, [])}, "cannot insert"),
        (helper.make_node("SplitToSequence", ["a"], ["y"], axis=2), {"a": tensor(shape=[1])}, "axis 2, out of range"),
        (helper.make_node("Relu", ["s"], ["y"]), {"s": sequence(shape=["A"])}, r"type seq.tensor.float.., which the standard does not allow there"),
    ],
)
def test_faulty_nodes(node, inputs, reason):
    node.name = "faulty"
    with pytest.raises(ValueError, match=f"node 'faulty' .{node.op_type}.: .*{reason}"):
        lepton.InferenceSession(build([node], inputs, {"y": sequence()}))


def test_a_sparse_tensor_as_input_is_refused():
    kind = helper.make_sparse_tensor_type_proto(FLOAT, [1])
    with pytest.raises(ValueError, match="input 'm' is a sparse tensor"):
        lepton.InferenceSession(build([helper.make_node("Identity", ["m"], ["y"])], {"m": kind}, {"y": tensor()}))


def write(path, proto):
    path.write_bytes(proto.SerializeToString())
    return path


def test_the_command_line_reads_and_writes_them(tmp_path):
    """ONNX's files of sequences, optionals and strings, into the run of an artifact and out of it."""
    from common import lepton as command
    from onnx import numpy_helper

    nodes = [
        helper.make_node("SequenceInsert", ["s", "x"], ["t"]),
        helper.make_node("Optional", ["x"], ["o"]),
        helper.make_node("Optional", ["t"], ["p"]),
        helper.make_node("OptionalHasElement", ["q"], ["has"]),
    ]
    inputs = {"s": sequence(STRING, ["N"]), "x": tensor(STRING, [2]), "q": optional(sequence())}
    outputs = {"t": sequence(STRING), "o": optional(tensor(STRING)), "p": optional(sequence(STRING)), "has": tensor(BOOL)}
    (tmp_path / "m.onnx").write_bytes(build(nodes, inputs, outputs))
    made = command("compile", tmp_path / "m.onnx", "-o", tmp_path / "m.so")
    assert made.returncode == 0, made.stderr
    words, more = np.array(["a", "", "ü"], object), np.array(["x", "y"], object)
    s = write(tmp_path / "s.pb", numpy_helper.from_list([words, more]))
    x = write(tmp_path / "x.pb", numpy_helper.from_array(more))
    q = write(tmp_path / "q.pb", numpy_helper.from_optional(None, dtype=onnx.OptionalProto.SEQUENCE))
    arguments = ("run", tmp_path / "m.so", f"--input=s={s}", f"--input=x={x}", f"--input=q={q}")
    done = command(*arguments, "--output-dir", tmp_path / "out", "--output-format=pb")
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["t", "o", "p", "has"]

    def read(name, message, convert):
        return convert(message.FromString((tmp_path / "out" / f"{name}.pb").read_bytes()))

    expected = [words.tolist(), more.tolist(), more.tolist()]
    assert [part.tolist() for part in read("t", onnx.SequenceProto, numpy_helper.to_list)] == expected
    assert [part.tolist() for part in read("p", onnx.OptionalProto, numpy_helper.to_optional)] == expected
    assert read("o", onnx.OptionalProto, numpy_helper.to_optional).tolist() == more.tolist()
    assert not read("has", onnx.TensorProto, numpy_helper.to_array)
    refused = command(*arguments, "--output-dir", tmp_path / "npy")
    assert refused.returncode == 1 and "--output-format=pb" in refused.stderr
    shown = command("inspect", tmp_path / "m.so")
    assert "s: sequence of string[N]" in shown.stdout.replace("[?]", "[N]") and "q: optional of sequence of float32 of any shape" in shown.stdout
    random = command("run", tmp_path / "m.so", "--random-inputs=1")
    assert random.returncode == 0, random.stderr
    (tmp_path / "s.pb").write_bytes(b"\xff\xff")
    damaged = command(*arguments)
    assert damaged.returncode == 1 and "s.pb: is no ONNX SequenceProto" in damaged.stderr


def test_c_programs_pass_them(tmp_path):
    """The header of an artifact says what they are; a program hands over the structures of lepton_abi.h."""
    import subprocess

    from common import CLANG
    from common import lepton as command

    nodes = [helper.make_node("StringConcat", ["a", "a"], ["b"]), helper.make_node("SequenceLength", ["s"], ["n"])]
    model = build(nodes, {"a": tensor(STRING, [2]), "s": sequence(shape=["N"])}, {"b": tensor(STRING), "n": tensor(INT64)})
    (tmp_path / "m.onnx").write_bytes(model)
    made = command("compile", tmp_path / "m.onnx", "-o", tmp_path / "libm1.so")
    assert made.returncode == 0, made.stderr
    header = (tmp_path / "libm1.h").read_text()
    assert "a: string[2]" in header and "s: sequence of float32[" in header and "LEPTON_SEQUENCE" in header
    (tmp_path / "main.c").write_text(r"""
#include "libm1.h"
#include <stdio.h>
int main(void) {
  const lepton_api *api = lepton_artifact_api();
  lepton_session *session;
  lepton_error error;
  if (api->session_create(api->model, 0, &session, &error)) return 1;
  const char *texts[] = {"ab", "c"};
  float values[3] = {1, 2, 3};
  int64_t two = 2, three = 3, one = 1;
  lepton_tensor element = {values, &three, LEPTON_FLOAT, 1, sizeof values};
  lepton_tensor inputs[] = {{texts, &two, LEPTON_STRING, 1, sizeof texts}, {&element, &one, LEPTON_SEQUENCE, 1, sizeof element}};
  lepton_tensor outputs[2] = {{0}};
  if (api->session_run(session, inputs, outputs, &error)) return puts(error.message), 1;
  printf("%s %s %d\n", ((const char **)outputs[0].data)[0], ((const char **)outputs[0].data)[1], (int)*(int64_t *)outputs[1].data);
  for (int i = 0; i < 2; ++i) api->tensor_release(&outputs[i]);
  api->session_destroy(session);
  return 0;
}
""")
    subprocess.run([CLANG, "-std=c99", "-Wall", "-Werror", "-fuse-ld=lld", "main.c", "libm1.so", "-Wl,-rpath,.", "-o", "main"], cwd=tmp_path, check=True)
    assert subprocess.run(["./main"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout == "abab cc 1\n"


def test_check_compares_them_with_the_oracle(tmp_path):
    from common import lepton as command

    nodes = [helper.make_node("SequenceInsert", ["s", "x"], ["t"]), helper.make_node("StringConcat", ["w", "w"], ["v"])]
    inputs = {"s": sequence(shape=["N"]), "x": tensor(shape=["N"]), "w": tensor(STRING, ["M"])}
    (tmp_path / "m.onnx").write_bytes(build(nodes, inputs, {"t": sequence(), "v": tensor(STRING)}))
    for oracle in ("onnxruntime", "reference"):
        done = command("check", tmp_path / "m.onnx", f"--against={oracle}")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "t[2]" in done.stdout and "v " in done.stdout and "agrees with" in done.stdout
