"""Duplicates over the whole pool, by files: no per-record shuffle, memory of one bucket, and every pass goes on where it was killed.

    hashes of each shard -> buckets by band key -> candidate pairs -> the thumbnails they ask of the shards -> measured pairs
    caption sketches of each shard -> buckets by key -> heavy keys

The measured pairs and heavy keys depend on no threshold. `decide` then picks survivors and floods from them for the whole pool and leaves one
small file per shard, from which the `duplicates` ledger is made.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from classifiers import caption_templates, near_duplicates, perceptual_hash, picture_match
from pipelines.engine import Engine
from pipelines.exchange import gather, is_scattered, scatter
from pipelines.pool_search import DecidedStep, Pass, PoolSearch, run_search
from sieveline import ledger, storage
from sieveline.fingerprint import code_version, fingerprint
from sieveline.output import Output
from sieveline.schema import LEDGER
from sieveline.slices import Shard
from sieveline.stages import duplicates as stage
from sieveline.verdicts import VERDICT

_HASHES = pa.schema([("hash", pa.uint64()), ("sample", pa.int64()), ("probe", pa.bool_())])
_WANTS = pa.schema([("bucket", pa.string()), ("sample", pa.int64())])
_THUMBNAILS = pa.schema([("sample", pa.int64()), ("thumbnail", pa.binary(perceptual_hash.THUMBNAIL_BYTES))])
_KEYS = pa.schema([("key", pa.uint64()), ("sample", pa.int64())])
_JUDGED = (
    "sample_id",
    "source_shard",
    "row",
    "image_hash",
    "width",
    "height",
    "words",
    "special_ratio",
    "word_repetition",
    "boilerplate",
)
RESULT = pa.schema([("row", pa.int32()), *VERDICT, *stage.MEASURED])


class Search(PoolSearch):
    """The pool's pictures and captions."""

    upstream = "heuristics"
    craft = (near_duplicates, picture_match, caption_templates)
    scratch = ("hashes", "wants", "thumbnails", "pairs")

    def passes(self) -> Iterable[Pass]:
        return (
            (self.scatter_hashes, self.shards),
            (self.find_pairs, self.buckets),
            (self.find_heavy, self.caption_buckets),
            (self.scatter_thumbnails, self.shards),
            (self.measure_pairs, self.buckets),
        )

    @cached_property
    def caption_buckets(self) -> list[str]:
        return [f"caption-{prefix:04d}" for prefix in range(1 << self.bits)]

    def samples(self, number: int, columns: list[str]) -> pa.Table:
        """Columns of the samples of the `number`-th shard (kept rows), from its ledger and its measurements."""
        shard_id = self.shards[number].id
        url = self.output.ledger("heuristics", shard_id)
        verdicts = ledger.read_table(url, ["kept", *(c for c in columns if c in _JUDGED or c == "caption")])
        kept = verdicts["kept"]
        table = verdicts.drop_columns(["kept"])
        bulk = [c for c in columns if c not in table.column_names]
        if bulk:
            measured = ledger.read_table(self.output.measured("heuristics", self.measurements[number], shard_id), bulk)
            for name in bulk:
                table = table.append_column(name, measured[name])
        return table.filter(kept).combine_chunks()

    # --- the passes, each over shards or buckets, each idempotent ---

    def scatter_hashes(self, shard: Shard) -> None:
        """Pass 1, a shard: every hash and probe to the bucket of each band, every caption key to its bucket."""
        if is_scattered(self.file("hashes"), shard.id):
            return
        number = self.shards.index(shard)
        bits = self.bits
        table = self.samples(number, ["phash", "probe_phash", "caption"])
        sample = np.arange(self.starts[number], self.starts[number + 1])
        probes = table["probe_phash"].combine_chunks()
        hashes = np.concatenate([np.asarray(table["phash"]), np.asarray(probes.flatten())])
        owner = np.concatenate([sample, np.repeat(sample, len(perceptual_hash.PROBES))])
        is_probe = np.arange(len(hashes)) >= len(sample)
        prefixes = near_duplicates.exchange_keys(hashes, bits)
        tables = {}
        for name, bucket in self.buckets.items():
            mine = prefixes[:, bucket.band] == bucket.prefix
            tables[name] = pa.table([hashes[mine], owner[mine], is_probe[mine]], schema=_HASHES)
        rows, keys = caption_templates.band_keys(table["caption"].to_pylist(), self.config.measuring.template_characters)
        key, key_owner = keys.reshape(-1), np.repeat(sample[rows], caption_templates.BANDS)
        prefix = key >> np.uint64(64 - bits) if bits else np.zeros(len(key), np.uint64)
        for i, name in enumerate(self.caption_buckets):
            tables[name] = pa.table([key[prefix == i], key_owner[prefix == i]], schema=_KEYS)
        scatter(self.file("hashes"), shard.id, {name: t for name, t in tables.items() if t.num_rows})

    def find_pairs(self, name: str) -> None:
        """Pass 2, a bucket: its candidate pairs, and which thumbnails they need from which shard."""
        if is_scattered(self.file("wants"), name):
            return
        bucket, measuring = self.buckets[name], self.config.measuring
        mine = gather(self.file("hashes"), name, _HASHES)
        stored, probes = (_entries(mine.filter(flag)) for flag in (pc.invert(mine["probe"]), mine["probe"]))
        found = [np.empty((0, 2), np.int64)]
        for other in near_duplicates.neighbours(bucket, measuring.radius):
            theirs = mine if other == bucket else gather(self.file("hashes"), other.name, _HASHES)
            against = _entries(theirs.filter(pc.invert(theirs["probe"])))
            search = {"radius": measuring.radius, "bucket": bucket, "other": other, "fan": measuring.fan}
            found += [
                near_duplicates.sample_pairs(stored, against, once=True, **search),
                near_duplicates.sample_pairs(probes, against, **search),
            ]
        pairs = np.unique(np.concatenate(found), axis=0)
        ledger.write_table(self.file("pairs", f"{name}.parquet"), pa.table({"first": pairs[:, 0], "second": pairs[:, 1]}), {})
        wanted = np.unique(pairs)
        owner = self.shard_of(wanted)
        asked = {self.shards[i].id: wanted[owner == i] for i in np.unique(owner)}
        tables = {i: pa.table([pa.array([name] * len(w)), w], schema=_WANTS) for i, w in asked.items()}
        scatter(self.file("wants"), name, tables)

    def scatter_thumbnails(self, shard: Shard) -> None:
        """Pass 3, a shard: the thumbnails that buckets asked of it."""
        if is_scattered(self.file("thumbnails"), shard.id):
            return
        wants = gather(self.file("wants"), shard.id, _WANTS)
        tables = {}
        if wants.num_rows:
            number = self.shards.index(shard)
            thumbnails = self.samples(number, ["thumbnail"])["thumbnail"]
            asked = wants["bucket"].combine_chunks().dictionary_encode()
            for code, name in enumerate(asked.dictionary.to_pylist()):
                sample = wants["sample"].filter(pc.equal(asked.indices, code)).combine_chunks()
                picked = thumbnails.take(pc.subtract(sample, int(self.starts[number]))).combine_chunks()
                tables[name] = pa.table([sample, picked], schema=_THUMBNAILS)
        scatter(self.file("thumbnails"), shard.id, tables)

    def measure_pairs(self, name: str) -> None:
        """Pass 4, a bucket: its pairs aligned and measured; strangers that failed the coarse look are left out."""
        url = self.file("measured", f"{name}.parquet")
        if storage.exists(url):
            return
        pairs = ledger.read_table(self.file("pairs", f"{name}.parquet"))
        shown = gather(self.file("thumbnails"), name, _THUMBNAILS).sort_by("sample").combine_chunks()
        numbers = np.asarray(shown["sample"])
        pixels = np.frombuffer(b"".join(shown["thumbnail"].to_pylist()), np.uint8).reshape(-1, perceptual_hash.THUMBNAIL_BYTES)
        first, second = np.asarray(pairs["first"]), np.asarray(pairs["second"])
        difference, colour = np.empty(len(first), np.float32), np.empty(len(first), np.float32)
        for start in range(0, len(first), 1 << 16):  # thumbnails are gathered for some pairs at a time: memory stays bounded
            block = slice(start, start + (1 << 16))
            a, b = (pixels[np.searchsorted(numbers, side[block])] for side in (first, second))
            difference[block], colour[block] = picture_match.verify(a, b)
        near = difference < 1
        table = pa.table([first[near], second[near], difference[near], colour[near]], schema=stage.PAIRS)
        ledger.write_table(url, table, {})

    def find_heavy(self, name: str) -> None:
        """Pass 2 for captions, a bucket: the entries of keys that many captions share."""
        url = self.file("heavy", f"{name}.parquet")
        if not storage.exists(url):
            entries = gather(self.file("hashes"), name, _KEYS)
            heavy = caption_templates.heavy(np.asarray(entries["key"]), self.config.measuring.template_more_than)
            ledger.write_table(url, entries.filter(pa.array(heavy)), {})


def _entries(table: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    return np.asarray(table["hash"]), np.asarray(table["sample"])


def run_duplicate_clusters(output: Output, recipe: Any, shards: list[Shard], engine: Engine) -> Counter[str]:
    """Searches the pool if it changed, then decides if a threshold did."""
    search = Search.of_pool(output, recipe, shards)
    return run_search(search, decision(search, recipe), lambda decided: decide(search, recipe, decided), engine)


def decision(search: Search, recipe: Any) -> str:
    return fingerprint(search.fingerprint, recipe.duplicates, recipe.seed, code_version(stage))


def decide(search: Search, recipe: Any, decided: str) -> None:
    """Survivors and floods of the pool, as `RESULT` per shard: rows that have a mate or a template, the others stay."""
    config = recipe.duplicates
    pairs = search.read_all("measured", stage.PAIRS)
    order = np.lexsort((pairs["difference"], pairs["second"], pairs["first"]))
    pairs = pairs.take(order)
    first, second = np.asarray(pairs["first"]), np.asarray(pairs["second"])
    new = np.ones(len(first), bool)
    new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    pairs = pairs.filter(pa.array(new))

    heavy = search.read_all("heavy", _KEYS)
    templated, template = caption_templates.templates(np.asarray(heavy["key"]), np.asarray(heavy["sample"]))
    numbers = np.unique(np.concatenate([np.asarray(pairs["first"]), np.asarray(pairs["second"]), templated]))
    samples = pa.concat_tables(_samples(search, numbers)) if len(numbers) else None
    tables = {}
    if samples is not None:
        for column in ("first", "second"):
            position = pairs.schema.get_field_index(column)
            pairs = pairs.set_column(position, column, pa.array(np.searchsorted(numbers, np.asarray(pairs[column]))))
        result = stage.decide_duplicates(samples, pairs, config)
        result = _with_floods(result, samples["sample_id"], numbers, templated, template, recipe)
        result = result.add_column(0, "row", samples["row"])
        owner = search.shard_of(numbers)
        tables = {search.shards[i].id: result.filter(pa.array(owner == i)).cast(RESULT) for i in np.unique(owner)}
    search.publish_decided(decided, tables, RESULT)


def _with_floods(
    result: pa.Table, ids: pa.ChunkedArray, numbers: np.ndarray, templated: np.ndarray, template: np.ndarray, recipe: Any
) -> pa.Table:
    """`result` with the flood verdicts of rows that are no duplicates, and the template columns."""
    place = np.searchsorted(numbers, templated)
    free = result["reason"].is_null().to_numpy()[place]
    floods = stage.decide_floods(ids.take(pa.array(place[free])), template[free], recipe.duplicates, recipe.seed)
    spread = np.full(result.num_rows, -1)
    spread[place[free]] = np.arange(int(free.sum()))
    floods = floods.take(pa.array(spread, mask=spread < 0))
    columns = {name: result[name] for name in result.column_names}
    for name in VERDICT.names:
        columns[name] = pc.coalesce(columns[name], floods[name])
    columns["template_id"], columns["template_size"] = floods["template_id"], pc.fill_null(floods["template_size"], 0)
    return pa.table(columns)


def _samples(search: Search, numbers: np.ndarray) -> Iterator[pa.Table]:
    owner = search.shard_of(numbers)
    for i in np.unique(owner):
        yield search.samples(int(i), list(_JUDGED)).take(pa.array(numbers[owner == i] - search.starts[i]))


class DuplicatesStep(DecidedStep):
    upstream = "heuristics"

    def rows(self, shard: Shard) -> pa.Table:
        columns = [*LEDGER.names, "words", "special_ratio", "word_repetition", "boilerplate"]
        table = ledger.read_table(self.output.ledger("heuristics", shard.id), columns)
        return table.filter(table["kept"])

    def verdicts(self, rows: pa.Table, decided: pa.Table) -> tuple[pa.Table, dict[str, Any]]:
        found = decided.take(pc.index_in(rows["row"], decided["row"].combine_chunks()))
        alone = {
            "caption_quality": pa.array(stage.caption_quality(rows)),
            "cluster_id": rows["sample_id"],
            "cluster_size": pa.scalar(1, pa.int32()),
            "survivor_id": rows["sample_id"],
            "template_size": pa.scalar(0, pa.int32()),
        }
        columns = {
            name: pc.coalesce(found[name], alone[name]) if name in alone else found[name] for name in stage.MEASURED.names
        }
        return found.select(VERDICT.names), columns
