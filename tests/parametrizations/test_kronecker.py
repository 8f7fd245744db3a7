"""Kronecker products: order of the factors, penalty, sizes and nearest factors."""

from functools import reduce

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN, complex_normal, evaluate
from parametrization_definitions_householder import kronecker, numbers

import unitarygraph as ug
from unitarygraph.parametrizations import Kronecker
from unitarygraph.parametrizations.initializers import haar


@pytest.mark.parametrize("field", ["complex", "real"])
def test_factors_of_unlike_sizes_and_batches_of_unknown_length(field, rng):
    p = Kronecker(24, factors=(2, 3, 4), strength=0.5, field=field, rng=1, dtype="float64")
    assert ug.unitarity(p.value()) < 1e-13
    for v in p.params:
        v.set_value(v.get_value() + 0.1 * rng.standard_normal(v.get_value().shape))
    factors = list(numbers(p).values())
    assert [len(W) for W in factors] == [2, 3, 4]
    W = reduce(np.kron, factors)
    h = complex_normal(rng, 2, 5, 24)
    h = h if field == "complex" else h.real
    stored = p.matrices.from_numpy(h)
    unknown = pt.tensor("h", dtype="float64", shape=(*(None,) * (stored.ndim - 1), 24))
    run = pytensor.function([unknown], [p.apply(unknown), p.penalty()], mode=AS_WRITTEN)
    product, penalty = run(stored)
    assert_allclose(p.matrices.to_numpy(product), h @ W, atol=1e-13)
    expected = sum(np.linalg.norm(W.conj().T @ W - np.eye(len(W))) ** 2 for W in factors)
    assert penalty == pytest.approx(0.5 * expected)


def test_sizes_that_do_not_fit_are_refused():
    assert Kronecker(27, factors=3, rng=0).sizes == (3, 3, 3)
    assert Kronecker(1, rng=0).sizes == (1,)
    with pytest.raises(ValueError, match=r"n must be a power of 2, got n = 12; .* factors=\(12,\)"):
        Kronecker(12)
    for factors in ((2, 3), (), (12, 1.0), (-3, -4), 2.0, None):
        with pytest.raises(ValueError, match="factors: expected sizes with product n = 12, got"):
            Kronecker(12, factors=factors)
    with pytest.raises(ValueError, match="constraint: expected one of soft, exp, got 'hard'"):
        Kronecker(4, constraint="hard")


def test_nearest_factors(rng):
    p = Kronecker(12, factors=(2, 3, 2), dtype="float64", rng=0)
    W = reduce(np.kron, [complex_normal(rng, n, n) for n in (2, 3, 2)])
    p.set_value(W)
    assert_allclose(kronecker(p), W, atol=1e-12)
    with pytest.raises(ValueError, match=r"product of sizes \(2, 3, 2\), got one at a distance of"):
        p.set_value(W + 0.01 * complex_normal(rng, 12, 12))
    p.set_value(np.zeros((12, 12)))
    assert_allclose(p.value(), np.zeros((12, 12)))
    # The norms are shared out, so that factors of a unitary matrix are unitary.
    p.set_value(reduce(np.kron, [haar(rng, n) for n in (2, 3, 2)]))
    assert evaluate(p.penalty()) < 1e-20


def test_real_exponentials_have_factors_of_determinant_one(rng):
    def turned(sizes, dets):
        factors = [haar(rng, n, "real") for n in sizes]
        return [
            W * np.r_[d * np.linalg.det(W), np.ones(len(W) - 1)]
            for W, d in zip(factors, dets, strict=True)
        ]

    for sizes, dets in (((3, 2), (-1, 1)), ((3, 5), (-1, -1)), ((2, 2), (1, 1))):
        p = Kronecker(
            sizes[0] * sizes[1],
            factors=sizes,
            constraint="exp",
            field="real",
            dtype="float64",
            rng=0,
        )
        assert p.unitary
        assert p.penalty() is None
        W = np.kron(*turned(sizes, dets))
        p.set_value(W)
        assert_allclose(kronecker(p), W, atol=1e-12)
    for sizes, dets in (((3, 2), (1, -1)), ((3, 5), (-1, 1)), ((2, 2), (-1, -1))):
        p = Kronecker(
            sizes[0] * sizes[1],
            factors=sizes,
            constraint="exp",
            field="real",
            dtype="float64",
            rng=0,
        )
        with pytest.raises(ValueError, match="factors of W must have determinant 1"):
            p.set_value(np.kron(*turned(sizes, dets)))
