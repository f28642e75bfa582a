"""Recipes of the line ocr-scene: functions that return one whole frozen configuration."""

from dataclasses import dataclass, field

from ocr_synth.stages.scene_text import SceneText
from ocr_synth.stages.scene_views import SceneViews
from ocr_synth.stages.text_density import TextDensity
from sieveline.errors import ConfigError
from sieveline.gates import Gates
from sieveline.shards.tar import Limits
from sieveline.stages.write import Shards


@dataclass(frozen=True, kw_only=True, slots=True)
class OcrScene:
    """The scene-text line, stage by stage in order.

    Attributes:
        seed: of every draw (views, questions, phrasings).
        shards_per_slice: source shards that make a slice, the unit of a Dagster partition.
        limits: what reading refuses to take into memory.
        gates: what a slice must look like to be written; of them the yield and the share that does not decode are asked.
    """

    seed: int = 0
    shards_per_slice: int = 1000
    limits: Limits = field(default_factory=Limits)
    text_density: TextDensity = field(default_factory=TextDensity)
    scene_text: SceneText = field(default_factory=SceneText)
    scene_views: SceneViews = field(default_factory=SceneViews)
    gates: Gates = field(default_factory=lambda: Gates(min_yield=0.001, max_yield=None))
    write: Shards = field(default_factory=Shards)

    def __post_init__(self) -> None:
        if self.shards_per_slice < 1:
            raise ConfigError(f"shards_per_slice is {self.shards_per_slice}, must be at least 1")


def scene() -> OcrScene:
    """Web pictures: whatever shows a line of two characters or more that the reader is sure of."""
    return OcrScene()


def demo() -> OcrScene:
    """The demo: a few hundred pictures in small slices."""
    return OcrScene(shards_per_slice=2, write=Shards(max_shard_samples=200))
