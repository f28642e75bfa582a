"""Assets of the line `gui`."""

from assets.checks import conservation, gate, whole_shards
from assets.line_assets import LineAssets
from assets.schedules import Automation

LINE = LineAssets("gui", group="gui")

captures = LINE.stage(
    "captures",
    [],
    "Visits pages in a real browser, explores their states, takes screenshots and lists every visible element with its box.",
    {"beam", "playwright", "parquet"},
)
duplicate_clusters = LINE.over_pool(
    "duplicate_clusters",
    [captures],
    "Searches the pages of all sites for copies of one another, by file exchange between hash buckets.",
)
duplicates = LINE.stage(
    "duplicates",
    [captures, duplicate_clusters],
    "Of pages whose texts and pixels agree one stays with its states (most states, then most elements, then id).",
    {"parquet"},
)
questions = LINE.stage(
    "questions",
    [duplicates],
    "Questions and answers about the elements of each state; an expression that does not pick out exactly one is dropped.",
    {"beam", "parquet"},
)
training_shards = LINE.stage(
    "write",
    [questions],
    "Screenshots with their questions as conversations, in WebDataset shards. A slice that does not pass its gates is not published.",
    {"webdataset", "tar"},
)
quality_report = LINE.report()

CHECKS = [
    *conservation(LINE),
    whole_shards(LINE),
    gate(LINE, "yield", "captures", "Share of a slice's states that were captured and kept."),
    gate(LINE, "audit", "captures", "Share of audited elements where hiding them changed the screenshot as the listing says."),
    gate(LINE, "empty", "captures", "Share of states that show next to nothing."),
    gate(LINE, "unique", "questions", "Share of kept expressions that fit one element and that nobody could take for another."),
    gate(LINE, "unasked", "questions", "Share of captured states that gave no question."),
]
AUTOMATION = Automation(LINE)
