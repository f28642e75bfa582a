"""Pages: each page of a paper with its part of the markup, and how well the two fit. One row per page.

`ocr_synth.academic.paging` fills the columns of `MEASURED`.

| column | type | meaning |
|---|---|---|
| paper | string | where it was found, below the input |
| page | int32 | from 1 |
| num_pages | int32 | of its paper |
| width | int32 | pixels of its picture |
| height | int32 | pixels of its picture |
| caption | string | the markup |
| markup_words | int32 | words of the markup outside formulas |
| page_words | int32 | words of the page outside formulas, figures, running heads and line numbers |
| formula_words | int32 | words of the page in formulas |
| precision | float | share of the markup's words that the page has, 0-1; null without any |
| recall | float | share of the page's words that the markup has, 0-1; null without any |
| start_score | float | agreement of the running text's first words with the page's, 0-1 |
| end_score | float | agreement of its last words with the page's, 0-1 |
| boundary | float | mean of the two, 0-1 |
| leftovers | int32 | commands on the page that LaTeXML did not understand |
| outside | int32 | floats and notes on the page |
"""

from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa

from sieveline.errors import ConfigError
from sieveline.reasons import Reason
from sieveline.verdicts import Verdicts

MEASURED = pa.schema(
    [
        ("paper", pa.string()),
        ("page", pa.int32()),
        ("num_pages", pa.int32()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("caption", pa.string()),
        ("markup_words", pa.int32()),
        ("page_words", pa.int32()),
        ("formula_words", pa.int32()),
        ("precision", pa.float32()),
        ("recall", pa.float32()),
        ("start_score", pa.float32()),
        ("end_score", pa.float32()),
        ("boundary", pa.float32()),
        ("leftovers", pa.int32()),
        ("outside", pa.int32()),
    ]
)
LEDGER = MEASURED


@dataclass(frozen=True, kw_only=True, slots=True)
class Pages:
    """Thresholds; `None` turns a rule off. A value equal to its threshold is kept.

    Attributes:
        min_words: words of the markup, formulas' included; a page with fewer teaches little.
        min_precision: below it the markup says what the page does not show.
        min_recall: below it the markup leaves out what the page shows.
        min_boundary: Nougat's 0.75 for the ends of the page.
        max_leftovers: commands that were not understood and left a gap, each.
    """

    min_words: int | None = 20
    min_precision: float | None = 0.9
    min_recall: float | None = 0.9
    min_boundary: float | None = 0.75
    max_leftovers: int | None = 10

    def __post_init__(self):
        for entry in fields(self):
            value = getattr(self, entry.name)
            if value is not None and value < 0:
                raise ConfigError(f"pages: {entry.name} is {value}, must not be below 0")
            if value is not None and entry.name in _SHARES and value > 1:
                raise ConfigError(f"pages: {entry.name} is {value}, must lie between 0 and 1")


_SHARES = ("min_precision", "min_recall", "min_boundary")


def decide(columns: pa.Table | pa.RecordBatch, config: Pages) -> pa.Table:
    """The verdict on every row of measured columns: a table of `VERDICT`, row for row."""
    verdicts = Verdicts(columns.num_rows)

    def column(name: str) -> np.ndarray:  # nulls become NaN, which no comparison holds for
        return columns[name].cast(pa.float64()).to_numpy(zero_copy_only=False)

    if config.min_words is not None:
        words = column("markup_words") + column("formula_words")
        verdicts.rule(Reason.FEW_WORDS, (words < config.min_words) | (column("markup_words") == 0), words, config.min_words)
    for name, reason, limit in (
        ("precision", Reason.WORD_PRECISION, config.min_precision),
        ("recall", Reason.WORD_RECALL, config.min_recall),
        ("boundary", Reason.PAGE_BOUNDARY, config.min_boundary),
    ):
        if limit is not None:
            verdicts.rule(reason, column(name) < limit, column(name), limit)
    if config.max_leftovers is not None:
        leftovers = column("leftovers")
        verdicts.rule(Reason.LATEX_LEFTOVERS, leftovers > config.max_leftovers, leftovers, config.max_leftovers)
    return verdicts.table()
