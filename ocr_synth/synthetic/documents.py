"""Kinds of document: each fills a page of drawn size with elements, or trims the page to what it holds."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ocr_synth.synthetic import elements, slips
from ocr_synth.synthetic.colour import draw_palette
from ocr_synth.synthetic.corpus import CODE, Reader, Source
from ocr_synth.synthetic.elements import Column, Composer
from ocr_synth.synthetic.fonts import Catalogue
from ocr_synth.synthetic.page import Block, Page, Rule, Style
from ocr_synth.synthetic.sampling import Sampling, happens, one_of, uniform, weighted, whole
from ocr_synth.synthetic.shape import TofuError
from ocr_synth.synthetic.typeset import Typesetter
from ocr_synth.synthetic.vocabulary import Numbers


def kinds(source: Source, sampling: Sampling) -> dict[str, float]:
    """Weights of the kinds that the recipe allows and this source's text can fill; there may be none."""
    weights = {name: getattr(sampling.kinds, f"{name}_weight") for name in BUILD}
    if source.language == CODE:
        return {"code": 1.0}
    left_out = {"code"} if source.unspaced else {"code", "vertical"}
    return {name: weight for name, weight in weights.items() if weight > 0 and name not in left_out}


def compose(source: Source, catalogue: Catalogue, sampling: Sampling, rng: np.random.Generator) -> Page:
    """A page, not drawn yet.

    Args:
        source: at least one passage, every one of them drawable (see `ocr_synth.synthetic.render`).
        rng: of this document's content.

    Raises:
        TofuError: no font draws what the text needs.
        EmptyPageError: nothing found room, or no kind is allowed.
    """
    weights = kinds(source, sampling)
    if not weights:
        raise EmptyPageError(f"the recipe allows no kind of document that {source.language} text can fill")
    kind = weighted(rng, weights)
    reader = Reader(source, rng)
    side = uniform(rng, sampling.warp.short_side) * 0.92
    aspect = uniform(rng, sampling.warp.aspect)
    width, height = (side, side * aspect) if happens(rng, 0.75) else (side * aspect, side)
    palette = draw_palette(rng, sampling)
    page = Page(kind, source.language, round(width), round(height), palette)
    size = min(uniform(rng, sampling.text.size), width / 18)
    sample = "".join(source.passages[int(rng.integers(len(source.passages)))] for _ in range(2))
    body = Style(_family(rng, catalogue, sample, source, fixed=kind == "code"), size, False, False, False, palette.ink)
    head = replace(
        body,
        family=body.family if happens(rng, 0.5) else _family(rng, catalogue, sample, source, fixed=False),
        size=size * uniform(rng, sampling.text.heading_scale),
        bold=happens(rng, sampling.text.bold_share),
        underline=happens(rng, sampling.text.underline_share),
        colour=palette.accent,
    )
    justify, centre = sampling.text.justify_share, sampling.text.centre_share
    align = weighted(rng, {"justify": justify, "centre": centre, "start": max(1 - justify - centre, 1e-9)})
    composer = Composer(
        rng, reader, sampling, Typesetter(catalogue, source.language, source.rtl, sampling.text), Numbers(rng, source.language),
        page, body, head, uniform(rng, sampling.text.line_height), align, float(page.height),
    )  # fmt: skip
    BUILD[kind](composer)
    page.blocks = [block for block in page.blocks if block is not None and block.lines]
    if not page.blocks:
        raise EmptyPageError(f"nothing found room on a {kind}")
    return page


class EmptyPageError(Exception):
    """Nothing was set on the page; the message says why."""


def _family(rng: np.random.Generator, catalogue: Catalogue, text: str, source: Source, *, fixed: bool) -> str:
    """A family that draws `text`; of one width for code."""
    found = catalogue.covering(text, source.language, fixed=True if fixed else None)
    if not found:  # no family has it all: the one that has most, fallbacks do the rest
        letters = "".join(c for c in dict.fromkeys(text) if c.isalpha())[:12]
        found = catalogue.covering(letters, source.language) or catalogue.covering(letters[:1], source.language)
    if not found:
        raise TofuError(f"no font draws {source.language} text")
    return one_of(rng, found).name


def _margins(c: Composer) -> tuple[float, float]:
    span = c.sampling.page.margin
    return tuple(max(uniform(c.rng, span) * min(c.page.width, c.page.height), 0.6 * c.body.size) for _ in range(2))  # pyright: ignore[reportReturnType]


def page(c: Composer) -> None:
    """Prose in one to three columns, with headings, lists and tables."""
    ranges = c.sampling.page
    across, down = _margins(c)
    inner = c.page.width - 2 * across
    num = int(
        weighted(c.rng, {"1": ranges.one_column_weight, "2": ranges.two_columns_weight, "3": ranges.three_columns_weight})
    )
    num = max(1, min(num, int(inner // (11 * c.body.size))))
    top = down
    c.limit = down + (c.page.height - 2 * down) * uniform(c.rng, ranges.fill)
    if happens(c.rng, ranges.title_share):
        title, top = elements.heading(c, Column(across, top, inner), scale=1.15, level=1)
        if title:
            c.page.blocks.append(title)
    gutter = elements.gap(c, 1.4, 2.4)
    width = (inner - (num - 1) * gutter) / num
    order = range(num)[::-1] if c.typesetter.rtl else range(num)
    for i in order:
        _fill(c, Column(across + i * (width + gutter), top, width))
    if num > 1 and happens(c.rng, ranges.rule_share):
        for i in range(1, num):
            x = across + i * (width + gutter) - gutter / 2
            c.page.rules.append(Rule(x, top, x, c.limit, c.page.palette.faint, 1.2))


def _fill(c: Composer, column: Column) -> None:
    ranges = c.sampling.page
    names = ("paragraph", "heading", "list", "table")
    weights = {name: getattr(ranges, f"{name}_weight") for name in names}
    top, last = column.top, ""
    for _ in range(60):
        if top + 1.6 * c.body.size > c.limit:
            return
        name = weighted(c.rng, {n: w for n, w in weights.items() if n != last or n == "paragraph"} or {"paragraph": 1.0})
        block, below = elements.flow_element(name)(c, Column(column.left, top, column.width))
        if block:
            c.page.blocks.append(block)
        elif name == "paragraph":
            return
        top, last = below, name


def table(c: Composer) -> None:
    """A title and a table over the page's width, text below where there is room."""
    across, down = _margins(c)
    column = Column(across, down, c.page.width - 2 * across)
    c.limit = c.page.height - down
    for element in (elements.heading, elements.table, elements.paragraph):
        block, top = element(c, column)
        if block:
            c.page.blocks.append(block)
        column = replace(column, top=top)
    _crop(c, 1.5)


def form(c: Composer) -> None:
    across, down = _margins(c)
    column = Column(across, down, c.page.width - 2 * across)
    c.limit = c.page.height - down
    for element in (elements.heading, slips.form):
        block, top = element(c, column)
        if block:
            c.page.blocks.append(block)
        column = replace(column, top=top)
    _crop(c, 1.5)


def receipt(c: Composer) -> None:
    """A slip as wide as a till's paper."""
    ranges = c.sampling.receipt
    size = uniform(c.rng, ranges.size)
    c.body, c.heading = replace(c.body, size=size), replace(c.heading, size=1.3 * size)
    margin = elements.gap(c, 0.8, 1.6)
    c.page.width = round(uniform(c.rng, ranges.width) * size + 2 * margin)
    c.page.height = round(c.page.width * 2.6)
    c.limit = c.page.height - margin
    block, _ = slips.receipt(c, Column(margin, margin, c.page.width - 2 * margin))
    if block:
        c.page.blocks.append(block)
    _crop(c, margin / size)


def sign(c: Composer) -> None:
    """Few large words, centred, on a plate or on nothing."""
    ranges, c.align = c.sampling.sign, "centre"
    style = replace(c.heading, size=uniform(c.rng, ranges.size), underline=False)
    text = c.reader.phrase(whole(c.rng, ranges.words))
    width = min(c.typesetter.width(text, style), uniform(c.rng, (6, 14)) * style.size) * 1.02
    setting = c.typesetter.paragraph(text, style, 0, 0, width, leading=1.3, align="centre")
    c.page.blocks.append(Block("sign", setting.lines, "\n".join(line.text for line in setting.lines), f"# {setting.text}"))
    pad = uniform(c.rng, (0.5, 1.1)) * style.size
    _trim(c, pad)
    if happens(c.rng, ranges.plate_share):
        if happens(c.rng, 0.5):
            inset, thick = 0.3 * pad, uniform(c.rng, (0.04, 0.1)) * style.size
            edge = Rule(inset, inset, c.page.width - inset, c.page.height - inset, style.colour, thick)
            c.page.rules.append(edge)
    else:
        c.page.see_through = True


def line(c: Composer) -> None:
    """One line, cropped to it."""
    ranges = c.sampling.line
    style = replace(c.body, size=uniform(c.rng, ranges.size), bold=happens(c.rng, 0.3), italic=happens(c.rng, 0.15))
    most = whole(c.rng, ranges.characters)
    text = c.reader.shorten(c.reader.prose(4, 400), max(most // (2 if c.reader.source.unspaced else 1), 2))
    placed = c.typesetter.line(text, style, 0, 0)
    c.page.blocks.append(Block("line", [placed], text, text))
    _trim(c, uniform(c.rng, ranges.margin) * style.size)


def vertical(c: Composer) -> None:
    """Chinese or Japanese set downwards, columns from right to left, with a heading."""
    across, down = _margins(c)
    limit, right, leading = across, c.page.width - across, max(c.leading, 1.4)
    height = c.page.height - 2 * down
    for number in range(20):
        role = "heading" if number == 0 and happens(c.rng, 0.6) else "paragraph"
        style = replace(c.heading if role == "heading" else c.body, underline=False)
        text = c.reader.phrase(whole(c.rng, (2, 6))) if role == "heading" else c.reader.prose(30, int(c.rng.integers(80, 300)))
        text = text.replace(" ", "")
        setting = c.typesetter.column(text, style, right, down, height, limit=limit, leading=leading)
        if not setting.lines:
            break
        mark = f"## {setting.text}" if role == "heading" else setting.text
        c.page.blocks.append(Block(role, setting.lines, setting.text, mark))
        right = setting.bottom - 0.6 * style.size


def code(c: Composer) -> None:
    """Program text in a font of one width, lines as they are."""
    across, down = _margins(c)
    text = c.reader.passage()
    longest = max(map(len, text.split("\n")))
    size = min(c.body.size, max((c.page.width - 2 * across) / (longest * 0.61), 14))
    c.body = replace(c.body, size=size)
    c.page.width = max(c.page.width, round(longest * 0.61 * size + 2 * across))
    top, lines, kept = down, [], []
    for row in text.split("\n"):
        if top + 1.4 * c.body.size > c.page.height - down:
            break
        kept.append(row)
        if row.strip():
            indent = len(row) - len(row.lstrip(" "))
            space = c.typesetter.width(" ", c.body) * indent
            lines.append(c.typesetter.line(row.strip(" "), c.body, across + space, top))
        top += max(c.leading, 1.25) * c.body.size
    body = "\n".join(kept)
    fence = "`" * 3
    c.page.blocks.append(Block("code", lines, body, f"{fence}\n{body}\n{fence}"))
    _crop(c, 1.5)


def _crop(c: Composer, margin: float) -> None:
    """Cuts the page below its text where much of it is empty; a quarter of documents keeps the empty rest."""
    lows = [line.y + line.shaped.descent for line in _lines(c)]
    low = max([*lows, *(rule.bottom for rule in c.page.rules)], default=c.page.height) + margin * c.body.size
    if low < c.page.height and happens(c.rng, 0.75):
        c.page.height = max(round(low), 64)


def _trim(c: Composer, pad: float) -> None:
    """Moves everything so that its ink starts at `pad` pixels, and cuts the page to it."""
    boxes = [box for line in _lines(c) if (box := line.box()) is not None]
    if not boxes:
        raise EmptyPageError(f"nothing of a {c.page.kind} has ink")
    stacked = np.array(boxes)
    left, top = stacked[:, 0].min() - pad, stacked[:, 1].min() - pad
    for placed in _lines(c):
        placed.x -= left
        placed.y -= top
    c.page.width = max(round(float(stacked[:, 2].max() - left + pad)), 16)
    c.page.height = max(round(float(stacked[:, 3].max() - top + pad)), 16)


def _lines(c: Composer):
    return [placed for block in c.page.blocks for placed in block.lines]


BUILD: dict[str, Callable[[Composer], None]] = {
    "page": page,
    "table": table,
    "form": form,
    "receipt": receipt,
    "sign": sign,
    "line": line,
    "vertical": vertical,
    "code": code,
}
