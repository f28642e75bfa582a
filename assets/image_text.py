"""Assets of the image-text line: one per stage and slice, and one for each step over the whole pool."""

from types import ModuleType
from typing import Any

import dagster as dg
import pyarrow as pa

from assets.line import ImageTextLine
from assets.partitions import slices
from pipelines.engine import run_in_child
from sieveline import output as outputs
from sieveline import recipes, schema
from sieveline.errors import ConfigError
from sieveline.report.page import build_report
from sieveline.report.summary import dialog_markdown, inline_summary
from sieveline.schema import LEDGER, documented
from sieveline.slices import Slice
from sieveline.stages import alignment as alignment_stage
from sieveline.stages import concepts as concepts_stage
from sieveline.stages import duplicates as duplicates_stage
from sieveline.stages import heuristics as heuristics_stage
from sieveline.stages import recaption as recaption_stage
from sieveline.stages import write as write_stage

GROUP = "image_text"
OWNERS = ["team:multimodal-data"]
MAX_SLICES_PER_RUN = 50  # a range this long is one Beam job: long enough to pay for start-up, short enough to lose little
RETRIES = dg.RetryPolicy(max_retries=2, delay=30, backoff=dg.Backoff.EXPONENTIAL)


def run_steps(context: dg.AssetExecutionContext, line: ImageTextLine, step: str, of: list[Slice]) -> dict[str, int]:
    """Runs one step over slices in a child process that ends with this one; Beam's counters.

    Raises:
        dagster.Failure: shards could not be finished. What was finished stays and is skipped by the next run.
    """
    pairs, log_at = 0, 1

    def on_progress(message: dict) -> None:
        nonlocal pairs, log_at
        pairs += message.get("pairs", 0)
        if pairs >= log_at:
            context.log.info(f"{message['step']}: {pairs:,} pairs")
            log_at = max(pairs * 2, 1000)

    recipe = line.load_recipe()
    recipes.write(recipe, line.recipe, line.place)
    work = {"output": line.output, "recipe": recipe, "slices": of, "engine": line.engine, "steps": [step]}
    try:
        counters = run_in_child("pipelines.image_text:run", on_progress, **work)
    except ConfigError as error:
        raise dg.Failure(str(error), allow_retries=False) from error  # it would fail the same way again
    names = {shard.id for s in of for shard in s.shards} | {s.name for s in of} | {step}
    failed = {
        k: why for k, why in outputs.failed_shards(line.place).items() if k.startswith(f"{step}/") and _concerns(k, names)
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


def run_slices(context: dg.AssetExecutionContext, line: ImageTextLine, step: str) -> dg.MaterializeResult:
    """Runs a stage over the run's slices and attaches each slice's own report to its partition."""
    of = line.slices(list(context.partition_keys))
    counters = run_steps(context, line, step, of)
    for s in of:
        context.add_asset_metadata(stage_metadata(line, step, s), partition_key=s.name)
    return dg.MaterializeResult(metadata={"beam counters of the run": dg.MetadataValue.json(counters)} if counters else {})


def stage_metadata(line: ImageTextLine, stage: str, s: Slice) -> dict[str, Any]:
    """Numbers that plot over slices, the inline summary, the dialog with thumbnails, the link to the whole report."""
    shard_ids = [shard.id for shard in s.shards]
    [count] = outputs.count_stages(line.place, shard_ids, [stage])
    numbers: dict[str, Any] = {
        "in": count.num_in,
        "kept": count.kept,
        "yield": round(count.kept / count.num_in, 4) if count.num_in else 0.0,
        "cpu seconds": round(count.cpu_seconds, 2),
        "cpu ms per pair": round(1000 * count.cpu_seconds / count.num_in, 3) if count.num_in else 0.0,
    }
    numbers |= {f"dropped: {reason}": number for reason, number in sorted(count.dropped.items())}
    return {
        "summary": dg.MetadataValue.md(inline_summary(count)),
        "samples": dg.MetadataValue.md(dialog_markdown(line.place, stage, shard_ids)),
        "report": line.report_link(),
    } | numbers


def ledger_schema(stage: ModuleType, columns: Any) -> dict[str, Any]:
    """A stage's ledger as Dagster's column schema: names and types of `columns`, meanings from the docstring of `stage`."""
    meanings = documented(schema.__doc__) | documented(stage.__doc__)
    fields = [*LEDGER, *(f for f in columns if f.name not in LEDGER.names)]
    described = [dg.TableColumn(f.name, str(f.type), meanings.get(f.name, ("", ""))[1]) for f in fields]
    return {"dagster/column_schema": dg.TableSchema(described)}


def per_slice(
    stage: ModuleType, deps: list, description: str, kinds: set[str], columns: Any, pool: str | None = None
) -> dg.AssetsDefinition:
    """An asset that is one stage, partitioned by slice."""

    step = stage.__name__.rsplit(".", 1)[-1]

    @dg.asset(
        name=step if step != "write" else "training_shards",
        key_prefix=GROUP,
        group_name=GROUP,
        partitions_def=slices,
        backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=MAX_SLICES_PER_RUN),
        deps=deps,
        description=description,
        kinds=kinds,
        owners=OWNERS,
        metadata=ledger_schema(stage, columns),
        retry_policy=RETRIES,
        pool=pool,
    )
    def run_stage(context: dg.AssetExecutionContext, line: ImageTextLine) -> dg.MaterializeResult:
        return run_slices(context, line, step)

    return run_stage


def over_pool(step: str, deps: list, description: str) -> dg.AssetsDefinition:
    """An asset that looks at the whole pool: not partitioned, stale when any slice before it changes."""

    @dg.asset(
        name=step,
        key_prefix=GROUP,
        group_name=GROUP,
        deps=deps,
        description=description,
        kinds={"beam", "parquet"},
        owners=OWNERS,
        retry_policy=RETRIES,
    )
    def global_step(context: dg.AssetExecutionContext, line: ImageTextLine) -> dg.MaterializeResult:
        counters = run_steps(context, line, step, line.slices())
        return dg.MaterializeResult(metadata={**counters, "slices": len(line.slices()), "report": line.report_link()})

    return global_step


heuristics = per_slice(
    heuristics_stage,
    [],
    "Reads raw shards and judges each pair by what needs no model: resolution, colour, decodability, caption length, language, boilerplate.",
    {"beam", "parquet"},
    heuristics_stage.LEDGER,
)
duplicate_clusters = over_pool(
    "duplicate_clusters",
    [heuristics],
    "Searches the whole pool for equal and near-equal pictures and for caption templates, by file exchange between hash buckets.",
)
duplicates = per_slice(
    duplicates_stage,
    [heuristics, duplicate_clusters],
    "One picture stays of each cluster (most pixels, then best caption, then id), and a few of each caption template.",
    {"parquet"},
    duplicates_stage.MEASURED,
)
alignment = per_slice(
    alignment_stage,
    [duplicates],
    "Raw cosine of image and caption; what lies below the cut is dropped. Embeddings are kept for later stages.",
    {"beam", "onnx", "parquet"},
    pa.schema([alignment_stage.measured(1).field("score")]),
    pool="gpu",
)
concept_counts = over_pool(
    "concept_counts", [alignment], "Matches captions against the concept vocabulary and adds the counts up over the pool."
)
concepts = per_slice(
    concepts_stage,
    [alignment, concept_counts],
    "MetaCLIP balance: frequent concepts are thinned to t samples, the tail is kept whole.",
    {"parquet"},
    concepts_stage.MEASURED,
)
recaption = per_slice(
    recaption_stage,
    [concepts],
    "A candidate caption per pair, accepted only if it keeps every fact of the original and adds none without evidence.",
    {"beam", "torch", "parquet"},
    recaption_stage.COLUMNS,
    pool="recaption",
)
training_shards = per_slice(
    write_stage,
    [recaption],
    "Originals and recaptions merged at a fixed ratio into WebDataset shards. A slice that does not pass its gates is not published.",
    {"webdataset", "tar"},
    write_stage.COLUMNS,
)


@dg.asset(
    key_prefix=GROUP,
    group_name=GROUP,
    deps=[training_shards],
    description="The sample quality report over the whole pool, and stats.json.",
    kinds={"html"},
    owners=OWNERS,
)
def quality_report(line: ImageTextLine) -> dg.MaterializeResult:
    stats = outputs.write_stats(line.place)
    build_report(line.place)
    numbers = {"training samples": stats["samples"], "training shards": stats["shards"], "bytes": stats["bytes"]}
    return dg.MaterializeResult(
        metadata={
            **numbers,
            "report": line.report_link(),
            **{f"kept: {stage['name']}": stage["kept"] for stage in stats["stages"]},
        }
    )


ASSETS = [
    heuristics,
    duplicate_clusters,
    duplicates,
    alignment,
    concept_counts,
    concepts,
    recaption,
    training_shards,
    quality_report,
]
STAGE_ASSETS = {
    "heuristics": heuristics,
    "duplicates": duplicates,
    "alignment": alignment,
    "concepts": concepts,
    "recaption": recaption,
    "write": training_shards,
}
