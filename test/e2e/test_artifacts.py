"""Artifacts in C programs: several models in one, the functions of the header, programs, 16-bit floats on any processor."""

import os
import re
import subprocess

import numpy as np
import pytest
from onnx import TensorProto, helper

from common import CLANG, LEPTON, ROOT, SECONDS, emulator_of, lepton, save, save_small, small_result
from lepton import InferenceSession

ROWS = np.array([[1, 2, 3, 4], [-1, 0, 1, 2]], np.float32)
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]

TWO_MODELS = """
#include "small.h"
#include "the_square.h"
#include <stdio.h>
int main(void) {
  float x[8] = {1, 2, 3, 4, -1, 0, 1, 2}, a[2] = {3, -4}, b[THE_SQUARE_OUTPUT_0_ELEMENTS], y[6];
  int64_t shape[2] = {2, 4};
  lepton_tensor in = {x, shape, SMALL_INPUT_0_DTYPE, SMALL_INPUT_0_RANK, sizeof x};
  lepton_tensor out = {y, NULL, LEPTON_FLOAT, 2, sizeof y};
  lepton_session *small, *square;
  lepton_error error;
  if (small_create(NULL, &small, &error) || the_square_create(NULL, &square, &error) ||
      small_run(small, &in, &out, &error) || the_square_run(square, a, b, &error)) {
    puts(error.message);
    return 1;
  }
  for (unsigned i = 0; i < 6; ++i)
    printf("%g ", y[i]);
  printf("%g %g\\n", b[0], b[1]);
  small_api()->session_destroy(small);
  the_square_api()->session_destroy(square);
  return 0;
}
"""


def save_square(path, name="the */ square \\"):
    value = (TensorProto.FLOAT, [2])
    return save(path, [helper.make_node("Mul", ["a", "a"], ["b"])], {"a": value}, {"b": value}, name=name)


def compile_to(folder, model, output, *flags):
    result = lepton("compile", model, "-o", folder / output, *flags)
    assert result.returncode == 0, result.stderr
    return folder / output


def build_and_run(folder, source, compiler, *flags):
    (folder / "program.c").write_text(source)
    built = subprocess.run([*compiler, folder / "program.c", *flags, "-lm", "-o", folder / "program"], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return subprocess.run([folder / "program"], capture_output=True, text=True, timeout=SECONDS)


def test_a_library_that_was_loaded_twice_is_not_taken_for_another(tmp_path):
    """The loader knows a library by the name under which it was loaded first, also when whoever loaded it first has closed it."""
    x = np.ones((1, 2), np.float32)
    paths = []
    for name, factor in (("first", 1), ("second", 2)):
        shapes = ({"x": (TensorProto.FLOAT, [1, 2])}, {"y": (TensorProto.FLOAT, [1, 2])})
        model = save(tmp_path / f"{name}.onnx", [helper.make_node("Mul", ["x", "f"], ["y"])], *shapes, {"f": np.float32(factor)})
        paths.append(tmp_path / f"{name}.so")
        assert lepton("compile", model, "-o", paths[-1]).returncode == 0
    loaded = [InferenceSession(paths[0]) for _ in range(2)]
    del loaded[0]
    np.testing.assert_array_equal(InferenceSession(paths[1]).run(None, {"x": x})[0], 2 * x)
    np.testing.assert_array_equal(loaded[0].run(None, {"x": x})[0], x)


@pytest.mark.parametrize("compiler", [[CLANG, "-std=c99"], [f"{CLANG}++", "-xc++", "-std=c++11"]], ids=["c", "c++"])
@pytest.mark.parametrize("ending", ["a", "o", "so"])
def test_two_models_in_one_program(tmp_path, ending, compiler):
    artifacts = [
        compile_to(tmp_path, save_small(tmp_path / "small.onnx"), f"small.{ending}"),
        compile_to(tmp_path, save_square(tmp_path / "square.onnx"), f"the-square.{ending}"),
    ]
    if ending == "o":
        artifacts.append(ROOT / "build/lib/x86_64/liblepton_rt.a")
    (tmp_path / "the-square.h").rename(tmp_path / "the_square.h")
    libraries = [part for artifact in artifacts for part in ("-xnone", artifact)]
    result = build_and_run(tmp_path, TWO_MODELS, [*compiler, *WARNINGS, f"-I{tmp_path}"], *libraries, f"-Wl,-rpath,{tmp_path}")
    assert result.returncode == 0, result.stdout
    np.testing.assert_allclose(np.array(result.stdout.split(), float), [*small_result(ROWS).ravel(), 9, 16], rtol=1e-5)


ODD_NAMES = {"lepton": "m_lepton", "lepton_session": "m_lepton_session", "pthread": "m_pthread", "timer": "m_timer", "_x": "m__x", "3d": "m_3d", "int": "int", "na\u00efve net": "na__ve_net"}


@pytest.mark.parametrize("compiler", [[CLANG, "-std=c11"], [f"{CLANG}++", "-xc++", "-std=c++11"]], ids=["c", "c++"])
def test_names_are_safe_whatever_they_are_made_of(tmp_path, compiler):
    """Files whose names are those of the runtime or the system, no identifiers, or keywords; inputs whose names differ in what C has no letters for."""
    inputs, value = ["a b", "a_b_2", "a-b", "*/ in", "int"], (TensorProto.FLOAT, [2])
    model = save(tmp_path / "m.onnx", [helper.make_node("Sum", inputs, ["y"])], dict.fromkeys(inputs, value), {"y": value})
    libraries = [compile_to(tmp_path, model, f"{name}.so") for name in ODD_NAMES]
    lines = [f"ok += !{symbol}_create(NULL, &session, &error) && !{symbol}_run(session, x, x, x, x, x, y, &error) && y[1] == 10;" for symbol in ODD_NAMES.values()]
    headers = ["<pthread.h>", "<stdio.h>", "<threads.h>", "<time.h>", *(f'"{name}.h"' for name in ODD_NAMES)]
    source = "\n".join([*(f"#include {header}" for header in headers), "int main(void) {", "int ok = 0; float x[2] = {1, 2}, y[2];", "lepton_session *session; lepton_error error;"])
    source += "\n".join([*lines, 'printf("%d\\n", ok);', "return 0;", "}", ""])
    result = build_and_run(tmp_path, source, [*compiler, *WARNINGS], "-xnone", *libraries, f"-Wl,-rpath,{tmp_path}")
    assert result.stdout == f"{len(ODD_NAMES)}\n"


def test_whole_runtime_is_small(tmp_path):
    """With what few models need, such as images, GPUs or weights in a file; an artifact takes its part."""
    runtime = ROOT / "build/lib/x86_64/liblepton_rt.a"
    subprocess.run([CLANG, "-shared", "-s", "-Wl,--whole-archive", runtime, "-Wl,--no-whole-archive", "-lm", "-o", tmp_path / "runtime.so"], check=True, timeout=SECONDS)
    assert (tmp_path / "runtime.so").stat().st_size < 210_000
    assert "libstdc++" not in subprocess.run(["ldd", tmp_path / "runtime.so"], capture_output=True, text=True).stdout


def test_library_moves_with_its_program(tmp_path):
    """A program looks for the library by its name, not where it lay when they were linked."""
    (tmp_path / "built").mkdir()
    library = compile_to(tmp_path, save_small(tmp_path / "small.onnx"), "built/small.so")
    source = '#include "small.h"\nint main(void) { return small_api()->model->input_count != 1; }\n'
    assert build_and_run(tmp_path / "built", source, [CLANG], library, "-Wl,-rpath,$ORIGIN").returncode == 0
    (tmp_path / "built").rename(tmp_path / "moved")
    subprocess.run([tmp_path / "moved/program"], check=True, timeout=SECONDS)


def test_model_of_many_kernels_in_parts(tmp_path):
    """Large models are compiled in parts; what is exported survives the cut, what is not stays inside."""
    shapes = [(TensorProto.FLOAT, [3 + i, 5]) for i in range(20)]
    nodes = [helper.make_node("Softmax", [f"x{i}"], [f"y{i}"]) for i in range(20)]
    sides = [{f"{side}{i}": shape for i, shape in enumerate(shapes)} for side in "xy"]
    model = save(tmp_path / "many.onnx", nodes, *sides)
    listing = subprocess.run(["nm", "-g", "--defined-only", compile_to(tmp_path, model, "many.o")], capture_output=True, text=True)
    assert {line.split()[-1] for line in listing.stdout.splitlines()} == {"lepton_artifact_model", "many_api"}
    compile_to(tmp_path, model, "many.so")
    assert lepton("run", tmp_path / "many.so", "--random-inputs=1").stdout.count("float32") == 20
    source = '#include "many.h"\nint main(void) { return lepton_artifact_api()->model->input_count != 20 || many_api()->model->kernel_count == 0; }\n'
    assert build_and_run(tmp_path, source, [CLANG, f"-I{tmp_path}"], compile_to(tmp_path, model, "many.a")).returncode == 0


FORMS = {
    "so": [], "a": [], "o": [], "exe": ["--emit=exe"], "bare.o": ["--runtime=none"], "many.so": ["--cpu=x86-64-v2,x86-64-v4"], "split.so": ["--weights=file"],
    "arm.so": ["--target=aarch64-linux-gnu"], "wasm": ["--target=wasm32-wasi"], "mlirbc": [],
}


@pytest.mark.parametrize("form", FORMS)
def test_same_bytes_wherever_they_are_compiled(tmp_path, form):
    """From another folder, by another path, with one processor and another environment. A convolution and more kernels than one part of the code has."""
    weights = np.random.default_rng(1).standard_normal((64, 64, 3, 3)).astype(np.float32)
    nodes = [helper.make_node("Conv", ["x", "w"], ["c"], pads=[1] * 4), *(helper.make_node("Softmax", ["c"], [f"y{i}"], axis=i % 4) for i in range(20))]
    model = save(tmp_path / "m.onnx", nodes, {"x": (TensorProto.FLOAT, [1, 64, 28, 28])}, {f"y{i}": (TensorProto.FLOAT, [1, 64, 28, 28]) for i in range(20)}, {"w": weights})
    made = []
    for folder, path, first, environment in (("a", model, [], {}), ("b c", "../m.onnx", ["taskset", "-c", "0"], {"HOME": "/", "LC_ALL": "C", "TZ": "Asia/Tokyo", "TMPDIR": "/var/tmp"})):
        (tmp_path / folder).mkdir()
        command = [*first, LEPTON, "compile", path, "-o", f"model.{form}", *(FORMS[form] or ["--cpu=x86-64-v3"])]
        subprocess.run(command, cwd=tmp_path / folder, env={**os.environ, **environment}, check=True, timeout=SECONDS)
        made.append({file.name: file.read_bytes() for file in (tmp_path / folder).iterdir()})
    assert made[0] and made[0] == made[1]


@pytest.mark.parametrize("flags", [[], ["--runtime=none"]], ids=["full", "bare"])
def test_header_says_how_large_the_code_is(tmp_path, flags):
    """What the object has, but for the parts of the runtime that a bare one takes with it; and the header is the same alone."""
    model = save_small(tmp_path / "small.onnx")
    compile_to(tmp_path, model, "m.o", "--dim=N=2", *flags)
    said = int(next(line.split()[2].rstrip("u") for line in (tmp_path / "m.h").read_text().splitlines() if "define M_CODE_BYTES" in line))
    sections = subprocess.run(["readelf", "-SW", tmp_path / "m.o"], check=True, capture_output=True, text=True).stdout
    code = sum(int(size, 16) for size in re.findall(r" PROGBITS +\w+ \w+ (\w+) \w+ +AX ", sections))
    assert 100 < said <= code and (flags or said == code)
    beside = (tmp_path / "m.h").read_text()
    assert compile_to(tmp_path, model, "m.h", "--dim=N=2", *flags).read_text() == beside


def test_hash_is_of_code_and_weights(tmp_path):
    def hash_of(model, *flags, output="m.so"):
        header = compile_to(tmp_path, model, output, *flags).with_suffix(".h").read_text()
        return next(line.split()[2] for line in header.splitlines() if line.startswith("#define M_HASH"))

    small = save_small(tmp_path / "small.onnx")
    first = hash_of(small, "--cpu=x86-64-v2")
    for output in ("m.so", "m.o", "m.h"):
        assert hash_of(small, "--cpu=x86-64-v2", output=output) == first
    assert len({first, hash_of(small, "--cpu=x86-64-v3"), hash_of(save_square(tmp_path / "square.onnx"))}) == 3


def test_compiler_called_by_any_name(tmp_path):
    """The runtime lies beside the compiler, whatever it is called by and from where."""
    save_small(tmp_path / "small.onnx")
    (tmp_path / "link").symlink_to(LEPTON)
    environment = {"PATH": f"{LEPTON.parent}:{tmp_path}"}
    for name in ("lepton", "link", "./link"):
        command = [name, "compile", "small.onnx", "-o", "small.so"]
        result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=SECONDS)
        assert result.returncode == 0, result.stderr


def test_program(tmp_path):
    model = save_small(tmp_path / "small.onnx")
    program = compile_to(tmp_path, model, "small", "--emit=exe")

    def run(*arguments):
        return subprocess.run([program, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS)

    assert run().stdout == "y: float32[1,3]\n"
    np.save(tmp_path / "rows.npy", ROWS)
    result = run("x=rows.npy", "--output-dir=out", "--threads=2", "--repeat=3")
    assert result.returncode == 0 and result.stdout.startswith("y: float32[2,3]\nlatency: minimum"), result.stderr
    np.testing.assert_allclose(np.load(tmp_path / "out/y.npy"), small_result(ROWS), rtol=1e-6)
    assert "input  x: float32 [N,4]" in run("--help").stdout
    for arguments, status, part in (
        (["--frob"], 2, "unknown argument '--frob'"),
        (["x=absent.npy"], 1, "absent.npy: No such file"),
        (["x=small.onnx"], 1, "no .npy file"),
        (["--output-dir=small.onnx/out"], 1, "Not a directory"),
    ):
        result = run(*arguments)
        assert result.returncode == status and part in result.stderr, result.stderr
    np.save(tmp_path / "wrong.npy", ROWS[:, :3])
    result = run("x=wrong.npy")
    assert result.returncode == 1 and "[2,3]" in result.stderr


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int32, np.uint8, np.bool_], ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (2, 1, 3)], ids=str)
def test_program_reads_and_writes_numpy_files(tmp_path, dtype, shape):
    number = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    node = helper.make_node("Reshape", ["x", "shape"], ["y"])
    initializers = {"shape": np.array(shape[::-1], np.int64)}
    if 0 in shape:
        node = helper.make_node("Transpose", ["x"], ["y"])
        initializers = {}
    model = save(tmp_path / "m.onnx", [node], {"x": (number, shape)}, {"y": (number, shape[::-1])}, initializers)
    value = (np.arange(np.prod(shape, dtype=int)) % 2 * 3).astype(dtype).reshape(shape)
    np.save(tmp_path / "x.npy", value)
    program = compile_to(tmp_path, model, "m", "--emit=exe")
    subprocess.run([program, f"x={tmp_path}/x.npy", f"--output-dir={tmp_path}"], check=True, timeout=SECONDS)
    result = np.load(tmp_path / "y.npy")
    assert result.dtype == value.dtype and result.shape == shape[::-1]
    np.testing.assert_array_equal(result.ravel(), value.ravel())


@pytest.mark.parametrize("arch", ["aarch64", "riscv64"])
def test_program_for_other_architectures(tmp_path, arch):
    program = compile_to(tmp_path, save_small(tmp_path / "small.onnx"), "small", "--emit=exe", f"--target={arch}-linux-gnu")
    np.save(tmp_path / "rows.npy", ROWS)
    command = [*emulator_of(arch), program, f"x={tmp_path}/rows.npy", f"--output-dir={tmp_path}"]
    subprocess.run(command, check=True, timeout=SECONDS)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), small_result(ROWS), rtol=1e-5)


@pytest.mark.parametrize("cpu", ["x86-64-v2", "x86-64-v3", "native"])
@pytest.mark.parametrize("source, target", [("FLOAT", "FLOAT16"), ("DOUBLE", "FLOAT16"), ("FLOAT", "BFLOAT16"), ("DOUBLE", "BFLOAT16")], ids=str)
def test_16_bit_floats_on_any_processor(tmp_path, cpu, source, target):
    """No processor up to x86-64-v4 converts them all: the artifact brings what it lacks, and rounds alike."""
    wide, narrow = getattr(TensorProto, source), getattr(TensorProto, target)
    nodes = [helper.make_node("Cast", ["x"], ["n"], to=narrow), helper.make_node("Cast", ["n"], ["y"], to=wide)]
    model = save(tmp_path / "m.onnx", nodes, {"x": (wide, ["N"])}, {"y": (wide, ["N"])})
    value = np.concatenate([np.float32(2) ** np.arange(-140, 127), np.linspace(-3, 3, 999), [0, -0.0, np.inf, -np.inf, np.nan, 65519.9, 65520, 2.0**-25]])
    value = value.astype(helper.tensor_dtype_to_np_dtype(wide))
    np.save(tmp_path / "x.npy", value)
    program = compile_to(tmp_path, model, "m", "--emit=exe", f"--cpu={cpu}")
    subprocess.run([program, f"x={tmp_path}/x.npy", f"--output-dir={tmp_path}"], check=True, timeout=SECONDS)
    with np.errstate(over="ignore"):
        expected = value.astype(helper.tensor_dtype_to_np_dtype(narrow)).astype(value.dtype)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), expected)


CHOSEN = """
#include "many.h"
#include <stdio.h>
int main(void) {
  float x[8] = {1, 2, 3, 4, -1, 0, 1, 2}, y[6];
  int64_t shape[2] = {2, 4};
  lepton_tensor in = {x, shape, LEPTON_FLOAT, 2, sizeof x}, out = {y, NULL, LEPTON_FLOAT, 2, sizeof y};
  lepton_session *session;
  lepton_error error;
  if (many_api() != lepton_artifact_api() || many_create(NULL, &session, &error) || many_run(session, &in, &out, &error)) {
    puts(error.message);
    return 1;
  }
  printf("%s", many_api()->model->target);
  for (unsigned i = 0; i < 6; ++i)
    printf(" %g", y[i]);
  many_api()->session_destroy(session);
  return 0;
}
"""


@pytest.mark.parametrize("ending", ["so", "a"])
def test_code_for_several_processors(tmp_path, ending):
    """The version that runs is the one with the widest vectors that the CPU has; where it has none of them, a session says what is missing."""
    artifact = compile_to(tmp_path, save_small(tmp_path / "small.onnx"), f"many.{ending}", "--cpu=x86-64-v3,x86-64-v2,znver5")
    built = build_and_run(tmp_path, CHOSEN, [CLANG, *WARNINGS, f"-I{tmp_path}", f"-Wl,-rpath,{tmp_path}"], artifact, "-lm")
    assert built.returncode == 0, built.stdout
    program = tmp_path / "program"
    for cpu, chosen in (("Nehalem", "x86-64-v2"), ("Haswell", "x86-64-v3"), ("core2duo", None)):
        done = subprocess.run(["qemu-x86_64", "-cpu", cpu, program], capture_output=True, text=True, timeout=SECONDS)
        if not chosen:
            assert done.returncode == 1 and "x86-64-v2" in done.stdout and "this CPU has no" in done.stdout, done.stdout
            continue
        target, *numbers = done.stdout.split()
        assert target.endswith(":" + chosen)
        np.testing.assert_allclose(np.array(numbers, np.float32).reshape(2, 3), small_result(ROWS), rtol=1e-5)


def test_program_for_several_processors(tmp_path):
    program = compile_to(tmp_path, save_small(tmp_path / "small.onnx"), "small", "--emit=exe", "--cpu=x86-64-v2,x86-64-v3")
    np.save(tmp_path / "rows.npy", ROWS)
    for cpu in ("Nehalem", "Haswell"):
        subprocess.run(["qemu-x86_64", "-cpu", cpu, program, f"x={tmp_path}/rows.npy", f"--output-dir={tmp_path}"], check=True, timeout=SECONDS)
        np.testing.assert_allclose(np.load(tmp_path / "y.npy"), small_result(ROWS), rtol=1e-5)


@pytest.mark.parametrize("verb", [["run", "--random-inputs=1"], ["inspect"]], ids=lambda verb: verb[0])
def test_one_processor_runs(tmp_path, verb):
    done = lepton(verb[0], save_small(tmp_path / "small.onnx"), *verb[1:], "--cpu=x86-64-v2,x86-64-v3")
    assert done.returncode == 2 and "name the one to run on" in done.stderr and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize(
    "flags, output, said",
    [
        (["--cpu=x86-64-v2,x86-64-v2"], "m.so", "'x86-64-v2' twice"),
        (["--cpu=x86-64-v2,"], "m.so", "an empty processor"),
        (["--cpu=x86-64-v2,pentium"], "m.so", "'pentium'"),
        (["--cpu=x86-64-v2,x86-64-v3"], "m.s", "name one for 'asm'"),
        (["--cpu=x86-64-v2,cortex-a72"], "m.so", "--target=aarch64-linux-gnu"),
    ],
    ids=str,
)
def test_wrong_lists_of_processors(tmp_path, flags, output, said):
    done = lepton("compile", save_small(tmp_path / "small.onnx"), *flags, "-o", tmp_path / output)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert not (tmp_path / output).exists()
