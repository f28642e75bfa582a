"""One document: a pure function of (seed, index) and of what it draws from (source, fonts, backdrops, sampling tree).

Each part of a document has a generator of its own, named by what it is for, so the same document can be rendered undegraded: same text, same
layout, neither warp nor wear.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from ocr_synth.synthetic import backdrops as pictures
from ocr_synth.synthetic import degrade as wear
from ocr_synth.synthetic.backdrops import Backdrop
from ocr_synth.synthetic.colour import BLACK, WHITE, luminance, worst_contrast
from ocr_synth.synthetic.corpus import Source
from ocr_synth.synthetic.documents import EmptyPageError, compose
from ocr_synth.synthetic.fonts import Catalogue
from ocr_synth.synthetic.labels import Labels, label, outline
from ocr_synth.synthetic.page import Colour, Page, Rule, rgb
from ocr_synth.synthetic.paint import paint, paper
from ocr_synth.synthetic.sampling import Sampling, happens, one_of, uniform
from ocr_synth.synthetic.shape import TofuError
from ocr_synth.synthetic.warp import Map, draw_map
from sieveline.draws import generator


@dataclass(frozen=True, slots=True)
class Document:
    """A picture with everything known of it.

    Attributes:
        image: JPEG.
        families: font families asked for, in order of first use.
        contrast: least WCAG ratio of ink to ground, 1-21, before light and wear.
        size: em of the smallest text, in pixels of the picture.
        effects: what was done to it, in order.
    """

    image: bytes
    width: int
    height: int
    kind: str
    language: str
    labels: Labels
    families: tuple[str, ...]
    contrast: float
    size: float
    effects: tuple[str, ...]


class NotRenderedError(Exception):
    """There is no document: `tofu` says whether for want of glyphs, else for want of text."""

    def __init__(self, message: str, tofu: bool):
        super().__init__(message)
        self.tofu = tofu


class Renderer:
    """Renders the documents of one source.

    Args:
        source: passages that no font here can draw are left out.
        catalogue: fonts.
        backdrops: natural images; may be empty.
        sampling: the tree of ranges.
        seed: of all draws.

    Attributes:
        num_undrawable: passages left out because some character has no glyph in any font.
    """

    def __init__(self, source: Source, catalogue: Catalogue, backdrops: Sequence[Backdrop], sampling: Sampling, seed: int):
        kept = tuple(p for p in source.passages if catalogue.drawable(p, source.language))
        self.num_undrawable = len(source.passages) - len(kept)
        self.source = replace(source, passages=kept)
        self._catalogue, self._backdrops, self._sampling, self._seed = catalogue, backdrops, sampling, seed

    def render(self, index: int, *, clean: bool = False) -> Document:
        """Document `index`.

        Args:
            clean: undegraded and flat, on paper of one colour: for checks of what the letters themselves are worth.

        Raises:
            NotRenderedError: the source has no text, or fonts lack what it needs.
        """
        if not self.source.passages:
            why = "no passage can be drawn with the fonts here" if self.num_undrawable else "no text in the source"
            raise NotRenderedError(why, bool(self.num_undrawable))
        draws = {part: self._draws(index, part) for part in ("content", "ground", "warp", "ink", "degrade")}
        try:
            page = compose(self.source, self._catalogue, self._sampling, draws["content"])
        except TofuError as error:
            raise NotRenderedError(str(error), True) from error
        except EmptyPageError as error:
            raise NotRenderedError(str(error), False) from error
        return self._clean(page) if clean else self._photograph(page, draws)

    def _draws(self, index: int, part: str) -> np.random.Generator:
        return generator(self._seed, "synthetic", self.source.name, index, part)

    def _clean(self, page: Page) -> Document:
        page.palette = replace(page.palette, fade=0.0, texture=0.0)
        ground = np.full((page.height, page.width, 3), page.palette.paper, np.uint8)
        picture = paint(page, ground, generator(0, "none"))
        jpeg = wear.encode(picture, replace(self._sampling.degrade, quality=(95, 95)), generator(0, "none"))
        labels = label(page, None, 0, (page.width, page.height))
        return _document(page, jpeg, (page.width, page.height), labels, _least_contrast(page), ())

    def _photograph(self, page: Page, draws: dict[str, np.random.Generator]) -> Document:
        sampling, effects = self._sampling, []
        flat = happens(draws["warp"], sampling.warp.flat_share)
        smallest = min(line.style.size for line in page.lines)
        contrast = _least_contrast(page)
        # Nothing lies behind a close-up: its page is larger than the picture.
        close_up = not flat and (page.see_through or (page.kind == "line" and happens(draws["warp"], 0.5)))
        if close_up:
            _widen(page)
        if page.see_through:
            ground, contrast = self._see_through(page, draws["ground"], flat)
        else:
            ground = paper(page, sampling.paper, draws["ground"])
        weight = wear.ink_weight(draws["degrade"], sampling.degrade, smallest)
        if weight:
            effects.append("dilation" if weight > 0 else "erosion")
        picture = paint(page, ground, draws["ink"], weight=weight)
        chart = None
        if not flat:
            chart, picture = self._warp(page, picture, draws, close_up)
            effects.append("warp")
        turns = one_of(draws["warp"], (1, 2, 3)) if happens(draws["warp"], sampling.warp.turned_share) else 0
        if turns:
            picture = np.ascontiguousarray(np.rot90(picture, turns))
            effects.append(f"turned {90 * turns}")
        size = (picture.shape[1], picture.shape[0])
        labels = label(page, chart, turns, size)
        least = min((line.style["size"] for line in labels.lines), default=smallest)
        picture, done = wear.degrade(picture, sampling.degrade, draws["degrade"], least)
        jpeg = wear.encode(picture, sampling.degrade, draws["degrade"])
        return _document(page, jpeg, size, labels, contrast, (*effects, *done))

    def _warp(
        self, page: Page, picture: np.ndarray, draws: dict[str, np.random.Generator], close_up: bool
    ) -> tuple[Map, np.ndarray]:
        ranges, rng = self._sampling.warp, draws["warp"]
        coverage = uniform(rng, (0.55, 0.9) if page.kind in ("sign", "receipt") else ranges.coverage)
        coverage = 0.97 if close_up else coverage
        arc = 0.0
        if page.kind == "sign" and happens(rng, self._sampling.sign.arc_share):
            arc = uniform(rng, self._sampling.sign.arc) * page.lines[0].style.size * one_of(rng, (-1, 1))
        strength = 2.0 if page.kind == "sign" else 0.5 if page.kind == "line" else 1.0
        chart = draw_map(rng, ranges, (page.width, page.height), coverage=coverage, arc=arc, strength=strength)
        if close_up:
            chart = _around_text(chart, page, rng)
            return chart, chart.pixels(picture, None)
        behind = self._backdrop(draws["ground"], chart.width, chart.height)
        return chart, chart.pixels(picture, _drop_shadow(behind, chart, (page.width, page.height), rng))

    def _backdrop(self, rng: np.random.Generator, width: int, height: int) -> np.ndarray:
        if self._backdrops and happens(rng, self._sampling.natural_share):
            found = pictures.draw(self._backdrops, rng, width, height)
            if found is not None:
                return found
        return pictures.plain(rng, width, height)

    def _see_through(self, page: Page, rng: np.random.Generator, flat: bool) -> tuple[np.ndarray, float]:
        """A picture to write on, larger than the text, and the ink that can be read on it; a plate where none can."""
        if flat:
            wider, higher = page.width * uniform(rng, (0, 0.6)), page.height * uniform(rng, (0, 1.2))
            right, down = wider * uniform(rng, (0, 1)), higher * uniform(rng, (0, 1))
            _shift(page, right, down, int(page.width + wider), int(page.height + higher))
        ground = self._backdrop(rng, page.width, page.height)
        least = self._sampling.text.min_contrast
        boxes = [box for line in page.lines if (box := line.box()) is not None]
        under = np.concatenate(
            [ground[int(a) : int(c) + 2 : 2, int(b) : int(d) + 2 : 2].reshape(-1, 3) for b, a, d, c in boxes]
        )
        order = np.argsort(luminance(under))
        dark, light = (rgb(under[order[int(share * (len(order) - 1))]]) for share in (0.01, 0.99))
        for ink in (page.palette.ink, page.palette.accent, WHITE, BLACK):
            worst = min(worst_contrast(ink, ground_colour, fade=page.palette.fade) for ground_colour in (dark, light))
            if worst >= least:
                _recolour(page, ink)
                return ground, worst
        pad = 0.4 * page.lines[0].style.size
        left, top, right, bottom = (_text_box(page) + np.array([-pad, -pad, pad, pad])).tolist()
        page.rules.insert(0, Rule(left, top, right, bottom, page.palette.paper, 0))
        return ground, _least_contrast(page)


def _reach(page: Page) -> float:
    """How much a close-up needs around its text, so that no warp brings an edge of the page, and what is mirrored there, near to it."""
    return (0.5 if page.kind == "sign" else 0.14) * max(page.width, page.height) + 0.5 * page.lines[0].style.size


def _widen(page: Page) -> None:
    reach = _reach(page)
    _shift(page, reach, reach, round(page.width + 2 * reach), round(page.height + 2 * reach))


def _shift(page: Page, right: float, down: float, width: int, height: int) -> None:
    """Moves all lines and makes the page of another size; close-ups have no rules."""
    for line in page.lines:
        line.x += right
        line.y += down
    page.width, page.height = width, height


def _text_box(page: Page) -> np.ndarray:
    boxes = np.array([box for line in page.lines if (box := line.box()) is not None])
    return np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)])


def _around_text(chart: Map, page: Page, rng: np.random.Generator) -> Map:
    """The part of a picture that holds the text with a drawn margin on each side, well below `_reach`."""
    points = chart.points(outline(_text_box(page)))
    margins = rng.uniform(0.08, 0.3, 4) * (0.25 if page.kind == "sign" else 0.11) * max(page.width, page.height) + 4
    left, top = (points.min(0) - margins[:2]).astype(int).tolist()
    right, bottom = (points.max(0) + margins[2:] + 1).astype(int).tolist()
    return chart.window(left, top, right, bottom)


def _recolour(page: Page, ink: Colour) -> None:
    for line in page.lines:
        line.style = replace(line.style, colour=ink)


def _least_contrast(page: Page) -> float:
    p = page.palette
    return min(worst_contrast(colour, p.paper, p.texture, p.fade) for colour in {line.style.colour for line in page.lines})


def _drop_shadow(behind: np.ndarray, chart: Map, size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """The soft shadow of the sheet on what it lies on."""
    corners = chart.points(np.array([[0, 0], [size[0], 0], size, [0, size[1]]], float))
    reach = float(rng.uniform(2, 14))
    small = 4  # the shadow is soft: a quarter of the size will do
    mask = np.zeros((-(-chart.height // small), -(-chart.width // small)), np.float32)
    cv2.fillConvexPoly(mask, np.round((corners + reach / 2) / small).astype(np.int32), (float(rng.uniform(0.2, 0.6)),))
    mask = cv2.resize(cv2.GaussianBlur(mask, (0, 0), max(reach / small, 0.8)), (chart.width, chart.height))
    return cv2.multiply(behind, cv2.merge([1 - mask] * 3), dtype=cv2.CV_8U)


def _document(
    page: Page, jpeg: bytes, size: tuple[int, int], labels: Labels, contrast: float, effects: tuple[str, ...]
) -> Document:
    families = tuple(dict.fromkeys(line.style.family for line in page.lines))
    smallest = min((line.style["size"] for line in labels.lines), default=0.0)
    return Document(
        jpeg, *size, page.kind, page.language, labels, families, round(contrast, 2), float(smallest), effects
    )  # fmt: skip
