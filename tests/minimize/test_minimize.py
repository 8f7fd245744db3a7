"""Minimizers against closed forms, their orders of convergence, and the ways in which they end."""

from itertools import pairwise

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.linalg
from numpy.testing import assert_allclose
from oracles import complex_normal
from pytensor.tensor.sharedvar import TensorSharedVariable
from pytensor.tensor.type import TensorType
from scipy.optimize import OptimizeResult

import unitarygraph as ug
from unitarygraph import stacked
from unitarygraph.core.layout import plain, storage
from unitarygraph.manifolds import (
    Euclidean,
    Grassmann,
    Oblique,
    PositiveDefinite,
    Sphere,
    Stiefel,
    Unitary,
)
from unitarygraph.minimize import minimize
from unitarygraph.minimize.driver import METHODS
from unitarygraph.minimize.problem import second_order
from unitarygraph.parameter import ComplexParameter, parameter

methods = pytest.mark.parametrize("method", METHODS)
FAST = {"mode": "FAST_COMPILE"}


def point(manifold, shape, name="W", dtype="float64", seed=0):
    return parameter(manifold.random_point(shape, seed, dtype), manifold, name=name)


def procrustes(rng, n=5, rows=7, dtype="float64"):
    """Loss, parameter, unitary solution by the polar factor, and the least loss."""
    a, b = rng.standard_normal((2, 2, rows, n)).astype(dtype)
    W = point(Unitary(), n, dtype=dtype)
    loss = pt.sum(pt.square(stacked.matmul(a, plain(W)) - b))
    za, zb = stacked.to_complex(a), stacked.to_complex(b)
    solution = scipy.linalg.polar(za.conj().T @ zb)[0]
    return loss, W, solution, np.linalg.norm(za @ solution - zb) ** 2


@methods
def test_unitary_procrustes(method, rng):
    loss, W, solution, least = procrustes(rng)
    result = minimize(loss, [W], method, **FAST)
    assert isinstance(result, OptimizeResult)
    assert result.success
    assert abs(result.fun - least) <= 1e-12 * least
    assert_allclose(stacked.to_complex(W.get_value()), solution, atol=1e-6)
    assert np.array_equal(storage(result.x[0]), W.get_value())
    assert W.manifold.is_on(W.get_value())


@methods
def test_a_batch_of_matrices_is_one_parameter(method, rng):
    W = point(Unitary(), (3, 3, 3))
    target = Unitary().random_point((3, 3, 3), rng, "float64")
    result = minimize(pt.sum(pt.square(plain(W) - target)), [W], method, **FAST)
    assert result.success
    assert_allclose(W.get_value(), target, atol=1e-7)


@methods
def test_single_precision(method, rng):
    loss, W, solution, least = procrustes(rng, dtype="float32")
    result = minimize(loss, [W], method, tol=1e-3, max_iterations=200, **FAST)
    assert W.get_value().dtype == storage(result.x[0]).dtype == "float32"
    assert result.fun == pytest.approx(least, rel=1e-5)
    assert_allclose(stacked.to_complex(W.get_value()), solution, atol=1e-3)


@methods
@pytest.mark.parametrize("metric", ["euclidean", "canonical"])
@pytest.mark.parametrize("field", ["real", "complex"])
def test_brockett_cost_is_the_weighted_sum_of_the_lowest_eigenvalues(method, metric, field, rng):
    manifold = Stiefel(field, metric)
    c = manifold.normal_matrices((5, 5), rng)
    c, n = c + c.conj().T, np.diag([3.0, 2.0, 1.0])
    c_stored, n_stored = (manifold.matrices.from_numpy(m.astype(c.dtype)) for m in (c, n))
    X = point(manifold, (5, 3), "X")
    product = manifold.matrices.matmul(c_stored, plain(X), n_stored)
    result = minimize(pt.sum(manifold.matrices.inner(plain(X), product)), [X], method, **FAST)
    assert result.success
    assert result.fun == pytest.approx(np.linalg.eigvalsh(c)[:3] @ np.diag(n), rel=1e-11)


@methods
def test_a_quadratic_in_flat_space(method, rng):
    a = rng.standard_normal((6, 6))
    a, b = a @ a.T + np.eye(6), rng.standard_normal(6)
    p = pytensor.shared(np.zeros(6), name="p")
    result = minimize(0.5 * pt.dot(p, pt.dot(a, p)) - pt.dot(b, p), p, method, tol=1e-9, **FAST)
    assert result.success
    assert_allclose(p.get_value(), np.linalg.solve(a, b), rtol=1e-7)
    assert_allclose(result.jac[0], a @ p.get_value() - b, atol=1e-12)
    if method == "conjugate_gradient":
        assert result.nit <= 40


@methods
def test_parameters_of_several_manifolds_together(method, rng):
    """Total least squares: unit vectors and scales of the best rank-one approximation."""
    a = rng.standard_normal((5, 4))
    u, v = point(Sphere("real"), (5,), "u"), point(Sphere("real"), (4,), "v", seed=1)
    s = parameter(np.float64(1.0), name="s")
    residual = a - s * u[:, None] * v[None, :]
    result = minimize(pt.sum(pt.square(residual)), [u, v, s], method, **FAST)
    left, values, _ = np.linalg.svd(a)
    assert result.success
    assert result.fun == pytest.approx(np.sum(values[1:] ** 2), rel=1e-10)
    assert abs(s.get_value()) == pytest.approx(values[0], rel=1e-6)
    assert abs(u.get_value() @ left[:, 0]) == pytest.approx(1, abs=1e-10)
    assert [x.shape for x in result.x] == [(5,), (4,), ()]


@methods
def test_a_subspace_and_a_metric_of_its_own(method, rng):
    c = rng.standard_normal((5, 5))
    c = c @ c.T + np.eye(5)
    X = point(Grassmann("real"), (5, 2), "X")
    result = minimize(-pt.sum(pt.dot(c, X) * X), [X], method, **FAST)
    assert result.success
    assert -result.fun == pytest.approx(np.linalg.eigvalsh(c)[-2:].sum(), rel=1e-11)
    # tr(C X^-1) + tr X is least where X^2 = C.
    P = point(PositiveDefinite("real"), (5, 5), "P")
    solved = P.manifold.matrices.solve(P, pt.constant(c))
    result = minimize(pt.trace(solved) + pt.trace(P), [P], method, **FAST)
    assert result.success
    assert_allclose(P.get_value() @ P.get_value(), c, rtol=1e-5, atol=1e-6)


def test_trust_regions_converge_quadratically(rng):
    loss, W, *_ = procrustes(rng)
    result = minimize(loss, [W], "trust_regions", tol=1e-10, **FAST)
    norms = result.history["grad_norm"]
    assert result.success
    # The logarithm of the gradient's length doubles where the quadratic model holds.
    late = [(a, b) for a, b in pairwise(norms) if 1e-6 < a < 1e-1]
    assert late
    assert all(b < 10 * a**1.8 for a, b in late)


@methods
def test_saddles_are_left(method, rng):
    """Next to a maximum and a saddle of the Rayleigh quotient."""
    c = np.diag([1.0, 2.0, 3.0, 4.0])
    x = np.array([1e-6, 1.0, 1e-6, 1e-6])
    p = parameter(x / np.linalg.norm(x), Sphere("real"), name="p")
    result = minimize(pt.dot(p, pt.dot(c, p)), [p], method, tol=1e-8, **FAST)
    assert result.fun == pytest.approx(1.0, abs=1e-12)


@methods
def test_the_loss_never_rises_and_history_tells(method, rng):
    loss, W, *_ = procrustes(rng)
    seen = []
    result = minimize(loss, [W], method, callback=seen.append, **FAST)
    assert np.all(np.diff(result.history["fun"]) <= 1e-13 * result.fun)
    assert len(result.history["fun"]) == len(result.history["grad_norm"]) == result.nit + 1
    assert result.history["fun"][-1] == result.fun
    assert result.history["grad_norm"][-1] == result.grad_norm
    assert [state.nit for state in seen] == list(range(1, result.nit + 1))
    assert seen[-1].fun == result.fun
    assert result.nfev >= result.njev >= 1
    assert (result.nhev > 0) == (method == "trust_regions")
    assert_allclose(np.linalg.norm(result.jac[0]), result.grad_norm)


@methods
def test_inputs_are_held_and_several_calls_continue(method, rng):
    b = pt.vector("b", dtype="float64")
    p = parameter(np.zeros(3), name="p")
    loss = pt.sum(pt.square(p - b)) + pt.sum((p - b) ** 4)
    target = np.arange(3.0)
    short = minimize(loss, [p], method, inputs={b: target}, max_iterations=1, tol=0, **FAST)
    assert (short.status, short.success, short.nit) == (1, False, 1)
    assert "max_iterations = 1" in short.message
    assert np.array_equal(p.get_value(), short.x[0])
    result = minimize(loss, [p], method, inputs={b: target}, tol=1e-6, **FAST)
    assert result.history["fun"][0] == short.fun
    assert_allclose(p.get_value(), target, atol=1e-6)
    again = minimize(loss, [p], method, inputs={b: target}, tol=1e-6, **FAST)
    assert (again.success, again.nit) == (True, 0)


@methods
def test_a_callback_may_stop(method, rng):
    loss, W, *_ = procrustes(rng)

    def stop(state):
        if state.nit == 2:
            raise StopIteration

    result = minimize(loss, [W], method, callback=stop, **FAST)
    assert (result.status, result.nit) == (4, 2)
    assert "callback" in result.message
    with pytest.raises(KeyError):
        minimize(loss, [W], method, callback=lambda state: {}["key"], tol=0, **FAST)
    assert W.manifold.is_on(W.get_value())


@methods
def test_a_loss_that_is_not_finite(method):
    p = parameter(np.array([1.0, 2.0]), name="p")
    result = minimize(pt.sum(pt.log(-p)), [p], method, **FAST)
    assert (result.status, result.nit) == (3, 0)
    assert "not finite at the start" in result.message
    assert np.array_equal(p.get_value(), [1.0, 2.0])
    # Finite at the start only.
    spike = pt.switch(pt.eq(pt.sum(p), 3.0), pt.sum(pt.square(p)), np.nan)
    result = minimize(spike, [p], method, **FAST)
    assert result.status == 3
    assert "last good point" in result.message
    assert np.array_equal(p.get_value(), [1.0, 2.0])


@methods
def test_a_region_without_numbers_is_avoided(method):
    """A barrier: long steps from near it have no logarithm."""
    p = parameter(np.array([0.01, 5.0]), name="p")
    result = minimize(pt.sum(p - pt.log(p)), [p], method, **FAST)
    assert result.success
    assert_allclose(p.get_value(), 1, atol=1e-6)


@methods
def test_a_wrong_gradient_is_told(method):
    p = parameter(np.array([1.0, 2.0]), name="p")
    flipped = pytensor.gradient.grad_scale(p, -1.0)
    result = minimize(pt.sum(pt.square(flipped)), [p], method, **FAST)
    assert not result.success
    assert np.all(np.isfinite(p.get_value()))
    if method != "trust_regions":
        assert result.status == 2
        assert "check_gradient" in result.message


def test_retractions_are_of_order_two():
    for manifold in (Unitary(), Stiefel("real"), Stiefel("real", "canonical"), Euclidean()):
        assert manifold.retractions[second_order(manifold)] == 2 or manifold == Euclidean()
    assert second_order(Stiefel()) == "polar"
    assert second_order(Stiefel("complex", "canonical")) == "exp"
    assert second_order(Oblique()) in Oblique().retractions


def test_refusals():
    p = point(Unitary(), 3, "p")
    loss = pt.sum(p)
    with pytest.raises(
        ValueError, match="'conjugate_gradient', 'lbfgs', 'trust_regions', got 'sgd'"
    ):
        minimize(loss, [p], "sgd")
    with pytest.raises(TypeError, match=r"loss must be a symbolic scalar, got 1\.0"):
        minimize(1.0, [p])
    with pytest.raises(ValueError, match=r"loss must be a scalar, got shape \(2, 3, 3\)"):
        minimize(p * 2, [p])
    with pytest.raises(ValueError, match="params is empty"):
        minimize(loss, [])
    with pytest.raises(ValueError, match="p more than once"):
        minimize(loss, [p, p])
    with pytest.raises(TypeError, match="shared variables"):
        minimize(loss, [p * 2])
    with pytest.raises(pytensor.gradient.DisconnectedInputError):
        minimize(loss, [p, parameter(np.zeros(2), name="q")])
    with pytest.raises(ValueError, match="tol must not be negative"):
        minimize(loss, [p], tol=-1)
    with pytest.raises(ValueError, match="max_iterations must not be negative"):
        minimize(loss, [p], max_iterations=-1)
    p.set_value(2 * p.get_value())
    with pytest.raises(ValueError, match="minimize: the value of p was refused"):
        minimize(loss, [p], **FAST)


def test_a_hessian_that_is_not_finite_is_told():
    p = parameter(np.array([0.0, 2.0]), name="p")
    result = minimize(pt.sum(pt.abs(p) ** 1.5) + pt.sum(p), [p], "trust_regions", **FAST)
    assert result.status == 3
    assert "Hessian" in result.message
    assert np.all(np.isfinite(p.get_value()))


def shared(value, manifold, is_complex, name):
    kind = TensorType(value.dtype.name, shape=value.shape)
    make = ComplexParameter if is_complex else TensorSharedVariable
    p = make(type=kind, value=value, strict=False, name=name)
    p.tag.manifold = manifold
    return p


@methods
def test_complex_parameters_are_minimized_as_their_storage(method, rng):
    """A complex W and V, a real b and a complex input, against the same stacked: bit for bit."""
    a, c = (complex_normal(rng, 7, 4) for _ in range(2))
    found = []
    for is_complex in (True, False):
        W = shared(Unitary().random_point(4, 0, "float64"), Unitary(), is_complex, "W")
        V = shared(np.ones((2, 4)), Euclidean("complex"), is_complex, "V")
        b = parameter(np.zeros(4), name="b")
        if is_complex:
            A = ug.matrix("A", shape=(7, 4), dtype="float64")
            x, data = (A @ W).stacked - stacked.from_complex(c), a
        else:
            A = pt.tensor("A", dtype="float64", shape=(2, 7, 4))
            x, data = stacked.matmul(A, W) - stacked.from_complex(c), stacked.from_complex(a)
        square = pt.square(plain(V) - 2).sum() + pt.square(b - 1).sum()
        seen = []
        result = minimize(
            pt.square(x).sum() + square,
            [W, V, b],
            method,
            inputs={A: data},
            callback=seen.append,
            **FAST,
        )
        assert result.success
        found.append((W, V, b, result, seen))
    (*ours, result, seen), (*theirs, expected, _) = found
    assert (result.fun, result.nit, result.nfev) == (expected.fun, expected.nit, expected.nfev)
    for p, q, value, jac in zip(ours, theirs, result.x, result.jac, strict=True):
        assert np.array_equal(p.get_value(), q.get_value())
        assert np.array_equal(value, p.value)
        assert value.dtype == jac.dtype == ("float64" if p is ours[2] else "complex128")
        assert jac.shape == value.shape
    assert np.array_equal(seen[-1].x[0], ours[0].value)
    solution = scipy.linalg.polar(a.conj().T @ c)[0]
    assert_allclose(result.x[0], solution, atol=1e-6)
