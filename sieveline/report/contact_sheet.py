"""Thumbnails of a few samples, read from their source shards by range and drawn small."""

import base64
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from sieveline.shards.source import read_images

MAX_BYTES = 32 << 20
"""Larger image files are not read for a thumbnail."""
_READ_AT_ONCE = 8
_FAULTS = (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError)  # of Pillow's decoders


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small JPEG as a data URI, or why there is none.

    Attributes:
        uri: `data:image/jpeg;base64,...`, or None.
        width, height: of the thumbnail in pixels, 0 without one.
        fault: what a reader is told in its place; empty with a picture.
    """

    uri: str | None
    width: int = 0
    height: int = 0
    fault: str = ""


def thumbnails(
    rows: Iterable[Mapping[str, Any]], shard_urls: Mapping[str, str | None], side: int = 176, quality: int = 74
) -> dict[tuple[str, int], Thumbnail]:
    """Thumbnails of ledger rows, by (source shard, offset); each image is read once, a few at a time.

    Args:
        rows: have `source_shard`, `row`, `offset` and `length`.
        shard_urls: the file that each shard's offsets point into.
        side: of the square, in pixels, that a thumbnail fits into.
    """
    by_shard: dict[str, dict[int, Mapping[str, Any]]] = {}
    for row in rows:
        by_shard.setdefault(row["source_shard"], {})[row["offset"]] = row
    made: dict[tuple[str, int], Thumbnail] = {}
    for shard_id, wanted in sorted(by_shard.items()):
        readable = []
        for row in sorted(wanted.values(), key=lambda r: r["offset"]):
            if row["offset"] < 0 or not row["length"]:
                made[shard_id, row["offset"]] = Thumbnail(None, fault="no image")
            elif row["length"] > MAX_BYTES:
                made[shard_id, row["offset"]] = Thumbnail(None, fault="too large to show")
            else:
                readable.append(row)
        for start in range(0, len(readable), _READ_AT_ONCE):
            part = readable[start : start + _READ_AT_ONCE]
            for row, image in zip(part, _read(shard_urls.get(shard_id), part), strict=True):
                made[shard_id, row["offset"]] = thumbnail(image, side, quality)
    return made


def _read(url: str | None, rows: list[Mapping[str, Any]]) -> list[bytes | None]:
    if url is None:
        return [None] * len(rows)
    try:
        return list(read_images(url, [r["offset"] for r in rows], [r["length"] for r in rows]))
    except OSError:
        return [None] * len(rows)


def thumbnail(image: bytes | None, side: int, quality: int) -> Thumbnail:
    """A thumbnail of an image file; None stands for a source that cannot be read."""
    if image is None:
        return Thumbnail(None, fault="source unreadable")
    try:
        with Image.open(io.BytesIO(image)) as source:
            if source.width * source.height > (Image.MAX_IMAGE_PIXELS or 1 << 27):
                return Thumbnail(None, fault="too many pixels")
            source.draft("RGB", (side * 2, side * 2))
            picture = ImageOps.exif_transpose(source)
            picture.thumbnail((side, side), reducing_gap=2.0)
            if picture.mode in ("RGBA", "LA", "PA", "P"):
                picture = picture.convert("RGBA")
                white = Image.new("RGBA", picture.size, "white")
                picture = Image.alpha_composite(white, picture)
            file = io.BytesIO()
            picture.convert("RGB").save(file, "JPEG", quality=quality, optimize=True)
    except _FAULTS:
        return Thumbnail(None, fault="does not decode")
    return Thumbnail(data_uri("image/jpeg", file.getvalue()), *picture.size)


def data_uri(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
