"""What the image-text line's training samples are made of: the picture's own bytes and its caption or recaption."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.shard_step import select_rows
from pipelines.write import Composer, Members
from sieveline import ledger
from sieveline.schema import sample_id
from sieveline.slices import Shard
from sieveline.stages.write import members, takes_recaption

JSON_BYTES = 1024  # about what a training sample's JSON takes beside its caption
SOURCE = ("caption", "format", "url", "license", "width", "height", "language")  # of the heuristics ledger
SCORES = ("alignment", "keep_probability", "recaption_alignment", "fact_recall")


class Captions(Composer):
    upstream = "recaption"
    first = "heuristics"
    planned_by = ("sample_id", "length", "caption", "recaption")

    def sizes(self, kept: pa.Table) -> np.ndarray:
        text = pc.add(pc.binary_length(kept["caption"]), pc.fill_null(pc.binary_length(kept["recaption"]), 0))
        return np.asarray(kept["length"]) + np.asarray(text) + JSON_BYTES

    def samples(self, shard: Shard, rows: pa.Table) -> Iterator[tuple[str, Members | None]]:
        for part, images in self.read_media(shard, self._described(shard, rows)):
            for row, image in zip(part.to_pylist(), images, strict=True):
                name = row["sample_id"]
                unchanged = sample_id(image, row["caption"]) == name
                yield name, members(name, image, row["format"], row["text"], provenance(row)) if unchanged else None

    def ledger_columns(self, rows: pa.Table) -> dict[str, Any]:
        return {"caption_source": _source(self._takes(rows))}

    def _takes(self, rows: pa.Table) -> np.ndarray:
        share = self.recipe.write.recaption_share
        return takes_recaption(rows["sample_id"].to_pylist(), np.asarray(rows["accepted"]), share, self.recipe.seed)

    def _described(self, shard: Shard, rows: pa.Table) -> pa.Table:
        """What the samples are made of, one row each: identity, text, caption source and every score."""
        takes = self._takes(rows)
        found = select_rows(ledger.read_table(self.output.ledger("heuristics", shard.id)), rows["row"])
        alignment = select_rows(ledger.read_table(self.output.ledger("alignment", shard.id), ["row", "score"]), rows["row"])
        concepts = select_rows(ledger.read_table(self.output.ledger("concepts", shard.id), ["row", "value"]), rows["row"])
        table = found.select(["sample_id", "source_shard", "key", "offset", "length", *SOURCE])
        for name, column in {
            "text": pc.if_else(pa.array(takes, pa.bool_()), rows["recaption"], rows["caption"]),
            "caption_source": _source(takes),
            "alignment": alignment["score"],
            "keep_probability": concepts["value"],
            "recaption_alignment": rows["candidate_alignment"],
            "fact_recall": rows["fact_recall"],
        }.items():
            table = table.append_column(name, column)
        return table


def _source(takes: np.ndarray) -> pa.Array:
    return pa.array(np.where(takes, "recaption", "original"), pa.string())


def provenance(row: dict[str, Any]) -> dict[str, Any]:
    scores = {name: row[name] for name in SCORES}
    return {
        "source": "image-text",
        "url": row["url"],
        "license": row["license"],
        "shard": row["source_shard"],
        "key": row["key"],
        "language": row["language"],
        "size": [row["width"], row["height"]],
        "caption_source": row["caption_source"],
        "original_caption": row["caption"],
        "scores": {name: None if value is None else float(f"{value:.6g}") for name, value in scores.items()},
    }
