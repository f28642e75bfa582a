"""Lines: what the shared machinery (command line, counts, report, Dagster) knows of each, and where each is described.

A line is a chain of stages over source shards that ends in training shards. Everything that differs between lines stands in one `Line`
object; everything else is written once. See docs/adding-a-line.md.
"""

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sieveline import storage
from sieveline.errors import ConfigError

if TYPE_CHECKING:
    from sieveline.gates import Gate
    from sieveline.output import Output
    from sieveline.report.exhibit import Exhibit
    from sieveline.report.rules import Measure
    from sieveline.slices import Shard, Slice

LINES = {
    "image-text": "sieveline.image_text:LINE",
    "ocr-synthetic": "ocr_synth.synthetic.line:LINE",
    "ocr-scene": "ocr_synth.scene.line:LINE",
    "ocr-academic": "ocr_synth.academic.line:LINE",
    "gui": "gui_crawl.line:LINE",
}
"""Name -> where its `Line` is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One stage as a reader meets it.

    Attributes:
        name: of its ledger's folder and of its field in the recipe.
        title, lead: the report's heading and first sentence.
        module: whose docstring describes the ledger's columns.
        columns: the stage's own columns of the ledger.
        measures: numbers the report draws with their thresholds.
        fans_out: rows are made out of those of the stage before (pages of papers) and are counted anew.
        reads_media: the stage reads pictures of its own rows again, which the report adds to the bytes moved.
        has_edge: whether samples near a threshold are worth showing.
    """

    name: str
    title: str
    lead: str
    module: ModuleType
    columns: Any
    measures: "tuple[Measure, ...]" = ()
    fans_out: bool = False
    reads_media: bool = False
    has_edge: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line.

    Attributes:
        name: as the command line has it.
        description: one sentence.
        unit: what a source sample is called, in the singular.
        input: what `--input` means.
        target: samples that the paper's line has, for the report's extrapolation.
        stages: in order, the last is `write`.
        global_steps: steps over the whole pool, each with the stage before which it runs.
        recipe: class of its recipes.
        default_recipe: "module:function".
        run: "module:function" that runs steps; see `pipelines.image_text.run`.
        find_shards: the source shards of an input under a recipe, sorted by id.
        gates: asks a slice whether it may be published.
        exhibits: what the report shows of a stage beyond counts, numbers and thumbnails: stage name -> exhibits.
    """

    name: str
    description: str
    unit: str
    input: str
    target: int
    stages: tuple[Stage, ...]
    global_steps: tuple[tuple[str, str], ...] = ()
    recipe: type
    default_recipe: str
    run: str
    find_shards: "Callable[[str, Any], list[Shard]]"
    gates: "Callable[[Output, Any, list[Slice], str], list[Gate]]"
    exhibits: "Callable[[Output], Mapping[str, Sequence[Exhibit]]] | None" = None

    @property
    def steps(self) -> tuple[str, ...]:
        """Every step in order: the stages, and before each the global steps it waits for."""
        return tuple(step for s in self.stages for step in (*(g for g, at in self.global_steps if at == s.name), s.name))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(s.name for s in self.stages)

    @property
    def first(self) -> str:
        return self.stages[0].name

    def origin(self, name: str) -> str:
        """The stage that read or made the rows which stage `name` judges: the first, or the last before it that fans out."""
        before = self.stages[: self.names.index(name) + 1]
        return next((s.name for s in reversed(before) if s.fans_out), self.first)

    def stage(self, name: str) -> Stage:
        return next(s for s in self.stages if s.name == name)


def load(name: str) -> Line:
    """The line of that name.

    Raises:
        ConfigError: there is none; the message lists those there are.
    """
    if name not in LINES:
        raise ConfigError(f"there is no line {name!r}; there are {', '.join(sorted(LINES))}")
    module, _, attribute = LINES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def line_of(root: str) -> Line:
    """The line that wrote the output below `root`, by its `recipe.json`; image-text where there is none yet."""
    url = storage.join(root, "recipe.json")
    written = json.loads(storage.read_bytes(url)) if storage.exists(url) else {}
    return load(written.get("line", "image-text"))


def claim(root: str, line: Line) -> None:
    """Raises ConfigError where the output below `root` belongs to another line."""
    if storage.exists(storage.join(root, "recipe.json")) and line_of(root).name != line.name:
        raise ConfigError(f"{root} holds the output of the line {line_of(root).name}; give {line.name} another --output")
