"""Questions whose answers are beyond doubt: checked against the labels they were made from."""

import re

import numpy as np
import pytest
from synthetic_sources import languages_here, source, system_fonts

from ocr_synth.synthetic.elements import markdown_table
from ocr_synth.synthetic.labels import LabelBlock, LabelLine, Labels, Word
from ocr_synth.synthetic.phrasings import PHRASINGS
from ocr_synth.synthetic.render import Renderer
from ocr_synth.synthetic.sampling import Sampling
from ocr_synth.synthetic.tasks import Tasks, content, turns, written
from sieveline import training_sample
from sieveline.errors import ConfigError

BOX = re.compile(r"\[(\d{1,3}), (\d{1,3}), (\d{1,3}), (\d{1,3})\]")


def asked(number: int = 25, config: Tasks | None = None):
    for language in languages_here():
        renderer = Renderer(source(language), system_fonts(), (), Sampling(), 1)
        for index in range(number // 4):
            document = renderer.render(index)
            size = (document.width, document.height)
            yield document, turns(document.labels, size, language, config or Tasks(), 0, f"{language}{index}")


def text_asked_for(question: str) -> str:
    """What a question of the task `locate` asks about."""
    for phrasing in (p for phrasings in PHRASINGS["locate"].values() for p in phrasings):
        before, after = phrasing.split("{text}")
        if question.startswith(before) and question.endswith(after):
            return question[len(before) : len(question) - len(after)]
    raise AssertionError(question)


def lines_inside(labels: Labels, box: np.ndarray, size: tuple[int, int]) -> str:
    """The text of lines whose middle lies in `box` (thousandths)."""
    found = []
    for line in labels.lines:
        points = np.array(line.polygon)
        middle = (points.min(0) + points.max(0)) / 2 / size * 1000
        if (middle >= box[:2]).all() and (middle <= box[2:] + 1).all():
            found.append(line.text)
    return "".join("".join(found).split())


def test_answers_are_what_the_labels_say():
    seen = set()
    for document, found in asked():
        labels, size = document.labels, (document.width, document.height)
        assert 0 < len(found) <= 4
        for turn in found:
            seen.add(turn.task)
            if turn.task == "transcribe":
                assert turn.answer == labels.text
            elif turn.task == "markdown":
                assert turn.answer == labels.markdown
            elif turn.task == "table":
                assert turn.answer == next(b.markdown for b in labels.blocks if b.role == "table")
            elif turn.task == "region":
                box = np.array([int(v) for v in BOX.search(turn.question).groups()])  # pyright: ignore[reportOptionalMemberAccess]
                assert sorted(lines_inside(labels, box, size)) == sorted("".join(turn.answer.split()))
            else:
                inner = re.fullmatch(r"<\|begin_of_box\|>(.*)<\|end_of_box\|>", turn.answer)
                box = np.array([int(v) for v in BOX.fullmatch(inner.group(1)).groups()])  # pyright: ignore
                assert (box[:2] <= box[2:]).all()
                places = {line.text: line.polygon for line in labels.lines}
                places |= {w.text: w.polygon for line in labels.lines for w in line.words if w.text not in places}
                points = np.array(places[text_asked_for(turn.question)]) / size * 1000
                assert np.abs(box - np.concatenate([points.min(0), points.max(0)])).max() <= 1.01
    assert seen >= {"transcribe", "region", "locate"}


def test_nothing_is_given_away_before_it_is_asked():
    for _, found in asked():
        tasks = [turn.task for turn in found]
        assert all(task not in ("transcribe", "markdown") for task in tasks[:-1])
        read = [turn.answer for turn in found if turn.task == "region"]
        for turn in found:
            if turn.task == "locate":
                assert not any(answer and answer in turn.question for answer in read)


def block(role: str, *texts: str) -> Labels:
    lines = [
        LabelLine(t, [[0, 20.0 * i], [100, 20.0 * i], [100, 20.0 * i + 15], [0, 20.0 * i + 15]], (Word(t, [[0, 0]]),), 0, {})
        for i, t in enumerate(texts)
    ]
    return Labels((LabelBlock(role, "\n".join(texts), "\n".join(texts)),), tuple(lines))


def test_a_text_that_stands_twice_is_not_located():
    labels = block("paragraph", "same words", "same words", "same words again")
    for seed in range(40):
        for turn in turns(labels, (100, 100), "en", Tasks(max_turns=4), seed, "x"):
            assert turn.task != "locate" or "again" in turn.question


def test_boxes_are_thousandths_that_hold_what_they_name():
    assert written(np.array([0, 0, 100, 50]), (100, 50)) == "[0, 0, 999, 999]"
    assert written(np.array([10.0, 10.0, 20.0, 20.0]), (100, 100)) == "[100, 100, 199, 199]"
    assert written(np.array([50.0, 50.0, 50.0, 50.0]), (100, 100)) == "[500, 500, 500, 500]"


def test_the_same_sample_is_asked_the_same_and_content_is_of_the_contract():
    labels = block("paragraph", "first line of text", "second line of it")
    first = turns(labels, (100, 100), "en", Tasks(), 3, "id")
    assert first == turns(labels, (100, 100), "en", Tasks(), 3, "id")
    parts = content("0.jpg", first)
    training_sample.validate({"id": "x", "line": "ocr", "content": parts, "provenance": {}})
    assert [part.get("loss") for part in parts[1:]] == [False, True] * len(first)


def test_questions_come_in_the_documents_language_in_about_their_share():
    labels = block("paragraph", "первая строка текста", "вторая строка его")
    questions = [t.question for s in range(300) for t in turns(labels, (100, 100), "ru", Tasks(), s, "x")]
    own = sum(any("а" <= c <= "я" for c in re.sub(r"«.*?»|\".*?\"|“.*?”", "", q)) for q in questions) / len(questions)
    assert 0.4 < own < 0.6
    assert len(set(questions)) > 10


def test_every_phrasing_names_what_it_asks_about():
    for task, languages in PHRASINGS.items():
        assert {"en", "zh"} <= languages.keys()
        for phrasing in (p for phrasings in languages.values() for p in phrasings):
            assert ("{box}" in phrasing) == (task == "region")
            assert ("{text}" in phrasing) == (task == "locate")


def test_pipes_in_cells_do_not_break_tables():
    assert markdown_table([["a|b", "c"], ["d\\", "e"]]) == "| a\\|b | c |\n| --- | --- |\n| d\\\\ | e |"


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="max_turns"):
        Tasks(max_turns=0)
    with pytest.raises(ConfigError, match="share"):
        Tasks(chinese_share=1.5)
