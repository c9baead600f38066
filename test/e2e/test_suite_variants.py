"""Variants of ONNX's backend tests (suite_variants.py): all but those listed in variant_failures.txt pass.

A sample of them is run, and all with LEPTON_TEST_FULL: then listed ones that pass are printed too.
"""

import pytest

import backend_suite
import suite_variants
from common import FULL

SHARDS = 4
SAMPLE = 24  # every so manieth test


def test_list_names_tests_of_the_suite():
    listed = list(suite_variants.expected_failures())
    assert listed == sorted(set(listed))
    assert {name for name, _ in listed} <= set(suite_variants.names(backend_suite.load_cases()))


@pytest.mark.parametrize("shard", range(SHARDS))
def test_variants_pass(shard):
    known = suite_variants.expected_failures()
    chosen = suite_variants.names(backend_suite.load_cases())[:: 1 if FULL else SAMPLE][shard::SHARDS]
    results = suite_variants.run(backend_suite.load_cases(), chosen)
    passing = [" ".join(key) for key, reason in results.items() if not reason and key in known]
    if passing:
        print("pass, but are listed in variant_failures.txt (suite_variants.py --update removes them):", *passing, sep="\n  ")
    lost = [f"{name} {variant}: {reason}" for (name, variant), reason in results.items() if reason and (name, variant) not in known]
    assert not lost, "\n" + "\n".join(lost)
