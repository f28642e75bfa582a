"""Best-fit-decreasing packing: longest first, each into the fullest bin that still has room.

Bins are kept by the room they have left, so placing a sample costs one bisection over the distinct rooms: O(n log capacity), where
the usual scan over bins is O(n * bins). Measured against `binpacking` in `benchmarks/training.py`.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence

import numpy as np


def best_fit_decreasing(lengths: Sequence[int] | np.ndarray, capacity: int) -> list[list[int]]:
    """Bins of positions into `lengths`, each bin's lengths summing to at most `capacity`.

    The same lengths give the same bins: equal lengths are placed in order, and equal rooms are used last in, first out.

    Raises:
        ValueError: a length is below 1 or above `capacity`.
    """
    lengths = np.asarray(lengths, np.int64)
    if len(lengths) and (lengths.min() < 1 or lengths.max() > capacity):
        raise ValueError(f"lengths must lie in 1..{capacity}, found {lengths.min()}..{lengths.max()}")
    bins: list[list[int]] = []
    by_room: dict[int, list[int]] = {}
    rooms: list[int] = []  # the distinct keys of by_room, ascending
    for at in np.argsort(-lengths, kind="stable").tolist():
        length = int(lengths[at])
        where = bisect_left(rooms, length)
        if where == len(rooms):
            bins.append([at])
            number, room = len(bins) - 1, capacity - length
        else:
            room = rooms[where]
            stack = by_room[room]
            number = stack.pop()
            if not stack:
                del by_room[room]
                del rooms[where]
            bins[number].append(at)
            room -= length
        if room:
            if room not in by_room:
                by_room[room] = []
                insort(rooms, room)
            by_room[room].append(number)
    return bins


def fill(bins: Sequence[Sequence[int]], lengths: Sequence[int] | np.ndarray, capacity: int) -> float:
    """Share of the bins' capacity that is used, in [0, 1]."""
    lengths = np.asarray(lengths, np.int64)
    return float(sum(lengths[b].sum() for b in map(list, bins)) / (len(bins) * capacity)) if bins else 0.0
