"""Products of reflections: zero reflectors, what they reach, and the spectral margin."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN, complex_normal, evaluate

import unitarygraph as ug
from unitarygraph.core.layout import plain
from unitarygraph.parametrizations import SVD, Householder
from unitarygraph.parametrizations.initializers import haar


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("field", ["complex", "real"])
def test_short_reflectors_are_reflectors_and_zero_ones_are_the_identity(field, dtype, rng):
    p = Householder(5, reflections=4, phases=False, field=field, rng=1, dtype=dtype)
    (V,) = p.params
    weight = pt.as_tensor(rng.standard_normal(p().type.shape).astype(dtype))
    run = pytensor.function([], [p(), pt.grad((weight * plain(p())).sum(), V)], mode=AS_WRITTEN)
    eps = np.finfo(dtype).eps
    start, scales = V.get_value(), np.ones(4)
    scales[1] = 1e-10
    V.set_value((start * scales).astype(dtype))
    W, gradient = run()
    assert np.isfinite(gradient).all()
    long = p.matrices.to_numpy(W)

    V.set_value(start)
    same = p.matrices.to_numpy(run()[0])
    assert_allclose(long, same, atol=50 * eps)
    # Entries that are not read have no gradient, all the others have one.
    assert np.count_nonzero(run()[1]) == p.free_parameters()

    for size in (0.0, np.finfo(dtype).tiny):
        scales[1] = size
        V.set_value((start * scales).astype(dtype))
        W, gradient = run()
        assert np.isfinite(gradient).all()
        assert not gradient[..., 1].any()
        assert gradient[..., [0, 2, 3]].any(axis=-2).all()
        W = p.matrices.to_numpy(W)
        assert ug.unitarity(W) < 50 * eps
        assert_allclose(np.linalg.det(W), -1, atol=50 * eps)
    V.set_value(np.zeros_like(start))
    assert_allclose(p.value(), np.eye(5), atol=0)


def special_values(field, rng):
    """Matrices in which reflectors vanish or nearly do."""
    yield np.eye(4)
    yield -np.eye(4)
    yield np.eye(4)[[2, 0, 3, 1]]
    yield np.diag([1.0, -1, 1, 1])
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(1e-9), np.sin(1e-9)], [-np.sin(1e-9), np.cos(1e-9)]]
    yield turn
    Q = haar(rng, 4, field)
    yield Q
    yield Q @ np.diag([1.0, 1, 1, -1])


@pytest.mark.parametrize(("field", "m"), [("real", 4), ("complex", 4), ("complex", 3)])
def test_all_of_the_group_is_reached(field, m, rng):
    p = Householder(4, reflections=m, field=field, dtype="float64", rng=0)
    for W in special_values(field, rng):
        p.set_value(W)
        assert_allclose(p.value(), W, atol=1e-14)


def test_what_it_does_not_reach_is_refused(rng):
    W = haar(rng, 5, "real")
    few = Householder(5, reflections=2, field="real", dtype="float64", rng=0)
    with pytest.raises(ValueError, match=r"product of 2 reflections, got .*e[+-]\d\d"):
        few.set_value(W)
    with pytest.raises(ValueError, match="product of 5 reflections, got"):
        Householder(5, phases=False, dtype="float64", rng=0).set_value(haar(rng, 5))
    with pytest.raises(NotImplementedError, match="2 reflections and phases"):
        Householder(5, reflections=2, dtype="float64", rng=0).set_value(W)
    for m in (0, 6, 2.0, True):
        with pytest.raises(ValueError, match="reflections: expected an integer from 1 to n = 5"):
            Householder(5, reflections=m)
    with pytest.raises(ValueError, match="phases"):
        Householder(5, phases=True, field="real")


@pytest.mark.parametrize("field", ["complex", "real"])
def test_adjoint_and_renormalization(field, rng):
    p = Householder(5, reflections=3, normalize=True, field=field, rng=1, dtype="float64")
    V = p.params[0]
    V.set_value(V.get_value() * np.array([3.0, 1.0, 0.2]))
    W = p.value()
    h = complex_normal(rng, 4, 5)
    h = h if field == "complex" else h.real
    product = evaluate(p.product_hconj(pt.as_tensor(p.matrices.from_numpy(h))))
    assert_allclose(p.matrices.to_numpy(product), h @ W.conj().T, atol=1e-13)
    pytensor.function([], updates=p.post_updates(), mode=AS_WRITTEN)()
    assert_allclose(p.value(), W, atol=1e-14)
    assert_allclose(np.linalg.norm(p.matrices.to_numpy(V.get_value()), axis=0), 1)
    assert Householder(5, field=field, rng=0).post_updates() == {}


@pytest.mark.parametrize("field", ["complex", "real"])
def test_singular_values_stay_within_the_margin(field, rng):
    p = SVD(6, reflections=3, margin=0.05, field=field, rng=1, dtype="float64")
    assert ug.unitarity(p.value()) < 1e-13
    for size in (1, 100):
        for v in p.params:
            v.set_value(v.get_value() + size * rng.standard_normal(v.get_value().shape))
        s = np.linalg.svd(p.value(), compute_uv=False)
        assert np.abs(s - 1).max() <= 0.05 + 1e-13
        assert np.ptp(s) > 0.01
    assert p.params[-1] not in p.group("orthogonal")
    assert not p.unitary


def test_margins_and_matrices_out_of_range_are_refused(rng):
    exact = SVD(3, margin=0, field="real", rng=1, dtype="float64")
    exact.params[-1].set_value(rng.standard_normal(3))
    assert exact.unitary
    assert ug.unitarity(exact.value()) < 1e-13
    W = haar(rng, 3, "real")
    exact.set_value(W)
    assert_allclose(exact.value(), W, atol=1e-13)
    p = SVD(3, margin=0.1, field="real", dtype="float64", rng=0)
    for s in (0.9, 1.1):
        p.set_value(s * W)
        assert_allclose(p.value(), s * W, atol=1e-13)
    with pytest.raises(ValueError, match=r"within 0.1 of 1, got 1.2 to 1.2"):
        p.set_value(1.2 * W)
    with pytest.raises(NotImplementedError, match="2 reflections"):
        SVD(3, reflections=2, rng=0).set_value(W)
    for margin in (-0.1, 1):
        with pytest.raises(ValueError, match="margin: expected a number from 0 to below 1"):
            SVD(3, margin=margin)
