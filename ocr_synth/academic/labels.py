"""Puts by the PDF right what LaTeXML counts and words in its own way: section and equation numbers, "Table 1:", citations,
addresses.

The words of a label are taken from where the page prints them: before a heading, caption or reference those on the same
line that nothing else has claimed, within a text those between the words around the label, at an equation the number in
brackets at its height. A label with nothing there goes, since no page shows it. Of an address, of which a class prints what
it likes, the words that were not found go.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from ocr_synth.academic.align import Alignment, MarkupWords, PageWords
from ocr_synth.academic.blocks import Block, Token

_MOST = 4  # words of a label before a heading
_MOST_WITHIN = 8  # words printed for a label of one word within a text; each more word lets three more
_SAME_LINE = 3.0  # points
_REACH, _EQUATION_HEIGHT = 12, 24.0  # words and points between a formula and its number
_PUNCTUATION = ".,;:!?)]"
_LABEL = re.compile(r"\[?(?:[A-Z]|\d{1,3}|[IVXLC]+)(?:\.\d+)*[.:)\]]{1,2}")
_EQUATION_NUMBER = re.compile(r"[(\[]([A-Z]?[\d.]*\d+[a-z]?(?:[.-]\d+)*|[A-Z])[)\]],?")


def correct(blocks: Sequence[Block], markup: MarkupWords, printed: PageWords, found: Alignment, margin: np.ndarray) -> None:
    """Changes the labels' tokens in place; how many tokens a block has stays. `margin`, bool [m]: page words that are line numbers."""
    page = _Printed(printed, found, margin)
    first_word = np.searchsorted(markup.block, np.arange(len(blocks) + 1))
    for number, block in enumerate(blocks):
        if number in found.unprinted or not block.tokens:
            continue
        mine = np.arange(first_word[number], first_word[number + 1])
        token = markup.token[mine]
        if block.kind == "author":
            _drop_unprinted(block, token, found.place[mine])
        elif block.kind == "equation":
            for label in [i for i, t in enumerate(block.tokens) if t.tag]:
                _equation(block.tokens[label], mine[token == label], mine[token == label - 1], page)
        else:
            for start, end in _labels(block):
                if start == 0:
                    _before(block.tokens[:end], mine[token < end], mine[token >= end], page)
                else:
                    _within(block, start, end, mine, token, page)
                _spare(block, start, end)


class _Printed:
    """The page words, which of them the markup has claimed, and which stand in the margin."""

    def __init__(self, printed: PageWords, found: Alignment, margin: np.ndarray):
        self.words, self.place, self.margin = printed, found.place, margin
        self.claimed = np.zeros(len(printed.texts), bool)
        self.claimed[found.place[found.place >= 0]] = True

    def raw(self, places: Sequence[int]) -> str:
        return " ".join(self.words.raw[i] for i in places if self.words.raw[i] and not self.margin[i])


def _labels(block: Block) -> Iterator[tuple[int, int]]:
    """Runs of label tokens, as [start, end)."""
    start = None
    for i, token in enumerate([*block.tokens, Token("")]):
        if token.tag and start is None:
            start = i
        elif not token.tag and start is not None:
            yield start, i
            start = None


def _write(tokens: Sequence[Token], text: str) -> None:
    first, *rest = tokens
    first.text, first.kind = text, "word"
    for token in rest:
        token.text, token.kind = "", "raw"


def _spare(block: Block, start: int, end: int) -> None:
    """Takes the punctuation from a label's end that the markup has behind it ("Lemma 6.1:" before ".")."""
    label, following = block.tokens[start], block.tokens[end] if end < len(block.tokens) else Token("")
    if following.kind == "word" and not following.glue and following.text[:1] in _PUNCTUATION:
        label.text = label.text.rstrip(_PUNCTUATION.rstrip(")]")).removesuffix(following.text[0])


def _drop_unprinted(block: Block, token: np.ndarray, place: np.ndarray) -> None:
    found = set(token[place >= 0].tolist())
    for i in set(token.tolist()) - found:
        block.tokens[i].text, block.tokens[i].kind = "", "raw"


def _before(label: Sequence[Token], own: np.ndarray, others: np.ndarray, page: _Printed) -> None:
    """The label of a heading, caption, theorem or reference: what stands before its first other word on the line."""
    if not len(others) or page.place[others[0]] < 0:
        return  # its beginning was not found, so what stands before it is not known
    start, mine, before = int(page.place[others[0]]), set(page.place[own].tolist()), []
    printed = page.words
    for i in range(start - 1, max(-1, start - 1 - _MOST), -1):
        same_line = printed.page[i] == printed.page[start] and abs(printed.y[i] - printed.y[start]) <= _SAME_LINE
        if not same_line or (page.claimed[i] and i not in mine and not _LABEL.fullmatch(printed.raw[i])):
            break
        before.insert(0, i)
    text = page.raw(before)
    if text or not len(own) or not (page.place[own] >= 0).all():
        _write(label, text)


def _within(block: Block, start: int, end: int, mine: np.ndarray, token: np.ndarray, page: _Printed) -> None:
    """A citation or reference in a text: what stands between the words around it."""
    own, before, after = mine[(token >= start) & (token < end)], mine[token < start], mine[token >= end]
    if (page.place[own] >= 0).all() or not len(before) or not len(after):
        return
    low, high = int(page.place[before[-1]]), int(page.place[after[0]])
    if low < 0 or high < 0 or not 0 < high - low - 1 <= _MOST_WITHIN + 3 * len(own):
        return
    between, mine_there = range(low + 1, high), set(page.place[own].tolist())
    if page.words.page[low] != page.words.page[high] or any(page.claimed[i] and i not in mine_there for i in between):
        return
    if any(not page.words.raw[i] for i in (low + 1, high)):
        return  # it sticks to a word beside it
    text = page.raw(between)
    before_it = block.tokens[start - 1]
    if not block.tokens[start].glue and before_it.kind == "word":
        text = text.removeprefix(before_it.text[len(before_it.text.rstrip("([")) :])
    _write(block.tokens[start:end], text)


def _equation(label: Token, own: np.ndarray, formula: np.ndarray, page: _Printed) -> None:
    """The number of a display: the one in brackets that stands nearest to the height of the formula, on either side of it."""
    if not len(own) or (page.place[own] >= 0).all():
        return
    placed = page.place[formula]
    placed = placed[placed >= 0]
    label.text, told = "", label.text
    if not len(placed):
        return
    printed, height = page.words, float(np.median(page.words.y[placed]))
    low, high = max(0, int(placed.min()) - _REACH), min(len(printed.texts), int(placed.max()) + _REACH)
    nearest = _EQUATION_HEIGHT
    for i in range(low, high):
        number = (
            None
            if page.claimed[i] or printed.page[i] != printed.page[placed[0]]
            else _EQUATION_NUMBER.fullmatch(printed.raw[i])
        )
        distance = abs(float(printed.y[i]) - height) - (0.5 if number and number[1] == told else 0.0)
        if number and distance < nearest:
            label.text, nearest = number[1], distance
