"""The folder outside the project that large files go to."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$SIEVELINE_CACHE`, else `~/.cache/sieveline`. Need not exist yet."""
    return Path(os.environ.get("SIEVELINE_CACHE") or "~/.cache/sieveline").expanduser()
