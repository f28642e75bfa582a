"""When things run: a sensor registers slices as shards appear, a schedule materialises every night what is missing."""

from collections.abc import Sequence

import dagster as dg

from assets.image_text import GROUP, MAX_SLICES_PER_RUN, training_shards
from assets.line import ImageTextLine
from assets.partitions import slices

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"

image_text_job = dg.define_asset_job(
    "image_text",
    selection=dg.AssetSelection.groups(GROUP),
    description="The whole image-text line over a range of slices, from raw shards to training shards and the report.",
)


@dg.sensor(
    job=image_text_job,
    minimum_interval_seconds=60,
    description="Registers a slice as a partition when its shards appear under the input.",
)
def new_shards(context: dg.SensorEvaluationContext, line: ImageTextLine) -> dg.SensorResult | dg.SkipReason:
    known = set(context.instance.get_dynamic_partitions(str(slices.name)))
    new = [s.name for s in line.plan() if s.name not in known]
    if not new:
        return dg.SkipReason(f"no new shards under {line.input}")
    return dg.SensorResult(dynamic_partitions_requests=[slices.build_add_request(new)])


@dg.schedule(
    job=image_text_job,
    cron_schedule="0 2 * * *",
    description=f"Every night: what is missing, in ranges of at most {MAX_SLICES_PER_RUN} slices.",
)
def nightly_backfill(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
    known = context.instance.get_dynamic_partitions(str(slices.name))
    done = context.instance.get_materialized_partitions(training_shards.key)
    ranges = missing_ranges(known, done, MAX_SLICES_PER_RUN)
    if not ranges:
        return dg.SkipReason("every slice has its training shards")
    day = context.scheduled_execution_time.strftime("%Y-%m-%d")
    return [dg.RunRequest(run_key=f"{day}/{first}", tags={RANGE_START: first, RANGE_END: last}) for first, last in ranges]


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


JOBS = [image_text_job]
SENSORS = [new_shards]
SCHEDULES = [nightly_backfill]
