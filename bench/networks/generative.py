"""Networks that make images or sound."""

from lepton_networks.registry import network
from lepton_networks.writer import Graph


@network
def dcgan():
    g = Graph("dcgan", [1, 100, 1, 1])
    x = g.x
    for outputs, stride, pad in ((512, 1, 0), (256, 2, 1), (128, 2, 1), (64, 2, 1)):
        x = g.relu(g.conv_transpose(x, outputs, 4, stride, pad))
    return g.finish(g.op("Tanh", g.conv_transpose(x, 3, 4, 2, 1, gain=1)))


@network
def srgan():
    g = Graph("srgan", [1, 3, 64, 64])
    x = first = g.prelu(g.conv(g.x, 64, 9))
    for _ in range(16):
        x = g.add(x, g.conv(g.prelu(g.conv(x, 64)), 64, gain=0.2))
    x = g.add(first, g.conv(x, 64, gain=1))
    for _ in range(2):
        x = g.prelu(g.op("DepthToSpace", g.conv(x, 256), blocksize=2, mode="CRD", channels=64))
    return g.finish(g.op("Tanh", g.conv(x, 3, 9, gain=1)))


@network
def esrgan():
    g = Graph("esrgan", [1, 3, 64, 64])

    def dense(x):
        parts = [x]
        for i in range(5):
            y = g.conv(g.concat(*parts) if i else x, 16 if i < 4 else 32, gain=1.5)
            parts.append(g.leaky(y, 0.2) if i < 4 else y)
        return g.add(x, g.scaled(parts[-1], 0.2))

    x = first = g.conv(g.x, 32, gain=1)
    for _ in range(4):
        y = x
        for _ in range(3):
            y = dense(y)
        x = g.add(x, g.scaled(y, 0.2))
    x = g.add(first, g.conv(x, 32, gain=1))
    for _ in range(2):
        x = g.leaky(g.conv(g.double(x), 32, gain=1.5), 0.2)
    return g.finish(g.conv(g.leaky(g.conv(x, 32, gain=1.5), 0.2), 3, gain=1))


@network
def cyclegan():
    g = Graph("cyclegan", [1, 3, 128, 128])

    def framed(x, pixels):
        return g.op("Pad", x, g.integers(0, 0, pixels, pixels, 0, 0, pixels, pixels), mode="reflect")

    def normal(x):
        return g.norm(x, "InstanceNormalization")

    x = g.relu(normal(g.conv(framed(g.x, 3), 64, 7, pad=0)))
    for width in (128, 256):
        x = g.relu(normal(g.conv(x, width, 3, 2)))
    for _ in range(6):
        y = g.relu(normal(g.conv(framed(x, 1), 256, 3, pad=0)))
        x = g.add(x, normal(g.conv(framed(y, 1), 256, 3, pad=0)))
    for width in (128, 64):
        x = g.relu(normal(g.conv_transpose(x, width, 3, 2, 1, 1)))
    return g.finish(g.op("Tanh", g.conv(framed(x, 3), 3, 7, pad=0, gain=0.3)))


@network
def stylegan():
    """The shape of StyleGAN2 up to 64 x 64: eight dense layers, modulated and demodulated convolutions, images of all sizes summed."""
    g = Graph("stylegan", [1, 512])

    def inverse_root(x):
        return g.op("Reciprocal", g.op("Sqrt", g.op("Add", x, g.number(1e-8))))

    def styled(x, style, outputs, side):
        factors = g.op("Add", g.dense(style, x.channels), g.number(1))
        filters = g.random.standard_normal((outputs, x.channels, 3, 3)).astype("float32") / (9 * x.channels) ** 0.5
        energy = g.constant((filters**2).sum((2, 3)).T)
        demodulation = inverse_root(g.op("MatMul", g.op("Mul", factors, factors), energy, channels=outputs))
        columns = g.integers(2, 3)
        x = g.op("Mul", x, g.op("Unsqueeze", factors, columns))
        x = g.op("Conv", x, g.constant(filters), channels=outputs, kernel_shape=(3, 3), pads=(1,) * 4)
        x = g.op("Mul", x, g.op("Unsqueeze", demodulation, columns))
        noise, bias = g.normal(1, 1, side, side, variance=0.01), g.normal(1, outputs, 1, 1, variance=0.01)
        return g.scaled(g.leaky(g.op("Add", g.op("Add", x, noise), bias), 0.2), 2**0.5)

    power = g.op("ReduceMean", g.op("Mul", g.x, g.x), g.integers(1), keepdims=1)
    style = g.op("Mul", g.x, inverse_root(power))
    for _ in range(8):
        style = g.leaky(g.dense(style, 512, gain=2), 0.2)
    x, image = g.x._replace(value=g.normal(1, 512, 4, 4)), None
    for side, width in ((4, 512), (8, 512), (16, 256), (32, 128), (64, 64)):
        if side > 4:
            x = styled(g.double(x, "linear"), style, width, side)
        x = styled(x, style, width, side)
        colours = g.conv(x, 3, 1, gain=1)
        image = colours if image is None else g.add(colours, g.double(image, "linear"))
    return g.finish(image)


@network
def hifigan():
    """The generator of HiFi-GAN V2: 80 bands x 64 frames to 16384 samples."""
    g = Graph("hifigan", [1, 80, 64])

    def resonances(x):
        results = []
        for kernel in (3, 7, 11):
            y = x
            for dilation in (1, 3, 5):
                z = g.conv(g.leaky(y, 0.1), x.channels, kernel, dilation=dilation, gain=1, rank=1)
                y = g.add(y, g.conv(g.leaky(z, 0.1), x.channels, kernel, gain=0.3, rank=1))
            results.append(y)
        return g.op("Div", g.add(g.add(results[0], results[1]), results[2]), g.number(3))

    x = g.conv(g.x, 128, 7, gain=1, rank=1)
    for rate, kernel in ((8, 16), (8, 16), (2, 4), (2, 4)):
        x = resonances(g.conv_transpose(g.leaky(x, 0.1), x.channels // 2, kernel, rate, (kernel - rate) // 2, gain=1, rank=1))
    return g.finish(g.op("Tanh", g.conv(g.leaky(x, 0.01), 1, 7, gain=0.3, rank=1)))
