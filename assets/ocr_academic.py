"""Assets of the academic line."""

from assets.checks import conservation, gate, whole_shards
from assets.line_assets import LineAssets
from assets.schedules import Automation

LINE = LineAssets("ocr-academic", group="ocr")

papers = LINE.stage(
    "papers",
    [],
    "LaTeX turned into XHTML by LaTeXML, confined and limited; the PDF's words read and its pages rastered by PDFium.",
    {"beam", "parquet"},
)
pages = LINE.stage(
    "pages",
    [papers],
    "The markup split at the PDF's own page breaks; pages whose words or ends do not agree with their PDF are dropped.",
    {"beam", "parquet"},
)
training_shards = LINE.stage(
    "write", [pages], "A page, an instruction and its markup, as WebDataset shards.", {"webdataset", "tar"}
)
quality_report = LINE.report()

CHECKS = [
    *conservation(LINE),
    whole_shards(LINE),
    gate(LINE, "yield", "write", "Share of a slice's pages that are kept."),
]
AUTOMATION = Automation(LINE)
