"""The scene-text line: shards of pictures -> text density -> scene text -> views -> training shards.

The pictures stay in their source shards; the reader and the last step read them there by range.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from classifiers import rgb, text_reader
from classifiers import text_density as density_model
from classifiers.text_reader import TextReader
from ocr_synth.scene import density, questions, reading, samples, variants
from ocr_synth.scene.line import LINE
from ocr_synth.stages import scene_text, scene_views, text_density
from pipelines.alignment import read_rows
from pipelines.engine import Engine
from pipelines.making import FanOutStep
from pipelines.measuring import MeasuringStep
from pipelines.reading import ReadingStep
from pipelines.shard_step import run_step, select_rows
from pipelines.write import Composer, Members, run_write
from sieveline import image_files, ledger, training_sample
from sieveline.errors import ConfigError
from sieveline.fingerprint import code_version, fingerprint
from sieveline.output import Output
from sieveline.schema import sample_id
from sieveline.shards import parquet, tar
from sieveline.slices import Shard, Slice

_JSON_BYTES = 2048  # about what a training sample's JSON takes


class TextDensityStep(ReadingStep):
    """Judges by a small network what is worth reading."""

    name = "text_density"
    found, ledgered = text_density.MEASURED, text_density.LEDGER
    captions = False

    def __init__(self, output: Output, recipe: Any):
        super().__init__(output, recipe)
        model = density.model_file(recipe.text_density.measuring)
        if not model.is_file():
            raise ConfigError(f"text_density: there is no model {model}")
        code = code_version(density, density_model, rgb, image_files, tar, parquet)
        self._measurement = fingerprint(
            recipe.limits, recipe.text_density.measuring, code, xxhash.xxh3_64_hexdigest(model.read_bytes())
        )

    def measurement(self, shard: Shard) -> str:
        return self._measurement

    def thresholds(self, shard: Shard) -> Any:
        return self.recipe.text_density

    def measure_batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return density.measure(batch, self.recipe.text_density.measuring)

    def judge(self, measured: pa.Table) -> pa.Table:
        return text_density.decide(measured, self.recipe.text_density)


class SceneTextStep(MeasuringStep):
    """Reads the text in what is left, with one engine a worker process."""

    name, upstream, first = "scene_text", "text_density", "text_density"
    carried = ()
    has_model = True

    def __init__(self, output: Output, recipe: Any):
        super().__init__(output, recipe)
        code = code_version(reading, text_reader, rgb, image_files)
        self._measurement = fingerprint(recipe.scene_text.measuring, code, text_reader.weights_hash())

    def measurement(self, shard: Shard) -> str:
        return self._measurement

    def thresholds(self, shard: Shard) -> Any:
        return self.recipe.scene_text

    def load_model(self, threads: int) -> TextReader:
        return TextReader(detect_side=self.recipe.scene_text.measuring.detect_side, threads=threads)

    def measure(self, shard: Shard, rows: pa.Table, model: TextReader) -> pa.Table:
        tables = [pa.schema([("row", pa.int32()), *scene_text.MEASURED]).empty_table()]
        for part, images in read_rows(shard, rows):
            measured = []
            for image in images:
                measured.append(reading.read(image, model, self.recipe.scene_text.measuring))
                self.progress(1)
            table = pa.Table.from_pylist(measured, scene_text.MEASURED)
            tables.append(pa.table([part["row"], *table.columns], schema=tables[0].schema))
        return pa.concat_tables(tables)

    def decide(self, rows: pa.Table, measured: pa.Table) -> tuple[pa.Table, dict[str, Any]]:
        verdicts, valid = scene_text.decide(measured, self.recipe.scene_text)
        return verdicts, {name: measured[name] for name in scene_text.MEASURED.names} | {"valid": valid}

    def metadata(self, model: TextReader) -> dict[str, Any]:
        return {"model": "PaddleOCR, " + " and ".join(text_reader.MODELS), "weights_hash": text_reader.weights_hash()}


class SceneViewsStep(FanOutStep):
    """One or two views of each kept picture, with their questions; reads no picture."""

    name, upstream, first = "scene_views", "scene_text", "text_density"
    carried = ()
    made, ledgered = scene_views.MEASURED, scene_views.MEASURED
    light_below = float("inf")

    def measurement(self, shard: Shard) -> str:
        # which lines are valid is decided by the stage before, so its thresholds are measuring configuration here
        before = (ledger.read_metadata(self.output.ledger("scene_text", shard.id)) or {})["measurement"]
        code = code_version(samples, questions, variants, scene_text)
        return fingerprint(self.recipe.seed, self.recipe.scene_views.measuring, self.recipe.scene_text, before, code)

    def thresholds(self, shard: Shard) -> Any:
        return self.recipe.scene_views

    def make(self, shard: Shard, rows: pa.Table, model: Any) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        found = select_rows(ledger.read_table(self.output.ledger("scene_text", shard.id)), rows["row"])
        for row in found.to_pylist():
            place = {name: row[name] for name in ("key", "offset", "length")}
            made = samples.views(row, self.recipe.scene_views.measuring, self.recipe.seed)
            yield row["row"], [view | place for view in made]

    def judge(self, measured: pa.Table) -> pa.Table:
        return scene_views.decide(measured, self.recipe.scene_views)


class SceneSamples(Composer):
    """One sample per kept view."""

    upstream, first = "scene_views", "text_density"

    @property
    def settings(self) -> Any:
        variants = self.recipe.scene_views.measuring.variants
        return [self.recipe.write, self.recipe.seed, variants.max_side, variants.quality, code_version(samples)]

    def sizes(self, kept: pa.Table) -> np.ndarray:
        return np.asarray(kept["length"]) + _JSON_BYTES

    def samples(self, shard: Shard, rows: pa.Table) -> Iterator[tuple[str, Members | None]]:
        about = ["row", "sample_id", "caption", "url", "license"]
        sources = ledger.read_table(self.output.ledger(self.first, shard.id), about).to_pylist()
        described = {row["row"]: row for row in sources}
        for part, images in self.read_media(shard, rows):
            for row, image in zip(part.to_pylist(), images, strict=True):
                yield row["sample_id"], self._members(row, image, described[row["parent"]])

    def _members(self, row: dict[str, Any], image: bytes, source: dict[str, Any]) -> Members | None:
        if sample_id(image, source["caption"] or "") != source["sample_id"]:
            return None
        file, content = samples.media(image, row, self.recipe.scene_views.measuring.variants)
        provenance = {
            "source": "ocr-scene",
            "url": source["url"],
            "license": source["license"],
            "shard": row["source_shard"],
            "key": row["key"],
            "of": source["sample_id"],
            "view": row["view"],
            "size": [row["width"], row["height"]],
            "scores": {"text": float(f"{row['text_score']:.6g}")},
            "original_caption": source["caption"],
        }
        parts = samples.content(file, row["turns"])
        return training_sample.members(row["sample_id"], "ocr", parts, {file: content}, provenance)


def run(
    output: str, recipe: Any, slices: list[Slice], engine: Engine, steps: Iterable[str] = LINE.steps
) -> dict[str, dict[str, int]]:
    """Runs `steps` of the line, in their order, over the shards of `slices`; meant to run in a child process.

    Returns:
        Beam's counters per step.
    """
    place = Output(output)
    shards = [shard for s in slices for shard in s.shards]
    work = {
        "text_density": lambda: run_step(TextDensityStep(place, recipe), shards, engine),
        "scene_text": lambda: run_step(SceneTextStep(place, recipe), shards, engine),
        "scene_views": lambda: run_step(SceneViewsStep(place, recipe), shards, engine),
        "write": lambda: run_write(LINE, SceneSamples(place, recipe), slices, engine),
    }
    return {step: dict(work[step]()) for step in LINE.steps if step in steps}
