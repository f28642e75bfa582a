"""Academic pages: what all that is not LaTeXML takes of a paper's CPU time, and how many pages come out how well.

The papers are some of the demo's, one after the other in one process as a worker does it. LaTeXML's time is what the kernel
says of its process, which begins with the jail's 15 ms; all else is the rest of the total: copying, BibTeX, PDFium's
process, gzip, alignment, splitting, scoring. The peer for the yield is Nougat's published one: 47 % of the pages of arXiv.
"""

import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.rows import Row, spent
from demo import academic as demo_papers
from demo import system
from ocr_synth.academic import jail, make, paging, papers
from ocr_synth.academic.recipes import demo
from ocr_synth.stages import pages as stage

CHOSEN = ("vancouver", "aguplus", "llncsdoc", "article", "sample-sigplan")
NOUGATS_YIELD = 0.47


def rows() -> Iterator[Row]:
    if not system.need("latexmlc") or jail.refusal():
        return
    with tempfile.TemporaryDirectory() as folder:
        for skipped in demo_papers.lay_out(Path(folder)):
            print(skipped)
        found = [p for p in papers.find(folder) if p.name.rsplit("/", 1)[-1] in CHOSEN]
        if not found:
            return
        told: list[float] = []
        made, seconds = spent(lambda: convert(found, told))
    kept = stage.decide(pa.Table.from_pylist(made, stage.MEASURED), demo().pages)["reason"].is_null().to_numpy()
    note = f"{len(found)} papers, {len(made)} pages, {seconds:.1f} CPU-s, of which latexmlc {sum(told):.1f}"
    yield Row(
        name="academic: all that is not latexmlc, share of the CPU time",
        ours=1 - sum(told) / seconds,
        unit="of 1",
        at_most=0.15,
        note=note,
    )
    share = float(kept.mean())
    yield Row(
        name="academic: pages kept, against Nougat's published yield",
        ours=share,
        peer=NOUGATS_YIELD,
        ratio=share / NOUGATS_YIELD,
        at_least=1.0,
        unit="of 1",
    )
    for name, target in (("precision", 0.95), ("recall", 0.9)):
        values = [row[name] for row, good in zip(made, kept, strict=True) if good]
        yield Row(name=f"academic: mean word {name} of kept pages", ours=float(np.mean(values)), unit="of 1", at_least=target)


def convert(found: list[papers.Paper], told: list[float]) -> list[dict[str, Any]]:
    """The pages of `found`; LaTeXML's CPU-seconds are added to `told`. The reading process has ended, so that its time is counted."""
    measuring, made = demo().papers.measuring, []
    reading = make.reader(measuring)
    try:
        for paper in found:
            media: dict[int, bytes] = {}

            def add(name: str, content: bytes, media: dict[int, bytes] = media) -> tuple[int, int]:
                media[len(media)] = content
                return len(media) - 1, len(content)

            row = make.make(paper, measuring, reading, add, told.append)
            if row["flaw"] is None:
                made += paging.page_rows(row, media[row["xhtml_offset"]], media[row["words_offset"]])
    finally:
        reading.close()
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime > 0
    return [{name: row[name] for name in stage.MEASURED.names} for row in made]
