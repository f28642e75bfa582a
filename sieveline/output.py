"""Where a line's results lie below its output folder, and the counts over them.

OUT/slices/<slice>.json               which source shards a slice holds
OUT/measured/<stage>/<fingerprint>/<shard>.parquet    measurements, reused while their fingerprint stands
OUT/media/<stage>/<fingerprint>/<shard>.tar    media that the line made (renders, pages, screenshots); a ledger's footer names it
OUT/global/<step>/<fingerprint>/...   results of steps over the whole pool
OUT/ledger/<stage>/<shard>.parquet    verdicts
OUT/failures/<step>/<shard>.txt       shards that could not be finished, and why
OUT/shards/<slice>-00000.tar (+ .idx, .json)    training samples
OUT/stats.json    OUT/report/index.html
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sieveline import ledger, storage
from sieveline.lines import Line, line_of
from sieveline.slices import read_slices


@dataclass(frozen=True, slots=True)
class Output:
    """Paths of one line's output; `root` is a folder or an fsspec URL."""

    root: str

    def ledger(self, stage: str, shard_id: str) -> str:
        return storage.join(self.root, "ledger", stage, f"{shard_id}.parquet")

    def ledgers(self, stage: str) -> list[str]:
        return storage.listing(storage.join(self.root, "ledger", stage), ".parquet")

    def measured(self, stage: str, measurement: str, shard_id: str) -> str:
        return storage.join(self.root, "measured", stage, measurement, f"{shard_id}.parquet")

    def media(self, stage: str, measurement: str, shard_id: str) -> str:
        return storage.join(self.root, "media", stage, measurement, f"{shard_id}.tar")

    def global_step(self, step: str, fingerprint: str, *parts: str) -> str:
        return storage.join(self.root, "global", step, fingerprint, *parts)

    def failure(self, step: str, shard_id: str) -> str:
        return storage.join(self.root, "failures", step, f"{shard_id}.txt")

    def cost(self, stage: str, name: str) -> str:
        return storage.join(self.root, "costs", stage, f"{name}.json")

    def costs(self, stage: str) -> list[str]:
        return storage.listing(storage.join(self.root, "costs", stage), ".json")

    def add_cost(self, stage: str, name: str, made_from: str, cpu_seconds: float) -> None:
        """Adds to what `name` (a shard or a bucket) has cost in `stage` since it is made from the fingerprint `made_from`."""
        url = self.cost(stage, name)
        spent = json.loads(storage.read_bytes(url)) if storage.exists(url) else {}
        before = spent["cpu_seconds"] if spent.get("made_from") == made_from else 0.0
        content = {"made_from": made_from, "cpu_seconds": round(before + cpu_seconds, 4)}
        storage.publish_bytes(url, json.dumps(content).encode())

    def forget_costs(self, stage: str, prefix: str, made_from: str) -> None:
        """Removes costs of names beginning with `prefix` that belong to another fingerprint: of a pool that is no more."""
        for url in self.costs(stage):
            if file_stem(url).startswith(prefix) and json.loads(storage.read_bytes(url))["made_from"] != made_from:
                storage.remove(url)

    @property
    def line(self) -> Line:
        """The line that writes here; image-text until a recipe was kept."""
        return line_of(self.root)

    def shards(self, *parts: str) -> str:
        return storage.join(self.root, "shards", *parts)

    def report(self, *parts: str) -> str:
        return storage.join(self.root, "report", *parts)

    @property
    def stats(self) -> str:
        return storage.join(self.root, "stats.json")


def count_stages(
    output: Output, shard_ids: Iterable[str] | None = None, stages: Iterable[str] | None = None
) -> list[ledger.StageCount]:
    """Counts of `stages` (None: all of the line's) over all shards or the ones given; each is checked for conservation.

    Shards that are given are looked up by name, so that a slice costs what it holds, however large the pool is.
    """
    ids = None if shard_ids is None else sorted(set(shard_ids))
    counts = []
    for stage in output.line.names if stages is None else stages:
        count = ledger.StageCount(stage)
        for url in output.ledgers(stage) if ids is None else _existing(output.ledger(stage, i) for i in ids):
            count.add(ledger.read_table(url, ["kept", "reason"]))
        for url in output.costs(stage) if ids is None else _existing(output.cost(stage, i) for i in ids):
            count.cpu_seconds += json.loads(storage.read_bytes(url))["cpu_seconds"]
        count.check()
        counts.append(count)
    return counts


def _existing(urls: Iterable[str]) -> Iterator[str]:
    return (url for url in urls if storage.exists(url))


def file_stem(url: str) -> str:
    """The file name in `url` up to its last dot: the shard's id in most places."""
    return url.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def media_urls(output: Output, shard_ids: Iterable[str]) -> dict[str, str | None]:
    """The files that the rows of several shards point into, whatever stage they are of."""
    stage = output.line.first
    sources = {shard.id: shard.url for s in read_slices(output.root) for shard in s.shards}
    return {i: media_url(output, stage, i, sources.get(i)) for i in sorted(set(shard_ids))}


def media_url(output: Output, stage: str, shard_id: str, shard_url: str | None) -> str | None:
    """The file that `offset` and `length` of a stage's ledger point into: made media where its footer names them, else the source shard."""
    made = (ledger.read_metadata(output.ledger(stage, shard_id)) or {}).get("media")
    return storage.join(output.root, made) if made else shard_url


def damaged_shards(output: Output) -> dict[str, str]:
    """Source shards that were truncated or unreadable in part, and what was wrong."""
    damage = {}
    for url in output.ledgers(output.line.first):
        metadata = ledger.read_metadata(url) or {}
        if metadata.get("damage"):
            damage[file_stem(url)] = metadata["damage"]
    return damage


def failed_shards(output: Output) -> dict[str, str]:
    """Shards that a step could not finish, as `step/shard`, and why."""
    failures = {}
    for step in output.line.steps:
        for url in storage.listing(storage.join(output.root, "failures", step), ".txt"):
            failures[f"{step}/{file_stem(url)}"] = storage.read_bytes(url).decode()
    return failures


def write_stats(output: Output) -> dict[str, Any]:
    """Counts the ledgers and the training shards, writes `stats.json` and returns its content."""
    parts = [json.loads(storage.read_bytes(u)) for u in storage.listing(output.shards(), ".tar.json")]
    stats = {
        "stages": [c.as_dict() for c in count_stages(output)],
        "shards": len(parts),
        "samples": sum(p["samples"] for p in parts),
        "bytes": sum(p["bytes"] for p in parts),
    }
    storage.publish_bytes(output.stats, json.dumps(stats, indent=1).encode())
    return stats
