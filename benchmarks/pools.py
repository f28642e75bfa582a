"""The demo's dirty pools of real pairs, in the sizes the benches ask for, built once into the cache."""

import subprocess
import sys
from pathlib import Path

from demo import pool
from demo.run import RECIPE
from sieveline.cache import cache_folder


def pool_of(pairs: int) -> Path:
    """Folder with `shards/*.tar` and `truth/labels.parquet` of a pool of `pairs` pairs; about 6 CPU-ms a pair to build."""
    folder = cache_folder() / "bench" / f"pool-{pairs}"
    if not (folder / "truth" / "labels.parquet").exists():
        print(f"building a pool of {pairs:,} pairs in the cache", file=sys.stderr)
        for skipped in pool.build(folder, pairs=pairs):
            print(skipped, file=sys.stderr)
    return folder


def demo_shards(pairs: int = 4_800) -> str:
    """Glob of the demo's training shards: its pool through its recipe, made once into the cache (some minutes)."""
    folder = cache_folder() / "bench" / f"demo-{pairs}"
    if not (folder / "image_text" / "report" / "index.html").exists():
        print("making the demo's training shards in the cache", file=sys.stderr)
        source = str(pool_of(pairs) / "shards" / "*.tar")
        command = ["run", "image-text", "--input", source, "--output", str(folder / "image_text"), "--recipe", RECIPE]
        status = subprocess.run([sys.executable, "-m", "sieveline.cli", *command], check=False).returncode
        if status not in (0, 1):  # 1: all done, a shard of the pool is damaged
            raise RuntimeError(f"sieveline {' '.join(command)} ended with status {status}")
    return str(folder / "*" / "shards" / "*.tar")
