"""The command line: what each fault says and exits with, and what each kind of output is."""

import os
import re
import shutil
import subprocess

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from common import CLANG, LEPTON, ROOT, SECONDS, emulator_of, lepton, save, save_small, small_result

OK, INPUT, USAGE = 0, 1, 2
PHASES = ["import", "graph", "kernel", "tile", "buffer", "schedule", "vector", "llvm"]
ROWS = np.array([[1, 2, 3, 4], [-1, 0, 1, 2]], np.float32)  # those of run_small.c
CLIENT = ROOT / "test/e2e/run_small.c"


@pytest.fixture
def model(tmp_path):
    return save_small(tmp_path / "small.onnx")


def require_fault(result, status, *parts):
    """One line on standard error that starts with `error:` and holds the parts; the status."""
    assert result.returncode == status, result.stderr
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), result.stderr
    for part in parts:
        assert str(part) in lines[0]


def files(folder):
    return sorted(path.name for path in folder.iterdir())


# ---- models at fault -----------------------------------------------------------------------------------------------


def test_no_such_model(tmp_path):
    require_fault(lepton("compile", "absent.onnx", "-o", tmp_path / "a.so"), INPUT, "absent.onnx", "No such file")
    assert files(tmp_path) == []


@pytest.mark.parametrize("content", ["empty", "text", "machine code", "truncated", "array"])
def test_file_that_is_no_model(tmp_path, model, content):
    bad = tmp_path / "bad.onnx"
    if content == "empty":
        bad.write_bytes(b"")
    elif content == "text":
        bad.write_text("Not a network.\n" * 40)
    elif content == "machine code":
        shutil.copy("/bin/true", bad)
    elif content == "truncated":
        bad.write_bytes(model.read_bytes()[:-20])
    else:
        with bad.open("wb") as file:
            np.save(file, ROWS)
    before = files(tmp_path)
    require_fault(lepton("compile", bad, "-o", tmp_path / "a.so"), INPUT, bad)
    require_fault(lepton("run", bad, "--random-inputs=0"), INPUT, bad)
    require_fault(lepton("inspect", bad), INPUT, bad)
    assert files(tmp_path) == before


def test_folder_as_model(tmp_path):
    require_fault(lepton("compile", tmp_path, "-o", tmp_path / "a.so"), INPUT, tmp_path, "directory")


def test_all_unknown_ops_are_named_at_once(tmp_path):
    nodes = [
        helper.make_node("Frobnicate", ["x"], ["a"], name="strange", domain="my.ops"),
        helper.make_node("Relu", ["a"], ["b"], name="known"),
        helper.make_node("Twist", ["b"], ["y"], name="stranger", domain="my.ops"),
    ]
    value = (TensorProto.FLOAT, [2])
    bad = save(tmp_path / "unknown.onnx", nodes, {"x": value}, {"y": value}, domain="my.ops")
    result = lepton("compile", bad, "-o", tmp_path / "a.so")
    require_fault(result, INPUT, bad, "Frobnicate", "strange", "Twist", "stranger")
    assert files(tmp_path) == ["unknown.onnx"]


def test_faulty_node_is_named(tmp_path):
    nodes = [helper.make_node("MatMul", ["x", "x"], ["y"], name="product")]
    bad = save(tmp_path / "shapes.onnx", nodes, {"x": (TensorProto.FLOAT, [2, 3])}, {"y": (TensorProto.FLOAT, [2, 3])})
    require_fault(lepton("compile", bad, "-o", tmp_path / "a.so"), INPUT, bad, "node 'product' (MatMul): operands differ")


# ---- inputs at fault -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value, parts",
    [
        (np.ones((2, 5), np.float32), ["'x'", "[2,5]", "[N,4]"]),
        (np.ones(4, np.float32), ["'x'", "[4]", "[N,4]"]),
        (np.ones((2, 4), np.float64), ["'x'", "float64", "float32"]),
        (np.ones((2, 4), np.longdouble), ["x.npy", "f16"]),
        (np.asfortranarray(np.ones((2, 4), np.float32)), ["x.npy", "Fortran"]),
    ],
    ids=["size", "rank", "type", "unknown type", "order"],
)
def test_wrong_input(tmp_path, model, value, parts):
    np.save(tmp_path / "x.npy", value)
    out = tmp_path / "out"
    require_fault(lepton("run", model, "--input", f"x={tmp_path / 'x.npy'}", "--output-dir", out), INPUT, model, *parts)
    assert not out.exists()


def test_input_that_is_no_array(tmp_path, model):
    require_fault(lepton("run", model, "--input", f"x={model}"), INPUT, model, "no .npy file")
    require_fault(lepton("run", model, "--input", "x=absent.npy"), INPUT, "absent.npy", "No such file")
    np.save(tmp_path / "x.npy", ROWS)
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:-1])
    require_fault(lepton("run", model, "--input", f"x={tmp_path / 'x.npy'}"), INPUT, "x.npy", "truncated")


def test_missing_or_unknown_input(model):
    require_fault(lepton("run", model), INPUT, model, "no value for input 'x'", "--random-inputs")
    require_fault(lepton("run", model, "--input", "z=z.npy"), INPUT, model, "no input 'z'; its inputs are 'x'")
    require_fault(lepton("run", model, "--input", "x=x.npy", "--input", "x=y.npy"), INPUT, model, "'x' is given twice")
    require_fault(lepton("run", model, "--input", "x.npy"), USAGE, "x.npy", "NAME=FILE")


@pytest.mark.parametrize("level", ["-O0", "-O3"])
def test_sizes_that_leave_nothing(tmp_path, level):
    """An input shorter than the window of a convolution: what is said names the node and the shape, not a number of bytes."""
    nodes = [
        helper.make_node("Conv", ["x", "wide"], ["middle"], name="wide_one"),
        helper.make_node("Conv", ["middle", "narrow"], ["y"], name="narrow_one"),
    ]
    weights = {"wide": np.ones((2, 1, 5), np.float32), "narrow": np.ones((1, 2, 1), np.float32)}
    shapes = ({"x": (TensorProto.FLOAT, ["N", 1, "length"])}, {"y": (TensorProto.FLOAT, ["N", 1, None])})
    path = save(tmp_path / "m.onnx", nodes, *shapes, weights)
    np.save(tmp_path / "x.npy", np.ones((1, 1, 3), np.float32))
    result = lepton("run", path, level, "--input", f"x={tmp_path / 'x.npy'}")
    require_fault(result, INPUT, path, "node 'wide_one'", "-1", "negative size", "too small")
    assert "bytes" not in result.stderr
    result = lepton("check", path, level)
    require_fault(result, INPUT, path, "node 'wide_one'", "the inputs were x [1, 1, 1]", "--dim")
    assert lepton("check", path, level, "--dim", "length=9").returncode == OK


# ---- wrong usage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "flags, parts",
    [
        (["--compile-to=zip"], ["'zip'", *PHASES]),
        (["--cpu=i8"], ["'i8'", "x86-64-v3"]),
        (["--cpu=cortex-a72"], ["'cortex-a72'", "--target=aarch64-linux-gnu"]),
        (["--target=z80"], ["'z80'", "aarch64", "riscv64"]),
        (["--target=aarch64-apple-darwin"], ["'aarch64-apple-darwin'", "aarch64-linux-gnu"]),
        (["--emit=zip"], ["'zip'", "shared"]),
        (["-O7"], ["optimization level 7", "0, 1, 2 and 3"]),
        (["--dim", "N=many"], ["N=many", "MIN:MAX"]),
        (["--dim", "N=1:"], ["N=1:", "MIN:MAX"]),
        (["--dim", "4"], ["4", "NAME="]),
        (["--dim=N=0"], ["N=0", "positive"]),
        (["--dim=N=5:2"], ["N=5:2", "smaller one first"]),
        (["--dim=N=1:2:3"], ["N=1:2:3", "MIN:MAX"]),
        (["--dim=N=1,x"], ["N=1,x", "VALUE,VALUE"]),
        (["--dim=N=1,0"], ["N=1,0", "positive"]),
        (["--dim=N=1,2", "--dim=N=1,3"], ["'N'", "two different"]),
        (["--dim=N=2", "--dim=N=3"], ["'N'", "two different"]),
    ],
    ids=lambda value: str(value[0]),
)
def test_unknown_value_of_a_flag(tmp_path, model, flags, parts):
    require_fault(lepton("compile", model, "-o", tmp_path / "a.so", *flags), USAGE, *parts)
    assert files(tmp_path) == ["small.onnx"]


@pytest.mark.parametrize("arguments", [[], ["frob"], ["compile"], ["compile", "m", "--frob"], ["run", "a", "b"]], ids=str)
def test_unknown_flag_or_verb(arguments):
    require_fault(lepton(*arguments), USAGE, "lepton", "--help")


def test_a_flag_without_its_kind_of_value():
    result = lepton("compile", "m", "--threads=-1")
    assert result.returncode == USAGE and result.stdout == "" and len(result.stderr.splitlines()) == 1 and "--threads" in result.stderr


def test_help_fits_a_page():
    result = lepton("--help")
    assert result.returncode == OK and len(result.stdout.splitlines()) < 40
    for verb in ("compile", "run", "inspect", "check", "bench"):
        assert verb in result.stdout and f"lepton {verb}" in lepton(verb, "--help").stdout


def test_version():
    result = lepton("--version")
    assert result.returncode == OK and re.fullmatch(r"lepton \d+\.\d+\.\d+ on LLVM 22\.\S+\n", result.stdout), result.stdout


def test_output_of_unknown_kind(tmp_path, model):
    require_fault(lepton("compile", model, "-o", tmp_path / "a.xyz"), USAGE, "a.xyz", ".so")
    require_fault(lepton("compile", model), USAGE, "-")
    require_fault(lepton("compile", model, "--emit=shared", cwd=tmp_path), USAGE, "standard output", "-o")
    assert files(tmp_path) == ["small.onnx"]


@pytest.mark.parametrize("ending", ["so", "a", "o", "s", "ll", "mlir", "h"])
def test_output_that_cannot_be_written(tmp_path, model, ending):
    missing = tmp_path / "absent" / f"a.{ending}"
    require_fault(lepton("compile", model, "-o", missing), INPUT, missing, "no folder")
    folder = tmp_path / f"folder.{ending}"
    folder.mkdir()
    require_fault(lepton("compile", model, "-o", folder), INPUT, folder, "cannot be written")
    assert files(tmp_path) == [folder.name, "small.onnx"] and files(folder) == []
    (tmp_path / "b.h").mkdir()
    beside = tmp_path / f"b.{ending}"
    if ending in ("so", "a", "o"):  # with a header
        require_fault(lepton("compile", model, "-o", beside), INPUT, tmp_path / "b.h", "cannot be written")
        assert not beside.exists()


@pytest.mark.parametrize("form", ["shared", "archive", "obj"])
def test_output_named_like_the_header_beside_it(tmp_path, model, form):
    require_fault(lepton("compile", model, f"--emit={form}", "-o", "x.h", cwd=tmp_path), USAGE, "x.h", "header", "end the output's name")
    assert files(tmp_path) == ["small.onnx"]


@pytest.mark.parametrize("flags", [["--emit=shared", "-o"], ["--emit=asm", "-o"], ["-o", "a.s", "--report"]], ids=str)
def test_output_that_is_no_file(tmp_path, model, flags):
    """Files appear whole, in the place of what was there: devices and pipes would be gone."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        require_fault(lepton("compile", model, *flags, name, cwd=tmp_path), INPUT, f"{name}: cannot be written: what is there is no regular file")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "pipe").is_fifo()
    assert files(tmp_path) == ["link", "pipe", "small.onnx"]


# ---- outputs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [*PHASES, "object", "artifact"])
def test_compile_to_each_phase(tmp_path, model, phase):
    result = lepton("compile", model, f"--compile-to={phase}", "-o", tmp_path / "phase.mlir")
    assert result.returncode == OK and result.stderr == ""
    assert "module attributes" in (tmp_path / "phase.mlir").read_text()


def test_unknown_dimension(tmp_path, model):
    for size in ("3", "1:3"):
        result = lepton("compile", model, "--dim", f"M={size}", "-o", tmp_path / "a.so")
        require_fault(result, INPUT, model, "no dimension 'M'", "its dimensions are N")
    require_fault(lepton("run", model, "--dim", "N=2", "--dim", "M=2", "--random-inputs=0"), INPUT, "'M'")
    value = (TensorProto.FLOAT, [2, 4])
    fixed = save(tmp_path / "fixed.onnx", [helper.make_node("Relu", ["x"], ["y"])], {"x": value}, {"y": value})
    require_fault(lepton("compile", fixed, "--dim", "N=2", "-o", tmp_path / "a.so"), INPUT, "'N'", "fixed")
    assert files(tmp_path) == ["fixed.onnx", "small.onnx"]


@pytest.mark.parametrize("dim", ["N=2", "N=2:2"])
def test_dimension_of_one_size(tmp_path, model, dim):
    result = lepton("run", model, "--dim", dim, "--random-inputs=0")
    assert result.stdout == "y: float32[2, 3]\n", result.stderr
    assert "tensor<2x4xf32>" in lepton("compile", model, "--dim", dim, "--compile-to=import").stdout


def test_bounds_of_a_dimension(tmp_path, model):
    """They are checked in each run, of the model as of the artifact."""
    assert lepton("compile", model, "--dim", "N=2:3", "-o", tmp_path / "a.so").returncode == OK
    assert "N is from 2 to 3" in (tmp_path / "a.h").read_text()
    require_small(tmp_path / "a.so", tmp_path)
    assert lepton("run", tmp_path / "a.so", "--random-inputs=0").stdout == "y: float32[2, 3]\n"
    np.save(tmp_path / "x.npy", np.ones((4, 4), np.float32))
    for runnable, flags in ((tmp_path / "a.so", []), (model, ["--dim=N=2:3"])):
        result = lepton("run", runnable, *flags, "--input", f"x={tmp_path / 'x.npy'}")
        require_fault(result, INPUT, runnable, "'x'", "[4,4]", "N from 2 to 3")


def test_versions_of_a_dimension(tmp_path, model):
    """Sizes that have code of their own, and all others besides, in one artifact."""
    ir = lepton("compile", model, "--dim=N=1,2", "--compile-to=graph").stdout
    assert all(f"-> tensor<{size}x3xf32>" in ir for size in ("1", "2", "?")), ir
    assert lepton("compile", model, "--dim=N=1,2", "-o", tmp_path / "a.so").returncode == OK
    for rows in range(5):
        np.save(tmp_path / "x.npy", np.ones((rows, 4), np.float32))
        outputs = []
        for runnable, flags in ((tmp_path / "a.so", []), (model, ["--dim=N=1,2", "-O0"]), (model, [])):
            result = lepton("run", runnable, *flags, "--input", f"x={tmp_path / 'x.npy'}", "--output-dir", tmp_path / "out")
            assert result.returncode == OK, result.stderr
            outputs.append(np.load(tmp_path / "out" / "y.npy"))
        assert outputs[0].shape == (rows, 3)
        for output in outputs[:2]:
            np.testing.assert_allclose(output, outputs[2], rtol=1e-6)
    assert lepton("check", model, "--dim=N=1,2").stdout.count("ok") == 3
    many = ",".join(str(size) for size in range(1, 18))
    require_fault(lepton("compile", model, f"--dim=N={many}", "-o", tmp_path / "b.so"), INPUT, "more than 16", "--dim")


@pytest.mark.parametrize("level", ["-O0", "-O3"])
def test_dimension_without_a_name(tmp_path, level):
    """It is given a size by its place."""
    value = (TensorProto.FLOAT, [None, 4])
    open_rows = save(tmp_path / "open.onnx", [helper.make_node("Relu", ["x"], ["y"])], {"x": value}, {"y": value})
    assert "[2, 4]" in lepton("run", open_rows, "--dim", "x[0]=2", "--random-inputs=0", level).stdout
    assert lepton("check", open_rows, "--dim", "x[0]=2,3", level).stdout.count("ok") == 3
    require_fault(lepton("run", open_rows, "--dim", "x[1]=2", "--random-inputs=0", level), INPUT, "'x[1]'", "x[0]")


def test_dimensions_are_those_of_onnx_models(tmp_path, model):
    assert lepton("compile", model, "-o", tmp_path / "a.so").returncode == OK
    assert lepton("compile", model, "-o", tmp_path / "a.mlir").returncode == OK
    for name in ("a.so", "a.mlir"):
        require_fault(lepton("run", tmp_path / name, "--dim", "N=2", "--random-inputs=0"), USAGE, name, "--dim is for ONNX models")


def test_phase_on_standard_output_compiles_again(tmp_path, model):
    result = lepton("compile", model, "--compile-to=import")
    assert result.returncode == OK and "lepton.matmul" in result.stdout
    (tmp_path / "import.mlir").write_text(result.stdout)
    require_small(tmp_path / "import.mlir", tmp_path)


@pytest.mark.parametrize(
    "module, argument, message",
    [
        ("", "tensor<*xf32>", "not all tensors of known rank"),
        ("", "tensor<?xi77>", "an element type that ONNX lacks"),
        ("", 'tensor<?xf32> {lepton.dims = ["N", "M"]}', "not one string for each dimension"),
        ("{lepton.dim_bounds = {N = array<i64: 1>}}", "tensor<?xf32>", "does not give each name two integers"),
        ("{lepton.dim_versions = {N = array<i64: 0>}}", "tensor<?xf32>", "a list of positive integers"),
        ("{lepton.dim_versions = 3}", "tensor<?xf32>", "a list of positive integers"),
    ],
)
def test_text_at_fault(tmp_path, module, argument, message):
    attributes = f"attributes {module} " if module else ""
    (tmp_path / "a.mlir").write_text(f"module {attributes}{{\n  func.func @main(%x: {argument}) {{\n    return\n  }}\n}}\n")
    require_fault(lepton("compile", tmp_path / "a.mlir", "-o", tmp_path / "a.so"), INPUT, tmp_path / "a.mlir", message)
    (tmp_path / "a.mlir").write_text("module {}\n")
    require_fault(lepton("compile", tmp_path / "a.mlir", "-o", tmp_path / "a.so"), INPUT, "no function @main")


def test_text_of_large_constants(tmp_path):
    """Whole in a file, which is a model again; without the weights where it is for reading, which is then no model."""
    weights = np.random.default_rng(0).standard_normal((4, 300)).astype(np.float32)
    shapes = ({"x": (TensorProto.FLOAT, ["N", 4])}, {"y": (TensorProto.FLOAT, ["N", 300])})
    path = save(tmp_path / "m.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")], *shapes, {"w": weights})
    np.save(tmp_path / "x.npy", np.ones((2, 4), np.float32))
    for phase in ("import", "graph"):
        text = tmp_path / f"{phase}.mlir"
        assert lepton("compile", path, f"--compile-to={phase}", "-o", text).returncode == OK
        result = lepton("run", text, "--input", f"x={tmp_path / 'x.npy'}", "--output-dir", tmp_path)
        assert result.returncode == OK, result.stderr
        assert np.allclose(np.load(tmp_path / "y.npy"), weights.sum(0), atol=1e-5)
        text.write_text(lepton("compile", path, f"--compile-to={phase}").stdout)
        require_fault(lepton("run", text, "--random-inputs=0"), INPUT, text, "lacks the data of its large constants", "-o FILE.mlir")


def test_long_chain_of_unknown_sizes(tmp_path):
    """Verifiers look at few of the ops before theirs: neither the stack nor the time grows with the length of a chain."""
    ops = [f"%{i} = lepton.neg %{i - 1 if i else 'x'} : (tensor<?xf32>) -> tensor<?xf32>" for i in range(20_000)]
    lines = ["func.func @main(%x: tensor<?xf32>) -> tensor<?xf32> {", *ops, "return %19999 : tensor<?xf32>", "}"]
    (tmp_path / "chain.mlir").write_text("\n".join(lines))
    result = lepton("compile", tmp_path / "chain.mlir", "--compile-to=import")
    assert result.returncode == OK, result.stderr
    assert result.stdout.count("lepton.neg") == 20_000


def test_locations_name_the_nodes(tmp_path, model):
    for phase in PHASES:
        result = lepton("compile", model, f"--compile-to={phase}", "--mlir-print-debuginfo")
        assert all(f'loc("{node}"' in result.stdout for node in ("product", "relu")), phase
    assert "loc(" not in lepton("compile", model, "--compile-to=import").stdout


def test_phase_in_a_file_of_another_kind(tmp_path, model):
    for name in ("a.so", "a.o", "a.ll"):
        result = lepton("compile", model, "--compile-to=kernel", "-o", tmp_path / name)
        require_fault(result, USAGE, "after the phase 'kernel'", ".mlir")
    assert files(tmp_path) == ["small.onnx"]


def test_dump_phases(tmp_path, model):
    assert lepton("compile", model, "-o", tmp_path / "a.so", f"--dump-phases={tmp_path / 'dump'}").returncode == OK
    assert files(tmp_path / "dump") == [f"{i}-{phase}.mlir" for i, phase in enumerate(PHASES)]
    (tmp_path / "usual").mkdir()
    assert (tmp_path / "dump").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_timing(tmp_path, model):
    """One report, in which each phase holds its passes."""
    result = lepton("compile", model, "-o", tmp_path / "a.so", "--mlir-timing")
    assert result.returncode == OK and result.stderr.count("Execution time report") == 1
    rows = re.findall(r"^.*%\)( +)(\S.*)", result.stderr, re.MULTILINE)
    assert [name for indent, name in rows if len(indent) == 2] == [*PHASES, "object", "Rest", "Total"]
    assert ("    ", "FormKernels") in rows


def require_small(runnable, folder, *flags):
    np.save(folder / "rows.npy", ROWS)
    result = lepton("run", runnable, "--input", f"x={folder / 'rows.npy'}", "--output-dir", folder / "out", *flags)
    assert result.returncode == OK and result.stdout.startswith("y: float32[2, 3]\n"), result.stderr
    np.testing.assert_allclose(np.load(folder / "out/y.npy"), small_result(ROWS), rtol=1e-6)


def test_run_model_and_artifact(tmp_path, model):
    require_small(model, tmp_path, "-O0")
    require_small(model, tmp_path, "--repeat=3")
    assert lepton("compile", model, "-o", tmp_path / "small.so").returncode == OK
    model.unlink()
    require_small(tmp_path / "small.so", tmp_path, "--threads=2")


def test_shared_library_that_is_no_artifact(tmp_path):
    library = tmp_path / "other.so"
    subprocess.run([CLANG, "-shared", "-xc", "/dev/null", "-o", library], check=True)
    require_fault(lepton("run", library, "--random-inputs=0"), INPUT, library, "no artifact")


@pytest.mark.parametrize("bytes_kept", [3, 40, 100, 5000, -9000])
def test_truncated_artifact(tmp_path, model, bytes_kept):
    library = tmp_path / "small.so"
    assert lepton("compile", model, "-o", library).returncode == OK
    library.write_bytes(library.read_bytes()[:bytes_kept])
    require_fault(lepton("run", library, "--random-inputs=0"), INPUT, library)


def test_standard_output_that_is_full(model):
    for arguments in (["compile", model, "--compile-to=graph"], ["inspect", model], ["run", model, "--random-inputs=0"]):
        with open("/dev/full", "w") as full:
            result = subprocess.run([LEPTON, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=SECONDS)
        assert result.returncode == INPUT and result.stderr.startswith("error: standard output"), result.stderr


def test_phases_that_cannot_be_dumped(tmp_path, model):
    result = lepton("compile", model, "-o", tmp_path / "a.so", f"--dump-phases={model / 'dump'}")
    require_fault(result, INPUT, "0-import.mlir", "cannot be written")
    assert files(tmp_path) == ["small.onnx"]


def test_texts(tmp_path, model):
    for ending, part in (("s", "lepton_entry"), ("ll", "target triple"), ("mlir", "lepton."), ("h", "lepton_artifact_api")):
        assert lepton("compile", model, "-o", tmp_path / f"a.{ending}").returncode == OK
        assert part in (tmp_path / f"a.{ending}").read_text()
    assert files(tmp_path) == ["a.h", "a.ll", "a.mlir", "a.s", "small.onnx"]


@pytest.mark.parametrize(
    "flags, feature",
    [
        (["--cpu=x86-64-v2"], "popcnt"),
        (["--cpu=x86-64-v3"], "avx2"),
        (["--cpu=znver5"], "avxvnni"),
        (["--cpu=sapphirerapids"], "avx512fp16"),
        (["--target=aarch64-linux-gnu", "--cpu=neoverse-n1"], "dotprod"),
    ],
    ids=str,
)
def test_artifact_requires_what_its_processor_has(tmp_path, model, flags, feature):
    """Whatever the processor has may be in the code, so the runtime has to ask for all of it."""
    assert lepton("compile", model, *flags, "-o", tmp_path / "a.ll").returncode == OK
    required = re.findall(r'c"([a-z0-9.]+(?:,[a-z0-9.]+)+)\\00"', (tmp_path / "a.ll").read_text())
    assert len(required) == 1 and feature in required[0].split(","), required


def test_shared_library_needs_the_c_library_alone(tmp_path, model):
    library = tmp_path / "small.so"
    assert lepton("compile", model, "-o", library).returncode == OK
    listing = subprocess.run(["ldd", library], check=True, capture_output=True, text=True).stdout
    needed = {line.split()[0].split("/")[-1] for line in listing.splitlines()}
    assert needed <= {"linux-vdso.so.1", "libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"}
    assert files(tmp_path) == ["small.h", "small.onnx", "small.so"]
    assert library.stat().st_size < 60_000  # of the runtime what the model needs


def run_client(folder, libraries, *flags, prefix=()):
    """Builds run_small.c with an artifact and the header beside it; its output as an array."""
    program = folder / "client"
    warnings = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    command = [CLANG, *warnings, *flags, f"-I{folder}", CLIENT, *libraries, "-lm", f"-Wl,-rpath,{folder}", "-o", program]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    ran = subprocess.run([*prefix, program], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    return np.array(ran.stdout.split(), np.float32).reshape(2, 3)


@pytest.mark.parametrize("ending", ["so", "a"])
def test_c_program(tmp_path, model, ending):
    artifact = tmp_path / f"small.{ending}"
    assert lepton("compile", model, "-o", artifact).returncode == OK
    np.testing.assert_allclose(run_client(tmp_path, [artifact]), small_result(ROWS), rtol=1e-5)


def test_object_links_with_the_runtime(tmp_path, model):
    """An object holds the model alone; the runtime is an archive of the build."""
    assert lepton("compile", model, "-o", tmp_path / "small.o").returncode == OK
    libraries = [tmp_path / "small.o", ROOT / "build/lib/x86_64/liblepton_rt.a"]
    np.testing.assert_allclose(run_client(tmp_path, libraries), small_result(ROWS), rtol=1e-5)


@pytest.mark.parametrize("ending", ["so", "a"])
@pytest.mark.parametrize("arch", ["aarch64", "riscv64"])
def test_other_architectures(tmp_path, model, arch, ending):
    root = f"/usr/{arch}-linux-gnu"
    artifact = tmp_path / f"small.{ending}"
    result = lepton("compile", model, f"--target={arch}-linux-gnu", "-o", artifact)
    assert result.returncode == OK, result.stderr
    # The cross C library alone, without the start-up files and libraries of a cross compiler.
    start = [f"{root}/lib/{file}" for file in ("crt1.o", "crti.o", "crtn.o")]
    flags = [f"--target={arch}-linux-gnu", f"-isystem{root}/include", "-fuse-ld=lld", "-nostdlib", "-no-pie", f"-L{root}/lib", *start, "-lc"]
    outputs = run_client(tmp_path, [artifact], *flags, prefix=emulator_of(arch))
    np.testing.assert_allclose(outputs, small_result(ROWS), rtol=1e-5)
    if ending == "so":
        require_fault(lepton("run", artifact, "--random-inputs=0"), INPUT, artifact, "another architecture")
        for verb in (["run", "--random-inputs=0"], ["inspect"]):
            require_fault(lepton(*verb, model, f"--target={arch}-linux-gnu"), INPUT, model, "another architecture")


def test_tensor_proto_files(tmp_path, model):
    """A .pb input gives what the .npy gives, and --output-format=pb writes it back as a TensorProto."""
    x = np.arange(8, dtype=np.float32).reshape(2, 4)
    (tmp_path / "x.pb").write_bytes(onnx.numpy_helper.from_array(x, "x").SerializeToString())
    done = lepton("run", model, "--input", f"x={tmp_path / 'x.pb'}", "--output-dir", tmp_path, "--output-format=pb")
    assert done.returncode == 0, done.stderr
    tensor = TensorProto.FromString((tmp_path / "y.pb").read_bytes())
    np.testing.assert_allclose(onnx.numpy_helper.to_array(tensor), small_result(x), rtol=1e-6)


def test_ops_lists_what_the_importer_takes():
    result = lepton("ops")
    assert result.returncode == OK
    rows = {tuple(cell.strip() for cell in line.split("|")[1:5]) for line in result.stdout.splitlines() if line.startswith("| ")}
    assert ("ai.onnx", "Clip", "1", "") in rows and ("ai.onnx", "Clip", "11", "") in rows
    assert ("com.microsoft", "FusedConv", "1", "yes") in rows
    assert any(row[:2] == ("ai.onnx", "GroupNormalization") and row[3] == "yes" for row in rows)
    domains = ("", "ai.onnx.ml")
    standard = {(schema.domain or "ai.onnx", schema.name) for schema in onnx.defs.get_all_schemas_with_history() if schema.domain in domains}
    assert standard <= {row[:2] for row in rows}


def test_ops_tells_types_and_limits():
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lepton("ops").stdout.splitlines() if line.startswith("| ")]
    limits, types = ({(row[0], row[1], row[2]): row[column] for row in lines} for column in (4, 5))
    assert types["ai.onnx", "Gemm", "1"] == "T: floats, int32, int64, uint32, uint64"
    assert types["ai.onnx", "Reshape", "5"].startswith("T: floats, ints, uints, float8s, bool") and types["ai.onnx", "Reshape", "5"].endswith("; shape: int64")
    assert types["ai.onnx", "SequenceLength", "11"].startswith("S: seq(ints, uints, bool, complex128, complex64, double")
    assert "optional(seq(floats, " in types["ai.onnx", "If", "1"] and "map(int64, float), " in types["ai.onnx.ml", "CastMap", "1"]
    assert "complex" in types["ai.onnx", "Reshape", "5"] and "complex" not in types["ai.onnx", "Add", "1"]
    assert "string" in types["ai.onnx", "Gather", "1"] and "string" not in types["ai.onnx", "Resize", "11"]
    assert "int4" in types["ai.onnx", "Cast", "6"] and types["ai.onnx", "Upsample", "7"]
    assert "rank" in limits["ai.onnx", "If", "1"] and "WebP" in limits["ai.onnx", "ImageDecoder", "20"]
    assert "packed" in limits["com.microsoft", "RotaryEmbedding", "1"] and limits["ai.onnx", "Relu", "1"] == ""
    assert all(row[5] for row in lines if row[0] != "com.microsoft" and row[1] != "SimplifiedLayerNormalization")
