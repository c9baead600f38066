"""Element types that NumPy lacks: every bit pattern up, and floats down, against ml_dtypes and exact arithmetic."""

import itertools
import subprocess

import ml_dtypes
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import lepton
from common import SECONDS, lepton as command, save

FLOATS = {
    "float8_e4m3fn": TensorProto.FLOAT8E4M3FN, "float8_e4m3fnuz": TensorProto.FLOAT8E4M3FNUZ, "float8_e5m2": TensorProto.FLOAT8E5M2,
    "float8_e5m2fnuz": TensorProto.FLOAT8E5M2FNUZ, "float4_e2m1fn": TensorProto.FLOAT4E2M1, "float6_e2m3fn": TensorProto.FLOAT6E2M3,
    "float6_e3m2fn": TensorProto.FLOAT6E3M2,
}
POWERS = {"float8_e8m0fnu": TensorProto.FLOAT8E8M0}
INTEGERS = {"int4": TensorProto.INT4, "uint4": TensorProto.UINT4, "int2": TensorProto.INT2, "uint2": TensorProto.UINT2}
ALL = FLOATS | POWERS | INTEGERS
WIDE = {np.float32: TensorProto.FLOAT, np.float16: TensorProto.FLOAT16, np.float64: TensorProto.DOUBLE, ml_dtypes.bfloat16: TensorProto.BFLOAT16}
LEVELS = (0, 3)


def bits_of(name):
    return {"4": 4, "2": 2}[name[-1]] if name in INTEGERS else int(name[5])


def every(name):
    """Every number of a type."""
    return np.arange(1 << bits_of(name), dtype=np.uint8).view(getattr(ml_dtypes, name))


def cast(path, values, to, level, **attributes):
    """What Lepton makes of a Cast; the size is known only at run time, so that nothing is folded."""
    source = helper.np_dtype_to_tensor_dtype(values.dtype)
    node = helper.make_node("Cast", ["x"], ["y"], to=to, **attributes)
    save(path, [node], {"x": (source, ["N"])}, {"y": (to, ["N"])}, opset=28)
    return lepton.InferenceSession(path, opt_level=level).run(None, {"x": values})[0]


def same_bits(result, expected):
    """Both are arrays of one of the narrow types; the sign of what is no number counts for nothing."""
    assert result.dtype == expected.dtype
    a, b = result.view(np.uint8), expected.view(np.uint8)
    differ = (a != b) & ~(np.isnan(result.astype(np.float32)) & np.isnan(expected.astype(np.float32)))
    at = np.flatnonzero(differ)
    assert not at.size, f"{at.size} differ, the first at {at[0]}: {result[at[0]]} instead of {expected[at[0]]}"


def halves():
    """Every finite float16, infinities, and one that is no number."""
    values = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    return np.concatenate([values[np.isfinite(values)], np.array([np.inf, -np.inf, np.nan], np.float16)])


def samples(dtype, name):
    """Random numbers of all magnitudes, each number of the narrow type, what lies halfway between two, and the neighbours of all of these."""
    rng = np.random.default_rng(7)
    known = every(name).astype(np.float64)
    known = np.unique(known[np.isfinite(known)])
    known = np.concatenate([known, (known[1:] + known[:-1]) / 2, known * 2])
    with np.errstate(over="ignore", under="ignore"):
        known = known.astype(dtype)
        spread = (rng.uniform(-2, 2, 20000) * np.exp2(rng.uniform(-40, 40, 20000))).astype(dtype)
        extreme = (rng.uniform(-2, 2, 2000) * np.exp2(rng.uniform(-1070, 1020, 2000))).astype(dtype)
        return np.concatenate([known, np.nextafter(known, dtype(-np.inf)), np.nextafter(known, dtype(np.inf)), spread, extreme])


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dtype", list(WIDE), ids=lambda dtype: np.dtype(dtype).name)
@pytest.mark.parametrize("name", list(ALL))
def test_every_number_up(name, dtype, level, tmp_path):
    values = every(name)
    result = cast(tmp_path / "up.onnx", values, WIDE[dtype], level)
    with np.errstate(over="ignore"):
        expected = values.astype(np.float32).astype(dtype)
    np.testing.assert_array_equal(result.astype(np.float64), expected.astype(np.float64))
    zero = expected == 0
    np.testing.assert_array_equal(np.signbit(result[zero]), np.signbit(expected[zero]))


def rounded(values, name, saturate):
    """By ml_dtypes, which does not saturate but for the types without infinities and NaN."""
    kind = getattr(ml_dtypes, name)
    if saturate:
        values = np.clip(values.astype(np.float64), float(ml_dtypes.finfo(kind).min), float(ml_dtypes.finfo(kind).max)).astype(values.dtype)
    return values.astype(kind)


def rounded_exactly(values, name):
    """Of float64, for which ml_dtypes rounds twice: the nearest number, of two the one with the even code; saturates."""
    codes = np.arange(1 << (bits_of(name) - 1), dtype=np.uint8)  # without the sign
    numbers = codes.view(getattr(ml_dtypes, name)).astype(np.float64)
    codes, numbers = codes[np.isfinite(numbers)], numbers[np.isfinite(numbers)]
    halfway, magnitude = (numbers[1:] + numbers[:-1]) / 2, np.abs(values)
    found = np.searchsorted(halfway, magnitude)
    tie = (magnitude == halfway[np.minimum(found, halfway.size - 1)]) & (codes[found] % 2 == 1)
    nearest = numbers[found + tie]
    return np.copysign(nearest, values).astype(getattr(ml_dtypes, name))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("saturate", [1, 0])
@pytest.mark.parametrize("name", list(FLOATS))
def test_floats_down(name, saturate, level, tmp_path):
    for values in (halves(), samples(np.float32, name)):
        result = cast(tmp_path / "down.onnx", values, FLOATS[name], level, saturate=saturate)
        with np.errstate(invalid="ignore"):
            same_bits(result, rounded(values, name, saturate))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", list(FLOATS))
def test_doubles_down(name, level, tmp_path):
    values = samples(np.float64, name)
    same_bits(cast(tmp_path / "down.onnx", values, FLOATS[name], level), rounded_exactly(values, name))


def exact_power(value, saturate, rounding):
    """The code of the f8E8M0FNU for a float64 by the table of ONNX's Cast."""
    if np.isnan(value) or value < 0:
        return 255
    if value < 2.0**-127:
        return 0 if saturate else 255
    if np.isinf(value):
        return 254 if saturate else 255
    fraction, exponent = np.frexp(value)
    fraction, exponent = fraction * 2, int(exponent) - 1 + 127
    exponent += {"up": fraction > 1, "down": False, "nearest": fraction >= 1.5}[rounding]
    return int(exponent) if exponent <= 254 else 254 if saturate else 255


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("saturate", [1, 0])
@pytest.mark.parametrize("rounding", ["up", "down", "nearest"])
def test_powers_of_two(rounding, saturate, level, tmp_path):
    special = [0.0, -1.0, np.inf, -np.inf, np.nan, 2.0**-128, 1.2 * 2.0**-127, 1.5 * 2.0**-127, 3.0e38]
    for dtype in (np.float16, np.float32, np.float64):
        with np.errstate(over="ignore"):
            values = np.concatenate([np.abs(samples(dtype, "float8_e8m0fnu")), np.array(special).astype(dtype)])
        result = cast(tmp_path / "down.onnx", values, TensorProto.FLOAT8E8M0, level, saturate=saturate, round_mode=rounding)
        expected = np.array([exact_power(float(v), saturate, rounding) for v in values], np.uint8)
        same_bits(result, expected.view(ml_dtypes.float8_e8m0fnu))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", list(INTEGERS))
def test_integers_wrap(name, level, tmp_path):
    values = np.arange(-300, 301)
    for dtype in (np.int8, np.uint8, np.int32, np.int64, np.float32, np.float64):
        source = values.astype(dtype)
        result = cast(tmp_path / "down.onnx", source, INTEGERS[name], level)
        mask = (1 << bits_of(name)) - 1
        np.testing.assert_array_equal(result.view(np.uint8), source.astype(np.int64) & mask)


@pytest.mark.parametrize("level", LEVELS)
def test_between_narrow_types(level, tmp_path):
    for source, target in itertools.product(ALL, FLOATS):
        values = every(source)
        wide = values.astype(np.float32)
        known = np.isfinite(wide)
        result = cast(tmp_path / "between.onnx", values, ALL[target], level)
        same_bits(result[known], rounded(wide[known], target, True))


@pytest.mark.parametrize("level", LEVELS)
def test_bits_above_are_not_read(level, tmp_path):
    for name in ("int4", "uint2", "float4_e2m1fn", "float6_e3m2fn"):
        codes = np.arange(256, dtype=np.uint8)
        result = cast(tmp_path / "up.onnx", codes.view(getattr(ml_dtypes, name)), TensorProto.FLOAT, level)
        clean = (codes & ((1 << bits_of(name)) - 1)).view(getattr(ml_dtypes, name))
        np.testing.assert_array_equal(result, clean.astype(np.float32))


def odd_matrix(name):
    """Numbers of a type, not a whole number of bytes where they are packed."""
    values = every(name)[: 1 << min(bits_of(name), 6)]
    return np.concatenate([values, values[:2]]).reshape(2, -1)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", list(ALL))
def test_constants(name, level, tmp_path):
    """Weights in each field of a TensorProto."""
    values = odd_matrix(name)
    wide = values.astype(np.float32)
    raw, typed = numpy_helper.from_array(values, "raw"), helper.make_tensor("typed", ALL[name], values.shape, wide.ravel())
    nodes = [helper.make_node("Constant", [], [n], value=value) for n, value in (("r", raw), ("t", typed))]
    nodes += [helper.make_node("Cast", [n], [y], to=TensorProto.FLOAT) for n, y in (("r", "a"), ("t", "b"))]
    path = save(tmp_path / "constants.onnx", nodes, {}, {n: (TensorProto.FLOAT, values.shape) for n in "ab"}, opset=28)
    a, b = lepton.InferenceSession(path, opt_level=level).run(None, {})
    np.testing.assert_array_equal(a, wide)
    np.testing.assert_array_equal(b, numpy_helper.to_array(typed).astype(np.float32))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", [name for name in ALL if bits_of(name) != 6])  # ONNX moves no float of six bits
def test_movement(name, level, tmp_path):
    """Ops that move elements, of inputs and of weights."""
    values, kind = odd_matrix(name), ALL[name]
    codes = values.view(np.uint8)
    nodes = [
        helper.make_node("Transpose", ["w"], ["a"]),
        helper.make_node("Pad", ["x", "pads", "fill"], ["b"]),
        helper.make_node("Reshape", ["x", "shape"], ["c"]),
        helper.make_node("Identity", ["c"], ["d"]),
    ]
    shapes = {"a": values.T.shape, "b": ["N", values.shape[1] + 3], "c": ["M"], "d": ["M"]}
    weights = {"w": values, "pads": np.array([0, 1, 0, 2]), "fill": values[0, 1], "shape": np.array([-1])}
    path = save(tmp_path / "movement.onnx", nodes, {"x": (kind, ["N", values.shape[1]])}, {n: (kind, s) for n, s in shapes.items()}, weights, opset=25)
    results = [y.view(np.uint8) for y in lepton.InferenceSession(path, opt_level=level).run(None, {"x": values})]
    expected = [codes.T, np.pad(codes, ((0, 0), (1, 2)), constant_values=codes[0, 1]), codes.ravel(), codes.ravel()]
    for y, wanted in zip(results, expected):
        np.testing.assert_array_equal(y, wanted)


def test_ops_that_do_not_compute_such_types(tmp_path):
    path = save(tmp_path / "sum.onnx", [helper.make_node("Add", ["x", "x"], ["y"], name="sum")], {"x": (TensorProto.INT4, [3])}, {"y": (TensorProto.INT4, [3])})
    with pytest.raises(ValueError, match="node 'sum' .Add.: has the input 'x' of type tensor.int4., which the standard does not allow there; insert a cast"):
        lepton.InferenceSession(path)


# ---- files -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def round_trip(tmp_path):
    """A model y = x by way of float32, an input of every finite number, and a check of an output file."""

    def make(name):
        values, kind = odd_matrix(name), ALL[name]
        values = np.where(np.isnan(values.astype(np.float32)), values[0, 0], values)
        nodes = [helper.make_node("Cast", ["x"], ["wide"], to=TensorProto.FLOAT), helper.make_node("Cast", ["wide"], ["y"], to=kind)]
        model = save(tmp_path / "model.onnx", nodes, {"x": (kind, ["N", "M"])}, {"y": (kind, ["N", "M"])}, opset=28)
        np.save(tmp_path / "x.npy", values)
        (tmp_path / "x.pb").write_bytes(numpy_helper.from_array(values, "x").SerializeToString())
        return model, values

    return make


@pytest.mark.parametrize("name", list(ALL))
def test_files_of_the_command_line(name, round_trip, tmp_path):
    model, values = round_trip(name)
    for ending in ("npy", "pb"):
        result = command("run", model, "--input", f"x={tmp_path / 'x'}.{ending}", "--output-dir", tmp_path, f"--output-format={ending}")
        assert result.returncode == 0, result.stderr
        assert result.stdout == f"y: {TensorProto.DataType.Name(ALL[name]).lower()}[2, {values.shape[1]}]\n"
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy").view(np.uint8), values.view(np.uint8))
    tensor = TensorProto.FromString((tmp_path / "y.pb").read_bytes())
    assert tensor.data_type == ALL[name] and tensor.raw_data == numpy_helper.from_array(values).raw_data
    assert command("run", model, "--random-inputs=1").returncode == 0
    again = lepton.InferenceSession(model).run(None, {"x": np.load(tmp_path / "y.npy")})[0]  # NumPy has raw bytes in its hands
    np.testing.assert_array_equal(again.view(np.uint8), values.view(np.uint8))


@pytest.mark.parametrize("name", ["float8_e4m3fn", "float8_e8m0fnu", "int4"])
def test_check_command(name, round_trip):
    result = command("check", round_trip(name)[0], "--against=reference")
    assert result.returncode == 0 and "agrees with onnx.reference" in result.stdout, result.stdout + result.stderr


@pytest.mark.parametrize("name", ["float8_e5m2", "uint4"])
def test_files_of_a_program(name, round_trip, tmp_path):
    model, values = round_trip(name)
    assert command("compile", model, "-o", tmp_path / "model", "--emit=exe").returncode == 0
    result = subprocess.run([tmp_path / "model", f"x={tmp_path / 'x.npy'}", f"--output-dir={tmp_path}"], capture_output=True, text=True, timeout=SECONDS)
    assert result.returncode == 0, result.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy").view(np.uint8), values.view(np.uint8))


def test_header_of_a_narrow_type(round_trip, tmp_path):
    """C has no such types: an element is passed as its bits, in a byte."""
    model, _ = round_trip("int4")
    assert command("compile", model, "-o", tmp_path / "model.a", "--dim", "N=2", "--dim", "M=3").returncode == 0
    header = (tmp_path / "model.h").read_text()
    assert "#define MODEL_INPUT_0_DTYPE LEPTON_INT4" in header and "const uint8_t *in_x" in header and "sizeof(uint8_t) * 2u * 3u" in header


def test_files_at_fault(round_trip, tmp_path):
    model, values = round_trip("uint4")
    np.save(tmp_path / "floats.npy", np.ones((2, 3), np.float32))
    packed = numpy_helper.from_array(values, "x")
    packed.raw_data = packed.raw_data[:-1]
    (tmp_path / "short.pb").write_bytes(packed.SerializeToString())
    for file, reason in (("floats.npy", "has type float32, expected uint4"), ("short.pb", "has 8 bytes of data, but its shape takes 9")):
        result = command("run", model, "--input", f"x={tmp_path / file}")
        assert result.returncode == 1 and reason in result.stderr, result.stderr


# ---- other operators that take such types ------------------------------------------------------------------------------


def carried_through_a_loop(kind):
    """y = x after two iterations that only pass it on."""
    values = [helper.make_tensor_value_info(n, t, s) for n, t, s in (("i", TensorProto.INT64, []), ("go", TensorProto.BOOL, []), ("v", kind, ["N", 4]))]
    results = [helper.make_tensor_value_info(n, t, s) for n, t, s in (("on", TensorProto.BOOL, []), ("w", kind, ["N", 4]))]
    body = [helper.make_node("Identity", ["go"], ["on"]), helper.make_node("Identity", ["v"], ["w"])]
    return [helper.make_node("Constant", [], ["count"], value_ints=[2]), helper.make_node("Squeeze", ["count"], ["n"]),
            helper.make_node("Loop", ["n", "", "x"], ["y"], body=helper.make_graph(body, "body", values, results))]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["float8_e5m2", "float8_e4m3fnuz", "int4", "uint2"])
def test_other_operators(name, level, tmp_path):
    kind, values = ALL[name], np.resize(every(name), (16, 4))
    filled = numpy_helper.from_array(values[:1, 1], "value")
    cases = {
        "flatten": ([helper.make_node("Flatten", ["x"], ["y"], axis=0)], kind, values.reshape(1, -1)),
        "unsqueeze": ([helper.make_node("Constant", [], ["axes"], value_ints=[1]), helper.make_node("Unsqueeze", ["x", "axes"], ["y"])], kind, values[:, None]),
        "shape": ([helper.make_node("Shape", ["x"], ["y"])], TensorProto.INT64, np.array([16, 4])),
        "fill": ([helper.make_node("Shape", ["x"], ["s"]), helper.make_node("ConstantOfShape", ["s"], ["y"], value=filled)], kind, np.full_like(values, values[0, 1])),
        "loop": (carried_through_a_loop(kind), kind, values),
    }
    if name in FLOATS:
        wide = values.astype(np.float32)
        cases |= {"nan": ([helper.make_node("IsNaN", ["x"], ["y"])], TensorProto.BOOL, np.isnan(wide)),
                  "inf": ([helper.make_node("IsInf", ["x"], ["y"])], TensorProto.BOOL, np.isinf(wide))}
    for title, (nodes, result, expected) in cases.items():
        path = save(tmp_path / f"{title}.onnx", nodes, {"x": (kind, ["N", 4])}, {"y": (result, [None] * expected.ndim)}, opset=25)
        y = lepton.InferenceSession(path, opt_level=level).run(None, {"x": values})[0]
        assert y.dtype == expected.dtype, title
        np.testing.assert_array_equal(y.view(np.uint8), expected.view(np.uint8), err_msg=title)
