"""What a whole command costs, with everything it starts: CPU-seconds to the last orphan, and the peak of memory together.

    python -m benchmarks.processes COMMAND ...     prints {"status", "cpu_seconds", "peak_bytes"} as the last line

The command runs under a process of its own that adopts its orphans (Linux' child subreaper), so that the time of workers whose parent
died without waiting for them is counted too. Memory is the sum of the processes' proportional set sizes (shared pages count once),
looked at every `INTERVAL` seconds; a peak between two looks is missed.
"""

import ctypes
import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

INTERVAL = 0.5  # seconds between two looks at memory
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a command took.

    Attributes:
        cpu_seconds: user and system, of all its processes.
        peak_bytes: largest sum of their proportional set sizes.
        output: what it printed; `errors`: the end of what it complained of.
    """

    cpu_seconds: float
    peak_bytes: int
    output: str
    errors: str = ""


def cost_of(command: Sequence[str], environment: dict[str, str] | None = None, statuses: Sequence[int] = (0,)) -> Cost:
    """Runs `command` to its end.

    Args:
        command: program and arguments.
        environment: variables set beside those of this process.
        statuses: with which it may end.

    Raises:
        RuntimeError: it failed; the message ends with what it wrote last.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.processes", *command],
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    *output, figures = done.stdout.splitlines() or [""]
    if done.returncode not in statuses:
        raise RuntimeError(f"{' '.join(command)} ended with status {done.returncode}:\n{(done.stderr + done.stdout)[-4000:]}")
    found = json.loads(figures)
    return Cost(
        cpu_seconds=found["cpu_seconds"], peak_bytes=found["peak_bytes"], output="\n".join(output), errors=done.stderr[-4000:]
    )


def main(command: list[str]) -> int:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    peak, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(INTERVAL):
            peak[0] = max(peak[0], sum(map(proportional_bytes, descendants(os.getpid()))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    child = subprocess.Popen(command)
    status = child.wait()
    with suppress(ChildProcessError):
        while True:  # the orphans
            os.waitpid(-1, 0)
    over.set()
    watcher.join()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps({"cpu_seconds": round(used.ru_utime + used.ru_stime, 2), "peak_bytes": peak[0]}), flush=True)
    return status


def descendants(root: int) -> list[int]:
    """Processes below `root`, itself left out."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(after_name[1]), []).append(int(entry.name))
    found, open_ends = [], [root]
    while open_ends:
        below = children.get(open_ends.pop(), [])
        found += below
        open_ends += below
    return found


def proportional_bytes(process: int) -> int:
    """Proportional set size; 0 for a process that is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
