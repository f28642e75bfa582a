"""What the pixels of a screenshot say: whether a box shows anything, whether hiding an element changed it, how far two screens differ."""

import math
from collections.abc import Sequence

import cv2
import numpy as np

cv2.setNumThreads(1)  # workers are the parallelism

VISIBLE_LEVELS = 10  # a change below it, of 255, is not counted as seen
MIN_PIXELS = 6  # fewer changed pixels are not seen either, at one screenshot pixel per CSS pixel
_GROUND = 12  # levels about a ground's colour that are still it

Box = Sequence[float]


def decode(png: bytes) -> np.ndarray:
    """A screenshot as uint8 [height, width, 3], blue first."""
    image = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None, "Chromium's screenshot does not decode"
    return image


def region(image: np.ndarray, box: Box, margin: int = 0) -> np.ndarray:
    """The pixels of `box` (x1, y1, x2, y2), widened by `margin` on each side, cut at the image's edges."""
    x1, y1 = max(0, int(np.floor(box[0])) - margin), max(0, int(np.floor(box[1])) - margin)
    return image[y1 : int(np.ceil(box[3])) + margin, x1 : int(np.ceil(box[2])) + margin]


def shows(image: np.ndarray, box: Box, margin: int = 2) -> bool:
    """Whether `box` and its border of `margin` pixels are of more than one colour, by more than `VISIBLE_LEVELS` in a channel."""
    inside = region(image, box, margin)
    if not inside.size:
        return False
    first = inside[0, 0].tolist()
    return _num_within(inside, [v - VISIBLE_LEVELS for v in first], [v + VISIBLE_LEVELS for v in first]) < _num_pixels(inside)


def lies_on(image: np.ndarray, box: Box, colours: Sequence[Sequence[float]]) -> bool:
    """Whether a quarter of `box` at least is of a colour, or of the colours between several ([red, green, blue]), as far as an eye can tell."""
    inside = region(image, box)
    if not inside.size:
        return False
    levels = [sorted(colour[channel] for colour in colours) for channel in (2, 1, 0)]
    low, high = [v[0] - _GROUND for v in levels], [v[-1] + _GROUND for v in levels]
    return _num_within(inside, low, high) >= 0.25 * _num_pixels(inside)


def _num_within(image: np.ndarray, low: Sequence[float], high: Sequence[float]) -> int:
    """How many pixels lie between `low` and `high`, a level for each channel, bounds included."""
    least = np.array([min(256, max(0, math.ceil(v))) for v in low], np.float64)
    most = np.array([min(255, max(-1, math.floor(v))) for v in high], np.float64)
    return cv2.countNonZero(cv2.inRange(image, least, most))


def _num_pixels(image: np.ndarray) -> int:
    return image.shape[0] * image.shape[1]


def _unchanged(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """uint8 [height, width]: 255 where two pictures differ by at most `VISIBLE_LEVELS` in every channel, else 0."""
    return cv2.inRange(cv2.absdiff(before, after), np.zeros(3), np.full(3, float(VISIBLE_LEVELS)))


def _num_changed(before: np.ndarray, after: np.ndarray) -> int:
    return _num_pixels(before) - cv2.countNonZero(_unchanged(before, after))


def num_changed(before: np.ndarray, after: np.ndarray, box: Box) -> int:
    """Pixels of `box` that differ by more than `VISIBLE_LEVELS` in a channel."""
    a, b = region(before, box), region(after, box)
    if a.shape != b.shape or not a.size:
        return 0
    return _num_changed(a, b)


def changed_span(before: np.ndarray, after: np.ndarray, box: Box) -> float:
    """Share of `box`, 0-1, that the bounds of its changed pixels take."""
    a, b = region(before, box), region(after, box)
    if a.shape != b.shape or not a.size:
        return 0.0
    rows, columns = np.nonzero(_unchanged(a, b) == 0)
    if not len(rows):
        return 0.0
    return float((np.ptp(rows) + 1) * (np.ptp(columns) + 1) / (a.shape[0] * a.shape[1]))


def changed_share(before: np.ndarray, after: np.ndarray) -> float:
    """Share of pixels that differ between two screens, 0-1; 1 for screens of other sizes."""
    if before.shape != after.shape:
        return 1.0
    if before is after or np.array_equal(before, after):
        return 0.0
    return _num_changed(before, after) / _num_pixels(before)


def rounds(boxes: Sequence[Box], most: int) -> list[list[int]]:
    """Groups of positions in `boxes` whose boxes do not overlap, at most `most` groups; smaller boxes come first, the rest is left out."""
    order = sorted(range(len(boxes)), key=lambda i: (boxes[i][2] - boxes[i][0]) * (boxes[i][3] - boxes[i][1]))
    groups: list[list[int]] = []
    for i in order:
        a = boxes[i]
        for group in groups:
            if not any(a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3] for b in (boxes[j] for j in group)):
                group.append(i)
                break
        else:
            if len(groups) < most:
                groups.append([i])
    return groups
