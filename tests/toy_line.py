"""A line of two stages that makes its pictures and asks several questions of each: the smallest that uses all that lines share."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

from pipelines.engine import Engine
from pipelines.making import FanOutStep, MakingStep, Media
from pipelines.shard_step import run_step
from pipelines.write import Composer, Members, run_write
from sieveline import training_sample
from sieveline.fingerprint import fingerprint
from sieveline.gates import Gate, Gates, yield_gate
from sieveline.lines import Line, Stage
from sieveline.output import Output
from sieveline.reasons import Reason
from sieveline.report.exhibit import Exhibit, Figure
from sieveline.report.rules import Measure, cut
from sieveline.schema import sample_id
from sieveline.slices import Shard, Slice
from sieveline.stages import write
from sieveline.stages.write import Shards
from sieveline.verdicts import Verdicts

SQUARES = pa.schema([("grey", pa.int32()), ("caption", pa.string())])
QUESTIONS = pa.schema([("question", pa.string()), ("caption", pa.string()), ("odd", pa.int32())])


@dataclass(frozen=True, kw_only=True, slots=True)
class Squares:
    min_grey: float | None = 40.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Questions:
    max_odd: float | None = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Toy:
    seed: int = 0
    shards_per_slice: int = 2
    squares: Squares = Squares()
    questions: Questions = Questions()
    gates: Gates = field(default_factory=lambda: Gates(max_yield=None))
    write: Shards = field(default_factory=lambda: Shards(max_shard_samples=4))


def toy() -> Toy:
    return Toy()


class SquaresStep(MakingStep):
    name = "squares"
    made = ledgered = SQUARES
    made_shards: list[str] = []  # noqa: RUF012  what this process made, for the tests

    def measurement(self, shard: Shard) -> str:
        return fingerprint("squares", shard.id)

    def thresholds(self, shard: Shard) -> Any:
        return self.recipe.squares

    def make(self, shard: Shard, media: Media, model: Any) -> Iterator[list[dict[str, Any]]]:
        self.made_shards.append(shard.id)
        for grey in range(0, 100, 10):
            file = io.BytesIO()
            Image.new("L", (32, 32), grey).save(file, "PNG")
            caption = f"{shard.id}, a square of grey {grey}"
            name = sample_id(file.getvalue(), caption)
            offset, length = media.add(f"{name}.png", file.getvalue())
            yield [
                {"sample_id": name, "key": f"{grey:03d}", "offset": offset, "length": length, "grey": grey, "caption": caption}
            ]
        yield [{"sample_id": "0" * 32, "key": "none", "offset": -1, "length": 0}]
        self.damage = "one square was not made" if shard.id == "torn" else None

    def judge(self, measured: pa.Table) -> pa.Table:
        verdicts = Verdicts(measured.num_rows)
        grey = measured["grey"].cast(pa.float64()).to_numpy(zero_copy_only=False)
        verdicts.rule(Reason.UNDECODABLE, np.isnan(grey))
        if self.recipe.squares.min_grey is not None:
            verdicts.rule(Reason.SOLID_COLOUR, grey < self.recipe.squares.min_grey, grey, self.recipe.squares.min_grey)
        return verdicts.table()


class QuestionsStep(FanOutStep):
    name, upstream, first = "questions", "squares", "squares"
    carried = ("caption", "grey")
    made = ledgered = QUESTIONS
    asked: list[str] = []  # noqa: RUF012  as above

    def measurement(self, shard: Shard) -> str:
        return fingerprint("questions", shard.id)

    def thresholds(self, shard: Shard) -> Any:
        return self.recipe.questions

    def make(self, shard: Shard, rows: pa.Table, model: Any) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        for row in rows.to_pylist():
            self.asked.append(row["key"])
            place = {n: row[n] for n in ("offset", "length", "key")}
            questions = [f"{row['caption']}: question {i}" for i in range(3)]
            yield (
                row["row"],
                [
                    {"sample_id": sample_id(q.encode(), ""), **place, "question": q, "caption": q, "odd": i % 2}
                    for i, q in enumerate(questions)
                ],
            )

    def judge(self, measured: pa.Table) -> pa.Table:
        verdicts = Verdicts(measured.num_rows)
        odd = measured["odd"].cast(pa.float64()).to_numpy(zero_copy_only=False)
        if self.recipe.questions.max_odd is not None:
            verdicts.rule(Reason.REPETITION, odd > self.recipe.questions.max_odd, odd, self.recipe.questions.max_odd)
        return verdicts.table()


class Asked(Composer):
    """One sample per square, with all its questions."""

    upstream, first = "questions", "squares"
    planned_by = ("sample_id", "length", "parent")

    def groups(self, kept: pa.Table) -> np.ndarray:
        return np.unique(np.asarray(kept["parent"]), return_inverse=True)[1]

    def sizes(self, kept: pa.Table) -> np.ndarray:
        return np.asarray(kept["length"])

    def sample_ids(self, kept: pa.Table) -> list[str]:
        names: dict[int, str] = {}
        for parent, name in zip(kept["parent"].to_pylist(), kept["sample_id"].to_pylist(), strict=True):
            names.setdefault(parent, name)
        return [names[parent] for parent in kept["parent"].to_pylist()]

    def samples(self, shard: Shard, rows: pa.Table) -> Iterator[tuple[str, Members | None]]:
        groups = self.groups(rows)
        starts = np.flatnonzero(np.diff(groups, prepend=-1))
        questions = rows["question"].to_pylist()
        for part, images in self.read_media(shard, rows.take(starts)):
            for row, image in zip(part.to_pylist(), images, strict=True):
                content: list[dict[str, Any]] = [{"type": "image", "file": "0.png"}]
                content += [
                    {"type": "text", "text": q, "loss": True}
                    for q, parent in zip(questions, rows["parent"].to_pylist(), strict=True)
                    if parent == row["parent"]
                ]
                made = training_sample.members(row["sample_id"], "gui", content, {"0.png": image}, {"shard": shard.id})
                yield row["sample_id"], made


def find_shards(pattern: str, recipe: Toy) -> list[Shard]:
    return [Shard(name, pattern, 0) for name in sorted(pattern.rsplit("/", 1)[-1].split(","))]


def exhibits(output: Output) -> dict[str, list[Exhibit]]:
    figure = Figure(picture=Image.new("RGB", (64, 48), "red"), texts=[("text", "<b>one</b>\n  two")], note="a note", kept=True)
    table = Exhibit(title="By grey", header=("grey", "squares"), rows=[("0", "2")])
    return {"squares": [Exhibit(title="One figure", lead="A lead.", figures=[figure], wide=True), table]}


def ask(output: Output, limits: Gates, slices: list[Slice], name: str) -> list[Gate]:
    s = next(s for s in slices if s.name == name)
    return [yield_gate(output, s, ("squares", "squares"), limits.min_yield, limits.max_yield)]


LINE = Line(
    name="toy",
    description="Grey squares.",
    unit="square",
    input="names",
    target=1_000_000,
    stages=(
        Stage(
            name="squares",
            title="Squares",
            lead="Made here.",
            module=write,
            columns=SQUARES,
            measures=(Measure(name="grey", columns=("grey",), rules=(cut("min_grey", Reason.SOLID_COLOUR),)),),
        ),
        Stage(name="questions", title="Questions", lead="Asked.", module=write, columns=QUESTIONS, fans_out=True),
        Stage(name="write", title="Training shards", lead="Written.", module=write, columns=pa.schema([]), reads_media=True),
    ),
    recipe=Toy,
    default_recipe="toy_line:toy",
    run="toy_line:run",
    find_shards=find_shards,
    gates=ask,
    exhibits=exhibits,
)


def run(
    output: str, recipe: Toy, slices: list[Slice], engine: Engine, steps: Iterable[str] = LINE.steps
) -> dict[str, dict[str, int]]:
    place = Output(output)
    shards = [shard for s in slices for shard in s.shards]
    work = {
        "squares": lambda: run_step(SquaresStep(place, recipe), shards, engine),
        "questions": lambda: run_step(QuestionsStep(place, recipe), shards, engine),
        "write": lambda: run_write(LINE, Asked(place, recipe), slices, engine),
    }
    return {step: dict(work[step]()) for step in LINE.steps if step in steps}
