"""Packing and load balance on lengths as they come."""

import numpy as np
import pytest

from sieveline.draws import generator
from training.balance import Cost, assign, batches, imbalance
from training.mixture import Ref
from training.packing import best_fit_decreasing, fill

CAPACITY = 8_192


def demo_lengths(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(tokens, patches) of captions with pictures up to a megapixel, and some long interleaved documents."""
    draw = generator(seed, "lengths")
    sides = draw.integers(8, 37, (count, 2))  # tokens down and across
    visual = sides.prod(1)
    text = np.clip(draw.lognormal(3.6, 0.7, count), 5, 600).astype(int)
    long = draw.random(count) < 0.05
    text[long] += draw.integers(500, 3_000, int(long.sum()))
    return np.minimum(visual + text + 5, CAPACITY), visual * 4


def lognormal_lengths(count: int, seed: int = 0) -> np.ndarray:
    return np.clip(generator(seed, "lognormal").lognormal(6.0, 1.0, count), 16, CAPACITY).astype(int)


def window(tokens: np.ndarray, patches: np.ndarray | None = None) -> list[tuple[Ref, ...]]:
    """Packs of one planning window: the fullest of them, as the planner emits."""
    patches = np.zeros_like(tokens) if patches is None else patches
    bins = best_fit_decreasing(tokens, CAPACITY)
    bins.sort(key=lambda b: -tokens[b].sum())
    return [tuple(Ref(0, i, 0, int(tokens[i]), int(patches[i]), int(patches[i]) ** 2) for i in b) for b in bins]


def test_every_length_is_placed_once_and_no_bin_overflows():
    lengths = lognormal_lengths(5_000)
    bins = best_fit_decreasing(lengths, CAPACITY)
    assert sorted(i for b in bins for i in b) == list(range(5_000))
    assert max(int(lengths[b].sum()) for b in bins) <= CAPACITY
    assert bins == best_fit_decreasing(list(lengths), CAPACITY)


def test_fits_as_a_scan_over_all_bins_would():
    """The indexed search finds the same rooms as the plain best-fit-decreasing."""
    lengths = lognormal_lengths(400, seed=3)
    rooms: list[int] = []
    for length in sorted(lengths.tolist(), reverse=True):
        fitting = [r for r in rooms if r >= length]
        room = min(fitting) if fitting else CAPACITY
        if fitting:
            rooms.remove(room)
        rooms.append(room - length)
    ours = [CAPACITY - int(lengths[b].sum()) for b in best_fit_decreasing(lengths, CAPACITY)]
    assert sorted(ours) == sorted(rooms)


@pytest.mark.parametrize("lengths", [demo_lengths(20_000)[0], lognormal_lengths(20_000)], ids=["demo", "lognormal"])
def test_packs_of_8192_are_full(lengths):
    assert fill(best_fit_decreasing(lengths, CAPACITY), lengths, CAPACITY) >= 0.99


def test_refuses_what_cannot_fit():
    with pytest.raises(ValueError, match=r"1\.\.10"):
        best_fit_decreasing([3, 11], 10)
    assert best_fit_decreasing([], 10) == []


SQUARES = Cost(token=0.0, square=1.0, patch=0.0, patch_square=1.0)


@pytest.mark.parametrize("ranks", [2, 8, 32])
@pytest.mark.parametrize(("kind", "most"), [("demo", 1.05), ("lognormal", 1.2)])
def test_ranks_are_balanced_by_squared_lengths_and_patches(kind, most, ranks):
    """The hardest measure, attention alone; whole-step FLOPs vary less."""
    packs = window(*demo_lengths(16_000)) if kind == "demo" else window(lognormal_lengths(24_000))
    packs = packs[:1024]
    assert len(packs) == 1024
    planned = batches(packs, SQUARES, batch=256, group=32, seed=0, window=0)
    steps = [step for b in planned for step in assign(b, ranks, SQUARES)]
    order = generator(0, "order").permutation(len(packs))
    unsorted = [[packs[i] for i in order[n : n + ranks]] for n in range(0, len(packs), ranks)]
    found = imbalance(steps, SQUARES)
    assert found <= most
    assert found < imbalance(unsorted, SQUARES)


def test_batches_do_not_depend_on_the_number_of_ranks_and_lose_no_pack():
    packs = window(*demo_lengths(3_000))[:64]
    planned = batches(packs, SQUARES, batch=16, group=8, seed=1, window=2)
    assert sorted(p for b in planned for p in b) == sorted(packs)
    for ranks in (1, 2, 5):
        for batch in planned:
            steps = assign(batch, ranks, SQUARES)
            assert sorted(p for step in steps for p in step if p) == sorted(batch)
            assert all(len(step) == ranks for step in steps)
    assert batches(packs, SQUARES, batch=16, group=8, seed=1, window=3) != planned
