"""Constraint dissolving as a parametrization: penalty, inverse and the unitary matrix beside it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from oracles import evaluate
from parametrization_definitions_householder import numbers
from scipy.linalg import polar

import unitarygraph as ug
from unitarygraph.parametrizations import Dissolved
from unitarygraph.parametrizations.initializers import haar


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("field", ["complex", "real"])
def test_penalty_value_and_projection(field, dtype, rng):
    p = Dissolved(5, field=field, rng=1, dtype=dtype)
    eps = np.finfo(dtype).eps
    assert ug.unitarity(p.value()) < 50 * eps
    (X,) = p.params
    X.set_value((X.get_value() + 0.02 * rng.standard_normal(X.get_value().shape)).astype(dtype))
    x = numbers(p)["X"]
    violation = np.linalg.norm(x.conj().T @ x - np.eye(5)) ** 2
    assert evaluate(p.penalty()) == pytest.approx(0.2 * violation, rel=1e-4)
    assert 1e-6 < ug.unitarity(p.value()) < violation
    unitary = p.projected()
    assert unitary.real.dtype == dtype
    for near in (x, p.value()):
        assert_allclose(unitary, polar(near)[0], atol=20 * eps)
    p.set_value(unitary)
    assert ug.unitarity(p.value()) < 50 * eps
    assert_allclose(numbers(p)["X"], unitary, atol=20 * eps)


def test_inverse_takes_contractions(rng):
    p = Dissolved(4, field="real", dtype="float64", rng=0)
    u, v = haar(rng, 4, "real"), haar(rng, 4, "real")
    for s in ([0, 0.3, 0.7, 1], [1 - 1e-9] * 4):
        p.set_value((u * s) @ v)
        assert_allclose(p.value(), (u * s) @ v, atol=1e-14)
    with pytest.raises(ValueError, match=r"singular values up to 1, got 1\.01"):
        p.set_value(1.01 * u)
    p.params[0].set_value(np.full((4, 4), np.nan))
    with pytest.raises(ValueError, match="finite"):
        p.projected()
