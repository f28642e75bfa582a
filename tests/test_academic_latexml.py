"""LaTeXML and latexmk on real and on hostile LaTeX, in the jail."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pypdfium2 import PdfDocument

from ocr_synth.academic import bibliography, jail, latexml
from ocr_synth.academic.blocks import render
from ocr_synth.academic.sources import UnusableError
from ocr_synth.academic.xhtml import blocks_of
from sieveline.reasons import Reason

pytestmark = [
    pytest.mark.skipif(jail.refusal() is not None, reason=jail.refusal() or ""),
    pytest.mark.skipif(shutil.which("latexmlc") is None, reason="no latexmlc: apt-get install latexml"),
]
LIMITS = jail.Limits(wall_seconds=120, cpu_seconds=20, memory_bytes=1 << 30)
needs_latexmk = pytest.mark.skipif(shutil.which("latexmk") is None, reason="no latexmk: apt-get install latexmk")


def document(body: str, preamble: str = "") -> str:
    return f"\\documentclass{{article}}\n{preamble}\n\\begin{{document}}\n{body}\n\\end{{document}}\n"


def convert(folder: Path, tex: str, limits: jail.Limits = LIMITS) -> str:
    (folder / "main.tex").write_text(tex)
    xhtml = latexml.convert(folder, "main.tex", date(2022, 5, 3), limits).xhtml
    return "\n\n".join(filter(None, map(render, blocks_of(xhtml))))


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "secret.tex").write_text("the secret words")
    inside = tmp_path / "paper"
    inside.mkdir()
    return inside


def test_light_markup_of_a_small_paper(folder):
    (folder / "part.tex").write_text("Included \\emph{words}.")
    (folder / "main.bbl").write_text(
        "\\begin{thebibliography}{1}\\bibitem{a} A. Author. \\newblock A title.\\end{thebibliography}"
    )
    tex = document(
        "\\title{A title}\\author{Ann Author}\\date{\\today}\\maketitle\n"
        "\\section{First}\\input{part} Then $x^2$ and~\\cite{a}\\footnote{A note.}\n"
        "\\begin{equation} y=\\frac{1}{2} \\end{equation}\n"
        "\\begin{tabular}{ll} a & b \\\\ 1 & 2 \\end{tabular}\n\n"
        "\\begin{figure}\\includegraphics{cat}\\caption{A cat.}\\end{figure}\n\\bibliographystyle{plain}\\bibliography{refs}",
        "\\usepackage{graphicx}",
    )
    text = convert(folder, tex)
    for part in (
        "# A title",
        "Ann Author",
        "May 3, 2022",
        "## 1 First",
        "Included *words*. Then $x^{2}$ and [1][^1]",
        "[^1]: A note.",
        "$$\ny=\\frac{1}{2} \\tag{1}\n$$",
        "| a | b |\n| --- | --- |\n| 1 | 2 |",
        "![Figure 1: A cat.](figure-1)",
        "[1] A. Author. A title.",
    ):
        assert part in text


def test_the_same_source_gives_the_same_bytes(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for place in (folder, other):
        (place / "main.tex").write_text(document("\\section{One} Words \\today."))
    first, second = (latexml.convert(p, "main.tex", None, LIMITS).xhtml for p in (folder, other))
    assert b"January 1, 1970" in first
    assert first == second


def scanned(folder: Path) -> bytes:
    """As `make` does it: the sources are scanned before anything runs."""
    if outside := latexml.outside_path(folder, "main.tex"):
        raise UnusableError(Reason.OUTSIDE_PATH, outside)
    return latexml.convert(folder, "main.tex", None, LIMITS).xhtml


def reason_of(work: Callable[[], object]) -> Reason | None:
    try:
        work()
    except UnusableError as error:
        return error.reason
    return None


@pytest.mark.parametrize(
    "body",
    [
        "\\input{/etc/passwd}",
        "\\input{../secret}",
        "\\include{../secret}",
        "\\newread\\r \\openin\\r=/etc/passwd \\read\\r to \\l \\l",
        "\\newwrite\\w \\immediate\\openout\\w=/tmp/sieveline-outside.txt \\immediate\\write\\w{x}",
        "\\def\\e{etc}\\input{/\\e/passwd}",  # no scan of the source sees this one
        "\\newread\\r \\def\\e{/etc}\\openin\\r=\\e/passwd \\read\\r to \\l \\l",
    ],
)
def test_files_outside_are_neither_read_nor_written_and_have_a_reason(folder, body):
    (folder / "main.tex").write_text(document(f"Words. {body} More words."))
    assert reason_of(lambda: scanned(folder)) == Reason.OUTSIDE_PATH
    assert not Path("/tmp/sieveline-outside.txt").exists()
    for written in (p for p in folder.rglob("*") if p.is_file() and p.name != "main.tex"):
        text = written.read_text("utf-8", "replace")
        assert "root:" not in text
        assert "the secret words" not in text


def test_what_a_jailed_latexml_cannot_read_is_not_in_its_output_even_unscanned(folder):
    """Without the scan of the sources, which `convert` does not do."""
    (folder / "main.tex").write_text(document("Words. \\input{/etc/passwd} More."))
    with pytest.raises(UnusableError) as raised:
        latexml.convert(folder, "main.tex", None, LIMITS)
    assert raised.value.reason == Reason.OUTSIDE_PATH


def test_code_that_latexml_would_run_reaches_nothing(folder):
    """`lay_out` leaves *.ltxml behind; should one be there all the same, it is in the jail."""
    target = folder.parent / "touched"
    (folder / "evil.sty.ltxml").write_text(f"package LaTeXML::Package::Pool; system('touch {target}'); 1;\n")
    convert(folder, document("Words.", "\\usepackage{evil}"))
    assert not target.exists()


@pytest.mark.parametrize(
    ("body", "limits", "reasons"),
    [
        ("\\loop\\iftrue\\repeat", {"cpu_seconds": 3}, {Reason.LATEX_TIME, Reason.LATEX_FAILED}),
        (
            "\\def\\x{\\y}\\def\\y{\\x\\relax}\\x",
            {"cpu_seconds": 3},
            {Reason.LATEX_TIME, Reason.LATEX_FAILED, Reason.LATEX_MEMORY},
        ),
        (
            "\\def\\a{xxxxxxxxxx}\\edef\\a{\\a\\a\\a\\a\\a\\a\\a\\a\\a\\a}"
            + "\\edef\\a{\\a\\a\\a\\a\\a\\a\\a\\a\\a\\a}" * 6
            + "\\a",
            {"memory_bytes": 400 << 20},
            {Reason.LATEX_MEMORY, Reason.LATEX_TIME},
        ),
    ],
    ids=["loop", "mutual recursion", "exponential expansion"],
)
def test_loops_and_endless_expansion_end_within_limits(folder, body, limits, reasons):
    held = {"wall_seconds": 120, "cpu_seconds": 20, "memory_bytes": 1 << 30} | limits
    with pytest.raises(UnusableError) as raised:
        convert(folder, document(f"Words. {body} More words."), jail.Limits(**held))
    assert raised.value.reason in reasons


def test_no_latex_at_all(folder):
    (folder / "main.tex").write_bytes(bytes(range(256)) * 20)
    assert reason_of(lambda: latexml.convert(folder, "main.tex", None, LIMITS)) in (
        None,
        Reason.LATEX_FAILED,
        Reason.OUTSIDE_PATH,
    )


@pytest.mark.skipif(shutil.which("bibtex") is None, reason="no bibtex: apt-get install texlive-binaries")
def test_references_come_from_bibtex_where_no_bbl_came_along(folder):
    (folder / "refs.bib").write_text(
        "@book{knuth, author={Donald E. Knuth}, title={The Book}, publisher={A House}, year={1984}}"
    )
    text = convert(folder, document("See \\cite{knuth}. \\bibliographystyle{plain}\\bibliography{refs}"))
    assert "[1] Donald E. Knuth. *The Book*. A House, 1984." in text
    assert not (folder / "refs.bib").exists()


def test_no_bbl_is_made_without_a_style_or_database(folder):
    (folder / "main.tex").write_text(document("See \\cite{knuth}. \\bibliography{refs}"))
    assert not bibliography.make_bbl(folder, "main.tex", LIMITS)
    (folder / "refs.bib").write_text("@book{knuth, title={x}}")
    assert not bibliography.make_bbl(folder, "main.tex", LIMITS)  # no style
    assert bibliography.style_of("\\documentclass[aps,prl]{revtex4-2}") == "apsrev4-2"
    assert bibliography.style_of("\\bibliographystyle{unsrt}\\documentclass{article}") == "unsrt"


@needs_latexmk
def test_latexmk_builds_a_pdf_the_same_twice_and_counts_what_is_missing(folder, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    body = "\\section{One} Words \\today \\includegraphics{no-such-cat}"
    for place in (folder, other):
        (place / "main.tex").write_text(document(body, "\\usepackage{graphicx}"))
    first, second = (latexml.build(p, "main.tex", LIMITS) for p in (folder, other))
    assert first.pdf.startswith(b"%PDF")
    assert first.pdf == second.pdf
    assert first.missing == ["no-such-cat"]


@needs_latexmk
@pytest.mark.parametrize(
    "body",
    [
        "\\immediate\\write18{touch WRITTEN}",
        "\\newwrite\\w \\immediate\\openout\\w=../WRITTEN \\immediate\\write\\w{x}",
        "\\newwrite\\w \\immediate\\openout\\w=/tmp/sieveline-WRITTEN \\immediate\\write\\w{x}",
        "\\input{../secret}",
        "\\newread\\r \\openin\\r=/etc/passwd \\ifeof\\r \\else \\read\\r to \\l \\l\\fi",
    ],
)
def test_building_escapes_nowhere(folder, body):
    (folder / "main.tex").write_text(document(f"Words. {body} More."))
    (folder / "latexmkrc").write_text("system('touch ../WRITTEN');")
    assert reason_of(lambda: latexml.build(folder, "main.tex", LIMITS)) in (None, Reason.NO_PDF, Reason.OUTSIDE_PATH)
    assert not any(p.exists() for p in (folder / "WRITTEN", folder.parent / "WRITTEN", Path("/tmp/sieveline-WRITTEN")))
    if (folder / "main.pdf").is_file():
        text = PdfDocument(folder / "main.pdf")[0].get_textpage().get_text_range()
        assert "Words." in text
        assert "root" not in text
        assert "secret" not in text


@needs_latexmk
def test_building_a_loop_ends(folder):
    (folder / "main.tex").write_text(document("\\loop\\iftrue\\repeat"))
    with pytest.raises(UnusableError) as raised:
        latexml.build(folder, "main.tex", jail.Limits(wall_seconds=60, cpu_seconds=3))
    assert raised.value.reason in (Reason.LATEX_TIME, Reason.NO_PDF)


def test_document_commands_work_and_expl3_is_skipped_in_no_time(folder):
    tex = document(
        "\\greet{Ann} \\greet*[Good night]{Bob} \\price{3.5}{\\metre}",
        "\\usepackage{siunitx}\n\\ExplSyntaxOn \\tl_set:Nn \\l_tmpa_tl {x} \\ExplSyntaxOff\n"
        "\\NewDocumentCommand\\greet{s O{Hello} m}{#2 #3\\IfBooleanTF{#1}{!}{.}}\\NewDocumentCommand{\\price}{mm}{\\SI{#1}{#2}}",
    )
    text = convert(folder, tex, jail.Limits(wall_seconds=120, cpu_seconds=15))
    assert "Hello Ann. Good night Bob!" in text
    assert "3.5" in text
    assert "tmpa" not in text
