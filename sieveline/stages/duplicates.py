"""Duplicates: one picture stays of each cluster of equal or nearly equal ones, and a few of each caption template.

Measured once (`Measuring`): the pairs that `classifiers.near_duplicates` finds and `classifiers.picture_match` measures, and
the templates that `classifiers.caption_templates` finds. Decided freely (`Duplicates`): which pairs are duplicates, who stays.

**Clusters are stars, never chains.** Samples are taken in survivor order (more pixels, then the better caption, then the
smaller id, then shard and row). Each is dropped if it matches a survivor already taken, else it survives. So every dropped
sample matches the very survivor it was dropped for, no two survivors match, and A ~ B ~ C drops C for A only if C matches A
itself. The outcome depends on the samples and pairs alone, not on their order.

`PAIRS`: what the search leaves.

| column | type | meaning |
|---|---|---|
| first | int64 | number of a sample in the pool |
| second | int64 | number of another, larger |
| difference | float | luma left after alignment, 0-1, as `picture_match.verify` gives it |
| colour | float | chroma distance after alignment, 0-255 |

`MEASURED`: what the stage adds to its ledger rows.

| column | type | meaning |
|---|---|---|
| caption_quality | float | `caption_quality` of the row's caption, by which survivors are chosen after resolution |
| cluster_id | string | smallest sample id of the row's cluster; its own where it is alone |
| cluster_size | int32 | rows of the cluster, 1 where it is alone |
| survivor_id | string | sample id of the row that stays of the cluster |
| template_id | string | smallest sample id of the caption template the row belongs to; null for none |
| template_size | int32 | rows of the template that are no duplicates; 0 for none |
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from sieveline import draws
from sieveline.errors import ConfigError
from sieveline.reasons import Reason
from sieveline.verdicts import VERDICT

PAIRS = pa.schema([("first", pa.int64()), ("second", pa.int64()), ("difference", pa.float32()), ("colour", pa.float32())])

MEASURED = pa.schema(
    [
        ("caption_quality", pa.float32()),
        ("cluster_id", pa.string()),
        ("cluster_size", pa.int32()),
        ("survivor_id", pa.string()),
        ("template_id", pa.string()),
        ("template_size", pa.int32()),
    ]
)


BUCKET_SAMPLES = 500_000


def exchange_bits(num_samples: int) -> int:
    """Leading bits of a band key that name its bucket, as few as keep a bucket's share of the pool below `BUCKET_SAMPLES`: 0-12."""
    return min(max(num_samples // BUCKET_SAMPLES, 0).bit_length(), 12)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measuring:
    """What the search depends on: a change here searches the pool's hashes again, and reads no image.

    Attributes:
        radius: most differing bits of 64 between two perceptual hashes for the pair to be looked at, 0-14.
        fan: partners a sample gets among those that share one hash; bounds the pairs of a flood of one picture.
        exchange_bits: leading bits of a band key that name its bucket, 0-12: memory is one bucket's, 3 * 2**bits of them. None
            takes as few as keep a bucket's share of the pool below `BUCKET_SAMPLES`; the outcome is the same for any.
        template_characters: shortest masked caption that can be a template; shorter ones are names.
        template_more_than: a key of this many captions or fewer is no sign of a template. Below `max_per_template`, since a
            template falls into parts (a month, a colour) that are found one by one.
    """

    radius: int = 10
    fan: int = 64
    exchange_bits: int | None = None
    template_characters: int = 24
    template_more_than: int = 5

    def __post_init__(self):
        for name, low, high in (("radius", 0, 14), ("exchange_bits", 0, 12), ("fan", 1, None), ("template_more_than", 1, None)):
            value = getattr(self, name)
            if name == "exchange_bits" and value is None:
                continue
            assert value is not None
            if value < low or (high is not None and value > high):
                raise ConfigError(
                    f"duplicates.{name} is {value}, must be at least {low}" + (f", at most {high}" if high else "")
                )

    def bits(self, num_samples: int) -> int:
        """`exchange_bits`, or what it is for a pool of `num_samples`."""
        return exchange_bits(num_samples) if self.exchange_bits is None else self.exchange_bits


@dataclass(frozen=True, kw_only=True, slots=True)
class Duplicates:
    """The thresholds. None turns a rule off.

    Attributes:
        measuring: see `Measuring`.
        exact: whether pictures of equal bytes are duplicates.
        max_difference: largest `difference` of a near-duplicate pair, 0-1.
        max_colour: largest `colour` distance of a near-duplicate pair, 0-255.
        max_per_template: most rows kept of one caption template.
    """

    measuring: Measuring = Measuring()
    exact: bool = True
    max_difference: float | None = 0.08
    max_colour: float | None = 18.0
    max_per_template: int | None = 20

    def __post_init__(self):
        if self.max_difference is not None and not 0 <= self.max_difference <= 1:
            raise ConfigError(f"duplicates.max_difference is {self.max_difference}, must be 0 to 1 or None")
        if self.max_colour is not None and not 0 <= self.max_colour <= 255:
            raise ConfigError(f"duplicates.max_colour is {self.max_colour}, must be 0 to 255 or None")
        if self.max_per_template is not None and self.max_per_template < 1:
            raise ConfigError(f"duplicates.max_per_template is {self.max_per_template}, must be at least 1 or None")


def caption_quality(columns: pa.Table | pa.RecordBatch) -> np.ndarray:
    """How much a caption says: its words, at most 20, less the shares of special characters, repetition and boilerplate.

    Args:
        columns: `words`, `special_ratio`, `word_repetition` and `boilerplate` as the heuristics measured them; null counts as
            nothing said.

    Returns:
        float32 (n,), 0 to 20, rounded to 3 digits.
    """
    words, *flaws = (
        columns[name].cast(pa.float64()).to_numpy(zero_copy_only=False)
        for name in ("words", "special_ratio", "word_repetition", "boilerplate")
    )
    quality = np.minimum(words, 20)
    for share in flaws:
        quality = quality * (1 - np.clip(share, 0, 1))
    return np.round(np.nan_to_num(quality), 3).astype(np.float32)


def decide_duplicates(samples: pa.Table | pa.RecordBatch, pairs: pa.Table | pa.RecordBatch, config: Duplicates) -> pa.Table:
    """Clusters, survivors and the reason of every other row.

    Args:
        samples: `sample_id`, `source_shard`, `row`, `image_hash`, `width`, `height` and the columns of `caption_quality`. Every
            row that has a mate must be here with all its mates; rows without any may be left out (they stay).
        pairs: `PAIRS`, with `first` and `second` as row numbers of `samples`.
        config: the thresholds.

    Returns:
        `VERDICT` and the first four columns of `MEASURED`, row for row. An exact duplicate has no value; a near-duplicate's is
        its difference to its survivor.
    """
    num = samples.num_rows
    ids = samples["sample_id"].to_numpy(zero_copy_only=False).astype(str)
    quality = caption_quality(samples)
    rank = _survivor_rank(samples, ids, quality)
    original = _best_of_equal(samples["image_hash"], rank) if config.exact else np.arange(num)

    first, second = original[pairs["first"].to_numpy()], original[pairs["second"].to_numpy()]
    difference, colour = pairs["difference"].to_numpy(), pairs["colour"].to_numpy()
    near = (first != second) & (config.max_difference is not None)
    if config.max_difference is not None:
        near &= difference <= np.float32(config.max_difference)
    if config.max_colour is not None:
        near &= colour <= np.float32(config.max_colour)
    survivor, value = stars(rank, first[near], second[near], difference[near])

    survivor = survivor[original]
    exact, dropped = original != np.arange(num), survivor != np.arange(num)
    reason = np.full(num, None, object)
    reason[dropped] = Reason.NEAR_DUPLICATE.value
    reason[exact] = Reason.EXACT_DUPLICATE.value
    is_near = dropped & ~exact
    threshold = np.full(num, config.max_difference if config.max_difference is not None else np.nan)
    sizes = np.bincount(survivor, minlength=num)[survivor]
    return pa.table(
        [
            pa.array(reason, pa.string()),
            pa.array(value, pa.float64(), mask=~is_near),
            pa.array(threshold, pa.float64(), mask=~is_near),
            pa.array(quality),
            pa.array(smallest_id(ids, survivor), pa.string()),
            pa.array(sizes, pa.int32()),
            pa.array(ids[survivor], pa.string()),
        ],
        schema=pa.schema([*VERDICT, *list(MEASURED)[:4]]),
    )


def decide_floods(sample_ids: pa.Array | pa.ChunkedArray, template: np.ndarray, config: Duplicates, seed: int) -> pa.Table:
    """Which rows of each caption template stay.

    Args:
        sample_ids: string (n,), of rows that belong to a template and are no duplicates, with all other such rows of it.
        template: int64 (n,), the template of each, as `caption_templates.templates` names it.
        config: the cap.
        seed: the recipe's, of the draw that says which stay.

    Returns:
        `VERDICT` and the last two columns of `MEASURED`, row for row. The rows with the smallest draws of (seed, sample id)
        stay; a dropped row's value is the size of its template.
    """
    num = len(sample_ids)
    ids = np.array(sample_ids.to_pylist(), str)
    _, group, sizes = np.unique(template, return_inverse=True, return_counts=True)
    order = np.lexsort((np.arange(num), ids, draws.uniforms(seed, "flood", ids.tolist()), group))
    place = np.empty(num, np.int64)
    place[order] = np.arange(num) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    cap = config.max_per_template
    dropped = place >= cap if cap is not None else np.zeros(num, bool)
    first = np.full(len(sizes), num)
    by_id = np.argsort(ids, kind="stable")
    first[group[by_id[::-1]]] = by_id[::-1]
    return pa.table(
        [
            pa.array([Reason.CAPTION_FLOOD.value if drop else None for drop in dropped], pa.string()),
            pa.array(sizes[group].astype(float), mask=~dropped),
            pa.array(np.full(num, float(cap or 0)), mask=~dropped),
            pa.array(ids[first[group]], pa.string()),
            pa.array(sizes[group], pa.int32()),
        ],
        schema=pa.schema([*VERDICT, *list(MEASURED)[4:]]),
    )


def _survivor_rank(samples: pa.Table | pa.RecordBatch, ids: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Place of each row in survivor order, 0 the best: int64 (n,)."""
    pixels = samples["width"].cast(pa.int64()).to_numpy() * samples["height"].cast(pa.int64()).to_numpy()
    shards = samples["source_shard"].to_numpy(zero_copy_only=False).astype(str)
    order = np.lexsort((samples["row"].to_numpy(), shards, ids, -quality, -pixels))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank


def _best_of_equal(hashes: pa.ChunkedArray | pa.Array, rank: np.ndarray) -> np.ndarray:
    """For each row the best-ranked row with the same image hash (itself, if it is the best or has no hash)."""
    codes = hashes.combine_chunks() if isinstance(hashes, pa.ChunkedArray) else hashes
    codes = codes.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(~np.isnan(codes.astype(float)))
    best = np.arange(len(rank))
    order = rows[np.lexsort((rank[rows], codes[rows]))]
    new = np.ones(len(order), bool)
    new[1:] = codes[order[1:]] != codes[order[:-1]]
    best[order] = order[new][np.cumsum(new) - 1] if len(order) else order
    return best


def stars(rank: np.ndarray, a: np.ndarray, b: np.ndarray, difference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Greedy star clusters in rank order, in rounds over all pairs at once.

    Returns:
        int64 (n,) the survivor of each row (itself where it survives) and float64 (n,) its difference to it.
    """
    swap = rank[a] > rank[b]
    winner, loser = np.where(swap, b, a), np.where(swap, a, b)
    num = len(rank)
    undecided, survives = np.ones(num, bool), np.zeros(num, bool)
    live = np.arange(len(winner))
    while True:
        # A row survives once no better row that may yet survive matches it; it is dropped once a survivor matches it.
        threatened = np.zeros(num, bool)
        threatened[loser[live]] = True
        survives |= undecided & ~threatened
        undecided &= threatened
        undecided[loser[live[survives[winner[live]]]]] = False
        if not undecided.any():
            break
        live = live[undecided[loser[live]] & undecided[winner[live]]]
    taken = np.flatnonzero(survives[winner] & ~survives[loser])
    order = taken[np.lexsort((difference[taken], rank[winner[taken]]))[::-1]]  # the last written is the best
    survivor, value = np.arange(num), np.zeros(num)
    survivor[loser[order]] = winner[order]
    value[loser[order]] = difference[order]
    return survivor, value


def smallest_id(ids: np.ndarray, survivor: np.ndarray) -> np.ndarray:
    """The smallest id of each row's cluster."""
    smallest = ids.copy()
    by_id = np.argsort(ids, kind="stable")[::-1]
    smallest[survivor[by_id]] = ids[by_id]
    return smallest[survivor]
