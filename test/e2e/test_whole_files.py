"""Disk full, folders that cannot be written, processes that are killed: an error in words, what was there stays, nothing half-written, and the next run works."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from onnx import TensorProto, helper

from common import LEPTON, SECONDS, lepton, save, save_small

FULL = 200 << 10  # bytes on the small disk


def in_small_disk(folder, command):
    """Runs a command in a mount of its own: `folder` is a disk of a few bytes there, with what the folder held. Its files come back to `folder`/kept."""
    kept = folder.parent / "kept"
    shutil.copytree(folder, kept)
    script = f'mount -t tmpfs -o size={FULL} small "$1" && cp -a "$2"/. "$1" && cd "$1" && shift && kept=$1 && shift && "$@"; status=$?; rm -rf "$kept"/* && cp -a . "$kept"; exit $status'
    return kept, subprocess.run(["unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh", folder, kept, *command], cwd=folder, capture_output=True, text=True, timeout=SECONDS)


def require_error(result, *parts):
    assert result.returncode == 1 and result.stderr.startswith("error: ") and result.stderr.count("\n") == 1, result.stderr
    for part in parts:
        assert part in result.stderr


@pytest.fixture
def folder(tmp_path):
    """A model whose weights and outputs are larger than the disk, and files that it would replace."""
    (tmp_path / "disk").mkdir()
    weights = np.random.default_rng(0).standard_normal((4, 40_000)).astype(np.float32)
    shapes = ({"x": (TensorProto.FLOAT, [2, 4])}, {"y": (TensorProto.FLOAT, [2, 40_000])})
    save(tmp_path / "wide.onnx", [helper.make_node("MatMul", ["x", "w"], ["y"])], *shapes, {"w": weights})
    for name in ("m.so", "m.a", "m.o", "m", "m.mlir", "m.mlirbc", "y.npy", "y.pb"):
        (tmp_path / "disk" / name).write_text("before")
    return tmp_path / "disk"


VERBS = {
    **{ending: ["compile", "../wide.onnx", "-o", f"m.{ending}"] for ending in ("so", "a", "o", "mlir", "mlirbc")},
    "exe": ["compile", "../wide.onnx", "--emit=exe", "-o", "m"],
    "npy": ["run", "../wide.onnx", "--random-inputs=1", "--output-dir=."],
    "pb": ["run", "../wide.onnx", "--random-inputs=1", "--output-dir=.", "--output-format=pb"],
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_disk_is_full(folder, verb):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    kept, result = in_small_disk(folder, [LEPTON, *verb])
    require_error(result, "cannot be written", "No space left on device")
    after = {path.name: path.read_bytes() for path in kept.iterdir() if path.is_file()}
    assert after == before
    again = lepton(*verb, cwd=folder)
    assert again.returncode == 0, again.stderr


def as_nobody(command, folder):
    """Without the rights that root has over every folder."""
    return subprocess.run(["setpriv", "--bounding-set=-all", "--inh-caps=-all", *map(str, command)] if os.geteuid() == 0 else command, cwd=folder, capture_output=True, text=True, timeout=SECONDS)


@pytest.mark.parametrize("verb", [VERBS[name] for name in ("so", "exe", "npy", "pb")], ids=["so", "exe", "npy", "pb"])
def test_read_only_folder(folder, verb):
    before = sorted(folder.iterdir())
    folder.chmod(0o555)
    try:
        require_error(as_nobody([LEPTON, *verb], folder), "cannot be", "Permission denied")
    finally:
        folder.chmod(0o755)
    assert sorted(folder.iterdir()) == before and (folder / "m.so").read_text() == "before"


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda sign: sign.name)
def test_killed_while_compiling(folder, sign):
    """At many moments of a compilation: the artifact is the old one or the new one, never a part."""
    begin = time.monotonic()
    (folder / "other").mkdir()
    assert lepton("compile", "../wide.onnx", "-o", "other/m.so", cwd=folder).returncode == 0
    lasts, whole = time.monotonic() - begin, (folder / "other/m.so").read_bytes()
    for moment in range(8):
        process = subprocess.Popen([LEPTON, "compile", "../wide.onnx", "-o", "m.so"], cwd=folder, stderr=subprocess.DEVNULL)
        time.sleep(lasts * (moment + 0.5) / 8)
        process.send_signal(sign)
        process.wait(SECONDS)
        assert (folder / "m.so").read_bytes() in (b"before", whole)
    again = lepton("compile", "../wide.onnx", "-o", "m.so", cwd=folder)
    assert again.returncode == 0, again.stderr
    assert lepton("run", "m.so", "--random-inputs=1", cwd=folder).returncode == 0


def test_killed_while_tuning(tmp_path):
    """The database has what was kept before, is sound, and goes on."""
    save_small(tmp_path / "small.onnx")
    process = subprocess.Popen([LEPTON, "tune", "small.onnx", "--dim=N=64", "--budget=20", "--tuning-db=t.db"], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + SECONDS
    while not (tmp_path / "t.db").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    process.kill()
    process.wait(SECONDS)
    for verb in (["compile", "small.onnx", "--tuning-db=t.db", "-o", "m.so"], ["tune", "small.onnx", "--dim=N=64", "--budget=2", "--tuning-db=t.db"]):
        result = lepton(*verb, cwd=tmp_path)
        assert result.returncode == 0, result.stderr


def test_python_writes_whole_files(tmp_path):
    from lepton.files import write_whole

    write_whole(tmp_path / "file", "first")
    write_whole(tmp_path / "file", "second")
    with pytest.raises(UnicodeEncodeError):
        write_whole(tmp_path / "file", "\ud800")
    with pytest.raises(OSError):
        write_whole(tmp_path / "absent/file", "third")
    assert [path.name for path in tmp_path.iterdir()] == ["file"] and (tmp_path / "file").read_text() == "second"
