"""Polygons go where the pixels go: held against what was drawn."""

import dataclasses

import cv2
import numpy as np
import pytest
from synthetic_sources import TEXT, languages_here, system_fonts

from ocr_synth.synthetic.labels import carry, label, outline
from ocr_synth.synthetic.page import Block, Line, Page, Palette, Style
from ocr_synth.synthetic.paint import paint
from ocr_synth.synthetic.sampling import Sampling, Text, Warp
from ocr_synth.synthetic.typeset import Typesetter
from ocr_synth.synthetic.warp import Map, draw_map
from sieveline.draws import generator

BLACK_ON_WHITE = Palette((255, 255, 255), (0, 0, 0), (0, 0, 0), (200, 200, 200))
STRONG = Warp(rotation=(3, 8), perspective=(0.02, 0.08), curl_share=1.0, curl=(0.02, 0.05), elastic_share=1.0, elastic=(2, 4))


def typeset(language: str, *, vertical: bool = False, bold: bool = False, italic: bool = False) -> Page:
    rtl = language in ("ar", "he")
    family = system_fonts().covering("".join(c for c in "".join(TEXT[language]) if c.isalpha())[:40], language)[0].name
    style = Style(family, 30.0, bold, italic, False, (0, 0, 0))
    setter = Typesetter(system_fonts(), language, rtl, Text())
    page = Page("page", language, 700, 600, BLACK_ON_WHITE)
    text = " ".join(TEXT[language])
    if vertical:
        setting = setter.column(text.replace(" ", ""), style, 640, 60, 480, limit=60, leading=1.6)
    else:
        setting = setter.paragraph(text, style, 60, 60, 580, limit=540, align="justify")
    page.blocks.append(Block("paragraph", setting.lines, setting.text, setting.text))
    return page


def drawn(page: Page, lines: list[Line] | None = None) -> np.ndarray:
    part = dataclasses.replace(page, blocks=[Block("paragraph", page.lines if lines is None else lines, "", "")])
    return paint(part, np.full((page.height, page.width, 3), 255, np.uint8), generator(0, "none"))


def mask(size: tuple[int, int], polygons: list, grow: float) -> np.ndarray:
    out = np.zeros((size[1], size[0]), np.uint8)
    for polygon in polygons:
        points = np.round(np.array(polygon) * 16 - 8).astype(np.int32)
        cv2.fillPoly(out, [points], 255, cv2.LINE_8, 4)
    side = 2 * int(np.ceil(grow)) + 1
    return cv2.dilate(out, np.ones((side, side), np.uint8))


def ink(picture: np.ndarray) -> np.ndarray:
    return picture.min(axis=2) < 128


CASES = [
    (language, vertical)
    for language in TEXT
    if language != "code"
    for vertical in (False, True)
    if not vertical or language in ("zh", "ja")
]


@pytest.mark.parametrize(("language", "vertical"), CASES)
@pytest.mark.parametrize(("style", "turns"), [("plain", 0), ("bold italic", 1), ("bold", 2), ("italic", 3)])
def test_polygons_hold_exactly_the_drawn_ink(language, vertical, style, turns):
    if language not in languages_here():
        pytest.skip(f"no font here draws {language}")
    page = typeset(language, vertical=vertical, bold="bold" in style, italic="italic" in style)
    chart = draw_map(generator(7, "warp", language), STRONG, (page.width, page.height), coverage=0.9)
    white = np.full((chart.height, chart.width, 3), 255, np.uint8)

    def picture(lines: list[Line] | None = None) -> np.ndarray:
        return np.ascontiguousarray(np.rot90(chart.pixels(drawn(page, lines), white.copy()), turns))

    whole = picture()
    size = (whole.shape[1], whole.shape[0])
    labels = label(page, chart, turns, size)
    assert len(labels.lines) > 2
    assert ink(whole).sum() > 2000
    outside = ink(whole) & (mask(size, [w.polygon for line in labels.lines for w in line.words], 1) == 0)
    assert outside.sum() == 0, "ink outside every word's polygon"
    for line, placed in list(zip(labels.lines, page.lines, strict=True))[:3]:
        own = ink(picture([placed]))
        inside = mask(size, [line.polygon], 0) > 0
        assert (own & (mask(size, [line.polygon], 1) == 0)).sum() == 0
        y, x = np.nonzero(own)
        points = np.array(line.polygon)
        tight = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1]) - np.concatenate([points.min(0), points.max(0)])
        assert np.abs(tight).max() < 0.12 * max(np.ptp(points, axis=0).max(), 60), "the polygon is much larger than its ink"
        assert own[inside].mean() > 0.05


def test_an_unwarped_line_is_outlined_to_the_pixel():
    page = typeset("en")
    labels = label(page, None, 0, (page.width, page.height))
    for line, placed in zip(labels.lines, page.lines, strict=True):
        y, x = np.nonzero(drawn(page, [placed]).min(axis=2) < 250)
        points = np.array(line.polygon)
        found = np.concatenate([points.min(0), points.max(0)])
        assert np.abs(found - [x.min(), y.min(), x.max() + 1, y.max() + 1]).max() <= 1.0


def test_points_follow_pixels_to_a_fraction_of_one():
    """Dots at known places of a page are found in the picture where `carry` says."""
    chart = draw_map(generator(3, "dots"), STRONG, (600, 500), coverage=0.9, arc=20)
    points = np.array([[x + 0.5, y + 0.5] for x in range(40, 600, 80) for y in range(40, 500, 80)])
    for point in points:
        page = np.zeros((500, 600, 3), np.uint8)
        cv2.GaussianBlur(cv2.circle(page, (int(point[0]), int(point[1])), 3, (255, 255, 255), -1), (0, 0), 2, dst=page)
        picture = chart.pixels(page, np.zeros((chart.height, chart.width, 3), np.uint8))[..., 0].astype(float)
        y, x = np.mgrid[0 : chart.height, 0 : chart.width] + 0.5
        centre = np.array([(x * picture).sum(), (y * picture).sum()]) / picture.sum()
        [told] = carry(point[None], chart, 0, (chart.width, chart.height))
        assert np.abs(centre - told).max() < 0.15


def test_a_map_is_inverted_to_a_thousandth_of_a_pixel():
    for number in range(20):
        chart: Map = draw_map(generator(number, "inverse"), STRONG, (800, 600), coverage=0.9)
        there = generator(number, "points").uniform((20, 20), (780, 580), (300, 2))
        assert np.abs(chart._page(chart.points(there)) - there).max() < 2e-3


def test_the_whole_page_stays_in_the_picture():
    for number in range(40):
        chart = draw_map(generator(number, "inside"), Sampling().warp, (800, 600), coverage=0.95)
        edge = chart.points(outline(np.array([0.0, 0.0, 800.0, 600.0])))
        assert edge.min() >= 0
        assert (edge <= (chart.width, chart.height)).all()


def test_outlines_run_clockwise_and_have_points_along_long_edges():
    points = outline(np.array([10.0, 20.0, 300.0, 50.0]))
    assert points[0].tolist() == [10, 20]
    assert len(points) == 2 * round(290 / 48) + 2
    x, y = points.T
    assert (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() > 0  # clockwise, y down
    assert len(outline(np.array([0.0, 0.0, 30.0, 20.0]))) == 4
