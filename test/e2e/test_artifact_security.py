"""What the loader and the kernel see of an artifact, and artifacts of strangers: hardening, signatures, audits, other interfaces."""

import hashlib
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from common import CLANG, LEPTON, ROOT, SECONDS, lepton, save_small

READELF = "/usr/lib/llvm-22/bin/llvm-readelf"


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    folder = tmp_path_factory.mktemp("artifact")
    result = lepton("compile", save_small(folder / "small.onnx"), "-o", folder / "small.so")
    assert result.returncode == 0, result.stderr
    return folder / "small.so"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Two pairs of keys: (private, public) each."""
    folder = tmp_path_factory.mktemp("keys")
    pairs = []
    for name in ("ours", "theirs"):
        private, public = folder / f"{name}.pem", folder / f"{name}.pub"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
        pairs.append((private, public))
    return pairs


def copy(artifact, folder):
    (folder / "a.so").write_bytes(artifact.read_bytes())
    return folder / "a.so"


def require_error(result, *parts):
    assert result.returncode == 1 and result.stdout == "" and result.stderr.startswith("error: ") and result.stderr.count("\n") == 1, result.stderr
    for part in parts:
        assert part in result.stderr


# ---- hardening -----------------------------------------------------------------------------------------------------


def elf(path, *flags):
    return subprocess.run([READELF, "-W", *flags, path], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("kind", ["shared", "exe", "aarch64", "riscv64"])
def test_segments_and_relocations(tmp_path, kind):
    """Relocations are read-only once made, the stack is not executable, nothing is both written and executed, and code is not relocated."""
    flags = ["--emit=exe"] if kind == "exe" else [f"--target={kind}-linux-gnu"] if kind != "shared" else []
    path = tmp_path / ("a" if kind == "exe" else "a.so")
    result = lepton("compile", save_small(tmp_path / "small.onnx"), "-o", path, *flags)
    assert result.returncode == 0, result.stderr
    segments = re.findall(r"^\s+(\w+)\s+0x\w+ 0x\w+ 0x\w+ 0x\w+ 0x\w+ ([RWE ]{3}) ", elf(path, "--program-headers"), re.MULTILINE)
    assert len(segments) > 4 and not any("W" in access and "E" in access for _, access in segments)
    assert dict(segments)["GNU_STACK"].strip() == "RW" and "GNU_RELRO" in dict(segments)
    dynamic = elf(path, "--dynamic-table")
    assert "BIND_NOW" in dynamic and "NOW" in dynamic and "TEXTREL" not in dynamic
    assert "RPATH" not in dynamic and "RUNPATH" not in dynamic
    assert kind != "exe" or "PIE" in dynamic


def test_no_memory_is_written_and_executed(tmp_path):
    """Neither while compiling just in time, nor while the model runs."""
    program = """
import sys, numpy, lepton
from pathlib import Path
def require():
    maps = [line.split()[1] for line in Path("/proc/self/maps").read_text().splitlines()]
    assert len(maps) > 20 and not any("w" in access and "x" in access for access in maps), maps
session = lepton.InferenceSession(sys.argv[1], threads=2)
require()
session.run(None, {"x": numpy.ones((2, 4), numpy.float32)})
require()
print("done")
"""
    result = subprocess.run([sys.executable, "-c", program, save_small(tmp_path / "small.onnx")], capture_output=True, text=True, timeout=SECONDS)
    assert result.stdout == "done\n", result.stderr


# ---- artifacts of other makers -------------------------------------------------------------------------------------

OTHER = """
#include "lepton_abi.h"
static const lepton_model model = {VERSION, BYTES, "other"};
static const lepton_api table = {VERSION, sizeof(lepton_api), &model};
const lepton_api *lepton_artifact_api(void) { return &table; }
"""


@pytest.mark.parametrize(("version", "size", "said"), [("99", "sizeof(lepton_model)", "has version 99 of the artifact interface"), ("LEPTON_ABI_VERSION", "16", "made by an older Lepton")])
def test_other_interface(tmp_path, version, size, said):
    (tmp_path / "other.c").write_text(OTHER)
    command = [CLANG, "-shared", "-fPIC", f"-DVERSION={version}", f"-DBYTES={size}", f"-I{ROOT}/runtime/core", tmp_path / "other.c", "-o", tmp_path / "other.so"]
    subprocess.run(command, check=True)
    require_error(lepton("run", tmp_path / "other.so", "--random-inputs=1"), said, "compile the model again")


def test_processor_without_what_is_needed(tmp_path):
    result = lepton("compile", save_small(tmp_path / "small.onnx"), "-o", tmp_path / "small", "--emit=exe", "--cpu=x86-64-v3")
    assert result.returncode == 0, result.stderr
    np.save(tmp_path / "rows.npy", np.ones((2, 4), np.float32))
    done = subprocess.run(["qemu-x86_64", "-cpu", "Nehalem", tmp_path / "small", f"x={tmp_path}/rows.npy"], capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 1 and "this CPU has no" in done.stdout + done.stderr


# ---- signatures ----------------------------------------------------------------------------------------------------


def test_signed_artifact(artifact, keys, tmp_path):
    (private, public), (_, theirs) = keys
    path = copy(artifact, tmp_path)
    require_error(lepton("run", path, "--random-inputs=1", f"--verify-key={public}"), "a.so", "is not signed", "a.so.sig")
    result = lepton("sign", path, f"--key={private}")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert (tmp_path / "a.so.sig").stat().st_size == 64
    for verb in (["run", path, "--random-inputs=1"], ["inspect", path]):
        result = lepton(*verb, f"--verify-key={public}")
        assert result.returncode == 0, result.stderr
        require_error(lepton(*verb, f"--verify-key={theirs}"), "a.so", "is not what the key in", "theirs.pub")
    checked = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", path, "-sigfile", f"{path}.sig"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("change", ["a bit of the artifact", "a bit of the signature", "a short signature", "an empty signature", "a longer artifact"])
def test_changed_after_signing(artifact, keys, tmp_path, change):
    (private, public), _ = keys
    path = copy(artifact, tmp_path)
    assert lepton("sign", path, f"--key={private}").returncode == 0
    changed = tmp_path / ("a.so.sig" if "signature" in change else "a.so")
    content = bytearray(changed.read_bytes())
    if "bit" in change:
        content[len(content) // 2] ^= 1
    elif "longer" in change:
        content += bytes(1)
    else:
        del content[0 if "empty" in change else 63 :]
    changed.write_bytes(content)
    require_error(lepton("run", path, "--random-inputs=1", f"--verify-key={public}"), "a.so", "is not what the key in")


def test_keys_that_are_none(artifact, keys, tmp_path):
    path = copy(artifact, tmp_path)
    (tmp_path / "noise").write_bytes(b"noise")
    subprocess.run(["openssl", "genpkey", "-algorithm", "x25519", "-out", tmp_path / "other.pem"], check=True)
    for key in ("noise", "other.pem"):
        require_error(lepton("sign", path, f"--key={tmp_path / key}"), "holds no private key of Ed25519")
    require_error(lepton("sign", path, f"--key={tmp_path / 'absent'}"), "cannot be read")
    assert not (tmp_path / "a.so.sig").exists()
    (private, _), _ = keys
    assert lepton("sign", path, f"--key={private}").returncode == 0
    require_error(lepton("run", path, "--random-inputs=1", f"--verify-key={private}"), "holds no public key of Ed25519")
    require_error(lepton("sign", tmp_path / "absent.so", f"--key={private}"), "cannot be read")


def test_a_model_is_signed_by_nobody(keys, tmp_path):
    """A key asks for an artifact: what compiles a model in its place would run what nobody vouches for."""
    model = save_small(tmp_path / "small.onnx")
    require_error(lepton("run", model, "--random-inputs=1", f"--verify-key={keys[0][1]}"), "is no artifact")


# ---- audits --------------------------------------------------------------------------------------------------------


def test_audit(artifact, keys, tmp_path):
    """A line of JSON for each artifact that is loaded: file, hash, signer, process."""
    (private, public), _ = keys
    path, log = copy(artifact, tmp_path), tmp_path / "audit.jsonl"
    assert lepton("run", path, "--random-inputs=1", f"--audit={log}").returncode == 0
    assert lepton("sign", path, f"--key={private}").returncode == 0
    program = "import os, sys, lepton; lepton.InferenceSession(sys.argv[1], verify_key=sys.argv[2], audit=sys.argv[3]); print(os.getpid())"
    done = subprocess.run([sys.executable, "-c", program, path, public, log], capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr
    unsigned, signed = [json.loads(line) for line in log.read_text().splitlines()]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert unsigned["file"] == signed["file"] == str(path) and unsigned["sha256"] == signed["sha256"] == digest
    der = subprocess.run(["openssl", "pkey", "-pubin", "-in", public, "-outform", "DER"], check=True, capture_output=True).stdout
    assert unsigned["signer"] is None and signed["signer"] == hashlib.sha256(der).hexdigest()
    assert signed["pid"] == int(done.stdout) and unsigned["program"] == str(LEPTON.resolve())


def test_audit_that_cannot_be_written(artifact, tmp_path):
    """Whoever wants a record of each load gets no load without one."""
    require_error(lepton("run", copy(artifact, tmp_path), "--random-inputs=1", f"--audit={tmp_path}/absent/audit"), "audit", "cannot be written")
