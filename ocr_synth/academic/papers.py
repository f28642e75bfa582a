"""Finds papers: LaTeX with its PDF, in folders and in arXiv-style archives.

A paper in a folder is a `.tex` or `.ltx` file (gzipped or not) with a `\\documentclass` of its own; its PDF has the same
name, or the folder's name where the folder holds one paper. A paper in an archive (`.tar`, `.tar.gz`, `.tgz`, or `.gz` over
a single file, as arXiv gives them) brings its PDF inside, or beside it under the same name. Finding reads the heads of TeX
files and opens no archive.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from sieveline import storage

TEX_SUFFIXES = (".tex", ".ltx")
_TARS = (".tar.gz", ".tgz", ".tar")
ARCHIVE_SUFFIXES = (*_TARS, ".gz")
DOCUMENT_CLASS = re.compile(rb"^[^%\n]*\\document(?:class|style)\b", re.MULTILINE)
_OTHER_FILE = re.compile(r"\.[A-Za-z]\w*\.gz$")
_HEAD = 1 << 16  # bytes of a TeX file in which its document class is looked for


@dataclass(frozen=True, kw_only=True, slots=True)
class Paper:
    """Where a paper's parts lie.

    Attributes:
        name: unique in its input, from its path there: `folder/stem`, or the archive's path without suffixes.
        source: URL of the main TeX file, or of the archive.
        archive: whether `source` is an archive.
        pdf: URL of its PDF (gzipped or not); None if it is inside the archive, or must be built.
        size: bytes of `source` and `pdf`.
    """

    name: str
    source: str
    archive: bool
    pdf: str | None
    size: int


def find(url: str) -> Iterator[Paper]:
    """The papers at and below `url` (a folder, an archive or a TeX file), in order of their names.

    Links are not followed. Names that lead elsewhere or hold control characters do not occur in a listing of a local disk and are
    refused when an archive is opened.
    """
    fs, root = storage.filesystem(url)
    if fs.isfile(root):
        folder, _, file = root.rpartition("/")
        listing = {p: entry for p, entry in _listing(fs, folder).items() if "/" not in p}
        papers = [paper for paper in _papers(fs, url.rpartition("/")[0] or ".", folder, listing) if paper.source.endswith(file)]
    else:
        papers = _papers(fs, url.rstrip("/"), root, _listing(fs, root))
    yield from sorted(papers, key=lambda paper: paper.name)


def _listing(fs, root: str) -> dict[str, dict]:
    """Path below `root` -> size and the like, of the regular files there; hidden ones are left out."""
    found = {}
    for path, entry in fs.find(root, detail=True).items():
        below = str(path).removeprefix(root).lstrip("/")
        if not entry.get("islink") and not any(part.startswith(".") for part in below.split("/")):
            found[below] = entry
    return found


def _papers(fs, url: str, root: str, listing: dict[str, dict]) -> Iterator[Paper]:
    mains: dict[str, list[str]] = {}
    for path in listing:
        folder = path.rpartition("/")[0]
        if is_tex(path):
            head = _head(fs, f"{root}/{path}")
            if head is None or DOCUMENT_CLASS.search(head):
                mains.setdefault(folder, []).append(path)
        elif path.endswith(ARCHIVE_SUFFIXES) and (path.endswith(_TARS) or _is_source(path, _head(fs, f"{root}/{path}"))):
            yield _paper(url, listing, path, _first(listing, f"{_stem(path)}.pdf"), archive=True)
    for folder, paths in mains.items():
        for path in paths:
            alone = [f"{folder}/{folder.rpartition('/')[2]}.pdf"] if len(paths) == 1 and folder else []
            yield _paper(url, listing, path, _first(listing, f"{_stem(path)}.pdf", *alone), archive=False)


def _is_source(path: str, head: bytes | None) -> bool:
    """Whether a plain .gz is a paper: its name is no other file's (`README.md.gz`) and it begins as a tar archive or as TeX.

    One that does not unzip is taken for a paper, whose row then says so.
    """
    if _OTHER_FILE.search(path):
        return False
    return head is None or head[257:262] == b"ustar" or bool(DOCUMENT_CLASS.search(head))


def _paper(url: str, listing: dict[str, dict], path: str, pdf: str | None, *, archive: bool) -> Paper:
    size = listing[path]["size"] + (listing[pdf]["size"] if pdf else 0)
    return Paper(
        name=_stem(path),
        source=storage.join(url, path),
        archive=archive,
        pdf=storage.join(url, pdf) if pdf else None,
        size=size,
    )


def _first(listing: dict[str, dict], *paths: str) -> str | None:
    return next((p for path in paths for p in (path, f"{path}.gz") if p in listing), None)


def is_tex(path: str) -> bool:
    return path.removesuffix(".gz").endswith(TEX_SUFFIXES)


def _stem(path: str) -> str:
    """Path without the suffixes that a paper or archive may have."""
    for suffix in (*ARCHIVE_SUFFIXES, *TEX_SUFFIXES):
        path = path.removesuffix(suffix)
    return path


def _head(fs, path: str) -> bytes | None:
    """The first `_HEAD` bytes of a file, unpacked if its name ends in .gz; None if it does not unzip."""
    with fs.open(path, "rb") as file:
        if not path.endswith(".gz"):
            return file.read(_HEAD)
        try:
            return gzip.GzipFile(fileobj=file).read(_HEAD)
        except (OSError, EOFError, zlib.error):
            return None


_PDF_PART = "#pdf="


def as_url(paper: Paper) -> str:
    """One string that says where a paper's parts lie."""
    return f"{paper.source}{_PDF_PART}{paper.pdf}" if paper.pdf else paper.source


def from_url(url: str, name: str, size: int) -> Paper:
    """The paper that `as_url` wrote; `name` is its shard's id, so unique already."""
    source, _, pdf = url.partition(_PDF_PART)
    return Paper(name=name, source=source, archive=not is_tex(source), pdf=pdf or None, size=size)
