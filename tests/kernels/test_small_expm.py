"""Exponentials of small matrices against 50 digits, and the values that break other algorithms."""

import itertools

import mpmath
import numpy as np
import pytest

from unitarygraph.core.small import kernel_of
from unitarygraph.ops.expm.path import ExpmPath
from unitarygraph.ops.expm.skew import ExpmSkew
from unitarygraph.stacked.algebra import algebra

pytestmark = pytest.mark.small_kernels

# Lanes full and not.
SIZES = ((1, 9), (2, 11), (3, 2), (5, 8), (7, 1))
SETTINGS = [
    pytest.param(field, dtype, marks=[] if quick else [pytest.mark.slow])
    for field, dtype in itertools.product(("complex", "real"), ("float64", "float32"))
    for quick in [(field, dtype) == ("complex", "float64")]
]


def exact(a):
    """exp of a matrix, from 50 digits."""
    with mpmath.workdps(50):
        rows = mpmath.expm(mpmath.matrix(a.tolist()), method="taylor").tolist()
        return np.array([[complex(x) for x in row] for row in rows])


def exponential(op, z, dtype):
    """The kernel's first result, in double precision."""
    matrices = algebra(op.field)
    a = np.ascontiguousarray(matrices.from_numpy(z)).astype(dtype)
    count, n = z.shape[:2]
    outputs = [np.empty_like(a)]
    if len(op.slots[1]) > 1:
        outputs += [np.empty((count, n), dtype), np.empty_like(a)]
    assert kernel_of(op, np.dtype(dtype))([a], outputs, count, (n,))
    return matrices.to_numpy(a.astype(float)), matrices.to_numpy(outputs[0].astype(float))


def drawn(field, count, n):
    rng = np.random.default_rng(n)
    z = rng.standard_normal((count, n, n)) / n**0.5
    return z if field == "real" else z + 1j * rng.standard_normal(z.shape) / n**0.5


@pytest.mark.parametrize(("field", "dtype"), SETTINGS)
@pytest.mark.parametrize("scale", [1e-300, 1e-3, 1.0, 8.0])
def test_general_matrices_against_50_digits(field, dtype, scale):
    for n, count in SIZES:
        z, got = exponential(ExpmPath(field), drawn(field, count, n) * scale, dtype)
        for a, y in zip(z, got, strict=True):
            want = exact(a)
            # The condition in Frobenius' norm is at least ||A||, and of these not far above it.
            limit = 100 * np.finfo(dtype).eps * (1 + np.linalg.norm(a)) * np.linalg.norm(want)
            assert np.linalg.norm(y - want) <= limit


@pytest.mark.parametrize(("field", "dtype"), SETTINGS)
def test_matrices_of_bad_scale(field, dtype):
    """A shear, a nilpotent matrix, denormal entries, and the largest value."""
    info = np.finfo(dtype)
    top = np.log(float(info.max)) * (1 - 4 * float(info.eps))
    big = 1e12 if dtype == "float64" else 1e5
    z = np.array(
        [[[1, 1e3], [0, 2]], [[0, big], [0, 0]], [[0, info.tiny / 8], [0, 0]], [[top, 0], [0, -1]]]
    )
    for batch in (z, z[:1], z[1:2], z[2:3], z[3:]):
        given, got = exponential(ExpmPath(field), batch, dtype)
        for a, y in zip(given, got, strict=True):
            want = exact(a)
            # Of the shear its norm is less than the condition.
            size = np.linalg.norm(a) if a[1, 1] == 2 else abs(a.diagonal()).max()
            limit = 100 * info.eps * (1 + size)
            np.testing.assert_allclose(y, want, rtol=limit, atol=float(info.tiny) * info.eps)


@pytest.mark.parametrize(("field", "dtype"), SETTINGS)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_skew_matrices_stay_unitary(field, dtype, scale):
    for n, count in SIZES:
        z = drawn(field, count, n) * scale
        z, u = exponential(ExpmSkew(field), z - np.swapaxes(z.conj(), 1, 2), dtype)
        eps = np.finfo(dtype).eps
        gram = np.swapaxes(u.conj(), 1, 2) @ u
        assert np.abs(gram - np.eye(n)).max() <= 10 * n * eps
        for a, y in zip(z, u, strict=True):
            assert np.linalg.norm(y - exact(a)) <= 100 * eps * (1 + np.linalg.norm(a))


def test_spoiled_matrices_give_nan_alone():
    for n, count in ((2, 11), (7, 3)):
        z = drawn("complex", count, n)
        z[1, 0, 1], z[2, 0, 0] = np.nan, np.inf
        with np.errstate(invalid="ignore"):
            _, got = exponential(ExpmPath("complex"), z, "float64")
        np.testing.assert_array_equal(
            np.isnan(got).all(axis=(1, 2)), np.isin(np.arange(count), [1, 2])
        )
        np.testing.assert_array_equal(
            np.isnan(got).any(axis=(1, 2)), np.isin(np.arange(count), [1, 2])
        )
