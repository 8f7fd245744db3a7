"""The Schur form with a free triangle: start, penalty and what it reaches."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from oracles import complex_normal, evaluate
from parametrization_definitions_householder import nonnormal, numbers
from scipy.linalg import block_diag

import unitarygraph as ug
from unitarygraph.parametrizations import NonNormal
from unitarygraph.parametrizations.initializers import haar


@pytest.mark.parametrize(("field", "n"), [("complex", 4), ("real", 4), ("real", 5)])
def test_start_and_penalty(field, n, rng):
    p = NonNormal(n, delta=0.1, t_decay=0.03, field=field, rng=1, dtype="float64")
    assert ug.unitarity(p.value()) < 1e-13
    assert [v.name for v in p.params] == ["W/A", "W/theta", "W/gamma", "W/T"]
    assert p.group("orthogonal") == p.params[:1]
    for v in p.params:
        v.set_value(v.get_value() + rng.standard_normal(v.get_value().shape))
    known = numbers(p)
    read = np.triu(np.ones((n, n)), 1)
    if field == "real":
        read[[0, 2], [1, 3]] = 0
    expected = 0.1 * np.sum((known["gamma"] - 1) ** 2)
    expected += 0.015 * np.sum(np.abs(known["T"] * read) ** 2)
    assert evaluate(p.penalty()) == pytest.approx(expected)


def rotation(t):
    return np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])


def orthogonal(rng):
    """Special orthogonal matrices whose eigenvalues coincide, or are real."""
    Q = haar(rng, 6, "real")
    for blocks in (
        [np.eye(6)],
        [-np.eye(2), np.eye(4)],
        [rotation(1.0), np.diag([1.0, -1, 1, -1])],
        [rotation(1.0), rotation(1.0), rotation(-1.0)],
        [rotation(2.0), -np.eye(2), rotation(np.pi - 1e-9)],
    ):
        S = block_diag(*blocks)
        yield S
        yield Q @ S @ Q.T
    yield np.eye(6)[[1, 2, 0, 4, 5, 3]]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_special_orthogonal_matrices_are_normal(dtype, rng):
    p = NonNormal(6, field="real", dtype=dtype, rng=0)
    atol = 1000 * np.finfo(dtype).eps
    for W in orthogonal(rng):
        p.set_value(W.astype(dtype))
        assert_allclose(nonnormal(p), W, atol=atol)
        assert_allclose(numbers(p)["gamma"], 1, atol=atol)
        assert_allclose(numbers(p)["T"], 0, atol=atol)
    p = NonNormal(5, field="real", dtype="float64", rng=0)
    p.set_value(-np.eye(5))
    assert_allclose(nonnormal(p), -np.eye(5), atol=1e-13)


@pytest.mark.parametrize("field", ["complex", "real"])
def test_own_values_are_found_again(field, rng):
    """In the real field only some orders of the eigenvalues have blocks that are scaled rotations."""
    p, q = (NonNormal(9, init="haar", field=field, rng=s, dtype="float64") for s in (1, 2))
    for v in p.params:
        v.set_value(v.get_value() + 0.3 * rng.standard_normal(v.get_value().shape))
    W = nonnormal(p)
    q.set_value(W)
    assert_allclose(nonnormal(q), W, atol=1e-9)


def test_other_real_matrices_are_taken_as_published_only(rng):
    p = NonNormal(4, field="real", dtype="float64", rng=0)
    full = NonNormal(4, published=True, field="real", dtype="float64", rng=0)
    reflection = np.diag([1.0, 1, 1, -1])
    for W in (np.diag([1.0, 2, 3, 4]), reflection, rng.standard_normal((4, 4))):
        with pytest.raises(ValueError, match=r"multiples of rotations, got .*\d; published=True"):
            p.set_value(W)
        full.set_value(W)
        assert_allclose(nonnormal(full), W, atol=1e-12)


def test_every_complex_matrix_is_taken(rng):
    p = NonNormal(4, dtype="float64", rng=0)
    for W in (complex_normal(rng, 4, 4), np.zeros((4, 4)), np.eye(4, k=1)):
        p.set_value(W)
        assert_allclose(nonnormal(p), W, atol=1e-12)
