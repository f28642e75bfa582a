"""The recaption step: facts of the original, a candidate from the generator, and what the verifier measures of it."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from classifiers import alignment as judge
from pipelines.measuring import MeasuringStep
from pipelines.shard_step import select_rows
from recaption import evidence, facts, noise, verify, words
from recaption.evidence import OcrEvidence
from recaption.facts import FactFinder
from recaption.generator import Generator, Request
from recaption.generators import load_generator
from recaption.transformers_vlm import VlmConfig
from recaption.verify import Verifier
from sieveline import ledger, storage
from sieveline.cache import cache_folder
from sieveline.errors import RetryableError
from sieveline.fingerprint import code_version, fingerprint
from sieveline.shards.source import read_images
from sieveline.slices import Shard
from sieveline.stages import recaption as stage

ROWS = 512  # captions asked and verified at a time
_RENAMED = {  # measured column -> the ledger's name of it
    "original": "caption",
    "candidate": "recaption",
    "alignment_before": "alignment",
    "alignment_after": "candidate_alignment",
    "original_spans": "caption_spans",
    "candidate_spans": "recaption_spans",
}


@dataclass
class Recaptioner:
    """What a worker process holds: the model that writes, and what it takes to verify."""

    finder: FactFinder
    generator: Generator
    verifier: Verifier


class RecaptionStep(MeasuringStep):
    """Every row stays; a reason says why its original caption does too."""

    name = "recaption"
    upstream = "concepts"
    has_model = True

    def __init__(self, output: Any, recipe: Any):
        super().__init__(output, recipe)
        measuring = recipe.recaption.measuring
        generator = load_generator(measuring.generator, self._journal()).fingerprint
        self.own = fingerprint(generator, measuring.ocr, code_version(evidence, facts, noise, words, verify))

    def measurement(self, shard: Shard) -> str:
        return fingerprint(self.own, self._alignment(shard))

    def _alignment(self, shard: Shard) -> str:
        """The measurement that the shard's alignment ledger was decided on: its embeddings and scores are read here."""
        return (ledger.read_metadata(self.output.ledger("alignment", shard.id)) or {})["measurement"]

    def thresholds(self, shard: Shard) -> Any:
        return [getattr(self.recipe.recaption, name) for name in self.recipe.recaption.__slots__ if name != "measuring"]

    def load_model(self, threads: int) -> Recaptioner:
        measuring = self.recipe.recaption.measuring
        aligner = judge.load_model(self.recipe.alignment.measuring, cache=cache_folder(), threads=threads)
        finder = FactFinder()
        shown = [OcrEvidence()] if measuring.ocr else []
        return Recaptioner(
            finder, load_generator(measuring.generator, self._journal()), Verifier(finder, aligner.embed_texts, shown)
        )

    def on_gpu(self) -> bool:
        if not isinstance(self.recipe.recaption.measuring.generator, VlmConfig):
            return False  # the embedded one is a CPU's, a server is elsewhere
        import torch

        return torch.cuda.is_available()

    def measure(self, shard: Shard, rows: pa.Table, model: Recaptioner) -> pa.Table:
        embedded = ledger.read_table(
            self.output.measured("alignment", self._alignment(shard), shard.id), ["row", "score", "image_embedding"]
        )
        embedded = select_rows(embedded, rows["row"])
        schema = pa.schema([("row", pa.int32()), *verify.COLUMNS])
        tables = [schema.empty_table()]
        for start in range(0, rows.num_rows, ROWS):
            part = rows.slice(start, ROWS)
            requests = self._requests(shard, part, embedded.slice(start, ROWS), model.finder)
            measured = model.verifier.measure(requests, model.generator.generate(requests))
            tables.append(pa.table([part["row"], *measured.columns], schema=schema))
            self.progress(part.num_rows)
        return pa.concat_tables(tables)

    def decide(self, rows: pa.Table, measured: pa.Table) -> tuple[pa.Table, dict[str, Any]]:
        verdicts = stage.decide(measured, self.recipe.recaption)
        columns: dict[str, Any] = {"accepted": verdicts["reason"].is_null()}
        columns |= {_RENAMED.get(str(field.name), str(field.name)): measured[field.name] for field in verify.COLUMNS}
        return verdicts, {name: columns[name] for name in stage.COLUMNS.names}

    def keeps(self, verdicts: pa.Table) -> pa.Array:
        return pa.array(np.ones(verdicts.num_rows, bool))

    def metadata(self, model: Recaptioner) -> dict[str, Any]:
        return {"model": model.generator.name}

    def _journal(self) -> Path:
        """On the output's own disk where that is local, so that another machine that takes over finds the answers."""
        root = Path(self.output.root) if storage.is_local(self.output.root) else cache_folder()
        return root / "answers" / "answers.sqlite"

    def _requests(self, shard: Shard, rows: pa.Table, embedded: pa.Table, finder: FactFinder) -> list[Request]:
        captions = rows["caption"].to_pylist()
        languages = [language or "" for language in rows["language"].to_pylist()]
        column = embedded["image_embedding"].combine_chunks()
        vectors = column.flatten().to_numpy().reshape(len(column), -1)
        found = finder.find(captions, languages)
        return [
            Request(
                sample_id=sample_id,
                caption=caption,
                language=language,
                facts=fact_list,
                image=partial(_read_image, shard.url, offset, length),
                image_embedding=vector,
                alignment=score,
            )
            for sample_id, caption, language, fact_list, offset, length, vector, score in zip(
                rows["sample_id"].to_pylist(),
                captions,
                languages,
                found,
                rows["offset"].to_pylist(),
                rows["length"].to_pylist(),
                vectors,
                [round(s, 4) for s in embedded["score"].to_pylist()],
                strict=True,
            )
        ]


def _read_image(url: str, offset: int, length: int) -> bytes:
    try:
        return read_images(url, [offset], [length])[0]
    except OSError as error:
        raise RetryableError(f"{url}: {error}") from error
