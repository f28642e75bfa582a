"""Names for colours, strict and lenient, by neighbours in the XKCD colour survey.

The survey (Munroe, 2010; 222,500 people, 949 names, in matplotlib) says which name people gave a colour. A colour is looked
up among the survey's entries whose last word is a basic colour term (Berlin and Kay, 1969), in CIELAB: where nearly all of
the `NEIGHBOURS` nearest agree, it may be called so (strict); whatever any of several nearest says, somebody may call it
(lenient). Between orange and red it thus has no strict name and two lenient ones. Greys are judged by chroma, for which the
survey has few entries.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from math import dist

import numpy as np

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey")
NEIGHBOURS = 8
AGREE = 0.75  # share of the neighbours' votes for a strict name
ACHROMATIC = 5.0  # chroma below which nobody sees a hue
HUED = 18.0  # chroma above which nobody calls it grey
DISTANCE = 30.0  # CIELAB: a neighbour farther away says nothing
_SAME = {"gray": "grey", "violet": "purple"}


def lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB 0-255 of shape (..., 3) to CIELAB (D65), float64 of the same shape."""
    c = np.asarray(rgb, np.float64) / 255
    c = np.where(c > 0.04045, ((c + 0.055) / 1.055) ** 2.4, c / 12.92)
    m = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
    xyz = c @ m.T / np.array([0.95047, 1.0, 1.08883])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def difference(a: Sequence[int] | np.ndarray, b: Sequence[int] | np.ndarray) -> float:
    """CIE76 distance of two sRGB colours; 2.3 is just noticeable, 100 is black to white."""
    return dist(_lab(int(a[0]), int(a[1]), int(a[2])), _lab(int(b[0]), int(b[1]), int(b[2])))


@lru_cache(65_536)
def _lab(red: int, green: int, blue: int) -> tuple[float, ...]:
    return tuple(lab(np.array([red, green, blue])).tolist())


@lru_cache(65_536)
def names(red: int, green: int, blue: int) -> tuple[str | None, frozenset[str]]:
    """What a colour is called: (the name nobody would deny or None, every name somebody might give)."""
    here = lab(np.array([red, green, blue]))
    lightness, chroma = float(here[0]), float(np.hypot(here[1], here[2]))
    grey = _grey(lightness)
    if chroma < ACHROMATIC:
        return grey[0], grey[1]
    places, words = _survey()
    distance = np.linalg.norm(places - here, axis=1)
    nearest = [i for i in np.argsort(distance, kind="stable")[:NEIGHBOURS] if distance[i] <= DISTANCE]
    votes = [words[i] for i in nearest if words[i] not in ("black", "white", "grey") or chroma < HUED]
    lenient = frozenset(votes) | (grey[1] if chroma < HUED else frozenset())
    strict = max(sorted(set(votes)), key=votes.count, default=None)
    if strict is None or votes.count(strict) < AGREE * NEIGHBOURS or chroma < HUED or not 15 < lightness < 96:
        strict = None
    return strict, lenient or grey[1]


def _grey(lightness: float) -> tuple[str | None, frozenset[str]]:
    if lightness < 15:
        return "black", frozenset({"black"})
    if lightness < 35:
        return None, frozenset({"black", "grey"})
    if lightness < 80:
        return "grey", frozenset({"grey"})
    if lightness < 96:
        return None, frozenset({"grey", "white"})
    return "white", frozenset({"white"})


@cache
def _survey() -> tuple[np.ndarray, list[str]]:
    """CIELAB [n, 3] and basic colour term of the survey's entries that end in one."""
    from matplotlib.colors import XKCD_COLORS

    found = []
    for name, code in sorted(XKCD_COLORS.items()):
        term = name.removeprefix("xkcd:").split()[-1]
        term = _SAME.get(term, term)
        if term in COLOURS:
            found.append((term, [int(str(code)[i : i + 2], 16) for i in (1, 3, 5)]))
    return lab(np.array([rgb for _, rgb in found])), [term for term, _ in found]
