"""The line ocr-synthetic as the shared machinery knows it. Its steps are in `pipelines/ocr_synthetic.py`."""

from typing import Any

import pyarrow as pa

from ocr_synth.stages import render, truth
from ocr_synth.synthetic.corpus import find_sources
from ocr_synth.synthetic.exhibits import exhibits
from ocr_synth.synthetic.recipes import OcrSynthetic
from sieveline import slices
from sieveline.gates import Gate, Gates, yield_gate
from sieveline.lines import Line, Stage
from sieveline.output import Output
from sieveline.reasons import Reason
from sieveline.report.rules import Measure, cut
from sieveline.stages import write


def find_shards(pattern: str, recipe: Any) -> list[slices.Shard]:
    """Text files that match `pattern`; see `ocr_synth.synthetic.corpus.find_sources`."""
    return find_sources(pattern)


def ask(output: Output, limits: Gates, of: list[slices.Slice], name: str) -> list[Gate]:
    """The gate of slice `name`: share of its documents that could be made and read."""
    s = next(s for s in of if s.name == name)
    return [yield_gate(output, s, ("render", "truth"), limits.min_yield, limits.max_yield)]


LINE = Line(
    name="ocr-synthetic",
    description="Documents drawn from corpus text, with every line and word known to the pixel.",
    unit="document",
    input="UTF-8 text files, a folder or a glob over any fsspec URL; folders named by language (en/, zh/, code/)",
    target=80_000_000,
    stages=(
        Stage(
            name="render",
            title="Documents",
            lead="Text is set, drawn and photographed; nothing is drawn that no font has.",
            module=render,
            columns=render.LEDGER,
            measures=(
                Measure(
                    name="contrast",
                    columns=("contrast",),
                    unit="least WCAG ratio of ink to ground",
                    span=(1.0, 21.0),
                    rules=(cut("min_contrast", Reason.LOW_CONTRAST),),
                ),
                Measure(
                    name="text_size",
                    columns=("text_size",),
                    unit="em of the smallest text, pixels",
                    log=True,
                    rules=(cut("min_text_size", Reason.SMALL_TEXT),),
                ),
                Measure(
                    name="characters",
                    columns=("characters",),
                    unit="characters of the text",
                    log=True,
                    rules=(cut("min_characters", Reason.TEXT_SHORT),),
                ),
            ),
        ),
        Stage(
            name="truth",
            title="Truth check",
            lead="A share of the documents is rendered undegraded and read by PP-OCRv6, which knows nothing of the labels.",
            module=truth,
            columns=truth.MEASURED,
            measures=(
                Measure(
                    name="error_rate",
                    columns=("error_rate",),
                    unit="character error rate of the undegraded render",
                    span=(0.0, 1.0),
                    rules=(cut("max_error_rate", Reason.READ_WRONG),),
                ),
            ),
            has_edge=False,
        ),
        Stage(
            name="write",
            title="Training shards",
            lead="Pictures with their questions and answers; polygons and styles go along in the provenance.",
            module=write,
            columns=pa.schema([write.COLUMNS.field("training_shard")]),
            reads_media=True,
        ),
    ),
    recipe=OcrSynthetic,
    default_recipe="ocr_synth.synthetic.recipes:synthetic",
    run="pipelines.ocr_synthetic:run",
    find_shards=find_shards,
    gates=ask,
    exhibits=exhibits,
)
