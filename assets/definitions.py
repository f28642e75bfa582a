"""What Dagster loads: every line's assets, checks, jobs, schedules and sensors.

The top-level packages are imported here because a step imports this location in a fresh process and must find them all.
"""

import dagster as dg

import classifiers  # noqa: F401  see above
import recaption  # noqa: F401  see above
import training  # noqa: F401  see above
from assets.checks import CHECKS
from assets.image_text import ASSETS
from assets.line import ImageTextLine
from assets.schedules import JOBS, SCHEDULES, SENSORS
from assets.training import TRAINING_ASSETS, training_job

defs = dg.Definitions(
    assets=[*ASSETS, *TRAINING_ASSETS],
    asset_checks=CHECKS,
    jobs=[*JOBS, training_job],
    schedules=SCHEDULES,
    sensors=SENSORS,
    resources={"line": ImageTextLine.from_environment(), "pipes": dg.PipesSubprocessClient()},
)
