"""Near-duplicate search over 200,000 pictures against `imagehash` comparing pairwise within the same buckets.

`python benchmarks/near_duplicates.py POOL [--hashes 200000] [--units 24]`, POOL as `python -m demo.pool --output POOL` wrote.

Its sound pictures (about 4,450, with their planted near-duplicates) are described; the rest is filled with random hashes of
32 set bits, as a median hash has, no two of one picture. Ours searches all of it. The peer would need hours, so both are also
timed on `--units` units of one exchange (buckets of 8 bits, half of them held against themselves, half against a neighbour)
drawn by seed, and the ratio is of these. Both compare exactly, so recall is equal, which is checked: every pair the peer finds
is among ours. Precision and recall of planted pairs are given for the radius alone (the peer) and with verification (ours),
both without the crop probes, which the peer has not.
"""

import argparse
import json
import time
from pathlib import Path

import imagehash
import numpy as np
from duplicate_quality import read

from classifiers import near_duplicates, perceptual_hash, picture_match
from sieveline import draws
from sieveline.stages.duplicates import Duplicates, Measuring

BITS = 8  # of the units both sides are timed on: small enough for the peer
SEARCH_BITS = 4  # of the search over everything


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pool", type=Path)
    parser.add_argument("--hashes", type=int, default=200_000)
    parser.add_argument("--units", type=int, default=24)
    arguments = parser.parse_args()
    radius, limits = Measuring().radius, Duplicates()

    rows, pictures = read(arguments.pool)
    described = perceptual_hash.describe(pictures)
    hashes = np.concatenate([described["phash"].to_numpy(), random_hashes(arguments.hashes - len(rows))])
    keys = near_duplicates.exchange_keys(hashes, BITS)

    start = time.process_time()
    pairs = np.unique(np.concatenate(list(near_duplicates.near_pairs(hashes, None, radius, bits=SEARCH_BITS))), axis=0)
    searched = time.process_time()
    real = pairs[(pairs < len(rows)).all(axis=1)]  # a random hash has no picture: it is a stranger to all
    thumbnails = np.frombuffer(b"".join(described["thumbnail"].to_pylist()), np.uint8).reshape(len(rows), -1)
    difference, colour = picture_match.verify(thumbnails[real[:, 0]], thumbnails[real[:, 1]])
    verified = time.process_time()
    same = real[(difference <= limits.max_difference) & (colour <= limits.max_colour)]

    units = work_units(radius)
    rng, own = draws.generator(0, "bench", "units"), np.array([bucket == other for bucket, other in units])
    half = arguments.units // 2
    chosen = np.concatenate([rng.choice(np.flatnonzero(side), half, replace=False) for side in (own, ~own)])
    objects = {}
    ours = peer = 0.0
    compared, found = 0, []
    for bucket, other in (units[i] for i in sorted(chosen)):
        left, right = (np.flatnonzero(keys[:, b.band] == b.prefix) for b in (bucket, other))
        for number in np.concatenate([left, right]).tolist():
            objects.setdefault(number, imagehash.hex_to_hash(f"{int(hashes[number]):016x}"))
        mine, theirs = ([(n, objects[n]) for n in side.tolist()] for side in (left, right))
        begin = time.process_time()
        near_duplicates.sample_pairs((hashes[left], left), (hashes[right], right), radius, bucket, other, once=True)
        middle = time.process_time()
        found += peer_pairs(mine, theirs, bucket == other, radius)
        ours, peer = ours + middle - begin, peer + time.process_time() - middle
        compared += len(left) * len(right)

    known = {(int(a), int(b)) for a, b in pairs}
    missing = [pair for pair in found if (min(pair), max(pair)) not in known]
    origin = _origins(rows)
    planted = {(min(i, o), max(i, o)) for i, o in enumerate(origin) if i != o}
    line = {
        "row": "near-duplicates, imagehash pairwise within the same buckets",
        "ours": round(ours, 3),
        "peer": round(peer, 3),
        "ratio": round(peer / ours, 1),
        "target": 5.0,
        "unit": f"CPU-s for {len(chosen)} of {len(units)} bucket pairs ({compared} comparisons)",
        "hashes": len(hashes),
        "all_search_cpu_s": round(searched - start, 2),
        "all_verify_cpu_s": round(verified - searched, 2),
        "peer_pairs": len(found),
        "peer_pairs_we_miss": len(missing),
        "radius_alone": _score(pairs, origin, planted, len(rows)),
        "verified": _score(same, origin, planted, len(rows)),
    }
    print(json.dumps(line))


def _origins(rows: list[dict]) -> np.ndarray:
    """The row each row is an edit or copy of, by the labels; itself for an original."""
    place = {(row["label"]["shard"], row["label"]["key"]): i for i, row in enumerate(rows)}
    origin = np.arange(len(rows))
    for i, row in enumerate(rows):
        if row["label"]["defect"] in ("near_duplicate", "exact_duplicate"):
            origin[i] = place.get((row["label"]["of_shard"], row["label"]["of_key"]), i)
    return origin


def _score(pairs: np.ndarray, origin: np.ndarray, planted: set[tuple[int, int]], num_real: int) -> dict[str, float]:
    """Recall of the planted pairs, and share of the pairs that are of one picture."""
    hit = sum((int(a), int(b)) in planted for a, b in pairs)
    real = (pairs < num_real).all(axis=1)
    right = int((origin[pairs[real, 0]] == origin[pairs[real, 1]]).sum())
    return {"recall": round(hit / len(planted), 3), "precision": round(right / max(1, len(pairs)), 3)}


if __name__ == "__main__":
    main()
