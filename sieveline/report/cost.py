"""What a run cost and moved, and what the line's target (ten billion pairs for image-text) would at the same cost a sample."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import pyarrow.compute as pc
import pyarrow.parquet as pq

from sieveline import ledger, storage
from sieveline.ledger import StageCount
from sieveline.output import Output, file_stem
from sieveline.slices import Slice


@dataclass(frozen=True, slots=True)
class StageCost:
    """Cost of a stage.

    Attributes:
        per_input_ms: CPU-ms a pair that came into the stage.
        per_pair_ms: CPU-ms a pair of the source.
        core_hours: at the line's target of source samples and the same yields.
    """

    name: str
    num_in: int
    cpu_seconds: float
    per_input_ms: float
    per_pair_ms: float
    core_hours: float


@dataclass(frozen=True, slots=True)
class Moved:
    """Bytes moved for one purpose, and at the line's target of source samples."""

    what: str
    num_bytes: int
    extrapolated: float


@dataclass(frozen=True, slots=True)
class SlowShard:
    """A source shard and what it cost over all stages; `ratio` of its CPU-seconds to the median shard's."""

    shard_id: str
    num_pairs: int
    cpu_seconds: float
    per_pair_ms: float
    ratio: float


def stage_costs(counts: Sequence[StageCount], target: int) -> list[StageCost]:
    """Costs of the stages that ran; empty without any cost."""
    pairs = counts[0].num_in if counts else 0
    if not pairs or not sum(c.cpu_seconds for c in counts):
        return []
    return [
        StageCost(
            c.name,
            c.num_in,
            c.cpu_seconds,
            1e3 * c.cpu_seconds / c.num_in,
            1e3 * c.cpu_seconds / pairs,
            c.cpu_seconds / pairs * target / 3600,
        )
        for c in counts
        if c.num_in
    ]


def bytes_moved(output: Output, slices: Sequence[Slice], counts: Sequence[StageCount]) -> list[Moved]:
    """What was read and written, from the slices' manifests, the ledgers and the training shards."""
    pairs = counts[0].num_in if counts else 0
    if not pairs:
        return []
    line = output.line
    done = {file_stem(url) for url in output.ledgers(line.first)}
    moved = {"source shards, read once": sum(s.num_bytes for x in slices for s in x.shards if s.id in done)}
    for stage in (s.name for s in line.stages if s.reads_media):
        lengths = [pc.sum(ledger.read_table(u, ["length"])["length"]).as_py() or 0 for u in output.ledgers(stage)]
        moved[f"images read again for {stage}"] = sum(lengths)
    parts = [json.loads(storage.read_bytes(u)) for u in storage.listing(output.shards(), ".tar.json")]
    moved["training shards, written"] = sum(p["bytes"] for p in parts)
    moved["ledgers, written"] = sum(_size(u) for stage in line.names for u in output.ledgers(stage))
    return [Moved(what, n, n / pairs * line.target) for what, n in moved.items() if n]


def slowest_shards(output: Output, num_shards: int = 8) -> list[SlowShard]:
    """The source shards that cost most, over all stages whose cost is counted by shard."""
    pairs = {file_stem(url): _num_rows(url) for url in output.ledgers(output.line.first)}
    spent = dict.fromkeys(pairs, 0.0)
    for stage in output.line.names:
        for url in storage.listing(storage.join(output.root, "costs", stage), ".json"):
            if file_stem(url) in spent:
                spent[file_stem(url)] += json.loads(storage.read_bytes(url))["cpu_seconds"]
    spent = {shard: seconds for shard, seconds in spent.items() if pairs[shard] and seconds}
    if not spent:
        return []
    usual = median(spent.values())
    slow = sorted(spent, key=lambda shard: (-spent[shard], shard))[:num_shards]
    return [SlowShard(s, pairs[s], spent[s], 1e3 * spent[s] / pairs[s], spent[s] / usual) for s in slow]


def _num_rows(url: str) -> int:
    fs, path = storage.filesystem(url)
    with fs.open(path, "rb") as file:
        return pq.read_metadata(file).num_rows


def _size(url: str) -> int:
    fs, path = storage.filesystem(url)
    return int(fs.size(path) or 0)
