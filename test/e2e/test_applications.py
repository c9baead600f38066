"""Packages whose own code imports onnxruntime give the same answers with Lepton in its place."""

import json
import subprocess
import sys
from pathlib import Path

from common import SECONDS


def answers(package, engine, python=sys.executable):
    command = [python, Path(__file__).parent / "applications.py", package, engine]
    result = subprocess.run(command, capture_output=True, text=True, timeout=2 * SECONDS)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def require_same(results, expected, within):
    """Equal but for the last digits of numbers."""
    if isinstance(expected, list):
        assert len(results) == len(expected)
        for result, value in zip(results, expected):
            require_same(result, value, within)
    else:
        assert abs(results - expected) < within if isinstance(expected, float) else results == expected


def test_magika():
    results = answers("magika", "lepton")
    require_same(results, answers("magika", "onnxruntime"), 1e-4)
    assert [label for label, _ in results] == ["markdown", "cmake", "makefile", "cpp", "python", "toml", "png"]


def test_rapidocr():
    results = answers("rapidocr", "lepton")
    require_same(results, answers("rapidocr", "onnxruntime"), 1e-3)
    assert [text for text, *_ in results] == ["Networks", "become", "machine", "code 2026"]


def test_ddddocr():
    texts, boxes = answers("ddddocr", "lepton")
    assert [texts, boxes] == answers("ddddocr", "onnxruntime")
    assert len(boxes) == 3 and all(texts)
