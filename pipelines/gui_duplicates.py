"""Copies of pages over all shares and sites, by files: a pair search over the text hashes, each pair measured by its pixel hashes at once.

hashes of each shard -> buckets by band key of the text hash -> measured pairs
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from classifiers import near_duplicates
from gui_crawl.stages import duplicates as stage
from pipelines.engine import Engine
from pipelines.exchange import gather, is_scattered, scatter
from pipelines.pool_search import DecidedStep, Pass, PoolSearch, run_search
from sieveline import ledger, storage
from sieveline.fingerprint import code_version, fingerprint
from sieveline.output import Output
from sieveline.schema import LEDGER
from sieveline.slices import Shard
from sieveline.stages import duplicates as clusters
from sieveline.verdicts import VERDICT

_HASHES = pa.schema([("text", pa.uint64()), ("pixel", pa.uint64()), ("screen", pa.uint64()), ("page", pa.int64())])
_SEEN = ("text_hash", "pixel_hash", "device", "scheme", "state")
RESULT = pa.schema([("page", pa.int32()), *VERDICT, *stage.MEASURED])


class Search(PoolSearch):
    """The pool's states; those that are pages as loaded are searched, under the numbers they have among all."""

    upstream = "captures"
    craft = (near_duplicates,)
    scratch = ("hashes",)

    def passes(self) -> Iterable[Pass]:
        return ((self.scatter_hashes, self.shards), (self.measure_pairs, self.buckets))

    def states(self, number: int, columns: Iterable[str]) -> pa.Table:
        """Columns of the kept states of the `number`-th shard."""
        table = ledger.read_table(self.output.ledger(self.upstream, self.shards[number].id), ["kept", *columns])
        return table.filter(table["kept"]).drop_columns(["kept"]).combine_chunks()

    def scatter_hashes(self, shard: Shard) -> None:
        """Pass 1, a shard: its pages to the bucket of each band of their text hash."""
        if is_scattered(self.file("hashes"), shard.id):
            return
        number = self.shards.index(shard)
        states = self.states(number, _SEEN)
        loaded = np.asarray(states["state"]) == 0
        screens = zip(states["device"].to_pylist(), states["scheme"].to_pylist(), strict=True)
        screen = np.array([xxhash.xxh3_64_intdigest("\0".join(s).encode()) for s in screens], np.uint64)
        pages = np.arange(self.starts[number], self.starts[number + 1])
        hashes = [np.asarray(states["text_hash"]), np.asarray(states["pixel_hash"]), screen, pages]
        table = pa.table([column[loaded] for column in hashes], schema=_HASHES)
        prefixes = near_duplicates.exchange_keys(np.asarray(table["text"]), self.bits)
        parts = {name: table.filter(pa.array(prefixes[:, b.band] == b.prefix)) for name, b in self.buckets.items()}
        scatter(self.file("hashes"), shard.id, {name: part for name, part in parts.items() if part.num_rows})

    def measure_pairs(self, name: str) -> None:
        """Pass 2, a bucket: its pairs of pages, measured."""
        url = self.file("measured", f"{name}.parquet")
        if storage.exists(url):
            return
        bucket, measuring = self.buckets[name], self.config.measuring
        mine = gather(self.file("hashes"), name, _HASHES)
        found, seen = [np.empty((0, 2), np.int64)], [mine]
        for other in near_duplicates.neighbours(bucket, measuring.radius):
            theirs = mine if other == bucket else gather(self.file("hashes"), other.name, _HASHES)
            seen.append(theirs)
            found.append(
                near_duplicates.sample_pairs(
                    _entries(mine), _entries(theirs), measuring.radius, bucket, other, once=True, fan=measuring.fan
                )
            )
        pairs = np.unique(np.concatenate(found), axis=0)
        ledger.write_table(url, _measured(pairs, pa.concat_tables(seen)), {})


def _entries(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(table["text"]), np.asarray(table["page"])


def _measured(pairs: np.ndarray, seen: pa.Table) -> pa.Table:
    """`PAIRS` of page numbers int64 (n, 2) whose hashes are in `seen`."""
    page, at = np.unique(np.asarray(seen["page"]), return_index=True)
    first, second = (seen.take(at[np.searchsorted(page, side)]) for side in pairs.T)
    text, pixel, same_screen = (np.asarray(first[c]) ^ np.asarray(second[c]) for c in ("text", "pixel", "screen"))
    # Without any text on either side nothing but the pixels says that two pages are one.
    told = (same_screen == 0) | (np.asarray(first["text"]) != 0)
    table = pa.table(
        [
            pairs[:, 0],
            pairs[:, 1],
            pa.array(np.bitwise_count(text), pa.int32()),
            pa.array(np.bitwise_count(pixel), pa.int32(), mask=same_screen != 0),
        ],
        schema=stage.PAIRS,
    )
    return table.filter(pa.array(told))


def run_page_clusters(output: Output, recipe: Any, shards: list[Shard], engine: Engine) -> Counter[str]:
    """Searches the pool if it changed, then decides if a threshold did."""
    search = Search.of_pool(output, recipe, shards)
    decision = fingerprint(search.fingerprint, recipe.duplicates, code_version(stage, clusters))
    return run_search(search, decision, lambda decided: _decide(search, decided), engine)


def _decide(search: Search, decided: str) -> None:
    """Survivors of the pool, as `RESULT` per shard: pages that have a mate, the others stay."""
    pairs = search.read_all("measured", stage.PAIRS)
    numbers = np.unique(np.concatenate([np.asarray(pairs["first"]), np.asarray(pairs["second"])]))
    tables = {}
    if len(numbers):
        owner = search.shard_of(numbers)
        pages = pa.concat_tables(_pages(search, numbers, owner))
        for column in ("first", "second"):
            position = pairs.schema.get_field_index(column)
            pairs = pairs.set_column(position, column, pa.array(np.searchsorted(numbers, np.asarray(pairs[column]))))
        result = stage.decide(pages, pairs, search.config).add_column(0, "page", pages["page"])
        tables = {search.shards[i].id: result.filter(pa.array(owner == i)).cast(RESULT) for i in np.unique(owner)}
    search.publish_decided(decided, tables, RESULT)


def _pages(search: Search, numbers: np.ndarray, owner: np.ndarray) -> Iterator[pa.Table]:
    """What the survivor order needs of the pages of these numbers."""
    for i in np.unique(owner):
        states = search.states(int(i), ["sample_id", "source_shard", "row", "page", "num_elements"])
        counts = pc.value_counts(states["page"])
        num_states = counts.field("counts").take(pc.index_in(states["page"], counts.field("values")))
        yield states.append_column("num_states", num_states).take(pa.array(numbers[owner == i] - search.starts[i]))


class DuplicatesStep(DecidedStep):
    upstream = "captures"

    def rows(self, shard: Shard) -> pa.Table:
        table = ledger.read_table(self.output.ledger("captures", shard.id), [*LEDGER.names, "page", "state"])
        return table.filter(table["kept"])

    def verdicts(self, rows: pa.Table, decided: pa.Table) -> tuple[pa.Table, dict[str, Any]]:
        found = decided.take(pc.index_in(rows["page"], decided["page"].combine_chunks()))
        loaded = rows.filter(pc.equal(rows["state"], 0))
        own = loaded["sample_id"].take(pc.index_in(rows["page"], loaded["page"].combine_chunks()))
        is_page = pc.equal(rows["state"], 0)
        columns = {
            "cluster_id": pc.if_else(is_page, pc.coalesce(found["cluster_id"], own), None),
            "cluster_size": pc.if_else(is_page, pc.coalesce(found["cluster_size"], pa.scalar(1, pa.int32())), None),
            "survivor_id": pc.coalesce(found["survivor_id"], own),
        }
        return found.select(VERDICT.names), {name: columns.get(name, found[name]) for name in stage.MEASURED.names}
