"""Dynamic trivialization: rebasing leaves W, K = 1 is gradient descent, K = infinity expRNN."""

import math

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.linalg
from backend_modes import the_mode
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN

import unitarygraph as ug
from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Unitary
from unitarygraph.parametrizations import DynamicTrivialization, Exp
from unitarygraph.stacked.algebra import algebra
from unitarygraph.updates import adam, rmsprop, sgd

RATE, N = 0.1, 4
fields = pytest.mark.parametrize("field", ["complex", "real"])


def gaussian(field, seed, n=N, dtype="float64"):
    z = np.random.default_rng(seed).standard_normal((2, n, n))
    return algebra(field).from_numpy(z[0] + 1j * z[1] if field == "complex" else z[0]).astype(dtype)


def loss_of(W, field, dtype="float64"):
    return (pt.as_tensor(gaussian(field, 7, dtype=dtype)) * plain(W)).sum()


def compiled(updates, mode=AS_WRITTEN):
    return pytensor.function([], [], updates=updates, mode=mode)


def trained(turn, rule, steps, after=None):
    """Values of W after each step and its post-updates."""
    step = compiled(rule(loss_of(turn(), turn.field), turn.params, RATE))
    after = turn.post_updates() if after is None else after
    after = compiled(after) if after else lambda: None
    values = []
    for _ in range(steps):
        step()
        after()
        values.append(turn.value())
    return values


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("init", ["henaff", "haar"])
@pytest.mark.parametrize("K", [1, 5, math.inf])
@fields
def test_starts_where_exp_does(field, K, init, dtype):
    turn = DynamicTrivialization(N, K=K, init=init, field=field, rng=3, dtype=dtype)
    expected = Exp(N, init=init, field=field, rng=3, dtype=dtype).value()
    graph = pytensor.function([], turn(), mode=AS_WRITTEN)()
    eps = np.finfo(dtype).eps
    for w in (turn.value(), turn.matrices.to_numpy(graph)):
        assert w.real.dtype == dtype
        assert_allclose(w, expected, atol=50 * eps)
    assert turn.params[0].name == "A"
    assert turn.base.name == "A/base"
    assert turn.base.manifold == Unitary(field)
    assert np.any(turn.params[0].get_value()) == math.isinf(K)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@fields
def test_moving_the_base_leaves_W_as_it_is(field, dtype):
    turn = DynamicTrivialization(N, K=2, M=2, field=field, dtype=dtype, rng=0)
    skew = Exp(N, init="haar", field=field, rng=5, dtype=dtype).params[0].get_value()
    after, eps = compiled(turn.post_updates()), np.finfo(dtype).eps
    for count in range(1, 9):
        turn.params[0].set_value(skew)
        before, base = turn.value(), turn.base.get_value()
        after()
        assert_allclose(turn.value(), before, atol=100 * eps)
        moved = count % 2 == 0
        assert np.any(turn.params[0].get_value()) != moved
        assert np.allclose(turn.base.get_value(), base) != moved
        assert turn.params[0].get_value().dtype == turn.base.get_value().dtype == dtype
        assert ug.unitarity(turn.value()) < 100 * eps


@fields
def test_every_M_moves_the_base_is_made_unitary_again(field):
    turn = DynamicTrivialization(N, K=2, M=3, field=field, dtype="float64", rng=0)
    after = compiled(turn.post_updates())
    unitary = []
    for _ in range(12):
        turn.base.set_value(turn.base.get_value() * 1.001)
        after()
        unitary.append(turn.base.manifold.deviation(turn.base.get_value()) < 1e-12)
    assert unitary == ([False] * 5 + [True]) * 2


def test_base_stays_unitary_without_drift_for_a_thousand_moves():
    turn = DynamicTrivialization(3, K=1, M=50, field="real", dtype="float64", rng=0)
    turn_by = Exp(3, init="haar", field="real", rng=1, dtype="float64").params[0].get_value()
    after = compiled(turn.post_updates())
    for _ in range(1000):
        turn.params[0].set_value(turn_by)
        after()
    assert turn.base.manifold.deviation(turn.base.get_value()) < 1e-13


@fields
def test_K_of_one_is_riemannian_gradient_descent(field):
    """U exp(-r S), S the gradient in the coordinates: twice skew(U^H G), its diagonal once."""
    turn = DynamicTrivialization(N, K=1, init="haar", field=field, dtype="float64", rng=0)
    w, g = turn.value(), turn.matrices.to_numpy(gaussian(field, 7))
    for ours in trained(turn, sgd, 4):
        slope = w.conj().T @ g
        slope = slope - slope.conj().T
        w = w @ scipy.linalg.expm(-RATE * (slope - np.diag(np.diagonal(slope)) / 2))
        assert_allclose(ours, w, atol=1e-13)


def test_K_of_one_is_the_rule_of_this_library():
    turn = DynamicTrivialization(N, K=1, init="haar", field="real", dtype="float64", rng=0)
    p = ug.parameter(turn.value(), Unitary("real"), "W")
    step = compiled(sgd(loss_of(p, "real"), [p], 2 * RATE, retraction="exp"))
    for ours in trained(turn, sgd, 4):
        step()
        assert_allclose(ours, p.get_value(), atol=1e-13)


@fields
@pytest.mark.parametrize("rule", [sgd, rmsprop, adam])
def test_K_of_infinity_is_exprnn(field, rule):
    turn = DynamicTrivialization(N, K=math.inf, init="haar", field=field, dtype="float64", rng=0)
    fixed = Exp(N, init="haar", field=field, dtype="float64", rng=0)
    assert turn.post_updates() == {}
    for ours, theirs in zip(trained(turn, rule, 4), trained(fixed, rule, 4), strict=True):
        assert_allclose(ours, theirs, atol=1e-14)


@fields
def test_K_between_them_is_the_definition(field):
    """A NumPy loop with SciPy's Frechet derivative."""
    turn = DynamicTrivialization(N, K=3, M=2, init="haar", field=field, dtype="float64", rng=0)
    base, g = turn.value(), turn.matrices.to_numpy(gaussian(field, 7))
    a = np.zeros_like(base)
    for t, ours in enumerate(trained(turn, sgd, 7), 1):
        slope = scipy.linalg.expm_frechet(a.conj().T, base.conj().T @ g, compute_expm=False)
        slope = slope - slope.conj().T
        a = a - RATE * (slope - np.diag(np.diagonal(slope)) / 2)
        assert_allclose(ours, base @ scipy.linalg.expm(a), atol=1e-12)
        if t % 3 == 0:
            base, a = base @ scipy.linalg.expm(a), 0 * a


@pytest.mark.parametrize("given", ["dictionary", "list"])
def test_state_of_the_optimizer_is_kept_or_reset(given):
    for reset in (False, True):
        turn = DynamicTrivialization(N, K=2, field="real", dtype="float64", rng=0)
        rule = adam(loss_of(turn(), "real"), turn.params, RATE)
        state = rule if given == "dictionary" else [v for v in rule if v is not turn.params[0]]
        step, after = compiled(rule), compiled(turn.post_updates(state if reset else ()))
        moments = [v for v in rule if v is not turn.params[0]]
        assert {v.name for v in moments} == {"A/adam/first", "A/adam/second", "A/adam/step"}
        step()
        after()
        assert all(np.any(v.get_value()) for v in moments)
        step()
        after()
        assert all(np.any(v.get_value()) != reset for v in moments)


def test_rebase_moves_at_once():
    turn = DynamicTrivialization(N, K=1000, field="real", dtype="float64", rng=0)
    turn.params[0].set_value(
        Exp(N, init="haar", field="real", rng=5, dtype="float64").params[0].get_value()
    )
    before = turn.value()
    compiled(turn.rebase())()
    assert not np.any(turn.params[0].get_value())
    assert_allclose(turn.value(), before, atol=1e-14)
    assert_allclose(turn.base.get_value(), before, atol=1e-14)
    assert [v.name for v in turn.buffers] == ["A/base", "A/dtriv/step", "A/dtriv/moves"]


@pytest.mark.parametrize("name", ["K", "M"])
@pytest.mark.parametrize("value", [0, -1, 2.5, math.nan, True, "3"])
def test_wrong_intervals_are_named(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a positive integer or infinity"):
        DynamicTrivialization(N, **{name: value})


def test_M_of_infinity_never_projects():
    turn = DynamicTrivialization(N, K=1, M=math.inf, field="real", dtype="float64", rng=0)
    assert "Polar" not in str(
        pytensor.function([], [], updates=turn.post_updates(), mode=AS_WRITTEN).maker.fgraph
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", ["JAX", "PYTORCH"])
def test_other_backends_move_the_same_base(mode):
    def moved(chosen):
        turn = DynamicTrivialization(N, K=2, M=2, dtype="float64", rng=0)
        turn.params[0].set_value(Exp(N, init="haar", rng=5, dtype="float64").params[0].get_value())
        after = compiled(turn.post_updates(), chosen)
        for _ in range(5):
            after()
        return [np.asarray(v.get_value()) for v in turn.buffers]

    with the_mode(mode) as name:
        for ours, theirs in zip(moved("FAST_COMPILE"), moved(name), strict=True):
            assert_allclose(ours, theirs, atol=1e-13)
