"""Training shards: a plan that does not depend on workers, then one task per shard, then the ledger.

A slice's survivors are cut into shards in source order by the sizes their ledgers know. Each task reads its survivors' media by range, lets
the line's `Composer` make training samples of them, and publishes the tar, its index and, last, a JSON beside it that says what it was made
from.
"""

import json
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import apache_beam as beam
import numpy as np
import pyarrow as pa

from pipelines.engine import Engine, die_with_parent, report_progress
from pipelines.shard_step import ShardStep, Task, attempt, run_pipeline, run_step
from sieveline import ledger, storage
from sieveline.errors import RetryableError, ShardError
from sieveline.fingerprint import fingerprint
from sieveline.ledger import StageCount
from sieveline.lines import Line
from sieveline.output import Output, file_stem, media_url
from sieveline.reasons import Reason
from sieveline.shards.source import read_images
from sieveline.shards.writer import cut, write_shard
from sieveline.slices import Shard, Slice, read_slices
from sieveline.verdicts import Verdicts

READ_BYTES = 64 << 20  # of media in memory at once

Members = list[tuple[str, bytes]]
"""Of one training sample: its JSON, then its media, each with its name in the tar."""


class Composer(ABC):
    """What a line's training samples are made of. Subclasses are small: which rows, how large, and what they become.

    The kept rows of `upstream` are cut into samples: each row is one, unless `groups` says that neighbours belong together.

    Attributes:
        upstream: the stage whose kept rows are written.
        first: the stage whose ledger names the media's file.
        planned_by: columns of the upstream ledger that `groups` and `sizes` look at.
    """

    upstream: ClassVar[str]
    first: ClassVar[str]
    planned_by: ClassVar[tuple[str, ...]] = ("sample_id", "length")

    def __init__(self, output: Output, recipe: Any):
        self.output = output
        self.recipe = recipe

    @property
    def settings(self) -> Any:
        """What of the recipe the samples' bytes depend on, besides their rows."""
        return [self.recipe.write, self.recipe.seed]

    def groups(self, kept: pa.Table) -> np.ndarray:
        """Which sample each kept row goes into: int64 (n,), 0 first, never falling."""
        return np.arange(kept.num_rows)

    @abstractmethod
    def sizes(self, kept: pa.Table) -> np.ndarray:
        """About how many bytes each row brings to a shard: int64 (n,)."""

    def sample_ids(self, kept: pa.Table) -> list[str]:
        """The id of the training sample each kept row goes into."""
        return kept["sample_id"].to_pylist()

    @abstractmethod
    def samples(self, shard: Shard, rows: pa.Table) -> Iterator[tuple[str, Members | None]]:
        """Training samples (id, members) made of `rows`, neighbours of the upstream ledger in whole groups, in order.

        A sample whose source is no longer what was measured has None for members.

        Raises:
            ShardError: the media's file is not there any more.
            RetryableError: the storage failed in a way that may pass.
        """

    def ledger_columns(self, rows: pa.Table) -> dict[str, Any]:
        """The write ledger's own columns for rows of the upstream ledger."""
        return {}

    def kept(self, shard: Shard, columns: Iterable[str] | None = None) -> pa.Table:
        """The rows of the upstream ledger that are written."""
        names = None if columns is None else list(dict.fromkeys([*columns, "kept"]))
        table = ledger.read_table(self.output.ledger(self.upstream, shard.id), names)
        return table.filter(table["kept"])

    def read_media(self, shard: Shard, rows: pa.Table) -> Iterator[tuple[pa.Table, list[bytes]]]:
        """Parts of `rows` with the media that their `offset` and `length` name, so many at a time as fit in memory."""
        url = media_url(self.output, self.first, shard.id, shard.url)
        assert url
        for run in cut(rows["length"].to_pylist(), READ_BYTES, 1 << 14):
            part = rows.slice(run.start, len(run))
            yield part, read_at(url, part["offset"].to_pylist(), part["length"].to_pylist())


def read_at(url: str, offsets: list[int], lengths: list[int]) -> list[bytes]:
    """Byte ranges of a media file.

    Raises:
        ShardError, RetryableError: as `Composer.samples`.
    """
    try:
        return read_images(url, offsets, lengths)
    except FileNotFoundError as error:
        raise ShardError(url, "was measured but is not there any more") from error
    except OSError as error:
        raise RetryableError(f"{url}: {error}") from error


@dataclass(frozen=True, slots=True)
class Segment:
    """Rows `start` to `stop` of those that the ledger before `write` kept of `shard`."""

    shard: Shard
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class PlannedShard:
    """One training shard to be: its name without extension, what goes in, how many samples, and the fingerprint of all."""

    name: str
    segments: tuple[Segment, ...]
    num_samples: int
    fingerprint: str


def plan(composer: Composer, s: Slice) -> list[PlannedShard]:
    """Cuts the survivors of a slice into training shards."""
    sizes: list[int] = []
    origins: list[tuple[Shard, np.ndarray]] = []  # a shard's rows where each of its samples starts, and where the last ends
    decisions = {}
    for shard in s.shards:
        footer = ledger.read_metadata(composer.output.ledger(composer.upstream, shard.id))
        if footer is None:
            continue
        decisions[shard.id] = footer["decision"]
        kept = composer.kept(shard, composer.planned_by)
        groups = composer.groups(kept)
        starts = np.flatnonzero(np.diff(groups, prepend=-1))
        if len(starts):
            sizes += np.add.reduceat(composer.sizes(kept), starts).tolist()
        origins.append((shard, np.append(starts, kept.num_rows)))
    firsts = np.cumsum([0, *(len(starts) - 1 for _, starts in origins)])
    write = composer.recipe.write
    planned = []
    for number, run in enumerate(cut(sizes, write.max_shard_bytes, write.max_shard_samples)):
        segments = []
        for (shard, starts), first in zip(origins, firsts, strict=False):
            low, high = max(run.start - first, 0), min(run.stop - first, len(starts) - 1)
            if low < high:
                segments.append(Segment(shard, int(starts[low]), int(starts[high])))
        made_from = fingerprint(composer.settings, segments, [decisions[x.shard.id] for x in segments])
        planned.append(PlannedShard(f"{s.name}-{number:05d}", tuple(segments), len(run), made_from))
    return planned


def run_write(line: Line, composer: Composer, slices: Iterable[Slice], engine: Engine) -> Counter[str]:
    """Writes the training shards of `slices` and their ledgers, removing shards of an earlier plan."""
    output = composer.output
    slices = [s for s in slices if _passes_gates(line, composer, s)]
    pending = []
    for s in slices:
        planned = plan(composer, s)
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
        total = sum(p.num_samples for p in pending)
        report_progress("write", shards=0, total_shards=len(pending), total_pairs=total)
        run_pipeline(pending, beam.ParDo(WriteFn(composer)), engine.options(len(pending), light=total < 2000))
    return run_step(WriteLedger(composer, slices), [shard for s in slices for shard in s.shards], engine)


def remove_shard(output: Output, name: str) -> None:
    for suffix in (".tar.json", ".tar.idx", ".tar"):  # the marker goes first
        storage.remove(output.shards(name + suffix))


def _passes_gates(line: Line, composer: Composer, s: Slice) -> bool:
    """Whether the slice may be published; if not, `OUT/failures/write/<slice>.txt` says why."""
    output = composer.output
    failure = output.failure("write", s.name)
    closed = [g for g in line.gates(output, composer.recipe.gates, read_slices(output.root), s.name) if not g.passed]
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

    def __init__(self, composer: Composer):
        self.composer = composer
        self.output = composer.output

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

    def _samples(self, planned: PlannedShard, skipped: list[str]) -> Iterator[Members]:
        for segment in planned.segments:
            rows = self.composer.kept(segment.shard).slice(segment.start, segment.stop - segment.start)
            for sample_id, members in self.composer.samples(segment.shard, rows):
                if members is None:
                    skipped.append(sample_id)
                else:
                    yield members


class WriteLedger(ShardStep):
    """The ledger of the write stage, from the markers of the training shards."""

    name = "write"
    light_below = float("inf")

    def __init__(self, composer: Composer, slices: list[Slice]):
        super().__init__(composer.output, composer.recipe)
        self.upstream = composer.upstream  # pyright: ignore[reportAttributeAccessIssue]  a line's own
        self.composer = composer
        self.places: dict[str, list[tuple[int, int, str, frozenset[str]]]] = {}
        wanted = {s.name for s in slices}
        for url in storage.listing(self.output.shards(), ".tar.json"):
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
        return [self.composer.settings, places]

    def run(self, task: Task, model: Any) -> StageCount:
        with self.cost(task):
            rows = self.composer.kept(task.shard)
            ids = self.composer.sample_ids(rows)
            files: list[str | None] = [None] * len(ids)
            for start, stop, file, skipped in self.places.get(task.shard.id, []):
                for i in range(start, stop):
                    files[i] = None if ids[i] in skipped else file
            verdicts = Verdicts(len(ids))
            verdicts.rule(Reason.UNREADABLE_SOURCE, np.array([f is None for f in files], bool))
            columns = self.composer.ledger_columns(rows) | {"training_shard": pa.array(files, pa.string())}
        return self.publish(task, rows, verdicts.table(), columns, {})
