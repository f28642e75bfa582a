"""Real pictures as a pool shows them, and the harm the web does to them.

Every function is pure: what it draws comes from the generator it is given. Pictures are RGB Pillow images.
"""

import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFont

COLOURS = {
    "brown": ("marrón", (120, 80, 50)),
    "turquoise": ("turquesa", (60, 175, 170)),
    "red": ("rojo", (200, 40, 40)),
    "green": ("verde", (60, 150, 70)),
    "blue": ("azul", (50, 90, 190)),
    "yellow": ("amarillo", (240, 210, 70)),
    "grey": ("gris", (140, 140, 145)),
    "orange": ("naranja", (235, 140, 50)),
    "purple": ("morado", (120, 70, 160)),
    "pink": ("rosa", (240, 160, 190)),
}
"""Background colours: English name -> Spanish name and RGB. No white nor black, where white and black things would not show."""


def load(path: Path) -> Image.Image:
    """The picture at `path` as RGB; what is transparent shows white."""
    with Image.open(path) as opened:
        if opened.mode == "RGB":
            return opened.copy()
        picture = opened.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture)
    return white.convert("RGB")


def fit(picture: Image.Image, side: int, *, max_aspect: float = 2.4) -> Image.Image:
    """`picture` scaled so that its shorter side has `side` pixels, padded with white where it is longer than `max_aspect`."""
    width, height = picture.size
    if max(width, height) > max_aspect * min(width, height):
        padded = (max(width, round(height / max_aspect)), max(height, round(width / max_aspect)))
        canvas = Image.new("RGB", padded, "white")
        canvas.paste(picture, ((padded[0] - width) // 2, (padded[1] - height) // 2))
        picture = canvas
    scale = side / min(picture.size)
    size = (max(side, round(picture.width * scale)), max(side, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.BICUBIC)


@lru_cache(maxsize=4096)
def _cut_out(path: Path) -> Image.Image:
    """The picture at `path` as RGBA without its empty margin, at most 256 pixels a side."""
    with Image.open(path) as opened:
        picture = opened.convert("RGBA")
    picture = picture.crop(picture.getchannel("A").getbbox())
    picture.thumbnail((256, 256), Image.Resampling.BILINEAR)
    return picture


@lru_cache(maxsize=512)
def _backdrop(path: Path) -> Image.Image:
    return load(path)


def plain(size: tuple[int, int], colour: str, rng: np.random.Generator) -> Image.Image:
    """A backdrop of one of `COLOURS`, lit from one corner so that no two are equal."""
    base = np.array(COLOURS[colour][1], np.float32)
    down, across = np.meshgrid(np.linspace(-1, 1, 8), np.linspace(-1, 1, 8), indexing="ij")
    light = rng.uniform(-22, 22) * down + rng.uniform(-22, 22) * across + rng.uniform(-8, 8)
    small = np.clip(base + light[:, :, None], 0, 255).astype(np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BILINEAR)


def compose(objects: list[Path], backdrop: Path | str, size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """One picture that shows `objects`, left to right, before a photograph (a path) or a colour (a name of `COLOURS`)."""
    if isinstance(backdrop, str):
        canvas = plain(size, backdrop, rng)
    else:
        photo = _backdrop(backdrop)
        # a random part of it, so that two pictures before the same backdrop do not share it
        share = rng.uniform(0.6, 0.95)
        width, height = photo.width * share, photo.height * share
        left, top = rng.uniform(0, photo.width - width), rng.uniform(0, photo.height - height)
        canvas = photo.resize(size, Image.Resampling.BICUBIC, box=(left, top, left + width, top + height))
    lane = size[0] / len(objects)
    for i, path in enumerate(objects):
        thing = _cut_out(path)
        scale = rng.uniform(0.6, 0.9) * min(lane / thing.width, size[1] / thing.height)
        thing = thing.resize((max(1, int(thing.width * scale)), max(1, int(thing.height * scale))), Image.Resampling.BILINEAR)
        x = lane * i + rng.uniform(0, lane - thing.width)
        y = rng.uniform(0, size[1] - thing.height)
        canvas.paste(thing, (int(x), int(y)), thing)
    return canvas


def encode(picture: Image.Image, extension: str, quality: int = 88) -> bytes:
    """The file bytes of `picture` as "jpg", "png" or "webp"."""
    out = io.BytesIO()
    if extension == "jpg":
        picture.save(out, "JPEG", quality=quality)
    elif extension == "png":
        picture.save(out, "PNG", compress_level=3)
    elif extension == "webp":
        picture.save(out, "WEBP", quality=quality, method=1)
    else:
        raise ValueError(f"no writer for .{extension}")
    return out.getvalue()


EDITS = ("rescaled", "recompressed", "cropped", "watermarked", "brightened")
"""What `near_duplicate` can do to a picture."""


def near_duplicate(picture: Image.Image, edits: Sequence[str], rng: np.random.Generator) -> tuple[Image.Image, int]:
    """`picture` as another site would show it, and the JPEG quality to save it with.

    Args:
        picture: the original.
        edits: some of `EDITS`. A crop takes up to 10 % off each side; a brightening changes by up to 12 %; whatever is done,
            the shorter side stays at 224 pixels or more.
        rng: of the draws.
    """
    quality = int(rng.integers(35, 75)) if "recompressed" in edits else 88
    if "cropped" in edits:
        left, top, right, bottom = rng.uniform(0, 0.1, 4)
        w, h = picture.size
        picture = picture.crop((int(left * w), int(top * h), int(w - right * w), int(h - bottom * h)))
    if "brightened" in edits:
        picture = ImageEnhance.Brightness(picture).enhance(rng.uniform(0.88, 1.12))
    if "rescaled" in edits or min(picture.size) < 224:
        scale = max(float(rng.uniform(0.5, 1.4)), 224 / min(picture.size))
        picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BICUBIC)
    if "watermarked" in edits:
        picture = _watermark(picture, rng)
    return picture, quality


def _watermark(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    size = max(14, min(picture.size) // 9)
    text = str(rng.choice(["© example.com", "SAMPLE", "photo bank", "www.example.org"]))
    layer = Image.new("RGBA", picture.size)
    x, y = rng.uniform(0, 0.5) * picture.width, rng.uniform(0.05, 0.85) * picture.height
    shade = (255, 255, 255, 170) if rng.random() < 0.5 else (40, 40, 40, 150)
    ImageDraw.Draw(layer).text((x, y), text, fill=shade, font=ImageFont.load_default(size))
    marked = picture.convert("RGBA")
    marked.alpha_composite(layer)
    return marked.convert("RGB")


SOLIDS = ("flat", "noise", "border", "gradient")


def solid(size: tuple[int, int], kind: str, rng: np.random.Generator) -> tuple[Image.Image, int]:
    """A picture that shows nothing, and the JPEG quality to save it with.

    Kinds (`SOLIDS`): `flat` (one colour), `noise` (sensor noise of 2 grey levels, then JPEG), `border` (a thin frame of another
    colour) and `gradient` (up to 8 levels from edge to edge).
    """
    colour = rng.integers(0, 256, 3).astype(np.float32)
    pixels = np.broadcast_to(colour, (size[1], size[0], 3)).copy()
    if kind == "noise":
        pixels += rng.normal(0, 2, pixels.shape)
    elif kind == "gradient":
        pixels += np.linspace(-1, 1, size[0])[None, :, None] * rng.uniform(1.5, 4)
    picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    if kind == "border":
        frame = tuple(int(c) for c in (colour + 128) % 256)
        ImageDraw.Draw(picture).rectangle((0, 0, size[0] - 1, size[1] - 1), outline=frame, width=int(rng.integers(1, 4)))
    return picture, int(rng.integers(40, 90))


UNDECODABLES = ("truncated", "corrupt", "html", "random")


def undecodable(data: bytes, kind: str, rng: np.random.Generator) -> bytes:
    """The bytes of a picture made such that they cannot be decoded.

    Kinds (`UNDECODABLES`): `truncated` (the download stopped), `corrupt` (the head is overwritten), `html` (an error page saved
    as a picture) and `random` bytes.
    """
    if kind == "truncated":
        return data[: int(len(data) * rng.uniform(0.2, 0.7))]
    if kind == "corrupt":
        return rng.bytes(64) + data[64:]
    if kind == "html":
        return b"<!DOCTYPE html><html><head><title>404 Not Found</title></head><body>Not Found</body></html>\n" * 80
    return rng.bytes(len(data))


def bomb() -> bytes:
    """A PNG of 400 megapixels in about 50 kB."""
    out = io.BytesIO()
    Image.new("1", (20_000, 20_000), 1).save(out, "PNG")
    return out.getvalue()
