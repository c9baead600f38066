"""Where an artifact has its constants: --weights=embed, file (one copy in memory for all processes) and section (pages of their own)."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from onnx import TensorProto, helper

from common import CLANG, ROOT, SECONDS, emulator_of, lepton, save, save_small, small_result
from test_artifact_security import keys  # noqa: F401 (a fixture)
from test_artifacts import ROWS, build_and_run, compile_to

OBJCOPY, READELF = "/usr/lib/llvm-22/bin/llvm-objcopy", "/usr/lib/llvm-22/bin/llvm-readelf"
PAGE = 1 << 16
HEADER = 128  # bytes in front of a file's constants

# program [FILE [data]]: the file of constants, whose name or, behind `data`, whose content the session gets.
PROGRAM = """
#include "small.h"
#include <stdio.h>
static _Alignas(64) char data[4096];
int main(int count, char **arguments) {
  float x[8] = {1, 2, 3, 4, -1, 0, 1, 2}, y[6];
  int64_t shape[2] = {2, 4};
  lepton_tensor in = {x, shape, LEPTON_FLOAT, 2, sizeof x}, out = {y, NULL, LEPTON_FLOAT, 2, sizeof y};
  lepton_options options = {sizeof(lepton_options), 1, NULL, NULL, count == 2 ? arguments[1] : NULL, NULL, 0};
  lepton_session *session;
  lepton_error error;
  FILE *file = count > 2 ? fopen(arguments[1], "rb") : NULL;
  if (file) {
    options.weights_data = data;
    options.weights_bytes = fread(data, 1, sizeof data, file);
  }
  if (small_create(&options, &session, &error) || small_run(session, &in, &out, &error)) {
    puts(error.message);
    return 1;
  }
  for (unsigned i = 0; i < 6; ++i)
    printf("%g ", y[i]);
  small_api()->session_destroy(session);
  return 0;
}
"""


def run(artifact, **where):
    """What the command line makes of ROWS."""
    folder = artifact.parent
    np.save(folder / "rows.npy", ROWS)
    result = lepton("run", artifact, f"--input=x={folder}/rows.npy", f"--output-dir={folder}/out", **where)
    assert result.returncode == 0, result.stderr
    return np.load(folder / "out/y.npy")


def require_refused(result, *parts, status=1):
    assert result.returncode == status and result.stdout == "" and result.stderr.startswith("error: ") and result.stderr.count("\n") == 1, result.stderr
    for part in parts:
        assert part in result.stderr


@pytest.fixture
def artifact(tmp_path):
    return compile_to(tmp_path, save_small(tmp_path / "small.onnx"), "small.so", "--weights=file")


# ---- file ----------------------------------------------------------------------------------------------------------


def test_library_and_file(tmp_path, artifact):
    """Found from any folder, by a link to the artifact, and after both have moved."""
    weights = tmp_path / "small.weights"
    assert weights.read_bytes()[:8] == b"LEPTONW\0" and weights.stat().st_size > HEADER
    expected = small_result(ROWS)
    np.testing.assert_allclose(run(artifact), expected, rtol=1e-6)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/link.so").symlink_to(artifact)
    np.testing.assert_allclose(run(tmp_path / "elsewhere/link.so"), expected, rtol=1e-6)
    moved = tmp_path / "with space"
    moved.mkdir()
    for file in (artifact, weights):
        file.rename(moved / file.name)
    np.testing.assert_allclose(run(moved / "small.so"), expected, rtol=1e-6)


@pytest.mark.parametrize("ending", ["a", "o", "so"])
def test_c_program(tmp_path, ending):
    artifact = compile_to(tmp_path, save_small(tmp_path / "small.onnx"), f"small.{ending}", "--weights=file")
    assert '#define SMALL_WEIGHTS_FILE "small.weights"' in (tmp_path / "small.h").read_text()
    parts = [artifact] + ([ROOT / "build/lib/x86_64/liblepton_rt.a"] if ending == "o" else [])
    expected = small_result(ROWS).ravel()
    result = build_and_run(tmp_path, PROGRAM, [CLANG, f"-I{tmp_path}"], *parts, f"-Wl,-rpath,{tmp_path}")
    np.testing.assert_allclose(np.array(result.stdout.split(), float), expected, rtol=1e-5)
    (tmp_path / "small.weights").rename(tmp_path / "another name")
    result = subprocess.run([tmp_path / "program", tmp_path / "another name"], capture_output=True, text=True, timeout=SECONDS)
    np.testing.assert_allclose(np.array(result.stdout.split(), float), expected, rtol=1e-5)
    result = subprocess.run([tmp_path / "program"], capture_output=True, text=True, timeout=SECONDS)
    assert result.returncode == 1 and f"'{tmp_path}/small.weights': No such file or directory; put the file" in result.stdout


def test_program(tmp_path):
    """The program is found by its file, whatever it is called by."""
    program = compile_to(tmp_path, save_small(tmp_path / "small.onnx"), "small", "--emit=exe", "--weights=file")
    for command in ([program], ["./small"]):
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS)
        assert result.stdout == "y: float32[1,3]\n", result.stderr
    result = subprocess.run(["small"], executable=program, cwd="/", capture_output=True, text=True, timeout=SECONDS)
    assert result.stdout == "y: float32[1,3]\n", result.stderr


def test_other_architecture(tmp_path):
    model = save_small(tmp_path / "small.onnx")
    for arch in ("aarch64", "riscv64"):
        program = compile_to(tmp_path, model, f"small-{arch}", "--emit=exe", "--weights=file", f"--target={arch}-linux-gnu")
        result = subprocess.run([*emulator_of(arch), program], capture_output=True, text=True, timeout=SECONDS)
        assert result.stdout == "y: float32[1,3]\n", result.stderr


def test_code_for_several_processors(tmp_path):
    """Each has its own layout of the constants, and so its own file."""
    artifact = compile_to(tmp_path, save_small(tmp_path / "small.onnx"), "small.so", "--weights=file", "--cpu=x86-64-v2,x86-64-v3")
    assert {path.name for path in tmp_path.glob("*.weights")} == {"small.x86-64-v2.weights", "small.x86-64-v3.weights"}
    np.testing.assert_allclose(run(artifact), small_result(ROWS), rtol=1e-6)


SHARER = """
import re, sys
import numpy as np
import lepton
session = lepton.InferenceSession(sys.argv[1])
session.run(None, {"x": np.ones((1, 2048), np.float32)})
print("ready", flush=True)
sys.stdin.readline()
smaps = open("/proc/self/smaps").read()
entry = re.search(r"^\\S+ (\\S+) .*[.]weights\\n((?:\\w+:.*\\n)+)", smaps, re.MULTILINE)
sizes = dict(re.findall(r"(\\w+): +(\\d+) kB", entry[2]))
print(entry[1], *(sizes[name] for name in ("Rss", "Pss", "Private_Dirty")), flush=True)
sys.stdin.readline()
"""


def test_two_processes_one_copy(tmp_path):
    weights = np.random.default_rng(1).standard_normal((2048, 2048), np.float32)
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    model = save(tmp_path / "m.onnx", [node], {"x": (TensorProto.FLOAT, [1, 2048])}, {"y": (TensorProto.FLOAT, [1, 2048])}, {"w": weights})
    artifact = compile_to(tmp_path, model, "m.so", "--weights=file")
    assert artifact.stat().st_size < weights.nbytes / 8 < weights.nbytes <= (tmp_path / "m.weights").stat().st_size
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "build/python")}
    command = [sys.executable, "-c", SHARER, str(artifact)]
    sharers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(2)]
    try:
        assert [sharer.stdout.readline() for sharer in sharers] == ["ready\n"] * 2  # both have used all of the constants
        for sharer in sharers:
            print("measure", file=sharer.stdin, flush=True)
            access, resident, share, own = sharer.stdout.readline().split()
            assert access == "r--s" and int(own) == 0
            assert int(resident) * 1024 >= weights.nbytes and int(share) <= int(resident) * 0.51
    finally:
        for sharer in sharers:
            sharer.communicate("end\n")


def test_files_at_fault(tmp_path, artifact):
    weights = tmp_path / "small.weights"
    whole = weights.read_bytes()

    def refuse(*parts):
        require_refused(lepton("run", artifact, "--random-inputs=1"), "the constants of model 'small'", str(weights), *parts)

    for content, reason in (
        (whole[:-1], "is truncated; copy it again"),
        (whole[:50], "is no file of constants"),
        (b"", "is no file of constants"),
        (b"something else entirely" * 20, "is no file of constants"),
        (whole[:8] + b"\x09" + whole[9:], "was written by another version of Lepton"),
        (whole[:24] + b"0" * 64 + whole[88:], "belongs to another build of the model"),
    ):
        weights.write_bytes(content)
        refuse(reason)
    weights.unlink()
    refuse("No such file or directory; put the file 'small.weights' there")
    weights.mkdir()
    refuse("cannot be read")


def test_file_of_another_model(tmp_path, artifact):
    value = (TensorProto.FLOAT, [3])
    nodes = [helper.make_node("Mul", ["a", "c"], ["b"])]
    other = save(tmp_path / "other.onnx", nodes, {"a": value}, {"b": value}, {"c": np.array([1, 2, 3], np.float32)})
    compile_to(tmp_path, other, "other.so", "--weights=file")
    (tmp_path / "other.weights").rename(tmp_path / "small.weights")
    require_refused(lepton("run", artifact, "--random-inputs=1"), "belongs to another build of the model", "put the file there")


def test_nothing_is_left_of_what_cannot_be_written(tmp_path):
    model = save_small(tmp_path / "small.onnx")
    (tmp_path / "new.weights").mkdir()
    require_refused(lepton("compile", model, "-o", tmp_path / "new.so", "--weights=file"), "new.weights")
    assert {path.name for path in tmp_path.iterdir()} == {"small.onnx", "new.weights"}


def test_signed(tmp_path, artifact, keys):  # noqa: F811
    """The signature is over the artifact, which has the hash of the file."""
    private, public = keys[0]
    weights = tmp_path / "small.weights"
    assert lepton("sign", artifact, f"--key={private}").returncode == 0
    check = ["run", artifact, "--random-inputs=1", f"--verify-key={public}"]
    assert lepton(*check).returncode == 0
    whole = weights.read_bytes()
    weights.write_bytes(whole[:HEADER] + bytes([whole[HEADER] ^ 1]) + whole[HEADER + 1 :])
    require_refused(lepton(*check), "not the file that was signed with it", str(weights))
    weights.unlink()
    require_refused(lepton(*check), str(weights), "No such file or directory")


def test_same_bytes_again(tmp_path):
    model = save_small(tmp_path / "small.onnx")
    made = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        compile_to(tmp_path / folder, model, "small.so", "--weights=file")
        made.append([path.read_bytes() for path in sorted((tmp_path / folder).iterdir())])
    assert len(made[0]) == 3 and made[0] == made[1]


# ---- section -------------------------------------------------------------------------------------------------------


def section(path):
    """(address, size) of .lepton.weights."""
    text = subprocess.run([READELF, "-SW", path], check=True, capture_output=True, text=True).stdout
    address, size = re.search(r"[.]lepton[.]weights +PROGBITS +(\w+) \w+ (\w+)", text).groups()
    return int(address, 16), int(size, 16)


def test_section_has_pages_of_its_own(tmp_path):
    model = save_small(tmp_path / "small.onnx")
    artifact = compile_to(tmp_path, model, "small.so", "--weights=section")
    address, size = section(artifact)
    assert address % PAGE == 0 and size == PAGE
    np.testing.assert_allclose(run(artifact), small_result(ROWS), rtol=1e-6)
    assert section(compile_to(tmp_path, model, "embed.so", "--weights=embed"))[1] < PAGE


def test_section_is_replaced_by_tools(tmp_path):
    artifact = compile_to(tmp_path, save_small(tmp_path / "small.onnx"), "small.so", "--weights=section")
    dump = tmp_path / "dump"
    subprocess.run([OBJCOPY, f"--dump-section=.lepton.weights={dump}", artifact], check=True)
    dump.write_bytes(bytes(dump.stat().st_size))
    subprocess.run([OBJCOPY, f"--update-section=.lepton.weights={dump}", artifact, tmp_path / "zero.so"], check=True)
    np.testing.assert_array_equal(run(tmp_path / "zero.so"), np.ones((2, 3), np.float32))  # relu(0 + 1): 1 is in the code
    np.testing.assert_allclose(run(artifact), small_result(ROWS), rtol=1e-6)


# ---- what is said --------------------------------------------------------------------------------------------------


def test_inspect(tmp_path):
    model = save_small(tmp_path / "small.onnx")
    for place, words in {"embed": "bytes\n", "section": "bytes on pages of their own\n", "file": "bytes in the file small.weights\n"}.items():
        artifact = compile_to(tmp_path, model, "small.so", f"--weights={place}")
        assert re.search(r"^weights +\d+ " + words, lepton("inspect", artifact).stdout, re.MULTILINE)
        said = json.loads(lepton("inspect", artifact, "--json").stdout)
        assert said["weights"] == place and said["weights_file"] == ("small.weights" if place == "file" else None)
        assert (said["weights_sha256"] is None) == (place != "file")


def test_wrong_use(tmp_path):
    model = save_small(tmp_path / "small.onnx")

    def refuse(output, *arguments):
        return lepton("compile", model, "-o", tmp_path / output, *arguments)

    require_refused(refuse("a.so", "--weights=cloud"), "unknown --weights=cloud; there are embed, file and section", status=2)
    require_refused(refuse("a.so", "--weights=file", "--target=cuda"), "--weights=file is for CPUs", status=2)
    require_refused(refuse("a.weights", "--weights=file", "--emit=shared"), "is the name of the file of constants", status=2)


def test_python(tmp_path):
    code = f"""
import lepton, numpy as np
lepton.compile("{save_small(tmp_path / "small.onnx")}", "{tmp_path}/small.so", weights="file")
print(lepton.InferenceSession("{tmp_path}/small.so").run(None, {{"x": np.ones((1, 4), np.float32)}})[0].tolist())
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "build/python")}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS, env=environment)
    assert result.returncode == 0, result.stderr
    np.testing.assert_allclose(json.loads(result.stdout), small_result(np.ones((1, 4), np.float32)), rtol=1e-6)
    assert (tmp_path / "small.weights").exists()
