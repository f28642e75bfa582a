"""Near-duplicate search: 200,000 pictures against `imagehash` comparing pairwise within the same buckets, and ten million hashes alone.

The sound pictures of a demo pool (about 4,600, with their planted near-duplicates) are described; the rest is filled with random hashes
of 32 set bits, as a median hash has, no two of one picture. Ours searches all of it. The peer would need hours, so both are also
timed on `UNITS` units of one exchange (buckets of 8 bits, half of them held against themselves, half against a neighbour)
drawn by seed, and the ratio is of these. Both compare exactly, so recall is equal, which is checked: every pair the peer finds
is among ours. Precision and recall of planted pairs are given for the radius alone (the peer) and with verification (ours),
both without the crop probes, which the peer has not.

Ten million: random hashes with 100,000 planted pairs, radius 8, in a process of its own. It searches as the line does, bucket after
bucket, but with the hashes in memory instead of files.
"""

import json
import resource
import sys
from collections.abc import Iterator

import imagehash
import numpy as np

from benchmarks.duplicate_quality import read
from benchmarks.pools import pool_of
from benchmarks.processes import cost_of
from benchmarks.rows import Row, faster, spent
from classifiers import near_duplicates, perceptual_hash, picture_match
from sieveline import draws
from sieveline.stages.duplicates import Duplicates, Measuring

NUM_HASHES = 200_000
UNITS = 24
BITS = 8  # of the units both sides are timed on: small enough for the peer
SEARCH_BITS = 4  # of the search over everything
MANY_HASHES, MANY_PLANTED, MANY_RADIUS, MANY_BITS = 10_000_000, 100_000, 8, 4


def random_hashes(num: int) -> np.ndarray:
    """uint64 (num,), each with 32 of its 64 bits set, places drawn evenly."""
    rng = draws.generator(0, "bench", "hashes")
    bits = np.zeros((num, 64), np.uint8)
    bits[:, :32] = 1
    return np.packbits(rng.permuted(bits, axis=1), axis=1).view(">u8")[:, 0].astype(np.uint64)


def work_units(radius: int) -> list[tuple]:
    """Every (bucket, neighbour) of the exchange, each unordered couple once."""
    return [
        (bucket, other)
        for bucket in near_duplicates.buckets(BITS)
        for other in near_duplicates.neighbours(bucket, radius)
        if other.prefix >= bucket.prefix
    ]


def peer_pairs(mine: list, theirs: list, same: bool, radius: int) -> list[tuple[int, int]]:
    """What imagehash finds by comparing every pair of a unit; entries are (number, ImageHash)."""
    return [
        (a, b)
        for i, (a, left) in enumerate(mine)
        for b, right in (theirs[i + 1 :] if same else theirs)
        if left - right <= radius
    ]


def rows() -> Iterator[Row]:
    radius, limits = Measuring().radius, Duplicates()
    labelled, pictures = read(pool_of(5000))
    described = perceptual_hash.describe(pictures)
    hashes = np.concatenate([described["phash"].to_numpy(), random_hashes(NUM_HASHES - len(labelled))])
    origin = _origins(labelled)
    planted = {(min(i, o), max(i, o)) for i, o in enumerate(origin) if i != o}

    def search() -> np.ndarray:
        found = near_duplicates.near_pairs(hashes, None, radius, bits=SEARCH_BITS)
        return np.unique(np.concatenate(list(found)), axis=0)

    pairs, searching = spent(search)
    real = pairs[(pairs < len(labelled)).all(axis=1)]  # a random hash has no picture: it is a stranger to all
    thumbnails = np.frombuffer(b"".join(described["thumbnail"].to_pylist()), np.uint8).reshape(len(labelled), -1)
    (difference, colour), verifying = spent(lambda: picture_match.verify(thumbnails[real[:, 0]], thumbnails[real[:, 1]]))
    same = real[(difference <= limits.max_difference) & (colour <= limits.max_colour)]

    ours, peer, found = time_units(hashes, radius)
    known = {(int(a), int(b)) for a, b in pairs}
    missed = [pair for pair in found if (min(pair), max(pair)) not in known]
    if missed:
        raise SystemExit(f"imagehash found {len(missed)} pairs that we miss")
    scores = [_score(side, origin, planted, len(labelled)) for side in (same, pairs)]
    yield faster(
        f"near-duplicates, {NUM_HASHES:,} pictures, against imagehash pairwise within the same buckets",
        ours,
        peer,
        f"CPU-seconds of {UNITS} bucket pairs",
        at_least=5.0,
        note=f"all of it: search {searching:.1f}, verify {verifying:.1f} CPU-s; planted pairs recall and precision: "
        f"ours {scores[0][0]:.3f} and {scores[0][1]:.3f}, radius alone {scores[1][0]:.3f} and {scores[1][1]:.3f}",
    )


def time_units(hashes: np.ndarray, radius: int) -> tuple[float, float, list[tuple[int, int]]]:
    """CPU-seconds of ours and of imagehash for the same units of the exchange, and the pairs imagehash finds."""
    keys = near_duplicates.exchange_keys(hashes, BITS)
    units = work_units(radius)
    rng, own = draws.generator(0, "bench", "units"), np.array([bucket == other for bucket, other in units])
    chosen = np.concatenate([rng.choice(np.flatnonzero(side), UNITS // 2, replace=False) for side in (own, ~own)])
    objects: dict[int, imagehash.ImageHash] = {}
    total_ours = total_peer = 0.0
    found = []
    for bucket, other in (units[i] for i in sorted(chosen)):
        left, right = (np.flatnonzero(keys[:, b.band] == b.prefix) for b in (bucket, other))
        for number in np.concatenate([left, right]).tolist():
            objects.setdefault(number, imagehash.hex_to_hash(f"{int(hashes[number]):016x}"))
        mine, theirs = ([(n, objects[n]) for n in side.tolist()] for side in (left, right))
        unit = (hashes[left], left), (hashes[right], right), radius, bucket, other
        _, ours = spent(lambda unit=unit: near_duplicates.sample_pairs(*unit, once=True))
        pairs, peer = spent(lambda sides=(mine, theirs, bucket == other): peer_pairs(*sides, radius))
        total_ours, total_peer, found = total_ours + ours, total_peer + peer, found + pairs
    return total_ours, total_peer, found


def ten_million_rows() -> Iterator[Row]:
    said = json.loads(cost_of([sys.executable, "-m", "benchmarks.near_duplicates"]).output)
    yield Row(
        name=f"near-duplicates, {MANY_HASHES:,} hashes, memory",
        ours=said["peak_bytes"] / 1e9,
        unit="GB resident at most",
        at_most=4.0,
        note=f"search {said['cpu_seconds']:.0f} CPU-s; recall of {MANY_PLANTED:,} planted pairs {said['recall']:.4f}",
    )


def ten_million() -> dict[str, float]:
    """Searches `MANY_HASHES` random hashes for `MANY_PLANTED` planted pairs; meant for a fresh process, whose peak it tells."""
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 1 << 64, MANY_HASHES, dtype=np.uint64)
    first, second = rng.permutation(MANY_HASHES)[: 2 * MANY_PLANTED].reshape(2, -1)
    places = np.argsort(rng.random((MANY_PLANTED, 64)), axis=1)[:, :MANY_RADIUS].astype(np.uint64)
    flipped = np.arange(MANY_RADIUS) < rng.integers(0, MANY_RADIUS + 1, MANY_PLANTED)[:, None]
    hashes[second] = hashes[first] ^ np.bitwise_or.reduce(np.where(flipped, np.uint64(1) << places, np.uint64(0)), axis=1)
    planted = np.minimum(first, second) * MANY_HASHES + np.maximum(first, second)

    def search() -> np.ndarray:
        found = near_duplicates.near_pairs(hashes, None, MANY_RADIUS, bits=MANY_BITS)
        return np.unique(np.concatenate([pairs[:, 0] * MANY_HASHES + pairs[:, 1] for pairs in found]))

    found, seconds = spent(search)
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"cpu_seconds": seconds, "peak_bytes": peak, "recall": float(np.isin(planted, found).mean())}


def _origins(rows: list[dict]) -> np.ndarray:
    """The row each row is an edit or copy of, by the labels; itself for an original."""
    place = {(row["label"]["shard"], row["label"]["key"]): i for i, row in enumerate(rows)}
    origin = np.arange(len(rows))
    for i, row in enumerate(rows):
        if row["label"]["defect"] in ("near_duplicate", "exact_duplicate"):
            origin[i] = place.get((row["label"]["of_shard"], row["label"]["of_key"]), i)
    return origin


def _score(pairs: np.ndarray, origin: np.ndarray, planted: set[tuple[int, int]], num_real: int) -> tuple[float, float]:
    """Recall of the planted pairs, and share of the pairs that are of one picture."""
    hit = sum((int(a), int(b)) in planted for a, b in pairs)
    real = (pairs < num_real).all(axis=1)
    right = int((origin[pairs[real, 0]] == origin[pairs[real, 1]]).sum())
    return hit / len(planted), right / max(1, len(pairs))


if __name__ == "__main__":
    print(json.dumps(ten_million()))
