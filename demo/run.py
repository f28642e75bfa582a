"""`make demo`: real data through whole lines in Dagster, and how well they did against what is known of it.

OUT/<line>       a line's output: ledgers, training shards, report
OUT/pool         the dirty pool of image-text and its labels
OUT/dagster_home Dagster's own records, for `make ui`
"""

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path

from demo import truth
from demo.lines import DEMOS
from sieveline import output as outputs
from sieveline import storage
from sieveline.cli import name_problems, print_funnel
from sieveline.output import Output
from sieveline.report.page import build_report


def settings(folder: Path) -> dict[str, str]:
    """The environment in which the code location serves the demo's output."""
    found = {"DAGSTER_HOME": str(folder / "dagster_home")}
    for line, demo in DEMOS.items():
        prefix = f"SIEVELINE_{line.upper().replace('-', '_')}"
        found[f"{prefix}_INPUT"] = demo.input(folder)
        found[f"{prefix}_OUTPUT"] = str(output_folder(folder, line))
        found[f"{prefix}_RECIPE"] = demo.recipe
    return found


def output_folder(folder: Path, line: str) -> Path:
    return folder / line.replace("-", "_")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("out"))
    parser.add_argument("lines", nargs="*", metavar="LINE", help=f"of {', '.join(DEMOS)} (default: image-text, then training)")
    options = parser.parse_args()
    if unknown := set(options.lines) - set(DEMOS):
        parser.error(f"no demo of {', '.join(sorted(unknown))}; there are {', '.join(DEMOS)}")
    folder = options.output.absolute()
    os.environ.update(settings(folder))
    home = folder / "dagster_home"
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        shutil.copy(Path(__file__).parent.parent / "assets" / "dagster.yaml", home)
    for line in options.lines or ["image-text"]:
        show(line, folder)
    print("\nUI       make ui")


def show(line: str, folder: Path) -> None:
    """Runs one line, and after image-text the training on its shards; prints the funnel, what is known of the truth, and the time."""
    from assets.materialise import materialise_line, train  # after the environment is set, which the code location reads

    started = time.monotonic()
    for skipped in DEMOS[line].prepare(folder):
        print(skipped)
    failure = materialise_line(line) or (train() if line == "image-text" else None)
    if failure:
        sys.exit(failure)
    place = Output(str(output_folder(folder, line)))
    scores = known_truth(folder, place) if line == "image-text" else against_truth(line, folder, place)
    report = build_report(place)
    print(f"\n{line}")
    print_funnel(outputs.write_stats(place))
    print(scores, end="")
    name_problems(place)
    if line == "image-text":
        print_losses(max(Path(place.root, "training").glob("*/metrics.jsonl"), key=lambda path: path.stat().st_mtime))
    print(f"\nreport   {report}\nseconds  {time.monotonic() - started:.0f}")


def against_truth(line: str, folder: Path, place: Output) -> str:
    told = DEMOS[line].truth
    return f"\nagainst what is known:\n{told(folder, place)}" if told else ""


def known_truth(folder: Path, place: Output) -> str:
    """How the planted defects were found; kept beside the report, which shows it too."""
    scores = truth.score(Path(place.root), folder / "pool" / "truth" / "labels.parquet", flood_cap=flood_cap())
    storage.publish_bytes(place.report("truth.json"), json.dumps(scores.to_pylist(), indent=1).encode())
    return f"\nagainst the planted defects:\n{truth.render(scores)}\n"


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
