"""LaTeXML's XHTML to blocks, and blocks to markup, whole and cut."""

import pytest

from ocr_synth.academic.blocks import Block, Token, inline, render
from ocr_synth.academic.score import text_and_formulas
from ocr_synth.academic.words import formula_words, words
from ocr_synth.academic.xhtml import blocks_of


def blocks(body: str) -> list[Block]:
    return blocks_of(f'<html xmlns="http://www.w3.org/1999/xhtml"><body>{body}</body></html>'.encode())


def markup(body: str) -> str:
    return "\n\n".join(filter(None, map(render, blocks(body))))


def math(tex: str) -> str:
    return f'<span class="ltx_Math">{tex}</span>'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('<h2 class="ltx_title"><span class="ltx_tag">1 </span>One\n two</h2>', "## 1 One two"),
        (
            '<p class="ltx_p">A <em class="ltx_emph">very <b>bold</b></em> <span class="ltx_text ltx_font_typewriter">x_1</span>, so.</p>',
            "A *very **bold*** `x_1`, so.",
        ),
        (f"<p>costs $5 * 2, {math('a_{i}&lt;b')}</p>", "costs \\$5 \\* 2, $a_{i}<b$"),
        (f"<p>{math('x %&#10;  +y')}</p>", "$x +y$"),
        (
            '<p>REV<span class="ltx_text ltx_TeX_logo">T<span>E</span>X</span> and <span class="ltx_text ltx_LaTeX_logo">L<span>A</span>T'
            "<span>E</span>X</span>.</p>",
            "REVTeX and LaTeX.",
        ),
        ("<p>a<sup>2</sup> and 1<sup>st</sup></p>", "a<sup>2</sup> and 1<sup>st</sup>"),
        ('<pre class="ltx_verbatim">\n  if x:\n    y\n\nz</pre>', "```\n  if x:\n    y\n\nz\n```"),
        (
            '<ul class="ltx_itemize"><li class="ltx_item"><span class="ltx_tag ltx_tag_item">•</span><div class="ltx_para"><p>one</p></div>'
            '<ol><li><span class="ltx_tag ltx_tag_item">(a)</span><p>in</p></li></ol></li></ul>',
            "- one\n\n  (a) in",
        ),
        (
            '<dl class="ltx_description"><dt class="ltx_item"><span class="ltx_tag ltx_tag_item"><b>Term</b></span></dt>'
            '<dd class="ltx_item"><div class="ltx_para"><p>meaning</p></div></dd></dl>',
            "- **Term** meaning",
        ),
        (
            '<div class="ltx_theorem"><h6 class="ltx_title ltx_runin ltx_title_theorem"><span class="ltx_tag">Lemma 1</span>.</h6>'
            '<div class="ltx_para"><p class="ltx_p">So.</p></div></div>',
            "**Lemma 1.** So.",
        ),
        (
            f'<table class="ltx_equation ltx_eqn_table"><tr><td>{math("x=1")}</td>'
            '<td><span class="ltx_tag ltx_tag_equation">(7)</span></td></tr></table>',
            "$$\nx=1 \\tag{7}\n$$",
        ),
        (
            f'<table class="ltx_equationgroup ltx_eqn_table"><tr><td>{math("x")}</td><td>{math("=1")}</td></tr>'
            f"<tr><td>{math('y')}</td></tr></table>",
            "$$\nx =1\n$$\n$$\ny\n$$",
        ),
        (
            '<table class="ltx_tabular"><tr><td>a|b</td><td>c</td></tr><tr><td>1</td><td>2</td></tr></table>',
            "| a\\|b | c |\n| --- | --- |\n| 1 | 2 |",
        ),
        (
            '<table class="ltx_tabular"><tr><th class="ltx_th_column" colspan="2">h &amp; i</th></tr><tr><td>1</td><td>2</td></tr></table>',
            '<table>\n<tr><th colspan="2">h &amp; i</th></tr>\n<tr><td>1</td><td>2</td></tr>\n</table>',
        ),
        (
            '<div class="ltx_figure"><img class="ltx_graphics" src="a.png"/><div class="ltx_caption"><span class="ltx_tag">Figure 3: </span>'
            "A cat.</div></div>",
            "![Figure 3: A cat.](figure-3)",
        ),
        (
            '<p>Text<span class="ltx_note ltx_role_footnote"><sup class="ltx_note_mark">1</sup><span class="ltx_note_outer">'
            '<span class="ltx_note_content"><sup class="ltx_note_mark">1</sup><span class="ltx_tag ltx_tag_note">1</span>A note.</span>'
            "</span></span> goes on.</p>",
            "Text[^1] goes on.\n\n[^1]: A note.",
        ),
        ('<p>a <span class="ltx_ERROR undefined">\\foo</span> b</p>', "a b"),
        (
            '<p>one <div class="ltx_table"><div class="ltx_caption">Table 1: t</div></div></p><p>two.</p>',
            "one two.\n\nTable 1: t",
        ),
        (
            '<ul class="ltx_biblist"><li class="ltx_bibitem"><span class="ltx_tag ltx_tag_bibitem">[4]</span><span class="ltx_bibblock">A. B.'
            '</span><span class="ltx_bibblock ltx_bib_cited">Cited by: 1</span></li></ul>',
            "[4] A. B.",
        ),
    ],
)
def test_markup_of(body, expected):
    assert markup(body) == expected


def test_what_latexml_did_not_understand_is_counted():
    [block] = blocks('<p>a <span class="ltx_ERROR undefined">\\foo</span> b</p>')
    assert block.errors == 1


def test_broken_xml_is_said():
    with pytest.raises(SyntaxError):  # ElementTree.ParseError is one
        blocks_of(b"<html>")


def test_a_cut_closes_emphasis_and_opens_it_again():
    block = Block("paragraph", [Token(w, style=("em",)) for w in ["one", "two", "three"]])
    assert render(block, 0, 2) == "*one two*"
    assert render(block, 2) == "*three*"
    item = Block("item", [Token(w) for w in ["one", "two", "three"]], marker="1.")
    assert (render(item, 0, 1), render(item, 1)) == ("1. one", "  two three")


def test_tables_are_cut_between_rows_and_code_between_lines():
    [table] = blocks('<table class="ltx_tabular"><tr><td>a b</td><td>c</td></tr><tr><td>1 2</td><td>3</td></tr></table>')
    assert [table.cut(i) for i in range(7)] == [0, 0, 0, 3, 3, 3, 6]
    assert render(table, 0, 3) == "| a b | c |\n| --- | --- |"
    assert render(table, 3) == "| 1 2 | 3 |\n| --- | --- |"
    [spanning] = blocks(
        '<table class="ltx_tabular"><tr><td rowspan="2">a</td><td>b</td></tr><tr><td>c</td></tr><tr><td>d</td><td>e</td></tr></table>'
    )
    assert [spanning.cut(i) for i in range(5)] == [0, 0, 0, 3, 3]  # not through a cell
    [code] = blocks('<pre class="ltx_verbatim">a b\nc d</pre>')
    assert [code.cut(i) for i in range(5)] == [0, 0, 2, 2, 4]
    assert render(code, 2) == "```\nc d\n```"


def test_emphasis_is_not_put_on_punctuation_alone():
    assert inline([Token("If", style=("em",)), Token("x", kind="math"), Token(".", style=("em",), glue="")]) == "*If* $x$."


def test_words_are_blind_to_case_accents_ligatures_and_punctuation():
    assert words("“Caf´e” Ca\u0301fe ﬁne, naïve E\u0301: X-ray 3.14") == (
        "cafe",
        "cafe",
        "fine",
        "naive",
        "e",
        "x",
        "ray",
        "3",
        "14",
    )
    assert words("漢字 カナ abc") == ("漢", "字", "カ", "ナ", "abc")
    assert words("—…") == ()
    assert formula_words(r"\frac{\alpha_{12}}{\sin x}+\mathbf{B}\text{ if even}") == ("α", "12", "sin", "x", "b", "if", "even")


def test_words_of_markup_leave_syntax_and_formulas_out():
    text, formulas = text_and_formulas(
        '## One\n\n![Figure 1: a cat](figure-1) `a_b` "*emph*" \\$5 $x_{1}$\n\n$$\ny \\tag{2}\n$$\n\n| a | b |\n| --- | --- |\n| 1 | `$` |\n\n'
        '<table>\n<tr><td colspan="2">u</td><td>v</td></tr>\n</table> H<sup>2</sup>O[^1]\n\n```\nif x\n```'
    )
    assert sorted(text) == sorted(["one", "figure", "1", "a", "cat", "b", "emph", "5", "u", "v", "h2o", "if", "x"])
    assert sorted(formulas) == ["1", "2", "x", "y"]
