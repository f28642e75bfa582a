"""Labels of a picture: its text in reading order, and a polygon for every line and word, carried to where the picture shows it.

Polygons are outlines of ink (the glyphs' own bounds), clockwise from the corner that was top left on the page, with points along the long
edges, so that they bend with the page. Coordinates are pixels from the picture's top left corner, rounded to a tenth.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ocr_synth.synthetic.page import Line, Page
from ocr_synth.synthetic.warp import Map

EDGE = 48  # pixels between two points along an edge

Polygon = list[list[float]]


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    polygon: Polygon


@dataclass(frozen=True, slots=True)
class LabelLine:
    """One line of the picture.

    Attributes:
        block: index into the labels' blocks.
        style: family, size (em in pixels of the picture), bold, italic, underline, colour (RGB), vertical.
    """

    text: str
    polygon: Polygon
    words: tuple[Word, ...]
    block: int
    style: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LabelBlock:
    role: str
    text: str
    markdown: str


@dataclass(frozen=True, slots=True)
class Labels:
    blocks: tuple[LabelBlock, ...]
    lines: tuple[LabelLine, ...]

    @property
    def text(self) -> str:
        """All text in reading order; blocks are parted by a blank line."""
        return "\n\n".join(block.text for block in self.blocks)

    @property
    def markdown(self) -> str:
        return "\n\n".join(block.markdown for block in self.blocks)

    def plain(self) -> dict[str, Any]:
        """What JSON can hold; `from_plain` reads it."""
        return {
            "blocks": [{"role": b.role, "text": b.text, "markdown": b.markdown} for b in self.blocks],
            "lines": [
                {
                    "text": line.text,
                    "polygon": line.polygon,
                    "words": [{"text": w.text, "polygon": w.polygon} for w in line.words],
                    "block": line.block,
                    "style": line.style,
                }
                for line in self.lines
            ],
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "Labels":
        return cls(
            tuple(LabelBlock(**b) for b in plain["blocks"]),
            tuple(LabelLine(**(row | {"words": tuple(Word(**w) for w in row["words"])})) for row in plain["lines"]),
        )


def label(page: Page, chart: Map | None, quarter_turns: int, size: tuple[int, int]) -> Labels:
    """The labels of a page in its picture.

    Args:
        chart: the warp; None where the picture is the page.
        quarter_turns: counter-clockwise, after the warp.
        size: (width, height) of the finished picture.
    """
    rows: list[tuple[Line, int, list[tuple[str, np.ndarray]]]] = []
    for number, block in enumerate(page.blocks):
        for line in block.lines:
            words = line.words()
            if words:
                rows.append((line, number, words))
    outlines: list[np.ndarray] = []
    for _, _, words in rows:
        boxes = np.array([box for _, box in words])
        outlines.append(outline(np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)])))
        outlines += map(outline, boxes)
    ends = np.cumsum([len(o) for o in outlines])[:-1]
    points = np.concatenate(outlines) if outlines else np.zeros((0, 2))
    moved = carry(points, chart, quarter_turns, size)
    polygons = iter(np.split(np.clip(moved, 0, size), ends))
    scale = _scale(chart, page)
    lines = []
    for line, number, words in rows:
        own = _rounded(next(polygons))
        inner = tuple(Word(text, _rounded(next(polygons))) for text, _ in words)
        style = {
            "family": line.style.family,
            "size": round(line.style.size * scale, 1),
            "bold": line.style.bold,
            "italic": line.style.italic,
            "underline": line.style.underline,
            "colour": list(line.style.colour),
            "vertical": line.shaped.vertical,
        }
        lines.append(LabelLine(line.text, own, inner, number, style))
    return Labels(tuple(LabelBlock(b.role, b.text, b.markdown) for b in page.blocks), tuple(lines))


def carry(points: np.ndarray, chart: Map | None, quarter_turns: int, size: tuple[int, int]) -> np.ndarray:
    """Page points [n, 2] to picture points; a pixel's middle lies at half numbers in both."""
    if chart is not None and len(points):
        points = chart.points(points - 0.5) + 0.5
    width, height = size
    for turn in range(quarter_turns):  # each swaps the sides; the last one leaves `size`
        before_width = width if (quarter_turns - turn) % 2 == 0 else height
        points = np.stack([points[:, 1], before_width - points[:, 0]], 1)
    return points


def outline(box: np.ndarray) -> np.ndarray:
    """[left, top, right, bottom] to points [n, 2], clockwise from top left, with points along its long edges."""
    left, top, right, bottom = box
    wide, high = right - left >= EDGE * 1.5, bottom - top >= EDGE * 1.5
    x = np.linspace(left, right, max(2, round((right - left) / EDGE) + 1) if wide else 2)
    y = np.linspace(top, bottom, max(2, round((bottom - top) / EDGE) + 1) if high else 2)
    corners = [
        np.stack([x[:-1], np.full(len(x) - 1, top)], 1),
        np.stack([np.full(len(y) - 1, right), y[:-1]], 1),
        np.stack([x[:0:-1], np.full(len(x) - 1, bottom)], 1),
        np.stack([np.full(len(y) - 1, left), y[:0:-1]], 1),
    ]
    return np.concatenate(corners)


def _scale(chart: Map | None, page: Page) -> float:
    """How many pixels of the picture one of the page takes, at its middle."""
    if chart is None:
        return 1.0
    x, y = page.width / 2, page.height / 2
    here, right, down = chart.points(np.array([[x, y], [x + 1, y], [x, y + 1]]))
    (a, b), (c, d) = right - here, down - here
    return float(abs(a * d - b * c)) ** 0.5


def _rounded(points: np.ndarray) -> Polygon:
    return np.round(points, 1).tolist()
