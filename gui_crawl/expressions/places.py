"""Places: ranks that can be counted and named neighbours, of which expressions by look and by position are made."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np

from gui_crawl import boxes as geometry
from gui_crawl import nouns
from gui_crawl.colours import difference
from gui_crawl.look import VISIBLE
from gui_crawl.meaning import CORNERS, Axis, Direction, Meaning, Order
from gui_crawl.screen import Screen
from gui_crawl.uniqueness import COUNTABLE, resolve

_ROWED = ("table", "grid", "list", "navigation", "menu", "listbox", "tree", "form")
REACH = (200.0, 160.0)  # CSS pixels to the side, and up or down, beyond which nobody says where a thing is by another
ANCHORS = 4  # nearest named things that are tried as anchors


def told_apart(meaning: Meaning, screen: Screen, i: int) -> Iterator[Meaning]:
    """`meaning` itself where it fits `i` alone, else with what tells `i` from the others: a place in their order, a corner, a neighbour."""
    if int(resolve(meaning, screen, lenient=False).sum()) == 1:
        yield meaning
        return
    yield from ranks(meaning, screen, i)
    for corner in CORNERS:
        placed = replace(meaning, corner=corner)
        if resolve(placed, screen, lenient=False)[i]:
            yield placed
    for direction, anchor in anchors(screen, i):
        yield from ranks(replace(meaning, direction=direction, anchor=anchor), screen, i)


def ranks(meaning: Meaning, screen: Screen, i: int) -> Iterator[Meaning]:
    """`meaning` itself where it fits `i` alone, else with the places that `i` has and that can be counted among all it fits."""
    ids = np.flatnonzero(resolve(meaning, screen, lenient=False))
    if i not in ids or len(ids) > COUNTABLE:
        return
    if len(ids) == 1 or meaning.direction in ("left", "above"):
        if meaning.direction is not None and len(ids) == 1:
            yield meaning
        return
    axes: tuple[tuple[Axis, int], ...] = (("x", 0), ("y", 1))
    for axis, low in axes:
        if (meaning.direction == "right" and axis == "y") or (meaning.direction == "below" and axis == "x"):
            continue
        place = int(np.flatnonzero(ids[np.argsort(screen.boxes[ids, low], kind="stable")] == i)[0])
        if len(ids) == 2 and meaning.direction in (None, "inside"):
            yield replace(meaning, order=Order(axis=axis, last=place == 1, pair=True))
        elif place == len(ids) - 1 and meaning.direction in (None, "inside"):
            yield replace(meaning, order=Order(axis=axis, last=True))
        elif place < 5:
            yield replace(meaning, order=Order(axis=axis, index=place))


@lru_cache(maxsize=1)  # three families ask for the same element, one after the other
def anchors(screen: Screen, i: int) -> list[tuple[Direction, Meaning]]:
    """Named things near `i`, the nearest first, with the direction in which `i` stands from each; what `i` is inside of comes before."""
    named: list[tuple[Direction, Meaning]] = []
    box = screen.boxes[i]
    for j in np.flatnonzero(screen.within[i])[::-1].tolist():
        noun = next((noun for noun in nouns.CONTAINERS if screen.strict[noun][j]), None)
        if noun:
            named.append(("inside", Meaning(noun=noun)))
            break
    ids = screen.landmarks
    near = np.array([_together(screen, i, int(j)) for j in ids], bool)
    ids = ids[near & ~screen.within[i, ids] & ~screen.within[ids, i] & (ids != i)]
    others = screen.boxes[ids]
    gaps = {
        "right": box[0] - others[:, 2],
        "below": box[1] - others[:, 3],
        "left": others[:, 0] - box[2],
        "above": others[:, 1] - box[3],
    }
    found: list[tuple[float, int, Direction]] = []
    directions: tuple[Direction, ...] = ("right", "below", "left", "above")
    for direction in directions:
        gap = gaps[direction]
        beside = geometry.shared_span(others, box, 1 if direction in ("right", "left") else 0) >= 0.5
        if direction in ("below", "above"):
            beside |= np.abs(others[:, 0] - box[0]) <= 8 * screen.scale
        reach = REACH[direction in ("below", "above")] * screen.scale
        for k in np.flatnonzero(beside & (gap >= -2 * screen.scale) & (gap <= reach)).tolist():
            found.append((float(gap[k]), int(ids[k]), direction))
    close: list[tuple[int, Direction]] = [
        (j, direction) for _, j, direction in sorted(found)[: 3 * ANCHORS] if not _parted(screen, i, j, direction)
    ]
    for j, direction in close[:ANCHORS]:
        noun = screen.kinds[j] if screen.kinds[j] in ("heading", "button", "link", "tab") else None
        named.append((direction, Meaning(noun=noun, label=screen.elements[j]["text"])))
    return named


def _parted(screen: Screen, i: int, j: int, direction: Direction) -> bool:
    """Whether a line or an edge runs between two elements, as between cards; their own edges and the lines of a list or table do not part."""
    both = screen.within[i] & screen.within[j]
    if any(screen.elements[k]["role"] in _ROWED for k in np.flatnonzero(both).tolist()):
        return False
    a, b = (screen.boxes[j], screen.boxes[i]) if direction in ("right", "below") else (screen.boxes[i], screen.boxes[j])
    if direction in ("right", "left"):
        gap = screen.pixels[int(min(a[1], b[1])) : int(max(a[3], b[3])), int(np.ceil(a[2])) : int(b[0])].transpose(1, 0, 2)
    else:
        gap = screen.pixels[int(np.ceil(a[3])) : int(b[1]), int(min(a[0], b[0])) : int(max(a[2], b[2]))]
    if gap.shape[0] < 2 or not gap.shape[1]:
        return False
    gap = gap[:, :: max(1, gap.shape[1] // 32)]
    level = np.median(gap, axis=1)
    step = (np.abs(np.diff(level, axis=0)) >= 2).any(axis=1)
    if not step.any():
        return False
    plain = (np.abs(gap - level[:, None]) <= 4).all(axis=2).mean(axis=1) >= 0.8  # most of the way one colour: corners are round
    return bool((step & plain[1:] & plain[:-1]).any())


def _together(screen: Screen, i: int, j: int) -> bool:
    """Whether two elements are in one part of the page and on one ground: nobody looks for a neighbour across a border."""
    here, there = screen.looks[i].around, screen.looks[j].around
    return (
        screen.blocks[i] == screen.blocks[j] and here is not None and there is not None and difference(here, there) <= VISIBLE
    )
