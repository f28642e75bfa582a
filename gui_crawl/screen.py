"""A screen: one captured state as the questions see it, with everything that is asked of it often worked out once.

`Screen` holds n elements in the order of their ids. Elements that a reader takes for one thing (a link, the list item
around it and the span inside, all with the same text) have one *representative*: the one that is acted on, else the
innermost with a role. Only representatives are asked for, and whatever an expression fits is carried over to its
representative before it is counted.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from gui_crawl import boxes as geometry
from gui_crawl import concepts, look, nouns
from gui_crawl.colours import names

SAME_BOX = 0.5  # IoU from which two nested elements with one text are one thing whatever they are
SAME_ICON = 0.2  # IoU from which a picture fills the control that holds nothing else
LANDMARK_TEXT = 40  # characters: longer text is no landmark
_LANDMARKS = ("heading", "button", "link", "text", "badge", "tab", "column header", "cell", "menu item")
MAX_ELEMENTS = 3_000  # a screen with more is a flood: the rest is not looked at, and nothing on it is asked for


def normal(text: str | None) -> str:
    """Text as a reader compares it: NFKC, case folded, white space joined."""
    return " ".join(unicodedata.normalize("NFKC", text or "").casefold().split())


def loose(text: str) -> str:
    """Normal text without digits, punctuation and symbols: "inbox (3)" and "inbox:" are alike."""
    return "".join(c for c in text if unicodedata.category(c)[0] in "LM" or c == " ").strip() or text


class Screen:
    """One captured state.

    Args:
        elements: records of `ELEMENT`, ids 0 to n - 1 in order.
        pixels: uint8 [height, width, 3], the screenshot in RGB.
        scale: screenshot pixels per CSS pixel of the device.
    """

    def __init__(self, elements: Sequence[Mapping[str, Any]], pixels: np.ndarray, scale: float = 1.0):
        self.elements = elements
        self.pixels = pixels
        self.height, self.width = pixels.shape[:2]
        self.n = len(elements)
        self.boxes = np.array([e["box"] for e in elements], np.float64).reshape(-1, 4)
        self.scale = scale = shown_scale(elements, self.boxes, scale)
        self.looks = [_agreed(seen, e) for seen, e in zip(look.measure(pixels, self.boxes), elements, strict=True)]
        self.texts = [normal(e["text"]) for e in elements]
        framed = np.array([seen.framed for seen in self.looks], bool)
        self.strict, self.lenient = nouns.bearers(elements, self.boxes, framed, self.own_texts, scale)
        self.interactive = np.array([bool(e["interactive"]) for e in elements], bool)
        self.kinds = [nouns.kind(self.strict, i) for i in range(self.n)]

    @cached_property
    def children(self) -> list[list[int]]:
        """For each element the listed elements right below it, in document order."""
        children: list[list[int]] = [[] for _ in range(self.n)]
        for i, element in enumerate(self.elements):
            if element["parent"] is not None:
                children[element["parent"]].append(i)
        return children

    @cached_property
    def own_texts(self) -> list[list[str]]:
        """For each element the pieces of its text before, between and after its children's: one more than it has children, many empty."""
        return [pieces(e["text"], [self.elements[j]["text"] for j in self.children[i]]) for i, e in enumerate(self.elements)]

    def composite(self, i: int) -> bool:
        """Whether an element's text is put together of three or more parts that stand apart: nobody would quote it as one."""
        if any(self.own_texts[i]):
            return False
        parts = [j for j in self.children[i] if self.texts[j]]
        return len(parts) >= 3 or (len(parts) > 0 and any(self.composite(j) for j in parts))

    @cached_property
    def within(self) -> np.ndarray:
        """bool [n, n]: within[i, j] where j is an ancestor of i."""
        within = np.zeros((self.n, self.n), bool)
        for i, element in enumerate(self.elements):
            parent = element["parent"]
            if parent is not None:
                within[i] = within[parent]
                within[i, parent] = True
        return within

    @cached_property
    def representative(self) -> np.ndarray:
        """int [n]: the element that stands for each; itself for most."""
        rep = np.arange(self.n)
        for i in range(self.n):
            for j in np.flatnonzero(self.within[i])[::-1].tolist():
                if self._one_thing(i, int(j)):
                    self._join(rep, i, int(j))
                    break
        return rep

    def _one_thing(self, inner: int, outer: int) -> bool:
        share = geometry.iou(self.boxes[[inner]], self.boxes[outer])[0]
        if self.texts[inner] == self.texts[outer]:
            if not self.texts[inner]:
                bare = self.strict["field"][inner] or self.strict["checkbox"][inner] or self.strict["radio"][inner]
                return share >= (SAME_BOX if bare else SAME_ICON) and (bool(self.interactive[outer]) or share >= SAME_BOX)
            both = bool(self.interactive[inner] and self.interactive[outer])
            return share >= SAME_BOX or not both
        return False

    def _join(self, rep: np.ndarray, inner: int, outer: int) -> None:
        """`inner` and all it stands for and `outer` and all it stands for become one thing, under the better of the two."""
        a, b = int(rep[inner]), int(rep[outer])
        best = max(a, b, key=lambda i: (self.interactive[i], self.kinds[i] not in (None, "text", "badge", "cell"), i))
        rep[(rep == a) | (rep == b)] = best

    @cached_property
    def askable(self) -> np.ndarray:
        """bool [n]: representatives that can be asked for: they bear a noun, or can be acted on and say something."""
        called = np.array([kind is not None for kind in self.kinds], bool) | self.interactive & np.array(
            list(map(bool, self.texts)), bool
        )
        return called & (self.representative == np.arange(self.n))

    @cached_property
    def landmarks(self) -> np.ndarray:
        """int [m]: short texts that others may be placed by, each the only one of its wording."""
        fit = [
            i
            for i in np.flatnonzero(self.askable).tolist()
            if self.kinds[i] in _LANDMARKS
            and sum(map(str.isalnum, self.texts[i])) >= (3 if self.texts[i].isascii() else 2)
            and len(self.texts[i]) <= LANDMARK_TEXT
            and self.shows_all(int(i))
        ]
        said = Counter(self.texts[i] for i in fit)
        return np.array([i for i in fit if said[self.texts[i]] == 1], int)

    @cached_property
    def blocks(self) -> list[int | None]:
        """For each element the innermost part of the page (navigation, header, footer, dialog) it is in; None outside of all."""
        parts = np.any([self.strict[noun] for noun in ("navigation", "header", "footer", "dialog")], axis=0)
        found: list[int | None] = []
        for i, element in enumerate(self.elements):
            parent = element["parent"]
            found.append(i if parts[i] else found[parent] if parent is not None else None)
        return found

    @cached_property
    def labels(self) -> list[frozenset[str]]:
        """For each element all it may be called by, normal: text, name, placeholder, title, alternative text."""
        fields = ("text", "name", "placeholder", "title", "alt")
        return [frozenset(normal(e[f]) for f in fields) - {""} for e in self.elements]

    @cached_property
    def loose_labels(self) -> list[frozenset[str]]:
        """The same, loose."""
        return [frozenset(map(loose, labels)) for labels in self.labels]

    @cached_property
    def _said(self) -> frozenset[str]:
        return frozenset(map(loose, self.texts)) - {""}

    def shows(self, label: str) -> bool:
        """Whether a label can be read anywhere on the screen, as a text of its own."""
        return loose(normal(label)) in self._said

    @cached_property
    def purposes(self) -> list[str | None]:
        """For each element the concept it is for, of what is acted on; None for the rest."""
        found: list[str | None] = []
        for i, e in enumerate(self.elements):
            if not self.interactive[i]:
                found.append(None)
                continue
            field = self.kinds[i] in ("field", "dropdown")
            said = next(filter(None, (concepts.of_label(label, field) for label in sorted(self.labels[i]))), None)
            found.append(said or (concepts.of_icon(self.icon(i)) if not e["text"] and not field else None))
        return found

    def icon(self, i: int) -> str | None:
        """The name of an element's picture, or of the only picture in a control that shows nothing else."""
        if self.elements[i]["icon"] or self.texts[i]:
            return self.elements[i]["icon"]
        inside = [j for j in np.flatnonzero(self.within[:, i]).tolist() if self.elements[j]["icon"]]
        return self.elements[inside[0]]["icon"] if len(inside) == 1 else None

    def stand_ins(self, mask: np.ndarray) -> np.ndarray:
        """bool [n]: the representatives of all elements in `mask`."""
        out = np.zeros(self.n, bool)
        out[self.representative[mask]] = True
        return out

    def shows_all(self, i: int) -> bool:
        """Whether an element's text can be read: False where one of its words is cut, an ellipsis must have cut it, or a bar lies over it."""
        element = self.elements[i]
        if element["covered"] or element["cut"]:
            return False
        em = (element["font_size"] or 16.0) * self.scale
        x1, y1, x2, y2 = self.boxes[i]
        lines = max(1, round((y2 - y1) / (1.1 * em)))
        return lengths(element["text"]) * em <= (x2 - x1) * lines + 0.3 * em and y2 - y1 >= 0.7 * em

    def at(self, x: float, y: float) -> int | None:
        """The smallest representative under a point, as what one would click there; None where there is none."""
        b = self.boxes
        under = (b[:, 0] <= x) & (x <= b[:, 2]) & (b[:, 1] <= y) & (y <= b[:, 3]) & (self.representative == np.arange(self.n))
        hit = np.flatnonzero(under)
        return int(hit[np.argmin(geometry.areas(b[hit]))]) if len(hit) else None


def lengths(text: str) -> float:
    """About how long a text is in em, at the narrow end of common fonts: Arial's advance widths less a sixteenth."""
    return sum(0.92 if ord(c) >= 0x2E80 else _EM.get(c, 0.67 if c.isupper() else 0.53) for c in text) * 0.94


_EM = {c: width for width, letters in ((0.25, "ijl|!'.,:;/ It"), (0.36, 'fr()[]{}-`"'), (0.83, "mMW@%w")) for c in letters}


def _agreed(seen: look.Look, element: Mapping[str, Any]) -> look.Look:
    """The look, without a colour where the pixels' ink and the style's go by different names: thin red strokes blend into pink."""
    css = element["color"]
    if seen.painted or seen.colour is None or not css or element["tag"] in ("img", "canvas", "video"):
        return seen
    said = names(*(int(css[k : k + 2], 16) for k in (1, 3, 5)))[0]
    return seen if said in (None, seen.colour) else replace(seen, colour=None)


def shown_scale(elements: Sequence[Mapping[str, Any]], boxes: np.ndarray, scale: float) -> float:
    """Screenshot pixels per CSS pixel of the page: less than the device's where a page without a viewport tag is laid out wide and shrunk to
    fit a phone. Then text is lower than its font size says; a line box is never below 1.1 em, so the lower quartile of heights tells."""
    lines = [(b[3] - b[1]) / e["font_size"] for e, b in zip(elements, boxes, strict=True) if e["text"] and e["font_size"]]
    if len(lines) < 4:
        return scale
    low = float(np.quantile(lines, 0.25)) / 1.15
    return low if low < 0.8 * scale else scale


def pieces(text: str, parts: Sequence[str]) -> list[str]:
    """`text` cut at each of `parts` in turn, where it is found: len(parts) + 1 strings, stripped, `text` without them."""
    out, rest = [], text
    for part in parts:
        head, found, tail = rest.partition(part) if part else ("", "", rest)
        out.append(head.strip() if found else "")
        rest = tail if found or not part else rest
    return [*out, rest.strip()]


def words_within(label: str, text: str) -> bool:
    """Whether normal `label` stands in normal `text` as whole words (as any part, where it is not of Latin letters)."""
    if label not in text:
        return False
    if not label.isascii():
        return True
    return re.search(rf"(?<![0-9a-z]){re.escape(label)}(?![0-9a-z])", text) is not None
