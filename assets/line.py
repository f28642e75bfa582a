"""What every asset of the image-text line is told: where the shards lie, where results go, and by which recipe."""

import os

import dagster as dg

from pipelines.engine import Engine
from sieveline import recipes
from sieveline.output import Output
from sieveline.slices import Slice, find_shards, plan_slices, read_slices


class ImageTextLine(dg.ConfigurableResource):
    """Settings of the line, by default from the environment so that one code location serves every deployment.

    Attributes:
        input: `SIEVELINE_INPUT`, a folder or glob of source shards on any fsspec URL.
        output: `SIEVELINE_OUTPUT`, a folder or URL.
        recipe: `SIEVELINE_RECIPE`, module:function.
        beam: `SIEVELINE_BEAM`, Beam flags; empty for the embedded runner.
        report_url: `SIEVELINE_REPORT_URL`, where a browser finds the output folder's `report/`; empty shows its path.
    """

    input: str
    output: str
    recipe: str
    beam: str = ""
    report_url: str = ""

    @classmethod
    def from_environment(cls) -> "ImageTextLine":
        return cls(
            input=os.environ.get("SIEVELINE_INPUT", "pool"),
            output=os.environ.get("SIEVELINE_OUTPUT", "out"),
            recipe=os.environ.get("SIEVELINE_RECIPE", "sieveline.recipes:demo"),
            beam=os.environ.get("SIEVELINE_BEAM", ""),
            report_url=os.environ.get("SIEVELINE_REPORT_URL", ""),
        )

    @property
    def place(self) -> Output:
        return Output(self.output)

    @property
    def engine(self) -> Engine:
        return Engine(beam=self.beam)

    def load_recipe(self) -> recipes.ImageText:
        return recipes.load(self.recipe)

    def plan(self) -> list[Slice]:
        """Registers shards that are new under the input and returns all slices."""
        return plan_slices(self.output, find_shards(self.input), self.load_recipe().shards_per_slice)

    def slices(self, names: list[str] | None = None) -> list[Slice]:
        """The slices planned so far: all of them, or those of the given names in order."""
        return [s for s in read_slices(self.output) if names is None or s.name in names]

    def report_link(self) -> dg.MetadataValue:
        if self.report_url:
            return dg.MetadataValue.url(f"{self.report_url.rstrip('/')}/index.html")
        return dg.MetadataValue.path(self.place.report("index.html"))
