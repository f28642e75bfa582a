"""What the report shows of the questions: yield, coverage, how expressions fared, screenshots with what is asked, and what was dropped.

A second look closes it: expressions drawn from the ledger are read again against the elements and pixels of their captures.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image, ImageDraw, ImageFont

from gui_crawl.boxes import thousandths
from gui_crawl.capture import Capture
from gui_crawl.meaning import Meaning
from gui_crawl.stages.questions import REFERRING
from gui_crawl.uniqueness import fit
from sieveline import ledger, storage
from sieveline.output import Output, file_stem, media_url
from sieveline.report.exhibit import Exhibit, Figure

CAPTURES, ASKED, REJECTED = 6, 10, 6
"""Captures shown with what is asked on them, questions on each, dropped questions shown."""
_COLOURS = ("#d6193b", "#1f8a3a", "#2b54c8", "#d96400", "#86159f", "#00716f", "#8a5a1a", "#7a0000", "#5f6400", "#c8007a")
_TALLIED = ("capture_id", "parent", "task", "family", "language", "role", "fits", "rivals", "kept", "reason")


@dataclass(slots=True)
class Tally:
    """Counts over the questions of some shards.

    Attributes:
        captures: captures that came in.
        kept: kept questions of each of them, none left out.
        by: for each of `_TALLIED` that is a name, (value, reason or "") -> candidates.
        fitting: kept expressions that fit one element and have no rival; referring: all kept expressions.
    """

    captures: int = 0
    kept: list[int] = field(default_factory=list)
    by: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)
    fitting: int = 0
    referring: int = 0

    @property
    def unique(self) -> float | None:
        return self.fitting / self.referring if self.referring else None

    @property
    def unasked(self) -> float | None:
        return sum(num == 0 for num in self.kept) / self.captures if self.captures else None


def tally(output: Output, shards: Sequence[str]) -> Tally:
    """Reads the questions' ledgers, and how many captures reached them."""
    found = Tally()
    for shard in shards:
        if ledger.read_metadata(output.ledger("questions", shard)) is None:
            continue
        captures = ledger.read_table(output.ledger("duplicates", shard), ["row", "kept"])
        table = ledger.read_table(output.ledger("questions", shard), list(_TALLIED))
        kept = table.filter(table["kept"])
        per_capture = Counter(kept["parent"].to_pylist())
        rows = captures.filter(captures["kept"])["row"].to_pylist()
        found.captures += len(rows)
        found.kept += [per_capture[row] for row in rows]
        reasons = pc.fill_null(table["reason"], "").to_pylist()
        for name in ("task", "family", "language", "role"):
            values = pc.fill_null(table[name], "-").to_pylist()
            found.by.setdefault(name, Counter()).update(zip(values, reasons, strict=True))
        referring = kept.filter(pc.is_in(kept["task"], pa.array(REFERRING)))
        found.referring += referring.num_rows
        alone = pc.and_(pc.equal(referring["fits"], 1), pc.equal(referring["rivals"], 0))
        found.fitting += pc.sum(pc.cast(alone, pa.int64())).as_py() or 0
    return found


def exhibits(output: Output) -> Mapping[str, Sequence[Exhibit]]:
    shards = [file_stem(url) for url in output.ledgers("questions")]
    if not shards:
        return {}
    found = tally(output, shards)
    return {"questions": [_yield(found), _coverage(found), *_pictures(output, shards)]}


def _yield(found: Tally) -> Exhibit:
    kept = np.array(found.kept or [0])
    rows = [
        ("captures that came in", f"{found.captures:,}"),
        ("candidate questions", f"{sum(found.by.get('task', Counter()).values()):,}"),
        ("kept", f"{kept.sum():,}"),
        ("kept of a capture, mean", f"{kept.mean():.1f}"),
        ("lowest, median, highest", f"{kept.min()}, {np.median(kept):g}, {kept.max()}"),
        ("captures without a question", f"{(kept == 0).sum():,}"),
    ]
    return Exhibit(title="Yield", lead="What a captured state gives.", header=("", "number"), rows=rows)


def _coverage(found: Tally) -> Exhibit:
    rows = []
    for name in ("family", "task", "role", "language"):
        counts = found.by.get(name, Counter())
        totals = Counter()
        for (value, _), num in counts.items():
            totals[value] += num
        for value, total in totals.most_common():
            shares = [counts[value, reason] for reason in ("", "ambiguous", "nearly_ambiguous", "balanced_out")]
            rows.append((name, value, f"{total:,}", *(f"{num:,}" for num in shares), f"{total - sum(shares):,}"))
    header = ("by", "", "candidates", "kept", "ambiguous", "nearly ambiguous", "balanced out", "dropped otherwise")
    lead = "Ambiguous: fits none or several, read strictly. Nearly: somebody might take it for another element."
    return Exhibit(title="Coverage, and how expressions fared", lead=lead, header=header, rows=rows)


def _pictures(output: Output, shards: list[str]) -> Iterator[Exhibit]:
    figures, dropped, looked = [], [], [0, 0]
    for shard in shards[:: max(1, len(shards) // CAPTURES)][:CAPTURES]:
        questions = ledger.read_table(output.ledger("questions", shard))
        wanted = -(-CAPTURES // min(len(shards), CAPTURES))
        parents = pc.unique(questions["parent"]).to_pylist()
        for parent in parents[:: max(1, len(parents) // wanted)][:wanted]:
            capture = _capture(output, shard, parent)
            rows = questions.filter(pc.equal(questions["parent"], parent))
            rows = rows.filter(pc.equal(rows["capture_id"], capture.id)).to_pylist()
            figures.append(_asked(capture, [row for row in rows if row["kept"]]))
            looked = [a + b for a, b in zip(looked, _again(capture, rows), strict=True)]
            if len(dropped) < REJECTED:
                dropped += _rejected(capture, rows, -(-REJECTED // CAPTURES))
    lead = "Boxes as the questions and answers have them; the number is that of the question beside the screenshot."
    yield Exhibit(title="What is asked", lead=lead, figures=figures, wide=True, side=1100)
    lead = "In red the element the expression was made for, in blue the others it fits or might be taken for."
    yield Exhibit(title="Dropped for ambiguity", lead=lead, figures=dropped, side=720)
    rows = [("expressions of the captures above", f"{looked[0]:,}"), ("pick out their element alone", f"{looked[1]:,}")]
    yield Exhibit(title="Read again", lead="From ledger, elements and pixels, by the resolver.", header=("", ""), rows=rows)


def _capture(output: Output, shard: str, row: int) -> Capture:
    columns = ["row", "sample_id", "title", "scale", "elements", "offset", "length"]
    table = ledger.read_table(output.ledger("captures", shard), columns)
    [found] = table.filter(pc.equal(table["row"], row)).to_pylist()
    url = media_url(output, "captures", shard, None)
    assert url
    [screenshot] = storage.read_ranges(url, [found["offset"]], [found["length"]])
    named = {"id": found["sample_id"], "title": found["title"] or "", "scale": found["scale"]}
    return Capture(**named, elements=found["elements"], screenshot=screenshot)


def _asked(capture: Capture, rows: list[dict[str, Any]]) -> Figure:
    """Questions of as many families and tasks as there are, numbered on the screenshot."""
    seen: Counter[str] = Counter()
    order = []
    for row in rows:
        kind = row["family"] or row["task"]
        order.append((seen[kind], row["draw"], row))
        seen[kind] += 1
    shown = [row for _, _, row in sorted(order, key=lambda entry: entry[:2])][:ASKED]
    boxes = [(number, row["boxes"], _COLOURS[number % len(_COLOURS)]) for number, row in enumerate(shown, 1)]
    texts = [
        (f"{n}. {row['family'] or row['task']}", f"{row['question']}\n→ {row['answer']}"[:600])
        for n, row in enumerate(shown, 1)
    ]
    note = f"{capture.title}: {len(rows)} questions"
    return Figure(picture=_marked(capture, boxes), texts=texts, note=note, kept=True)


def _rejected(capture: Capture, rows: list[dict[str, Any]], most: int) -> list[Figure]:
    figures, screen = [], capture.screen
    if screen is None:
        return []
    near = [row for row in rows if row["reason"] in ("nearly_ambiguous", "ambiguous") and row["meaning"] and row["fits"] != 0]
    near.sort(key=lambda row: (row["reason"] == "ambiguous", row["rivals"] > 3, row["draw"]))
    for row in near[:most]:
        found = fit(Meaning.from_json(row["meaning"]), screen)
        boxes = [
            ("", thousandths(screen.boxes[i], screen.width, screen.height), "#2b54c8")
            for i in found.lenient
            if i != row["element"]
        ][:20]
        picture = _marked(capture, [*boxes, ("", row["boxes"], "#d6193b")])
        texts = [("expression", row["expression"]), ("fits", f"{row['fits']} strictly, {row['rivals']} rivals")]
        figures.append(Figure(picture=picture, texts=texts, note=row["reason"], kept=False))
    return figures


def _again(capture: Capture, rows: list[dict[str, Any]]) -> tuple[int, int]:
    """(kept expressions, those that pick out their element alone when read anew)."""
    if capture.screen is None:
        return 0, 0
    kept = [row for row in rows if row["kept"] and row["task"] in REFERRING]
    return len(kept), sum(fit(Meaning.from_json(row["meaning"]), capture.screen).picks(row["element"]) for row in kept)


def _marked(capture: Capture, boxes: Sequence[tuple[int | str, Sequence[int], str]], side: int = 1100) -> Image.Image | None:
    """The screenshot with boxes (label, 0-999 numbers, colour) drawn in."""
    pixels = capture.pixels()
    if pixels is None:
        return None
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size=13)
    for label, numbers, colour in boxes:
        for k in range(0, min(len(numbers), 400), 4):
            x1, y1, x2, y2 = (v * (picture.width, picture.height)[j % 2] / 1000 for j, v in enumerate(numbers[k : k + 4]))
            pen.rectangle((x1, y1, max(x1 + 1, x2), max(y1 + 1, y2)), outline=colour, width=2)
            if label != "":
                left, top = x1, y1 - 15 if y1 >= 15 else y1
                pen.rectangle((left, top, left + pen.textlength(str(label), font=font) + 4, top + 15), fill=colour)
                pen.text((left + 2, top), str(label), fill="white", font=font)
    return picture
