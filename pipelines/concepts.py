"""Concept steps: match every surviving caption, add the counts up over the whole pool, then balance each shard by them."""

import json
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from classifiers import concepts as matching
from models import vocabulary
from pipelines.engine import Engine
from pipelines.shard_step import ShardStep, Task, run_step
from sieveline import ledger, storage
from sieveline.fingerprint import code_version, fingerprint
from sieveline.output import Output, file_stem
from sieveline.slices import Shard
from sieveline.stages import concepts as concepts_stage


class Matching(ShardStep):
    """What both concept steps share: the entries a caption holds, matched once per vocabulary."""

    upstream = "alignment"
    stage = "concepts"

    def __init__(self, output: Output, recipe: Any):
        super().__init__(output, recipe)
        self.vocabulary = vocabulary.load(recipe.concepts.vocabulary).fingerprint

    def measurement(self, shard: Shard) -> str:
        return fingerprint(self.vocabulary, code_version(matching))

    def matches(self, task: Task, rows: pa.Table) -> pa.ChunkedArray:
        """The entries in the caption of each row: list<int32>, ids in the vocabulary."""
        return self.measured(task, rows, self._match)["concepts"]

    def _match(self, rows: pa.Table) -> pa.Table:
        matcher = _matcher(self.recipe.concepts.vocabulary)
        return pa.table({"row": rows["row"], "concepts": matcher.match(rows["caption"])})


@cache
def _matcher(path: str | None) -> matching.ConceptMatcher:
    """Once per process: 0.7 CPU-s and 50 MB for 500k entries."""
    return matching.ConceptMatcher(vocabulary.load(path).entries)


class ConceptCounts(Matching):
    """Counts matches per entry: a part per shard, then their sum over the pool."""

    name = "concept_counts"
    light_below = 200_000  # matched in half a CPU-second

    def result(self, shard_id: str) -> str:
        return self.output.global_step(self.name, "parts", f"{shard_id}.parquet")

    def thresholds(self, shard: Shard) -> Any:
        return None

    def run(self, task: Task, model: Any) -> ledger.StageCount:
        with self.cost(task):
            rows = self.rows(task.shard)
            matches = self.matches(task, rows)
            entries, counts = np.unique(
                np.concatenate([c.flatten().to_numpy() for c in matches.chunks] or [[]]), return_counts=True
            )
            part = pa.table({"entry": pa.array(entries, pa.int32()), "count": pa.array(counts, pa.int64())})
        ledger.write_table(self.result(task.shard.id), part, {"decision": task.decision, "kept": rows.num_rows})
        return ledger.StageCount(self.name, rows.num_rows, rows.num_rows)


def run_concept_counts(output: Output, recipe: Any, shards: list[Shard], engine: Engine) -> Counter[str]:
    """Matches what is not matched yet and publishes the pool's counts as `OUT/global/concept_counts/<fingerprint>.parquet`.

    Columns: `entry` (int32, its id), `text` (string), `count` (int64), the entries that match at all.
    """
    step = ConceptCounts(output, recipe)
    counters = run_step(step, shards, engine)
    parts = {file_stem(url): url for url in storage.listing(output.global_step(step.name, "parts"), ".parquet")}
    parts = {shard.id: parts[shard.id] for shard in shards if shard.id in parts}
    decisions = {shard_id: (ledger.read_metadata(url) or {})["decision"] for shard_id, url in parts.items()}
    made_from = fingerprint(decisions)
    url = output.global_step(step.name, f"{made_from}.parquet")
    if not storage.exists(url):
        entries = vocabulary.load(recipe.concepts.vocabulary).entries
        total = np.zeros(len(entries), np.int64)
        for part_url in parts.values():
            part = ledger.read_table(part_url)
            total[np.asarray(part["entry"])] += np.asarray(part["count"])
        found = np.flatnonzero(total)
        table = pa.table({"entry": pa.array(found, pa.int32()), "text": [entries[i] for i in found], "count": total[found]})
        ledger.write_table(url, table, {"vocabulary": step.vocabulary, "num_entries": len(entries)})
    storage.publish_bytes(current_counts(output), json.dumps({"fingerprint": made_from}).encode())
    return counters


def current_counts(output: Output) -> str:
    """The file that names the counts that hold now."""
    return output.global_step("concept_counts", "current.json")


def read_counts(output: Output) -> tuple[str, np.ndarray]:
    """The fingerprint of the pool's counts, and the counts: int64 [vocabulary].

    Raises:
        FileNotFoundError: the concept_counts step has not run.
    """
    made_from = json.loads(storage.read_bytes(current_counts(output)))["fingerprint"]
    url = output.global_step("concept_counts", f"{made_from}.parquet")
    table = ledger.read_table(url, ["entry", "count"])
    counts = np.zeros((ledger.read_metadata(url) or {})["num_entries"], np.int64)
    counts[np.asarray(table["entry"])] = np.asarray(table["count"])
    return made_from, counts


class ConceptsStep(Matching):
    """Balances a shard by the pool's counts: draws by hash, no shuffle and no order."""

    name = "concepts"
    light_below = float("inf")

    def __init__(self, output: Output, recipe: Any):
        super().__init__(output, recipe)
        self.counts_fingerprint, self.counts = read_counts(output)

    def thresholds(self, shard: Shard) -> Any:
        return [self.recipe.concepts, self.recipe.seed, self.counts_fingerprint]

    def run(self, task: Task, model: Any) -> ledger.StageCount:
        with self.cost(task):
            rows = self.rows(task.shard)
            matches = self.matches(task, rows)
            columns = pa.table({"sample_id": rows["sample_id"], "concepts": matches})
            verdicts = concepts_stage.decide(columns, self.counts, self.recipe.concepts, self.recipe.seed)
        return self.publish(task, rows, verdicts, {"concepts": matches}, {})
