"""Load balance: packs hold equally many tokens, yet attention costs squares, so like is put beside like.

Every data-parallel rank of a micro-step waits for the slowest. Packs of a window are sorted by cost and cut into groups of
consecutive packs; a global batch is made of whole groups, drawn without looking at their cost. Inside a batch the packs of a
micro-step are neighbours in a group, and the heavier ones go to the ranks that had less so far. The groups depend on the recipe
alone, not on the number of ranks, so every world size trains on the same global batches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from sieveline.draws import uniform
from training.mixture import Ref

Pack = tuple[Ref, ...]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a pack costs, in units that only have to be in proportion (`flops.py` makes them from a model's shape).

    `cost = token * sum(n) + square * sum(n^2) + patch * sum(p) + patch_square * sum(p^2)` over samples of n tokens and images of p patches.
    """

    token: float = 0.0
    square: float = 1.0
    patch: float = 0.0
    patch_square: float = 1.0

    def __call__(self, pack: Sequence[Ref]) -> float:
        return sum(
            self.token * r.tokens + self.square * r.tokens**2 + self.patch * r.patches + self.patch_square * r.patch_squares
            for r in pack
        )


def batches(packs: Sequence[Pack], cost: Cost, *, batch: int, group: int, seed: int, window: int) -> list[list[Pack]]:
    """The global batches of one window of packs: whole groups of like cost, groups in seeded order.

    Args:
        packs: a multiple of `batch` of them, but for the last window.
        batch: packs of a global batch.
        group: packs of a group; where it does not divide `batch`, the last group of a batch is cut.
        window: number of the window, so that no two windows are ordered alike.
    """
    ordered = sorted(packs, key=lambda p: (cost(p), p), reverse=True)
    groups = [ordered[i : i + group] for i in range(0, len(ordered), group)]
    groups.sort(key=lambda g: (uniform(seed, "group", window, *g[0][0]), g[0]))
    flat = [pack for g in groups for pack in g]
    return [flat[i : i + batch] for i in range(0, len(flat), batch)]


def assign(packs: Sequence[Pack], ranks: int, cost: Cost) -> list[list[Pack]]:
    """`[micro-step][rank] -> pack` for a global batch; ranks without a pack in the last micro-step get an empty one.

    The packs of a micro-step are `ranks` neighbours of the batch's order; among them the heaviest goes to the rank with the
    least cost so far.
    """
    total = [0.0] * ranks
    steps: list[list[Pack]] = []
    for first in range(0, len(packs), ranks):
        step: list[Pack] = [()] * ranks
        by_load = sorted(range(ranks), key=lambda r: (total[r], r))
        for rank, pack in zip(by_load, sorted(packs[first : first + ranks], key=lambda p: (-cost(p), p)), strict=False):
            step[rank] = pack
            total[rank] += cost(pack)
        steps.append(step)
    return steps


def imbalance(steps: Sequence[Sequence[Pack]], cost: Cost) -> float:
    """How much longer the ranks wait than they would at equal cost: sum over micro-steps of the largest cost / of the mean. At least 1."""
    most = sum(max(cost(p) for p in step) for step in steps)
    mean = sum(sum(cost(p) for p in step) / len(step) for step in steps)
    return most / mean if mean else 1.0
