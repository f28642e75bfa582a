"""What stands on a page beside its text: running heads and feet, page numbers, line numbers.

A line is a running head or foot if it is the first or last of its page, or the one next to it, and either holds nothing but
a page number, or repeats: Nougat calls words headers that stand in the heads of at least 40 % of the pages. Here a line
repeats if that share of its words, digits taken as equal, stands at the same height in the heads (feet) of enough other
pages, of all or of those of the same parity. A line of the running text, which the alignment has found in the markup, never
is. Words that stand at the very same place of so many pages are no text either.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from ocr_synth.academic.align import PageWords

_PAGE_NUMBER = re.compile(r"(?:page\s+)?(?:\d{1,4}|[ivxlc]{1,7})(?:\s+(?:of|/)?\s*\d{1,4})?")
_SAME_HEIGHT = 3.0  # points
_LINES = 2  # that may be head or foot
_REPEATED = 0.4  # of a line's words, and (Nougat) of the pages
_MIN_LINE_NUMBERS = 6
_SAME_COLUMN = 14.0  # points


def margins(printed: PageWords, num_pages: int, in_markup: np.ndarray) -> np.ndarray:
    """Which page words are no text of the page: bool [m].

    Args:
        in_markup: bool [m], words that the alignment has found in the running text.
    """
    beside = (line_numbers(printed, num_pages) | furniture(printed, num_pages)) & ~in_markup
    starts = np.searchsorted(printed.page, np.arange(num_pages + 1))
    for bottom in (False, True):
        candidates = []  # page, height, words of the line
        for page in range(num_pages):
            index = np.arange(starts[page], starts[page + 1])
            index = index[~printed.figure[index] & ~beside[index]]
            lines = _lines(printed.y, index)
            candidates += [(page, printed.y[line[0]], line) for line in (lines[-_LINES:] if bottom else lines[:_LINES])]
        texts = [[_blurred(printed.texts[i]) for i in line] for _, _, line in candidates]
        for (page, height, line), text in zip(candidates, texts, strict=True):
            if (_PAGE_NUMBER.fullmatch(" ".join(printed.texts[i] for i in line)) and len(line) <= 3) or (
                in_markup[line].mean() < 0.5 and _repeats(page, height, text, candidates, texts, num_pages)
            ):
                beside[line] = True
    return beside


def _repeats(
    page: int, height: float, text: list[str], candidates: Sequence[tuple], texts: Sequence[list[str]], num_pages: int
) -> bool:
    """Whether enough of the words of a line stand at its height on enough other pages."""
    same_height = [
        (p, set(t)) for (p, h, _), t in zip(candidates, texts, strict=True) if p != page and abs(h - height) <= _SAME_HEIGHT
    ]
    for others, of in (
        (same_height, num_pages - 1),
        ([s for s in same_height if s[0] % 2 == page % 2], len(range(page % 2, num_pages, 2)) - 1),
    ):
        if of < 1:
            continue
        repeated = [sum(word in there for _, there in others) >= max(1, _REPEATED * of) for word in text]
        if sum(repeated) >= max(1, _REPEATED * len(text)):
            return True
    return False


def _blurred(word: str) -> str:
    return re.sub(r"\d+", "#", word)


def _lines(y: np.ndarray, index: np.ndarray) -> list[np.ndarray]:
    """Words by lines, from the top: words whose baselines lie within 3 points of each other."""
    if not len(index):
        return []
    order = index[np.argsort(-y[index], kind="stable")]
    breaks = np.flatnonzero(-np.diff(y[order]) > _SAME_HEIGHT) + 1
    return [np.sort(line) for line in np.split(order, breaks)]


def furniture(printed: PageWords, num_pages: int) -> np.ndarray:
    """Words that stand at one place of at least 40 % of the pages, and of three: side panels, stamps, logos. Bool [m]."""
    places = list(zip(printed.texts, printed.x.round().tolist(), printed.y.round().tolist(), strict=True))
    pages_of = Counter(place for place, _ in set(zip(places, printed.page.tolist(), strict=True)))
    enough = max(3, _REPEATED * num_pages)
    return np.array([pages_of[place] >= enough for place in places], bool)


def line_numbers(printed: PageWords, num_pages: int) -> np.ndarray:
    """Numbers that count the lines of a draft: at least six in a column, each one more than the one above. Bool [m]."""
    found = np.zeros(len(printed.texts), bool)
    starts = np.searchsorted(printed.page, np.arange(num_pages + 1))
    for page in range(num_pages):
        chains: dict[int, list[list[int]]] = defaultdict(list)
        for i in range(starts[page], starts[page + 1]):
            text = printed.texts[i]
            if not text.isdecimal() or len(text) > 5:
                continue
            value = int(text)
            for chain in chains[value - 1]:
                if abs(printed.x[chain[-1]] - printed.x[i]) < _SAME_COLUMN and printed.y[chain[-1]] > printed.y[i]:
                    chains[value - 1].remove(chain)
                    chains[value].append([*chain, i])
                    break
            else:
                chains[value].append([i])
        for chain in (c for several in chains.values() for c in several):
            if len(chain) >= _MIN_LINE_NUMBERS and _mostly_even(printed.y[chain]):
                found[chain] = True
    return found


def _mostly_even(heights: np.ndarray) -> bool:
    """Whether steps between heights are mostly multiples of the smallest common one, as lines are and list items need not be."""
    steps = np.round(-np.diff(heights)).astype(int)
    step, count = Counter(steps.tolist()).most_common(1)[0]
    return step > 0 and count >= 0.5 * len(steps)
