"""A converted paper to its pages: markup split at the PDF's page breaks, and how well each page's part fits.

30 CPU-milliseconds a page at most, so it is done again whenever its code changes, while LaTeXML's work is kept.
"""

import gzip
from collections.abc import Sequence
from typing import Any

import numpy as np

from ocr_synth.academic import align, labels, margins, pdf, score, split, xhtml
from ocr_synth.academic.blocks import Block
from sieveline.schema import sample_id


def page_rows(paper: dict[str, Any], document: bytes, words: bytes) -> list[dict[str, Any]]:
    """The rows of a paper's pages, in order, as `ocr_synth.stages.pages.MEASURED` with `sample_id`, `key`, `offset` and `length`.

    Args:
        paper: a kept row of the stage `papers`.
        document: its XHTML, gzipped.
        words: its PDF's words, as `pdf.pack` gives them.
    """
    sizes = [(p["width"], p["height"]) for p in paper["pages"]]
    blocks = xhtml.blocks_of(gzip.decompress(document))
    parts, scores, formulas = paged(blocks, pdf.unpack(words, sizes))
    rows = []
    for number, (page, part, fit) in enumerate(zip(paper["pages"], parts, scores, strict=True)):
        boundary = (part.start_score + part.end_score) / 2
        rows.append(
            {
                "sample_id": sample_id(f"{paper['sample_id']}/{number}".encode(), part.text),
                "key": f"{paper['paper']}/{number + 1:04d}",
                "offset": page["offset"],
                "length": page["length"],
                "paper": paper["paper"],
                "page": number + 1,
                "num_pages": len(sizes),
                "width": page["pixel_width"],
                "height": page["pixel_height"],
                "caption": part.text,
                "markup_words": fit.markup_words,
                "page_words": fit.page_words,
                "formula_words": int(formulas[number]),
                "precision": fit.precision,
                "recall": fit.recall,
                "start_score": part.start_score,
                "end_score": part.end_score,
                "boundary": round(boundary, 4),
                "leftovers": part.errors,
                "outside": part.num_apart,
            }
        )
    return rows


def paged(blocks: list[Block], pages: Sequence[pdf.Page]) -> tuple[list[split.PageMarkup], list[score.Score], np.ndarray]:
    """Markup and score of every page, and how many of its words are in formulas: int64 [pages]."""
    markup = align.markup_words(blocks)
    printed = align.page_words(pages, set(markup.texts))
    found = align.align(blocks, markup, printed)
    in_markup = np.zeros(len(printed.texts), bool)
    in_markup[found.place[found.place >= 0]] = True
    labels.correct(blocks, markup, printed, found, margins.line_numbers(printed, len(pages)) & ~in_markup)
    beside = margins.margins(printed, len(pages), in_markup)
    parts = split.split(blocks, markup, printed, found, beside, len(pages))
    scores = [score.score(part.text, printed, beside, number) for number, part in enumerate(parts)]
    return parts, scores, np.bincount(printed.page[printed.maths], minlength=len(pages))
