"""Every public model agrees with onnxruntime: just in time and ahead of time, unoptimized and optimized, on one thread and on two.

Each case is run at three sizes of the model's dynamic dimensions, where it has any; plain loops are slow, so that without
LEPTON_TEST_FULL the unoptimized code sees only the first. A model whose weights alone are public is rebuilt around them.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
import pytest
from PIL import Image, ImageDraw, ImageFont

import lepton
from common import FONT, FULL, ROOT, difference
from common import lepton as command_line
from rebuilt_models import MOBILENET, SPEAKER, SUPER_RESOLUTION, model_file

MODELS = ROOT / "build/models"
TOLERANCE = 1e-4  # of an output's scale
OCR, DDDD, SILERO, ROMANIZER = "rapidocr_onnxruntime/models/", "ddddocr/", "silero_vad/data/", "arabic_name_romanizer/resources/"
RATE = np.array(16000, np.int64)


def page(height, width):
    """A page with lines of text, normalised as PP-OCR's detection wants it: [1, 3, height, width]."""
    image = Image.new("RGB", (width, height), "white")
    for top in range(8, height - 24, 36):
        font = ImageFont.truetype(FONT, 22)
        ImageDraw.Draw(image).text((8, top), f"Line {top} of a page with text", fill="black", font=font)
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    return ((np.asarray(image) / 255 - mean) / deviation).transpose(2, 0, 1)[None].astype(np.float32)


class Inputs:
    """Inputs of the models, the same ones for every run of a test."""

    def __init__(self):
        self.random = np.random.default_rng(0)

    def normal(self, *shape):
        return self.random.standard_normal(shape).astype(np.float32)

    def integers(self, low, high, shape, dtype=np.int64):
        return self.random.integers(low, high, shape).astype(dtype)

    def magika(self):
        return [{"bytes": self.integers(0, 257, (n, 2048), np.int32)} for n in (1, 2, 5)]

    def basic_pitch(self):
        return [{"serving_default_input_2:0": self.normal(n, 43844, 1)} for n in (1, 2, 3)]

    def ocr_recognition(self):
        return [{"x": self.normal(n, 3, 48, width)} for n, width in ((1, 320), (1, 200), (2, 97))]

    def ocr_detection(self):
        # Text, as the model knows it: noise leaves its output at a millionth, where onnxruntime does not agree with itself.
        return [{"x": page(height, width)} for height, width in ((64, 96), (160, 224), (320, 320))]

    def ocr_direction(self):
        return [{"x": self.normal(n, 3, 48, 192)} for n in (1, 2, 6)]

    def captcha_detection(self):
        return [{"images": self.normal(1, 3, 416, 416)}]

    def captcha_reading(self):
        return [{"input1": self.normal(1, 1, 64, width)} for width in (80, 120, 200)]

    def romanizer_encoder(self):
        sizes = ((1, 7), (2, 5), (3, 12))
        return [{"src": self.integers(1, 40, (b, t)), "src_mask": np.zeros((b, t), bool)} for b, t in sizes]

    def romanizer_decoder(self):
        return [
            {
                "prefix": self.integers(1, 40, (batch, steps)),
                "memory": self.normal(batch, size, 256),
                "src_mask": np.zeros((batch, size), bool),
                "hidden": self.normal(batch, 2, 256),
            }
            for batch, steps, size in ((1, 3, 7), (2, 1, 5), (2, 4, 9))
        ]

    def mobilenet(self):
        return [{"image": self.normal(n, 3, height, width)} for n, height, width in ((1, 64, 96), (2, 97, 65), (1, 224, 224))]

    def super_resolution(self):
        sizes = ((1, 12, 20), (2, 17, 13), (1, 40, 64))
        return [{"data": self.random.random((n, 3, height, width), np.float32)} for n, height, width in sizes]

    def speaker(self):
        return [{"mels": self.random.random((n, frames, 40), np.float32)} for n, frames in ((1, 40), (3, 17), (2, 160))]

    def silero(self):
        narrow = {"input": self.normal(1, 288), "state": self.normal(2, 1, 128), "sr": np.array(8000, np.int64)}
        return [{"input": self.normal(n, 576), "state": self.normal(2, n, 128), "sr": RATE} for n in (1, 2, 3)] + [narrow]

    def silero_without_if(self):
        return [{"input": self.normal(n, 576), "state": self.normal(2, n, 128), "sr": RATE} for n in (1, 2, 3)]

    def silero_16k(self):
        return [{"input": self.normal(n, 576), "state": self.normal(2, n, 128), "sr": RATE} for n in (1, 2, 3)]

    def silero_sequence(self):
        return [{"input": self.normal(n, 576), "h": self.normal(1, 1, 128), "c": self.normal(1, 1, 128)} for n in (1, 3, 9)]


CASES = {
    "magika/models/standard_v3_3/model.onnx": Inputs.magika,
    "basic_pitch/saved_models/icassp_2022/nmp.onnx": Inputs.basic_pitch,
    OCR + "ch_PP-OCRv4_rec_infer.onnx": Inputs.ocr_recognition,
    OCR + "ch_PP-OCRv4_det_infer.onnx": Inputs.ocr_detection,
    OCR + "ch_ppocr_mobile_v2.0_cls_infer.onnx": Inputs.ocr_direction,
    DDDD + "common_det.onnx": Inputs.captcha_detection,
    DDDD + "common.onnx": Inputs.captcha_reading,
    ROMANIZER + "encoder.onnx": Inputs.romanizer_encoder,
    ROMANIZER + "decoder.onnx": Inputs.romanizer_decoder,
    SILERO + "silero_vad.onnx": Inputs.silero,
    SILERO + "silero_vad_16k_op15.onnx": Inputs.silero_16k,
    SILERO + "silero_vad_16k_sequence.onnx": Inputs.silero_sequence,
    SILERO + "silero_vad_op18_ifless.onnx": Inputs.silero_without_if,
    MOBILENET: Inputs.mobilenet,
    SUPER_RESOLUTION: Inputs.super_resolution,
    SPEAKER: Inputs.speaker,
}


class Model(NamedTuple):
    """A model's file, the names of its outputs, and onnxruntime's outputs of every case: [(inputs, outputs)]."""

    file: Path
    names: list
    cases: list


@pytest.fixture(scope="module", params=CASES)
def model(request, tmp_path_factory):
    file = model_file(MODELS, request.param, tmp_path_factory.mktemp("rebuilt"))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return Model(file, names, [(feed, session.run(None, feed)) for feed in CASES[request.param](Inputs())])


def require_agreement(session, model, count=None):
    breaches = []
    for feed, wanted in model.cases[:count]:
        sizes = {name: value.shape for name, value in feed.items()}
        for name, reference, result in zip(model.names, wanted, session.run(None, feed), strict=True):
            error = difference(reference, result)
            if not error <= TOLERANCE:
                breaches.append(f"{sizes}: output {name}: {error:.1e} of its scale from onnxruntime's")
    assert not breaches, "\n" + "\n".join(breaches)


@pytest.mark.parametrize("threads", [1, 2])
def test_just_in_time(model, threads):
    require_agreement(lepton.InferenceSession(model.file, threads=threads), model)


def test_unoptimized(model):
    require_agreement(lepton.InferenceSession(model.file, opt_level=0, threads=2), model, count=None if FULL else 1)


def test_ahead_of_time(model, tmp_path):
    library = tmp_path / "model.so"
    result = command_line("compile", model.file, "-o", library)
    assert result.returncode == 0, result.stderr
    for threads in (1, 2):
        require_agreement(lepton.InferenceSession(library, threads=threads), model)


def test_every_model_is_here():
    """A model that the set-up fetches is compiled by these tests, or named here with the reason why not."""
    left_out = {
        DDDD + "common_old.onnx": "common.onnx at an earlier age",
        ROMANIZER + "persian/encoder.onnx": "the architecture of encoder.onnx",
        ROMANIZER + "persian/decoder.onnx": "the architecture of decoder.onnx",
        SUPER_RESOLUTION.replace("x4", "x2"): "animevideov3-x4 with its picture halved at the end",
        SUPER_RESOLUTION.replace("x4", "x3"): "animevideov3-x4 with its picture shrunk at the end",
        SILERO + "silero_vad_half.onnx": "silero_vad.onnx with weights in half precision",
        SILERO + "silero_vad_openvino_16k.onnx": "silero_vad_16k_sequence.onnx at one step",
    }
    present = {str(path.relative_to(MODELS)) for path in MODELS.rglob("*") if path.suffix in (".onnx", ".param", ".pt", ".pth")}
    assert present == set(CASES) | set(left_out)
