"""What a line's assets are told: where its input lies, where results go, and by which recipe."""

import os

import dagster as dg

from pipelines.engine import Engine
from sieveline import lines, recipes
from sieveline.output import Output
from sieveline.slices import Slice, plan_slices, read_slices


class LineSettings(dg.ConfigurableResource):
    """Settings of one line, by default from the environment so that one code location serves every deployment.

    The variables carry the line's name: `SIEVELINE_IMAGE_TEXT_INPUT`.

    Attributes:
        name: of the line, as the command line has it.
        input: `SIEVELINE_<LINE>_INPUT`: what the line reads; any fsspec URL.
        output: `SIEVELINE_<LINE>_OUTPUT`, a folder or URL.
        recipe: `SIEVELINE_<LINE>_RECIPE`, module:function; empty for the line's own.
        beam: `SIEVELINE_BEAM`, Beam flags; empty for the embedded runner.
        report_url: `SIEVELINE_REPORT_URL`, where a browser finds the folder that holds the lines' output folders; empty shows paths.
    """

    name: str
    input: str
    output: str
    recipe: str = ""
    beam: str = ""
    report_url: str = ""

    @classmethod
    def from_environment(cls, name: str) -> "LineSettings":
        def setting(what: str, default: str) -> str:
            return os.environ.get(f"SIEVELINE_{key(name).upper()}_{what}", default)

        return cls(
            name=name,
            input=setting("INPUT", f"input/{key(name)}"),
            output=setting("OUTPUT", f"out/{key(name)}"),
            recipe=setting("RECIPE", ""),
            beam=os.environ.get("SIEVELINE_BEAM", ""),
            report_url=os.environ.get("SIEVELINE_REPORT_URL", ""),
        )

    @property
    def line(self) -> lines.Line:
        return lines.load(self.name)

    @property
    def place(self) -> Output:
        return Output(self.output)

    @property
    def engine(self) -> Engine:
        return Engine(beam=self.beam)

    @property
    def recipe_name(self) -> str:
        return self.recipe or self.line.default_recipe

    def load_recipe(self):
        return recipes.load(self.recipe_name, self.line.recipe)

    def plan(self) -> list[Slice]:
        """Registers source shards that are new under the input and returns all slices."""
        recipe = self.load_recipe()
        lines.claim(self.output, self.line)
        return plan_slices(self.output, self.line.find_shards(self.input, recipe), recipe.shards_per_slice)

    def slices(self, names: list[str] | None = None) -> list[Slice]:
        """The slices planned so far: all of them, or those of the given names in order."""
        return [s for s in read_slices(self.output) if names is None or s.name in names]

    def report_link(self) -> dg.MetadataValue:
        if self.report_url:
            return dg.MetadataValue.url(f"{self.report_url.rstrip('/')}/{key(self.name)}/report/index.html")
        return dg.MetadataValue.path(self.place.report("index.html"))


def key(name: str) -> str:
    """A line's name as asset keys, resources and folders have it: `image_text`."""
    return name.replace("-", "_")
