"""Operators of com.microsoft that transformers are made of, over their attributes and optional inputs, against onnxruntime."""

import itertools

import lepton
import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

RNG = np.random.default_rng(21)
BATCH, SEQUENCE, PAST, HEADS, HEAD = 2, 4, 3, 2, 8
HIDDEN = HEADS * HEAD


def real(*shape, scale=1.0):
    return (RNG.standard_normal(shape) * scale).astype(np.float32)


def model_of(op, inputs, outputs, constants=(), **attributes):
    names = ["" if value is None else f"x{i}" for i, value in enumerate(inputs)]
    infos = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for i, (name, value) in enumerate(zip(names, inputs))
        if name and i not in constants
    ]
    node = helper.make_node(op, names, [f"y{i}" if i in outputs else "" for i in range(max(outputs) + 1)], name="node", domain="com.microsoft", **attributes)
    values = [numpy_helper.from_array(inputs[i], f"x{i}") for i in constants if inputs[i] is not None]
    graph = helper.make_graph([node], "g", infos, [helper.make_empty_tensor_value_info(f"y{i}") for i in outputs], values)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()


def check(op, inputs, outputs=(0,), constants=(), tolerance=1e-4, context=None, levels=(0, 3), **attributes):
    model = model_of(op, inputs, outputs, constants, **attributes)
    feed = {f"x{i}": value for i, value in enumerate(inputs) if value is not None and i not in constants}
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    expected = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"]).run(None, feed)
    for level in levels:
        results = lepton.InferenceSession(model, opt_level=level).run(None, feed)
        for wanted, result in zip(expected, results, strict=True):
            assert wanted.shape == result.shape and wanted.dtype == result.dtype, (context, level)
            np.testing.assert_allclose(result.astype(np.float64), wanted.astype(np.float64), rtol=tolerance, atol=tolerance, err_msg=f"{context} {level}")


def masks(total):
    """Masks in every form, of which the first says nothing."""
    flags = (RNG.random((BATCH, total)) < 0.7).astype(np.int32)
    flags[:, 0] = 1
    planes = (RNG.random((BATCH, SEQUENCE, total)) < 0.7).astype(np.int32)
    planes[..., 0] = 1
    return {"none": None, "lengths": np.array([2, 4], np.int32), "spans": np.array([4, 3, 1, 0], np.int32), "flags": flags, "planes": planes}


@pytest.mark.parametrize("mask", ["none", "lengths", "spans", "flags", "planes"])
def test_attention(mask):
    for past, bias, causal in itertools.product((False, True), (False, True), (0, 1)):
        if past and bias:
            continue  # onnxruntime refuses
        total = SEQUENCE + (PAST if past else 0)
        inputs = [real(BATCH, SEQUENCE, 12, scale=0.5), real(12, 3 * HIDDEN, scale=0.5), real(3 * HIDDEN), masks(total)[mask]]
        inputs += [real(2, BATCH, HEADS, PAST, HEAD) if past else None, real(BATCH, HEADS, SEQUENCE, total) if bias else None]
        outputs = (0, 1) if past else (0,)
        check("Attention", inputs, outputs, (1, 2), context=(past, bias, causal), levels=(3,), num_heads=HEADS, unidirectional=causal)


def test_attention_of_several_widths():
    inputs = [real(BATCH, SEQUENCE, 12, scale=0.5), real(12, 2 * HIDDEN + 6, scale=0.5), real(2 * HIDDEN + 6)]
    check("Attention", inputs, constants=(1, 2), num_heads=HEADS, qkv_hidden_sizes=[HIDDEN, HIDDEN, 6], scale=0.3)


@pytest.mark.parametrize("bias", [False, True])
def test_multi_head_attention(bias):
    for mask, past, more, causal in itertools.product(("none", "lengths", "flags", "planes"), (False, True), (False, True), (0, 1)):
        total = SEQUENCE + (PAST if past else 0)
        if past and mask == "lengths":
            continue
        inputs = [real(BATCH, SEQUENCE, HIDDEN) for _ in range(3)] + [real(3 * HIDDEN) if bias else None, masks(total)[mask]]
        inputs += [real(1, HEADS, SEQUENCE, total) if more else None]
        inputs += [real(BATCH, HEADS, PAST, HEAD) if past else None for _ in range(2)]
        context = (mask, past, more, causal)
        check("MultiHeadAttention", inputs, (0, 1, 2) if past else (0,), context=context, levels=(3,), num_heads=HEADS, unidirectional=causal)


def test_multi_head_cross_attention():
    query, key, value = real(BATCH, SEQUENCE, HIDDEN), real(BATCH, 6, HIDDEN), real(BATCH, 6, 2 * 5)
    check("MultiHeadAttention", [query, key, value, real(2 * HIDDEN + 10)], num_heads=HEADS, scale=0.25)
    check("MultiHeadAttention", [query, real(BATCH, HEADS, 6, HEAD), real(BATCH, HEADS, 6, HEAD)], num_heads=HEADS)


@pytest.mark.parametrize("level", [0, 3])
def test_packed_heads(level):
    """onnxruntime takes these apart on other devices only: against the same heads in three inputs."""
    q, k, v = (real(BATCH, SEQUENCE, HEADS, HEAD) for _ in range(3))
    flat = lambda value: value.reshape(BATCH, SEQUENCE, HIDDEN)
    run = lambda inputs: lepton.InferenceSession(model_of("MultiHeadAttention", inputs, (0,), num_heads=HEADS), opt_level=level).run(
        None, {f"x{i}": value for i, value in enumerate(inputs)}
    )[0]
    expected = run([flat(q), flat(k), flat(v)])
    np.testing.assert_allclose(run([flat(q), np.stack([k, v], 3)]), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(run([np.stack([q, k, v], 3)]), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("interleaved", [0, 1])
def test_rotary_embedding(interleaved):
    angles = np.outer(np.arange(9), 0.3 ** np.arange(HEAD // 2)).astype(np.float32)
    caches = [np.cos(angles), np.sin(angles)]
    at = {"offset": np.array([2]), "each": RNG.integers(0, 9, (BATCH, SEQUENCE))}
    for positions, wide in itertools.product(at.values(), (False, True)):
        x = real(BATCH, HEADS, SEQUENCE, HEAD) if wide else real(BATCH, SEQUENCE, HIDDEN)
        check("RotaryEmbedding", [x, positions, *caches], interleaved=interleaved)
    half = [cache[:, :2] for cache in caches]
    check("RotaryEmbedding", [real(BATCH, SEQUENCE, HIDDEN), at["each"], *half], interleaved=interleaved, num_heads=HEADS, rotary_embedding_dim=4)


def test_embed_layer_normalization():
    words, places = RNG.integers(0, 11, (BATCH, SEQUENCE)).astype(np.int32), RNG.integers(0, 7, (BATCH, SEQUENCE)).astype(np.int32)
    segments, mask = (RNG.integers(0, 2, (BATCH, SEQUENCE)).astype(np.int32) for _ in range(2))
    for segment, masked, placed in itertools.product((False, True), repeat=3):
        inputs = [words, segments if segment else None, real(11, HIDDEN), real(7, HIDDEN), real(2, HIDDEN) if segment else None]
        inputs += [real(HIDDEN), real(HIDDEN), mask if masked else None, places if placed else None]
        check("EmbedLayerNormalization", inputs, (0, 1, 2), context=(segment, masked, placed), levels=(3,), epsilon=1e-5)


@pytest.mark.parametrize("shape", [(BATCH, SEQUENCE, HIDDEN), (SEQUENCE, HIDDEN)])
def test_skip_layer_normalization(shape):
    x, skip, gamma, beta, bias = real(*shape), real(*shape), real(HIDDEN), real(HIDDEN), real(HIDDEN)
    for inputs in ([x, skip, gamma], [x, skip, gamma, beta], [x, skip, gamma, beta, bias], [x, skip, gamma, None, bias]):
        check("SkipLayerNormalization", inputs, (0, 3), epsilon=1e-5)
    for inputs in ([x, skip, gamma], [x, skip, gamma, bias]):
        check("SkipSimplifiedLayerNormalization", inputs, (0, 3), epsilon=1e-5)
    check("SkipLayerNormalization", [real(BATCH, SEQUENCE, HIDDEN), real(1, SEQUENCE, HIDDEN), gamma, beta])


def test_fused_mat_mul():
    for ta, tb, ba, bb in itertools.product((0, 1), repeat=4):
        a, b = [3, 4, 5, 6] if not ta else [3, 4, 6, 5], [3, 4, 6, 7] if not tb else [3, 4, 7, 6]
        if ba:  # dimensions 1, 2 and 0 make [3, 4, ..]
            a = [a[2], a[0], a[1], a[3]]
        if bb:
            b = [b[2], b[0], b[1], b[3]]
        inputs = [real(*a), real(*b)]
        check("FusedMatMul", inputs, context=(ta, tb, ba, bb), levels=(3,), alpha=0.5, transA=ta, transB=tb, transBatchA=ba, transBatchB=bb)
    for ta, tb in itertools.product((0, 1), repeat=2):
        check("FusedMatMul", [real(*(4, 6)[:: -1 if ta else 1]), real(*(6, 5)[:: -1 if tb else 1])], transA=ta, transB=tb)


def packed(values, bits):
    """Numbers of 2, 4 or 8 bits along the last dimension in bytes, the lowest first."""
    each = 8 // bits
    values = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, -values.shape[-1] % each)])
    parts = values.reshape(*values.shape[:-1], -1, each).astype(np.uint32) << (bits * np.arange(each, dtype=np.uint32))
    return parts.sum(-1).astype(np.uint8)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_mat_mul_n_bits(bits):
    """The sum over dequantized weights; onnxruntime may round the activations too, hence its tolerance."""
    for k, block, zeros, bias in ((32, 16, None, False), (40, 16, "packed", True), (64, 32, "float", False), (96, 32, "packed", False)):
        n, blocks = 6, -(-k // block)
        codes, scales = RNG.integers(0, 2**bits, (n, blocks * block)), (RNG.random((n, blocks)) * 0.1 + 0.01).astype(np.float32)
        points = RNG.integers(0, 2**bits, (n, blocks)) if zeros else np.full((n, blocks), 2 ** (bits - 1))
        point = {"packed": packed(points, bits).reshape(-1), "float": points.astype(np.float32), None: None}[zeros]
        inputs = [real(3, k), packed(codes, bits).reshape(n, blocks, -1), scales.reshape(-1), point, None, real(n) if bias else None]
        weights = ((codes.reshape(n, blocks, block) - points[..., None]) * scales[..., None]).reshape(n, -1)[:, :k]
        expected = inputs[0] @ weights.T.astype(np.float32) + (inputs[5] if bias else 0)
        constants = (1, 2, 3, 5)
        model = model_of("MatMulNBits", inputs, (0,), constants, K=k, N=n, bits=bits, block_size=block)
        for level in (0, 3):
            result = lepton.InferenceSession(model, opt_level=level).run(None, {"x0": inputs[0]})[0]
            np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)
        if zeros != "float":
            check("MatMulNBits", inputs, constants=constants, tolerance=2e-2, levels=(3,), K=k, N=n, bits=bits, block_size=block)


def test_mat_mul_n_bits_with_groups():
    k, n, block = 32, 5, 16
    codes, scales = RNG.integers(0, 16, (n, k)), RNG.random((n, 2)).astype(np.float32)
    groups = RNG.integers(0, 2, k).astype(np.int32)
    x = real(3, k)
    model = model_of("MatMulNBits", [x, packed(codes, 4).reshape(n, 2, -1), scales.reshape(-1), None, groups], (0,), (1, 2, 4), K=k, N=n, bits=4, block_size=block)
    expected = x @ ((codes - 8) * scales[:, groups]).T.astype(np.float32)
    np.testing.assert_allclose(lepton.InferenceSession(model).run(None, {"x0": x})[0], expected, rtol=1e-4, atol=1e-4)
