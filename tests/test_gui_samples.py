"""Kept questions become samples: runs of neighbours, none lost, of the contract, the same wherever a run is cut out."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from gui_screens import random_records, state

from gui_crawl import questions
from gui_crawl.samples import content, runs
from gui_crawl.stages.questions import MEASURED, Measuring, Questions, decide
from sieveline import training_sample

ROWS = pa.schema([("sample_id", pa.string()), ("parent", pa.int32()), *MEASURED])


@pytest.fixture(scope="module")
def kept() -> list[dict[str, Any]]:
    rows = []
    for parent in range(3):
        page = state(*random_records(parent), name=f"p{parent}")
        rows += [row | {"parent": parent} for row in questions.measure(page, None, Measuring(captions=1.0), seed=5)]
    table = pa.Table.from_pylist(rows, ROWS)
    return table.filter(pa.compute.is_null(decide(table, Questions())["reason"])).to_pylist()


def grouped(rows: list[dict[str, Any]]) -> np.ndarray:
    parents, forms, names = ([row[name] for row in rows] for name in ("parent", "form", "sample_id"))
    return runs(parents, forms, names, seed=5, batch=6)


def test_runs_hold_one_capture_and_form_and_no_more_than_a_batch(kept: list[dict[str, Any]]):
    groups = grouped(kept)
    assert groups[0] == 0
    assert set(np.diff(groups)) == {0, 1}
    assert 3 < np.bincount(groups).max() + 1 <= 7
    for group in range(groups[-1] + 1):
        run = [row for row, g in zip(kept, groups, strict=True) if g == group]
        assert len({(row["parent"], row["form"]) for row in run}) == 1
        assert len(run) == 1 or run[0]["form"] != "single"


def test_a_run_is_the_same_when_the_rows_before_it_are_left_out(kept: list[dict[str, Any]]):
    groups = grouped(kept)
    start = int(np.flatnonzero(groups == groups[-1] // 2)[0])
    assert (grouped(kept[start:]) == groups[start:] - groups[start]).all()


def test_every_run_is_a_conversation_of_the_contract(kept: list[dict[str, Any]]):
    groups = grouped(kept)
    forms = set()
    for group in range(groups[-1] + 1):
        run = [row for row, g in zip(kept, groups, strict=True) if g == group]
        parts = content(run, seed=5)
        sample = {"id": run[0]["sample_id"], "line": "gui", "content": parts, "provenance": {}}
        training_sample.validate(sample)
        assert training_sample.media_files(sample) == ["0.png"]
        assert [part["loss"] for part in parts[1:]] == [False, True] * (len(parts) // 2)
        if run[0]["form"].startswith("list") and len(run) > 1:
            assert len(parts) == 3
            asked, answered = parts[1]["text"].split("\n"), parts[2]["text"].split("\n")
            assert len(asked) - 1 == len(answered) == len(run)
            assert asked[1].startswith("1. ")
            forms.add("list")
        else:
            assert [part["text"] for part in parts[2::2]] == [row["answer"] for row in run]
            forms.add("turns" if len(run) > 1 else "single")
    assert forms == {"single", "turns", "list"}


def test_a_change_shows_both_screenshots():
    row = {"task": "explain_change", "after_id": "b", "form": "single", "sample_id": "q", "question": "?", "answer": "!"}
    assert [part.get("file") for part in content([row], seed=0)] == ["0.png", "1.png", None, None]
