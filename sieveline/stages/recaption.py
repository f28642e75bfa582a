"""Recaptioning: whether a verified candidate takes the place of the original caption. The sample stays either way.

`COLUMNS`: the ledger's own columns, taken from what `recaption.verify` measures.

| column | type | meaning |
|---|---|---|
| accepted | bool | nothing speaks against the candidate |
| caption | string | the original caption |
| recaption | string | the candidate; null where the generator failed |
| failure | string | how it failed |
| written_by | string | who wrote the candidate: `generator`, or `rules` where the generator fell back on them |
| num_facts | int32 | facts of the original |
| fact_recall | float | share of them that the candidate keeps |
| num_unsupported | int32 | numbers and names of the candidate that neither the original nor the image supports |
| num_new_words | int32 | content words of the candidate that the original does not have |
| num_coined | int32 | new words of the candidate that are no words |
| num_repeated | int32 | content words the candidate says again |
| alignment | float | raw cosine of image and original |
| candidate_alignment | float | raw cosine of image and candidate |
| caption_spans | list | facts of the original: start, end, kind, and `kept` or `lost` |
| recaption_spans | list | facts of the candidate: start, end, kind, and `supported`, `evidenced`, `unsupported` or `new` |

Measured columns: the table of `recaption.verify`. A candidate with no reason against it is accepted and may be written instead
of the original (`write` draws which of the two is).
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sieveline.reasons import Reason
from sieveline.verdicts import Verdicts

_SPANS = pa.list_(pa.struct([("start", pa.int32()), ("end", pa.int32()), ("kind", pa.string()), ("state", pa.string())]))
COLUMNS = pa.schema(
    [
        ("accepted", pa.bool_()),
        ("caption", pa.string()),
        ("recaption", pa.string()),
        ("failure", pa.string()),
        ("written_by", pa.string()),
        ("num_facts", pa.int32()),
        ("fact_recall", pa.float32()),
        ("num_unsupported", pa.int32()),
        ("num_new_words", pa.int32()),
        ("num_coined", pa.int32()),
        ("num_repeated", pa.int32()),
        ("alignment", pa.float32()),
        ("candidate_alignment", pa.float32()),
        ("caption_spans", _SPANS),
        ("recaption_spans", _SPANS),
    ]
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measuring:
    """Who writes candidates, and what may speak for a new fact in them.

    Attributes:
        generator: a `recaption.embedded.EmbeddedConfig`, `recaption.openai_server.ServerConfig` or `recaption.transformers_vlm.VlmConfig`.
            None is the embedded one, and needs the embedded alignment model, whose space it reads.
        ocr: whether text read in the image may speak for a new number or name.
    """

    generator: object | None = None
    ocr: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Recaption:
    """Thresholds for a candidate. None turns a rule off. No number here is published; the defaults are strict.

    Attributes:
        measuring: see `Measuring`.
        require_change: a candidate equal to the original but for case, spacing and punctuation is `UNCHANGED`.
        min_fact_recall: least share of the original's facts the candidate must keep, in [0, 1]; 1 keeps every fact.
        max_unsupported: most numbers, entities and proper nouns that neither the original nor the image supports.
        max_new_words: most content words the original does not have; off by default, since enriching is the aim and alignment judges it.
        max_alignment_drop: how far the raw cosine may fall from original to candidate, in [0, 2]; 0 lets it fall not at all.
        min_language_probability: least probability that the candidate is in the original's language. Short captions are hard to identify:
            a right one seldom falls below the default, a whole caption in another language nearly always does.
        min_words: least words of a candidate (a Chinese or Japanese character counts as one).
        max_words: most words.
        min_length_ratio: least length in characters relative to the original without its noise.
        max_repetition: greatest share of repeating words.
        max_coined: most new words that no word list of the language or of English knows.
        max_repeated: most content words that the candidate says again where the original does not.
    """

    measuring: Measuring = Measuring()
    require_change: bool = True
    min_fact_recall: float | None = 1.0
    max_unsupported: int | None = 0
    max_new_words: int | None = None
    max_alignment_drop: float | None = 0.0
    min_language_probability: float | None = 0.02
    min_words: int | None = 1
    max_words: int | None = 200
    min_length_ratio: float | None = 0.5
    max_repetition: float | None = 0.2
    max_coined: int | None = 0
    max_repeated: int | None = 0


def decide(columns: pa.Table | pa.RecordBatch, config: Recaption) -> pa.Table:
    """The verdict on every candidate.

    Args:
        columns: `recaption.verify.COLUMNS`; extra ones are ignored.
        config: the thresholds.

    Returns:
        A table of `sieveline.verdicts.VERDICT`, row for row: `reason` null where the candidate is accepted, else why the original stayed.
    """
    verdicts = Verdicts(columns.num_rows)

    def column(name: str) -> np.ndarray:  # nulls become NaN, which no comparison holds for
        return pc.cast(columns[name], pa.float64()).to_numpy(zero_copy_only=False)

    def rule(which: Reason, measured: np.ndarray, breaks: Callable[..., np.ndarray], limit: float | None) -> None:
        if limit is not None:
            verdicts.rule(which, breaks(measured, limit), measured, limit)

    under, over = operator.lt, operator.gt
    verdicts.rule(Reason.GENERATION_FAILED, columns["candidate"].is_null().to_numpy(zero_copy_only=False))
    if config.require_change:
        verdicts.rule(Reason.UNCHANGED, column("changed") == 0)
    rule(Reason.FACT_LOST, column("fact_recall"), under, config.min_fact_recall)
    rule(Reason.UNSUPPORTED_FACT, column("num_unsupported"), over, config.max_unsupported)
    rule(Reason.UNSUPPORTED_FACT, column("num_new_words"), over, config.max_new_words)
    rule(Reason.UNSUPPORTED_FACT, column("num_coined"), over, config.max_coined)
    drop = np.round(column("alignment_before") - column("alignment_after"), 4)
    rule(Reason.ALIGNMENT_LOWER, drop, over, config.max_alignment_drop)
    rule(Reason.CANDIDATE_LANGUAGE, column("language_probability"), under, config.min_language_probability)
    rule(Reason.CANDIDATE_LENGTH, column("candidate_words"), under, config.min_words)
    rule(Reason.CANDIDATE_LENGTH, column("candidate_words"), over, config.max_words)
    rule(Reason.CANDIDATE_LENGTH, column("length_ratio"), under, config.min_length_ratio)
    rule(Reason.CANDIDATE_REPETITION, column("repetition"), over, config.max_repetition)
    rule(Reason.CANDIDATE_REPETITION, column("num_repeated"), over, config.max_repeated)
    return verdicts.table()
