"""The pixel audit: hide an element; if it was listed its box must change, if it was rejected nothing may but a sliver.

A sliver is less than `SLIVER` of the box: what looks out from under a menu by a few pixels can be seen, yet nobody could say what it is.

This is what "visible" means (hide it, does the picture change?), at one screenshot per group of elements that do not overlap. It judges the
listing by means that the listing does not use where it is sure of itself.
"""

from dataclasses import dataclass

import numpy as np

from gui_crawl import pixels
from gui_crawl.listing import Listing, hidden_screen
from gui_crawl.tab import Tab
from sieveline.draws import uniform

SLIVER = 0.1


@dataclass(frozen=True, slots=True)
class Audit:
    """How many elements were asked about, listed and rejected ones, and how many answers agree; `wrong` are (listed, path) of the others."""

    listed: int
    listed_agree: int
    rejected: int
    rejected_agree: int
    wrong: tuple[tuple[bool, str], ...]

    @property
    def asked(self) -> int:
        return self.listed + self.rejected

    @property
    def agree(self) -> int:
        return self.listed_agree + self.rejected_agree


def audit(tab: Tab, image: np.ndarray, listing: Listing, *, most: int, rounds: int, seed: int, name: str) -> Audit:
    """Audits at most `most` elements of a screen, drawn by `seed` and `name`, by at most `rounds` screenshots."""
    dpr = listing.to_pixels
    candidates = [(True, e["path"], e["box"], h) for e, h in zip(listing.elements, listing.handles, strict=True)]
    candidates += [(False, u["path"], u["box"], u["handle"]) for u in listing.unseen]
    candidates.sort(key=lambda c: uniform(seed, "audit", name, str(c[0]), c[1]))
    candidates = candidates[:most]
    counts = {(listed, agree): 0 for listed in (True, False) for agree in (True, False)}
    wrong = []
    for group in pixels.rounds([c[2] for c in candidates], rounds):
        after = hidden_screen(tab, [candidates[i][3] for i in group])
        for i in group:
            listed, path, box, _ = candidates[i]
            changed = pixels.num_changed(image, after, box) >= pixels.MIN_PIXELS * dpr
            if changed and not listed:
                changed = pixels.changed_span(image, after, box) >= SLIVER
            counts[listed, changed == listed] += 1
            if changed != listed:
                wrong.append((listed, path))
    return Audit(
        listed=counts[True, True] + counts[True, False],
        listed_agree=counts[True, True],
        rejected=counts[False, True] + counts[False, False],
        rejected_agree=counts[False, True],
        wrong=tuple(wrong),
    )
