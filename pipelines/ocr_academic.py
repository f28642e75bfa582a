"""The academic line: papers -> pages -> training shards.

`papers` holds nearly all of the cost, LaTeXML's. A paper's XHTML, words and rasters stay in its media, so a change to how
pages are split or scored runs no LaTeX again.
"""

import resource
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ocr_synth.academic import (
    align,
    bibliography,
    blocks,
    floats,
    jail,
    labels,
    latexml,
    make,
    margins,
    paging,
    papers,
    pdf,
    pdf_process,
    score,
    sources,
    split,
    words,
    xhtml,
)
from ocr_synth.academic.line import LINE
from ocr_synth.academic.recipes import Academic
from ocr_synth.stages import pages as pages_stage
from ocr_synth.stages import papers as papers_stage
from pipelines.engine import Engine
from pipelines.making import FanOutStep, MakingStep, Media
from pipelines.shard_step import Task, run_step
from pipelines.write import Composer, Members, read_at, run_write
from sieveline import draws, training_sample
from sieveline.errors import ShardError
from sieveline.fingerprint import code_version, fingerprint
from sieveline.output import Output
from sieveline.slices import Shard, Slice

JSON_BYTES = 1024  # about what a training sample's JSON takes beside its markup


class PapersStep(MakingStep):
    """One paper a shard. Its model is the process that reads PDFs."""

    name = "papers"
    made = papers_stage.MEASURED
    ledgered = papers_stage.LEDGER
    has_model = True

    def measurement(self, shard: Shard) -> str:
        code = code_version(bibliography, jail, latexml, make, papers, pdf, pdf_process, sources, words)
        return fingerprint(self.recipe.papers.measuring, code, latexml.bindings_version(), shard.url)

    def thresholds(self, shard: Shard) -> Any:
        return self.recipe.papers

    def load_model(self, threads: int) -> pdf_process.Reader:
        return make.reader(self.recipe.papers.measuring)

    def run(self, task: Task, model: Any) -> Any:
        self._reading = model
        return super().run(task, model)

    def make(self, shard: Shard, media: Media, model: Any) -> Iterator[list[dict[str, Any]]]:
        paper = papers.from_url(shard.url, shard.id, shard.num_bytes)
        try:
            yield [make.make(paper, self.recipe.papers.measuring, model, media.add)]
        except OSError as error:
            raise ShardError(shard.url, f"cannot be read or converted here: {error}") from error

    def judge(self, measured: pa.Table) -> pa.Table:
        return papers_stage.decide(measured, self.recipe.papers)

    @contextmanager
    def cost(self, task: Task) -> Iterator[None]:
        """LaTeX and PDFium work in processes of their own, whose time counts too."""
        before = self._children()
        with super().cost(task):
            yield
        self.output.add_cost(self.name, task.shard.id, task.measurement, max(0.0, self._children() - before))

    def _children(self) -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime + self._reading.cpu_seconds()


class PagesStep(FanOutStep):
    """The pages of the papers that were kept."""

    name, upstream, first = "pages", "papers", "papers"
    carried = ("paper", "pages", "xhtml_offset", "xhtml_length", "words_offset", "words_length")
    made = pages_stage.MEASURED
    ledgered = pages_stage.LEDGER

    def measurement(self, shard: Shard) -> str:
        made_from = PapersStep(self.output, self.recipe).measurement(shard)
        return fingerprint(
            made_from, code_version(align, blocks, floats, labels, margins, paging, pdf, score, split, words, xhtml)
        )

    def thresholds(self, shard: Shard) -> Any:
        return self.recipe.pages

    def make(self, shard: Shard, rows: pa.Table, model: Any) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        url = self.media_url(shard)
        for row in rows.to_pylist():
            places = ([row["xhtml_offset"], row["words_offset"]], [row["xhtml_length"], row["words_length"]])
            document, found = read_at(url, *places)
            yield row["row"], paging.page_rows(row, document, found)

    def judge(self, measured: pa.Table) -> pa.Table:
        return pages_stage.decide(measured, self.recipe.pages)


class PageSamples(Composer):
    """One sample per page: the page, an instruction, its markup."""

    upstream, first = "pages", "papers"
    planned_by = ("sample_id", "length", "caption")

    @property
    def settings(self) -> Any:
        return [self.recipe.write, self.recipe.seed, self.recipe.instructions, self.recipe.license]

    def sizes(self, kept: pa.Table) -> np.ndarray:
        return np.asarray(kept["length"]) + np.asarray(pc.binary_length(kept["caption"])) + JSON_BYTES

    def samples(self, shard: Shard, rows: pa.Table) -> Iterator[tuple[str, Members | None]]:
        instructions = self.recipe.instructions
        for part, images in self.read_media(shard, rows):
            for row, image in zip(part.to_pylist(), images, strict=True):
                name = row["sample_id"]
                drawn = instructions[int(draws.uniform(self.recipe.seed, "instruction", name) * len(instructions))]
                content = [
                    {"type": "image", "file": "0.png"},
                    {"type": "text", "text": drawn, "loss": False},
                    {"type": "text", "text": row["caption"], "loss": True},
                ]
                whole = len(image) == row["length"]
                made = training_sample.members(name, "ocr", content, {"0.png": image}, self.provenance(row))
                yield name, made if whole else None

    def provenance(self, row: dict[str, Any]) -> dict[str, Any]:
        return {
            "source": "ocr-academic",
            "paper": row["paper"],
            "page": row["page"],
            "license": self.recipe.license,
            "shard": row["source_shard"],
            "size": [row["width"], row["height"]],
            "scores": {n: None if row[n] is None else float(f"{row[n]:.4g}") for n in ("precision", "recall", "boundary")},
        }


def run(
    output: str, recipe: Academic, slices: list[Slice], engine: Engine, steps: Iterable[str] = LINE.steps
) -> dict[str, dict[str, int]]:
    """Runs `steps` of the line over `slices`; what still stands is not done again. Returns the counts of each."""
    place = Output(output)
    shards = [shard for s in slices for shard in s.shards]
    work: dict[str, Callable[[], Any]] = {
        "papers": lambda: run_step(PapersStep(place, recipe), shards, engine),
        "pages": lambda: run_step(PagesStep(place, recipe), shards, engine),
        "write": lambda: run_write(LINE, PageSamples(place, recipe), slices, engine),
    }
    return {step: dict(work[step]()) for step in LINE.steps if step in steps}
