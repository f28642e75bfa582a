"""Truth check: a sampled share of documents is rendered undegraded, read by PP-OCRv6, and held against its labels.

Measured columns. All but `checked` are null where a document was not drawn for the check:

| column | type | meaning |
|---|---|---|
| checked | bool | whether the document was drawn for the check |
| truth_characters | int32 | characters of the label, normalised as in `ocr_synth.synthetic.truth` |
| truth_errors | int32 | characters to insert, delete or replace in what was read |
| error_rate | float | errors by characters, four decimals |
| missed_lines | int32 | lines of which nothing was read |
| read_text | string | what was read, its lines parted by line breaks, at most 4,000 characters |
"""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from sieveline.errors import ConfigError
from sieveline.reasons import Reason
from sieveline.verdicts import Verdicts

MEASURED = pa.schema(
    [
        ("checked", pa.bool_()),
        ("truth_characters", pa.int32()),
        ("truth_errors", pa.int32()),
        ("error_rate", pa.float32()),
        ("missed_lines", pa.int32()),
        ("read_text", pa.string()),
    ]
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measuring:
    """What the check depends on.

    Attributes:
        share: of documents that are checked, drawn by their id; one costs about a CPU-second, twenty times its making.
        detect_side: longer side in pixels of what the text detector sees.
    """

    share: float = 0.02
    detect_side: int = 960

    def __post_init__(self):
        if not 0 <= self.share <= 1:
            raise ConfigError(f"truth: share is {self.share}, must lie between 0 and 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Truth:
    """The check's threshold; `None`, the default, only reports. A value equal to it is kept.

    Attributes:
        measuring: see `Measuring`.
        max_error_rate: of a checked document in a language that the reader has; others are never dropped by it.
        languages: those languages.
    """

    measuring: Measuring = Measuring()
    max_error_rate: float | None = None
    languages: tuple[str, ...] = ("en", "zh", "ja")


def decide(columns: pa.Table | pa.RecordBatch, language: pa.ChunkedArray | pa.Array, config: Truth) -> pa.Table:
    """The verdict on every row of measured columns, with the documents' languages: a table of `VERDICT`, row for row."""
    verdicts = Verdicts(columns.num_rows)
    if config.max_error_rate is not None:
        rate = columns["error_rate"].cast(pa.float64()).to_numpy(zero_copy_only=False)
        known = pc.is_in(language, value_set=pa.array(config.languages)).to_numpy(zero_copy_only=False)
        verdicts.rule(Reason.READ_WRONG, known & (rate > config.max_error_rate), rate, config.max_error_rate)
    return verdicts.table()
