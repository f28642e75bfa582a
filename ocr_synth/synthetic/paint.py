"""Draws a page: paper or picture, rules, then all glyphs of a colour in one pass of HarfBuzz's rasteriser."""

from collections import defaultdict

import cv2
import numpy as np
import uharfbuzz as hb

from ocr_synth.synthetic import fields
from ocr_synth.synthetic.page import Colour, Line, Page, Rule
from ocr_synth.synthetic.sampling import Paper, happens

_SUBPIXEL = 4  # fractional bits of OpenCV's rectangles


def paint(page: Page, ground: np.ndarray, rng: np.random.Generator, *, weight: float = 0.0) -> np.ndarray:
    """The page as RGB.

    Args:
        ground: uint8 [height, width, 3] to draw on; is not kept.
        rng: of wear.
        weight: ink spread (positive, dilation) or eaten (negative, erosion), about pixels, -1 to 1.

    Returns:
        uint8 [height, width, 3].
    """
    for rule in page.rules:
        _draw_rule(ground, rule)
    by_colour: dict[Colour, list[Line]] = defaultdict(list)
    for line in page.lines:
        by_colour[line.style.colour].append(line)
    wear = None
    if page.palette.fade > 0:
        wear = 1 - page.palette.fade * fields.smooth(rng, page.height, page.width, 12)
    for colour, lines in by_colour.items():
        ground = _ink(ground, coverage(lines, page.width, page.height), colour, weight, wear)
    return ground


def coverage(lines: list[Line], width: int, height: int) -> np.ndarray:
    """uint8 [height, width]: how much of each pixel the glyphs of `lines` cover, 255 for all."""
    raster = hb.RasterDraw()
    raster.extents = hb.RasterExtents(0, -height, width, height, 0)
    for line in lines:
        for run in line.shaped.runs:
            scale, font, draw = run.size / run.font.upem, run.font.hb, raster.draw_glyph
            for glyph, x, y in zip(run.ids, (run.x + line.x).tolist(), (run.y + line.y).tolist(), strict=True):
                if run.font.ink(glyph) is None:
                    continue
                raster.transform = (0, -scale, scale, 0, x, -y) if run.sideways else (scale, 0, 0, scale, x, -y)
                draw(font, glyph)
    image = raster.render()
    if image is None:
        return np.zeros((height, width), np.uint8)
    extents = image.extents
    rows = np.frombuffer(image.buffer, np.uint8).reshape(extents.height, extents.stride)
    return np.ascontiguousarray(rows[::-1, : extents.width])


def _ink(ground: np.ndarray, mask: np.ndarray, colour: Colour, weight: float, wear: np.ndarray | None) -> np.ndarray:
    rows = np.flatnonzero(mask.max(axis=1))
    if not len(rows):
        return ground
    part = slice(max(int(rows[0]) - 2, 0), int(rows[-1]) + 3)
    covered = mask[part]
    if weight:
        cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
        spread = cv2.dilate(covered, cross) if weight > 0 else cv2.erode(covered, cross)
        covered = cv2.addWeighted(covered, 1 - abs(weight), spread, abs(weight), 0)
    share = covered.astype(np.float32) * np.float32(1 / 255)
    if wear is not None:
        share *= wear[part]
    ink = np.empty_like(ground[part])
    ink[:] = colour
    ground[part] = cv2.blendLinear(ink, ground[part], share, 1 - share)
    return ground


def _draw_rule(ground: np.ndarray, rule: Rule) -> None:
    unit = 1 << _SUBPIXEL
    if rule.left == rule.right or rule.top == rule.bottom:
        half = rule.thickness / 2
        down = rule.left == rule.right
        box = (
            (rule.left - half, rule.top, rule.left + half, rule.bottom)
            if down
            else (rule.left, rule.top - half, rule.right, rule.top + half)
        )
        left, top, right, bottom = (round(v) for v in box)
        cv2.rectangle(ground, (left, top), (max(right - 1, left), max(bottom - 1, top)), rule.colour, -1)
        return
    first, last = [(round(x * unit), round(y * unit)) for x, y in ((rule.left, rule.top), (rule.right, rule.bottom))]
    thickness = -1 if rule.thickness == 0 else max(1, round(rule.thickness))
    cv2.rectangle(ground, first, last, rule.colour, thickness, cv2.LINE_AA if thickness > 0 else cv2.LINE_8, _SUBPIXEL)


def paper(page: Page, ranges: Paper, rng: np.random.Generator) -> np.ndarray:
    """uint8 [height, width, 3]: paper of the page's colour with grain and, in a share of cases, stains."""
    colour, texture = np.asarray(page.palette.paper, np.float32), page.palette.texture
    stained = happens(rng, ranges.stain_share)
    if not texture and not stained:
        return np.full((page.height, page.width, 3), page.palette.paper, np.uint8)
    grain = fields.grain(rng, page.height, page.width)
    if stained:
        depth = float(rng.uniform(4, 14))  # grey levels at most
        stain = (depth * fields.smooth(rng, page.height, page.width, 6) ** 2).astype(np.uint8)
        level = cv2.addWeighted(grain, texture / 32, stain, -1.0, 128 - 4 * texture)
    else:
        level = cv2.convertScaleAbs(grain, alpha=texture / 32, beta=128 - 4 * texture)
    table = np.clip(colour + (np.arange(256, dtype=np.float32)[:, None] - 128), 0, 255).astype(np.uint8)  # level to RGB
    return cv2.LUT(cv2.merge([level] * 3), table.reshape(1, 256, 3))
