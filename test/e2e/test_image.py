"""ImageDecoder: files that Pillow writes give the pixels that Pillow reads, and what hostile bytes give is an error in words."""

import io
import resource
import struct
import zlib

import numpy as np
import pytest
from common import lepton as command
from common import save
from onnx import TensorProto, helper
from PIL import Image

import lepton

LEVELS = (0, 3)
KINDS = {
    "png": ("PNG", "RGB", {}),
    "png-gray": ("PNG", "L", {}),
    "png-alpha": ("PNG", "RGBA", {}),
    "png-palette": ("PNG", "P", {}),
    "png-bits": ("PNG", "1", {}),
    "bmp": ("BMP", "RGB", {}),
    "bmp-palette": ("BMP", "P", {}),
    "bmp-bits": ("BMP", "1", {}),
    "ppm": ("PPM", "RGB", {}),
    "pgm": ("PPM", "L", {}),
    "tiff": ("TIFF", "RGB", {}),
    "tiff-gray": ("TIFF", "L", {}),
    "tiff-alpha": ("TIFF", "RGBA", {}),
    "jpeg": ("JPEG", "RGB", {}),
    "jpeg-444": ("JPEG", "RGB", {"subsampling": 0, "quality": 95}),
    "jpeg-422": ("JPEG", "RGB", {"subsampling": 1, "quality": 30}),
    "jpeg-progressive": ("JPEG", "RGB", {"progressive": True}),
    "jpeg-restarts": ("JPEG", "RGB", {"restart_marker_blocks": 2, "optimize": True}),
    "jpeg-gray": ("JPEG", "L", {"progressive": True, "quality": 5}),
    "jpeg-inks": ("JPEG", "CMYK", {}),
}
SIZES = ((32, 32), (1, 1), (2, 3), (17, 33), (3, 70))  # height, width


def encode(kind, height, width, seed=3):
    """The bytes of an image of which a half is smooth and a half is noise."""
    form, mode, options = KINDS[kind]
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    ramp = np.add.outer(3 * np.arange(height), 2 * np.arange(width))[..., None] + [0, 50, 100]
    pixels[: height // 2] = np.clip(ramp, 0, 255)[: height // 2]
    image = Image.fromarray(pixels)
    file = io.BytesIO()
    (image.quantize(200) if mode == "P" else image.convert(mode)).save(file, format=form, **options)
    return file.getvalue()


def expected(data, pixel_format="RGB"):
    image = Image.open(io.BytesIO(data)).convert("RGB")
    if pixel_format == "Grayscale":
        return np.array(image.convert("L"))[..., np.newaxis]
    return np.array(image)[..., :: -1 if pixel_format == "BGR" else 1]


def build(path, pixel_format="RGB", size="N", out=("H", "W", "C"), constant=None):
    """A model y = ImageDecoder(x) of the bytes x, or of constant ones."""
    inputs = {} if constant is not None else {"x": (TensorProto.UINT8, [size])}
    initializers = {} if constant is None else {"x": np.frombuffer(constant, np.uint8)}
    nodes = [helper.make_node("ImageDecoder", ["x"], ["y"], name="picture", pixel_format=pixel_format)]
    return str(save(path / "model.onnx", nodes, inputs, {"y": (TensorProto.UINT8, out and list(out))}, initializers))


def feed(data):
    return {"x": np.frombuffer(data, np.uint8)}


@pytest.mark.parametrize("pixel_format", ["RGB", "BGR", "Grayscale"])
def test_pixels_are_pillows(tmp_path, pixel_format):
    session = lepton.InferenceSession(build(tmp_path, pixel_format))
    for kind in KINDS:
        for size in SIZES:
            data = encode(kind, *size)
            (y,) = session.run(None, feed(data))
            np.testing.assert_array_equal(y, expected(data, pixel_format), err_msg=f"{kind} {size}")


@pytest.mark.parametrize("greatest", [1, 6, 100, 254, 255, 256, 65535])
@pytest.mark.parametrize("channels", [1, 3])
def test_pnm_of_any_greatest_value(tmp_path, greatest, channels):
    values = np.random.default_rng(greatest).integers(0, greatest + 1, (5, 4, channels))
    head = f"P{5 if channels == 1 else 6}\n# a comment 7\n4\t5 #another\n {greatest}\n".encode()
    data = head + values.astype(">u2" if greatest > 255 else "u1").tobytes()
    (y,) = lepton.InferenceSession(build(tmp_path)).run(None, feed(data))
    np.testing.assert_array_equal(y, np.broadcast_to(np.rint(values / greatest * 255), (5, 4, 3)))


def tiff(order, rows_per_strip, white_is_zero=False):
    """A gray TIFF of 3 x 4 pixels, its directory before its strips, which lie in reverse order."""
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    strips = [pixels[i : i + rows_per_strip].tobytes() for i in range(0, 3, rows_per_strip)]
    lists, tags, end = b"", [], 8 + 2 + 9 * 12 + 4
    offsets, at = [], end + 4 * len(strips) * 2
    for strip in reversed(strips):
        offsets.insert(0, at)
        at += len(strip)
    for tag, values in ((256, [4]), (257, [3]), (258, [8]), (259, [1]), (262, [0 if white_is_zero else 1]), (273, offsets), (277, [1]), (278, [rows_per_strip]), (279, [len(s) for s in strips])):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        tags.append(struct.pack(f"{order}HHI", tag, 4, len(values)) + (packed if len(values) == 1 else struct.pack(f"{order}I", end + len(lists))))
        lists += packed if len(values) > 1 else b""
    lists = lists.ljust(4 * len(strips) * 2, b"\0")
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(tags))
    return head + b"".join(tags) + bytes(4) + lists + b"".join(reversed(strips))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("rows_per_strip", [1, 2, 3])
@pytest.mark.parametrize("white_is_zero", [False, True])
def test_tiff_strips(tmp_path, order, rows_per_strip, white_is_zero):
    data = tiff(order, rows_per_strip, white_is_zero)
    (y,) = lepton.InferenceSession(build(tmp_path)).run(None, feed(data))
    np.testing.assert_array_equal(y, expected(data))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("out", [None, ("H", "W", 3), (17, 33, 3)])
def test_bytes_and_sizes_known_and_unknown(tmp_path, level, out):
    data = encode("jpeg", 17, 33)
    constant = lepton.InferenceSession(build(tmp_path, out=out, constant=data), opt_level=level)
    np.testing.assert_array_equal(constant.run(None, {})[0], expected(data))
    for size in ("N", len(data)):
        session = lepton.InferenceSession(build(tmp_path, size=size, out=out), opt_level=level)
        np.testing.assert_array_equal(session.run(None, feed(data))[0], expected(data))


def test_what_follows_takes_the_size_from_the_image(tmp_path):
    nodes = [
        helper.make_node("ImageDecoder", ["x"], ["image"]),
        helper.make_node("Cast", ["image"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["f"], ["t"], perm=[2, 0, 1]),
        helper.make_node("Div", ["t", "scale"], ["y"]),
        helper.make_node("Shape", ["image"], ["s"]),
    ]
    path = save(tmp_path / "m.onnx", nodes, {"x": (TensorProto.UINT8, ["N"])}, {"y": (TensorProto.FLOAT, None), "s": (TensorProto.INT64, [3])}, {"scale": np.float32(255)})
    session = lepton.InferenceSession(str(path))
    for kind, size in (("png", (5, 9)), ("jpeg", (40, 30))):
        data = encode(kind, *size)
        y, s = session.run(None, feed(data))
        assert s.tolist() == [*size, 3]
        np.testing.assert_allclose(y, expected(data).transpose(2, 0, 1) / np.float32(255), rtol=1e-6)


# ---- bytes that are no image ---------------------------------------------------------------------------------------------


def png(width, height, body):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def huge_jpeg():
    data = bytearray(encode("jpeg", 8, 8))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = b"\xff\xff\xff\xff"
    return bytes(data)


def with_codes(count):
    """A JPEG with a table that says it has as many codes of each length."""
    data = encode("jpeg", 8, 8)
    at = data.index(b"\xff\xc4")
    length = 2 + 17 + 16 * count
    return data[:at] + b"\xff\xc4" + struct.pack(">HB", length, 0) + bytes([count] * 16) + bytes(16 * count) + data[at:]


JPEG = encode("jpeg", 32, 32)
HOSTILE = {
    "empty": (b"", "is empty; give it as JPEG, PNG, BMP, PNM .P5 or P6. or TIFF"),
    "garbage": (b"garbage" * 100, "is in none of the supported formats"),
    "webp": (b"RIFF\0\0\0\0WEBPVP8 ", "is a WebP image"),
    "jpeg2000": (b"\0\0\0\x0cjP  \r\n\x87\n", "is a JPEG 2000 image"),
    "gif": (b"GIF89a\1\0\1\0", "is a GIF image"),
    "png-head": (b"\x89PNG\r\n\x1a\n", "head of the PNG image is damaged"),
    "png-huge": (png(12000, 15000, zlib.compress(bytes(10))), "has 12000 x 15000 pixels, at most 134217728 in all are allowed; make it smaller"),
    "png-large-without-pixels": (png(8192, 8192, zlib.compress(bytes(10))), "PNG image is cut off"),
    "png-stream": (png(2, 2, zlib.compress(bytes(14))[:-6]), "PNG image is cut off"),
    "png-bomb": (png(1, 1, zlib.compress(bytes(1 << 26), 9)), "PNG image is cut off, damaged"),
    "jpeg-head": (JPEG[:20], "head of the JPEG image is damaged"),
    "jpeg-huge": (huge_jpeg(), "65535 x 65535 pixels"),
    "jpeg-codes": (with_codes(255), "JPEG image is cut off, damaged"),
    "jpeg-scans": (JPEG[:-2] + JPEG[JPEG.index(b"\xff\xda") : -2] * 2000 + JPEG[-2:], "JPEG image is cut off, damaged"),
    "jpeg-without-tables": (JPEG.replace(b"\xff\xc4", b"\xff\xe1"), "JPEG image is cut off, damaged"),
    "bmp-head": (b"BM" + bytes(30), "head of the BMP image is damaged"),
    "ppm-head": (b"P6\n3 x", "head of the PNM image is damaged"),
    "ppm-huge": (b"P6\n99999999999 3\n255\n", "head of the PNM image is damaged|pixels, at most"),
    "ppm-zero": (b"P6\n0 3\n255\n", "0 pixels|0 x 3 pixels"),
    "tiff-head": (b"II*\0\xff\xff\xff\xff", "head of the TIFF image is damaged"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_bytes_that_are_no_image(tmp_path, name):
    data, reason = HOSTILE[name]
    with pytest.raises(ValueError, match=f"node 'picture': the .*({reason})"):
        lepton.InferenceSession(build(tmp_path)).run(None, feed(data))


@pytest.mark.parametrize("kind", KINDS)
def test_images_that_are_cut_off(tmp_path, kind):
    session = lepton.InferenceSession(build(tmp_path))
    data = encode(kind, 17, 33)
    for length in {0, 1, 3, 10, len(data) // 3, len(data) // 2, len(data) * 3 // 4}:
        with pytest.raises(ValueError, match="node 'picture': the .*image"):
            session.run(None, feed(data[:length]))
    np.testing.assert_array_equal(session.run(None, feed(data))[0], expected(data))  # the session is as good as before


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_images_end_in_pixels_or_words(tmp_path, kind):
    session = lepton.InferenceSession(build(tmp_path))
    random = np.random.default_rng(7)
    outcomes = {"pixels": 0, "words": 0}
    for _ in range(150):
        data = np.frombuffer(encode(kind, 9, 11), np.uint8).copy()
        places = random.integers(0, len(data), random.integers(1, 6))
        data[places] = random.integers(0, 256, len(places))
        try:
            (y,) = session.run(None, {"x": data})
            assert y.ndim == 3 and y.shape[2] == 3
            outcomes["pixels"] += 1
        except ValueError as problem:
            assert "node 'picture': the " in str(problem)
            outcomes["words"] += 1
    assert sum(outcomes.values()) == 150


def test_memory_stays_when_images_come_and_go(tmp_path):
    """Good and bad images in turn, a thousand times: no run leaves anything behind."""
    session = lepton.InferenceSession(build(tmp_path))
    images = [encode(kind, 64, 64) for kind in KINDS]
    images += [data[: len(data) // 2] for data in images]

    def runs(count):
        for i in range(count):
            try:
                session.run(None, feed(images[i % len(images)]))
            except ValueError:
                pass
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = runs(200)
    assert runs(1000) - before < 4096  # KiB


def test_pixel_format_is_checked(tmp_path):
    result = command("compile", build(tmp_path, "CMYK"), "-o", tmp_path / "m.so")
    assert result.returncode == 1
    assert "node 'picture' (ImageDecoder): has the pixel_format 'CMYK'; RGB, BGR and Grayscale are allowed" in result.stderr


def test_artifacts_without_images_hold_no_decoders(tmp_path):
    plain = save(tmp_path / "plain.onnx", [helper.make_node("Relu", ["x"], ["y"])], {"x": (TensorProto.FLOAT, [4])}, {"y": (TensorProto.FLOAT, [4])})
    lepton.compile(str(plain), str(tmp_path / "plain.so"))
    lepton.compile(build(tmp_path), str(tmp_path / "image.so"))
    symbols = {name: (tmp_path / name).read_bytes() for name in ("plain.so", "image.so")}
    assert b"JPEG 2000" in symbols["image.so"] and b"JPEG 2000" not in symbols["plain.so"]
