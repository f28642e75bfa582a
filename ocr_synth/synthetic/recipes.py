"""Recipes of the line ocr-synthetic: functions that return one whole frozen configuration."""

import os
from dataclasses import dataclass, field, replace
from glob import glob

from ocr_synth.stages.render import Measuring, Render
from ocr_synth.stages.truth import Measuring as Checking
from ocr_synth.stages.truth import Truth
from ocr_synth.synthetic.tasks import Tasks
from sieveline.errors import ConfigError
from sieveline.gates import Gates
from sieveline.stages.write import Shards


@dataclass(frozen=True, kw_only=True, slots=True)
class OcrSynthetic:
    """The line of synthetic documents, stage by stage in order.

    Attributes:
        seed: of every draw (content, fonts, warps, wear, tasks, which documents are checked).
        shards_per_slice: text files that make a slice, the unit of a Dagster partition.
        render: the documents, with the tree of sampling ranges below `measuring.sampling`.
        truth: the check by a reader.
        tasks: what is asked of a document.
        gates: what a slice must look like to be written; of them only the yield is asked.
    """

    seed: int = 0
    shards_per_slice: int = 100
    render: Render = field(default_factory=Render)
    truth: Truth = field(default_factory=Truth)
    tasks: Tasks = field(default_factory=Tasks)
    gates: Gates = field(default_factory=lambda: Gates(min_yield=0.5, max_yield=None))
    write: Shards = field(default_factory=Shards)

    def __post_init__(self) -> None:
        if self.shards_per_slice < 1:
            raise ConfigError(f"shards_per_slice is {self.shards_per_slice}, must be at least 1")


def synthetic() -> OcrSynthetic:
    """A document for every thousand characters of text, in this machine's fonts, on backgrounds of two colours; 2 % are read back."""
    return OcrSynthetic()


def demo() -> OcrSynthetic:
    """The demo: at most 40 documents of a text file, every twelfth read back; natural backgrounds where image-text's demo has run.

    Its training shards are looked for below `$SIEVELINE_IMAGE_TEXT_OUTPUT`, which the demo sets.
    """
    shards = os.path.join(os.environ.get("SIEVELINE_IMAGE_TEXT_OUTPUT", "out/image_text"), "shards", "*.tar")
    measuring = Measuring(max_documents=40, backgrounds=(shards,) if glob(shards) else ())
    recipe = synthetic()
    return replace(
        recipe,
        shards_per_slice=3,
        render=replace(recipe.render, measuring=measuring),
        truth=Truth(measuring=Checking(share=0.08)),
        write=Shards(max_shard_samples=200),
    )
