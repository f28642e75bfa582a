"""Checks shown beside each asset. What must not be published is already stopped by the gates before `write`; these show the same numbers."""

import dagster as dg

from assets.image_text import STAGE_ASSETS, alignment, duplicates, heuristics, training_shards
from assets.line import ImageTextLine
from assets.partitions import slices
from sieveline import gates
from sieveline.output import STAGES, count_stages, damaged_shards
from sieveline.slices import Slice


def conservation(stage: str, asset: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
    """Every sample that came in is kept or dropped with a reason, and what came in is what the stage before kept."""

    @dg.asset_check(
        asset=asset,
        name="conservation",
        description="in = kept + dropped by reason; in = kept by the stage before",
        partitions_def=slices,
    )
    def check(context: dg.AssetCheckExecutionContext, line: ImageTextLine) -> dg.AssetCheckResult:
        of = line.slices(list(context.partition_keys)) if context.has_partition_key else line.slices()
        stages = STAGES[max(STAGES.index(stage) - 1, 0) : STAGES.index(stage) + 1]
        # raises where a ledger loses a row
        counts = count_stages(line.place, [shard.id for s in of for shard in s.shards], stages)
        now, before = counts[-1], counts[0] if len(counts) > 1 else None
        passed = before is None or now.num_in == before.kept
        metadata = {"in": now.num_in, "kept": now.kept, "dropped": sum(now.dropped.values())}
        return dg.AssetCheckResult(
            passed=passed, metadata=metadata if before is None else {**metadata, "kept before": before.kept}
        )

    return check


def gate(name: str, asset: dg.AssetsDefinition, description: str) -> dg.AssetChecksDefinition:
    """One gate of the recipe, asked of the slice that was materialised, or of every slice."""

    @dg.asset_check(asset=asset, name=name, description=description, partitions_def=slices)
    def check(context: dg.AssetCheckExecutionContext, line: ImageTextLine) -> dg.AssetCheckResult:
        of = line.slices(list(context.partition_keys)) if context.has_partition_key else line.slices()
        everything = line.slices()
        values = {s.name: _ask(line, everything, s, name) for s in of}
        metadata = {slice_name: str(asked) for slice_name, asked in values.items()}
        numbers = [asked.value for asked in values.values() if asked.value is not None]
        passed = all(asked.passed for asked in values.values())
        worst = {"largest": max(numbers), "smallest": min(numbers)} if numbers else {}
        return dg.AssetCheckResult(passed=passed, severity=dg.AssetCheckSeverity.ERROR, metadata={**worst, **metadata})

    return check


def _ask(line: ImageTextLine, everything: list[Slice], s: Slice, name: str) -> gates.Gate:
    return next(g for g in gates.ask(line.place, line.load_recipe().gates, everything, s.name) if g.name == name)


@dg.asset_check(asset=heuristics, name="whole_shards", description="No source shard was truncated or unreadable in part.")
def whole_shards(line: ImageTextLine) -> dg.AssetCheckResult:
    damaged = damaged_shards(line.place)
    return dg.AssetCheckResult(passed=not damaged, severity=dg.AssetCheckSeverity.WARN, metadata=dict(damaged))


CHECKS = [
    *(conservation(stage, asset) for stage, asset in STAGE_ASSETS.items()),
    gate("yield", training_shards, "Share of a slice's samples that reach the training shards."),
    gate("undecodable", heuristics, "Share of images that do not decode."),
    gate("duplicates", duplicates, "Share dropped as exact or near duplicates."),
    gate("score_drift", alignment, "How far a slice's mean score lies from that of the slice before it."),
    whole_shards,
]
