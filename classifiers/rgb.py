"""Image files to upright RGB arrays for the models, decoded once and no larger than needed.

JPEG goes through simplejpeg, which decodes at 1/2, 1/4 or 1/8 scale straight from the DCT; all else, and any JPEG it does not take
(CMYK, broken markers), goes through Pillow. EXIF orientation is applied, transparency is laid onto white, 16-bit samples are cut to 8,
of an animation the first frame counts.
"""

import io
import struct
import zlib

import cv2
import numpy as np
import simplejpeg
from PIL import Image, ImageOps

cv2.setNumThreads(1)  # workers and decode threads are the parallelism

MAX_PIXELS = 89_478_485
"""A file that claims more is not decoded: a decompression bomb, or nothing a 224-pixel model needs."""

# what Pillow's plug-ins raise for broken files
_BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    IndexError,
    KeyError,
    EOFError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
)
_BROKEN += (Image.DecompressionBombError, AttributeError)

_TURNS = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
    7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda a: a.transpose(1, 0, 2)[::-1],
}  # EXIF orientation -> what sets the picture upright


def decode_rgb(image: bytes | memoryview, min_side: int) -> np.ndarray | None:
    """`image` as uint8 [height, width, 3], upright; None if it cannot be decoded.

    Args:
        image: an image file.
        min_side: pixels; a larger JPEG may come shrunk by a power of two as long as both its sides keep at least this.
    """
    data = bytes(image)
    if simplejpeg.is_jpeg(data):
        try:
            height, width = simplejpeg.decode_jpeg_header(data)[:2]
            if int(height) * int(width) > MAX_PIXELS:
                return None
            rgb = simplejpeg.decode_jpeg(data, "RGB", fastdct=True, fastupsample=True, min_height=min_side, min_width=min_side)
        except ValueError:
            return _pillow(data, min_side)
        turn = _TURNS.get(_orientation(data))
        return rgb if turn is None else np.ascontiguousarray(turn(rgb))
    return _pillow(data, min_side)


def square(rgb: np.ndarray, side: int) -> np.ndarray:
    """`rgb` squeezed to uint8 [side, side, 3]: nothing is cut off, since what the caption names may stand at the edge."""
    height, width = rgb.shape[:2]
    if (height, width) == (side, side):
        return rgb
    shrinks = height >= side and width >= side
    return cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def _orientation(jpeg: bytes) -> int:
    head = jpeg[: 1 << 16]
    if b"Exif\0\0" not in head:
        return 1
    try:
        with Image.open(io.BytesIO(jpeg)) as opened:
            return opened.getexif().get(0x0112, 1)
    except _BROKEN:
        return 1


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
    except _BROKEN:
        return None
