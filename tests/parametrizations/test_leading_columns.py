"""Tall and wide weights from square parametrizations."""

from functools import partial

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN

import unitarygraph as ug
from unitarygraph.parametrizations import (
    Cayley,
    DynamicTrivialization,
    Exp,
    LeadingColumns,
    LeadingRows,
    semi_unitary,
)
from unitarygraph.parametrizations.columns import completed
from unitarygraph.parametrizations.initializers import haar

fields = pytest.mark.parametrize("field", ["complex", "real"])
SHAPES = [(5, 3), (3, 5), (4, 4), (3, 1), (1, 3)]


@fields
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_weight_is_the_leading_part_of_W(shape, field, rng):
    n = max(shape)
    weight = semi_unitary(partial(Exp, init="haar"), shape, field, rng=1, dtype="float64")
    W = Exp(n, init="haar", field=field, rng=1, dtype="float64").value()
    assert_allclose(weight.value(), W[: shape[0], : shape[1]], atol=1e-15)
    matrices = weight.matrices
    x = rng.standard_normal(matrices.storage_shape((2, 4, shape[0])))
    graph = weight.stored()
    assert graph.type.shape == matrices.storage_shape(shape)
    loss = (graph * rng.standard_normal(matrices.storage_shape(shape))).sum()
    outputs = pytensor.function([], [graph, weight.apply(pt.as_tensor(x))], mode=AS_WRITTEN)()
    value, product = (matrices.to_numpy(v) for v in outputs)
    assert_allclose(value, W[: shape[0], : shape[1]], atol=1e-14)
    assert_allclose(product, matrices.to_numpy(x) @ value, atol=1e-13)
    tall = value if shape[0] >= shape[1] else value.conj().T
    assert ug.unitarity(tall) < 1e-13
    assert ug.check_gradient(loss, *weight.params, directions=1)
    assert [p.name for p in weight.params] == ["weight"]


@fields
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", [Exp, Cayley])
def test_inverse_map_completes_the_matrix(kind, shape, field, rng):
    weight = semi_unitary(kind, shape, field, dtype="float64", rng=0)
    W = haar(rng, max(shape), field)
    if field == "real":
        W[:, 0] *= np.linalg.det(W)
    V = W[: shape[0], : shape[1]]
    weight.set_value(V)
    assert_allclose(weight.value(), V, atol=1e-11)
    with pytest.raises(ValueError, match=r"set_value: W must be .*, got .* = \d"):
        weight.set_value(1.1 * V)


@fields
def test_completion_is_the_nearest_to_the_identity(field, rng):
    n, k = 6, 2
    V = haar(rng, n, field)[:, :k]
    best = completed(V)
    assert ug.unitarity(best) < 1e-14
    assert_allclose(best[:, :k], V, rtol=0, atol=0)
    if field == "real":
        assert np.linalg.det(best) == pytest.approx(1)
    for _ in range(50):
        Q = haar(rng, n - k, field)
        if field == "real":
            Q[:, 0] *= np.linalg.det(Q)
        other = np.concatenate([V, best[:, k:] @ Q], axis=1)
        assert np.linalg.norm(best - np.eye(n)) <= np.linalg.norm(other - np.eye(n))


def test_what_is_trained_and_kept_is_the_parametrizations_own():
    square = DynamicTrivialization(5, K=1, field="real", dtype="float64", rng=0)
    weight = semi_unitary(square, (5, 2))
    assert weight.params == square.params
    assert weight.buffers == square.buffers
    assert weight.group("orthogonal") == square.params
    assert weight.group("phase") == []
    assert weight.penalty() is None
    assert set(weight.post_updates()) == {*square.params, *square.buffers}
    assert semi_unitary(square, (5, 5)) is square


def test_errors_name_what_came():
    with pytest.raises(ValueError, match=r"sizes of at least 1, got \(0, 3\)"):
        semi_unitary(Exp, (0, 3))
    with pytest.raises(ValueError, match=r"n=4 and field='real' .*, got n=3 and field='complex'"):
        semi_unitary(Exp(3, rng=0), (4, 2))
    with pytest.raises(TypeError, match="must be a class, a function or an instance"):
        semi_unitary("exp", (4, 2))
    with pytest.raises(TypeError, match="must give a Parametrization, got 3"):
        semi_unitary(lambda n, **kw: 3, (4, 2))
    with pytest.raises(ValueError, match="columns must be 1 to 3, got 4"):
        LeadingColumns(Exp(3, rng=0), 4)
    with pytest.raises(ValueError, match="rows must be 1 to 3, got 0"):
        LeadingRows(Exp(3, rng=0), 0)
