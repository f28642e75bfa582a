"""Materialises everything in this process, recorded in the Dagster instance of `$DAGSTER_HOME`: what the demo does."""

import dagster as dg

from assets.definitions import defs
from assets.line import ImageTextLine
from assets.partitions import slices
from assets.schedules import RANGE_END, RANGE_START

QUIET = {"loggers": {"console": {"config": {"log_level": "INFO"}}}}  # progress, not every event of Dagster's own


def materialise() -> str | None:
    """Runs the job `image_text` over all slices, then `training`; None, or what failed.

    Each step looks what of its results still stands, so a second call does nothing that is done.
    """
    names = [s.name for s in ImageTextLine.from_environment().plan()]
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(str(slices.name), names)
        tags = {RANGE_START: names[0], RANGE_END: names[-1]}
        for job, job_tags in (("image_text", tags), ("training", {})):
            result = defs.resolve_job_def(job).execute_in_process(
                run_config=QUIET, instance=instance, tags=job_tags, raise_on_error=False
            )
            if not result.success:
                failed = [e for e in result.all_events if e.is_step_failure]
                why = [f"{e.step_key}: {e.step_failure_data.error_display_string}" for e in failed]
                return "\n".join([*why, f"the job {job} failed; `make ui` shows run {result.run_id}"])
    return None
