"""Exhibits: what a line shows in its report beside counts, histograms and thumbnails, such as a page beside its markup.

A line's `exhibits(output)` returns them by stage. Pictures are given as decoded arrays or image files and drawn into the page small enough
to mail; texts are a stranger's and are escaped by the page.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import Image

from sieveline.report import text
from sieveline.report.contact_sheet import data_uri

TEXT_CHARACTERS = 4_000
"""A longer text is cut in the page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One picture beside texts.

    Attributes:
        picture: RGB, boxes and numbers drawn in already; None where there is none to show.
        texts: (label, text) pairs, shown in order with their line breaks.
        note: one line under the picture.
        kept: whether the sample was kept; None where that is not the point.
    """

    picture: Image.Image | None
    texts: Sequence[tuple[str, str]] = ()
    note: str = ""
    kept: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Exhibit:
    """A titled row of figures, or a table.

    Attributes:
        lead: one or two sentences above it.
        wide: each figure takes the page's whole width (a page beside its markup), else two or three stand in a row.
        side: pixels of a picture's longer side in the page.
        header, rows: a table, cells as text; none without a header.
    """

    title: str
    lead: str = ""
    figures: Sequence[Figure] = field(default_factory=tuple)
    wide: bool = False
    side: int = 720
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()


def view(exhibit: Exhibit, quality: int = 78) -> dict:
    """An exhibit as the template takes it: pictures as data URIs, texts visible and cut."""
    figures = []
    for figure in exhibit.figures:
        uri, width, height = _encoded(figure.picture, exhibit.side, quality) if figure.picture else (None, 0, 0)
        texts = [(label, text.lines(content, TEXT_CHARACTERS)) for label, content in figure.texts]
        figures.append(
            {
                "uri": uri,
                "width": width,
                "height": height,
                "texts": texts,
                "note": text.visible(figure.note, 300),
                "kept": figure.kept,
            }
        )
    rows = [[text.visible(str(cell), 200) for cell in row] for row in exhibit.rows]
    return {
        "title": exhibit.title,
        "lead": exhibit.lead,
        "wide": exhibit.wide,
        "figures": figures,
        "header": list(exhibit.header),
        "rows": rows,
    }


def _encoded(picture: Image.Image, side: int, quality: int) -> tuple[str, int, int]:
    small = picture.convert("RGB")
    small.thumbnail((side, side), reducing_gap=2.0)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=quality, optimize=True)
    return data_uri("image/jpeg", file.getvalue()), small.width, small.height
