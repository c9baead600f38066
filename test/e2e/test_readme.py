"""What the README and the pages of docs/ show is true: their blocks of commands and programs are run, in their order."""

import os
import re
import subprocess
import sys

import pytest

from common import ROOT

# Page -> its part, the languages of its blocks, and the files that those which are no commands go to.
PAGES = {
    "README.md": ("First use", "sh python python c sh", {"c": "build/first/main.c"}),
    "docs/gpu.md": (None, "sh sh", {}),
    "docs/determinism.md": (None, "sh", {}),
    "docs/wasm.md": (None, "sh js sh", {"js": "build/wasm/magika.mjs"}),
    "docs/coming-from.md": (None, "python python sh", {}),
    "docs/library.md": (
        None,
        "sh cpp cmake sh c sh rust sh sh",
        {
            "cpp": "build/library/spiral.cpp",
            "cmake": "build/library/CMakeLists.txt",
            "c": "build/library/run.c",
            "rust": "build/library/run.rs",
        },
    ),
}


@pytest.mark.parametrize("page", PAGES)
def test_blocks(page):
    part, languages, files = PAGES[page]
    text = (ROOT / page).read_text()
    if part:
        text = text.split(f"## {part}")[1].split("\n## ")[0]
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert [language for language, _ in blocks] == languages.split()
    environment = {**os.environ, "PYTHONPATH": "build/python", "PATH": f"{ROOT}/build/venv/bin:{os.environ['PATH']}"}
    for language, block in blocks:
        if language in files:
            assert part or f"`{files[language]}`" in text
            (ROOT / files[language]).write_text(block)
            continue
        command = ["bash", "-euc", block] if language == "sh" else [sys.executable, "-c", block]
        result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200)
        assert result.returncode == 0, result.stderr
