"""Splits the markup at the PDF's own page breaks.

Every token of the running text gets the page of its words. Between the last word found on one page and the first found on
the next may lie tokens that were not found: they are shared out as the words are that were not found on either page. Floats
and what else stands out of order come where the PDF has them, footnotes at the end of their page. What was found on no page
(keywords that a class does not print) is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ocr_synth.academic.align import Alignment, MarkupWords, PageWords
from ocr_synth.academic.blocks import Block, render

_WINDOW = 12  # words that a boundary is judged by
_WITHIN = 40  # words between two of a float that are taken to be the float's, found or not


@dataclass(slots=True)
class PageMarkup:
    """A page's part of the markup.

    Attributes:
        text: the markup.
        start_score, end_score: how well the ends of the running text agree with the page's, 0-1; see `_agreement`.
        errors: commands in its blocks that LaTeXML did not understand.
        num_apart: floats and notes on it.
    """

    text: str = ""
    start_score: float = 0.0
    end_score: float = 0.0
    errors: int = 0
    num_apart: int = 0


@dataclass(slots=True)
class _Part:
    """Tokens [start, end) of a block, as they stand on one page."""

    block: int
    start: int
    end: int
    position: float  # among the page words
    note: bool = False


def split(
    blocks: Sequence[Block], markup: MarkupWords, printed: PageWords, found: Alignment, beside: np.ndarray, num_pages: int
) -> list[PageMarkup]:
    """The markup of every page.

    Args:
        beside: bool [m], page words that are running heads and the like.
    """
    placed = _placed_words(markup, found)
    claimed = np.zeros(len(printed.texts), bool)
    claimed[found.place[found.place >= 0]] = True
    spread = _Spread(printed, ~claimed & ~beside & ~printed.figure, num_pages)

    parts: list[list[_Part]] = [[] for _ in range(num_pages)]
    running = [i for i, b in enumerate(blocks) if b.apart is None and i not in found.moved and i not in found.unprinted]
    _put(blocks, running, placed, spread, parts, together=False)
    groups: dict[int, list[int]] = {}
    for number in sorted(found.moved):
        apart = blocks[number].apart
        groups.setdefault(-1 - number if apart is None else apart, []).append(number)
    for members in groups.values():
        _put(blocks, members, placed, spread, parts, together=True)
    outside = _outside_running(blocks, markup, printed, found, beside)
    results = []
    for number, here in enumerate(parts):
        page = PageMarkup(text=_written(blocks, here))
        page.errors = sum(blocks[p.block].errors for p in here if p.start == 0)
        page.num_apart = len({blocks[p.block].apart for p in here} - {None})
        results.append(page)
        _score_ends(page, number, markup, printed, found, outside)
    if results:  # a document has no page break before its first page and after its last
        results[0].start_score = results[-1].end_score = 1.0
    return results


def _placed_words(markup: MarkupWords, found: Alignment) -> dict[tuple[int, int], int]:
    """(block, token) -> the first page word found for it."""
    placed: dict[tuple[int, int], int] = {}
    for block, token, place in zip(markup.block.tolist(), markup.token.tolist(), found.place.tolist(), strict=True):
        if place >= 0:
            placed.setdefault((block, token), place)
    return placed


class _Spread:
    """Gives tokens that were not found a page between those that were."""

    def __init__(self, printed: PageWords, open_words: np.ndarray, num_pages: int):
        """Args: open_words: bool [m], page words without a partner."""
        self._page = printed.page
        self._open = np.concatenate([[0], np.cumsum(open_words)])
        self._starts = np.searchsorted(printed.page, np.arange(num_pages + 1))

    def pages(self, places: list[int]) -> list[int]:
        """The page of every token, from the page word of each, -1 where none was found; empty if none was found at all."""
        pages = [int(self._page[p]) if p >= 0 else -1 for p in places]
        known = [i for i, p in enumerate(pages) if p >= 0]
        if not known:
            return []
        pages[: known[0]] = [pages[known[0]]] * known[0]
        pages[known[-1] :] = [pages[known[-1]]] * (len(pages) - known[-1])
        for before, after in pairwise(known):
            count, first, last = after - before - 1, pages[before], pages[after]
            if first >= last:
                pages[before + 1 : after] = [first] * count
            elif count:
                # how many words without a partner each page has between the two words that were found
                edges = [places[before] + 1, *(self._starts[p] for p in range(first + 1, last + 1)), places[after]]
                shares = np.diff(self._open[edges]).astype(float)
                limits = np.cumsum(shares / shares.sum() if shares.sum() else np.eye(1, len(shares))[0]) * count
                pages[before + 1 : after] = (first + np.searchsorted(limits[:-1], np.arange(count) + 0.5)).tolist()
        return pages


def _put(
    blocks: Sequence[Block],
    members: Sequence[int],
    placed: dict[tuple[int, int], int],
    spread: _Spread,
    parts: list[list[_Part]],
    *,
    together: bool,
) -> None:
    """Cuts the blocks `members`, which follow each other, by pages.

    Args:
        together: whether they come at one place of a page, that of the first word of any of them there.
    """
    tokens = [(number, token) for number in members for token in range(max(1, len(blocks[number].tokens)))]
    places = [placed.get(t, -1) for t in tokens]  # a picture has no tokens, and one place
    pages = spread.pages(places)
    position = -1.0
    first_on: dict[int, float] = {}
    for page, place in zip(pages, places, strict=False):
        if place >= 0:
            first_on[page] = min(first_on.get(page, place), place)
    start = 0
    for i in range(1, len(pages) + 1):
        if i < len(pages) and tokens[i][0] == tokens[start][0] and pages[i] == pages[start]:
            continue
        (number, token), page = tokens[start], pages[start]
        block = blocks[number]
        first = 0 if token == 0 else block.cut(token)
        last = block.cut(tokens[i][1]) if i < len(pages) and tokens[i][0] == number else len(block.tokens)
        position += 1e-6
        if not together:
            position = next((float(p) for p in places[start:i] if p >= 0), position)
        elif page in first_on:
            position = max(position, first_on.pop(page) - 0.5)
        if last > first or not block.tokens:
            parts[page].append(_Part(number, first, last, position, note=block.kind == "footnote"))
        start = i


def _written(blocks: Sequence[Block], parts: list[_Part]) -> str:
    parts = sorted(parts, key=lambda p: (p.note, p.position))
    text, before = "", None
    for part in parts:
        block = blocks[part.block]
        piece = render(block, part.start, part.end)
        if not piece:
            continue
        tight = before is not None and before.kind == block.kind and block.kind in ("item", "author")
        text += ("\n" if tight else "\n\n" if text else "") + piece
        before = block
    return text


def _outside_running(
    blocks: Sequence[Block], markup: MarkupWords, printed: PageWords, found: Alignment, beside: np.ndarray
) -> np.ndarray:
    """Page words that are no running text: margins, figures, formulas, and what lies within floats and notes. Bool [m]."""
    outside = beside | printed.figure | printed.maths
    of_block = np.array(
        [(-1 - i if b.apart is None else b.apart) if i in found.moved else 0 for i, b in enumerate(blocks)] or [0]
    )
    group = of_block[markup.block]
    here = found.place >= 0
    owner = np.zeros(len(printed.texts), np.int64)
    owner[found.place[here]] = np.where(
        group[here] != 0, group[here], np.iinfo(np.int64).max
    )  # the running text's own: the largest
    for one in np.unique(group[here & (group != 0)]):
        places = np.sort(found.place[here & (group == one)])
        for before, after in pairwise(places):
            if after - before <= _WITHIN and printed.page[before] == printed.page[after]:
                outside[before + 1 : after] |= owner[before + 1 : after] != np.iinfo(np.int64).max
        outside[places] = True
    return outside


def _score_ends(
    page: PageMarkup, number: int, markup: MarkupWords, printed: PageWords, found: Alignment, outside: np.ndarray
) -> None:
    here = np.flatnonzero((found.place >= 0) & ~markup.maths)
    here = here[(printed.page[found.place[here]] == number) & ~outside[found.place[here]]]
    if not len(here):  # a page of floats alone has no ends to get wrong
        page.start_score = page.end_score = float(page.num_apart > 0)
        return
    start, end = np.searchsorted(printed.page, [number, number + 1])
    page.start_score = _agreement(here, markup, found, outside, int(start), forward=True)
    page.end_score = _agreement(here, markup, found, outside, int(end), forward=False)


def _agreement(
    here: np.ndarray, markup: MarkupWords, found: Alignment, outside: np.ndarray, edge: int, *, forward: bool
) -> float:
    """Twice the words that agree by all words of both readings, from the edge of the page to the 12th running word found."""
    window = here[:_WINDOW] if forward else here[-_WINDOW:]
    inner = window[-1] if forward else window[0]
    place = int(found.place[inner])
    between = slice(edge, place + 1) if forward else slice(place, edge)
    num_printed = int((~outside[between]).sum())
    span = slice(int(window[0]), int(window[-1]) + 1)
    num_markup = int((~markup.maths[span] & (found.place[span] >= -1)).sum())
    return round(min(1.0, 2 * len(window) / max(1, num_printed + num_markup)), 4)
