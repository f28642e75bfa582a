"""What the searches for duplicates over a whole pool share, whatever their samples are: numbering, buckets, passes, what holds now.

A search leaves measured pairs that depend on no threshold; `decide` then picks survivors for the whole pool and leaves one small file per
shard, from which that shard's ledger is made. `pipelines/duplicates.py` searches pictures, `pipelines/gui_duplicates.py` web pages.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa

from classifiers import near_duplicates
from classifiers.near_duplicates import Bucket
from pipelines.engine import Engine
from pipelines.shard_step import PassFn, ShardStep, Task, run_pass
from sieveline import ledger, storage
from sieveline.fingerprint import code_version, fingerprint
from sieveline.output import Output
from sieveline.slices import Shard

STEP = "duplicate_clusters"
LIGHT_POOL = 200_000  # samples: a smaller pool is searched faster in one process than workers start

Pass = tuple[Callable[[Any], None], Iterable[Any]]
"""The work on an element, and the elements: shards or names of buckets."""


@dataclass(frozen=True)
class PoolSearch(ABC):
    """The pool as a search sees it: a sample's number is its place among the kept rows of all shards in order.

    Attributes:
        upstream: the stage whose kept rows are searched.
        craft: the modules that the measured pairs depend on.
        scratch: folders of the search that nobody needs once it is done.
        config: the stage's thresholds, with a `measuring` that has `radius`, `fan` and `bits`.
        shards: those with a ledger of `upstream`, in order of id.
        measurements: fingerprint of the upstream measurement of each.
        starts: number of each shard's first sample, and one past the last: int64 (shards + 1,).
        fingerprint: of all that the measured pairs depend on.
    """

    upstream: ClassVar[str]
    craft: ClassVar[tuple[ModuleType, ...]]
    scratch: ClassVar[tuple[str, ...]]

    output: Output
    config: Any
    shards: tuple[Shard, ...]
    measurements: tuple[str, ...]
    starts: np.ndarray
    fingerprint: str

    @classmethod
    def of_pool(cls, output: Output, recipe: Any, shards: Iterable[Shard]) -> Self:
        found, footers = [], []
        for shard in sorted(shards, key=lambda s: s.id):
            footer = ledger.read_metadata(output.ledger(cls.upstream, shard.id))
            if footer:
                found.append(shard)
                footers.append(footer)
        starts = np.cumsum([0, *(f["kept"] for f in footers)])
        made_from = fingerprint(
            recipe.duplicates.measuring,
            code_version(*cls.craft),
            {shard.id: footer["decision"] for shard, footer in zip(found, footers, strict=True)},
        )
        return cls(output, recipe.duplicates, tuple(found), tuple(f["measurement"] for f in footers), starts, made_from)

    @abstractmethod
    def passes(self) -> Iterable[Pass]:
        """The search, in order; each pass is idempotent."""

    def file(self, *parts: str) -> str:
        return self.output.global_step(STEP, self.fingerprint, *parts)

    @property
    def num_samples(self) -> int:
        return int(self.starts[-1])

    @cached_property
    def bits(self) -> int:
        return self.config.measuring.bits(self.num_samples)

    @cached_property
    def buckets(self) -> dict[str, Bucket]:
        """Those that are searched at all, by name."""
        flips = near_duplicates.flips(self.config.measuring.radius)
        return {b.name: b for b in near_duplicates.buckets(self.bits) if flips[b.band] >= 0}

    def shard_of(self, numbers: np.ndarray) -> np.ndarray:
        """Which of `shards` each sample number lies in."""
        return np.searchsorted(self.starts, numbers, side="right") - 1

    def read_all(self, folder: str, schema: pa.Schema) -> pa.Table:
        """All that the buckets left in a folder of the search."""
        tables = [ledger.read_table(url).cast(schema) for url in storage.listing(self.file(folder), ".parquet")]
        return pa.concat_tables(tables).combine_chunks() if tables else schema.empty_table()

    def publish_decided(self, decided: str, tables: Mapping[str, pa.Table], schema: pa.Schema) -> None:
        """Leaves each shard's part of what was decided, an empty one for those that `tables` has none for, then says that it is whole."""
        for shard in self.shards:
            url = self.output.global_step(STEP, "decided", decided, f"{shard.id}.parquet")
            ledger.write_table(url, tables.get(shard.id, schema.empty_table()), {})
        storage.publish_bytes(self.output.global_step(STEP, "decided", decided, "done"), b"")


def run_search(search: PoolSearch, decided: str, decide: Callable[[str], None], engine: Engine) -> Counter[str]:
    """Searches the pool if it changed, then decides if a threshold did.

    Args:
        decided: fingerprint of all that the verdicts depend on.
        decide: called with it; leaves what was decided by `publish_decided`.
    """
    output = search.output
    counters: Counter[str] = Counter()
    if not storage.exists(output.global_step(STEP, "decided", decided, "done")):
        if not storage.exists(search.file("done")):
            output.forget_costs("duplicates", STEP, search.fingerprint)
            light = search.num_samples < LIGHT_POOL
            for work, elements in search.passes():
                run_pass(PassFn(STEP, output, work, "duplicates", search.fingerprint), list(elements), engine, light=light)
            storage.publish_bytes(search.file("done"), b"")
            for folder in search.scratch:
                storage.remove_folder(search.file(folder))
        decide(decided)
        counters["samples"] = search.num_samples
    storage.publish_bytes(output.global_step(STEP, "current"), decided.encode())
    return counters


class DecidedStep(ShardStep):
    """The ledger of a shard, from what was decided over the pool."""

    name = "duplicates"
    light_below = float("inf")

    def __init__(self, output: Output, recipe: Any):
        super().__init__(output, recipe)
        self.decided = storage.read_bytes(output.global_step(STEP, "current")).decode()

    def measurement(self, shard: Shard) -> str:
        return self.decided

    def thresholds(self, shard: Shard) -> Any:
        return self.recipe.duplicates

    @abstractmethod
    def verdicts(self, rows: pa.Table, decided: pa.Table) -> tuple[pa.Table, dict[str, Any]]:
        """Verdicts (`VERDICT`) and the ledger's own columns of `rows`, row by row, from what was decided on the shard's."""

    def run(self, task: Task, model: Any) -> ledger.StageCount:
        with self.cost(task):
            rows = self.rows(task.shard)
            decided = ledger.read_table(self.output.global_step(STEP, "decided", task.measurement, f"{task.shard.id}.parquet"))
            verdicts, columns = self.verdicts(rows, decided)
        return self.publish(task, rows, verdicts, columns, {})
