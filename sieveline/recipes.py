"""Recipes: functions that return one whole frozen configuration of a line; those of image-text, and how any is loaded.

`sieveline run image-text --recipe module:function` takes any function that returns an `ImageText`; `dataclasses.replace` on one of the
recipes here is the usual way to write one.
"""

import dataclasses
import importlib
import inspect
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sieveline import storage
from sieveline.errors import ConfigError
from sieveline.fingerprint import fingerprint
from sieveline.gates import Gates
from sieveline.output import Output
from sieveline.shards.tar import Limits
from sieveline.stages.alignment import Alignment
from sieveline.stages.concepts import Concepts
from sieveline.stages.duplicates import Duplicates
from sieveline.stages.heuristics import Heuristics
from sieveline.stages.recaption import Recaption
from sieveline.stages.write import Write

Recipe = TypeVar("Recipe")


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageText:
    """The image-text line, stage by stage in order.

    Attributes:
        seed: of every draw (concept balance, caption floods, recaption share).
        shards_per_slice: source shards that make a slice, the unit of a Dagster partition.
        limits: what reading refuses to take into memory.
        gates: what a slice must look like to be written.
    """

    seed: int = 0
    shards_per_slice: int = 1000
    limits: Limits = field(default_factory=Limits)
    heuristics: Heuristics = field(default_factory=Heuristics)
    duplicates: Duplicates = field(default_factory=Duplicates)
    alignment: Alignment = field(default_factory=Alignment)
    concepts: Concepts = field(default_factory=Concepts)
    recaption: Recaption = field(default_factory=Recaption)
    gates: Gates = field(default_factory=Gates)
    write: Write = field(default_factory=Write)

    def __post_init__(self) -> None:
        if self.shards_per_slice < 1:
            raise ConfigError(f"shards_per_slice is {self.shards_per_slice}, must be at least 1")


def web() -> ImageText:
    """Public defaults for English web pairs: DataComp's basic filter, raw cosine of 0.3, MetaCLIP's balance at 400M pairs."""
    return ImageText(concepts=Concepts(t=20_000))


def demo() -> ImageText:
    """The demo pool: pictures with names of one to three words in English and Spanish, some thousand pairs."""
    return ImageText(
        shards_per_slice=4,
        heuristics=Heuristics(
            min_image_bytes=None,  # flat drawings compress to a few hundred bytes
            min_words=1,
            min_characters=3,
            languages=("en", "es"),
            min_language_confidence=0.75,  # names of one to three words are hard to tell
        ),
        concepts=Concepts(tail_share=0.4),
        write=Write(max_shard_samples=500),
    )


def write(recipe: Any, name: str, line: str, output: Output) -> None:
    """Keeps line and whole configuration beside the results as `OUT/recipe.json`, for people and for the report."""
    content = {"line": line, "recipe": name, "fingerprint": fingerprint(recipe), "config": dataclasses.asdict(recipe)}
    storage.publish_bytes(storage.join(output.root, "recipe.json"), json.dumps(content, indent=1, default=str).encode())


def load(name: str, kind: type[Recipe]) -> Recipe:
    """The recipe of class `kind` that `name`, "module:function", returns.

    Raises:
        ConfigError: there is no such function, it failed, or it returned something else; the message says which.
    """
    module_name, colon, function_name = name.partition(":")
    if not colon:
        raise ConfigError(f"--recipe {name}: write it as module:function, for instance sieveline.recipes:demo")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # the console script's path lacks the folder the user stands in
    try:
        module: Any = importlib.import_module(module_name)
    except Exception as error:  # whatever a user's module raises is one line about it
        raise ConfigError(f"--recipe {name}: cannot import {module_name}: {_told(error)}") from error
    function: Callable[[], Any] | None = getattr(module, function_name, None)
    if not callable(function):
        found = (n for n, f in vars(module).items() if inspect.isfunction(f) and not inspect.signature(f).parameters)
        names = ", ".join(sorted(found)) or "no function without parameters"
        raise ConfigError(f"--recipe {name}: {module_name} has no function {function_name}; it has {names}")
    try:
        recipe = function()
    except ConfigError:
        raise
    except Exception as error:  # as above
        raise ConfigError(f"--recipe {name}: {_told(error)}") from error
    if not isinstance(recipe, kind):
        raise ConfigError(f"--recipe {name} returned a {type(recipe).__name__}, not the {kind.__name__} that the line takes")
    return recipe


def _told(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, (ImportError, TypeError, ValueError)) else f"{type(error).__name__}: {text}"
