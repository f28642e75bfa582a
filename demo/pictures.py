"""Real pictures as the pool shows them, and the harm a web does to them; every function takes and gives an RGB Pillow image."""

from pathlib import Path

from PIL import Image


def load(path: Path) -> Image.Image:
    """The picture at `path` as RGB; what is transparent shows white."""
    with Image.open(path) as opened:
        if opened.mode == "RGB":
            return opened.copy()
        picture = opened.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture)
    return white.convert("RGB")
