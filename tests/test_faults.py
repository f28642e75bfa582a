"""Faults while the line runs: whatever is killed, filled up or taken away, a re-run ends in the same bytes."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tarfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import line_pool
import pyarrow.parquet as pq
import pytest
from line_pool import ALONE, TOGETHER, command, environment, ledgers, run_line, training_shards

from sieveline import draws

MARK = "SIEVELINE_TEST_RUN"


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    line_pool.write_pool(folder, num=60)
    return folder


@pytest.fixture(scope="module")
def unharmed(pool, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("unharmed")
    done = run_line(f"{pool}/*.tar", str(output))
    assert done.returncode == 0, done.stderr
    return output


class Run:
    """`sieveline run` in a process group of its own, all of whose descendants are known by a mark in their environment."""

    def __init__(self, pool: Path, output: Path, beam: str, *prefix: str):
        self.output = output
        self.mark = uuid.uuid4().hex
        self.log = output.with_name(f"{output.name}-{self.mark}.log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*prefix, *command(f"{pool}/*.tar", str(output), beam=beam)],
                env=environment(**{MARK: self.mark}),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def alive(self, what: str = "") -> list[int]:
        """Processes of this run whose command line holds `what`."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes():
                    state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                    if state != "Z" and what.encode() in (entry / "cmdline").read_bytes():
                        found.append(int(entry.name))
        return found

    def wait_for(self, event: Callable[[], bool], seconds: float = 300) -> bool:
        """Whether `event` came before the run ended."""
        deadline = time.monotonic() + seconds
        while not event():
            if self.process.poll() is not None:
                return False
            assert time.monotonic() < deadline, self.log.read_text()[-2000:]
            time.sleep(0.005)
        return True

    def kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def gone(self, seconds: float = 20) -> bool:
        deadline = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


def files(folder: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError):  # a folder may go while it is walked
        return [p for p in folder.rglob("*") if p.is_file()]
    return []


def same(output: Path, unharmed: Path) -> None:
    assert training_shards(output) == training_shards(unharmed)
    assert ledgers(output) == ledgers(unharmed)


def no_half_files(output: Path) -> None:
    """What lies under a final name is whole: equal to nothing less than a whole tar, index, table or JSON."""
    for path in files(output):
        if path.name.endswith(".part"):
            continue
        if path.suffix == ".parquet":
            pq.read_table(path)
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".tar":
            with tarfile.open(path) as tar:
                assert all(tar.extractfile(m).read() for m in tar)


def test_killed_at_random_moments_then_run_to_the_end(pool, unharmed, tmp_path):
    output = tmp_path / "out"
    num_files = len(files(unharmed))
    moments = sorted(draws.uniform(7, "kill", i) for i in range(3))
    killed = 0
    for i, moment in enumerate(moments):
        run = Run(pool, output, TOGETHER if i == 1 else ALONE)
        if run.wait_for(lambda m=moment: len(files(output)) >= m * num_files):
            time.sleep(draws.uniform(7, "pause", i) * 0.2)
            killed += run.process.poll() is None
        run.kill_group()
        assert run.gone(), f"left running after kill {i}: {run.alive()}"
        no_half_files(output)
    assert killed >= 2
    done = run_line(f"{pool}/*.tar", str(output))
    assert done.returncode == 0, done.stderr
    same(output, unharmed)
    assert not [p for p in files(output) if p.name.endswith(".part")]


def test_a_killed_worker_ends_in_a_run_that_finishes(pool, unharmed, tmp_path):
    output = tmp_path / "out"
    run = Run(pool, output, TOGETHER)
    try:
        assert run.wait_for(lambda: bool(run.alive("sdk_worker_main")) and bool(files(output / "measured" / "heuristics")))
        os.kill(run.alive("sdk_worker_main")[0], signal.SIGKILL)
        assert run.process.wait(timeout=240) != 0, "the run did not notice"
    finally:
        run.kill_group()
    assert run.gone()
    done = run_line(f"{pool}/*.tar", str(output))
    assert done.returncode == 0, done.stderr
    same(output, unharmed)


def test_a_full_disk(pool, unharmed, tmp_path):
    """A file system of 1 MB where mounting is allowed, else files that may not grow: both fail in the middle of a write."""
    output = tmp_path / "disk" / "out"
    output.parent.mkdir()
    mounted = os.geteuid() == 0 and (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", output.parent], capture_output=True, check=False
        ).returncode
        == 0
    )
    try:
        run = Run(pool, output, ALONE, *([] if mounted else ["prlimit", "--fsize=40000"]))
        assert run.process.wait(timeout=300) == 1
        assert run.gone()
        said = run.log.read_text()
        assert ("No space left on device" if mounted else "File too large") in said
        no_half_files(output)
        if mounted:
            shutil.copytree(output, tmp_path / "larger")
    finally:
        if mounted:
            subprocess.run(["umount", output.parent], check=True)
            shutil.move(tmp_path / "larger", output)
    done = run_line(f"{pool}/*.tar", str(output))
    assert done.returncode == 0, done.stderr
    same(output, unharmed)


def test_a_shard_that_vanishes_is_named_and_the_others_are_written(pool, unharmed, tmp_path):
    """Taken away between two steps, then given back: named in the end, then done as if nothing had been."""
    source, output = tmp_path / "pool", tmp_path / "out"
    shutil.copytree(pool, source)
    run = Run(source, output, ALONE)
    assert run.wait_for(lambda: len(files(output / "ledger" / "heuristics")) == 4)
    (source / "00002.tar").rename(tmp_path / "taken.tar")
    assert run.process.wait(timeout=300) == 1
    said = run.log.read_text()
    assert "sieveline: shard alignment/00002: " in said
    assert "is not there any more" in said
    ledger = pq.ParquetDataset(output / "ledger" / "write").read(columns=["source_shard", "kept", "training_shard"]).to_pylist()
    assert all(row["kept"] for row in ledger)
    assert {row["source_shard"] for row in ledger} == {"00000", "00001", "00003"}
    assert {row["training_shard"] for row in ledger} == {name for name in training_shards(output) if name.endswith(".tar")}
    (tmp_path / "taken.tar").rename(source / "00002.tar")
    done = run_line(f"{source}/*.tar", str(output))
    assert done.returncode == 0, done.stderr
    assert training_shards(output) == training_shards(unharmed)


def test_a_truncated_tar_gives_what_can_be_read_and_exit_status_1(pool, tmp_path):
    source, output = tmp_path / "pool", tmp_path / "out"
    shutil.copytree(pool, source)
    whole = (source / "00001.tar").read_bytes()
    (source / "00001.tar").write_bytes(whole[: len(whole) // 2])
    (source / "00003.tar").write_bytes(bytes(10240))
    done = run_line(f"{source}/*.tar", str(output))
    assert done.returncode == 1
    assert "sieveline: shard 00001 (read in part): the file ends inside" in done.stderr
    assert "shard 00003" not in done.stderr
    rows = pq.read_table(output / "ledger" / "heuristics" / "00001.parquet", columns=["reason", "kept"]).to_pylist()
    assert [r["reason"] for r in rows].count("truncated") == 1
    assert sum(r["kept"] for r in rows) >= 4
    empty = pq.read_table(output / "ledger" / "heuristics" / "00003.parquet", columns=["reason"])
    assert empty["reason"].to_pylist() == ["empty_shard"]
    assert training_shards(output)
