"""The training run as an asset: a child process that reports through Pipes, so that it may be `torchrun` on many GPUs as well."""

import os
import sys

import dagster as dg

from assets import gui, image_text, ocr_academic, ocr_scene, ocr_synthetic
from assets.line_assets import OWNERS
from sieveline import storage

RECIPE = os.environ.get("SIEVELINE_TRAINING_RECIPE", "training.recipes:demo")
SOURCES = tuple(of.LINE for of in (image_text, ocr_synthetic, ocr_scene, ocr_academic, gui))


@dg.asset(
    key_prefix="training",
    group_name="training",
    deps=[dg.AssetDep(of.training_shards, partition_mapping=dg.AllPartitionMapping()) for of in SOURCES],
    description="Trains the recipe's model on the shards of every line that has any; the same shards and recipe go on with their run.",
    kinds={"torch", "huggingface"},
    owners=OWNERS,
    pool="gpu",
    required_resource_keys={*(of.key for of in SOURCES), "pipes"},
)
def training_run(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    outputs = [of.settings(context).output for of in SOURCES]
    command = [sys.executable, "-m", "assets.training_child"]
    arguments = {"shards": shards(outputs), "recipe": RECIPE, "runs": storage.join(outputs[0], "training")}
    child = context.resources.pipes.run(command=command, context=context, extras=arguments)
    return child.get_materialize_result(implicit_materialization=False)  # a run that told nothing is no success


def shards(outputs: list[str]) -> str:
    """One pattern, with braces, for the shards of those outputs that have some.

    Raises:
        dagster.Failure: none has.
    """
    filled = [output for output in outputs if storage.listing(storage.join(output, "shards"), ".tar")]
    if not filled:
        raise dg.Failure(f"no training shards in any of {', '.join(outputs)}", allow_retries=False)
    return storage.join(filled[0] if len(filled) == 1 else f"{{{','.join(filled)}}}", "shards", "*.tar")


TRAINING_ASSETS = [training_run]
training_job = dg.define_asset_job("training", selection=dg.AssetSelection.groups("training"))
