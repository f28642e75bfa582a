"""One look at an image file: what it is, how big, whether it decodes, and a small RGB picture of it for every later measure.

The format is told from the first bytes, never from a name. The size is read from the header, so that an image above the pixel
limit is never decoded. Decoding happens once and shrunk: a JPEG leaves libjpeg-turbo at 1/8 of its size where that still has
`side` pixels on the short side (full decode costs 1.4x as much), everything else goes through Pillow and an area average. Decoding
is strict: a file that ends early or whose stream is damaged is an error, not a half grey picture.
"""

import io
import re
import struct
import zlib
from dataclasses import dataclass

import cv2
import numpy as np
import simplejpeg
from PIL import Image

Image.init()

# Decoders hostile bytes may reach: raster formats of the web; none that runs another program (EPS) or reads another file.
PILLOW_FORMATS = {"png": "PNG", "gif": "GIF", "webp": "WEBP", "bmp": "BMP", "tiff": "TIFF", "avif": "AVIF"}
MAGIC = {
    "jpeg": re.compile(rb"\xff\xd8\xff"),
    "png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "gif": re.compile(rb"GIF8[79]a"),
    "avif": re.compile(rb".{4}ftypavi[fs]", re.DOTALL),
    "tiff": re.compile(rb"II\*\0|MM\0\*"),
    "bmp": re.compile(rb"BM"),
}
MAX_ERROR_CHARACTERS = 120
BORDER = 8  # of 64 pixels left out at each edge: frames of up to an eighth of the side do not count
TAIL = 0.01  # share of cells ignored at each end of the range


@dataclass(frozen=True, slots=True)
class Look:
    """What one image file showed.

    Attributes:
        format: `jpeg`, `png`, `gif`, `webp`, `bmp`, `tiff`, `avif`, or None if the bytes are none of these.
        width: pixels, None if the header could not be read.
        height: pixels, None if the header could not be read.
        small: uint8 RGB of shape (h, w, 3) with `side` to 2 * `side` - 1 pixels on the short side (fewer if the image has fewer),
            transparency on white, first frame; None if not decoded.
        error: why it was not decoded, at most 120 characters; None if it was, and for an image above the pixel limit.
    """

    format: str | None
    width: int | None
    height: int | None
    small: np.ndarray | None
    error: str | None

    @property
    def aspect(self) -> float | None:
        """Long side by short side; None if the header could not be read."""
        if self.width is None or self.height is None:
            return None
        return max(self.width, self.height) / min(self.width, self.height)


def look(image: bytes | memoryview, *, max_pixels: int, side: int) -> Look:
    """Reads the header of `image` and, if it has at most `max_pixels` pixels, decodes it shrunk to about `side`.

    Any content gives a `Look`; nothing but MemoryError is raised.
    """
    format = image_format(image)
    if format is None:
        return Look(None, None, None, None, "not a known image format" if len(image) else "empty file")
    width = height = None
    try:
        width, height = image_size(image, format)
        if width * height > max_pixels:
            return Look(format, width, height, None, None)
        small = decode_jpeg(image, side) if format == "jpeg" else decode_pillow(image, format, side)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - decoders raise anything on hostile bytes, and every sample must become a row
        message = " ".join(str(error).split()) or type(error).__name__
        return Look(format, width, height, None, message[:MAX_ERROR_CHARACTERS])
    return Look(format, width, height, small, None)


def image_format(image: bytes | memoryview) -> str | None:
    """The format by magic bytes, None if unknown."""
    head = bytes(image[:16])
    return next((name for name, magic in MAGIC.items() if magic.match(head)), None)


def image_size(image: bytes | memoryview, format: str) -> tuple[int, int]:
    """(width, height) from the header alone, before any pixel memory is asked for.

    Raises:
        ValueError, struct.error or what Pillow raises: the header cannot be read.
    """
    if format == "jpeg":
        height, width = map(int, simplejpeg.decode_jpeg_header(image)[:2])
    elif format == "png":
        if bytes(image[12:16]) != b"IHDR":
            raise ValueError("PNG without IHDR")
        if zlib.crc32(image[12:29]) != int.from_bytes(image[29:33], "big"):
            raise ValueError("PNG header fails its checksum")
        width, height = struct.unpack_from(">II", image, 16)
    elif format == "gif":
        width, height = struct.unpack_from("<HH", image, 6)
    elif format == "webp":
        width, height = _webp_size(image)
    else:
        width, height = _open(image, format).size
    if width <= 0 or height <= 0:
        raise ValueError(f"size {width} x {height}")
    return width, height


def _webp_size(image: bytes | memoryview) -> tuple[int, int]:
    # Pillow allocates the canvas when it opens a WebP, so the size is read here (RFC 9649).
    chunk = bytes(image[12:16])
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", image, 26)
        return width & 0x3FFF, height & 0x3FFF
    if chunk == b"VP8L":
        (bits,) = struct.unpack_from("<I", image, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8X":
        return 1 + int.from_bytes(image[24:27], "little"), 1 + int.from_bytes(image[27:30], "little")
    raise ValueError("WebP without an image chunk")


def decode_jpeg(image: bytes | memoryview, side: int) -> np.ndarray:
    """A JPEG as a small RGB picture, see `Look.small`. Raises ValueError or OSError on any damage libjpeg notices."""
    _, _, colorspace, _ = simplejpeg.decode_jpeg_header(image)
    if colorspace in ("CMYK", "YCCK"):
        return decode_pillow(image, "jpeg", side)
    small = simplejpeg.decode_jpeg(image, "RGB", fastdct=True, fastupsample=True, min_height=side, min_width=side)
    return shrink(small, side)


def decode_pillow(image: bytes | memoryview, format: str, side: int) -> np.ndarray:
    """Any other format as a small RGB picture, see `Look.small`. Raises what Pillow raises, ValueError on a PNG checksum."""
    if format == "png":
        check_png(image)
    picture = _open(image, format)
    picture.draft("RGB", (side, side))
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):  # Pillow would clip 16 bits to 8, not scale them
        grey = np.asarray(picture, np.float32)
        top = 65535.0 if grey.max(initial=0) > 255 else 255.0
        return shrink(np.repeat((grey.clip(0, top) * (255 / top)).astype(np.uint8)[..., None], 3, axis=2), side)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGB", picture.size, "white")
        white.paste(picture, mask=picture.getchannel("A"))
        picture = white
    elif picture.mode != "RGB":
        picture = picture.convert("RGB")
    return shrink(np.asarray(picture), side)


def check_png(image: bytes | memoryview) -> None:
    """Raises ValueError if a chunk of a PNG is cut off or fails its checksum; Pillow checks no pixel chunk."""
    view, at = memoryview(image), 8
    while at + 12 <= len(view):
        (length,) = struct.unpack_from(">I", view, at)
        end = at + 8 + length
        if end + 4 > len(view):
            break
        if zlib.crc32(view[at + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            raise ValueError(f"PNG chunk {bytes(view[at + 4 : at + 8])!r} fails its checksum")
        if view[at + 4 : at + 8] == b"IEND":
            return
        at = end + 4
    raise ValueError("PNG ends early")


def _open(image: bytes | memoryview, format: str) -> Image.Image:
    # The format's own reader: `Image.open` would refuse by its global pixel limit before telling the size.
    name = "JPEG" if format == "jpeg" else PILLOW_FORMATS[format]
    return Image.OPEN[name][0](io.BytesIO(image), "")


def shrink(picture: np.ndarray, side: int) -> np.ndarray:
    """`picture` (h, w, 3) area-averaged by a whole factor until its short side is below 2 * `side`."""
    height, width = picture.shape[:2]
    factor = min(height, width) // side
    if factor < 2:
        return picture
    return cv2.resize(picture, (width // factor, height // factor), interpolation=cv2.INTER_AREA)


def colour_spread(pictures: np.ndarray) -> np.ndarray:
    """How far the colours of each picture lie apart: float32 (n,) in 0-255, about 0 for one solid colour.

    Each picture is averaged to 32 x 32 cells, which takes sensor and JPEG noise away. The outer eighth is left out, so that a frame does
    not count, and of the 576 cells left the range between the 1st and the 99th percentile is taken per channel; the spread is the
    widest channel's. A drawing in thin lines on white keeps a wide range, because six cells that differ are enough.

    Args:
        pictures: uint8 (n, 64, 64, 3), whole images resampled to a square.
    """
    inner = pictures[:, BORDER:-BORDER, BORDER:-BORDER]
    # sum of 2 x 2 pixels; channels before cells, so that each is sorted along contiguous memory
    cells = sum(inner[:, y::2, x::2].astype(np.uint16) for y in (0, 1) for x in (0, 1))
    _, height, width, _ = cells.shape
    cells = np.ascontiguousarray(cells.transpose(0, 3, 1, 2)).reshape(len(pictures), 3, height * width)
    skip = int(cells.shape[-1] * TAIL)
    cells.sort(axis=-1)
    return (cells[..., -1 - skip] - cells[..., skip]).max(axis=-1).astype(np.float32) / 4
