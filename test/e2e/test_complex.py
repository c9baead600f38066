"""Complex numbers: every operator that the standard gives them to, by ONNX's backend suite and NumPy.

Nearly all of these operators move elements, or weight them by real numbers: of (1 + 2i) x they make (1 + 2i) y, where y is what they make of x. So the suite's
tests of real numbers are tests of complex ones too. What is not so, and what the suite lacks, has cases of its own.
"""

import functools
import itertools
import re
import subprocess

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import backend_suite
import lepton
import suite_variants
from common import CLANG, FULL, SECONDS, lepton as command, save

FACTOR = 1 + 2j  # exact: the imaginary part is twice the real one
NUMBERS = {np.complex64: TensorProto.COMPLEX64, np.complex128: TensorProto.COMPLEX128}
LEVELS = (0, 3)
MOST = None if FULL else 4  # tests of the suite for each operator


def parameters(schema):
    """The type parameters of an operator that allow complex numbers."""
    return {c.type_param_str for c in schema.type_constraints if any("complex" in kind for kind in c.allowed_type_strs)}


def operators():
    """(domain, name) of those that take or give complex numbers in any version."""
    return {(schema.domain, schema.name) for schema in onnx.defs.get_all_schemas_with_history() if parameters(schema)}


# ---- by the suite ------------------------------------------------------------------------------------------------------


def among(formals, names, allowed):
    """The names of operands, or of results, whose type parameters are among those allowed; the last of the formal ones may stand for many."""
    return {name for i, name in enumerate(names) if name and formals[min(i, len(formals) - 1)].type_str in allowed}


def made_complex(value, dtype):
    """A value of the suite times the factor; None where it is no number."""
    if isinstance(value, list):
        parts = [made_complex(part, dtype) for part in value]
        return None if any(part is None for part in parts) else parts
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        return None
    return (value * FACTOR).astype(dtype)


def set_element_type(kind, number):
    """Changes what a type holds in the end."""
    field = kind.WhichOneof("value")
    if field == "tensor_type":
        kind.tensor_type.elem_type = number
    else:
        set_element_type(getattr(kind, field).elem_type, number)


def turned(case, dtype):
    """The test of one node with complex numbers wherever they are allowed: model, inputs, outputs. None where no input is of them."""
    model, data_sets = backend_suite.materialize(case)
    node = model.graph.node[0]
    if len(model.graph.node) != 1 or any(a.HasField("g") for a in node.attribute) or node.op_type == "BitCast":
        return None
    version = next(opset.version for opset in model.opset_import if opset.domain == node.domain)
    schema = onnx.defs.get_schema(node.op_type, version, node.domain)
    allowed = parameters(schema)
    if any(a.name == "extrapolation_value" or (a.name == "reduction" and a.s not in (b"none", b"add")) for a in node.attribute):
        return None
    model = onnx.ModelProto.FromString(model.SerializeToString())
    graph, (inputs, outputs) = model.graph, data_sets[0]
    chosen = among(schema.inputs, node.input, allowed)
    if not chosen:
        return None
    chosen |= among(schema.outputs, node.output, allowed)
    sides = []
    for infos, values in ((graph.input, inputs), (graph.output, outputs)):
        sides.append([made_complex(value, dtype) if info.name in chosen else value for info, value in zip(infos, values)])
        for info in infos:
            if info.name in chosen:
                set_element_type(info.type, NUMBERS[dtype])
    return None if any(value is None for side in sides for value in side) else (model, *sides)


@functools.cache
def by_operator():
    """Operator -> its tests in the suite that have complex numbers."""
    tests = {}
    for name, case in backend_suite.load_cases().items():
        if case.kind == "node" and turned(case, np.complex64):
            node = case.model.graph.node[0]
            tests.setdefault((node.domain, node.op_type), []).append(name)
    return tests


WITHOUT = {("ai.onnx.preview.training", "Gradient")}  # of real numbers; complex ones may only stand beside them
FORMS = (*LEVELS, *suite_variants.VARIANTS)


@pytest.mark.parametrize("operator", sorted(operators() - WITHOUT), ids=lambda operator: operator[1])
def test_suite(operator):
    tests = by_operator().get(operator, [])
    assert tests or operator[1] in OWN, "has no case"
    for name in tests[:MOST]:
        case = backend_suite.load_cases()[name]
        for dtype, form in itertools.product(NUMBERS, FORMS) if FULL else zip(itertools.cycle(NUMBERS), FORMS):
            model, inputs, outputs = turned(case, dtype)
            if form in suite_variants.VARIANTS:
                if not suite_variants.has_variants(case):
                    continue
                model = getattr(suite_variants, form)(model, inputs)
            results = run(model.SerializeToString(), form if form in LEVELS else 3, inputs if model.graph.input else ())
            for result, wanted in zip(results, outputs):
                assert isinstance(wanted, list) or result.dtype == wanted.dtype, f"{name} {form}"
            backend_suite.assert_similar(outputs, results, case)


# ---- operators that the suite lacks, or that do more than move numbers ---------------------------------------------------


def run(model, level, inputs):
    session = lepton.InferenceSession(model, opt_level=level)
    return session.run(None, dict(zip((info.name for info in session.get_inputs()), inputs)))


X = np.array([[1 + 2j, 0, 3 - 1j, 1j], [1 + 2j, -2, 0, 1 - 2j], [2.5, 1 + 2j, -1j, 0]])
ROWS = [X[0], X[1], X[2]]
SPLIT = "rows = SplitToSequence <axis = 0, keepdims = 0> (x) "
ONE = "one = Constant <value = int64 {1}> () "
PLACES = "i = Constant <value = int64[3, 1] {1, 0, 1}> () "


# Operator -> results, nodes with `complex` for the type and NUMBER for ONNX's number of it, and what they make of X.
OWN = {
    "Constant": ("complex[2] y", "y = Constant <value = complex[2] {1, 2, 3, -4}> ()", [np.array([1 + 2j, 3 - 4j])]),
    "BitCast": ("int64[N, K] y, complex[N, M] z", "d = BitCast <to = OTHER> (x) z = BitCast <to = NUMBER> (d) y = Shape (d)", [np.array([3, 4]), X]),
    "If": ("complex[M, 4] y", "go = Constant <value = bool {1}> () y = If (go) <then_branch = one () => (complex[A, 4] t) { t = Concat <axis = 0> (x, x) }, else_branch = two () => (complex[B, 4] e) { e = Identity (x) }>",
           [np.concatenate([X, X])]),
    "Loop": ("complex[M, 4] y, int64[K, 2] z",
             ONE + """y, z = Loop (one, , x) <body = each (int64 i, bool go, complex[A, 4] v) => (bool on, complex[B, 4] w, int64[2] size) {
                on = Identity (go) w = Concat <axis = 0> (v, v) size = Shape (v) }>""",
             [np.concatenate([X, X]), np.array([[3, 4]])]),
    "Scan": ("complex[4] y, complex[M, 4] z",
             ONE + """first = Gather (x, one) y, z = Scan <num_scan_inputs = 1, body = each (complex[4] last, complex[4] row) => (complex[4] kept, complex[4] before) {
                kept = Identity (row) before = Identity (last) }> (first, x)""",
             [X[2], np.stack([X[1], X[0], X[1]])]),
    "SequenceMap": ("seq(complex[A, B]) y", "s = SequenceConstruct (x, x) y = SequenceMap <body = each (complex[A, 4] e) => (complex[4, A] f) { f = Transpose (e) }> (s)", [[X.T, X.T]]),
    "SequenceConstruct": ("seq(complex[A, B]) y", "t = Transpose (x) y = SequenceConstruct (x, t)", [[X, X.T]]),
    "SequenceEmpty": ("seq(complex[A, B]) y", "s = SequenceEmpty <dtype = NUMBER> () y = SequenceInsert (s, x)", [[X]]),
    "SequenceInsert": ("seq(complex[A]) y", SPLIT + ONE + "row = Gather (x, one) y = SequenceInsert (rows, row, one)", [[X[0], X[1], X[1], X[2]]]),
    "SequenceErase": ("seq(complex[A]) y", SPLIT + ONE + "y = SequenceErase (rows, one)", [[X[0], X[2]]]),
    "SequenceAt": ("complex[A] y", SPLIT + ONE + "y = SequenceAt (rows, one)", [X[1]]),
    "SequenceLength": ("int64 y", SPLIT + "y = SequenceLength (rows)", [np.array(3)]),
    "SplitToSequence": ("seq(complex[A]) rows", SPLIT, [ROWS]),
    "ConcatFromSequence": ("complex[A] y", SPLIT + "y = ConcatFromSequence <axis = 0> (rows)", [X.ravel()]),
    "Optional": ("optional(complex[A, 4]) y", "y = Optional (x)", [X]),
    "OptionalGetElement": ("complex[A, 4] y", "o = Optional (x) y = OptionalGetElement (o)", [X]),
    "OptionalHasElement": ("bool y", "o = Optional (x) y = OptionalHasElement (o)", [np.array(True)]),
    "RandomNormalLike": ("int64[2] y", "r = RandomNormalLike <dtype = 1> (x) y = Shape (r)", [np.array([3, 4])]),
    "RandomUniformLike": ("int64[2] y", "r = RandomUniformLike <dtype = 1> (x) y = Shape (r)", [np.array([3, 4])]),
    "NonZero": ("int64[2, K] y", "y = NonZero (x)", [np.array(np.nonzero(X))]),
    "Unique": ("complex[A] y, int64[A] f, int64[M] i, int64[A] c", "y, f, i, c = Unique (x)",
               [part.ravel() for part in np.unique(X, return_index=True, return_inverse=True, return_counts=True)]),
    "ScatterElements": ("complex[A, 4] y", "i = Constant <value = int64[3, 4] {0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1}> () y = ScatterElements <axis = 1, reduction = \"mul\"> (x, i, x)",
                        [np.stack([X[:, 0] * X[:, 0] * X[:, 1], X[:, 1] * X[:, 2] * X[:, 3], X[:, 2], X[:, 3]], 1)]),
    "ScatterND": ("complex[A, 4] y", PLACES + "y = ScatterND <reduction = \"mul\"> (x, i, x)", [np.stack([X[0] * X[1], X[1] * X[0] * X[2], X[2]])]),
    "Resize": ("complex[A, 7] y", """roi = Constant <value = float[4] {0, 0, 1, 2}> () sizes = Constant <value = int64[2] {3, 7}> ()
                y = Resize <mode = "linear", coordinate_transformation_mode = "tf_crop_and_resize", extrapolation_value = 5.0> (x, roi, , sizes)""",
               [np.concatenate([X, np.full((3, 3), 5)], 1)]),
}


def parse(results, nodes, kind, shape="N, 4", domain=""):
    """The model of a text, of one type of complex numbers."""
    number, other = {"complex64": (TensorProto.COMPLEX64, TensorProto.DOUBLE), "complex128": (TensorProto.COMPLEX128, TensorProto.COMPLEX128)}[kind]
    text = f'<ir_version: 11, opset_import: ["" : 26{domain}]> g (complex[{shape}] x) => ({results}) {{ {nodes} }}'
    for word, meaning in (("complex", kind), ("NUMBER", number), ("OTHER", other)):
        text = re.sub(rf"\b{word}\b", str(meaning), text)
    return onnx.parser.parse_model(text)


def same(result, wanted, kind):
    assert isinstance(result, list) == isinstance(wanted, list)
    if isinstance(wanted, list):
        assert len(result) == len(wanted)
        return [same(one, other, kind) for one, other in zip(result, wanted)]
    assert result.dtype == (kind if wanted.dtype.kind == "c" else wanted.dtype)
    np.testing.assert_allclose(result, wanted, rtol=1e-6)


@pytest.mark.parametrize("operator", list(OWN))
def test_own(operator):
    results, nodes, expected = OWN[operator]
    for kind, form in itertools.product(("complex64", "complex128"), (*LEVELS, "constant")):
        model, x = parse(results, nodes, kind), X.astype(kind)
        if form == "constant":
            model = suite_variants.constant(model, [x])
        for result, wanted in zip(run(model.SerializeToString(), 3 if form == "constant" else form, [x] if model.graph.input else []), expected):
            same(result, wanted, kind)


# ---- constants, files, programs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dtype", list(NUMBERS))
def test_constants(dtype, level, tmp_path):
    """Weights in each field of a TensorProto, small and large, equal and not, read by kernels and returned as they are."""
    values = {"few": X.astype(dtype), "many": np.resize(X.astype(dtype), (40, 7)), "equal": np.full((3, 4), 2 - 1j, dtype), "none": np.zeros((0, 4), dtype)}
    nodes, outputs, expected = [], {}, []
    for name, value in values.items():
        typed = helper.make_tensor(name, NUMBERS[dtype], value.shape, value.ravel())
        for field, constant in (("raw", numpy_helper.from_array(value)), ("typed", typed)):
            nodes += [helper.make_node("Constant", [], [f"{name}_{field}"], value=constant), helper.make_node("Gather", [f"{name}_{field}", "i"], [f"{name}_{field}_columns"], axis=1)]
            outputs |= {f"{name}_{field}": (NUMBERS[dtype], value.shape), f"{name}_{field}_columns": (NUMBERS[dtype], [value.shape[0], None])}
            expected += [value, value[:, [2, 0]]]
    path = save(tmp_path / "constants.onnx", nodes, {"i": (TensorProto.INT64, ["N"])}, outputs)
    for result, wanted in zip(lepton.InferenceSession(path, opt_level=level).run(None, {"i": np.array([2, 0])}), expected):
        same(result, wanted, dtype)


@pytest.fixture(params=list(NUMBERS), ids=lambda dtype: dtype.__name__)
def turning(request, tmp_path):
    """A model y = x turned, and files of an input."""
    dtype = request.param
    model = save(tmp_path / "model.onnx", [helper.make_node("Transpose", ["x"], ["y"])], {"x": (NUMBERS[dtype], ["N", 4])}, {"y": (NUMBERS[dtype], [4, "N"])})
    np.save(tmp_path / "x.npy", X.astype(dtype))
    (tmp_path / "x.pb").write_bytes(helper.make_tensor("x", NUMBERS[dtype], X.shape, X.astype(dtype).ravel()).SerializeToString())
    return model, dtype


def test_files_of_the_command_line(turning, tmp_path):
    model, dtype = turning
    for ending in ("npy", "pb"):
        result = command("run", model, "--input", f"x={tmp_path / 'x'}.{ending}", "--output-dir", tmp_path, f"--output-format={ending}")
        assert result.returncode == 0, result.stderr
        assert result.stdout == f"y: {dtype.__name__}[4, 3]\n"
    same(np.load(tmp_path / "y.npy"), X.T, dtype)
    same(numpy_helper.to_array(TensorProto.FromString((tmp_path / "y.pb").read_bytes())), X.T, dtype)
    assert command("run", model, "--random-inputs=1", "--output-dir", tmp_path).returncode == 0
    made_up = np.load(tmp_path / "y.npy")
    assert made_up.shape == (4, 1) and made_up.dtype == dtype and (made_up.imag != made_up.real).all() and made_up.imag.all()
    result = command("check", model, "--against=reference")
    assert result.returncode == 0 and "agrees with onnx.reference" in result.stdout, result.stdout + result.stderr


def test_program_of_lepton(turning, tmp_path):
    model, dtype = turning
    assert command("compile", model, "-o", tmp_path / "model", "--emit=exe").returncode == 0
    result = subprocess.run([tmp_path / "model", f"x={tmp_path / 'x.npy'}", f"--output-dir={tmp_path}"], capture_output=True, text=True, timeout=SECONDS)
    assert result.returncode == 0, result.stderr
    same(np.load(tmp_path / "y.npy"), X.T, dtype)


PROGRAM = """
#include "model.h"
#include <stdio.h>
int main(void) {
  REAL x[] = {1, 2, 3, 4, 5, 6, 7, 8}, y[2 * MODEL_OUTPUT_0_ELEMENTS];
  lepton_session *session;
  lepton_error error;
  if (model_create(NULL, &session, &error) || model_run(session, x, y, &error)) {
    puts(error.message);
    return 1;
  }
  for (int i = 0; i < 8; ++i)
    printf("%g ", y[i]);
  model_api()->session_destroy(session);
  return 0;
}
"""


def test_program_in_c(turning, tmp_path):
    """C sees pairs of real numbers."""
    model, dtype = turning
    nodes, real = [helper.make_node("Transpose", ["x"], ["y"])], "float" if dtype is np.complex64 else "double"
    save(model, nodes, {"x": (NUMBERS[dtype], [2, 2])}, {"y": (NUMBERS[dtype], [2, 2])})
    assert command("compile", model, "-o", tmp_path / "model.a").returncode == 0
    (tmp_path / "program.c").write_text(PROGRAM)
    subprocess.run([CLANG, f"-DREAL={real}", tmp_path / "program.c", tmp_path / "model.a", "-lm", "-o", tmp_path / "program"], check=True, timeout=SECONDS)
    result = subprocess.run([tmp_path / "program"], capture_output=True, text=True, timeout=SECONDS)
    assert result.returncode == 0 and result.stdout.split() == list("12563478"), result.stdout
    assert f"#define MODEL_INPUT_0_DTYPE LEPTON_{dtype.__name__.upper()}" in (tmp_path / "model.h").read_text()


# ---- at fault ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "nodes, reason",
    [
        ("y = Add (x, x)", r"node 'y' .Add.: has the input 'x' of type tensor.complex64., which the standard does not allow there; store the real and the imaginary parts"),
        ("r = Cast <to = 1> (x) y = Identity (x)", r"Cast.: has the input 'x' of type tensor.complex64., which the standard does not allow there"),
        ("s = Shape (x) y = Cast <to = 14> (s)", "casts to the data type 14, which is not supported"),
        ("s = Constant <value = int64[1, 1] {1}> () y = EyeLike <dtype = 14> (s)", "makes a data type that is not supported"),
        ("s = SequenceConstruct (x, x) r = SequenceConstruct (s) y = Identity (x)", "SequenceConstruct.: has the input 's' of type seq.tensor.complex64.."),
        (PLACES + "y = ScatterND <reduction = \"max\"> (x, i, x)", "ScatterND.: has the reduction 'max', but complex numbers have no order"),
        ("i = Constant <value = int64[1, 4] {0, 0, 1, 1}> () y = ScatterElements <reduction = \"min\"> (x, i, x)", "has the reduction 'min', but complex numbers have no order"),
        ("d = BitCast <to = 1> (x) y = Identity (x)", "BitCast.: casts bits of complex64 to float, which is not as wide"),
        ("y = com.microsoft.Gelu (x)", "tensor.complex64., which the standard does not allow there"),
        ("y = com.microsoft.Inverse (x)", "Inverse.: needs"),
    ],
)
def test_what_takes_no_complex_numbers(nodes, reason):
    model = parse("complex[A, 4] y", nodes, "complex64", "1, 4", ', "com.microsoft" : 1')
    with pytest.raises(ValueError, match=reason):
        lepton.InferenceSession(model.SerializeToString())


def test_input_of_another_type(turning):
    model, dtype = turning
    session = lepton.InferenceSession(model)
    assert session.get_inputs()[0].type == f"tensor({dtype.__name__})"
    with pytest.raises(ValueError, match=f"expected {dtype.__name__}|expected tensor.{dtype.__name__}"):
        session.run(None, {"x": X.real})
