"""What every room that opens image files has to know of them: how EXIF says they are turned, and what Pillow raises for broken ones."""

import io
import struct
import zlib

import numpy as np
from PIL import ExifTags, Image

BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    IndexError,
    KeyError,
    EOFError,
    AttributeError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What Pillow and its plug-ins raise for broken files, and for bombs."""
_TURNS = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
    7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda a: a.transpose(1, 0, 2)[::-1],
}  # EXIF orientation -> what sets the picture upright


def orientation(data: bytes) -> int:
    """1 to 8, as the EXIF of a JPEG, PNG or WebP says; 1 where it says nothing. Above 4 the picture lies on its side.

    1 for every other format as well: Pillow sets TIFF upright itself when it decodes.
    """
    if data[:2] == b"\xff\xd8":
        said = b"Exif\0\0" in data[: 1 << 16]  # a search costs less than opening
    else:
        said = (data[:4] == b"\x89PNG" and b"eXIf" in data) or (data[:4] == b"RIFF" and b"EXIF" in data)
    if not said:
        return 1
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.getexif().get(ExifTags.Base.Orientation, 1)
    except BROKEN:
        return 1


def upright(pixels: np.ndarray, turned: int) -> np.ndarray:
    """`pixels` (height, width, 3) as `turned`, an EXIF orientation, wants them seen; contiguous."""
    turn = _TURNS.get(turned)
    return pixels if turn is None else np.ascontiguousarray(turn(pixels))
