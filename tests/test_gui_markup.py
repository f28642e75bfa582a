"""Markup is well-formed HTML that says what the screen shows, in order, and nothing it does not."""

from html.parser import HTMLParser

import pytest
from gui_screens import element, random_records, screen

from gui_crawl.markup import html
from gui_crawl.screen import pieces

VOID = {"img", "input", "br", "hr"}


class Read(HTMLParser):
    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data.split()


def test_text_stands_between_the_children_it_stood_between():
    on = screen(
        element("text", (10, 10, 500, 40), text="Read the guide or ask support today"),
        element("link", (50, 10, 100, 40), text="guide", parent=0),
        element("link", (150, 10, 250, 40), text="support", parent=0),
    )
    assert html(on).split("\n") == [
        "<p>",
        " Read the",
        ' <a href="#">guide</a>',
        " or ask",
        ' <a href="#">support</a>',
        " today",
        "</p>",
    ]


def test_what_shows_is_an_attribute():
    on = screen(
        element("checkbox", (10, 10, 28, 28), name="On", checked=True),
        element("field", (10, 50, 200, 80), placeholder="Search <all>", value='a"b'),
        element("button", (10, 100, 100, 130), text="Go", disabled=True, paint="red", background="#00ff00", color="#ffffff"),
        element("tab", (10, 150, 100, 180), text="One", selected=True),
    )
    tags = Read(html(on)).tags
    assert tags[0] == ("input", {"type": "checkbox", "checked": None})
    assert tags[1] == ("input", {"type": "text", "placeholder": "Search <all>", "value": 'a"b'})
    assert tags[2][1] == {"disabled": None, "style": "background:#dc1e23;color:#ffffff"}  # as the pixels have it
    assert tags[3][1] == {"role": "tab", "aria-selected": "true"}


def test_hostile_text_stays_text():
    on = screen(element("text", (10, 10, 500, 40), text="</p><script>alert(1)</script>"))
    assert [tag for tag, _ in Read(html(on)).tags] == ["p"]


@pytest.mark.parametrize("seed", range(10))
def test_it_is_well_formed_and_says_all_words_in_order(seed: int):
    records = random_records(seed)
    on = screen(*records)
    assert Read(html(on)).words == [word for record in records if record["tag"] != "input" for word in record["text"].split()]


def test_pieces_put_together_are_the_text():
    assert pieces("Read the guide or ask", ["guide"]) == ["Read the", "or ask"]
    assert pieces("a b", ["", "b"]) == ["", "a", ""]
    assert pieces("nothing of it", ["missing"]) == ["", "nothing of it"]
