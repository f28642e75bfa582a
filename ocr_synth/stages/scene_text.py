"""Scene text: pictures are kept where at least one line of text was read well enough to be a label (GLM-4.1V, arXiv 2507.01006, 3.1).

`classifiers.scene_text.measure` fills the columns of `MEASURED`, once; `decide` holds every line against the rules. A line that passes
them all is valid, and only valid lines are ever a label. A picture without a valid line is dropped by the last rule that one of its
lines reached: its reason says what it would have taken.

Measured columns. The lists have one element a line, in reading order as the engine gives it:

| column | type | meaning |
|---|---|---|
| width | int32 | pixels of the picture when upright; null if it does not decode |
| height | int32 | the same |
| turned | bool | whether the EXIF orientation turns the file's pixels to be upright |
| num_lines | int32 | lines read, valid or not |
| best_score | float | highest score of a line, 0-1; null without lines |
| texts | list<string> | what was read |
| scores | list<float> | mean probability of its characters, 0-1, four decimals |
| line_heights | list<float> | pixels of the upright picture across the writing, one decimal |
| scripts | list<string> | the script of most of its letters, as Unicode names it; `Common` without a letter, `Unknown` beyond `SCRIPTS` |
| polygons | list<list<float>> | x1, y1 ... x4, y4 in pixels of the upright picture, one decimal, clockwise |

The ledger has them all and

| column | type | meaning |
|---|---|---|
| valid | list<bool> | which lines passed every rule |
"""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import regex

from sieveline.errors import ConfigError
from sieveline.reasons import Reason
from sieveline.verdicts import Verdicts

MEASURED = pa.schema(
    [
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("turned", pa.bool_()),
        ("num_lines", pa.int32()),
        ("best_score", pa.float32()),
        ("texts", pa.list_(pa.string())),
        ("scores", pa.list_(pa.float32())),
        ("line_heights", pa.list_(pa.float32())),
        ("scripts", pa.list_(pa.string())),
        ("polygons", pa.list_(pa.list_(pa.float32()))),
    ]
)
LEDGER = pa.schema([*MEASURED, ("valid", pa.list_(pa.bool_()))])

SCRIPTS = (
    "Latin",
    "Han",
    "Hiragana",
    "Katakana",
    "Hangul",
    "Greek",
    "Cyrillic",
    "Arabic",
    "Hebrew",
    "Devanagari",
    "Thai",
)
"""Scripts that are told apart; a letter of any other is `Unknown`. The small PP-OCRv6 reads Latin, Han, kana and Greek."""
NO_LETTER = "Common"


@dataclass(frozen=True, kw_only=True, slots=True)
class Measuring:
    """What measuring depends on: a change here reads every surviving picture again.

    Attributes:
        max_side: pixels; larger pictures are shrunk before the recogniser reads its crops from them.
        detect_side: pixels, the longer side of what the detector sees.
        max_lines: of a picture; what was read beyond, in the engine's order, is left out.
    """

    max_side: int = 1920
    detect_side: int = 960
    max_lines: int = 500

    def __post_init__(self):
        if not 64 <= self.detect_side <= self.max_side <= 8192:
            raise ConfigError(
                f"scene_text: detect_side is {self.detect_side} and max_side {self.max_side}, "
                "must be 64 or more, in this order, and at most 8192"
            )
        if self.max_lines < 1:
            raise ConfigError(f"scene_text: max_lines is {self.max_lines}, must be at least 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneText:
    """What makes a line valid, and how many of them a picture needs; `None` turns a rule off, and a value equal to it passes.

    Attributes:
        measuring: see `Measuring`.
        min_score: mean probability of a line's characters.
        min_line_height: pixels of the picture, across the writing.
        max_line_share: line height by the picture's shorter side. The detector takes a lone thing on a plain ground for a letter
            as large as the picture.
        min_characters: letters and digits of a line. A lone one is more often a wheel or a window than an O.
        scripts: of `SCRIPTS`, those that are kept, e.g. `("Latin", "Han")`. A line without a letter (a price, a date)
            has the script `Common` and passes beside any other.
        min_lines: valid lines that a picture must have, at least 1.
        max_lines: lines read, valid or not: a page of small print is no scene.
    """

    measuring: Measuring = field(default_factory=Measuring)
    min_score: float | None = 0.8
    min_line_height: float | None = 10.0
    max_line_share: float | None = 0.5
    min_characters: int | None = 2
    scripts: tuple[str, ...] | None = None
    min_lines: int = 1
    max_lines: int | None = None

    def __post_init__(self):
        if self.min_score is not None and not 0 <= self.min_score <= 1:
            raise ConfigError(f"scene_text: min_score is {self.min_score}, must lie between 0 and 1")
        if self.max_line_share is not None and self.max_line_share <= 0:
            raise ConfigError(f"scene_text: max_line_share is {self.max_line_share}, must be above 0")
        if self.min_lines < 1:
            raise ConfigError(f"scene_text: min_lines is {self.min_lines}, must be at least 1: without text there is no label")
        if unknown := [script for script in self.scripts or () if script not in SCRIPTS]:
            raise ConfigError(f"scene_text: no script {', '.join(unknown)}; there are {', '.join(SCRIPTS)}")
        if self.scripts is not None and not self.scripts:
            raise ConfigError("scene_text: scripts is empty and would drop everything; None turns the rule off")


def decide(columns: pa.Table | pa.RecordBatch, config: SceneText) -> tuple[pa.Table, pa.Array]:
    """The verdict on every row of measured columns, and which of its lines are valid.

    Returns:
        A table of `VERDICT`, row for row, and list<bool> with one element a line; null where the picture does not decode.
    """
    verdicts = Verdicts(columns.num_rows)
    lines = _Lines(columns)
    verdicts.rule(Reason.UNDECODABLE, lines.undecodable)
    verdicts.rule(Reason.NO_TEXT, lines.counts == 0)
    if config.max_lines is not None:
        verdicts.rule(Reason.MANY_LINES, lines.counts > config.max_lines, lines.counts.astype(float), config.max_lines)

    def rule(
        reason: Reason, passes: np.ndarray, measured: np.ndarray | None, limit: float | None, better: np.ufunc = np.maximum
    ) -> None:
        best = None if measured is None else lines.best(measured, better)  # of the lines that every rule before let through
        lines.valid &= passes
        verdicts.rule(reason, ~lines.any_valid(), best, limit)

    if config.min_score is not None:
        scores = lines.column("scores", pa.float64())
        rule(Reason.TEXT_SCORE, np.round(scores, 4) >= config.min_score, scores, config.min_score)
    if config.min_line_height is not None:
        heights = lines.column("line_heights", pa.float64())
        rule(Reason.TEXT_SIZE, np.round(heights, 1) >= config.min_line_height, heights, config.min_line_height)
    if config.max_line_share is not None:
        shares = np.round(lines.column("line_heights", pa.float64()) / lines.shorter_sides(), 4)
        rule(Reason.TEXT_FILLS, shares <= config.max_line_share, shares, config.max_line_share, np.minimum)
    if config.min_characters is not None:
        characters = np.fromiter(map(num_characters, lines.texts()), np.float64, lines.num_lines)
        rule(Reason.TEXT_LENGTH, characters >= config.min_characters, characters, config.min_characters)
    if config.scripts is not None:
        known = pa.array([*config.scripts, NO_LETTER])
        rule(Reason.TEXT_SCRIPT, pc.is_in(lines.flat("scripts"), known).to_numpy(zero_copy_only=False), None, None)
    num_valid = lines.num_valid()
    verdicts.rule(Reason.FEW_LINES, num_valid < config.min_lines, num_valid.astype(float), config.min_lines)
    return verdicts.table(), lines.nested(lines.valid)


_COUNTED = regex.compile(r"[\p{L}\p{N}]")


def num_characters(text: str) -> int:
    """Letters and digits of `text`."""
    return len(_COUNTED.findall(text))


class _Lines:
    """The lines of all rows behind one another, and from where to where each row's reach."""

    def __init__(self, columns: pa.Table | pa.RecordBatch):
        self._columns = columns
        self.undecodable = pc.is_null(columns["width"]).to_numpy(zero_copy_only=False)
        self.counts = pc.fill_null(pc.list_value_length(columns["texts"]), 0).to_numpy(zero_copy_only=False)
        self._rows = np.repeat(np.arange(len(self.counts)), self.counts)
        self.num_lines = len(self._rows)
        self.valid = np.ones(self.num_lines, bool)

    def flat(self, name: str) -> pa.Array:
        column = pc.list_flatten(self._columns[name])
        return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column

    def column(self, name: str, kind: pa.DataType) -> np.ndarray:
        return self.flat(name).cast(kind).to_numpy(zero_copy_only=False)

    def texts(self) -> list[str]:
        return self.flat("texts").to_pylist()

    def num_valid(self) -> np.ndarray:
        return np.bincount(self._rows[self.valid], minlength=len(self.counts))

    def any_valid(self) -> np.ndarray:
        return self.num_valid() > 0

    def best(self, measured: np.ndarray, better: np.ufunc) -> np.ndarray:
        """Of each row's valid lines the best measure, float64; NaN without one."""
        worst = -np.inf if better is np.maximum else np.inf
        best = np.full(len(self.counts), worst)
        better.at(best, self._rows[self.valid], measured[self.valid])
        return np.where(np.isfinite(best), best, np.nan)

    def shorter_sides(self) -> np.ndarray:
        """Pixels of the shorter side of each line's picture."""
        sides = (self._columns[name].cast(pa.float64()).to_numpy(zero_copy_only=False) for name in ("width", "height"))
        return np.minimum(*sides)[self._rows]

    def nested(self, flags: np.ndarray) -> pa.Array:
        ends = np.concatenate([[0], np.cumsum(self.counts)]).astype(np.int32)
        mask = pa.array(self.undecodable)
        return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(flags, pa.bool_()), mask=mask)
