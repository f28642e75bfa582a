"""Kept questions become samples: none lost, none twice, of the contract, the same in any order."""

from typing import Any

import pyarrow as pa
from gui_screens import random_records, state

from gui_crawl import questions
from gui_crawl.samples import Bundling, bundles
from gui_crawl.stages.questions import Measuring, Questions, decide
from sieveline import training_sample


def rows() -> list[dict[str, Any]]:
    table = questions.measure(state(*random_records(4), name="p"), None, Measuring(captions=1.0))
    return table.filter(pa.compute.is_null(decide(table, Questions())["reason"])).to_pylist()


def test_every_question_is_in_exactly_one_sample():
    kept = rows()
    made = list(bundles(kept, Bundling()))
    assert sorted(q for bundle in made for q in bundle.questions) == sorted(row["sample_id"] for row in kept)
    assert len({bundle.id for bundle in made}) == len(made)
    assert {bundle.form for bundle in made} == {"single", "turns", "list"}
    for bundle in made:
        sample = {"id": bundle.id, "line": "gui", "content": list(bundle.content), "provenance": {}}
        training_sample.validate(sample)
        assert training_sample.media_files(sample) == ["0.png"]
        assert [part["loss"] for part in bundle.content[1:]] == [False, True] * (len(bundle.content) // 2)


def test_the_order_of_rows_does_not_matter():
    kept = rows()
    assert list(bundles(kept, Bundling())) == list(bundles(kept[::-1], Bundling()))


def test_a_list_asks_and_answers_line_by_line():
    for bundle in bundles(rows(), Bundling(single=0.0)):
        if bundle.form == "list":
            _, question, answer = bundle.content
            assert len(question["text"].split("\n")) - 1 == len(answer["text"].split("\n")) == len(bundle.questions)
            assert question["text"].split("\n")[1].startswith("1. ")


def test_all_alone():
    assert {bundle.form for bundle in bundles(rows(), Bundling(single=1.0))} == {"single"}


def test_a_change_shows_both_screenshots():
    row = {
        "task": "explain_change",
        "capture_id": "a",
        "after_id": "b",
        "sample_id": "q",
        "draw": 0.5,
        "question": "?",
        "answer": "!",
        "language": "en",
    }
    (bundle,) = bundles([row], Bundling())
    assert bundle.captures == ("a", "b")
    assert [part.get("file") for part in bundle.content] == ["0.png", "1.png", None, None]
