"""The line ocr-synthetic: corpus text -> documents -> truth check -> training shards."""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import simplejpeg

from classifiers import text_reader
from classifiers.text_reader import TextReader
from ocr_synth.stages import render as render_stage
from ocr_synth.stages import truth as truth_stage
from ocr_synth.synthetic import (
    backdrops,
    breaks,
    colour,
    corpus,
    degrade,
    documents,
    elements,
    fields,
    fonts,
    labels,
    page,
    paint,
    phrasings,
    render,
    sampling,
    shape,
    slips,
    tasks,
    truth,
    typeset,
    vocabulary,
    warp,
)  # fmt: skip
from ocr_synth.synthetic.backdrops import Backdrop
from ocr_synth.synthetic.fonts import Catalogue
from ocr_synth.synthetic.labels import Labels
from ocr_synth.synthetic.line import LINE
from ocr_synth.synthetic.render import NotRenderedError, Renderer
from pipelines.engine import Engine
from pipelines.making import MakingStep, Media
from pipelines.measuring import MeasuringStep
from pipelines.shard_step import run_step
from pipelines.write import Composer, Members, read_at, run_write
from sieveline import ledger, training_sample
from sieveline.draws import uniforms
from sieveline.errors import ConfigError, RetryableError
from sieveline.fingerprint import code_version, fingerprint
from sieveline.output import Output, media_url
from sieveline.slices import Shard, Slice, find_shards

CODE = (
    backdrops, breaks, colour, corpus, degrade, documents, elements, fields, fonts, labels, page, paint, render, sampling, shape,
    slips, typeset, vocabulary, warp,
)  # fmt: skip
"""What a document's bytes depend on."""

_JSON_FACTOR = 2  # about what a training sample's JSON takes, times its labels


@cache
def catalogue(folders: tuple[str, ...], system: bool) -> Catalogue:
    """The fonts, looked for once a process."""
    found = Catalogue(folders, system=system)
    if not found.families:
        raise ConfigError("render: no font with letters found; python -m demo.system fonts installs some")
    return found


@cache
def background_shards(patterns: tuple[str, ...]) -> tuple[Shard, ...]:
    """The tars that pictures behind documents come from.

    Raises:
        ConfigError: a pattern matches nothing.
    """
    shards = []
    for pattern in patterns:
        found = find_shards(pattern)
        if not found:
            raise ConfigError(f"render: backgrounds {pattern} matches no shard")
        shards += found
    return tuple(shards)


@cache
def _backdrops(patterns: tuple[str, ...]) -> tuple[Backdrop, ...]:
    return backdrops.index([shard.url for shard in background_shards(patterns)])


class RenderStep(MakingStep):
    """Makes the documents of one text file, picture and labels into the shard's media."""

    name = "render"
    made = render_stage.MEASURED
    ledgered = render_stage.LEDGER

    def measurement(self, shard: Shard) -> str:
        config = self.recipe.render.measuring
        fonts_there = catalogue(config.fonts, config.system_fonts).fingerprint
        behind = [[x.id, x.num_bytes] for x in background_shards(config.backgrounds)]
        return fingerprint(config, self.recipe.seed, fonts_there, behind, code_version(*CODE))

    def thresholds(self, shard: Shard) -> Any:
        return self.recipe.render

    def make(self, shard: Shard, media: Media, model: Any) -> Iterator[list[dict[str, Any]]]:
        config = self.recipe.render.measuring
        source = corpus.read(shard.url, shard.id)
        try:
            behind = _backdrops(config.backgrounds)
        except OSError as error:
            raise RetryableError(f"backgrounds: {error}") from error
        made = render_stage.documents(source, catalogue(config.fonts, config.system_fonts), behind, config, self.recipe.seed)
        for files, row in made:
            places = [media.add(f"{row['sample_id']}.{extension}", content) for extension, content in files] or [(-1, 0)] * 2
            (offset, length), (labels_offset, labels_length) = places
            where = {"key": f"{row['document']:06d}", "offset": offset, "length": length}
            yield [row | where | {"labels_offset": labels_offset, "labels_length": labels_length}]

    def judge(self, measured: pa.Table) -> pa.Table:
        return render_stage.decide(measured, self.recipe.render)


class TruthStep(MeasuringStep):
    """Reads a share of the documents back, rendered undegraded."""

    name = "truth"
    upstream = "render"
    first = "render"
    carried = ("document", "language")
    has_model = True

    def measurement(self, shard: Shard) -> str:
        made = RenderStep(self.output, self.recipe).measurement(shard)
        return fingerprint(self.recipe.truth.measuring, self.recipe.seed, made, code_version(truth, text_reader))

    def thresholds(self, shard: Shard) -> Any:
        return self.recipe.truth

    def load_model(self, threads: int) -> TextReader:
        return TextReader(detect_side=self.recipe.truth.measuring.detect_side, threads=threads)

    def measure(self, shard: Shard, rows: pa.Table, model: TextReader) -> pa.Table:
        config = self.recipe.truth.measuring
        drawn = uniforms(self.recipe.seed, "truth", rows["sample_id"].to_pylist()) < config.share
        renderer = self._renderer(shard) if drawn.any() else None
        found = []
        for row, is_drawn in zip(rows.select(["row", "document"]).to_pylist(), drawn.tolist(), strict=True):
            found.append(
                {"row": row["row"], "checked": False} | (self._check(renderer, row["document"], model) if is_drawn else {})
            )
            self.progress(1)
        return pa.Table.from_pylist(found, pa.schema([("row", pa.int32()), *truth_stage.MEASURED]))

    def _renderer(self, shard: Shard) -> Renderer:
        config = self.recipe.render.measuring
        source = corpus.read(shard.url, shard.id)
        return Renderer(source, catalogue(config.fonts, config.system_fonts), (), config.sampling, self.recipe.seed)

    def _check(self, renderer: Renderer | None, document: int, reader: TextReader) -> dict[str, Any]:
        assert renderer is not None
        try:
            clean = renderer.render(document, clean=True)
        except NotRenderedError:  # the text changed since
            return {}
        lines = reader.read(simplejpeg.decode_jpeg(clean.image, "RGB"))
        result = truth.compare(clean.labels, [(line.text, line.polygon) for line in lines])
        return {
            "checked": True,
            "truth_characters": result.characters,
            "truth_errors": result.errors,
            "error_rate": round(result.rate, 4),
            "missed_lines": result.missed,
            "read_text": "\n".join(line.text for line in lines)[:4000],
        }

    def decide(self, rows: pa.Table, measured: pa.Table) -> tuple[pa.Table, dict[str, Any]]:
        verdicts = truth_stage.decide(measured, rows["language"], self.recipe.truth)
        return verdicts, {name: measured[name] for name in truth_stage.MEASURED.names}


class Documents(Composer):
    """One sample per document: the picture, and its questions with their answers."""

    upstream, first = "truth", "render"

    @property
    def settings(self) -> Any:
        return [self.recipe.write, self.recipe.seed, self.recipe.tasks, code_version(tasks, phrasings)]

    def sizes(self, kept: pa.Table) -> np.ndarray:
        return np.asarray(kept["length"]) * _JSON_FACTOR

    def samples(self, shard: Shard, rows: pa.Table) -> Iterator[tuple[str, Members | None]]:
        about = ledger.read_table(self.output.ledger(self.first, shard.id)).to_pylist()
        described = {row["row"]: row for row in about}
        url = media_url(self.output, self.first, shard.id, shard.url)
        assert url
        for part, images in self.read_media(shard, rows):
            whole = [described[number] for number in part["row"].to_pylist()]
            told = read_at(url, [r["labels_offset"] for r in whole], [r["labels_length"] for r in whole])
            for row, checked, image, label in zip(whole, part.to_pylist(), images, told, strict=True):
                yield row["sample_id"], self._members(shard, row, checked, image, json.loads(label))

    def _members(
        self, shard: Shard, row: dict[str, Any], checked: dict[str, Any], image: bytes, plain: dict[str, Any]
    ) -> Members:
        size = (row["width"], row["height"])
        name = row["sample_id"]
        asked = tasks.turns(Labels.from_plain(plain), size, row["language"], self.recipe.tasks, self.recipe.seed, name)
        provenance = {
            "source": "ocr-synthetic",
            "url": None,
            "license": None,
            "shard": row["source_shard"],
            "key": row["key"],
            "language": row["language"],
            "kind": row["kind"],
            "size": list(size),
            "fonts": row["families"],
            "effects": row["effects"],
            "tasks": [turn.task for turn in asked],
            "scores": {
                "contrast": float(f"{row['contrast']:.6g}"),
                "text_size": float(f"{row['text_size']:.6g}"),
                "error_rate": None if checked["error_rate"] is None else float(f"{checked['error_rate']:.6g}"),
            },
            "labels": plain,
        }
        return training_sample.members(name, "ocr", tasks.content("0.jpg", asked), {"0.jpg": image}, provenance)


def check(recipe: Any) -> None:
    """Raises ConfigError where fonts or backgrounds of the recipe are not there, before any work starts."""
    config = recipe.render.measuring
    catalogue(config.fonts, config.system_fonts)
    background_shards(config.backgrounds)


def run(
    output: str, recipe: Any, slices: list[Slice], engine: Engine, steps: Iterable[str] = LINE.steps
) -> dict[str, dict[str, int]]:
    """Runs `steps` of the line, in their order, over the shards of `slices`; meant to run in a child process.

    Returns:
        Beam's counters per step.
    """
    place = Output(output)
    shards = [shard for s in slices for shard in s.shards]
    check(recipe)
    work = {
        "render": lambda: run_step(RenderStep(place, recipe), shards, engine),
        "truth": lambda: run_step(TruthStep(place, recipe), shards, engine),
        "write": lambda: run_write(LINE, Documents(place, recipe), slices, engine),
    }
    return {step: dict(work[step]()) for step in LINE.steps if step in steps}
