"""Alignment: how well a picture and its caption go together, as the raw cosine of an image-text model (CLIP, arXiv 2103.00020).

A cosine means something only beside the model that gave it: `provenance` is stored with every ledger. The columns are those of
`sieveline.stages.alignment.measured`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from sieveline.stages.alignment import Measuring, measured

HEADS = Path(__file__).parent.parent / "models" / "alignment_heads.safetensors"


class ImageTextModel(Protocol):
    """What the judge asks of a model.

    Attributes:
        name: the back-end and its model.
        weights_hash: 32 hex digits over all weights.
        precision: of the arithmetic.
        preprocessing: what is done to a picture and a text, in words.
        dimensions: width D of the common space.
    """

    name: str
    weights_hash: str
    precision: str
    preprocessing: str
    dimensions: int

    def embed_images(self, images: Sequence[bytes]) -> np.ndarray:
        """float32 [N, D] of length 1 for N image files; a row of NaN for one that cannot be decoded."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """float32 [N, D] of length 1."""
        ...


def load_model(config: Measuring, *, cache: Path, threads: int = 1) -> ImageTextModel:
    """The model `config` names.

    Args:
        config: what to load.
        cache: folder for files made once per machine.
        threads: cores the model may use; half as many threads decode ahead of an open_clip model. No score depends on it.

    Raises:
        ConfigError: there is no such model.
    """
    if config.model == "embedded":
        from classifiers.embedded_clip import EmbeddedClip

        return EmbeddedClip(HEADS, cache, threads=threads)
    from classifiers.open_clip_model import OpenClip

    return OpenClip(
        config.model.removeprefix("open_clip:"),
        batch_size=config.batch_size,
        precision=config.precision,
        threads=threads,
        decode_threads=(threads + 1) // 2,
    )


def provenance(model: ImageTextModel) -> dict[str, str]:
    """What is stored beside every score: name, weights hash, precision and preprocessing of the model."""
    return {
        "model": model.name,
        "weights_hash": model.weights_hash,
        "precision": model.precision,
        "preprocessing": model.preprocessing,
    }


def measure(batch: pa.RecordBatch | pa.Table, model: ImageTextModel) -> pa.RecordBatch:
    """Measured columns, row for row with `batch`.

    Args:
        batch: columns `image` (binary) and `caption` (string) as in `SAMPLES`; a null caption counts as an empty one.
        model: from `load_model`.

    Returns:
        A batch of `measured(model.dimensions)`. No row depends on another.
    """
    images = [image or b"" for image in batch["image"].to_pylist()]
    z_image = model.embed_images(images)
    z_text = model.embed_texts([caption or "" for caption in batch["caption"].to_pylist()])
    undecodable = np.isnan(z_image).any(1)
    columns = [
        pa.array(cosine(z_image, z_text), mask=undecodable),
        _vectors(z_image),
        _vectors(z_text),
    ]
    return pa.record_batch(columns, schema=measured(model.dimensions))


def cosine(z_image: np.ndarray, z_text: np.ndarray) -> np.ndarray:
    """Cosines of rows of length 1, [N, D] and [N, D] -> float32 [N], rounded to four decimals."""
    return np.round((z_image.astype(np.float64) * z_text).sum(1), 4).astype(np.float32)


def _vectors(rows: np.ndarray) -> pa.Array:
    half = np.ascontiguousarray(rows, np.float16)
    return pa.FixedSizeListArray.from_arrays(pa.array(half.ravel()), rows.shape[1])
