"""Are labels true? A reader that knows nothing of them reads the undegraded render; its character error rate says.

The reader's lines and the labels' are paired by place, so that neither the reader's order nor its cutting of lines counts as an error; what it
does not find at all does. Spaces are left out (readers guess them), compatibility forms are made equal (NFKC), as are kinds of quotes,
dashes and dots that look alike.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ocr_synth.synthetic.labels import Labels

READABLE = frozenset({"en", "zh", "ja", "code"})
"""Languages whose script PP-OCRv6 small has; of others its errors say nothing about the labels."""
_ALIKE = str.maketrans("‘’‚‛′＇“”„‟″＂–—―−‐‑─━·・•⋅∙。…", "''''''\"\"\"\"\"\"--------·····.…")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read against what is there.

    Attributes:
        errors: characters to insert, delete or replace.
        characters: of the labels, normalised.
        missed: label lines of which nothing was read.
    """

    errors: int
    characters: int
    missed: int

    @property
    def rate(self) -> float:
        """Character error rate; may exceed 1."""
        return self.errors / max(self.characters, 1)


def compare(labels: Labels, read: Sequence[tuple[str, np.ndarray]]) -> Reading:
    """Label lines against lines that were read, each a text and its polygon [n, 2] in the picture's pixels."""
    true = [(line.text, np.array(line.polygon)) for line in labels.lines]
    groups = _groups([_extent(p) for _, p in true], [_extent(p) for _, p in read])
    errors = characters = missed = 0
    for own, others in groups:
        expected = normalise("".join(true[i][0] for i in own))
        vertical = any(labels.lines[i].style["vertical"] for i in own)
        found = normalise("".join(read[j][0] for j in _in_order([read[j][1] for j in others], others, vertical)))
        errors += distance(expected, found)
        characters += len(expected)
        missed += 0 if others else len(own)
    return Reading(errors, characters, missed)


def normalise(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text.translate(_ALIKE)).translate(_ALIKE)
    return "".join(c for c in folded if not c.isspace() and unicodedata.category(c) != "Cf")


def distance(a: str, b: str) -> int:
    """Levenshtein's, one row at a time."""
    if a == b:
        return 0
    codes = np.fromiter(map(ord, b), np.int32, len(b))
    steps = np.arange(len(b) + 1)
    row = steps.copy()
    for i, character in enumerate(a, 1):
        best = np.concatenate([[i], np.minimum(row[1:] + 1, row[:-1] + (codes != ord(character)))])
        row = np.minimum.accumulate(best - steps) + steps  # insertions, all at once
    return int(row[-1])


def _extent(polygon: np.ndarray) -> np.ndarray:
    return np.concatenate([polygon.min(0), polygon.max(0)])


def _groups(true: list[np.ndarray], read: list[np.ndarray]) -> list[tuple[list[int], list[int]]]:
    """Components of the graph of boxes that overlap by half the smaller one's area: (label lines, read lines)."""
    parent = list(range(len(true) + len(read)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = i = parent[parent[i]]
        return i

    for i, a in enumerate(true):
        for j, b in enumerate(read):
            common = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
            if common > 0.5 * min((a[2:] - a[:2]).prod(), (b[2:] - b[:2]).prod()):
                parent[root(i)] = root(len(true) + j)
    groups: dict[int, tuple[list[int], list[int]]] = {}
    for i in range(len(true)):
        groups.setdefault(root(i), ([], []))[0].append(i)
    for j in range(len(read)):
        groups.setdefault(root(len(true) + j), ([], []))[1].append(j)
    return list(groups.values())


def _in_order(polygons: list[np.ndarray], numbers: list[int], vertical: bool) -> list[int]:
    """Pieces of what lies in one group: by rows (columns), then along them."""
    if len(numbers) < 2:
        return numbers
    boxes = np.array([_extent(p) for p in polygons])
    across, along = (-boxes[:, 2], boxes[:, 1]) if vertical else (boxes[:, 1], boxes[:, 0])
    thick = np.median(boxes[:, 2] - boxes[:, 0] if vertical else boxes[:, 3] - boxes[:, 1])
    rows = np.round((across - across.min()) / max(thick, 1))
    return [numbers[i] for i in np.lexsort((along, rows))]
