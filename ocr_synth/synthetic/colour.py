"""Colours that can be read: contrast after WCAG 2, enforced when they are drawn."""

import numpy as np

from ocr_synth.synthetic.page import Colour, Palette, rgb
from ocr_synth.synthetic.sampling import Sampling, happens, uniform

BLACK, WHITE = (0, 0, 0), (255, 255, 255)


def luminance(rgb: np.ndarray) -> np.ndarray:
    """Relative luminance in [0, 1] of colours [..., 3] in 0-255."""
    c = np.asarray(rgb, np.float64) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def contrast(a: Colour | np.ndarray, b: Colour | np.ndarray) -> float:
    """WCAG contrast ratio of two colours, 1-21."""
    light, dark = sorted((float(luminance(np.asarray(a))), float(luminance(np.asarray(b)))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def worst_contrast(ink: Colour, paper: Colour, texture: float = 0.0, fade: float = 0.0) -> float:
    """Of an ink worn by `fade` on a paper whose grain is two standard deviations nearer to it."""
    sign = 1 if luminance(np.asarray(ink)) > luminance(np.asarray(paper)) else -1
    near = np.clip(np.asarray(paper, float) + sign * 2 * texture, 0, 255)
    worn = (1 - fade) * np.asarray(ink, float) + fade * np.asarray(paper, float)
    return contrast(worn, near)


def legible(
    rng: np.random.Generator, paper: Colour, least: float, *, colourful: bool, texture: float = 0, fade: float = 0
) -> Colour:
    """An ink of drawn hue on `paper` with at least `least` of contrast, or the best there is: black or white."""
    dark = luminance(np.asarray(paper)) > 0.18
    end = np.asarray(BLACK if dark else WHITE, float)
    grey = float(rng.uniform(0, 70))
    start = rng.uniform(0, 255, 3) if colourful else np.full(3, grey if dark else 255 - grey)
    for step in np.linspace(0, 1, 12):
        ink = rgb((1 - step) * start + step * end)
        if worst_contrast(ink, paper, texture, fade) >= least:
            return ink
    return rgb(end)


def draw_palette(rng: np.random.Generator, sampling: Sampling) -> Palette:
    """Paper and inks of a document."""
    paper_ranges, least = sampling.paper, sampling.text.min_contrast
    texture, fade = uniform(rng, paper_ranges.texture), uniform(rng, paper_ranges.fade)
    if happens(rng, paper_ranges.white_share):
        paper = rgb(rng.uniform(238, 255) - rng.uniform(0, 9, 3))
    elif happens(rng, paper_ranges.dark_share):
        paper = rgb(rng.uniform(8, 75, 3))
    else:
        paper = rgb(255 - rng.uniform(0, 60) - rng.uniform(0, 55, 3))
    ink = legible(rng, paper, least, colourful=happens(rng, sampling.text.colour_share), texture=texture, fade=fade)
    accent = ink
    if happens(rng, sampling.text.accent_share):
        accent = legible(rng, paper, least, colourful=True, texture=texture, fade=fade)
    share = float(rng.uniform(0.15, 0.4))
    faint = rgb((1 - share) * p + share * i for p, i in zip(paper, ink, strict=True))
    return Palette(paper, ink, accent, faint, texture, fade)
