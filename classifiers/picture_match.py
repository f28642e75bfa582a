"""Whether two thumbnails show the same picture: aligned, fitted in brightness, and what is left measured.

Lucas and Kanade (1981) on shift and scale of each axis: the first thumbnail is warped onto the second, so that a crop falls
onto its original whichever of the two is the smaller part. Cells outside either picture do not count. Brightness and contrast
are fitted (contrast within `GAIN`), then

- `difference` = what is left of the luma's variance, 0 for the same picture, near 1 for strangers;
- `colour` = root mean square distance of the chroma planes in levels of 255, under the same warp.

Most candidate pairs are strangers: a pair is aligned on 12 x 12 cells first and only the promising ones on 24 x 24.
Every measure of a pair depends on that pair alone and is rounded, so it is the same in any batch.
"""

import numpy as np

from classifiers.perceptual_hash import CHROMA, LUMA

LARGEST_CROP = 0.13  # of a side: the warp's edges stay within this
GAIN = (0.6, 1.6)  # contrast ratio that still counts as the same picture under other light
COARSE = 12
PROMISING = 0.25  # largest difference on the coarse cells that is worth the fine ones
_STEPS_COARSE, _STEPS_FINE = 4, 2
_STIFFNESS = 100.0  # of the warp: equals the pull of one level of noise per cell at a warp of 10 %
_BLOCK = 1024  # pairs aligned at once


def verify(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far the pictures of each pair are from each other.

    Args:
        first: uint8 (n, 704), thumbnails as `perceptual_hash.describe` makes them.
        second: the same, row by row the other of the pair. Give pairs in a fixed order (smaller id first): the measure is not
            exactly symmetric.

    Returns:
        difference: float32 (n,), 0 to 1, rounded to 4 digits; 1 where the coarse alignment already failed.
        colour: float32 (n,), 0 to 255, rounded to 1 digit; 255 where the coarse alignment already failed.
    """
    difference, colour = np.ones(len(first), np.float32), np.full(len(first), 255, np.float32)
    for start in range(0, len(first), _BLOCK):
        block = slice(start, start + _BLOCK)
        difference[block], colour[block] = _verify_block(first[block], second[block])
    return difference, colour


def _verify_block(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    difference, colour = np.ones(len(first), np.float32), np.full(len(first), 255, np.float32)
    luma_a, luma_b = _luma(first), _luma(second)
    warp = np.tile(np.array([[0, 1]], np.float32), (len(first), 2, 1))  # (n, axis y x, shift scale)
    coarse, warp, _ = _align(_halve(luma_a), _halve(luma_b), warp, _STEPS_COARSE)
    promising = np.flatnonzero(coarse <= PROMISING)
    if len(promising):
        fine, warp, gain = _align(luma_a[promising], luma_b[promising], warp[promising], _STEPS_FINE)
        difference[promising] = np.round(np.clip(fine, 0, 1), 4)
        colour[promising] = np.round(_colour_distance(first[promising], second[promising], warp, gain), 1)
    return difference, colour


def _luma(thumbnails: np.ndarray) -> np.ndarray:
    return thumbnails[:, : LUMA * LUMA].reshape(-1, LUMA, LUMA).astype(np.float32)


def _halve(planes: np.ndarray) -> np.ndarray:
    n, side = len(planes), COARSE
    return planes.reshape(n, side, LUMA // side, side, LUMA // side).mean(axis=(2, 4), dtype=np.float32)


def _align(a: np.ndarray, b: np.ndarray, warp: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Best (difference, warp, gain) over the start and `steps` Gauss-Newton steps; a, b float32 (n, side, side)."""
    n, side, _ = a.shape
    x = _cells(side)
    best, best_warp, best_gain = np.full(n, np.inf, np.float32), warp.copy(), np.ones(n, np.float32)
    for step in range(steps + 1):
        rows, rows_slope, in_y = _sampler(warp[:, 0], side)
        columns, columns_slope, in_x = _sampler(warp[:, 1], side)
        columns, columns_slope = columns.transpose(0, 2, 1), columns_slope.transpose(0, 2, 1)
        half = rows @ a
        warped = half @ columns
        inside = in_y[:, :, None] * in_x[:, None]
        count = inside.sum((1, 2))[:, None, None]
        centred_a = (warped - (warped * inside).sum((1, 2), keepdims=True) / count) * inside
        centred_b = (b - (b * inside).sum((1, 2), keepdims=True) / count) * inside
        variance_a, variance_b = (centred_a * centred_a).sum((1, 2)), (centred_b * centred_b).sum((1, 2))
        covariance = (centred_a * centred_b).sum((1, 2))
        # +1 level of variance a cell: pictures without any structure are judged by their colour alone.
        noise = count[:, 0, 0]
        gain = np.clip((covariance + noise) / (variance_a + noise), *GAIN)
        left = variance_b - 2 * gain * covariance + gain * gain * variance_a
        difference = left / (np.maximum(variance_b, gain * gain * variance_a) + noise)
        better = difference < best
        best[better], best_warp[better], best_gain[better] = difference[better], warp[better], gain[better]
        if step == steps:
            break
        slope_y, slope_x = rows_slope @ (a @ columns), half @ columns_slope
        slopes = np.stack([slope_y, slope_y * x[:, None], slope_x, slope_x * x], axis=-1)
        slopes *= (gain[:, None, None] * inside)[..., None]
        slopes -= slopes.sum((1, 2), keepdims=True) / count[..., None] * inside[..., None]
        slopes = slopes.reshape(n, side * side, 4)
        residual = (centred_b - gain[:, None, None] * centred_a).reshape(n, side * side, 1)
        transposed = slopes.transpose(0, 2, 1)
        normal = transposed @ slopes + np.eye(4, dtype=np.float32) * (_STIFFNESS * side * side)
        warp = _limit(warp + np.linalg.solve(normal, transposed @ residual)[..., 0].reshape(n, 2, 2))
    return best, best_warp, best_gain


def _limit(warp: np.ndarray) -> np.ndarray:
    """`warp` with the edges of the window held within `LARGEST_CROP` of the picture's."""
    shift, scale = warp[..., 0], warp[..., 1]
    low = np.clip(shift - scale / 2, -0.5 - LARGEST_CROP, -0.5 + LARGEST_CROP)
    high = np.clip(shift + scale / 2, 0.5 - LARGEST_CROP, 0.5 + LARGEST_CROP)
    return np.stack([(low + high) / 2, high - low], axis=-1).astype(np.float32)


def _cells(side: int) -> np.ndarray:
    """Centres of `side` cells, -0.5 to 0.5."""
    return ((np.arange(side) + 0.5) / side - 0.5).astype(np.float32)


def _sampler(warp: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cubic interpolation (Keys 1981) of one axis at shift + scale * cell.

    Returns:
        float32 (n, side, side) weights, the same for the slope per unit of the axis, and (n, side) whether the cell is inside.
        Rows are sampled cells, columns are source cells; edges are repeated.
    """
    at = (warp[:, :1] + warp[:, 1:] * _cells(side) + 0.5) * side - 0.5
    inside = ((at > -0.75) & (at < side - 0.25)).astype(np.float32)
    offset = at[..., None] - np.arange(-2, side + 2, dtype=np.float32)
    u = np.abs(offset)
    near, far = u < 1, u < 2
    weight = np.where(near, (1.5 * u - 2.5) * u * u + 1, np.where(far, ((-0.5 * u + 2.5) * u - 4) * u + 2, 0))
    slope = np.sign(offset) * np.where(near, (4.5 * u - 5) * u, np.where(far, (-1.5 * u + 5) * u - 4, 0)) * side
    return _fold(weight), _fold(slope), inside


def _fold(weights: np.ndarray) -> np.ndarray:
    """Weights on two repeated cells at either edge, given to the edge cells."""
    folded = weights[..., 2:-2].astype(np.float32)
    folded[..., 0] += weights[..., 0] + weights[..., 1]
    folded[..., -1] += weights[..., -1] + weights[..., -2]
    return folded


def _colour_distance(first: np.ndarray, second: np.ndarray, warp: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Root mean square, over the chroma cells both pictures have, of the larger of the Cb and Cr distances: float32 (n,)."""
    a, b = (t[:, LUMA * LUMA :].reshape(-1, 2, CHROMA, CHROMA).astype(np.float32) - 128 for t in (first, second))
    rows, _, in_y = _sampler(warp[:, 0], CHROMA)
    columns, _, in_x = _sampler(warp[:, 1], CHROMA)
    warped = rows[:, None] @ a @ columns.transpose(0, 2, 1)[:, None]
    inside = in_y[:, :, None] * in_x[:, None]
    # Light that scales luma scales chroma with it.
    distance = np.abs(gain[:, None, None, None] * warped - b).max(axis=1) * inside
    return np.sqrt((distance * distance).sum((1, 2)) / inside.sum((1, 2)))
