"""Copies one paper's sources into a fresh folder, which is all that LaTeX will see of this machine's files.

Only regular files with plain names are copied, gunzipped (Debian gzips documentation), up to limits on their number and
bytes. Left behind: what LaTeXML, latexmk or kpathsea would run or be configured by (`*.ltxml`, `latexmkrc`, `texmf.cnf`,
...), and for LaTeXML pictures, which it needs not.
"""

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from ocr_synth.academic.papers import DOCUMENT_CLASS, TEX_SUFFIXES, Paper
from sieveline import storage
from sieveline.reasons import Reason

PICTURES = (".pdf", ".eps", ".ps", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".bmp", ".tif", ".tiff", ".ai", ".fig", ".mp4")
_ORDERS = (".ltxml", ".latexml", "latexmkrc", ".cnf", ".lua", ".pl", ".pm", ".sh", ".exe", ".bat", ".py")
_PLAIN = re.compile(r"[\w+@=.,~& ()\[\]-]+")  # what a part of a path may be made of; letters of any script
_KNOWN_STEMS = ("main", "ms", "paper", "article", "manuscript", "root", "arxiv")


class Readable(Protocol):
    """A file as this module needs it."""

    def read(self, size: int = -1, /) -> bytes: ...


class UnusableError(Exception):
    """This paper cannot be used: `reason` for its ledger row, and a detail for people."""

    def __init__(self, reason: Reason, detail: str):
        super().__init__(detail)
        self.reason, self.detail = reason, detail[:200]


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How much a paper may bring.

    Attributes:
        files: number of files, in an archive or beside and below a main file.
        bytes: of all files together, unpacked, and of the PDF.
    """

    files: int = 2_000
    bytes: int = 128 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """A paper's sources, laid out.

    Attributes:
        main: name of the main TeX file in the folder.
        pdf: the PDF that came with it; None if none did.
        figures: paths of the pictures that came with it, suffixes included, copied or not.
    """

    main: str
    pdf: bytes | None
    figures: frozenset[str]


def lay_out(paper: Paper, folder: Path, limits: Limits, *, pictures: bool) -> Sources:
    """Copies `paper` into the existing, empty `folder`.

    Args:
        pictures: whether pictures are copied too, which only building a PDF needs.

    Raises:
        UnusableError: unreadable, too large, without a main file or with a hostile name.
        OSError: the source cannot be read at all.
    """
    members = _archive(paper, limits) if paper.archive else _beside(paper, limits)
    figures, num_bytes, pdfs = set(), 0, {}
    for number, (path, size, file) in enumerate(members):
        if path.endswith(PICTURES):
            figures.add(path)
        if paper.archive and path.endswith(".pdf"):
            pdfs[path] = content = _read(file, limits.bytes - num_bytes, path)
        elif path.endswith(PICTURES) and not pictures:
            continue
        else:
            content = _read(file, limits.bytes - num_bytes, path)
        num_bytes += len(content)
        if number >= limits.files or size > limits.bytes:
            raise UnusableError(Reason.PAPER_TOO_LARGE, f"more than {limits.files} files or {limits.bytes} bytes")
        if not (path.endswith(PICTURES) and not pictures):
            target = folder / path
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
                raise UnusableError(Reason.PAPER_UNREADABLE, f"{path} is both a file and a folder") from error
    main = _main_of(folder, {p.removesuffix(".pdf") for p in pdfs}) if paper.archive else _file_name(paper.source)
    stem = main.rpartition(".")[0]
    if (folder / f"{stem}.bbl").is_file():  # what the PDF was made with; LaTeXML would rather read the .bib, if it sees it
        for bib in folder.rglob("*.bib"):
            bib.unlink()
    pdf = _pdf_beside(paper.pdf, limits) if paper.pdf else pdfs.get(f"{stem}.pdf")
    return Sources(main=main, pdf=pdf, figures=frozenset(figures))


def _file_name(url: str) -> str:
    return url.rpartition("/")[2].removesuffix(".gz")


def _pdf_beside(url: str, limits: Limits) -> bytes:
    content = storage.read_bytes(url)
    return _read(gzip.GzipFile(fileobj=io.BytesIO(content)), limits.bytes, url) if url.endswith(".gz") else content


def _read(file: Readable, at_most: int, path: str) -> bytes:
    """All of `file`.

    Raises:
        UnusableError: it is longer than `at_most`, or does not unzip.
    """
    try:
        content = file.read(at_most + 1)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise UnusableError(Reason.PAPER_UNREADABLE, f"{path}: {error}") from error
    if len(content) > at_most:
        raise UnusableError(Reason.PAPER_TOO_LARGE, f"{path} goes over the limit of bytes")
    return content


def _wanted(path: str) -> bool:
    """Whether a file is copied. Its path is plain (see `_checked`)."""
    return not path.lower().endswith(_ORDERS)


def _checked(path: str) -> str:
    """`path` in its shortest form.

    Raises:
        UnusableError: it leads elsewhere or holds characters that file systems or TeX take for something else.
    """
    parts = PurePosixPath(path).parts
    if not parts or any(p == ".." or p[0] in "-/" or not _PLAIN.fullmatch(p) for p in parts):
        raise UnusableError(Reason.UNSAFE_NAME, f"{path!r}")
    return "/".join(parts)


def _beside(paper: Paper, limits: Limits) -> Iterator[tuple[str, int, Readable]]:
    """Path, size and file of what lies beside and below the main file; hidden files, links and hostile names are passed over."""
    fs, main = storage.filesystem(paper.source)
    folder = main.rpartition("/")[0]
    for path, entry in sorted(fs.find(folder, detail=True).items()):
        below = str(path).removeprefix(folder).lstrip("/")
        if entry.get("islink") or any(part.startswith(".") for part in below.split("/")):
            continue
        if str(path) == main:
            _checked(below)
        name = below.removesuffix(".gz")
        if not all(_PLAIN.fullmatch(part) and part[0] != "-" for part in name.split("/")) or not _wanted(name):
            continue
        with fs.open(path, "rb") as opened:
            file: Any = opened
            yield name, entry["size"], gzip.GzipFile(fileobj=file) if below.endswith(".gz") else file


def _archive(paper: Paper, limits: Limits) -> Iterator[tuple[str, int, Readable]]:
    """Path, size and file of the members of an archive, or of the one file that a plain .gz holds."""
    content = storage.read_bytes(paper.source)
    if len(content) > limits.bytes:
        raise UnusableError(Reason.PAPER_TOO_LARGE, f"{len(content)} bytes packed")
    if content[:2] == b"\x1f\x8b":
        content = _read(gzip.GzipFile(fileobj=io.BytesIO(content)), limits.bytes, paper.name)
    if not tarfile.is_tarfile(io.BytesIO(content)):
        if not DOCUMENT_CLASS.search(content):
            raise UnusableError(Reason.PAPER_UNREADABLE, "neither a tar archive nor a TeX file")
        yield f"{_safe_stem(paper.name)}.tex", len(content), io.BytesIO(content)
        return
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            for member in tar:
                if not member.isfile():
                    if member.isdir():
                        continue
                    raise UnusableError(Reason.UNSAFE_NAME, f"{member.name!r} is a link or a device")
                path = _checked(member.name)
                file = tar.extractfile(member)
                if file is not None and _wanted(path) and not any(p.startswith(".") for p in path.split("/")):
                    packed = path.endswith(".gz")
                    yield path.removesuffix(".gz"), member.size, gzip.GzipFile(fileobj=file) if packed else file
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise UnusableError(Reason.PAPER_UNREADABLE, f"{error}") from error


def _safe_stem(name: str) -> str:
    stem = name.rpartition("/")[2]
    return stem if _PLAIN.fullmatch(stem) and stem[0] not in ".-" else "main"


def _main_of(folder: Path, with_pdf: set[str]) -> str:
    """The main TeX file of an archive: one with a PDF of its name, then one with its .bbl, a usual name, few folders, many bytes."""
    files = [p for p in folder.rglob("*") if p.suffix in TEX_SUFFIXES and DOCUMENT_CLASS.search(p.read_bytes())]
    if not files:
        raise UnusableError(Reason.NO_MAIN_TEX, "no TeX file has a \\documentclass")

    def preference(path: Path) -> tuple:
        stem = path.relative_to(folder).with_suffix("").as_posix()
        return (
            stem not in with_pdf,
            not path.with_suffix(".bbl").is_file(),
            path.stem.lower() not in _KNOWN_STEMS,
            len(path.parts),
            -path.stat().st_size,
            stem,
        )

    return min(files, key=preference).relative_to(folder).as_posix()


_INPUT = re.compile(r"\\(?:input|include|subfile)\s*\{?\s*([^\s{}\\]+)")
_TEX_COMMENT = re.compile(r"(?<!\\)%[^\n]*")


def texts_of(folder: Path, main: str) -> list[str]:
    """The texts of `main` and of the files that it and they name in an `\\input` or `\\include`, without comments, each once."""
    texts, queue, seen = [], [main], {main}
    while queue:
        path = folder / queue.pop(0)
        text = _TEX_COMMENT.sub("", path.read_text("utf-8", "replace"))
        texts.append(text)
        for name in _INPUT.findall(text):
            for candidate in (f"{name}.tex", name):
                parts = PurePosixPath(candidate).parts
                if candidate not in seen and ".." not in parts and "/" not in parts and (folder / candidate).is_file():
                    seen.add(candidate)
                    queue.append(candidate)
                    break
    return texts
