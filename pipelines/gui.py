"""The steps of the line `gui`: captures are made by the crawl, questions are made of captures, training shards are written of questions."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

import gui_crawl
from gui_crawl import (
    addresses,
    audit,
    browser,
    covering,
    crawl,
    devices,
    elements,
    explore,
    frontier,
    gateway,
    listing,
    pixels,
    privacy,
    robots,
    tab,
)
from gui_crawl.line import LINE, settings_of
from gui_crawl.recipes import Gui
from gui_crawl.stages import captures as stage
from pipelines.engine import Engine
from pipelines.gui_duplicates import DuplicatesStep, run_page_clusters
from pipelines.gui_questions import Conversations, QuestionsStep
from pipelines.making import MakingStep, Media
from pipelines.shard_step import run_step
from pipelines.write import run_write
from sieveline import cache, storage
from sieveline.fingerprint import code_version, fingerprint
from sieveline.output import Output
from sieveline.slices import Shard, Slice, read_slices

_CRAFT = (
    addresses,
    audit,
    browser,
    covering,
    crawl,
    devices,
    elements,
    explore,
    frontier,
    gateway,
    gui_crawl,
    listing,
    pixels,
    privacy,
    robots,
    tab,
)


class CapturesStep(MakingStep):
    """One share of a site per task, with a browser of its own. What a crawl has so far lies in `OUT/frontier`: a killed one goes on."""

    name = "captures"
    first = "captures"
    made = stage.MEASURED
    ledgered = stage.LEDGER

    def measurement(self, shard: Shard) -> str:
        craft = code_version(*_CRAFT)
        return fingerprint(self.recipe.captures.measuring, settings_of(self.recipe), tab.scripts(), craft, shard.id)

    def thresholds(self, shard: Shard) -> Any:
        return self.recipe.captures

    def make(self, shard: Shard, media: Media, model: Any) -> Iterator[list[dict[str, Any]]]:
        config: stage.Captures = self.recipe.captures
        share = addresses.share_of(shard, config.urls_per_shard, config.max_urls)
        measurement = self.measurement(shard)
        for rows, screens in crawl.crawl(
            share, config.measuring, self.recipe.seed, self._folder(measurement), self._spent(shard)
        ):
            for row, screen in zip(rows, screens, strict=True):
                row["offset"], row["length"] = -1, 0
                if screen is not None:
                    row["offset"], row["length"] = media.add(f"{row['key']}.png", screen)
            yield rows

    def _spent(self, shard: Shard) -> Any:
        """Adds the browser's CPU time to the shard's cost: it is not of this process."""
        measurement = self.measurement(shard)
        return lambda seconds: self.output.add_cost(self.name, shard.id, measurement, seconds)

    def _folder(self, measurement: str) -> Path:
        """On the local disk, where SQLite and file locks hold."""
        root = self.output.root
        place = Path(root.removeprefix("file://")) / "frontier" if storage.is_local(root) else cache.cache_folder() / "frontier"
        return place / (measurement if storage.is_local(root) else f"{fingerprint(root)}-{measurement}")

    def judge(self, measured: pa.Table) -> pa.Table:
        return stage.decide(measured, self.recipe.captures)


def run(
    output: str, recipe: Gui, slices: list[Slice], engine: Engine, steps: Iterable[str] = LINE.steps
) -> dict[str, dict[str, int]]:
    """Runs `steps` over slices; Beam's counters of each. Global steps look at the whole pool, whatever `slices` says.

    Raises:
        ConfigError: pages are to be visited and there is no browser.
    """
    if "captures" in steps:
        browser.find(recipe.captures.measuring.chromium)
    place = Output(output)
    shards = [shard for s in slices for shard in s.shards]
    pool = [shard for s in read_slices(output) for shard in s.shards]
    work = {
        "captures": lambda: run_step(CapturesStep(place, recipe), shards, engine),
        "duplicate_clusters": lambda: run_page_clusters(place, recipe, pool, engine),
        "duplicates": lambda: run_step(DuplicatesStep(place, recipe), shards, engine),
        "questions": lambda: run_step(QuestionsStep(place, recipe), shards, engine),
        "write": lambda: run_write(LINE, Conversations(place, recipe), slices, engine),
    }
    return {step: dict(work[step]()) for step in LINE.steps if step in steps}
