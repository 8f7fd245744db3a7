"""Shapes with named axes: what is learnt from them, and what is refused."""

import numpy as np
import pytest

from unitarygraph.core.axes import check_axes

AXES = {"drive": ("T", 2, "B", "n"), "W": (2, "n", "n"), "mask": ("T", "B")}


@pytest.mark.parametrize(
    ("shapes", "sizes"),
    [
        ([(5, 2, 3, 4), (2, 4, 4), (5, 3)], {"T": 5, "B": 3, "n": 4}),
        ([(None, 2, None, None), (2, None, 4), (5, None)], {"T": 5, "B": None, "n": 4}),
        ([(None,) * 4, (None,) * 3, (None,) * 2], {"T": None, "B": None, "n": None}),
        ([(0, 2, 0, 0), (2, 0, 0), (0, 0)], {"T": 0, "B": 0, "n": 0}),
    ],
)
def test_sizes_are_what_any_shape_tells(shapes, sizes):
    assert check_axes("f", AXES, shapes) == sizes


@pytest.mark.parametrize(
    ("place", "shape", "message"),
    [
        (0, (5, 3, 3, 4), r"f: drive must be \(T, 2, B, n\), got shape \(5, 3, 3, 4\) here"),
        (0, (5, 2, 3), r"f: drive must be"),
        (1, (2, 4, 5), r"f: W must be \(2, n, n\) with T = 5, B = 3, n = 4, got"),
        (1, (2, None, 5), r"f: W must be"),
        (2, (5, 4), r"f: mask must be \(T, B\) with T = 5, B = 3, n = 4, got shape \(5, 4\)"),
        (2, (5, 3, 1), r"f: mask must be"),
    ],
)
def test_the_first_that_disagrees_is_named(place, shape, message):
    shapes = [(5, 2, 3, 4), (2, 4, 4), (5, 3)]
    shapes[place] = shape
    with pytest.raises(ValueError, match=message):
        check_axes("f", AXES, shapes, " here")


def test_one_letter_twice_in_one_shape():
    with pytest.raises(ValueError, match=r"g: W must be \(n, n\), got shape \(4, 5\)"):
        check_axes("g", {"W": ("n", "n")}, [np.ones((4, 5)).shape])
