"""What the alignment heads are trained and judged on: pictures and captions as features of the frozen encoders, cached.

Every caption carries what it tells of (families of pictures, colours), every picture what it shows; a caption is true of a picture if
it tells of nothing else. So no pair that happens to match counts as a negative, and "a hedgehog on a red background" is one for
the hedgehog on a blue one.
"""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context

import numpy as np
import xxhash

from classifiers import embedded_clip, encoder_graphs, imagenet_names, rgb
from classifiers.embedded_clip import FrozenEncoders
from classifiers.encoder_graphs import IMAGE_SIDE
from classifiers.rgb import decode_rgb, square
from demo.captions import light
from demo.sources import Item
from models import composites, picture_views
from models.composites import Composer, Scene
from models.picture_views import views
from sieveline.cache import cache_folder
from sieveline.draws import generator
from sieveline.fingerprint import code_version

_CHUNK = 125  # pictures of one file in the cache: what is lost where a run is cut off


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """One wording.

    Attributes:
        text: itself.
        tells: what a picture must show for it to be true.
    """

    text: str
    tells: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A picture and its captions, before the encoders.

    Attributes:
        source: name of the source, `composite` of a scene.
        shows: what a caption may tell of.
        picture: what its views are made of.
        views: how many of its views (`models.picture_views`).
        texts: language -> wordings; of an item the first is its own caption.
    """

    source: str
    shows: frozenset[str]
    picture: Item | Scene
    views: int
    texts: dict[str, list[Text]]


@dataclass(slots=True)
class Pairs:
    """Features of examples. A *key* is a picture with one of its languages.

    Attributes:
        sources: of each picture.
        shows: of each picture.
        images: float16 [views of all pictures, IMAGE_FEATURES].
        first_view: int [pictures + 1]: picture i has the views first_view[i] to first_view[i + 1].
        keys: (picture, language).
        texts: wordings of all keys.
        captions: float16 [wordings, TEXT_FEATURES].
        first_text: int [keys + 1], likewise.
    """

    sources: list[str]
    shows: list[frozenset[str]]
    images: np.ndarray
    first_view: np.ndarray
    keys: list[tuple[int, str]]
    texts: list[Text]
    captions: np.ndarray
    first_text: np.ndarray

    def part(self, chosen: Callable[[frozenset[str]], bool]) -> "Pairs":
        """The pictures whose `shows` are `chosen`, with their keys."""
        pictures = [i for i, shows in enumerate(self.shows) if chosen(shows)]
        place = {picture: i for i, picture in enumerate(pictures)}
        keys = [k for k, (picture, _) in enumerate(self.keys) if picture in place]
        views, texts = _rows(self.first_view, pictures), _rows(self.first_text, keys)
        return Pairs(
            sources=[self.sources[i] for i in pictures],
            shows=[self.shows[i] for i in pictures],
            images=self.images[np.concatenate(views)],
            first_view=np.cumsum([0, *map(len, views)]),
            keys=[(place[self.keys[k][0]], self.keys[k][1]) for k in keys],
            texts=[self.texts[t] for rows in texts for t in rows],
            captions=self.captions[np.concatenate(texts)],
            first_text=np.cumsum([0, *map(len, texts)]),
        )


def _rows(first: np.ndarray, chosen: list[int]) -> list[np.ndarray]:
    return [np.arange(first[i], first[i + 1]) for i in chosen]


def of_items(items: Sequence[Item], languages: Sequence[str], *, views: int, vary: bool) -> list[Example]:
    """Examples of `items`; with `vary` every caption comes in five wordings."""
    return [
        Example(
            source=item.source,
            shows=frozenset([item.family]),
            picture=item,
            views=views,
            texts={
                language: [
                    Text(text=text, tells=frozenset([item.family]))
                    for text in variants(item.captions[language], item.source, item.item_id, language)[: None if vary else 1]
                ]
                for language in languages
                if language in item.captions
            },
        )
        for item in items
        if not item.captions.keys().isdisjoint(languages)
    ]


def of_scenes(scenes: Sequence[Scene]) -> list[Example]:
    """Examples of composed pictures, one view each."""
    found = []
    for scene in scenes:
        texts: dict[str, list[Text]] = {}
        for text, language, tells in scene.captions:
            texts.setdefault(language, []).append(Text(text=text, tells=tells))
        found.append(Example(source="composite", shows=scene.shows, picture=scene, views=1, texts=texts))
    return found


def variants(caption: str, *names: str) -> list[str]:
    """`caption` and four texts that say the same or a part of it, as alt texts do; drawn by `names`."""
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
    name = title if keywords else caption.split(",", maxsplit=1)[0]
    return [caption, name, part, opening.format(caption.lower()), light(caption, rng)[0]]


def features(examples: Sequence[Example], *, seed: int = 0, workers: int = 1) -> Pairs:
    """`examples` through the frozen encoders, or from the cache; pictures that do not decode are left out.

    Args:
        examples: pictures and captions.
        seed: of the composed pictures.
        workers: processes.
    """
    chunks = [examples[i : i + _CHUNK] for i in range(0, len(examples), _CHUNK)]
    parts = _parallel(_chunk, [(chunk, seed) for chunk in chunks], workers)
    images = np.concatenate([image for image, _ in parts])
    captions = np.concatenate([text for _, text in parts])
    pairs = Pairs(
        sources=[], shows=[], images=images, first_view=images, keys=[], texts=[], captions=captions, first_text=captions
    )
    first_view, first_text, view, text = [0], [0], 0, 0
    good_views, good_texts = np.zeros(len(images), bool), np.zeros(len(captions), bool)
    for example in examples:
        num_texts = sum(map(len, example.texts.values()))
        if not np.isnan(images[view]).any():
            good_views[view : view + example.views] = True
            good_texts[text : text + num_texts] = True
            first_view.append(first_view[-1] + example.views)
            for language, several in example.texts.items():
                pairs.keys.append((len(pairs.sources), language))
                pairs.texts += several
                first_text.append(first_text[-1] + len(several))
            pairs.sources.append(example.source)
            pairs.shows.append(example.shows)
        view, text = view + example.views, text + num_texts
    pairs.images, pairs.captions = images[good_views], captions[good_texts]
    pairs.first_view, pairs.first_text = np.array(first_view), np.array(first_text)
    return pairs


def text_features(texts: Sequence[str], workers: int = 1) -> np.ndarray:
    """float16 [N, TEXT_FEATURES] of texts alone, cached likewise."""
    chunks = [texts[i : i + 16 * _CHUNK] for i in range(0, len(texts), 16 * _CHUNK)]
    return np.concatenate(_parallel(_texts_chunk, chunks, workers))


def _parallel(work: Callable, given: list, workers: int) -> list:
    if workers == 1:
        return [work(one) for one in given]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return list(pool.map(work, given))


def _stored(content: str, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    code = code_version(encoder_graphs, imagenet_names, embedded_clip, rgb, composites, picture_views)
    key = xxhash.xxh3_128_hexdigest(f"{content}{encoder_graphs.weights_hash()}{code}".encode())
    path = cache_folder() / "alignment" / f"features-{key}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = path.with_suffix(".part.npz")
        np.savez(whole, allow_pickle=False, **make())
        whole.rename(path)
    with np.load(path) as stored:
        return dict(stored)


@cache
def _encoders() -> FrozenEncoders:
    return FrozenEncoders(cache_folder())


def _chunk(given: tuple[Sequence[Example], int]) -> tuple[np.ndarray, np.ndarray]:
    examples, seed = given
    lines = [
        json.dumps([_identity(e.picture), e.views, {k: [t.text for t in v] for k, v in e.texts.items()}]) for e in examples
    ]

    def make() -> dict[str, np.ndarray]:
        encoders, composer = _encoders(), Composer(seed)
        images = [_views(encoders, composer, example) for example in examples]
        captions = encoders.embed_texts([t.text for e in examples for several in e.texts.values() for t in several])
        return {"images": np.concatenate(images).astype(np.float16), "captions": captions.astype(np.float16)}

    stored = _stored("\n".join([*lines, str(seed)]), make)
    return stored["images"], stored["captions"]


def _texts_chunk(texts: Sequence[str]) -> np.ndarray:
    return _stored(json.dumps(texts), lambda: {"texts": _encoders().embed_texts(texts).astype(np.float16)})["texts"]


def _identity(picture: Item | Scene) -> list:
    if isinstance(picture, Item):
        return [picture.source, picture.item_id]
    backdrop = picture.backdrop.item_id if isinstance(picture.backdrop, Item) else picture.backdrop
    return [picture.number, [i.item_id for i in picture.objects], backdrop]


def _views(encoders: FrozenEncoders, composer: Composer, example: Example) -> np.ndarray:
    """float32 [views, IMAGE_FEATURES]."""
    if isinstance(example.picture, Scene):
        return encoders.embed_pixels(square(composer.picture(example.picture), IMAGE_SIDE))[None]
    item = example.picture
    rgb = decode_rgb(item.path.read_bytes(), IMAGE_SIDE)
    if rgb is None or min(rgb.shape[:2]) < 2:
        return np.full((example.views, encoder_graphs.IMAGE_FEATURES), np.nan, np.float32)
    rng = generator(0, "views", item.source, item.item_id)
    return np.stack([encoders.embed_pixels(view) for view in views(rgb, example.views, rng)])
