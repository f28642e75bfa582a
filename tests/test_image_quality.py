"""The look at an image: format by content, size before pixels, strict shrunk decoding, and what counts as one colour."""

import io
import struct
import zlib

import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageDraw

from classifiers.image_quality import Look, colour_spread, image_format, look, shrink
from sieveline.draws import generator

LIMIT = 89_478_485


def see(image: bytes, max_pixels: int = LIMIT) -> Look:
    return look(image, max_pixels=max_pixels, side=64)


def encode(picture: Image.Image, format: str, **options) -> bytes:
    out = io.BytesIO()
    picture.save(out, format, **options)
    return out.getvalue()


def scene(width: int = 320, height: int = 240, *, seed: int = 0) -> Image.Image:
    """Smooth colours with shapes on them."""
    draw = generator(seed, "scene")
    picture = Image.fromarray(draw.integers(0, 255, (6, 8, 3), np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(picture)
    for _ in range(5):
        x, y, r = draw.integers(0, width), draw.integers(0, height), draw.integers(5, 60)
        pen.ellipse((x - r, y - r, x + r, y + r), fill=tuple(int(v) for v in draw.integers(0, 255, 3)))
    return picture


def spread(picture: Image.Image, format: str = "JPEG", **options) -> float:
    small = see(encode(picture, format, **options)).small
    assert small is not None
    square = np.asarray(Image.fromarray(small).resize((64, 64), Image.Resampling.BOX))
    return float(colour_spread(square[None])[0])


@pytest.mark.parametrize(
    ("pillow_format", "format", "options"),
    [
        ("JPEG", "jpeg", {"quality": 85}),
        ("JPEG", "jpeg", {"quality": 85, "progressive": True}),
        ("PNG", "png", {}),
        ("WEBP", "webp", {}),
        ("WEBP", "webp", {"lossless": True}),
        ("GIF", "gif", {}),
        ("BMP", "bmp", {}),
        ("TIFF", "tiff", {}),
        ("AVIF", "avif", {}),
    ],
)
def test_formats_are_told_by_content_and_show_the_same_picture(pillow_format, format, options):
    picture = scene(640, 480)
    found = see(encode(picture, pillow_format, **options))
    assert (found.format, found.width, found.height, found.error) == (format, 640, 480, None)
    assert found.small is not None
    assert found.small.dtype == np.uint8
    assert 64 <= min(found.small.shape[:2]) < 128
    expected = np.asarray(picture.resize(found.small.shape[1::-1], Image.Resampling.BOX), np.int16)
    assert np.abs(found.small - expected).mean() < (8 if format == "gif" else 4)


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "CMYK", "I;16"])
def test_every_mode_becomes_rgb(mode):
    grey = np.asarray(scene().convert("L"))
    if mode == "I;16":
        picture = Image.fromarray(grey.astype(np.uint16) * 257)
    else:
        picture = scene().convert("RGB").convert(mode) if mode != "LA" else scene().convert("L").convert("LA")
    format = {"CMYK": "JPEG"}.get(mode, "PNG")
    found = see(encode(picture, format))
    assert found.error is None
    assert found.small is not None
    reference = picture.convert("RGB") if mode != "I;16" else Image.fromarray(grey).convert("RGB")
    expected = np.asarray(reference.resize(found.small.shape[1::-1], Image.Resampling.BOX), np.int16)
    assert np.abs(found.small - expected).mean() < 6


def test_transparency_lies_on_white():
    picture = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    small = see(encode(picture, "PNG")).small
    assert small is not None
    assert (small == 255).all()


def test_the_first_frame_of_an_animation_counts():
    frames = [Image.new("RGB", (80, 80), c) for c in ("red", "blue")]
    for format in ("GIF", "WEBP", "PNG"):
        small = see(encode(frames[0], format, save_all=True, append_images=frames[1:])).small
        assert small is not None
        assert small[40, 40, 0] > 200
        assert small[40, 40, 2] < 60


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_a_truncated_file_is_not_decoded(format, share):
    image = encode(scene(), format)
    found = see(image[: int(len(image) * share)])
    assert found.small is None
    assert found.error
    assert len(found.error) <= 120


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_a_damaged_stream_is_not_decoded(format):
    image = bytearray(encode(scene(), format))
    middle = len(image) // 2
    image[middle : middle + 64] = generator(1, format).bytes(64)
    assert see(bytes(image)).error


@pytest.mark.parametrize(
    "image", [b"", b"\xff\xd8\xff", b"<html>not found</html>", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBPVP8X", b"BM", b"GIF89a"]
)
def test_what_is_no_image_says_so(image):
    found = see(image)
    assert found.small is None
    assert found.error


def test_hostile_bytes_always_give_a_look():
    draw = generator(2, "fuzz")
    sources = [encode(scene(96, 80), f) for f in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")]
    for source in sources:
        for _ in range(60):
            image = bytearray(source)
            for at in draw.integers(0, len(image), draw.integers(1, 12)):
                image[at] = draw.integers(0, 256)
            found = see(bytes(image[: draw.integers(1, len(image) + 1)]), max_pixels=1_000_000)
            assert (found.small is not None) + (found.error is not None) <= 1


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


def test_a_bomb_is_measured_and_not_decoded():
    found = see(png_header(60_000, 60_000))
    assert (found.width, found.height, found.small, found.error) == (60_000, 60_000, None, None)
    jpeg = encode(scene(400, 300), "JPEG")
    assert see(jpeg, max_pixels=119_999).small is None
    assert see(jpeg, max_pixels=120_000).small is not None
    for format in ("GIF", "WEBP", "BMP", "TIFF", "AVIF"):
        found = see(encode(scene(400, 300), format), max_pixels=1)
        assert (found.width, found.height, found.small, found.error) == (400, 300, None, None)


def test_solid_colour_survives_noise_compression_and_frames():
    draw = generator(3, "noise")
    for size in ((64, 64), (300, 200), (1152, 864)):
        for colour in ("white", "black", (13, 120, 200)):
            solid = Image.new("RGB", size, colour)
            assert spread(solid, quality=40) < 2
            noisy = np.asarray(solid, np.float32) + draw.normal(0, 4, (size[1], size[0], 3))
            assert spread(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)), quality=60) < 10
            if min(size) < 200:
                continue  # in a stamp-sized JPEG the frame rings over the whole picture
            ImageDraw.Draw(solid).rectangle((0, 0, size[0] - 1, size[1] - 1), outline="red", width=min(size) // 10)
            assert spread(solid, quality=80) < 10


def test_drawings_on_white_and_dark_photos_are_not_solid():
    lines = Image.new("RGB", (800, 600), "white")
    pen = ImageDraw.Draw(lines)
    pen.line((150, 450, 400, 120, 650, 450, 150, 450), fill="black", width=3)
    assert spread(lines, quality=75) > 20
    assert spread(lines, "PNG") > 20
    dark = Image.fromarray((np.asarray(scene(), np.float32) * 0.15).astype(np.uint8))
    assert spread(dark) > 15
    assert spread(scene()) > 60


def test_shrink_averages_by_a_whole_factor():
    picture = np.arange(256, dtype=np.uint8).repeat(256 * 3).reshape(256, 256, 3)
    small = shrink(picture, 64)
    assert small.shape == (64, 64, 3)
    assert small[0, 0, 0] in (1, 2)
    assert shrink(picture[:100], 64) is not None
    assert shrink(picture[:100], 64).shape == (100, 256, 3)


def test_a_shrunk_jpeg_needs_no_full_decode():
    image = simplejpeg.encode_jpeg(np.asarray(scene(1152, 864)), 90)
    small = see(image).small
    assert small is not None
    assert small.shape == (108, 144, 3)
    assert image_format(image) == "jpeg"
