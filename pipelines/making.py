"""Steps whose rows are not found in a source shard but made: media with their rows, or several rows out of one.

`MakingStep` is the first stage of a line that makes its own pictures (renders, pages, screenshots): what it makes goes into one tar per
source shard, and its rows point into that. `FanOutStep` makes several rows out of each row of the stage before (a capture's questions).
"""

from abc import abstractmethod
from collections.abc import Iterator
from typing import IO, Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.shard_step import IDENTITY, ShardStep, Task, concat_rows
from sieveline import ledger, storage
from sieveline.schema import LEDGER
from sieveline.shards.writer import TarWriter
from sieveline.slices import Shard

CHILDREN = 1 << 12
"""Most rows that one row may fan out to; a child's row number is its parent's times this plus its place."""

_PLACE = pa.schema([LEDGER.field(name) for name in IDENTITY])


class Media:
    """The tar that a shard's media go into, in the order in which they are made."""

    def __init__(self, file: IO[bytes]):
        self._tar = TarWriter(file)

    def add(self, name: str, content: bytes) -> tuple[int, int]:
        """Appends a member; its (offset, length), by which a row names it.

        Raises:
            ValueError: `name` is longer than 100 bytes, or the content larger than 8 GiB.
        """
        [offset] = self._tar.add((name, content))
        return offset, len(content)

    def close(self) -> None:
        self._tar.close()


class MakingStep(ShardStep):
    """The first stage of a line that makes its media.

    Attributes:
        made: the stage's measured columns; each row of `make` has them beside `sample_id`, `key`, `offset` and `length`.
        ledgered: those of them that the ledger holds.
    """

    made: ClassVar[pa.Schema]
    ledgered: ClassVar[pa.Schema]

    @abstractmethod
    def make(self, shard: Shard, media: Media, model: Any) -> Iterator[list[dict[str, Any]]]:
        """Makes what a shard stands for, some rows at a time; a row without media has offset -1 and length 0.

        Called once for a shard until the measurement changes. A generator that leaves some of it undone says so in `damage`.
        """

    @abstractmethod
    def judge(self, measured: pa.Table) -> pa.Table:
        """Verdicts (`VERDICT`) on measured rows."""

    damage: str | None = None

    def run(self, task: Task, model: Any) -> ledger.StageCount:
        url = self.output.measured(self.name, task.measurement, task.shard.id)
        with self.cost(task):
            if not storage.exists(url):
                self._make(task, url, model)
            measured = ledger.read_table(url)
            verdicts = self.judge(measured)
            columns = {name: measured[name] for name in self.ledgered.names}
        return self.publish(task, measured, verdicts, columns, (ledger.read_metadata(url) or {}) | self.metadata(model))

    def _make(self, task: Task, url: str, model: Any) -> None:
        schema = pa.schema([*_PLACE, *self.made])
        batches, number = [], 0
        tar = self.output.media(self.name, task.measurement, task.shard.id)
        self.damage = None
        with storage.publish(tar) as file:
            media = Media(file)
            for rows in self.make(task.shard, media, model):
                numbered = [row | {"source_shard": task.shard.id, "row": number + i} for i, row in enumerate(rows)]
                batches.append(pa.RecordBatch.from_pylist(numbered, schema))
                number += len(rows)
                self.progress(len(rows))
            media.close()
        footer = {
            "stage": self.name,
            "measurement": task.measurement,
            "media": tar.removeprefix(self.output.root.rstrip("/") + "/"),
            "damage": self.damage,
        }
        ledger.write_table(url, concat_rows(batches, schema), footer)  # last: its existence says that the media are whole


class FanOutStep(ShardStep):
    """A stage whose rows are made out of those of the stage before.

    Attributes:
        made: the stage's measured columns; each row of `make` has them beside `sample_id`, `key`, `offset` and `length`.
        ledgered: those of them that the ledger holds, beside `parent`, the row of the stage before.
    """

    made: ClassVar[pa.Schema]
    ledgered: ClassVar[pa.Schema]

    @abstractmethod
    def make(self, shard: Shard, rows: pa.Table, model: Any) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """The children of each row of `rows`, as (the parent's `row`, children)."""

    @abstractmethod
    def judge(self, measured: pa.Table) -> pa.Table:
        """Verdicts (`VERDICT`) on measured rows; it may look at all children of a shard."""

    def run(self, task: Task, model: Any) -> ledger.StageCount:
        with self.cost(task):
            parents = self.rows(task.shard)
            measured = self._children(task, parents, model)
            verdicts = self.judge(measured)
            columns = {"parent": measured["parent"]} | {name: measured[name] for name in self.ledgered.names}
        return self.publish(task, measured, verdicts, columns, self._media(task.shard) | self.metadata(model))

    def _media(self, shard: Shard) -> dict[str, Any]:
        made = (ledger.read_metadata(self.output.ledger(self.first, shard.id)) or {}).get("media")
        return {"media": made} if made else {}

    def _children(self, task: Task, parents: pa.Table, model: Any) -> pa.Table:
        """The measured children of `parents`; those of parents not yet seen are made now and kept."""
        url = self.output.measured(self.name, task.measurement, task.shard.id)
        schema = pa.schema([*_PLACE, ("parent", pa.int32()), *self.made])
        known = ledger.read_table(url) if storage.exists(url) else schema.empty_table()
        seen = (ledger.read_metadata(url) or {}).get("parents", [])
        missing = parents.filter(pc.invert(pc.is_in(parents["row"], pa.array(seen, pa.int32()))))
        if missing.num_rows or not storage.exists(url):
            batches = []
            for parent, children in self.make(task.shard, missing, model):
                assert len(children) <= CHILDREN
                place = {"source_shard": task.shard.id, "parent": parent}
                numbered = [row | place | {"row": parent * CHILDREN + i} for i, row in enumerate(children)]
                batches.append(pa.RecordBatch.from_pylist(numbered, schema))
                self.progress(1)
            known = pa.concat_tables([known.cast(schema), concat_rows(batches, schema)]).sort_by("row")
            seen = sorted({*seen, *missing["row"].to_pylist()})
            ledger.write_table(url, known, {"stage": self.name, "measurement": task.measurement, "parents": seen})
        return known.filter(pc.is_in(known["parent"], parents["row"].combine_chunks()))
