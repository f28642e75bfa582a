"""Text density: pictures that nowhere look written on are dropped before anything is read, at a hundredth of what reading costs.

`ocr_synth.scene.density.measure` fills the columns of `MEASURED`, once; `decide` holds the peak of the map against `min_peak`. It is the
first stage of its line, so its rows also say what the reader of the source shard found. Captions are carried along and not needed.

Measured columns:

| column | type | meaning |
|---|---|---|
| sample_id | string | 32 hex digits over image bytes and caption |
| flaw | string | a `Reason` found while reading, else null |
| decodes | bool | whether the image decodes; null without one |
| text_peak | float | highest probability of writing in a cell of the picture, 0-1, four decimals; null if it does not decode |
| text_share | float | share of cells where writing is likelier than not, 0-1, four decimals |
| caption | string | what the source says of the picture, cut at 2,000 characters; null where it says nothing |
| url | string | where the image came from, if the shard says so |
| license | string | its licence, if the shard says so |
"""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sieveline.errors import ConfigError
from sieveline.reasons import Reason
from sieveline.verdicts import Verdicts

MEASURED = pa.schema(
    [
        ("sample_id", pa.string()),
        ("flaw", pa.string()),
        ("decodes", pa.bool_()),
        ("text_peak", pa.float32()),
        ("text_share", pa.float32()),
        ("caption", pa.string()),
        ("url", pa.string()),
        ("license", pa.string()),
    ]
)
LEDGER = pa.schema([f for f in MEASURED if f.name not in ("sample_id", "flaw")])
_NO_MATTER = (Reason.MISSING_CAPTION, Reason.CAPTION_BYTES, Reason.CAPTION_ENCODING)  # the text of interest is in the picture


@dataclass(frozen=True, kw_only=True, slots=True)
class Measuring:
    """What measuring depends on: a change here reads every picture again.

    Attributes:
        model: "embedded", the network beside the other weights, or the path of another ONNX file with the same input and output.
    """

    model: str = "embedded"


@dataclass(frozen=True, kw_only=True, slots=True)
class TextDensity:
    """Thresholds; `None` turns a rule off. A value equal to its threshold is kept.

    Attributes:
        measuring: see `Measuring`.
        min_peak: of `text_peak`; see docs/ocr-scene.md for what lies on either side.
    """

    measuring: Measuring = field(default_factory=Measuring)
    min_peak: float | None = 0.5

    def __post_init__(self):
        if self.min_peak is not None and not 0 <= self.min_peak <= 1:
            raise ConfigError(f"text_density: min_peak is {self.min_peak}, must lie between 0 and 1")


def decide(columns: pa.Table | pa.RecordBatch, config: TextDensity) -> pa.Table:
    """The verdict on every row of measured columns: a table of `VERDICT`, row for row."""
    verdicts = Verdicts(columns.num_rows)
    flaws = columns["flaw"]
    for flaw in flaws.unique().drop_null().to_pylist():
        if flaw not in _NO_MATTER:
            verdicts.rule(Reason(flaw), pc.fill_null(pc.equal(flaws, flaw), False).to_numpy(zero_copy_only=False))
    verdicts.rule(Reason.UNDECODABLE, pc.is_null(columns["text_peak"]).to_numpy(zero_copy_only=False))
    if config.min_peak is not None:
        peak = np.round(columns["text_peak"].cast(pa.float64()).to_numpy(zero_copy_only=False), 4)
        verdicts.rule(Reason.LOW_TEXT_DENSITY, peak < config.min_peak, peak, config.min_peak)
    return verdicts.table()
