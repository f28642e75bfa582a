"""The academic line as the shared machinery knows it. Its steps are in `pipelines/ocr_academic.py`."""

from fnmatch import fnmatch

import pyarrow as pa

from ocr_synth.academic import jail, latexml, papers
from ocr_synth.academic.exhibits import exhibits
from ocr_synth.academic.recipes import Academic
from ocr_synth.stages import pages as pages_stage
from ocr_synth.stages import papers as papers_stage
from sieveline.errors import ConfigError
from sieveline.gates import Gate, Gates, yield_gate
from sieveline.lines import Line, Stage
from sieveline.output import Output
from sieveline.reasons import Reason
from sieveline.report.rules import Measure, cut
from sieveline.slices import Shard, Slice
from sieveline.stages import write


def find_shards(pattern: str, recipe: Academic) -> list[Shard]:
    """Each paper is a shard; see `ocr_synth.academic.papers` for what a paper is.

    Args:
        pattern: a folder, an archive, a TeX file, or a glob of these.

    Raises:
        ConfigError: LaTeXML is not installed, this machine cannot confine it, or two papers would have one id.
    """
    if missing := latexml.missing_program():
        raise ConfigError(f"{missing} is not installed, which reads LaTeX: apt-get install latexml texlive-latex-extra")
    if not recipe.papers.measuring.trusted and (refusal := jail.refusal()):
        raise ConfigError(f"{refusal}: hostile LaTeX cannot be confined here; Measuring(trusted=True) goes without")
    folder = pattern.split("*", 1)[0].rpartition("/")[0] if "*" in pattern else pattern
    found = papers.find(folder or ".")
    if "*" in pattern:
        found = (paper for paper in found if fnmatch(paper.source, pattern))
    shards: dict[str, Shard] = {}
    for paper in found:
        name = paper.name.replace("/", "__")
        if name in shards:
            raise ConfigError(f"--input {pattern}: {paper.source} and {shards[name].url} would both be shard {name!r}")
        shards[name] = Shard(name, papers.as_url(paper), paper.size)
    return [shards[name] for name in sorted(shards)]


def ask(output: Output, limits: Gates, slices: list[Slice], name: str) -> list[Gate]:
    """The gate of a slice: the share of its pages that are kept."""
    s = next(s for s in slices if s.name == name)
    return [yield_gate(output, s, ("pages", "pages"), limits.min_yield, limits.max_yield)]


def _share(name: str, unit: str, reason: Reason) -> Measure:
    return Measure(name=name, columns=(name,), unit=unit, span=(0.0, 1.0), rules=(cut(f"min_{name}", reason),))


LINE = Line(
    name="ocr-academic",
    description="Academic pages: LaTeX and its PDF to page pictures with Markdown, split at the PDF's own page breaks.",
    unit="paper",
    input="a folder of LaTeX with PDFs, or of arXiv-style archives, or a glob of these; any fsspec URL",
    target=9_000_000,
    stages=(
        Stage(
            name="papers",
            title="Papers",
            lead="LaTeX turned into XHTML by LaTeXML in a jail; the PDF read and rastered.",
            module=papers_stage,
            columns=papers_stage.LEDGER,
            measures=(
                Measure(
                    name="latex errors",
                    columns=("latex_errors",),
                    unit="macros that LaTeXML does not know",
                    rules=(cut("max_latex_errors", Reason.LATEX_ERRORS),),
                ),
                Measure(
                    name="missing figures",
                    columns=("missing_figures",),
                    unit="files that LaTeX did not find",
                    rules=(cut("max_missing_figures", Reason.MISSING_FIGURES),),
                ),
                Measure(name="pages", columns=("num_pages",), log=True),
            ),
            has_edge=False,  # a paper that failed has no page to show
        ),
        Stage(
            name="pages",
            title="Pages",
            lead="Each page's part of the markup, and how well it fits what the page prints.",
            module=pages_stage,
            columns=pages_stage.LEDGER,
            measures=(
                _share("precision", "share of the markup's words that the page has", Reason.WORD_PRECISION),
                _share("recall", "share of the page's words that the markup has", Reason.WORD_RECALL),
                _share("boundary", "agreement at the page's ends", Reason.PAGE_BOUNDARY),
                Measure(
                    name="words",
                    columns=("markup_words", "formula_words"),
                    unit="words of the page's markup and formulas",
                    log=True,
                    combine=lambda text, formulas: text + formulas,
                    rules=(cut("min_words", Reason.FEW_WORDS),),
                ),
                Measure(
                    name="leftovers",
                    columns=("leftovers",),
                    unit="commands that LaTeXML did not understand",
                    rules=(cut("max_leftovers", Reason.LATEX_LEFTOVERS),),
                ),
            ),
            fans_out=True,
        ),
        Stage(
            name="write",
            title="Training shards",
            lead="A page, an instruction, and its markup.",
            module=write,
            columns=pa.schema([write.COLUMNS.field("training_shard")]),
            reads_media=True,
        ),
    ),
    recipe=Academic,
    default_recipe="ocr_synth.academic.recipes:academic",
    run="pipelines.ocr_academic:run",
    find_shards=find_shards,
    gates=ask,
    exhibits=exhibits,
)
