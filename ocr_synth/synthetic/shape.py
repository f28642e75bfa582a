"""Text to placed glyphs: bidi levels (UAX #9), font and script runs, HarfBuzz, and where every glyph's ink lies.

Shaping is the last gate against tofu: a cluster with a visible character must come out with ink, and none of its glyphs may be missing or
a copy of the empty box. What breaks that raises `TofuError`; nothing is drawn then.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import regex
import uharfbuzz as hb
from bidi import algorithm as bidi

from ocr_synth.synthetic.fonts import Catalogue, Font, is_blank, load

_RTL = regex.compile(r"[\p{Bidi_Class=R}\p{Bidi_Class=AL}\p{Bidi_Class=AN}]")
_COMMON = regex.compile(r"[\p{Script=Common}\p{Script=Inherited}]")
_HAN = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}]")
_UPRIGHT = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Bopomofo}\u3000-\u303f\uff00-\uffef\u2018-\u201f\u2026\u2014]")
_SCRIPTS = (
    "Latin",
    "Cyrillic",
    "Greek",
    "Arabic",
    "Hebrew",
    "Hangul",
    "Thai",
    "Devanagari",
    "Bengali",
    "Tamil",
    "Armenian",
    "Georgian",
)
_SCRIPT = {name: regex.compile(rf"\p{{Script={name}}}") for name in _SCRIPTS}


class TofuError(Exception):
    """The fonts at hand cannot draw this text; the message names the character."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A font and, for what it lacks, the catalogue's fallbacks.

    Attributes:
        font: used wherever it draws the character.
        embolden, slant: handed to the fallbacks, so that they go with the font.
    """

    font: Font
    catalogue: Catalogue
    language: str
    embolden: float = 0.0
    slant: float = 0.0

    def font_for(self, character: str) -> Font:
        if self.font.covers(character):
            return self.font
        face = self.catalogue.fallback(character, self.language)
        if face is None:
            raise TofuError(f"no font draws U+{ord(character):04X}")
        return load(face, self.embolden, self.slant)


@dataclass(slots=True)
class Glyphs:
    """Glyphs of one run in one font, placed.

    Attributes:
        ids: glyph numbers.
        x, y: pen positions in pixels, y down, relative to the start of the baseline.
        clusters: of each glyph, index of the first character it stands for.
        sideways: turned by 90 degrees clockwise (Latin in vertical text).
    """

    font: Font
    size: float
    ids: list[int]
    x: np.ndarray
    y: np.ndarray
    clusters: np.ndarray
    sideways: bool = False

    def ink(self) -> np.ndarray:
        """float64 [n, 4]: left, top, right, bottom of each glyph's ink, y down, as `x` and `y` are; NaN without ink."""
        boxes = np.array([self.font.ink(g) or (np.nan,) * 4 for g in self.ids]).reshape(-1, 4) * self.size
        left, bottom, right, top = boxes.T
        if self.sideways:  # (x, y up) in ems goes to (y, x) on the page: up becomes right, right becomes down
            return np.stack([self.x + bottom, self.y + left, self.x + top, self.y + right], 1)
        return np.stack([self.x + left, self.y - top, self.x + right, self.y - bottom], 1)


@dataclass(slots=True)
class Shaped:
    """One line of text, shaped.

    Attributes:
        text: in logical order.
        advance: length of the line in pixels, along x or, in vertical text, y.
    """

    text: str
    runs: list[Glyphs]
    advance: float
    vertical: bool = False
    ascent: float = 0.0
    descent: float = 0.0
    character_advances: np.ndarray = field(default_factory=lambda: np.zeros(0))


def shape(text: str, stack: Stack, size: float, *, rtl: bool = False, vertical: bool = False) -> Shaped:
    """Shapes one line.

    Args:
        text: without line breaks.
        size: the em in pixels.
        rtl: the paragraph's direction.
        vertical: set downwards; characters of CJK stand, others lie.

    Raises:
        TofuError: some character cannot be drawn.
    """
    runs: list[Glyphs] = []
    advances = np.zeros(len(text))
    pen = 0.0
    for start, end, level, font in visual_order(itemise(text, stack, rtl, vertical)):
        upright = vertical and bool(_UPRIGHT.match(text[start]))
        direction = "ttb" if upright else "rtl" if level % 2 else "ltr"
        infos, positions = _shape(font, text[start:end], direction, stack.language)
        scale = size / font.upem
        ids = [i.codepoint for i in infos]
        clusters = np.fromiter((i.cluster for i in infos), np.intp, len(ids)) + start
        numbers = np.array([(p.x_advance, p.y_advance, p.x_offset, p.y_offset) for p in positions], np.float64).reshape(-1, 4)
        x_advance, y_advance, x_offset, y_offset = (numbers * scale).T
        steps = -y_advance if upright else x_advance
        _check(text, start, end, font, ids, clusters)
        at = pen + np.concatenate([[0.0], np.cumsum(steps)[:-1]]) if ids else np.zeros(0)
        if upright:
            x, y = x_offset, at - y_offset
        elif vertical:  # lies on its side: the line runs down, the baseline is kept off the middle by half the letters' height
            middle = 0.5 * (font.ascent - font.descent) * size
            x, y = y_offset - middle, at + x_offset
        else:
            x, y = at + x_offset, -y_offset
        runs.append(Glyphs(font, size, ids, x, y, clusters, sideways=vertical and not upright))
        np.add.at(advances, clusters, steps)
        pen += float(steps.sum())
    fonts = [run.font for run in runs] or [stack.font]
    return Shaped(
        text, runs, pen, vertical, size * max(f.ascent for f in fonts), size * max(f.descent for f in fonts), advances
    )  # fmt: skip


def _shape(font: Font, text: str, direction: str, language: str) -> tuple[list, list]:
    buffer = hb.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    buffer.direction = direction
    if language.isalpha():
        buffer.language = language
    hb.shape(font.hb, buffer)
    return buffer.glyph_infos, buffer.glyph_positions


def _check(text: str, start: int, end: int, font: Font, ids: list[int], clusters: np.ndarray) -> None:
    inked: set[int] = set()
    for glyph, cluster in zip(ids, clusters.tolist(), strict=True):
        if font.draws(glyph):
            inked.add(cluster)
        elif glyph == 0 or font.ink(glyph) is not None:
            raise TofuError(f"{font.face.family} has no glyph for U+{ord(text[cluster]):04X} as it stands")
    bounds = sorted(set(clusters.tolist()))
    for cluster, following in zip(bounds, [*bounds[1:], end], strict=True):
        if cluster not in inked and not all(map(is_blank, text[cluster:following])):
            raise TofuError(f"{font.face.family} draws nothing for U+{ord(text[cluster]):04X}")


def itemise(text: str, stack: Stack, rtl: bool, vertical: bool = False) -> list[tuple[int, int, int, Font]]:
    """Runs of one level, font, script and, in vertical text, stance: (start, end, level, font), in logical order."""
    levels = bidi_levels(text, rtl)
    if not vertical and text.isascii() and not any(levels) and stack.font.covers_all(text):
        return [(0, len(text), 0, stack.font)] if text else []
    items: list[tuple[int, int, int, Font]] = []
    script = ""
    for i, character in enumerate(text):
        level, own = levels[i], script_of(character)
        last = items[-1] if items else None
        joins = own == "" or (not script) or own == script
        if last and level == last[2] and joins and (last[3] is stack.font or own == "") and last[3].covers(character):
            font = last[3]
        else:
            font = stack.font_for(character)
        stands = vertical and bool(_UPRIGHT.match(character))
        same = last is not None and level == last[2] and font is last[3] and joins
        if same and (not vertical or stands == bool(_UPRIGHT.match(text[last[0]]))):  # pyright: ignore[reportOptionalSubscript]
            items[-1] = (last[0], i + 1, level, font)  # pyright: ignore[reportOptionalSubscript]
            script = script or own
        else:
            items.append((i, i + 1, level, font))
            script = own
    return items


@lru_cache(maxsize=1 << 14)
def script_of(character: str) -> str:
    """The script a character shapes in; '' for those that take that of their neighbours."""
    if _COMMON.match(character):
        return ""
    if _HAN.match(character):
        return "Han"
    return next((name for name, pattern in _SCRIPT.items() if pattern.match(character)), "other")


def bidi_levels(text: str, rtl: bool) -> Sequence[int]:
    """The embedding level of every character, by the Unicode bidirectional algorithm; the text holds no explicit marks."""
    if not rtl and not _RTL.search(text):
        return [0] * len(text)
    storage = bidi.get_empty_storage()
    storage["base_level"], storage["base_dir"] = int(rtl), "R" if rtl else "L"
    bidi.get_embedding_levels(text, storage)
    bidi.explicit_embed_and_overrides(storage)
    if len(storage["chars"]) != len(text):  # joiners are removed by rule X9; they take the level of what is before them
        return _with_joiners(text, storage)
    for resolve in (bidi.resolve_weak_types, bidi.resolve_neutral_types, bidi.resolve_implicit_levels):
        resolve(storage, False)
    return _trailing([c["level"] for c in storage["chars"]], text, int(rtl))


def _with_joiners(text: str, storage: dict) -> list[int]:
    kept = "".join(c["ch"] for c in storage["chars"])
    inner = bidi_levels(kept, bool(storage["base_level"])) if kept != text else []
    levels, at = [], 0
    for character in text:
        if at < len(kept) and character == kept[at]:
            levels.append(inner[at])
            at += 1
        else:
            levels.append(levels[-1] if levels else storage["base_level"])
    return levels


def _trailing(levels: list[int], text: str, base: int) -> list[int]:
    """Rule L1: spaces at the end of a line go with the paragraph."""
    for i in range(len(text) - 1, -1, -1):
        if not text[i].isspace():
            break
        levels[i] = base
    return levels


def visual_order(items: list[tuple[int, int, int, Font]]) -> list[tuple[int, int, int, Font]]:
    """Rule L2: runs from left to right; the highest level first, every stretch of at least that level is turned round."""
    order = list(items)
    for level in range(max((i[2] for i in items), default=0), 0, -1):
        start = 0
        while start < len(order):
            end = start
            while end < len(order) and order[end][2] >= level:
                end += 1
            order[start:end] = reversed(order[start:end])
            start = max(end, start + 1)
    return order
