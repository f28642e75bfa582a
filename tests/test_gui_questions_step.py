"""The line over a small site with a real Chromium: questions out of captures, training shards out of questions, the report, and the gates."""

import json
import tarfile
from dataclasses import replace
from pathlib import Path

import gui_site
import pytest
from gui_browser import needs_chromium

from gui_crawl import question_exhibits, recipes
from gui_crawl.devices import Device, Guises
from gui_crawl.line import LINE, ask
from gui_crawl.meaning import Meaning
from gui_crawl.stages.questions import REFERRING
from gui_crawl.uniqueness import fit
from pipelines.engine import Engine
from pipelines.gui import run
from sieveline import ledger, training_sample
from sieveline.output import Output, count_stages
from sieveline.recipes import write as write_recipe
from sieveline.slices import Slice, plan_slices, read_slices

pytestmark = needs_chromium


def recipe(**questions: object) -> recipes.Gui:
    made = recipes.demo()
    measuring = replace(made.captures.measuring, guises=Guises(devices=(Device(name="test", width=900, height=700),), dark=0.0))
    measuring = replace(measuring, exploring=replace(measuring.exploring, states=3, tries=5))
    return replace(made, captures=replace(made.captures, measuring=measuring), questions=replace(made.questions, **questions))


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Output, list[Slice]]:
    root = tmp_path_factory.mktemp("gui")
    shards = LINE.find_shards(str(gui_site.build(root / "site")), recipe())
    out = str(root / "out")
    write_recipe(recipe(), "gui_crawl.recipes:demo", "gui", Output(out))
    slices = plan_slices(out, shards, recipe().shards_per_slice)
    run(out, recipe(), slices, Engine(workers=1))
    return Output(out), slices


def table(place: Output, slices: list[Slice], stage: str):
    [shard] = [shard.id for s in slices for shard in s.shards]
    return ledger.read_table(place.ledger(stage, shard))


def members(place: Output) -> dict[str, bytes]:
    found = {}
    for tar in sorted(Path(place.shards()).glob("*.tar")):
        with tarfile.open(tar) as file:
            found |= {m.name: file.extractfile(m).read() for m in file.getmembers()}  # pyright: ignore[reportOptionalMemberAccess]
    return found


def test_every_kept_question_is_in_one_sample_with_its_screenshot(done: tuple[Output, list[Slice]]):
    place, slices = done
    captures = {row["sample_id"]: row for row in table(place, slices, "captures").to_pylist()}
    rows = {row["sample_id"]: row for row in table(place, slices, "questions").to_pylist() if row["kept"]}
    assert len(rows) > 40
    files = members(place)
    asked = []
    for name, content in files.items():
        if not name.endswith(".json"):
            continue
        sample = json.loads(content)
        training_sample.validate(sample)
        pictures = [files[f"{sample['id']}.{file}"] for file in training_sample.media_files(sample)]
        assert all(picture.startswith(b"\x89PNG") for picture in pictures)
        for question in sample["provenance"]["questions"]:
            row = rows[question["sample_id"]]
            assert len(pictures) == (2 if row["after_id"] else 1)
            assert len(pictures[0]) == captures[row["capture_id"]]["length"]
            said = "".join(part["text"] for part in sample["content"] if part["type"] == "text")
            assert row["answer"] in said
            asked.append(question["sample_id"])
    assert sorted(asked) == sorted(rows)


def test_counts_are_conserved(done: tuple[Output, list[Slice]]):
    place, slices = done
    counts = count_stages(place, [shard.id for s in slices for shard in s.shards])
    assert [count.name for count in counts] == ["captures", "duplicates", "questions", "write"]
    for count in counts:
        assert count.num_in == count.kept + sum(count.dropped.values()) > 0
    assert counts[2].kept == counts[3].num_in


def test_the_states_that_were_explored_give_actions(done: tuple[Output, list[Slice]]):
    place, slices = done
    rows = [row for row in table(place, slices, "questions").to_pylist() if row["kept"]]
    assert {row["task"] for row in rows} >= {*REFERRING, "read", "act", "explain_change"}
    captures = {row["sample_id"]: row for row in table(place, slices, "captures").to_pylist()}
    for row in rows:
        if row["task"] == "act":
            call = row["answer"]
            assert any(call.startswith(f"<|begin_of_box|>{name}(") for name in ("left_click", "hover", "scroll"))
        if row["task"] == "explain_change":
            assert captures[row["after_id"]]["before"] == row["capture_id"]


def test_the_gates_and_the_exhibits_look_at_the_same(done: tuple[Output, list[Slice]]):
    place, slices = done
    gates = {gate.name: gate for gate in ask(place, recipe().gates, read_slices(place.root), slices[0].name)}
    assert gates["unique"].value == 1.0
    assert gates["unasked"].value == 0.0
    shown = question_exhibits.exhibits(place)["questions"]
    assert [exhibit.title for exhibit in shown][:3] == ["Yield", "Coverage, and how expressions fared", "What is asked"]
    [again] = [exhibit for exhibit in shown if exhibit.title == "Read again"]
    assert again.rows[0][1] == again.rows[1][1] != "0"
    asked = next(exhibit for exhibit in shown if exhibit.title == "What is asked")
    assert all(figure.picture is not None and figure.texts for figure in asked.figures)


def test_a_moved_threshold_reads_no_screenshot_until_write(done: tuple[Output, list[Slice]]):
    """The media are taken away: questions are decided anew all the same, and put back what was."""
    place, slices = done
    before = table(place, slices, "questions")
    media = Path(place.root) / "media"
    media.rename(media.with_name("away"))
    try:
        run(place.root, recipe(max_rivals=None), slices, Engine(workers=1), ["questions"])
        loose = table(place, slices, "questions")
        run(place.root, recipe(), slices, Engine(workers=1), ["questions"])
    finally:
        media.with_name("away").rename(media)
    assert "nearly_ambiguous" not in loose["reason"].to_pylist()
    assert "nearly_ambiguous" in before["reason"].to_pylist()
    assert table(place, slices, "questions").equals(before)


def test_a_gate_says_what_looser_thresholds_let_in(done: tuple[Output, list[Slice]]):
    place, slices = done
    run(place.root, recipe(max_rivals=None), slices, Engine(workers=1), ["questions"])
    try:
        gates = {gate.name: gate for gate in ask(place, recipe().gates, read_slices(place.root), slices[0].name)}
    finally:
        run(place.root, recipe(), slices, Engine(workers=1), ["questions"])
    assert gates["unique"].value < 1.0
    assert not gates["unique"].passed


def test_expressions_pick_out_their_elements_in_what_the_crawl_captured(done: tuple[Output, list[Slice]]):
    place, slices = done
    [shard] = [shard.id for s in slices for shard in s.shards]
    rows = [row for row in table(place, slices, "questions").to_pylist() if row["kept"] and row["task"] in REFERRING]
    for parent in sorted({row["parent"] for row in rows})[:4]:
        capture = question_exhibits._capture(place, shard, parent)
        assert capture.screen is not None
        mine = [row for row in rows if row["parent"] == parent]
        assert mine
        for row in mine:
            assert fit(Meaning.from_json(row["meaning"]), capture.screen).picks(row["element"])
