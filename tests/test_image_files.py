"""Orientation as EXIF has it, in every format that carries any, and what it does to pixels."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from sieveline.image_files import orientation, upright

PIXELS = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


def encoded(kind: str, turned: int | None) -> bytes:
    exif = Image.Exif()
    if turned is not None:
        exif[0x0112] = turned
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, kind, exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("turned", [None, *range(1, 9)])
def test_pixels_are_set_upright_as_pillow_does(kind, turned):
    data = encoded(kind, turned)
    assert orientation(data) == (turned if turned and kind != "TIFF" else 1)
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.asarray(image.convert("RGB"))
    with Image.open(io.BytesIO(data)) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    seen = upright(pixels, orientation(data))
    assert np.array_equal(seen, expected)
    assert seen.flags.c_contiguous


@pytest.mark.parametrize("data", [b"", b"no picture", encoded("JPEG", 6)[:40], encoded("TIFF", 6)[:20]])
def test_what_does_not_open_is_not_turned(data):
    assert orientation(data) == 1
