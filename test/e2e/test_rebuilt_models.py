"""The models that are rebuilt around their weights do what is known of them: their published size, and real input."""

import os
import pickle
import subprocess
import wave

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image, ImageDraw, ImageFont

from common import FONT, ROOT
from rebuilt_models import MOBILENET, SPEAKER, SUPER_RESOLUTION, model_file
from weights import NcnnWeights, TorchUnpickler

RATE, FRAME, HOP, CHANNELS = 16000, 400, 160, 40  # resemblyzer/hparams.py: 25 ms each 10 ms, in 40 bands


@pytest.fixture
def rebuilt(tmp_path):
    """Rebuilds a model: its file."""
    return lambda name: model_file(ROOT / "build/models", name, tmp_path)


def run(file, value):
    """The output of a model of one input, by onnxruntime."""
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: value.astype(np.float32)})[0]


def draw_clock(size):
    image = Image.new("RGB", (size, size), (150, 170, 190))
    pen, middle = ImageDraw.Draw(image), size / 2
    pen.ellipse([0.08 * size, 0.08 * size, 0.92 * size, 0.92 * size], fill="white", outline="black", width=size // 28)

    def at(hour, length):
        angle = hour * np.pi / 6
        return middle + length * size * np.sin(angle), middle - length * size * np.cos(angle)

    for hour in range(1, 13):
        pen.text(at(hour, 0.33), str(hour), fill="black", font=ImageFont.truetype(FONT, size // 12), anchor="mm")
    pen.line([(middle, middle), at(10, 0.2)], fill="black", width=size // 36)
    pen.line([(middle, middle), at(2, 0.3)], fill="black", width=size // 56)
    return image


def draw_traffic_light(size):
    image = Image.new("RGB", (size, size), (120, 160, 220))
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle([0.3 * size, 0.05 * size, 0.7 * size, 0.95 * size], size // 16, fill=(25, 25, 25))
    for top, colour in ((0.08, (255, 30, 30)), (0.38, (255, 190, 0)), (0.68, (30, 220, 60))):
        pen.ellipse([0.38 * size, top * size, 0.62 * size, (top + 0.24) * size], fill=colour)
    return image


# ---------------------------------------------------------------------------------------------------------------------


def test_mobilenet_has_its_published_size(rebuilt):
    """torchvision's documentation: 3,504,872 parameters, 0.30 billion multiplications for a picture of 224 x 224."""
    model = onnx.load(rebuilt(MOBILENET))
    for dim, size in zip(model.graph.input[0].type.tensor_type.shape.dim, (1, 3, 224, 224), strict=True):
        dim.dim_value = size
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    sizes = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in (*graph.value_info, *graph.output)}
    weights = {tensor.name: tensor.dims for tensor in graph.initializer}
    parameters, products = 0, 0
    for node in graph.node:
        # Scale and bias of a normalization; its mean and variance are statistics, and the bounds of Clip are no weights.
        learned = {"Conv": node.input[1:], "Gemm": node.input[1:], "BatchNormalization": node.input[1:3]}.get(node.op_type, [])
        parameters += sum(int(np.prod(weights[name])) for name in learned)
        if node.op_type in ("Conv", "Gemm"):
            weight = weights[node.input[1]]
            products += int(np.prod(sizes[node.output[0]]) * np.prod(weight[1:]))
    assert parameters == 3504872
    assert round(products / 1e9, 2) == 0.30


@pytest.mark.parametrize("draw, category", [(draw_clock, 409), (draw_traffic_light, 920)])
def test_mobilenet_knows_what_is_drawn(rebuilt, draw, category):
    """Categories of ImageNet: 409 is an analog clock, 920 a traffic light."""
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    image = (np.asarray(draw(128)) / 255 - mean) / deviation
    assert run(rebuilt(MOBILENET), image.transpose(2, 0, 1)[None]).argmax() == category


@pytest.mark.parametrize("draw", [draw_clock, draw_traffic_light])
def test_super_resolution_is_sharper_than_interpolation(rebuilt, draw):
    large = draw(256)
    small = large.resize((64, 64), Image.Resampling.BICUBIC)

    def error(image):
        return np.square(image - np.asarray(large) / 255).mean()

    upscaled = run(rebuilt(SUPER_RESOLUTION), np.asarray(small).transpose(2, 0, 1)[None] / 255)[0].transpose(1, 2, 0)
    interpolated = np.asarray(small.resize(large.size, Image.Resampling.BICUBIC)) / 255
    assert error(upscaled) < 0.8 * error(interpolated)


# ---------------------------------------------------------------------------------------------------------------------


def speak(path, voice, text):
    """Speech by espeak-ng at RATE, as loud as Resemblyzer has it (-30 dB)."""
    subprocess.run(["espeak-ng", "-v", voice, "-s", "150", "-w", path, text], check=True)
    with wave.open(str(path)) as sound:
        rate, samples = sound.getframerate(), np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
    samples = np.interp(np.arange(int(len(samples) * RATE / rate)) / RATE, np.arange(len(samples)) / rate, samples)
    return samples * 10 ** (-30 / 20) / np.sqrt(np.square(samples).mean())


def mel_bands():
    """Weights of the bands over the spectrum, [CHANNELS, FRAME / 2 + 1]: triangles of area 1 on Slaney's scale, librosa's default."""
    slope = 27 / np.log(6.4)  # of the scale above 1000 Hz; below, it is linear
    mels = np.linspace(0, 15 + slope * np.log(RATE / 2 / 1000), CHANNELS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) / slope))[:, None]
    low, peak, high = edges[:-2], edges[1:-1], edges[2:]
    spectrum = np.fft.rfftfreq(FRAME, 1 / RATE)
    return np.minimum((spectrum - low) / (peak - low), (high - spectrum) / (high - peak)).clip(0) * 2 / (high - low)


def mels(samples):
    """Power in each band by frame: [1, frames, CHANNELS]."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(FRAME + 1)[:-1])))
    return (power @ mel_bands().T)[None]


def test_speaker_encoder_tells_voices_apart(rebuilt, tmp_path):
    """Gates in another order also give vectors of length 1, but not ones that are alike for one voice only."""
    texts = (
        "The north wind and the sun disputed which was the stronger of the two",
        "When a traveller came along wrapped in a warm cloak they agreed at once",
    )
    speech = [mels(speak(tmp_path / "speech.wav", voice, text))[:, :320] for voice in ("en", "en+f4") for text in texts]
    model = rebuilt(SPEAKER)
    embeddings = np.concatenate([run(model, value) for value in speech])
    assert (embeddings >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-5)
    alike = embeddings @ embeddings.T
    assert min(alike[0, 1], alike[2, 3]) > 0.7 > alike[:2, 2:].max()


# ---------------------------------------------------------------------------------------------------------------------


def test_checkpoints_run_no_code(tmp_path):
    class Command:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "made"),)

    (tmp_path / "bad.pth").write_bytes(pickle.dumps(Command()))
    with open(tmp_path / "bad.pth", "rb") as file, pytest.raises(pickle.UnpicklingError, match="mkdir"):
        TorchUnpickler(file).load()
    assert not (tmp_path / "made").exists()


def test_no_weight_is_left_over(tmp_path):
    (tmp_path / "weights.bin").write_bytes(bytes(4) + np.ones(3, np.float32).tobytes() + bytes(4))
    weights = NcnnWeights(tmp_path / "weights.bin")
    assert (weights.take_tagged(3) == 1).all()
    with pytest.raises(ValueError, match="4 bytes of the weights are left over"):
        weights.finish()
