"""How well a page's markup fits what its PDF prints: word precision and recall, outside formulas.

Words are compared as bags, which leaves the order to the boundary score. Precision is the share of the markup's words
outside formulas that the page prints (anywhere on it). Recall is the share of the page's words outside formulas, figures,
running heads and line numbers that the markup has; a word of the page that the markup has within a formula (`\\text{if}`, a
numeral) counts as had, since the page does not tell where a formula ends.
"""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from ocr_synth.academic.align import PageWords
from ocr_synth.academic.words import formula_words, words

_PIECES = re.compile(
    r"```\n(?P<block>.*?)\n```|~~~~\n(?P<fenced>.*?)\n~~~~|`(?P<code>[^`]*)`"
    r"|(?<!\\)\$\$(?P<display>.+?)(?<!\\)\$\$|(?<!\\)\$(?P<inline>.+?)(?<!\\)\$",
    re.DOTALL,
)
_SYNTAX = re.compile(
    r"</?(?:table|tr|t[dh](?: (?:col|row)span=\"\d+\")*|sup|sub)>|\]\((?:figure|table)?[^\s)]*\)|\\(?=[`*$|])|\*+|&lt;"
)
_RULES = re.compile(r"^\|(?: --- \|)+$", re.MULTILINE)
_CELL_EDGES = re.compile(r"</?(?:table|tr|td|th)\b[^>]*>")


@dataclass(frozen=True, slots=True)
class Score:
    """Counts and shares of one page.

    Attributes:
        markup_words: words of the markup outside formulas.
        page_words: words of the page outside formulas, figures and margins.
        precision, recall: 0-1; None where there is nothing to count.
    """

    markup_words: int
    page_words: int
    precision: float | None
    recall: float | None


def text_and_formulas(markup: str) -> tuple[Counter[str], Counter[str]]:
    """The words of a page's markup outside and inside formulas."""
    formulas: Counter[str] = Counter()

    def text_of(piece: re.Match[str]) -> str:
        """Code as it stands, without its ticks; a formula leaves a gap."""
        tex = piece["display"] or piece["inline"]
        if tex:
            formulas.update(formula_words(tex))
            return " "
        return piece["block"] or piece["fenced"] or piece["code"] or ""

    text = _CELL_EDGES.sub(" ", _RULES.sub("", _PIECES.sub(text_of, markup)))
    return Counter(w for chunk in _SYNTAX.sub("", text).split() for w in words(chunk)), formulas


def score(markup: str, printed: PageWords, beside: np.ndarray, page: int) -> Score:
    """Args: beside: bool [m], page words that are running heads and the like."""
    start, end = np.searchsorted(printed.page, [page, page + 1])
    on_page = [printed.texts[i] for i in range(start, end)]
    counted = ~(printed.maths | printed.figure | beside)[start:end]
    ours, formulas = text_and_formulas(markup)
    there = Counter(on_page)
    wanted = Counter(text for text, counts in zip(on_page, counted, strict=True) if counts)
    num_ours, num_wanted = ours.total(), wanted.total()
    precise = (ours & there).total()
    recalled = (wanted & (ours + formulas)).total()
    return Score(
        markup_words=num_ours,
        page_words=num_wanted,
        precision=round(precise / num_ours, 4) if num_ours else None,
        recall=round(recalled / num_wanted, 4) if num_wanted else None,
    )
