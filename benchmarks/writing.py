"""Writing training shards against `webdataset.ShardWriter` writing the same samples.

Both start from the same rows and images in memory and end with the tar on disk. Ours checks that the images are those that were measured,
validates and encodes the JSON, sums up sha256, writes the index and flushes to the disk; the peer encodes the JSON with webdataset's own
encoder and does no more, and a second peer reads its tar again for the sha256.
"""

import hashlib
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import webdataset

from benchmarks.alignment import clean_pairs
from benchmarks.rows import Row, faster, in_turn
from pipelines.captions import provenance
from sieveline import storage
from sieveline.schema import sample_id
from sieveline.shards.writer import write_shard
from sieveline.stages.write import members

NUM_SAMPLES = 2000
TURNS = 5


def rows() -> Iterator[Row]:
    samples = [row_of(i, *pair) for i, pair in enumerate(itertools.islice(clean_pairs(), NUM_SAMPLES))]
    with tempfile.TemporaryDirectory() as folder:
        runs = {
            "ours": lambda: ours(samples, folder),
            "webdataset": lambda: peer(samples, folder, checksum=False),
            "with checksum": lambda: peer(samples, folder, checksum=True),
        }
        least = {side: 1e6 * seconds / len(samples) for side, seconds in in_turn(runs, TURNS).items()}
    note = f"{len(samples)} samples, {sum(len(image) for _, image in samples) / len(samples) / 1000:.0f} kB an image"
    unit = "CPU-us a sample"
    yield faster(
        "shard writing, ours with checksums, against webdataset.ShardWriter",
        least["ours"],
        least["webdataset"],
        unit,
        at_least=1.2,
        note=note,
    )
    yield faster("the same, against ShardWriter and sha256 of its tar", least["ours"], least["with checksum"], unit, note=note)


def row_of(number: int, image: bytes, caption: str) -> tuple[dict[str, Any], bytes]:
    """A row as `pipelines.captions.Captions` gives it, with its image."""
    row = {
        "sample_id": sample_id(image, caption),
        "source_shard": "00000",
        "key": f"{number:09}",
        "format": "jpg",
        "url": f"https://images.example.org/{number}.jpg",
        "license": "CC-BY-4.0",
        "width": 448,
        "height": 320,
        "language": "en",
        "caption": caption,
        "text": caption,
        "caption_source": "original",
        "alignment": 0.4321,
        "keep_probability": 0.75,
        "recaption_alignment": None,
        "fact_recall": 1.0,
    }
    return row, image


def ours(samples: list[tuple[dict[str, Any], bytes]], folder: str) -> None:
    def checked() -> Iterator[list[tuple[str, bytes]]]:
        for row, image in samples:
            if sample_id(image, row["caption"]) == row["sample_id"]:
                yield members(row["sample_id"], image, row["format"], row["text"], provenance(row))

    with storage.publish(f"{folder}/ours.tar") as file:
        summary = write_shard(file, checked())
    storage.publish_bytes(f"{folder}/ours.tar.idx", summary.index_bytes())
    assert summary.num_samples == len(samples)


def peer(samples: list[tuple[dict[str, Any], bytes]], folder: str, *, checksum: bool) -> None:
    with webdataset.ShardWriter(f"{folder}/peer-%05d.tar", maxcount=len(samples), maxsize=1 << 40, verbose=0) as writer:
        for row, image in samples:
            file = f"0.{row['format']}"
            content = [{"type": "image", "file": file}, {"type": "text", "text": row["text"], "loss": True}]
            sample = {"id": row["sample_id"], "line": "caption", "content": content, "provenance": provenance(row)}
            writer.write({"__key__": row["sample_id"], "json": sample, file: image})
    if checksum:
        with Path(folder, "peer-00000.tar").open("rb") as tar:
            hashlib.file_digest(tar, "sha256")
