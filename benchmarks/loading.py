"""What comes before a training step: packing plan, load balance and loader, on the demo's training shards where not said otherwise."""

import dataclasses
import io
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import photographs
from benchmarks.pools import demo_shards
from benchmarks.rows import Row, faster, spent
from sieveline.draws import generator
from training import flops, index, recipes
from training import tokenizer as tokenizers
from training.balance import Cost, assign, imbalance
from training.loader import Loader
from training.mixture import Corpus
from training.packing import best_fit_decreasing, fill
from training.plan import Planner
from training.samples import Encoder

RANKS = (2, 8, 32, 128)


def rows() -> Iterator[Row]:
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        captions = index.find_shards(demo_shards(["image-text"]))
        yield from loader_rows(captions[:3], folder, "the demo's captions")
        made = index.find_shards(photographs.write_shards(folder, samples=300))
        yield from loader_rows(made, folder, "photographs of .42 megapixels")
        yield from balance_rows(index.find_shards(demo_shards()), folder)
        yield from packing_rows()


def prepare(
    shards: list[str], folder: Path, length: int = 8_192, tokens: recipes.Tokens | None = None
) -> tuple[Corpus, recipes.Recipe, Encoder]:
    """Corpus, recipe (the tiny model, one epoch) and encoder; packs of 8,192 tokens and native resolution unless told."""
    base = recipes.tiny()
    recipe = dataclasses.replace(
        base,
        sequence_length=length,
        global_batch=4,
        tokens=dataclasses.replace(tokens or recipes.Tokens(), vocabulary=base.tokens.vocabulary),
        mixture=dataclasses.replace(base.mixture, epochs=(("*", 1),)),
        loading=dataclasses.replace(base.loading, workers=0),
    )
    encoder = Encoder(str(tokenizers.prepare(recipe.tokens, shards, folder / "tokenizers")), recipe.tokens, length)
    return Corpus(shards, index.build(shards, encoder, folder / "index")), recipe, encoder


def packing_rows() -> list[Row]:
    """100,000 log-normal lengths into packs of 8,192, against `binpacking`."""
    import binpacking

    lengths = np.clip(generator(0, "lengths").lognormal(5.5, 0.9, 100_000), 8, 8_192).astype(int)
    bins, ours = spent(lambda: best_fit_decreasing(lengths, 8_192))
    theirs, peer = spent(lambda: binpacking.to_constant_volume(dict(enumerate(lengths.tolist())), 8_192))
    fills = fill(bins, lengths, 8_192), lengths.sum() / (len(theirs) * 8_192)
    return [
        Row(
            name="packing fill, 100,000 lengths into 8,192, beside binpacking's",
            ours=fills[0],
            peer=fills[1],
            unit="share",
            at_least=0.99,
        ),
        faster("packing time, the same", ours, peer, "CPU-seconds", at_least=1.0),
    ]


def balance_rows(shards: list[str], folder: Path) -> list[Row]:
    """Largest over mean cost of the data-parallel ranks, by the 9B's recipe: packs of 8,192, global batches of 1,536, one window.

    Attention alone (squared lengths and squared patches) is the hardest measure; the loop balances by the model's FLOPs.
    """
    corpus, recipe, encoder = prepare(shards, folder)
    nine = recipes.glm4_1v_9b()
    recipe = dataclasses.replace(
        recipe,
        global_batch=nine.global_batch,
        mixture=dataclasses.replace(recipe.mixture, epochs=(("*", None),)),
        packing=nine.packing,
    )
    costs = {
        "attention alone": Cost(),
        "FLOPs of the 9B": flops.cost(nine, flops.active_parameters(nine, len(encoder.tokenizer))),
    }
    found = []
    for name, cost in costs.items():
        batches = list(islice(Planner(corpus, recipe, cost), nine.packing.window_batches))
        by_ranks = {n: imbalance([s for b in batches for s in assign(b.packs, n, cost)], cost) for n in RANKS}
        found.append(
            Row(
                name=f"load imbalance over {', '.join(map(str, RANKS))} ranks, the demo's mixture, {name}",
                ours=max(by_ranks.values()),
                unit="largest over mean",
                at_most=1.05,
                note=", ".join(f"{n} ranks {value:.4f}" for n, value in by_ranks.items()),
            )
        )
    tokens = sum(ref.tokens for batch in batches for pack in batch.packs for ref in pack)
    full = tokens / (sum(len(batch.packs) for batch in batches) * recipe.sequence_length)
    return [*found, Row(name="packing fill, the demo's mixture, packs of 8,192", ours=full, unit="share", at_least=0.99)]


def loader_rows(shards: list[str], folder: Path, what: str) -> list[Row]:
    """Samples a CPU-second in one process, against webdataset with PIL decode and the model's own processor, sample by sample.

    The first row is equal work: ours normalises on the CPU too, into whole packs, while the peer's tensors are dropped one by one. The
    second is what workers do by default: they send uint8 patches and the device normalises them in the step. The third, without a
    target, lets the peer collate as a step needs it, eight samples at a time.
    """
    import webdataset as wds
    from PIL import Image

    from training.export import processor

    corpus, recipe, encoder = prepare(shards, folder)
    theirs = processor(recipe, Path(encoder.folder))

    def load(patches: str) -> int:
        loading = dataclasses.replace(recipe.loading, patches=patches)
        count = 0
        for _, _, packs in Loader(corpus, dataclasses.replace(recipe, loading=loading), encoder, Cost()):
            for pack in packs:
                count += len(pack.samples)
        return count

    def prompt(parts: list[dict[str, Any]]) -> str:
        text = "".join(p["text"] if p["type"] == "text" else "<|begin_of_image|><|image|><|end_of_image|>" for p in parts)
        return f"[gMASK]<sop>{text}<|endoftext|>"

    def pictures(sample: dict[str, Any]) -> list[Image.Image]:
        found = [sample[p["file"]] for p in sample["json"]["content"] if p["type"] == "image"]
        return [Image.open(io.BytesIO(f)) if isinstance(f, bytes) else f for f in found]  # webdataset leaves WebP as bytes

    def to_tensors(samples: list[dict[str, Any]]) -> int:
        made = theirs(
            text=[prompt(s["json"]["content"]) for s in samples],
            images=[picture for s in samples for picture in pictures(s)],
            padding=True,
            return_tensors="pt",
        )
        return len(made["input_ids"])

    def peer(batch: int) -> int:
        pipeline = wds.WebDataset(shards, shardshuffle=False).shuffle(1_000).decode("pil")
        return sum(pipeline.batched(batch, collation_fn=None).map(to_tensors))

    rates: dict[str, float] = {}
    for _ in range(2):
        sides = {
            "whole": lambda: load("float32"),
            "ours": lambda: load("uint8"),
            "one": lambda: peer(1),
            "eight": lambda: peer(8),
        }
        counts = set()
        for name, work in sides.items():
            count, seconds = spent(work)
            counts.add(count)
            rates[name] = max(rates.get(name, 0.0), count / seconds)
        assert len(counts) == 1, counts

    def row(ours: str, theirs: str, name: str, at_least: float | None) -> Row:
        a, b = rates[ours], rates[theirs]
        return Row(name=name, ours=a, peer=b, ratio=a / b, unit="samples per CPU-second", at_least=at_least)

    return [
        row(
            "whole",
            "one",
            f"loader at equal work, shard to normalised packs, {what}; webdataset, PIL, the model's processor",
            1.5,
        ),
        row("ours", "one", f"loader as workers send it, uint8 patches, {what}; the same peer", 1.5),
        row("whole", "eight", f"loader at equal work, {what}; the peer in batches of eight", None),
    ]
