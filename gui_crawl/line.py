"""The line `gui` as the shared machinery knows it. Its steps are in `pipelines/gui.py`."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gui_crawl import addresses, question_exhibits
from gui_crawl.exhibits import exhibits as capture_exhibits
from gui_crawl.question_exhibits import tally
from gui_crawl.recipes import Gui, PageGates
from gui_crawl.stages import captures, duplicates, questions
from sieveline import ledger
from sieveline.gates import Gate, yield_gate
from sieveline.lines import Line, Stage
from sieveline.output import Output, count_stages
from sieveline.reasons import Reason
from sieveline.report.exhibit import Exhibit
from sieveline.report.rules import Measure, cut
from sieveline.slices import Shard, Slice
from sieveline.stages import write


def find_shards(given: str, recipe: Gui) -> list[Shard]:
    """Shares of sites: of a list of URLs, of CommonCrawl's files, or of a folder that is served; see `gui_crawl.addresses`."""
    return addresses.find_shards(given, recipe.captures.urls_per_shard, recipe.captures.max_urls)


def ask(output: Output, limits: PageGates, slices: list[Slice], name: str) -> list[Gate]:
    """The gates of a slice: the share of states kept, whether pixels bear the listings out, how many pages show next to nothing, whether
    expressions pick out one element each, how many states gave no question."""
    s = next(s for s in slices if s.name == name)
    [count] = count_stages(output, [shard.id for shard in s.shards], ["captures"])
    asked, agreed = audited(output, s)
    empty = count.dropped[Reason.FEW_ELEMENTS.value]
    asking = tally(output, [shard.id for shard in s.shards])
    return [
        yield_gate(output, s, ("captures", "captures"), limits.min_yield, limits.max_yield),
        Gate("audit", agreed / asked if asked else None, limits.min_audit, None),
        Gate("empty", empty / count.num_in if count.num_in else None, None, limits.max_empty),
        Gate("unique", asking.unique, limits.min_unique, None),
        Gate("unasked", asking.unasked, None, limits.max_unasked),
    ]


def audited(output: Output, s: Slice) -> tuple[int, int]:
    """(elements asked about by the pixel audit, those where it agrees), over a slice."""
    sums = [0, 0]
    for shard in s.shards:
        url = output.ledger("captures", shard.id)
        if ledger.read_metadata(url) is not None:
            table = ledger.read_table(url, ["audited", "audit_agreed"])
            sums = [total + (pc.sum(table[name]).as_py() or 0) for total, name in zip(sums, table.column_names, strict=True)]
    return sums[0], sums[1]


def exhibits(output: Output) -> Mapping[str, Sequence[Exhibit]]:
    return {**capture_exhibits(output), **question_exhibits.exhibits(output)}


def _measures() -> tuple[Measure, ...]:
    return (
        Measure(
            name="elements",
            columns=("num_elements",),
            unit="visible elements of a state",
            rules=(cut("min_elements", Reason.FEW_ELEMENTS),),
        ),
        Measure(name="interactive", columns=("num_interactive",), unit="elements of a state that can be acted on"),
        Measure(name="change", columns=("change",), unit="share of pixels that differ from the state before", span=(0, 1)),
    )


LINE = Line(
    name="gui",
    description="Web pages visited and explored in a browser, every visible element with its box, and questions about them.",
    unit="state",
    input="a list of URLs, WARC or CDX files (any glob), or a folder of pages, which is served on loopback",
    target=140_000_000,
    stages=(
        Stage(
            name="captures",
            title="Captures",
            lead="Pages as a browser showed them, state by state, with what could be seen in each.",
            module=captures,
            columns=captures.LEDGER,
            measures=_measures(),
            has_edge=False,
        ),
        Stage(
            name="duplicates",
            title="Copies of pages",
            lead="Of pages whose texts and pixels agree, one stays with its states, whatever sites they lie on.",
            module=duplicates,
            columns=duplicates.MEASURED,
        ),
        Stage(
            name="questions",
            title="Questions",
            lead="Candidate questions about the elements of a state; each expression must pick out exactly one.",
            module=questions,
            columns=questions.MEASURED,
            fans_out=True,
            reads_media=True,
            has_edge=False,
        ),
        Stage(
            name="write",
            title="Training shards",
            lead="Screenshots with their questions, as conversations.",
            module=write,
            columns=pa.schema([write.COLUMNS.field("training_shard")]),
            reads_media=True,
        ),
    ),
    global_steps=(("duplicate_clusters", "duplicates"),),
    recipe=Gui,
    default_recipe="gui_crawl.recipes:web",
    run="pipelines.gui:run",
    find_shards=find_shards,
    gates=ask,
    exhibits=exhibits,
)


def settings_of(recipe: Gui) -> tuple[Any, ...]:
    """What of a recipe a share's content depends on beside the crawl's own configuration."""
    return (recipe.seed, recipe.captures.urls_per_shard, recipe.captures.max_urls)
