"""Covering personal data in screenshots: a bar over the characters of each e-mail address and telephone number that can be seen.

The page itself is left as it is: what is looked for, audited and compared between states are its own pixels; only the picture that is kept
has the bars. A bar has a tone halfway between the text's ground and its ink, so that what says nothing but an address still shows where it is
said to be. Elements under a bar are marked `covered`, and nothing is asked about what they say.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from gui_crawl import pixels
from gui_crawl.privacy import spans

Box = Sequence[float]
_MARGIN = 1  # screenshot pixels on each side: glyphs reach out of their boxes by as much


def boxes(sightings: Sequence[Mapping[str, Any]], regions: Sequence[str]) -> list[list[float]]:
    """Where personal data stands: a box for each line of each address or number.

    Args:
        sightings: `text`, and `boxes` with one [x1, y1, x2, y2] for each of its characters, None where it cannot be seen.
        regions: whose telephone numbers are looked for.
    """
    found: list[list[float]] = []
    for said in sightings:
        for start, stop, _ in spans(said["text"], regions):
            line: list[float] | None = None
            for box in said["boxes"][start:stop]:
                if box is None:
                    continue
                if line is not None and box[1] < line[3] and line[1] < box[3]:
                    line[:] = [min(line[0], box[0]), min(line[1], box[1]), max(line[2], box[2]), max(line[3], box[3])]
                else:
                    line = list(box)
                    found.append(line)
    return found


def touches(box: Box, covers: Sequence[Box]) -> bool:
    """Whether the middle of one of `covers` lies in `box`."""
    middles = (((c[0] + c[2]) / 2, (c[1] + c[3]) / 2) for c in covers)
    return any(box[0] <= x <= box[2] and box[1] <= y <= box[3] for x, y in middles)


def covered(image: np.ndarray, covers: Sequence[Box]) -> bytes:
    """The screenshot (uint8 [height, width, 3], blue first) with a bar over each of `covers`, as PNG."""
    result = image.copy()
    for box in covers:
        area = pixels.region(result, box, _MARGIN)  # a view: what is painted in it is painted in the screenshot
        if area.size:
            area[:] = _tone(pixels.region(image, box))
    done, png = cv2.imencode(".png", result)
    assert done
    return png.tobytes()


def _tone(text: np.ndarray) -> np.ndarray:
    """Halfway between the ground and the ink of a piece of text, or the ink where that could not be told from the ground: uint8 [3]."""
    colours, counts = np.unique(text.reshape(-1, 3), axis=0, return_counts=True)
    ground = colours[counts.argmax()].astype(int)
    far = np.abs(colours - ground).max(axis=1)
    ink = colours[far.argmax()].astype(int)
    return (ink if far.max() <= 2 * pixels.VISIBLE_LEVELS else (ground + ink) // 2).astype(np.uint8)
