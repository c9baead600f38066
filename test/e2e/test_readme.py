"""What the README shows is true: its blocks of shell, Python and C are run, in their order."""

import os
import re
import subprocess
import sys

from common import ROOT


def test_first_use():
    text = (ROOT / "README.md").read_text().split("## First use")[1].split("\n## ")[0]
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert [language for language, _ in blocks] == ["sh", "python", "c", "sh"]
    environment = {**os.environ, "PYTHONPATH": "build/python"}
    for language, block in blocks:
        if language == "c":
            (ROOT / "build/first/main.c").write_text(block)
            continue
        command = ["bash", "-euc", block] if language == "sh" else [sys.executable, "-c", block]
        result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200)
        assert result.returncode == 0, result.stderr
