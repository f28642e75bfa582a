"""LaTeXML's XHTML to blocks.

One walk over the tree: what is block-like closes the block at hand and opens its own, text goes to the block at hand as
tokens with the style of the elements around it. Floats and notes are numbered apart from the running text. What LaTeXML
adds that no page shows (who cites a reference, what could not be understood) is left out; the latter is counted.
"""

import re
from xml.etree import ElementTree

from ocr_synth.academic.blocks import Block, Cell, Token
from ocr_synth.academic.floats import rejoined, with_captions

_HTML = "{http://www.w3.org/1999/xhtml}"
_STYLE_CLASSES = {
    "ltx_font_bold": "strong",
    "ltx_font_italic": "em",
    "ltx_font_slanted": "em",
    "ltx_font_typewriter": "code",
    "ltx_emph": "em",
}
_STYLE_TAGS = {"em": "em", "i": "em", "b": "strong", "strong": "strong", "code": "code", "sup": "sup", "sub": "sub"}
_UNPRINTED = {
    "ltx_bib_cited", "ltx_bib_external", "ltx_bib_links", "ltx_note_type", "ltx_note_mark", "ltx_tag_note", "ltx_pagination", "ltx_page_footer",
    "ltx_page_navbar", "ltx_rdf", "ltx_role_newpage", "ltx_role_creation", "ltx_author_before", "ltx_index_mark",
}  # fmt: skip
_PICTURES = {"ltx_graphics", "ltx_picture", "ltx_missing_image"}
_FLOATS = {"ltx_figure", "ltx_table", "ltx_float"}
_NOT_FLOATING = {"ltx_minipage", "ltx_parbox"}
_AUTHOR_PARTS = {"ltx_personname", "ltx_contact"}
_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_PARAGRAPHS = {
    "p",
    "div",
    "li",
    "dd",
    "dt",
    "ul",
    "ol",
    "dl",
    "blockquote",
    "table",
    "pre",
    "tr",
    "figure",
    "section",
    *_HEADINGS,
}
_LOGOS = {"ltx_TeX_logo", "ltx_LaTeX_logo"}
_COMMENT = re.compile(r"%\s*\n\s*")
_LOGO = re.compile("LaTeX|TeX", re.IGNORECASE)
_LOGO_NAMES = {"LATEX": "LaTeX", "TEX": "TeX"}
_CHARACTERS = {
    "\\backslash": "\\",
    "\\{": "{",
    "\\}": "}",
    "<": "<",
    ">": ">",
    "|": "|",
    "\\_": "_",
    "\\&": "&",
}  # set as formulas for TeX's sake
_COUNTED = {"ltx_tag", "ltx_cite", "ltx_ref_tag", "ltx_ref_title"}
_TEXT_KINDS = ("paragraph", "item", "quote", "author", "footnote")


def blocks_of(xhtml: bytes) -> list[Block]:
    """The blocks of a document as LaTeXML writes it, in source order; a note follows the block that it is marked in.

    Raises:
        ElementTree.ParseError: this is not XML.
    """
    root = ElementTree.fromstring(xhtml)
    walk = _Walk()
    body = root.find(f"{_HTML}body")
    walk.element(root if body is None else body, ())
    walk.end()
    kept = [
        b for b in walk.blocks if b.kind == "figure" or b.errors or any(not t.tag or b.kind != "reference" for t in b.tokens)
    ]
    return rejoined(kept)


class _Walk:
    def __init__(self):
        self.blocks: list[Block] = []
        self.block = Block("paragraph")
        self.notes: list[Block] = []
        self.apart: int | None = None  # the float at hand
        self.num_apart = 0
        self.depth = -1  # of lists
        self.kind = "paragraph"  # of a block that plain text opens
        self.marker = ""  # of the item that is about to begin
        self.lead: list[Token] = []  # run-in head of a theorem or description item
        self.space = False

    def close(self) -> None:
        """Ends the block at hand; notes marked in it follow."""
        if self.block.tokens or self.block.errors:
            self.blocks.append(self.block)
        self.blocks += self.notes
        self.notes = []
        self.block = Block(self.kind, level=max(0, self.depth), apart=self.apart)
        self.space = False

    def end(self) -> None:
        """Ends the block at hand, and a run-in head that nothing followed."""
        self.close()
        if self.lead:
            self.block.tokens, self.lead = self.lead, []
            self.close()

    def open(self, kind: str, level: int = 0, marker: str = "") -> Block:
        self.end()
        self.block = Block(kind, level=level, marker=marker, apart=self.apart)
        return self.block

    def add(self, token: Token) -> None:
        if self.marker and self.block.kind == "item" and not self.block.tokens:
            self.block.marker, self.marker = self.marker, ""
        if self.lead and self.block.kind in _TEXT_KINDS and not self.block.tokens:
            self.block.tokens, self.lead = self.lead, []
            token.glue = token.glue or " "
        self.block.tokens.append(token)
        self.space = False

    def text(self, text: str | None, style: tuple[str, ...]) -> None:
        if not text:
            return
        words = text.split()
        if text[:1].isspace():
            self.space = True
        for number, word in enumerate(words):
            self.add(Token(word, style=style, glue=" " if self.space or number else ""))
        if words:
            self.space = text[-1:].isspace()

    def children(self, element: ElementTree.Element, style: tuple[str, ...]) -> None:
        self.text(element.text, style)
        for child in element:
            self.element(child, style)
            self.text(child.tail, style)

    def element(self, element: ElementTree.Element, style: tuple[str, ...]) -> None:  # noqa: PLR0912 - one case a line
        if not isinstance(element.tag, str):
            return  # a comment
        tag, classes = element.tag.rpartition("}")[2], set((element.get("class") or "").split())
        if "ltx_ERROR" in classes:
            self.block.errors += 1
        elif classes & _UNPRINTED:
            return
        elif "ltx_Math" in classes:
            self.formula(element, style)
        elif "ltx_note" in classes:
            if "ltx_note_frontmatter" in classes and (content := _content(element)) is not None:
                self.author(
                    content, ()
                )  # rights, classification, thanks: where and whether a class prints them is its own affair
            else:
                self.note(element, classes)
        elif classes & _PICTURES or tag in ("img", "svg", "object", "video"):
            self.picture(element)
        elif tag == "br":
            self.space = True
            self.line_break()
        elif classes & _LOGOS:
            self.text(
                (" " if self.space else "")
                + _LOGO.sub(lambda m: _LOGO_NAMES[m[0].upper()], "".join("".join(element.itertext()).split())),
                style,
            )
        elif "ltx_eqn_table" in classes:
            self.equations(element)
        elif classes & _FLOATS and not classes & _NOT_FLOATING:
            self.float(element, style)
        elif classes & _AUTHOR_PARTS:
            self.author(element, style)
        elif "ltx_caption" in classes:
            self.caption(element)
        elif tag in _HEADINGS:
            self.heading(element, tag, classes)
        elif "ltx_listing" in classes or tag == "pre":
            self.code(element)
        elif "ltx_tabular" in classes:
            self.table(element)
        elif "ltx_bibitem" in classes:
            self.reference(element)
        elif tag in ("ul", "ol", "dl"):
            self.list(element)
        elif "ltx_title" in classes and "ltx_runin" in classes:
            self.run_in(element)
        elif tag in _PARAGRAPHS:
            self.paragraph(element, classes, style)
        else:
            first = len(self.block.tokens)
            self.children(element, self.styled(tag, classes, style))
            if classes & _COUNTED:
                for token in self.block.tokens[first:]:
                    token.tag = True

    def styled(self, tag: str, classes: set[str], style: tuple[str, ...]) -> tuple[str, ...]:
        new = [_STYLE_TAGS[tag]] if tag in _STYLE_TAGS else []
        new += [s for c, s in _STYLE_CLASSES.items() if c in classes and s not in new]
        if "ltx_font_upright" in classes or "ltx_font_medium" in classes:
            dropped = {"em"} if "ltx_font_upright" in classes else {"strong"}
            style = tuple(s for s in style if s not in dropped)
        if "code" in style:
            return style
        return style + tuple(s for s in new if s not in style)

    def line_break(self) -> None:
        if self.block.tokens and self.block.kind in _TEXT_KINDS:
            self.block.tokens.append(Token("", kind="raw", glue="\n")) if self.block.tokens[-1].glue != "\n" else None
            self.space = False

    def formula(self, element: ElementTree.Element, style: tuple[str, ...]) -> None:
        tex = _tex(element)
        if tex in _CHARACTERS:
            self.add(Token(_CHARACTERS[tex], style=style, glue=" " if self.space else ""))
        elif tex:
            self.add(Token(tex, kind="math", style=tuple(s for s in style if s != "code"), glue=" " if self.space else ""))

    def note(self, element: ElementTree.Element, classes: set[str]) -> None:
        """Its mark where it stands; its text as a block of its own, for the foot of the page."""
        mark = element.find(f"{_HTML}sup")
        sign = "".join(mark.itertext()).strip() if mark is not None else ""
        content = _content(element)
        if content is None:
            return
        shown = "ltx_role_footnotetext" not in classes and "ltx_role_margin" not in classes
        if sign and shown and self.block.tokens:
            self.add(Token(f"[^{sign}]", kind="raw", glue=""))
        inner = _Walk()
        inner.num_apart = self.num_apart = self.num_apart + 1
        inner.apart, inner.kind = self.num_apart, "footnote"
        inner.block = Block("footnote", marker=sign, apart=self.num_apart)
        inner.children(content, ())
        inner.end()
        self.num_apart = inner.num_apart
        self.notes += inner.blocks

    def picture(self, element: ElementTree.Element) -> None:
        self.open("figure", marker="figure")
        self.blocks.append(self.block)
        self.block = Block(self.kind, apart=self.apart)
        self.close()

    def float(self, element: ElementTree.Element, style: tuple[str, ...]) -> None:
        self.close()
        outer, kind, depth = self.apart, self.kind, self.depth
        if outer is None:
            self.num_apart += 1
            self.apart = self.num_apart
        self.kind, self.depth, first = "paragraph", -1, len(self.blocks)
        self.close()
        self.children(element, style)
        self.close()
        self.apart, self.kind, self.depth = outer, kind, depth
        self.close()
        self.blocks[first:] = with_captions(self.blocks[first:])

    def author(self, element: ElementTree.Element, style: tuple[str, ...]) -> None:
        """A name or an address, for itself: classes set them in other orders than the source, and an address that authors share once."""
        self.close()
        outer, kind = self.apart, self.kind
        self.num_apart += 1
        self.apart, self.kind = self.num_apart, "author"
        self.close()
        self.text(element.text, style)
        for part in element:
            self.space = True  # institution, street, city: LaTeXML sets no space between them
            self.element(part, style)
            self.text(part.tail, style)
        self.close()
        self.apart, self.kind = outer, kind
        self.close()

    def caption(self, element: ElementTree.Element) -> None:
        self.open("caption")
        tag = next((e for e in element if "ltx_tag" in (e.get("class") or "").split()), None)
        if tag is not None:
            self.block.marker = " ".join("".join(tag.itertext()).split()).rstrip(".: ")
        self.children(element, ())
        self.close()

    def heading(self, element: ElementTree.Element, tag: str, classes: set[str]) -> None:
        if "ltx_runin" in classes:
            self.run_in(element, self.styled("", classes, ()))
            return
        self.open("heading", level=_HEADINGS[tag])
        self.children(element, ())
        for token in self.block.tokens:
            token.style = tuple(s for s in token.style if s != "strong")
        self.close()

    def run_in(self, element: ElementTree.Element, style: tuple[str, ...] = ()) -> None:
        """Its words lead the next paragraph, in `style`, or in bold where they have none."""
        self.close()
        self.block = Block("heading")
        self.children(element, ())
        for token in self.block.tokens:
            token.style = token.style or style or ("strong",)
        self.lead += self.block.tokens
        self.block = Block(self.kind, level=max(0, self.depth), apart=self.apart)

    def paragraph(self, element: ElementTree.Element, classes: set[str], style: tuple[str, ...]) -> None:
        kind = self.kind
        if element.tag.endswith("}blockquote") or "ltx_quote" in classes:
            self.kind = "quote"
        self.close()
        self.children(element, self.styled("", classes, style))
        self.kind = kind
        self.close()

    def list(self, element: ElementTree.Element) -> None:
        self.close()
        kind, depth = self.kind, self.depth
        self.depth += 1
        self.kind = "item" if kind != "footnote" else kind
        self.close()
        for item in element:
            if not isinstance(item.tag, str):
                continue
            tag = next((e for e in item if "ltx_tag_item" in (e.get("class") or "").split()), None)
            sign = " ".join("".join(tag.itertext()).split()) if tag is not None else ""
            if item.tag.endswith("}dt"):
                self.run_in(item)
                self.marker = "-"
                continue
            if not item.tag.endswith("}dd"):
                self.marker = sign if any(c.isalnum() for c in sign) else "-"
            if "ltx_bibitem" in (item.get("class") or ""):
                self.reference(item)
                continue
            if tag is not None:
                item.remove(tag)
            self.children(item, ())
            self.close()
            self.marker = ""
        self.kind, self.depth = kind, depth
        self.close()

    def reference(self, element: ElementTree.Element) -> None:
        self.open("reference")
        self.marker, kind, self.kind = "", self.kind, "reference"
        tag = next((e for e in element if "ltx_tag_bibitem" in (e.get("class") or "").split()), None)
        sign = ""
        if tag is not None:
            sign = " ".join("".join(tag.itertext()).split())
            element.remove(tag)
        printed = sign and " " not in sign and "(" not in sign.strip("()")  # LaTeXML calls author-year entries "Smith (1999)"
        self.add(Token(sign if printed else "[]", tag=True))  # what the PDF has is put there later
        for part in element:
            if any("ltx_bib_links" in (e.get("class") or "") for e in part.iter()):
                continue  # "External Links: Document", which LaTeXML adds
            self.space = True
            self.element(part, ())
            self.text(part.tail, ())
        self.kind = kind
        self.close()

    def code(self, element: ElementTree.Element) -> None:
        lines = [e for e in element.iter() if "ltx_listingline" in (e.get("class") or "").split()]
        texts = ["".join(_without_tags(line)).rstrip("\n") for line in lines] or "".join(element.itertext()).strip("\n").split(
            "\n"
        )
        block = self.open("code")
        for line in texts:
            block.starts.append(len(block.tokens))
            words = re.findall(r"\s*\S+", line) or [line]
            for number, word in enumerate(words):
                indent = word[: len(word) - len(word.lstrip())]
                block.tokens.append(Token(word.lstrip() if number else word, glue=indent if number else "\n"))
        if not any(t.text.strip() for t in block.tokens):
            block.tokens, block.starts = [], []
        self.close()

    def equations(self, element: ElementTree.Element) -> None:
        """Rows of a display: their formulas joined, their number as a `\\tag`, what text stands between them as a paragraph."""
        self.open("equation")
        for row in element.iter(f"{_HTML}tr"):
            parts, number = [], ""
            for part in row.iter():
                classes = (part.get("class") or "").split()
                if "ltx_Math" in classes and (tex := _tex(part)):
                    parts.append(re.sub(r"^\\displaystyle(?![a-zA-Z])\s*", "", tex))
                elif "ltx_tag_equation" in classes or "ltx_tag_equationgroup" in classes:
                    number = " ".join("".join(part.itertext()).split()).strip("()")
            if parts:
                self.block.tokens.append(Token(" ".join(parts), kind="display", glue="\n"))
                if number:
                    self.block.tokens.append(Token(number, kind="number", tag=True))
            else:
                self.children(row, ())
        self.close()

    def table(self, element: ElementTree.Element) -> None:
        marker, lead, self.marker, self.lead = self.marker, self.lead, "", []
        outer = self.block
        block = Block("table", apart=self.apart)
        self.close_before_table(outer)
        self.block = block
        row = 0
        for line in element.iter(f"{_HTML}tr"):
            cells = [c for c in line if isinstance(c.tag, str) and c.tag.rpartition("}")[2] in ("td", "th")]
            for cell in cells:
                self.space, start = False, len(block.tokens)
                self.inside(cell, block)
                spans = (_span(cell.get("colspan")), _span(cell.get("rowspan")))
                header = cell.tag.endswith("}th") and "ltx_th_column" in (cell.get("class") or "")
                block.cells.append(Cell(row, start, len(block.tokens), *spans, header))
            row += bool(cells)
        self.block = block
        self.close()
        self.marker, self.lead = marker, lead

    def close_before_table(self, outer: Block) -> None:
        if outer.tokens or outer.errors:
            self.blocks.append(outer)

    def inside(self, cell: ElementTree.Element, table: Block) -> None:
        """The words of a cell, whatever blocks it holds, into the table's tokens."""
        inner = _Walk()
        inner.num_apart, inner.apart = self.num_apart, self.apart
        inner.children(cell, ())
        inner.end()
        self.num_apart = inner.num_apart
        for block in inner.blocks:
            table.errors += block.errors
            if block.kind == "footnote":
                self.notes.append(block)
            elif block.kind == "figure" and not block.tokens:
                table.tokens.append(Token(f"![]({block.marker})", kind="raw"))
            else:
                tokens = [
                    Token(t.text, "math" if t.kind == "display" else t.kind, t.style, t.glue.replace("\n", " "))
                    for t in block.tokens
                ]
                if tokens:
                    tokens[0].glue = " "  # cells do not run into each other
                table.tokens += tokens


def _content(note: ElementTree.Element) -> ElementTree.Element | None:
    return next((e for e in note.iter() if "ltx_note_content" in (e.get("class") or "").split()), None)


def _span(value: str | None) -> int:
    return min(int(value), 1000) if value and value.isdigit() and int(value) > 0 else 1


def _tex(element: ElementTree.Element) -> str:
    return " ".join(_COMMENT.sub("", "".join(element.itertext())).split())


def _without_tags(element: ElementTree.Element) -> list[str]:
    """The text of a listing's line without its number."""
    parts = [element.text or ""]
    for child in element:
        if "ltx_tag" not in (child.get("class") or "").split():
            parts += _without_tags(child)
        parts.append(child.tail or "")
    return parts
