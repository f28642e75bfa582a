"""Papers: LaTeX turned into XHTML, its PDF read and rastered. One row per paper; what could not be converted says why.

`ocr_synth.academic.make` fills the columns of `MEASURED`.

| column | type | meaning |
|---|---|---|
| flaw | string | the reason why the paper could not be used, found while it was made; null if it could |
| detail | string | what went wrong, for people, at most 200 characters |
| caption | string | the document's title as its XHTML has it, at most 200 characters; the paper's name without one |
| paper | string | where it was found, below the input |
| main | string | the main TeX file |
| pdf_origin | string | given or built |
| pdf_bytes | int64 | size of the PDF |
| num_pages | int32 | pages of the PDF |
| pdf_words | int32 | words that PDFium finds in it |
| latex_errors | int32 | LaTeXML's count: macros and environments that it does not know or understand |
| latex_warnings | int32 | LaTeXML's count |
| missing_figures | int32 | files that LaTeX did not find while it built the PDF; null if the PDF was given |
| xhtml_offset | int64 | the XHTML, gzipped, in the shard's media |
| xhtml_length | int64 | the same, its bytes |
| words_offset | int64 | the PDF's words, an Arrow file, in the shard's media |
| words_length | int64 | the same, its bytes |
| pages | list<struct> | of each page: width and height in points, offset and length of its PNG, its width and height in pixels |
"""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sieveline.errors import ConfigError
from sieveline.reasons import Reason
from sieveline.verdicts import Verdicts

PAGE = pa.struct(
    [
        ("width", pa.float32()),
        ("height", pa.float32()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
        ("pixel_width", pa.int32()),
        ("pixel_height", pa.int32()),
    ]
)
MEASURED = pa.schema(
    [
        ("flaw", pa.string()),
        ("detail", pa.string()),
        ("caption", pa.string()),
        ("paper", pa.string()),
        ("main", pa.string()),
        ("pdf_origin", pa.string()),
        ("pdf_bytes", pa.int64()),
        ("num_pages", pa.int32()),
        ("pdf_words", pa.int32()),
        ("latex_errors", pa.int32()),
        ("latex_warnings", pa.int32()),
        ("missing_figures", pa.int32()),
        ("xhtml_offset", pa.int64()),
        ("xhtml_length", pa.int64()),
        ("words_offset", pa.int64()),
        ("words_length", pa.int64()),
        ("pages", pa.list_(PAGE)),
    ]
)
LEDGER = MEASURED


@dataclass(frozen=True, kw_only=True, slots=True)
class Measuring:
    """What measuring depends on: a change here converts every paper again.

    Attributes:
        dpi: of the rasters; Nougat's 96.
        max_side: pixels; larger pages are rastered at fewer dots per inch.
        latex_wall_seconds, latex_cpu_seconds, latex_memory_bytes: limits of LaTeXML, of BibTeX and of latexmk, each.
        pdf_seconds: wall limit for reading a PDF's text, and for each raster.
        max_pages: of a PDF.
        max_files, max_bytes: of a paper's sources, unpacked.
        build_pdf: whether latexmk builds the PDF of a paper that came without one.
        trusted: True runs LaTeX and PDFium with limits on time and memory alone, on kernels that cannot confine them.
    """

    dpi: int = 96
    max_side: int = 2048
    latex_wall_seconds: float = 600.0
    latex_cpu_seconds: int = 120
    latex_memory_bytes: int = 2 << 30
    pdf_seconds: float = 60.0
    max_pages: int = 400
    max_files: int = 2_000
    max_bytes: int = 128 << 20
    build_pdf: bool = True
    trusted: bool = False

    def __post_init__(self):
        if not 36 <= self.dpi <= 600:
            raise ConfigError(f"papers: dpi is {self.dpi}, must lie between 36 and 600")
        limits = (
            "max_side",
            "latex_wall_seconds",
            "latex_cpu_seconds",
            "latex_memory_bytes",
            "pdf_seconds",
            "max_files",
            "max_bytes",
        )
        for name in limits:
            if getattr(self, name) <= 0:
                raise ConfigError(f"papers: {name} is {getattr(self, name)}, must be above 0")
        if not 0 < self.max_pages <= 4_000:
            raise ConfigError(f"papers: max_pages is {self.max_pages}, must lie between 1 and 4000")


@dataclass(frozen=True, kw_only=True, slots=True)
class Papers:
    """Thresholds; `None` turns a rule off. A value equal to its threshold is kept.

    Attributes:
        measuring: see `Measuring`.
        max_missing_figures: of a PDF built here; one that was given shows its figures whatever LaTeX finds.
        max_latex_errors: LaTeXML's errors; each costs a page some words, which the pages' rules see, so off.
    """

    measuring: Measuring = field(default_factory=Measuring)
    max_missing_figures: int | None = 0
    max_latex_errors: int | None = None


def decide(columns: pa.Table | pa.RecordBatch, config: Papers) -> pa.Table:
    """The verdict on every row of measured columns: a table of `VERDICT`, row for row."""
    verdicts = Verdicts(columns.num_rows)
    flaws = columns["flaw"]
    for flaw in flaws.unique().drop_null().to_pylist():
        verdicts.rule(Reason(flaw), pc.fill_null(pc.equal(flaws, flaw), False).to_numpy(zero_copy_only=False))

    def at_most(name: str, reason: Reason, limit: int | None) -> None:
        if limit is not None:
            found = columns[name].cast(pa.float64()).to_numpy(zero_copy_only=False)
            verdicts.rule(reason, np.greater(found, limit), found, limit)

    at_most("missing_figures", Reason.MISSING_FIGURES, config.max_missing_figures)
    at_most("latex_errors", Reason.LATEX_ERRORS, config.max_latex_errors)
    return verdicts.table()
