"""The whole line on real pictures: the same bytes however it is run, thresholds that move without reading, every verdict told."""

import dataclasses
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import line_pool
import pyarrow.parquet as pq
import pytest
import s3fs
from line_pool import environment, ledgers, run_line, training_shards
from s3_server import s3_server
from source_shards import write_parquet

from pipelines.engine import Engine, run_in_child
from sieveline import storage
from sieveline.explain import explain
from sieveline.image_text import LINE
from sieveline.output import Output
from sieveline.recipes import ImageText
from sieveline.slices import find_shards, plan_slices, read_slices
from sieveline.stages.concepts import Concepts
from sieveline.stages.duplicates import Measuring

BEFORE_WRITE = LINE.steps[:-1]


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    line_pool.write_pool(folder)
    return folder


@pytest.fixture(scope="module")
def alone(pool, tmp_path_factory) -> SimpleNamespace:
    """The line as one worker runs it."""
    output = tmp_path_factory.mktemp("alone")
    done = run_line(f"{pool}/*.tar", str(output))
    assert done.returncode == 0, done.stderr
    return SimpleNamespace(output=output, done=done, stats=json.loads((output / "stats.json").read_text()))


@contextmanager
def moved_away(pool: Path) -> Iterator[None]:
    elsewhere = pool.rename(pool.with_name("elsewhere"))
    try:
        yield
    finally:
        elsewhere.rename(pool)


def rerun(
    output: Path, recipe: ImageText, steps: tuple[str, ...] = BEFORE_WRITE, workers: int = 1
) -> dict[str, dict[str, int]]:
    """Runs steps again over what is there, in a child as ever; Beam's counters."""
    return run_in_child(
        "pipelines.image_text:run",
        output=str(output),
        recipe=recipe,
        slices=read_slices(str(output)),
        engine=Engine(workers=workers),
        steps=steps,
    )


def kept(output: Path, stage: str) -> set[tuple[str, int]]:
    rows = [pq.read_table(p, columns=["source_shard", "row", "kept"]) for p in (output / "ledger" / stage).iterdir()]
    return {(r["source_shard"], r["row"]) for table in rows for r in table.to_pylist() if r["kept"]}


def measured(output: Path, stage: str) -> set[tuple[str, int]]:
    """Every row of a stage that was ever measured."""
    return {
        (path.stem, row)
        for path in (output / "measured" / stage).rglob("*.parquet")
        for row in read_rows(path)
        if row is not None
    }


def read_rows(path: Path) -> list[int]:
    return pq.read_table(path, columns=["row"])["row"].to_pylist()


def test_numbers_conserve(alone):
    stages = alone.stats["stages"]
    assert [s["name"] for s in stages] == ["heuristics", "duplicates", "alignment", "concepts", "recaption", "write"]
    assert stages[0]["in"] == len(line_pool.pairs())
    for stage, after in zip(stages, [*stages[1:], None], strict=True):
        assert stage["in"] == stage["kept"] + sum(stage["dropped"].values())
        assert after is None or after["in"] == stage["kept"]
        assert stage["cpu_seconds"] > 0
    dropped = {reason for stage in stages for reason in stage["dropped"]}
    assert {"undecodable", "boilerplate", "exact_duplicate", "low_alignment", "balanced_out"} <= dropped
    assert alone.stats["samples"] == stages[-1]["kept"] > 40
    assert alone.stats["shards"] == len(training_shards(alone.output)) / 2 > 2
    assert (alone.output / "report" / "index.html").stat().st_size > 10_000


def test_every_written_sample_is_whole_and_unique(alone, pool):
    import webdataset as wds

    urls = sorted(str(p) for p in (alone.output / "shards").glob("*.tar"))
    images = {image for _, image, _ in line_pool.pairs()}
    ids = []
    for item in wds.WebDataset(urls, shardshuffle=False):
        sample = json.loads(item["json"])
        ids.append(item["__key__"])
        assert sample["id"] == item["__key__"]
        assert item["0.jpeg"] in images  # the source's own bytes
        assert sample["provenance"]["scores"]["alignment"] >= 0.3
    assert len(set(ids)) == len(ids) == alone.stats["samples"]


def test_two_workers_write_the_same_bytes(alone, pool, tmp_path):
    plan_slices(str(tmp_path), find_shards(f"{pool}/*.tar"), line_pool.recipe().shards_per_slice)
    rerun(tmp_path, line_pool.recipe(), LINE.steps, workers=2)
    assert training_shards(tmp_path) == training_shards(alone.output)
    assert ledgers(tmp_path) == ledgers(alone.output)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def service(module: str, *flags: str, port: int) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-m", module, *flags], env=environment(), stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert process.poll() is None, f"{module} ended"
            assert time.monotonic() < deadline, f"{module} does not listen"
            time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait()


def test_a_portable_runner_over_grpc_writes_the_same_bytes(alone, pool, tmp_path):
    jobs, workers = free_port(), free_port()
    beam = (
        f"--runner=PortableRunner --job_endpoint=localhost:{jobs} "
        f"--environment_type=EXTERNAL --environment_config=localhost:{workers}"
    )
    with (
        service("apache_beam.runners.portability.local_job_service_main", f"--port={jobs}", port=jobs),
        service("apache_beam.runners.worker.worker_pool_main", f"--service_port={workers}", port=workers),
    ):
        done = run_line(f"{pool}/*.tar", str(tmp_path), beam=beam)
    assert done.returncode == 0, done.stderr
    assert training_shards(tmp_path) == training_shards(alone.output)
    assert ledgers(tmp_path) == ledgers(alone.output)


def test_a_second_run_does_nothing(alone, pool):
    watched = [p for folder in ("ledger", "shards", "measured", "global", "costs") for p in (alone.output / folder).rglob("*")]
    before = {p: p.stat().st_mtime_ns for p in watched if p.is_file() and not p.name.startswith("current")}
    done = run_line(f"{pool}/*.tar", str(alone.output))
    assert done.returncode == 0, done.stderr
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert json.loads((alone.output / "stats.json").read_text()) == alone.stats


def copy_of(alone: SimpleNamespace, folder: Path) -> Path:
    subprocess.run(["cp", "-r", f"{alone.output}/.", str(folder)], check=True)
    return folder


def test_tighter_thresholds_read_and_measure_nothing(alone, pool, tmp_path):
    output = copy_of(alone, tmp_path)
    recipe = line_pool.recipe()
    tighter = dataclasses.replace(
        recipe,
        heuristics=dataclasses.replace(recipe.heuristics, min_characters=14),
        duplicates=dataclasses.replace(recipe.duplicates, measuring=Measuring(radius=6), max_difference=0.05),
        alignment=dataclasses.replace(recipe.alignment, min_score=0.4),
        concepts=Concepts(t=1),
    )
    stages = ("heuristics", "alignment", "concepts", "recaption")
    before = {stage: measured(output, stage) for stage in stages}
    with moved_away(pool):
        rerun(output, tighter)
    assert {stage: measured(output, stage) for stage in stages} == before
    for stage in stages:
        assert kept(output, stage) < kept(alone.output, stage), stage
    assert not storage.listing(f"{output}/failures/alignment")


def test_looser_thresholds_measure_only_what_newly_survives(alone, pool, tmp_path):
    output = copy_of(alone, tmp_path)
    recipe = line_pool.recipe()
    looser = dataclasses.replace(
        recipe, alignment=dataclasses.replace(recipe.alignment, min_score=0.2), concepts=Concepts(t=1_000_000)
    )
    with moved_away(pool):  # scores and embeddings are kept, matching and recaptioning read captions
        rerun(output, looser)
    for stage in ("heuristics", "alignment"):
        assert measured(output, stage) == measured(alone.output, stage)
    assert kept(output, "alignment") > kept(alone.output, "alignment")
    assert measured(output, "concepts") == kept(output, "alignment")
    new = kept(output, "concepts") - kept(alone.output, "concepts")
    assert new
    assert measured(output, "recaption") == measured(alone.output, "recaption") | new

    twice = dataclasses.replace(looser, duplicates=dataclasses.replace(recipe.duplicates, exact=False, max_difference=None))
    counters = rerun(output, twice, BEFORE_WRITE[:4])
    revived = kept(output, "duplicates") - kept(alone.output, "duplicates")
    assert len(revived) == 5
    assert measured(output, "alignment") == measured(alone.output, "alignment") | revived
    assert counters["alignment"]["in"] == len(kept(output, "duplicates"))


def test_explain_tells_a_written_and_a_dropped_sample(alone):
    place = Output(str(alone.output))
    written = next(r for r in rows(alone.output, "write") if r["kept"])
    story = explain(place, f"{written['source_shard']}/{written['key']}")
    assert story == explain(place, written["sample_id"])
    for stage in ("heuristics", "duplicates", "alignment", "concepts", "recaption", "write"):
        assert f"\n  {stage}" in story
    assert written["training_shard"] in story
    dropped = next(r for r in rows(alone.output, "alignment") if not r["kept"])
    story = explain(place, dropped["key"])
    assert "alignment   DROPPED: low_alignment" in story
    assert "against 0.3" in story
    assert "\n  concepts" not in story
    twin = next(r for r in rows(alone.output, "duplicates") if r["reason"] == "exact_duplicate")
    assert "(survivor)" in explain(place, f"{twin['source_shard']}/{twin['key']}")


def rows(output: Path, stage: str) -> list[dict[str, Any]]:
    return [row for path in sorted((output / "ledger" / stage).iterdir()) for row in pq.read_table(path).to_pylist()]


def test_parquet_input_gives_the_same_training_shards(alone, pool, tmp_path):
    everything = line_pool.pairs()
    (tmp_path / "in").mkdir()
    for i in range(4):
        write_parquet(tmp_path / "in" / f"{i:05d}.parquet", everything[i::4], nested=i % 2 == 0)
    done = run_line(f"{tmp_path}/in", f"{tmp_path}/out")
    assert done.returncode == 0, done.stderr
    assert training_shards(tmp_path / "out") == training_shards(alone.output)


def test_object_storage_gives_the_same_training_shards(alone, pool):
    """Input and output on `s3://`, served by a real S3 server on loopback."""
    with s3_server("raw", "made") as settings:
        fs = s3fs.S3FileSystem(skip_instance_cache=True)
        fs.put(f"{pool}/*.tar", "raw/shards/")
        done = run_line("s3://raw/shards/*.tar", "s3://made/out", environment=settings)
        assert done.returncode == 0, done.stderr
        made = {os.path.basename(p): fs.cat_file(p) for p in fs.find("made/out/shards") if p.endswith((".tar", ".idx"))}
        assert made == training_shards(alone.output)
        assert fs.exists("made/out/report/index.html")
