"""What a screen works out: representatives, whole text, landmarks, scale, what lies under a point."""

from gui_screens import element, screen

from gui_crawl.screen import lengths, loose, normal, words_within


def test_text_as_a_reader_compares_it():
    assert normal("  Ｓave\n All ") == "save all"
    assert loose(normal("Inbox (3):")) == "inbox"
    assert loose("42%") == "42%"  # nothing else is left of it
    assert words_within("add", "add to cart")
    assert not words_within("add", "address")
    assert words_within("保存", "请保存更改")


def test_a_button_stands_for_the_icon_that_fills_it_and_not_for_one_beside_its_text():
    on = screen(
        element("button", (10, 10, 50, 50)),
        element("icon", (18, 18, 42, 42), icon="x", parent=0),
        element("link", (100, 10, 300, 50), text="Home"),
        element("icon", (104, 18, 128, 42), icon="home", parent=2),
    )
    assert on.representative.tolist() == [0, 0, 2, 3]
    assert on.icon(0) == "x"
    assert on.icon(2) is None


def test_text_is_whole_where_its_box_can_hold_it():
    text = "Onboarding Guide.docx"
    wide = lengths(text) * 14
    on = screen(
        element("text", (10, 10, 10 + wide + 2, 30), text=text),
        element("text", (10, 50, 10 + 0.8 * wide, 70), text=text),
        element("text", (10, 90, 10 + 0.6 * wide, 126), text=text),  # two lines
        element("text", (10, 140, 10 + wide, 146), text=text),  # a sliver of its height
        element("text", (10, 190, 10 + wide + 2, 210), text=text, cut=True),
    )
    assert [on.shows_all(i) for i in range(5)] == [True, False, True, False, False]


def test_a_page_shrunk_to_a_phone_is_measured_by_its_text():
    records = [element("text", (10, 10 + 30 * k, 200, 30 + 30 * k), text=f"line {k}", font_size=16.0) for k in range(8)]
    assert screen(*records, scale=3.0).scale < 1.2
    records = [element("text", (10, 10 + 70 * k, 600, 66 + 70 * k), text=f"line {k}", font_size=16.0) for k in range(8)]
    assert screen(*records, scale=3.0).scale == 3.0


def test_landmarks_are_short_texts_said_once():
    on = screen(
        element("heading", (10, 10, 200, 40), text="Orders"),
        element("text", (10, 50, 200, 70), text="Paid"),
        element("text", (10, 80, 200, 100), text="Paid"),
        element("text", (10, 110, 60, 130), text="7"),
    )
    assert on.landmarks.tolist() == [0]


def test_under_a_point_lies_the_smallest_thing():
    on = screen(
        element("dialog", (0, 0, 400, 400), text="Sure? Yes"),
        element("button", (100, 100, 200, 140), text="Yes", parent=0),
    )
    assert on.at(150, 120) == 1
    assert on.at(300, 300) == 0
    assert on.at(500, 500) is None


def test_the_current_link_of_a_column_is_a_link_and_a_lone_painted_one_a_button():
    column = [element("link", (10, 10 + 40 * k, 200, 44 + 40 * k), text=f"Page {k}") for k in range(3)]
    current = element("link", (10, 130, 200, 164), text="Here", paint="blue")
    lone = element("link", (400, 10, 520, 44), text="Sign up", paint="blue")
    assert screen(*column, current, lone).kinds == ["link"] * 4 + ["button"]


def test_what_is_put_together_of_many_parts_is_not_quoted():
    parts = [element("text", (20, 20 + 20 * k, 180, 38 + 20 * k), text=f"part {k}", parent=0) for k in range(3)]
    on = screen(element("link", (10, 10, 200, 100), text="part 0 part 1 part 2"), *parts)
    assert on.composite(0)
    assert not on.composite(1)
