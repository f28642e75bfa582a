"""Markup split at the page breaks of PDFs that are made here, word for word."""

import numpy as np
import pytest
from small_pdf import page_of, small_pdf

from ocr_synth.academic import paging, pdf, pdf_process
from ocr_synth.academic.sources import UnusableError
from ocr_synth.academic.xhtml import blocks_of
from sieveline import draws
from sieveline.reasons import Reason

VOCABULARY = """lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna
aliqua"""
WORDS = VOCABULARY.split()


def prose(seed: int, num_words: int) -> str:
    """Words, each sentence of them told apart by numbers-as-words that occur once."""
    generator = draws.generator(seed, "prose")
    drawn = [
        WORDS[i] + (chr(97 + i % 26) * 2 + str(n) if n % 7 == 0 else "")
        for n, i in enumerate(generator.integers(0, 19, num_words))
    ]
    return " ".join(drawn)


def xhtml(body: str) -> bytes:
    return f'<html xmlns="http://www.w3.org/1999/xhtml"><body>{body}</body></html>'.encode()


def paged(body: str, pages: list) -> tuple[list[str], list, list]:
    document = pdf.Document(small_pdf(pages))
    read = [document.page(i) for i in range(len(document))]
    parts, scores, _ = paging.paged(blocks_of(xhtml(body)), pdf.unpack(pdf.pack(read), [(p.width, p.height) for p in read]))
    return [p.text for p in parts], parts, scores


HEAD, FOOT = 750.0, 40.0


def page(text: str, number: int, top: float = 700.0) -> list:
    return [(72.0, HEAD, "Journal of Tests"), *page_of(text, top), (300.0, FOOT, str(number))]


def test_a_paragraph_is_cut_at_the_word_and_heads_and_feet_are_no_text():
    text = prose(1, 400).split()
    first, second, third = " ".join(text[:150]), " ".join(text[150:290]), " ".join(text[290:])
    body = f"<h2>Title words</h2><p>{' '.join(text)}</p>"
    pages = [[(72.0, 720.0, "Title words"), *page(first, 1)], page(second, 2), page(third, 3)]
    texts, parts, scores = paged(body, pages)
    assert texts == [f"## Title words\n\n{first}", second, third]
    assert [(s.precision, s.recall) for s in scores] == [(1.0, 1.0)] * 3
    assert [(p.start_score, p.end_score) for p in parts] == [(1.0, 1.0)] * 3


def test_a_word_hyphenated_at_a_line_end_is_one_word():
    lines = [(72.0, 700.0, "these are exam-"), (72.0, 688.0, "ples of well-"), (72.0, 676.0, "known cases")]
    texts, _, [score] = paged("<p>these are examples of well-known cases</p>", [lines])
    assert texts == ["these are examples of well-known cases"]
    assert (score.precision, score.recall) == (1.0, 1.0)


def test_floats_come_where_the_page_has_them_and_notes_at_its_end():
    text = prose(2, 300).split()
    first, second = " ".join(text[:160]), " ".join(text[160:])
    note = '<span class="ltx_note"><sup class="ltx_note_mark">1</sup><span class="ltx_note_content">A remark upon something.</span></span>'
    figure = (
        '<div class="ltx_figure"><img class="ltx_graphics" src="x"/><div class="ltx_caption"><span class="ltx_tag">Figure 1: </span>'
        "Purple elephants dancing slowly.</div></div>"
    )
    body = f"<p>{' '.join(text[:20])}{note} {' '.join(text[20:])}</p>{figure}<p>The end of all that.</p>"
    pages = [
        [*page(first, 1), (72.0, 80.0, "1 A remark upon something.")],
        [
            (72.0, HEAD, "Journal of Tests"),
            (72.0, 712.0, "Figure 1: Purple elephants dancing slowly."),
            *page_of(f"{second} The end of all that.", 690.0),
            (300.0, FOOT, "2"),
        ],
    ]
    texts, parts, _ = paged(body, pages)
    assert texts[0].endswith("\n\n[^1]: A remark upon something.")
    assert texts[0].startswith(f"{' '.join(text[:20])}[^1] {text[20]}")
    assert texts[1] == f"![Figure 1: Purple elephants dancing slowly.](figure-1)\n\n{second}\n\nThe end of all that."
    assert [p.num_apart for p in parts] == [1, 1]


def test_what_no_page_prints_is_left_out():
    text = prose(3, 80)
    body = f"<h6>Abstract</h6><p>Keywords alpha beta gamma delta epsilon</p><p>{text}</p>"
    texts, _, [score] = paged(body, [page(text, 1)])
    assert texts == [text]
    assert score.precision == 1.0


def test_labels_are_what_the_page_prints():
    text = prose(4, 60)
    body = (
        f'<h2><span class="ltx_tag">I.1 </span>Some heading here</h2><p>{text} as Smith said '
        f'<cite class="ltx_cite">(Smith, 1999)</cite> in words.</p>'
    )
    lines = [(72.0, 720.0, "A. Some heading here"), *page_of(f"{text} as Smith said [12] in words.")]
    texts, _, [score] = paged(body, [lines])
    assert texts == [f"## A. Some heading here\n\n{text} as Smith said [12] in words."]
    assert (score.precision, score.recall) == (1.0, 1.0)


def test_line_numbers_of_drafts_are_no_text():
    text = prose(5, 150)
    lines = page_of(text)
    numbered = [part for i, (x, y, line) in enumerate(lines) for part in ((40.0, y, str(i + 1)), (x, y, line))]
    texts, _, [score] = paged(f"<p>{text}</p>", [numbered])
    assert texts == [text]
    assert score.recall == 1.0


def test_a_line_number_beside_a_heading_is_not_the_headings_number():
    text = prose(6, 150)
    body = f'<h2><span class="ltx_tag">7 </span>Some heading here</h2><p>{text}</p>'
    lines = [(72.0, 712.0, "3.5. Some heading here"), *page_of(text)]
    numbered = [part for i, (x, y, line) in enumerate(lines) for part in ((40.0, y, str(i + 266)), (x, y, line))]
    texts, _, [score] = paged(body, [numbered])
    assert texts == [f"## 3.5. Some heading here\n\n{text}"]
    assert (score.precision, score.recall) == (1.0, 1.0)


def test_a_page_that_says_something_else_scores_low():
    text, other = prose(6, 120), " ".join(f"entirely{i} different{i}" for i in range(60))
    _, parts, scores = paged(f"<p>{text}</p>", [page(text, 1), page(other, 2)])
    assert (scores[0].precision, scores[0].recall) == (1.0, 1.0)
    assert scores[1].recall == 0.0
    assert parts[1].text == ""


def test_missing_text_at_a_page_break_lowers_the_boundary_score():
    text = prose(7, 200).split()
    lost = [f"lost{i}" for i in range(30)]
    pages = [page(" ".join(text[:100] + lost), 1), page(" ".join(text[100:]), 2)]
    _, parts, _ = paged(f"<p>{' '.join(text)}</p>", pages)
    assert parts[0].end_score < 0.6
    assert parts[1].start_score == 1.0


def test_a_long_table_goes_over_pages_between_its_rows():
    rows = [(f"name{i}", f"value{i * 7}", f"remark{i}") for i in range(60)]
    cells = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows)
    body = f'<p>{prose(8, 40)}</p><div class="ltx_table"><table class="ltx_tabular">{cells}</table></div><p>{prose(9, 40)}</p>'

    def drawn(some: list, top: float) -> list:
        return [(72.0 + 150 * k, top - 12 * i, c) for i, row in enumerate(some) for k, c in enumerate(row)]

    pages = [[*page_of(prose(8, 40), 740), *drawn(rows[:35], 600)], [*drawn(rows[35:], 700), *page_of(prose(9, 40), 300)]]
    texts, _, scores = paged(body, pages)
    assert "name34 | value238" in texts[0]
    assert "name35" not in texts[0]
    assert texts[1].startswith("| name35 | value245 | remark35 |")
    assert [(s.precision, s.recall) for s in scores] == [(1.0, 1.0)] * 2


def test_nothing_to_split_gives_empty_pages():
    for body in ("", "<p>entirely unlike anything printed here at all</p>"):
        texts, _, scores = paged(body, [page(prose(10, 40), 1), []])
        assert texts == ["", ""]
        assert [s.recall for s in scores] == [0.0, None]


@pytest.fixture(scope="module")
def reader():
    found = pdf_process.Reader(pdf_process.Limits(pages=3, wall_seconds=30))
    yield found
    found.close()


def test_the_process_reads_what_the_document_holds(reader):
    content = small_pdf([page(prose(11, 60), 1), page(prose(12, 60), 2)])
    text = reader.open(content)
    document = pdf.Document(content)
    for found, read in zip(pdf.unpack(text.words, text.sizes), [document.page(i) for i in range(2)], strict=True):
        assert (found.width, found.height) == (read.width, read.height)
        assert [(w.text, w.raw, w.maths, w.figure, w.parts) for w in found.words] == [
            (w.text, w.raw, w.maths, w.figure, w.parts) for w in read.words
        ]
        assert np.allclose([(w.x, w.y) for w in found.words], [(w.x, w.y) for w in read.words], atol=1e-3)
    assert text.num_words == 120 + 2 * 4
    rasters = list(reader.rasters(2, 96, 2048))
    assert [(w, h) for _, w, h in rasters] == [(816, 1056)] * 2
    assert all(png.startswith(b"\x89PNG") for png, _, _ in rasters)
    assert [max(w, h) for _, w, h in reader.rasters(1, 96, 500)] == [500]


def encrypted() -> bytes:
    """A PDF that says it is encrypted with a password that nobody has."""
    plain = small_pdf([page("words", 1)])
    key = b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -44 /O <%s> /U <%s> >> /ID [<00> <00>] /Root" % (b"41" * 32, b"42" * 32)
    return plain.replace(b"/Root", key)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.PDF_BROKEN),
        (b"not a pdf", Reason.PDF_BROKEN),
        (encrypted(), Reason.PDF_ENCRYPTED),
        (small_pdf([[]]), Reason.PDF_NO_TEXT),
        (small_pdf([page(prose(13, 30), 1)] * 4), Reason.PDF_PAGES),
    ],
)
def test_bad_pdfs_have_a_reason_and_the_process_goes_on(reader, content, reason):
    with pytest.raises(UnusableError) as raised:
        reader.open(content)
    assert raised.value.reason == reason
    assert reader.open(small_pdf([page(prose(14, 40), 1)])).num_words == 44


def test_a_process_that_dies_or_stalls_is_a_reason_and_is_started_anew():
    content = small_pdf([page(prose(15, 40), 1)])
    reader = pdf_process.Reader(pdf_process.Limits(wall_seconds=20))
    try:
        assert reader.open(content).num_words == 44
        assert reader.cpu_seconds() > 0
        reader._child.kill()
        reader._child.wait()
        assert reader.open(content).num_words == 44
        reader._limits = pdf_process.Limits(wall_seconds=0.3)
        reader._child.send_signal(19)  # SIGSTOP
        with pytest.raises(UnusableError, match=r"PDFium took more than 0\.3 seconds"):
            reader.open(content)
        reader._limits = pdf_process.Limits(wall_seconds=20)
        assert reader.open(content).num_words == 44
    finally:
        reader.close()


def test_colour_pages_are_colour_and_grey_pages_grey():
    grey = pdf.Document(small_pdf([page("some words", 1)])).raster(0, 72, 2000)
    assert grey.shape == (792, 612)
    assert grey.min() < 64
    assert grey.max() == 255
    colour = pdf.Document(small_pdf([page("some words", 1)], extra=[b"1 0 0 rg 100 100 50 50 re f\n"])).raster(0, 72, 2000)
    assert colour.shape == (792, 612, 3)
    assert np.array_equal(colour[792 - 125, 125], [255, 0, 0])
