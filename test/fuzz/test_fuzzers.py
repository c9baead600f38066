"""Whatever bytes are read, what reads them ends in words: libFuzzer on the importer, the dialect's parser, the files of
tensors, the tuning database and the loader of artifacts.

Each goes over its kept corpus (corpora.py) and what is made below, and then on from there. `make test` does so for seconds, without seeing which branches an input
takes; with LEPTON_FUZZER_SECONDS the fuzzers that see them, built by `make fuzzers`, run for that long each, with LEPTON_TEST_FULL for a minute. What was found lies
in build/fuzzers: in NAME the corpus that the next such run goes on from, beside it the input of a failure.
"""

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import numpy_helper

import corpora
from lepton_tune import database

TEST = Path(__file__).resolve().parent.parent
FOUND = corpora.BUILD / "fuzzers"
FULL = "LEPTON_TEST_FULL" in os.environ
SEES_BRANCHES = FULL or "LEPTON_FUZZER_SECONDS" in os.environ
SECONDS = int(os.environ.get("LEPTON_FUZZER_SECONDS", 60 if FULL else 5))
LARGEST = 4096  # bytes of what is made below: what is short is tried often


def models(folder):
    """The hostile ones, without those that are large."""
    cases = folder.parent / "cases"
    subprocess.run([sys.executable, TEST / "hostile/cases.py", cases], check=True, stdout=subprocess.DEVNULL)
    for model in cases.glob("*/model/model.onnx"):
        if model.is_file() and model.stat().st_size <= LARGEST:
            (folder / model.parent.parent.name).write_bytes(model.read_bytes())


def tensors(folder):
    """A byte for the type that is expected, then the file."""
    for dtype in (np.float32, np.int8, np.bool_, np.complex64, np.float16, np.int64):
        array = np.arange(6).reshape(2, 3).astype(dtype)
        proto = numpy_helper.from_array(array)
        np.save(folder / "array.npy", array)
        content = (folder / "array.npy").read_bytes()
        (folder / "array.npy").unlink()
        for ending, data in {"npy": content, "pb": proto.SerializeToString()}.items():
            (folder / f"{np.dtype(dtype).name}.{ending}").write_bytes(bytes([proto.data_type]) + data)


def databases(folder):
    """An empty one, and one with a kernel; of small pages."""
    for name, rows in {"none": [], "one": [("0123456789abcdef", '#lepton.target<cpu = "znver4">', 1, "0.1.0", "k", '["#lepton.schedule<unroll = 4>"]', 2.0, 1.0)]}.items():
        with contextlib.closing(sqlite3.connect(folder / name)) as connection:
            connection.execute("PRAGMA page_size = 512")
            connection.execute(f"PRAGMA application_id = {database.APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {database.FORMAT}")
            connection.executescript(database.SCHEMA)
            connection.executemany("INSERT INTO tuned VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            connection.commit()


def modules(folder):
    """What the tests of the passes and of the dialect are about."""
    for file in sorted(TEST.glob("dialects/**/*.mlir")) + sorted(TEST.glob("passes/*.mlir")):
        for i, part in enumerate(file.read_text().split("// -----")):
            if len(part) <= LARGEST:
                (folder / f"{file.stem}-{i}").write_text(part)


def artifacts(folder):
    """64 bytes where the signature goes, then a shared library: its head, and all of a small one."""
    library = folder / "library.so"
    subprocess.run(["clang-22", "-shared", "-nostdlib", "-x", "c", "-", "-o", library, "-s"], input="int lepton_artifact_api(void) { return 0; }", text=True, check=True)
    content = library.read_bytes()
    library.unlink()
    for name, size in {"all": len(content), "head": 512}.items():
        (folder / name).write_bytes(bytes(64) + content[:size])


SEEDS = {"importer": models, "text_parser": modules, "tensor_files": tensors, "tuning_database": databases, "artifact_loader": artifacts}


@pytest.mark.parametrize("name", SEEDS)
def test_fuzzer(name, tmp_path):
    seeds, found = tmp_path / "seeds", FOUND / name if SEES_BRANCHES else tmp_path / "found"
    seeds.mkdir()
    found.mkdir(parents=True, exist_ok=True)
    FOUND.mkdir(exist_ok=True)
    SEEDS[name](seeds)
    corpora.unpack(name, seeds)
    # Without branches, no input would seem worth to go on from.
    program = [corpora.BUILD / f"test/bin/{name}_fuzzer"] if SEES_BRANCHES else [corpora.BUILD / f"test/bin/{name}_fuzzer_plain", "-keep_seed=1"]
    command = [*program, f"-max_total_time={SECONDS}", *corpora.LIMITS, f"-artifact_prefix={FOUND / name}-", "-print_final_stats=1", found, seeds]
    result = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=SECONDS + 120)
    assert result.returncode == 0, result.stderr[-4000:]
    runs = int(result.stderr.split("stat::number_of_executed_units:")[1].split()[0])
    print(f"{name}: {runs} inputs in {SECONDS} s")
    assert runs > 100
