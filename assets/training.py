"""The training run as an asset: a child process that reports through Pipes, so that it may be `torchrun` on many GPUs as well."""

import os
import sys

import dagster as dg

from assets.image_text import LINE
from assets.line_assets import OWNERS
from sieveline import storage

RECIPE = os.environ.get("SIEVELINE_TRAINING_RECIPE", "training.recipes:demo")


@dg.asset(
    key_prefix="training",
    group_name="training",
    deps=[dg.AssetDep(LINE.training_shards, partition_mapping=dg.AllPartitionMapping())],
    description="Trains the recipe's model on the training shards, resuming where an earlier run stopped.",
    kinds={"torch", "huggingface"},
    owners=OWNERS,
    pool="gpu",
    required_resource_keys={LINE.key, "pipes"},
)
def training_run(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    output = LINE.settings(context).output
    command = [sys.executable, "-m", "assets.training_child"]
    arguments = {"shards": storage.join(output, "shards", "*.tar"), "recipe": RECIPE, "run": storage.join(output, "training")}
    return context.resources.pipes.run(command=command, context=context, extras=arguments).get_materialize_result()


TRAINING_ASSETS = [training_run]
training_job = dg.define_asset_job("training", selection=dg.AssetSelection.groups("training"))
