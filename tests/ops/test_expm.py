"""expm, its eigenvalue path and its derivatives against mpmath, SciPy and the literal block form."""

from functools import cache

import mpmath
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.linalg
from oracles import complex_normal, evaluate, gradcheck

import unitarygraph as ug
from unitarygraph import stacked
from unitarygraph.core.layout import plain
from unitarygraph.ops.expm import skew_real
from unitarygraph.ops.expm.skew import skew_exponential
from unitarygraph.stacked.algebra import algebra

EPS = {"float32": np.finfo("float32").eps, "float64": np.finfo("float64").eps}
NORMS = [1e-12, 1e-3, 1.0, 30.0, 1e3]
SIZES = [1, 2, 5, 16]


def skew(z):
    return (z - z.conj().T) / 2


@cache
def compiled(kind, dtype, field="complex"):
    """(A, E) -> exp A and the gradient of <E, exp A>, in pure Python mode."""
    shape = algebra(field).storage_shape((None, None))
    a, e = pt.tensor("a", dtype=dtype, shape=shape), pt.tensor("e", dtype=dtype, shape=shape)
    u = plain(ug.expm(a, skew_hermitian=kind == "skew", field=field))
    return pytensor.function([a, e], [u, pt.grad((u * e).sum(), a)], mode="FAST_COMPILE")


def reference(a, e, digits=50):
    """exp A and L_{A^H}(E) with many digits: the literal 2n x 2n block exponential by mpmath."""
    n = len(a)
    block = np.block([[a.conj().T, e], [np.zeros_like(a), a.conj().T]])
    with mpmath.workdps(digits + int(np.linalg.norm(a)) // 2):
        result = mpmath.expm(mpmath.matrix(block.tolist()), method="taylor")
        values = np.array(result.tolist(), dtype=complex).reshape(2 * n, 2 * n)
    return values[:n, :n].conj().T, values[:n, n:]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", ["skew", "general"])
@pytest.mark.parametrize("norm", [1e-12, 1e-3, 1.0, 30.0])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_against_fifty_digits(n, norm, kind, dtype, rng):
    a, e = complex_normal(rng, n, n), complex_normal(rng, n, n)
    a = skew(a) if kind == "skew" else a - 1j * np.eye(n)
    a *= norm / np.linalg.norm(a, 2)
    if kind == "general" and norm > 1:
        a -= norm * np.eye(n)
    # What the Op is given, rounded to its dtype, is what the reference is given.
    stored = [stacked.from_complex(z).astype(dtype) for z in (a, e)]
    if kind == "skew":
        stored[0] = stacked.from_complex(skew(stacked.to_complex(stored[0])))
    a, e = (stacked.to_complex(x).astype(complex) for x in stored)
    value, gradient = (stacked.to_complex(x) for x in compiled(kind, dtype)(*stored))
    exact, exact_gradient = reference(a, e)
    if kind == "skew":
        exact_gradient = skew(exact_gradient)
    condition = scipy.linalg.expm_cond(a) if norm > 1e-6 else 1.0
    bound = 100 * EPS[dtype] * max(1.0, condition)
    assert np.linalg.norm(value - exact) <= bound * np.linalg.norm(exact)
    scale = max(np.linalg.norm(exact_gradient), np.linalg.norm(exact, 2) * np.linalg.norm(e))
    assert np.linalg.norm(gradient - exact_gradient) <= bound * scale


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", [1, 16, 64])
def test_skew_against_exact_spectrum(n, norm, dtype, rng):
    """A = Q diag(i w) Q^H with known w: exp A without any algorithm for exponentials."""
    q, _ = np.linalg.qr(complex_normal(rng, n, n))
    w = rng.uniform(-norm, norm, n)
    a = stacked.from_complex((q * (1j * w)) @ q.conj().T).astype(dtype)
    value = stacked.to_complex(compiled("skew", dtype)(a, np.zeros_like(a))[0])
    exact = (q * np.exp(1j * w)) @ q.conj().T
    # The condition number of exp at a skew-Hermitian A is ||A||; storing A costs as much again.
    assert np.linalg.norm(value - exact) <= 100 * EPS[dtype] * (1 + norm) * np.sqrt(n)
    assert np.linalg.norm(value.conj().T @ value - np.eye(n)) <= 20 * EPS[dtype] * n


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("n", [16, 64])
def test_general_against_scipy(n, norm, rng):
    a, e = complex_normal(rng, n, n), complex_normal(rng, n, n)
    a *= norm / np.linalg.norm(a, 1)
    a -= 1j * norm / 3 * np.eye(n)
    stored = [stacked.from_complex(z) for z in (a, e)]
    value, gradient = (stacked.to_complex(x) for x in compiled("general", "float64")(*stored))
    exact, exact_gradient = scipy.linalg.expm(a), scipy.linalg.expm_frechet(a.conj().T, e)[1]
    bound = 100 * EPS["float64"] * (1 + norm)
    assert np.linalg.norm(value - exact) <= bound * np.linalg.norm(exact)
    assert np.linalg.norm(gradient - exact_gradient) <= bound * np.linalg.norm(exact_gradient)


def test_nothing_overflows_on_the_way(rng):
    a = np.diag([-1000.0, -500.0, 700.0]) + np.triu(rng.normal(size=(3, 3)), 1) + 0j
    value = evaluate(ug.expm(a))
    exact = scipy.linalg.expm(a)
    np.testing.assert_allclose(stacked.to_complex(value), exact, rtol=1e-11)
    for scale in (1e-300, 1e300):
        e = np.eye(3) * scale
        f = evaluate(ug.expm_frechet(np.zeros((3, 3)), e, field="real"))
        np.testing.assert_array_equal(f, e)


@pytest.mark.parametrize("field", ["complex", "real"])
def test_frechet_is_the_block_of_the_double_exponential(field, rng):
    a, e = complex_normal(rng, 4, 4), complex_normal(rng, 4, 4)
    if field == "real":
        a, e = a.real, e.real
    store = algebra(field).from_numpy
    block = scipy.linalg.expm(np.block([[a, e], [np.zeros_like(a), a]]))[:4, 4:]
    got = algebra(field).to_numpy(evaluate(ug.expm_frechet(store(a), store(e), field=field)))
    np.testing.assert_allclose(got, block, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("field", ["complex", "real"])
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("kind", ["skew", "general", "frechet"])
def test_derivatives_by_differences(kind, order, field, rng):
    a, e = complex_normal(rng, 3, 3) / 2, complex_normal(rng, 3, 3)
    if field == "real":
        a, e = a.real, e.real
    if kind == "frechet":
        gradcheck(lambda x, y: plain(ug.expm_frechet(x, y, field=field)), [a, e], rng, order, field)
    else:
        a = skew(a) if kind == "skew" else a
        gradcheck(lambda x: plain(ug.expm(x, kind == "skew", field)), [a], rng, order, field)


@pytest.mark.parametrize("field", ["complex", "real"])
def test_repeated_eigenvalues_do_no_harm(field):
    shape = algebra(field).storage_shape((3, 3))
    a = np.zeros(shape)
    e = np.arange(np.prod(shape), dtype=float).reshape(shape)
    value, gradient = compiled("skew", "float64", field)(a, e)
    np.testing.assert_allclose(algebra(field).to_numpy(value), np.eye(3), atol=1e-15)
    expected = skew(algebra(field).to_numpy(e))
    np.testing.assert_allclose(algebra(field).to_numpy(gradient), expected, atol=1e-14)


@pytest.mark.parametrize("mode", ["FAST_COMPILE", "NUMBA"])
def test_refuses_what_is_not_skew_hermitian(mode, rng):
    x = ug.matrix("x", (3, 3), "float64")
    f = pytensor.function([x], ug.expm(x, skew_hermitian=True), mode=mode)
    with pytest.raises(ValueError, match="expm: A must be skew-Hermitian"):
        f(stacked.from_complex(complex_normal(rng, 3, 3)))


def skew_of(kind, n, rng):
    """Real skew-symmetric matrices: general, all rotations equal, of low rank, zero."""
    x = rng.normal(size=(n, n))
    if kind == "general":
        return (x - x.T) / 2
    angles = {"equal": 1.3, "low rank": 0.9, "zero": 0.0}[kind]
    blocks = np.zeros((n, n))
    for i in range(0, n - 1 if kind == "equal" else min(2, n - 1), 2):
        blocks[i, i + 1], blocks[i + 1, i] = angles, -angles
    q = np.linalg.qr(x)[0]
    a = q @ blocks @ q.T
    return (a - a.T) / 2


@pytest.mark.parametrize("kind", ["general", "equal", "low rank", "zero"])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 12])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_real_schur_form(n, kind, dtype):
    rng = np.random.default_rng(n)
    a, e = skew_of(kind, n, rng).astype(dtype), rng.normal(size=(n, n)).astype(dtype)
    eps = 50 * n * np.finfo(dtype).eps
    u, w, rt = skew_real.real_exponential(a)
    p = (n + 1) // 2
    form = np.zeros((n, n))
    index = np.arange(n // 2)
    form[index, p + index], form[p + index, index] = w[: n // 2], -w[: n // 2]
    np.testing.assert_allclose(rt @ rt.T, np.eye(n), atol=eps)
    np.testing.assert_allclose(rt.T @ form @ rt, a, atol=eps * max(1, np.abs(a).max()))
    np.testing.assert_allclose(u, scipy.linalg.expm(a.astype(float)), atol=eps)
    assert u.dtype == dtype
    for sign in (1, -1):
        expected = scipy.linalg.expm_frechet(sign * a.astype(float), e.astype(float))[1]
        got = skew_real.real_frechet(w, rt, e, sign)
        np.testing.assert_allclose(got, expected, atol=eps * max(1, np.abs(e).max()))
        assert got.dtype == dtype


@pytest.mark.parametrize("field", ["complex", "real"])
def test_single_precision_stays_unitary_to_rounding(field):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(96, 96)) + 1j * rng.normal(size=(96, 96)) * (field == "complex")
    a = ((z - z.conj().T) / 4).astype("complex64")
    u = skew_exponential(a if field == "complex" else a.real)[0]
    defect = u.astype(complex).conj().T @ u - np.eye(96)
    assert np.linalg.norm(defect) < 4 * 96 * np.finfo("float32").eps
