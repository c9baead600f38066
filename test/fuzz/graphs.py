"""Random graphs, valid by construction: graph(seed) gives a model and its inputs.

Values stay near unit scale, and no op here turns a small difference into a large one (no comparison or rounding of what was computed), so that the
results of two correct compilers agree.
"""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
LARGEST = 40_000  # elements of a tensor


class Graph:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.initializers, self.inputs, self.feeds = [], [], [], {}
        self.values = []  # (name, shape), all of float32
        self.used = set()
        self.count = 0

    # ---- choices ------------------------------------------------------------------------------------------------------------
    def chance(self, p):
        return self.rng.random() < p

    def pick(self, items):
        return items[int(self.rng.integers(len(items)))]

    def size(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def value(self, rank=None):
        """An existing value, of a rank if one is asked for; recent ones are likelier. None where there is none."""
        fitting = [v for v in self.values if rank is None or len(v[1]) in np.atleast_1d(rank)]
        if not fitting:
            return None
        return fitting[-1 - min(int(self.rng.exponential(2)), len(fitting) - 1)]

    # ---- building -----------------------------------------------------------------------------------------------------------
    def name(self, prefix):
        self.count += 1
        return f"{prefix}{self.count}"

    def constant(self, array):
        name = self.name("c")
        self.initializers.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weight(self, *shape, fan=None):
        return self.constant((self.rng.standard_normal(shape) / np.sqrt(fan or 1)).astype(np.float32))

    def ints(self, *numbers):
        return self.constant(np.array(numbers, np.int64))

    def node(self, op, inputs, shape, **attributes):
        """Adds a node of one float result."""
        if np.prod(shape) > LARGEST or np.prod(shape) == 0:
            return
        name = self.name(op.lower())
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        self.used.update(inputs)
        self.values.append((name, tuple(int(s) for s in shape)))

    def input(self, shape, symbolic):
        name = self.name("x")
        dims = [f"{name}_{i}" if symbolic else s for i, s in enumerate(shape)]
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, dims))
        self.feeds[name] = self.rng.standard_normal(shape).astype(np.float32)
        self.values.append((name, tuple(shape)))

    def model(self):
        outputs = [v for v in self.values if v[0] not in self.used and v[0] not in self.feeds] or self.values[-1:]
        graph = helper.make_graph(
            self.nodes,
            "fuzz",
            self.inputs,
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * len(shape)) for name, shape in outputs],
            self.initializers,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)


# ---- one function per op or family: adds nodes to the graph, or nothing where no value fits ----------------------------------


def unary(g):
    x, shape = g.value()
    op = g.pick(["Relu", "Sigmoid", "Tanh", "Neg", "Abs", "Erf", "Softplus", "HardSwish", "LeakyRelu", "Elu", "Mish", "Sin", "Softsign", "Identity"])
    g.node(op, [x], shape)


def bounded_exp(g):
    x, shape = g.value()
    g.node("Tanh", [x], shape)
    g.node("Exp", [g.values[-1][0]], shape)


def clip(g):
    x, shape = g.value()
    g.node("Clip", [x, g.constant(np.float32(-0.5)), g.constant(np.float32(g.rng.uniform(0, 2)))], shape)


def binary(g):
    x, shape = g.value()
    partners = [v for v in g.values if v[1] == shape or (len(v[1]) <= len(shape) and all(a in (1, b) for a, b in zip(v[1][::-1], shape[::-1])))]
    op = g.pick(["Add", "Sub", "Mul", "Max", "Min"])
    if partners and g.chance(0.6):
        y = g.pick(partners)[0]
    else:
        kept = [s if g.chance(0.5) else 1 for s in shape]
        y = g.weight(*kept[g.size(0, len(kept)) if kept else 0:])
    g.node(op, [x, y] if g.chance(0.7) else [y, x], shape)


def conv(g):
    found = g.value((3, 4, 5))
    if not found:
        return
    x, shape = found
    spatial = len(shape) - 2
    channels = shape[1]
    group = channels if g.chance(0.2) else g.pick([d for d in range(1, channels + 1) if channels % d == 0][:2])
    outputs = group * g.pick([1, 2, 3, 8] if group > 1 else [1, 3, 8, 16, 20, 32])
    kernel = [g.pick([1, 2, 3, 3, 3, 5]) for _ in range(spatial)]
    if spatial == 2 and g.chance(0.4):
        kernel = [3, 3]
    strides = [g.pick([1, 1, 1, 2, 3]) for _ in range(spatial)]
    dilations = [g.pick([1, 1, 1, 2]) for _ in range(spatial)]
    pads = [g.size(0, 2) for _ in range(2 * spatial)]
    sizes = [
        (s + pads[i] + pads[spatial + i] - (kernel[i] - 1) * dilations[i] - 1) // strides[i] + 1 for i, s in enumerate(shape[2:])
    ]
    if min(sizes) < 1:
        return
    fan = channels // group * int(np.prod(kernel))
    weights = [g.weight(outputs, channels // group, *kernel, fan=fan)] + ([g.weight(outputs)] if g.chance(0.6) else [])
    g.node("Conv", [x, *weights], (shape[0], outputs, *sizes), strides=strides, dilations=dilations, pads=pads, group=group)


def conv_transpose(g):
    found = g.value((3, 4))
    if not found:
        return
    x, shape = found
    spatial = len(shape) - 2
    kernel = [g.size(1, 4) for _ in range(spatial)]
    strides = [g.size(1, 3) for _ in range(spatial)]
    pads = [g.size(0, k - 1) for k in kernel] * 2
    extra = [g.size(0, s - 1) for s in strides]
    sizes = [strides[i] * (s - 1) + extra[i] + kernel[i] - 2 * pads[i] for i, s in enumerate(shape[2:])]
    outputs = g.pick([1, 4, 8])
    if min(sizes) < 1:
        return
    w = g.weight(shape[1], outputs, *kernel, fan=shape[1] * np.prod(kernel) / np.prod(strides))
    g.node("ConvTranspose", [x, w], (shape[0], outputs, *sizes), strides=strides, pads=pads, output_padding=extra, kernel_shape=kernel)


def pool(g):
    found = g.value((3, 4))
    if not found:
        return
    x, shape = found
    spatial = len(shape) - 2
    kernel = [min(g.size(1, 3), s) for s in shape[2:]]
    strides = [g.size(1, 2) for _ in range(spatial)]
    pads = [g.size(0, (k - 1) // 2) for k in kernel] * 2
    sizes = [(s + 2 * pads[i] - kernel[i]) // strides[i] + 1 for i, s in enumerate(shape[2:])]
    attributes = {"kernel_shape": kernel, "strides": strides, "pads": pads}
    if g.chance(0.5):
        g.node("MaxPool", [x], (*shape[:2], *sizes), **attributes)
    else:
        g.node("AveragePool", [x], (*shape[:2], *sizes), count_include_pad=g.size(0, 1), **attributes)


def global_pool(g):
    found = g.value((3, 4))
    if found:
        g.node("GlobalAveragePool", [found[0]], (*found[1][:2], *[1] * (len(found[1]) - 2)))


def batch_norm(g):
    found = g.value((3, 4))
    if found:
        x, shape = found
        c = shape[1]
        variance = g.constant(g.rng.uniform(0.5, 2, c).astype(np.float32))
        g.node("BatchNormalization", [x, g.weight(c), g.weight(c), g.weight(c), variance], shape)


def normalize(g):
    x, shape = g.value()
    if len(shape) < 1 or shape[-1] < 3:
        return
    if len(shape) >= 3 and np.prod(shape[2:]) >= 4 and g.chance(0.5):
        g.node("InstanceNormalization", [x, g.weight(shape[1]), g.weight(shape[1])], shape, epsilon=1e-2)
    else:
        g.node("LayerNormalization", [x, g.weight(shape[-1]), g.weight(shape[-1])], shape, epsilon=1e-2)


def softmax(g):
    x, shape = g.value()
    if shape:
        g.node(g.pick(["Softmax", "LogSoftmax"]), [x], shape, axis=g.size(-len(shape), len(shape) - 1))


def reduce(g):
    x, shape = g.value()
    if not shape:
        return
    axes = sorted(g.rng.choice(len(shape), g.size(1, len(shape)), replace=False).tolist())
    keep = g.size(0, 1)
    result = [1 if i in axes else s for i, s in enumerate(shape) if keep or i not in axes]
    g.node(g.pick(["ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2"]), [x, g.ints(*axes)], result, keepdims=keep)


def transpose(g):
    x, shape = g.value()
    perm = g.rng.permutation(len(shape)).tolist()
    if len(shape) > 1:
        g.node("Transpose", [x], [shape[p] for p in perm], perm=perm)


def reshape(g):
    x, shape = g.value()
    factors = [int(f) for s in shape for f in _factors(s)]
    g.rng.shuffle(factors)
    result = [1] * g.size(1, 4)
    for f in factors:
        result[g.size(0, len(result) - 1)] *= f
    target = list(result)
    if g.chance(0.5):
        target[g.size(0, len(target) - 1)] = -1
    g.node("Reshape", [x, g.ints(*target)], result)


def _factors(n):
    found, d = [], 2
    while n > 1:
        while n % d == 0:
            found.append(d)
            n //= d
        d += 1
    return found


def squeeze(g):
    x, shape = g.value()
    ones = [i for i, s in enumerate(shape) if s == 1]
    if ones and g.chance(0.5):
        axis = g.pick(ones)
        g.node("Squeeze", [x, g.ints(axis)], shape[:axis] + shape[axis + 1:])
    elif len(shape) < 5:
        axis = g.size(0, len(shape))
        g.node("Unsqueeze", [x, g.ints(axis)], shape[:axis] + (1,) + shape[axis:])


def concat(g):
    x, shape = g.value()
    if not shape:
        return
    axis = g.size(0, len(shape) - 1)
    partners = [v for v in g.values if len(v[1]) == len(shape) and all(i == axis or a == b for i, (a, b) in enumerate(zip(v[1], shape)))]
    chosen = [(x, shape)] + [g.pick(partners) for _ in range(g.size(1, 2))]
    total = sum(v[1][axis] for v in chosen)
    g.node("Concat", [v[0] for v in chosen], [total if i == axis else s for i, s in enumerate(shape)], axis=axis)


def slice_(g):
    x, shape = g.value()
    if not shape:
        return
    axis = g.size(0, len(shape) - 1)
    n, step = shape[axis], g.pick([1, 1, 2, -1, -2])
    start, end = (g.size(0, n - 1), n) if step > 0 else (g.size(0, n - 1), -n - 1)
    count = len(range(n)[slice(start, end if step > 0 else None, step)])
    g.node("Slice", [x, g.ints(start), g.ints(end), g.ints(axis), g.ints(step)], [count if i == axis else s for i, s in enumerate(shape)])


def pad(g):
    x, shape = g.value()
    if not shape:
        return
    mode = g.pick(["constant", "constant", "edge", "reflect"])
    most = [min(2, s - 1) if mode == "reflect" else 2 for s in shape]
    pads = [g.size(0, m) for m in most] + [g.size(0, m) for m in most]
    g.node("Pad", [x, g.ints(*pads)], [s + a + b for s, a, b in zip(shape, pads, pads[len(shape):])], mode=mode)


def gather(g):
    x, shape = g.value()
    if not shape:
        return
    axis = g.size(0, len(shape) - 1)
    indices = g.rng.integers(-shape[axis], shape[axis], g.size(1, 4))
    g.node("Gather", [x, g.ints(*indices)], shape[:axis] + (len(indices),) + shape[axis + 1:], axis=axis)


def matmul(g):
    x, shape = g.value()
    if len(shape) < 1:
        return
    n = g.pick([1, 5, 8, 16, 33])
    g.node("MatMul", [x, g.weight(shape[-1], n, fan=shape[-1])], (*shape[:-1], n))


def matmul_of_values(g):
    found = g.value((2, 3, 4))
    if not found:
        return
    x, shape = found
    perm = list(range(len(shape) - 2)) + [len(shape) - 1, len(shape) - 2]
    g.node("Transpose", [x], [shape[p] for p in perm], perm=perm)
    scaled, last = g.values[-1][0], shape[-2]
    g.node("MatMul", [x, scaled], (*shape[:-1], last))
    g.node("Mul", [g.values[-1][0], g.constant(np.float32(1 / shape[-1]))], g.values[-1][1])


def gemm(g):
    found = g.value(2)
    if not found:
        return
    x, (m, k) = found
    n = g.pick([1, 4, 10, 32])
    flip = g.size(0, 1)
    w = g.weight(n, k, fan=k) if flip else g.weight(k, n, fan=k)
    g.node("Gemm", [x, w, g.weight(n)], (m, n), transB=flip, alpha=float(g.rng.uniform(0.5, 1.5)))


def resize(g):
    found = g.value(4)
    if found:
        x, shape = found
        scale = g.size(1, 3)
        mode = g.pick(["nearest", "linear"])
        scales = g.constant(np.array([1, 1, scale, scale], np.float32))
        g.node("Resize", [x, "", scales], (*shape[:2], shape[2] * scale, shape[3] * scale), mode=mode)


def depth_to_space(g):
    found = g.value(4)
    if found and found[1][1] % 4 == 0:
        x, (n, c, h, w) = found
        g.node("DepthToSpace", [x], (n, c // 4, 2 * h, 2 * w), blocksize=2, mode=g.pick(["DCR", "CRD"]))


def recurrent(g):
    found = g.value(3)
    if not found:
        return
    x, (steps, batch, width) = found
    op, gates = g.pick([("LSTM", 4), ("GRU", 3), ("RNN", 1)])
    hidden, directions = g.pick([1, 4, 16]), g.size(1, 2)
    weights = [g.weight(directions, gates * hidden, width, fan=width), g.weight(directions, gates * hidden, hidden, fan=hidden)]
    if g.chance(0.5):
        weights.append(g.weight(directions, 2 * gates * hidden))
    g.node(op, [x, *weights], (steps, directions, batch, hidden), hidden_size=hidden, direction="bidirectional" if directions == 2 else "forward")


FAMILIES = [
    (unary, 4), (bounded_exp, 1), (clip, 1), (binary, 4), (conv, 5), (conv_transpose, 2), (pool, 2), (global_pool, 1), (batch_norm, 1), (normalize, 2),
    (softmax, 1), (reduce, 2), (transpose, 3), (reshape, 2), (squeeze, 1), (concat, 2), (slice_, 2), (pad, 2), (gather, 1), (matmul, 2),
    (matmul_of_values, 1), (gemm, 1), (resize, 1), (depth_to_space, 1), (recurrent, 1),
]


def graph(seed):
    """A model of 5 to 30 nodes (as onnx.ModelProto) and its inputs by name."""
    g = Graph(seed)
    symbolic = g.chance(0.4)
    image = (g.size(1, 2), g.pick([1, 3, 8, 16, 24, 32]), g.size(3, 14), g.size(3, 14))
    g.input(g.pick([image, image, image[1:], (g.size(1, 5), g.size(1, 40)), image[:3] + (g.size(2, 6), g.size(2, 6))]), symbolic)
    if g.chance(0.3):
        g.input(g.values[0][1], symbolic)
    weights = np.array([w for _, w in FAMILIES], float)
    wanted = g.size(5, 30)
    for _ in range(200):
        if len(g.nodes) >= wanted:
            break
        FAMILIES[int(g.rng.choice(len(FAMILIES), p=weights / weights.sum()))][0](g)
    return g.model(), g.feeds
