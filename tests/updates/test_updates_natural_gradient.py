"""Wisdom's natural gradient against its formulas and against the augmented real network."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN

from unitarygraph import stacked, updates
from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Stiefel, Unitary
from unitarygraph.parameter import parameter

N, RATE, STEPS = 4, 0.1, 4


def loss_of(p, a):
    x = plain(p)
    return (a * x).sum() + pt.sin(2 * x).sum()


def gradient_of(z, a):
    x = stacked.from_complex(z)
    return stacked.to_complex(a + 2 * np.cos(2 * x))


def cayley_step(w, g, rate):
    """The published formula (I + rate/2 A)^-1 (I - rate/2 A) W."""
    a, eye = g @ w.conj().T - w @ g.conj().T, np.eye(len(w))
    return np.linalg.solve(eye + rate / 2 * a, (eye - rate / 2 * a) @ w)


def unitary(seed=0, dtype="float64"):
    return parameter(Unitary().random_point(N, seed, dtype), Unitary(), name="W")


def steps(p, new, count=STEPS):
    f = pytensor.function([], [], updates=new, mode=AS_WRITTEN)
    for _ in range(count):
        f()
    return stacked.to_complex(p.get_value())


@pytest.mark.parametrize("as_published", [False, True])
@pytest.mark.parametrize("rms", [False, True])
def test_steps_are_the_formulas(rms, as_published, rng):
    p, a = unitary(), rng.standard_normal((2, N, N))
    w, v = stacked.to_complex(p.get_value()), np.zeros((2, N, N))
    options = {"rms": rms, "as_published": as_published}
    value = steps(p, updates.natural_gradient(loss_of(p, a), [p], RATE, **options))
    for _ in range(STEPS):
        g = gradient_of(w, a)
        if rms:
            planes = stacked.from_complex(g)
            v = 0.9 * v + 0.1 * planes**2
            g = stacked.to_complex(planes / (np.sqrt(v) + 1e-8))
        w = cayley_step(w, g, RATE if as_published else RATE / 2)
    assert_allclose(value, w, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("as_published", "factor"), [(False, 1), (True, 2)])
def test_the_first_order_move_is_once_or_twice_the_gradient(as_published, factor, rng):
    p, a, rate = unitary(), rng.standard_normal((2, N, N)), 1e-6
    w = stacked.to_complex(p.get_value())
    g = stacked.to_complex(a)
    new = updates.natural_gradient((a * plain(p)).sum(), [p], rate, as_published=as_published)
    move = (steps(p, new, 1) - w) / -rate
    assert_allclose(move, factor * (g - w @ g.conj().T @ w) / 2, rtol=0, atol=1e-4)


def rows_loss(h, matrix, d):
    """A loss of what a real (2n, 2n) matrix makes of rows, as the published network has it."""
    return (pt.tanh(h @ matrix) * d).sum()


def free_gradient(h, matrix, d):
    return h.T @ (d / np.cosh(h @ matrix) ** 2)


def augmented_value(w):
    return np.block([[w.real, w.imag], [-w.imag, w.real]])


@pytest.mark.parametrize("uses", [1, 2])
@pytest.mark.parametrize("given", ["loss", "gradients"])
def test_the_published_gradient_is_the_upper_half(given, uses, rng):
    p = unitary()
    hs, ds = rng.standard_normal((2, uses, 3, 2 * N))
    matrices = [updates.augmented(p) for _ in range(uses)]
    loss = sum(map(rows_loss, hs, matrices, ds))
    w = stacked.to_complex(p.get_value())
    if given == "gradients":
        matrices = [matrices[0]]
        loss = sum(rows_loss(h, matrices[0], d) for h, d in zip(hs, ds, strict=True))
        loss = pytensor.grad(loss, matrices)
    value = steps(p, updates.natural_gradient(loss, [p], RATE, as_published=True), 1)
    full = sum(free_gradient(h, augmented_value(w), d) for h, d in zip(hs, ds, strict=True))
    g = full[:N, :N] + 1j * full[:N, N:]
    assert_allclose(value, cayley_step(w, g, RATE), rtol=0, atol=1e-12)


def test_the_default_gradient_is_the_fold_of_all_four_blocks(rng):
    p = unitary()
    h, d = rng.standard_normal((2, 3, 2 * N))
    loss = rows_loss(h, updates.augmented(p), d)
    w = stacked.to_complex(p.get_value())
    value = steps(p, updates.natural_gradient(loss, [p], RATE), 1)
    full = free_gradient(h, augmented_value(w), d)
    g = full[:N, :N] + full[N:, N:] + 1j * (full[:N, N:] - full[N:, :N])
    assert_allclose(value, cayley_step(w, g, RATE / 2), rtol=0, atol=1e-12)


@pytest.mark.parametrize("rms", [False, True])
@pytest.mark.parametrize("field", ["complex", "real"])
def test_orthogonal_matrices_and_float32_stay_on_the_manifold(rms, field, rng):
    manifold = Unitary(field)
    x = manifold.random_point(N, 0, "float32")
    p = parameter(x, manifold, name="W")
    a = rng.standard_normal(x.shape).astype("float32")
    new = updates.natural_gradient(loss_of(p, a), [p], 0.02, rms=rms)
    assert all(value.type.dtype == "float32" for value in new.values())
    f = pytensor.function([], loss_of(p, a), updates=new, mode=AS_WRITTEN)
    losses = [float(f()) for _ in range(100)]
    assert losses[-1] < losses[0] - 1
    assert manifold.is_on(p.get_value())


def test_wrong_arguments_are_named():
    p = parameter(np.zeros(3), name="b")
    s = parameter(Stiefel().random_point((4, 2), 0, "float64"), Stiefel(), name="S")
    for q in (p, s):
        with pytest.raises(ValueError, match=rf"params must be on Unitary, got {q.name} on"):
            updates.natural_gradient(plain(q).sum(), [q], RATE)
    w = unitary()
    with pytest.raises(ValueError, match=r"one gradient for each of 1 params, got 2"):
        updates.natural_gradient([w, w], [w], RATE, as_published=True)
    with pytest.raises(ValueError, match=r"augmented: W must be \(2, n, n\), got shape \(3,\)"):
        updates.augmented(np.zeros(3))
