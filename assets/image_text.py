"""Assets of the image-text line."""

from assets.checks import conservation, gate, whole_shards
from assets.line_assets import LineAssets
from assets.schedules import Automation

LINE = LineAssets("image-text", group="image_text")

heuristics = LINE.stage(
    "heuristics",
    [],
    "Reads raw shards and judges each pair by what needs no model: resolution, colour, decodability, caption length, language, boilerplate.",
    {"beam", "parquet"},
)
duplicate_clusters = LINE.over_pool(
    "duplicate_clusters",
    [heuristics],
    "Searches the whole pool for equal and near-equal pictures and for caption templates, by file exchange between hash buckets.",
)
duplicates = LINE.stage(
    "duplicates",
    [heuristics, duplicate_clusters],
    "One picture stays of each cluster (most pixels, then best caption, then id), and a few of each caption template.",
    {"parquet"},
)
alignment = LINE.stage(
    "alignment",
    [duplicates],
    "Raw cosine of image and caption; what lies below the cut is dropped. Embeddings are kept for later stages.",
    {"beam", "onnx", "parquet"},
    pool="gpu",
)
concept_counts = LINE.over_pool(
    "concept_counts", [alignment], "Matches captions against the concept vocabulary and adds the counts up over the pool."
)
concepts = LINE.stage(
    "concepts",
    [alignment, concept_counts],
    "MetaCLIP balance: frequent concepts are thinned to t samples, the tail is kept whole.",
    {"parquet"},
)
recaption = LINE.stage(
    "recaption",
    [concepts],
    "A candidate caption per pair, accepted only if it keeps every fact of the original and adds none without evidence.",
    {"beam", "torch", "parquet"},
    pool="recaption",
)
training_shards = LINE.stage(
    "write",
    [recaption],
    "Originals and recaptions merged at a fixed ratio into WebDataset shards. A slice that does not pass its gates is not published.",
    {"webdataset", "tar"},
)
quality_report = LINE.report()

CHECKS = [
    *conservation(LINE),
    whole_shards(LINE),
    gate(LINE, "yield", "write", "Share of a slice's samples that reach the training shards."),
    gate(LINE, "undecodable", "heuristics", "Share of images that do not decode."),
    gate(LINE, "duplicates", "duplicates", "Share dropped as exact or near duplicates."),
    gate(LINE, "score_drift", "alignment", "How far a slice's mean score lies from that of the slice before it."),
]
AUTOMATION = Automation(LINE)
