"""What the demo runs of each line: where its input comes from, and by which recipe."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from demo import pool


@dataclass(frozen=True, kw_only=True, slots=True)
class Demo:
    """The demo of one line.

    Attributes:
        recipe: "module:function".
        input: what the line reads, given the demo's folder.
        prepare: makes the input, given the demo's folder; one line for each thing that cannot be had, for the user to read.
    """

    recipe: str
    input: Callable[[Path], str]
    prepare: Callable[[Path], list[str]]


DEMOS = {
    "image-text": Demo(
        recipe="sieveline.recipes:demo",
        input=lambda folder: str(folder / "pool" / "shards" / "*.tar"),
        prepare=lambda folder: list(pool.build(folder / "pool", pairs=4800)),
    ),
}
