"""Steps with a model, through Beam's RunInference: loaded once per worker process, or once per machine where there is a GPU."""

import sys
from typing import Any

import apache_beam as beam

from pipelines.engine import die_with_parent
from pipelines.shard_step import ShardStep, Task, attempt_step

# Beam's manager of several models is not used here, and it alone brings torch: 470 MB and 2 CPU-s in every process. A module that is None
# cannot be imported, which Beam takes for a missing extra.
sys.modules.setdefault("apache_beam.ml.inference.model_manager", None)  # pyright: ignore[reportArgumentType]
from apache_beam.ml.inference.base import ModelHandler, RunInference  # noqa: E402  after the line above


def run_with_model(step: ShardStep, threads: int) -> beam.PTransform:
    """Runs `step` on tasks with what its `load_model` gives, told to use `threads` threads."""
    return RunInference(StepModel(step, threads))


class StepModel(ModelHandler[Task, int, Any]):
    """How Beam loads a step's model and hands it tasks, one at a time."""

    def __init__(self, step: ShardStep, threads: int):
        super().__init__()
        self.step = step
        self.threads = threads

    def load_model(self) -> Any:
        die_with_parent()
        return self.step.load_model(self.threads)

    def run_inference(self, batch, model, inference_args=None):
        return [attempt_step(self.step, task, model) for task in batch]

    def batch_elements_kwargs(self):
        return {"min_batch_size": 1, "max_batch_size": 1}  # a task is a shard: batches of samples are made inside

    def share_model_across_processes(self) -> bool:
        return self.step.on_gpu()
