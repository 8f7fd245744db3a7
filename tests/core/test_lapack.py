"""Decompositions through A^H A: where they are taken, and what they lose to rounding."""

from math import inf

import mpmath
import numpy as np
import pytest
import scipy.linalg
from oracles import complex_normal

from unitarygraph.core import lapack
from unitarygraph.core.blas import conj_gram
from unitarygraph.ops.polar import Polar
from unitarygraph.ops.qr import QR

DTYPES = ["float32", "float64", "complex64", "complex128"]
CONDITIONS = [1, 1.9, 2.1, 5, 6, 1e3, 1e6]
# Singular values between 1 and 1/condition.
SPECTRA = {
    "geometric": lambda n, condition: np.geomspace(1, 1 / condition, n),
    "one large": lambda n, condition: np.r_[1, np.full(n - 1, 1 / condition)],
    "one small": lambda n, condition: np.r_[np.ones(n - 1), 1 / condition],
}


def orthogonal(rng, m, n, dtype):
    z = complex_normal(rng, m, n)
    return np.linalg.qr(z if dtype.startswith("complex") else z.real)[0]


def of_spectrum(rng, m, s, dtype):
    """An m x n matrix of given singular values."""
    n = len(s)
    return ((orthogonal(rng, m, n, dtype) * s) @ orthogonal(rng, n, n, dtype)).astype(dtype)


def wide(a):
    return a.astype("complex128" if np.iscomplexobj(a) else "float64")


def defect(q):
    """Frobenius norm of Q^H Q - I, in double precision, in epsilons."""
    n, q64 = q.shape[1], wide(q)
    return np.linalg.norm(q64.conj().T @ q64 - np.eye(n)) / np.finfo(q.dtype).eps


def unique_qr(a):
    q, r = np.linalg.qr(wide(a))
    phase = np.diagonal(r) / np.abs(np.diagonal(r))
    return q * phase, phase.conj()[:, None] * r


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("spectrum", SPECTRA)
@pytest.mark.parametrize("condition", CONDITIONS)
def test_factors_are_orthonormal_and_give_the_matrix_back(condition, spectrum, dtype, rng):
    """In epsilons and sqrt(n), whichever way is taken; LAPACK's singular vectors are allowed more."""
    field, eps = "complex" if dtype.startswith("complex") else "real", np.finfo(dtype).eps
    for m, n in [(4, 4), (16, 16), (64, 64), (190, 190), (190, 20)]:
        a = of_spectrum(rng, m, SPECTRA[spectrum](n, condition), dtype)
        scale = eps * n**0.5
        q, r = QR(field).matrix(a)
        u, p, s, _ = Polar(field).matrix(a)
        through_gram = lapack.right_singular(a) is not None
        assert defect(q) < 8 * n**0.5
        assert defect(u) < (4 if through_gram else 30) * n**0.5
        assert np.linalg.norm(wide(q) @ wide(r) - a, 2) < 4 * scale
        assert np.linalg.norm(wide(u) @ wide(p) - a, 2) < 20 * scale
        np.testing.assert_array_equal(p, p.conj().T)
        np.testing.assert_array_equal(np.tril(r, -1), 0)
        # Both factors move by the condition number times what A does, the singular values by less.
        exact_q, exact_r = unique_qr(a)
        exact_u, exact_p = scipy.linalg.polar(wide(a))
        assert np.linalg.norm(q - exact_q, 2) < 20 * scale * condition
        assert np.linalg.norm(r - exact_r, 2) < 20 * scale * condition
        assert np.linalg.norm(u - exact_u, 2) < 20 * scale * condition
        assert np.linalg.norm(p - exact_p, 2) < 20 * scale
        exact_s = np.linalg.svd(wide(a), compute_uv=False)
        assert np.abs(np.sort(s)[::-1] - exact_s).max() < 20 * scale


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_factors_against_many_digits(condition, dtype, rng):
    field, eps, n = "complex" if dtype.startswith("complex") else "real", np.finfo(dtype).eps, 4
    a = of_spectrum(rng, 6, SPECTRA["geometric"](n, condition), dtype)
    with mpmath.workdps(40):
        exact = mpmath.matrix(wide(a).tolist())
        gram = exact.H * exact
        w, v = mpmath.eighe(gram)
        p = v * mpmath.diag([mpmath.sqrt(x) for x in w]) * v.H
        u = exact * v * mpmath.diag([1 / mpmath.sqrt(x) for x in w]) * v.H
        r = mpmath.cholesky(gram).H
        q = exact * r**-1
        u, p, q, r = (np.array(x.tolist(), complex) for x in (u, p, q, r))
    found = (*Polar(field).matrix(a)[:2], *QR(field).matrix(a))
    for x, reference, factor in zip(
        found, (u, p, q, r), (condition, 1, condition, condition), strict=True
    ):
        assert np.linalg.norm(x - reference, 2) < 20 * eps * factor


def step(rng, n, length, dtype):
    """A step of a length along a random tangent from a point with orthonormal columns."""
    x = orthogonal(rng, n, n, dtype)
    z = complex_normal(rng, n, n)
    z = z if dtype.startswith("complex") else z.real
    u = x @ (z - z.conj().T)
    return (x + u * (length / np.linalg.norm(u))).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [4, 16, 64, 190])
def test_steps_of_training_are_well_conditioned(n, dtype, rng):
    """Of length f, ||A^H A - cI||_F is at most f^2, and near f^2 / sqrt(n) for a random direction."""
    for length in (1e-4, 1e-2, 0.1, 0.5, 0.7, 0.5 * n**0.25):
        a = step(rng, n, length, dtype)
        assert lapack.cholesky_qr(a) is not None
        assert lapack.right_singular(a) is not None


@pytest.mark.parametrize("dtype", DTYPES)
def test_spread_bounds_the_condition_number(dtype, rng):
    for n in (1, 2, 16, 64):
        for top in (1, 1.5, 3, 1e3):
            a = of_spectrum(rng, n + 3, rng.uniform(1, top, n), dtype)
            gram = conj_gram(a)
            before = gram.copy()
            delta = lapack.spread(gram)
            np.testing.assert_array_equal(gram, before)
            bound = (1 + delta) / (1 - delta) if delta < 1 else inf
            assert np.linalg.cond(wide(a)) ** 2 < bound + 40 * n * np.finfo(dtype).eps


def hiding(rng, n, s, dtype):
    """A matrix whose first right singular vector is orthogonal to the start of the first look."""
    start = np.cos(np.arange(1.0, n + 1) ** 2)
    v = orthogonal(rng, n, n, dtype)
    v[:, 0] -= start * (start @ v[:, 0]) / (start @ start)
    v = np.linalg.qr(v)[0]
    return ((orthogonal(rng, n, n, dtype) * s) @ v.conj().T).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [16, 64, 190])
@pytest.mark.parametrize("odd", [1e-6, 1e-2, 0.1, 1.5, 10, 1e3, 1e6])
def test_a_singular_value_that_hides_from_the_first_look(odd, n, dtype, rng):
    """One singular value apart from the rest, on a vector that the iteration never sees."""
    field, eps = "complex" if dtype.startswith("complex") else "real", np.finfo(dtype).eps
    s = np.r_[odd, np.ones(n - 1)]
    a = hiding(rng, n, s, dtype)
    through_gram = odd == 1.5
    assert (lapack.right_singular(a) is not None) == through_gram
    q, r = QR(field).matrix(a)
    u, p = Polar(field).matrix(a)[:2]
    size = eps * n**0.5 * max(1, odd)
    assert defect(q) < 8 * n**0.5
    assert defect(u) < 30 * n**0.5
    assert np.linalg.norm(wide(q) @ wide(r) - a, 2) < 8 * size
    assert np.linalg.norm(wide(u) @ wide(p) - a, 2) < 20 * size
    assert np.linalg.norm(p - scipy.linalg.polar(wide(a))[1], 2) < 20 * size
