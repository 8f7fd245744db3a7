"""Inverses by LAPACK's factors, against NumPy's."""

import numpy as np
import pytest

from unitarygraph.core.inverse import BLOCK, SMALL_COMPLEX, inverse


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("n", [1, 5, SMALL_COMPLEX + 1, 3 * BLOCK, 3 * BLOCK + 7])
def test_inverse(rng, dtype, n):
    """Row-major, and as exact on either side as backward stability has it."""
    a = rng.standard_normal((n, n)).astype(dtype)
    if np.iscomplexobj(a):
        a = (a + 1j * rng.standard_normal((n, n))).astype(dtype)
    x = inverse(a.copy())
    assert x.dtype == a.dtype
    assert x.flags.c_contiguous
    exact = np.linalg.inv(a.astype("complex128"))
    bound = np.finfo(dtype).eps * np.linalg.norm(exact, 2) * np.linalg.norm(a, 2)
    assert np.linalg.norm(x - exact, 2) <= 4 * n**0.5 * bound * np.linalg.norm(exact, 2)


@pytest.mark.parametrize("n", [3, SMALL_COMPLEX + 2])
def test_singular_matrices_have_none(n):
    a = np.ones((n, n), complex)
    found = inverse(a)
    assert np.isnan(found.real).all()
    assert np.isnan(found.imag).all()
    assert inverse(np.zeros((0, 0))).shape == (0, 0)
