"""The command line: `sieveline run`, `report`, `explain`, `train` and `caption`.

Exit status: 0 all done; 1 done but for the shards named in the end; 2 nothing was started, the message says what to change.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from sieveline import lines, output, recipes, storage
from sieveline.errors import ConfigError, SievelineError
from sieveline.output import Output
from sieveline.progress import StepBars
from sieveline.slices import plan_slices


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="sieveline", description="Raw multimodal data in, training shards out, every verdict kept."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run a line from its input to training shards")
    run.add_argument("line", choices=sorted(lines.LINES))
    run.add_argument("--input", required=True, help="what the line reads; `sieveline lines` says what each takes")
    run.add_argument("--output", required=True, metavar="OUT", help="folder or URL of all results")
    run.add_argument("--recipe", metavar="MODULE:FUNCTION", help="default: the line's own; `sieveline lines` names it")
    run.add_argument(
        "--beam", default="", metavar="FLAGS", help='flags of another Beam runner, e.g. "--runner=FlinkRunner ..."'
    )
    run.set_defaults(action=run_line)

    listing = commands.add_parser("lines", help="what each line is, reads and is configured by")
    listing.set_defaults(action=print_lines)

    report = commands.add_parser("report", help="rebuild the report of an output")
    report.add_argument("output", metavar="OUT")
    report.set_defaults(action=rebuild_report)

    explain = commands.add_parser("explain", help="tell one sample's story through the stages")
    explain.add_argument("output", metavar="OUT")
    explain.add_argument("sample", metavar="KEY_OR_ID", help="a source key, SHARD/KEY, or a sample id")
    explain.set_defaults(action=explain_sample)

    from training import cli as training  # light: torch is imported when a run starts

    train = commands.add_parser("train", help="train a model on training shards")
    training.add_arguments(train)
    train.set_defaults(action=training.run)

    caption = commands.add_parser("caption", help="caption pictures with an exported model")
    training.add_caption_arguments(caption)
    caption.set_defaults(action=training.run_caption)

    options = parser.parse_args(arguments)
    try:
        status = options.action(options)
        sys.stdout.flush()
        sys.exit(status)
    except BrokenPipeError:  # `| head` has seen enough; what the interpreter still flushes at its end goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except ConfigError as error:
        print(f"sieveline: {error}", file=sys.stderr)
        sys.exit(2)
    except SievelineError as error:
        print(f"sieveline: {error}", file=sys.stderr)
        sys.exit(1)


def run_line(options: argparse.Namespace) -> int:
    from pipelines.engine import Engine, run_in_child

    line = lines.load(options.line)
    name = options.recipe or line.default_recipe
    recipe = recipes.load(name, line.recipe)
    place = Output(absolute(options.output))
    found = line.find_shards(absolute(options.input), recipe)
    lines.claim(place.root, line)
    slices = plan_slices(place.root, found, recipe.shards_per_slice)
    if not slices:
        raise ConfigError(f"--input {options.input}: nothing matches; {line.name} takes {line.input}")
    storage.remove_leftovers(place.root)
    recipes.write(recipe, name, line.name, place)
    bars = StepBars(line.unit)
    try:
        run_in_child(line.run, bars, output=place.root, recipe=recipe, slices=slices, engine=Engine(beam=options.beam))
    finally:
        bars.close()
    stats = output.write_stats(place)
    rebuild_report(argparse.Namespace(output=place.root))
    print_funnel(stats)
    return name_problems(place)


def print_lines(options: argparse.Namespace) -> int:
    for name in sorted(lines.LINES):
        line = lines.load(name)
        print(f"{name}\n    {line.description}\n    --input   {line.input}\n    --recipe  {line.default_recipe}")
        print(f"    stages  {' -> '.join(line.names)}")
    return 0


def rebuild_report(options: argparse.Namespace) -> int:
    from sieveline.report.page import build_report

    url = build_report(Output(absolute(options.output)))
    print(f"report: {url}")
    return 0


def explain_sample(options: argparse.Namespace) -> int:
    from sieveline.explain import explain

    story = explain(Output(absolute(options.output)), options.sample)
    print(story)
    return 0


def print_funnel(stats: dict[str, Any]) -> None:
    for stage in stats["stages"]:
        dropped = ", ".join(f"{reason} {n:,}" for reason, n in sorted(stage["dropped"].items(), key=lambda x: -x[1]))
        print(
            f"{stage['name']:<11} {stage['in']:>9,} in {stage['kept']:>9,} kept  {stage['cpu_seconds']:>8.1f} CPU-s  {dropped}"
        )
    print(f"{stats['samples']:,} training samples in {stats['shards']} shards, {stats['bytes'] / 1e6:.1f} MB")


def name_problems(place: Output) -> int:
    """Prints the shards that failed or were damaged; the exit status that says so."""
    problems = output.failed_shards(place) | {
        f"{shard} (read in part)": why for shard, why in output.damaged_shards(place).items()
    }
    for name, why in problems.items():
        print(f"sieveline: shard {name}: {why}", file=sys.stderr)
    return 1 if problems else 0


def absolute(url: str) -> str:
    """A local path made absolute, since workers may have another working directory; a URL as it is."""
    return url if "://" in url else str(Path(url).absolute())


if __name__ == "__main__":
    main()
