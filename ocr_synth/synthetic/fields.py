"""Random fields, made once a process from fixed seeds and cut anew for every document: cheap, and the same everywhere."""

from functools import cache

import cv2
import numpy as np

from sieveline.draws import generator

_LENGTH = 1 << 23  # of the white noise; more than twice a picture's samples
_SIDE = 2048


@cache
def _white() -> np.ndarray:
    """uint8 [2^23]: Gaussian, mean 128, standard deviation 32."""
    draw = generator(0, "fields", "white").standard_normal(_LENGTH, np.float32)
    return np.clip(128 + 32 * draw, 0, 255).astype(np.uint8)


@cache
def _grain(which: int) -> np.ndarray:
    """uint8 [2048, 2048]: paper's grain, mean 128, standard deviation 32: fine tooth, fibres, or clouds with tooth."""
    draw = generator(0, "fields", "grain", which).standard_normal((_SIDE, _SIDE), np.float32)
    if which == 0:
        field = cv2.GaussianBlur(draw, (0, 0), 0.8)
    elif which == 1:
        field = cv2.GaussianBlur(draw, (0, 0), 3.0, sigmaY=0.6) + cv2.GaussianBlur(draw[::-1], (0, 0), 0.6, sigmaY=3.0)
    else:
        field = cv2.GaussianBlur(draw, (0, 0), 6.0) * 6 + 0.5 * cv2.GaussianBlur(draw, (0, 0), 0.8)
    field = (field - field.mean()) / field.std()
    return np.clip(128 + 32 * field, 0, 255).astype(np.uint8)


def white(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """uint8 noise of `shape`, mean 128, standard deviation 32; a view, not to be written to."""
    size = int(np.prod(shape))
    if size > _LENGTH:
        return np.resize(_white(), shape)
    start = int(rng.integers(_LENGTH - size + 1))
    return _white()[start : start + size].reshape(shape)


def grain(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """uint8 [height, width] of a drawn kind of paper grain, mean 128, standard deviation 32."""
    field = _grain(int(rng.integers(3)))
    if height > _SIDE or width > _SIDE:
        field = np.tile(field, (-(-height // _SIDE), -(-width // _SIDE)))
    top, left = (int(rng.integers(have - need + 1)) for have, need in zip(field.shape, (height, width), strict=True))
    return field[top : top + height, left : left + width]


def smooth(rng: np.random.Generator, height: int, width: int, cells: int) -> np.ndarray:
    """float32 [height, width] in [0, 1]: slow changes, about `cells` over the long side."""
    rows, columns = (max(2, round(cells * side / max(height, width))) for side in (height, width))
    coarse = rng.random((rows, columns), np.float32)
    return np.clip(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), 0, 1)
