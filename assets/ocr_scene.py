"""Assets of the line ocr-scene."""

import dagster as dg

from assets import image_text
from assets.checks import conservation, gate, whole_shards
from assets.line_assets import LineAssets
from assets.schedules import Automation

LINE = LineAssets("ocr-scene", group="ocr")

# The two lines have slices of their own: a slice of pictures may come from any training shard.
FROM_IMAGE_TEXT = dg.AssetDep(image_text.training_shards, partition_mapping=dg.AllPartitionMapping())

text_density = LINE.stage(
    "text_density",
    [FROM_IMAGE_TEXT],
    "What nowhere looks written on is dropped by a small network, at a hundredth of what reading costs.",
    {"beam", "onnx", "parquet"},
)
scene_text = LINE.stage(
    "scene_text",
    [text_density],
    "PaddleOCR reads; a picture stays where at least one line passes the rules on score, size, length and script.",
    {"beam", "onnx", "parquet"},
)
scene_views = LINE.stage(
    "scene_views",
    [scene_text],
    "Upright and, for a share, turned or mirrored views, polygons moving with the pixels; questions whose answer is beyond doubt.",
    {"parquet"},
)
training_shards = LINE.stage("write", [scene_views], "Training shards of reading and locating tasks.", {"webdataset", "tar"})
quality_report = LINE.report()

CHECKS = [
    *conservation(LINE),
    whole_shards(LINE),
    gate(LINE, "yield", "scene_text", "Share of a slice's pictures that are kept for their text."),
    gate(LINE, "undecodable", "text_density", "Share of pictures that do not decode."),
]
AUTOMATION = Automation(LINE)
