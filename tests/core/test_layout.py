"""Storage of complex arrays, and which dtype a name means."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest

import unitarygraph as ug
from unitarygraph.core.layout import (
    checked_dtype,
    from_complex,
    from_planes,
    plain,
    plane,
    plane_axis,
    to_complex,
)

SHAPES = [(), (3,), (2, 3), (4, 2, 3), (5, 4, 2, 3), (0, 0), (1, 1)]


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_storage_and_back_is_exact(shape, dtype, rng):
    z = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(dtype)
    stored = from_complex(z)
    assert stored.ndim == z.ndim + 1
    assert stored.shape[plane_axis(stored.ndim)] == 2
    back = to_complex(stored)
    assert back.dtype == z.dtype
    assert np.array_equal(back, z)


def test_special_numbers_keep_their_plane():
    z = np.array([complex(np.nan, 1), complex(np.inf, -0.0), complex(5e-324, -np.inf)])
    back = to_complex(from_complex(z))
    assert np.array_equal(back.real, z.real, equal_nan=True)
    assert np.array_equal(back.imag, z.imag, equal_nan=True)
    assert np.signbit(back[1].imag)


def test_views_that_are_not_contiguous(rng):
    z = (rng.standard_normal((6, 4)) + 1j * rng.standard_normal((6, 4)))[::-2].T
    assert np.array_equal(to_complex(from_complex(z)), z)
    assert np.array_equal(to_complex(from_complex(z)[:, ::-1]), z[::-1])


@pytest.mark.parametrize("ndim", [1, 2, 3, 4])
def test_planes_of_symbolic_tensors(ndim, rng):
    shape = (4, 2, 3, 5)[-ndim:] if ndim > 2 else (2, 3)[:ndim]
    x = pt.tensor("x", shape=shape, dtype="float64")
    value = rng.standard_normal(shape)
    re, im, again = pytensor.function(
        [x],
        [plane(x, 0), plane(x, 1), from_planes(plane(x, 0), plane(x, 1))],
        mode="FAST_COMPILE",
    )(value)
    z = to_complex(value)
    assert np.array_equal(re, z.real)
    assert np.array_equal(im, z.imag)
    assert np.array_equal(again, value)


def test_plain_takes_the_class_off_and_leaves_other_things_alone():
    Z = ug.matrix("Z", shape=(2, 2))
    assert not isinstance(plain(Z), ug.ComplexVariable)
    x = pt.matrix("x")
    assert plain(x) is x
    assert plain(3) == 3


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("float32", "float32"),
        ("complex64", "float32"),
        (np.complex128, "float64"),
        ("f8", "float64"),
    ],
)
def test_names_of_the_planes_dtype(given, name):
    assert checked_dtype("f", given) == name


def test_other_dtypes_are_refused_in_the_functions_name():
    assert checked_dtype("f", None) == pytensor.config.floatX
    with pytest.raises(TypeError, match="f: dtype must be float32 or float64, got int64"):
        checked_dtype("f", "int64")
    with pytest.raises(TypeError, match="from_complex: z must be complex64"):
        from_complex(np.arange(3))
    with pytest.raises(ValueError, match="to_complex: a must be stacked"):
        to_complex(np.zeros((3, 2, 2)))
    with pytest.raises(TypeError, match="to_complex: a must be float32 or float64"):
        to_complex(np.zeros((2, 2), int))
