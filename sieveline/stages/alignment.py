"""Alignment: pairs whose caption does not go with their picture are dropped, by the raw cosine of an image-text model.

`classifiers.alignment.measure` fills the columns of `measured(dimensions)`, once; `decide` holds the score against `min_score`. The
threshold belongs to one model: LAION-400M cut ViT-B/32 at 0.3 (raw cosine, not Hessel's 2.5-fold score), and the temperature the
embedded model was trained with puts its own matched pairs mostly above and mismatched ones mostly below the same number.

Measured columns, D being the width of the model's space:

| column | type | meaning |
|---|---|---|
| score | float | cosine of image and text embedding, -1 to 1, rounded to four decimals; null if the image does not decode |
| image_embedding | fixed_size_list<halffloat>[D] | of length 1; NaN if the image does not decode, since Parquet cannot read such nulls back |
| text_embedding | fixed_size_list<halffloat>[D] | of length 1 |
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sieveline.errors import ConfigError
from sieveline.reasons import Reason
from sieveline.verdicts import Verdicts


def measured(dimensions: int) -> pa.Schema:
    """The measured columns for a model whose embeddings have `dimensions` numbers."""
    embedding = pa.list_(pa.float16(), dimensions)
    return pa.schema([("score", pa.float32()), ("image_embedding", embedding), ("text_embedding", embedding)])


@dataclass(frozen=True, kw_only=True, slots=True)
class Measuring:
    """What measuring itself depends on: a change here reads every surviving image again.

    Attributes:
        model: "embedded", or "open_clip:" and MODEL:TAG, MODEL:CHECKPOINT, local-dir:FOLDER or hf-hub:NAME.
        precision: of an open_clip model: fp32, fp16, bf16.
        batch_size: rows of an open_clip model's passes; the embedded model's shapes are its own.
    """

    model: str = "embedded"
    precision: str = "fp32"
    batch_size: int = 64

    def __post_init__(self):
        if self.model != "embedded" and not self.model.startswith("open_clip:"):
            raise ConfigError(f"alignment: model is {self.model!r}, must be embedded or open_clip:MODEL:TAG")
        if self.precision not in ("fp32", "fp16", "bf16"):
            raise ConfigError(f"alignment: precision is {self.precision!r}, must be fp32, fp16 or bf16")
        if self.batch_size < 1:
            raise ConfigError(f"alignment: batch_size is {self.batch_size}, must be at least 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Alignment:
    """Thresholds; `None` turns a rule off. A value equal to its threshold is kept.

    Attributes:
        measuring: see `Measuring`.
        min_score: raw cosine.
    """

    measuring: Measuring = Measuring()
    min_score: float | None = 0.3  # LAION-400M's cut for ViT-B/32

    def __post_init__(self):
        if self.min_score is not None and not -1 <= self.min_score <= 1:
            raise ConfigError(f"alignment: min_score is {self.min_score}, must lie between -1 and 1")


def decide(columns: pa.Table | pa.RecordBatch, config: Alignment) -> pa.Table:
    """The verdict on every row of measured columns, of which `score` is read: a table of `VERDICT`, row for row."""
    verdicts = Verdicts(columns.num_rows)
    verdicts.rule(Reason.UNDECODABLE, pc.is_null(columns["score"]).to_numpy(zero_copy_only=False))
    if config.min_score is not None:
        score = columns["score"].cast(pa.float64()).to_numpy(zero_copy_only=False)
        verdicts.rule(Reason.LOW_ALIGNMENT, np.round(score, 4) < config.min_score, score, config.min_score)
    return verdicts.table()
