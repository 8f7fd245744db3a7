"""The scenario of the user whose matrix became zero: 128 complex units, modReLU, both updates.

A recurrent net with a unitary hidden matrix remembers a symbol over ten steps of noise. Trained by
SGD, its matrix must stay unitary after every step, move by the learning rate times the gradient's
length, and the loss must fall.
"""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from threadpoolctl import threadpool_limits

from unitarygraph import stacked, updates
from unitarygraph.checks import check_gradient
from unitarygraph.manifolds import Unitary
from unitarygraph.ops.expm.skew import ExpmSkew
from unitarygraph.ops.recurrence import recurrence
from unitarygraph.parameter import parameter
from unitarygraph.weights import unitarity

UNITS, SYMBOLS, TIME, BATCH, STEPS, RATE = 128, 4, 10, 8, 500, 0.005
LIMIT = {"float64": 1e-12, "float32": 1e-4}


@pytest.fixture(autouse=True)
def _one_blas_thread():
    """At this size threads cost more than they bring, on a busy machine a hundred times as much."""
    with threadpool_limits(1):
        yield


def build(dtype, rng, units=UNITS):
    """Inputs, loss, hidden matrix and the other parameters of the net."""

    def normal(*shape):
        return (rng.standard_normal(shape) / np.sqrt(shape[-2])).astype(dtype)

    x = stacked.matrix("x", shape=(TIME, BATCH, SYMBOLS), dtype=dtype)
    y = pt.tensor("y", dtype=dtype, shape=(BATCH, SYMBOLS))
    W = parameter(Unitary().random_point(units, rng, dtype), Unitary(), name="W")
    V = parameter(normal(2, SYMBOLS, units), name="V")
    bias = parameter(np.zeros(units, dtype), name="bias")
    out = parameter(normal(2, units, SYMBOLS), name="out")
    h0 = pt.zeros((2, BATCH, units), dtype=dtype)
    h = recurrence(stacked.matmul(x, V), W, h0, bias, states="last")
    scores = stacked.real(stacked.matmul(h, out))
    loss = -(y * pt.special.log_softmax(scores, axis=-1)).sum(axis=-1).mean()
    return [x, y], loss, W, [V, bias, out]


def batch(rng, dtype):
    """A symbol at the first step, weak noise after it; the symbol is to be named at the end."""
    x = 0.1 * rng.standard_normal((TIME, 2, BATCH, SYMBOLS))
    y = np.eye(SYMBOLS)[rng.integers(SYMBOLS, size=BATCH)]
    x[0, 0] += y
    return x.astype(dtype), y.astype(dtype)


# Numba takes half a minute to compile such a step.
@pytest.mark.parametrize(
    ("dtype", "mode"),
    [
        ("float64", "KERNELS"),
        ("float32", "KERNELS"),
        pytest.param("float32", "FAST_COMPILE", marks=pytest.mark.slow),
        pytest.param("float64", "NUMBA", marks=pytest.mark.slow),
        pytest.param("float32", "NUMBA", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("retraction", ["exp", pytest.param("qr", marks=pytest.mark.slow)])
def test_training_keeps_the_matrix_unitary_after_every_step(retraction, dtype, mode):
    rng = np.random.default_rng(2)
    inputs, loss, W, others = build(dtype, rng)
    new = updates.sgd(loss, [W, *others], RATE, retraction=retraction)
    gradient = W.manifold.proj(W, pytensor.grad(loss, W))
    outputs = [loss, W.manifold.norm(W, gradient)]
    step = pytensor.function(inputs, outputs, updates=new, mode=mode)
    used = {type(node.op) for node in step.maker.fgraph.apply_nodes}
    assert (ExpmSkew in used) == (retraction == "exp")

    start = W.get_value()
    losses, worst = [], 0.0
    for i in range(STEPS):
        value, length = step(*batch(rng, dtype))
        losses.append(float(value))
        worst = max(worst, unitarity(W))
        if i == 0:
            moved = np.linalg.norm(W.get_value() - start)
            assert moved == pytest.approx(RATE * length, rel=0.02)
            assert moved < 1 < np.linalg.norm(W.get_value())
    assert worst < LIMIT[dtype]
    assert np.linalg.norm(W.get_value()) == pytest.approx(np.sqrt(UNITS), rel=1e-5)
    assert np.mean(losses[:10]) > 0.5
    assert np.mean(losses[-50:]) < 0.02
    assert np.linalg.norm(W.get_value() - start) > 0.1


def test_the_check_for_users_passes_on_this_net():
    rng = np.random.default_rng(3)
    inputs, loss, W, _ = build("float64", rng, units=12)
    result = check_gradient(loss, W, dict(zip(inputs, batch(rng, "float64"), strict=True)))
    assert result, str(result)


def test_the_users_formula_is_ours():
    """[X U] exp[[X^H U, -U^H U], [I, X^H U]] [exp(-X^H U); 0], in stacked algebra, at n = 128."""
    from unitarygraph.manifolds.values import evaluate
    from unitarygraph.ops.expm import expm

    x = Unitary().random_point(UNITS, 0, "float64")
    u = Unitary().random_tangent(x, 1) / 16
    a = stacked.matmul(stacked.hconj(x), u)
    s = stacked.matmul(stacked.hconj(u), u)
    eye = stacked.eye(UNITS, "float64")
    middle = expm(stacked.block([[a, -s], [eye, a]]), False, "complex")
    last = stacked.block([[expm(-a, False, "complex")], [pt.zeros_like(a)]])
    theirs = stacked.matmul(stacked.concatenate([x, u], axis=1), middle, last)
    np.testing.assert_allclose(evaluate(Unitary().exp(x, u)), evaluate(theirs), atol=1e-12)
