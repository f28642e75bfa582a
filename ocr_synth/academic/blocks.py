"""The blocks a document is made of, and their light markup, whole or from one token to another.

A page may begin in the middle of a paragraph, so a block holds tokens (words, formulas, notes' marks) with their style, and
is written for any range of them: emphasis closes at the cut, a table is cut between rows, code between lines.

The markup is Markdown: `#` headings, `*emphasis*`, `**strong**`, `` `code` ``, lists, `$formula$` and `$$display$$` in TeX,
tables with `|` (HTML where cells span), `![Figure 1: caption](figure-1)`, `[^1]` for footnotes with `[^1]: text` at the
foot of their page.
"""

import html
import re
from dataclasses import dataclass, field

STYLES = {"strong": ("**", "**"), "em": ("*", "*"), "code": ("`", "`"), "sup": ("<sup>", "</sup>"), "sub": ("<sub>", "</sub>")}
_SPECIAL = re.compile(r"[`*$]|<(?=[a-z/!])")


@dataclass(slots=True)
class Token:
    """A word with what sticks to it, or a formula.

    Attributes:
        text: as it is read; TeX for a formula, without dollar signs.
        kind: "word", "math", "display" (a formula on a line of its own), "number" (that of the display before it) or "raw"
            (markup that stands as it is and has no words).
        style: names of `STYLES`, outermost first.
        glue: what stands before it: "", " " or a line break.
        tag: a number or label that LaTeXML counted out ("Table 1:"), which the PDF may print otherwise.
    """

    text: str
    kind: str = "word"
    style: tuple[str, ...] = ()
    glue: str = " "
    tag: bool = False


@dataclass(slots=True)
class Cell:
    """A table cell over tokens [start, end) of its block, in row `row`."""

    row: int
    start: int
    end: int
    colspan: int = 1
    rowspan: int = 1
    header: bool = False


@dataclass(slots=True)
class Block:
    """A paragraph, heading, list item, formula, table, figure, footnote, reference or piece of code.

    Attributes:
        kind: "paragraph", "author", "heading", "item", "equation", "code", "table", "figure", "caption", "footnote", "quote", "reference".
        tokens: in reading order.
        level: of a heading, 1 for the title; depth of a list item, 0 for the outermost.
        marker: of an item or footnote, "-", "1." or the footnote's sign; the name a figure is referred to by.
        apart: number of the float or note that it belongs to, which stands outside the running text; None in the running text.
        cells: of a table.
        starts: tokens that begin a line of code.
        errors: commands in it that LaTeXML did not understand.
    """

    kind: str
    tokens: list[Token] = field(default_factory=list)
    level: int = 0
    marker: str = ""
    apart: int | None = None
    cells: list[Cell] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    errors: int = 0

    def cut(self, token: int) -> int:
        """The place nearest to before `token` where the block may be cut."""
        if self.kind in ("equation", "figure", "caption"):
            return 0 if token < len(self.tokens) else token
        if self.kind == "table":
            starts = [c.start for c in self.cells if not any(o.row < c.row < o.row + o.rowspan for o in self.cells)]
            first_of_row = {c.row: c.start for c in reversed(self.cells)}
            starts = [s for s in first_of_row.values() if s in starts]
            return max((s for s in starts if s <= token), default=0) if token < len(self.tokens) else token
        if self.kind == "code":
            return max((s for s in self.starts if s <= token), default=0) if token < len(self.tokens) else token
        return token


def render(block: Block, start: int = 0, end: int | None = None) -> str:  # noqa: PLR0911 - one return a kind
    """The markup of tokens [start, end) of `block`; empty if there is nothing to write."""
    end = len(block.tokens) if end is None else end
    if block.kind == "table":
        return _table(block, start, end)
    tokens = block.tokens[start:end]
    if not tokens:
        return ""
    if block.kind == "code":
        body = "".join(("" if i == 0 else t.glue) + t.text for i, t in enumerate(tokens))
        fence = "```" if "```" not in body else "~~~~"
        return f"{fence}\n{body}\n{fence}"
    text = inline(tokens)
    if not text:
        return ""
    match block.kind:
        case "heading":
            return f"{'#' * min(6, block.level)} {_one_line(text)}"
        case "item":
            indent = "  " * block.level
            first = f"{indent}{block.marker} " if start == 0 and block.marker else f"{indent}  "
            return first + text.replace("\n", f"\n{indent}  ")
        case "figure":
            return f"![{_one_line(text)}]({block.marker})"
        case "footnote":
            return f"[^{block.marker}]: {_one_line(text)}" if start == 0 and block.marker else _one_line(text)
        case "quote":
            return "> " + text.replace("\n", "\n> ")
        case _:
            return text


def inline(tokens: list[Token]) -> str:
    """The markup of running text."""
    parts: list[str] = []
    style: tuple[str, ...] = ()
    for number, token in enumerate(tokens):
        if not token.text and token.glue != "\n":
            continue  # a label that the PDF does not print
        if token.kind == "number":
            continue  # written with its display
        wanted = token.style
        if token.kind == "word" and wanted[-1:] != ("code",) and not any(c.isalnum() for c in token.text):
            wanted = style[: _shared(style, wanted)]  # a full stop alone takes no emphasis
        shared = _shared(style, wanted)
        parts += [STYLES[s][1] for s in reversed(style[shared:])]
        parts.append(token.glue if parts else "")
        parts += [STYLES[s][0] for s in wanted[shared:]]
        style = wanted
        following = tokens[number + 1] if number + 1 < len(tokens) else None
        parts.append(_written(token, following.text if following and following.kind == "number" else ""))
    parts += [STYLES[s][1] for s in reversed(style)]
    return "".join(parts).strip()


def _shared(style: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many of the outermost styles are the same."""
    for number, (a, b) in enumerate(zip(style, other, strict=False)):
        if a != b:
            return number
    return min(len(style), len(other))


def _written(token: Token, number: str) -> str:
    match token.kind:
        case "math":
            return f"${token.text}$"
        case "display":
            label = f" \\tag{{{number}}}" if number else ""
            return f"$$\n{token.text}{label}\n$$"
        case "raw":
            return token.text
    if token.style and token.style[-1] == "code":
        return token.text.replace("`", "'")
    return _SPECIAL.sub(lambda m: "&lt;" if m[0] == "<" else f"\\{m[0]}", token.text)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _table(block: Block, start: int, end: int) -> str:
    """Rows that begin in [start, end): with pipes where every cell is one by one, else in HTML."""
    rows: dict[int, list[Cell]] = {}
    for cell in block.cells:
        rows.setdefault(cell.row, []).append(cell)
    kept = [cells for cells in rows.values() if start <= cells[0].start < end or (start == 0 and cells[0].start == 0 < end)]
    if not any(block.tokens[c.start : c.end] for cells in kept for c in cells):
        return ""
    simple = all(c.colspan == c.rowspan == 1 for cells in kept for c in cells) and len({len(cells) for cells in kept}) == 1
    return _with_pipes(block, kept) if simple else _as_html(block, kept)


def _with_pipes(block: Block, rows: list[list[Cell]]) -> str:
    lines = []
    for cells in rows:
        texts = (_one_line(inline(block.tokens[c.start : c.end])).replace("|", "\\|") for c in cells)
        lines.append("| " + " | ".join(texts) + " |")
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    return "\n".join(lines)


def _as_html(block: Block, rows: list[list[Cell]]) -> str:
    lines = ["<table>"]
    for cells in rows:
        line = "<tr>"
        for cell in cells:
            spans = f' colspan="{cell.colspan}"' * (cell.colspan > 1) + f' rowspan="{cell.rowspan}"' * (cell.rowspan > 1)
            text = html.escape(_one_line(inline(block.tokens[cell.start : cell.end])), quote=False)
            tag = "th" if cell.header else "td"
            line += f"<{tag}{spans}>{text}</{tag}>"
        lines.append(line + "</tr>")
    return "\n".join([*lines, "</table>"])
