"""Boxes: pixels of the screenshot to the model's integers, and what can be said of many boxes at once.

A box is x1, y1, x2, y2 in screenshot pixels; many are float64 [n, 4]. The model reads integers 0-999: thousandths of the
picture's width and height, as GLM-V's grounding and GUI prompts have it ("normalized to 0-999 range").
"""

from collections.abc import Sequence

import numpy as np

BEGIN, END = "<|begin_of_box|>", "<|end_of_box|>"


def thousandths(box: Sequence[float] | np.ndarray, width: int, height: int) -> list[int]:
    """A box (x1, y1, x2, y2) or point (x, y) in pixels as integers 0-999 of a picture of `width` x `height` pixels."""
    return [min(999, max(0, round(1000 * v / (width, height)[i % 2]))) for i, v in enumerate(box)]


def brackets(numbers: Sequence[int]) -> str:
    """`[x1, y1, x2, y2]`, as boxes and points are written."""
    return "[" + ", ".join(map(str, numbers)) + "]"


def marked(text: str) -> str:
    """An answer that is a place: between the model's own box tokens."""
    return f"{BEGIN}{text}{END}"


def centre(box: Sequence[float] | np.ndarray) -> tuple[float, float]:
    return float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2


def areas(boxes: np.ndarray) -> np.ndarray:
    """Pixels squared, float64 [n]."""
    return np.maximum(boxes[:, 2] - boxes[:, 0], 0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0)


def overlap(boxes: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Shared area of each of `boxes` [n, 4] with `box` [4]: float64 [n]."""
    w = np.minimum(boxes[:, 2], box[2]) - np.maximum(boxes[:, 0], box[0])
    h = np.minimum(boxes[:, 3], box[3]) - np.maximum(boxes[:, 1], box[1])
    return np.maximum(w, 0) * np.maximum(h, 0)


def iou(boxes: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Intersection over union of each of `boxes` with `box`: float64 [n] in 0-1."""
    shared = overlap(boxes, box)
    union = areas(boxes) + areas(box[None])[0] - shared
    return shared / np.maximum(union, 1e-9)


def shared_span(boxes: np.ndarray, box: np.ndarray, axis: int) -> np.ndarray:
    """How far each box overlaps `box` along an axis (0: x, 1: y), as a share of the shorter of the two spans: float64 [n], below 0 apart."""
    low, high = axis, axis + 2
    shared = np.minimum(boxes[:, high], box[high]) - np.maximum(boxes[:, low], box[low])
    shorter = np.minimum(boxes[:, high] - boxes[:, low], box[high] - box[low])
    return shared / np.maximum(shorter, 1e-9)
