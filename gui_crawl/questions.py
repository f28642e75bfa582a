"""The fan-out: one captured state in, its candidate questions out, each measured for the rules of `stages.questions`.

Which elements are asked about, by which expression, in which language and task: all are draws by (seed, question id), so a
capture gives the same questions wherever and whenever it is read.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xxhash

from gui_crawl import actions, privacy, tasks
from gui_crawl import boxes as geometry
from gui_crawl.capture import Capture
from gui_crawl.expressions import FAMILIES
from gui_crawl.meaning import Meaning
from gui_crawl.phrasing import LANGUAGES, expression, question
from gui_crawl.phrasing.pick import Pick
from gui_crawl.screen import Screen
from gui_crawl.stages.questions import REFERRING, Measuring
from gui_crawl.tasks import Question
from gui_crawl.uniqueness import fit
from sieveline.draws import uniform
from sieveline.reasons import Reason

TURNS = ("read", "caption", "list")
"""Page tasks that may share a sample with other questions of their capture."""
_TOKENS = re.compile(
    r"<\|[^|]{0,40}\|>|</?(?:think|answer)>|\[gMASK\]|<sop>|[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]"
)


def measure(capture: Capture, before: Capture | None, config: Measuring, seed: int) -> list[dict[str, Any]]:
    """All candidate questions on one captured capture, and on the step that led to it.

    Args:
        capture: what is asked about.
        before: the state that `capture.action` was done in, where it is at hand; else no question is asked of the step.
        config: see `Measuring`.
        seed: of all draws.

    Returns:
        Rows of `sample_id` and `MEASURED` (what is null may be missing), those that may go into one sample side by side; one row with a
        `flaw` where nothing can be asked.
    """
    if len(capture.elements) > config.max_elements:
        return [_flawed(capture, Reason.TOO_MANY_ELEMENTS, config, seed)]
    screen = capture.screen
    if screen is None:
        return [_flawed(capture, Reason.UNDECODABLE, config, seed)]
    if not screen.askable.any():
        return [_flawed(capture, Reason.EMPTY_PAGE, config, seed)]
    rows = [*_referring(capture, screen, config, seed), *_paging(capture, screen, config, seed)]
    if before is not None and capture.action is not None and before.screen is not None:
        rows += _acting(capture, before, before.screen, config, seed)
    rows = [_sealed(row) | {"form": _form(row, config, seed)} for row in rows]
    return sorted(rows, key=lambda row: (row["form"], row["draw"], row["sample_id"]))


def _form(row: dict[str, Any], config: Measuring, seed: int) -> str:
    """Whether a question goes alone, as a turn of a conversation, or into a list of its kind."""
    pick = Pick(seed, row["sample_id"])
    if row["task"] not in (*REFERRING, *TURNS) or pick.chance("single", config.single):
        return "single"  # markup is long, and an action's pair of screenshots is its own
    if row["task"] in TURNS:
        return "turns"
    return f"list {row['task']} {row['language']}" if pick.chance("list", config.listed) else "turns"


def _sealed(row: dict[str, Any]) -> dict[str, Any]:
    """The row, without its words where they hold personal data: the ledger keeps none either."""
    if row.get("personal") is None:
        return row
    return (
        row | dict.fromkeys(("meaning", "expression", "question", "answer")) | {"caption": f"{row['task']}, {row['personal']}"}
    )


def _id(*names: str | int) -> str:
    return xxhash.xxh3_128_hexdigest("\x1f".join(map(str, names)).encode())


def _flawed(capture: Capture, reason: Reason, config: Measuring, seed: int) -> dict[str, Any]:
    sample = _id(capture.id, reason)
    return {
        "sample_id": sample,
        "capture_id": capture.id,
        "flaw": reason.value,
        "form": "single",
        "draw": uniform(seed, "keep", sample),
        "caption": capture.title,
    }


def _drawn(screen: Screen, capture: Capture, config: Measuring, seed: int) -> list[int]:
    """Elements to ask about, at most `config.elements`: weighted draws without replacement (Efraimidis and Spirakis, 2006), a noun's
    weight shared by all that bear it."""
    ids = np.flatnonzero(screen.askable)
    kinds = [screen.kinds[i] or "" for i in ids]
    keys = [uniform(seed, "element", capture.id, int(i)) ** kinds.count(kind) for i, kind in zip(ids, kinds, strict=True)]
    return sorted(int(ids[k]) for k in np.argsort(keys, kind="stable")[::-1][: config.elements])


def _referring(capture: Capture, screen: Screen, config: Measuring, seed: int) -> Iterator[dict[str, Any]]:
    for i in _drawn(screen, capture, config, seed):
        for family, propose in FAMILIES.items():
            meanings = list(dict.fromkeys(propose(screen, i)))
            meanings.sort(key=lambda m: uniform(seed, "proposal", capture.id, i, family, repr(m)))
            for meaning in meanings[: config.tries]:
                said = meaning.as_json()
                sample = _id(capture.id, "refer", i, family, said)
                pick = Pick(seed, sample)
                language = "zh" if pick.chance("language", config.chinese) else "en"
                task = REFERRING[
                    int(np.searchsorted(np.cumsum(config.shares), uniform(seed, sample, "task"), side="right").clip(0, 3))
                ]
                found = fit(meaning, screen)
                hit = i in found.strict
                asked = tasks.refer(
                    screen, i, meaning, task, language, pick, len(found.strict) if hit else 0, len(set(found.lenient) - {i})
                )
                yield (
                    _row(sample, capture.id, asked, language, config, seed)
                    | _target(screen, i)
                    | {"family": family, "meaning": said}
                )
                if found.picks(i):
                    break


def _paging(capture: Capture, screen: Screen, config: Measuring, seed: int) -> Iterator[dict[str, Any]]:
    def ready(*names: str | int) -> tuple[str, Pick, str]:
        sample = _id(capture.id, *names)
        pick = Pick(seed, sample)
        return sample, pick, "zh" if pick.chance("language", config.chinese) else "en"

    nouns = sorted(tasks.list_nouns(screen), key=lambda noun: uniform(seed, "list", capture.id, noun))
    for noun in nouns[: config.lists]:
        sample, pick, language = ready("list", noun)
        yield _row(sample, capture.id, tasks.listing(screen, noun, language, pick), language, config, seed) | {"role": noun}
    texts = [
        i
        for i in np.flatnonzero(screen.askable).tolist()
        if screen.kinds[i] in tasks.READABLE and len(screen.texts[i]) >= config.min_read
    ]
    texts.sort(key=lambda i: uniform(seed, "read", capture.id, int(i)))
    for i in map(int, texts[: config.reads]):
        sample, pick, language = ready("read", i)
        yield _row(sample, capture.id, tasks.reading(screen, i, language, pick), language, config, seed) | _target(screen, i)
    if uniform(seed, "caption", capture.id) < config.captions:
        sample, pick, language = ready("caption")
        asked = tasks.captioning(screen, capture.title, language, pick, config.max_headings)
        yield _row(sample, capture.id, asked, language, config, seed)
    if uniform(seed, "markup", capture.id) < config.captions:
        sample, pick, language = ready("markup")
        yield _row(sample, capture.id, tasks.design(screen, language, pick), language, config, seed)


def _acting(capture: Capture, before: Capture, screen: Screen, config: Measuring, seed: int) -> Iterator[dict[str, Any]]:
    """Two questions on the step from `before` to `state`: which action a goal asks for, and which action made the difference."""
    action = capture.action
    assert action is not None
    answer = actions.calls(action, screen)
    target = action["element"]
    for task, ids in (("act", (before.id, None)), ("explain_change", (before.id, capture.id))):
        sample = _id(capture.id, task)
        pick = Pick(seed, sample)
        language = "zh" if pick.chance("language", config.chinese) else "en"
        row: dict[str, Any] = {"after_id": ids[1]}
        if answer is None:
            flawed = Question(task=task, text="", answer="")
            yield (
                _row(sample, before.id, flawed, language, config, seed)
                | row
                | {"flaw": Reason.UNANSWERABLE.value, "question": None, "answer": None}
            )
            continue
        meaning, strict, rivals = None, 1, 0
        goal = None
        if task == "act":
            meaning, strict, rivals = _named(screen, target) if target is not None else (None, 1, 0)
            goal = _goal(action, meaning, language, pick)
        texts = (action["text"] or "", *tasks.said(meaning))
        boxes = () if target is None else (tuple(geometry.thousandths(screen.boxes[target], screen.width, screen.height)),)
        asked = Question(
            task=task,
            text=question(
                task, language, pick, **({} if goal is None else {"goal": goal if language == "zh" else goal + " "})
            ).replace("  ", " "),
            answer=geometry.marked(answer),
            texts=texts,
            quoted=max(map(len, texts), default=0),
            boxes=boxes,
            fits=strict,
            rivals=rivals,
        )
        where = {} if target is None else _target(screen, target)
        yield (
            _row(sample, before.id, asked, language, config, seed)
            | where
            | row
            | {"meaning": meaning.as_json() if meaning else None}
        )


def _named(screen: Screen, i: int) -> tuple[Meaning | None, int, int]:
    """An expression for the element that was acted on: the first that picks it out, else the last that was tried, with what it fits."""
    rep = int(screen.representative[i])
    last: tuple[Meaning | None, int, int] = (None, 0, 0)
    for propose in FAMILIES.values():
        for meaning in dict.fromkeys(propose(screen, rep)):
            if max(map(len, tasks.said(meaning)), default=0) > 60:
                continue
            found = fit(meaning, screen)
            last = (meaning, len(found.strict) if rep in found.strict else 0, len(set(found.lenient) - {rep}))
            if found.picks(rep):
                return last
    return last


def _goal(action: Mapping[str, Any], meaning: Meaning | None, language: str, pick: Pick) -> str:
    goals = LANGUAGES[language].GOALS
    if action["kind"] == "scroll":
        return pick("goal", goals["scroll_down" if (action["dy"] or 0) > 0 else "scroll_up"])
    what = expression(meaning, language, pick) if meaning else ""
    return pick("goal", goals[action["kind"]]).format(what=what, text=LANGUAGES[language].quoted(action["text"] or ""))


def _target(screen: Screen, i: int) -> dict[str, Any]:
    """What the row says of the element that is asked about."""
    x1, y1, x2, y2 = screen.boxes[i]
    area = float((x2 - x1) * (y2 - y1)) / (screen.width * screen.height)
    x, y = geometry.centre(screen.boxes[i])
    return {
        "element": i,
        "role": screen.kinds[i] or "element",
        "size": "small" if area < 0.001 else "medium" if area < 0.01 else "large",
        "place": int(min(2, max(0, 3 * y // screen.height)) * 3 + min(2, max(0, 3 * x // screen.width))),
        "side": round(float(min(x2 - x1, y2 - y1)) / screen.scale, 2),
        "area": round(area, 6),
    }


def _row(sample: str, capture: str, asked: Question, language: str, config: Measuring, seed: int) -> dict[str, Any]:
    personal = next(filter(None, (privacy.personal(text, config.regions) for text in asked.texts)), None)
    return {
        "sample_id": sample,
        "capture_id": capture,
        "task": asked.task,
        "language": language,
        "fits": asked.fits,
        "rivals": asked.rivals,
        "quoted": asked.quoted,
        "cut": asked.cut,
        "personal": personal,
        "tokens": any(_TOKENS.search(text) for text in asked.texts),
        "answer_chars": len(asked.answer),
        "expression": asked.expression,
        "location": asked.where,
        "question": asked.text,
        "answer": asked.answer,
        "boxes": [v for box in asked.boxes for v in box],
        "draw": uniform(seed, "keep", sample),
        "caption": asked.expression or asked.text,
    }
