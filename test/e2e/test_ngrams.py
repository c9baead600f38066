"""TfIdfVectorizer on integers and strings, over its attributes, against onnxruntime."""

import itertools

import lepton
import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

RNG = np.random.default_rng(29)


def pool_of(longest):
    """Sequences of 1 to `longest` numbers, and where those of each length begin."""
    pool, counts = [], []
    for length in range(1, longest + 1):
        counts.append(len(pool))
        choices = sorted(set(itertools.product(range(5), repeat=length)))
        for i in RNG.permutation(len(choices))[:5]:
            pool.extend(choices[i])
    return pool, counts


WORDS = np.array(["the", "cat", "", "naïve", "sat"], dtype=object)


@pytest.mark.parametrize("mode", ["TF", "IDF", "TFIDF"])
@pytest.mark.parametrize("dtypes", [(np.int32, np.int64), (object,)])
def test_counts_of_sequences(mode, dtypes):
    for dtype, lengths, skips, weighted in itertools.product(dtypes, ((1, 1), (2, 3), (1, 3)), (0, 2), (False, True)):
        pool, counts = pool_of(3)
        sequences = 15
        places = RNG.permutation(20)[:sequences].tolist()
        attributes = {"mode": mode, "min_gram_length": lengths[0], "max_gram_length": lengths[1], "max_skip_count": skips}
        attributes |= {"ngram_counts": counts, "ngram_indexes": places}
        attributes |= {"pool_strings": WORDS[pool].tolist()} if dtype is object else {"pool_int64s": pool}
        if weighted:
            attributes["weights"] = RNG.uniform(0.5, 2, sequences).tolist()
        x = RNG.integers(0, 5, (3, 12))
        x = WORDS[x] if dtype is object else x.astype(dtype)
        info = helper.make_tensor_value_info("x", helper.np_dtype_to_tensor_dtype(x.dtype), ["batch", "length"])
        node = helper.make_node("TfIdfVectorizer", ["x"], ["y"], name="node", **attributes)
        graph = helper.make_graph([node], "g", [info], [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
        theirs = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        ours = lepton.InferenceSession(model)
        for value in (x, x[:, :2], x[:1]):  # shorter than some sequences, too
            expected = theirs.run(None, {"x": value})[0]
            np.testing.assert_allclose(ours.run(None, {"x": value})[0], expected, rtol=1e-6, err_msg=str(attributes))
