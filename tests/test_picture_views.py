"""Views of a picture to be trained on: the whole comes first, crops are parts of it, a line drawing is strokes on white."""

import numpy as np
from PIL import Image, ImageDraw

from classifiers.rgb import square
from models.picture_views import VIEWS, line_drawing, views
from sieveline.draws import generator


def house() -> np.ndarray:
    """uint8 [300, 400, 3]: a red house on green and blue."""
    picture = Image.new("RGB", (400, 300), (120, 180, 230))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 220, 400, 300), fill=(60, 150, 70))
    draw.rectangle((130, 130, 270, 260), fill=(200, 40, 40))
    draw.polygon([(110, 130), (290, 130), (200, 50)], fill=(110, 60, 40))
    return np.asarray(picture)


def test_the_whole_comes_first_and_alone_where_one_is_asked_for():
    seen = views(house(), VIEWS, generator(0, "views"))
    assert [view.shape for view in seen] == [(224, 224, 3)] * VIEWS
    np.testing.assert_array_equal(seen[0], square(house(), 224))
    (only,) = views(house(), 1, generator(0, "views"))
    np.testing.assert_array_equal(only, seen[0])


def test_the_same_draws_give_the_same_views():
    first, second, other = (views(house(), VIEWS, generator(0, name)) for name in ("a", "a", "b"))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first[1], other[1])


def test_a_picture_of_two_pixels_has_views():
    assert len(views(np.zeros((2, 2, 3), np.uint8), VIEWS, generator(0, "small"))) == VIEWS


def test_a_line_drawing_is_strokes_on_white_where_the_picture_has_edges():
    whole = square(house(), 224)
    for seed in range(8):
        drawing = line_drawing(whole, generator(seed, "strokes"))
        assert (drawing == drawing[..., :1]).all()  # grey
        dark = drawing[..., 0] < 200
        assert 0.002 < dark.mean() < 0.25
        assert dark[:, 60:80].any()  # the house's left wall
        assert not dark[5:25, 5:60].any()  # the sky
