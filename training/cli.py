"""`sieveline train` and `sieveline caption`.

sieveline train --shards 'out/shards/*.tar' --output runs/a
torchrun --nproc-per-node 8 -m training.cli --shards 's3://bucket/shards/*.tar' --recipe my.recipes:big --output runs/b
sieveline train --resume runs/a
sieveline train --shards 's3://bucket/shards/*.tar' --output s3://bucket/runs/a
sieveline caption runs/a/export picture.jpg
"""

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sieveline import storage
from sieveline.cache import cache_folder
from sieveline.errors import ConfigError, SievelineError
from sieveline.fingerprint import fingerprint
from sieveline.lifetime import die_with_parent
from training.recipes import Recipe

DEFAULT_RECIPE = "training.recipes:tiny"
RESULTS = ("command.json", "recipe.json", "metrics.jsonl", "guards.jsonl")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `sieveline train`."""
    parser.add_argument("--shards", metavar="GLOB", help="training shards (.tar), any fsspec URL; quote it")
    parser.add_argument(
        "--recipe", metavar="MODULE:FUNCTION", help=f"function that returns a Recipe (default {DEFAULT_RECIPE})"
    )
    parser.add_argument("--steps", type=int, help="stop after so many steps in all (default: the recipe's)")
    parser.add_argument(
        "--output", metavar="DIR", help="folder of the run (default runs/RECIPE), or a URL that gets its results"
    )
    parser.add_argument("--resume", metavar="DIR", help="go on with this run; shards and recipe default to its own")


def run(args: argparse.Namespace, progress: Callable[[dict[str, Any]], None] | None = None) -> int:
    """Runs `sieveline train`; 0 when it came to its end.

    Args:
        progress: called by the first process with the metrics of every step.

    Raises:
        ConfigError: what was asked for cannot be done.
    """
    from training.loop import train

    said_file = run_folder(args.resume) / "command.json" if args.resume else None
    said = json.loads(said_file.read_text()) if said_file and said_file.exists() else {}
    reference = args.recipe or said.get("recipe") or DEFAULT_RECIPE
    shards = args.shards or said.get("shards")
    if shards is None:
        raise ConfigError(
            "--shards is missing" + (f", and {args.resume} does not say which it was made from" if args.resume else "")
        )
    if args.steps is not None and args.steps < 1:
        raise ConfigError(f"--steps is {args.steps}, must be at least 1")
    recipe = load_recipe(reference)
    place = str(args.resume or args.output or Path("runs") / recipe.name)
    folder = run_folder(place)
    folder.mkdir(parents=True, exist_ok=True)
    if not said:
        (folder / "command.json").write_text(json.dumps({"shards": shards, "recipe": reference}))
    result = train(shards, recipe, folder, steps=args.steps, resume=bool(args.resume), progress=progress)
    if os.environ.get("RANK", "0") == "0":
        publish(folder, place)
        skipped = ", ".join(f"{n} {reason}" for reason, n in sorted(result.flaws.items())) or "none"
        print(f"{result.steps} steps; skipped samples: {skipped}; model in {storage.join(place, 'export')}", file=sys.stderr)
    return 0


def run_folder(place: str) -> Path:
    """Where a run works: the folder itself or, for a URL, one of its own in the cache, since checkpoints are written shard by shard.

    Raises:
        ConfigError: a URL, and processes on several machines, which share no cache.
    """
    if storage.is_local(place):
        return Path(place.removeprefix("file://"))
    if os.environ.get("WORLD_SIZE", "1") != os.environ.get("LOCAL_WORLD_SIZE", "1"):
        raise ConfigError(f"{place}: on several machines the run's folder must be on a file system they share")
    return cache_folder() / "training-runs" / fingerprint(place)


def publish(folder: Path, place: str) -> None:
    """Puts a run's results under its URL, the export last; checkpoints stay in the run's folder."""
    if not storage.is_local(place):
        for name in RESULTS:
            if (folder / name).exists():
                storage.publish_bytes(storage.join(place, name), (folder / name).read_bytes())
        storage.publish_folder(folder / "tensorboard", storage.join(place, "tensorboard"))
        storage.publish_folder(folder / "export", storage.join(place, "export"), last="config.json")


def load_recipe(reference: str) -> Recipe:
    """The recipe `module:function` names.

    Raises:
        ConfigError: there is no such function, or it returns something else.
    """
    module, _, function = reference.partition(":")
    if not function:
        raise ConfigError(f"recipe {reference!r} must be MODULE:FUNCTION")
    try:
        recipe = getattr(importlib.import_module(module), function)()
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"recipe {reference!r}: {error}") from error
    if not isinstance(recipe, Recipe):
        raise ConfigError(f"recipe {reference!r} returned a {type(recipe).__name__}, not a training Recipe")
    return recipe


def add_caption_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `sieveline caption`."""
    parser.add_argument("model", type=Path, help="an export folder")
    parser.add_argument("picture", type=Path, nargs="+")


def run_caption(args: argparse.Namespace) -> int:
    """Runs `sieveline caption`: one line a picture."""
    from training.caption import captions

    for text in captions(args.model, args.picture):
        print(text)
    return 0


def main() -> int:
    """Entry for `torchrun -m training.cli`, which takes the arguments of `sieveline train`."""
    from training import parallel

    if "TORCHELASTIC_RUN_ID" in os.environ:
        die_with_parent()  # torchrun ends its processes when it is told to stop, not when it is killed
    parser = argparse.ArgumentParser(prog="sieveline train", description="Trains a model on training shards.")
    add_arguments(parser)
    try:
        return run(parser.parse_args())
    except SievelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    finally:
        parallel.stop()


if __name__ == "__main__":
    sys.exit(main())
