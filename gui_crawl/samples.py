"""Samples: neighbouring kept questions of a capture that share a training sample, and the conversation they make.

A referring question goes alone, or with others of its capture as turns of one conversation, or with others of its task and language as one
question over a numbered list (SeeClick batches many pairs of one screenshot, since the picture is what costs). Which of these is drawn
for each question when it is measured (`form`) and orders the rows, so that samples are runs of rows here. Markup and actions go alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gui_crawl.phrasing import listed
from gui_crawl.phrasing.pick import Pick


def runs(parents: Sequence[int], forms: Sequence[str], sample_ids: Sequence[str], seed: int, batch: int) -> np.ndarray:
    """Which sample each row goes into: int64 [n], 0 first, never falling.

    Args:
        parents: of each row the capture it was made from; equal ones side by side.
        forms: of each row its `form`; equal ones of a capture side by side.
        sample_ids: of each row; the first of a sample draws how many go into it.
        seed: of the draw.
        batch: rows in one sample at most.
    """
    group = np.zeros(len(forms), np.int64)
    number, left = -1, 0
    for k, form in enumerate(forms):
        same = k > 0 and form == forms[k - 1] and parents[k] == parents[k - 1] and form != "single"
        if same and left > 0:
            left -= 1
        else:
            number += 1
            left = Pick(seed, sample_ids[k])("batch", range(2, batch + 1)) - 1
        group[k] = number
    return group


def content(rows: Sequence[Mapping[str, Any]], seed: int, suffix: str = "png") -> list[dict[str, Any]]:
    """The parts of a training sample made of `rows`, of one run: screenshot or screenshots, then questions and answers in turn.

    Args:
        rows: rows of `stages.questions.MEASURED` with their `sample_id`.
        seed: of the draws.
        suffix: of the screenshots' file names, `0.png` and `1.png`.
    """
    pictures = 2 if rows[0]["after_id"] else 1
    parts: list[dict[str, Any]] = [{"type": "image", "file": f"{k}.{suffix}"} for k in range(pictures)]
    if len(rows) > 1 and rows[0]["form"].startswith("list"):
        task, kind = rows[0]["task"].split("_")
        items = [row["expression" if task == "locate" else "location"] for row in rows]
        question = listed(f"{task}_many_{kind}", rows[0]["language"], Pick(seed, rows[0]["sample_id"]), items)
        pairs = [(question, "\n".join(row["answer"] for row in rows))]
    else:
        pairs = [(row["question"], row["answer"]) for row in rows]
    for question, answer in pairs:
        parts += [{"type": "text", "text": question, "loss": False}, {"type": "text", "text": answer, "loss": True}]
    return parts
