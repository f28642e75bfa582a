"""Trains the heads of the embedded image-text model and writes `alignment_heads.safetensors` beside this file.

    python -m models.alignment_heads

The encoders stay frozen (LiT, arXiv 2111.07991): their features are computed once into the cache, then two MLPs and the table of
character n-grams are trained on them. Three losses: the symmetric contrastive loss of CLIP (arXiv 2103.00020), where a caption that
happens to be true of another picture of the batch is no negative, and a share of the goal goes to what the frozen text encoder finds
alike, so that a picture is drawn near all captions of its kind; a sigmoid loss like SigLIP's (arXiv 2303.15343) with the threshold
`cut`, so that a cosine of 0.3 stands between right and wrong, for pairs it was trained on; and the contrastive loss over English and
Spanish texts that say the same. What is shown: the pictures of `demo.sources.heads_items`, none of which is in the demo's pool,
also as line drawings, further ones like them (`demo.further_sources`), and scenes composed of the first (`models.composites`). A tenth of the
picture families is held out, alone and in scenes.

Several pairs of heads are trained that differ in their draws alone, and their cosines averaged (deep ensembles, arXiv 1612.01474).
Training twice on the same features gives the same bytes (tested on small data). Figures and defaults: `docs/alignment.md`.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from classifiers.character_grams import gram_ids
from classifiers.embedded_clip import FrozenEncoders
from classifiers.encoder_graphs import IMAGE_FEATURES, TEXT_FEATURES
from demo.further_sources import further_items, unlike
from demo.sources import Item, heads_items, items, pool_items
from models import bilingual
from models.alignment_pairs import Example, Pairs, features, of_items, of_scenes, text_features
from models.composites import scenes
from models.picture_views import VIEWS
from sieveline.cache import cache_folder
from sieveline.draws import uniform

HEADS = Path(__file__).with_name("alignment_heads.safetensors")
LANGUAGES = ("en", "es")


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """How the heads are trained.

    Attributes:
        members: pairs of heads.
        hidden: width of each head's one hidden layer.
        dimensions: of a pair's common space.
        buckets: of the table of character n-grams.
        gram_width: numbers of an n-gram.
        epochs: passes over all keys (picture, language).
        batch_size: keys a step.
        learning_rate: peak of a one-cycle schedule.
        weight_decay: AdamW's; none for the n-grams.
        dropout: on the hidden layer; on the features a fifth of it.
        temperature: of the softmax over cosines.
        kin_share: of the contrastive loss's goal, what goes to captions the text encoder finds alike, as a softmax over cosines of its
            features says; a Spanish caption counts as the picture's English one does, where it has one, since the encoder read English.
        kin_temperature: of that softmax.
        own_caption: share of draws that take a key's first wording.
        cut: cosine at which the sigmoid loss is indifferent.
        sigmoid_share: its weight beside the contrastive loss.
        texts_share: weight of the loss over texts that say the same.
        languages: of the pictures' captions.
        scenes: composed pictures.
        phrases: composed texts beside the dictionary's entries.
        held_out: share of picture families kept for the figures.
        seed: of every draw; each pair of heads has its own, counted from this one.
    """

    members: int = 4
    hidden: int = 768
    dimensions: int = 128
    buckets: int = 8192
    gram_width: int = 32
    epochs: int = 12
    batch_size: int = 512
    learning_rate: float = 2e-3
    weight_decay: float = 1.0
    dropout: float = 0.4
    temperature: float = 0.07
    kin_share: float = 0.6
    kin_temperature: float = 0.15
    own_caption: float = 0.5
    cut: float = 0.3
    sigmoid_share: float = 0.5
    texts_share: float = 0.3
    languages: tuple[str, ...] = LANGUAGES
    scenes: int = 4_000
    phrases: int = 6_000
    held_out: float = 0.1
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Member:
    """One pair of heads, torch modules in evaluation mode: the image head, the text head and the n-grams' table."""

    image: Any
    text: Any
    grams: Any


def train(pairs: Sequence[Pairs], texts: tuple[Sequence[str], np.ndarray], config: Training) -> list[Member]:
    """Heads trained on `pairs`, `config.members` of them.

    Args:
        pairs: pictures and captions.
        texts: those in English, then as many in Spanish that say the same in the same order, and their features
            float16 [2 x N, TEXT_FEATURES].
        config: how.
    """
    data = _Data(pairs)
    return [_member(data, pairs, texts, replace(config, seed=config.seed + i)) for i in range(config.members)]


def _member(data: "_Data", pairs: Sequence[Pairs], texts: tuple[Sequence[str], np.ndarray], config: Training) -> Member:
    import torch
    from torch.nn import functional

    torch.set_num_threads(1)  # sums in another order would give other bytes
    num_keys, num_texts = len(data.key_picture), len(texts[0]) // 2
    extra, extra_grams = torch.from_numpy(texts[1]), _Ragged([gram_ids(t, config.buckets) for t in texts[0]])
    grams = _Ragged([gram_ids(t.text, config.buckets) for p in pairs for t in p.texts])
    size = min(config.batch_size, num_keys)
    steps = config.epochs * (num_keys // size)
    itself = torch.eye(size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        trained = _untrained(config)
        decayed = [*trained.image.parameters(), *trained.text.parameters()]
        groups = [
            {"params": decayed, "weight_decay": config.weight_decay},
            {"params": trained.grams.parameters(), "weight_decay": 0.0, "lr": 5 * config.learning_rate},
        ]
        optimizer = torch.optim.AdamW(groups, lr=config.learning_rate)
        peaks = [config.learning_rate, 5 * config.learning_rate]
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peaks, total_steps=steps)
        for _ in range(config.epochs):
            order = torch.randperm(num_keys)
            for batch in order[: num_keys // size * size].split(size):
                pictures = data.key_picture[batch]
                view = data.first_view[pictures] + _draw(data.first_view, pictures)
                text = data.first_text[batch] + _draw(data.first_text, batch) * (torch.rand(size) >= config.own_caption)
                z_image = functional.normalize(trained.image(data.images[view].float()), dim=-1)
                z_text = _text(trained, data.captions[text], grams, text)
                cosines = z_image @ z_text.T
                true = _true(data.shows[pictures], data.tells[text])
                also_true = true & ~itself.bool()
                english = data.english[batch]
                named = functional.normalize(data.captions[torch.where(english < 0, text, english)].float(), dim=-1)
                kin = (named @ named.T / config.kin_temperature).masked_fill(also_true, -1e4).softmax(1)
                goal = itself + config.kin_share * (kin - itself)
                logits = (cosines / config.temperature).masked_fill(also_true, -1e4)
                loss = functional.cross_entropy(logits, goal) + functional.cross_entropy(logits.T, goal)
                margin = (cosines - config.cut) / config.temperature
                wrong = functional.softplus(margin[~true]).mean()
                loss = loss + config.sigmoid_share * (functional.softplus(-margin.diagonal()).mean() + wrong)
                if config.texts_share and num_texts:
                    some = torch.randperm(num_texts)[: size // 2]
                    z_en, z_es = (_text(trained, extra[rows], extra_grams, rows) for rows in (some, some + num_texts))
                    logits = z_en @ z_es.T / config.temperature
                    goal = torch.arange(len(some))
                    loss = loss + config.texts_share * (
                        functional.cross_entropy(logits, goal) + functional.cross_entropy(logits.T, goal)
                    )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    return Member(trained.image.eval(), trained.text.eval(), trained.grams.eval())


class _Data:
    """All `pairs` as tensors; families and colours as numbers, what is missing as -1 and -2."""

    def __init__(self, pairs: Sequence[Pairs]):
        import torch

        self.images = torch.from_numpy(np.concatenate([p.images for p in pairs]))
        self.captions = torch.from_numpy(np.concatenate([p.captions for p in pairs]))
        self.first_view = torch.from_numpy(_joined([p.first_view for p in pairs]))
        self.first_text = torch.from_numpy(_joined([p.first_text for p in pairs]))
        starts = np.cumsum([0, *(len(p.sources) for p in pairs)])
        self.key_picture = torch.tensor([start + i for p, start in zip(pairs, starts, strict=False) for i, _ in p.keys])
        texts = np.cumsum([0, *(p.first_text[-1] for p in pairs)])
        self.english = torch.from_numpy(np.concatenate([_english(p, s) for p, s in zip(pairs, texts, strict=False)]))
        numbers: dict[str, int] = {}
        self.shows = _numbered([shows for p in pairs for shows in p.shows], numbers, -1)
        self.tells = _numbered([text.tells for p in pairs for text in p.texts], numbers, -2)


def _english(pairs: Pairs, start: int) -> np.ndarray:
    """Of each key in another language the picture's own English caption, counted from `start`, -1 where there is none or it is that."""
    first = {picture: start + pairs.first_text[k] for k, (picture, language) in enumerate(pairs.keys) if language == "en"}
    return np.array([-1 if language == "en" else first.get(picture, -1) for picture, language in pairs.keys])


def _joined(firsts: list[np.ndarray]) -> np.ndarray:
    ends = np.cumsum([0, *(first[-1] for first in firsts)])
    return np.concatenate([[0], *(first[1:] + end for first, end in zip(firsts, ends, strict=False))])


def _numbered(sets: Sequence[frozenset[str]], numbers: dict[str, int], missing: int) -> Any:
    import torch

    rows = np.full((len(sets), 4), missing)
    for row, names in zip(rows, sets, strict=True):
        row[: len(names)] = [numbers.setdefault(name, len(numbers)) for name in sorted(names)]
    return torch.from_numpy(rows)


def _true(shows: Any, tells: Any) -> Any:
    """bool [pictures, texts]: whether each text tells only of what the picture shows. Both int [N, 4]."""
    true = None
    for told in tells.T:
        here = (shows[:, :, None] == told).any(1) | (told == -2)
        true = here if true is None else true & here
    return true


class _Ragged:
    """Rows of n-gram numbers of many lengths, for EmbeddingBag."""

    def __init__(self, rows: list[np.ndarray]):
        self._flat = np.concatenate([np.zeros(0, np.int64), *rows])
        self._ends = np.cumsum([0, *map(len, rows)])

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The numbers of `rows` in one line, where each row starts, and its length."""
        lengths = self._ends[rows + 1] - self._ends[rows]
        starts = np.cumsum(lengths) - lengths
        inside = np.arange(lengths.sum()) - np.repeat(starts, lengths)
        return self._flat[np.repeat(self._ends[rows], lengths) + inside], starts, lengths


def _draw(first: Any, rows: Any) -> Any:
    import torch

    return (torch.rand(len(rows)) * (first[rows + 1] - first[rows])).long()


def _text(trained: Member, captions: Any, grams: _Ragged, rows: Any) -> Any:
    import torch
    from torch.nn import functional

    numbers, starts, lengths = (torch.from_numpy(part) for part in grams.take(rows.numpy()))
    summed = trained.grams(numbers, starts) / lengths[:, None].sqrt()
    return functional.normalize(trained.text(torch.cat([captions.float(), summed], 1)), dim=-1)


def _untrained(config: Training) -> Member:
    from torch import nn

    grams = nn.EmbeddingBag(config.buckets, config.gram_width, mode="sum")
    nn.init.normal_(grams.weight, std=0.3)
    return Member(_head(IMAGE_FEATURES, config), _head(TEXT_FEATURES + config.gram_width, config), grams)


def _head(width: int, config: Training) -> Any:
    from torch import nn

    return nn.Sequential(
        nn.Dropout(config.dropout / 5),
        nn.Linear(width, config.hidden),
        nn.GELU(),
        nn.Dropout(config.dropout),
        nn.Linear(config.hidden, config.dimensions),
    )


def tensors(trained: Sequence[Member], names: np.ndarray) -> dict[str, np.ndarray]:
    """The heads as `classifiers.embedded_clip.load_heads` reads them: matrices int8 with a scale for each column, the rest float16.

    Args:
        trained: from `train`.
        names: the text features of the class names, from `FrozenEncoders.class_name_features`.
    """
    found: dict[str, list[np.ndarray]] = {"text.grams": [member.grams.weight.detach().numpy() for member in trained]}
    for member in trained:
        for tower, head in (("image", member.image), ("text", member.text)):
            linears = [layer for layer in head if hasattr(layer, "weight")]
            for part, layer in zip(("in", "out"), linears, strict=True):
                found.setdefault(f"{tower}.weight_{part}", []).append(layer.weight.detach().numpy().T)
                found.setdefault(f"{tower}.bias_{part}", []).append(layer.bias.detach().numpy())
    named = {"names": names.astype(np.float16)}
    for name, several in found.items():
        values = np.stack(several)
        if values.ndim < 3:
            named[name] = values.astype(np.float16)
        else:
            scale = np.abs(values).max(1, keepdims=True) / np.float32(127)
            named[name], named[f"{name}.scale"] = np.round(values / scale).astype(np.int8), scale
    return {name: np.ascontiguousarray(tensor) for name, tensor in named.items()}


def embed_images(trained: Sequence[Member], rows: np.ndarray) -> np.ndarray:
    """Features [N, IMAGE_FEATURES] -> float32 [N, members * dimensions] of length 1."""
    import torch
    from torch.nn import functional

    with torch.inference_mode():
        features = torch.from_numpy(rows).float()
        several = [functional.normalize(member.image(features), dim=-1) for member in trained]
        return (torch.cat(several, 1) * len(several) ** -0.5).numpy()


def embed_texts(trained: Sequence[Member], texts: Sequence[str], rows: np.ndarray) -> np.ndarray:
    """Texts and their features [N, TEXT_FEATURES] -> float32 [N, members * dimensions] of length 1."""
    import torch

    grams = _Ragged([gram_ids(text, trained[0].grams.num_embeddings) for text in texts])
    with torch.inference_mode():
        several = [_text(member, torch.from_numpy(rows), grams, torch.arange(len(texts))) for member in trained]
        return (torch.cat(several, 1) * len(several) ** -0.5).numpy()


def auc(matched: np.ndarray, mismatched: np.ndarray) -> float:
    """Probability that a matched score lies above a mismatched one; ties count half."""
    ordered = np.sort(mismatched)
    below = np.searchsorted(ordered, matched, "left")
    return float((below + (np.searchsorted(ordered, matched, "right") - below) / 2).mean() / len(ordered))


def figures(pairs: Pairs, trained: Sequence[Member], language: str, *, view: int = 0, cut: float = 0.3) -> list[str]:
    """Lines of a table, all sources and each: a view of every picture against its own caption and against each that is not true of it."""
    keys = [k for k, (_, lang) in enumerate(pairs.keys) if lang == language]
    pictures, first = np.array([pairs.keys[k][0] for k in keys]), pairs.first_text[keys]
    z_text = embed_texts(trained, [pairs.texts[t].text for t in first], pairs.captions[first])
    cosines = embed_images(trained, pairs.images[pairs.first_view[pictures] + view]) @ z_text.T
    numbers: dict[str, int] = {}
    shows = _numbered([pairs.shows[i] for i in pictures], numbers, -1)
    true = _true(shows, _numbered([pairs.texts[t].tells for t in first], numbers, -2)).numpy()
    source = np.array([pairs.sources[i] for i in pictures])
    lines = []
    for name in ("all", *dict.fromkeys(source)):
        own = np.flatnonzero((source == name) | (name == "all"))
        part = cosines[np.ix_(own, own)]
        matched, mismatched = part.diagonal(), part[~true[np.ix_(own, own)]]
        if mismatched.size:
            lines.append(
                f"{language}  {name:12} {len(own):5}  {auc(matched, mismatched):.3f}  {(part.argmax(1) == np.arange(len(own))).mean():.3f}"
                f"  {matched.mean():.2f} {mismatched.mean():5.2f}  {(matched >= cut).mean():.2f} {(mismatched >= cut).mean():.2f}"
            )
    return lines


def training_data(
    config: Training, items: Sequence[Item], further: Sequence[Item], workers: int
) -> tuple[list[Pairs], tuple[list[str], np.ndarray]]:
    """What `train` takes, of `items` (alone and composed) and `further` (alone)."""
    composed = of_scenes(scenes(items, config.scenes, config.seed))
    pairs = [
        features(of_items(items, config.languages, views=VIEWS, vary=True), workers=workers),
        features(composed, seed=config.seed, workers=workers),
        features(of_items(further, config.languages, views=VIEWS, vary=True), workers=workers),
    ]
    alike = bilingual.pairs(config.seed, config.phrases)
    texts = [en for en, _ in alike] + [es for _, es in alike]
    return pairs, (texts, text_features(texts, workers))


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the alignment heads and print how good they are.")
    parser.add_argument("--output", type=Path, default=HEADS, help="safetensors file to write")
    parser.add_argument("--workers", type=int, default=1, help="processes that compute features")
    parser.add_argument(
        "--validate", action="store_true", help="train without a ninth of the families and judge by these; write nothing"
    )
    arguments = parser.parse_args()
    config, workers = Training(), arguments.workers
    everything = heads_items()
    held = {i.family for i in everything if uniform(config.seed, "held out", i.family) < config.held_out}
    seen, unseen = ([i for i in everything if (i.family in held) == out] for out in (False, True))
    pool = [i for i in items() if i.split == "pool"]
    pairs, texts = training_data(config, seen, unlike(further_items(held), [*unseen, *pool]), workers)
    print(f"{sum(len(p.sources) for p in pairs)} pictures, {sum(len(p.keys) for p in pairs)} keys", flush=True)
    if arguments.validate:
        aside = {i.family for i in seen if uniform(config.seed, "validation", i.family) < 1 / 9}
        trained = train([p.part(lambda shows: not shows & aside) for p in pairs], texts, config)
        for title, view in (("set aside", 0), ("as line drawings", VIEWS - 2), ("as faint line drawings", VIEWS - 1)):
            print_figures(title, pairs[0].part(lambda shows: shows <= aside), trained, view)
        return
    trained = train(pairs, texts, config)

    from safetensors.numpy import save_file

    save_file(tensors(trained, FrozenEncoders(cache_folder()).class_name_features()), str(arguments.output))
    print(f"{arguments.output.name} {arguments.output.stat().st_size / 1e6:.1f} MB")
    judged: dict[str, Callable[[], list[Example]]] = {
        "held out, by family": lambda: of_items(unseen, LANGUAGES, views=1, vary=False),
        "held out, composed": lambda: of_scenes(scenes(unseen, 1_000, config.seed + 1, per_language=1)),
        "demo pool's pictures": lambda: of_items(pool_items(), LANGUAGES, views=1, vary=False),
    }
    for title, examples in judged.items():
        print_figures(title, features(examples(), seed=config.seed + 1, workers=workers), trained)


def print_figures(title: str, pairs: Pairs, trained: Sequence[Member], view: int = 0) -> None:
    print(f"\n{title}\nlang source       keys   AUC    R@1    cosine own/other  >= .3 own/other")
    for language in LANGUAGES:
        print("\n".join(figures(pairs, trained, language, view=view)), flush=True)


if __name__ == "__main__":
    main()
