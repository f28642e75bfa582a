"""Assets of the line ocr-synthetic."""

import dagster as dg

from assets import image_text
from assets.checks import conservation, gate, whole_shards
from assets.line_assets import LineAssets
from assets.schedules import Automation

LINE = LineAssets("ocr-synthetic", group="ocr")

# Natural images behind documents; any slice of text may stand on any of them, and the line goes without where there are none.
BACKGROUNDS = dg.AssetDep(image_text.training_shards, partition_mapping=dg.AllPartitionMapping())

render = LINE.stage(
    "render",
    [BACKGROUNDS],
    "Documents drawn from corpus text: set with HarfBuzz in fonts that have every glyph, warped and worn, polygons moving with the pixels.",
    {"beam", "parquet", "tar"},
)
truth = LINE.stage(
    "truth",
    [render],
    "A share of the documents is rendered undegraded and read by PP-OCRv6: character error rates by language.",
    {"beam", "onnx", "parquet"},
)
training_shards = LINE.stage("write", [truth], "Training shards of reading and locating tasks.", {"webdataset", "tar"})
quality_report = LINE.report()

CHECKS = [
    *conservation(LINE),
    whole_shards(LINE),
    gate(LINE, "yield", "truth", "Share of a slice's documents that could be made and pass."),
]
AUTOMATION = Automation(LINE)
