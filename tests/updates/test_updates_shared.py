"""What all rules share: schedules, weight decay, masks, clipping a row at a time."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN

from unitarygraph import manifolds, updates
from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Hermitian, Unitary
from unitarygraph.parameter import parameter
from unitarygraph.updates import schedules


def call(new, count=1, outputs=()):
    f = pytensor.function([], list(outputs), updates=new, mode=AS_WRITTEN)
    return [f() for _ in range(count)]


def flat(value, name="b", dtype="float64"):
    return parameter(np.asarray(value, dtype), name=name)


def unitary(name="W", dtype="float64"):
    return parameter(Unitary().random_point(3, 0, dtype), Unitary(), name=name)


# Schedules


def cosine_by_hand(t, rate, steps, end):
    t = min(max(t / steps, 0), 1)
    return end + (rate - end) * (1 + np.cos(np.pi * t)) / 2


SCHEDULES = {
    "constant": (lambda s: schedules.constant(s, 0.3), lambda t: 0.3),
    "staircase": (
        lambda s: schedules.staircase(s, 0.1, [60, 120, 160], 0.2),
        lambda t: 0.1 * 0.2 ** sum(t >= b for b in (60, 120, 160)),
    ),
    "cosine": (
        lambda s: schedules.cosine(s, 0.1, 100, end=0.01),
        lambda t: cosine_by_hand(t, 0.1, 100, 0.01),
    ),
    "warmup": (lambda s: schedules.warmup(s, 50, 0.4), lambda t: 0.4 * min((t + 1) / 50, 1)),
    "together": (
        lambda s: schedules.warmup(s, 50) * schedules.cosine(s - 50, 0.1, 100),
        lambda t: min((t + 1) / 50, 1) * cosine_by_hand(t - 50, 0.1, 100, 0.0),
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_their_formulas(name):
    schedule, by_hand = SCHEDULES[name]
    step = pt.lscalar("step")
    f = pytensor.function([step], schedule(step), mode=AS_WRITTEN)
    for t in (0, 1, 49, 50, 51, 59, 60, 99, 100, 119, 120, 160, 10_000):
        assert f(t) == pytest.approx(by_hand(t), rel=1e-13, abs=1e-17)


def test_schedules_are_those_of_torch():
    torch = pytest.importorskip("torch")
    step, count = schedules.step_counter()
    ours = [schedules.cosine(step, 0.1, 20, 0.01), schedules.staircase(step, 0.1, [3, 8], 0.2)]
    values = np.array(call(count, 20, ours))
    for k, make in enumerate(
        [
            lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 20, 0.01),
            lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [3, 8], 0.2),
        ]
    ):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)
        schedule, rates = make(optimizer), []
        for _ in range(20):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
        assert_allclose(values[:, k], rates, rtol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_rule_takes_a_schedule_and_one_line_counts(dtype):
    b, W = flat([1.0, 2.0], dtype=dtype), unitary(dtype=dtype)
    step, count = schedules.step_counter()
    rate = schedules.staircase(step, 0.5, [2])
    new = updates.sgd(b.sum() + plain(W).sum(), [b, W], rate) | count
    assert new[b].type.dtype == new[W].type.dtype == dtype
    call(new, 4)
    assert_allclose(b.get_value(), np.array([1.0, 2.0]) - 1.1, rtol=1e-6)
    assert step.get_value() == 4
    assert step.get_value().dtype == "int64"


def test_schedules_name_wrong_arguments():
    with pytest.raises(ValueError, match=r"step must be a scalar, got shape \(2,\)"):
        schedules.constant(np.zeros(2), 0.1)
    with pytest.raises(ValueError, match="cosine: steps must be positive, got 0"):
        schedules.cosine(0, 0.1, 0)
    with pytest.raises(ValueError, match="warmup: steps must be positive, got -1"):
        schedules.warmup(0, -1)
    with pytest.raises(ValueError, match="staircase: boundaries must be numbers"):
        schedules.staircase(0, 0.1, [[1, 2]])


# Weight decay


def test_l2_decay_is_the_gradient_of_the_penalised_loss(rng):
    x, a = rng.standard_normal((2, 4))
    b, c, W = flat(x), flat(x, "c"), unitary()
    before = W.get_value()
    grads = updates.l2_decay((a * b).sum() + (0 * plain(W)).sum(), [b, W], 0.1)
    call(updates.momentum(grads, [b, W], 0.2), 3)
    call(updates.momentum((a * c).sum() + 0.05 * (c**2).sum(), [c], 0.2), 3)
    assert_allclose(b.get_value(), c.get_value(), rtol=1e-13)
    assert_allclose(W.get_value(), before, rtol=0, atol=1e-14)


def test_decoupled_decay_shrinks_beside_the_rule(rng):
    x = rng.standard_normal(4)
    z = Hermitian().random_point((3, 3), 0, "float64")
    b, H, W = flat(x), parameter(z, Hermitian(), name="H"), unitary()
    before = W.get_value()
    new = updates.adam(0 * b.sum() + 0 * plain(H).sum() + 0 * plain(W).sum(), [b, H, W], 0.2)
    call(updates.decoupled_decay(new, [b, H, W], 0.2, 0.5), 3)
    assert_allclose(b.get_value(), 0.9**3 * x, rtol=1e-13)
    assert_allclose(H.get_value(), 0.9**3 * z, rtol=1e-13)
    assert_allclose(W.get_value(), before, rtol=0, atol=1e-14)
    with pytest.raises(ValueError, match=r"decoupled_decay: updates has no value for .* W"):
        updates.decoupled_decay(updates.sgd(b.sum(), [b], 0.1), [W], 0.1, 0.1)


def test_decay_takes_a_schedule_and_keeps_the_dtype():
    b = flat([1.0, 2.0], dtype="float32")
    step, count = schedules.step_counter()
    rate = schedules.cosine(step, 0.1, 10)
    new = updates.decoupled_decay(updates.lion(b.sum(), [b], rate), [b], rate, np.float64(0.1))
    assert new[b].type.dtype == "float32"
    assert updates.l2_decay(b.sum(), [b], rate)[0].type.dtype == "float32"
    call(new | count)


# Masks

ALL = {
    "sgd": updates.sgd,
    "momentum": updates.momentum,
    "adam": updates.adam,
    "adamw": updates.adamw,
    "lion": updates.lion,
}


@pytest.mark.parametrize("rule", ALL.values(), ids=ALL)
def test_masked_entries_and_parameters_stay(rule):
    b, c, W, V = flat(np.ones((2, 3))), flat(np.ones(2), "c"), unitary(), unitary("V")
    before = {p: p.get_value() for p in (b, c, W, V)}
    new = rule(b.sum() + c.sum() + plain(W).sum() + plain(V).sum(), [b, c, W, V], 0.1)
    mask = np.array([True, False, False])
    new = updates.freeze(new, {b: mask, c: True, W: True, V: False})
    assert not {v.name for v in new} & {"c", "W"}
    assert not any(v.name.startswith(("c/", "W/")) for v in new)
    call(new, 3)
    assert np.array_equal(b.get_value()[:, 0], before[b][:, 0])
    assert np.all(b.get_value()[:, 1:] < 1)
    for p in (c, W):
        assert np.array_equal(p.get_value(), before[p])
    assert np.linalg.norm(V.get_value() - before[V]) > 0.1


def test_a_mask_may_depend_on_the_step():
    W, step_count = unitary(), schedules.step_counter()
    step, count = step_count
    before = W.get_value()
    new = updates.freeze(updates.sgd(plain(W).sum(), [W], 0.1), {W: step < 2}) | count
    f = pytensor.function([], [], updates=new, mode=AS_WRITTEN)
    for k in range(4):
        f()
        assert np.array_equal(W.get_value(), before) == (k < 2)
    assert W.manifold.is_on(W.get_value())


def test_masks_that_cannot_be_are_refused():
    b, W = flat(np.ones((2, 3))), unitary()
    new = updates.sgd(b.sum() + plain(W).sum(), [b, W], 0.1)
    with pytest.raises(ValueError, match=r"mask of W on Unitary.* must be a single boolean"):
        updates.freeze(new, {W: np.zeros((3, 3), bool)})
    with pytest.raises(TypeError, match=r"mask of b must be boolean, got float64"):
        updates.freeze(new, {b: np.ones((2, 3))})
    with pytest.raises(ValueError, match=r"mask of b must broadcast against its shape \(2, 3\)"):
        updates.freeze(new, {b: np.ones((3, 2), bool)})
    with pytest.raises(ValueError, match=r"must broadcast .* got shape \(1, 2, 3\)"):
        updates.freeze(new, {b: np.ones((1, 2, 3), bool)})
    with pytest.raises(ValueError, match="no value for the parameter c"):
        updates.freeze(new, {flat(1.0, "c"): True})


# Clipping a row at a time


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e30])
def test_rows_are_clipped_one_by_one(dtype, size, rng):
    g = (size * rng.standard_normal((5, 4))).astype(dtype)
    g[1] = 0
    g[2] *= 1e-3
    (clipped,) = updates.row_norm_constraint([g], 0.7)
    assert clipped.type.dtype == dtype
    value = clipped.eval(mode=AS_WRITTEN).astype("float64")
    norms = np.linalg.norm(g.astype("float64"), axis=1, keepdims=True)
    factor = np.minimum(1, 0.7 / np.where(norms > 0, norms, 1))
    assert_allclose(value, factor * g, rtol=1e-5, atol=0)


def test_rows_of_stacked_matrices_hold_both_planes(rng):
    g = rng.standard_normal((6, 2, 3, 4))
    for axes in ((-3, -1), (-3, -2)):
        (clipped,) = updates.row_norm_constraint([g], pt.constant(0.5), axes=axes)
        norms = np.sqrt(np.sum(g**2, axis=axes, keepdims=True))
        assert_allclose(clipped.eval(mode=AS_WRITTEN), g * np.minimum(1, 0.5 / norms))


def test_nan_stays_in_its_row_and_wrong_axes_are_named():
    g = np.array([[np.nan, 1.0], [3.0, 4.0]])
    (clipped,) = updates.row_norm_constraint([g], 1.0)
    value = clipped.eval(mode=AS_WRITTEN)
    assert np.isnan(value[0]).any()
    assert_allclose(value[1], [0.6, 0.8])
    with pytest.raises(ValueError, match=r"axes \(-3, -1\) need gradients that have them.*\(2, 2"):
        updates.row_norm_constraint([g], 1.0, axes=(-3, -1))


def test_one_name_serves_parameters_of_several_manifolds(rng):
    """Each takes the map of that name, or its own best one where it has none."""
    U, S = manifolds.Unitary(), manifolds.Sphere()
    W = parameter(U.random_point(3, rng, "float64"), U, name="W")
    s = parameter(S.random_point((4, 1), rng, "float64"), S, name="s")
    g = [pt.constant(rng.standard_normal(p.type.shape)) for p in (W, s)]
    new = updates.sgd(g, [W, s], 0.1, retraction="qr")
    for p, manifold, grad, kind in ((W, U, g[0], "qr"), (s, S, g[1], "normalize")):
        x = plain(p)
        wanted = manifold.retr(x, -0.1 * manifold.proj(x, grad), kind=kind)
        got, right = pytensor.function([], [plain(new[p]), wanted], mode=AS_WRITTEN)()
        assert_allclose(got, right, rtol=0, atol=1e-14)
    with pytest.raises(ValueError, match="retr: kind must be one of"):
        updates.sgd(g, [W, s], 0.1, retraction="normalized")
