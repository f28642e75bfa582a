"""What Dagster loads: every line's assets, checks, jobs, schedules and sensors.

The top-level packages are imported here because a step imports this location in a fresh process and must find them all.
"""

import dagster as dg

import classifiers  # noqa: F401  see above
import gui_crawl  # noqa: F401  see above
import ocr_synth  # noqa: F401  see above
import recaption  # noqa: F401  see above
import training  # noqa: F401  see above
from assets import gui, image_text, ocr_academic, ocr_scene, ocr_synthetic
from assets.line import LineSettings
from assets.message_reader import WholeLineReader
from assets.training import TRAINING_ASSETS, training_job

LINES = (image_text, ocr_synthetic, ocr_scene, ocr_academic, gui)
"""The module of each line has `LINE`, `CHECKS` and `AUTOMATION`."""

defs = dg.Definitions(
    assets=[*(asset for of in LINES for asset in of.LINE.assets.values()), *TRAINING_ASSETS],
    asset_checks=[check for of in LINES for check in of.CHECKS],
    jobs=[*(of.AUTOMATION.job for of in LINES), training_job],
    schedules=[of.AUTOMATION.schedule for of in LINES],
    sensors=[of.AUTOMATION.sensor for of in LINES],
    resources={of.LINE.key: LineSettings.from_environment(of.LINE.line.name) for of in LINES}
    | {"pipes": dg.PipesSubprocessClient(message_reader=WholeLineReader())},
)
