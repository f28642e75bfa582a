"""The questions and write steps of the GUI line: screenshots are read by range from the crawl's media, one capture in memory at a time."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

import gui_crawl
from gui_crawl import (
    actions,
    boxes,
    capture,
    colours,
    concepts,
    look,
    markup,
    meaning,
    nouns,
    phrasing,
    privacy,
    questions,
    samples,
    screen,
    tasks,
    uniqueness,
)
from gui_crawl.capture import Capture
from gui_crawl.expressions import by_function, by_look, by_position, by_text, places
from gui_crawl.phrasing import chinese, english, pick
from gui_crawl.stages import questions as stage
from pipelines.making import FanOutStep
from pipelines.shard_step import select_rows
from pipelines.write import Composer, Members, read_at
from sieveline import ledger, training_sample
from sieveline.fingerprint import code_version, fingerprint
from sieveline.slices import Shard

_CRAFT = (
    *(
        gui_crawl,
        actions,
        boxes,
        capture,
        colours,
        concepts,
        look,
        markup,
        meaning,
        nouns,
        phrasing,
        privacy,
        questions,
        screen,
        tasks,
    ),
    *(uniqueness, by_function, by_look, by_position, by_text, places, chinese, english, pick),
)
REMEMBERED = 6  # states whose screens are kept at hand: those that later states of the page were reached from
JSON_BYTES = 1024  # about what a training sample's JSON takes beside its texts
SOURCE = ("url", "site", "title", "device", "scale", "scheme", "locale", "state")  # of the captures ledger, for provenance


class QuestionsStep(FanOutStep):
    name, upstream, first = "questions", "duplicates", "captures"
    carried = ("title", "scale", "elements", "before", "action")
    made = ledgered = stage.MEASURED

    def measurement(self, shard: Shard) -> str:
        return fingerprint(self.recipe.questions.measuring, self.recipe.seed, code_version(*_CRAFT))

    def thresholds(self, shard: Shard) -> Any:
        return self.recipe.questions

    def make(self, shard: Shard, rows: pa.Table, model: Any) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        captures = {row["sample_id"]: row for row in self.rows(shard).to_pylist()}
        seen: OrderedDict[str, Capture] = OrderedDict()

        def state(name: str) -> Capture:
            if name not in seen:
                row = captures[name]
                [screenshot] = read_at(self.media_url(shard), [row["offset"]], [row["length"]])
                seen[name] = Capture(
                    id=name,
                    title=row["title"] or "",
                    scale=row["scale"],
                    elements=row["elements"],
                    screenshot=screenshot,
                    before=row["before"],
                    action=row["action"],
                )
            seen.move_to_end(name)
            while len(seen) > REMEMBERED:
                seen.popitem(last=False)
            return seen[name]

        for parent, name in zip(rows["row"].to_pylist(), rows["sample_id"].to_pylist(), strict=True):
            here = state(name)
            before = state(here.before) if here.before and here.before in captures else None  # not where that state was dropped
            made = questions.measure(here, before, self.recipe.questions.measuring, self.recipe.seed)
            yield parent, [_placed(row, captures) for row in made]

    def judge(self, measured: pa.Table) -> pa.Table:
        return stage.decide(measured, self.recipe.questions)


def _placed(row: dict[str, Any], captures: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The row with the places of its screenshots."""
    asked = captures[row["capture_id"]]
    place = {name: asked[name] for name in ("key", "offset", "length")}
    if after := row.get("after_id"):
        place |= {"after_offset": captures[after]["offset"], "after_length": captures[after]["length"]}
    return row | place


class Conversations(Composer):
    """One training sample per run of questions on a capture, with its screenshot or screenshots as they were taken."""

    upstream, first = "questions", "captures"
    planned_by = ("sample_id", "parent", "form", "length", "after_length", "answer_chars")

    @property
    def settings(self) -> Any:
        measuring = self.recipe.questions.measuring
        return [self.recipe.write, self.recipe.seed, measuring.batch, code_version(samples, phrasing, english, chinese)]

    def groups(self, kept: pa.Table) -> np.ndarray:
        parents, forms, names = (kept[name].to_pylist() for name in ("parent", "form", "sample_id"))
        return samples.runs(parents, forms, names, self.recipe.seed, self.recipe.questions.measuring.batch)

    def sizes(self, kept: pa.Table) -> np.ndarray:
        first = np.diff(self.groups(kept), prepend=-1) > 0
        pictures = np.asarray(kept["length"]) + np.asarray(kept["after_length"].fill_null(0))
        return np.where(first, pictures + JSON_BYTES, 0) + 4 * np.asarray(kept["answer_chars"].fill_null(0))

    def sample_ids(self, kept: pa.Table) -> list[str]:
        groups, names = self.groups(kept), kept["sample_id"].to_pylist()
        starts = np.flatnonzero(np.diff(groups, prepend=-1))
        return [names[starts[group]] for group in groups]

    def samples(self, shard: Shard, rows: pa.Table) -> Iterator[tuple[str, Members | None]]:
        starts = np.flatnonzero(np.diff(self.groups(rows), prepend=-1))
        captures = ledger.read_table(self.output.ledger(self.first, shard.id), ["row", *SOURCE])
        source = {row["row"]: row for row in select_rows(captures, rows["parent"].unique()).to_pylist()}
        ends = [*starts[1:], rows.num_rows]
        heads = rows.take(starts).select(["offset", "length", "after_offset", "after_length"])
        place = 0
        for part, pictures in self.read_media(shard, heads):
            for head, picture in zip(part.to_pylist(), pictures, strict=True):
                run = rows.slice(starts[place], ends[place] - starts[place]).to_pylist()
                place += 1
                media = {"0.png": picture}
                if run[0]["after_id"]:
                    [media["1.png"]] = read_at(self._media(shard), [head["after_offset"]], [head["after_length"]])
                parts = samples.content(run, self.recipe.seed)
                name = run[0]["sample_id"]
                yield name, training_sample.members(name, "gui", parts, media, provenance(run, source[run[0]["parent"]], shard))

    def _media(self, shard: Shard) -> str:
        from sieveline.output import media_url

        url = media_url(self.output, self.first, shard.id, shard.url)
        assert url
        return url


def provenance(rows: list[dict[str, Any]], capture: dict[str, Any], shard: Shard) -> dict[str, Any]:
    """Where a sample comes from, and of each question in it what it asks and of which element."""
    return {
        "source": "gui",
        "url": capture["url"],
        "license": None,
        "shard": shard.id,
        "site": capture["site"],
        "capture": rows[0]["capture_id"],
        "state": capture["state"],
        "screen": {name: capture[name] for name in ("device", "scale", "scheme", "locale")},
        "questions": [
            {name: row[name] for name in ("sample_id", "task", "family", "language", "role", "boxes")} for row in rows
        ],
        "scores": {},
    }
