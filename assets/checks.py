"""Checks shown beside each asset. What must not be published is already stopped by the gates before `write`; these show the same numbers."""

from collections.abc import Callable

import dagster as dg

from assets.line import LineSettings
from assets.line_assets import LineAssets
from sieveline.gates import Gate
from sieveline.output import count_stages, damaged_shards
from sieveline.slices import Slice


def conservation(of: LineAssets) -> list[dg.AssetChecksDefinition]:
    """For each stage: every sample that came in is kept or dropped with a reason, and what came in is what the stage before kept."""
    names = of.line.names
    before = [None, *names[:-1]]
    return [
        _conservation(of, stage, b if not of.line.stage(stage).fans_out else None)
        for stage, b in zip(names, before, strict=True)
    ]


def _conservation(of: LineAssets, stage: str, before: str | None) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=of.assets[stage],
        name="conservation",
        description="in = kept + dropped by reason" + ("; in = kept by the stage before" if before else ""),
        partitions_def=of.slices,
        required_resource_keys={of.key},
    )
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        settings = of.settings(context)
        shard_ids = [shard.id for s in _slices(context, settings) for shard in s.shards]
        # raises where a ledger loses a row
        counts = {c.name: c for c in count_stages(settings.place, shard_ids, [stage, *([before] if before else [])])}
        now = counts[stage]
        metadata = {"in": now.num_in, "kept": now.kept, "dropped": sum(now.dropped.values())}
        if before is None:
            return dg.AssetCheckResult(passed=True, metadata=metadata)
        kept_before = counts[before].kept
        return dg.AssetCheckResult(passed=now.num_in == kept_before, metadata={**metadata, "kept before": kept_before})

    return check


def gate(of: LineAssets, name: str, stage: str, description: str) -> dg.AssetChecksDefinition:
    """One gate of the recipe, asked of the slice that was materialised, or of every slice."""

    def ask(settings: LineSettings, s: Slice) -> Gate:
        asked = of.line.gates(settings.place, settings.load_recipe().gates, settings.slices(), s.name)
        return next(g for g in asked if g.name == name)

    return slice_check(of, name, stage, description, ask)


def slice_check(
    of: LineAssets, name: str, stage: str, description: str, ask: Callable[[LineSettings, Slice], Gate]
) -> dg.AssetChecksDefinition:
    """A check whose number is a `Gate` of each slice."""

    @dg.asset_check(
        asset=of.assets[stage],
        name=name,
        description=description,
        partitions_def=of.slices,
        required_resource_keys={of.key},
    )
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        settings = of.settings(context)
        values = {s.name: ask(settings, s) for s in _slices(context, settings)}
        metadata = {slice_name: str(asked) for slice_name, asked in values.items()}
        numbers = [asked.value for asked in values.values() if asked.value is not None]
        passed = all(asked.passed for asked in values.values())
        worst = {"largest": max(numbers), "smallest": min(numbers)} if numbers else {}
        return dg.AssetCheckResult(passed=passed, severity=dg.AssetCheckSeverity.ERROR, metadata={**worst, **metadata})

    return check


def whole_shards(of: LineAssets) -> dg.AssetChecksDefinition:
    """No source shard was truncated or unreadable in part."""

    @dg.asset_check(
        asset=of.assets[of.line.first],
        name="whole_shards",
        description="No source shard was truncated or unreadable in part.",
        required_resource_keys={of.key},
    )
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        damaged = damaged_shards(of.settings(context).place)
        return dg.AssetCheckResult(passed=not damaged, severity=dg.AssetCheckSeverity.WARN, metadata=dict(damaged))

    return check


def _slices(context: dg.AssetCheckExecutionContext, settings: LineSettings) -> list[Slice]:
    return settings.slices(list(context.partition_keys)) if context.has_partition_key else settings.slices()
