"""Kernels of a GPU in the emulator of test/gpu, beside the same model on the CPU."""

import numpy as np

import lepton
from common import difference

TOLERANCE = 1e-5  # of an output's scale; sums in another order


def inputs_of(session, sizes, seed=0):
    """Standard normal floats and small integers for all inputs; `sizes` are those of named dimensions."""
    random = np.random.default_rng(seed)
    feed = {}
    for value in session.get_inputs():
        shape = [dim if isinstance(dim, int) else sizes[dim] for dim in value.shape]
        is_float = value.type == "tensor(float)"
        feed[value.name] = random.standard_normal(shape).astype(np.float32) if is_float else random.integers(0, 40, shape).astype(np.int32)
    return feed


def require_agreement(model, library, sizes=()):
    cpu, emulated = lepton.InferenceSession(model), lepton.InferenceSession(library)
    feed = inputs_of(cpu, dict(sizes))
    for expected, result in zip(cpu.run(None, feed), emulated.run(None, feed), strict=True):
        assert difference(expected, result) <= TOLERANCE
