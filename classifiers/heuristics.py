"""Measures samples for the heuristics stage: one look at the image, one at the caption, and the perceptual descriptors of both.

One-megapixel JPEGs cost what libjpeg-turbo's shrunk decode costs and little more; `benchmarks/heuristics.py` prints the ratio.
"""

from dataclasses import fields

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from classifiers import perceptual_hash
from classifiers.caption_quality import CaptionMeasures, measure_caption
from classifiers.image_quality import Look, colour_spread, look
from sieveline.schema import sample_id
from sieveline.stages.heuristics import MEASURED, Measuring

cv2.setNumThreads(1)  # workers are processes; OpenCV's own threads would only contend

STACK = perceptual_hash.STACK
NOTHING = Look(None, None, None, None, None)


def measure(samples: pa.RecordBatch, config: Measuring) -> pa.RecordBatch:
    """Measures every sample of a batch.

    Args:
        samples: rows of `sieveline.schema.SAMPLES`, flawed ones too.
        config: what measuring depends on.

    Returns:
        A batch of `MEASURED`, row for row; null where the image or the caption is missing or could not be measured. A row's values
        do not depend on the rows around it.
    """
    images = image_views(samples["image"])
    captions = samples["caption"].to_pylist()
    cut = [None if caption is None else cut_utf8(caption, config.max_caption_bytes) for caption in captions]
    columns = {
        "sample_id": [sample_id(image or b"", caption or "") for image, caption in zip(images, captions, strict=True)],
        "image_hash": [None if image is None else xxhash.xxh3_128_digest(image) for image in images],
        "flaw": samples["flaw"],
        **_image_columns(
            [None if image is None else look(image, max_pixels=config.max_pixels, side=config.side) for image in images]
        ),
        "image_bytes": [None if image is None else len(image) for image in images],
        "caption_bytes": pc.binary_length(samples["caption"]),
        **_caption_columns([None if caption is None else measure_caption(caption) for caption in cut]),
        "caption": cut,
        "url": samples["url"],
        "license": samples["license"],
    }
    return pa.record_batch({field.name: columns[field.name] for field in MEASURED}, schema=MEASURED)


def image_views(images: pa.LargeBinaryArray) -> list[memoryview | None]:
    """The bytes of every image without a copy (an Arrow scalar would be one), None for null."""
    if not len(images):
        return []  # Arrow may leave out the buffers of an empty array
    _, offsets, data = images.buffers()
    bounds = np.frombuffer(offsets, np.int64)[images.offset : images.offset + len(images) + 1].tolist()
    view = memoryview(b"" if data is None else data).cast("B")
    valid = images.is_valid().to_pylist()
    return [view[start:end] if ok else None for start, end, ok in zip(bounds, bounds[1:], valid, strict=False)]


def cut_utf8(text: str, limit: int) -> str:
    """The longest beginning of `text` that is at most `limit` bytes of UTF-8."""
    if len(text) * 4 <= limit:
        return text
    return text[:limit].encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


def _image_columns(looks: list[Look | None]) -> dict[str, pa.Array | list]:
    seen = [NOTHING if found is None else found for found in looks]
    # One resampling for all measures: the perceptual hash and the spread both start from this square.
    pictures = [cv2.resize(p, (STACK, STACK), interpolation=cv2.INTER_AREA) for f in seen if (p := f.small) is not None]
    columns: dict[str, pa.Array | list] = {
        "format": [found.format for found in seen],
        "width": [found.width for found in seen],
        "height": [found.height for found in seen],
        "aspect": [found.aspect for found in seen],
        "decode_error": [found.error for found in seen],
    }
    decoded = np.array([found.small is not None for found in seen], bool)
    # row of the picture among the decoded ones; null, hence null columns, for the others
    place = pa.array(np.cumsum(decoded) - 1, pa.int64(), mask=~decoded)
    stacked = np.stack(pictures) if pictures else np.empty((0, STACK, STACK, 3), np.uint8)
    columns["colour_spread"] = pa.array(colour_spread(stacked)).take(place)
    descriptors = perceptual_hash.describe(pictures)
    for name in descriptors.schema.names:
        columns[name] = descriptors[name].take(place)
    return columns


def _caption_columns(measures: list[CaptionMeasures | None]) -> dict[str, list]:
    return {
        field.name: [None if found is None else getattr(found, field.name) for found in measures]
        for field in fields(CaptionMeasures)
    }
