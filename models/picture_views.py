"""What a picture is seen as in training: the whole, two crops, and two line drawings of it.

Few pictures to be had are thin strokes on white, though many of the web's drawings are; made out of coloured ones they teach what a
thing looks like when nothing but its outline is left. One is drawn as the encoder sees it, one larger and squeezed then, as pages'
drawings are: their strokes fade.
"""

import cv2
import numpy as np

from classifiers.encoder_graphs import IMAGE_SIDE
from classifiers.rgb import square

VIEWS = 5


def views(rgb: np.ndarray, count: int, rng: np.random.Generator) -> list[np.ndarray]:
    """The first `count` of `VIEWS` views, each uint8 [IMAGE_SIDE, IMAGE_SIDE, 3]: the whole, a mirrored crop, a crop, a line
    drawing, a faint line drawing.

    Args:
        rgb: uint8 [height, width, 3], at least 2 pixels a side.
        count: how many.
        rng: where the crops lie, how thick and how faint the strokes are.
    """
    whole = square(rgb, IMAGE_SIDE)
    if count == 1:
        return [whole]
    crops = [_crop(rgb, rng)[:, ::-1], _crop(rgb, rng)]
    seen = [whole, *(square(np.ascontiguousarray(crop), IMAGE_SIDE) for crop in crops), line_drawing(whole, rng)]
    if count == VIEWS:
        seen.append(square(line_drawing(_of_side(rgb, int(rng.integers(300, 800))), rng), IMAGE_SIDE))
    return seen[:count]


def _of_side(rgb: np.ndarray, side: int) -> np.ndarray:
    """`rgb` with its longer side that many pixels."""
    scale = side / max(rgb.shape[:2])
    height, width = (max(2, round(length * scale)) for length in rgb.shape[:2])
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def _crop(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A part of at least .6 of each side."""
    height, width = (max(1, int(side * rng.uniform(0.6, 1.0))) for side in rgb.shape[:2])
    top, left = int(rng.integers(rgb.shape[0] - height + 1)), int(rng.integers(rgb.shape[1] - width + 1))
    return rgb[top : top + height, left : left + width]


def line_drawing(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`rgb` uint8 [height, width, 3] as dark strokes on white: its edges, or what is darker than its surroundings."""
    if rng.random() < 0.5:
        low = int(rng.integers(20, 80))
        edges = np.maximum.reduce([cv2.Canny(np.ascontiguousarray(rgb[..., c]), low, 2.5 * low) for c in range(3)])
        if rng.random() < 0.5:
            edges = cv2.dilate(edges, np.ones((2, 2), np.uint8))
        strokes = 255 - edges
        if rng.random() < 0.6:
            strokes = cv2.GaussianBlur(strokes, (3, 3), 0)
    else:
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
        around = cv2.GaussianBlur(grey, (0, 0), rng.uniform(1.5, 6))
        lit = np.minimum(grey * 255 / np.maximum(around, 1), 255)
        black = rng.uniform(60, 200)  # what is as dark or darker becomes black
        strokes = np.clip((lit - black) * 255 / (255 - black), 0, 255).astype(np.uint8)
    return np.repeat(strokes[..., None], 3, 2)
