"""The jail holds real programs: what it must refuse is tried."""

import os
import time
from pathlib import Path

import pytest

from ocr_synth.academic import jail

pytestmark = pytest.mark.skipif(jail.refusal() is not None, reason=jail.refusal() or "")
SHORT = jail.Limits(wall_seconds=20, cpu_seconds=10, memory_bytes=1 << 30, file_bytes=1 << 20)


def run(folder: Path, *command: str, limits: jail.Limits = SHORT) -> jail.Ended:
    return jail.run(command, folder, limits)


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "secret").write_text("do not read me")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "mine").write_text("read me")
    return inside


def test_reads_and_writes_its_own_folder_and_nothing_else(folder):
    assert run(folder, "cat", "mine").output == "read me"
    assert run(folder, "sh", "-c", "echo more > new && cat new").output == "more\n"
    for path in ("/etc/passwd", "../secret", str(folder.parent / "secret"), str(Path.home() / ".bashrc"), "/proc/1/environ"):
        ended = run(folder, "cat", path)
        assert ended.how == "failed", path
        assert "read me" not in ended.output
    for path in ("../outside", "/tmp/sieveline-jail-outside", "/usr/outside"):
        assert run(folder, "touch", path).how == "failed"
        assert not (folder / path).exists()
    assert run(folder, "ln", "-s", "/etc/passwd", "link").how == "done"  # a link is no way out
    assert run(folder, "cat", "link").how == "failed"


def test_no_network_no_signals_no_inherited_secrets(folder, monkeypatch):
    monkeypatch.setenv("TOKEN", "a secret")
    assert "a secret" not in run(folder, "env").output
    connect = "use Socket; socket(my $s, PF_INET, SOCK_STREAM, 0) or die qq(none: $!); print q(socket)"
    assert "none: Operation not permitted" in run(folder, "perl", "-e", connect).output
    local = connect.replace("PF_INET", "PF_UNIX")
    assert "none:" in run(folder, "perl", "-e", local).output


def test_loops_end_at_the_limit_of_cpu_time_and_sleepers_at_that_of_wall_time(folder):
    started = time.monotonic()
    looping = run(folder, "sh", "-c", "while :; do :; done", limits=jail.Limits(wall_seconds=60, cpu_seconds=1))
    assert (looping.how, looping.status) == ("time", -24)
    sleeping = run(folder, "sh", "-c", "sleep 77 & sleep 77", limits=jail.Limits(wall_seconds=0.5, cpu_seconds=5))
    assert sleeping.how == "time"
    assert time.monotonic() - started < 40
    assert gone("sleep\x0077")


def gone(command: str) -> bool:
    """Whether no process runs `command`, or the last one just killed is gone within twenty seconds."""
    deadline = time.monotonic() + 20
    while any(command in _command(p) for p in Path("/proc").iterdir() if p.name.isdigit()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except OSError:
        return ""


def test_background_processes_end_with_the_program(folder):
    assert run(folder, "sh", "-c", "(sleep 78; touch late) & true").how == "done"
    assert gone("sleep\x0078")


def test_memory_and_file_sizes_are_bounded(folder):
    assert run(folder, "perl", "-e", "my $x = 'a' x 3e9; print length $x").how == "memory"
    assert run(folder, "sh", "-c", "head -c 3000000 /dev/zero > big").how == "failed"
    assert (folder / "big").stat().st_size <= 1 << 20


def test_a_program_that_is_not_there_is_an_error_of_ours(folder):
    with pytest.raises(OSError, match="no-such-program"):
        run(folder, "no-such-program")


def test_cpu_time_is_told(folder):
    ended = run(folder, "sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done")
    assert ended.how == "done"
    assert 0.05 < ended.cpu_seconds < 10
    assert os.getpgid(0) == os.getpgrp()
