"""Recipes of the line `gui`: functions that return one whole frozen configuration."""

from dataclasses import dataclass, field

from gui_crawl.crawl import Crawl, Limits
from gui_crawl.devices import Guises
from gui_crawl.explore import Exploring
from gui_crawl.stages.captures import Captures
from gui_crawl.stages.duplicates import Duplicates
from gui_crawl.stages.questions import Questions
from sieveline.stages.write import Shards


@dataclass(frozen=True, kw_only=True, slots=True)
class PageGates:
    """What a slice must hold before it is published; `None` turns a gate off.

    Attributes:
        min_yield, max_yield: share of states that are kept.
        min_audit: share of audited elements where the pixels agree with the listing.
        max_empty: share of captures dropped for too few elements.
        min_unique: share of kept expressions that fit one element strictly and that nobody could take for another.
        max_unasked: share of captures that gave no question.
    """

    min_yield: float | None = 0.02
    max_yield: float | None = None
    min_audit: float | None = 0.98
    max_empty: float | None = 0.5
    min_unique: float | None = 1.0
    max_unasked: float | None = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Gui:
    """Everything a run of the line depends on beside its input.

    Attributes:
        seed: of every draw.
        shards_per_slice: shares of sites in a Dagster partition.
        captures: the crawl and what is kept of it.
        duplicates: which pages are copies of others.
        questions: what is asked about them.
        gates: what a slice must hold before it is published.
        write: how training shards are cut.
    """

    seed: int = 0
    shards_per_slice: int = 50
    captures: Captures = field(default_factory=Captures)
    duplicates: Duplicates = field(default_factory=Duplicates)
    questions: Questions = field(default_factory=Questions)
    gates: PageGates = field(default_factory=PageGates)
    write: Shards = field(default_factory=Shards)


def web() -> Gui:
    """The open web: the URLs given, robots.txt and opt-outs honoured, one page load per site and second."""
    return Gui()


def demo() -> Gui:
    """A folder of pages on loopback: every page once, five states of each, a tenth of the captures audited."""
    measuring = Crawl(
        guises=Guises(locales=("en-US",), per_site=4),
        exploring=Exploring(states=5, tries=8),
        limits=Limits(seconds=60, pages=100),
        audit=0.1,
    )
    return Gui(shards_per_slice=1, captures=Captures(measuring=measuring, urls_per_shard=30))
