"""Elements of a flow of text: each takes a column and a place in it, and gives a block and where the next one may start."""

from dataclasses import dataclass, replace

import numpy as np

from ocr_synth.synthetic.corpus import Reader
from ocr_synth.synthetic.page import Block, Page, Rule, Style, rgb
from ocr_synth.synthetic.sampling import Sampling, happens, one_of, uniform, whole
from ocr_synth.synthetic.typeset import Typesetter
from ocr_synth.synthetic.vocabulary import Numbers


@dataclass(slots=True)
class Composer:
    """What all elements of one document draw from.

    Attributes:
        page: gets the rules; blocks are returned.
        body, heading: styles of the document.
        leading: distance of baselines, in ems.
        align: of paragraphs.
        limit: the lowest pixel that text may reach.
    """

    rng: np.random.Generator
    reader: Reader
    sampling: Sampling
    typesetter: Typesetter
    numbers: Numbers
    page: Page
    body: Style
    heading: Style
    leading: float
    align: str
    limit: float


@dataclass(frozen=True, slots=True)
class Column:
    left: float
    top: float
    width: float


def paragraph(c: Composer, column: Column) -> tuple[Block | None, float]:
    style = replace(c.body, italic=True) if happens(c.rng, c.sampling.text.italic_share) else c.body
    text = c.reader.prose(40, int(c.rng.integers(120, 700)))
    indent = float(c.rng.choice([0.0, 0.0, 1.0, 2.0])) * style.size if c.align in ("start", "justify") else 0.0
    setting = c.typesetter.paragraph(
        text, style, column.left, column.top, column.width, limit=c.limit, leading=c.leading, align=c.align, indent=indent
    )
    block = Block("paragraph", setting.lines, setting.text, setting.text) if setting.lines else None
    return block, setting.bottom + 0.5 * style.size


def heading(c: Composer, column: Column, *, scale: float = 1.0, level: int = 2) -> tuple[Block | None, float]:
    style = replace(c.heading, size=c.heading.size * scale)
    if column.top + 3 * style.size > c.limit:
        return None, column.top
    text = c.reader.phrase(whole(c.rng, (2, 7)))
    align = "centre" if c.align == "centre" or (level == 1 and happens(c.rng, 0.5)) else "start"
    setting = c.typesetter.paragraph(
        text, style, column.left, column.top, column.width, limit=c.limit, leading=1.25, align=align
    )  # fmt: skip
    if not setting.lines:
        return None, column.top
    if style.underline:
        for line in setting.lines:
            at = line.y + 0.14 * style.size
            thick = max(1.0, 0.06 * style.size)
            c.page.rules.append(Rule(line.x, at, line.x + line.shaped.advance, at, style.colour, thick))
    return Block("heading", setting.lines, setting.text, f"{'#' * level} {setting.text}"), setting.bottom + 0.45 * style.size


def bullets(c: Composer, column: Column) -> tuple[Block | None, float]:
    """A list, numbered or with marks; the mark is a line of its own style in the picture and a part of its item's text."""
    numbered = happens(c.rng, 0.5)
    form = one_of(c.rng, ("{}.", "{})", "({})"))
    mark = next(
        (m for m in c.rng.permutation(["•", "–", "-", "*", "▪", "◦"]) if c.typesetter.stack(c.body).font.covers(m)), "-"
    )
    inset = (2.2 if numbered else 1.4) * c.body.size
    lines, texts, markdown = [], [], []
    top = column.top
    for number in range(1, whole(c.rng, (2, 6)) + 1):
        label = c.numbers.written(form.format(number)) if numbered else str(mark)
        text = c.reader.shorten(c.reader.prose(15, 160), 160)
        left = column.left if c.typesetter.rtl else column.left + inset
        setting = c.typesetter.paragraph(text, c.body, left, top, column.width - inset, limit=c.limit, leading=c.leading)
        if not setting.lines:
            break
        room = c.typesetter.width(label, c.body)
        at = column.left + column.width - room if c.typesetter.rtl else column.left
        lines += [c.typesetter.line(label, c.body, at, top), *setting.lines]
        texts.append(f"{label} {setting.text}")
        markdown.append(f"{number}. {setting.text}" if numbered else f"- {setting.text}")
        top = setting.bottom + 0.2 * c.body.size
    block = Block("list", lines, "\n".join(texts), "\n".join(markdown)) if lines else None
    return block, top + 0.4 * c.body.size


def table(c: Composer, column: Column) -> tuple[Block | None, float]:
    """A table with a head; cells of up to two lines, columns of words or numbers, mirrored where the text runs from the right."""
    ranges, body = c.sampling.table, c.body
    num_columns = max(2, min(whole(c.rng, ranges.columns), int(column.width // (4.5 * body.size))))
    numeric = [i > 0 and happens(c.rng, ranges.number_share) for i in range(num_columns)]
    head = replace(body, bold=happens(c.rng, c.sampling.text.bold_share))
    pad = 0.35 * body.size
    cells = [_row(c, numeric, number == 0) for number in range(whole(c.rng, ranges.rows))]
    widths = _widths(c, cells, numeric, column.width, pad)
    numeric, widths = numeric[: len(widths)], widths[:num_columns]
    lefts = column.left + np.concatenate([[0], np.cumsum(widths)[:-1]])
    if c.typesetter.rtl:
        lefts = 2 * column.left + column.width - lefts - widths
    lines, rows, edges, top = [], [], [column.top], column.top
    for number, texts in enumerate(cells):
        style = head if number == 0 else body
        row, fitted, low = [], [], top
        for text, is_number, left, width in zip(texts, numeric, lefts, widths, strict=False):
            own = text if is_number and number else _fit(c, text, style, width - 2 * pad)
            align = "end" if is_number else "start"
            setting = c.typesetter.paragraph(own, style, left + pad, top + pad, width - 2 * pad, leading=1.2, align=align)
            row += setting.lines
            fitted.append(own)
            low = max(low, setting.bottom + pad)
        if low > c.limit:
            break
        lines += row
        rows.append(fitted)
        top = low
        edges.append(top)
    if len(rows) < 2:
        return None, column.top
    _table_rules(c, column, edges, [float(v) for v in sorted(lefts)[1:]])
    plain = "\n".join("\t".join(texts) for texts in rows)
    return Block("table", lines, plain, markdown_table(rows)), top + 0.8 * body.size


def _row(c: Composer, numeric: list[bool], is_head: bool) -> list[str]:
    return [c.numbers.figure() if n and not is_head else c.reader.phrase(whole(c.rng, (1, 3))) for n in numeric]


def _widths(c: Composer, cells: list[list[str]], numeric: list[bool], width: float, pad: float) -> np.ndarray:
    """Pixels of each column: numbers take what they need, words share the rest; columns that find no room are left out."""
    need = np.array(
        [
            max(c.typesetter.width(row[i], c.body) for row in cells[1:] or cells) + 2 * pad + 1
            if is_number
            else 4.5 * c.body.size
            for i, is_number in enumerate(numeric)
        ]
    )
    while len(need) > 2 and need.sum() > width:
        need = need[:-1]
    words = ~np.array(numeric[: len(need)])  # the first column always is one of words
    shares = words * c.rng.uniform(0.6, 1.6, len(need))
    return need + shares / shares.sum() * (width - need.sum())


def _fit(c: Composer, text: str, style: Style, room: float) -> str:
    """`text`, or as many of its first words (characters) as go into two lines of a cell."""
    unspaced = c.reader.source.unspaced and " " not in text
    parts = list(text) if unspaced else text.split(" ")
    while len(parts) > 1 and c.typesetter.width(("" if unspaced else " ").join(parts), style) > 1.7 * room:
        parts.pop()
    return ("" if unspaced else " ").join(parts)


def _table_rules(c: Composer, column: Column, edges: list[float], inner: list[float]) -> None:
    right = column.left + column.width
    if happens(c.rng, c.sampling.table.shaded_head_share):
        share = float(c.rng.uniform(0.04, 0.1))  # little enough that the ink stands out as on the paper
        paper, ink = (np.asarray(v, float) for v in (c.page.palette.paper, c.page.palette.ink))
        shade = rgb((1 - share) * paper + share * ink)
        c.page.rules.append(Rule(column.left, edges[0], right, edges[1], shade, 0))
    thick = float(c.rng.uniform(1, 2.2))
    grid = happens(c.rng, c.sampling.table.grid_share)
    for i, edge in enumerate(edges):
        if grid or i in (0, 1, len(edges) - 1):
            c.page.rules.append(Rule(column.left, edge, right, edge, c.page.palette.faint, thick))
    for x in (column.left, *inner, right) if grid else ():
        c.page.rules.append(Rule(x, edges[0], x, edges[-1], c.page.palette.faint, thick))


def markdown_table(rows: list[list[str]]) -> str:
    """Rows, the first the head, as a GitHub table; a pipe in a cell is escaped."""
    written = ["| " + " | ".join(cell.replace("\\", "\\\\").replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([written[0], "|" + " --- |" * len(rows[0]), *written[1:]])


def flow_element(name: str):
    """The element of that name in a page's flow."""
    return {"paragraph": paragraph, "heading": heading, "list": bullets, "table": table}[name]


def gap(c: Composer, low: float, high: float) -> float:
    """A drawn distance, in ems of the body."""
    return uniform(c.rng, (low, high)) * c.body.size
