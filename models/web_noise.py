"""Makes a clean caption look like the web's: shop tails, file names, entities, mojibake, keyword soup, truncation. For
training the recaptioner.

The templates are split: `held_out` ones are never trained on, so that the recaptioner's figures speak of noise it has
not seen.
"""

import html.entities
import re

import numpy as np

TAILS = (
    " | Stock photo", " - Stock Image", " – Royalty-Free Vector", " | Free Download", " - Buy Online", " · HD Wallpaper", " | {brand}.com",
    " - Shop now", ", free shipping", " stock photography", " | Stock Illustration", " - {brand} Images", " wallpaper hd", " (for sale)",
    " - Best Price", " | Premium Photo", " free clipart", " | Image Gallery", " - Download Now", " • Official Store", " | foto de stock",
    " - imágenes gratis", " | Comprar online", " - envío gratis", " - Descargar ahora", " | mejor precio",
)  # fmt: skip
HEADS = (
    "Photo of ", "Stock photo: ", "Image: ", "Picture of ", "Free download ", "Buy ", "Wallpaper ", "Vector illustration of ", "Foto de ",
    "Imagen: ", "File:", "Image of ", "Click to enlarge ", "thumbnail ",
)  # fmt: skip
COUNTERS = (" - image {a} of {b}", " ({a})", " {a}/{b}", " [photo {a}]", " #{a}", " - foto {a} de {b}")
CAMERAS = ("IMG_{n} ", "DSC{n} ", "photo-{n} ", "PICT{n}: ", "Screenshot_{n} ")
SIZES = (" 1920x1080", " 800x600px", " 1024 x 768", " 500px")
FRAMES = (("★ ", " ★"), (">> ", " <<"), ("*** ", " ***"), ("", "!!!"), ("“", "”"), ("", " ..."), ("» ", ""), ("", " ♥"))
SUFFIXES = (".jpg", ".png", ".jpeg", ".JPG", ".webp", ".gif", "_thumb.jpg", "-small.png")
_SYLLABLES = (
    "pix",
    "art",
    "mart",
    "foto",
    "gra",
    "lux",
    "shop",
    "zen",
    "pic",
    "sto",
    "via",
    "max",
    "nova",
    "clip",
    "wall",
    "dea",
    "lia",
    "kin",
)
_NAMED = {codepoint: f"&{name};" for codepoint, name in html.entities.codepoint2name.items() if codepoint > 160}


def keywords(caption: str) -> tuple[str, list[str]]:
    """`(name, keywords)` of a caption like `taxi: cab, car, yellow`; a caption of another form has no keywords."""
    name, colon, rest = caption.partition(": ")
    listed = [k for k in rest.split(", ") if k]
    plain = colon and all(k == k.lower() and not re.search(r"\d|[.!?:]", k) and len(k.split()) <= 3 for k in listed)
    return (name, listed) if plain and listed else (caption, [])


def dirty(caption: str, rng: np.random.Generator, *, held_out: bool) -> str:
    """One noisy version of `caption`. Some of its keywords may be left out, nothing else of it is.

    Args:
        caption: the source's own text.
        rng: draws everything.
        held_out: use the quarter of the templates that training never sees, rather than the other three.
    """

    def pick(templates: tuple) -> object:
        mine = [t for i, t in enumerate(templates) if (i % 4 == 1) == held_out]
        return mine[rng.integers(len(mine))]

    name, listed = keywords(caption)
    if listed and rng.random() < 0.6:
        listed = [k for k in listed if rng.random() < rng.choice([0.0, 0.5])]
    text = f"{name}: {', '.join(listed)}" if listed else name
    if listed and rng.random() < 0.25:  # keyword soup
        text = ", ".join([name, *listed, *([name] if rng.random() < 0.5 else [])])
    if listed and rng.random() < 0.1 and len(listed[-1]) > 4:
        text = text[: -int(rng.integers(1, len(listed[-1]) - 2))] + str(rng.choice(["...", "…"]))
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.1, 0.4, 0.35, 0.15]))):
        kind = rng.choice(9, p=[0.34, 0.14, 0.1, 0.07, 0.07, 0.1, 0.1, 0.04, 0.04])
        brand = "".join(rng.choice(_SYLLABLES, 2))
        number, a = int(rng.integers(1, 9999)), int(rng.integers(1, 12))
        if kind == 0:
            text += str(pick(TAILS)).format(brand=brand.title() if rng.random() < 0.7 else brand)
        elif kind == 1:
            text = str(pick(HEADS)) + text
        elif kind == 2:
            text += str(pick(COUNTERS)).format(a=a, b=a + int(rng.integers(1, 20)))
        elif kind == 3:
            text = str(pick(CAMERAS)).format(n=f"{number:04d}") + text
        elif kind == 4:
            text += str(pick(SIZES))
        elif kind == 5:
            left, right = pick(FRAMES)  # type: ignore[misc]
            text = f"{left}{text}{right}"
        elif kind == 6:
            text = _file_name(text, rng) + str(pick(SUFFIXES))
        elif kind == 7:
            text += f" https://www.{brand}.com/{number}"
        else:
            text = text.upper() if rng.random() < 0.3 else text.title()
    return _encoded(text, rng)


def _file_name(text: str, rng: np.random.Generator) -> str:
    if rng.random() < 0.5 or not text.isascii() or re.search(r"[^\w ,]", text):
        return text
    return re.sub(r"[\s,]+", str(rng.choice(["-", "_"])), text.lower() if rng.random() < 0.5 else text)


def _encoded(text: str, rng: np.random.Generator) -> str:
    if rng.random() < 0.15:
        text = text.replace("&", "&amp;").replace('"', "&quot;").replace("'", "&#39;")
        if rng.random() < 0.5:
            text = text.translate(_NAMED)
    elif not text.isascii() and rng.random() < 0.15:
        text = text.encode("utf-8").decode("cp1252", "ignore")
    return text
