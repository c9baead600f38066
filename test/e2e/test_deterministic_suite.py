"""ONNX's node tests with `--deterministic` (deterministic_suite.py): the same bits on x86-64-v3 and on AArch64, or refused in words. A sample, and all with LEPTON_TEST_FULL."""

import pytest

import backend_suite
import deterministic_suite
from common import FULL

SHARDS = 2
SAMPLE = 50  # every so manieth test


@pytest.mark.parametrize("shard", range(SHARDS))
def test_bits_are_the_same(shard):
    cases = backend_suite.load_cases()
    chosen = deterministic_suite.names(cases)[:: 1 if FULL else SAMPLE][shard::SHARDS]
    results = deterministic_suite.run(cases, chosen)
    failed = [f"{name}: {reason}" for name, reason in results.items() if reason and reason != deterministic_suite.REFUSED]
    assert results and not failed, "\n" + "\n".join(failed)


def test_page_has_every_op():
    """Each op of the tests, with none that failed when the page was written."""
    cases = backend_suite.load_cases()
    expected = set().union(*(deterministic_suite.ops(cases[name].model) for name in deterministic_suite.names(cases)))
    rows = [line.split("|")[1].strip() for line in deterministic_suite.PAGE.read_text().splitlines() if line.startswith("| ")][1:]
    assert rows == sorted(expected)
