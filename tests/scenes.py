"""Pictures for tests, drawn by seed."""

import numpy as np
import simplejpeg
from PIL import Image, ImageDraw

from sieveline import draws


def scene(seed: int, width: int = 320, height: int = 240) -> np.ndarray:
    """A picture with light, shapes and grain, as photographs have: uint8 RGB."""
    rng = draws.generator(seed, "scene")
    light = Image.fromarray(rng.integers(40, 220, (5, 7, 3), dtype=np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(light)
    for _ in range(12):
        x, y, w, h = rng.uniform(0, 1, 4) * (width, height, width / 3, height / 3)
        draw.ellipse((x, y, x + w, y + h), fill=tuple(int(c) for c in rng.integers(0, 256, 3)))
    grain = rng.normal(0, 4, (height, width, 3))
    return np.clip(np.asarray(light) + grain, 0, 255).astype(np.uint8)


def shrunk(picture: np.ndarray, quality: int = 90) -> np.ndarray:
    """`picture` through JPEG and back with a short side of 64 pixels or more, as the heuristics read it."""
    data = simplejpeg.encode_jpeg(np.ascontiguousarray(picture), quality=quality)
    return simplejpeg.decode_jpeg(data, "RGB", fastdct=True, fastupsample=True, min_height=64, min_width=64)
