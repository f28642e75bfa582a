"""Holds a run's ledgers against what is known of a demo pool: precision and recall per planted defect, and the alignment's AUC.

- **recall** of a defect: the share of its rows that a rule which is right about them dropped (`ACCEPTED`); a file name as alt
  text may go as boilerplate or, being one word, as too short. Rows dropped for another reason count against it.
- **precision** of a defect: of all rows its own rule dropped, the share about which the rule was right.
- **duplicates** count by cluster, an original with its copies: of the m members that reach the stage, m - 1 are to go,
  whichever stays. A cluster that vanishes whole costs precision.
- **swapped** captions are scored by the area under the ROC curve of the alignment score, swapped against clean.

`python -m demo.truth OUT LABELS` prints the table.
"""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from demo.labels import Defect
from sieveline.image_text import LINE
from sieveline.reasons import Reason

OWN: Mapping[Defect, Reason] = {
    Defect.UNDECODABLE: Reason.UNDECODABLE,
    Defect.SMALL: Reason.MIN_SIDE,
    Defect.SOLID: Reason.SOLID_COLOUR,
    Defect.ASPECT: Reason.ASPECT,
    Defect.EXACT_DUPLICATE: Reason.EXACT_DUPLICATE,
    Defect.NEAR_DUPLICATE: Reason.NEAR_DUPLICATE,
    Defect.BOILERPLATE: Reason.BOILERPLATE,
    Defect.SHORT: Reason.CAPTION_SHORT,
    Defect.REPETITION: Reason.REPETITION,
    Defect.SPECIAL_CHARACTERS: Reason.SPECIAL_CHARACTERS,
    Defect.MOJIBAKE: Reason.MOJIBAKE,
    Defect.LANGUAGE: Reason.LANGUAGE,
    Defect.FLOOD: Reason.CAPTION_FLOOD,
    Defect.MISSING_CAPTION: Reason.MISSING_CAPTION,
    Defect.MISSING_IMAGE: Reason.MISSING_IMAGE,
    Defect.DUPLICATE_KEY: Reason.DUPLICATE_KEY,
    Defect.UNSAFE_NAME: Reason.UNSAFE_NAME,
    Defect.CAPTION_ENCODING: Reason.CAPTION_ENCODING,
    Defect.CAPTION_BYTES: Reason.CAPTION_BYTES,
    Defect.BOMB: Reason.TOO_MANY_PIXELS,
    Defect.TRUNCATED: Reason.TRUNCATED,
    Defect.EMPTY_SHARD: Reason.EMPTY_SHARD,
}
"""Defect -> the reason of the rule that is about it, in the order of the table."""

_NO_WORDS = {Reason.CAPTION_SHORT, Reason.SPECIAL_CHARACTERS, Reason.REPETITION, Reason.MOJIBAKE, Reason.LANGUAGE}
ACCEPTED: Mapping[Defect, frozenset[Reason]] = {
    **{defect: frozenset({own}) for defect, own in OWN.items()},
    Defect.BOILERPLATE: frozenset({Reason.BOILERPLATE, Reason.CAPTION_FLOOD, *_NO_WORDS}),
    Defect.SHORT: frozenset({Reason.BOILERPLATE, *_NO_WORDS}),
    Defect.MOJIBAKE: frozenset(_NO_WORDS),
    Defect.SPECIAL_CHARACTERS: frozenset({Reason.BOILERPLATE, *_NO_WORDS}),
    Defect.REPETITION: frozenset({Reason.REPETITION, Reason.CAPTION_LONG, Reason.LANGUAGE}),
    # ideographs count as words only where a rule knows them
    Defect.LANGUAGE: frozenset({Reason.LANGUAGE, Reason.CAPTION_SHORT}),
    Defect.FLOOD: frozenset({Reason.CAPTION_FLOOD, Reason.BOILERPLATE}),
    Defect.UNDECODABLE: frozenset({Reason.UNDECODABLE, Reason.IMAGE_BYTES}),
    Defect.SMALL: frozenset({Reason.MIN_SIDE, Reason.IMAGE_BYTES}),
    Defect.SOLID: frozenset({Reason.SOLID_COLOUR, Reason.IMAGE_BYTES}),
}
"""Defect -> the reasons that are right about a row which carries it."""

_DUPLICATES = {Defect.EXACT_DUPLICATE: Reason.EXACT_DUPLICATE, Defect.NEAR_DUPLICATE: Reason.NEAR_DUPLICATE}

TABLE = pa.schema(
    [
        ("defect", pa.string()),
        ("planted", pa.int64()),  # rows; of duplicates, those to go among the ones that reach the stage
        ("found", pa.int64()),
        ("recall", pa.float64()),
        ("flagged", pa.int64()),  # rows dropped by the defect's own rule
        ("precision", pa.float64()),
        ("auc", pa.float64()),
        ("reasons", pa.string()),  # what became of the planted rows, most frequent first
    ]
)
"""Columns of the result of `score`; null where a figure has no meaning."""

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one input row: the reason of the stage that dropped it (null if none did) and its alignment score."""

    reason: Reason | None
    score: float | None


def fates(output: Path) -> dict[Place, Fate]:
    """(source shard, row) -> what became of it, read from every ledger below `output`/ledger."""
    reasons: dict[Place, Reason | None] = {}
    scores: dict[Place, float] = {}
    for path in (path for stage in LINE.names for path in sorted((output / "ledger" / stage).rglob("*.parquet"))):
        scored = ["score"] if (output / "ledger" / "alignment") in path.parents else []
        table = pq.read_table(path, columns=["source_shard", "row", "kept", "reason", *scored])
        columns = [table[name].to_pylist() for name in table.column_names]
        for shard, row, kept, reason, *score in zip(*columns, strict=True):
            if reasons.setdefault((shard, row), None) is None and not kept:
                reasons[shard, row] = Reason(reason)
            if score and score[0] is not None:
                scores[shard, row] = score[0]
    return {place: Fate(reason, scores.get(place)) for place, reason in reasons.items()}


def score(output: Path, labels: Path, *, flood_cap: int = 0) -> pa.Table:
    """Precision and recall of every planted defect (schema `TABLE`).

    Args:
        output: a line's output folder, with its ledgers.
        labels: the pool's `truth/labels.parquet`.
        flood_cap: how many rows of a caption flood the recipe keeps on purpose; they count as neither found nor missed.

    Raises:
        ValueError: the ledgers know a row that the labels do not: they are of another pool.
    """
    known = pq.read_table(labels).to_pylist()
    fate = fates(output)
    planted: dict[Defect, list[dict]] = defaultdict(list)
    defect_at: dict[Place, Defect] = {}
    for label in known:
        defect = Defect(label["defect"])
        planted[defect].append(label)
        defect_at[_place(label)] = defect
    if unknown := [place for place in fate if place not in defect_at]:
        raise ValueError(
            f"the ledgers know {len(unknown)} rows that the labels do not, e.g. row {unknown[0][1]} of {unknown[0][0]}"
        )
    flagged: dict[Reason, list[Place]] = defaultdict(list)
    for place, end in fate.items():
        if end.reason:
            flagged[end.reason].append(place)
    rows = [
        _duplicates(defect, known, fate, flagged)
        if defect in _DUPLICATES
        else _simple(defect, planted[defect], fate, flagged=flagged[own], defect_at=defect_at, flood_cap=flood_cap)
        for defect, own in OWN.items()
        if planted[defect]
    ]
    rows.append(_swapped(planted, fate))
    copied = {(label["of_shard"], label["of_key"]) for label in known if label["defect"] in _DUPLICATES}
    for defect in (Defect.CLEAN, Defect.WRONG_EXTENSION):
        # of an original and its copies any may stay, so originals are left to their clusters
        rows.append(_kept(defect, [x for x in planted[defect] if (x["shard"], x["key"]) not in copied], fate))
    return pa.Table.from_pylist(rows, TABLE)


def _place(label: Mapping) -> Place:
    return label["shard"], label["row"]


def _reasons(places: Iterable[Place], fate: Mapping[Place, Fate]) -> str:
    ends = Counter((fate[p].reason or "kept") if p in fate else "in no ledger" for p in places)
    return ", ".join(f"{reason} {n}" for reason, n in ends.most_common())


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _simple(
    defect: Defect,
    planted: Sequence[Mapping],
    fate: Mapping[Place, Fate],
    *,
    flagged: Sequence[Place],
    defect_at: Mapping[Place, Defect],
    flood_cap: int,
) -> dict:
    places = [_place(label) for label in planted]
    found = sum(p in fate and fate[p].reason in ACCEPTED[defect] for p in places)
    to_go = len(places)
    if defect is Defect.FLOOD:
        sizes = Counter(label["detail"] for label in planted)
        to_go = sum(max(0, size - flood_cap) for size in sizes.values())
    right = sum(OWN[defect] in ACCEPTED.get(defect_at[p], ()) for p in flagged)
    return {
        "defect": defect,
        "planted": to_go,
        "found": found,
        "recall": _share(min(found, to_go), to_go),
        "flagged": len(flagged),
        "precision": _share(right, len(flagged)),
        "reasons": _reasons(places, fate),
    }


def _duplicates(
    defect: Defect, known: Sequence[Mapping], fate: Mapping[Place, Fate], flagged: Mapping[Reason, Sequence[Place]]
) -> dict:
    at_key = {(label["shard"], label["key"]): _place(label) for label in reversed(known)}  # of a key given twice, the first
    clusters: dict[Place, list[Place]] = defaultdict(list)
    for label in known:
        if label["defect"] == defect:
            clusters[at_key[label["of_shard"], label["of_key"]]].append(_place(label))
    reasons = set(_DUPLICATES.values())
    planted = found = right = 0
    for original, copies in clusters.items():
        # what an earlier stage dropped does not reach this one
        members = [p for p in (original, *copies) if p in fate and (fate[p].reason in reasons or _passed_heuristics(fate[p]))]
        gone = [p for p in members if fate[p].reason in reasons]
        to_go = max(0, len(members) - 1)
        planted += to_go
        found += min(len(gone), to_go)
        by_own = sum(fate[p].reason is OWN[defect] for p in gone)
        right += by_own - max(0, min(by_own, len(gone) - to_go))
    dropped = len(flagged.get(OWN[defect], ()))
    return {
        "defect": defect,
        "planted": planted,
        "found": found,
        "recall": _share(found, planted),
        "flagged": dropped,
        "precision": _share(right, dropped),
        "reasons": _reasons((p for copies in clusters.values() for p in copies), fate),
    }


_LATE = {Reason.CAPTION_FLOOD, Reason.LOW_ALIGNMENT, Reason.NO_CONCEPT, Reason.BALANCED_OUT}


def _passed_heuristics(end: Fate) -> bool:
    return end.reason is None or end.reason in _LATE


_ALIGNED = (Defect.CLEAN, Defect.WRONG_EXTENSION, Defect.EXACT_DUPLICATE, Defect.NEAR_DUPLICATE)


def _swapped(planted: Mapping[Defect, Sequence[Mapping]], fate: Mapping[Place, Fate]) -> dict:
    scores = {
        defect: [s for label in planted[defect] if (end := fate.get(_place(label))) and (s := end.score) is not None]
        for defect in (Defect.SWAPPED, Defect.CLEAN)
    }
    swapped = planted[Defect.SWAPPED]
    places = [_place(label) for label in swapped]
    found = sum(p in fate and fate[p].reason is Reason.LOW_ALIGNMENT for p in places)
    reached = len(scores[Defect.SWAPPED])
    flagged = [place for place, end in fate.items() if end.reason is Reason.LOW_ALIGNMENT]
    aligned = {_place(label) for defect in _ALIGNED for label in planted[defect]}
    right = sum(place not in aligned for place in flagged)
    return {
        "defect": Defect.SWAPPED,
        "planted": reached,
        "found": found,
        "recall": _share(found, reached),
        "flagged": len(flagged),
        "precision": _share(right, len(flagged)),
        "auc": auc(scores[Defect.CLEAN], scores[Defect.SWAPPED]),
        "reasons": _reasons(places, fate),
    }


def auc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """The probability that a positive's score is above a negative's, a tie counting half; None without scores of both."""
    if not positive or not negative:
        return None
    ordered = np.sort(np.asarray(negative, np.float64))
    below = np.searchsorted(ordered, positive, "left")
    up_to = np.searchsorted(ordered, positive, "right")
    return float((below + up_to).mean() / (2 * len(ordered)))


def _kept(defect: Defect, planted: Sequence[Mapping], fate: Mapping[Place, Fate]) -> dict:
    """Rows that neither a heuristic nor a duplicate rule may drop; `found` counts those that none did."""
    places = [_place(label) for label in planted]
    found = sum(p in fate and _passed_heuristics(fate[p]) for p in places)
    return {
        "defect": f"{defect} (to keep)",
        "planted": len(places),
        "found": found,
        "recall": _share(found, len(places)),
        "reasons": _reasons(places, fate),
    }


def render(table: pa.Table) -> str:
    """`table` as lines of text."""

    def cell(value: float | None) -> str:
        return "   - " if value is None else f"{value:.3f}"

    lines = [f"{'planted defect':22} {'rows':>5} {'found':>5} recall {'flagged':>7} precision   AUC"]
    for row in table.to_pylist():
        flagged = "-" if row["flagged"] is None else row["flagged"]
        figures = f"{cell(row['recall']):>6} {flagged:>7} {cell(row['precision']):>9} {cell(row['auc']):>5}"
        lines.append(f"{row['defect']:22} {row['planted']:5} {row['found']:5} {figures}")
    return "\n".join(lines)


if __name__ == "__main__":
    result = score(Path(sys.argv[1]), Path(sys.argv[2]))
    print(render(result))
    for line in result.to_pylist():
        print(f"{line['defect']}: {line['reasons']}")
