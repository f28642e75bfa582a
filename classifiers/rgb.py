"""Image files to upright RGB arrays for the models, decoded once and no larger than needed.

JPEG goes through simplejpeg, which decodes at 1/2, 1/4 or 1/8 scale straight from the DCT (the scales between have no vector code: 5/8
takes longer than the whole picture); plain PNG and WebP (8 bits, neither transparency nor animation nor EXIF) go through OpenCV in
two thirds of Pillow's time; all else, and any file those two do not take (CMYK, broken markers), goes through Pillow. EXIF orientation is
applied, transparency is laid onto white, 16-bit samples are cut to 8, of an animation the first frame counts.
"""

import io
import struct
from collections.abc import Iterator

import cv2
import numpy as np
import simplejpeg
from PIL import Image, ImageOps

from sieveline.image_files import BROKEN, orientation, upright

cv2.setNumThreads(1)  # workers and decode threads are the parallelism

MAX_PIXELS = 89_478_485
"""A file that claims more is not decoded: a decompression bomb, or nothing a 224-pixel model needs."""


def decode_rgb(image: bytes | memoryview, min_side: int) -> np.ndarray | None:
    """`image` as uint8 [height, width, 3], upright; None if it cannot be decoded.

    Args:
        image: an image file.
        min_side: pixels; a larger JPEG may come shrunk by a power of two as long as both its sides keep at least this.
    """
    data = bytes(image)
    if simplejpeg.is_jpeg(data):
        try:
            height, width = map(int, simplejpeg.decode_jpeg_header(data)[:2])
            if height * width > MAX_PIXELS:
                return None
            shrink = next(f for f in (8, 4, 2, 1) if f == 1 or min(height, width) >= f * min_side)
            rgb = simplejpeg.decode_jpeg(
                data, "RGB", fastdct=True, fastupsample=True, min_height=-(-height // shrink), min_width=-(-width // shrink)
            )
        except ValueError:
            return _pillow(data, min_side)
        return upright(rgb, orientation(data))
    if 0 < _plain_pixels(data) <= MAX_PIXELS:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if bgr is not None:
            return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    return _pillow(data, min_side)


def square(rgb: np.ndarray, side: int) -> np.ndarray:
    """`rgb` squeezed to uint8 [side, side, 3]: nothing is cut off, since what the caption names may stand at the edge.

    Bilinear, and no step more than halves a side, so every pixel counts: a third of what squeezing by areas costs.
    """
    height, width = rgb.shape[:2]
    while max(height, width) > 2 * side:
        height, width = (-(-n // 2) if n > 2 * side else n for n in (height, width))
        rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_LINEAR)
    return rgb if (height, width) == (side, side) else cv2.resize(rgb, (side, side), interpolation=cv2.INTER_LINEAR)


# the last two change no pixel, but libpng complains of many on stderr
_NOT_PLAIN = frozenset([b"tRNS", b"eXIf", b"acTL", b"iCCP", b"cHRM"])


def _plain_pixels(data: bytes) -> int:
    """Pixels that the header of a plain PNG or WebP claims; 0 for any other file."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR" and len(data) > 33:
        width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
        opaque = depth == 8 and colour in (0, 2, 3)  # grey, RGB, palette
        return width * height if opaque and _NOT_PLAIN.isdisjoint(_chunks(data)) else 0
    if data[:4] == b"RIFF" and data[8:16] == b"WEBPVP8 " and data[23:26] == b"\x9d\x01\x2a" and len(data) > 30:
        width, height = struct.unpack("<HH", data[26:30])
        return (width & 0x3FFF) * (height & 0x3FFF)
    return 0


def _chunks(png: bytes) -> Iterator[bytes]:
    """Names of a PNG's chunks, from one header to the next: a search through the pixels takes a tenth of a millisecond."""
    start = 8
    while start + 8 <= len(png):
        length, name = struct.unpack_from(">I4s", png, start)
        yield name
        start += 12 + length


def _pillow(data: bytes, min_side: int) -> np.ndarray | None:
    try:
        with Image.open(io.BytesIO(data)) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                return None
            opened.draft("RGB", (min_side, min_side))
            picture = ImageOps.exif_transpose(opened)
            if picture.mode.startswith("I"):
                return np.repeat(
                    (np.asarray(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2
                )
            if picture.has_transparency_data:
                picture = picture.convert("RGBA")
                white = Image.new("RGBA", picture.size, "white")
                picture = Image.alpha_composite(white, picture)
            return np.asarray(picture.convert("RGB"))
    except BROKEN:
        return None
