"""Concept balancing, MetaCLIP style (arXiv 2309.16671): cut the head of the concept distribution, keep its tail.

Every entry e of the vocabulary gets a keep probability p(e) = min(1, t / count(e)) from the number of samples of the whole pool
that match it. A sample is kept if one of its entries e passes a draw of p(e), that is with probability 1 - prod(1 - p(e)); a
sample that matches nothing is dropped. t is given, or derived from the share of all matches that is to lie in the tail
(MetaCLIP 2, arXiv 2507.22062). The draws are a hash of (seed, sample id, entry): a sample's fate depends on no other sample but
through the counts, and raising t only adds samples.

Measured columns, by `classifiers.concepts.ConceptMatcher`; they depend on the vocabulary alone, another t matches nothing anew:

| column | type | meaning |
|---|---|---|
| concepts | list<int32> | ids of the vocabulary entries in the caption, distinct, ascending; empty if none, never null |
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from sieveline import draws
from sieveline.errors import ConfigError
from sieveline.reasons import Reason
from sieveline.verdicts import VERDICT, Verdicts

MEASURED = pa.schema([("concepts", pa.list_(pa.int32()))])


@dataclass(frozen=True, kw_only=True, slots=True)
class Concepts:
    """How the pool is balanced. With neither `t` nor `tail_share`, as by default, the rule is off and every sample is kept:
    what is head and what is tail depends on the pool, so a recipe says one of them.

    Attributes:
        vocabulary: path or fsspec URL of a vocabulary (`models.vocabulary.load`); None: the default one.
        t: matches an entry may have before its samples are thinned; MetaCLIP: 20,000 for 400M pairs, 170,000 for 2.5B.
        tail_share: share of all matches that lies in entries below t, from which t follows (`p_to_t`); the same share
            gives the same mix for a pool of any size. MetaCLIP 2: 0.06, what t = 20,000 meant on its English pool.

    Raises:
        ConfigError: both `t` and `tail_share` are set, or one is out of range.
    """

    vocabulary: str | None = None
    t: int | None = None
    tail_share: float | None = None

    def __post_init__(self) -> None:
        if self.t is not None and self.tail_share is not None:
            raise ConfigError("concepts: t is either given or derived from tail_share; set the other to None")
        if self.t is not None and self.t < 1:
            raise ConfigError(f"concepts: t is {self.t}, must be at least 1 (None turns balancing off)")
        if self.tail_share is not None and not 0 < self.tail_share < 1:
            raise ConfigError(f"concepts: tail_share is {self.tail_share}, must lie between 0 and 1 (None turns balancing off)")


def count(matches: pa.ListArray | pa.ChunkedArray, vocabulary_size: int) -> np.ndarray:
    """How many samples match each entry: int64 [vocabulary_size], from a `concepts` column."""
    chunks = matches.chunks if isinstance(matches, pa.ChunkedArray) else [matches]
    return merge([np.bincount(c.flatten().to_numpy(), minlength=vocabulary_size) for c in chunks], vocabulary_size)


def merge(counts: Iterable[np.ndarray], vocabulary_size: int) -> np.ndarray:
    """The sum of counts of disjoint parts of the pool, int64 [vocabulary_size]; any order gives the same."""
    total = np.zeros(vocabulary_size, np.int64)
    for part in counts:
        if part.shape != total.shape:
            raise ValueError(f"counts over {len(part)} entries, the vocabulary has {vocabulary_size}")
        total += part
    return total


def p_to_t(counts: np.ndarray, tail_share: float) -> int:
    """The t that puts about `tail_share` of all matches into the tail (MetaCLIP 2).

    Entries are put in order of their counts and their matches added up from the rarest; t is the count of the entry at which
    the sum comes nearest to `tail_share` of all matches. At least 1.

    Args:
        counts: int64 [vocabulary].
        tail_share: in (0, 1).
    """
    ascending = np.sort(counts[counts > 0])
    if not len(ascending):
        return 1
    share = np.cumsum(ascending) / ascending.sum()
    return int(ascending[np.argmin(np.abs(share - tail_share))])


def resolve_t(counts: np.ndarray, config: Concepts) -> int | None:
    """The t that holds for a pool with `counts`; None: the rule is off."""
    return p_to_t(counts, config.tail_share) if config.tail_share is not None else config.t


def keep_probabilities(counts: np.ndarray, t: int) -> np.ndarray:
    """p(e) = min(1, t / count(e)): float64 [vocabulary] in (0, 1]; 1 for an entry that matches nothing."""
    return np.minimum(1.0, t / np.maximum(counts, 1))


def decide(columns: pa.Table | pa.RecordBatch, counts: np.ndarray, config: Concepts, seed: int) -> pa.Table:
    """The verdict on each sample, in the order of `columns`.

    Args:
        columns: has `sample_id` (string) and `concepts` (list<int32>), n rows of any part of the pool.
        counts: int64 [vocabulary], over the whole pool (`merge`).
        config: the thresholds.
        seed: the recipe's.

    Returns:
        `VERDICT`, n rows; `reason` is null where the sample is kept. Of kept samples and of BALANCED_OUT, `value` is the
        probability of being kept, 1 - prod(1 - p(e)), and `threshold` the sample's draw in [0, 1) against it, kept where
        value > threshold. NO_CONCEPT: value 0 and threshold 1, in entries. All null where the rule is off.
    """
    n = columns.num_rows
    t = resolve_t(counts, config)
    if t is None:
        return Verdicts(n).table()
    concepts = _one_chunk(columns.column("concepts"))
    length = concepts.value_lengths().to_numpy()
    row = np.repeat(np.arange(n), length)
    entry = concepts.flatten().to_numpy()
    p = keep_probabilities(counts, t)[entry]
    u = draws.pair_uniforms(seed, "concepts", columns.column("sample_id").to_pylist(), row, entry)

    some = length > 0
    first = (np.cumsum(length) - length)[some]
    # A pair passes where u < p, a sample where its least u / p is below 1. The chance of that least ratio to lie below x is
    # 1 - prod(1 - x p), so that expression at the ratio itself is one uniform draw, and at 1 the probability of being kept.
    least = np.ones(n)
    value, threshold = np.zeros(n), np.ones(n)
    if len(first):
        least[some] = np.minimum.reduceat(u / p, first)
        value[some] = 1 - np.multiply.reduceat(1 - p, first)
        threshold[some] = 1 - np.multiply.reduceat(1 - np.minimum(least[row] * p, 1.0), first)
    reason = np.where(some, Reason.BALANCED_OUT.value, Reason.NO_CONCEPT.value)
    reason = pa.array(reason, pa.string(), mask=least < 1)
    return pa.table([reason, pa.array(value), pa.array(threshold)], schema=VERDICT)


def _one_chunk(column: pa.Array | pa.ChunkedArray) -> pa.ListArray:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def summary(
    before: np.ndarray, after: np.ndarray, t: int | None, entries: Sequence[str], *, num_top: int = 20, num_points: int = 200
) -> dict[str, Any]:
    """What balancing did to the distribution, for the report; plain numbers and strings.

    Args:
        before: int64 [vocabulary], counts over the pool.
        after: the same, over the kept samples.
        t: as it held; None: the rule was off, all is tail.
        entries: the vocabulary.
        num_top: how many of the most frequent entries are listed.
        num_points: of the curve, at most.

    Returns:
        `t`; `head` and `tail`, each `{"entries", "before", "after", "kept"}` with the number of entries (head: count > t),
        their matches before and after, and the share kept; `lost`, entries no kept sample matches any more; `top`, a list of
        `{"entry", "before", "after", "kept"}`, most frequent first; `curve`, `{"rank", "before", "after"}`, lists: with entries
        from the rarest to the most frequent, the matches of the first `rank` of them added up (MetaCLIP's figure).
    """
    order = np.lexsort((np.arange(len(before)), before))
    order = order[before[order] > 0]
    head = before[order] > t if t is not None else np.zeros(len(order), bool)

    def part(which: np.ndarray) -> dict[str, Any]:
        was, now = int(before[which].sum()), int(after[which].sum())
        return {"entries": len(which), "before": was, "after": now, "kept": now / was if was else None}

    top = [
        {"entry": entries[e], "before": int(before[e]), "after": int(after[e]), "kept": float(after[e] / before[e])}
        for e in order[::-1][:num_top]
    ]
    rank = np.unique(np.linspace(1, len(order), min(num_points, len(order))).round().astype(int)) if len(order) else order
    return {
        "t": t,
        "head": part(order[head]),
        "tail": part(order[~head]),
        "lost": int((after[order] == 0).sum()),
        "top": top,
        "curve": {
            "rank": rank.tolist(),
            "before": np.cumsum(before[order])[rank - 1].tolist(),
            "after": np.cumsum(after[order])[rank - 1].tolist(),
        },
    }
