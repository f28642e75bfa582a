"""What a page holds before it is drawn: placed lines in blocks, in reading order, and the rules and fills under them. Pixels, y down."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import regex

from ocr_synth.synthetic.shape import Shaped

Colour = tuple[int, int, int]


def rgb(values: Iterable[float]) -> Colour:
    """Three numbers in 0-255 as a colour."""
    red, green, blue = (int(v) for v in values)
    return red, green, blue


_WORD = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]|[^\s\p{Han}\p{Hiragana}\p{Katakana}]+")


@dataclass(frozen=True, slots=True)
class Style:
    """How a line looks; goes into the labels.

    Attributes:
        family: of the font asked for; single characters may come from a fallback.
        size: the em in pixels on the page.
        bold, italic: by a face of the family, or synthetic where it has none.
        colour: RGB of the ink.
    """

    family: str
    size: float
    bold: bool
    italic: bool
    underline: bool
    colour: Colour


@dataclass(slots=True)
class Line:
    """A shaped line at its place.

    Attributes:
        x, y: start of the baseline; of vertical text, the top of the line's middle.
    """

    shaped: Shaped
    x: float
    y: float
    style: Style

    @property
    def text(self) -> str:
        return self.shaped.text

    def words(self) -> list[tuple[str, np.ndarray]]:
        """Each word and the box of its ink, float64 [left, top, right, bottom]. A Han character or kana is a word, as are other
        stretches without space."""
        spans = [m.span() for m in _WORD.finditer(self.text)]
        number = np.full(len(self.text) + 1, -1)
        for i, (start, end) in enumerate(spans):
            number[start:end] = i
        boxes = np.full((len(spans), 4), np.nan)
        for run in self.shaped.runs:
            ink = run.ink() + np.array([self.x, self.y, self.x, self.y])
            owner = number[run.clusters]
            for i in np.unique(owner[owner >= 0]):
                own = ink[owner == i]
                own = own[~np.isnan(own[:, 0])]
                if len(own):
                    found = np.concatenate([own[:, :2].min(0), own[:, 2:].max(0)])
                    boxes[i] = found if np.isnan(boxes[i, 0]) else _union(boxes[i], found)
        return [(self.text[a:b], box) for (a, b), box in zip(spans, boxes, strict=True) if not np.isnan(box[0])]

    def box(self) -> np.ndarray | None:
        """The box of the line's ink; None where it has none."""
        boxes = [box for _, box in self.words()]
        if not boxes:
            return None
        stacked = np.array(boxes)
        return np.concatenate([stacked[:, :2].min(0), stacked[:, 2:].max(0)])


def _union(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.concatenate([np.minimum(a[:2], b[:2]), np.maximum(a[2:], b[2:])])


@dataclass(slots=True)
class Block:
    """One element of the document.

    Attributes:
        role: heading, paragraph, list, table, form, receipt, code, sign, line.
        text: in reading order, as asked for in transcriptions: lines of a paragraph joined again, cells of a row parted by tabs.
        markdown: the same in markdown.
    """

    role: str
    lines: list[Line]
    text: str
    markdown: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A filled or outlined rectangle, or a line where it has no height or no width.

    Attributes:
        thickness: of its outline in pixels; 0 fills it.
    """

    left: float
    top: float
    right: float
    bottom: float
    colour: Colour
    thickness: float


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of a document, RGB. `fade` is how much of the ink may be worn away."""

    paper: Colour
    ink: Colour
    accent: Colour
    faint: Colour
    texture: float = 0.0
    fade: float = 0.0


@dataclass(slots=True)
class Page:
    """A document to be drawn.

    Attributes:
        width, height: pixels.
        blocks: in reading order.
        see_through: there is no paper; text stands on the picture behind (signs).
    """

    kind: str
    language: str
    width: int
    height: int
    palette: Palette
    blocks: list[Block] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    see_through: bool = False

    @property
    def lines(self) -> list[Line]:
        return [line for block in self.blocks for line in block.lines]
