"""Tasks on one screen: what is asked, what is answered, and what a question is measured by.

Referring tasks: `locate_box`, `locate_point` (expression to place, comprehension) and `describe_box`, `describe_point`
(place to expression, generation). Page tasks: `list` (all of one noun), `read` (text of a region), `caption` and `markup`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gui_crawl import boxes as geometry
from gui_crawl import markup
from gui_crawl.meaning import Meaning
from gui_crawl.phrasing import LANGUAGES, expression, question
from gui_crawl.phrasing.pick import Pick
from gui_crawl.screen import Screen

LISTED = (
    "button",
    "link",
    "field",
    "dropdown",
    "checkbox",
    "radio",
    "switch",
    "tab",
    "menu item",
    "heading",
    "image",
    "column header",
)
READABLE = ("text", "badge", "heading", "cell", "link", "button")


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One question on one screen, before any verdict.

    Attributes:
        task: see above.
        text: the question; answer: what is to be learned.
        expression: the referring expression in it; where: the place in it, as written. None where it has none.
        texts: every text of the page that it says, for the rules on length, personal data and tokens.
        quoted: the longest of the texts that an expression quotes, in characters.
        cut: some of what it says cannot be seen whole.
        boxes: 0-999, what it is about.
        fits, rivals: see `uniqueness`; 1 and 0 where nothing is referred to.
    """

    task: str
    text: str
    answer: str
    expression: str | None = None
    where: str | None = None
    texts: tuple[str, ...] = ()
    quoted: int = 0
    cut: bool = False
    boxes: tuple[tuple[int, ...], ...] = ()
    fits: int = 1
    rivals: int = 0


def said(meaning: Meaning | None) -> tuple[str, ...]:
    """The page's texts that a meaning quotes, its anchor's included."""
    if meaning is None:
        return ()
    return ((meaning.label,) if meaning.label is not None else ()) + said(meaning.anchor)


def refer(screen: Screen, i: int, meaning: Meaning, task: str, language: str, pick: Pick, fits: int, rivals: int) -> Question:
    """A referring question about element `i`, whose expression means `meaning`."""
    box = geometry.thousandths(screen.boxes[i], screen.width, screen.height)
    middle = geometry.centre(screen.boxes[i])
    if task.endswith("point") and screen.at(*middle) != i:  # something else lies there: the point would say something else
        task = task.replace("point", "box")
    place = box if task.endswith("box") else geometry.thousandths(middle, screen.width, screen.height)
    what = expression(meaning, language, pick)
    where = geometry.brackets(place)
    texts = said(meaning)
    if task.startswith("locate"):
        text, answer = question(task, language, pick, what=what), geometry.marked(where)
    else:
        text, answer = question(task, language, pick, where=where), what[0].upper() + what[1:]
    return Question(
        task=task,
        text=text,
        answer=answer,
        expression=what,
        where=where,
        texts=texts,
        quoted=max(map(len, texts), default=0),
        cut=bool(screen.texts[i]) and not screen.shows_all(i),
        boxes=(tuple(box),),
        fits=fits,
        rivals=rivals,
    )


def listing(screen: Screen, noun: str, language: str, pick: Pick) -> Question:
    """All elements of one noun as JSON, in reading order, `label` and `bbox_2d` as GLM-V's grounding has them."""
    here = screen.representative == np.arange(screen.n)
    ids = np.flatnonzero(screen.strict[noun] & here)
    rivals = screen.stand_ins(screen.lenient[noun]) & ~screen.stand_ins(screen.strict[noun])
    ids = sorted(ids, key=lambda i: (round(screen.boxes[i, 1] / (8 * screen.scale)), screen.boxes[i, 0]))
    labels = [screen.elements[i]["text"] or screen.elements[i]["name"] or screen.elements[i]["placeholder"] or "" for i in ids]
    boxes = [geometry.thousandths(screen.boxes[i], screen.width, screen.height) for i in ids]
    rows = [
        f'{{"label": {json.dumps(label, ensure_ascii=False)}, "bbox_2d": {geometry.brackets(box)}}}'
        for label, box in zip(labels, boxes, strict=True)
    ]
    return Question(
        task="list",
        text=question("list", language, pick, what=LANGUAGES[language].PLURALS[noun]),
        answer=geometry.marked("[" + ", ".join(rows) + "]"),
        texts=tuple(labels),
        cut=not all(labels) or any(screen.elements[i]["covered"] for i in ids),
        boxes=tuple(map(tuple, boxes)),
        fits=len(ids),
        rivals=int(rivals.sum()),
    )


def reading(screen: Screen, i: int, language: str, pick: Pick) -> Question:
    """The text inside an element's box."""
    box = geometry.thousandths(screen.boxes[i], screen.width, screen.height)
    where = geometry.brackets(box)
    text = screen.elements[i]["text"]
    return Question(
        task="read",
        text=question("read", language, pick, where=where),
        answer=text,
        where=where,
        texts=(text,),
        cut=not screen.shows_all(i) or crowded(screen, i),
        boxes=(tuple(box),),
    )


def crowded(screen: Screen, i: int) -> bool:
    """Whether other text, or part of it, stands in an element's box beside its own."""
    shared = geometry.overlap(screen.boxes, screen.boxes[i]) / np.maximum(
        np.minimum(geometry.areas(screen.boxes), geometry.areas(screen.boxes[i : i + 1])), 1e-9
    )
    others = np.array([bool(text) for text in screen.texts], bool) & ~screen.within[:, i] & ~screen.within[i]
    others[i] = False
    return bool((others & (shared > 0.1)).any()) or any(
        screen.elements[j]["value"] for j in np.flatnonzero(screen.within[:, i]).tolist()
    )


def captioning(screen: Screen, title: str, language: str, pick: Pick, max_headings: int) -> Question:
    """What the page is, from its title, the headings that are seen and the controls it has."""
    headings = [
        screen.elements[i]["text"]
        for i in np.flatnonzero(screen.askable & screen.strict["heading"]).tolist()
        if screen.shows_all(int(i))
    ]
    headings = list(dict.fromkeys(h for h in headings if h))[:max_headings]
    counts = [
        (noun, int((screen.strict[noun] & screen.askable).sum())) for noun in ("field", "button", "checkbox", "image", "tab")
    ]
    counts = [(noun, n) for noun, n in counts if n]
    return Question(
        task="caption",
        text=question("caption", language, pick),
        answer=LANGUAGES[language].caption(title, headings, counts, pick),
        texts=(title, *headings),
        cut=not title.strip() or not headings,
    )


def design(screen: Screen, language: str, pick: Pick) -> Question:
    """The screen as simplified HTML."""
    return Question(task="markup", text=question("markup", language, pick), answer=markup.html(screen))


def list_nouns(screen: Screen) -> Sequence[str]:
    """Nouns of which a screen shows at least two."""
    here = screen.askable
    return [noun for noun in LISTED if int((screen.strict[noun] & here).sum()) >= 2]
