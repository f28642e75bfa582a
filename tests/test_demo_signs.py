"""Signs drawn onto pictures: their polygons hold their ink and nothing else changes."""

import numpy as np
import pytest

from demo.signs import chinese_fonts, latin_fonts, write_signs
from sieveline.draws import generator


def test_polygons_hold_the_ink():
    import cv2

    ground = np.full((400, 600, 3), 140, np.uint8)
    straight = 0
    for seed in range(12):
        rgb, written = write_signs(ground, generator(0, "signs", seed), most=1, sizes=(0.08, 0.1))
        assert written
        assert (rgb != ground).any()
        inside = np.zeros(ground.shape[:2], np.uint8)
        for line in written:
            assert line.text
            assert line.size >= 5
            box = line.polygon
            assert (box >= 0).all()
            assert (box <= [600, 400]).all()
            cv2.fillPoly(inside, [box.round().astype(np.int32)], (1,))
            straight += abs(box[0, 1] - box[1, 1]) < 1e-6
        assert cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[inside > 0].std() > 15  # letters differ from what is under them
    assert straight  # some signs are not tilted


def test_the_same_draws_write_the_same():
    ground = np.full((300, 400, 3), 90, np.uint8)
    one, two = (write_signs(ground, generator(0, "signs", 5)) for _ in range(2))
    assert (one[0] == two[0]).all()
    assert [w.text for w in one[1]] == [w.text for w in two[1]]


def test_a_picture_without_room_stays_as_it_is():
    tiny = np.full((12, 14, 3), 90, np.uint8)
    rgb, written = write_signs(tiny, generator(0, "signs", 1))
    assert not written
    assert (rgb == tiny).all()


def test_fonts_are_there():
    assert all(path.is_file() for path in latin_fonts())
    if not chinese_fonts():
        pytest.skip("no Chinese font is installed")
    assert all(path.is_file() for path in chinese_fonts())
