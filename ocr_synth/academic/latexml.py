"""LaTeX to XHTML by LaTeXML, in the jail, and LaTeX to PDF by latexmk where no PDF came along.

Maths is not parsed (80 % of the time where it is), so formulas come out as their TeX. Pictures are not converted: no
ghostscript, no ImageMagick. LaTeXML's clock is set to the day the PDF was made, so that `\\today` says what the PDF says
and the same source gives the same bytes.
"""

import re
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

from ocr_synth.academic import jail
from ocr_synth.academic.bibliography import make_bbl
from ocr_synth.academic.sources import UnusableError, texts_of
from sieveline.fingerprint import fingerprint
from sieveline.reasons import Reason

BINDINGS = Path(__file__).parent / "bindings"
"""What LaTeXML lacks: its own kind of packages, by us."""

LATEXML = (
    "latexmlc",
    "--quiet",
    "--quiet",
    "--format=xhtml",
    "--noparse",
    "--mathtex",
    "--nographicimages",
    "--nopictureimages",
    "--nodefaultresources",
    f"--path={BINDINGS}",
    "--preload=sieveline.sty",
    "--nocomments",
    "--timestamp=-",  # the time of day is no part of the result
    "--timeout=0",  # the jail's limits hold
    "--log=.latexml.log",
    "--destination=.latexml.xhtml",
)
LATEXMK = (
    "latexmk",
    "-norc",
    "-pdf",
    "-interaction=nonstopmode",
    "-f",  # a missing figure or reference still gives a PDF
    "-no-shell-escape",
    "-silent",
)
PARANOID = {"openin_any": "p", "openout_any": "p", "shell_escape": "f"}
"""What kpathsea makes of it: TeX opens nothing by absolute or `..` paths beside its own trees, and starts nothing."""

_SUMMARY = re.compile(r"^Conversion complete: (.*)$", re.MULTILINE)
_COUNTS = {name: re.compile(rf"(\d+) {name}s?\b") for name in ("warning", "error", "fatal error")}
_UNREADABLE = re.compile(r"^(?:Fatal|Error|Warning):(?:I/O|missing_file|unreadable)[:\s].*?((?:/|\.\./)\S+)", re.MULTILINE)
_READS = re.compile(
    r"^[^%\n]*?\\(?:input|include|InputIfFileExists|openin\s*\\?\w+\s*=?|openout\s*\\?\w+\s*=?|verbatiminput|lstinputlisting(?:\[[^\]]*\])?)"
    r"\s*\{?\s*\"?\s*((?:/|~|\.\./|[\w./-]*/\.\./)[^\s}\"]*)",
    re.MULTILINE,
)
_ABSENT = re.compile(r"^(?:! LaTeX Error|LaTeX Warning): File `([^']+)' not found", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversion:
    """What LaTeXML made of a paper.

    Attributes:
        xhtml: the document, UTF-8.
        errors: LaTeXML's count; each is a macro or environment that it does not know or understand.
        warnings: LaTeXML's count.
        cpu_seconds: of LaTeXML.
    """

    xhtml: bytes
    errors: int
    warnings: int
    cpu_seconds: float


def bindings_version() -> str:
    """A fingerprint of the files in `BINDINGS`, which the result depends on like on code."""
    return fingerprint([[p.name, p.read_text()] for p in sorted(BINDINGS.glob("*.ltxml"))])


def missing_program() -> str | None:
    """Which program of this stage is not installed; None if all are. latexmk is wanted only for papers without a PDF."""
    return None if shutil.which("latexmlc") else "latexmlc"


def outside_path(folder: Path, main: str) -> str | None:
    """The first path that the sources ask to read or write outside of `folder`, literally; None if none does.

    A path put together by macros is not seen here: the jail refuses it all the same.
    """
    for text in texts_of(folder, main):
        if found := _READS.search(text):
            return found[1][:80]
    return None


def convert(folder: Path, main: str, day: date | None, limits: jail.Limits) -> Conversion:
    """Runs LaTeXML over `main` in `folder`, whose copy of `main` gets LaTeXML's date in front.

    Args:
        day: what `\\today` shall be, usually the PDF's; None for the first of January 1970.

    Raises:
        UnusableError: it asked for files outside, ran into a limit, or gave up; the reason says which.
        OSError: LaTeXML is not installed or there is no jail here.
    """
    make_bbl(folder, main, limits)
    set_date(folder / main, day or date(1970, 1, 1))
    ended = jail.run([*LATEXML, main], folder, limits, software=(*jail.SOFTWARE, str(BINDINGS)))
    log = _text(folder / ".latexml.log")
    _judge(ended, "latexmlc", log)
    xhtml = folder / ".latexml.xhtml"
    if ended.how == "failed" or "Status:conversion:3" in log or not xhtml.is_file() or not xhtml.stat().st_size:
        raise UnusableError(
            Reason.LATEX_FAILED, f"latexmlc: {_last_complaint(log) or _last_complaint(ended.output) or ended.status}"
        )
    content = xhtml.read_bytes()
    try:
        ElementTree.fromstring(content)
    except ElementTree.ParseError as error:  # a control character out of a font, for one
        raise UnusableError(Reason.LATEX_FAILED, f"latexmlc wrote what is no XML: {error}") from error
    summary = _SUMMARY.search(log)
    counts = {name: int(c[1]) if summary and (c := pattern.search(summary[1])) else 0 for name, pattern in _COUNTS.items()}
    return Conversion(
        xhtml=content,
        errors=counts["error"] + counts["fatal error"],
        warnings=counts["warning"],
        cpu_seconds=ended.cpu_seconds,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """A PDF made here.

    Attributes:
        pdf: its bytes.
        missing: names of files that LaTeX did not find, pictures mostly.
        cpu_seconds: of latexmk and all it started.
    """

    pdf: bytes
    missing: list[str]
    cpu_seconds: float


def build(folder: Path, main: str, limits: jail.Limits) -> Built:
    """The PDF of `main` in `folder`, by latexmk.

    Raises:
        UnusableError: LaTeX asked for files outside, ran into a limit, or made no PDF.
        OSError: there is no jail here.
    """
    if not shutil.which("latexmk"):
        raise UnusableError(Reason.NO_PDF, "it came without one and latexmk is not installed")
    made_at = {"SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1", "TEXMFVAR": str(folder.resolve() / ".tmp")}
    ended = jail.run([*LATEXMK, main], folder, limits, PARANOID | made_at)
    stem = main.rpartition(".")[0]
    log = _text(folder / f"{stem}.log")
    _judge(ended, "latexmk", log)
    pdf = folder / f"{stem}.pdf"
    if not pdf.is_file():
        raise UnusableError(Reason.NO_PDF, f"latexmk made none: {_last_complaint(log) or ended.status}")
    return Built(pdf=pdf.read_bytes(), missing=sorted(set(_ABSENT.findall(log))), cpu_seconds=ended.cpu_seconds)


def set_date(main: Path, day: date) -> None:
    """Puts TeX's date in front of the first line of `main`, whose lines keep their numbers."""
    text = main.read_bytes().removeprefix(b"\xef\xbb\xbf")
    main.write_bytes(f"\\year={day.year}\\month={day.month}\\day={day.day}\\relax ".encode() + text)


def _judge(ended: jail.Ended, program: str, log: str) -> None:
    if ended.how == "time":
        raise UnusableError(Reason.LATEX_TIME, f"{program} went over its limit of wall or CPU time")
    if ended.how == "memory":
        raise UnusableError(Reason.LATEX_MEMORY, program)
    if outside := _UNREADABLE.search(log):
        raise UnusableError(Reason.OUTSIDE_PATH, outside[1][:80])


def _text(path: Path) -> str:
    """The last 4 MiB of a log; empty if there is none."""
    if not path.is_file() or path.is_symlink():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - (4 << 20)))
        return file.read().decode("utf-8", "replace")


def _last_complaint(log: str) -> str:
    lines = [line for line in log.splitlines() if line.startswith(("Fatal:", "Error:", "! "))]
    return lines[-1][:160] if lines else ""
