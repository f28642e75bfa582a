"""Does an expression pick out exactly one element? Its meaning is read against all of them, by two readers.

The *strict* reader takes the words exactly; the *lenient* one lets everything pass that somebody might call so: another
noun for the same looks, a neighbouring colour name, text that differs in case, digits or punctuation, text inside other
text, "beside" at a slant. An expression is good where the strict reader finds the element that is meant and the lenient one
finds no other. Nothing here knows how or for which element the meaning was made.

Both readers work on bool arrays over the screen's elements, so one reading costs microseconds and not a walk over the page.
"""

from dataclasses import dataclass, replace

import numpy as np

from gui_crawl import boxes as geometry
from gui_crawl import concepts
from gui_crawl.meaning import Meaning, Order
from gui_crawl.screen import Screen, loose, normal, words_within

NEAR = 0.3  # share of the screen's side: what is farther away is not "beside" or "under" to the strict reader
CORNER = (0.2, 0.4)  # share of both sides that is a corner to the strict and to the lenient reader
LIKENESS = 0.7  # correlation of two icons' pixels from which they may be the same picture
FAINT, STRONG = 6.0, 25.0  # CIE76 distance of a ground from what is around it: hardly seen below, seen at once above
LARGER = 1.5  # ratio of areas from which one is plainly larger
INKED = ("text", "heading", "link")
COUNTABLE = 8  # nobody counts further


@dataclass(frozen=True, slots=True)
class Fit:
    """What a meaning fits on a screen.

    Attributes:
        strict: ids that fit exactly.
        lenient: ids that somebody might take it for; they include the strict ones.
    """

    strict: tuple[int, ...]
    lenient: tuple[int, ...]

    def picks(self, target: int) -> bool:
        """Whether both readers see `target` and nothing else."""
        return self.strict == self.lenient == (target,)


def fit(meaning: Meaning, screen: Screen) -> Fit:
    """Both readings of a meaning, as ids of representatives."""
    strict = resolve(meaning, screen, lenient=False)
    lenient = resolve(meaning, screen, lenient=True) | strict
    return Fit(tuple(np.flatnonzero(strict).tolist()), tuple(np.flatnonzero(lenient).tolist()))


def resolve(meaning: Meaning, screen: Screen, *, lenient: bool) -> np.ndarray:
    """bool [n]: the representatives that a meaning is true of, to one reader."""
    mask = np.ones(screen.n, bool)
    if meaning.noun is not None:
        mask &= _called(meaning, screen) if lenient else screen.strict[meaning.noun]
    if meaning.label is not None:
        mask &= _labelled(meaning, screen, lenient)
    if meaning.state is not None:
        mask &= _in_state(meaning.state, screen)
    if meaning.colour is not None:
        mask &= _coloured(meaning, screen, lenient)
    if meaning.disc:
        mask &= _disc(screen, lenient)
    if meaning.shape is not None:
        mask &= _shaped(meaning.shape, screen, lenient)
    if meaning.icon is not None:
        mask &= _shows(meaning.icon, screen, lenient)
    if meaning.purpose is not None:
        mask &= _serves(meaning.purpose, screen, lenient)
    if meaning.corner is not None:
        mask &= _in_corner(meaning.corner, screen, CORNER[lenient])
    mask = screen.stand_ins(mask)
    if meaning.anchor is None:
        return _placed(mask, meaning.order, screen)
    # Where the anchor itself may be several things, whatever stands so to any of them is meant.
    out = np.zeros(screen.n, bool)
    for anchor in np.flatnonzero(resolve(meaning.anchor, screen, lenient=lenient)).tolist():
        there = _related(meaning.direction or "inside", int(anchor), screen, lenient)
        if lenient and meaning.noun == "text":  # text around the anchor may be what is beside it
            there |= screen.within[anchor] & np.array([any(own) for own in screen.own_texts], bool)
        out |= _placed(mask & there, meaning.order, screen)
    return out


def _called(meaning: Meaning, screen: Screen) -> np.ndarray:
    """bool [n]: what somebody might call by the noun; where it is asked what a thing is for, whatever can be clicked."""
    wide = screen.lenient[meaning.noun or ""]
    if meaning.purpose is not None and meaning.noun in ("button", "link", "tab", "menu item", "icon"):
        return wide | (screen.interactive & ~screen.strict["field"])
    return wide


def _labelled(meaning: Meaning, screen: Screen, lenient: bool) -> np.ndarray:
    label = normal(meaning.label)
    if meaning.by == "text":
        exact = np.array([text == label for text in screen.texts], bool)
    else:
        exact = np.array([normal(e[meaning.by]) == label for e in screen.elements], bool)
    if not lenient:
        return exact
    bare = loose(label)
    alike = exact | np.array(
        [label in said or bare in as_loose for said, as_loose in zip(screen.labels, screen.loose_labels, strict=True)], bool
    )
    for i in np.flatnonzero(alike & ~screen.interactive).tolist():  # a part's text labels the control it is a part of
        for j in np.flatnonzero(screen.within[i] & screen.interactive)[-1:].tolist():
            alike[j] = True
    if meaning.noun not in (None, "text"):
        return alike
    things = np.flatnonzero(screen.stand_ins(exact))
    for i, text in enumerate(screen.texts):  # standing in other text counts, except where the thing itself is what stands there
        if not alike[i] and words_within(label, text):
            alike[i] = text.count(label) > sum(bool(screen.within[t, i]) for t in things)
    return alike


def _in_state(state: str, screen: Screen) -> np.ndarray:
    field, value = {
        "checked": ("checked", True),
        "unchecked": ("checked", False),
        "disabled": ("disabled", True),
        "selected": ("selected", True),
        "expanded": ("expanded", True),
    }[state]
    return np.array([e[field] is value for e in screen.elements], bool)


def _coloured(meaning: Meaning, screen: Screen, lenient: bool) -> np.ndarray:
    """Green text is text in green, not on green; everything else has the colour of its ground, or of its ink where it has no ground."""
    if lenient:
        return np.array([meaning.colour in seen.colours for seen in screen.looks], bool)
    inked = meaning.noun in INKED
    return np.array([seen.colour == meaning.colour and not (inked and seen.painted) for seen in screen.looks], bool)


def _disc(screen: Screen, lenient: bool) -> np.ndarray:
    if not lenient:
        return np.array([seen.disc is True for seen in screen.looks], bool)
    sides = screen.boxes[:, 2:] - screen.boxes[:, :2]
    aspect = sides.max(axis=1) / np.maximum(sides.min(axis=1), 1e-9)
    styled = np.array([(e["radius"] or 0.0) >= 0.8 for e in screen.elements], bool)
    return (np.array([seen.disc is not False for seen in screen.looks], bool) | styled) & (aspect < 1.4)


def _shaped(shape: str, screen: Screen, lenient: bool) -> np.ndarray:
    """A frame without a ground of its own, a ground that is plainly another, a frame with four equal sides. Faint grounds may be either."""
    framed = np.array([seen.framed for seen in screen.looks], bool)
    contrast = np.array([seen.contrast for seen in screen.looks])
    if shape == "outlined":
        return framed & (contrast <= (STRONG if lenient else FAINT))
    if shape == "filled":
        return framed & (contrast > (FAINT if lenient else STRONG))
    sides = screen.boxes[:, 2:] - screen.boxes[:, :2]
    aspect = sides.max(axis=1) / np.maximum(sides.min(axis=1), 1e-9)
    if lenient:
        return framed & (aspect < 1.4)
    flat = np.array(
        [seen.disc is not True and (e["radius"] or 0.0) < 0.6 for seen, e in zip(screen.looks, screen.elements, strict=True)],
        bool,
    )
    return framed & flat & (aspect < 1.1)


def _shows(key: str, screen: Screen, lenient: bool) -> np.ndarray:
    shown = np.array([concepts.of_icon(screen.icon(i)) == key and not screen.texts[i] for i in range(screen.n)], bool)
    if not lenient:
        return shown
    concept = concepts.CONCEPTS[key]
    hints = np.array([concepts.hinted(concept, screen.labels[i], screen.icon(i)) for i in range(screen.n)], bool)
    pictures = np.flatnonzero(screen.lenient["icon"] & ~shown)
    for i in np.flatnonzero(shown).tolist():
        for j in pictures:
            hints[j] |= _likeness(screen, int(i), int(j)) >= LIKENESS
    return shown | hints


def _likeness(screen: Screen, i: int, j: int) -> float:
    """Correlation of two elements' pixels as grey 16 x 16 pictures, whichever is drawn light on dark: 0-1."""
    import cv2

    def grey(k: int) -> np.ndarray:
        x1, y1, x2, y2 = np.clip(np.round(screen.boxes[k]).astype(int), 0, [screen.width, screen.height] * 2)
        if x2 <= x1 or y2 <= y1:
            return np.zeros(256)
        small = cv2.resize(screen.pixels[y1:y2, x1:x2], (16, 16), interpolation=cv2.INTER_AREA).mean(axis=2).ravel()
        small = small - small.mean()
        return small / max(float(np.linalg.norm(small)), 1e-9)

    return abs(float(grey(i) @ grey(j)))


def _serves(key: str, screen: Screen, lenient: bool) -> np.ndarray:
    served = np.array([purpose == key for purpose in screen.purposes], bool)
    if not lenient:
        return served
    concept = concepts.CONCEPTS[key]
    hints = np.array([concepts.hinted(concept, screen.labels[i], screen.icon(i)) for i in range(screen.n)], bool)
    for i in np.flatnonzero(hints).tolist():  # a hint on a part is a hint on the control
        hints |= screen.within[i] & screen.interactive
    return served | (hints & (screen.interactive | screen.lenient["button"] | screen.lenient["link"] | screen.lenient["field"]))


def _in_corner(corner: str, screen: Screen, share: float) -> np.ndarray:
    vertical, horizontal = corner.split()
    x = (screen.boxes[:, 0] + screen.boxes[:, 2]) / 2 / screen.width
    y = (screen.boxes[:, 1] + screen.boxes[:, 3]) / 2 / screen.height
    return ((x <= share) if horizontal == "left" else (x >= 1 - share)) & (
        (y <= share) if vertical == "top" else (y >= 1 - share)
    )


def _related(direction: str, anchor: int, screen: Screen, lenient: bool) -> np.ndarray:
    """bool [n]: what stands in `direction` as seen from the anchor."""
    boxes, box = screen.boxes, screen.boxes[anchor]
    within = screen.within
    if direction == "inside":
        held = geometry.overlap(boxes, box) / np.maximum(geometry.areas(boxes), 1e-9)
        inside = within[:, anchor] & (held >= 0.9)
        return inside | (held >= 0.8) & (screen.representative != anchor) & ~within[anchor] if lenient else inside
    axis = 0 if direction in ("right", "left") else 1
    across = 1 - axis
    side = (screen.width, screen.height)[axis]
    apart = ~within[anchor] & (screen.representative != screen.representative[anchor])
    middle = (boxes[:, axis] + boxes[:, axis + 2]) / 2 - (box[axis] + box[axis + 2]) / 2
    beside = geometry.shared_span(boxes, box, across)
    start = np.abs(boxes[:, 0] - box[0]) / screen.scale if axis == 1 else np.full(screen.n, np.inf)
    ahead = direction in ("right", "below")
    if lenient:  # what is inside the anchor, to that side, too
        return apart & (middle > 0 if ahead else middle < 0) & ((beside > 0) | (start <= 24))
    apart &= ~within[:, anchor]
    gap = boxes[:, axis] - box[axis + 2] if ahead else box[axis] - boxes[:, axis + 2]
    return apart & (gap >= -2 * screen.scale) & (gap <= NEAR * side) & ((beside >= 0.5) | (start <= 8))


def _placed(domain: np.ndarray, order: Order | None, screen: Screen) -> np.ndarray:
    """bool [n]: the element at a place in an order over `domain`, with all those that might dispute it the place."""
    if order is None or not domain.any():
        return domain
    ids = np.flatnonzero(domain)
    if (order.pair and len(ids) != 2) or (order.index and len(ids) > COUNTABLE):
        return domain
    if order.axis == "size":
        size = geometry.areas(screen.boxes[ids])
        size = size.max() / np.maximum(size, 1e-9) if order.last else size / max(float(size.min()), 1e-9)
        return _only(ids[size < LARGER], screen.n)
    low, high = screen.boxes[ids, {"x": 0, "y": 1}[order.axis]], screen.boxes[ids, {"x": 2, "y": 3}[order.axis]]
    if order.last:
        low, high = -high, -low
    rank = np.argsort(low, kind="stable")
    ids, low, high = ids[rank], low[rank], high[rank]
    if order.index >= len(ids):
        return np.zeros(screen.n, bool)
    # All that is counted on the way, and the next one, must stand apart along the axis.
    slack = 2 * screen.scale
    reach = np.maximum.accumulate(high)
    for k in range(1, min(order.index + 2, len(ids))):
        if low[k] < reach[k - 1] - slack:
            return domain
    return _only(ids[order.index : order.index + 1], screen.n)


def _only(ids: np.ndarray, n: int) -> np.ndarray:
    out = np.zeros(n, bool)
    out[ids] = True
    return out


def without_order(meaning: Meaning) -> Meaning:
    """The set that a meaning's order ranks, as a meaning."""
    return replace(meaning, order=None)
