"""PDFs for tests: lines of Helvetica at given places, written by hand so that nothing between test and reader decides what is there."""

from collections.abc import Sequence

Line = tuple[float, float, str]
"""x, y (points from the left and the bottom) and text."""


def small_pdf(pages: Sequence[Sequence[Line]], size: float = 10.0, extra: Sequence[bytes] = ()) -> bytes:
    """A PDF of `pages`; `extra` are content streams put behind each page's own."""
    objects: list[bytes] = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    kids = []
    for lines in pages:
        drawn = "".join(f"BT /F1 {size:g} Tf {x:g} {y:g} Td ({_escaped(text)}) Tj ET\n" for x, y, text in lines)
        stream = drawn.encode("latin-1") + b"".join(extra)
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
        resources = b"<< /Font << /F1 3 0 R >> >>"
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources %s /Contents %d 0 R >>"
            % (resources, len(objects))
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(b"%010d 00000 n \n" % o for o in offsets)
    return body + table + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, len(body))


def page_of(text: str, top: float = 700.0, width: int = 60, x: float = 72.0) -> list[Line]:
    """Lines of `text`, at most `width` characters each, 12 points apart."""
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [(x, top - 12 * i, content) for i, content in enumerate([*lines, line])]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
