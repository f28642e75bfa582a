"""Aligns the words of the blocks with the words of the pages.

The running text is aligned as one sequence by edit distance over whole words (Levenshtein, by rapidfuzz), which is
monotone: text comes in the same order in source and PDF. What does not follow that order (floats, notes, title pages whose
class sets its parts in another order) is then looked for, one group at a time, among the words that are left: on the page
that holds most of its words weighted by rarity, and there again by edit distance.

Nougat finds pages by a TF-IDF classifier and fits a staircase to its answers; with word alignment the page of every word
follows at once.
"""

import math
from array import array
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz.distance import Levenshtein

from ocr_synth.academic.blocks import Block, Token
from ocr_synth.academic.pdf import Page, Word
from ocr_synth.academic.words import formula_words, words

_LONE = 3  # a shorter run of matches must lie near its neighbours to be believed
_NEAR = 40  # words
_FOUND = 0.3  # of a block's words; with fewer the block is looked for elsewhere
_FEW = 4  # words; a block with fewer stays between its neighbours
_PRINTED = 0.5  # of a group's weight; with less on any page the group is not printed
_LONG, _LONG_REACH = 60, 2  # a group of more words may go over several pages, so many on either side of the one that holds most
_NOTE_REACH, _FLOAT_REACH = 1, 6  # pages from the place in the source


@dataclass(slots=True)
class MarkupWords:
    """The words of all blocks, in order.

    Attributes:
        texts: the words.
        block: int32 [n], the block of each word.
        token: int32 [n], its token in that block.
        maths: bool [n], pseudo-words of formulas.
    """

    texts: list[str]
    block: np.ndarray
    token: np.ndarray
    maths: np.ndarray


@dataclass(slots=True)
class PageWords:
    """The words of all pages, in order.

    Attributes:
        texts: the words; one joined over a hyphen is split again where the markup has its parts and not the whole.
        page: int32 [m].
        x, y: float32 [m], points.
        maths, figure: bool [m].
        raw: as in `pdf.Word`.
    """

    texts: list[str]
    page: np.ndarray
    x: np.ndarray
    y: np.ndarray
    maths: np.ndarray
    figure: np.ndarray
    raw: list[str]


@dataclass(slots=True)
class Alignment:
    """Where the markup's words stand.

    Attributes:
        place: int32 [n], for each markup word the index of its page word, -1 if it was not found.
        moved: blocks of the running text that were found out of order, and every block that is apart and was found.
        unprinted: blocks that were found on no page.
    """

    place: np.ndarray
    moved: set[int]
    unprinted: set[int]


def markup_words(blocks: Sequence[Block]) -> MarkupWords:
    texts: list[str] = []
    owners: list[tuple[int, int, bool]] = []
    for number, block in enumerate(blocks):
        token = 0
        while token < len(block.tokens):
            first, text = token, block.tokens[token]
            token += 1
            if text.kind == "raw":
                continue
            if text.kind != "word":
                found = words(text.text) if text.kind == "number" else formula_words(text.text)
                texts += found
                owners += [(number, first, True)] * len(found)
                continue
            joined = text.text  # what is not spaced is one word, whatever its style
            while token < len(block.tokens) and _continues(block.tokens[token - 1], block.tokens[token]):
                joined += block.tokens[token].text
                token += 1
            found = words(joined)
            texts += found
            owners += [(number, first, False)] * len(found)
    columns = np.array(owners, np.int32).reshape(-1, 3).T
    return MarkupWords(texts, columns[0], columns[1], columns[2].astype(bool))


def _continues(token: Token, following: Token) -> bool:
    """Whether `following` is of the same word; a raised number is not, as it is not where the PDF is read."""
    if following.kind != "word" or following.glue:
        return False
    raised = [bool({"sup", "sub"} & set(t.style)) for t in (token, following)]
    return raised[0] == raised[1] or token.text[-1:].isdigit() == following.text[:1].isdigit()


def page_words(pages: Sequence[Page], vocabulary: set[str]) -> PageWords:
    """Args: vocabulary: the markup's words, by which words joined over a hyphen are judged."""
    texts: list[str] = []
    kept: list[tuple[int, Word]] = []
    for number, page in enumerate(pages):
        for word in page.words:
            split = word.parts and word.text not in vocabulary and all(part in vocabulary for part in word.parts)
            for text in word.parts if split else (word.text,):
                texts.append(text)
                kept.append((number, word))
    return PageWords(
        texts,
        np.array([n for n, _ in kept], np.int32),
        np.array([w.x for _, w in kept], np.float32),
        np.array([w.y for _, w in kept], np.float32),
        np.array([w.maths for _, w in kept], bool),
        np.array([w.figure for _, w in kept], bool),
        [w.raw for _, w in kept],
    )


def align(blocks: Sequence[Block], markup: MarkupWords, printed: PageWords) -> Alignment:
    """Finds the markup's words on the pages."""
    numbers: dict[str, int] = {}
    ours = np.array([numbers.setdefault(t, len(numbers)) for t in markup.texts], np.int64)
    theirs = np.array([numbers.setdefault(t, len(numbers)) for t in printed.texts], np.int64)
    place = np.full(len(ours), -1, np.int32)
    apart = np.array([b.apart is not None for b in blocks] or [False])
    running = np.flatnonzero(~apart[markup.block]) if len(ours) else np.zeros(0, np.int64)
    open_words = np.flatnonzero(~printed.figure)
    _match(ours, running, theirs, open_words, place)

    moved, unprinted = set(), set()
    groups = _groups(blocks, markup, place)
    loose = np.array([b.kind == "author" for b in blocks] or [False])
    search = _Search(ours, theirs, printed, place, loose[markup.block])
    for members, reach in groups:
        mine = np.flatnonzero(np.isin(markup.block, members))
        place[mine] = -1
        near = search.expected_page(mine, place)
        page = search.page_of(mine, near, reach)
        if (
            page is None and len(members) > 1
        ):  # a float some of whose parts are not printed: the place of its largest part that is
            parts = sorted((mine[markup.block[mine] == number] for number in members), key=len, reverse=True)
            page = next((p for part in parts if (p := search.page_of(part, near, reach)) is not None), None)
        if page is None:
            unprinted.update(members)
            continue
        _match(ours, mine, theirs, search.free(page, _LONG_REACH if len(mine) > _LONG else 0), place)
        search.take(place[mine])
        for number in members:
            part = mine[markup.block[mine] == number]
            absent = len(part) >= _FEW and (place[part] >= 0).mean() < _FOUND
            (unprinted if absent else moved).add(number)
    text = ~markup.maths
    num_words = np.bincount(markup.block[text], minlength=len(blocks))
    num_found = np.bincount(markup.block[text & (place >= 0)], minlength=len(blocks))
    for number, block in enumerate(blocks):
        if block.kind == "heading" and 0 < num_words[number] < _FEW and not num_found[number]:
            unprinted.add(number)  # "Abstract", which many classes do not print
    return Alignment(place, moved, unprinted)


def _match(ours: np.ndarray, mine: np.ndarray, theirs: np.ndarray, free: np.ndarray, place: np.ndarray) -> None:
    """Fills `place[mine]` with words of `free` by edit distance; lone matches far from their neighbours are not believed."""
    if not len(mine) or not len(free):
        return
    runs = []
    for block in Levenshtein.opcodes(array("q", ours[mine].tobytes()), array("q", theirs[free].tobytes())):
        if block.tag == "equal":
            runs.append((block.src_start, block.dest_start, block.src_end - block.src_start))
    for number, (start, other, length) in enumerate(runs):
        if length < _LONE:
            before, after = (runs[i] if 0 <= i < len(runs) else None for i in (number - 1, number + 1))
            gaps = [_shift((start, other), r) for r in (before, after) if r]
            if gaps and min(gaps) > _NEAR:
                continue
        place[mine[start : start + length]] = free[other : other + length]


def _shift(run: tuple[int, int], neighbour: tuple[int, int, int]) -> int:
    """Words that one side has more than the other between two runs."""
    return abs((run[1] - neighbour[1]) - (run[0] - neighbour[0]))


def _groups(blocks: Sequence[Block], markup: MarkupWords, place: np.ndarray) -> list[tuple[list[int], int | None]]:
    """What is looked for by itself, with how many pages around: notes, floats, and blocks that were hardly found in order."""
    text = ~markup.maths  # a formula whose font tells no letters stays between its neighbours
    num_words = np.bincount(markup.block[text], minlength=len(blocks))
    num_found = np.bincount(markup.block[text & (place >= 0)], minlength=len(blocks))
    floats: dict[int, list[int]] = defaultdict(list)
    groups: list[tuple[list[int], int | None]] = []
    for number, block in enumerate(blocks):
        if block.apart is not None:
            if block.apart not in floats:
                groups.append((floats[block.apart], _FLOAT_REACH if block.kind not in ("footnote", "author") else _NOTE_REACH))
            floats[block.apart].append(number)
        elif num_words[number] >= _FEW and num_found[number] < _FOUND * num_words[number]:
            groups.append(([number], None))
    return groups


class _Search:
    """Looks for groups among the page words that are not taken."""

    def __init__(self, ours: np.ndarray, theirs: np.ndarray, printed: PageWords, place: np.ndarray, loose: np.ndarray):
        """Args: loose: bool [n], words of addresses, of which a class prints what it likes."""
        self._ours, self._theirs, self._page, self._loose = ours, theirs, printed.page, loose
        self._free = ~printed.figure
        self._free[place[place >= 0]] = False
        self._num_pages = int(printed.page.max()) + 1 if len(theirs) else 0
        self._starts = np.searchsorted(printed.page, np.arange(self._num_pages + 1))
        total = Counter(theirs.tolist())
        self._weight = {word: 1 / (1 + math.log(count)) for word, count in total.items()}

    def free(self, page: int, reach: int = 0) -> np.ndarray:
        """Indices of the words of `page`, and of `reach` pages before and after it, that are not taken."""
        start, end = self._starts[max(0, page - reach)], self._starts[min(self._num_pages, page + reach + 1)]
        return start + np.flatnonzero(self._free[start:end])

    def take(self, places: np.ndarray) -> None:
        self._free[places[places >= 0]] = False

    def expected_page(self, mine: np.ndarray, place: np.ndarray) -> int:
        """The page of the nearest word before that has a place."""
        before = place[: mine[0]] if len(mine) else place[:0]
        known = before[before >= 0]
        return int(self._page[known[-1]]) if len(known) else 0

    def page_of(self, mine: np.ndarray, near: int, reach: int | None) -> int | None:
        """The page that holds most of the group, by weight; the nearest one in doubt. None if no page holds enough."""
        wanted = Counter(self._ours[mine].tolist())
        whole = sum(self._weight.get(w, 1.0) * n for w, n in wanted.items())
        if not whole:
            return None
        pages = range(self._num_pages) if reach is None else range(max(0, near - reach), min(self._num_pages, near + reach + 1))
        best, best_held = None, 0.0
        for page in sorted(pages, key=lambda p: abs(p - near)):
            there = Counter(self._theirs[self.free(page)].tolist())
            held = sum(self._weight.get(w, 1.0) * min(n, there[w]) for w, n in wanted.items() if w in there)
            if held > best_held + 0.05 * whole:
                best, best_held = page, held
        needed = _FOUND if self._loose[mine].any() or len(mine) > _LONG else _PRINTED
        if len(mine) > 4 * _LONG:
            needed = _FOUND / 2  # it may go over several pages
        return best if best_held >= needed * whole else None
