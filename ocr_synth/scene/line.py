"""The line ocr-scene as the shared machinery knows it. Its steps are in `pipelines/ocr_scene.py`."""

from typing import Any

import pyarrow as pa
from braceexpand import braceexpand

from ocr_synth.scene.exhibits import exhibits
from ocr_synth.scene.recipes import OcrScene
from ocr_synth.stages import scene_text, scene_views, text_density
from sieveline import slices
from sieveline.errors import ConfigError
from sieveline.gates import Gate, Gates, yield_gate
from sieveline.lines import Line, Stage
from sieveline.output import Output, count_stages
from sieveline.reasons import Reason
from sieveline.report.rules import Measure, cut
from sieveline.stages import write


def find_shards(pattern: str, recipe: Any) -> list[slices.Shard]:
    """WebDataset tars or Parquet files that match `pattern`, where `{a,b}` stands for both, as WebDataset writes it.

    Raises:
        ConfigError: as `sieveline.slices.find_shards`, or two shards would have one id.
    """
    found: dict[str, slices.Shard] = {}
    for one in braceexpand(pattern):
        for shard in slices.find_shards(one):
            if found.setdefault(shard.id, shard) != shard:
                raise ConfigError(f"--input {pattern}: {found[shard.id].url} and {shard.url} would both be shard {shard.id!r}")
    return [found[i] for i in sorted(found)]


def ask(output: Output, limits: Gates, of: list[slices.Slice], name: str) -> list[Gate]:
    """The gates of slice `name`: share of its pictures kept for their text, share that does not decode."""
    s = next(s for s in of if s.name == name)
    [count] = count_stages(output, [shard.id for shard in s.shards], ["text_density"])
    undecodable = count.dropped[Reason.UNDECODABLE.value] / count.num_in if count.num_in else None
    return [
        yield_gate(output, s, ("text_density", "scene_text"), limits.min_yield, limits.max_yield),
        Gate("undecodable", undecodable, None, limits.max_undecodable),
    ]


LINE = Line(
    name="ocr-scene",
    description="Pictures with text in them, read by PaddleOCR, turned into reading and locating tasks.",
    unit="picture",
    input="shards of pictures, captions optional: WebDataset .tar (training shards too) or .parquet, any fsspec URL",
    target=18_000_000,
    stages=(
        Stage(
            name="text_density",
            title="Text density",
            lead="What nowhere looks written on is not read.",
            module=text_density,
            columns=text_density.LEDGER,
            measures=(
                Measure(
                    name="text_peak",
                    columns=("text_peak",),
                    unit="highest probability of writing in a cell",
                    span=(0.0, 1.0),
                    rules=(cut("min_peak", Reason.LOW_TEXT_DENSITY),),
                ),
            ),
        ),
        Stage(
            name="scene_text",
            title="Scene text",
            lead="PaddleOCR reads; a picture stays where at least one line passes every rule.",
            module=scene_text,
            columns=scene_text.LEDGER,
            measures=(
                Measure(name="best_score", columns=("best_score",), unit="highest score of a line", span=(0.0, 1.0)),
                Measure(
                    name="num_lines",
                    columns=("num_lines",),
                    unit="lines read, valid or not",
                    log=True,
                    rules=(cut("max_lines", Reason.MANY_LINES),),
                ),
            ),
            reads_media=True,
        ),
        Stage(
            name="scene_views",
            title="Views and questions",
            lead="Upright and, for a share, turned or mirrored; only questions whose answer is beyond doubt.",
            module=scene_views,
            columns=scene_views.LEDGER,
            measures=(
                Measure(
                    name="num_questions",
                    columns=("num_questions",),
                    unit="questions of a view",
                    rules=(cut("min_questions", Reason.NO_QUESTION),),
                ),
            ),
            fans_out=True,
        ),
        Stage(
            name="write",
            title="Training shards",
            lead="What was written; upright pictures with their own bytes.",
            module=write,
            columns=pa.schema([write.COLUMNS.field("training_shard")]),
            reads_media=True,
        ),
    ),
    recipe=OcrScene,
    default_recipe="ocr_synth.scene.recipes:scene",
    run="pipelines.ocr_scene:run",
    find_shards=find_shards,
    gates=ask,
    exhibits=exhibits,
)
