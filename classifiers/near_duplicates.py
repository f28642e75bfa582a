"""Near-duplicate pairs among perceptual hashes: every pair within a Hamming radius, without comparing all pairs.

Multi-index hashing (Norouzi, Punjani and Fleet 2012): the 64 bits are cut into `BANDS` bands and band i is given a number of
flips t_i with sum(t_i + 1) > radius. Two hashes within the radius then differ in at most t_i bits of some band i (else they
would differ in at least sum(t_i + 1) bits), so looking up every key within t_i flips of a hash's own in every band finds them
all. Bands of 21-22 bits fit pools of 10^6 to 10^8: few hashes share a key, and the keys of one band fit a table in cache.

The pool is exchanged by `exchange_keys`: one entry per hash and band, in the bucket of the band's leading bits. A bucket is
worked alone, against the stored entries of `neighbours(bucket)` one after the other, so memory is that of two buckets however
large the pool is. A pair is reported by the first band that can see it, hence once.

Hashes only propose: `picture_match.verify` looks at each pair.
"""

from collections.abc import Iterator
from functools import cache
from itertools import combinations
from math import comb
from typing import NamedTuple

import numpy as np

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

    @property
    def name(self) -> str:
        """Of its files, in an exchange with one `bits`."""
        return f"band-{self.band}-{self.prefix:04d}"


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


def hash_pairs(
    probes: np.ndarray, stored: np.ndarray, radius: int, bucket: Bucket, other: Bucket | None = None, *, once: bool = False
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All (probe, stored) index pairs within `radius` that this bucket is the first band to see.

    Args:
        probes: uint64 (p,), distinct hashes that lie in `bucket`.
        stored: uint64 (s,), distinct hashes that lie in `other`.
        radius: most differing bits, inclusive.
        bucket: where the probes lie.
        other: where the stored hashes lie, one of `neighbours(bucket)`; `bucket` itself when left out.
        once: the probes are stored hashes themselves: each pair comes from one side only and no hash is paired with itself.

    Yields:
        Blocks of indices into `probes` and `stored`, int64 each. Over all buckets and neighbours each pair comes exactly once.
    """
    other = other or bucket
    band, most = bucket.band, flips(radius)[bucket.band] - (bucket.prefix ^ other.prefix).bit_count()
    if most < 0 or not len(probes) or not len(stored) or (once and other.prefix < bucket.prefix):
        return
    same_side = once and other.prefix == bucket.prefix
    low = _WIDTHS[band] - bucket.bits  # bits of the key below the prefix
    order_p, keys_p = _by_key(probes, band, low)
    order_s, keys_s = _by_key(stored, band, low)
    starts = np.searchsorted(keys_s, np.arange((1 << low) + 1, dtype=np.uint32)).astype(np.int32)
    sizes = np.diff(starts)
    stored = stored[order_s]
    masks = _masks(low, most)
    for first in range(0, len(probes), _CHUNK):
        rows, mine = order_p[first : first + _CHUNK], keys_p[first : first + _CHUNK]
        hashes = probes[rows]
        for mask in masks:
            keys = mine ^ mask
            size = sizes[keys]
            hit = (size > 0) & (mine <= keys) if same_side else size > 0
            for part in _parts(np.flatnonzero(hit), size):
                left, right = _expand(part, starts[keys[part]], size[part])
                difference = hashes[left] ^ stored[right]
                near = np.flatnonzero(np.bitwise_count(difference) <= radius)
                near = near[~_seen_earlier(difference[near], band, radius)]
                left, right = rows[left[near]], order_s[right[near]]
                if same_side and not mask:
                    left, right = left[left < right], right[left < right]
                if len(left):
                    yield left, right


def sample_pairs(
    probes: tuple[np.ndarray, np.ndarray],
    stored: tuple[np.ndarray, np.ndarray],
    radius: int,
    bucket: Bucket,
    other: Bucket | None = None,
    *,
    once: bool = False,
    fan: int = 64,
) -> np.ndarray:
    """Pairs of samples whose hashes lie within `radius`, from one bucket and one of its neighbours.

    Equal hashes are collapsed first, so a pool full of one picture costs one search. Where many samples share a hash, each is
    paired with the `fan` samples of lowest number of every near hash instead of with all: linear in the samples, and all a
    cluster needs as long as its survivor is among those (number the samples in survivor order where floods are expected).

    Args:
        probes: (uint64 (p,) hashes, int64 (p,) sample numbers), the entries of `bucket`.
        stored: the same, the entries of `other`.
        radius, bucket, other, once: as in `hash_pairs`; with `once` the probes are the stored entries' own kind.
        fan: partners a sample gets per near hash, from either side.

    Returns:
        int64 (n, 2), sample numbers, smaller first, no pair twice, sorted.
    """
    group_p, group_s = _Groups(*probes), _Groups(*stored)
    found = []
    for left, right in hash_pairs(group_p.hashes, group_s.hashes, radius, bucket, other, once=once):
        found += [_cross(group_p, group_s, left, right, fan), _cross(group_s, group_p, right, left, fan)]
        if len(found) > 64:
            found = [_distinct(np.concatenate(found))]
    # Equal hashes look equal in every band: the first band that is searched reports them.
    first_band = next(band for band, most in enumerate(flips(radius)) if most >= 0)
    if once and bucket.band == first_band and other in (None, bucket):
        every = np.arange(len(group_p.hashes))
        found.append(_cross(group_p, group_p, every, every, fan))
    return _distinct(np.concatenate(found)) if found else np.empty((0, 2), np.int64)


def near_pairs(
    hashes: np.ndarray, probes: np.ndarray | None, radius: int, *, bits: int = 0, fan: int = 64
) -> Iterator[np.ndarray]:
    """The whole search over arrays that fit in memory, bucket by bucket: what an exchange through files does, in one process.

    Args:
        hashes: uint64 (n,), one per sample; the sample's number is its place.
        probes: uint64 (n, k), hashes of the sample's windows, or None.
        radius, bits, fan: as in `sample_pairs` and `exchange_keys`.

    Yields:
        int64 (m, 2) pairs of sample numbers per bucket; a pair may come from several buckets.
    """
    numbers = np.arange(len(hashes))
    keys = exchange_keys(hashes, bits)
    for bucket in buckets(bits):
        mine = keys[:, bucket.band] == bucket.prefix
        windows = None
        if probes is not None:
            prefixes = exchange_keys(probes.reshape(-1), bits)[:, bucket.band].reshape(probes.shape)
            at, window = np.nonzero(prefixes == bucket.prefix)
            windows = (probes[at, window], at)
        for other in neighbours(bucket, radius):
            theirs = keys[:, bucket.band] == other.prefix
            stored = (hashes[theirs], numbers[theirs])
            yield sample_pairs((hashes[mine], numbers[mine]), stored, radius, bucket, other, once=True, fan=fan)
            if windows is not None:
                yield sample_pairs(windows, stored, radius, bucket, other, fan=fan)


class _Groups:
    """Entries grouped by hash: samples `members[starts[g] : starts[g] + sizes[g]]` share `hashes[g]`, lowest number first."""

    def __init__(self, hashes: np.ndarray, samples: np.ndarray):
        order = np.lexsort((samples, hashes))
        ordered = hashes[order]
        new = np.concatenate(([True], ordered[1:] != ordered[:-1])) if len(ordered) else np.empty(0, bool)
        self.members = samples[order]
        self.hashes = ordered[new]
        self.starts = np.flatnonzero(new)
        self.sizes = np.diff(np.append(self.starts, len(ordered)))


def _cross(left: _Groups, right: _Groups, a: np.ndarray, b: np.ndarray, fan: int) -> np.ndarray:
    """Members of groups `a` of `left`, each with the first `fan` members of groups `b` of `right`: int64 (n, 2), sorted."""
    group, member = _expand(np.arange(len(a)), left.starts[a], left.sizes[a])
    partner_of, partner = _expand(np.arange(len(group)), right.starts[b][group], np.minimum(right.sizes[b], fan)[group])
    pairs = np.stack([left.members[member[partner_of]], right.members[partner]], axis=1)
    pairs.sort(axis=1)
    return pairs[pairs[:, 0] != pairs[:, 1]]


def _expand(items: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each item i the places starts[i] ... starts[i] + sizes[i] - 1: (item repeated, place), one row per place."""
    ends = np.cumsum(sizes)
    return np.repeat(items, sizes), np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - sizes), sizes)


def _distinct(pairs: np.ndarray) -> np.ndarray:
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    new = np.ones(len(pairs), bool)
    new[1:] = (pairs[1:] != pairs[:-1]).any(axis=1)
    return pairs[new]


def _seen_earlier(difference: np.ndarray, band: int, radius: int) -> np.ndarray:
    """Whether a band before `band` sees this difference too, and so reports the pair."""
    seen = np.zeros(len(difference), bool)
    for earlier, most in enumerate(flips(radius)[:band]):
        seen |= np.bitwise_count(_keys(difference, earlier)).astype(np.int8) <= most
    return seen


def _parts(hits: np.ndarray, sizes: np.ndarray) -> Iterator[np.ndarray]:
    """`hits` cut so that each part expands to about `_EXPANSION` comparisons."""
    total = np.cumsum(sizes[hits], dtype=np.int64)
    cuts = np.flatnonzero(np.diff(total // _EXPANSION)) + 1 if len(total) and total[-1] > _EXPANSION else []
    yield from (part for part in np.split(hits, cuts) if len(part))


def _by_key(hashes: np.ndarray, band: int, low: int) -> tuple[np.ndarray, np.ndarray]:
    """(order, keys in that order) by the key's `low` bits: what is near in the order is near in memory."""
    keys = _keys(hashes, band) & np.uint32((1 << low) - 1)
    order = np.argsort(keys, kind="stable")
    return order, keys[order]


def _keys(hashes: np.ndarray, band: int) -> np.ndarray:
    mask = np.uint64((1 << _WIDTHS[band]) - 1)
    return ((hashes >> np.uint64(_SHIFTS[band])) & mask).astype(np.uint32)


@cache
def _masks(width: int, most: int) -> np.ndarray:
    """Every mask of `width` bits with at most `most` bits set, fewest first: uint32."""
    masks = np.empty(sum(comb(width, k) for k in range(most + 1)), np.uint32)
    i = 0
    for k in range(most + 1):
        for bits in combinations(range(width), k):
            masks[i] = sum(1 << b for b in bits)
            i += 1
    return masks
