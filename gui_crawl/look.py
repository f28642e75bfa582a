"""Look: colour and shape of every element, measured from the screenshot's pixels and not from its style sheet.

An element's crop is thinned to at most `GRID` x `GRID` pixels and its colours are counted in buckets of 16 levels. The
commonest is its ground, what differs most from that is its ink; the commonest colour of the ring just
outside is what it stands on. Where ground and ring differ, the element is *painted* and has its ground's colour; where they
do not, its colour is its ink's (a bare icon, a link). A disc is painted in the middle of each side and not in its corners.
"""

from dataclasses import dataclass

import numpy as np

from gui_crawl.colours import difference, names

GRID = 48
VISIBLE = 12.0  # CIE76 distance above which two colours are told apart at a glance
GROUND = 0.3  # share of the crop a ground takes at least
INK = 0.03  # share above which a colour of the crop is seen, if only leniently
FRAME = 8  # levels of 255 that a frame differs from what is around it: card borders are faint
PLAIN = 0.7  # share of an element's ink that goes by the name of its colour
STROKE = 0.005  # share of the crop that strokes take at least
RING = 3  # pixels outside the box


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What the pixels show of one element.

    Attributes:
        painted: it stands out from what is around it as a surface.
        framed: a line or an edge runs around it on all four sides.
        colour: its name that nobody would deny, of `colours.COLOURS`; None where there is none.
        colours: every name somebody might give it, or any part of it.
        rgb: the colour that `colour` names, 0-255 each.
        around: the colour it stands on, 0-255 each; None where its box is the whole screen.
        disc: True for a filled circle, False where surely none, None where it cannot be told.
        contrast: CIE76 distance of its ground from what is around it, 0 where that is the whole screen.
    """

    painted: bool
    framed: bool
    colour: str | None
    colours: frozenset[str]
    rgb: tuple[int, int, int]
    around: tuple[int, int, int] | None
    disc: bool | None
    contrast: float


def measure(pixels: np.ndarray, boxes: np.ndarray) -> list[Look]:
    """The look of every element.

    Args:
        pixels: uint8 [height, width, 3], the screenshot in RGB.
        boxes: float64 [n, 4], pixels of it.
    """
    return [_look(pixels, box) for box in boxes]


def _look(pixels: np.ndarray, box: np.ndarray) -> Look:
    height, width = pixels.shape[:2]
    x1, y1 = max(0, int(np.floor(box[0] + 0.5))), max(0, int(np.floor(box[1] + 0.5)))
    x2, y2 = min(width, max(x1 + 1, int(np.floor(box[2] + 0.5)))), min(height, max(y1 + 1, int(np.floor(box[3] + 0.5))))
    x1, y1 = min(x1, width - 1), min(y1, height - 1)
    crop = pixels[y1:y2, x1:x2]
    crop = crop[:: -(-crop.shape[0] // GRID), :: -(-crop.shape[1] // GRID)]
    colours, shares = _palette(crop)
    ring = _ring(pixels, x1, y1, x2, y2)
    ground = colours[0]
    visible = [i for i in range(1, len(colours)) if shares[i] >= INK and difference(colours[i], ground) > VISIBLE]
    inks = [colours[i] for i in visible]
    strokes = _strokes(crop, ground)
    if strokes is not None and difference(strokes, ground) > VISIBLE:
        inks.insert(0, strokes)
    painted = ring is not None and shares[0] >= GROUND and difference(ground, ring) > VISIBLE
    main = ground if painted or not inks else inks[0]
    strict, lenient = names(*map(int, main))
    if not painted and strict is not None:  # a picture of many colours has none
        alike = sum(shares[i] for i in visible if strict in names(*map(int, colours[i]))[1])
        if alike < PLAIN * sum(shares[i] for i in visible):
            strict = None
    seen = set(lenient)
    for ink in inks:
        seen |= names(*map(int, ink))[1]
    if painted:
        seen |= names(*map(int, ground))[1]
    return Look(
        painted=painted,
        framed=painted or _framed(pixels, x1, y1, x2, y2, ring),
        colour=strict if painted or inks else None,
        colours=frozenset(seen),
        rgb=(int(main[0]), int(main[1]), int(main[2])),
        around=None if ring is None else (int(ring[0]), int(ring[1]), int(ring[2])),
        disc=_disc(crop, ground, ring) if painted else (False if not inks else None),
        contrast=0.0 if ring is None else difference(ground, ring),
    )


def _palette(crop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colours of a crop, commonest first, [m, 3] uint8 (the mean of each bucket), and their shares [m]; at most 8."""
    flat = crop.reshape(-1, 3).astype(np.int64)
    key = (flat[:, 0] >> 4) << 8 | (flat[:, 1] >> 4) << 4 | flat[:, 2] >> 4
    count = np.bincount(key, minlength=4096)
    best = np.argsort(-count, kind="stable")[:8]
    best = best[count[best] > 0]
    sums = np.stack([np.bincount(key, weights=flat[:, c], minlength=4096)[best] for c in range(3)], 1)
    return np.round(sums / count[best, None]).astype(np.uint8), count[best] / len(flat)


def _strokes(crop: np.ndarray, ground: np.ndarray) -> np.ndarray | None:
    """The colour thin strokes are drawn in: the mean of what differs most from the ground, since their edges are blends; None without any."""
    flat = crop.reshape(-1, 3).astype(np.int16)
    apart = np.abs(flat - ground.astype(np.int16)).sum(axis=1)
    far = apart >= max(0.75 * apart.max(), 1)
    return np.round(flat[far].mean(axis=0)).astype(np.uint8) if far.mean() >= STROKE else None


def _ring(pixels: np.ndarray, x1: int, y1: int, x2: int, y2: int) -> np.ndarray | None:
    """The commonest colour of the frame of `RING` pixels around a box; None where the screen ends on all sides."""
    parts = [
        pixels[max(0, y1 - RING) : y1, x1:x2],
        pixels[y2 : y2 + RING, x1:x2],
        pixels[y1:y2, max(0, x1 - RING) : x1],
        pixels[y1:y2, x2 : x2 + RING],
    ]
    flat = [part.reshape(-1, 3)[:: max(1, part.size // 600)] for part in parts if part.size]
    return _palette(np.concatenate(flat)[None])[0][0] if flat else None


def _framed(pixels: np.ndarray, x1: int, y1: int, x2: int, y2: int, ring: np.ndarray | None) -> bool:
    """Whether most of each side, within a pixel of the box's edge, is drawn in another colour than what is around it."""
    if ring is None or min(y2 - y1, x2 - x1) < 8:
        return False
    inset, crop, around = 3, pixels[y1:y2, x1:x2], ring.astype(np.int16)
    strips = (crop[:inset], crop[-inset:], crop[:, :inset].transpose(1, 0, 2), crop[:, -inset:].transpose(1, 0, 2))
    drawn = (np.any(np.abs(strip.astype(np.int16) - around) > FRAME, axis=(0, 2)) for strip in strips)
    return all(side.mean() >= 0.75 for side in drawn)  # rounded corners take the rest


def _disc(crop: np.ndarray, ground: np.ndarray, ring: np.ndarray | None) -> bool | None:
    """Whether the painted crop is round: sides of the ground's colour, corners of the ring's."""
    h, w = crop.shape[:2]
    if ring is None or min(h, w) < 8:
        return None
    if max(h, w) > 1.15 * min(h, w):
        return False
    corners = [crop[y, x] for y in (0, h - 1) for x in (0, w - 1)]
    sides = [crop[h // 2, 1], crop[h // 2, w - 2], crop[1, w // 2], crop[h - 2, w // 2]]
    cut = sum(difference(c, ring) <= VISIBLE for c in corners)
    full = sum(difference(c, ground) <= 2 * VISIBLE for c in sides)
    if cut == 4 and full >= 3:
        near = [
            crop[int(h * 0.1), int(w * 0.1)],
            crop[int(h * 0.1), int(w * 0.9) - 1],
        ]  # inside a rounded square, outside a disc
        return all(difference(c, ring) <= 2 * VISIBLE for c in near)
    return False
