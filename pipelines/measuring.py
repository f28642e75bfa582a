"""A stage that measures what the stage before kept, once, and decides on it, as often as a threshold moves."""

from abc import abstractmethod
from typing import Any

import pyarrow as pa

from pipelines.shard_step import ShardStep, Task
from sieveline import ledger
from sieveline.slices import Shard


class MeasuringStep(ShardStep):
    """A stage with one verdict on each row that comes in."""

    @abstractmethod
    def measure(self, shard: Shard, rows: pa.Table, model: Any) -> pa.Table:
        """Measured columns for `rows` (as `self.rows` gives them), with `row` first, in their order."""

    @abstractmethod
    def decide(self, rows: pa.Table, measured: pa.Table) -> tuple[pa.Table, dict[str, Any]]:
        """Verdicts (`VERDICT`) and the ledger's own columns, for `rows` and what was measured of them, row by row."""

    def run(self, task: Task, model: Any) -> ledger.StageCount:
        with self.cost(task):
            rows = self.rows(task.shard)
            measured = self.measured(task, rows, lambda missing: self.measure(task.shard, missing, model))
            verdicts, columns = self.decide(rows, measured)
        return self.publish(task, rows, verdicts, columns, self.metadata(model))
