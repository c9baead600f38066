"""Matrix products of sizes that select different forms, with right operands that are constant and that are computed, against NumPy in double precision."""

import lepton
import numpy as np
import pytest
from onnx import TensorProto, helper

from common import difference, save

FLOAT = TensorProto.FLOAT
# rows, depth, columns
SIZES = {
    "one_row": (1, 512, 1000),
    "few_rows_of_a_page": (5, 70, 1024),
    "many_rows_of_a_page": (300, 70, 1024),
    "many_rows_of_more_than_a_page": (256, 33, 1050),
    "half_vectors": (64, 33, 24),
    "odd_halves_of_vectors": (50, 48, 40),
    "three_blocks_of_half_vectors": (7, 16, 72),
    "one_column": (40, 300, 1),
}


@pytest.mark.parametrize("level", [0, 3])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("is_constant", [True, False])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_product(tmp_path, sizes, is_constant, threads, level):
    rows, depth, columns = sizes
    random = np.random.default_rng(0)
    a, b = (random.standard_normal(shape).astype(np.float32) for shape in ((rows, depth), (depth, columns)))
    nodes = [helper.make_node("MatMul", ["a", "b"], ["product"], name="product"), helper.make_node("Relu", ["product"], ["y"])]
    inputs = {"a": (FLOAT, [rows, depth])} | ({} if is_constant else {"b": (FLOAT, [depth, columns])})
    path = save(tmp_path / "m.onnx", nodes, inputs, {"y": (FLOAT, [rows, columns])}, {"b": b} if is_constant else {})
    feed = {"a": a} | ({} if is_constant else {"b": b})
    y = lepton.InferenceSession(str(path), opt_level=level, threads=threads).run(None, feed)[0]
    expected = np.maximum(a.astype(np.float64) @ b.astype(np.float64), 0).astype(np.float32)
    assert difference(expected, y) < 1e-6
