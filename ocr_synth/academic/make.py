"""One paper, from its sources to what its pages are made of: XHTML, the PDF's words, a raster of every page.

This is the costly part, nearly all of it LaTeXML's, and it is done once. What follows (`paging`) is cheap and is done again
when its code changes.
"""

import gzip
import re
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from ocr_synth.academic import jail, latexml, pdf_process, sources
from ocr_synth.academic.papers import Paper
from ocr_synth.stages.papers import MEASURED, Measuring
from sieveline.reasons import Reason
from sieveline.schema import sample_id

Add = Callable[[str, bytes], tuple[int, int]]
"""Takes a media file's name and content, gives its (offset, length)."""

_TITLE = re.compile(rb"<title>(.*?)</title>", re.DOTALL)


def reader(config: Measuring) -> pdf_process.Reader:
    """The process that reads PDFs under `config`'s limits; close it in the end."""
    return pdf_process.Reader(
        pdf_process.Limits(pages=config.max_pages, wall_seconds=config.pdf_seconds, confine=not config.trusted)
    )


def make(
    paper: Paper, config: Measuring, reading: pdf_process.Reader, add: Add, told: Callable[[float], Any] = float
) -> dict[str, Any]:
    """Converts a paper.

    Args:
        reading: see `reader`.
        add: keeps a media file. Files of a paper that fails in the end are left without a row that names them.
        told: is told the CPU-seconds that LaTeXML took, which are no part of the row since they are never twice the same.

    Returns:
        A row of `MEASURED` with `sample_id`, `key`, `offset` and `length` (of its first page's PNG; -1 and 0 where it failed).

    Raises:
        OSError: the paper cannot be read at all, a program is missing, or there is no jail on this machine.
    """
    row: dict[str, Any] = dict.fromkeys(MEASURED.names) | {"key": paper.name, "paper": paper.name, "caption": paper.name}
    row |= {"sample_id": sample_id(paper.name.encode(), ""), "offset": -1, "length": 0}
    with reading.lock, tempfile.TemporaryDirectory(prefix="sieveline-paper-") as folder:
        try:
            row |= _made(paper, config, reading, add, Path(folder), told)
        except sources.UnusableError as error:
            row |= {"flaw": error.reason.value, "detail": error.detail.replace(folder, "")}
    return row


def _made(
    paper: Paper, config: Measuring, reading: pdf_process.Reader, add: Add, root: Path, told: Callable[[float], Any]
) -> dict[str, Any]:
    limits = sources.Limits(files=config.max_files, bytes=config.max_bytes)
    folder = root / "paper"
    folder.mkdir()
    found = sources.lay_out(paper, folder, limits, pictures=False)
    main = folder / found.main  # LaTeX runs where it lies, and sees nothing above
    if outside := latexml.outside_path(main.parent, main.name):
        raise sources.UnusableError(Reason.OUTSIDE_PATH, outside)
    content, built = found.pdf, {}
    if content is None:
        content, built = _build(paper, config, limits, root)
    text = reading.open(content)
    done = latexml.convert(main.parent, main.name, _day(text.made_on), _latex_limits(config))
    told(done.cpu_seconds)
    name = sample_id(content, paper.name)
    xhtml_place = add(f"{name}.xhtml.gz", gzip.compress(done.xhtml, 6, mtime=0))
    words_place = add(f"{name}.words.arrow", text.words)
    pages = []
    for number, (png, width, height) in enumerate(reading.rasters(len(text.sizes), config.dpi, config.max_side)):
        offset, length = add(f"{name}.{number:04d}.png", png)
        page_width, page_height = text.sizes[number]
        pages.append(
            {
                "width": page_width,
                "height": page_height,
                "offset": offset,
                "length": length,
                "pixel_width": width,
                "pixel_height": height,
            }
        )
    return {
        "sample_id": name,
        "offset": pages[0]["offset"],
        "length": pages[0]["length"],
        "caption": _title(done.xhtml) or paper.name,
        "main": found.main,
        "pdf_origin": "built" if built else "given",
        "pdf_bytes": len(content),
        "num_pages": len(pages),
        "pdf_words": text.num_words,
        "latex_errors": done.errors,
        "latex_warnings": done.warnings,
        "missing_figures": built.get("missing"),
        "xhtml_offset": xhtml_place[0],
        "xhtml_length": xhtml_place[1],
        "words_offset": words_place[0],
        "words_length": words_place[1],
        "pages": pages,
    }


def _build(paper: Paper, config: Measuring, limits: sources.Limits, root: Path) -> tuple[bytes, dict[str, int]]:
    """The PDF that latexmk makes of a copy of its own, pictures included, and how many files it missed."""
    if not config.build_pdf:
        raise sources.UnusableError(Reason.NO_PDF, "it came without one")
    folder = root / "build"
    folder.mkdir()
    found = sources.lay_out(paper, folder, limits, pictures=True)
    main = folder / found.main
    built = latexml.build(main.parent, main.name, _latex_limits(config))
    return built.pdf, {"missing": len(built.missing)}


def _latex_limits(config: Measuring) -> jail.Limits:
    return jail.Limits(
        wall_seconds=config.latex_wall_seconds,
        cpu_seconds=config.latex_cpu_seconds,
        memory_bytes=config.latex_memory_bytes,
        confine=not config.trusted,
    )


def _day(made_on: str) -> date | None:
    try:
        return date(int(made_on[:4]), int(made_on[4:6]), int(made_on[6:8]))
    except ValueError:
        return None


def _title(xhtml: bytes) -> str:
    found = _TITLE.search(xhtml[:4096])
    return " ".join(found[1].decode("utf-8", "replace").split())[:200] if found else ""
