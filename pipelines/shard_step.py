"""A step over source shards: what all steps do alike, and how one runs as a Beam pipeline.

Measurements are kept per row under the fingerprint of what they depend on, so a moved threshold measures only rows that newly reach the
step. A ledger names the decision it holds (a fingerprint over configuration, measurement and the upstream decision); where that still
stands, the shard is done and is not even given to Beam.
"""

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, ClassVar

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.engine import Engine, die_with_parent, report_progress
from sieveline import ledger, storage
from sieveline.errors import RetryableError, ShardError
from sieveline.fingerprint import fingerprint
from sieveline.output import Output, media_url
from sieveline.slices import Shard

NUM_TRIES = 3
IDENTITY = ["sample_id", "source_shard", "row", "key", "offset", "length"]


class ShardStep(ABC):
    """One stage's work on one source shard.

    Nearly every stage is one of four kinds: a line's first reads its samples (`ReadingStep`) or makes them (`MakingStep`), a later one
    measures what comes in and gives each row a verdict (`MeasuringStep`) or makes several rows of each (`FanOutStep`).

    Attributes:
        name: the step, as in the line's `steps`.
        stage: whose measurements and costs these are, where that is not the step's own name.
        upstream: the stage whose kept rows come in; None for the first.
        first: the stage whose ledger carries what later stages read of a sample.
        carried: those columns, beside the sample's identity.
        light_below: with fewer incoming rows the work is too small to pay for worker processes; infinite where it never pays.
        has_model: whether `load_model` gives what Beam should load and share.
    """

    name: ClassVar[str]
    stage: ClassVar[str] = ""
    upstream: ClassVar[str | None] = None
    first: ClassVar[str] = "heuristics"
    carried: ClassVar[tuple[str, ...]] = ("caption", "language", "url", "license")
    light_below: ClassVar[float] = 0
    has_model: ClassVar[bool] = False

    def __init__(self, output: Output, recipe: Any):
        self.output = output
        self.recipe = recipe
        self.progressed = 0  # rows of the shard in work that were reported already

    @abstractmethod
    def measurement(self, shard: Shard) -> str:
        """Fingerprint of everything the measured columns of a shard depend on: measuring configuration, code, model."""

    def decision(self, shard: Shard, upstream_decision: str) -> str:
        """Fingerprint of everything the verdicts on a shard depend on."""
        return fingerprint(self.name, self.measurement(shard), self.thresholds(shard), upstream_decision)

    @abstractmethod
    def thresholds(self, shard: Shard) -> Any:
        """What the verdicts depend on besides the measured columns."""

    def load_model(self, threads: int) -> Any:
        """What `run` needs in memory once per worker process."""
        return None

    def on_gpu(self) -> bool:
        """Whether the model lies on a GPU, so that a machine's processes should share one copy."""
        return False

    @abstractmethod
    def run(self, task: "Task", model: Any) -> ledger.StageCount:
        """Does the step for one shard and leaves its `result`; returns the counts of its rows.

        Raises:
            RetryableError: something failed in a way that may pass.
            ShardError: the shard cannot be done.
        """

    def keeps(self, verdicts: pa.Table) -> pa.Array:
        """Which rows go on: those without a reason, unless a stage's reasons say something else."""
        return verdicts["reason"].is_null()

    def metadata(self, model: Any) -> dict[str, Any]:
        """What the ledger's footer says beside the fingerprints (model name, weights hash)."""
        return {}

    def result(self, shard_id: str) -> str:
        """The file whose footer names the decision it holds: the marker that the step is done with a shard."""
        return self.output.ledger(self.name, shard_id)

    # --- what every step does alike ---

    def publish(
        self,
        task: "Task",
        rows: pa.Table,
        verdicts: pa.Table,
        columns: Mapping[str, pa.Array | pa.ChunkedArray],
        footer: Mapping[str, Any],
    ) -> ledger.StageCount:
        """Publishes a ledger that conserves its rows.

        Args:
            task: the shard, and the fingerprints of what was done with it.
            rows: hold the columns of `LEDGER` up to `length`.
            verdicts: of schema `VERDICT`, row for row.
            columns: the ledger's own, row for row.
            footer: what it says beside the fingerprints.
        """
        table = ledger.assemble(rows, verdicts, self.keeps(verdicts), columns)
        count = ledger.StageCount(self.name)
        count.add(table)
        count.check()
        footer = {**footer} | {
            "stage": self.name,
            "measurement": task.measurement,
            "recipe": fingerprint(getattr(self.recipe, self.stage or self.name)),
            "code": f"sieveline {version('sieveline')}",
            "decision": task.decision,
            "rows": count.num_in,
            "kept": count.kept,
        }
        ledger.write_table(self.result(task.shard.id), table, footer)
        return count

    def progress(self, pairs: int) -> None:
        """Tells who waits that so many rows of this shard are done; steps that take long per shard call it."""
        self.progressed += pairs
        report_progress(self.name, pairs=pairs)

    @contextmanager
    def cost(self, task: "Task") -> Iterator[None]:
        """Adds the CPU-seconds of the block to what the shard has cost in this stage."""
        started = time.process_time()
        yield
        self.output.add_cost(self.stage or self.name, task.shard.id, task.measurement, time.process_time() - started)

    def rows(self, shard: Shard) -> pa.Table:
        """The rows that come in: kept upstream, with the columns `carried` beside their identity."""
        assert self.upstream
        names = [*IDENTITY, *self.carried]
        carried = ledger.read_table(self.output.ledger(self.first, shard.id), [*names, "kept"])
        if self.upstream == self.first:
            return carried.filter(carried["kept"]).select(names)
        kept = ledger.read_table(self.output.ledger(self.upstream, shard.id), ["row", "kept"])
        return select_rows(carried, kept.filter(kept["kept"])["row"]).select(names)

    def media_url(self, shard: Shard) -> str:
        """The file that the rows' `offset` and `length` point into."""
        url = media_url(self.output, self.first, shard.id, shard.url)
        assert url
        return url

    def measured(self, task: "Task", rows: pa.Table, measure: Callable[[pa.Table], pa.Table]) -> pa.Table:
        """The measured columns of `rows`, `row` first; `measure` is handed the rows that were not measured yet, and what it gives is kept."""
        url = self.output.measured(self.stage or self.name, task.measurement, task.shard.id)
        known = ledger.read_table(url) if storage.exists(url) else None
        missing = rows if known is None else rows.filter(pc.invert(pc.is_in(rows["row"], known["row"].combine_chunks())))
        if known is None or missing.num_rows:
            new = measure(missing)
            known = new if known is None else pa.concat_tables([known, new.cast(known.schema)]).sort_by("row")
            ledger.write_table(url, known, {"stage": self.name, "measurement": task.measurement})
        return select_rows(known, rows["row"])


def select_rows(table: pa.Table, rows: pa.ChunkedArray) -> pa.Table:
    """The rows of `table` whose `row` is in `rows`, in the order of `rows`; every one of them must be there."""
    positions = pc.index_in(rows, table["row"].combine_chunks())
    assert positions.null_count == 0
    return table.take(positions)


@dataclass(frozen=True, slots=True)
class Task:
    """One shard to be done, the fingerprints its result will carry, and how many rows come in (0: not known yet)."""

    shard: Shard
    measurement: str
    decision: str
    num_rows: int


def pending(step: ShardStep, shards: Iterable[Shard]) -> list[Task]:
    """The shards whose ledger of this step is missing or no longer stands, and whose upstream ledger is there."""
    tasks = []
    for shard in shards:
        upstream, num_rows = fingerprint(shard), 0
        if step.upstream:
            footer = ledger.read_metadata(step.output.ledger(step.upstream, shard.id))
            if footer is None:
                continue
            upstream, num_rows = footer["decision"], footer["kept"]
        decision = step.decision(shard, upstream)
        done = ledger.read_metadata(step.result(shard.id))
        if done is None or done["decision"] != decision or storage.exists(step.output.failure(step.name, shard.id)):
            tasks.append(Task(shard, step.measurement(shard), decision, num_rows))
    return tasks


def run_step(step: ShardStep, shards: Iterable[Shard], engine: Engine) -> Counter[str]:
    """Runs what is pending of `step` as one Beam pipeline; returns Beam's counters (`in`, `kept`, `dropped:<reason>`)."""
    tasks = pending(step, shards)
    if not tasks:
        return Counter()
    total_pairs, total_bytes = sum(t.num_rows for t in tasks), sum(t.shard.num_bytes for t in tasks)
    report_progress(step.name, shards=0, total_shards=len(tasks), total_pairs=total_pairs, total_bytes=total_bytes)
    if step.has_model:
        from pipelines.step_model import run_with_model

        work = run_with_model(step, engine.threads_per_worker(len(tasks)))
    else:
        work = beam.ParDo(StepFn(step))
    return run_pipeline(tasks, work, engine.options(len(tasks), light=total_pairs < step.light_below))


def run_pass(pass_fn: "PassFn", elements: list[Any], engine: Engine, light: bool) -> None:
    """Runs one pass of a global step over shards or buckets.

    Raises:
        ShardError: an element could not be done; a global result without it would be wrong.
    """
    failures = storage.join(pass_fn.output.root, "failures", pass_fn.step)
    storage.remove_folder(failures)  # of an earlier search, whose buckets may not be this one's
    run_pipeline(elements, beam.ParDo(pass_fn), engine.options(len(elements), light))
    failed = storage.listing(failures, ".txt")
    if failed:
        raise ShardError(pass_fn.step, "; ".join(storage.read_bytes(url).decode() for url in failed))


class PassFn(beam.DoFn):
    """Runs one pass of a global step on one element, a shard or the name of a bucket.

    Args:
        step: the step.
        work: what is done with an element; must be idempotent.
        stage: whose cost it is.
        made_from: fingerprint of what the pass leaves.
    """

    def __init__(self, step: str, output: Output, work: Callable[[Any], None], stage: str, made_from: str):
        self.step = step
        self.output = output
        self.work = work
        self.stage = stage
        self.made_from = made_from

    def setup(self) -> None:
        die_with_parent()

    def process(self, element: Any):
        shard = element if isinstance(element, Shard) else Shard(element, "", 0)
        yield attempt(self.step, self.output, shard, lambda: self.measure(shard.id, element))

    def measure(self, name: str, element: Any) -> ledger.StageCount:
        started = time.process_time()
        self.work(element)
        self.output.add_cost(self.stage, f"{self.step}-{name}", self.made_from, time.process_time() - started)
        return ledger.StageCount(self.step)


def run_pipeline(elements: list[Any], work: beam.PTransform, options: list[str]) -> Counter[str]:
    """Applies `work` to `elements`, spread over the workers; returns the counters of namespace `sieveline`."""
    pipeline = beam.Pipeline(options=PipelineOptions(options))
    _ = pipeline | beam.Create(elements) | beam.Reshuffle() | work
    result = pipeline.run()
    result.wait_until_finish()
    counters: Counter[str] = Counter()
    for metric in result.metrics().query()["counters"]:
        if metric.key.metric.namespace == "sieveline":
            counters[metric.key.metric.name] += metric.attempted if metric.committed is None else metric.committed
    return counters


class StepFn(beam.DoFn):
    """Runs a step without a model on one task."""

    def __init__(self, step: ShardStep):
        self.step = step

    def setup(self) -> None:
        die_with_parent()

    def process(self, task: Task):
        yield attempt_step(self.step, task, None)


def attempt_step(step: ShardStep, task: Task, model: Any) -> int:
    step.progressed = 0
    num_rows = attempt(step.name, step.output, task.shard, lambda: step.run(task, model))
    report_progress(step.name, pairs=max((task.num_rows or num_rows) - step.progressed, 0))
    return num_rows


def attempt(step: str, output: Output, shard: Shard, work: Callable[[], ledger.StageCount]) -> int:
    """Runs `work` with retries for what may pass, counts its rows, and turns a shard's failure into a file that names it."""
    failure = output.failure(step, shard.id)
    for number in range(NUM_TRIES):
        try:
            count = work()
        except RetryableError as error:
            if number + 1 < NUM_TRIES:
                time.sleep(0.5 * 4**number)
                continue
            problem = f"{error} (tried {NUM_TRIES} times)"
        except ShardError as error:
            problem = str(error)
        else:
            storage.remove(failure)
            _count("in", count.num_in)
            _count("kept", count.kept)
            for reason, n in count.dropped.items():
                _count(f"dropped:{reason}", n)
            report_progress(step, shards=1, num_bytes=shard.num_bytes)
            return count.num_in
        break
    storage.publish_bytes(failure, problem.encode())
    report_progress(step, shards=1)
    return 0


def _count(name: str, number: int) -> None:
    beam.metrics.Metrics.counter("sieveline", name).inc(number)


def concat_rows(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_batches(batches, schema) if batches else schema.empty_table()
