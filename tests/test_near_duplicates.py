"""Every pair within the radius is found once, whatever the buckets; floods cost linear work."""

import numpy as np
import pytest

from classifiers import near_duplicates as nd
from sieveline import draws


def _pool(num: int, seed: int) -> np.ndarray:
    """Random hashes with copies planted at 0 to 14 flipped bits."""
    rng = draws.generator(seed, "hashes")
    hashes = rng.integers(0, 1 << 64, num, dtype=np.uint64)
    for i in range(0, num // 2, 2):
        bits = rng.permutation(64)[: i // 2 % 15]
        hashes[i + 1] = hashes[i] ^ np.bitwise_or.reduce(np.uint64(1) << bits.astype(np.uint64), initial=np.uint64(0))
    return hashes


def _brute(a: np.ndarray, b: np.ndarray, radius: int) -> set[tuple[int, int]]:
    near = np.argwhere(np.bitwise_count(a[:, None] ^ b[None]) <= radius)
    return {(min(i, j), max(i, j)) for i, j in near.tolist() if i != j}


def _found(hashes: np.ndarray, probes: np.ndarray | None, radius: int, bits: int) -> set[tuple[int, int]]:
    return {(int(i), int(j)) for pairs in nd.near_pairs(hashes, probes, radius, bits=bits, fan=1000) for i, j in pairs}


@pytest.mark.parametrize("radius", range(15))
def test_flips_leave_no_gap(radius):
    assert sum(t + 1 for t in nd.flips(radius)) == radius + 1


def test_radius_beyond_the_search_is_refused():
    with pytest.raises(ValueError, match="radius is 15"):
        nd.flips(15)


@pytest.mark.parametrize(("radius", "bits"), [(0, 0), (1, 2), (4, 3), (8, 0), (8, 5), (10, 2)])
def test_every_pair_within_the_radius_is_found(radius, bits):
    hashes = _pool(600, 1)
    assert _found(hashes, None, radius, bits) == _brute(hashes, hashes, radius)


def test_probes_are_held_against_every_stored_hash():
    hashes, probes = _pool(300, 2), _pool(600, 3).reshape(300, 2)
    probes[:40, 1] = hashes[100:140] ^ np.uint64(0x8000_0010_0000_4001)
    expected = _brute(hashes, hashes, 8) | _brute(probes[:, 0], hashes, 8) | _brute(probes[:, 1], hashes, 8)
    assert _found(hashes, probes, 8, 3) == expected
    assert (0, 100) in expected


def test_a_pair_of_hashes_is_reported_once():
    hashes = np.unique(_pool(800, 4))
    keys = nd.exchange_keys(hashes, 3)
    seen = []
    for bucket in nd.buckets(3):
        mine = np.flatnonzero(keys[:, bucket.band] == bucket.prefix)
        for other in nd.neighbours(bucket, 9):
            theirs = np.flatnonzero(keys[:, other.band] == other.prefix)
            for a, b in nd.hash_pairs(hashes[mine], hashes[theirs], 9, bucket, other, once=True):
                seen += list(zip(mine[a].tolist(), theirs[b].tolist(), strict=True))
    assert len(seen) == len({frozenset(pair) for pair in seen}) == len(_brute(hashes, hashes, 9))


def test_a_flood_of_one_hash_costs_linear_pairs():
    hashes = np.full(20_000, 0x0F0F, np.uint64)
    hashes[::2] ^= np.uint64(1 << 40)
    pairs = np.concatenate(list(nd.near_pairs(hashes, None, 8, fan=4)))
    assert len(pairs) <= 20_000 * 4 * 4
    assert len(np.unique(pairs)) == 20_000  # every sample has a partner


def test_an_empty_pool_has_no_pairs():
    assert not [p for p in nd.near_pairs(np.empty(0, np.uint64), None, 8, bits=1) if len(p)]
