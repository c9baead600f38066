"""What the README and the pages of docs/ show is true.

The words behind a fence say what becomes of its block:

    sh, python       it is run, in the order of the page; what it exports and the folder it goes to hold for the blocks behind it, as in a terminal
    python NAME      the same, by the environment build/NAME, on its own
    text             it is what the block before it printed; `...` stands for anything
    c, cpp, ...      it goes to the file that the page names last before it
    LANGUAGE FILE    it is a part of that file of the tree
"""

import doctest
import os
import re
import subprocess
from pathlib import Path

import pytest

from common import ROOT

FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ENDINGS = {"c": ".c", "cpp": ".cpp", "cmake": ".txt", "js": ".mjs", "rust": ".rs"}
PAGES = {name: (ROOT / name).read_text() for name in ("README.md", *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md"))))}
SHOWN = [page for page, text in PAGES.items() if FENCE.search(text)]
ELSEWHERE = [(page, place) for page, text in PAGES.items() for place in sorted({place for _, place, _ in FENCE.findall(text) if place and "/" not in place})]
WORDS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Terminal:
    """Runs blocks of commands one after the other: folder and environment are those that the last one left."""

    def __init__(self, memory):
        self.folder, self.memory = ROOT, memory
        self.environment = {**os.environ, "PYTHONPATH": "build/python", "PATH": f"{ROOT}/build/venv/bin:{os.environ['PATH']}"}

    def run(self, command):
        result = subprocess.run(command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=200)
        assert result.returncode == 0, result.stdout
        return result.stdout

    def commands(self, block):
        output = self.run(["bash", "-euc", f"{block}\nenv -0 >'{self.memory}'"])
        self.environment = dict(entry.split("=", 1) for entry in self.memory.read_text().split("\0") if entry)
        self.folder = Path(self.environment["PWD"])
        return output


def require_shown(block, output):
    checker, example = doctest.OutputChecker(), doctest.Example("", block)
    assert checker.check_output(block, output, WORDS), checker.output_difference(example, output, WORDS)


@pytest.mark.parametrize("page", SHOWN)
def test_blocks(page, tmp_path):
    terminal, output = Terminal(tmp_path / "environment"), ""
    for found in FENCE.finditer(PAGES[page]):
        language, place, block = found.groups()
        if place:
            assert "/" not in place or block in (ROOT / place).read_text(), f"{place} has no longer what {page} shows of it:\n{block}"
        elif language == "text":
            require_shown(block, output)
        elif language in ("sh", "python"):
            output = terminal.commands(block) if language == "sh" else terminal.run(["python", "-c", block])
        else:
            named = re.findall(rf"`(\S+\{ENDINGS[language]})`", PAGES[page][: found.start()])
            (terminal.folder / named[-1]).write_text(block)


@pytest.mark.parametrize("page, place", ELSEWHERE)
def test_blocks_of_other_environments(page, place, tmp_path):
    python = ROOT / "build" / place / "bin/python"
    if not python.exists():
        pytest.skip(f"there is no build/{place}")
    for language, where, block in FENCE.findall(PAGES[page]):
        if where == place:
            assert language == "python"
            subprocess.run([python, "-c", block], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT / "build/python")}, check=True, timeout=300)
