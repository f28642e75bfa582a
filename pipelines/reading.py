"""The first stage of a line that finds its samples: reads whole source shards, once, and measures each batch as it comes."""

from abc import abstractmethod
from typing import Any, ClassVar

import pyarrow as pa

from pipelines.shard_step import ShardStep, Task, concat_rows
from sieveline import ledger, storage
from sieveline.schema import SAMPLES
from sieveline.shards.source import open_shard

_WHERE = ("row", "key", "offset", "length")


class ReadingStep(ShardStep):
    """The first stage of a line whose source shards are tars or Parquet files.

    Attributes:
        found: the stage's measured columns, `sample_id` among them.
        ledgered: those of them that the ledger holds beside its identity.
        captions: whether a Parquet file without captions is an error.
    """

    found: ClassVar[pa.Schema]
    ledgered: ClassVar[pa.Schema]
    captions: ClassVar[bool] = True

    @abstractmethod
    def measure_batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The columns `found` of a batch of `schema.SAMPLES`, row for row."""

    @abstractmethod
    def judge(self, measured: pa.Table) -> pa.Table:
        """Verdicts (`VERDICT`) on measured rows."""

    def run(self, task: Task, model: Any) -> ledger.StageCount:
        url = self.output.measured(self.name, task.measurement, task.shard.id)
        with self.cost(task):
            if not storage.exists(url):
                self._read(task, url)
            measured = ledger.read_table(url)
            verdicts = self.judge(measured)
            columns = {name: measured[name] for name in self.ledgered.names}
        return self.publish(task, measured, verdicts, columns, ledger.read_metadata(url) or {})

    def _read(self, task: Task, url: str) -> None:
        source = open_shard(task.shard.url, self.recipe.limits, captions=self.captions)
        schema = pa.schema([("source_shard", pa.string()), *(SAMPLES.field(n) for n in _WHERE), *self.found])
        batches = []
        for batch in source:
            measured = self.measure_batch(batch)
            where = [pa.array([task.shard.id] * len(batch)), *(batch[n] for n in _WHERE)]
            batches.append(pa.record_batch([*where, *measured.columns], schema=schema))
            self.progress(len(batch))
        footer = {"stage": self.name, "measurement": task.measurement, "damage": source.damage}
        ledger.write_table(url, concat_rows(batches, schema), footer)
