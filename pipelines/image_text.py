"""The image-text line: raw shards -> heuristics -> duplicates -> alignment -> concepts -> recaption -> training shards.

Each step is a class over one shard or a global step through files; `run` takes any of them by name, in order. Every step is done again only
where its fingerprints no longer stand, so `run` may be called at any time, after any kill.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa

from classifiers import boilerplate, caption_quality, heuristics, image_quality, perceptual_hash
from pipelines.alignment import AlignmentStep
from pipelines.captions import Captions
from pipelines.concepts import ConceptCounts, ConceptsStep, run_concept_counts
from pipelines.duplicates import DuplicatesStep, run_duplicate_clusters
from pipelines.engine import Engine
from pipelines.reading import ReadingStep
from pipelines.recaption import RecaptionStep
from pipelines.shard_step import run_step
from pipelines.write import run_write
from sieveline.fingerprint import code_version, fingerprint
from sieveline.image_text import LINE
from sieveline.output import Output
from sieveline.shards import tar
from sieveline.slices import Shard, Slice, read_slices
from sieveline.stages import heuristics as heuristics_stage


class HeuristicsStep(ReadingStep):
    """Judges what needs no model."""

    name = "heuristics"
    found, ledgered = heuristics_stage.MEASURED, heuristics_stage.LEDGER

    def measurement(self, shard: Shard) -> str:
        code = code_version(heuristics, image_quality, caption_quality, boilerplate, perceptual_hash, tar)
        return fingerprint(self.recipe.limits, self.recipe.heuristics.measuring, code)

    def thresholds(self, shard: Shard) -> Any:
        return self.recipe.heuristics

    def measure_batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return heuristics.measure(batch, self.recipe.heuristics.measuring)

    def judge(self, measured: pa.Table) -> pa.Table:
        return heuristics_stage.decide(measured, self.recipe.heuristics)


def check(output: Output, recipe: Any, steps: Iterable[str]) -> None:
    """Raises ConfigError where the recipe names a vocabulary, generator or weights that are not there, before any work starts."""
    for name, step in (("alignment", AlignmentStep), ("concept_counts", ConceptCounts), ("recaption", RecaptionStep)):
        if name in steps:
            step(output, recipe)


def run(
    output: str, recipe: Any, slices: list[Slice], engine: Engine, steps: Iterable[str] = LINE.steps
) -> dict[str, dict[str, int]]:
    """Runs `steps` of the line, in their order, over the shards of `slices`; meant to run in a child process.

    Global steps look at the whole pool, whatever `slices` says.

    Returns:
        Beam's counters per step.
    """
    place = Output(output)
    shards = [shard for s in slices for shard in s.shards]
    pool = [shard for s in read_slices(output) for shard in s.shards]
    work: dict[str, Callable[[], Counter[str]]] = {
        "heuristics": lambda: run_step(HeuristicsStep(place, recipe), shards, engine),
        "duplicate_clusters": lambda: run_duplicate_clusters(place, recipe, pool, engine),
        "duplicates": lambda: run_step(DuplicatesStep(place, recipe), shards, engine),
        "alignment": lambda: run_step(AlignmentStep(place, recipe), shards, engine),
        "concept_counts": lambda: run_concept_counts(place, recipe, pool, engine),
        "concepts": lambda: run_step(ConceptsStep(place, recipe), shards, engine),
        "recaption": lambda: run_step(RecaptionStep(place, recipe), shards, engine),
        "write": lambda: run_write(LINE, Captions(place, recipe), slices, engine),
    }
    check(place, recipe, steps)
    return {step: dict(work[step]()) for step in LINE.steps if step in steps}
