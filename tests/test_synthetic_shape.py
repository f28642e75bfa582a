"""Shaping: Arabic joins, bidi orders, kerning counts, vertical text stands; lines break where they may."""

from itertools import pairwise

import numpy as np
import pytest
from synthetic_sources import TEXT, languages_here, system_fonts

from ocr_synth.synthetic.breaks import break_lines, opportunities
from ocr_synth.synthetic.fonts import load
from ocr_synth.synthetic.page import Line, Style
from ocr_synth.synthetic.sampling import Text
from ocr_synth.synthetic.shape import Stack, bidi_levels, shape, visual_order
from ocr_synth.synthetic.typeset import Typesetter

STYLE = Style("", 30.0, False, False, False, (0, 0, 0))


def stack(text: str, language: str) -> Stack:
    if language not in languages_here():
        pytest.skip(f"no font here draws {language}")
    letters = "".join(c for c in text if c.isalpha())
    family = system_fonts().covering(letters, language)[0]
    return Stack(load(family.nearest(400, False)), system_fonts(), language)


def test_arabic_letters_join_and_run_from_the_right():
    text = "كتاب"
    joined = shape(text, stack(text, "ar"), 40.0, rtl=True)
    alone = [shape(c, stack(text, "ar"), 40.0, rtl=True).runs[0].ids[0] for c in text]
    [run] = joined.runs
    assert sorted(run.ids) != sorted(alone), "letters in a word have other forms than alone"
    assert run.clusters.tolist() == sorted(run.clusters.tolist(), reverse=True), "the first letter stands rightmost"
    assert (np.diff(run.x) >= 0).all()


def test_a_latin_word_in_arabic_keeps_its_own_direction():
    text = "من Bergen إلى"
    shaped = shape(text, stack(text, "ar"), 30.0, rtl=True)
    words = dict(Line(shaped, 0, 0, STYLE).words())
    assert words["من"][0] > words["Bergen"][2] > words["Bergen"][0] > words["إلى"][2]
    latin = next(run for run in shaped.runs if text[run.clusters[0]] in "Bergen")
    order = [c for c in latin.clusters.tolist() if text[c].isascii() and text[c].isalpha()]
    assert order == sorted(order)


def test_numbers_in_hebrew_run_from_the_left():
    levels = bidi_levels("שנת 1984 (א)", True)
    assert levels[0] == 1
    assert set(levels[4:8]) == {2}
    items = [(0, 4, 1, None), (4, 8, 2, None), (8, 12, 1, None)]
    assert [i[0] for i in visual_order(items)] == [8, 4, 0]  # pyright: ignore[reportArgumentType]


def test_joiners_shape_but_take_no_word_apart():
    text = "می‌روم"  # with a zero-width non-joiner
    shaped = shape(text, stack(text, "ar"), 30.0, rtl=True)
    assert len(bidi_levels(text, True)) == len(text)
    together = shape(text.replace("\u200c", ""), stack(text, "ar"), 30.0, rtl=True)
    assert [r.ids for r in shaped.runs] != [r.ids for r in together.runs]


@pytest.mark.parametrize("language", ["zh", "ja"])
def test_vertical_text_goes_down_and_latin_lies_on_its_side(language):
    text = TEXT[language][0][:6] + "Bergen" + "。"
    shaped = shape(text, stack(text, language), 30.0, vertical=True)
    words = Line(shaped, 100, 0, STYLE).words()
    tops = [box[1] for _, box in words]
    assert tops == sorted(tops)
    boxes = dict(words)
    left, top, right, bottom = boxes["Bergen。"] if "Bergen。" in boxes else boxes["Bergen"]
    assert bottom - top > 2 * (right - left)
    assert all(abs((box[0] + box[2]) / 2 - 100) < 15 for word, box in words if len(word) == 1)
    assert sum(run.sideways for run in shaped.runs) == 1


def test_advances_add_up_and_belong_to_clusters():
    for language in languages_here():
        text = TEXT[language][0].split("\n")[0]
        shaped = shape(text, stack(text, language), 20.0, rtl=language in ("ar", "he"))
        assert len(shaped.character_advances) == len(text)
        assert shaped.character_advances.sum() == pytest.approx(shaped.advance)


def test_every_word_of_a_line_has_a_box_and_boxes_do_not_cross():
    for language in ("en", "ru", "zh", "ar"):
        if language not in languages_here():
            continue
        text = TEXT[language][0]
        line = Line(shape(text, stack(text, language), 24.0, rtl=language == "ar"), 0, 0, STYLE)
        words = line.words()
        if language in ("en", "ru", "ar"):
            assert [w for w, _ in words] == text.split()
        else:
            assert "".join(w for w, _ in words) == text
        for (_, a), (_, b) in pairwise(words):
            overlap = min(a[2], b[2]) - max(a[0], b[0])
            assert overlap < 0.3 * 24


def test_lines_break_after_spaces_and_never_inside_a_word_that_fits():
    text = TEXT["en"][0]
    advances = np.full(len(text), 10.0)
    lines = [text[a:b] for a, b in break_lines(text, advances, 200.0)]
    assert " ".join(lines) == text
    assert max(map(len, lines)) <= 20


def test_a_word_longer_than_a_line_is_cut_between_clusters():
    advances = np.array([10.0, 0, 10, 0, 10, 0, 10, 0])  # every second character is a mark on the one before
    assert break_lines("a\u0301b\u0301c\u0301d\u0301", advances, 20.0) == [(0, 4), (4, 8)]


def test_chinese_marks_neither_start_nor_end_lines_where_they_must_not():
    text = "他说：“今天很好。”（真的）"
    may = opportunities(text)
    assert not may[text.index("。")]
    assert not may[text.index("“") + 1]
    assert not may[text.index("）")]
    assert not may[text.index("（") + 1]
    assert may[text.index("天") + 1]
    for width in (30, 40, 50, 60):
        for start, end in break_lines(text, np.full(len(text), 10.0), width):
            assert text[start] not in "。”）："
            assert text[end - 1] not in "“（"


def test_a_justified_line_fills_its_width_and_the_last_does_not():
    family = stack(TEXT["en"][0], "en").font.face.family
    setter = Typesetter(system_fonts(), "en", False, Text())
    style = Style(family, 20.0, False, False, False, (0, 0, 0))
    lines = setter.paragraph(" ".join(TEXT["en"]), style, 0, 0, 400, align="justify").lines
    rights = [line.box()[2] for line in lines]  # pyright: ignore[reportOptionalSubscript]
    assert all(abs(right - 400) < 6 for right in rights[:-1])
    assert setter.paragraph(" ".join(TEXT["en"]), style, 0, 0, 400).lines[0].box()[2] <= 400  # pyright: ignore[reportOptionalSubscript]


def test_right_to_left_paragraphs_stand_at_the_right():
    setter = Typesetter(system_fonts(), "ar", True, Text())
    family = stack(TEXT["ar"][0], "ar").font.face.family
    style = Style(family, 24.0, False, False, False, (0, 0, 0))
    lines = setter.paragraph(" ".join(TEXT["ar"]), style, 50, 0, 500).lines
    assert all(line.x + line.shaped.advance == pytest.approx(550) for line in lines)


def test_a_paragraph_says_only_what_found_room():
    family = stack(TEXT["en"][0], "en").font.face.family
    setter = Typesetter(system_fonts(), "en", False, Text())
    style = Style(family, 20.0, False, False, False, (0, 0, 0))
    setting = setter.paragraph(" ".join(TEXT["en"]), style, 0, 0, 300, limit=90)
    assert 0 < len(setting.lines) < 5
    assert setting.text == " ".join(line.text for line in setting.lines)
