"""Training: packed steps, loader, packing plan, data wait and cost per token, each against its peer in the same run.

`python -m benchmarks.training [--shards GLOB]` prints one JSON line a row. Without shards it writes 600 samples of its own: JPEGs of up to a
megapixel with a caption, and every tenth a longer document with several pictures. CPU-seconds (user and system) unless the unit says
otherwise; the sides take turns and the faster turn counts.
"""

import argparse
import dataclasses
import io
import json
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sieveline.draws import generator
from sieveline.training_sample import encode
from training import index, recipes, tokenizer
from training.balance import Cost
from training.loader import Loader
from training.mixture import Corpus
from training.packing import best_fit_decreasing, fill
from training.samples import IGNORE, Encoder

WORDS = [
    "a",
    "red",
    "old",
    "small",
    "stone",
    "wooden",
    "boat",
    "house",
    "tree",
    "river",
    "hill",
    "cat",
    "dog",
    "market",
    "street",
    "tower",
    "with",
    "under",
    "near",
    "two",
    "three",
    "people",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", help="glob of training shards to measure on")
    parser.add_argument("--rows", default="packing,loader,padded,linear,wait", help="which rows, comma-separated")
    args = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shards = index.find_shards(args.shards or write_shards(folder))
        for row in args.rows.split(","):
            for line in ROWS[row](shards, folder):
                print(json.dumps(line), flush=True)


def write_shards(folder: Path, *, samples: int = 600, shards: int = 4) -> str:
    """Shards with textured pictures of 200 to 1,100 pixels a side and captions of 5 to 60 words."""
    made: list[list[tuple[str, bytes]]] = []
    for number in range(samples):
        draw = generator(0, "sample", number)
        document = number % 10 == 9
        content, media = [], {}
        for i in range(int(draw.integers(2, 5)) if document else 1):
            media[f"{i}.jpg"] = textured(draw)
            content.append({"type": "image", "file": f"{i}.jpg"})
            count = int(np.clip(draw.lognormal(4.5 if document else 2.7, 0.6), 5, 400))
            content.append({"type": "text", "text": " ".join(draw.choice(WORDS, count)), "loss": True})
        sample_id = f"{number:032x}"
        line = "interleaved" if document else "caption"
        sample = {"id": sample_id, "line": line, "content": content, "provenance": {"source": "bench"}}
        made.append([(f"{sample_id}.json", encode(sample)), *((f"{sample_id}.{n}", d) for n, d in media.items())])
    for shard in range(shards):
        with tarfile.open(folder / f"bench-{shard}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            for name, data in (m for sample in made[shard::shards] for m in sample):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return f"{folder}/bench-*.tar"


def textured(draw: np.random.Generator) -> bytes:
    """A JPEG with detail at all scales, as photographs have."""
    from PIL import Image

    width, height = (int(s) for s in draw.integers(200, 1_100, 2))
    image = np.zeros((height, width, 3), np.float32)
    for side in (4, 16, 64, 256):
        coarse = Image.fromarray(draw.integers(0, 256, (side, side, 3), dtype=np.uint8))
        image += np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.float32) / side**0.5
    out = io.BytesIO()
    Image.fromarray((image * (255 / image.max())).astype(np.uint8)).save(out, "JPEG", quality=88)
    return out.getvalue()


def prepare(
    shards: list[str], folder: Path, length: int = 2_048, pixels: int = 2 * 28 * 28 * 64
) -> tuple[Corpus, recipes.Recipe, Encoder]:
    """Corpus, recipe (tiny, one epoch) and encoder; images of at most 64 tokens unless told."""
    base = recipes.tiny()
    recipe = dataclasses.replace(
        base,
        sequence_length=length,
        global_batch=4,
        tokens=dataclasses.replace(base.tokens, max_pixels=pixels),
        mixture=dataclasses.replace(base.mixture, epochs=(("*", 1),)),
        loading=dataclasses.replace(base.loading, workers=0),
    )
    encoder = Encoder(str(tokenizer.prepare(recipe.tokens, shards, folder / "tokenizers")), recipe.tokens, length)
    return Corpus(shards, index.build(shards, encoder, folder / "index")), recipe, encoder


def cpu_seconds(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def row(name: str, ours: float, peer: float | None, ratio: float | None, target: float, unit: str) -> dict[str, Any]:
    values = {"ours": ours, "peer": peer, "ratio": ratio}
    return {
        "row": name,
        **{k: None if v is None else float(f"{v:.4g}") for k, v in values.items()},
        "target": target,
        "unit": unit,
    }


def packing_rows(shards: list[str], folder: Path) -> list[dict[str, Any]]:
    """100,000 log-normal lengths into packs of 8,192, against `binpacking`."""
    import binpacking

    lengths = np.clip(generator(0, "lengths").lognormal(5.5, 0.9, 100_000), 8, 8_192).astype(int)
    bins, ours = cpu_seconds(lambda: best_fit_decreasing(lengths, 8_192))
    theirs, peer = cpu_seconds(lambda: binpacking.to_constant_volume(dict(enumerate(lengths.tolist())), 8_192))
    fills = fill(bins, lengths, 8_192), lengths.sum() / (len(theirs) * 8_192)
    return [
        row(
            "packing fill, 100,000 lengths into 8,192",
            fills[0],
            fills[1],
            fills[0] / fills[1],
            0.99,
            "share (the target is ours)",
        ),
        row("packing time, the same", ours, peer, peer / ours, 1.0, "CPU-seconds"),
    ]


def loader_rows(shards: list[str], folder: Path) -> list[dict[str, Any]]:
    """Samples a CPU-second in one process, against webdataset with PIL decode and the model's own processor.

    Our workers send uint8 patches and the device normalises them in the training step; the second row does that on the CPU too, as the
    processor does.
    """
    import torch
    import webdataset as wds

    from training.export import processor
    from training.model import PackedModel, build

    corpus, recipe, encoder = prepare(shards, folder, 8_192, recipes.Tokens().max_pixels)
    theirs = processor(recipe, Path(encoder.folder))
    normalise = PackedModel(build(recipe, encoder.tokenizer), "blocks")._normalise

    def load(*, normalised: bool) -> int:
        count = 0
        for _, _, packs in Loader(corpus, recipe, encoder, Cost()):
            for pack in packs:
                if normalised:
                    normalise(pack.patches)
                count += len(pack.samples)
        return count

    def to_tensors(sample: dict[str, Any]) -> torch.Tensor:
        parts = sample["json"]["content"]
        text = "".join(p["text"] if p["type"] == "text" else "<|begin_of_image|><|image|><|end_of_image|>" for p in parts)
        pictures = [sample[p["file"]] for p in parts if p["type"] == "image"]
        return theirs(text=[f"[gMASK]<sop>{text}<|endoftext|>"], images=pictures, return_tensors="pt")["pixel_values"]

    def peer() -> int:
        pipeline = wds.WebDataset(shards, shardshuffle=False).shuffle(1_000).decode("pil").map(to_tensors)
        return sum(1 for _ in pipeline)

    rates: dict[str, float] = {}
    for _ in range(2):
        sides = {"ours": lambda: load(normalised=False), "whole": lambda: load(normalised=True), "peer": peer}
        for name, work in sides.items():
            count, seconds = cpu_seconds(work)
            rates[name] = max(rates.get(name, 0.0), count / seconds)
    unit = "samples per CPU-second"
    return [
        row(
            "loader, shard to ids and patches as workers send them",
            rates["ours"],
            rates["peer"],
            rates["ours"] / rates["peer"],
            1.5,
            unit,
        ),
        row(
            "loader, the same and normalised on the CPU",
            rates["whole"],
            rates["peer"],
            rates["whole"] / rates["peer"],
            1.0,
            unit,
        ),
    ]


def padded_rows(shards: list[str], folder: Path) -> list[dict[str, Any]]:
    """Tokens that are no padding a CPU-second, forward and backward, against batches of eight padded to their longest."""
    import torch
    from torch.nn.functional import cross_entropy

    from training.loader import Decoder
    from training.model import PackedModel, build

    corpus, recipe, encoder = prepare(shards, folder)
    inner = build(recipe, encoder.tokenizer)
    packs = [p for _, _, some in Loader(corpus, recipe, encoder, Cost()) for p in some]
    plans = [ref for n in range(len(corpus.shards)) for ref in _refs(corpus, n)]
    order = generator(0, "padded").permutation(len(plans))
    decoder = Decoder(corpus, encoder, pad=0)
    alone = [decoder[(plans[i],)] for i in order]
    image_token = inner.config.image_token_id

    def ours() -> int:
        model = PackedModel(inner, "blocks")
        for pack in packs:
            model.zero_grad()
            model(pack).backward()
        return sum(p.tokens for p in packs)

    def peer() -> int:
        inner.set_attn_implementation("sdpa")
        normalise = PackedModel(inner, "sdpa")._normalise
        for first in range(0, len(alone), 8):
            batch = alone[first : first + 8]
            longest = max(p.tokens for p in batch)
            ids, targets = (torch.stack([getattr(p, n)[:longest] for p in batch]) for n in ("ids", "targets"))
            mask = torch.stack([(torch.arange(longest) < p.tokens).long() for p in batch])
            inner.zero_grad()
            logits = inner(
                input_ids=ids,
                attention_mask=mask,
                pixel_values=normalise(torch.cat([p.patches for p in batch])),
                image_grid_thw=torch.cat([p.grids for p in batch]),
                mm_token_type_ids=(ids == image_token).int(),
                use_cache=False,
            ).logits
            cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORE).backward()
        return sum(p.tokens for p in alone)

    rates: dict[str, float] = {}
    for _ in range(2):
        for name, work in (("ours", ours), ("peer", peer)):
            tokens, seconds = cpu_seconds(work)
            rates[name] = max(rates.get(name, 0.0), tokens / seconds)
    return [
        row(
            "useful tokens, packed against padded",
            rates["ours"],
            rates["peer"],
            rates["ours"] / rates["peer"],
            1.8,
            "tokens per CPU-second",
        )
    ]


def _refs(corpus: Corpus, shard: int) -> list[Any]:
    from training.mixture import Ref

    rows = corpus.rows(shard)
    numbers = np.flatnonzero(rows["usable"] & (rows["variant"] == 0)).tolist()
    return [Ref(shard, n, 0, *(int(rows[c][n]) for c in ("tokens", "patches", "patch_squares"))) for n in numbers]


def linear_rows(shards: list[str], folder: Path) -> list[dict[str, Any]]:
    """CPU-seconds a token of a pack of 8,192 over those of a pack of 1,024: 1 is linear. The peer is the dense mask."""
    from training.model import PackedModel, build

    costs: dict[tuple[str, int], float] = {}
    for length in (1_024, 8_192):
        corpus, recipe, encoder = prepare(shards, folder, length)
        recipe = dataclasses.replace(
            recipe, global_batch=8_192 // length, packing=dataclasses.replace(recipe.packing, window_batches=1)
        )
        inner = build(recipe, encoder.tokenizer)
        _, _, some = next(iter(Loader(corpus, recipe, encoder, Cost())))
        packs = list(some)
        for way in ("blocks", "sdpa"):
            model = PackedModel(inner, way)

            def step(model: PackedModel = model, packs: list[Any] = packs) -> None:
                for pack in packs:
                    model(pack).backward()

            best = min(cpu_seconds(step)[1] for _ in range(3))
            costs[way, length] = best / sum(p.tokens for p in packs)
    growth = {way: costs[way, 8_192] / costs[way, 1_024] for way in ("blocks", "sdpa")}
    return [
        row(
            "cost a token, packs of 8,192 over packs of 1,024",
            growth["blocks"],
            growth["sdpa"],
            growth["sdpa"] / growth["blocks"],
            1.0,
            "ratio, 1 is linear",
        )
    ]


def wait_rows(shards: list[str], folder: Path) -> list[dict[str, Any]]:
    """Share of wall time spent waiting for data at 8,192 tokens, one decoding process beside the training process, first step left out."""
    from training import parallel
    from training.loop import train

    base = recipes.tiny()
    recipe = dataclasses.replace(
        base,
        sequence_length=8_192,
        global_batch=2,
        steps=12,
        tokens=dataclasses.replace(base.tokens, max_pixels=2 * 28 * 28 * 64),
        packing=dataclasses.replace(base.packing, window_batches=4, group=2),
        loading=dataclasses.replace(base.loading, workers=1, prefetch=6, index_cache=str(folder / "index")),
        watch=dataclasses.replace(base.watch, checkpoint_every=1_000, log_every=1_000),
    )
    found: list[dict[str, Any]] = []
    train(str(Path(shards[0]).parent / "*.tar"), recipe, folder / "run", progress=found.append)
    parallel.stop()
    later = found[1:]
    share = sum(r["data_wait"] * r["seconds"] for r in later) / sum(r["seconds"] for r in later)
    return [row("waiting for data at 8,192 tokens", share, None, None, 0.02, "share of wall time")]


ROWS = {"packing": packing_rows, "loader": loader_rows, "padded": padded_rows, "linear": linear_rows, "wait": wait_rows}

if __name__ == "__main__":
    main()
