"""Networks that classify, segment or detect."""

import numpy as np
from lepton_networks.registry import network
from lepton_networks.writer import Graph

IMAGE = [1, 3, 224, 224]
AFTER_SUM = 0.5  # gain of a branch's last layer: sums of many branches stay near 1


def classifier(g, x, classes=1000):
    return g.finish(g.dense(g.flatten(g.global_pool(x)), classes))


def residual_net(name, blocks, bottleneck):
    g = Graph(name, IMAGE)
    x = g.max_pool(g.relu(g.conv(g.x, 64, 7, 2)), 3, 2, 1)
    for stage, count in enumerate(blocks):
        width = 64 << stage
        for i in range(count):
            stride, outputs = 2 if stage and not i else 1, width * (4 if bottleneck else 1)
            skip = x if x.channels == outputs and stride == 1 else g.conv(x, outputs, 1, stride, gain=1)
            if bottleneck:
                x = g.relu(g.conv(g.relu(g.conv(x, width, 1)), width, 3, stride))
                x = g.conv(x, outputs, 1, gain=AFTER_SUM)
            else:
                x = g.conv(g.relu(g.conv(x, width, 3, stride)), outputs, 3, gain=AFTER_SUM)
            x = g.relu(g.add(x, skip))
    return classifier(g, x)


@network
def resnet18():
    return residual_net("resnet18", (2, 2, 2, 2), bottleneck=False)


@network
def resnet50():
    return residual_net("resnet50", (3, 4, 6, 3), bottleneck=True)


@network
def vgg16():
    g = Graph("vgg16", IMAGE)
    x = g.x
    for width, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            x = g.relu(g.conv(x, width))
        x = g.max_pool(x, 2)
    x = g.flatten(x, channels=512 * 7 * 7)
    for width in (4096, 4096):
        x = g.relu(g.dense(x, width, gain=2))
    return g.finish(g.dense(x, 1000))


def squeeze_excite(g, x, width, inner, gate):
    y = g.conv(inner(g.conv(g.global_pool(x), width, 1)), x.channels, 1)
    return g.op("Mul", x, gate(y))


def inverted_residual(g, x, outputs, expanded, kernel, stride, activation, excite=None):
    skip, y = x, x
    if expanded != x.channels:
        y = activation(g.conv(y, expanded, 1))
    y = activation(g.conv(y, expanded, kernel, stride, group=expanded))
    y = g.conv(excite(y) if excite else y, outputs, 1, gain=AFTER_SUM)
    return g.add(skip, y) if stride == 1 and outputs == skip.channels else y


@network
def mobilenet_v2():
    g = Graph("mobilenet_v2", IMAGE)
    x = g.relu6(g.conv(g.x, 32, 3, 2))
    for expansion, outputs, count, stride in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)):
        for i in range(count):
            x = inverted_residual(g, x, outputs, x.channels * expansion, 3, 1 if i else stride, g.relu6)
    return classifier(g, g.relu6(g.conv(x, 1280, 1)))


@network
def mobilenet_v3_small():
    g = Graph("mobilenet_v3_small", IMAGE)

    def swish(x):
        return g.op("HardSwish", x)

    def gate(x):
        return g.op("HardSigmoid", x, alpha=1 / 6)

    x = swish(g.conv(g.x, 16, 3, 2))
    rows = [(3, 16, 16, True, g.relu, 2), (3, 72, 24, False, g.relu, 2), (3, 88, 24, False, g.relu, 1), (5, 96, 40, True, swish, 2)]
    rows += [(5, 240, 40, True, swish, 1)] * 2 + [(5, 120, 48, True, swish, 1), (5, 144, 48, True, swish, 1), (5, 288, 96, True, swish, 2)] + [(5, 576, 96, True, swish, 1)] * 2
    for kernel, expanded, outputs, excites, activation, stride in rows:
        width = max(8, int(expanded / 4 + 4) // 8 * 8)
        excite = (lambda y, width=width: squeeze_excite(g, y, width, g.relu, gate)) if excites else None
        x = inverted_residual(g, x, outputs, expanded, kernel, stride, activation, excite)
    x = g.flatten(g.global_pool(swish(g.conv(x, 576, 1))))
    return g.finish(g.dense(swish(g.dense(x, 1024, gain=2)), 1000))


@network
def efficientnet_b0():
    g = Graph("efficientnet_b0", IMAGE)
    x = g.silu(g.conv(g.x, 32, 3, 2))
    rows = ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1))
    for expansion, kernel, stride, outputs, count in rows:
        for i in range(count):
            width = x.channels // 4
            x = inverted_residual(
                g, x, outputs, x.channels * expansion, kernel, 1 if i else stride, g.silu, lambda y, width=width: squeeze_excite(g, y, width, g.silu, lambda v: g.op("Sigmoid", v))
            )
    return classifier(g, g.silu(g.conv(x, 1280, 1)))


@network
def densenet121():
    g = Graph("densenet121", IMAGE)
    x = g.max_pool(g.relu(g.conv(g.x, 64, 7, 2)), 3, 2, 1)
    for block, count in enumerate((6, 12, 24, 16)):
        for _ in range(count):
            y = g.relu(g.conv(g.relu(g.norm(x)), 128, 1))
            x = g.concat(x, g.conv(y, 32, gain=1))
        x = g.relu(g.norm(x))
        if block < 3:
            x = g.op("AveragePool", g.conv(x, x.channels // 2, 1, gain=1), kernel_shape=(2, 2), strides=(2, 2))
    return classifier(g, x)


@network
def squeezenet1_1():
    g = Graph("squeezenet1_1", IMAGE)

    def fire(x, squeezed, expanded):
        x = g.relu(g.conv(x, squeezed, 1))
        return g.concat(g.relu(g.conv(x, expanded, 1)), g.relu(g.conv(x, expanded, 3)))

    x = g.max_pool(g.relu(g.conv(g.x, 64, 3, 2, pad=0)), 3, 2)
    x = g.max_pool(fire(fire(x, 16, 64), 16, 64), 3, 2, (0, 0))
    x = g.max_pool(fire(fire(x, 32, 128), 32, 128), 3, 2)
    for squeezed, expanded in ((48, 192), (48, 192), (64, 256), (64, 256)):
        x = fire(x, squeezed, expanded)
    return g.finish(g.flatten(g.global_pool(g.relu(g.conv(x, 1000, 1)))))


@network
def shufflenet_v2():
    g = Graph("shufflenet_v2", IMAGE)

    def shuffle(x, size):
        x = g.reshape(x, 1, 2, x.channels // 2, size, size, channels=x.channels)
        return g.reshape(g.transpose(x, 0, 2, 1, 3, 4), 1, x.channels, size, size)

    def branch(x, width, stride):
        y = g.relu(g.conv(x, width, 1))
        return g.relu(g.conv(g.conv(y, width, 3, stride, group=width, gain=1), width, 1))

    x, size = g.max_pool(g.relu(g.conv(g.x, 24, 3, 2)), 3, 2, 1), 56
    for outputs, count in ((116, 4), (232, 8), (464, 4)):
        width, size = outputs // 2, size // 2
        left = g.relu(g.conv(g.conv(x, x.channels, 3, 2, group=x.channels, gain=1), width, 1))
        x = shuffle(g.concat(left, branch(x, width, 2)), size)
        for _ in range(count - 1):
            left, right = g.split(x, width, width)
            x = shuffle(g.concat(left, branch(right, width, 1)), size)
    return classifier(g, g.relu(g.conv(x, 1024, 1)))


@network
def unet():
    g = Graph("unet", [1, 3, 256, 256])
    widths, x, skips = (32, 64, 128, 256, 512), g.x, []

    def twice(x, width):
        return g.relu(g.conv(g.relu(g.conv(x, width)), width))

    for width in widths[:-1]:
        skips.append(twice(x, width))
        x = g.max_pool(skips[-1], 2)
    x = twice(x, widths[-1])
    for width in reversed(widths[:-1]):
        x = twice(g.concat(skips.pop(), g.conv_transpose(x, width, 2, 2, gain=1)), width)
    return g.finish(g.conv(x, 2, 1, gain=1))


@network
def yolov8n():
    """The layers of YOLOv8-n at 640 x 640: boxes and class scores, without the suppression of overlapping boxes."""
    g = Graph("yolov8n", [1, 3, 640, 640])
    classes, bins = 80, 16

    def cbs(x, outputs, kernel=1, stride=1):
        return g.silu(g.conv(x, outputs, kernel, stride))

    def c2f(x, outputs, count, adds):
        half = outputs // 2
        parts = list(g.split(cbs(x, outputs), half, half))
        for _ in range(count):
            y = cbs(cbs(parts[-1], half, 3), half, 3)
            parts.append(g.add(parts[-1], y) if adds else y)
        return cbs(g.concat(*parts), outputs)

    def pyramid_pool(x):
        parts = [cbs(x, x.channels // 2)]
        for _ in range(3):
            parts.append(g.max_pool(parts[-1], 5, 1, 2))
        return cbs(g.concat(*parts), x.channels)

    fine = c2f(cbs(c2f(cbs(cbs(g.x, 16, 3, 2), 32, 3, 2), 32, 1, True), 64, 3, 2), 64, 2, True)
    middle = c2f(cbs(fine, 128, 3, 2), 128, 2, True)
    coarse = pyramid_pool(c2f(cbs(middle, 256, 3, 2), 256, 1, True))
    middle_down = c2f(g.concat(g.double(coarse), middle), 128, 1, False)
    first = c2f(g.concat(g.double(middle_down), fine), 64, 1, False)
    second = c2f(g.concat(cbs(first, 64, 3, 2), middle_down), 128, 1, False)
    third = c2f(g.concat(cbs(second, 128, 3, 2), coarse), 256, 1, False)
    scales, sides = (first, second, third), (80, 40, 20)
    cells = sum(side * side for side in sides)

    def heads(width, outputs):
        flat = [g.reshape(g.conv(cbs(cbs(x, width, 3), width, 3), outputs, 1), 1, outputs, -1) for x in scales]
        return g.concat(*flat, axis=2)._replace(channels=outputs)

    # The distance from a cell's middle to a side of its box is the mean of a distribution over the bins.
    distribution = g.op("Softmax", g.transpose(g.reshape(heads(64, 4 * bins), 1, 4, bins, cells), 0, 2, 1, 3), axis=1)
    weighted = g.op("Mul", distribution, g.constant(np.arange(bins, dtype=np.float32).reshape(1, bins, 1, 1)))
    low, high = g.split(g.op("ReduceSum", weighted, g.integers(1), keepdims=0, channels=4), 2, 2)
    centres = np.concatenate([np.stack(np.meshgrid(np.arange(side), np.arange(side))).reshape(2, -1) + 0.5 for side in sides], 1)
    strides = g.constant(np.concatenate([np.full((1, 1, side * side), 640 / side, np.float32) for side in sides], 2))
    middles = g.constant(centres[None].astype(np.float32))
    top = g.op("Sub", low._replace(value=middles), low)
    bottom = g.op("Add", high, middles)
    middle_of_box = g.scaled(g.add(top, bottom), 0.5)
    size = g.op("Sub", bottom, top)
    scores = g.op("Sigmoid", heads(80, classes))
    return g.finish(g.concat(g.op("Mul", middle_of_box, strides), g.op("Mul", size, strides), scores))


def digits(batch):
    g = Graph(f"mnist_b{batch}", [batch, 1, 28, 28])
    x = g.max_pool(g.relu(g.conv(g.x, 32, 3, pad=0)), 2)
    x = g.flatten(g.max_pool(g.relu(g.conv(x, 64, 3, pad=0)), 2), channels=1600)
    return g.finish(g.op("Softmax", g.dense(g.relu(g.dense(x, 128, gain=2)), 10), axis=1))


@network
def mnist_b1():
    return digits(1)


@network
def mnist_b32():
    return digits(32)
