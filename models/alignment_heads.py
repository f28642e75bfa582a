"""Trains the two heads of the embedded image-text model and writes `alignment_heads.safetensors` beside this file.

    python -m models.alignment_heads

The encoders stay frozen (LiT, arXiv 2111.07991): their features are computed once into the cache, then two MLPs are trained on them with
the symmetric contrastive loss of CLIP (arXiv 2103.00020) at a fixed temperature. Pairs: `demo.sources.heads_items`, none of which
is in the demo's pool, with their English and Spanish captions. Captions come whole or varied as alt texts vary (a part of the
keywords, the name alone, a dropped word, another case, "picture of ..."), pictures whole or cropped and flipped. A tenth of the picture
families is held out. Nothing in the loss is fitted to the default cut of 0.3; the temperature sets how far apart matched and
mismatched cosines come to lie, and the printed shares show where the cut stands.

A run takes about 190 CPU-s, 40 once the features are cached, and gives the same bytes again on the same machine.
Figures of the committed heads (2026-11-23, AMD EPYC Zen 5; English / Spanish, each picture's own caption against all others): AUC
.899 / .831 held out (869 and 93 pairs), .920 / .857 on the demo pool's clean pairs (2,090 and 1,780).
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from classifiers import encoder_graphs
from classifiers.embedded_clip import FrozenEncoders
from classifiers.encoder_graphs import IMAGE_FEATURES, IMAGE_SIDE, TEXT_FEATURES
from classifiers.rgb import decode_rgb, square
from demo.sources import Item, heads_items, pool_items
from sieveline.cache import cache_folder
from sieveline.draws import generator, uniform

HEADS = Path(__file__).with_name("alignment_heads.safetensors")
LANGUAGES = ("en", "es")


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """How the heads are trained.

    Attributes:
        hidden: width of each head's one hidden layer.
        dimensions: of the common space.
        epochs: passes over all (picture, language) pairs.
        batch_size: pairs a step; each is a negative of all others but those of its family.
        learning_rate: peak of a one-cycle schedule.
        weight_decay: AdamW's.
        dropout: on the hidden layer; on the features a fifth of it.
        temperature: of the softmax over cosines.
        own_caption: share of draws that take the caption whole, not a variant.
        held_out: share of picture families kept for the figures.
        seed: of every draw.
    """

    hidden: int = 1024
    dimensions: int = 256
    epochs: int = 30
    batch_size: int = 512
    learning_rate: float = 1e-3
    weight_decay: float = 1.0
    dropout: float = 0.5
    temperature: float = 0.07
    own_caption: float = 0.5
    held_out: float = 0.1
    seed: int = 1


@dataclass(slots=True)
class Pairs:
    """Features of pictures and captions.

    Attributes:
        items: the pictures.
        images: float32 [items, views, 1280]; view 0 is the whole picture.
        captions: (item's index, language) -> float32 [variants, 384]; variant 0 is the caption itself.
    """

    items: list[Item]
    images: np.ndarray
    captions: dict[tuple[int, str], np.ndarray]


def variants(caption: str, *names: str) -> list[str]:
    """`caption` and three texts that say the same or a part of it, as alt texts do; drawn by `names`."""
    rng = generator(0, "caption variants", *names)
    title, _, listed = caption.partition(": ")
    keywords = [k.strip() for k in listed.split(",") if k.strip()]
    words = caption.split()
    if keywords:
        some = rng.permutation(keywords)[: rng.integers(1, len(keywords) + 1)]
        part = ", ".join([title, *some] if rng.random() < 0.6 else some)
    else:
        part = " ".join(w for w in words if rng.random() > 0.25) or caption
    opening = ("A picture of {}", "Image: {}", "{} - photo", "{} | stock illustration")[rng.integers(4)]
    return [caption, title if keywords else caption.split(",", maxsplit=1)[0], part, opening.format(caption.lower())]


def features(items: Sequence[Item], *, views: int, vary: bool) -> Pairs:
    """`items` through the frozen encoders, from the cache if they were there before; pictures that do not decode are left out."""
    # one line an item: what the features depend on
    lines = [json.dumps([i.source, i.item_id, {k: v for k, v in i.captions.items() if k in LANGUAGES}]) for i in items]
    key = xxhash.xxh3_64_hexdigest("\n".join([*lines, str(views), str(vary), encoder_graphs.weights_hash()]).encode())
    path = cache_folder() / "alignment" / f"features-{key}.npz"
    texts = {
        (i, language): variants(item.captions[language], item.source, item.item_id, language)[: None if vary else 1]
        for i, item in enumerate(items)
        for language in LANGUAGES
        if language in item.captions
    }
    if not path.exists():
        encoders = FrozenEncoders(cache_folder())
        images = np.stack([_views(encoders, item, views) for item in items])
        captions = encoders.embed_texts([text for several in texts.values() for text in several])
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, images=images, captions=captions)
    with np.load(path) as stored:
        images, captions = stored["images"], stored["captions"]
    ends = np.cumsum([len(several) for several in texts.values()])
    whole = ~np.isnan(images).any((1, 2))
    renumber = np.cumsum(whole) - 1
    parts = dict(zip(texts, np.split(captions, ends[:-1]), strict=True))
    return Pairs(
        items=[item for item, good in zip(items, whole, strict=True) if good],
        images=images[whole],
        captions={(int(renumber[i]), language): rows for (i, language), rows in parts.items() if whole[i]},
    )


def _views(encoders: FrozenEncoders, item: Item, views: int) -> np.ndarray:
    """float32 [views, 1280]: the whole picture, then crops of at least half its sides, every second one mirrored."""
    rgb = decode_rgb(item.path.read_bytes(), IMAGE_SIDE)
    if rgb is None or min(rgb.shape[:2]) < 2:
        return np.full((views, IMAGE_FEATURES), np.nan, np.float32)
    rng = generator(0, "views", item.source, item.item_id)
    seen = [rgb]
    for i in range(1, views):
        height, width = (max(1, int(side * rng.uniform(0.6, 1.0))) for side in rgb.shape[:2])
        top, left = int(rng.integers(rgb.shape[0] - height + 1)), int(rng.integers(rgb.shape[1] - width + 1))
        crop = rgb[top : top + height, left : left + width]
        seen.append(np.ascontiguousarray(crop[:, ::-1] if i % 2 else crop))
    return np.stack([encoders.embed_pixels(square(view, IMAGE_SIDE)) for view in seen])


def train(pairs: Pairs, config: Training) -> tuple[Any, Any]:
    """The trained image head and text head, as torch modules in evaluation mode."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(1)  # sums in another order would give other bytes
    families = {family: i for i, family in enumerate(dict.fromkeys(item.family for item in pairs.items))}
    keys = list(pairs.captions)
    images = torch.from_numpy(pairs.images)
    captions = torch.from_numpy(np.stack([pairs.captions[key] for key in keys]))
    of_image = torch.tensor([i for i, _ in keys])
    of_family = torch.tensor([families[pairs.items[i].family] for i, _ in keys])
    size = min(config.batch_size, len(keys))
    steps = config.epochs * (len(keys) // size)
    target = torch.arange(size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        heads = _head(IMAGE_FEATURES, config), _head(TEXT_FEATURES, config)
        parameters = [*heads[0].parameters(), *heads[1].parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=steps)
        for _ in range(config.epochs):
            order = torch.randperm(len(keys))
            for batch in order[: len(keys) // size * size].split(size):
                view = torch.randint(images.shape[1], (size,))
                variant = torch.randint(captions.shape[1], (size,)) * (torch.rand(size) >= config.own_caption)
                z_image, z_text = heads[0](images[of_image[batch], view]), heads[1](captions[batch, variant])
                logits = functional.normalize(z_image, dim=-1) @ functional.normalize(z_text, dim=-1).T / config.temperature
                family = of_family[batch]
                alike = (family[:, None] == family[None]).fill_diagonal_(False)
                logits = logits.masked_fill(alike, -1e4)
                loss = functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    return heads[0].eval(), heads[1].eval()


def _head(width: int, config: Training) -> Any:
    from torch import nn

    return nn.Sequential(
        nn.LayerNorm(width, elementwise_affine=False),
        nn.Dropout(config.dropout / 5),
        nn.Linear(width, config.hidden),
        nn.GELU(),
        nn.Dropout(config.dropout),
        nn.Linear(config.hidden, config.dimensions),
    )


def tensors(image: Any, text: Any) -> dict[str, np.ndarray]:
    """The heads as `classifiers.embedded_clip.load_heads` reads them: float16."""
    named = {}
    for tower, head in (("image", image), ("text", text)):
        linears = [layer for layer in head if hasattr(layer, "weight") and layer.weight is not None]
        for part, layer in zip(("in", "out"), linears, strict=True):
            named[f"{tower}.weight_{part}"] = np.ascontiguousarray(layer.weight.detach().numpy().T.astype(np.float16))
            named[f"{tower}.bias_{part}"] = layer.bias.detach().numpy().astype(np.float16)
    return named


def embed(head: Any, rows: np.ndarray) -> np.ndarray:
    """float32 [N, dimensions] of length 1."""
    import torch
    from torch.nn import functional

    with torch.inference_mode():
        return functional.normalize(head(torch.from_numpy(rows)), dim=-1).numpy()


def auc(matched: np.ndarray, mismatched: np.ndarray) -> float:
    """Probability that a matched score lies above a mismatched one; ties count half."""
    ordered = np.sort(mismatched)
    below = np.searchsorted(ordered, matched, "left")
    return float((below + (np.searchsorted(ordered, matched, "right") - below) / 2).mean() / len(ordered))


def figures(pairs: Pairs, heads: tuple[Any, Any], language: str, cut: float = 0.3) -> list[str]:
    """Lines of a table, all sources and each: every picture against its own caption and against every caption of another family."""
    rows = [i for i, lang in pairs.captions if lang == language]
    z_text = embed(heads[1], np.stack([pairs.captions[i, language][0] for i in rows]))
    cosines = embed(heads[0], pairs.images[rows, 0]) @ z_text.T
    source = np.array([pairs.items[i].source for i in rows])
    family = np.array([pairs.items[i].family for i in rows])
    lines = []
    for name in ("all", *dict.fromkeys(source)):
        own = np.flatnonzero((source == name) | (name == "all"))
        part = cosines[np.ix_(own, own)]
        matched, mismatched = part.diagonal(), part[family[own][:, None] != family[own][None]]
        if mismatched.size:
            lines.append(
                f"{language}  {name:12} {len(own):5}  {auc(matched, mismatched):.3f}  {(part.argmax(1) == np.arange(len(own))).mean():.3f}"
                f"  {matched.mean():.2f} {mismatched.mean():5.2f}  {(matched >= cut).mean():.2f} {(mismatched >= cut).mean():.2f}"
            )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the alignment heads and print how good they are.")
    parser.add_argument("--output", type=Path, default=HEADS, help="safetensors file to write")
    arguments = parser.parse_args()
    config = Training()
    everything = heads_items()
    held = {i.family for i in everything if uniform(config.seed, "held out", i.family) < config.held_out}
    training = features([i for i in everything if i.family not in held], views=2, vary=True)
    heads = train(training, config)

    from safetensors.numpy import save_file

    save_file(tensors(*heads), str(arguments.output))
    print(f"{len(training.captions)} training pairs; {arguments.output.name} {arguments.output.stat().st_size / 1e6:.1f} MB")
    unseen = {
        "held out, by family": features([i for i in everything if i.family in held], views=1, vary=False),
        "demo pool, own against other captions": features(pool_items(), views=1, vary=False),
    }
    for title, pairs in unseen.items():
        print(f"\n{title}\nlang source       pairs  AUC    R@1    cosine own/other  >= .3 own/other")
        for language in LANGUAGES:
            print("\n".join(figures(pairs, heads, language)))


if __name__ == "__main__":
    main()
