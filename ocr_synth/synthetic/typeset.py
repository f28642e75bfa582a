"""Sets text in lines: styles to fonts, paragraphs to lines at their places."""

from dataclasses import dataclass

import numpy as np

from ocr_synth.synthetic.breaks import break_lines
from ocr_synth.synthetic.corpus import UNSPACED_TEXT
from ocr_synth.synthetic.fonts import Catalogue, Family, load
from ocr_synth.synthetic.page import Line, Style
from ocr_synth.synthetic.sampling import Text
from ocr_synth.synthetic.shape import Shaped, Stack, shape


@dataclass(slots=True)
class Setting:
    """The lines of a paragraph that found room.

    Attributes:
        lines: placed.
        bottom: where the next element may start; of vertical text, the left edge.
        text: what the lines hold, joined again as it was.
    """

    lines: list[Line]
    bottom: float
    text: str


class Typesetter:
    """Sets text of one language.

    Args:
        ranges: for how far synthetic bold and slant go.
    """

    def __init__(self, catalogue: Catalogue, language: str, rtl: bool, ranges: Text):
        self.catalogue = catalogue
        self.language = language
        self.rtl = rtl
        self.ranges = ranges
        self._families = {family.name: family for family in catalogue.families}

    def stack(self, style: Style) -> Stack:
        family: Family = self._families[style.family]
        face = family.nearest(700 if style.bold else 400, style.italic)
        embolden = self.ranges.embolden if style.bold and face.weight < 600 else 0.0
        slant = self.ranges.slant if style.italic and not face.italic else 0.0
        return Stack(load(face, embolden, slant), self.catalogue, self.language, embolden, slant)

    def shape(self, text: str, style: Style, *, vertical: bool = False) -> Shaped:
        return shape(text, self.stack(style), style.size, rtl=self.rtl and not vertical, vertical=vertical)

    def width(self, text: str, style: Style) -> float:
        return self.shape(text, style).advance

    def line(self, text: str, style: Style, x: float, top: float, *, width: float = 0.0, align: str = "start") -> Line:
        """One line whose ascent starts at `top`; within `width` it stands at its `align` (start, end, left, right, centre)."""
        shaped = self.shape(text, style)
        return Line(shaped, x + self._shift(align, width - shaped.advance), top + shaped.ascent, style)

    def paragraph(
        self,
        text: str,
        style: Style,
        x: float,
        top: float,
        width: float,
        *,
        limit: float = float("inf"),
        leading: float = 1.4,
        align: str = "start",
        indent: float = 0.0,
    ) -> Setting:
        """Lines from `top` down, as many as end above `limit`.

        Args:
            leading: distance of baselines, in ems.
            align: start, end, centre or justify.
            indent: of the first line, pixels.
        """
        stack = self.stack(style)
        whole = shape(text, stack, style.size, rtl=self.rtl)
        step = max(leading * style.size, 0.9 * (whole.ascent + whole.descent))
        spans = break_lines(text, whole.character_advances, width, width - indent)
        lines: list[Line] = []
        for number, (start, end) in enumerate(spans):
            if top + whole.ascent + whole.descent > limit:
                spans = spans[:number]
                break
            shaped = shape(text[start:end], stack, style.size, rtl=self.rtl)
            room = width - (indent if number == 0 else 0)
            if align == "justify" and number < len(spans) - 1:
                _stretch(shaped, room - shaped.advance)
            at = x + self._shift("start" if align == "justify" else align, room - shaped.advance)
            if number == 0 and not self.rtl:
                at += indent
            lines.append(Line(shaped, at, top + whole.ascent, style))
            top += step
        return Setting(lines, top, text[: spans[-1][1]] if lines else "")

    def column(
        self, text: str, style: Style, right: float, top: float, height: float, *, limit: float, leading: float
    ) -> Setting:
        """Vertical lines from `right` to the left, as many as end right of `limit`."""
        stack = self.stack(style)
        whole = shape(text, stack, style.size, vertical=True)
        step = leading * style.size
        lines: list[Line] = []
        spans = break_lines(text, whole.character_advances, height)
        for number, (start, end) in enumerate(spans):
            if right - style.size < limit:
                spans = spans[:number]
                break
            shaped = shape(text[start:end], stack, style.size, vertical=True)
            lines.append(Line(shaped, right - 0.5 * style.size, top, style))
            right -= step
        return Setting(lines, right, text[: spans[-1][1]] if lines else "")

    def _shift(self, align: str, spare: float) -> float:
        if align == "centre":
            return spare / 2
        at_right = {"start": self.rtl, "end": not self.rtl, "right": True}.get(align, False)
        return spare if at_right else 0.0


def _stretch(shaped: Shaped, spare: float) -> None:
    """Spreads `spare` pixels over the spaces of a line, or between its characters where it is Chinese or Japanese and has none."""
    if not 0 < spare < 0.35 * max(shaped.advance, 1):
        return
    spaces = [i for i, character in enumerate(shaped.text) if character == " "]
    runs = shaped.runs
    if spaces:
        gaps = [np.isin(run.clusters, spaces) for run in runs]
    elif not any(UNSPACED_TEXT.match(character) for character in shaped.text):
        return
    else:
        gaps = [np.concatenate([np.diff(run.clusters) != 0, [True]]) for run in runs]
        gaps[-1][-1] = False
    num = sum(int(g.sum()) for g in gaps)
    if not num:
        return
    before = 0
    for run, gap in zip(runs, gaps, strict=True):
        counted = before + np.concatenate([[0], np.cumsum(gap)[:-1]])
        run.x = run.x + counted * (spare / num)
        before += int(gap.sum())
    shaped.advance += spare
