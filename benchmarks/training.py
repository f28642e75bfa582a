"""Training: packed steps, cost per token and data wait, each against its peer in the same run, on the demo's training shards."""

import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.loading import prepare
from benchmarks.pools import demo_shards
from benchmarks.rows import Row, faster, spent
from demo.lines import DEMOS
from sieveline.draws import generator
from training import index, recipes
from training.balance import Cost
from training.loader import Loader
from training.mixture import Corpus
from training.packing import best_fit_decreasing
from training.samples import IGNORE

SMALL = recipes.Tokens(max_pixels=2 * 28 * 28 * 64)  # pictures of at most 64 tokens


def rows() -> Iterator[Row]:
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = recipes.demo()
        mixture, captions = (index.find_shards(demo_shards(lines)) for lines in (tuple(DEMOS), ("image-text",)))
        yield padded_row(mixture, folder, "the demo's mixture as the demo trains", small.sequence_length, small.tokens)
        yield padded_row(mixture, folder, "the demo's mixture at native resolution", 8_192, recipes.Tokens(), num_samples=40)
        yield padded_row(
            captions, folder, "captions alone as the demo trains", small.sequence_length, small.tokens, at_least=None
        )
        yield from linear_rows(captions[:1], folder)
        yield wait_row(folder)


def padded_row(
    shards: list[str],
    folder: Path,
    what: str,
    length: int,
    tokens_of: recipes.Tokens,
    at_least: float | None = 1.8,
    num_samples: int = 480,
) -> Row:
    """Tokens that are no padding a CPU-second, forward and backward, against batches of eight, in random order, padded to their longest.

    Both sides work on the same samples, drawn from all that fit `length` tokens; ours in best-fit packs. The tiny model's vision tower is
    narrow (64), so at native resolution most of the time is attention among the patches of a picture, which is the same on both sides.
    """
    import torch
    from torch.nn.functional import cross_entropy

    from training.loader import Decoder
    from training.model import PackedModel, build

    corpus, recipe, encoder = prepare(shards, folder, length, tokens_of)
    inner = build(recipe, encoder.tokenizer)
    every = [ref for n in range(len(corpus.shards)) for ref in _refs(corpus, n)]
    drawn = [every[i] for i in generator(0, "padded").permutation(len(every))[:num_samples]]
    decoder = Decoder(corpus, encoder, pad=0)
    alone = [decoder[(ref,)] for ref in drawn]
    packs = [decoder[tuple(drawn[i] for i in b)] for b in best_fit_decreasing([ref.tokens for ref in drawn], length)]
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

    lengths = [[p.tokens for p in alone[first : first + 8]] for first in range(0, len(alone), 8)]
    padding = 1 - sum(map(sum, lengths)) / sum(len(batch) * max(batch) for batch in lengths)
    rates: dict[str, float] = {}
    for _ in range(2):
        for name, work in (("ours", ours), ("peer", peer)):
            tokens, seconds = spent(work)
            rates[name] = max(rates.get(name, 0.0), tokens / seconds)
    return Row(
        name=f"useful tokens, {what}; packed against batches of eight padded to their longest",
        ours=rates["ours"],
        peer=rates["peer"],
        ratio=rates["ours"] / rates["peer"],
        unit="tokens per CPU-second",
        at_least=at_least,
        note=f"{len(alone)} samples; of the peer's tokens {padding:.0%} are padding",
    )


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
        corpus, recipe, encoder = prepare(shards, folder, length, SMALL)
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


def wait_row(folder: Path) -> Row:
    """Share of wall time spent waiting for data at 8,192 tokens, one decoding process beside the training process, first step left out."""
    from training import parallel
    from training.loop import train

    base = recipes.tiny()
    recipe = dataclasses.replace(
        base,
        sequence_length=8_192,
        global_batch=1,
        steps=10,
        tokens=dataclasses.replace(recipes.Tokens(), vocabulary=base.tokens.vocabulary),
        packing=dataclasses.replace(base.packing, window_batches=8, group=1),
        loading=dataclasses.replace(base.loading, workers=1, prefetch=6, index_cache=str(folder / "index")),
        watch=dataclasses.replace(base.watch, checkpoint_every=1_000, log_every=1_000),
    )
    found: list[dict[str, Any]] = []
    train(demo_shards(), recipe, folder / "run", progress=found.append)
    parallel.stop()
    later = found[1:]
    share = sum(r["data_wait"] * r["seconds"] for r in later) / sum(r["seconds"] for r in later)
    return Row(name="training waits for data, 8,192 tokens", ours=share, unit="share of wall time", at_most=0.02)
