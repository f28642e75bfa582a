"""Views: a kept picture as it is shown and asked about, upright and, for a share of them, turned or mirrored.

`ocr_synth.scene.samples.views` makes the rows, one or two of each kept picture, without reading it: polygons move by arithmetic, and
the pixels follow when the training shards are written. A view that leaves no question whose answer is beyond doubt is dropped.

Measured columns:

| column | type | meaning |
|---|---|---|
| parent | int32 | `row` of the picture in the stage before |
| view | string | `upright`, or what was done: `rotated by 12.3 degrees`, `flipped left to right` |
| angle | float | degrees anticlockwise, one decimal; 0 where nothing is turned |
| axis | int8 | 0 mirrors top and bottom, 1 left and right; null where nothing is mirrored |
| reencoded | bool | whether the picture is written as a new JPEG, since its pixels move; else the file's own bytes |
| width | int32 | pixels of the view |
| height | int32 | the same |
| num_lines | int32 | valid lines on it |
| num_questions | int32 | questions asked of it |
| turns | list<struct> | task (`read`, `locate`, `transcribe`), question and answer, in order |
| boxes | list<list<int16>> | of the valid lines in reading order: x1, y1, x2, y2 in thousandths of width and height, 0-999 |
| text_score | float | mean score of the valid lines, four decimals |
| caption | string | the valid lines, joined by ` / ` |
"""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from ocr_synth.scene.variants import Variants
from sieveline.errors import ConfigError
from sieveline.reasons import Reason
from sieveline.verdicts import Verdicts

MEASURED = pa.schema(
    [
        ("view", pa.string()),
        ("angle", pa.float32()),
        ("axis", pa.int8()),
        ("reencoded", pa.bool_()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("num_lines", pa.int32()),
        ("num_questions", pa.int32()),
        ("turns", pa.list_(pa.struct([("task", pa.string()), ("question", pa.string()), ("answer", pa.string())]))),
        ("boxes", pa.list_(pa.list_(pa.int16()))),
        ("text_score", pa.float32()),
        ("caption", pa.string()),
    ]
)
LEDGER = pa.schema([("parent", pa.int32()), *MEASURED])


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """Which questions a picture is asked.

    Attributes:
        reads: regions to be read, at most.
        locations: texts to be located, at most.
        min_transcribed: share of the lines found that must be valid for everything to be asked for, 0-1; None asks always.
        chinese_share: of questions asked in Chinese; the others are in English.
        variants: the copies made beside the originals.
    """

    reads: int = 2
    locations: int = 2
    min_transcribed: float | None = 0.8
    chinese_share: float = 0.3
    variants: Variants = field(default_factory=Variants)

    def __post_init__(self):
        if min(self.reads, self.locations) < 0:
            raise ConfigError("scene_views: reads and locations must not be negative")
        for name in ("min_transcribed", "chinese_share"):
            share = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise ConfigError(f"scene_views: {name} is {share}, must lie between 0 and 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneViews:
    """What a view must offer to be written; `None` turns a rule off.

    Attributes:
        measuring: which views and questions there are.
        min_questions: of a view, at least 1: a sample without a question teaches nothing.
    """

    measuring: Asking = field(default_factory=Asking)
    min_questions: int = 1

    def __post_init__(self):
        if self.min_questions < 1:
            raise ConfigError(f"scene_views: min_questions is {self.min_questions}, must be at least 1")


def decide(columns: pa.Table | pa.RecordBatch, config: SceneViews) -> pa.Table:
    """The verdict on every row of measured columns: a table of `VERDICT`, row for row."""
    verdicts = Verdicts(columns.num_rows)
    questions = columns["num_questions"].cast(pa.float64()).to_numpy(zero_copy_only=False)
    verdicts.rule(Reason.NO_QUESTION, np.asarray(questions < config.min_questions), questions, config.min_questions)
    return verdicts.table()
