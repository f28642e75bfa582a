"""The demo's dirty pools of real pairs, in the sizes the benches ask for, built once into the cache."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from demo import pool
from demo.lines import DEMOS
from demo.run import output_folder
from sieveline.cache import cache_folder


def pool_of(pairs: int) -> Path:
    """Folder with `shards/*.tar` and `truth/labels.parquet` of a pool of `pairs` pairs; about 6 CPU-ms a pair to build."""
    folder = cache_folder() / "bench" / f"pool-{pairs}"
    if not (folder / "truth" / "labels.parquet").exists():
        print(f"building a pool of {pairs:,} pairs in the cache", file=sys.stderr)
        for skipped in pool.build(folder, pairs=pairs):
            print(skipped, file=sys.stderr)
    return folder


def demo_shards(lines: Sequence[str] = tuple(DEMOS)) -> str:
    """Glob of the training shards that the demos of `lines` write: of all of them, the mixture that the demo trains on.

    Each line is run once into the cache; all of them take a quarter of an hour.
    """
    folder = cache_folder() / "bench" / "demo"
    for line in lines:
        demo, output = DEMOS[line], output_folder(folder, line)
        if (output / "report" / "index.html").exists():
            continue
        print(f"running the demo of {line} into the cache", file=sys.stderr)
        for skipped in demo.prepare(folder):
            print(skipped, file=sys.stderr)
        command = ["run", line, "--input", demo.input(folder), "--output", str(output), "--recipe", demo.recipe]
        status = subprocess.run([sys.executable, "-m", "sieveline.cli", *command], check=False).returncode
        if status not in (0, 1):  # 1: all done, a shard of the pool is damaged on purpose
            raise RuntimeError(f"sieveline {' '.join(command)} ended with status {status}")
    names = [output_folder(folder, line).name for line in lines]
    return str(folder / (f"{{{','.join(names)}}}" if len(names) > 1 else names[0]) / "shards" / "slice-*.tar")
