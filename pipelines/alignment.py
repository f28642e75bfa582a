"""The alignment step: one decode and one forward pass per surviving pair, read by range from its shard."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import xxhash

from classifiers import alignment as judge
from pipelines.measuring import MeasuringStep
from sieveline import storage
from sieveline.cache import cache_folder
from sieveline.errors import RetryableError, ShardError
from sieveline.fingerprint import code_version, fingerprint
from sieveline.output import Output
from sieveline.shards.source import read_images
from sieveline.shards.writer import cut
from sieveline.slices import Shard
from sieveline.stages import alignment as stage

READ_BYTES = 64 << 20  # of images in memory at once
READ_ROWS = 512


class AlignmentStep(MeasuringStep):
    """Scores a shard's surviving pairs. Model batches never span two shards."""

    name = "alignment"
    upstream = "duplicates"
    has_model = True

    def __init__(self, output: Output, recipe: Any):
        super().__init__(output, recipe)
        self._measurement = alignment_measurement(recipe)

    def measurement(self, shard: Shard) -> str:
        return self._measurement

    def thresholds(self, shard: Shard) -> Any:
        return self.recipe.alignment

    def load_model(self, threads: int) -> judge.ImageTextModel:
        return judge.load_model(self.recipe.alignment.measuring, cache=cache_folder(), threads=threads)

    def on_gpu(self) -> bool:
        if self.recipe.alignment.measuring.model == "embedded":
            return False
        import torch

        return torch.cuda.is_available()

    def measure(self, shard: Shard, rows: pa.Table, model: judge.ImageTextModel) -> pa.Table:
        schema = pa.schema([("row", pa.int32()), *stage.measured(model.dimensions)])
        tables = [schema.empty_table()]
        for part, images in read_rows(shard, rows):
            batch = pa.table({"image": pa.array(images, pa.large_binary()), "caption": part["caption"]})
            measured = judge.measure(batch, model)
            tables.append(pa.table([part["row"], *measured.columns], schema=schema))
            self.progress(part.num_rows)
        return pa.concat_tables(tables)

    def decide(self, rows: pa.Table, measured: pa.Table) -> tuple[pa.Table, dict[str, Any]]:
        return stage.decide(measured, self.recipe.alignment), {"score": measured["score"]}

    def metadata(self, model: judge.ImageTextModel) -> dict[str, Any]:
        return judge.provenance(model)


def alignment_measurement(recipe: Any) -> str:
    """Fingerprint of the scores and embeddings: configuration, code and, where they lie here, the weights themselves."""
    measuring = recipe.alignment.measuring
    weights = [judge.HEADS, *(part for part in measuring.model.split(":") if "/" in part)]
    hashes = [xxhash.xxh3_64_hexdigest(storage.read_bytes(str(w))) for w in weights if storage.is_file(str(w))]
    return fingerprint(measuring, code_version(*_modules(measuring.model)), hashes)


def _modules(model: str) -> list[Any]:
    from classifiers import rgb

    if model == "embedded":
        from classifiers import character_grams, embedded_clip, encoder_graphs

        return [judge, rgb, character_grams, embedded_clip, encoder_graphs]
    from classifiers import open_clip_model

    return [judge, rgb, open_clip_model]


def read_rows(shard: Shard, rows: pa.Table) -> Iterator[tuple[pa.Table, list[bytes]]]:
    """Parts of `rows` with their images, so many at a time as fit in memory.

    Raises:
        ShardError: the shard is not there any more.
        RetryableError: the storage failed in a way that may pass.
    """
    for run in cut(rows["length"].to_pylist(), READ_BYTES, READ_ROWS):
        part = rows.slice(run.start, len(run))
        try:
            yield part, read_images(shard.url, part["offset"].to_pylist(), part["length"].to_pylist())
        except FileNotFoundError as error:
            raise ShardError(shard.url, "was measured but is not there any more") from error
        except OSError as error:
            raise RetryableError(f"{shard.url}: {error}") from error
