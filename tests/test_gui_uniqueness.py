"""An expression is good where both readers find the element that is meant and no other; checked against plain loops over random pages."""

from typing import Any

import numpy as np
import pytest
from gui_screens import drawn, element, numbered, random_records, screen

from gui_crawl.expressions import FAMILIES
from gui_crawl.meaning import Meaning, Order
from gui_crawl.screen import Screen
from gui_crawl.uniqueness import Fit, fit


def picked(meaning: Meaning, on: Screen) -> list[int]:
    return list(fit(meaning, on).lenient)


def test_equal_text_is_ambiguous_and_case_and_counts_do_not_tell_apart():
    on = screen(
        element("button", (10, 10, 90, 40), text="Save"),
        element("button", (110, 10, 190, 40), text="save"),
        element("button", (210, 10, 290, 40), text="Save (2)"),
        element("button", (310, 10, 390, 40), text="Save as draft"),
    )
    found = fit(Meaning(noun="button", label="Save"), on)
    assert found.strict == (0, 1)
    assert found.lenient == (0, 1, 2)  # said in full, "Save" is not "Save as draft"
    assert fit(Meaning(noun="button", label="Save as draft"), on).picks(3)


def test_without_a_noun_text_inside_other_text_counts():
    on = screen(
        element("button", (10, 10, 90, 40), text="Save"),
        element("text", (10, 60, 390, 80), text="Press save to keep your work"),
        element("text", (10, 90, 390, 110), text="All changes are saved"),
    )
    assert fit(Meaning(label="Save"), on).lenient == (0, 1)  # "saved" is another word
    assert fit(Meaning(noun="button", label="Save"), on).picks(0)


def test_a_link_its_list_item_and_its_span_are_one_thing():
    on = screen(
        element("list item", (10, 10, 200, 40), text="Home"),
        element("link", (12, 12, 80, 38), text="Home", parent=0),
        element("text", (14, 14, 60, 36), text="Home", parent=1, tag="span", role=None),
        element("heading", (10, 100, 200, 130), text="Welcome"),
    )
    assert on.representative.tolist() == [1, 1, 1, 3]
    assert fit(Meaning(label="Home"), on).picks(1)
    assert fit(Meaning(noun="link", label="Home"), on).picks(1)


def test_two_links_with_one_text_in_one_list_are_two_things():
    on = screen(
        element("list item", (10, 10, 200, 40), text="More More"),
        element("link", (12, 12, 80, 38), text="More", parent=0),
        element("link", (100, 12, 180, 38), text="More", parent=0),
    )
    assert fit(Meaning(noun="link", label="More"), on).strict == (1, 2)
    assert fit(Meaning(noun="link", order=Order(axis="x", pair=True)), on).picks(1)


def test_text_that_a_parent_says_once_more_counts():
    inside = element("link", (120, 10, 200, 30), text="terms", parent=0)
    once = screen(element("text", (10, 10, 400, 30), text="Please read the terms first"), inside)
    twice = screen(element("text", (10, 10, 400, 30), text="The terms are in the terms page"), inside)
    assert fit(Meaning(label="terms"), once).picks(1)
    assert fit(Meaning(label="terms"), twice).lenient == (0, 1)


def test_the_label_beside_a_box_and_the_box_are_told_apart_by_the_noun_alone():
    on = screen(
        element("checkbox", (10, 10, 28, 28), name="Remember me"),
        element("text", (34, 10, 140, 28), text="Remember me", tag="label"),
    )
    assert fit(Meaning(noun="checkbox", label="Remember me", by="name"), on).picks(0)
    assert fit(Meaning(label="Remember me"), on).lenient == (0, 1)


def test_neighbouring_colours_are_rivals():
    plain = screen(
        element("button", (10, 10, 90, 40), text="A1", paint="red"),
        element("button", (110, 10, 190, 40), text="B2", paint="blue"),
    )
    assert fit(Meaning(noun="button", colour="red"), plain).picks(0)
    near = screen(
        element("button", (10, 10, 90, 40), text="A1", paint="yellow"),
        element("button", (110, 10, 190, 40), text="B2", paint="orange"),
    )
    assert 0 in fit(Meaning(noun="button", colour="yellow"), near).strict
    inked = screen(
        element("button", (10, 10, 90, 40), text="A1", paint="red"),
        element("button", (110, 10, 190, 40), text="B2", paint="red", inked=True),
    )
    assert fit(Meaning(noun="button", colour="red"), inked).lenient == (0, 1)  # red on white may be called red as well


def test_a_disc_is_seen_in_the_pixels():
    on = screen(
        element("button", (10, 10, 60, 60), paint="red", round=True), element("button", (110, 10, 160, 60), paint="blue")
    )
    assert fit(Meaning(noun="button", disc=True), on).picks(0)


def test_outlined_filled_and_square_are_seen_in_the_pixels():
    on = screen(
        element("button", (10, 10, 110, 40), text="Frame"),
        element("button", (150, 10, 250, 40), text="Ground", paint="blue"),
        element("button", (300, 10, 330, 40), paint="red"),
        element("link", (10, 100, 110, 130), text="Neither"),
    )
    assert fit(Meaning(noun="button", shape="outlined"), on).picks(0)
    assert fit(Meaning(noun="button", shape="filled"), on).strict == (1, 2)
    assert fit(Meaning(noun="button", shape="square"), on).picks(2)
    nearly = screen(element("button", (10, 10, 40, 40), paint="red"), element("button", (60, 10, 97, 40), paint="blue"))
    assert fit(Meaning(noun="button", shape="square"), nearly) == Fit((0,), (0, 1))  # who would measure?


def test_short_text_on_a_ground_is_a_badge_and_text_still():
    on = screen(
        element("text", (10, 10, 60, 30), text="New", paint="green"),
        element("text", (10, 50, 60, 70), text="Old"),
        element("text", (10, 90, 40, 120), text="AB", paint="green"),  # initials
        element("button", (10, 150, 90, 180), text="Go", paint="green"),
    )
    assert on.kinds == ["badge", "text", "text", "button"]
    assert fit(Meaning(noun="badge"), on).strict == (0,)
    assert fit(Meaning(noun="text", label="New"), on).picks(0)
    assert fit(Meaning(noun="badge", colour="green"), on).lenient == (0, 2, 3)  # somebody may call all three so


def test_one_of_two_with_one_purpose_is_told_apart_by_its_neighbour():
    on = screen(
        element("text", (10, 10, 120, 30), text="First row"),
        element("button", (150, 8, 210, 32), text="Edit"),
        element("text", (10, 60, 120, 80), text="Second row"),
        element("button", (150, 58, 210, 82), text="Edit"),
    )
    proposed = [m for m in FAMILIES["function"](on, 3) if fit(m, on).picks(3)]
    assert Meaning(noun="button", purpose="edit", direction="right", anchor=Meaning(label="Second row")) in proposed
    assert all(m.purpose == "edit" for m in proposed)


def test_a_field_is_for_what_is_entered_and_a_link_is_not():
    on = screen(element("field", (10, 10, 200, 40), name="Email"), element("link", (10, 60, 90, 80), text="Email"))
    assert on.purposes == ["email", "messages"]


def test_order_needs_elements_that_stand_apart():
    apart = screen(element("button", (10, 10, 90, 40), text="A1"), element("button", (110, 300, 190, 330), text="B2"))
    assert fit(Meaning(noun="button", order=Order(axis="x", pair=True)), apart).picks(0)
    assert fit(Meaning(noun="button", order=Order(axis="y", pair=True, last=True, index=0)), apart).picks(1)
    slanted = screen(element("button", (10, 10, 90, 40), text="A1"), element("button", (50, 300, 190, 330), text="B2"))
    assert fit(Meaning(noun="button", order=Order(axis="x", pair=True)), slanted).strict == (0, 1)


def test_the_second_field_under_a_heading():
    on = screen(
        element("heading", (10, 10, 200, 40), text="Email"),
        element("field", (10, 50, 200, 80), name="From"),
        element("field", (10, 90, 200, 120), name="To"),
        element("field", (10, 130, 200, 160), name="Subject"),
        element("field", (500, 90, 700, 120), name="Search"),
    )
    under = Meaning(
        noun="field", direction="below", anchor=Meaning(noun="heading", label="Email"), order=Order(axis="y", index=1)
    )
    assert fit(under, on).picks(2)
    assert fit(Meaning(noun="field", direction="below", anchor=under.anchor), on).strict == (1, 2, 3)


def test_a_switch_to_another_noun_for_the_same_looks_is_a_rival():
    on = screen(
        element("button", (10, 10, 90, 40), text="Go", paint="blue"),
        element("link", (110, 10, 190, 40), text="Learn", paint="blue"),  # a link painted as a button is one
        element("link", (10, 100, 90, 120), text="Plain link"),
    )
    assert on.kinds == ["button", "button", "link"]
    assert fit(Meaning(noun="button"), on).strict == (0, 1)
    assert fit(Meaning(noun="link"), on).lenient == (1, 2)


def test_what_a_thing_is_for_ignores_its_noun_for_rivals():
    one = screen(element("button", (10, 10, 40, 40), title="Notifications", name="Notifications"))
    two = screen(
        element("button", (10, 10, 40, 40), title="Notifications", name="Notifications"),
        element("link", (10, 100, 200, 120), text="All notifications"),
    )
    meant = Meaning(noun="button", purpose="notifications")
    assert fit(meant, one).picks(0)
    assert fit(meant, two).lenient == (0, 1)


def test_an_unnamed_icon_that_looks_alike_is_a_rival():
    def icon(x: int, **fields: Any) -> dict[str, Any]:
        return element("icon", (x, 10, x + 24, 34), paint="blue", **fields)

    on = screen(icon(10, icon="trash"), icon(60, tag="svg"))
    assert fit(Meaning(noun="icon", icon="delete"), on).strict == (0,)
    assert fit(Meaning(noun="icon", icon="delete"), on).lenient == (0, 1)


# -- against plain loops ----------------------------------------------------------------------------------------------


def brute(meaning: Meaning, on: Screen) -> set[int]:
    """The strict reading by loops over records: only what `random_records` makes, where nothing is nested."""

    def fits(e: dict[str, Any]) -> bool:
        nouns = {"textbox": "field", "paragraph": "text", None: "text"}
        if meaning.noun is not None and nouns.get(e["role"], e["role"]) != meaning.noun:
            return False
        if meaning.label is not None:
            given = e["text"] if meaning.by == "text" else (e[meaning.by] or "")
            if given.lower() != meaning.label.lower():
                return False
        if meaning.state in ("checked", "unchecked") and e["checked"] is not (meaning.state == "checked"):
            return False
        if meaning.colour is not None and e.get("paint") != meaning.colour:
            return False
        if meaning.corner is not None:
            x, y = (e["box"][0] + e["box"][2]) / 1600, (e["box"][1] + e["box"][3]) / 1200
            v, h = meaning.corner.split()
            if not ((x <= 0.2 if h == "left" else x >= 0.8) and (y <= 0.2 if v == "top" else y >= 0.8)):
                return False
        return True

    def stands(e: dict[str, Any], a: dict[str, Any]) -> bool:
        (x1, y1, x2, y2), (ax1, ay1, ax2, ay2) = e["box"], a["box"]
        side_by_side = (min(y2, ay2) - max(y1, ay1)) * 2 >= min(y2 - y1, ay2 - ay1)
        one_over_other = (min(x2, ax2) - max(x1, ax1)) * 2 >= min(x2 - x1, ax2 - ax1) or abs(x1 - ax1) <= 8
        return {
            "right": side_by_side and -2 <= x1 - ax2 <= 240,
            "left": side_by_side and -2 <= ax1 - x2 <= 240,
            "below": one_over_other and -2 <= y1 - ay2 <= 180,
            "above": one_over_other and -2 <= ay1 - y2 <= 180,
        }[meaning.direction or ""]

    def place(ids: list[int]) -> set[int]:
        order = meaning.order
        if order is None or not ids:
            return set(ids)
        if order.axis == "size":
            size = {i: (on.boxes[i][2] - on.boxes[i][0]) * (on.boxes[i][3] - on.boxes[i][1]) for i in ids}
            return {i for i in ids if max(size.values()) < 1.5 * size[i]}
        if (order.pair and len(ids) != 2) or (order.index > 0 and len(ids) > 8):
            return set(ids)
        low, high = (0, 2) if order.axis == "x" else (1, 3)
        ids = sorted(ids, key=(lambda i: -on.boxes[i][high]) if order.last else (lambda i: on.boxes[i][low]))
        if order.index >= len(ids):
            return set()
        for k in range(1, min(order.index + 2, len(ids))):
            for earlier in ids[:k]:
                a, b = on.boxes[earlier], on.boxes[ids[k]]
                if (b[low] < a[high] - 2) if not order.last else (b[high] > a[low] + 2):
                    return set(ids)
        return {ids[order.index]}

    records = list(on.elements)
    if meaning.anchor is None:
        return place([i for i, e in enumerate(records) if fits(e)])
    out: set[int] = set()
    for a in brute(meaning.anchor, on):
        out |= place([i for i, e in enumerate(records) if i != a and fits(e) and stands(e, records[a])])
    return out


@pytest.mark.parametrize("seed", range(40))
def test_the_strict_reader_agrees_with_plain_loops(seed: int):
    on = Screen(*_page(seed))
    meanings = {
        m for i in np.flatnonzero(on.askable) for propose in FAMILIES.values() for m in propose(on, int(i)) if m.purpose is None
    }
    assert len(meanings) > 10
    for meaning in sorted(meanings, key=Meaning.as_json):
        assert set(fit(meaning, on).strict) == brute(meaning, on), meaning.as_json()


def test_both_readers_say_no_often_and_yes_often():
    """So that the test above compares more than empty sets."""
    yes = no = 0
    for seed in range(40):
        on = Screen(*_page(seed))
        for i in np.flatnonzero(on.askable):
            for propose in FAMILIES.values():
                for meaning in propose(on, int(i)):
                    good = fit(meaning, on).picks(int(i))
                    yes, no = yes + good, no + (not good)
    assert yes > 500
    assert no > 500


@pytest.mark.parametrize("seed", range(10))
def test_one_more_element_never_makes_a_rival_vanish_from_a_plain_description(seed: int):
    """Without order, whatever a description fits it still fits when the page grows."""
    records, _ = _page(seed)
    smaller = screen(*records[:-1])
    larger = screen(*records)
    for i in range(smaller.n):
        for propose in FAMILIES.values():
            for meaning in propose(smaller, i):
                if meaning.order is None and (meaning.anchor is None or meaning.anchor.order is None):
                    assert set(fit(meaning, smaller).lenient) <= set(fit(meaning, larger).lenient)


def _page(seed: int) -> tuple[list[dict[str, Any]], np.ndarray]:
    records = random_records(seed)
    return numbered(records), drawn(records)
