"""Texts of strangers in markdown: short where they must be, within their bytes, and inert in a browser."""

from collections import Counter
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from playwright.sync_api import sync_playwright
from report_data import CHROMIUM, HOSTILE, write_output

from sieveline.image_text import LINE
from sieveline.ledger import StageCount
from sieveline.output import Output
from sieveline.reasons import Reason
from sieveline.report import text
from sieveline.report.summary import INLINE_CHARACTERS, dialog_markdown, inline_summary
from tests.gui_browser import PROGRAM

MARKDOWN = [
    "[click](javascript:window.ran=1)",
    "![x](https://evil.example/pixel.png)",
    "<img src=x onerror=window.ran=1>",
    "| a | b |\n|---|---|\n# heading",
    "`code` **bold** ~~gone~~ $x$",
    "https://evil.example www.evil.example a@evil.example",
    "<https://evil.example>",
    "&lt;script&gt; &#60;b&#62; it's",
]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Output:
    captions = HOSTILE + MARKDOWN
    return write_output(tmp_path_factory.mktemp("summary"), [f"{captions[i % len(captions)]} {i}" for i in range(240)])


def test_inline_summary_is_short_whatever_was_dropped():
    count = StageCount("heuristics", 10**10, 10**9, Counter({r.value: 10**9 - i for i, r in enumerate(Reason)}), 1e9)
    summary = inline_summary(count, {"<b>" * 100 + str(i): "why" for i in range(100)})
    assert len(summary) < INLINE_CHARACTERS
    assert "1,000,000,000" in summary
    assert "<b>" not in summary
    assert inline_summary(StageCount("write")).startswith("**0** of 0 kept")


@pytest.mark.parametrize("stage", LINE.names)
def test_dialog_stays_within_its_bytes(output: Output, stage: str):
    for most in (250_000, 30_000, 3_000):
        dialog = dialog_markdown(output, stage, ["00000"], max_bytes=most)
        assert len(dialog.encode()) <= most
    assert dialog_markdown(output, stage, ["no such shard"]) == f"No rows in `{stage}`."


def test_dialog_is_inert_and_shows_its_pictures(output: Output):
    dialog = dialog_markdown(output, "heuristics", ["00000", "00001"])
    page_html = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(dialog)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=CHROMIUM)
        page = browser.new_page()
        requests = []
        page.on("request", lambda r: requests.append(r.url.split(":")[0]))
        page.set_content(page_html)
        assert page.evaluate("window.ran") is None
        names = set(page.evaluate("[...document.body.querySelectorAll('*')].map(e => e.localName)"))
        assert names <= {"table", "thead", "tbody", "tr", "th", "td", "h3", "p", "img", "strong", "em", "code"}
        assert page.evaluate("[...document.images].every(i => i.src.startsWith('data:image/jpeg') && i.naturalWidth > 0)")
        assert page.evaluate("document.images.length") > 20
        assert set(requests) <= {"data"}
        shown = page.inner_text("body")
        browser.close()
    assert "<img src=x onerror=window" in shown
    assert "[click](" in shown


def test_dialog_tells_kept_dropped_and_nearest(output: Output):
    dialog = dialog_markdown(output, "alignment", ["00000", "00001"])
    for heading in (
        "### kept (",
        "### low alignment (",
        "### nearest to `min_score` 0.3, passed",
        "### nearest to `min_score` 0.3, dropped",
    ):
        assert heading in dialog


def test_visible_text():
    assert text.visible(None) == ""
    assert text.visible("a\n b\t c") == "a b c"
    assert text.visible("\u202egnp") == "⟨202E⟩gnp"
    assert text.visible("e\u0301" + "\u0301" * 50) == "e\u0301\u0301"
    assert text.visible("x" * 500, 200) == "x" * 199 + "…"
    assert len(text.visible("\u202e" * 5_000, 200)) == 200
    assert text.visible("照片" * 10) == "照片" * 10


def test_pieces_cover_the_text_once():
    spans = [
        {"start": 6, "end": 11, "kind": "noun", "state": "lost"},
        {"start": 0, "end": 5, "kind": "noun", "state": "kept"},
        {"start": 3, "end": 8, "kind": "overlaps", "state": "kept"},
        {"start": 90, "end": 99, "kind": "outside", "state": "kept"},
    ]
    found = text.pieces("three green bottles", spans)
    assert [(p.text, p.state) for p in found] == [("three", "kept"), (" ", ""), ("green", "lost"), (" bottles", "")]
    assert text.pieces(None, None) == []


def test_numbers():
    assert [text.percent(n, 1000) for n in (0, 1, 813, 1000)] == ["0 %", "0.1 %", "81.3 %", "100 %"]
    assert text.percent(1, 0) == "-"
    assert text.percent(1, 10**7) == "< 0.01 %"
    assert text.num_bytes(5_243_000) == "5.24 MB"
    assert text.num_bytes(812) == "812 B"
    assert [text.decimal(x) for x in (0.3, 150.4, 12_345, 0.00012)] == ["0.3", "150", "12,345", "0.00012"]
    assert [text.beside(x, 0.3) for x in (0.29996, 0.3, 0.3004, 0.218, None)] == ["0.29996", "0.3", "0.3004", "0.218", "-"]
    assert [text.beside(x, 150) for x in (149.98, 150.4, 150)] == ["149.98", "150.4", "150"]
    assert [text.figures(x) for x in (0.5, 30, 1887.4)] == ["0.500", "30.0", "1,887"]


def test_inert_markdown_has_no_character_of_markup():
    for hostile in (*HOSTILE, *MARKDOWN):
        assert not set("<>[]()|`*_#!\"'") & set(text.markdown(hostile).replace("&#", ""))


def test_pages_live_beside_the_package():
    assert (Path(text.__file__).parent / "page.html.j2").exists()
