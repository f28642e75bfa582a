"""Samples: the kept questions of a capture bundled into training samples, single and batched.

A referring question goes alone with probability `single`; the others of its capture are batched, either as turns of one
conversation or, where they are of one task and language, as one question over a numbered list (SeeClick batches many pairs
of one screenshot, since the picture is what costs). Which, and with which others, is drawn by sample id. Page tasks and
actions go alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import xxhash

from gui_crawl.phrasing import listed
from gui_crawl.phrasing.pick import Pick
from gui_crawl.stages.questions import REFERRING
from sieveline.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundling:
    """How questions are put together.

    Attributes:
        seed: of all draws.
        single: share of referring questions that go alone.
        batch: questions in one sample at most; the number is drawn from 2 up to it.
    """

    seed: int = 0
    single: float = 0.4
    batch: int = 8

    def __post_init__(self):
        if not 0 <= self.single <= 1:
            raise ConfigError(f"samples: single is {self.single}, must lie between 0 and 1")
        if self.batch < 2:
            raise ConfigError(f"samples: batch is {self.batch}, must be at least 2")


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """One training sample before its pictures are read.

    Attributes:
        id: 32 hex digits.
        captures: ids of the captures whose screenshots it shows, in order: pictures `0.png`, `1.png`.
        content: as in `sieveline.training_sample`.
        questions: ids of the questions in it.
        form: single, turns or list.
    """

    id: str
    captures: tuple[str, ...]
    content: tuple[Mapping[str, Any], ...]
    questions: tuple[str, ...]
    form: str


def bundles(rows: Sequence[Mapping[str, Any]], config: Bundling, suffix: str = "png") -> Iterator[Bundle]:
    """Samples from the kept rows of one capture.

    Args:
        rows: rows of `stages.questions.MEASURED`, all of one `capture_id`, in any order.
        config: see `Bundling`.
        suffix: of the screenshots' file names.
    """
    alone, together = [], []
    for row in sorted(rows, key=lambda row: (row["draw"], row["sample_id"])):
        pick = Pick(config.seed, row["sample_id"])
        single = row["task"] not in REFERRING or pick.chance("single", config.single)
        (alone if single else together).append(row)
    while together:
        pick = Pick(config.seed, together[0]["sample_id"])
        size = pick("batch", range(2, config.batch + 1))
        if pick.chance("list", 0.4):
            head = _kind(together[0])
            part = [row for row in together if _kind(row) == head][:size]
        else:
            head, part = None, together[:size]
        together = [row for row in together if row not in part]
        if len(part) == 1:
            alone += part
        else:
            yield _bundle(part, config, suffix, "turns" if head is None else "list")
    for row in alone:
        yield _bundle([row], config, suffix, "single")


def _kind(row: Mapping[str, Any]) -> tuple[str, str]:
    """Task and language, boxes and points apart: a list has one form of answer."""
    return row["task"], row["language"]


def _bundle(rows: Sequence[Mapping[str, Any]], config: Bundling, suffix: str, form: str) -> Bundle:
    ids = tuple(row["sample_id"] for row in rows)
    captures = tuple(c for c in (rows[0]["capture_id"], rows[0]["after_id"]) if c)
    content: list[Mapping[str, Any]] = [{"type": "image", "file": f"{k}.{suffix}"} for k in range(len(captures))]
    if form == "list":
        task = "describe" if rows[0]["task"].startswith("describe") else "locate"
        pick = Pick(config.seed, ids[0])
        kind = "point" if rows[0]["task"].endswith("point") else "box"
        items = [row["expression" if task == "locate" else "location"] for row in rows]
        pairs = [(listed(f"{task}_many_{kind}", rows[0]["language"], pick, items), "\n".join(row["answer"] for row in rows))]
    else:
        pairs = [(row["question"], row["answer"]) for row in rows]
    for question, answer in pairs:
        content += [{"type": "text", "text": question, "loss": False}, {"type": "text", "text": answer, "loss": True}]
    sample = xxhash.xxh3_128_hexdigest("\x1f".join(ids).encode())
    return Bundle(id=sample, captures=captures, content=tuple(content), questions=ids, form=form)
