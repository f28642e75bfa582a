"""The frontier of one share: which pages are known, which are done and what they gave, in one SQLite file.

A page's links, rows and screenshots are put down in one transaction when it is done, so a crawl that is killed goes on with the page it was
at and loses nothing else. A page that was begun `MAX_ATTEMPTS` times without coming to an end is one that takes the process down: it is put
down as a failure and not tried again. The file goes away once its shard is published.
"""

import fcntl
import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Page:
    """A page to visit: its number in the share, 0 first, its address and how many links lead to it."""

    number: int
    url: str
    depth: int
    attempts: int


Result = tuple[list[dict[str, Any]], list[bytes | None]]
"""A page's rows, and per row its screenshot."""


class Frontier:
    """See the module's docstring.

    Args:
        path: of the SQLite file, made where it is missing.
        budget: pages of this share.
    """

    def __init__(self, path: Path, budget: int):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self._budget = path, budget
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
            "CREATE TABLE IF NOT EXISTS pages (number INTEGER PRIMARY KEY, url TEXT UNIQUE, depth INT, attempts INT DEFAULT 0, rows TEXT);"
            "CREATE TABLE IF NOT EXISTS screens (page INT, place INT, content BLOB, PRIMARY KEY (page, place));"
        )

    def close(self) -> None:
        self._db.close()

    def remove(self) -> None:
        """Closes and deletes the file."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)

    def add(self, urls: Iterable[str], depth: int) -> None:
        """Puts canonical URLs at the end, those not known yet, as long as the budget lasts."""
        (known,) = self._db.execute("SELECT COUNT(*) FROM pages").fetchone()
        for url in urls:
            if known >= self._budget:
                return
            number = self._db.execute(
                "INSERT OR IGNORE INTO pages (number, url, depth) VALUES (?, ?, ?)", (known, url, depth)
            ).rowcount
            known += number

    def next(self) -> Page | None:
        """The next page, marked as begun; None when all are done."""
        found = self._db.execute(
            "SELECT number, url, depth, attempts FROM pages WHERE rows IS NULL ORDER BY number LIMIT 1"
        ).fetchone()
        if found is None:
            return None
        self._db.execute("UPDATE pages SET attempts = attempts + 1 WHERE number = ?", (found[0],))
        return Page(*found)

    def finish(self, page: Page, rows: list[dict[str, Any]], screens: list[bytes | None], links: Iterable[str] = ()) -> None:
        """Puts down what a page gave and which pages it leads to, whole or not at all."""
        self._db.execute("BEGIN")
        try:
            self.add(links, page.depth + 1)
            self._db.execute("UPDATE pages SET rows = ? WHERE number = ?", (json.dumps(rows), page.number))
            kept = [(page.number, place, content) for place, content in enumerate(screens) if content is not None]
            self._db.executemany("INSERT OR REPLACE INTO screens VALUES (?, ?, ?)", kept)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def results(self) -> Iterator[Result]:
        """What the pages done so far gave, in order, one page in memory at a time."""
        numbers = [n for (n,) in self._db.execute("SELECT number FROM pages WHERE rows IS NOT NULL ORDER BY number")]
        for number in numbers:
            yield self.result(number)

    def result(self, number: int) -> Result:
        (text,) = self._db.execute("SELECT rows FROM pages WHERE number = ?", (number,)).fetchone()
        rows = json.loads(text)
        screens = dict(self._db.execute("SELECT place, content FROM screens WHERE page = ?", (number,)))
        return rows, [screens.get(i) for i in range(len(rows))]

    def counts(self) -> tuple[int, int]:
        """(pages known, pages done)."""
        return self._db.execute("SELECT COUNT(*), COUNT(rows) FROM pages").fetchone()


class Turns:
    """Page loads of one site take turns, over all processes of this machine: a locked file per site holds when the last began."""

    def __init__(self, folder: Path):
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def wait(self, site: str, delay: float) -> float:
        """Waits until `delay` seconds have passed since the last turn of `site` and takes the next; returns the seconds waited."""
        if delay <= 0:
            return 0.0
        name = hashlib.sha256(site.encode()).hexdigest()[:24]
        began = time.monotonic()
        descriptor = os.open(self._folder / name, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            last = float(os.pread(descriptor, 40, 0) or b"0")
            left = last + delay - time.time()
            time.sleep(min(max(left, 0.0), delay))  # a clock put back holds nobody up for longer
            os.pwrite(descriptor, f"{time.time():.3f}".ljust(40).encode(), 0)
        finally:
            os.close(descriptor)
        return time.monotonic() - began
