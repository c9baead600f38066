"""ONNX's backend suite: every test of backend_passes.txt passes, without optimization and with all of it.

A sample of them is run, and the whole suite with LEPTON_TEST_FULL: then passes that are not listed are printed too.
"""

import pytest

import backend_suite
from common import FULL

SHARDS = 8
SAMPLE = 8  # every eighth listed test


def test_list_names_tests_of_the_suite():
    listed = backend_suite.listed()
    assert listed == sorted(set(listed))
    assert set(listed) <= set(backend_suite.load_cases())


@pytest.mark.parametrize("shard", range(SHARDS))
def test_listed_tests_pass(shard):
    listed = backend_suite.listed()
    names = (sorted(backend_suite.load_cases()) if FULL else listed[::SAMPLE])[shard::SHARDS]
    results = backend_suite.run(backend_suite.load_cases(), names, jobs=1)
    new = [name for name, levels in results.items() if not any(levels.values()) and name not in listed]
    if new:
        print("pass, but are not listed in backend_passes.txt (backend_suite.py --update adds them):", *new, sep="\n  ")
    expected = set(listed)
    lost = backend_suite.failures({name: levels for name, levels in results.items() if name in expected})
    assert not lost, "\n" + "\n".join(lost)
