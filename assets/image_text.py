"""Assets of the image-text line: one per stage and slice, and one for each step over the whole pool."""

from typing import Any

import dagster as dg
from sieveline.report.summary import dialog_markdown, inline_summary

from assets.line import ImageTextLine
from pipelines.engine import run_in_child
from sieveline import output as outputs
from sieveline.schema import LEDGER
from sieveline.slices import Slice

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

    counters = run_in_child(
        "pipelines.image_text:run",
        on_progress,
        output=line.output,
        recipe=line.load_recipe(),
        slices=of,
        engine=line.engine,
        steps=[step],
    )
    names = {shard.id for s in of for shard in s.shards} | {s.name for s in of} | {step}
    failed = {
        k: why for k, why in outputs.failed_shards(line.place).items() if k.startswith(f"{step}/") and _concerns(k, names)
    }
    if failed:
        text = "; ".join(f"{name}: {why}" for name, why in sorted(failed.items()))
        raise dg.Failure(f"{len(failed)} not finished, the others are done and will be skipped by a re-run: {text}"[:4000])
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
    return dg.MaterializeResult(metadata={"beam counters": dg.MetadataValue.json(counters)} if counters else {})


def stage_metadata(line: ImageTextLine, stage: str, s: Slice) -> dict[str, Any]:
    """Numbers that plot over slices, the inline summary, the dialog with thumbnails, the link to the whole report."""
    shard_ids = [shard.id for shard in s.shards]
    count = next(c for c in outputs.count_stages(line.place, shard_ids) if c.name == stage)
    numbers: dict[str, Any] = {
        "in": count.num_in,
        "kept": count.kept,
        "yield": round(count.kept / count.num_in, 4) if count.num_in else 0.0,
        "cpu seconds": round(count.cpu_seconds, 2),
        "cpu ms per pair": round(1000 * count.cpu_seconds / count.num_in, 3) if count.num_in else 0.0,
    }
    numbers |= {f"dropped: {reason}": number for reason, number in sorted(count.dropped.items())}
    return numbers | {
        "summary": dg.MetadataValue.md(inline_summary(count)),
        "samples": dg.MetadataValue.md(dialog_markdown(line.place, stage, shard_ids)),
        "report": line.report_link(),
    }


def ledger_schema(columns: Any) -> dict[str, Any]:
    """A stage's ledger as Dagster's column schema; `columns` is the Arrow schema of its own columns."""
    fields = [*LEDGER, *(f for f in columns if f.name not in LEDGER.names)]
    return {"dagster/column_schema": dg.TableSchema([dg.TableColumn(f.name, str(f.type)) for f in fields])}
