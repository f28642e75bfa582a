"""The last stage: original or recaption per sample, and the training sample it becomes.

Columns of the ledger beside the common ones:

| column | type | meaning |
|---|---|---|
| caption_source | string | `original` or `recaption` |
| training_shard | string | file name of the training shard; null where the sample could not be written |
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from sieveline import draws, training_sample

COLUMNS = pa.schema([("caption_source", pa.string()), ("training_shard", pa.string())])


@dataclass(frozen=True, kw_only=True, slots=True)
class Shards:
    """How training shards are cut.

    Attributes:
        max_shard_samples: a shard is closed at this many samples.
        max_shard_bytes: a shard is closed before its media and texts exceed this; one larger sample is a shard of its own.
    """

    max_shard_samples: int = 10_000
    max_shard_bytes: int = 512 << 20

    def __post_init__(self) -> None:
        if min(self.max_shard_samples, self.max_shard_bytes) < 1:
            raise ValueError("max_shard_samples and max_shard_bytes must be positive")


@dataclass(frozen=True, kw_only=True, slots=True)
class Write(Shards):
    """How the training shards of image-text are made.

    Attributes:
        recaption_share: of the samples with an accepted recaption, the share that is written with it; the others keep their original.
            GLM-4.1V merges at a fixed ratio that it does not publish.
    """

    recaption_share: float = 0.8

    def __post_init__(self) -> None:
        Shards.__post_init__(self)
        if not 0 <= self.recaption_share <= 1:
            raise ValueError(f"recaption_share is a share of 0 to 1, not {self.recaption_share}")


def takes_recaption(sample_ids: Sequence[str], accepted: np.ndarray, recaption_share: float, seed: int) -> np.ndarray:
    """bool (n,): which samples are written with their recaption; a draw per sample id, so a larger share only adds samples."""
    return accepted & (draws.uniforms(seed, "recaption_share", sample_ids) < recaption_share)


def members(
    sample_id: str, image: bytes, image_format: str, caption: str, provenance: Mapping[str, Any]
) -> list[tuple[str, bytes]]:
    """The tar members of one training sample of line `caption`: its JSON, then the image with its original bytes."""
    file = f"0.{image_format}"
    content = [{"type": "image", "file": file}, {"type": "text", "text": caption, "loss": True}]
    return training_sample.members(sample_id, "caption", content, {file: image}, provenance)
