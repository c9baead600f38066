"""The system refuses memory: at each allocation of a run in turn, and while the compiler works."""

import resource
import subprocess

import numpy as np
import pytest
from onnx import TensorProto, helper

from common import CLANG, LEPTON, ROOT, SECONDS, lepton, save, save_small

FLOAT, STRING = TensorProto.FLOAT, TensorProto.STRING


def save_sizes(path):
    """Memory whose size only the run knows."""
    nodes = [helper.make_node("NonZero", ["x"], ["n"]), helper.make_node("Transpose", ["n"], ["t"], perm=[1, 0]), helper.make_node("GatherND", ["x", "t"], ["y"])]
    return save(path, nodes, {"x": (FLOAT, ["N", 64])}, {"y": (FLOAT, ["M"])})


def save_sequence(path):
    nodes = [
        helper.make_node("SequenceConstruct", ["x", "x", "x"], ["s"]),
        helper.make_node("SequenceInsert", ["s", "x"], ["t"]),
        helper.make_node("ConcatFromSequence", ["t"], ["y"], axis=0),
    ]
    return save(path, nodes, {"x": (FLOAT, ["N", 8])}, {"y": (FLOAT, [None, 8])})


def save_texts(path):
    nodes = [helper.make_node("StringConcat", ["x", "x"], ["t"]), helper.make_node("StringNormalizer", ["t"], ["y"], case_change_action="UPPER")]
    return save(path, nodes, {"x": (STRING, ["N"])}, {"y": (STRING, ["N"])})


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    path = tmp_path_factory.mktemp("refuse") / "refuse"
    command = [CLANG, "-std=gnu11", "-O1", "-fno-builtin", "-Wall", f"-I{ROOT}/runtime/core", ROOT / "test/e2e/refuse.c", "-rdynamic", "-ldl", "-pthread", "-o", path]
    subprocess.run(command, check=True)
    return path


@pytest.mark.parametrize("write", [save_small, save_sizes, save_sequence, save_texts], ids=lambda write: write.__name__[5:])
def test_refused_at_each_allocation(program, tmp_path, write):
    result = lepton("compile", write(tmp_path / "m.onnx"), "-o", tmp_path / "m.so")
    assert result.returncode == 0, result.stderr
    done = subprocess.run([program, tmp_path / "m.so"], capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout
    assert int(done.stdout) > 5


@pytest.mark.parametrize("megabytes", [7.6] * 12 + [8, 16, 24, 32, 40, 48, 56, 64])
def test_compiler_with_little_memory(tmp_path, megabytes):
    """Whatever it is that finds no memory, the compiler says so in a line, or has enough.

    With 7.6 MB it is often one of MLIR's own constructors in what malloc gave: addresses are random, so that is tried more than once.
    """
    save_small(tmp_path / "m.onnx")
    (tmp_path / "m.so").write_text("before")

    def limit():
        resource.setrlimit(resource.RLIMIT_DATA, (int(megabytes * 2**20),) * 2)

    result = subprocess.run([LEPTON, "compile", "m.onnx", "-o", "m.so"], cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS, preexec_fn=limit)
    if result.returncode == 0:
        assert lepton("run", tmp_path / "m.so", "--random-inputs=1").returncode == 0
        return
    assert result.returncode == 1 and "memory" in result.stderr and result.stderr.count("\n") == 1, result.stderr
    assert (tmp_path / "m.so").read_text() == "before" and {path.name for path in tmp_path.iterdir()} <= {"m.onnx", "m.so", "m.h"}


@pytest.mark.parametrize(("flag", "said"), [("--max-memory=30M", "of --max-memory; allow more"), ("--max-time=0.001", "of --max-time; allow more")])
def test_bounds_of_a_compilation(tmp_path, flag, said):
    """Each verb that compiles obeys them, and says in which phase it gave up."""
    model = save_small(tmp_path / "m.onnx")
    for verb in (["compile", model, "-o", tmp_path / "m.so"], ["run", model, "--random-inputs=1"], ["inspect", model]):
        result = lepton(*verb, flag)
        assert result.returncode == 1 and result.stdout == "" and result.stderr.count("\n") == 1, result.stderr
        assert said in result.stderr or "more memory than --max-memory grants" in result.stderr
    assert not (tmp_path / "m.so").exists()


@pytest.mark.parametrize("flag", ["--max-memory=none", "--max-memory=0", "--max-memory=99999999999G", "--max-time=-1"])
def test_bounds_that_are_none(tmp_path, flag):
    result = lepton("compile", save_small(tmp_path / "m.onnx"), "-o", tmp_path / "m.so", flag)
    assert result.returncode == 2 and flag.split("=")[0] in result.stderr


def test_bounds_from_python(tmp_path):
    import lepton as api

    model = save_small(tmp_path / "m.onnx")
    for bound, said in ({"max_time": 0.001}, "--max-time"), ({"max_memory": 1 << 20}, "--max-memory"):
        with pytest.raises(ValueError, match=f"phase '.*': the compilation takes .* of {said}"):
            api.InferenceSession(model, **bound)
        with pytest.raises(ValueError, match=said):
            api.compile(model, tmp_path / "m.so", **bound)
    np.testing.assert_equal(api.InferenceSession(model, max_time=600, max_memory=1 << 40).run(None, {"x": np.ones((1, 4), np.float32)})[0].shape, (1, 3))
