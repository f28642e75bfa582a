"""The academic line's demo: some papers of a Debian package, each in a folder of its own with its PDF."""

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path

from demo import packages, system

ROOT = "usr/share/doc/texlive-doc"
PAPERS = (
    "bibtex/vancouver/vancouver",
    "latex/aastex/sample631",
    "latex/acmart/samples/sample-sigplan",
    "latex/aguplus/aguplus",
    "latex/asaetr/asaetr",
    "latex/ascelike/ascexmpl",
    "latex/cascadilla/example",
    "latex/cmpj/template",
    "latex/ejpecp/sample",
    "latex/elsarticle/elsdoc",
    "latex/gaceta/plantilla-articulo-suelto",
    "latex/ijmart/ijmsample",
    "latex/jpsj/injpsj2",
    "latex/lion-msc/lion-msc",
    "latex/llncs/llncsdoc",
    "latex/philosophersimprint/sample",
    "latex/ptptex/manptp",
    "latex/quantumarticle/quantum-template",
    "latex/revtex/sample/aps/apssamp",
    "latex/smflatex/smf-edoc",
    "latex/spie/article",
    "latex/uaclasses/ua-example",
)
"""Below `ROOT`, without suffixes; both the TeX (mostly gzipped) and the PDF are there."""

_NOT_SOURCES = (".pdf", ".zip", ".tar.gz", ".mp4")


def lay_out(folder: Path) -> list[str]:
    """Copies `PAPERS` with what lies beside them into `folder`, one folder each; what could not be had, one line each."""
    if not system.need("latexmlc"):
        return ["ocr-academic: no LaTeXML, so no papers"]
    system.need("bibtex")
    try:
        root = packages.fetch(packages.PAPERS[0]) / ROOT
    except packages.PackageError as error:
        return [f"ocr-academic: {error}"]
    folder.mkdir(parents=True, exist_ok=True)
    for name in PAPERS:
        source, target = root / name, folder / name.split("/")[1]
        if not target.exists():
            partial = folder / f".{target.name}"
            shutil.rmtree(partial, ignore_errors=True)
            _copy(source, partial)
            partial.rename(target)
    return []


def _copy(source: Path, target: Path) -> None:
    """A paper's folder: the files beside and below it, without other documents that lie there too."""
    target.mkdir(parents=True)
    for path in _beside(source):
        place = target / path.relative_to(source.parent)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)


def _beside(source: Path) -> Iterator[Path]:
    for path in sorted(source.parent.rglob("*")):
        stem = path.name.split(".")[0]
        if not path.is_file() or path.is_symlink():
            continue
        if stem == source.name or not (path.name.endswith(_NOT_SOURCES) or _is_document(path)):
            yield path


def _is_document(path: Path) -> bool:
    if path.name.endswith(".tex.gz"):
        with gzip.open(path) as file:
            return b"\\documentclass" in file.read(1 << 16)
    return path.suffix == ".tex" and b"\\documentclass" in path.read_bytes()
