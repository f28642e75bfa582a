"""Concept balance: how the head of the concept distribution was cut and its tail kept, from the ledgers of the concepts stage."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from sieveline import ledger, storage
from sieveline.output import Output
from sieveline.stages.concepts import p_to_t, summary


def read_balance(output: Output, config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """`sieveline.stages.concepts.summary` over the whole pool, with `num_entries` of the vocabulary and `ranks`; None without concept
    ledgers. `ranks` holds int64 arrays `before` and `after`, matches per entry, the most frequent first.

    Entries carry their text where the step over the whole pool left it (`OUT/global/concept_counts/current.json`), else their number.

    Args:
        config: the stage's configuration as a dict, for `t` or `tail_share`; without it everything counts as tail.
    """
    before = after = np.zeros(0, np.int64)
    for url in output.ledgers("concepts"):
        table = ledger.read_table(url, ["kept", "concepts"])
        before = _add(before, table)
        after = _add(after, table.filter(table["kept"]))
    if not before.sum():
        return None
    texts, num_entries, pool = _vocabulary(output)
    size = max(len(before), len(after), len(pool))
    before, after, pool = (np.pad(c, (0, size - len(c))) for c in (before, after, pool))
    t = _t(config or {}, pool if pool.sum() else before)
    found = summary(before, after, t, _Entries(texts))  # pyright: ignore[reportArgumentType]
    order = np.argsort(-before, kind="stable")[: int((before > 0).sum())]
    ranks = {"before": before[order], "after": after[order]}
    return found | {"num_entries": num_entries or len(order), "ranks": ranks}


class _Entries:
    """The text of each entry by its number; `#7` for one whose text is not known."""

    def __init__(self, texts: Mapping[int, str]):
        self._texts = texts

    def __getitem__(self, entry: int) -> str:
        return self._texts.get(int(entry), f"#{int(entry)}")


def _add(counts: np.ndarray, table: Any) -> np.ndarray:
    chunks = [c.flatten().to_numpy() for c in table["concepts"].chunks]
    found = np.bincount(np.concatenate(chunks)) if chunks and sum(map(len, chunks)) else np.zeros(0, np.int64)
    size = max(len(counts), len(found))
    return np.pad(counts, (0, size - len(counts))) + np.pad(found, (0, size - len(found)))


def _t(config: Mapping[str, Any], counts: np.ndarray) -> int | None:
    if config.get("tail_share") is not None:
        return p_to_t(counts, config["tail_share"])
    return config.get("t")


def _vocabulary(output: Output) -> tuple[dict[int, str], int, np.ndarray]:
    """Texts of the entries that match, size of the vocabulary, and the pool's counts that balancing went by."""
    current = output.global_step("concept_counts", "current.json")
    if not storage.exists(current):
        return {}, 0, np.zeros(0, np.int64)
    url = output.global_step("concept_counts", f"{json.loads(storage.read_bytes(current))['fingerprint']}.parquet")
    table = ledger.read_table(url, ["entry", "text", "count"])
    num_entries = int((ledger.read_metadata(url) or {}).get("num_entries", 0))
    entries = table["entry"].to_numpy()
    counts = np.zeros(max(num_entries, int(entries.max(initial=-1)) + 1), np.int64)
    counts[entries] = table["count"].to_numpy()
    return dict(zip(entries.tolist(), table["text"].to_pylist(), strict=True)), num_entries, counts
