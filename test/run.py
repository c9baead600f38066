"""Runs the test suites and sums them up: test/run.py [--full] [SUITE...]

Suites: lint, unit (ctest), lit, frontend, e2e, torch, tensorflow, fuzz and hostile (pytest); all of them when none is named. With --full, LEPTON_TEST_FULL=1 tells the
tests to leave nothing out. The last line is `N passed, N failed, N skipped`; the status is 0 when something ran and
nothing failed.
"""

import argparse
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
BIN = BUILD / "venv" / "bin"
REPORTS = BUILD / "test-reports"
JOBS = str(os.cpu_count() or 1)


def pytest(place, *options, environment="venv"):
    """The command of a pytest suite; None where its environment is not installed, as that of `make frameworks` may be."""
    python = BUILD / environment / "bin/python"
    return [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "--timeout=900", ROOT / place] if python.exists() else None


def suites():
    """Name -> (command, the option that names its JUnit report)."""
    return {
        "lint": (pytest("test/lint"), "--junitxml"),
        "unit": ([BIN / "ctest", "--test-dir", BUILD, "--output-on-failure", "--timeout", "600"], "--output-junit"),
        "lit": ([BIN / "lit", "-sv", "-j", JOBS, BUILD / "test"], "--xunit-xml-output"),
        "frontend": (pytest("test/frontend", "-n", JOBS), "--junitxml"),
        "e2e": (pytest("test/e2e", "-n", JOBS, "--dist", "worksteal"), "--junitxml"),
        # Both frameworks in one process are more than LLVM, which both have, takes.
        "torch": (pytest("test/frameworks/test_torch.py", environment="frameworks"), "--junitxml"),
        "tensorflow": (pytest("test/frameworks/test_tensorflow.py", environment="frameworks"), "--junitxml"),
        "fuzz": (pytest("test/fuzz", "-n", JOBS), "--junitxml"),
        "hostile": (pytest("test/hostile", "-n", JOBS), "--junitxml"),
    }


def count(report):
    """Counts the test cases of a JUnit report by outcome."""
    counts = Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        outcomes = {child.tag for child in case}
        if outcomes & {"failure", "error"}:
            counts["failed"] += 1
        elif "skipped" in outcomes:
            counts["skipped"] += 1
        else:
            counts["passed"] += 1
    return counts


def run_suite(name, command, report_option):
    """Runs one suite and returns its counts. A suite that dies without saying what failed is itself one failure."""
    report = REPORTS / f"{name}.xml"
    report.unlink(missing_ok=True)
    print(f"\n== {name}", flush=True)
    begin = time.monotonic()
    status = subprocess.run([str(part) for part in [*command, report_option, report]], cwd=ROOT).returncode
    try:
        counts = count(report)
    except (OSError, ElementTree.ParseError):
        print(f"{name}: no report was written", file=sys.stderr)
        counts = Counter()
    if status != 0 and counts["failed"] == 0:
        print(f"{name}: exit status {status}, though no test failed", file=sys.stderr)
        counts["failed"] += 1
    print(f"== {name}: {summary(counts)} in {time.monotonic() - begin:.0f} s", flush=True)
    return counts


def summary(counts):
    return f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="leave nothing out")
    parser.add_argument("suites", nargs="*", metavar="SUITE")
    arguments = parser.parse_args()
    unknown = set(arguments.suites) - set(suites())
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(suites())}")

    if arguments.full:
        os.environ["LEPTON_TEST_FULL"] = "1"
    os.environ["PYTHONPATH"] = str(BUILD / "python")
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    REPORTS.mkdir(parents=True, exist_ok=True)

    total = Counter()
    for name, (command, report_option) in suites().items():
        if command and (not arguments.suites or name in arguments.suites):
            total += run_suite(name, command, report_option)
    print(f"\n{summary(total)}", flush=True)
    return 0 if total["passed"] and not total["failed"] else 1


if __name__ == "__main__":
    sys.exit(main())
