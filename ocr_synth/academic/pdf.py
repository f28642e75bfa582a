"""What stands on the pages of a PDF: its words in the order they were written, where they stand, and which belong to formulas
or figures; and rasters.

PDFium does the reading. A word is in a formula if a letter of it is set in a mathematical font; its letters are then words
one by one, as `words.formula_words` gives them. A word is in a figure if it is drawn by a picture (a form within the page).
A word hyphenated at the end of a line is joined and keeps the place of its beginning. 13 CPU-ms a page of 5,000 characters,
15 to raster it at 96 dpi.
"""

import ctypes
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from ocr_synth.academic.words import words

_MATHS = re.compile(
    r"CMMI|CMSY|CMEX|CMBSY|CMMIB|MSAM|MSBM|EUFM|EUSM|EURM|EUEX|RSFS|LASY|STMARY|WASY|BBOLD|DSROM|MTMI|MTSY|MTEX|(TX|PX|NTX|NPX)(B?MI|B?SY|EX)|rtxb?mi"
    r"|Math|LMMath|Symbol|SYMB|MnSymbol|Fourier-M|zpl|psyr|esint",
    re.IGNORECASE,
)
Handle = Any
"""Of PDFium: a page, its text, an object on it."""

_HYPHENS = {0x02, 0xFFFE, 0xAD}
_SPACES = {0x20, 0x0A, 0x0D, 0x09, 0xA0, 0x00}


@dataclass(frozen=True, slots=True)
class Word:
    """A word on a page.

    Attributes:
        text: as `words.words` gives it.
        x, y: its beginning on the baseline, in points from the left and the bottom.
        maths: in a formula.
        figure: drawn by a picture.
        parts: of a word joined over a hyphen, how its two parts read apart; else empty.
        raw: what stands between the spaces around it, for the first word there; else empty.
    """

    text: str
    x: float
    y: float
    maths: bool = False
    figure: bool = False
    parts: tuple[str, ...] = ()
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it is read: its size in points and its words."""

    width: float
    height: float
    words: list[Word]


MIN_WORDS = 5
"""A page on average; a PDF with fewer has no text that can be read."""

_PACKED = pa.schema(
    [
        ("page", pa.int32()),
        ("text", pa.string()),
        ("x", pa.float32()),
        ("y", pa.float32()),
        ("maths", pa.bool_()),
        ("figure", pa.bool_()),
        ("parts", pa.list_(pa.string())),
        ("raw", pa.string()),
    ]
)


def pack(pages: list[Page]) -> bytes:
    """The words of all pages as an Arrow file."""
    rows = [(n, w.text, w.x, w.y, w.maths, w.figure, w.parts, w.raw) for n, page in enumerate(pages) for w in page.words]
    columns = [pa.array(c, f.type) for c, f in zip(zip(*rows, strict=True), _PACKED, strict=True)] if rows else []
    table = pa.table(columns, schema=_PACKED) if rows else _PACKED.empty_table()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, _PACKED, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def unpack(content: bytes, sizes: Sequence[Sequence[float]]) -> list[Page]:
    """The pages that `pack` packed, of the given widths and heights.

    Raises:
        pa.ArrowInvalid: this is not what `pack` gives.
    """
    table = pa.ipc.open_file(pa.BufferReader(content)).read_all()
    pages = [Page(width, height, []) for width, height in sizes]
    columns = [table[name].to_pylist() for name in _PACKED.names]
    for page, text, x, y, maths, figure, parts, raw in zip(*columns, strict=True):
        pages[page].words.append(Word(text, x, y, maths, figure, tuple(parts), raw))
    return pages


class Document:
    """A PDF that can be read. Not for several threads: PDFium is not."""

    def __init__(self, content: bytes):
        """Raises pdfium.PdfiumError: broken, or encrypted with a password."""
        if not content:
            raise pdfium.PdfiumError("an empty file")
        self._pdf = pdfium.PdfDocument(content)

    def __len__(self) -> int:
        return len(self._pdf)

    def close(self) -> None:
        self._pdf.close()

    def made_on(self) -> str:
        """The day it was made, as YYYYMMDD; empty if it does not say."""
        found = re.match(r"D:(\d{8})", self._pdf.get_metadata_value("CreationDate"))
        return found[1] if found else ""

    def page(self, number: int) -> Page:
        page = self._pdf[number]
        text = page.get_textpage()
        try:
            found = list(_words(page.raw, text.raw))
            return Page(page.get_width(), page.get_height(), found)
        finally:
            text.close()
            page.close()

    def raster(self, number: int, dpi: int, max_side: int) -> np.ndarray:
        """The page as uint8 [height, width] where it is grey, else [height, width, 3] in RGB; the longer side at most `max_side`."""
        page = self._pdf[number]
        try:
            scale = min(dpi / 72, max_side / max(page.get_width(), page.get_height(), 1))
            bitmap = page.render(scale=scale, rev_byteorder=True, draw_annots=False)  # pyright: ignore[reportArgumentType]  it takes any number
            rgb = bitmap.to_numpy()[:, :, :3]
            if (rgb[:, :, 0] == rgb[:, :, 1]).all() and (rgb[:, :, 1] == rgb[:, :, 2]).all():
                return np.ascontiguousarray(rgb[:, :, 0])
            return np.ascontiguousarray(rgb)
        finally:
            page.close()


def _words(page: Handle, text: Handle) -> Iterator[Word]:
    unicode, text_object = pdfium_c.FPDFText_GetUnicode, pdfium_c.FPDFText_GetTextObject
    on_page = _text_objects(page)
    of_object: dict[int, tuple[bool, bool, str]] = {}
    chunk = _Chunk(text)
    maths, figure, font = False, False, ""
    last_hyphen, high = False, 0
    for i in range(pdfium_c.FPDFText_CountChars(text)):
        code = unicode(text, i)
        if 0xD800 <= code < 0xE000:  # half of a character beyond U+FFFF
            if code < 0xDC00 or not high:
                high = code if code < 0xDC00 else 0
                continue
            code = 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00)
        high = 0
        if code in _SPACES:
            if not last_hyphen:
                yield from chunk.end()
            continue
        if code in _HYPHENS:
            last_hyphen = True
            chunk.hyphen()
            continue
        if last_hyphen:
            last_hyphen = False
        found = text_object(text, i)
        address = ctypes.addressof(found.contents) if found else 0
        if address:
            if address not in of_object:
                name = _font(found)
                of_object[address] = (bool(_MATHS.search(name)), bool(on_page) and address not in on_page, name)
            maths, figure, font = of_object[address]
        chunk.add(i, code, maths or 0x1D400 <= code < 0x1D800, figure, font)
    yield from chunk.end()


class _Chunk:
    """What stands between two spaces."""

    def __init__(self, text: Handle):
        self._text = text
        self._runs: list[tuple[int, str, bool, bool]] = []  # first character, text, maths, figure
        self._font = ""
        self._hyphen: int | None = None  # length of the last run where it was hyphenated

    def add(self, index: int, code: int, maths: bool, figure: bool, font: str) -> None:
        character = chr(code) if code < 0x110000 else "\ufffd"
        last = self._runs[-1][1][-1:] if self._runs else ""
        raised = font != self._font and character.isalnum() and last.isalnum() and character.isdigit() != last.isdigit()
        self._font = font
        if self._runs and self._runs[-1][2:] == (maths, figure) and not maths and not raised:
            first, text, *_ = self._runs[-1]
            self._runs[-1] = (first, text + character, maths, figure)
        else:
            self._runs.append((index, character, maths, figure))
            if self._hyphen is not None and len(self._runs) > 1:
                self._hyphen = None

    def hyphen(self) -> None:
        self._hyphen = len(self._runs[-1][1]) if self._runs else None

    def end(self) -> Iterator[Word]:
        runs, hyphen = self._runs, self._hyphen
        self._runs, self._hyphen = [], None
        whole = "".join(text for _, text, _, _ in runs)[:64]
        in_formula = any(maths for _, _, maths, _ in runs)
        for number, (first, text, maths, figure) in enumerate(runs):
            x, y = self._place(first)
            found = words(text)
            # digits beside a letter of a formula are of the formula, whatever their font
            belongs = maths or (in_formula and all(w.isdigit() or len(w) == 1 for w in found))
            parts: tuple[str, ...] = ()
            if hyphen is not None and number == len(runs) - 1 and 0 < hyphen < len(text):
                parts = words(text[:hyphen]) + words(text[hyphen:])
            for word in found:
                yield Word(word, x, y, belongs, figure, parts if parts and len(found) == 1 else (), whole)
                whole = ""

    def _place(self, index: int) -> tuple[float, float]:
        x, y = ctypes.c_double(), ctypes.c_double()
        pdfium_c.FPDFText_GetCharOrigin(self._text, index, x, y)
        return round(x.value, 1), round(y.value, 1)


def _text_objects(page: Handle) -> set[int]:
    """Addresses of the page's own text objects, those within forms left out."""
    found = set()
    for i in range(pdfium_c.FPDFPage_CountObjects(page)):
        part = pdfium_c.FPDFPage_GetObject(page, i)
        if part and pdfium_c.FPDFPageObj_GetType(part) == pdfium_c.FPDF_PAGEOBJ_TEXT:
            found.add(ctypes.addressof(part.contents))
    return found


def _font(text_object: Handle) -> str:
    font = pdfium_c.FPDFTextObj_GetFont(text_object)
    if not font:
        return ""
    name = ctypes.create_string_buffer(128)
    pdfium_c.FPDFFont_GetBaseFontName(font, name, 128)
    return name.value.decode("latin-1")
