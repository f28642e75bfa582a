"""Variants: a mark on the picture is where its point says, whatever was done; which copies are made."""

import numpy as np
import pytest

from ocr_synth.scene.variants import Variants, View, variant
from sieveline.errors import ConfigError

WIDTH, HEIGHT = 200, 120
POINTS = np.array([[20.0, 15.0], [180.0, 20.0], [60.0, 100.0], [120.5, 60.5]])
VIEWS = [
    View("upright"),
    View("flipped", axis=0),
    View("flipped", axis=1),
    *(View("quarter", float(a)) for a in (90, 180, 270)),
    *(View("rotated", a) for a in (-57.3, 12.5, 44.0)),
]


def marked() -> np.ndarray:
    """A dark picture with a bright square of 5 x 5 pixels around each point, each in a colour of its own."""
    rgb = np.full((HEIGHT, WIDTH, 3), 30, np.uint8)
    for i, (x, y) in enumerate(POINTS):
        rgb[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3] = 30
        rgb[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3, i % 3] = 255 if i < 3 else 128
    return rgb


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_points_move_with_the_pixels(view):
    shown = view.pixels(marked())
    assert shown.shape[1::-1] == view.matrix(WIDTH, HEIGHT)[1]
    moved = view.points(POINTS, WIDTH, HEIGHT)
    for i, point in enumerate(moved):
        bright = shown[..., i % 3].astype(float) - 30
        others = np.delete(shown, i % 3, 2).max(2) > 60
        bright[others | (np.abs(bright - (225 if i < 3 else 98)) > 60)] = 0
        y, x = np.nonzero(bright > 40)
        # the middle of a square of 5 pixels whose middle pixel begins at the whole number
        true = POINTS[i].astype(int) + 0.5
        wanted = view.points(true, WIDTH, HEIGHT)
        near = np.hypot(x + 0.5 - wanted[0], y + 0.5 - wanted[1]) < 8
        found = np.array(
            [np.average(x[near] + 0.5, weights=bright[y, x][near]), np.average(y[near] + 0.5, weights=bright[y, x][near])]
        )
        assert np.abs(found - wanted).max() < 0.5
        assert np.abs(point - wanted).max() <= 1.0


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_nothing_of_the_picture_is_cut_off(view):
    corners = np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], float)
    moved = view.points(corners, WIDTH, HEIGHT)
    assert (moved >= -1e-6).all()
    assert (moved <= np.array(view.matrix(WIDTH, HEIGHT)[1]) + 1e-6).all()


def test_quarter_turns_and_flips_only_move_pixels():
    rgb = marked()
    for view in VIEWS[:6]:
        assert sorted(view.pixels(rgb).reshape(-1, 3).tolist()) == sorted(rgb.reshape(-1, 3).tolist())


def test_a_turn_is_anticlockwise_as_seen():
    x, y = View("quarter", 90.0).points(np.array([WIDTH, 0.0]), WIDTH, HEIGHT)  # the top right corner goes to the top left
    assert (x, y) == (0, 0)


def test_copies_are_drawn_by_id_and_share():
    config = Variants()
    drawn = [variant(f"{i:032x}", config, 0) for i in range(4000)]
    assert drawn == [variant(f"{i:032x}", config, 0) for i in range(4000)]
    kinds = [view.name if view else None for view in drawn]
    for kind, share in (("rotated", 0.2), ("quarter", 0.1), ("flipped", 0.1), (None, 0.6)):
        assert abs(kinds.count(kind) / 4000 - share) < 0.03
    angles = [abs(view.angle) for view in drawn if view and view.name == "rotated"]
    assert min(angles) >= config.min_angle
    assert max(angles) <= config.max_angle
    assert {view.angle for view in drawn if view and view.name == "quarter"} == {90.0, 180.0, 270.0}
    assert {view.axis for view in drawn if view and view.name == "flipped"} == {0, 1}
    assert drawn != [variant(f"{i:032x}", config, 1) for i in range(4000)]
    none = Variants(rotated_share=0, quarter_share=0, flipped_share=0)
    assert not any(variant(f"{i:032x}", none, 0) for i in range(500))


@pytest.mark.parametrize(
    "fields",
    [
        {"rotated_share": 0.9, "flipped_share": 0.2},
        {"quarter_share": -0.1},
        {"min_angle": 70.0},
        {"quality": 0},
        {"max_side": 8},
    ],
)
def test_values_out_of_range_are_refused(fields):
    with pytest.raises(ConfigError, match="scene variants"):
        Variants(**fields)
