"""The mixture: one endless, deterministic order of pieces over all components.

Inside a component (`line/source`) every epoch permutes the shards by draws of (seed, component, epoch) and shuffles the pieces of
consecutive shards together, `shuffle_samples` at a time, so memory holds one window per component whatever the corpus' size. Between
components the next piece always comes from the one whose tokens so far lag most behind its weight: the shares hold at
every prefix to within one sample, with no random fluctuation, and the state is a few integers per component.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
import xxhash

from sieveline.draws import uniform
from sieveline.errors import ConfigError
from training.recipes import Mixture


class Ref(NamedTuple):
    """One piece of one sample, in one epoch: what planning needs to know of it."""

    shard: int
    row: int
    epoch: int
    tokens: int
    patches: int
    patch_squares: int


@dataclass(slots=True)
class Cursor:
    """Where a component stands: the next piece is number `at` of window `window` in epoch `epoch`."""

    epoch: int = 0
    window: int = 0
    at: int = 0
    tokens: int = 0


class Corpus:
    """The index files of all shards, opened as they are needed.

    Attributes:
        shards: URLs, in the order that numbers them.
        components: `{component: {shard number: usable pieces}}`.
        tokens: `{component: tokens of one epoch}`, samples as they lie.
        flaws: `{reason: [sample ids]}` over all shards; the ids of each reason are cut at 1,000.
        num_samples: rows that count as samples, usable or not.
        num_flawed: how many of them have a flaw that is damage, not policy (`too_long`, `no_loss`).
    """

    def __init__(self, shards: Sequence[str], index: Sequence[Path]):
        self.shards, self.index = list(shards), list(index)
        # the order of shards is drawn by their names below the folder they share, so a moved corpus keeps its order
        folder = os.path.commonprefix([s.rpartition("/")[0] + "/" for s in self.shards]).rpartition("/")[0]  # noqa: RUF071 - cut back to a slash
        self.names = [s.removeprefix(folder) for s in self.shards]
        self.components: dict[str, dict[int, int]] = {}
        self.tokens: dict[str, int] = {}
        self.flaws: dict[str, list[str]] = {}
        self.flaw_counts: dict[str, int] = {}
        self.num_samples = 0
        for number, path in enumerate(self.index):
            table = pq.read_table(path, columns=["sample_id", "component", "variant", "tokens", "flaw"])
            self.num_samples += table.num_rows
            for row in table.to_pylist():
                if row["flaw"] is not None:
                    self.flaw_counts[row["flaw"]] = self.flaw_counts.get(row["flaw"], 0) + 1
                    if len(named := self.flaws.setdefault(row["flaw"], [])) < 1_000:
                        named.append(row["sample_id"])
                elif row["variant"] == 0:
                    by_shard = self.components.setdefault(row["component"], {})
                    by_shard[number] = by_shard.get(number, 0) + 1
                    self.tokens[row["component"]] = self.tokens.get(row["component"], 0) + row["tokens"]
        self.rows = lru_cache(maxsize=256)(self._rows)

    @property
    def num_flawed(self) -> int:
        return sum(n for reason, n in self.flaw_counts.items() if reason not in ("too_long", "no_loss"))

    def _rows(self, shard: int) -> dict[str, np.ndarray]:
        table = pq.read_table(self.index[shard])
        columns = {
            c: table[c].to_numpy() for c in ("offset", "length", "variant", "piece", "tokens", "patches", "patch_squares")
        }
        usable = np.array([f is None for f in table["flaw"].to_pylist()], bool)
        ids = table["sample_id"].to_pylist()
        originals = {i for i, variant, ok in zip(ids, columns["variant"], usable, strict=True) if variant == 1 and ok}
        return columns | {
            "id": np.array(ids, object),
            "component": np.array(table["component"].to_pylist(), object),
            "usable": usable,
            "has_original": np.array([i in originals for i in ids], bool),
        }


class Stream:
    """The pieces of one component, from a cursor on."""

    def __init__(self, corpus: Corpus, component: str, config: Mixture, seed: int, epochs: int | None, cursor: Cursor):
        self.corpus, self.component, self.config, self.seed, self.epochs = corpus, component, config, seed, epochs
        self.cursor = cursor
        self._loaded: tuple[int, int] | None = None
        self._refs: list[Ref] = []
        self._windows: tuple[int, list[list[int]]] = (-1, [])

    def windows(self, epoch: int) -> list[list[int]]:
        """Shard numbers of each window of an epoch."""
        if self._windows[0] == epoch:
            return self._windows[1]
        counts = self.corpus.components[self.component]
        order = sorted(counts, key=lambda n: (uniform(self.seed, "shard", self.component, epoch, self.corpus.names[n]), n))
        windows: list[list[int]] = []
        size = self.config.shuffle_samples
        for number in order:
            if size >= self.config.shuffle_samples:
                windows.append([])
                size = 0
            windows[-1].append(number)
            size += counts[number]
        self._windows = (epoch, windows)
        return windows

    def _load(self) -> list[Ref]:
        """The pieces of the cursor's window, shuffled."""
        where = (self.cursor.epoch, self.cursor.window)
        if self._loaded == where:
            return self._refs
        epoch = where[0]
        keyed: list[tuple[int, Ref]] = []
        for shard in self.windows(epoch)[where[1]]:
            rows = self.corpus.rows(shard)
            for row in np.flatnonzero(rows["usable"] & (rows["component"] == self.component)).tolist():
                sample_id, piece = str(rows["id"][row]), int(rows["piece"][row])
                if rows["variant"][row] != self._variant(rows, row, sample_id, epoch):
                    continue
                key = xxhash.xxh3_64_intdigest(
                    f"{self.component}\x1f{epoch}\x1f{sample_id}\x1f{piece}".encode(), seed=self.seed
                )
                numbers = (int(rows[c][row]) for c in ("tokens", "patches", "patch_squares"))
                keyed.append((key, Ref(shard, row, epoch, *numbers)))
        keyed.sort()
        self._loaded, self._refs = where, [ref for _, ref in keyed]
        return self._refs

    def _variant(self, rows: dict[str, np.ndarray], row: int, sample_id: str, epoch: int) -> int:
        """1 where this epoch takes the original caption; a sample without one has variant 0 only."""
        share = self.config.original_share
        if share is None or not rows["has_original"][row]:
            return 0
        return int(uniform(self.seed, "original", sample_id, epoch) < share)

    def next(self) -> Ref | None:
        """The next piece, or None after the last epoch."""
        cursor = self.cursor
        while True:
            if self.epochs is not None and cursor.epoch >= self.epochs:
                return None
            if cursor.window >= len(self.windows(cursor.epoch)):
                cursor.epoch, cursor.window, cursor.at = cursor.epoch + 1, 0, 0
            elif cursor.at >= len(refs := self._load()):
                cursor.window, cursor.at = cursor.window + 1, 0
            else:
                cursor.at += 1
                cursor.tokens += refs[cursor.at - 1].tokens
                return refs[cursor.at - 1]


class Blend:
    """All components by their weights. Iterate; `state()` and `Blend(..., state=...)` continue at the same piece."""

    def __init__(self, corpus: Corpus, config: Mixture, seed: int, state: dict[str, Any] | None = None):
        if not corpus.components:
            raise ConfigError("no shard holds a sample that can be trained on; see the flaws in the index")
        cursors = {c: Cursor(**s) for c, s in (state or {}).items()}
        self.streams: dict[str, Stream] = {}
        self.weights: dict[str, float] = {}
        for component in sorted(corpus.components):
            epochs = _first_match(config.epochs, component, None)
            weight = _first_match(
                config.weights, component, None if config.weights else corpus.tokens[component] * (epochs or 1)
            )
            if weight:
                self.weights[component] = float(weight)
                cursor = cursors.get(component, Cursor())
                self.streams[component] = Stream(corpus, component, config, seed, epochs, cursor)
        if not self.streams:
            raise ConfigError(f"the mixture's weights match none of {', '.join(sorted(corpus.components))}")
        self.exhausted: set[str] = set()

    def state(self) -> dict[str, Any]:
        """Plain numbers that say where every component stands."""
        return {name: asdict(stream.cursor) for name, stream in self.streams.items()}

    def __iter__(self) -> Iterator[Ref]:
        return self

    def __next__(self) -> Ref:
        while True:
            live = [n for n in self.streams if n not in self.exhausted]
            if not live:
                raise StopIteration
            name = min(live, key=lambda n: (self.streams[n].cursor.tokens / self.weights[n], n))
            ref = self.streams[name].next()
            if ref is not None:
                return ref
            self.exhausted.add(name)


def _first_match(pairs: Sequence[tuple[str, Any]], name: str, default: Any) -> Any:
    return next((value for pattern, value in pairs if fnmatchcase(name, pattern)), default)
