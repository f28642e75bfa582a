"""The fan-out and its verdicts: every candidate is a row, every kept one picks out its element, no row leaks what it was dropped for."""

import json
from collections import Counter
from dataclasses import replace

import pyarrow as pa
import pytest
from gui_screens import drawn, element, numbered, random_records, state

from gui_crawl import questions
from gui_crawl.boxes import BEGIN, END
from gui_crawl.capture import Capture
from gui_crawl.meaning import Meaning
from gui_crawl.screen import Screen
from gui_crawl.stages import questions as stage
from gui_crawl.stages.questions import MEASURED, REFERRING, Measuring, Questions, decide
from gui_crawl.uniqueness import fit
from sieveline.errors import ConfigError
from sieveline.reasons import Reason
from sieveline.schema import documented

LOOSE = Questions(max_per_role=None, max_per_size=None, max_per_place=None, max_per_family=None, max_repeats=None)


ROWS = pa.schema([("sample_id", pa.string()), *MEASURED])


def candidates(page: Capture, before: Capture | None, config: Measuring, seed: int = 0) -> pa.Table:
    return pa.Table.from_pylist(questions.measure(page, before, config, seed), ROWS)


def judged(table: pa.Table, config: Questions = LOOSE) -> list[dict]:
    return table.append_column("reason", decide(table, config)["reason"]).to_pylist()


def test_the_table_of_columns_is_the_schema():
    assert list(documented(stage.__doc__ or "")) == MEASURED.names


@pytest.fixture(scope="module")
def many() -> pa.Table:
    return pa.concat_tables(
        candidates(state(*random_records(seed), name=f"page-{seed}"), None, Measuring(), seed=7) for seed in range(12)
    )


def test_ids_are_unique_and_every_row_has_a_verdict(many: pa.Table):
    rows = judged(many)
    assert len({row["sample_id"] for row in rows}) == len(rows) > 500
    reasons = Counter(row["reason"] for row in rows)
    assert sum(reasons.values()) == many.num_rows
    assert set(reasons) - {None} <= {reason.value for reason in Reason}
    assert reasons[None] > 100
    assert reasons["ambiguous"] > 50
    assert reasons["nearly_ambiguous"] > 10


def test_questions_are_the_same_wherever_they_are_made(many: pa.Table):
    again = candidates(state(*random_records(3), name="page-3"), None, Measuring(), seed=7)
    here = many.filter(pa.compute.equal(many["capture_id"], "page-3"))
    assert again.equals(here)
    other = candidates(state(*random_records(3), name="page-3"), None, Measuring(), seed=8)
    assert not other.equals(here)


def test_both_languages_and_all_families_and_tasks_come_up(many: pa.Table):
    kept = [row for row in judged(many) if row["reason"] is None]
    share = sum(row["language"] == "zh" for row in kept) / len(kept)
    assert 0.25 < share < 0.55
    assert {row["family"] for row in kept} >= {"text", "function", "look", "position"}
    assert {row["task"] for row in kept} >= {*REFERRING, "read", "caption", "markup"}
    for row in kept:
        assert any("一" <= c <= "鿿" for c in row["question"]) == (row["language"] == "zh") or row["task"] != "markup"


def test_answers_are_places_in_thousandths_or_the_expression(many: pa.Table):
    for row in judged(many):
        if row["task"] in REFERRING and row["reason"] is None:
            x1, y1, x2, y2 = row["boxes"]
            assert 0 <= x1 < x2 <= 999
            assert 0 <= y1 < y2 <= 999
            if row["task"].startswith("locate"):
                assert row["expression"] in row["question"]
                numbers = json.loads(row["answer"].removeprefix(BEGIN).removesuffix(END))
                inside = numbers == [x1, y1, x2, y2] if len(numbers) == 4 else x1 < numbers[0] < x2 and y1 < numbers[1] < y2
                assert inside
            else:
                assert row["location"] in row["question"]
                assert row["answer"].lower() == row["expression"].lower()


def test_a_moved_threshold_needs_no_capture(many: pa.Table):
    strict = [row["reason"] for row in judged(many)]
    open_ = [row["reason"] for row in judged(many, replace(LOOSE, max_rivals=None))]
    assert "nearly_ambiguous" not in open_
    assert open_.count(None) > strict.count(None)


def test_balance_caps_what_is_common_and_keeps_what_is_rare():
    page = [
        element(
            "link",
            (10 + 130 * (k % 6), 10 + 25 * (k // 6), 120 + 130 * (k % 6), 30 + 25 * (k // 6)),
            text=f"Topic {chr(65 + k)} news",
        )
        for k in range(24)
    ]
    page.append(element("field", (10, 500, 300, 530), name="Subject line"))
    table = candidates(state(*page), None, Measuring())
    free = Counter(row["role"] for row in judged(table) if row["task"] in REFERRING and row["reason"] is None)
    capped = Counter(row["role"] for row in judged(table, Questions()) if row["task"] in REFERRING and row["reason"] is None)
    assert free["link"] > 40
    assert capped["link"] < 25
    assert capped["field"] == free["field"] > 0


def test_what_a_site_says_on_every_page_is_thinned():
    page = [
        element("button", (10, 10, 110, 40), text="Subscribe"),
        element("heading", (10, 80, 300, 110), text="News of today"),
    ]
    table = pa.concat_tables(candidates(state(*page, name=f"p{k}"), None, Measuring(chinese=0)) for k in range(30))
    texts = lambda config: sum(row["reason"] is None and row["family"] == "text" for row in judged(table, config))  # noqa: E731
    assert texts(replace(LOOSE, max_repeats=3)) < 0.5 * texts(LOOSE)


def test_an_empty_page_and_a_broken_picture_are_rows():
    for broken, reason in ((state(), "empty_page"), (replace(state(), screenshot=b"not a picture"), "undecodable")):
        (row,) = judged(candidates(broken, None, Measuring()))
        assert row["reason"] == reason


def test_personal_data_reaches_neither_samples_nor_the_ledger():
    page = state(
        element("link", (10, 10, 260, 30), text="jane.roe@company.com"),
        element("button", (10, 50, 260, 80), text="Call +1 650 253 0000"),
        element("text", (10, 100, 400, 120), text="Write to jane.roe@company.com today"),
        element("button", (10, 150, 110, 180), text="Continue"),
        title="jane.roe@company.com",
    )
    table = candidates(page, None, Measuring(captions=1.0))
    rows = judged(table)
    assert Counter(row["reason"] for row in rows)["personal_data"] >= 5
    kept = [row for row in rows if row["reason"] is None]
    assert kept
    stored = json.dumps(rows, default=str)
    assert "jane" not in stored
    assert "650 253" not in stored
    (page_of_code,) = [row for row in kept if row["task"] == "markup"]
    assert "[e-mail]" in page_of_code["answer"]


def test_control_tokens_in_page_text_are_dropped():
    page = state(
        element("button", (10, 10, 200, 40), text="OK <|end_of_box|><|user|>"),
        element("button", (10, 60, 200, 90), text="Fine"),
    )
    rows = judged(candidates(page, None, Measuring(captions=1.0)))
    assert any(row["reason"] == "special_tokens" for row in rows)
    for row in rows:
        if row["reason"] is None:
            assert "<|user|>" not in row["question"] + row["answer"]


def test_text_that_the_screenshot_does_not_show_whole_is_not_asked_for():
    long = "A sentence that is far too long for the little box it was given by the page"
    rows = judged(candidates(state(element("text", (10, 10, 90, 26), text=long)), None, Measuring()))
    read = [row for row in rows if row["task"] == "read"]
    assert [row["reason"] for row in read] == ["text_cut"]


def test_a_step_gives_two_questions_and_one_without_a_call_says_so():
    before = state(
        element("button", (10, 10, 110, 40), text="Open"), element("field", (10, 60, 300, 90), name="City"), name="a"
    )
    after = [
        element("dialog", (100, 100, 400, 300), text="Done"),
        element("heading", (110, 110, 300, 140), text="Done", parent=0),
    ]
    click = {"kind": "click", "element": 0, "text": None, "dx": None, "dy": None}
    rows = judged(candidates(state(*after, name="b", before="a", action=click), before, Measuring(chinese=0)))
    act, change = (next(row for row in rows if row["task"] == task) for task in ("act", "explain_change"))
    assert act["reason"] is None
    assert act["capture_id"] == "a"
    assert act["after_id"] is None
    assert "open" in act["question"].lower()
    assert act["answer"] == f"{BEGIN}left_click(start_box='[75, 42]', element_info='Open button'){END}"
    assert change["after_id"] == "b"
    sideways = {"kind": "scroll", "element": None, "text": None, "dx": 300.0, "dy": 0.0}
    rows = judged(candidates(state(*after, name="b", before="a", action=sideways), before, Measuring()))
    assert {row["reason"] for row in rows if row["task"] in ("act", "explain_change")} == {"unanswerable"}


def test_a_flood_of_elements_is_one_row():
    page = state(*[element("text", (10, 10, 60, 30), text="x")] * 50)
    (row,) = judged(candidates(page, None, Measuring(max_elements=40)))
    assert row["reason"] == "too_many_elements"


def test_settings_that_make_no_sense_are_said():
    for wrong in ({"shares": (1.0, 1.0, 0.0, 0.0)}, {"chinese": 2.0}, {"tries": 0}):
        with pytest.raises(ConfigError, match="questions: "):
            Measuring(**wrong)
    with pytest.raises(ConfigError, match="max_quoted"):
        Questions(max_quoted=0)


def test_every_kept_expression_picks_out_its_element_when_it_is_read_anew(many: pa.Table):
    screens = {f"page-{seed}": Screen(numbered(random_records(seed)), drawn(random_records(seed))) for seed in range(12)}
    kept = [row for row in judged(many) if row["reason"] is None and row["task"] in REFERRING]
    assert len(kept) > 100
    for row in kept:
        assert fit(Meaning.from_json(row["meaning"]), screens[row["capture_id"]]).picks(row["element"])
