"""A small pool for the whole line: real pictures with their real captions, some of them twice, and a recipe that suits it."""

import dataclasses
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from source_shards import Pair, encoded, jpeg, write_tar

from demo import pictures, sources
from sieveline import recipes
from sieveline.stages.concepts import Concepts
from sieveline.stages.recaption import Measuring, Recaption
from sieveline.stages.write import Write

SOURCES = ("kgeography", "emoji")


def pairs(num: int = 150) -> list[Pair]:
    """Flags, maps and emoji with their names; one in ten under another's caption, some the same picture again, some defects."""
    items = [item for source in SOURCES for item in sources.pool_items([source])[: num // 2]]
    found: list[Pair] = []
    for i, item in enumerate(items):
        file = io.BytesIO()
        pictures.fit(pictures.load(item.path), 224).save(file, "JPEG", quality=85)
        caption = items[i - 7].captions["en"] if i % 10 == 9 else item.captions["en"]
        if caption.startswith("Flag of") and i % 2:  # no name, so that only frequent concepts are left
            caption = "The flag of a country"
        found.append((f"{i:06d}", file.getvalue(), caption))
    for i in range(0, 40, 8):
        found.append((f"{len(found):06d}", found[i][1], found[i + 1][2]))
    found.append((f"{len(found):06d}", jpeg(1)[:900], "A torn picture of a meadow"))
    found.append((f"{len(found):06d}", encoded(2, "PNG"), "IMG_2041.png"))
    return found


def write_pool(folder: Path, num_shards: int = 4, num: int = 150) -> list[Pair]:
    """The pool as tars `00000.tar`, ... below `folder`."""
    everything = pairs(num)
    for i in range(num_shards):
        write_tar(folder / f"{i:05d}.tar", everything[i::num_shards])
    return everything


def recipe() -> recipes.ImageText:
    """The demo's, with two slices, training shards so small that there are several, and no picture read for recaptions."""
    return dataclasses.replace(
        recipes.demo(),
        shards_per_slice=2,
        concepts=Concepts(t=3),
        recaption=Recaption(measuring=Measuring(ocr=False)),
        write=Write(max_shard_samples=25),
    )


ALONE = "--runner=FnApiRunner --direct_running_mode=in_memory --direct_num_workers=1"
TOGETHER = ""  # the default: a worker process a core


def command(source: str, output: str, *, recipe: str = "line_pool:recipe", beam: str = ALONE) -> list[str]:
    """`sieveline run` as a user types it."""
    arguments = ["run", "image-text", "--input", source, "--output", output, "--recipe", recipe, "--beam", beam]
    return [sys.executable, "-m", "sieveline.cli", *arguments]


def environment(**more: str) -> dict[str, str]:
    """The environment of a child that finds this module's recipes."""
    paths = [str(Path(__file__).parent.parent), str(Path(__file__).parent)]
    tools = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])  # Beam starts workers as `python`
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PATH": tools, "OMP_NUM_THREADS": "1"} | more


def run_line(source: str, output: str, **options: Any) -> subprocess.CompletedProcess:
    """Runs the line to its end; `environment` among the options is added to the child's."""
    more = options.pop("environment", {})
    return subprocess.run(
        command(source, output, **options), env=environment(**more), capture_output=True, text=True, timeout=580, check=False
    )


def training_shards(output: Path) -> dict[str, bytes]:
    """The training shards and their indexes, by name."""
    return {p.name: p.read_bytes() for p in sorted((output / "shards").iterdir()) if p.suffix in (".tar", ".idx")}


def ledgers(output: Path) -> dict[str, bytes]:
    """Every ledger, by stage and shard."""
    return {str(p.relative_to(output)): p.read_bytes() for p in sorted((output / "ledger").rglob("*.parquet"))}
