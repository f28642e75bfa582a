"""The image-text line as the shared machinery knows it. Its steps are in `pipelines/image_text.py`."""

from typing import Any

import pyarrow as pa

from sieveline import gates, recipes, slices
from sieveline.lines import Line, Stage
from sieveline.report.rules import MEASURES
from sieveline.stages import alignment, concepts, duplicates, heuristics, recaption, write


def find_shards(pattern: str, recipe: Any) -> list[slices.Shard]:
    """WebDataset tars or Parquet files that match `pattern`; see `sieveline.slices.find_shards`."""
    return slices.find_shards(pattern)


LINE = Line(
    name="image-text",
    description="Raw image-text pairs, sieved, balanced and recaptioned.",
    unit="pair",
    input="source shards: WebDataset .tar or .parquet, any fsspec URL",
    target=10_000_000_000,
    stages=(
        Stage(
            name="heuristics",
            title="Heuristics",
            lead="What an image file and its caption show without a model.",
            module=heuristics,
            columns=heuristics.LEDGER,
            measures=MEASURES["heuristics"],
        ),
        Stage(
            name="duplicates",
            title="Duplicates",
            lead="One picture stays of each cluster, a few captions of each template.",
            module=duplicates,
            columns=duplicates.MEASURED,
        ),
        Stage(
            name="alignment",
            title="Alignment",
            lead="Whether image and caption speak of the same thing.",
            module=alignment,
            columns=pa.schema([alignment.measured(1).field("score")]),
            measures=MEASURES["alignment"],
            reads_media=True,
        ),
        Stage(
            name="concepts",
            title="Concept balance",
            lead="The head of the concept distribution is thinned, its tail stays.",
            module=concepts,
            columns=concepts.MEASURED,
            measures=MEASURES["concepts"],
            has_edge=False,  # values are held against a draw each, so none is near to anything
        ),
        Stage(
            name="recaption",
            title="Recaptioning",
            lead="Candidates that keep every fact may take the caption's place; the sample stays either way.",
            module=recaption,
            columns=recaption.COLUMNS,
            measures=MEASURES["recaption"],
        ),
        Stage(
            name="write",
            title="Training shards",
            lead="What was written, original bytes untouched.",
            module=write,
            columns=write.COLUMNS,
            reads_media=True,
        ),
    ),
    global_steps=(("duplicate_clusters", "duplicates"), ("concept_counts", "concepts")),
    recipe=recipes.ImageText,
    default_recipe="sieveline.recipes:web",
    run="pipelines.image_text:run",
    find_shards=find_shards,
    gates=gates.ask,
)
