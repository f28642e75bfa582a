"""Near-duplicate pairs among perceptual hashes: every pair within a Hamming radius, without comparing all pairs.

Multi-index hashing (Norouzi, Punjani and Fleet 2012): the 64 bits are cut into `BANDS` bands and band i is given a number of
flips t_i with sum(t_i + 1) > radius. Two hashes within the radius then differ in at most t_i bits of some band i (else they
would differ in at least sum(t_i + 1) bits), so looking up every key within t_i flips of a hash's own in every band finds them
all. Bands of 21-22 bits fit pools of 10^6 to 10^8: few hashes share a key, and the keys of one band fit a table in cache.

The pool is exchanged by `exchange_keys`: one entry per hash and band, in the bucket of the band's leading bits. A bucket is
worked alone, against the stored entries of `neighbours(bucket)` one after the other, so memory is that of two buckets however
large the pool is. A pair is reported by the first band that can see it, hence once.

Hashes only propose. `verify` aligns the two thumbnails (Lucas-Kanade on shift and scale of each axis, so that crops of up to
12 % per side fall onto each other) and gives what is left: `difference` of luma and `colour` distance.
"""

from collections.abc import Iterator
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np

from classifiers.perceptual_hash import CHROMA, LUMA

BANDS = 3
_SHIFTS = (42, 21, 0)
_WIDTHS = (22, 21, 21)
_CHUNK = 1 << 16  # probes joined at once
_EXPANSION = 1 << 20  # candidate comparisons held at once


class Bucket(NamedTuple):
    """A share of the exchange: the entries of one band whose band key begins with `prefix`."""

    band: int
    prefix: int
    bits: int  # leading bits of the band key that make the prefix; 0: the whole band is one bucket


def flips(radius: int) -> tuple[int, ...]:
    """How many flipped bits each band must be searched for, so that every pair within `radius` is found.

    Raises:
        ValueError: the radius is outside 0-14; beyond it the search costs more than it finds.
    """
    if not 0 <= radius <= 14:
        raise ValueError(f"radius is {radius}, must be 0 to 14 bits of 64")
    # The widest band, first, has the most keys within a number of flips: it gets its share last. -1: not searched at all.
    share, rest = divmod(radius + 1, BANDS)
    return tuple(share - 1 + (rest >= BANDS - i) for i in range(BANDS))


def exchange_keys(hashes: np.ndarray, bits: int) -> np.ndarray:
    """The bucket prefix of each hash in each band.

    Args:
        hashes: uint64 (n,), stored hashes or probes alike.
        bits: leading bits of a band key that name its bucket, 0-12: 3 * 2**bits buckets.

    Returns:
        int32 (n, BANDS); entry (i, b) goes to `Bucket(b, keys[i, b], bits)`.
    """
    prefixes = [_keys(hashes, band) >> np.uint32(width - bits) for band, width in enumerate(_WIDTHS)]
    return np.stack(prefixes, axis=1).astype(np.int32)


def buckets(bits: int) -> list[Bucket]:
    """Every bucket of an exchange, in order."""
    return [Bucket(band, prefix, bits) for band in range(BANDS) for prefix in range(1 << bits)]


def neighbours(bucket: Bucket, radius: int) -> list[Bucket]:
    """The buckets whose stored entries the probes of `bucket` must be held against, itself first (if its band is searched)."""
    masks = _masks(bucket.bits, flips(radius)[bucket.band])
    return [bucket._replace(prefix=bucket.prefix ^ int(mask)) for mask in masks]


def candidate_pairs(
    probes: np.ndarray, stored: np.ndarray, radius: int, bucket: Bucket, other: Bucket | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All (probe, stored) index pairs within `radius` that this bucket is the first to see.

    Args:
        probes: uint64 (p,), distinct hashes that lie in `bucket`.
        stored: uint64 (s,), distinct hashes that lie in `other`.
        radius: most differing bits, inclusive.
        bucket: where the probes lie.
        other: where the stored hashes lie, one of `neighbours(bucket)`; `bucket` itself when left out.

    Yields:
        Blocks of indices into `probes` and `stored`, int64 each; equal hashes are pairs too. Over all buckets and neighbours
        each pair of hashes comes exactly once.
    """
    other = other or bucket
    band, most = bucket.band, flips(radius)[bucket.band]
    apart = (bucket.prefix ^ other.prefix).bit_count()
    if most - apart < 0 or not len(probes) or not len(stored):
        return
    low = np.uint32(_WIDTHS[band] - bucket.bits)  # bits of the key below the prefix
    within = np.uint32((1 << int(low)) - 1)
    masks = _masks(int(low), most - apart)

    order_s, order_p = np.argsort(stored, kind="stable"), np.argsort(_keys(probes, band), kind="stable")
    keys_s = _keys(stored, band) & within
    order_s = order_s[np.argsort(keys_s[order_s], kind="stable")]
    stored, keys_s = stored[order_s], keys_s[order_s]
    starts = np.searchsorted(keys_s, np.arange((1 << int(low)) + 1)).astype(np.int32)
    sizes = np.diff(starts)

    for first in range(0, len(probes), _CHUNK):
        rows = order_p[first : first + _CHUNK]
        keys_p = _keys(probes[rows], band) & within
        for mask in masks:
            keys = keys_p ^ mask
            hits = np.flatnonzero(sizes[keys])
            for part in _parts(hits, sizes[keys[hits]]):
                size = sizes[keys[part]]
                mine = np.repeat(part, size)
                theirs = np.arange(len(mine)) + np.repeat(starts[keys[part]] - (np.cumsum(size) - size), size)
                difference = probes[rows[mine]] ^ stored[theirs]
                near = np.flatnonzero(np.bitwise_count(difference) <= radius)
                near = near[~_seen_earlier(difference[near], band, radius)]
                if len(near):
                    yield rows[mine[near]], order_s[theirs[near]]


def _seen_earlier(difference: np.ndarray, band: int, radius: int) -> np.ndarray:
    """Whether a band before `band` sees this difference too, and so reports the pair."""
    seen = np.zeros(len(difference), bool)
    for earlier, most in enumerate(flips(radius)[:band]):
        seen |= np.bitwise_count(_keys(difference, earlier)).astype(np.int8) <= most
    return seen


def _parts(hits: np.ndarray, sizes: np.ndarray) -> Iterator[np.ndarray]:
    """`hits` cut so that each part expands to about `_EXPANSION` comparisons."""
    total = np.cumsum(sizes)
    cuts = np.flatnonzero(np.diff(total // _EXPANSION)) + 1 if len(total) and total[-1] > _EXPANSION else []
    yield from (part for part in np.split(hits, cuts) if len(part))


def _keys(hashes: np.ndarray, band: int) -> np.ndarray:
    mask = np.uint64((1 << _WIDTHS[band]) - 1)
    return ((hashes >> np.uint64(_SHIFTS[band])) & mask).astype(np.uint32)


def _masks(width: int, most: int) -> np.ndarray:
    """Every mask of `width` bits with at most `most` bits set, fewest first: uint32."""
    masks = np.empty(sum(comb(width, k) for k in range(most + 1)), np.uint32)
    i = 0
    for k in range(most + 1):
        for bits in combinations(range(width), k):
            masks[i] = sum(1 << b for b in bits)
            i += 1
    return masks
