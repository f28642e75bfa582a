"""Recipes of the academic line: whole frozen configurations."""

from dataclasses import dataclass, field

from ocr_synth.stages.pages import Pages
from ocr_synth.stages.papers import Measuring, Papers
from sieveline.errors import ConfigError
from sieveline.gates import Gates
from sieveline.stages.write import Shards


@dataclass(frozen=True, kw_only=True, slots=True)
class Academic:
    """The academic line, stage by stage in order.

    Attributes:
        seed: of the draw of each page's instruction.
        shards_per_slice: papers that make a slice, the unit of a Dagster partition.
        license: of the input, for provenance; a paper does not say.
        instructions: what a training sample asks, one drawn for each page.
        gates: what a slice must look like to be written; of these the yield is asked, of pages.
    """

    seed: int = 0
    shards_per_slice: int = 256
    license: str | None = None
    instructions: tuple[str, ...] = (
        "Convert this page to Markdown. Write formulas in LaTeX.",
        "Transcribe the page as Markdown with LaTeX formulas.",
        "What does this page say? Answer in Markdown, formulas in LaTeX.",
        "Read this page of a paper and write it down in Markdown.",
        "Extract the text, tables and formulas of this document page as Markdown.",
        "OCR this page. Keep headings, lists, tables and formulas.",
    )
    papers: Papers = field(default_factory=Papers)
    pages: Pages = field(default_factory=Pages)
    gates: Gates = field(default_factory=lambda: Gates(min_yield=0.02, max_yield=None))
    write: Shards = field(default_factory=Shards)

    def __post_init__(self):
        if self.shards_per_slice < 1:
            raise ConfigError(f"shards_per_slice is {self.shards_per_slice}, must be at least 1")
        if not self.instructions:
            raise ConfigError("instructions is empty: a sample must ask something")


def academic() -> Academic:
    """Papers as arXiv has them: Nougat's 96 dots per inch and boundary score."""
    return Academic()


def demo() -> Academic:
    """Some papers out of a Debian package, in small slices; LaTeXML gives up early, so that one bad paper does not hold up the demo."""
    return Academic(
        shards_per_slice=8,
        license="LaTeX Project Public License and others; see texlive-publishers-doc",
        papers=Papers(measuring=Measuring(latex_cpu_seconds=30, latex_wall_seconds=180)),
        write=Shards(max_shard_samples=100),
    )
