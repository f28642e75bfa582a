"""Colours have the names people gave them, and looks are those of the pixels."""

import numpy as np
import pytest
from gui_screens import PAINT, element, screen

from gui_crawl.colours import COLOURS, difference, names
from gui_crawl.look import measure


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((220, 53, 69), "red"),
        ((13, 110, 253), "blue"),
        ((25, 135, 84), "green"),
        ((255, 193, 7), "yellow"),
        ((253, 126, 20), "orange"),
        ((155, 89, 182), "purple"),
        ((0, 0, 0), "black"),
        ((255, 255, 255), "white"),
        ((128, 128, 128), "grey"),
    ],
)
def test_plain_colours_have_one_strict_name(rgb: tuple[int, int, int], name: str):
    assert names(*rgb)[0] == name


@pytest.mark.parametrize(
    ("rgb", "either"),
    [((26, 187, 156), {"green", "blue"}), ((245, 158, 11), {"orange", "yellow"}), ((108, 117, 125), {"grey", "blue"})],
)
def test_between_two_names_there_is_no_strict_one(rgb: tuple[int, int, int], either: set[str]):
    strict, lenient = names(*rgb)
    assert strict is None
    assert lenient >= either


def test_a_strict_name_is_among_the_lenient_ones():
    for red in range(0, 256, 51):
        for green in range(0, 256, 51):
            for blue in range(0, 256, 51):
                strict, lenient = names(red, green, blue)
                assert lenient <= set(COLOURS)
                assert lenient
                assert strict is None or strict in lenient


def test_difference_is_cielab():
    assert difference((0, 0, 0), (255, 255, 255)) == pytest.approx(100, abs=0.01)
    assert difference((10, 20, 30), (10, 20, 30)) == 0


def test_ground_ink_frame_and_disc():
    on = screen(
        element("button", (10, 10, 110, 50), text="Paint", paint="blue"),
        element("icon", (150, 10, 180, 40), icon="x", paint="red", inked=True),
        element("button", (10, 100, 60, 150), paint="green", round=True),
        element("button", (10, 200, 110, 240), text="Frame"),
        element("text", (10, 300, 110, 340), text="Plain"),
    )
    painted, inked, disc, framed, plain = on.looks
    assert (painted.painted, painted.colour, painted.disc) == (True, "blue", False)
    assert (inked.painted, inked.colour) == (False, "red")
    assert (disc.colour, disc.disc) == ("green", True)
    assert (framed.painted, framed.framed) == (False, True)
    assert (plain.painted, plain.framed) == (False, False)


def test_every_paint_of_the_tests_is_seen_as_it_is_called():
    for name, rgb in PAINT.items():
        assert names(*rgb)[0] == name


def test_boxes_at_and_over_the_edge_are_measured():
    pixels = np.full((50, 80, 3), 200, np.uint8)
    for box in ((-5, -5, 90, 60), (79.6, 49.7, 80, 50), (0, 0, 80, 50), (10, 10, 10, 10)):
        (seen,) = measure(pixels, np.array([box], float))
        assert not seen.painted
        assert seen.disc is not True


def test_ink_that_pixels_and_style_call_differently_has_no_colour():
    box = (10, 10, 40, 40)
    told = element("icon", box, icon="x", paint="red", inked=True)
    assert screen(told).looks[0].colour == "red"
    assert screen(told | {"color": "#0000ff"}).looks[0].colour is None
