"""Runs a Python package on onnxruntime, or on Lepton in its place, and prints what it answers as JSON: applications.py PACKAGE onnxruntime|lepton"""

import json
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
ROOT = Path(__file__).resolve().parent.parent.parent


def drawn(text, size, font=40, at=(20, 20)):
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text(at, text, font=ImageFont.truetype(FONT, font), fill="black")
    return image


def png(image):
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def magika():
    """What kinds of files these are."""
    from magika import Magika

    tool = Magika()
    files = [ROOT / name for name in ("README.md", "CMakeLists.txt", "Makefile", "python/module.cpp", "test/run.py", "pyproject.toml")]
    results = [*tool.identify_paths(files), tool.identify_bytes(png(drawn("picture", (200, 80))))]
    return [(str(result.output.label), result.score) for result in results]


def rapidocr():
    """Lines of text: where they are, what they say."""
    from rapidocr_onnxruntime import RapidOCR

    lines, _ = RapidOCR()(np.asarray(drawn("Networks become\nmachine code 2026", (460, 160))))
    return [(text, box, score) for box, text, score in lines]


def ddddocr():
    """The letters of captchas, and the places of objects."""
    import ddddocr

    texts = [ddddocr.DdddOcr(show_ad=False, beta=beta).classification(png(drawn("Xk7Rm", (160, 60), 36, (12, 8)))) for beta in (False, True)]
    picture = Image.new("RGB", (320, 200), "lightblue")
    for i, letter in enumerate("AQ7"):
        picture.paste(drawn(letter, (60, 60), 44, (12, 4)), (20 + 100 * i, 40 + 30 * i))
    return texts, ddddocr.DdddOcr(det=True, show_ad=False).detection(png(picture))


def silero():
    """Where somebody speaks, frame by frame and in blocks."""
    import torch
    from silero_vad import get_speech_timestamps, get_speech_timestamps_sequence, load_silero_vad

    time = np.arange(4 * 16000) / 16000
    voice = sum(np.sin(2 * np.pi * 140 * n * time) / n for n in range(1, 20)) * (1 + np.sin(2 * np.pi * 4 * time))
    audio = np.where((time > 1) & (time < 3), 0.1 * voice, 0).astype(np.float32)
    audio += np.random.default_rng(0).standard_normal(len(audio)).astype(np.float32) / 1000
    model = load_silero_vad(onnx=True)
    probabilities = model.audio_forward(torch.from_numpy(audio), 16000)[0].tolist()
    frames = get_speech_timestamps(torch.from_numpy(audio), model, threshold=0.2)
    blocks = get_speech_timestamps_sequence(audio, load_silero_vad(sequence=True), threshold=0.2)
    return probabilities, frames, blocks


if __name__ == "__main__":
    package, engine = sys.argv[1:]
    sys.path.insert(0, str(ROOT / "build/applications"))
    if engine == "lepton":
        import lepton

        lepton.install_as_onnxruntime()
    print(json.dumps(globals()[package]()))
    assert ("onnxruntime.capi" in sys.modules) == (engine == "onnxruntime")
