"""The whole image-text line as commands, each in fresh processes: through Dagster against `sieveline run`, and how it grows with the pool.

Every run starts from nothing but the pool and goes through all stages with the demo's recipe and the report at the end. Times and memory are
of all processes together (`benchmarks.processes`). A run takes minutes, so each is done once: the figures carry the machine's noise of
some per cent.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.pools import pool_of
from benchmarks.processes import INTERVAL, Cost, cost_of
from benchmarks.rows import Row
from demo.lines import DEMOS

DAGSTER_PAIRS = 20_000
GROWTH_PAIRS = (5_000, 20_000, 50_000)
THROUGH_DAGSTER = "import sys; from assets.materialise import materialise_line; sys.exit(materialise_line('image-text'))"


def dagster_rows() -> Iterator[Row]:
    ours, peer = through_dagster(DAGSTER_PAIRS), directly(DAGSTER_PAIRS)
    yield Row(
        name=f"the line through Dagster, {DAGSTER_PAIRS:,} pairs, against `sieveline run`",
        ours=ours.cpu_seconds,
        peer=peer.cpu_seconds,
        ratio=ours.cpu_seconds / peer.cpu_seconds,
        unit="CPU-seconds",
        at_most=1.15,
        note=f"once each; peak {ours.peak_bytes / 1e9:.2f} and {peer.peak_bytes / 1e9:.2f} GB",
    )


def growth_rows() -> Iterator[Row]:
    costs = {pairs: directly(pairs) for pairs in GROWTH_PAIRS}
    few, middle, many = GROWTH_PAIRS
    peaks = {pairs: cost.peak_bytes / 1e9 for pairs, cost in costs.items()}
    per_pair = {pairs: 1e3 * cost.cpu_seconds / pairs for pairs, cost in costs.items()}
    early, late = (1e3 * (costs[b].cpu_seconds - costs[a].cpu_seconds) / (b - a) for a, b in ((few, middle), (middle, many)))
    yield Row(
        name=f"the line's peak memory, {few:,} to {many:,} pairs",
        ours=max(peaks.values()),
        unit="GB of all processes together",
        at_most=3.0,
        note=f"{_listed(peaks, '.2f')}; looked at every {INTERVAL} s",
    )
    yield Row(
        name=f"the line's memory, {many:,} pairs against {few:,}",
        ours=peaks[many],
        peer=peaks[few],
        ratio=peaks[many] / peaks[few],
        unit="GB of all processes together",
        at_most=1.1,
    )
    yield Row(
        name=f"the line's cost of a further pair, from {middle:,} to {many:,} against from {few:,} to {middle:,}",
        ours=late,
        peer=early,
        ratio=late / early,
        unit="CPU-ms a pair",
        at_least=0.9,
        at_most=1.1,
        note=f"start-up included {_listed(per_pair, '.2f')}",
    )


def directly(pairs: int) -> Cost:
    """`sieveline run` over a pool of so many pairs, into a folder that is thrown away."""
    shards = pool_of(pairs) / "shards" / "*.tar"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "sieveline.cli", "run", "image-text", "--input", str(shards), "--output", folder]
        cost = cost_of(
            [*command, "--recipe", DEMOS["image-text"].recipe], statuses=(0, 1)
        )  # 1: all done, a shard of the pool is damaged
        return said(cost, f"sieveline run, {pairs:,} pairs", Path(folder))


def through_dagster(pairs: int) -> Cost:
    """The demo's job in a fresh Dagster instance over the same pool."""
    shards = pool_of(pairs) / "shards" / "*.tar"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "dagster_home").mkdir()
        shutil.copy(Path(__file__).parent.parent / "assets" / "dagster.yaml", folder / "dagster_home")
        environment = {
            "DAGSTER_HOME": str(folder / "dagster_home"),
            "SIEVELINE_IMAGE_TEXT_INPUT": str(shards),
            "SIEVELINE_IMAGE_TEXT_OUTPUT": str(folder / "image_text"),
            "SIEVELINE_IMAGE_TEXT_RECIPE": DEMOS["image-text"].recipe,
        }
        cost = cost_of([sys.executable, "-c", THROUGH_DAGSTER], environment)
        return said(cost, f"through Dagster, {pairs:,} pairs", folder / "image_text")


def said(cost: Cost, what: str, output: Path) -> Cost:
    """`cost`, told on stderr with what the stages themselves counted, since a run is long."""
    if not (output / "stats.json").exists():
        raise RuntimeError(f"{what} did not come to its end:\n{cost.errors}")
    stages = json.loads((output / "stats.json").read_text())["stages"]
    shares = ", ".join(f"{stage['name']} {stage['kept']:,} kept {stage['cpu_seconds']:.0f} CPU-s" for stage in stages)
    print(f"{what}: {cost.cpu_seconds:.0f} CPU-s, {cost.peak_bytes / 1e9:.2f} GB; {shares}", file=sys.stderr)
    return cost


def _listed(figures: dict[int, float], form: str) -> str:
    return ", ".join(f"{pairs:,} pairs {figure:{form}}" for pairs, figure in figures.items())
