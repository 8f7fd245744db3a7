"""The kernel of expm's general path: its polynomials, its scaling, matrices that are hard."""

from math import factorial

import mpmath
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.linalg
from oracles import AS_WRITTEN, complex_normal

import unitarygraph as ug
from unitarygraph.core.layout import plain
from unitarygraph.ops.expm import taylor, taylor_polynomials, taylor_scaling
from unitarygraph.ops.expm.path import ExpmPath
from unitarygraph.ops.expm.taylor import path_exponential
from unitarygraph.ops.expm.taylor_polynomials import POLYNOMIALS, evaluate, multiply
from unitarygraph.ops.expm.taylor_scaling import HIGHEST_ORDER, LIMITS, limits_of_order
from unitarygraph.stacked.algebra import algebra

DTYPES = ["float32", "float64"]


def exact(a, e):
    """exp A and L_A(E) by mpmath's Taylor series of the block matrix."""
    n = len(a)
    block = np.block([[a, e], [np.zeros_like(a), a]])
    with mpmath.workdps(60 + min(300, int(np.linalg.norm(a)))):
        rows = mpmath.expm(mpmath.matrix(block.tolist()), method="taylor").tolist()
    values = np.array(rows, dtype=complex).reshape(2 * n, 2 * n)
    return values[:n, :n], values[:n, n:]


def error(value, reference):
    return np.linalg.norm(value - reference) / np.linalg.norm(reference)


@pytest.mark.parametrize("degree", POLYNOMIALS)
def test_polynomials_are_taylors(degree):
    """A nilpotent Jordan block turns a polynomial's value into its coefficients."""
    polynomial = POLYNOMIALS[degree]
    shift = np.eye(25, k=1)
    powers = np.stack([np.linalg.matrix_power(shift, p) for p in polynomial.powers])[:, None]
    value = evaluate(polynomial, powers, 0, 0)[0]
    expected = [1 / factorial(p) if p <= degree else 0 for p in range(25)]
    np.testing.assert_allclose(value[0], expected, rtol=3e-15, atol=3e-18)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("degree", POLYNOMIALS)
def test_limits_keep_the_derivative_to_rounding(degree, dtype):
    """Sum of k |c_k| limit^(k-1) over log(e^{-x} T(x)) = sum c_k x^k is half an epsilon."""
    with mpmath.workdps(60):
        terms = 60
        inverse = [mpmath.mpf(-1) ** i / mpmath.factorial(i) for i in range(terms)]
        taylor = [1 / mpmath.factorial(i) if i <= degree else mpmath.mpf(0) for i in range(terms)]
        p = [sum(inverse[j] * taylor[i - j] for j in range(i + 1)) for i in range(terms)]
        log = [mpmath.mpf(0)] * terms
        for k in range(1, terms):
            log[k] = p[k] - sum(j * log[j] * p[k - j] for j in range(1, k)) / k
        limit = dict(LIMITS[dtype])[degree]
        bound = sum(k * abs(log[k]) * mpmath.mpf(limit) ** (k - 1) for k in range(1, terms))
        half = np.finfo(dtype).eps / 2
        assert 0.9 * half < bound < 1.01 * half


def at_limits():
    """Norms just below and above each limit, of either dtype."""
    return sorted(f * limit for rows in LIMITS.values() for _, limit in rows for f in (0.99, 1.2))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("norm", at_limits())
def test_every_degree_against_many_digits(norm, dtype, rng):
    a, e = complex_normal(rng, 4, 4), complex_normal(rng, 4, 4)
    a *= norm / np.linalg.norm(a, 2)
    a, e = a.astype(np.result_type(dtype, 1j)), e.astype(np.result_type(dtype, 1j))
    value, derivative = exact(a.astype(complex), e.astype(complex))
    bound = 20 * np.finfo(dtype).eps * (1 + norm)
    assert error(path_exponential(a, ()), value) < bound
    assert error(path_exponential(a, (e,)), derivative) < bound


HARD = {
    "ward": [[-49.0, 24], [-64, 31]],
    "ward, symmetric": [[4.0, 2, 0], [1, 4, 1], [1, 1, 4]],
    "ward, large": [[-131.0, 19, 18], [-390, 56, 54], [-387, 57, 52]],
    "nilpotent": [[0.0, 1e6, 3], [0, 0, -2e5], [0, 0, 0]],
    "graded": [[-1.0, 1e3, 1], [0, -2, 1e3], [0, 0, -3]],
    "zero": [[0.0, 0], [0, 0]],
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", HARD)
def test_hard_matrices(name, dtype, rng):
    a = np.array(HARD[name], dtype)
    e = rng.standard_normal(a.shape).astype(dtype)
    value, derivative = exact(a.astype(float), e.astype(float))
    # Where all is well conditioned SciPy's error is rounding's; the condition number says it.
    condition = scipy.linalg.expm_cond(a.astype(float)) if name != "zero" else 1
    bound = 20 * np.finfo(dtype).eps * max(1, condition)
    assert error(path_exponential(a, ()), value) < bound
    assert error(path_exponential(a, (e,)), derivative) < bound


@pytest.mark.parametrize("dtype", ["complex64", "complex128", "float32", "float64"])
def test_scaling_by_the_norm_that_counts(dtype, rng, monkeypatch):
    """Of a random matrix the 1-norm is 16 times the 2-norm; it would cost four squarings more."""
    n = 256
    a = rng.standard_normal((n, n)) + 1j * rng.standard_normal((n, n))
    a = a if dtype.startswith("complex") else np.sqrt(2) * a.real
    a = (a / np.sqrt(2 * n)).astype(dtype)
    products = []

    def counted(*args, **how):
        products.append(multiply(*args, **how))
        return products[-1]

    for module in (taylor, taylor_polynomials, taylor_scaling):
        monkeypatch.setattr(module, "multiply", counted)
    reference = scipy.linalg.expm(a.astype(complex))
    assert error(path_exponential(a, ()), reference) < 50 * np.finfo(dtype).eps
    # Degree 18, and one squaring in double precision.
    assert len(products) == (5 if a.real.dtype == np.float32 else 6)


def hidden(n, spectrum, rng, kind="float64"):
    """A normal matrix whose first eigenvector is orthogonal to the start of power iteration."""
    start = np.cos(np.arange(1.0, n + 1) ** 2)
    q = complex_normal(rng, n, n) if kind.startswith("complex") else rng.standard_normal((n, n))
    q[:, 0] -= start * (start @ q[:, 0]) / (start @ start)
    q = np.linalg.qr(q)[0]
    return ((q * spectrum) @ q.conj().T).astype(kind)


@pytest.mark.parametrize("dtype", [*DTYPES, "complex64", "complex128"])
@pytest.mark.parametrize("n", [44, 256])
@pytest.mark.parametrize("base", [0.3, 1.1, 2.3, 4.59, 6.0])
def test_a_large_eigenvalue_that_hides_from_power_iteration(base, n, dtype, rng):
    for factor in (2, 4):
        spectrum = np.full(n, -base)
        spectrum[0] *= factor
        a = hidden(n, spectrum, rng, dtype)
        e = complex_normal(rng, n, n) if a.dtype.kind == "c" else rng.standard_normal((n, n))
        e, wide = e.astype(dtype), a.astype(np.result_type(dtype, "float64"))
        bound = 20 * np.finfo(dtype).eps * (1 + base * factor)
        assert error(path_exponential(a, ()), scipy.linalg.expm(wide)) < bound
        if n < 100:
            expected = scipy.linalg.expm_frechet(wide, e.astype(wide.dtype))[1]
            assert error(path_exponential(a, (e,)), expected) < bound


def second(a, x, y):
    """D^2 exp(A)[x, y] by SciPy's exponential of block matrices."""
    n, zero = len(a), np.zeros_like(a)
    blocks = (np.block([[a, p, zero], [zero, a, q], [zero, zero, a]]) for p, q in ((x, y), (y, x)))
    return sum(scipy.linalg.expm(block)[:n, -n:] for block in blocks)


def skew_hermitian(z):
    return (z - z.conj().T) / 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("base", [0.3, 1.1, 2.3, 4.59])
def test_second_derivatives_at_spectra_that_hide(base, dtype, rng):
    """Those of the eigenvalue path leave it: the Op of order 2 makes them, here at a skew A."""
    n, kind = 24, np.result_type(dtype, "complex64").name
    for factor in (2, 4):
        spectrum = np.full(n, -1j * base)
        spectrum[0] *= factor
        a = skew_hermitian(hidden(n, spectrum, rng, kind))
        x, y = (skew_hermitian(complex_normal(rng, n, n)).astype(kind) for _ in range(2))
        w = complex_normal(rng, n, n).astype(kind)
        expected = second(*(z.astype(complex) for z in (a, x, y)))
        bound = 20 * np.finfo(dtype).eps * (1 + base * factor)
        found = path_exponential(a, (x, y)) + path_exponential(a, (y, x))
        assert error(found, expected) < bound

        stored = ug.stacked.matrix("A", (n, n), dtype)
        weight, direction = (pt.as_tensor(ug.stacked.from_complex(z)) for z in (w, x))
        value = (plain(ug.expm(stored, skew_hermitian=True, field="complex")) * weight).sum()
        slope = (pt.grad(value, stored) * direction).sum()
        curve = pytensor.function([stored], pt.grad(slope, stored), mode=AS_WRITTEN)
        gradient = ug.stacked.to_complex(curve(ug.stacked.from_complex(a)))
        exact = np.vdot(w.astype(complex), expected).real
        size = np.linalg.norm(w) * np.linalg.norm(expected)
        assert abs(np.vdot(gradient, y).real - exact) < bound * size


@pytest.mark.parametrize("field", ["complex", "real"])
@pytest.mark.parametrize("base", [0.3, 1.1, 2.3, 4.59])
def test_exponentials_of_manifolds_at_spectra_that_hide(base, field, rng):
    """Of positive definite matrices at X = I, of square orthonormal ones at a random X."""
    n, kind = 44, "complex128" if field == "complex" else "float64"
    matrices = algebra(field)
    spectrum = np.full(n, -base)
    spectrum[0] *= 4
    bound = 20 * np.finfo("float64").eps * (1 + 4 * base)

    def moved(manifold, x, u):
        value = manifold.exp(*(pt.as_tensor(matrices.from_numpy(z)) for z in (x, u)))
        return matrices.to_numpy(pytensor.function([], plain(value), mode=AS_WRITTEN)())

    # exp(U) at the identity, where the kernel is asked for exp(U / 2).
    u = hidden(n, spectrum, rng, kind)
    u = (u + u.conj().T) / 2
    found = moved(ug.manifolds.PositiveDefinite(field=field), np.eye(n, dtype=kind), u)
    assert error(found, scipy.linalg.expm(u)) < bound

    if field == "complex":
        omega = skew_hermitian(hidden(n, 1j * spectrum, rng, kind))
    else:
        # Eigenvalues +-i s, the largest pair on vectors of which one hides.
        q = hidden(n, np.arange(n, 0.0, -1), rng)
        v = np.linalg.eigh(q)[1][:, ::-1]
        turn = np.zeros((n, n))
        odd = np.arange(0, n, 2)
        turn[odd, odd + 1], turn[odd + 1, odd] = spectrum[::2], -spectrum[::2]
        omega = skew_hermitian(v @ turn @ v.T)
    z = complex_normal(rng, n, n)
    x = np.linalg.qr(z if field == "complex" else z.real)[0]
    found = moved(ug.manifolds.Stiefel(field=field), x, x @ omega)
    assert error(found, x @ scipy.linalg.expm(omega)) < bound


@pytest.mark.parametrize("kind", [*DTYPES, "complex64", "complex128"])
def test_scales_of_all_magnitudes(kind):
    """exp s[[-1, 1], [0, 0]] = [[e^-s, 1 - e^-s], [0, 1]], and along [[0, 1], [0, 0]] (1 - e^-s) / s."""
    real = np.dtype(kind).type(0).real.dtype
    eps, tiny = float(np.finfo(real).eps), float(np.finfo(real).smallest_subnormal)
    most = 37 if real == "float32" else 300
    for power in range(-most, most + 1, 1 if real == "float32" else 5):
        s = float(real.type(10.0**power))
        a = np.array([[-s, s], [0, 0]], kind)
        rise = -np.expm1(-s)
        expected = np.array([[np.exp(-s), rise], [0, 1]])
        np.testing.assert_allclose(path_exponential(a, ()), expected, atol=20 * eps)
        for scale in (1.0, 1 / s):
            e = np.array([[0, scale], [0, 0]], kind)
            found = path_exponential(a, (e,))
            exact = float(e[0, 1].real) * rise / s
            np.testing.assert_allclose(found[0, 1], exact, rtol=20 * eps, atol=2 * tiny)
            assert not found[[0, 1, 1], [0, 0, 1]].any()


@pytest.mark.parametrize("kind", [*DTYPES, "complex64", "complex128"])
def test_directions_keep_their_digits_where_a_is_huge(kind):
    """Along diag(d, d') exp [[0, s], [0, 0]] moves by d, d' and s (d + d') / 2."""
    real = np.dtype(kind).type(0).real.dtype
    eps, largest = float(np.finfo(real).eps), float(np.finfo(real).max)
    d = np.array([0.7, 0.1234567], real)
    for s in (real.type(largest), real.type(largest / 64)):
        a = np.array([[0, s], [0, 0]], kind)
        for scale in (1.0, 2.0**-20):
            found = path_exponential(a, (np.diag(d * real.type(scale)).astype(kind),))
            assert found[1, 0] == 0
            expected = [d[0], d[1], float(s) * (float(d[0]) / 2 + float(d[1]) / 2)]
            np.testing.assert_allclose(
                found[[0, 1, 0], [0, 1, 1]], np.multiply(expected, scale), rtol=2 * eps
            )


@pytest.mark.parametrize("kind", [*DTYPES, "complex64", "complex128"])
def test_a_norm_that_overflows_where_no_entry_does(kind):
    largest = 0.9 * np.finfo(kind).max
    a = np.zeros((5, 5), kind)
    a[:2, 2:] = largest
    np.testing.assert_allclose(path_exponential(a, ()), np.eye(5) + a, rtol=2 * np.finfo(kind).eps)
    falling = np.diag(np.full(5, -largest)).astype(kind)
    np.testing.assert_array_equal(path_exponential(falling, ()), 0)


def test_two_directions_of_opposite_magnitude(rng):
    a, x, y = (rng.standard_normal((3, 3)) for _ in range(3))
    plain_value = path_exponential(a, (x, y))
    found = path_exponential(a, (2.0**1000 * x, 2.0**-1000 * y))
    np.testing.assert_array_equal(found, plain_value)
    np.testing.assert_array_equal(path_exponential(a, (2.0**-1000 * x, 2.0**1000 * y)), found)
    scale = 2.0**800
    np.testing.assert_array_equal(path_exponential(a, (scale * x, y / scale)), found)


def test_orders_without_a_polynomial_are_refused():
    assert min(limit for _, limit in limits_of_order("float64", HIGHEST_ORDER)[-1:]) > 0
    with pytest.raises(NotImplementedError, match="order must be at most 17, got 18"):
        ExpmPath(order=HIGHEST_ORDER + 1)


def test_one_large_entry_where_the_start_of_power_iteration_is_small():
    d = np.full(256, -4.59, "float32")
    d[241] *= 4
    value = np.diag(path_exponential(np.diag(d), ()))
    expected = np.exp(d.astype(float))
    assert np.linalg.norm(value - expected) < 1e-5 * np.linalg.norm(expected)
    assert value[241] == pytest.approx(expected[241], rel=1e-4)


def test_a_scale_of_the_direction_comes_back_exactly(rng):
    a, e = rng.standard_normal((5, 5)), rng.standard_normal((5, 5))
    plain = path_exponential(a, (e,))
    for scale in (2.0**-900, 2.0**900):
        np.testing.assert_array_equal(path_exponential(a, (scale * e,)), scale * plain)
    np.testing.assert_array_equal(path_exponential(a, (0 * e,)), 0)
    np.testing.assert_array_equal(path_exponential(a, (e, 0 * e)), 0)


def test_large_norms_overflow_to_what_is_no_number_only_where_they_must():
    with np.errstate(all="ignore"):
        assert path_exponential(np.array([[-1e300]]), ())[0, 0] == 0
        assert not np.isfinite(path_exponential(np.array([[1e300]]), ())).any()
        big = np.full((2, 2), np.finfo("float64").max)
        assert not np.isfinite(path_exponential(big, ())).any()
    turn = path_exponential(np.array([[0, -1e4], [1e4, 0]]), ())
    np.testing.assert_allclose(
        turn, [[np.cos(1e4), -np.sin(1e4)], [np.sin(1e4), np.cos(1e4)]], atol=1e-11
    )


@pytest.mark.parametrize("k", [2, 3])
def test_higher_orders_are_blocks_of_the_literal_exponential(k, rng):
    a, *e = (complex_normal(rng, 3, 3) for _ in range(k + 1))
    size = 3 * (k + 1)
    literal = np.zeros((size, size), complex)
    for i in range(k + 1):
        literal[3 * i : 3 * i + 3, 3 * i : 3 * i + 3] = a
    for i in range(k):
        literal[3 * i : 3 * i + 3, 3 * i + 3 : 3 * i + 6] = e[i]
    expected = scipy.linalg.expm(literal)[:3, -3:]
    np.testing.assert_allclose(path_exponential(a, tuple(e)), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("dtype", ["complex64", "complex128", "float32", "float64"])
@pytest.mark.parametrize("small", [0.0, 1e-45, 1e-30, 1e-14, 1e-9])
def test_nearly_nilpotent_matrices(small, dtype):
    """Powers of them are denormal, by which quotients of complex numbers overflow."""
    for large in (4.0, 1e3):
        a = np.array([[0, large], [small, 0]]).astype(dtype)
        c, b = float(a[1, 0].real), float(a[0, 1].real)
        root = np.sqrt(b) * np.sqrt(c)
        sinc = np.sinh(root) / root if root else 1.0
        expected = np.array([[np.cosh(root), b * sinc], [c * sinc, np.cosh(root)]])
        condition = max(1, scipy.linalg.expm_cond(np.array([[0, b], [c, 0]])))
        bound = 20 * np.finfo(dtype).eps * condition
        assert error(path_exponential(a, ()), expected) < bound


@pytest.mark.parametrize("dtype", DTYPES)
def test_exponential_of_a_huge_nilpotent_matrix_is_exact(dtype):
    large = 1e30 if dtype == "float32" else 1e300
    for kind in (dtype, np.result_type(dtype, 1j)):
        for size in (large, 1 / large):
            a = np.array([[0, size], [0, 0]]).astype(kind)
            np.testing.assert_array_equal(path_exponential(a, ()), np.eye(2, dtype=kind) + a)


@pytest.mark.parametrize("dtype", ["complex64", "complex128", "float32", "float64"])
def test_entries_near_the_largest_number_do_not_raise(dtype):
    largest = np.finfo(dtype).max
    with np.errstate(all="ignore"):
        for size in (largest, largest / 2, largest / 16):
            for a in (np.full((2, 2), size, dtype), np.array([[size, 0], [0, 0]], dtype)):
                assert not np.isfinite(path_exponential(a, ())).all()
                path_exponential(a, (a,))
                path_exponential(np.zeros_like(a), (a,))
            turned = np.array([[-size, 0], [0, 0]], dtype)
            assert (
                np.isnan(path_exponential(turned, ())).all()
                or path_exponential(turned, ())[1, 1] == 1
            )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [2, 3, 4, 5])
def test_higher_orders_at_nilpotent_matrices_have_many_digits(k, dtype, rng):
    """The truncation of the k-th derivative is not that of the first."""
    n, kind = 3, np.result_type(dtype, 1j)
    for size in [0.0, *(f * limit for _, limit in LIMITS[dtype] for f in (0.3, 0.65, 1.3))]:
        a = (size * np.eye(n, k=1)).astype(kind)
        e = [complex_normal(rng, n, n).astype(kind) for _ in range(k)]
        literal = np.kron(np.eye(k + 1), a).astype(complex)
        for i in range(k):
            literal[n * i : n * i + n, n * i + n : n * i + 2 * n] = e[i]
        with mpmath.workdps(50):
            rows = mpmath.expm(mpmath.matrix(literal.tolist()), method="taylor").tolist()
        expected = np.array(rows, dtype=complex).reshape(literal.shape)[:n, -n:]
        assert error(path_exponential(a, tuple(e)), expected) < 20 * np.finfo(dtype).eps
