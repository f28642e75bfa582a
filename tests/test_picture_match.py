"""Edits of one picture match, different pictures do not, and a pair's measure is its own."""

import cv2
import numpy as np
import pytest
from scenes import scene, shrunk

from classifiers.perceptual_hash import describe
from classifiers.picture_match import verify
from sieveline.stages.duplicates import Duplicates

LIMITS = Duplicates()


def _thumbnails(pictures: list[np.ndarray]) -> np.ndarray:
    return np.array([np.frombuffer(t, np.uint8) for t in describe([shrunk(p) for p in pictures])["thumbnail"].to_pylist()])


def _crop(picture: np.ndarray) -> np.ndarray:
    height, width, _ = picture.shape
    return picture[int(0.08 * height) : int(0.97 * height), int(0.02 * width) : int(0.91 * width)]


EDITS = {
    "rescaled": lambda p: cv2.resize(p, (150, 118), interpolation=cv2.INTER_AREA),
    "recompressed": lambda p: shrunk(p, 25),
    "brightened": lambda p: np.clip(p * 1.15, 0, 255).astype(np.uint8),
    "darkened": lambda p: (p * 0.85).astype(np.uint8),
    "cropped": _crop,
    "watermarked": lambda p: cv2.putText(p.copy(), "SAMPLE", (90, 200), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255, 255, 255), 1),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_the_same_picture_both_ways(edit):
    originals = [scene(seed) for seed in range(20)]
    a, b = _thumbnails(originals), _thumbnails([EDITS[edit](p) for p in originals])
    for difference, colour in (verify(a, b), verify(b, a)):
        assert np.mean((difference <= LIMITS.max_difference) & (colour <= LIMITS.max_colour)) >= 0.9


def test_another_picture_is_not():
    a, b = _thumbnails([scene(seed) for seed in range(20)]), _thumbnails([scene(seed + 100) for seed in range(20)])
    difference, colour = verify(a, b)
    assert not ((difference <= LIMITS.max_difference) & (colour <= LIMITS.max_colour)).any()


def test_flags_of_one_layout_are_told_apart_by_colour():
    flags = np.zeros((3, 90, 120, 3), np.uint8)
    for flag, stripes in zip(
        flags, (((0, 85, 164), (239, 65, 53)), ((0, 140, 69), (205, 33, 42)), ((0, 86, 166), (240, 66, 50))), strict=True
    ):
        flag[:] = 255
        flag[:, :40], flag[:, 80:] = stripes
    france, italy, france_again = _thumbnails(list(flags))
    difference, colour = verify(np.array([france, france]), np.array([italy, france_again]))
    assert difference[1] <= LIMITS.max_difference
    assert colour[1] <= LIMITS.max_colour
    assert colour[0] > LIMITS.max_colour


def test_a_pair_measures_the_same_alone_and_among_others():
    thumbnails = _thumbnails([scene(seed) for seed in range(12)] + [_crop(scene(seed)) for seed in range(12)])
    a, b = np.repeat(thumbnails, 24, axis=0), np.tile(thumbnails, (24, 1))
    difference, colour = verify(a, b)
    for i in range(0, len(a), 23):
        alone = verify(a[i : i + 1], b[i : i + 1])
        assert (alone[0][0], alone[1][0]) == (difference[i], colour[i])


def test_no_pairs_give_nothing():
    difference, colour = verify(np.empty((0, 704), np.uint8), np.empty((0, 704), np.uint8))
    assert len(difference) == len(colour) == 0
