"""Materialises everything in this process, recorded in the Dagster instance of `$DAGSTER_HOME`: what the demo does."""

import dagster as dg

from assets.definitions import LINES, defs
from assets.line import LineSettings
from assets.schedules import RANGE_END, RANGE_START

QUIET = {"loggers": {"console": {"config": {"log_level": "INFO"}}}}  # progress, not every event of Dagster's own


def materialise_line(name: str) -> str | None:
    """Runs a line's job over all its slices; None, or what failed.

    Each step looks what of its results still stands, so a second call does nothing that is done.
    """
    [line] = [of.LINE for of in LINES if of.LINE.line.name == name]
    names = [s.name for s in LineSettings.from_environment(name).plan()]
    if not names:
        return f"the line {name} has nothing to read"
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(str(line.slices.name), names)
        return _run(instance, line.key, {RANGE_START: names[0], RANGE_END: names[-1]})


def train() -> str | None:
    """Runs the job `training` on the training shards that are there; None, or what failed."""
    with dg.DagsterInstance.get() as instance:
        return _run(instance, "training", {})


def _run(instance: dg.DagsterInstance, job: str, tags: dict[str, str]) -> str | None:
    run = defs.resolve_job_def(job)
    result = run.execute_in_process(run_config=QUIET, instance=instance, tags=tags, raise_on_error=False)
    if result.success:
        return None
    failed = [e for e in result.all_events if e.is_step_failure]
    why = [f"{e.step_key}: {e.step_failure_data.error_display_string}" for e in failed]
    return "\n".join([*why, f"the job {job} failed; `make ui` shows run {result.run_id}"])
