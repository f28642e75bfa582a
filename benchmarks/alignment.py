"""The alignment stage from JPEG bytes to Arrow columns, against nothing but the forward passes it makes.

The batches a first run of the stage feeds its sessions are kept, and the peer runs the same sessions on them, ready as they are: no
decoding, no resizing, no tokenizing, no cosine, no Arrow. What is left between the two is what the stage costs beside its model.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.heuristics import CAPTIONS, photograph
from benchmarks.pools import pool_of
from benchmarks.rows import Row, in_turn
from classifiers import alignment
from sieveline.cache import cache_folder
from sieveline.shards.source import Limits, open_shard
from sieveline.stages.alignment import Measuring

NUM_PAIRS = 256
NUM_PHOTOGRAPHS = 48
TURNS = 4


class Kept:
    """A session that keeps what it is fed."""

    def __init__(self, session: Any):
        self.session = session
        self.fed: list[dict[str, Any]] = []

    def run(self, names: list[str] | None, feed: dict[str, Any]) -> list[Any]:
        self.fed.append(feed)
        return self.session.run(names, feed)

    def get_outputs(self) -> Any:
        return self.session.get_outputs()


def rows() -> Iterator[Row]:
    model: Any = alignment.load_model(Measuring(), cache=cache_folder())
    pairs = list(itertools.islice(clean_pairs(), NUM_PAIRS))
    yield against_forward("alignment, pairs of the demo pool", model, pairs, 0.9)
    images = [photograph(seed) for seed in range(NUM_PHOTOGRAPHS)]
    captions = itertools.cycle(CAPTIONS)
    yield against_forward("alignment, one-megapixel JPEGs", model, list(zip(images, captions, strict=False)), None)


def against_forward(name: str, model: Any, pairs: list[tuple[bytes, str]], at_least: float | None) -> Row:
    images, captions = zip(*pairs, strict=True)
    batch = pa.table({"image": pa.array(images, pa.large_binary()), "caption": captions})
    towers = model._image, model._text
    kept = model._image, model._text = Kept(towers[0]), Kept(towers[1])
    alignment.measure(batch, model)
    model._image, model._text = towers

    def forward() -> None:
        for tower in kept:
            for feed in tower.fed:
                tower.session.run(None, feed)

    least = in_turn({"ours": lambda: alignment.measure(batch, model), "forward": forward}, TURNS)
    ours, peer = (len(pairs) / least[side] for side in ("ours", "forward"))
    size = sum(map(len, images)) / len(images) / 1000
    return Row(
        name=f"{name}, against the bare forward pass",
        ours=ours,
        peer=peer,
        ratio=ours / peer,
        unit="images per CPU-second",
        at_least=at_least,
        note=f"{len(pairs)} pairs, {size:.0f} kB an image",
    )


def clean_pairs() -> Iterator[tuple[bytes, str]]:
    """Images and captions of the demo pool that reach this stage: those with no planted defect."""
    pool = pool_of(5000)
    labels = pq.read_table(pool / "truth" / "labels.parquet", columns=["shard", "key", "defect", "caption"]).to_pylist()
    clean = {(row["shard"], row["key"]): row["caption"] for row in labels if row["defect"] == "clean"}
    for path in sorted((pool / "shards").glob("*.tar")):
        for batch in open_shard(str(path), Limits()):
            for key, image in zip(batch["key"].to_pylist(), batch["image"].to_pylist(), strict=True):
                if (path.stem, key) in clean:
                    yield image, clean[path.stem, key]
