"""The tree of sampling ranges of synthetic documents: one dataclass per element of the code that draws from it.

A `Range` is (low, high), drawn uniformly, both ends possible; a `share` is a probability in [0, 1]; a `*_weight` is relative to its
siblings. The tree's shape follows SynthDoG's configuration (Kim et al., 2022).
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from sieveline.errors import ConfigError

Range = tuple[float, float]
T = TypeVar("T")


def uniform(rng: np.random.Generator, span: Range) -> float:
    return float(rng.uniform(*span))


def whole(rng: np.random.Generator, span: Range) -> int:
    """An integer in [low, high]."""
    return int(rng.integers(int(span[0]), int(span[1]) + 1))


def happens(rng: np.random.Generator, share: float) -> bool:
    return bool(rng.random() < share)


def one_of(rng: np.random.Generator, options: Sequence[T]) -> T:
    return options[int(rng.integers(len(options)))]


def weighted(rng: np.random.Generator, weights: dict[str, float]) -> str:
    """A key, with probability in proportion to its weight."""
    cumulative = np.cumsum(list(weights.values()))
    return list(weights)[int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))]


class _Checked:
    """Refuses ranges that run backwards and shares outside [0, 1], by the fields' names."""

    def __post_init__(self) -> None:
        where = type(self).__name__.lower()
        for field in dataclasses.fields(self):  # pyright: ignore[reportArgumentType]
            value: Any = getattr(self, field.name)
            if field.name.endswith("share") and not 0 <= value <= 1:
                raise ConfigError(f"synthetic documents: {where}.{field.name} is {value}, must lie between 0 and 1")
            if field.name.endswith("weight") and value < 0:
                raise ConfigError(f"synthetic documents: {where}.{field.name} is {value}, must not be negative")
            if field.type is Range and not value[0] <= value[1]:
                raise ConfigError(f"synthetic documents: {where}.{field.name} is {value}, low must not exceed high")


@dataclass(frozen=True, kw_only=True, slots=True)
class Kinds(_Checked):
    """Relative weights of the kinds of document; a kind that a text cannot fill (vertical English, code from prose) is left out."""

    page_weight: float = 6.0
    table_weight: float = 1.5
    form_weight: float = 1.5
    receipt_weight: float = 1.5
    sign_weight: float = 1.5
    line_weight: float = 1.5
    vertical_weight: float = 2.0
    code_weight: float = 1.0

    def __post_init__(self) -> None:
        _Checked.__post_init__(self)
        if not any(getattr(self, f.name) for f in dataclasses.fields(self)):
            raise ConfigError("synthetic documents: every weight of kinds is 0, nothing could be drawn")


@dataclass(frozen=True, kw_only=True, slots=True)
class Text(_Checked):
    """How text is set.

    Attributes:
        size: em in pixels of body text.
        heading_scale: of headings, times the body's.
        line_height: times the em.
        bold_share: of headings and labels set in bold.
        italic_share: of paragraphs set in italics.
        embolden: synthetic weight, ems, for fonts without a bold; slant likewise, as x/y.
        underline_share: of headings.
        justify_share, centre_share: of paragraphs; others are ragged at the side where a line ends.
        colour_share: of documents whose ink is not grey or black.
        accent_share: of headings in a second colour.
        min_contrast: WCAG ratio of ink to what is behind it, at the worst of it; enforced when colours are drawn.
    """

    size: Range = (15, 34)
    heading_scale: Range = (1.2, 2.2)
    line_height: Range = (1.15, 1.8)
    bold_share: float = 0.7
    italic_share: float = 0.12
    embolden: float = 0.025
    slant: float = 0.2
    underline_share: float = 0.15
    justify_share: float = 0.3
    centre_share: float = 0.1
    colour_share: float = 0.35
    accent_share: float = 0.4
    min_contrast: float = 4.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Page(_Checked):
    """A page of prose.

    Attributes:
        margin: share of the short side.
        columns_weight: of one, two and three columns.
        title_share: of pages that start with a title across all columns.
        heading_weight, list_weight, table_weight, paragraph_weight: of the elements of the flow.
        rule_share: of pages with lines between columns.
        fill: share of the page's height that text may fill.
    """

    margin: Range = (0.04, 0.11)
    one_column_weight: float = 5.0
    two_columns_weight: float = 3.0
    three_columns_weight: float = 1.0
    title_share: float = 0.6
    paragraph_weight: float = 6.0
    heading_weight: float = 1.5
    list_weight: float = 1.2
    table_weight: float = 0.6
    rule_share: float = 0.25
    fill: Range = (0.6, 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Table(_Checked):
    """Rows and columns count the head; a cell is a number in `number_share` of columns."""

    rows: Range = (3, 9)
    columns: Range = (2, 5)
    number_share: float = 0.45
    grid_share: float = 0.5
    shaded_head_share: float = 0.4


@dataclass(frozen=True, kw_only=True, slots=True)
class Form(_Checked):
    fields: Range = (5, 14)
    boxed_share: float = 0.5
    checkbox_share: float = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt(_Checked):
    items: Range = (3, 14)
    size: Range = (16, 26)
    width: Range = (18, 26)
    """Width of the slip in ems."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sign(_Checked):
    """Few words, large.

    Attributes:
        size: em in pixels.
        plate_share: of signs on a plate; others stand on the picture itself, where contrast allows.
        arc: rise of the baseline in ems, either way.
    """

    words: Range = (1, 6)
    size: Range = (36, 110)
    plate_share: float = 0.65
    arc: Range = (0.0, 0.9)
    arc_share: float = 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class SingleLine(_Checked):
    """A picture of one line."""

    size: Range = (22, 64)
    characters: Range = (4, 70)
    margin: Range = (0.15, 0.7)
    """Around the line, in ems."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Paper(_Checked):
    """What is written on.

    Attributes:
        white_share: of papers that are nearly white; others are tinted, and `dark_share` of those are dark with light ink.
        texture: standard deviation of the paper's grain, in grey levels.
        fade: how much of the ink is worn away in patches, at the worst.
    """

    white_share: float = 0.6
    dark_share: float = 0.2
    texture: Range = (0.0, 7.0)
    stain_share: float = 0.15
    fade: Range = (0.0, 0.25)


@dataclass(frozen=True, kw_only=True, slots=True)
class Warp(_Checked):
    """From page to picture.

    Attributes:
        flat_share: of documents that are not warped at all, as born on a screen.
        short_side, aspect: of the picture, in pixels; of SynthDoG's size.
        coverage: side of the page by that of the picture.
        rotation: degrees, either way.
        turned_share: of pictures turned by 90, 180 or 270 degrees.
        perspective: how far a corner moves, as a share of the side.
        curl: rise of a bent page, as a share of the side; elastic: of the small waves, in pixels.
    """

    flat_share: float = 0.25
    short_side: Range = (720, 1024)
    aspect: Range = (1.0, 1.5)
    coverage: Range = (0.82, 0.98)
    rotation: Range = (0.0, 5.0)
    turned_share: float = 0.03
    perspective: Range = (0.0, 0.06)
    curl_share: float = 0.35
    curl: Range = (0.005, 0.03)
    elastic_share: float = 0.4
    elastic: Range = (0.5, 3.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Degrade(_Checked):
    """What happens to ink and light; each in its share of documents. After Nougat (Blecher et al., 2023) and SynthDoG.

    Attributes:
        clean_share: of documents that nothing happens to.
        thicken_share, thin_share: dilation and erosion of the ink by about half a pixel.
        blur: standard deviation in pixels; motion: length in pixels. Both are held against the size of the text.
        noise: standard deviation in grey levels.
        jpeg: quality of an earlier compression; quality: of the final one.
        shadow: how much light is taken at the darkest.
        moire: amplitude in grey levels.
        brightness, contrast: factors.
    """

    clean_share: float = 0.1
    thicken_share: float = 0.12
    thin_share: float = 0.12
    blur_share: float = 0.3
    blur: Range = (0.3, 1.2)
    motion_share: float = 0.12
    motion: Range = (2, 6)
    noise_share: float = 0.5
    noise: Range = (1.5, 12)
    jpeg_share: float = 0.3
    jpeg: Range = (35, 75)
    shadow_share: float = 0.35
    shadow: Range = (0.1, 0.45)
    moire_share: float = 0.1
    moire: Range = (2, 9)
    light_share: float = 0.6
    brightness: Range = (0.8, 1.15)
    contrast: Range = (0.75, 1.15)
    quality: Range = (60, 95)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling(_Checked):
    """The whole tree."""

    kinds: Kinds = Kinds()
    text: Text = Text()
    page: Page = Page()
    table: Table = Table()
    form: Form = Form()
    receipt: Receipt = Receipt()
    sign: Sign = Sign()
    line: SingleLine = SingleLine()
    paper: Paper = Paper()
    warp: Warp = Warp()
    degrade: Degrade = Degrade()
    natural_share: float = 0.6
    """Of warped documents and signs that have a natural image behind them, where any is given."""
