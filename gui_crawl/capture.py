"""A captured state as the questions take it, whoever captured it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gui_crawl.screen import Screen


@dataclass(frozen=True, kw_only=True)
class Capture:
    """One captured state of a page.

    Attributes:
        id: of the capture, unique over the data set.
        title: of the document, empty without one.
        scale: screenshot pixels per CSS pixel.
        elements: records of `ELEMENT`, ids 0 to n - 1 in order.
        screenshot: the picture file, PNG or JPEG.
        before: id of the state that `action` was done in; None where the page was only loaded.
        action: a record of `ACTION`.
    """

    id: str
    title: str
    scale: float
    elements: Sequence[Mapping[str, Any]]
    screenshot: bytes
    before: str | None = None
    action: Mapping[str, Any] | None = None

    @cached_property
    def screen(self) -> Screen | None:
        """What the questions look at, worked out once; None where the screenshot does not decode."""
        pixels = self.pixels()
        return None if pixels is None else Screen(self.elements, pixels, self.scale)

    def pixels(self) -> np.ndarray | None:
        """uint8 [height, width, 3] in RGB; None where the screenshot does not decode."""
        import cv2

        picture = cv2.imdecode(np.frombuffer(self.screenshot, np.uint8), cv2.IMREAD_COLOR) if self.screenshot else None
        return None if picture is None else picture[:, :, ::-1]
