"""The child process of the asset `training_run`: trains, and tells Dagster how it goes."""

import argparse
import base64
import io
import json
from typing import Any

from dagster_pipes import PipesContext, open_dagster_pipes

from sieveline import storage
from sieveline.fingerprint import fingerprint
from sieveline.lifetime import die_with_parent
from training import index
from training.cli import load_recipe, run_folder
from training.cli import run as run_training

LOG_EVERY = 10  # steps


def main() -> None:
    die_with_parent()  # Dagster's step: a run that is killed must not train on
    with open_dagster_pipes() as pipes:
        shards, recipe = pipes.get_extra("shards"), pipes.get_extra("recipe")
        place = storage.join(pipes.get_extra("runs"), run_name(shards, recipe))
        folder = run_folder(place)
        arguments = argparse.Namespace(shards=shards, recipe=recipe, steps=None, output=None, resume=place)
        run_training(arguments, lambda row: tell(pipes, row))
        rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        pipes.report_asset_materialization(metadata=metadata(rows, place))


def run_name(shards: str, recipe: str) -> str:
    """A run's folder name: the same shards and recipe go on with their run, anything else is a run of its own."""
    return fingerprint(load_recipe(recipe), index.identity(index.find_shards(shards)))


def tell(pipes: PipesContext, row: dict[str, Any]) -> None:
    if row["step"] == 1 or row["step"] % LOG_EVERY == 0:
        pipes.log.info(f"step {row['step']}: loss {row['loss']:.3f}, {row['tokens_per_second']:,.0f} tokens/s")


def metadata(rows: list[dict[str, Any]], place: str) -> dict[str, Any]:
    """Numbers that plot over runs, and the loss curve as a picture.

    Args:
        rows: of `metrics.jsonl`, see `training.watch`.
        place: folder or URL of the run.
    """

    def mean(name: str) -> float:
        return round(sum(row[name] for row in rows) / len(rows), 4)

    return {
        "steps": len(rows),
        "first loss": round(rows[0]["loss"], 4),
        "last loss": round(rows[-1]["loss"], 4),
        "tokens per second": mean("tokens_per_second"),
        "fill": mean("fill"),
        "data wait share": mean("data_wait"),
        "tokens": sum(row["tokens"] for row in rows),
        "loss curve": {"type": "md", "raw_value": f"| loss |\n|---|\n| ![loss]({loss_curve(rows)}) |"},
        "export": {"type": "path", "raw_value": storage.join(place, "export")},
    }


def loss_curve(rows: list[dict[str, Any]]) -> str:
    """The loss over steps as the data URI of a small PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 2.6), dpi=80, layout="constrained")
    axes.plot([row["step"] for row in rows], [row["loss"] for row in rows], color="#2b7a78")
    axes.set(xlabel="step", ylabel="loss, nats a token")
    axes.spines[["top", "right"]].set_visible(False)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    plt.close(figure)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


if __name__ == "__main__":
    main()
