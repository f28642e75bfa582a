"""What the demo runs of each line: where its input comes from, and by which recipe."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from demo import packages, pool, system


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
    "gui": Demo(
        recipe="gui_crawl.recipes:demo",
        input=lambda folder: str(packages.unpacked("gentelella") / "dist"),
        prepare=lambda folder: _pages(),
    ),
}


def _pages() -> list[str]:
    """Chromium, and the pages of an admin template to crawl."""
    missing = [] if system.need("chromium") else ["chromium is missing: the crawl cannot run"]
    try:
        packages.fetch("gentelella")
    except packages.PackageError as error:
        missing.append(f"skipped: {error}")
    return missing
