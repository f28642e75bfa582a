"""Recipes of the line `gui`: functions that return one whole frozen configuration."""

from dataclasses import dataclass, field

from gui_crawl.crawl import Crawl, Limits
from gui_crawl.devices import Guises
from gui_crawl.explore import Exploring
from gui_crawl.stages.captures import Captures
from sieveline.gates import Gates
from sieveline.stages.write import Shards


@dataclass(frozen=True, kw_only=True, slots=True)
class Gui:
    """Everything a run of the line depends on beside its input.

    Attributes:
        seed: of every draw.
        shards_per_slice: shares of sites in a Dagster partition.
        captures: the crawl and what is kept of it.
        gates: what a slice must hold before it is published.
        write: how training shards are cut.
    """

    seed: int = 0
    shards_per_slice: int = 50
    captures: Captures = field(default_factory=Captures)
    gates: Gates = field(default_factory=lambda: Gates(max_yield=None))
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
