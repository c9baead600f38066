"""The names of the C++ sources, by clang-tidy. It needs seconds for a file: with LEPTON_TEST_FULL it sees all of them; without, those that changed since
the last commit or in it, then a sample that depends on the commit, until its time is up.
"""

import os
import random
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from test_lint import ROOT, name, require_none, tracked

FULL = "LEPTON_TEST_FULL" in os.environ
SECONDS = 30  # after which no more files are begun
JOBS = os.cpu_count() or 1


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True).stdout.split()


def files_to_check():
    files = {name(file): file for file in tracked(".cpp")}
    if FULL:
        return list(files.values())
    changed = {changed.rsplit(".", 1)[0] + ".cpp" for changed in git("diff", "--name-only", "HEAD") + git("diff", "--name-only", "HEAD~1", "HEAD")}
    rest = sorted(set(files) - changed)
    random.Random(" ".join(git("rev-parse", "HEAD"))).shuffle(rest)
    return [files[file] for file in sorted(changed & set(files)) + rest]


def breaches_of(file):
    system = ["--target=wasm32-wasip1", "-isystem/usr/include/wasm32-wasi"] if file.parent.name == "wasi" else []
    flags = ["-p", ROOT / "build", "--quiet", *(f"--extra-arg={flag}" for flag in system)]
    command = ["clang-tidy-22", *flags, "--checks=-*,readability-identifier-naming", file]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600).stdout.splitlines()
    return {line.replace(f"{ROOT}/", "") for line in lines if ": warning:" in line or ": error:" in line}


@pytest.mark.timeout(7200 if FULL else 900)
def test_names():
    begin = time.monotonic()
    files, breaches = iter(files_to_check()), set()

    def check(_):
        for file in files:
            if not FULL and time.monotonic() - begin > SECONDS:
                return
            breaches.update(breaches_of(file))

    with ThreadPoolExecutor(JOBS) as pool:
        list(pool.map(check, range(JOBS)))
    require_none(sorted(breaches))


def test_names_are_checked(tmp_path):
    """A wrong name is found, so that silence means something."""
    (tmp_path / "bad.cpp").write_text("static int Wrong_Name = 0;\nint rightName() { return Wrong_Name; }\n")
    (tmp_path / "compile_commands.json").write_text("[]")
    command = ["clang-tidy-22", "--quiet", f"--config-file={ROOT / '.clang-tidy'}", "--checks=-*,readability-identifier-naming", tmp_path / "bad.cpp", "--"]
    output = subprocess.run(command, capture_output=True, text=True, timeout=600).stdout
    found = [line for line in output.splitlines() if "warning:" in line]
    assert len(found) == 1 and "invalid case style for variable 'Wrong_Name'" in found[0]
