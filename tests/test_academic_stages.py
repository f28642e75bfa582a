"""The academic stages: columns, verdicts, thresholds."""

import pyarrow as pa
import pytest

from ocr_synth.stages import pages, papers
from sieveline.errors import ConfigError
from sieveline.reasons import Reason
from sieveline.schema import documented


@pytest.mark.parametrize("stage", [papers, pages])
def test_the_docstring_describes_every_column(stage):
    described = documented(stage.__doc__)
    assert list(described) == stage.MEASURED.names


def table(schema: pa.Schema, rows: list[dict]) -> pa.Table:
    return pa.Table.from_pylist([dict.fromkeys(schema.names) | row for row in rows], schema)


def test_a_paper_has_its_flaw_for_a_reason():
    rows = table(
        papers.MEASURED,
        [
            {},
            {"flaw": "pdf_broken"},
            {"missing_figures": 1, "pdf_origin": "built"},
            {"missing_figures": 0},
            {"latex_errors": 5},
            {"flaw": "latex_time", "missing_figures": 3},
        ],
    )
    verdicts = papers.decide(rows, papers.Papers())
    assert verdicts["reason"].to_pylist() == [None, "pdf_broken", "missing_figures", None, None, "latex_time"]
    assert verdicts["value"].to_pylist()[2] == 1
    strict = papers.decide(rows, papers.Papers(max_missing_figures=None, max_latex_errors=4))
    assert strict["reason"].to_pylist() == [None, "pdf_broken", None, None, "latex_errors", "latex_time"]


GOOD = {
    "markup_words": 100,
    "page_words": 100,
    "formula_words": 0,
    "precision": 1.0,
    "recall": 1.0,
    "boundary": 1.0,
    "leftovers": 0,
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"markup_words": 10, "formula_words": 9}, Reason.FEW_WORDS),
        ({"markup_words": 10, "formula_words": 10}, None),
        ({"markup_words": 0, "formula_words": 50, "precision": None}, Reason.FEW_WORDS),
        ({"precision": 0.5, "recall": 0.1}, Reason.WORD_PRECISION),
        ({"precision": 0.75}, None),  # equal to its threshold
        ({"recall": 0.5}, Reason.WORD_RECALL),
        ({"boundary": 0.5}, Reason.PAGE_BOUNDARY),
        ({"leftovers": 3}, Reason.LATEX_LEFTOVERS),
    ],
)
def test_a_page_is_held_against_every_threshold(change, reason):
    config = pages.Pages(min_words=20, min_precision=0.75, min_recall=0.75, min_boundary=0.75, max_leftovers=2)
    [found] = pages.decide(table(pages.MEASURED, [GOOD | change]), config)["reason"].to_pylist()
    assert found == reason
    off = pages.Pages(min_words=None, min_precision=None, min_recall=None, min_boundary=None, max_leftovers=None)
    assert pages.decide(table(pages.MEASURED, [GOOD | change]), off)["reason"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pages.Pages(min_precision=1.5), "min_precision is 1.5"),
        (lambda: pages.Pages(min_words=-1), "min_words is -1"),
        (lambda: papers.Measuring(dpi=10), "dpi is 10"),
        (lambda: papers.Measuring(max_pages=5000), "max_pages is 5000"),
        (lambda: papers.Measuring(latex_cpu_seconds=0), "latex_cpu_seconds is 0"),
    ],
)
def test_wrong_settings_are_named(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
