"""What the README, SECURITY.md and the pages of docs/ show is true.

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
from typing import NamedTuple

import pytest

from common import ROOT

FENCE = re.compile(r"^( *)```(\w+)(?: (\S+))?\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
ENDINGS = {"c": ".c", "cpp": ".cpp", "cmake": ".txt", "js": ".mjs", "rust": ".rs"}
WORDS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    begin: int  # in the page
    language: str
    place: str  # an environment, or a file of the tree; empty: none
    text: str


def blocks_of(page):
    return [Block(found.start(), found[2], found[3] or "", re.sub(rf"^{found[1]}", "", found[4], flags=re.MULTILINE)) for found in FENCE.finditer(page)]


PAGES = {name: (ROOT / name).read_text() for name in ("README.md", "SECURITY.md", *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md"))))}
BLOCKS = {name: blocks for name, page in PAGES.items() if (blocks := blocks_of(page))}
ELSEWHERE = [(name, place) for name, blocks in BLOCKS.items() for place in sorted({block.place for block in blocks if block.place and "/" not in block.place})]


class Terminal:
    """Runs commands one after the other, in the folder and the environment that the last block of commands left."""

    def __init__(self, memory):
        self.folder, self.memory = ROOT, memory
        self.environment = {**os.environ, "PYTHONPATH": "build/python", "PATH": f"{ROOT}/build/venv/bin:{os.environ['PATH']}"}

    def run(self, *command):
        result = subprocess.run(command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=200)
        assert result.returncode == 0, result.stdout
        return result.stdout

    def run_block(self, block):
        if block.language == "python":
            return self.run("python", "-c", block.text)
        output = self.run("bash", "-euo", "pipefail", "-c", f"{block.text}\nenv -0 >'{self.memory}'")
        self.environment = dict(entry.split("=", 1) for entry in self.memory.read_text().split("\0") if entry)
        self.folder = Path(self.environment["PWD"])
        return output


def require_shown(wanted, output):
    checker, example = doctest.OutputChecker(), doctest.Example("", wanted)
    assert checker.check_output(wanted, output, WORDS), checker.output_difference(example, output, WORDS)


@pytest.mark.parametrize("page", BLOCKS)
def test_blocks(page, tmp_path):
    terminal, output = Terminal(tmp_path / "environment"), ""
    for block in BLOCKS[page]:
        if "/" in block.place:
            assert block.text in (ROOT / block.place).read_text(), f"{block.place} no longer has what {page} shows of it:\n{block.text}"
        elif block.language == "text":
            require_shown(block.text, output)
        elif block.language in ENDINGS:
            named = re.findall(rf"`(\S+\{ENDINGS[block.language]})`", PAGES[page][: block.begin])
            (terminal.folder / named[-1]).write_text(block.text)
        elif not block.place:
            assert block.language in ("sh", "python"), f"{page} has a block of {block.language}, which nothing tests"
            output = terminal.run_block(block)


@pytest.mark.parametrize("page, place", ELSEWHERE)
def test_blocks_of_other_environments(page, place, tmp_path):
    python = ROOT / "build" / place / "bin/python"
    if not python.exists():
        pytest.skip(f"there is no build/{place}")
    for block in BLOCKS[page]:
        if block.place == place:
            subprocess.run([python, "-c", block.text], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT / "build/python")}, check=True, timeout=300)


def test_names_on_the_page_for_developers_exist():
    """Paths of the tree are there, and other names in `code` are in a file that is no page."""
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    sources = "\n".join((ROOT / name).read_text(errors="replace") for name in tracked if not name.endswith(".md") and (ROOT / name).is_file())
    prose = FENCE.sub("", PAGES["docs/adding.md"])
    names = [name.removesuffix("(...)") for name in re.findall(r"`([^`]+)`", prose)]
    assert len(names) > 50
    absent = [name for name in names if not ((ROOT / name).exists() if "/" in name and " " not in name else name in sources)]
    assert not absent, f"docs/adding.md names what is not there: {', '.join(absent)}"


def anchors_of(page):
    """What GitHub makes of the headings of a page: equal ones are counted."""
    anchors = []
    for heading in re.findall(r"^#+ (.*)$", FENCE.sub("", page), re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        anchors.append(f"{anchor}-{earlier}" if (earlier := sum(re.fullmatch(rf"{anchor}(-\d+)?", other) is not None for other in anchors)) else anchor)
    return anchors


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    broken = []
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)", FENCE.sub("", PAGES[page])):
        if not target.startswith(("http:", "https:")):
            path = (ROOT / page).parent / target if target else ROOT / page
            if not path.exists() or (anchor and anchor not in anchors_of(path.read_text())):
                broken.append(f"{target}#{anchor}")
    assert not broken, f"{page} links to what is not there: {', '.join(broken)}"
