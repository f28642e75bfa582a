"""Natural images to stand behind documents: members of the image-text line's training shards, or of any tars, read by range."""

import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import simplejpeg

from ocr_synth.synthetic import fields
from sieveline import storage
from sieveline.draws import uniform

MAX_PICTURES = 20_000  # kept in mind; more are not looked for
_SIDE = 900  # pixels of the short side that a picture is decoded to, at least, where it is larger


@dataclass(frozen=True, slots=True)
class Backdrop:
    """A picture in a tar: `length` bytes at `offset` of `url`."""

    url: str
    offset: int
    length: int


def index(urls: Sequence[str]) -> tuple[Backdrop, ...]:
    """The JPEG members of tars, in order, at most `MAX_PICTURES`.

    Args:
        urls: of tars; globs are for the caller to expand.

    Raises:
        OSError: a tar cannot be read.
    """
    found: list[Backdrop] = []
    for url in urls:
        fs, path = storage.filesystem(url)
        with fs.open(path, "rb") as file:
            try:
                with tarfile.open(fileobj=file, mode="r:") as tar:  # pyright: ignore[reportCallIssue, reportArgumentType]
                    for member in tar:
                        if member.isreg() and member.name.lower().endswith((".jpg", ".jpeg")) and 0 < member.size < 32 << 20:
                            found.append(Backdrop(url, member.offset_data, member.size))
                            if len(found) >= MAX_PICTURES:
                                return tuple(found)
            except tarfile.TarError:
                continue  # a cut tar gives the pictures before the cut
    return tuple(found)


def draw(backdrops: Sequence[Backdrop], rng: np.random.Generator, width: int, height: int) -> np.ndarray | None:
    """uint8 [height, width, 3]: a window of a drawn picture, scaled to fill; None where it does not decode."""
    chosen = backdrops[int(rng.integers(len(backdrops)))]
    picture = _decoded(chosen)
    x, y, flip = float(rng.random()), float(rng.random()), bool(rng.random() < 0.5)
    if picture is None:
        return None
    high, wide, _ = picture.shape
    scale = min(wide / width, high / height) * float(rng.uniform(0.6, 1.0))
    w, h = max(1, int(width * scale)), max(1, int(height * scale))
    left, top = int(x * (wide - w)), int(y * (high - h))
    window = picture[top : top + h, left : left + w]
    return cv2.resize(window[:, ::-1] if flip else window, (width, height), interpolation=cv2.INTER_LINEAR)


@lru_cache(maxsize=48)  # at most some 2 MB each
def _decoded(backdrop: Backdrop) -> np.ndarray | None:
    fs, path = storage.filesystem(backdrop.url)
    data = fs.cat_file(path, start=backdrop.offset, end=backdrop.offset + backdrop.length)
    try:
        height, width = (int(side) for side in simplejpeg.decode_jpeg_header(data)[:2])
        if height * width > 90_000_000 or min(height, width) < 64:
            return None
        picture = simplejpeg.decode_jpeg(data, "RGB", min_height=min(_SIDE, height), min_width=min(_SIDE, width), fastdct=True)
    except ValueError:
        return None
    scale = _SIDE / min(picture.shape[:2])
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    picture.flags.writeable = False
    return picture


def plain(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """uint8 [height, width, 3]: a surface of two colours running into each other, with some grain."""
    first, second = rng.uniform(20, 235, 3), rng.uniform(-50, 50, 3)
    slow = fields.smooth(rng, height, width, int(rng.integers(2, 6)))
    grain = fields.grain(rng, height, width)
    strength = uniform(int(rng.integers(1 << 30)), "grain") * 0.4
    level = cv2.addWeighted((slow * 255).astype(np.uint8), 1.0, grain, strength, -128 * strength)
    ramp = np.linspace(0, 1, 256)[:, None]
    table = np.clip(first + ramp * second, 0, 255).astype(np.uint8)
    return cv2.LUT(cv2.merge([level] * 3), table.reshape(1, 256, 3))
