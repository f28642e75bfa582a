"""A trainer that is killed, however, leaves no process behind: neither its loader's workers and fork server nor those that measure shards."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from training_data import write_demo

from training import recipes

HERE = Path(__file__).parent
ENDING = 60  # seconds; a tenth of one but on a busy machine


def endless() -> recipes.Recipe:
    """Named in the trainer's command below; two workers that decode ahead."""
    base = recipes.tiny()
    return dataclasses.replace(
        base,
        sequence_length=256,
        global_batch=2,
        steps=5_000,
        tokens=dataclasses.replace(base.tokens, vocabulary=512, max_pixels=2 * 84 * 84),
        packing=dataclasses.replace(base.packing, group=2, window_batches=3),
        loading=dataclasses.replace(base.loading, workers=2, prefetch=2),
    )


def of_session(session: int) -> dict[int, str]:
    """Process id -> command line of every process that lives in a session."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def start(command: list[str], home: Path) -> subprocess.Popen:
    env = os.environ | {"PYTHONPATH": f"{HERE.parent}{os.pathsep}{HERE}", "HOME": str(home), "OMP_NUM_THREADS": "1"}
    env.pop("SIEVELINE_CACHE", None)
    # A suite that a shell runs behind `&` ignores SIGINT, and SIGTERM once Dagster has run in it (it gives SIGTERM the handler of SIGINT);
    # what it starts would ignore them too.
    before = [signal.signal(signal.SIGINT, signal.default_int_handler), signal.signal(signal.SIGTERM, signal.SIG_DFL)]
    try:
        return subprocess.Popen(command, env=env, cwd=HERE.parent, stderr=subprocess.DEVNULL, start_new_session=True)
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])


def wait_for(condition, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> str:
    return write_demo(tmp_path_factory.mktemp("shards"), samples=60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT], ids=lambda n: n.name)
def test_a_killed_trainer_leaves_nothing_behind(number, shards, tmp_path):
    recipe = "test_training_killed:endless"
    command = [sys.executable, "-m", "training.cli", "--shards", shards, "--recipe", recipe, "--output", str(tmp_path / "run")]
    trainer = start(command, tmp_path)
    try:
        metrics = tmp_path / "run" / "metrics.jsonl"
        assert wait_for(lambda: metrics.exists() and metrics.read_text().count("\n") >= 2, 120)
        processes = of_session(trainer.pid)
        # the trainer, its fork server, two workers; multiprocessing's resource tracker beside them
        assert sum("forkserver" in command for command in processes.values()) >= 3, processes
        trainer.send_signal(number)
        trainer.wait(ENDING)
        assert wait_for(lambda: not of_session(trainer.pid), ENDING), of_session(trainer.pid)
    finally:
        for left in of_session(trainer.pid):
            os.kill(left, signal.SIGKILL)


def test_killed_while_it_measures_shards_it_leaves_nothing_behind(tmp_path):
    """The index is made by processes of its own, each of which would wait for its next shard for ever."""
    shards = write_demo(tmp_path / "shards", samples=1_200, shards=24)
    recipe = "test_training_killed:endless"
    command = [sys.executable, "-m", "training.cli", "--shards", shards, "--recipe", recipe, "--output", str(tmp_path / "run")]
    trainer = start(command, tmp_path)
    try:
        index = tmp_path / ".cache" / "sieveline" / "training-index"
        assert wait_for(lambda: list(index.glob("*.parquet")), 120)
        assert sum("spawn_main" in command for command in of_session(trainer.pid).values()) == 2
        trainer.kill()
        trainer.wait(ENDING)
        assert wait_for(lambda: not of_session(trainer.pid), ENDING), of_session(trainer.pid)
    finally:
        for left in of_session(trainer.pid):
            os.kill(left, signal.SIGKILL)
