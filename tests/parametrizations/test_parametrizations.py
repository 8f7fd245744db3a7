"""The exponential parametrization and the initial matrices."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.linalg
import scipy.stats
from oracles import AS_WRITTEN

import unitarygraph as ug
from unitarygraph.nn import initializers
from unitarygraph.parametrizations import Exp
from unitarygraph.parametrizations import initializers as skew


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("init", ["henaff", "cayley", "haar"])
@pytest.mark.parametrize("field", ["complex", "real"])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_value_graph_and_definition_agree(n, field, init, dtype):
    p = Exp(n, init=init, field=field, rng=1, dtype=dtype)
    drawn = skew.skew_initializer(init)(np.random.default_rng(1), n, field)
    graph = p.matrices.to_numpy(pytensor.function([], p(), mode=AS_WRITTEN)())
    eps = np.finfo(dtype).eps
    for w in (p.value(), graph):
        assert w.shape == (n, n)
        assert w.real.dtype == dtype
        assert ug.unitarity(w) < 50 * eps * n
        np.testing.assert_allclose(w, scipy.linalg.expm(drawn), atol=100 * eps * n)
    assert p.post_updates() == {}


@pytest.mark.parametrize("field", ["complex", "real"])
def test_gradient_reaches_the_coordinates_only(field, rng):
    p = Exp(4, init="haar", field=field, rng=2, dtype="float64")
    weight = pt.as_tensor(rng.standard_normal(p.params[0].get_value().shape))
    loss = (p.stored() * weight).sum()
    assert ug.check_gradient(loss, p.params[0], rng=3).passed
    gradient = pytensor.function([], pt.grad(loss, p.params[0]), mode=AS_WRITTEN)()
    gradient = p.matrices.to_numpy(gradient)
    assert not np.tril(gradient, -1).any()
    assert np.all(np.triu(gradient, 1)[np.triu_indices(4, 1)] != 0)
    free = np.count_nonzero(gradient.real) + np.count_nonzero(gradient.imag)
    assert free == (16 if field == "complex" else 6)


def test_init_may_be_a_function_and_is_checked():
    given = Exp(3, init=lambda rng, n, field: 1j * np.eye(n), dtype="float64", rng=0)
    np.testing.assert_allclose(given.value(), np.exp(1j) * np.eye(3))
    with pytest.raises(ValueError, match="skew-Hermitian"):
        Exp(3, init=lambda rng, n, field: np.eye(n), rng=0)


def test_haar_angles_are_uniform(rng):
    """Eigenvalue angles of Haar unitary matrices are uniform; raw QR would not make them so."""
    angles = np.concatenate(
        [np.angle(np.linalg.eigvals(initializers.haar(rng, 20))) for _ in range(40)]
    )
    assert scipy.stats.kstest(angles, "uniform", (-np.pi, 2 * np.pi)).pvalue > 0.01


def test_haar_log_is_skew_and_within_the_cut(rng):
    for field in ("complex", "real"):
        a = initializers.SKEW_INITIALIZERS["haar"](rng, 6, field)
        np.testing.assert_allclose(a, -a.conj().T, atol=1e-13)
        assert np.abs(np.linalg.eigvals(a)).max() <= np.pi
    np.testing.assert_allclose(np.linalg.det(scipy.linalg.expm(a)), 1)


def test_cayley_entries(rng):
    a = initializers.SKEW_INITIALIZERS["cayley"](rng, 2001, "real")
    s = a[np.arange(0, 2000, 2), np.arange(1, 2001, 2)]
    t = 2 * np.arctan(-s)
    np.testing.assert_allclose(s, -np.sqrt((1 - np.cos(t)) / (1 + np.cos(t))), rtol=1e-9)
    assert scipy.stats.kstest(t, "uniform", (0, np.pi / 2)).pvalue > 0.01
    assert not a[2000].any()
