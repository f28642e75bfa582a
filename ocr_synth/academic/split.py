"""Splits the markup at the PDF's own page breaks.

Every token of the running text gets the page of its words. Between the last word found on one page and the first found on the next may lie tokens
that were not found: they are shared out as the words are that were not found on either page. Floats and what else stands out of order come where the
PDF has them, footnotes at the end of their page. What was found on no page (keywords that a class does not print) is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ocr_synth.academic.align import Alignment, MarkupWords, PageWords
from ocr_synth.academic.blocks import Block, render

_WINDOW = 12  # words that a boundary is judged by


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


@dataclass(slots=True)
class _Running:
    """The tokens of the running text, one row each."""

    block: list[int] = field(default_factory=list)
    token: list[int] = field(default_factory=list)
    place: list[int] = field(default_factory=list)


def split(
    blocks: Sequence[Block], markup: MarkupWords, printed: PageWords, found: Alignment, beside: np.ndarray, num_pages: int
) -> list[PageMarkup]:
    """The markup of every page.

    Args:
        beside: bool [m], page words that are running heads and the like.
    """
    placed = _placed_words(blocks, markup, found)
    running = _running(blocks, placed, found)
    claimed = np.zeros(len(printed.texts), bool)
    claimed[found.place[found.place >= 0]] = True
    open_words = ~claimed & ~beside & ~printed.figure
    pages = _pages_of(running, printed, open_words, num_pages)

    parts: list[list[_Part]] = [[] for _ in range(num_pages)]
    _running_parts(blocks, running, pages, parts)
    _moved_parts(blocks, markup, printed, found, parts)
    results = []
    for number, here in enumerate(parts):
        page = PageMarkup(text=_written(blocks, here))
        page.errors = sum(blocks[p.block].errors for p in here if p.start == 0)
        page.num_apart = len({blocks[p.block].apart for p in here} - {None})
        results.append(page)
        _score_ends(page, number, markup, printed, found, beside, blocks)
    return results


def _placed_words(blocks: Sequence[Block], markup: MarkupWords, found: Alignment) -> dict[tuple[int, int], int]:
    """(block, token) -> the first page word found for it."""
    placed: dict[tuple[int, int], int] = {}
    for block, token, place in zip(markup.block.tolist(), markup.token.tolist(), found.place.tolist(), strict=True):
        if place >= 0:
            placed.setdefault((block, token), place)
    return placed


def _running(blocks: Sequence[Block], placed: dict[tuple[int, int], int], found: Alignment) -> _Running:
    running = _Running()
    for number, block in enumerate(blocks):
        if block.apart is not None or number in found.moved or number in found.unprinted:
            continue
        for token in range(max(1, len(block.tokens))):  # a picture has no tokens, and one place
            running.block.append(number)
            running.token.append(token)
            running.place.append(placed.get((number, token), -1))
    return running


def _pages_of(running: _Running, printed: PageWords, open_words: np.ndarray, num_pages: int) -> list[int]:
    """The page of every running token."""
    pages = [int(printed.page[p]) if p >= 0 else -1 for p in running.place]
    known = [i for i, p in enumerate(pages) if p >= 0]
    if not known:
        return [0] * len(pages)
    pages[: known[0]] = [pages[known[0]]] * known[0]
    pages[known[-1] :] = [pages[known[-1]]] * (len(pages) - known[-1])
    opened = np.concatenate([[0], np.cumsum(open_words)])
    starts = np.searchsorted(printed.page, np.arange(num_pages + 1))
    for before, after in zip(known, known[1:], strict=False):
        count, first, last = after - before - 1, pages[before], pages[after]
        if not count:
            continue
        if first == last:
            pages[before + 1 : after] = [first] * count
            continue
        # how many words without a partner each page has between the two words that were found
        edges = [running.place[before] + 1, *(starts[p] for p in range(first + 1, last + 1)), running.place[after]]
        shares = np.array([opened[b] - opened[a] for a, b in zip(edges, edges[1:], strict=False)], float)
        limits = np.cumsum(shares / shares.sum() if shares.sum() else [1.0] + [0.0] * (len(shares) - 1)) * count
        for i in range(count):
            pages[before + 1 + i] = first + int(np.searchsorted(limits[:-1], i + 0.5))
    return pages


def _running_parts(blocks: Sequence[Block], running: _Running, pages: list[int], parts: list[list[_Part]]) -> None:
    position = -1.0
    i = 0
    while i < len(pages):
        number = running.block[i]
        end = i
        while end < len(pages) and running.block[end] == number:
            end += 1
        start = i
        while start < end:
            stop = start
            while stop < end and pages[stop] == pages[start]:
                stop += 1
            first = 0 if start == i else blocks[number].cut(running.token[start])
            last = len(blocks[number].tokens) if stop == end else blocks[number].cut(running.token[stop])
            position = next((float(p) for p in running.place[start:stop] if p >= 0), position + 1e-6)
            if last > first or not blocks[number].tokens:
                parts[pages[start]].append(_Part(number, first, last, position))
            start = stop
        i = end


def _moved_parts(
    blocks: Sequence[Block], markup: MarkupWords, printed: PageWords, found: Alignment, parts: list[list[_Part]]
) -> None:
    """Floats and notes, each where its first words stand, its blocks in their order."""
    where: dict[int, tuple[int, float]] = {}  # group -> page, position
    for number in sorted(found.moved):
        places = found.place[markup.block == number]
        places = places[places >= 0]
        if len(places):
            group = blocks[number].apart if blocks[number].apart is not None else -1 - number
            if group not in where:
                where[group] = (int(printed.page[places[0]]), float(places.min()))
    members: dict[int, int] = {}
    for number in sorted(found.moved):
        block = blocks[number]
        group = block.apart if block.apart is not None else -1 - number
        if group in where:
            page, position = where[group]
            members[group] = members.get(group, 0) + 1
            position += 1e-4 * members[group]
            parts[page].append(_Part(number, 0, len(block.tokens), position, note=block.kind == "footnote"))


def _written(blocks: Sequence[Block], parts: list[_Part]) -> str:
    parts = sorted(parts, key=lambda p: (p.note, p.position))
    text, before = "", None
    for part in parts:
        block = blocks[part.block]
        piece = render(block, part.start, part.end)
        if not piece:
            continue
        tight = before is not None and before.kind == block.kind == "item"
        text += ("\n" if tight else "\n\n" if text else "") + piece
        before = block
    return text


def _score_ends(
    page: PageMarkup, number: int, markup: MarkupWords, printed: PageWords, found: Alignment, beside: np.ndarray, blocks: Sequence[Block]
) -> None:
    moved = np.isin(markup.block, list(found.moved)) if found.moved else np.zeros(len(markup.block), bool)
    here = np.flatnonzero((found.place >= 0) & ~moved & ~markup.maths)
    here = here[printed.page[found.place[here]] == number]
    if not len(here):  # a page of floats alone has no ends to get wrong
        page.start_score = page.end_score = float(page.num_apart > 0)
        return
    taken = np.zeros(len(printed.texts), bool)
    taken[found.place[(found.place >= 0) & moved]] = True
    skipped = taken | beside | printed.figure | printed.maths
    start, end = np.searchsorted(printed.page, [number, number + 1])
    page.start_score = _agreement(here, markup, found, skipped, int(start), forward=True)
    page.end_score = _agreement(here, markup, found, skipped, int(end), forward=False)


def _agreement(here: np.ndarray, markup: MarkupWords, found: Alignment, skipped: np.ndarray, edge: int, *, forward: bool) -> float:
    """Twice the words that agree by all words, of both readings, from the edge of the page to the 12th word of the running text that was found."""
    window = here[:_WINDOW] if forward else here[-_WINDOW:]
    inner = window[-1] if forward else window[0]
    place = int(found.place[inner])
    between = slice(edge, place + 1) if forward else slice(place, edge)
    num_printed = int((~skipped[between]).sum())
    span = slice(int(window[0]), int(window[-1]) + 1)
    num_markup = int((~markup.maths[span] & (found.place[span] >= -1)).sum())
    return round(min(1.0, 2 * len(window) / max(1, num_printed + num_markup)), 4)
