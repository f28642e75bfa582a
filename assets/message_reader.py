"""Reads what a Dagster Pipes child reports, by whole lines.

Dagster's own reader takes what lies at the file's end for a line, and a report longer than a write buffer (the training run's, with its
loss curve, has 16 kB) gets there in parts: caught between two of them, its thread ends with half of a JSON text, and the run's metadata is
lost though the run succeeds.
"""

import json
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_pipes import PipesDefaultMessageWriter, PipesParams

POLL = 0.05  # seconds


class WholeLineReader(dg.PipesMessageReader):
    """For `dagster.PipesSubprocessClient(message_reader=...)`; the child opens Pipes as usual.

    What cannot be read fails the step (it is raised when the session closes).
    """

    @contextmanager
    def read_messages(self, handler: Any) -> Iterator[PipesParams]:
        """Gives `handler.handle_message` each message while the session is open, and what is left when it closes.

        Raises:
            json.JSONDecodeError: a line is no JSON, also the last one that a killed child left half.
        """
        with tempfile.TemporaryDirectory(prefix="pipes-") as folder, ThreadPoolExecutor(1) as thread:
            path = Path(folder) / "messages.jsonl"
            path.touch()
            closed = threading.Event()
            reading = thread.submit(_read, path, closed, handler)
            try:
                yield {PipesDefaultMessageWriter.FILE_PATH_KEY: str(path)}
            finally:
                closed.set()
            reading.result()

    def no_messages_debug_text(self) -> str:
        return "The child must report through `open_dagster_pipes()`; its messages were read from a temporary file."


def _read(path: Path, closed: threading.Event, handler: Any) -> None:
    with path.open(encoding="utf-8") as messages:
        line = ""
        while True:
            last = closed.is_set()  # before reading: what was written until then is read
            line += messages.readline()
            if line.endswith("\n") or (last and line):
                handler.handle_message(json.loads(line))
                line = ""
            elif last:
                return
            else:
                time.sleep(POLL)
