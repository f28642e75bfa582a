"""The demo's dirty pools of real pairs, in the sizes the benches ask for, built once into the cache."""

import sys
from pathlib import Path

from demo import pool
from sieveline.cache import cache_folder


def pool_of(pairs: int) -> Path:
    """Folder with `shards/*.tar` and `truth/labels.parquet` of a pool of `pairs` pairs; about 6 CPU-ms a pair to build."""
    folder = cache_folder() / "bench" / f"pool-{pairs}"
    if not (folder / "truth" / "labels.parquet").exists():
        print(f"building a pool of {pairs:,} pairs in the cache", file=sys.stderr)
        for skipped in pool.build(folder, pairs=pairs):
            print(skipped, file=sys.stderr)
    return folder
