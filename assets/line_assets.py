"""How a line becomes assets: one per stage and slice, one for each step over the whole pool, one for the report.

A file per line (`image_text.py`) says what depends on what and describes it in words; the rest is here, once.
"""

from typing import Any

import dagster as dg

from assets.line import LineSettings, key
from pipelines.engine import run_in_child
from sieveline import lines, recipes, schema
from sieveline import output as outputs
from sieveline.errors import ConfigError
from sieveline.report.page import build_report
from sieveline.report.summary import dialog_markdown, inline_summary
from sieveline.schema import LEDGER, documented
from sieveline.slices import Slice

OWNERS = ["team:multimodal-data"]
MAX_SLICES_PER_RUN = 50  # a range this long is one Beam job: long enough to pay for start-up, short enough to lose little
RETRIES = dg.RetryPolicy(max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL)


class LineAssets:
    """Makes the assets of one line and holds them.

    Attributes:
        line: what the shared machinery knows of it.
        key: prefix of its asset keys and name of its resource, which is a `LineSettings`.
        group: of its assets in the UI.
        slices: its partitions, registered when their source shards are seen.
        assets: by step; `training_shards` stands under `write`, the report under `report`.
    """

    def __init__(self, name: str, group: str):
        self.line = lines.load(name)
        self.key = key(name)
        self.group = group
        self.slices = dg.DynamicPartitionsDefinition(name=f"{self.key}_slices")
        self.assets: dict[str, dg.AssetsDefinition] = {}

    @property
    def training_shards(self) -> dg.AssetsDefinition:
        return self.assets["write"]

    def settings(self, context: Any) -> LineSettings:
        return getattr(context.resources, self.key)

    def stage(self, name: str, deps: list, description: str, kinds: set[str], pool: str | None = None) -> dg.AssetsDefinition:
        """Adds an asset that is one stage, partitioned by slice."""

        @dg.asset(
            name=name if name != "write" else "training_shards",
            key_prefix=self.key,
            group_name=self.group,
            partitions_def=self.slices,
            backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=MAX_SLICES_PER_RUN),
            deps=deps,
            description=description,
            kinds=kinds,
            owners=OWNERS,
            metadata=ledger_schema(self.line.stage(name)),
            retry_policy=RETRIES,
            pool=pool,
            required_resource_keys={self.key},
        )
        def run_stage(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            return run_slices(context, self.settings(context), name)

        self.assets[name] = run_stage
        return run_stage

    def over_pool(self, step: str, deps: list, description: str) -> dg.AssetsDefinition:
        """Adds an asset that looks at the whole pool: not partitioned, stale when any slice before it changes."""

        @dg.asset(
            name=step,
            key_prefix=self.key,
            group_name=self.group,
            deps=deps,
            description=description,
            kinds={"beam", "parquet"},
            owners=OWNERS,
            retry_policy=RETRIES,
            required_resource_keys={self.key},
        )
        def global_step(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            settings = self.settings(context)
            counters = run_steps(context, settings, step, settings.slices())
            report = {"slices": len(settings.slices()), "report": settings.report_link()}
            return dg.MaterializeResult(metadata=counters | report)

        self.assets[step] = global_step
        return global_step

    def report(self) -> dg.AssetsDefinition:
        """Adds the sample quality report over the whole pool."""

        @dg.asset(
            key_prefix=self.key,
            group_name=self.group,
            deps=[self.training_shards],
            description="The sample quality report over the whole pool, and stats.json.",
            kinds={"html"},
            owners=OWNERS,
            required_resource_keys={self.key},
        )
        def quality_report(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
            settings = self.settings(context)
            stats = outputs.write_stats(settings.place)
            build_report(settings.place)
            numbers = {"training samples": stats["samples"], "training shards": stats["shards"], "bytes": stats["bytes"]}
            kept = {f"kept: {stage['name']}": stage["kept"] for stage in stats["stages"]}
            return dg.MaterializeResult(metadata={**numbers, "report": settings.report_link(), **kept})

        self.assets["report"] = quality_report
        return quality_report


def run_steps(context: dg.AssetExecutionContext, settings: LineSettings, step: str, of: list[Slice]) -> dict[str, int]:
    """Runs one step over slices in a child process that ends with this one; Beam's counters.

    Raises:
        dagster.Failure: shards could not be finished. What was finished stays and is skipped by the next run.
    """
    done, log_at = 0, 1

    def on_progress(message: dict) -> None:
        nonlocal done, log_at
        done += message.get("pairs", 0)
        if done >= log_at:
            context.log.info(f"{message['step']}: {done:,} {settings.line.unit}s")
            log_at = max(done * 2, 1000)

    recipe = settings.load_recipe()
    recipes.write(recipe, settings.recipe_name, settings.name, settings.place)
    work = {"output": settings.output, "recipe": recipe, "slices": of, "engine": settings.engine, "steps": [step]}
    try:
        counters = run_in_child(settings.line.run, on_progress, **work)
    except ConfigError as error:
        raise dg.Failure(str(error), allow_retries=False) from error  # it would fail the same way again
    names = {shard.id for s in of for shard in s.shards} | {s.name for s in of} | {step}
    failed = {
        k: why for k, why in outputs.failed_shards(settings.place).items() if k.startswith(f"{step}/") and _concerns(k, names)
    }
    if failed:
        text = "; ".join(f"{name}: {why}" for name, why in sorted(failed.items()))
        gated = all(why.startswith("not published") for why in failed.values())  # a gate says the same again
        message = f"{len(failed)} not finished, the others are done and will be skipped by a re-run: {text}"[:4000]
        raise dg.Failure(message, allow_retries=not gated)
    return counters.get(step, {})


def _concerns(failure: str, names: set[str]) -> bool:
    name = failure.split("/", 1)[1]
    return name in names or name.rsplit("-", 1)[0] in names


def run_slices(context: dg.AssetExecutionContext, settings: LineSettings, step: str) -> dg.MaterializeResult:
    """Runs a stage over the run's slices and attaches each slice's own report to its partition."""
    of = settings.slices(list(context.partition_keys))
    counters = run_steps(context, settings, step, of)
    for s in of:
        context.add_asset_metadata(stage_metadata(settings, step, s), partition_key=s.name)
    return dg.MaterializeResult(metadata={"beam counters of the run": dg.MetadataValue.json(counters)} if counters else {})


def stage_metadata(settings: LineSettings, stage: str, s: Slice) -> dict[str, Any]:
    """Numbers that plot over slices, the inline summary, the dialog with thumbnails, the link to the whole report."""
    shard_ids = [shard.id for shard in s.shards]
    unit = settings.line.unit
    [count] = outputs.count_stages(settings.place, shard_ids, [stage])
    numbers: dict[str, Any] = {
        "in": count.num_in,
        "kept": count.kept,
        "yield": round(count.kept / count.num_in, 4) if count.num_in else 0.0,
        "cpu seconds": round(count.cpu_seconds, 2),
        f"cpu ms per {unit}": round(1000 * count.cpu_seconds / count.num_in, 3) if count.num_in else 0.0,
    }
    numbers |= {f"dropped: {reason}": number for reason, number in sorted(count.dropped.items())}
    return {
        "summary": dg.MetadataValue.md(inline_summary(count, unit=unit)),
        "samples": dg.MetadataValue.md(dialog_markdown(settings.place, stage, shard_ids)),
        "report": settings.report_link(),
    } | numbers


def ledger_schema(stage: lines.Stage) -> dict[str, Any]:
    """A stage's ledger as Dagster's column schema: names and types of its columns, meanings from its module's docstring."""
    meanings = documented(schema.__doc__) | documented(stage.module.__doc__)
    fields = [*LEDGER, *(f for f in stage.columns if f.name not in LEDGER.names)]
    described = [dg.TableColumn(f.name, str(f.type), meanings.get(f.name, ("", ""))[1]) for f in fields]
    return {"dagster/column_schema": dg.TableSchema(described)}
