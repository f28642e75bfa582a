"""Which engine runs a Beam pipeline, and the child process it runs in.

Embedded default: FnApiRunner, with one worker process a core for heavy steps and in memory for light ones. Any other engine comes by
Beam's own flags (`--beam "--runner=PortableRunner --job_endpoint=..."`). FnApiRunner cannot be cancelled, so a job runs in a child process
that is ended as a group; worker processes die with it.
"""

import importlib
import json
import logging
import os
import pickle
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sieveline.errors import SievelineError
from sieveline.lifetime import die_with_parent

PROGRESS_VARIABLE = "SIEVELINE_PROGRESS"


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """How pipelines run.

    Attributes:
        beam: Beam flags; empty for the embedded runner.
        workers: worker processes of the embedded runner; None for one a core.
    """

    beam: str = ""
    workers: int | None = None

    def num_workers(self, num_tasks: int, light: bool) -> int:
        return 1 if light else max(1, min(self.workers or os.cpu_count() or 1, num_tasks))

    def threads_per_worker(self, num_tasks: int) -> int:
        """Threads a model may use in one worker, so that all workers together use the cores once."""
        return max(1, (os.cpu_count() or 1) // self.num_workers(num_tasks, light=False))

    def options(self, num_tasks: int, light: bool) -> list[str]:
        if self.beam:
            return shlex.split(self.beam)
        workers = self.num_workers(num_tasks, light)
        mode = "in_memory" if workers == 1 else "multi_processing"
        quiet = "--default_sdk_harness_log_level=WARNING"
        return ["--runner=FnApiRunner", f"--direct_running_mode={mode}", f"--direct_num_workers={workers}", quiet]


def run_in_child(target: str, on_progress: Callable[[dict], None] | None = None, **arguments: Any) -> Any:
    """Calls `target(**arguments)` in a child process and returns its result; its exceptions are raised here.

    The child and all it starts are one process group, which is killed when this call ends for whatever reason, an
    exception or a signal in the caller among them.

    Args:
        target: "module:function"; only the child imports the module, so the caller need not have Beam. Arguments and
            result are pickled.
        on_progress: called with each message that a worker sent by `report_progress`.

    Raises:
        RuntimeError: the child died without a result; the message ends with what it wrote last.
    """
    with tempfile.TemporaryDirectory(prefix="sieveline-") as folder, _progress_socket(folder) as progress:
        result_path, log_path = Path(folder, "result"), Path(folder, "log")
        # Workers are processes and models are told their threads, so OpenMP in between would only contend; of glibc's heaps, one for each
        # of a worker's many threads, two are enough: 50 to 100 MB less at two workers (recaption, 2026-11-24).
        defaults = {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
        environment = defaults | os.environ | {PROGRESS_VARIABLE: progress.getsockname()}
        command = [
            sys.executable,
            "-c",
            "from pipelines.engine import child_main; child_main()",
            str(result_path),
            str(os.getpid()),
        ]
        with open(log_path, "wb") as log:
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log, env=environment, start_new_session=True)
        try:
            assert child.stdin
            with suppress(BrokenPipeError):  # a child that died at once; its last words are told below
                child.stdin.write(pickle.dumps((target, arguments)))
                child.stdin.close()
            while child.poll() is None:
                for message in _messages(progress):
                    if on_progress:
                        on_progress(message)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        if not result_path.exists():
            last_words = log_path.read_text(errors="replace")[-4000:]
            raise RuntimeError(f"{target} ended with status {child.returncode} without a result:\n{last_words}")
        result, error = pickle.loads(result_path.read_bytes())
        if error is not None:
            raise error
        return result


def child_main() -> None:
    """Entry of the child process of `run_in_child`."""
    die_with_parent()
    if os.getppid() != int(sys.argv[2]):
        os._exit(1)  # the parent died before it could be watched
    threading.excepthook = end_with_worker
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    target, arguments = pickle.loads(sys.stdin.buffer.read())
    module, function = target.split(":")
    try:
        outcome = (getattr(importlib.import_module(module), function)(**arguments), None)
    except SievelineError as error:
        outcome = (None, error)
    temporary = Path(sys.argv[1] + ".part")
    temporary.write_bytes(pickle.dumps(outcome))
    temporary.replace(sys.argv[1])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # Beam's runner threads need not be waited for: every result is on disk


def end_with_worker(failure: threading.ExceptHookArgs) -> None:
    """Ends the child when the thread that watches a worker process fails: FnApiRunner would wait for the dead worker for ever.

    What is finished is published, so a re-run goes on from there.
    """
    threading.__excepthook__(failure)
    if failure.thread is not None and failure.thread.name == "run_worker":
        sys.stderr.flush()
        os._exit(1)


def report_progress(step: str, **counts: int) -> None:
    """Tells the process that waits in `run_in_child`, if it is on this machine; never blocks and never fails."""
    address = os.environ.get(PROGRESS_VARIABLE)
    if address:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            client.sendto(json.dumps({"step": step, **counts}).encode(), address)


@contextmanager
def _progress_socket(folder: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(os.path.join(folder, "progress"))
        server.settimeout(0.2)
        yield server


def _messages(server: socket.socket) -> Iterator[dict]:
    try:
        yield json.loads(server.recv(4096))
        server.settimeout(0.0)
        with suppress(BlockingIOError):
            while True:
                yield json.loads(server.recv(4096))
    except TimeoutError:
        pass
    finally:
        server.settimeout(0.2)
