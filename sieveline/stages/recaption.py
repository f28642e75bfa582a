"""Recaptioning: whether a verified candidate takes the place of the original caption. The sample stays either way.

Measured columns: the table of `recaption.verify`. `VERDICT`, what `decide` adds to them; a candidate with no reason against it is accepted and may be
written instead of the original (`write` draws which of the two is).

| column | type | meaning |
|---|---|---|
| reason | string | the `Reason` for which the original stayed; null where the candidate is accepted |
| value | double | what that rule measured; null where it has no number |
| threshold | double | what it was held against; null where it has none |
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sieveline.reasons import Reason

VERDICT = pa.schema([("reason", pa.string()), ("value", pa.float64()), ("threshold", pa.float64())])


@dataclass(frozen=True, kw_only=True, slots=True)
class RecaptionConfig:
    """Thresholds for a candidate. None turns a rule off. No number here is published; the defaults are strict.

    Attributes:
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
    """

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


def decide(measured: pa.RecordBatch | pa.Table, config: RecaptionConfig) -> pa.Table:
    """`VERDICT` for measured rows, row for row; the first rule that speaks gives the reason.

    Args:
        measured: `recaption.verify.COLUMNS`, with or without more columns.
        config: the thresholds.
    """
    num_rows = measured.num_rows
    reason = np.full(num_rows, None, object)
    value, threshold = np.full(num_rows, np.nan), np.full(num_rows, np.nan)

    def rule(why: Reason, hit: np.ndarray, measured_value: np.ndarray | None = None, limit: float | None = None) -> None:
        rows = hit & (reason == None)  # noqa: E711  elementwise
        reason[rows] = why.value
        if measured_value is not None:
            value[rows] = measured_value[rows]
        if limit is not None:
            threshold[rows] = limit

    def column(name: str) -> np.ndarray:
        return pc.cast(measured.column(name), pa.float64()).to_numpy(zero_copy_only=False)  # null -> nan, which breaks no rule

    rule(Reason.GENERATION_FAILED, measured.column("candidate").is_null().to_numpy(zero_copy_only=False))
    if config.require_change:
        rule(Reason.UNCHANGED, column("changed") == 0)
    if config.min_fact_recall is not None:
        recall = column("fact_recall")
        rule(Reason.FACT_LOST, recall < config.min_fact_recall, recall, config.min_fact_recall)
    for name, limit in (("num_unsupported", config.max_unsupported), ("num_new_words", config.max_new_words)):
        if limit is not None:
            rule(Reason.UNSUPPORTED_FACT, column(name) > limit, column(name), limit)
    if config.max_alignment_drop is not None:
        drop = np.round(column("alignment_before") - column("alignment_after"), 4)
        rule(Reason.ALIGNMENT_LOWER, drop > config.max_alignment_drop, drop, config.max_alignment_drop)
    if config.min_language_probability is not None:
        probability = column("language_probability")
        rule(Reason.CANDIDATE_LANGUAGE, probability < config.min_language_probability, probability, config.min_language_probability)
    num_words = column("candidate_words")
    if config.min_words is not None:
        rule(Reason.CANDIDATE_LENGTH, num_words < config.min_words, num_words, config.min_words)
    if config.max_words is not None:
        rule(Reason.CANDIDATE_LENGTH, num_words > config.max_words, num_words, config.max_words)
    if config.min_length_ratio is not None:
        ratio = column("length_ratio")
        rule(Reason.CANDIDATE_LENGTH, ratio < config.min_length_ratio, ratio, config.min_length_ratio)
    if config.max_repetition is not None:
        repetition = column("repetition")
        rule(Reason.CANDIDATE_REPETITION, repetition > config.max_repetition, repetition, config.max_repetition)

    return pa.table(
        [pa.array(reason.tolist(), pa.string()), pa.array(value, from_pandas=True), pa.array(threshold, from_pandas=True)], schema=VERDICT
    )
