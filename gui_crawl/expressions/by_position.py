"""By position: the place on the screen, the place in a row or column of its like, and the place beside, under or in
something that has a name.

UGround (Gou et al., 2024) calls these positional and relative expressions ("the button on the left", "the icon next to
...").
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gui_crawl import boxes as geometry
from gui_crawl import nouns
from gui_crawl.colours import difference
from gui_crawl.look import VISIBLE
from gui_crawl.meaning import CORNERS, Axis, Direction, Meaning, Order
from gui_crawl.screen import Screen
from gui_crawl.uniqueness import COUNTABLE, resolve

ANCHORS = 4  # nearest named things that are tried as anchors


def propose(screen: Screen, i: int) -> Iterator[Meaning]:
    """Meanings by which element `i` might be asked for, from where it stands."""
    noun = screen.kinds[i]
    called = [noun] if noun else []
    if noun not in ("icon", "text") and screen.strict["icon"][i]:
        called.append("icon")
    for noun in called:
        if noun == "text":  # texts are everywhere and overlap: nobody counts them
            yield from (Meaning(noun=noun, direction=direction, anchor=anchor) for direction, anchor in _anchors(screen, i))
            continue
        plain = Meaning(noun=noun)
        yield from _ranks(plain, screen, i)
        colour = screen.looks[i].colour
        if colour and screen.looks[i].painted:
            yield from _ranks(replace(plain, colour=colour), screen, i)
        for direction, anchor in _anchors(screen, i):
            yield from _ranks(replace(plain, direction=direction, anchor=anchor), screen, i)
        for corner in CORNERS:
            if resolve(replace(plain, corner=corner), screen, lenient=False)[i]:
                yield replace(plain, corner=corner)


def _ranks(meaning: Meaning, screen: Screen, i: int) -> Iterator[Meaning]:
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


def _anchors(screen: Screen, i: int) -> Iterator[tuple[Direction, Meaning]]:
    """Named things near `i`, the nearest first, with the direction in which `i` stands from each."""
    box = screen.boxes[i]
    for j in np.flatnonzero(screen.within[i])[::-1].tolist():
        noun = next((noun for noun in nouns.CONTAINERS if screen.strict[noun][j]), None)
        if noun:
            yield "inside", Meaning(noun=noun)
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
    for direction, gap in gaps.items():
        beside = geometry.shared_span(others, box, 1 if direction in ("right", "left") else 0) >= 0.5
        if direction in ("below", "above"):
            beside |= np.abs(others[:, 0] - box[0]) <= 8 * screen.scale
        for k in np.flatnonzero(beside & (gap >= -2 * screen.scale)).tolist():
            found.append((float(gap[k]), int(ids[k]), direction))
    for _, j, direction in sorted(found)[:ANCHORS]:
        noun = screen.kinds[j]
        yield (
            direction,
            Meaning(noun=noun if noun in ("heading", "button", "link", "tab") else None, label=screen.elements[j]["text"]),
        )


def _together(screen: Screen, i: int, j: int) -> bool:
    """Whether two elements are in one part of the page and on one ground: nobody looks for a neighbour across a border."""
    here, there = screen.looks[i].around, screen.looks[j].around
    return (
        screen.blocks[i] == screen.blocks[j] and here is not None and there is not None and difference(here, there) <= VISIBLE
    )
