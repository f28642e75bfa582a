"""The verifier: what passes, what does not and why; evidence asked for only where it is needed; rows that ignore their
neighbours."""

import itertools
import string
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from recaption import verify
from recaption.facts import FactFinder
from recaption.generator import Failure, Request
from recaption.verify import Verifier
from sieveline.stages.recaption import Recaption, decide


@pytest.fixture(scope="module")
def finder() -> FactFinder:
    return FactFinder()


def unread() -> bytes:
    raise AssertionError("the verifier itself reads no image")


def requests(
    finder: FactFinder, captions: Sequence[str], languages: Sequence[str] | None = None, **fields: object
) -> list[Request]:
    languages = languages or ["en"] * len(captions)
    found = finder.find(captions, languages)
    triples = zip(captions, languages, found, strict=True)
    return [Request(f"{i:032x}", c, lang, f, unread, **fields) for i, (c, lang, f) in enumerate(triples)]


class Sign:
    """Evidence that says what it is told and remembers who asked."""

    name = "sign"

    def __init__(self, texts: list[str]):
        self._texts = texts
        self.asked: list[str] = []

    def texts(self, requests: Sequence[Request]) -> list[list[str]]:
        self.asked += [r.caption for r in requests]
        return [self._texts for _ in requests]


GOOD = [
    ("herb | Stock photo", "A green herb.", "en"),
    ("Two dogs in Paris IMG_1234.jpg", "2 dogs playing in Paris.", "en"),
    ("1,000 red balls", "A heap of 1000 red balls on grass.", "en"),
    ("Amaranth seed, black", "Black amaranth seeds in a bowl.", "en"),
    ("Un perro marr\u00c3\u00b3n en Barcelona", "Un perro marrón en la ciudad de Barcelona.", "es"),
    ("红色汽车 图片", "一辆红色汽车停在路边", "zh"),
]
BAD = [
    ("Two dogs in Paris", "Three dogs in Paris", "en", "fact_lost"),
    ("A boat 5 km from shore", "A boat 5 m from shore", "en", "fact_lost"),
    ("red car and blue house", "blue car and red house", "en", "fact_lost"),
    ("leaf fluttering in wind", "a leaf lies in the wind", "en", "fact_lost"),
    ("The Eiffel Tower", "A tall iron tower", "en", "fact_lost"),
    ("two dogs and a cat", "two dogs, a cat and five birds", "en", "unsupported_fact"),
    ("an inukshuk by the sea", "An inukshuk by the sea, near the Golden Gate Bridge", "en", "unsupported_fact"),
    ("a bridge", "A bridge, built in 1937", "en", "unsupported_fact"),
    ("a dog on a mat", "A DOG on a mat.", "en", "unchanged"),
    ("a frog", "a frog frog frog frog frog", "en", "candidate_repetition"),
    ("a guitar", "la guitar está en la casa de los niños", "en", "candidate_language"),
    ("Reflection of a mountain lake at dawn with a boat", "mountain lake", "en", "fact_lost"),
    ("a dog", "", "en", "generation_failed"),
]


def reasons(finder: FactFinder, rows: Sequence[tuple], config: Recaption | None = None, **verifier: object) -> list[str | None]:
    batch = Verifier(finder, **verifier).measure(
        requests(finder, [r[0] for r in rows], [r[2] for r in rows]), [r[1] for r in rows]
    )
    return decide(batch, config or Recaption()).column("reason").to_pylist()


@pytest.mark.parametrize("row", GOOD, ids=lambda r: r[0])
def test_good_candidates_pass(finder: FactFinder, row: tuple) -> None:
    assert reasons(finder, [row]) == [None]


@pytest.mark.parametrize("row", BAD, ids=lambda r: r[1] or "empty")
def test_bad_candidates_do_not(finder: FactFinder, row: tuple) -> None:
    assert reasons(finder, [row]) == [row[3]]


def test_rows_do_not_depend_on_their_neighbours(finder: FactFinder) -> None:
    rows = [*GOOD, *(r[:3] for r in BAD)]
    made = requests(finder, [r[0] for r in rows], [r[2] for r in rows])
    verifier = Verifier(finder)
    together = verifier.measure(made, [r[1] for r in rows])
    alone = [verifier.measure([m], [r[1]]) for m, r in zip(made, rows, strict=True)]
    assert together.equals(pa.Table.from_batches(alone).combine_chunks().to_batches()[0])


def test_the_table_in_the_docstring_is_the_schema() -> None:
    rows = [line.split("|")[1:4] for line in (verify.__doc__ or "").splitlines() if line.startswith("| ")][1:]
    types = {"string": pa.string(), "bool": pa.bool_(), "int32": pa.int32(), "float32": pa.float32(), "list": verify.SPANS}
    assert [(n.strip(), types[t.strip()]) for n, t, _ in rows] == [(f.name, f.type) for f in verify.COLUMNS]


def test_a_failure_is_a_row(finder: FactFinder) -> None:
    batch = Verifier(finder).measure(requests(finder, ["a dog"]), [Failure("timeout", "no answer")])
    row = batch.to_pylist()[0]
    assert (row["candidate"], row["failure"], row["original"], row["fact_recall"]) == (None, "timeout", "a dog", None)
    assert decide(batch, Recaption()).to_pylist() == [{"reason": "generation_failed", "value": None, "threshold": None}]


def test_evidence_is_asked_only_where_nothing_supports_a_number_or_name(finder: FactFinder) -> None:
    sign = Sign(["Lima Airport", "gate 42", "OPEN"])
    captions = ["a sign", "a dog", "a hall", "a plane"]
    candidates = ["A sign that says Lima Airport.", "A small brown dog.", "A hall with gate 42.", "A plane bound for Oslo."]
    made = requests(finder, captions)
    batch = Verifier(finder, evidence=[sign]).measure(made, candidates)
    assert sign.asked == ["a sign", "a hall", "a plane"]
    assert batch.column("num_new_facts").to_pylist() == [1, 0, 1, 1]
    assert batch.column("num_unsupported").to_pylist() == [0, 0, 0, 1]
    states = [{s["state"] for s in spans} for spans in batch.column("candidate_spans").to_pylist()]
    assert "evidenced" in states[0]
    assert "unsupported" in states[3]


def test_a_second_source_is_asked_only_for_what_is_left(finder: FactFinder) -> None:
    first, second = Sign(["Lima"]), Sign(["Oslo"])
    Verifier(finder, evidence=[first, second]).measure(
        requests(finder, ["a bus", "a ship"]), ["A bus in Lima.", "A ship in Oslo."]
    )
    assert first.asked == ["a bus", "a ship"]
    assert second.asked == ["a ship"]


def test_spans_point_at_the_facts(finder: FactFinder) -> None:
    original, candidate = "Two dogs &amp; a cat | Stock photo", "Two dogs near Rome"
    [row] = Verifier(finder).measure(requests(finder, [original]), [candidate]).to_pylist()
    marked = {(original[s["start"] : s["end"]], s["state"]) for s in row["original_spans"]}
    assert {("Two dogs", "kept"), ("cat", "lost")} <= marked
    assert ("Rome", "unsupported") in {(candidate[s["start"] : s["end"]], s["state"]) for s in row["candidate_spans"]}


def axes(texts: Sequence[str]) -> np.ndarray:
    """Real vectors with known cosines to the first axis: the share of words that are `dog`."""
    share = np.array([t.lower().split().count("dog") / max(1, len(t.split())) for t in texts])
    return np.stack([share, np.sqrt(1 - share**2)], axis=1).astype(np.float32)


def test_alignment_may_not_fall(finder: FactFinder) -> None:
    made = requests(finder, ["dog x", "dog x"], image_embedding=np.array([1, 0], np.float16))
    batch = Verifier(finder, embed_texts=axes).measure(made, ["dog x dog y", "dog x and much more of it"])
    assert batch.column("alignment_before").to_pylist() == [0.5, 0.5]
    assert batch.column("alignment_after").to_pylist() == [0.5, pytest.approx(1 / 7, abs=1e-4)]
    loose = {
        "min_fact_recall": None,
        "max_unsupported": None,
        "min_language_probability": None,
        "max_repetition": None,
        "max_repeated": None,
    }
    assert decide(batch, Recaption(**loose)).column("reason").to_pylist() == [None, "alignment_lower"]
    assert decide(batch, Recaption(**loose, max_alignment_drop=0.5)).column("reason").to_pylist() == [None, None]
    assert decide(batch, Recaption(**loose, max_alignment_drop=None)).column("reason").to_pylist() == [None, None]


def test_without_an_embedding_alignment_is_null_and_breaks_no_rule(finder: FactFinder) -> None:
    batch = Verifier(finder, embed_texts=axes).measure(requests(finder, ["a dog"]), ["A small dog."])
    assert batch.column("alignment_after").to_pylist() == [None]
    assert decide(batch, Recaption()).column("reason").to_pylist() == [None]


def test_none_turns_every_rule_off(finder: FactFinder) -> None:
    fields = [f for f in Recaption.__dataclass_fields__ if f != "require_change"]
    off = Recaption(require_change=False, **dict.fromkeys(fields))
    kinds = set(reasons(finder, [r[:3] for r in BAD], off))
    assert kinds == {None, "generation_failed"}


def test_thresholds_are_reported(finder: FactFinder) -> None:
    batch = Verifier(finder).measure(requests(finder, ["Two dogs in Paris"]), ["Two dogs"])
    [verdict] = decide(batch, Recaption()).to_pylist()
    assert verdict["reason"] == "fact_lost"
    assert verdict["value"] == pytest.approx(2 / 3)
    assert verdict["threshold"] == 1.0


def test_repetition() -> None:
    assert verify.repetition("a cat and a dog on a mat") == 0
    assert verify.repetition("the cat sat the cat sat the cat sat") > 0.4
    assert verify.repetition("no no no no") == 0.75
    assert verify.repetition("猫猫猫猫猫") == 0.8


def test_made_up_and_repeated_words_are_told(finder: FactFinder) -> None:
    originals = ["calendar: date", "a brown horse", "Map of Ireland"]
    candidates = ["calendar: date, fechaarqo", "a brown horse, horse", "Map of Ireland with its provinces"]
    batch = Verifier(finder).measure(requests(finder, originals), candidates)
    assert batch.column("num_coined").to_pylist() == [1, 0, 0]
    assert batch.column("num_repeated").to_pylist() == [0, 1, 0]
    loose = {"min_language_probability": None, "max_repetition": None, "max_unsupported": None}
    assert decide(batch, Recaption(**loose)).column("reason").to_pylist() == ["unsupported_fact", "candidate_repetition", None]


def test_no_language_code_stops_the_verifier(finder: FactFinder) -> None:
    """A detector names any of two hundred languages, some of whose word lists want a segmenter that is not here."""
    codes = ["".join(pair) for pair in itertools.product(string.ascii_lowercase, repeat=2)]
    codes += ["", "yue", "zh-cn", "../x"]
    assert len(finder.find(["Two cats in Paris, 两只猫, 고양이, кошка, 3"] * len(codes), codes)) == len(codes)
    assert all(verify.is_coined("trainzzz", code) for code in codes)


@pytest.mark.parametrize(
    ("word", "language", "coined"),
    [
        ("train", "zh", False),
        ("trainzzz", "ja", True),
        ("고양이", "ko", False),
        ("고양이쀍", "ko", True),
        ("katze", "de", False),
    ],
)
def test_words_are_known_by_their_language(word: str, language: str, coined: bool) -> None:
    assert verify.is_coined(word, language) == coined
