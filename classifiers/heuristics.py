"""Measures samples for the heuristics stage: one look at the image, one at the caption, and the perceptual descriptors of both.

One-megapixel JPEGs cost what libjpeg-turbo's shrunk decode costs and little more; `benchmarks/heuristics.py` prints the ratio.
"""

import cv2
import numpy as np
import pyarrow as pa
import xxhash

from classifiers import perceptual_hash
from classifiers.caption_quality import CaptionMeasures, measure_caption
from classifiers.image_quality import Look, colour_spread, look
from sieveline.schema import sample_id
from sieveline.stages.heuristics import MEASURED, Measuring

cv2.setNumThreads(1)  # workers are processes; OpenCV's own threads would only contend


def measure(samples: pa.RecordBatch, config: Measuring) -> pa.RecordBatch:
    """Measures every sample of a batch.

    Args:
        samples: rows of `sieveline.schema.SAMPLES`, flawed ones too.
        config: what measuring depends on.

    Returns:
        A batch of `MEASURED`, row for row; null where the image or the caption is missing or could not be measured. A row's values
        do not depend on the rows around it.
    """
    images = [image.as_buffer() for image in samples["image"]]
    captions = samples["caption"].to_pylist()
    looks = [None if image is None else look(memoryview(image), max_pixels=config.max_pixels, side=config.side) for image in images]
    cut = [None if caption is None else cut_utf8(caption, config.max_caption_bytes) for caption in captions]
    texts = [None if caption is None else measure_caption(caption) for caption in cut]
    columns = {
        "sample_id": [sample_id(image or b"", caption or "") for image, caption in zip(images, captions, strict=True)],
        "image_hash": [None if image is None else xxhash.xxh3_128_digest(image) for image in images],
        "flaw": samples["flaw"],
    }
    raise NotImplementedError
