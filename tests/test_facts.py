"""Facts: offsets that point at the words, numbers in one form, noise that holds no facts, batches that change nothing."""

import pytest

from recaption import noise, words
from recaption.facts import Fact, FactFinder, FactKind, FactsConfig


@pytest.fixture(scope="module")
def finder() -> FactFinder:
    return FactFinder()


def facts(finder: FactFinder, caption: str, language: str = "en") -> tuple[Fact, ...]:
    [found] = finder.find([caption], [language])
    return found.facts


def keys(finder: FactFinder, caption: str, language: str = "en", kind: FactKind | None = None) -> set[tuple[str, ...]]:
    return {f.key for f in facts(finder, caption, language) if kind in (None, f.kind)}


@pytest.mark.parametrize(
    ("text", "language", "numbers"),
    [
        ("1,000 balls", "en", [("1000", "")]),
        ("1000 balls", "en", [("1000", "")]),
        ("1.000 pelotas y 1,5 km", "es", [("1000", ""), ("1.5", "km")]),
        ("two dogs, Twelve cats", "en", [("2", ""), ("12", "")]),
        ("twenty-five and two hundred and five", "en", [("25", ""), ("205", "")]),
        ("two and three", "en", [("2", ""), ("3", "")]),
        ("three million", "en", [("3000000", "")]),
        ("treinta y dos gatos", "es", [("32", "")]),
        ("5 km, 5km and 5 kilometres", "en", [("5", "km")] * 3),
        ("$5.50 and 20 °C at 50%", "en", [("5.5", "$"), ("20", "°C"), ("50", "%")]),
        ("10:30 on 12/05/2004", "en", [("10:30", ""), ("12/05/2004", "")]),
        ("the 1st of 3rd", "en", [("1", ""), ("3", "")]),
        ("an Airbus A380, an mp3, route-66", "en", [("66", "")]),
        ("this one and a dozen", "en", []),
        ("三只狗和十二个人，2024年", "zh", [("3", ""), ("12", ""), ("2024", "")]),
        ("三轮车", "zh", []),  # a tricycle counts nothing
        ("一只狗", "zh", []),
        ("", "en", []),
    ],
)
def test_numbers(text: str, language: str, numbers: list[tuple[str, str]]) -> None:
    assert [(n.value, n.unit) for n in words.numbers(text, language)] == numbers


@pytest.mark.parametrize(
    ("caption", "language", "expected"),
    [
        (
            "A red 1937 Ford truck near the Golden Gate Bridge",
            "en",
            {("red", "1937", "ford", "truck"), ("golden", "gate", "bridge")},
        ),
        ("Two dogs play with a ball", "en", {("2", "dog"), ("2", ""), ("ball",)}),
        ("Amaranth seed, black", "en", {("amaranth", "seed"), ("black",)}),
        ("A picture of a frog", "en", {("frog",)}),
        ("Born on 12 May 2004 in the US", "en", {("may",), ("us",), ("2004", "")}),
        ("Un perro marrón en la playa de Barcelona", "es", {("perro", "marron"), ("playa",), ("barcelona",)}),
        ("东京塔和富士山的照片", "zh", {("东京塔",), ("富士山",)}),
        ("東京タワー", "ja", {("東京",), ("タワー",)}),
    ],
)
def test_facts_are_found(finder: FactFinder, caption: str, language: str, expected: set[tuple[str, ...]]) -> None:
    assert expected <= keys(finder, caption, language)


@pytest.mark.parametrize(
    "caption",
    [
        "IMG_2034.jpg",
        "DSC00421",
        "https://example.com/a-cat",
        "Stock photo",
        "free download | buy now",
        "1920x1080",
        "image 1 of 5",
        "",
        "   ",
    ],
)
def test_noise_holds_no_facts(finder: FactFinder, caption: str) -> None:
    assert facts(finder, caption) == ()


@pytest.mark.parametrize(
    ("caption", "inside"),
    [
        ("A red fox in Norway | Stock photo", {"red fox", "Norway"}),
        ("Mom &amp; Dad in caf\u00c3\u00a9 Luna &#124; 1200x800 HD wallpaper", {"Dad"}),
        ("<b>A frog</b> on a leaf.png", {"frog", "leaf"}),
        ("A &quot;Bald Eagle&quot; over Alaska - free shipping", {"Alaska"}),
    ],
)
def test_offsets_point_into_the_original(finder: FactFinder, caption: str, inside: set[str]) -> None:
    found = facts(finder, caption)
    assert all(caption[f.start : f.end] == f.text for f in found)
    assert inside <= {f.text for f in found}


def test_entities_and_mojibake_are_decoded_with_their_place() -> None:
    caption = "Mom &amp; Dad at caf\u00c3\u00a9"
    clean = noise.strip(caption)
    assert clean.text == "Mom & Dad at café"
    at = clean.text.index("café")
    start, end = clean.span(at, at + 4)
    assert caption[start:end] == "caf\u00c3\u00a9"


def test_a_clean_caption_is_left_alone() -> None:
    caption = "A photo of one well-known dog, 3 cats - and a bird (in flight)."
    assert noise.strip(caption) == noise.Clean(caption, None)


def test_alone_and_among_others_alike(finder: FactFinder) -> None:
    captions = [f"A {a} {n} near {p} with {i} boats" for i, (a, n, p) in enumerate(ADJECTIVES_NOUNS_PLACES)]
    languages = ["en", "es", "en", "zh", "en", "en"] * 2
    together = finder.find(captions, languages)
    assert together == [finder.find([c], [lang])[0] for c, lang in zip(captions, languages, strict=True)]


ADJECTIVES_NOUNS_PLACES = [
    (a, n, p)
    for (a, n), p in zip(
        [("red", "house"), ("small", "dog"), ("old", "church"), ("green", "tree"), ("tall", "tower"), ("white", "cat")] * 2,
        ["Paris", "London", "Lima", "Rome", "Oslo", "Kyoto", "Cairo", "Berlin", "Madrid", "Quito", "Delhi", "Accra"],
        strict=True,
    )
]


def test_hostile_captions_end(finder: FactFinder) -> None:
    hostile = [
        "a" * 1_000_000,
        "&amp;" * 5000,
        "<" * 5000,
        "1," * 5000,
        "(" * 5000,
        "\x00\ud800\ufffd",
        "\u202e" * 50,
        "九" * 5000,
    ]
    found = finder.find(hostile, ["en", "es"] * 4)
    assert all(f.end <= FactsConfig().max_characters for x in found for f in x.facts)


def test_without_the_entity_recogniser_names_still_count() -> None:
    found = FactFinder(FactsConfig(entities=False)).find(["A boat on Lake Geneva in Switzerland"], ["en"])[0]
    assert {("lake", "geneva"), ("switzerland",)} <= {f.key for f in found.facts if f.kind is FactKind.PROPER_NOUN}
