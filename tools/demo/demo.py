"""Compiles three real networks ahead of time and shows them reading real input: demo.py [TEXT]

A line of text that is drawn here is read by PP-OCRv4, speech that espeak-ng says between silences is found by silero-vad, and
files of this repository are told apart by magika. The status is 0 when the text read is the text drawn, there was speech
where it was put, and every output is onnxruntime's.
"""

import argparse
import json
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageDraw, ImageFont

import lepton

ROOT = Path(__file__).resolve().parent.parent.parent
MODELS = ROOT / "build/models"
OUT = ROOT / "build/demo"
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
TOLERANCE = 1e-4  # of an output's scale


class Network:
    """A model compiled to a shared library, and onnxruntime's session of the same model beside it."""

    def __init__(self, title, path):
        print(f"\n{title}: {path}", flush=True)
        library = OUT / (Path(path).parent.name + "-" + Path(path).stem + ".so")
        begin = time.perf_counter()
        command = [ROOT / "build/bin/lepton", "compile", MODELS / path, "-o", library]
        if subprocess.run(command).returncode != 0:
            sys.exit(f"demo: {path} was not compiled")
        compiled = time.perf_counter()
        self.session = lepton.InferenceSession(library)
        loaded = time.perf_counter()
        print(f"  compiled to {library.relative_to(ROOT)} ({library.stat().st_size / 1e6:.1f} MB) in {compiled - begin:.2f} s")
        print(f"  loaded in {(loaded - compiled) * 1e3:.1f} ms")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        self.oracle = onnxruntime.InferenceSession(MODELS / path, options, providers=["CPUExecutionProvider"])
        self.difference = 0.0
        self.milliseconds = []

    def run(self, feed):
        begin = time.perf_counter()
        outputs = self.session.run(None, feed)
        self.milliseconds.append((time.perf_counter() - begin) * 1e3)
        for expected, output in zip(self.oracle.run(None, feed), outputs, strict=True):
            scale = max(float(np.abs(expected).max()), 1e-30)
            self.difference = max(self.difference, float(np.abs(expected - output).max()) / scale)
        return outputs

    def finish(self):
        """Prints what the runs came to; says whether they agree with onnxruntime."""
        count = len(self.milliseconds)
        print(f"  {count} {'run' if count == 1 else 'runs'}, fastest in {min(self.milliseconds):.2f} ms")
        print(f"  largest difference from onnxruntime: {self.difference:.1e} of the output's scale")
        return self.difference <= TOLERANCE


def draw(text):
    """A line of text as PP-OCR takes it: height 48, blue-green-red, from -1 to 1."""
    font = ImageFont.truetype(FONT, 30)
    image = Image.new("RGB", (int(font.getlength(text)) + 24, 48), "white")
    ImageDraw.Draw(image).text((12, 24), text, font=font, fill="black", anchor="lm")
    image.save(OUT / "line.png")
    pixels = np.asarray(image)[:, :, ::-1].astype(np.float32)
    return np.ascontiguousarray(((pixels / 255 - 0.5) / 0.5).transpose(2, 0, 1)[None])


def decode(scores, characters):
    """Connectionist temporal classification: repeats are one character, class 0 stands between characters."""
    best = scores.argmax(axis=1)
    kept = [c for i, c in enumerate(best) if c != 0 and (i == 0 or c != best[i - 1])]
    return "".join(characters[c] for c in kept).strip()


def read_text(text):
    network = Network("Reading a line of text", "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx")
    metadata = network.oracle.get_modelmeta().custom_metadata_map
    characters = ["", *metadata["character"].splitlines(), " "]
    image = draw(text)
    for _ in range(3):
        scores = network.run({"x": image})[0]
    read = decode(scores[0], characters)
    agrees = network.finish()
    print(f"  drawn: {text}\n  read:  {read}")
    if read != text:
        print("demo: the text read is not the text drawn", file=sys.stderr)
    return agrees and read == text


def speak(text):
    """Speech at 16 kHz by espeak-ng, as numbers from -1 to 1."""
    file = OUT / "speech.wav"
    subprocess.run(["espeak-ng", "-s", "140", "-w", file, text], check=True)
    with wave.open(str(file)) as sound:
        rate, samples = sound.getframerate(), np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
    times = np.arange(int(len(samples) * 16000 / rate)) / 16000
    return np.interp(times, np.arange(len(samples)) / rate, samples / 32768).astype(np.float32)


def spans(probabilities, seconds):
    """Where speech begins and ends: it begins above 0.5 and ends when it stays under 0.35 for 0.2 s."""
    found, begin, quiet = [], None, 0.0
    for i, probability in enumerate(probabilities):
        if probability > 0.5:
            begin, quiet = (i * seconds if begin is None else begin), 0.0
        elif probability < 0.35 and begin is not None:
            quiet += seconds
            if quiet >= 0.2:
                found.append((begin, (i + 1) * seconds - quiet))
                begin, quiet = None, 0.0
    return found + ([(begin, len(probabilities) * seconds)] if begin is not None else [])


def find_speech():
    network = Network("Finding speech", "silero_vad/data/silero_vad.onnx")
    silence = np.zeros(16000, np.float32)
    said = [speak("Lepton compiles neural networks."), speak("This is the second sentence.")]
    sound = np.concatenate([silence, said[0], silence, said[1], silence])
    bounds = np.cumsum([16000, len(said[0]), 16000, len(said[1])]) / 16000
    state, context, probabilities = np.zeros((2, 1, 128), np.float32), np.zeros(64, np.float32), []
    for at in range(0, len(sound) - 511, 512):
        chunk = np.concatenate([context, sound[at : at + 512]])
        probability, state = network.run({"input": chunk[None], "state": state, "sr": np.array(16000, np.int64)})
        context = chunk[-64:]
        probabilities.append(float(probability[0, 0]))
    agrees = network.finish()
    found = spans(probabilities, 512 / 16000)
    print(f"  spoken: {bounds[0]:.2f}-{bounds[1]:.2f} s, {bounds[2]:.2f}-{bounds[3]:.2f} s of {len(sound) / 16000:.2f} s")
    print("  found:  " + (", ".join(f"{begin:.2f}-{end:.2f} s" for begin, end in found) or "nothing"))
    inside = all(any(bounds[i] - 0.2 <= b and e <= bounds[i + 1] + 0.2 for i in (0, 2)) for b, e in found)
    if not found or not inside:
        print("demo: speech was found where none was, or nowhere", file=sys.stderr)
    return agrees and bool(found) and inside


def features(content, settings):
    """The first and the last bytes of a file without the white space around it, padded."""
    begin, end, padding = settings["beg_size"], settings["end_size"], settings["padding_token"]
    head = content[: settings["block_size"]].lstrip()[:begin]
    tail = content[-settings["block_size"] :].rstrip()[-end:]
    head = [*head, *[padding] * (begin - len(head))]
    return np.array([head + [padding] * (end - len(tail)) + [*tail]], np.int32)


def tell_files_apart():
    folder = "magika/models/standard_v3_3"
    network = Network("Telling files apart", f"{folder}/model.onnx")
    settings = json.loads((MODELS / folder / "config.min.json").read_text())
    files = ["api/Compiler.cpp", "runtime/core/lepton_abi.h", "python/lepton/__init__.py", "tools/setup/setup.sh", "Makefile",
             "CMakePresets.json", "build/demo/line.png", "build/demo/speech.wav", "build/bin/lepton"]
    lines = []
    for file in files:
        scores = network.run({"bytes": features((ROOT / file).read_bytes(), settings)})[0][0]
        lines.append(f"  {file:28} {settings['target_labels_space'][scores.argmax()]:12} {scores.max():.3f}")
    agrees = network.finish()
    print("\n".join(lines))
    return agrees


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", nargs="?", default="Lepton reads this line of text", help="the line to draw and to read")
    text = parser.parse_args().text.strip()
    OUT.mkdir(parents=True, exist_ok=True)
    done = [read_text(text), find_speech(), tell_files_apart()]
    print("\ndemo: all is well" if all(done) else "\ndemo: something is wrong, see above")
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
