"""Reads the text in pictures: image files in, the columns of `ocr_synth.stages.scene_text.MEASURED` out.

What a picture measures depends on nothing but its bytes and `Measuring`: the reader takes one picture at a time.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import regex

from classifiers.text_reader import Line, TextReader, open_picture
from ocr_synth.stages.scene_text import MEASURED, NO_LETTER, SCRIPTS, Measuring

_LETTER = regex.compile(r"\p{L}")
_SCRIPTS = [(name, regex.compile(rf"\p{{Script={name}}}")) for name in SCRIPTS]


def measure(images: Iterable[bytes], reader: TextReader, config: Measuring) -> pa.RecordBatch:
    """Image files to a batch of `MEASURED`, one row each; a row of nulls for one that does not decode."""
    rows = [read(image, reader, config) for image in images]
    return pa.RecordBatch.from_pylist(rows, MEASURED)


def read(image: bytes, reader: TextReader, config: Measuring) -> dict:
    """One row of `MEASURED`."""
    picture = open_picture(image, config.max_side)
    if picture is None:
        return dict.fromkeys(MEASURED.names)
    scale = np.array([picture.width / picture.rgb.shape[1], picture.height / picture.rgb.shape[0]], np.float32)
    lines = reader.read(picture.rgb)[: config.max_lines]
    lines = [lines[i] for i in reading_order([line.polygon for line in lines])]
    polygons = [_inside(line.polygon * scale, picture.width, picture.height) for line in lines]
    scores = [round(line.score, 4) for line in lines]
    return {
        "width": picture.width,
        "height": picture.height,
        "turned": picture.turned,
        "num_lines": len(lines),
        "best_score": max(scores, default=None),
        "texts": [_writable(line) for line in lines],
        "scores": scores,
        "line_heights": [line_height(polygon) for polygon in polygons],
        "scripts": [script_of(line.text) for line in lines],
        "polygons": [np.round(polygon, 1).ravel().tolist() for polygon in polygons],
    }


def reading_order(polygons: Sequence[np.ndarray]) -> list[int]:
    """Positions of lines from the first to be read to the last: row by row from the top, each row from the left.

    A line belongs to the row of the line before it where its middle lies within that one's upper and lower edge. Columns of text are
    not told apart.

    Args:
        polygons: float (4, 2) each, corners in pixels.
    """
    boxes = [(p[:, 1].min(), p[:, 1].max(), p[:, 0].min()) for p in polygons]
    by_middle = sorted(range(len(boxes)), key=lambda i: (boxes[i][0] + boxes[i][1], boxes[i][2]))
    rows: list[list[int]] = []
    for i in by_middle:
        top, bottom, _ = boxes[i]
        if rows:
            first_top, first_bottom, _ = boxes[rows[-1][0]]
            if first_top <= (top + bottom) / 2 <= first_bottom and top <= (first_top + first_bottom) / 2 <= bottom:
                rows[-1].append(i)
                continue
        rows.append([i])
    return [i for row in rows for i in sorted(row, key=lambda i: (boxes[i][2], i))]


def line_height(polygon: np.ndarray) -> float:
    """Pixels across the writing, one decimal: of a quadrilateral (4, 2) the shorter of its two mean sides."""
    sides = np.linalg.norm(polygon - np.roll(polygon, -1, 0), axis=1)
    return round(float(min(sides[0] + sides[2], sides[1] + sides[3]) / 2), 1)


def script_of(text: str) -> str:
    """The script of most letters of `text`, the earlier one in `SCRIPTS` where two have as many; `Common` without a letter."""
    found: Counter[str] = Counter()
    for letter in _LETTER.findall(text):
        found[next((name for name, pattern in _SCRIPTS if pattern.match(letter)), "Unknown")] += 1
    return max(found, key=lambda name: (found[name], -[*SCRIPTS, "Unknown"].index(name))) if found else NO_LETTER


def _inside(polygon: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.clip(polygon, 0, [width, height])


def _writable(line: Line) -> str:
    """The text without characters that no file should carry: surrogates and controls, should a dictionary ever have one."""
    return "".join(c for c in line.text if c.isprintable())
