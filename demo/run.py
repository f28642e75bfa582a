"""`make demo`: real pairs, made dirty, through the whole line in Dagster, and how well it did against what is known of them.

OUT/pool         the dirty pool and its labels
OUT/image_text   the line's output: ledgers, training shards, report
OUT/dagster_home Dagster's own records, for `make ui`
"""

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path

from demo import pool, truth
from sieveline import output as outputs
from sieveline import storage
from sieveline.cli import name_problems, print_funnel
from sieveline.output import Output
from sieveline.report.page import build_report

RECIPE = "sieveline.recipes:demo"


def settings(folder: Path) -> dict[str, str]:
    """The environment in which the code location serves the demo's output."""
    return {
        "DAGSTER_HOME": str(folder / "dagster_home"),
        "SIEVELINE_IMAGE_TEXT_INPUT": str(folder / "pool" / "shards" / "*.tar"),
        "SIEVELINE_IMAGE_TEXT_OUTPUT": str(folder / "image_text"),
        "SIEVELINE_IMAGE_TEXT_RECIPE": RECIPE,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("out"))
    parser.add_argument("--pairs", type=int, default=4800, help="size of the pool (default: %(default)s)")
    options = parser.parse_args()
    started = time.monotonic()
    folder = options.output.absolute()
    os.environ.update(settings(folder))
    home = folder / "dagster_home"
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        shutil.copy(Path(__file__).parent.parent / "assets" / "dagster.yaml", home)

    for skipped in pool.build(folder / "pool", pairs=options.pairs):
        print(skipped)
    from assets.materialise import materialise_line, train  # after the environment is set, which the code location reads

    failure = materialise_line("image-text") or train()
    if failure:
        sys.exit(failure)

    place = Output(str(folder / "image_text"))
    scores = truth.score(folder / "image_text", folder / "pool" / "truth" / "labels.parquet", flood_cap=flood_cap())
    storage.publish_bytes(place.report("truth.json"), json.dumps(scores.to_pylist(), indent=1).encode())
    report = build_report(place)
    print()
    print_funnel(outputs.write_stats(place))
    print("\nagainst the planted defects:")
    print(truth.render(scores))
    name_problems(place)
    print_losses(folder / "image_text" / "training" / "metrics.jsonl")
    print(f"\nreport   {report}\nUI       make ui\nseconds  {time.monotonic() - started:.0f}")


def print_losses(metrics: Path, num_bars: int = 8) -> None:
    """The tiny model's loss over its steps, falling."""
    rows = [json.loads(line) for line in metrics.read_text().splitlines()]
    shown = [rows[round(i * (len(rows) - 1) / (num_bars - 1))] for i in range(num_bars)]
    print(f"\ntraining a tiny GLM-4.1V on the shards, {len(rows)} steps:")
    for row in shown:
        print(f"  step {row['step']:>3}  loss {row['loss']:.3f}  " + "#" * round(6 * row["loss"]))


def flood_cap() -> int:
    from sieveline import recipes

    return recipes.demo().duplicates.max_per_template or 0


if __name__ == "__main__":
    main()
