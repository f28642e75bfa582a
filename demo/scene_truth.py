"""How well scene text was read, against signs whose text and place are known (`demo.scene_pool`).

A line that was read belongs to the written line whose middle lies in its polygon, the nearest one. It is right where it says the same,
upper and lower case and spaces aside, since a typeface's gaps are no matter of reading.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq

from sieveline import ledger
from sieveline.output import Output


@dataclass(frozen=True, slots=True)
class Score:
    """Counts over pictures of known text.

    Attributes:
        pictures, bare: with and without signs.
        written: lines drawn.
        found: of these, with a valid line on them.
        right: of these, with the right text.
        valid: valid lines.
        on_signs: of these, on a written line; the rest is the photograph's own text, or none.
        passed: pictures with signs that the density stage let through.
        skipped: bare pictures that it did not.
        kept: pictures with signs that the reading stage kept.
    """

    pictures: int
    bare: int
    written: int
    found: int
    right: int
    valid: int
    on_signs: int
    passed: int
    skipped: int
    kept: int

    def __str__(self) -> str:
        def share(part: int, whole: int) -> str:
            return f"{part} of {whole} ({part / whole:.3f})" if whole else f"{part} of 0"

        return (
            f"pictures with signs that pass the density stage    {share(self.passed, self.pictures)}\n"
            f"bare pictures that it drops                        {share(self.skipped, self.bare)}\n"
            f"pictures with signs that are kept                  {share(self.kept, self.pictures)}\n"
            f"written lines with a valid line on them            {share(self.found, self.written)}\n"
            f"of these, read right                               {share(self.right, self.found)}\n"
            f"valid lines that are on a written one              {share(self.on_signs, self.valid)}\n"
        )


def score(place: Output, pool: Path) -> Score:
    """Of an output of ocr-scene whose input held the pool."""
    written = defaultdict(list)
    for row in pq.read_table(pool / "truth.parquet").to_pylist():
        written[row["key"]].append((row["text"], np.array(row["polygon"]).reshape(4, 2)))
    ids = sorted(path.stem for path in (pool / "shards").glob("*.tar"))
    dense = [row for i in ids for row in ledger.read_table(place.ledger("text_density", i), ["key", "kept"]).to_pylist()]
    read = [row for i in ids for row in ledger.read_table(place.ledger("scene_text", i)).to_pylist()]
    matched = [match(written.get(row["key"], ()), lines(row)) for row in read]
    return Score(
        pictures=len(written),
        bare=len(dense) - len(written),
        written=sum(map(len, written.values())),
        found=sum(m[0] for m in matched),
        right=sum(m[1] for m in matched),
        valid=sum(m[2] for m in matched),
        on_signs=sum(m[3] for m in matched),
        passed=sum(row["kept"] and row["key"] in written for row in dense),
        skipped=sum(not row["kept"] and row["key"] not in written for row in dense),
        kept=sum(row["kept"] and row["key"] in written for row in read),
    )


def lines(row: Mapping[str, Any]) -> list[tuple[str, np.ndarray]]:
    """Text and polygon of the valid lines of a scene-text ledger's row."""
    found = zip(row["texts"], row["polygons"], row["valid"] or [], strict=False)
    return [(text, np.array(polygon).reshape(4, 2)) for text, polygon, valid in found if valid]


def match(written: Iterable[tuple[str, np.ndarray]], read: list[tuple[str, np.ndarray]]) -> tuple[int, int, int, int]:
    """Written lines that were found, of these read right; lines that were read, of these on a written line."""
    found = right = 0
    on_sign: set[int] = set()
    for text, polygon in written:
        middle = polygon.mean(0)
        holds = [
            i
            for i, (_, p) in enumerate(read)
            if cv2.pointPolygonTest(p.astype(np.float32), tuple(map(float, middle)), False) >= 0
        ]
        if holds:
            nearest = min(holds, key=lambda i: float(np.abs(read[i][1].mean(0) - middle).max()))
            found += 1
            right += plain(read[nearest][0]) == plain(text)
            on_sign.update(holds)
    return found, right, len(read), len(on_sign)


def plain(text: str) -> str:
    return "".join(text.casefold().split())
