"""What the demo runs of each line: where its input comes from, and by which recipe."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from demo import academic, ocr_texts, packages, pool, scene_pool, scene_truth, system
from sieveline.output import Output


@dataclass(frozen=True, kw_only=True, slots=True)
class Demo:
    """The demo of one line.

    Attributes:
        recipe: "module:function".
        input: what the line reads, given the demo's folder.
        prepare: makes the input, given the demo's folder; one line for each thing that cannot be had, for the user to read.
        truth: how well the line did against what is known, as text, given the demo's folder and the line's output; None where nothing is.
    """

    recipe: str
    input: Callable[[Path], str]
    prepare: Callable[[Path], list[str]]
    truth: Callable[[Path, Output], str] | None = None


def _pages() -> list[str]:
    """Chromium, and the pages of an admin template to crawl."""
    missing = [] if system.need("chromium") else ["chromium is missing: the crawl cannot run"]
    try:
        packages.fetch("gentelella")
    except packages.PackageError as error:
        missing.append(f"skipped: {error}")
    return missing


def _texts_and_fonts(folder: Path) -> list[str]:
    system.need_fonts()
    return ocr_texts.build(folder / "ocr_texts")


DEMOS = {
    "image-text": Demo(
        recipe="sieveline.recipes:demo",
        input=lambda folder: str(folder / "pool" / "shards" / "*.tar"),
        prepare=lambda folder: list(pool.build(folder / "pool", pairs=4800)),
    ),
    "ocr-synthetic": Demo(
        recipe="ocr_synth.synthetic.recipes:demo",
        input=lambda folder: str(folder / "ocr_texts"),
        prepare=_texts_and_fonts,
    ),
    "ocr-scene": Demo(
        recipe="ocr_synth.scene.recipes:demo",
        input=lambda folder: str(folder / "{scene_pool,image_text}" / "shards" / "*.tar"),
        prepare=lambda folder: scene_pool.build(folder / "scene_pool"),
        truth=lambda folder, place: str(scene_truth.score(place, folder / "scene_pool")),
    ),
    "ocr-academic": Demo(
        recipe="ocr_synth.academic.recipes:demo",
        input=lambda folder: str(folder / "papers"),
        prepare=lambda folder: academic.lay_out(folder / "papers"),
    ),
    "gui": Demo(
        recipe="gui_crawl.recipes:demo",
        input=lambda folder: str(packages.unpacked("gentelella") / "dist"),
        prepare=lambda folder: _pages(),
    ),
}
