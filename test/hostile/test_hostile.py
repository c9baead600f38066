"""Hostile models: each is compiled, run and inspected within 2 GB and 10 seconds, and ends in words that name the place.

Neither is anything read outside of the model's folder, nor written outside of the folder of the outputs.
"""

import ctypes
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "e2e")]
from cases import all_cases  # noqa: E402
from common import CLANG, FULL, LEPTON  # noqa: E402

MEMORY, SECONDS = 2 << 30, 10
CASES = all_cases()


class Watch:
    """Tells of every file that is opened in a folder."""

    OPENED = 0x20  # IN_OPEN

    def __init__(self, folder):
        libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self.descriptor >= 0 and libc.inotify_add_watch(self.descriptor, os.fsencode(folder), self.OPENED) >= 0

    def saw_any(self):
        try:
            return bool(os.read(self.descriptor, 4096))
        except BlockingIOError:
            return False
        finally:
            os.close(self.descriptor)


def lepton(*arguments, cwd):
    def limit():
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))

    command = [str(part) for part in (LEPTON, *arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, timeout=SECONDS, preexec_fn=limit)


def said(result):
    """What a command that failed said: lines that begin with `error: `, and nothing else."""
    text = result.stderr.decode(errors="replace")
    assert result.returncode in (0, 1), text[-2000:]
    assert (result.returncode == 0) == (text == ""), text[-2000:]
    assert not text or text.startswith("error: "), text[:2000]
    assert not re.search(r"'?tensor<|!lepton\.|'[fiu]+\d+'", text), text[:2000]  # types are those of ONNX
    return text


def check(case, text, mayPass):
    if text or not mayPass:
        assert text and re.search(case.says, text, re.DOTALL), f"{case.says!r} is not in {text[:2000]!r}"


def test_there_are_many():
    assert len(CASES) >= 300


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_hostile(case, tmp_path):
    case.write(tmp_path)
    outside = tmp_path / "outside"
    before = sorted(tmp_path.rglob("*"))
    watch = Watch(outside) if outside.is_dir() else None

    inputs = []
    for name, array in case.inputs.items():
        np.save(tmp_path / f"{name}.npy", array)
        inputs.append(f"--input={name}={name}.npy")
    compiled = said(lepton("compile", "model/model.onnx", "-o", "a.so", *case.flags, cwd=tmp_path))
    sound = not case.says
    run = inspected = compiled
    if FULL or sound or case.at != "compile":  # all three read a model in the same way
        run = said(lepton("run", "model/model.onnx", "--random-inputs=1", *inputs, "--output-dir=out", *case.flags, cwd=tmp_path))
    if FULL:
        inspected = said(lepton("inspect", "model/model.onnx", *case.flags, cwd=tmp_path))
    check(case, compiled, mayPass=sound or case.at != "compile")
    check(case, inspected, mayPass=sound or case.at != "compile")
    check(case, run, mayPass=sound or re.search(case.says, "") is not None)
    if sound:
        assert compiled + run + inspected == ""
    if case.at == "run":
        assert compiled + inspected == ""
    assert not (watch and watch.saw_any())
    made = {path.relative_to(tmp_path).parts[0] for path in set(tmp_path.rglob("*")) - set(before)}
    assert made <= {"a.so", "a.h", "out"} | {f"{name}.npy" for name in case.inputs}
    if (tmp_path / "a.h").exists():
        (tmp_path / "main.c").write_text('#include "a.h"\n')
        syntax = subprocess.run([CLANG, "-std=c11", "-Wall", "-Werror", "-fsyntax-only", "main.c"], cwd=tmp_path, capture_output=True, text=True)
        assert syntax.returncode == 0, syntax.stderr
