"""Cayley, scaled Cayley and the trivialisation by Cayley: what is theirs besides the laws."""

import math

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN
from parametrization_table import cayley_of, matrices, skew_of, special

import unitarygraph as ug
from unitarygraph.core.layout import plain
from unitarygraph.parametrizations import Cayley, DynamicTrivialization, Exp, ScaledCayley
from unitarygraph.parametrizations.initializers import haar
from unitarygraph.parametrizations.inverse import matching_phases

N = 5
fields = pytest.mark.parametrize("field", ["complex", "real"])


def gradients(p, g):
    """Gradients in all params of <g, W>, as NumPy matrices where they are."""
    loss = (pt.as_tensor(p.matrices.from_numpy(g)) * plain(p())).sum()
    values = pytensor.function([], pt.grad(loss, p.params), mode=AS_WRITTEN)()
    return [p.matrices.to_numpy(v) if v.ndim >= p.matrices.axes else v for v in values]


def gaussian(rng, field):
    z = rng.standard_normal((2, N, N))
    return z[0] + 1j * z[1] if field == "complex" else z[0]


def test_eigenvalue_angles_of_the_published_start():
    """A by s = -tan(t/2) has eigenvalues +-i s, W e^{+-i t} with t from U(0, pi/2)."""
    for field in ("complex", "real"):
        angles = np.angle(
            np.linalg.eigvals(Cayley(40, field=field, dtype="float64", rng=0).value())
        )
        assert np.abs(angles).max() <= np.pi / 2
        assert np.abs(angles).max() > 1.2
        assert (angles.min() < -0.1) == (field == "real")


def test_gradient_is_the_published_formula_of_scornn(rng):
    """Helfrich et al. (2018): V = (I + A)^{-T} G (D + W^T), dL/dA = V^T - V for a skew A."""
    p = ScaledCayley(N, rho=2, init="haar", field="real", rng=3, dtype="float64")
    g, known = gaussian(rng, "real"), matrices(p)
    A, D = skew_of(known["A"]), np.diag(known["D"])
    V = np.linalg.inv(np.eye(N) + A).T @ g @ (D + p.value().T)
    (ours,) = gradients(p, g)
    assert_allclose(np.triu(ours, 1), np.triu(V.T - V, 1), atol=1e-12)


def test_gradient_of_the_phases_is_that_of_scurnn(rng):
    """dL/dtheta_j = sum_i Im(conj(W_ij) G_ij)."""
    p = ScaledCayley(N, init="haar", rng=3, dtype="float64")
    g = gaussian(rng, "complex")
    theta = gradients(p, g)[1]
    assert_allclose(theta, np.sum(np.imag(np.conj(p.value()) * g), axis=0), atol=1e-12)


@pytest.mark.parametrize("rho", [None, 0, 2, N])
def test_rho_is_the_number_of_reflected_columns(rho):
    p = ScaledCayley(N, rho=rho, field="real", rng=3, dtype="float64")
    expected = N // 2 if rho is None else rho
    assert p.rho == expected
    assert np.linalg.det(p.value()) == pytest.approx((-1) ** expected)
    unscaled = Cayley(N, field="real", rng=3, dtype="float64").value()
    assert_allclose(p.value()[:, : N - expected], unscaled[:, : N - expected])
    assert_allclose(p.value()[:, N - expected :], -unscaled[:, N - expected :])
    assert [v.name for v in (*p.params, *p.buffers)] == ["A", "A/D"]
    assert p.group("phase") == []


def test_phases_are_uniform_and_trained():
    p = ScaledCayley(400, dtype="float64", rng=0)
    theta = p.group("phase")[0].get_value()
    assert 0 <= theta.min() < 0.1
    assert 2 * np.pi - 0.1 < theta.max() <= 2 * np.pi
    assert [v.name for v in p.params] == ["A", "A/theta"]
    assert p.group("orthogonal") == p.params[:1]
    assert p.rho is None


@pytest.mark.parametrize("rho", [-1, N + 1, 2.0, True])
def test_wrong_rho_is_named(rho):
    with pytest.raises(ValueError, match=f"rho: expected an integer from 0 to {N}, got {rho}"):
        ScaledCayley(N, rho=rho, field="real", rng=0)


def test_rho_is_of_the_real_field():
    with pytest.raises(ValueError, match="rho: expected None with field='complex', got 2"):
        ScaledCayley(N, rho=2, rng=0)


def hard_matrices(rng, field, n=24):
    """Unitary matrices with many eigenvalues -1, and others."""
    yield from (-np.eye(n), np.eye(n), np.roll(np.eye(n), 1, axis=0), np.eye(n)[::-1].copy())
    yield -np.eye(n)[rng.permutation(n)]
    yield np.diag(rng.choice([-1.0, 1.0], n))
    yield haar(rng, n, field)
    q = haar(rng, n, field)
    yield (q * np.where(np.arange(n) < n // 2, -1, 1)) @ q.conj().T
    if field == "complex":
        yield np.fft.fft(np.eye(n), norm="ortho")


@fields
def test_every_unitary_matrix_has_a_D_with_which_A_is_small(field, rng):
    for W in hard_matrices(rng, field):
        n = len(W)
        p = ScaledCayley(n, field=field, dtype="float64", rng=0)
        p.set_value(W)
        assert_allclose(p.value(), W, atol=1e-13)
        assert np.linalg.norm(skew_of(matrices(p)["A"]), 2) < n
        d = matching_phases(W.astype("complex128" if field == "complex" else "float64"))
        assert_allclose(np.abs(d), 1)
        assert np.abs(np.linalg.det(W + np.diag(d))) >= 1 - 1e-9
        if field == "real":
            assert (-1) ** p.rho == round(np.linalg.det(W))


@fields
def test_cayley_refuses_eigenvalue_minus_one(field, rng):
    q = haar(rng, 4, field)
    W = (q * [-1, -1, 1, 1]) @ q.conj().T
    p = Cayley(4, field=field, dtype="float64", rng=0)
    before = p.value()
    with pytest.raises(ValueError, match=r"Cayley.set_value: W must have no eigenvalue -1, got -1"):
        p.set_value(W)
    assert_allclose(p.value(), before, rtol=0, atol=0)


@pytest.mark.parametrize("kind", [Exp, Cayley])
def test_determinant_minus_one_is_refused_in_the_real_field(kind):
    with pytest.raises(ValueError, match="must have determinant 1 with field='real', got -1"):
        kind(3, field="real", rng=0).set_value(np.diag([1.0, 1.0, -1.0]))


@fields
def test_logarithm_of_eigenvalues_minus_one(field, rng):
    """exp covers all of U(n) and SO(n): pairs of -1 are half turns of a plane."""
    q = haar(rng, 7, field)
    for signs in ([-1, -1, 1, -1, -1, 1, 1], [-1, -1, -1, -1, -1, -1, 1]):
        W = (q * signs) @ q.conj().T
        p = Exp(7, field=field, dtype="float64", rng=0)
        p.set_value(W)
        assert_allclose(p.value(), W, atol=1e-13)
        A = skew_of(matrices(p)["A"])
        w = np.sort(np.abs(np.linalg.eigvals(A)))
        assert_allclose(w, np.where(np.arange(7) < signs.count(1), 0, np.pi), atol=1e-7)


@fields
def test_a_matrix_moves_between_parametrizations(field, rng):
    W = special(rng, N, field)
    for kind in (Exp, Cayley, ScaledCayley, DynamicTrivialization):
        p = kind(N, field=field, dtype="float64", rng=0)
        p.set_value(W)
        assert_allclose(p.value(), W, atol=1e-12)
        W = p.value()


@fields
def test_trivialisation_by_cayley_with_K_of_infinity_is_cayley(field):
    options = {"init": "haar", "field": field, "rng": 3, "dtype": "float64"}
    turn = DynamicTrivialization(N, K=math.inf, map="cayley", **options)
    assert_allclose(turn.value(), Cayley(N, **options).value(), atol=1e-15)
    assert turn.post_updates() == {}


@fields
def test_trivialisation_by_cayley_is_the_definition(field, rng):
    """A NumPy loop: with Z = (I + A)^{-1} (I - A) the gradient in A is -(I + A)^{-H} B^H G (I + Z)^H."""
    turn = DynamicTrivialization(
        N, K=3, M=2, init="haar", field=field, dtype="float64", map="cayley"
    )
    g, rate = gaussian(rng, field), 0.1
    loss = (pt.as_tensor(turn.matrices.from_numpy(g)) * plain(turn())).sum()
    step = pytensor.function(
        [], [], updates=ug.updates.sgd(loss, turn.params, rate), mode=AS_WRITTEN
    )
    after = pytensor.function([], [], updates=turn.post_updates(), mode=AS_WRITTEN)
    base, a, identity = turn.value(), np.zeros_like(turn.value()), np.eye(N)
    for t in range(1, 8):
        step()
        after()
        z = cayley_of(a)
        slope = -np.linalg.inv(identity + a).conj().T @ base.conj().T @ g @ (identity + z).conj().T
        slope = slope - slope.conj().T
        a = a - rate * (slope - np.diag(np.diagonal(slope)) / 2)
        if t % 3 == 0:
            base, a = base @ cayley_of(a), 0 * a
        assert_allclose(turn.value(), base @ cayley_of(a), atol=1e-12)


def test_unknown_map_is_named():
    with pytest.raises(ValueError, match="map: expected one of cayley, exp, got 'qr'"):
        DynamicTrivialization(N, map="qr")


def test_a_matrix_of_determinant_minus_one_becomes_the_base():
    turn = DynamicTrivialization(3, field="real", dtype="float64", rng=0)
    counters = [v.get_value() for v in turn.buffers[1:]]
    turn.set_value(np.diag([1.0, 1.0, -1.0]))
    assert_allclose(turn.base.get_value(), np.diag([1.0, 1.0, -1.0]), rtol=0, atol=0)
    assert not np.any(turn.params[0].get_value())
    assert [v.get_value() for v in turn.buffers[1:]] == counters


@pytest.mark.parametrize("kind", [Exp, Cayley, ScaledCayley, DynamicTrivialization])
def test_dtype_is_by_default_floatX(kind):
    for floatX in ("float32", "float64"):
        with pytensor.config.change_flags(floatX=floatX):
            p = kind(3, rng=0)
        assert p.dtype == p().type.dtype == p.value().real.dtype == floatX
