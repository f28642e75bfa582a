"""References as the PDF prints them: BibTeX run over a paper's citations where it came without the .bbl that its PDF was made
with.

LaTeXML has a reader of .bib files of its own, whose references look like no journal's. BibTeX needs what a first run of
LaTeX would tell it, which keys are cited in which order, in which style, from which files: this is read off the sources, so
that LaTeX need not run.
"""

import re
import shutil
from pathlib import Path

from ocr_synth.academic import jail
from ocr_synth.academic.sources import texts_of

_CITES = re.compile(r"\\(?:no)?cite[a-zA-Z]*\*?\s*(?:\[[^\]]*\]\s*){0,2}\{([^{}]*)\}|\\onlinecite\s*\{([^{}]*)\}")
_STYLE = re.compile(r"\\bibliographystyle\s*\{([\w.+-]+)\}")
_DATA = re.compile(r"\\bibliography\s*\{([^{}]*)\}")
_KEY = re.compile(r"[^\s{},%#~\\]+")
_CLASS = re.compile(r"\\documentclass\s*(?:\[([^\]]*)\])?\s*\{([\w.-]+)\}")
# The style that a class sets by itself; revtex by its option for the society.
_STYLE_OF_CLASS = {"acmart": "ACM-Reference-Format", "aastex631": "aasjournal", "aastex63": "aasjournal", "mnras": "mnras"}


def make_bbl(folder: Path, main: str, limits: jail.Limits) -> bool:
    """Writes the .bbl of `main` and takes the .bib files away, so that LaTeXML reads it; whether it could.

    Nothing is done where a .bbl is there, no .bib, no known style, or no BibTeX; a .bbl that has no entry is not kept.
    """
    stem = main.rpartition(".")[0]
    bbl, bibs = folder / f"{stem}.bbl", sorted(folder.rglob("*.bib"))
    if bbl.exists() or not bibs or not shutil.which("bibtex"):
        return False
    text = "\n".join(texts_of(folder, main))
    there = {bib.relative_to(folder).with_suffix("").as_posix() for bib in bibs}
    data = [
        name for found in _DATA.findall(text) for name in found.replace(" ", "").replace(".bib", "").split(",") if name in there
    ]
    style = style_of(text)
    keys = dict.fromkeys(key for pair in _CITES.findall(text) for cited in pair for key in _KEY.findall(cited))
    if not style or not data or not keys or "\\usepackage{biblatex}" in text:
        return False
    lines = ["\\relax", *(f"\\citation{{{key}}}" for key in keys), f"\\bibstyle{{{style}}}", f"\\bibdata{{{','.join(data)}}}"]
    (folder / f"{stem}.aux").write_text("\n".join(lines) + "\n")
    jail.run(["bibtex", "-terse", f"{stem}.aux"], folder, limits, {"openin_any": "p", "openout_any": "p"})
    if not bbl.is_file() or "\\bibitem" not in bbl.read_text("utf-8", "replace"):
        bbl.unlink(missing_ok=True)
        return False
    for bib in bibs:
        bib.unlink()
    return True


def style_of(text: str) -> str | None:
    """The BibTeX style that a document names, or that its class is known to set."""
    if found := _STYLE.search(text):
        return found[1]
    found = _CLASS.search(text)
    if not found:
        return None
    options, name = found[1] or "", found[2]
    if name in ("revtex4-1", "revtex4-2"):
        society = "aip" if "aip" in options else "aps"
        return f"{society}rev{name.removeprefix('revtex')}"
    return _STYLE_OF_CLASS.get(name)
