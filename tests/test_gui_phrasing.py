"""Every meaning can be said in both languages, in more than one way, and no wording has a hole."""

import re
import string
from itertools import pairwise

import pytest

from gui_crawl import phrasing
from gui_crawl.colours import COLOURS
from gui_crawl.concepts import CONCEPTS, hinted, of_icon, of_label
from gui_crawl.meaning import CORNERS, SHAPES, STATES, Meaning, Order
from gui_crawl.nouns import CONTAINERS, NOUNS
from gui_crawl.phrasing import LANGUAGES, expression
from gui_crawl.phrasing.pick import Pick

FIELD = Meaning(noun="field")
ORDERS = [
    Order(axis=axis, index=index, last=last, pair=pair)
    for axis in ("x", "y")
    for index, last, pair in ((0, False, False), (3, False, False), (0, True, False), (0, False, True), (0, True, True))
] + [Order(axis="size", last=True)]
MEANINGS = [
    *[Meaning(noun=noun) for noun in NOUNS if noun != "list"],
    *[Meaning(noun=noun, label="Save", by=by) for noun in ("button", None, "text", "cell") for by in ("text", "name", "placeholder", "title")],
    *[Meaning(noun="checkbox", state=state) for state in STATES],
    *[Meaning(noun="button", colour=colour, disc=disc) for colour in COLOURS for disc in (False, True)],
    *[Meaning(noun="button", shape=shape) for shape in SHAPES],
    *[Meaning(noun="button", purpose=key) for key in CONCEPTS],
    *[Meaning(noun="icon", icon=key) for key, concept in CONCEPTS.items() if concept.picture],
    *[Meaning(noun="link", corner=corner) for corner in CORNERS],
    *[Meaning(noun="field", order=order) for order in ORDERS],
    *[Meaning(noun="field", direction=d, anchor=Meaning(label="Email")) for d in ("right", "left", "above", "below", "inside")],
    *[
        Meaning(noun="field", direction=d, anchor=Meaning(label="Email", noun="heading"), order=Order(axis=a, index=1))
        for d, a in (("right", "x"), ("below", "y"))
    ],
    *[Meaning(noun="field", direction="inside", anchor=Meaning(noun=noun)) for noun in CONTAINERS],
]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_meaning_is_said_without_holes(language: str):
    for meaning in MEANINGS:
        for k in range(12):
            said = expression(meaning, language, Pick(1, str(k)))
            assert said
            assert said == " ".join(said.split())
            assert not re.search(r"None|\{|\}|\b(\w+) \1\b", said), said
            assert any("一" <= c <= "鿿" for c in said) == (language == "zh" or False) or meaning.label
            if meaning.label:
                assert "Save" in said


def test_as_the_brief_says_it():
    def all_(meaning: Meaning, language: str) -> set[str]:
        return {expression(meaning, language, Pick(0, str(k))) for k in range(60)}

    assert "the left button" in all_(Meaning(noun="button", order=Order(axis="x", pair=True)), "en")
    assert "左侧按钮" in all_(Meaning(noun="button", order=Order(axis="x", pair=True)), "zh")
    assert "the red icon" in all_(Meaning(noun="icon", colour="red"), "en")
    assert "红色图标" in all_(Meaning(noun="icon", colour="red"), "zh")
    under = Meaning(noun="field", direction="below", anchor=Meaning(label="Email"), order=Order(axis="y", index=1))
    assert 'the second field under "Email"' in all_(under, "en")
    assert "“Email”下方第二个输入框" in all_(under, "zh")


def test_different_meanings_are_worded_differently():
    """What differs in meaning never comes out as the same words, whatever is drawn."""
    for language in LANGUAGES:
        said: dict[str, Meaning] = {}
        for meaning in MEANINGS:
            if meaning.by in ("name", "title") and meaning.label:
                continue  # a name may be called a name whether a label or a tool tip tells it
            for k in range(20):
                words = expression(meaning, language, Pick(2, str(k)))
                assert said.setdefault(words, meaning) == meaning, words


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_task_has_several_wordings_with_the_slots_it_is_given(language: str):
    slots = {key: {"what"} for key in ("locate_box", "locate_point", "list")}
    slots |= {key: {"where"} for key in ("describe_box", "describe_point", "read")} | {"act": {"goal"}}
    questions = LANGUAGES[language].QUESTIONS
    assert questions.keys() == phrasing.LANGUAGES["en"].QUESTIONS.keys()
    for task, wordings in questions.items():
        assert len(set(wordings)) == len(wordings) >= 2
        for wording in wordings:
            assert {name for _, name, _, _ in string.Formatter().parse(wording) if name} == slots.get(task, set())


def test_wordings_are_drawn_by_seed_and_id():
    draws = [phrasing.question("locate_box", "en", Pick(3, str(k)), what="it") for k in range(200)]
    assert draws == [phrasing.question("locate_box", "en", Pick(3, str(k)), what="it") for k in range(200)]
    assert len(set(draws)) == len(LANGUAGES["en"].QUESTIONS["locate_box"])


def test_no_word_and_no_icon_stands_for_two_purposes():
    for entered in (True, False):  # an "Email" is a field's and a link's, each for itself
        words = sorted(word for concept in CONCEPTS.values() if concept.entered in (entered, None) for word in concept.words)
        assert all(a != b for a, b in pairwise(words))
    icons = sorted(icon for concept in CONCEPTS.values() for icon in concept.icons)
    assert all(a != b for a, b in pairwise(icons))


def test_icon_names_are_known_with_and_without_their_sets_prefix():
    assert {of_icon(name) for name in ("trash", "fa-trash", "bi-trash-fill", "Trash-O", "icon_trash")} == {"delete"}
    assert of_icon("chart-line") is None
    assert of_label("log in") == "login"
    assert of_label("log into the tower") is None
    assert hinted(CONCEPTS["add"], frozenset({"new project"}), None)
    assert not hinted(CONCEPTS["add"], frozenset({"news"}), None)
