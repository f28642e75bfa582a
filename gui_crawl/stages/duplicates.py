"""Duplicates: of pages that are copies of one another, on one site or on several, one stays with its states.

The crawl finds the copies within a share as it goes; this stage looks at all pages of all shares. Two pages are copies if the texts of their
documents and the pixels of their screenshots both agree, as they were loaded. Seen on different screens their pixels cannot be held against
each other: then the texts must agree alone, and more closely (`max_text_elsewhere`).

**Who stays.** Pages are taken in survivor order: more states kept by the crawl, then more visible elements, then the smaller sample id, then
shard and row. Each is dropped if it is a copy of a survivor already taken, else it survives, as in `sieveline.stages.duplicates`. A state
goes where its page goes. A state whose loaded page was not kept is held against nothing.

`PAIRS`: what the search leaves, of states 0 that the crawl kept.

| column | type | meaning |
|---|---|---|
| first | int64 | number of a page in the pool |
| second | int64 | number of another, larger |
| text_distance | int32 | bits between their text hashes, 0-64 |
| pixel_distance | int32 | bits between their pixel hashes, 0-64; null if they were seen on different screens |

`MEASURED`: what the stage adds to its ledger rows.

| column | type | meaning |
|---|---|---|
| cluster_id | string | smallest sample id of the page's cluster, its own where it is alone; null for states other than 0 |
| cluster_size | int32 | pages of the cluster, 1 where it is alone; null as above |
| survivor_id | string | sample id of the page (its state 0) that stays for this row's; null where the loaded page was not kept |
| text_distance | int32 | between the row's page and that survivor; null where it is the survivor |
| pixel_distance | int32 | the same of pixels; null also if they were seen on different screens |
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from sieveline.errors import ConfigError
from sieveline.reasons import Reason
from sieveline.stages.duplicates import exchange_bits, smallest_id, stars
from sieveline.verdicts import VERDICT

PAIRS = pa.schema(
    [("first", pa.int64()), ("second", pa.int64()), ("text_distance", pa.int32()), ("pixel_distance", pa.int32())]
)

MEASURED = pa.schema(
    [
        ("cluster_id", pa.string()),
        ("cluster_size", pa.int32()),
        ("survivor_id", pa.string()),
        ("text_distance", pa.int32()),
        ("pixel_distance", pa.int32()),
    ]
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measuring:
    """What the search depends on: a change here searches the pool's hashes again, and visits no page.

    Attributes:
        radius: most differing bits of 64 between two text hashes for the pair to be measured, 0-14.
        fan: partners a page gets among those that share one text hash; bounds the pairs of a flood of one page.
    """

    radius: int = 6
    fan: int = 64

    def __post_init__(self):
        for name, low, high in (("radius", 0, 14), ("fan", 1, 1 << 20)):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"duplicates.{name} is {getattr(self, name)}, must be {low} to {high}")

    def bits(self, num_samples: int) -> int:
        """Leading bits of a band key that name a bucket of the exchange, for a pool of `num_samples` states."""
        return exchange_bits(num_samples)


@dataclass(frozen=True, kw_only=True, slots=True)
class Duplicates:
    """The thresholds; a distance equal to its threshold is that of a copy. None turns a rule off.

    Attributes:
        measuring: see `Measuring`.
        max_text: bits between the text hashes of copies; None keeps all pages.
        max_pixel: bits between their pixel hashes, where both were seen on one screen in one scheme; None asks for no pixels.
        max_text_elsewhere: bits between the text hashes of copies that were seen on different screens; None keeps those.
    """

    measuring: Measuring = Measuring()
    max_text: int | None = 3  # as within a share: Manku et al. (2007)
    max_pixel: int | None = 6
    max_text_elsewhere: int | None = 0

    def __post_init__(self):
        for name, high in (
            ("max_text", self.measuring.radius),
            ("max_pixel", 64),
            ("max_text_elsewhere", self.measuring.radius),
        ):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= high:
                raise ConfigError(f"duplicates.{name} is {value}, must be 0 to {high} or None")


def decide(pages: pa.Table, pairs: pa.Table, config: Duplicates) -> pa.Table:
    """Clusters, survivors and the reason of every other page.

    Args:
        pages: `sample_id`, `source_shard`, `row`, `num_elements` and `num_states` (kept by the crawl). Every page that has a mate must be here
            with all its mates; pages without any may be left out (they stay).
        pairs: `PAIRS`, at least one, with `first` and `second` as row numbers of `pages`.
        config: the thresholds.

    Returns:
        `VERDICT` and `MEASURED`, row for row. A dropped page's value is the text distance to its survivor.
    """
    num = pages.num_rows
    ids = pages["sample_id"].to_numpy(zero_copy_only=False).astype(str)
    shards = pages["source_shard"].to_numpy(zero_copy_only=False).astype(str)
    order = np.lexsort(
        (pages["row"].to_numpy(), shards, ids, -pages["num_elements"].to_numpy(), -pages["num_states"].to_numpy())
    )
    rank = np.empty(num, np.int64)
    rank[order] = np.arange(num)

    first, second, text = (pairs[name].to_numpy() for name in ("first", "second", "text_distance"))
    pixel = pairs["pixel_distance"].cast(pa.float64()).to_numpy()  # null becomes NaN
    elsewhere = np.isnan(pixel)
    here, there = (-1 if limit is None else limit for limit in (config.max_text, config.max_text_elsewhere))
    limit = np.where(elsewhere, there, here)
    near = text <= limit
    if config.max_text is None:
        near[:] = False
    if config.max_pixel is not None:
        near &= elsewhere | (pixel <= config.max_pixel)
    # What `stars` tells of the pair by which a page was dropped is here the pair's place, from which both distances are read.
    survivor, place = stars(rank, first[near], second[near], np.flatnonzero(near))

    stays = survivor == np.arange(num)
    pair = place.astype(np.int64)
    text_distance = pa.array(text[pair], pa.int32(), mask=stays)
    return pa.table(
        [
            pa.array(np.full(num, Reason.NEAR_DUPLICATE.value), pa.string(), mask=stays),
            text_distance.cast(pa.float64()),
            pa.array(limit[pair], pa.float64(), mask=stays),
            pa.array(smallest_id(ids, survivor), pa.string()),
            pa.array(np.bincount(survivor, minlength=num)[survivor], pa.int32()),
            pa.array(ids[survivor], pa.string()),
            text_distance,
            pa.array(pixel[pair], pa.int32(), mask=stays | elsewhere[pair]),
        ],
        schema=pa.schema([*VERDICT, *MEASURED]),
    )
