"""Turned and mirrored copies of a picture, its polygons moving with the pixels while the text stays.

CogAgent's lab did the same to natural images ("strong rotation and flips", after arXiv 2312.08914): nobody writes a mirrored sign, but a
reader that has seen some does not lose its place on a tilted one. Quarter turns and flips move pixels without resampling; a free
angle widens the canvas so that nothing is cut off, filled with the border's mean colour, which shows no second copy of a text as a
reflected border would.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from sieveline import draws
from sieveline.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class Variants:
    """How many copies are made beside the original; the shares are of the kept pictures, each picture has at most one copy.

    Attributes:
        rotated_share: turned by a free angle.
        max_angle: degrees of a free angle, to either side.
        min_angle: the same; smaller turns hardly differ from the original.
        quarter_share: turned by 90, 180 or 270 degrees.
        flipped_share: mirrored, half of them from left to right and half from top to bottom.
        max_side: pixels of the picture that is turned; larger ones are shrunk first.
        quality: of the JPEG that a copy is written as.
    """

    rotated_share: float = 0.2
    max_angle: float = 60.0
    min_angle: float = 5.0
    quarter_share: float = 0.1
    flipped_share: float = 0.1
    max_side: int = 1920
    quality: int = 92

    def __post_init__(self):
        shares = (self.rotated_share, self.quarter_share, self.flipped_share)
        if min(shares) < 0 or sum(shares) > 1:
            raise ConfigError(
                f"scene variants: the shares {', '.join(map(str, shares))} must not be negative, nor above 1 together"
            )
        if not 0 <= self.min_angle <= self.max_angle <= 180:
            raise ConfigError(f"scene variants: angles of {self.min_angle} to {self.max_angle} must rise within 0 to 180")
        if not 32 <= self.max_side <= 8192 or not 1 <= self.quality <= 100:
            raise ConfigError("scene variants: max_side must lie in 32 to 8192, quality in 1 to 100")


@dataclass(frozen=True, slots=True)
class View:
    """How a picture is shown.

    Attributes:
        name: `upright`, `rotated`, `quarter`, `flipped`; for people.
        angle: degrees, anticlockwise as seen; a multiple of 90 for `quarter`, 0 for `flipped` and `upright`.
        axis: 0 mirrors top and bottom, 1 left and right, None nothing.
    """

    name: str
    angle: float = 0.0
    axis: int | None = None

    def __str__(self) -> str:
        if self.axis is not None:
            return "flipped left to right" if self.axis else "flipped top to bottom"
        return f"rotated by {self.angle:g} degrees" if self.angle else "upright"

    def matrix(self, width: int, height: int) -> tuple[np.ndarray, tuple[int, int]]:
        """Where points (x, y) of a picture of that size go: float64 (2, 3), and the (width, height) of the copy."""
        if self.axis is not None:
            scale = np.array([-1.0, 1.0]) if self.axis else np.array([1.0, -1.0])
            shift = np.array([width, 0]) if self.axis else np.array([0, height])
            return np.column_stack([np.diag(scale), shift]), (width, height)
        if self.angle % 90 == 0:
            cos, sin = [(1, 0), (0, 1), (-1, 0), (0, -1)][int(self.angle // 90) % 4]
        else:
            cos, sin = np.cos(np.radians(self.angle)), np.sin(np.radians(self.angle))
        turn = np.array([[cos, sin], [-sin, cos]], np.float64)
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) @ turn.T
        size = np.ceil(np.ptp(corners, axis=0) - 1e-6).astype(int)
        shift = size / 2 - turn @ [width / 2, height / 2]
        return np.column_stack([turn, shift]), (int(size[0]), int(size[1]))

    def pixels(self, rgb: np.ndarray) -> np.ndarray:
        """The copy of a picture, uint8 (h, w, 3)."""
        if self.axis is not None:
            return np.ascontiguousarray(np.flip(rgb, 1 if self.axis else 0))
        if self.angle % 90 == 0:
            return np.ascontiguousarray(np.rot90(rgb, int(self.angle // 90)))
        matrix, size = self.matrix(rgb.shape[1], rgb.shape[0])
        # OpenCV counts from the middle of the first pixel, `matrix` from its corner
        middle = matrix.copy()
        middle[:, 2] += matrix[:, :2] @ [0.5, 0.5] - 0.5
        edge = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]]).mean(0)
        return cv2.warpAffine(
            rgb, middle, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=[float(c) for c in edge]
        )

    def points(self, points: np.ndarray, width: int, height: int) -> np.ndarray:
        """Points (..., 2) of a picture of that size, where they are on the copy."""
        matrix, _ = self.matrix(width, height)
        return points @ matrix[:, :2].T + matrix[:, 2]


def variant(sample_id: str, config: Variants, seed: int) -> View | None:
    """The copy a picture gets beside its original, or none; a larger share of a kind only adds copies of it at the end of the draw."""
    rng = draws.generator(seed, "scene-variant", sample_id)
    which, angle, sign, turn, axis = rng.random(5)
    if which < config.rotated_share:
        free = config.min_angle + (config.max_angle - config.min_angle) * angle
        return View("rotated", round(free if sign < 0.5 else -free, 1))
    which -= config.rotated_share
    if which < config.quarter_share:
        return View("quarter", 90.0 * (1 + int(3 * turn)))
    which -= config.quarter_share
    return View("flipped", axis=int(2 * axis)) if which < config.flipped_share else None
