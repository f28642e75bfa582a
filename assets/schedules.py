"""When things run: a sensor registers slices as source shards appear, a schedule materialises every night what is missing."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from assets.line_assets import MAX_SLICES_PER_RUN, LineAssets

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


class Automation:
    """Job, sensor and schedule of one line, named after it.

    Attributes:
        job: every asset of the line, over a range of slices.
        sensor: registers new slices.
        schedule: materialises what is missing, in bounded ranges.
    """

    def __init__(self, of: LineAssets):
        self.job = dg.define_asset_job(
            of.key,
            selection=[a.key for a in of.assets.values()],
            description=f"The whole line {of.line.name} over a range of slices, from its input to training shards and the report.",
        )
        self.sensor = _sensor(of, self.job)
        self.schedule = _schedule(of, self.job)


def _sensor(of: LineAssets, job: Any) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"{of.key}_new_shards",
        job=job,
        minimum_interval_seconds=60,
        description="Registers a slice as a partition when its source shards appear under the input.",
        required_resource_keys={of.key},
    )
    def new_shards(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        settings = of.settings(context)
        known = set(context.instance.get_dynamic_partitions(str(of.slices.name)))
        new = [s.name for s in settings.plan() if s.name not in known]
        if not new:
            return dg.SkipReason(f"no new shards under {settings.input}")
        return dg.SensorResult(dynamic_partitions_requests=[of.slices.build_add_request(new)])

    return new_shards


def _schedule(of: LineAssets, job: Any) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{of.key}_nightly_backfill",
        job=job,
        cron_schedule="0 2 * * *",
        description=f"Every night: what is missing, in ranges of at most {MAX_SLICES_PER_RUN} slices.",
    )
    def nightly_backfill(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        known = context.instance.get_dynamic_partitions(str(of.slices.name))
        done = context.instance.get_materialized_partitions(of.training_shards.key)
        ranges = missing_ranges(known, done, MAX_SLICES_PER_RUN)
        if not ranges:
            return dg.SkipReason("every slice has its training shards")
        day = context.scheduled_execution_time.strftime("%Y-%m-%d")
        return [dg.RunRequest(run_key=f"{day}/{first}", tags={RANGE_START: first, RANGE_END: last}) for first, last in ranges]

    return nightly_backfill


def missing_ranges(known: Sequence[str], done: set[str], max_slices: int) -> list[tuple[str, str]]:
    """Runs of neighbours in `known` that are not `done`, as (first, last), none longer than `max_slices`."""
    ranges: list[list[str]] = []
    gap = True
    for name in known:
        if name in done:
            gap = True
            continue
        if gap or len(ranges[-1]) == max_slices:
            ranges.append([])
        ranges[-1].append(name)
        gap = False
    return [(r[0], r[-1]) for r in ranges]
