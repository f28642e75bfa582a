"""Training shards: a plan that does not depend on workers, then one task per shard, then the ledger.

A slice's survivors are cut into shards in source order by the sizes their ledgers know. Each task reads its survivors by range, checks that
the bytes are still those that were measured, and publishes the tar, its index and, last, a JSON beside it that says what it was made from.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.engine import Engine, die_with_parent, report_progress
from pipelines.shard_step import ShardStep, Task, attempt, run_pipeline, run_step, select_rows
from sieveline import ledger, storage
from sieveline.errors import RetryableError, ShardError
from sieveline.fingerprint import fingerprint
from sieveline.gates import ask
from sieveline.ledger import StageCount
from sieveline.output import Output, file_stem
from sieveline.reasons import Reason
from sieveline.schema import sample_id
from sieveline.shards.source import read_images
from sieveline.shards.writer import cut, write_shard
from sieveline.slices import Shard, Slice, read_slices
from sieveline.stages.write import COLUMNS, members, takes_recaption
from sieveline.verdicts import Verdicts

READ_BYTES = 64 << 20  # of images in memory at once
JSON_BYTES = 1024  # about what a training sample's JSON takes beside its caption


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows `start` to `stop` of the samples that the recaption ledger of `shard` kept."""

    shard: Shard
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class PlannedShard:
    """One training shard to be: its name without extension, what goes in, and the fingerprint of both."""

    name: str
    segments: tuple[Segment, ...]
    fingerprint: str


def plan(output: Output, recipe: Any, s: Slice) -> list[PlannedShard]:
    """Cuts the survivors of a slice into training shards."""
    sizes: list[np.ndarray] = []
    origins: list[tuple[Shard, int]] = []
    decisions = {}
    for shard in s.shards:
        footer = ledger.read_metadata(output.ledger("recaption", shard.id))
        if footer is None:
            continue
        decisions[shard.id] = footer["decision"]
        kept = ledger.read_table(output.ledger("recaption", shard.id), ["kept", "length", "caption", "recaption"])
        kept = kept.filter(kept["kept"])
        text = pc.add(pc.binary_length(kept["caption"]), pc.fill_null(pc.binary_length(kept["recaption"]), 0))
        sizes.append(np.asarray(kept["length"]) + np.asarray(text) + JSON_BYTES)
        origins.append((shard, kept.num_rows))
    starts = np.cumsum([0, *(n for _, n in origins)])
    planned = []
    for number, run in enumerate(
        cut(np.concatenate(sizes or [[]]).tolist(), recipe.write.max_shard_bytes, recipe.write.max_shard_samples)
    ):
        segments = []
        for (shard, n), first in zip(origins, starts, strict=False):
            low, high = max(run.start - first, 0), min(run.stop - first, n)
            if low < high:
                segments.append(Segment(shard, int(low), int(high)))
        made_from = fingerprint(recipe.write, recipe.seed, segments, [decisions[x.shard.id] for x in segments])
        planned.append(PlannedShard(f"{s.name}-{number:05d}", tuple(segments), made_from))
    return planned


def run_write(output: Output, recipe: Any, slices: Iterable[Slice], engine: Engine) -> Counter[str]:
    """Writes the training shards of `slices` and their ledgers, removing shards of an earlier plan."""
    slices = [s for s in slices if _passes_gates(output, recipe, s)]
    pending = []
    for s in slices:
        planned = plan(output, recipe, s)
        names = {p.name for p in planned}
        for url in storage.listing(output.shards(), ".tar.json"):
            name = file_stem(file_stem(url))
            if name.rsplit("-", 1)[0] == s.name and name not in names:
                remove_shard(output, name)
        for url in storage.listing(storage.join(output.root, "failures", "write"), ".txt"):
            name = file_stem(url)
            if name.rsplit("-", 1)[0] == s.name and name not in names:
                storage.remove(url)
        pending += [p for p in planned if not _is_written(output, p)]
    if pending:
        total = sum(x.stop - x.start for p in pending for x in p.segments)
        report_progress("write", shards=0, total_shards=len(pending), total_pairs=total)
        run_pipeline(pending, beam.ParDo(WriteFn(output, recipe)), engine.options(len(pending), light=total < 2000))
    return run_step(WriteLedger(output, recipe, slices), [shard for s in slices for shard in s.shards], engine)


def remove_shard(output: Output, name: str) -> None:
    for suffix in (".tar.json", ".tar.idx", ".tar"):  # the marker goes first
        storage.remove(output.shards(name + suffix))


def _passes_gates(output: Output, recipe: Any, s: Slice) -> bool:
    """Whether the slice may be published; if not, `OUT/failures/write/<slice>.txt` says why."""
    failure = output.failure("write", s.name)
    closed = [gate for gate in ask(output, recipe.gates, read_slices(output.root), s.name) if not gate.passed]
    if closed:
        problem = f"not published: {'; '.join(map(str, closed))}. Look at its report; widen the recipe's gates if it is right."
        storage.publish_bytes(failure, problem.encode())
        return False
    storage.remove(failure)
    return True


def _is_written(output: Output, planned: PlannedShard) -> bool:
    url = output.shards(planned.name + ".tar.json")
    return storage.exists(url) and json.loads(storage.read_bytes(url))["fingerprint"] == planned.fingerprint


class WriteFn(beam.DoFn):
    """Writes one planned training shard."""

    def __init__(self, output: Output, recipe: Any):
        self.output = output
        self.recipe = recipe

    def setup(self) -> None:
        die_with_parent()

    def process(self, planned: PlannedShard):
        num_samples = attempt("write", self.output, Shard(planned.name, "", 0), lambda: self.write(planned))
        report_progress("write", pairs=num_samples)
        yield num_samples

    def write(self, planned: PlannedShard) -> StageCount:
        started = time.process_time()
        skipped: list[str] = []
        remove_shard(self.output, planned.name)  # if this one fails, what an earlier recipe made is not taken for it
        with storage.publish(self.output.shards(planned.name + ".tar")) as file:
            summary = write_shard(file, self._samples(planned, skipped))
        storage.publish_bytes(self.output.shards(planned.name + ".tar.idx"), summary.index_bytes())
        marker = {
            "fingerprint": planned.fingerprint,
            "sha256": summary.sha256,
            "bytes": summary.num_bytes,
            "samples": summary.num_samples,
            "segments": [[x.shard.id, x.start, x.stop] for x in planned.segments],
            "skipped": skipped,
        }
        self.output.add_cost("write", planned.name, planned.fingerprint, time.process_time() - started)
        storage.publish_bytes(self.output.shards(planned.name + ".tar.json"), json.dumps(marker, indent=1).encode())
        return StageCount("write", summary.num_samples + len(skipped), summary.num_samples)

    def _samples(self, planned: PlannedShard, skipped: list[str]):
        for segment in planned.segments:
            rows = survivors(self.output, self.recipe, segment)
            for run in cut(rows["length"].to_pylist(), READ_BYTES, 1 << 14):
                part = rows.slice(run.start, len(run))
                try:
                    images = read_images(segment.shard.url, part["offset"].to_pylist(), part["length"].to_pylist())
                except FileNotFoundError as error:
                    raise ShardError(segment.shard.url, "was measured but is not there any more") from error
                except OSError as error:
                    raise RetryableError(f"{segment.shard.url}: {error}") from error
                for row, image in zip(part.to_pylist(), images, strict=True):
                    if sample_id(image, row["caption"]) != row["sample_id"]:
                        skipped.append(row["sample_id"])
                        continue
                    yield members(row["sample_id"], image, row["format"], row["text"], provenance(row))


def survivors(output: Output, recipe: Any, segment: Segment) -> pa.Table:
    """What a segment's training samples are made of, one row each: identity, text, caption source and every score."""
    shard_id = segment.shard.id
    kept = ledger.read_table(output.ledger("recaption", shard_id))
    kept = kept.filter(kept["kept"]).slice(segment.start, segment.stop - segment.start)
    takes = takes_recaption(
        kept["sample_id"].to_pylist(), np.asarray(kept["accepted"]), recipe.write.recaption_share, recipe.seed
    )
    text = pc.if_else(pa.array(takes), kept["recaption"], kept["caption"])
    heuristics = select_rows(ledger.read_table(output.ledger("heuristics", shard_id)), kept["row"])
    alignment = select_rows(ledger.read_table(output.ledger("alignment", shard_id), ["row", "score"]), kept["row"])
    concepts = select_rows(ledger.read_table(output.ledger("concepts", shard_id), ["row", "value"]), kept["row"])
    names = [
        "sample_id",
        "source_shard",
        "key",
        "offset",
        "length",
        "caption",
        "format",
        "url",
        "license",
        "width",
        "height",
        "language",
    ]
    table = heuristics.select(names)
    for name, column in {
        "text": text,
        "caption_source": pc.if_else(pa.array(takes), "recaption", "original"),
        "alignment": alignment["score"],
        "keep_probability": concepts["value"],
        "recaption_alignment": kept["candidate_alignment"],
        "fact_recall": kept["fact_recall"],
    }.items():
        table = table.append_column(name, column)
    return table


def provenance(row: dict[str, Any]) -> dict[str, Any]:
    scores = {name: row[name] for name in ("alignment", "keep_probability", "recaption_alignment", "fact_recall")}
    return {
        "source": "image-text",
        "url": row["url"],
        "license": row["license"],
        "shard": row["source_shard"],
        "key": row["key"],
        "language": row["language"],
        "size": [row["width"], row["height"]],
        "caption_source": row["caption_source"],
        "original_caption": row["caption"],
        "scores": {name: None if value is None else float(f"{value:.6g}") for name, value in scores.items()},
    }


class WriteLedger(ShardStep):
    """The ledger of the write stage, from the markers of the training shards."""

    name = "write"
    upstream = "recaption"
    light_below = float("inf")

    def __init__(self, output: Output, recipe: Any, slices: list[Slice]):
        super().__init__(output, recipe)
        self.places: dict[str, list[tuple[int, int, str, frozenset[str]]]] = {}
        wanted = {s.name for s in slices}
        for url in storage.listing(output.shards(), ".tar.json"):
            file = url.rsplit("/", 1)[-1].removesuffix(".json")
            if file.rsplit("-", 1)[0] not in wanted:
                continue
            marker = json.loads(storage.read_bytes(url))
            for shard_id, start, stop in marker["segments"]:
                place = (start, stop, file, frozenset(marker["skipped"]))
                self.places.setdefault(shard_id, []).append(place)

    def measurement(self, shard: Shard) -> str:
        return ""

    def thresholds(self, shard: Shard) -> Any:
        places = [[start, stop, file, sorted(skipped)] for start, stop, file, skipped in self.places.get(shard.id, [])]
        return [self.recipe.write, self.recipe.seed, places]

    def measured(self, task: Task, rows: pa.Table, model: Any) -> pa.Table:
        return rows

    def decide(self, rows: pa.Table, measured: pa.Table) -> tuple[pa.Table, dict[str, Any]]:
        shard_id = rows["source_shard"][0].as_py() if rows.num_rows else ""
        kept_above = ledger.read_table(self.output.ledger("recaption", shard_id), ["row", "accepted"]) if shard_id else None
        accepted = np.asarray(select_rows(kept_above, rows["row"])["accepted"]) if kept_above else np.zeros(0, bool)
        ids = rows["sample_id"].to_pylist()
        takes = takes_recaption(ids, accepted, self.recipe.write.recaption_share, self.recipe.seed)
        files: list[str | None] = [None] * len(ids)
        for start, stop, file, skipped in self.places.get(shard_id, []):
            for i in range(start, stop):
                files[i] = None if ids[i] in skipped else file
        kept = np.array([f is not None for f in files], bool)
        verdicts = Verdicts(len(ids))
        verdicts.rule(Reason.UNREADABLE_SOURCE, ~kept)
        sources = pa.array(np.where(takes, "recaption", "original"), pa.string())
        return verdicts.table(), {
            "caption_source": sources,
            "training_shard": pa.array(files, COLUMNS.field("training_shard").type),
        }
