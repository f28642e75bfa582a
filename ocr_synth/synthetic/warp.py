"""From page to picture: one smooth map for pixels and polygons alike.

A picture's pixel p shows the page's point g(p). On a grid of `CELL` pixels g is H^-1(p + d(p)), with H the perspective from page to picture
and d small waves (a curled sheet, elastic distortion after Simard et al., 2003); between the nodes g is bilinear, by definition, so that the
pixels are drawn by exactly the function whose inverse carries the polygons. The inverse is found by iteration, to a thousandth of a pixel.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from ocr_synth.synthetic.sampling import Warp, happens, one_of, uniform

CELL = 16
_STEPS = 12


@dataclass(slots=True)
class Map:
    """From a page to a picture of (width, height).

    Attributes:
        forward: float64 [3, 3], the perspective alone, page to picture.
        nodes: float32 [rows, columns, 2], page x and y shown at the grid's nodes; node (i, j) stands at picture (CELL j, CELL i).
    """

    width: int
    height: int
    forward: np.ndarray
    nodes: np.ndarray

    def points(self, points: np.ndarray) -> np.ndarray:
        """Page points float64 [n, 2] to where the picture shows them."""
        target = _project(self.forward, points)
        found = target.copy()
        for _ in range(_STEPS):
            miss = target - _project(self.forward, self._page(found))
            found += miss
            if np.abs(miss).max(initial=0) < 1e-3:
                break
        return found

    def window(self, left: int, top: int, right: int, bottom: int) -> "Map":
        """The map of a part of the picture, which is widened to whole cells at its left and top and cut to the picture."""
        left, top = (max(0, side // CELL * CELL) for side in (left, top))
        width, height = min(right, self.width) - left, min(bottom, self.height) - top
        moved = np.array([[1.0, 0, -left], [0, 1, -top], [0, 0, 1]]) @ self.forward
        row, column = top // CELL, left // CELL
        return Map(width, height, moved, self.nodes[row : row - (-height // CELL) + 1, column : column - (-width // CELL) + 1])

    def _page(self, points: np.ndarray) -> np.ndarray:
        rows, columns, _ = self.nodes.shape
        at = points / CELL
        cell = np.clip(np.floor(at).astype(np.intp), 0, (columns - 2, rows - 2))
        u, v = (at - cell).T[..., None]
        x, y = cell.T
        n = self.nodes
        return (1 - v) * ((1 - u) * n[y, x] + u * n[y, x + 1]) + v * ((1 - u) * n[y + 1, x] + u * n[y + 1, x + 1])

    def pixels(self, page: np.ndarray, behind: np.ndarray | None) -> np.ndarray:
        """uint8 [height, width, 3]: the page in front of `behind` (written over), or, without, with its edge going on."""
        x, y = (_between(self.nodes[..., i], self.height, self.width) for i in (0, 1))
        mode = cv2.BORDER_REFLECT_101 if behind is None else cv2.BORDER_TRANSPARENT
        return cv2.remap(page, x, y, cv2.INTER_LINEAR, dst=behind, borderMode=mode)


def _between(nodes: np.ndarray, height: int, width: int) -> np.ndarray:
    """The bilinear function of the nodes at every pixel: float32 [height, width]."""
    rows, columns = nodes.shape

    def matrix(size: int, num: int) -> np.ndarray:
        at = np.arange(size) / CELL
        cell = np.minimum(at.astype(np.intp), num - 2)
        weights = np.zeros((size, num), np.float32)
        weights[np.arange(size), cell] = 1 - (at - cell)
        weights[np.arange(size), cell + 1] = at - cell
        return weights

    return matrix(height, rows) @ nodes @ matrix(width, columns).T


def _project(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    x, y, w = matrix @ np.concatenate([points, np.ones((len(points), 1))], 1).T
    return np.stack([x / w, y / w], 1)


def draw_map(
    rng: np.random.Generator, ranges: Warp, page: tuple[int, int], *, coverage: float, arc: float = 0.0, strength: float = 1.0
) -> Map:
    """A map of drawn rotation, perspective, curl and waves, with the whole page in the picture.

    Args:
        page: its (width, height).
        coverage: the page's side by the picture's.
        arc: how far the middle of the page is raised (negative: lowered), in pixels.
        strength: factor on rotation and perspective.
    """
    width, height = page
    size = np.array([max(round(width / coverage), width + 8), max(round(height / coverage), height + 8)])
    centred = np.array([[-width, -height], [width, -height], [width, height], [-width, height]], float) / 2
    angle = np.deg2rad(uniform(rng, ranges.rotation) * strength) * one_of(rng, (-1, 1))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    reach = uniform(rng, ranges.perspective) * strength * np.array([width, height])
    quad = centred @ turn.T + rng.uniform(-1, 1, (4, 2)) * reach
    waves = _waves(rng, ranges, size, arc)
    margin = max((abs(w[0]) for w in waves), default=0) + 2
    low, high = quad.min(0), quad.max(0)
    scale = min(1.0, *((size - 2 * margin) / (high - low)))
    if scale < 0.85:  # rather a larger picture than smaller letters
        size = np.ceil((high - low) * 0.95 + 2 * margin).astype(int)
        scale = 0.95
    spare = np.maximum(size - 2 * margin - scale * (high - low), 0)
    quad = (quad - low) * scale + margin + spare * rng.uniform(0.2, 0.8, 2)
    corners = (centred + np.array([width, height]) / 2).astype(np.float32)
    forward = cv2.getPerspectiveTransform(corners, quad.astype(np.float32)).astype(np.float64)
    return build(forward, (int(size[0]), int(size[1])), waves)


def _waves(
    rng: np.random.Generator, ranges: Warp, size: np.ndarray, arc: float
) -> list[tuple[float, float, float, float, int]]:
    """(amplitude in pixels, cycles a pixel along x, along y, phase, axis that is displaced)."""
    width = size[0]
    waves = []
    if arc:
        waves.append((arc, 0.5 / width, 0.0, 0.0, 1))
    if happens(rng, ranges.curl_share):
        rise = uniform(rng, ranges.curl) * min(size)
        waves.append((rise, uniform(rng, (0.4, 1.0)) / width, 0.0, float(rng.uniform(0, 2 * np.pi)), 1))
    if happens(rng, ranges.elastic_share):
        for axis in (0, 1, 0, 1):
            length = float(rng.uniform(90, 260))
            direction = float(rng.uniform(0, 2 * np.pi))
            amplitude = uniform(rng, ranges.elastic) / 2
            fx, fy = np.cos(direction) / length, np.sin(direction) / length
            waves.append((amplitude, float(fx), float(fy), float(rng.uniform(0, 2 * np.pi)), axis))
    return waves


def build(forward: np.ndarray, size: tuple[int, int], waves: list[tuple[float, float, float, float, int]]) -> Map:
    """The map of a perspective and waves; see `_waves`."""
    width, height = size
    y, x = np.mgrid[0 : -(-height // CELL) + 1, 0 : -(-width // CELL) + 1].astype(np.float64) * CELL
    moved = np.stack([x, y], -1)
    for amplitude, fx, fy, phase, axis in waves:
        moved[..., axis] += amplitude * np.sin(2 * np.pi * (fx * x + fy * y) + phase)
    nodes = _project(np.linalg.inv(forward), moved.reshape(-1, 2)).reshape(moved.shape)
    return Map(width, height, forward, nodes.astype(np.float32))
