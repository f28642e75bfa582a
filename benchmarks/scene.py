"""The scene-text stages against a plain loop of PaddleOCR's `predict` over the same files, with the same models and settings.

- **reading**: the stage's own work, from bytes to columns, in CPU-seconds; the peer is `engine.predict(path)` over the same pictures, and
  nothing is done with what it returns. Pictures of the demo pool with signs drawn on (`demo.scene_pool`), none of them bare.
- **density and reading**: both stages as the line runs them, over pictures half of which are bare; the peer reads all of them.
- **wall, two workers**: the reading stage through Beam with two worker processes against the loop in one process, start-up left out by
  taking the slope between two sizes. Wall time on a shared machine is noise: the row says how much of the two cores it got.
- **quality**: against the signs' known text: recall of the density stage, share of written lines that are found and read right.
"""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg

from benchmarks.rows import Row, faster, in_turn, spent
from classifiers.text_reader import TextReader
from demo import sources
from demo.scene_pool import signed
from demo.scene_truth import lines, match
from demo.signs import Written
from ocr_synth.scene import density, reading
from ocr_synth.scene.line import LINE
from ocr_synth.scene.recipes import OcrScene
from ocr_synth.stages import scene_text, text_density
from sieveline.draws import uniform
from sieveline.shards.batches import BatchBuilder

READ, MIXED, QUALITY = 20, 32, 120
WALL = (6, 30)  # pictures a worker reads in the small and in the large run
TURNS = 2


def rows() -> Iterator[Row]:
    yield from cost_rows()
    yield wall_row()


def pictures(number: int, signed_share: float, seed: int = 0) -> list[tuple[bytes, list[Written]]]:
    """JPEGs of the pool's photographs, and what is written on them."""
    items = sorted(
        (item for source in sources.SOURCES for item in sources.pool_items([source]) if item.photo),
        key=lambda item: uniform(seed, "scene-bench", item.source, item.item_id),
    )
    made = (signed(item, seed, signed_share) for item in items)
    return [(simplejpeg.encode_jpeg(rgb, 90), written) for rgb, written in (next(made) for _ in range(number))]


def cost_rows() -> Iterator[Row]:
    reader, config = TextReader(), OcrScene()
    with tempfile.TemporaryDirectory() as folder:
        only = _files(folder, "read", [image for image, _ in pictures(READ, 1.0)])
        mixed = _files(folder, "mixed", [image for image, _ in pictures(MIXED, 0.5)])
        reading.measure([only[0].read_bytes()], reader, config.scene_text.measuring)  # the engine is there for both sides
        engine = reader.engine()

        def plain(files: Sequence[Path]) -> None:
            for path in files:
                [_] = engine.predict(str(path), text_det_limit_side_len=config.scene_text.measuring.detect_side)

        def stage(files: Sequence[Path]) -> None:
            columns = reading.measure((path.read_bytes() for path in files), reader, config.scene_text.measuring)
            scene_text.decide(columns, config.scene_text)

        def both(files: Sequence[Path]) -> None:
            stage([path for path, kept in zip(files, dense(files, config), strict=True) if kept])

        least = in_turn({"ours": lambda: stage(only), "plain": lambda: plain(only)}, TURNS)
        yield faster(
            "reading pictures with text, against a loop of predict",
            1000 * least["ours"] / READ,
            1000 * least["plain"] / READ,
            "CPU-ms a picture",
            at_least=0.95,
            note=f"{READ} pictures of 800 pixels with one to three signs",
        )
        least = in_turn(
            {"ours": lambda: both(mixed), "plain": lambda: plain(mixed), "dense": lambda: dense(mixed, config)}, TURNS
        )
        yield faster(
            "density and reading, half the pictures bare, against a loop of predict over all",
            1000 * least["ours"] / MIXED,
            1000 * least["plain"] / MIXED,
            "CPU-ms a picture",
            note=f"{MIXED} pictures; the density stage takes {1000 * least['dense'] / MIXED:.1f} CPU-ms of it",
        )


def dense(files: Sequence[Path], config: OcrScene) -> list[bool]:
    """Which pictures the density stage keeps."""
    builder = BatchBuilder()
    for i, path in enumerate(files):
        image = path.read_bytes()
        builder.add(row=i, key=path.stem, offset=0, length=len(image), image=image)
    [batch] = builder.take()
    measured = density.measure(batch, config.text_density.measuring)
    return text_density.decide(measured, config.text_density)["reason"].is_null().to_pylist()


def wall_row() -> Row:
    from pipelines.engine import Engine, run_in_child
    from sieveline import recipes
    from sieveline.output import Output
    from sieveline.shards.writer import TarWriter
    from sieveline.slices import plan_slices

    recipe = OcrScene(text_density=text_density.TextDensity(min_peak=None))
    images = [image for image, _ in pictures(2 * WALL[1], 1.0)]
    seconds, cpu = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for size in WALL:
            source = Path(folder, f"in-{size}")
            source.mkdir()
            for shard in range(2):
                with (source / f"{shard}.tar").open("wb") as file:
                    tar = TarWriter(file)
                    for i, image in enumerate(images[shard * size : (shard + 1) * size]):
                        tar.add((f"{shard}{i:04d}.jpg", image))
                    tar.close()
            place = Output(str(Path(folder, f"out-{size}")))
            of: dict[str, Any] = {"output": place.root, "recipe": recipe, "engine": Engine(workers=2)}
            of["slices"] = plan_slices(place.root, LINE.find_shards(str(source), recipe), 10)
            recipes.write(recipe, "bench", "ocr-scene", place)
            run_in_child(LINE.run, **of, steps=["text_density"])
            start = time.monotonic()
            _, cpu[size] = spent(lambda of=of: run_in_child(LINE.run, **of, steps=["scene_text"]))
            seconds[size] = time.monotonic() - start
    reader = TextReader()
    reading.measure(images[:1], reader, recipe.scene_text.measuring)
    engine = reader.engine()
    files = images[WALL[0] : WALL[1]]
    start = time.monotonic()

    def plain() -> None:
        for image in files:
            [_] = engine.predict(simplejpeg.decode_jpeg(image, "BGR"), text_det_limit_side_len=reader.detect_side)

    _, peer_cpu = spent(plain)
    peer = (time.monotonic() - start) / len(files)
    more = 2 * (WALL[1] - WALL[0])
    ours = (seconds[WALL[1]] - seconds[WALL[0]]) / more
    got = (cpu[WALL[1]] - cpu[WALL[0]]) / (seconds[WALL[1]] - seconds[WALL[0]])
    load = os.getloadavg()[0]
    note = f"two workers got {got:.2f} cores, the loop {peer_cpu / len(files) / peer:.2f}; load {load:.1f}"
    return faster(
        "reading in two workers against a loop of predict in one process, wall",
        1000 * ours,
        1000 * peer,
        "ms a picture",
        at_least=2.0,
        note=note,
    )


def quality_rows() -> Iterator[Row]:
    reader, config = TextReader(), OcrScene()
    made = pictures(QUALITY, 0.75)
    written = np.array([bool(w) for _, w in made])
    with tempfile.TemporaryDirectory() as folder:
        passed = np.array(dense(_files(folder, "quality", [image for image, _ in made]), config))
    measured = reading.measure((image for image, _ in made), reader, config.scene_text.measuring)
    _, valid = scene_text.decide(measured, config.scene_text)
    read = [lines(row | {"valid": v}) for row, v in zip(measured.to_pylist(), valid.to_pylist(), strict=True)]
    kept = np.array([bool(r) for r in read])
    counts = np.array([match([(w.text, w.polygon) for w in truth], r) for (_, truth), r in zip(made, read, strict=True)]).sum(0)
    found, right, num_valid, on_signs = map(int, counts)
    total = sum(len(w) for _, w in made)
    signs = f"{written.sum()} pictures with {total} lines, {(~written).sum()} bare"
    yield _share("density: pictures that the reader keeps and that pass", passed[kept], at_least=0.98, note=signs)
    yield _share("density: bare pictures that the reader keeps nothing of and that are skipped", ~passed[~kept & ~written])
    yield _share("reading: written lines with a valid line on them", np.arange(total) < found)
    yield _share("reading: of these, read right (case and spaces aside)", np.arange(found) < right, at_least=0.95)
    yield _share("reading: valid lines that lie on a written one", np.arange(num_valid) < on_signs)


def _share(name: str, holds: np.ndarray, at_least: float | None = None, note: str = "") -> Row:
    counted = f"{int(holds.sum())} of {len(holds)}" + (f"; {note}" if note else "")
    return Row(name=name, ours=float(holds.mean()), unit="share", at_least=at_least, note=counted)


def _files(folder: str, name: str, images: Sequence[bytes]) -> list[Path]:
    paths = [Path(folder, f"{name}-{i:04d}.jpg") for i in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        path.write_bytes(image)
    return paths
