"""Answers on disk, so that a generator never asks twice: not in a re-run, not after a kill -9.

SQLite in write-ahead mode: every answer is its own transaction, several processes of one machine may share a file,
memory does not grow with it. It lives on a local disk (write-ahead mode does not work over network file systems).
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path


class Journal:
    """A map from request key to answer.

    Args:
        path: the file, made where missing, with its folder.
    """

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._db = sqlite3.connect(path, timeout=60, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL) WITHOUT ROWID")

    def get(self, keys: Iterable[str]) -> dict[str, str]:
        """The answers that are there."""
        found = {}
        for key in keys:
            row = self._db.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
            if row is not None:
                found[key] = row[0]
        return found

    def put(self, key: str, answer: str) -> None:
        """Keeps `answer`; it survives the process from here on. The first answer for a key stays."""
        self._db.execute("INSERT OR IGNORE INTO answers VALUES (?, ?)", (key, answer))

    def close(self) -> None:
        self._db.close()
