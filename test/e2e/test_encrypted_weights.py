"""Constants that only a key opens: lepton compile --weights=file --weights-key, and the same key for loading."""

import hmac
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from onnx import TensorProto, helper

from chacha20_poly1305 import decrypt, encrypt
from common import CLANG, ROOT, SECONDS, lepton, save, save_small, small_result
from test_artifact_security import keys  # noqa: F401 (a fixture)
from test_artifacts import ROWS, compile_to
from test_weights import HEADER, PROGRAM, require_refused

CHUNK, TAG = 1 << 16, 16
WEIGHTS = np.random.default_rng(7).standard_normal((100, 500), np.float32)  # four chunks
ROW = np.random.default_rng(8).standard_normal((1, 100), np.float32)


def save_wide(path, weights=WEIGHTS):
    shapes = ({"x": (TensorProto.FLOAT, [1, 100])}, {"y": (TensorProto.FLOAT, [1, 500])})
    return save(path, [helper.make_node("MatMul", ["x", "w"], ["y"])], *shapes, {"w": weights})


@pytest.fixture
def key(tmp_path):
    subprocess.run(["openssl", "rand", "-out", tmp_path / "key", "32"], check=True)
    return tmp_path / "key"


@pytest.fixture
def artifact(tmp_path, key):
    return compile_to(tmp_path, save_wide(tmp_path / "wide.onnx"), "wide.so", "--weights=file", f"--weights-key={key}")


def run(artifact, key):
    folder = artifact.parent
    np.save(folder / "x.npy", ROW)
    result = lepton("run", artifact, f"--input=x={folder}/x.npy", f"--output-dir={folder}/out", f"--weights-key={key}")
    assert result.returncode == 0, result.stderr
    return np.load(folder / "out/y.npy")


def chunks_of(content, size):
    return enumerate(content[i : i + size] for i in range(HEADER, len(content), size))


def key_of_file(header, key):
    """HKDF-Expand of RFC 5869."""
    return hmac.digest(key.read_bytes(), header[88:120] + b"\1", "sha256")


def decrypted(file, key):
    """What the file was before, by the format that docs/library.md tells."""
    content = file.read_bytes()
    header = content[:HEADER]
    assert header[:8] == b"LEPTONX\0"
    own = key_of_file(header, key)
    constants = b"".join(decrypt(own, i.to_bytes(12, "little"), chunk, header) for i, chunk in chunks_of(content, CHUNK + TAG))
    return b"LEPTONW\0" + header[8:88] + bytes(40) + constants


def encrypted(content, key):
    header = b"LEPTONX\0" + content[8:88] + os.urandom(32) + content[120:HEADER]
    own = key_of_file(header, key)
    return header + b"".join(encrypt(own, i.to_bytes(12, "little"), chunk, header) for i, chunk in chunks_of(content, CHUNK))


def test_the_second_way_is_right():
    """RFC 8439, 2.8.2."""
    text = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
    sealed = bytes.fromhex(
        "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
        "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"
    )
    associated, nonce = bytes.fromhex("50515253c0c1c2c3c4c5c6c7"), bytes.fromhex("070000004041424344454647")
    assert decrypt(bytes(range(0x80, 0xA0)), nonce, sealed, associated) == text
    assert encrypt(bytes(range(0x80, 0xA0)), nonce, text, associated) == sealed
    with pytest.raises(ValueError, match="tag"):
        decrypt(bytes(range(0x80, 0xA0)), nonce, sealed, associated + b"\0")


@pytest.mark.parametrize("level", ["-O0", "-O3"])
def test_right_answer_and_nothing_to_read(tmp_path, key, level):
    """The artifact is the same as without a key, and the file holds what it would hold."""
    model = save_wide(tmp_path / "wide.onnx")
    for folder in ("plain", "sealed"):
        (tmp_path / folder).mkdir()
    plain = compile_to(tmp_path / "plain", model, "wide.so", level, "--weights=file")
    sealed = compile_to(tmp_path / "sealed", model, "wide.so", level, "--weights=file", f"--weights-key={key}")
    assert sealed.read_bytes() == plain.read_bytes()
    np.testing.assert_allclose(run(sealed, key), ROW @ WEIGHTS, rtol=1e-4, atol=1e-4)
    constants = plain.with_suffix(".weights").read_bytes()
    assert decrypted(sealed.with_suffix(".weights"), key) == constants
    pieces = {constants[i : i + 8] for i in range(HEADER, len(constants) - 8, 8)} - {bytes(8)}
    assert len(pieces) > 20_000
    for file in (sealed, sealed.with_suffix(".weights")):
        content = file.read_bytes()
        assert not pieces & {content[i : i + 8] for i in range(len(content))}


def test_no_two_files_are_encrypted_alike(tmp_path, key):
    model = save_wide(tmp_path / "wide.onnx")
    compile_to(tmp_path, model, "a.so", "--weights=file", f"--weights-key={key}")
    compile_to(tmp_path, model, "b.so", "--weights=file", f"--weights-key={key}", "--cpu=x86-64-v2,x86-64-v3")
    files = [path.read_bytes() for path in tmp_path.glob("*.weights")]
    assert len(files) == 3 and len({content[88:120] for content in files}) == 3
    assert len({content[i : i + 16] for content in files for i in range(HEADER, len(content), 16)}) == sum((len(content) - HEADER + 15) // 16 for content in files)
    np.testing.assert_allclose(run(tmp_path / "b.so", key), ROW @ WEIGHTS, rtol=1e-4, atol=1e-4)


# ---- who holds the key ---------------------------------------------------------------------------------------------


def test_without_the_key(tmp_path, artifact, key):
    require_refused(lepton("run", artifact, "--random-inputs=1"), "wide.weights' is encrypted; load the artifact by liblepton, with its key (--weights-key)")
    (tmp_path / "other").write_bytes(os.urandom(32))
    require_refused(lepton("run", artifact, "--random-inputs=1", f"--weights-key={tmp_path}/other"), str(tmp_path / "wide.weights"), "is encrypted with another key")
    assert lepton("inspect", artifact, f"--weights-key={key}").returncode == 0


def test_keys_that_are_none(tmp_path, artifact):
    for content in (b"", bytes(31), bytes(33), b"0" * 64):
        (tmp_path / "none").write_bytes(content)
        for command in (["run", artifact, "--random-inputs=1"], ["compile", tmp_path / "wide.onnx", "-o", tmp_path / "new.so", "--weights=file"]):
            require_refused(lepton(*command, f"--weights-key={tmp_path}/none"), "holds no key for constants, which has 32 bytes; make one with `openssl rand")
    require_refused(lepton("run", artifact, "--random-inputs=1", f"--weights-key={tmp_path}/absent"), "absent cannot be read: No such file")
    assert not list(tmp_path.glob("new*"))


def test_key_from_a_pipe(artifact, key):
    """Where a store of secrets hands it over, no file has it."""
    command = [ROOT / "build/bin/lepton", "run", artifact, "--random-inputs=1", "--weights-key=/dev/stdin"]
    result = subprocess.run(command, input=key.read_bytes(), capture_output=True, timeout=SECONDS)
    assert result.returncode == 0, result.stderr


def test_where_there_is_nothing_to_encrypt(tmp_path, key):
    model, flag = save_small(tmp_path / "small.onnx"), f"--weights-key={key}"
    require_refused(lepton("run", model, "--random-inputs=1", flag), "is no artifact, of which alone constants are encrypted; leave out --weights-key")
    for place in ("embed", "section"):
        require_refused(lepton("compile", model, "-o", tmp_path / "a.so", f"--weights={place}", flag), "add --weights=file", status=2)
    require_refused(lepton("compile", model, "-o", tmp_path / "a", "--emit=exe", "--weights=file", flag), "a program reads its constants without a key", status=2)
    artifact = compile_to(tmp_path, model, "small.so")
    require_refused(lepton("run", artifact, "--random-inputs=1", flag), "has its constants in itself, not encrypted; leave out --weights-key")
    artifact = compile_to(tmp_path, model, "small.so", "--weights=file")
    require_refused(lepton("run", artifact, "--random-inputs=1", flag), "is not encrypted, though there is a key")


# ---- files at fault ------------------------------------------------------------------------------------------------


def flip(content, at):
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def test_changed_files(tmp_path, artifact, key):
    weights = tmp_path / "wide.weights"
    whole, second = weights.read_bytes(), HEADER + CHUNK + TAG
    swapped = whole[:HEADER] + whole[second : second + CHUNK + TAG] + whole[HEADER:second] + whole[second + CHUNK + TAG :]
    first, later = "is encrypted with another key than the one given, or was changed", "was changed after it was encrypted"
    for content, reason in (
        (flip(whole, 9), "was written by another version of Lepton"),
        (flip(whole, 30), "belongs to another build of the model"),
        (flip(whole, 100), first),
        (flip(whole, 125), first),
        (flip(whole, HEADER + 5), first),
        (flip(whole, HEADER + CHUNK), first),
        (swapped, first),
        (flip(whole, second), later),
        (flip(whole, len(whole) - 1), later),
        (whole[:second] + whole[HEADER:second] + whole[second + CHUNK + TAG :], later),
        (whole[:-1], "is truncated"),
        (whole[:second], "is truncated"),
        (whole[:HEADER], "is truncated"),
        (flip(whole, 16), "belongs to another build of the model"),
        (whole[:HEADER] + whole[HEADER + TAG :], "is truncated"),
        (whole + b"\0", "is longer than it was written"),
        (whole[: HEADER - 1], "is truncated"),
        (b"something else entirely" * 20, "is no file of constants"),
    ):
        weights.write_bytes(content)
        require_refused(lepton("run", artifact, "--random-inputs=1", f"--weights-key={key}"), f"has its constants in {weights}, which {reason}")
    weights.unlink()
    require_refused(lepton("run", artifact, "--random-inputs=1", f"--weights-key={key}"), "cannot be read: No such file")


def test_file_of_another_build(tmp_path, artifact, key):
    compile_to(tmp_path, save_wide(tmp_path / "other.onnx", 2 * WEIGHTS), "other.so", "--weights=file", f"--weights-key={key}")
    (tmp_path / "other.weights").rename(tmp_path / "wide.weights")
    require_refused(lepton("run", artifact, "--random-inputs=1", f"--weights-key={key}"), "belongs to another build of the model", "put the file there")


def test_signed(tmp_path, artifact, key, keys):  # noqa: F811
    """Whoever has the key can encrypt other constants, under the hash that the artifact names; whoever signs says which are right."""
    private, public = keys[0]
    assert lepton("sign", artifact, f"--key={private}").returncode == 0
    check = ["run", artifact, "--random-inputs=1", f"--verify-key={public}"]
    require_refused(lepton(*check), "is encrypted; give the key: --weights-key=FILE")
    check.append(f"--weights-key={key}")
    assert lepton(*check).returncode == 0
    (tmp_path / "other").mkdir()
    other = compile_to(tmp_path / "other", save_wide(tmp_path / "other.onnx", 2 * WEIGHTS), "wide.so", "--weights=file")
    changed = other.with_suffix(".weights").read_bytes()
    named = (tmp_path / "wide.weights").read_bytes()[24:88]
    (tmp_path / "wide.weights").write_bytes(encrypted(changed[:24] + named + changed[88:], key))
    assert lepton(*check[:3], check[4]).returncode == 0
    require_refused(lepton(*check), "is not the file that was signed with it")


# ---- other callers -------------------------------------------------------------------------------------------------

def test_c_program_that_decrypts_by_itself(tmp_path, key):
    archive = compile_to(tmp_path, save_small(tmp_path / "small.onnx"), "small.a", "--weights=file", f"--weights-key={key}")
    (tmp_path / "program.c").write_text(PROGRAM)
    subprocess.run([CLANG, "-Wall", "-Werror", f"-I{tmp_path}", tmp_path / "program.c", archive, "-lm", "-o", tmp_path / "program"], check=True)
    (tmp_path / "decrypted").write_bytes(decrypted(tmp_path / "small.weights", key))

    def run(*arguments):
        return subprocess.run([tmp_path / "program", *arguments], capture_output=True, text=True, timeout=SECONDS).stdout

    np.testing.assert_allclose(np.array(run(tmp_path / "decrypted", "data").split(), float), small_result(ROWS).ravel(), rtol=1e-5)
    assert "small.weights' is encrypted; load the artifact by liblepton" in run()
    assert "what weights_data of the options points to is encrypted" in run(tmp_path / "small.weights", "data")


SESSION = """
import os, sys
import numpy as np
import lepton
lepton.compile(sys.argv[1], sys.argv[2], weights="file", weights_key=sys.argv[3])
session = lepton.InferenceSession(sys.argv[2], weights_key=sys.argv[3])
print(session.run(None, {"x": np.load(sys.argv[4])})[0].tolist(), flush=True)
sys.stdin.readline()
"""


def test_memory_of_a_session(tmp_path, key):
    """The key is wiped once it was used; the constants are in memory that no core dump has and nobody writes."""
    np.save(tmp_path / "x.npy", ROW)
    command = [sys.executable, "-c", SESSION, save_wide(tmp_path / "wide.onnx"), tmp_path / "wide.so", key, tmp_path / "x.npy"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT / "build/python")})
    try:
        np.testing.assert_allclose(json.loads(process.stdout.readline()), ROW @ WEIGHTS, rtol=1e-4, atol=1e-4)
        header, holders = decrypted(tmp_path / "wide.weights", key)[:HEADER], []
        secret = key.read_bytes()
        own = key_of_file((tmp_path / "wide.weights").read_bytes()[:HEADER], key)
        with open(f"/proc/{process.pid}/smaps") as maps, open(f"/proc/{process.pid}/mem", "rb") as memory:
            regions = re.findall(r"^(\w+)-(\w+) (\S+) \w+ \S+ (\d+) *(.*)\n(?:[A-Z]\w+:.*\n)*?VmFlags: (.*)\n", maps.read(), re.MULTILINE)
            for begin, end, access, file, name, flags in regions:
                if "r" not in access or name.startswith("[v") or (file != "0" and "w" not in access):
                    continue
                memory.seek(int(begin, 16))
                content = memory.read(int(end, 16) - int(begin, 16))
                assert secret not in content and own not in content
                if content.startswith(header):
                    holders.append((access, flags.split()))
        assert len(regions) > 20 and len(holders) == 1
        assert holders[0][0] == "r--p" and "dd" in holders[0][1]
    finally:
        process.communicate("end\n")
