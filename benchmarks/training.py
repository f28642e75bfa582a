"""Training: packed steps, loader, packing plan, data wait and cost per token, each against its peer in the same run.

On 600 samples written for it: JPEGs of up to a megapixel with a caption, and every tenth a longer document with several pictures.
"""

import dataclasses
import io
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rows import Row, faster, spent
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


def rows() -> Iterator[Row]:
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shards = index.find_shards(write_shards(folder))
        for measure in (packing_rows, loader_rows, padded_rows, linear_rows, wait_rows):
            yield from measure(shards, folder)


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


def packing_rows(shards: list[str], folder: Path) -> list[Row]:
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


def loader_rows(shards: list[str], folder: Path) -> list[Row]:
    """Samples a CPU-second in one process, against webdataset with PIL decode and the model's own processor.

    Our workers send uint8 patches and the device normalises them in the training step; the second row does that on the CPU too, as the
    processor does.
    """
    import torch
    import webdataset as wds

    from training.export import processor

    corpus, recipe, encoder = prepare(shards, folder, 8_192, recipes.Tokens().max_pixels)
    theirs = processor(recipe, Path(encoder.folder))

    def load(*, normalised: bool) -> int:
        count = 0
        loading = dataclasses.replace(recipe.loading, patches="float32" if normalised else "uint8")
        for _, _, packs in Loader(corpus, dataclasses.replace(recipe, loading=loading), encoder, Cost()):
            for pack in packs:
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
            count, seconds = spent(work)
            rates[name] = max(rates.get(name, 0.0), count / seconds)
    unit = "samples per CPU-second"
    return [
        Row(
            name="loader, shard to ids and patches as workers send them, against webdataset, PIL and the model's processor",
            ours=rates["ours"],
            peer=rates["peer"],
            ratio=rates["ours"] / rates["peer"],
            unit=unit,
            at_least=1.5,
        ),
        Row(
            name="loader, the same and normalised on the CPU",
            ours=rates["whole"],
            peer=rates["peer"],
            ratio=rates["whole"] / rates["peer"],
            unit=unit,
            at_least=1.0,
        ),
    ]


def padded_rows(shards: list[str], folder: Path) -> list[Row]:
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
            tokens, seconds = spent(work)
            rates[name] = max(rates.get(name, 0.0), tokens / seconds)
    return [
        Row(
            name="useful tokens, packed against batches of eight padded to their longest",
            ours=rates["ours"],
            peer=rates["peer"],
            ratio=rates["ours"] / rates["peer"],
            unit="tokens per CPU-second",
            at_least=1.8,
        )
    ]


def _refs(corpus: Corpus, shard: int) -> list[Any]:
    from training.mixture import Ref

    rows = corpus.rows(shard)
    numbers = np.flatnonzero(rows["usable"] & (rows["variant"] == 0)).tolist()
    return [Ref(shard, n, 0, *(int(rows[c][n]) for c in ("tokens", "patches", "patch_squares"))) for n in numbers]


def linear_rows(shards: list[str], folder: Path) -> list[Row]:
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

            best = min(spent(step)[1] for _ in range(3))
            costs[way, length] = best / sum(p.tokens for p in packs)
    growth = {way: costs[way, 8_192] / costs[way, 1_024] for way in ("blocks", "sdpa")}
    return [
        faster(
            "cost a token, packs of 8,192 over packs of 1,024, against a dense mask",
            growth["blocks"],
            growth["sdpa"],
            "ratio, 1 is linear",
            at_least=1.0,
        )
    ]


def wait_rows(shards: list[str], folder: Path) -> list[Row]:
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
    return [Row(name="training waits for data, 8,192 tokens", ours=share, unit="share of wall time", at_most=0.02)]
