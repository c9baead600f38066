"""Whole networks by Vulkan, on Mesa's lavapipe, which is threads of the CPU behind the interface of a GPU: they compute the same as code for the CPU."""

import numpy as np
import pytest
from onnx import TensorProto, helper

import lepton
from common import FULL, ROOT, compile_vulkan, save
from emulated import inputs_of, require_agreement

MAGIKA = ROOT / "build/models/magika/models/standard_v3_3/model.onnx"

# A classifier, a generator, a recurrent network and a transformer; and what else a second or two is enough for.
SMALL = ["mnist_b1", "dcgan", "lstm2", "bert4"]
OTHERS = ["bilstm", "crnn", "efficientnet_b0", "gru", "mnist_b32", "mobilenet_v2", "mobilenet_v3_small", "noop", "shufflenet_v2", "squeezenet1_1"]

pytestmark = pytest.mark.usefixtures("lavapipe")


@pytest.mark.parametrize("name", [*SMALL, *OTHERS] if FULL else SMALL)
def test_networks_agree_with_the_cpu(network, tmp_path, name):
    require_agreement(network(name), compile_vulkan(network(name), tmp_path / "model.so"))


@pytest.mark.parametrize("name", SMALL if FULL else ["mnist_b1", "lstm2"])
def test_networks_without_optimizations_agree_with_the_cpu(network, tmp_path, name):
    require_agreement(network(name), compile_vulkan(network(name), tmp_path / "model.so", "-O0"))


def test_a_model_of_unknown_sizes_agrees_with_the_cpu(tmp_path):
    library = compile_vulkan(MAGIKA, tmp_path / "model.so")
    for count in (1, 3):
        require_agreement(MAGIKA, library, {"batch": count, "unk__214": count})


@pytest.mark.parametrize("name", ["mnist_b1", "lstm2"])
def test_replays_and_other_kinds_of_memory_give_the_same_bits(network, tmp_path, lavapipe, name):
    library = compile_vulkan(network(name), tmp_path / "model.so")
    feed, expected = None, None
    for lies in ("", "discrete", "blocks=2"):
        lavapipe.setenv("LEPTON_VULKAN_LIES", lies)
        session = lepton.InferenceSession(library)
        feed = feed or inputs_of(session, {})
        for _ in range(3):  # the second is recorded, the third a replay
            results = session.run(None, feed)
            expected = expected or results
            for first, again in zip(expected, results, strict=True):
                np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("dtype", ["FLOAT16", "BFLOAT16", "DOUBLE", "INT8", "UINT8", "INT16", "INT32", "INT64", "UINT64"])
def test_element_types(tmp_path, dtype):
    """y = x + x, and whether it is greater than x: sums, and bytes that are bools."""
    number = getattr(TensorProto, dtype)
    nodes = [helper.make_node("Add", ["x", "x"], ["y"]), helper.make_node("Greater", ["y", "x"], ["more"])]
    model = save(tmp_path / "add.onnx", nodes, {"x": (number, [5, 7])}, {"y": (number, [5, 7]), "more": (TensorProto.BOOL, [5, 7])})
    x = (np.arange(35).reshape(5, 7) % 11 - 3).astype(helper.tensor_dtype_to_np_dtype(number))
    cpu, gpu = (lepton.InferenceSession(path).run(None, {"x": x}) for path in (model, compile_vulkan(model, tmp_path / "add.so")))
    for expected, result in zip(cpu, gpu, strict=True):
        np.testing.assert_array_equal(expected, result)
