"""Parameters that are complex variables: every rule takes the steps that it takes on their storage."""

from functools import partial

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from oracles import AS_WRITTEN
from pytensor.tensor.sharedvar import TensorSharedVariable
from pytensor.tensor.type import TensorType

import unitarygraph as ug
from unitarygraph import stacked, updates
from unitarygraph.manifolds import Euclidean, Oblique, Sphere, Stiefel, Unitary
from unitarygraph.parameter import ComplexParameter
from unitarygraph.updates import schedules

RATE, STEPS = 0.05, 2
#: manifold, shape of the matrices
POINTS = {
    "flat": (Euclidean("complex"), (4, 3)),
    "unitary": (Unitary(), (3, 3)),
    "batch": (Unitary(), (2, 3, 3)),
    "stiefel": (Stiefel(), (5, 2)),
    "sphere": (Sphere(), (2, 3)),
    "oblique": (Oblique(), (3, 4)),
}
OPTIONS = {
    "natural_gradient": {"rms": True},
    "projunn": {"rms": True, "sampler": "columns"},
    "sgd_g": {"omega": 0.1, "grad_clip": 0.1},
    "adam_g": {"omega": 0.1, "grad_clip": 0.1},
}


def tried(rule, point, manifold):
    kinds = getattr(updates.RULES[rule], "manifolds", (object,))
    exact = rule in ("landing", "muon", "projunn", "stiefel_muon")
    fits = type(manifold) in kinds if exact else isinstance(manifold, kinds)
    everywhere = kinds == (object,)
    return fits and not (everywhere and point not in ("flat", "unitary"))


CASES = [
    (rule, point)
    for rule in updates.RULES
    for point, (manifold, _) in POINTS.items()
    if tried(rule, point, manifold)
]


def value_of(point, dtype="float64"):
    manifold, shape = POINTS[point]
    if type(manifold) is Euclidean:
        z = np.random.default_rng(0).standard_normal((2, *shape))
        return stacked.from_complex(z[0] + 1j * z[1]).astype(dtype)
    if len(shape) > 2:
        return np.stack([manifold.random_point(shape[1:], i, dtype) for i in range(shape[0])])
    return manifold.random_point(shape, 0, dtype)


def as_variable(value, manifold, is_complex, name="p"):
    """A shared variable of a manifold, complex or plain."""
    kind = TensorType(value.dtype.name, shape=value.shape)
    make = ComplexParameter if is_complex else TensorSharedVariable
    p = make(type=kind, value=value, strict=False, name=name)
    p.tag.manifold = manifold
    return p


def loss_of(p):
    x = getattr(p, "stacked", p)
    a = np.random.default_rng(1).standard_normal(x.type.shape).astype(x.type.dtype)
    return (a * x).sum() + pt.sin(x * 2).sum()


def after(new, count=STEPS):
    """Values, by name, of all that a dictionary of updates changes."""
    f = pytensor.function([], [], updates=new, mode=AS_WRITTEN)
    for _ in range(count):
        f()
    return {v.name: v.get_value() for v in new}


def assert_the_same(make, point):
    """The updates that ``make(p)`` gives are the same, bit for bit, of a complex and a plain p."""
    value, manifold = value_of(point), POINTS[point][0]
    plain, ours = (after(make(as_variable(value, manifold, kind))) for kind in (False, True))
    assert list(plain) == list(ours)
    assert not np.array_equal(ours["p"], value)
    for name in plain:
        np.testing.assert_array_equal(ours[name], plain[name], err_msg=name)


@pytest.mark.parametrize(("rule", "point"), CASES)
def test_rules_take_the_steps_of_the_storage(rule, point):
    options = OPTIONS.get(rule, {})
    assert_the_same(lambda p: updates.RULES[rule](loss_of(p), [p], RATE, **options), point)


def test_every_rule_is_tried():
    assert {rule for rule, _ in CASES} == set(updates.RULES)


@pytest.mark.parametrize("kind", ["complex variable", "NumPy complex", "stacked"])
def test_gradients_may_be_given_in_any_form(kind):
    value, manifold = value_of("unitary"), Unitary()
    p, q = (as_variable(value, manifold, is_complex) for is_complex in (True, False))
    g, expected = ug.grad(loss_of(p), p), pytensor.grad(loss_of(q), q)
    if kind == "stacked":
        g = g.stacked
    elif kind == "NumPy complex":
        g, expected = (f.eval(mode=AS_WRITTEN) for f in (g.stacked, expected))
        g = stacked.to_complex(g)
    ours, theirs = (after(updates.momentum([h], [x], RATE)) for h, x in ((g, p), (expected, q)))
    for name in theirs:
        np.testing.assert_array_equal(ours[name], theirs[name])


AROUND = {
    "l2_decay": lambda p: updates.adam(updates.l2_decay(loss_of(p), p, 0.1), p, RATE),
    "decoupled_decay": lambda p: updates.decoupled_decay(
        updates.lion(loss_of(p), p, RATE), p, RATE, 0.1
    ),
    "freeze by the step": lambda p: updates.freeze(
        updates.sgd(loss_of(p), p, RATE), {p: pt.lt(pytensor.shared(3), 2)}
    ),
    "project_after": lambda p: updates.project_after(
        updates.sgd(loss_of(p), p, RATE), every=2, params=p
    ),
    "clipped": lambda p: updates.sgd(
        updates.total_norm_constraint(
            updates.row_norm_constraint(
                updates.clip([ug.grad(loss_of(p), p)], 0.5), 0.7, axes=(-3, -1)
            ),
            0.9,
        ),
        p,
        RATE,
    ),
    "by_group": lambda p: updates.by_group(
        loss_of(p), [p], {"other": partial(updates.rmsprop, learning_rate=RATE)}, clip=0.1
    ),
}


@pytest.mark.parametrize("name", AROUND)
@pytest.mark.parametrize("point", ["flat", "unitary"])
def test_what_stands_around_rules_does_so_too(name, point):
    assert_the_same(AROUND[name], point)


def test_a_schedule_moves_a_complex_parameter():
    step, count = schedules.step_counter()
    rate = schedules.warmup(step, 4) * schedules.cosine(step, RATE, 8)
    assert_the_same(lambda p: updates.adam(loss_of(p), p, rate), "unitary")
    assert list(count) == [step]


def test_clipped_complex_gradients_are_complex(rng):
    Z = ug.matrix("Z", shape=(3, 4), dtype="float64")
    z = rng.standard_normal((3, 4)) + 1j * rng.standard_normal((3, 4))
    (g,), norm = updates.total_norm_constraint([Z], 1.0, epsilon=0.0, return_norm=True)
    rows = updates.row_norm_constraint([Z], 0.5, axes=(-3, -1))[0]
    cut = updates.clip([Z], 0.3)[0]
    f = ug.function([Z], [g, norm, rows, cut], mode=AS_WRITTEN)
    found, length, found_rows, found_cut = f(z)
    size = np.linalg.norm(z)
    np.testing.assert_allclose(length, size, rtol=1e-14)
    np.testing.assert_allclose(found, z / size, rtol=1e-14)
    row = np.linalg.norm(z, axis=-1, keepdims=True)
    np.testing.assert_allclose(found_rows, z * np.minimum(1, 0.5 / row), rtol=1e-14)
    np.testing.assert_array_equal(
        found_cut, np.clip(z.real, -0.3, 0.3) + 1j * np.clip(z.imag, -0.3, 0.3)
    )


@pytest.mark.parametrize("shape", [(4,), (3, 4), (5, 3, 4)])
def test_masks_are_of_complex_entries(shape, rng):
    z = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    p = as_variable(stacked.from_complex(z), Euclidean("complex"), True)
    mask = rng.random(shape) < 0.5
    after(updates.freeze(updates.sgd(loss_of(p), p, RATE), {p: mask}))
    stays = p.value == z
    np.testing.assert_array_equal(stays, mask)


def test_the_published_natural_gradient_sees_a_complex_parameter():
    def make(p):
        W = updates.augmented(p)
        loss = (W**3 * np.random.default_rng(2).standard_normal((6, 6))).sum()
        return updates.natural_gradient(loss, p, RATE, as_published=True)

    assert_the_same(make, "unitary")


def test_augmented_takes_numpy_complex(rng):
    z = rng.standard_normal((3, 3)) + 1j * rng.standard_normal((3, 3))
    expected = np.block([[z.real, z.imag], [-z.imag, z.real]])
    np.testing.assert_array_equal(updates.augmented(z).eval(mode=AS_WRITTEN), expected)


def test_the_guard_sees_complex_parameters():
    p = as_variable(value_of("unitary"), Unitary(), True, name="W")
    for forgetful, words in (
        (lambda m, x, u: x, "its gradient"),
        (lambda m, x, u: pt.zeros_like(x), "its own value or its gradient"),
    ):
        with pytest.raises(ValueError, match=rf"update of W .* does not depend on {words}"):
            updates.sgd([np.ones((2, 3, 3))], [p], RATE, retraction=forgetful)
    with pytest.raises(ValueError, match=r"gradient of W must have its shape \(2, 3, 3\)"):
        updates.sgd([np.eye(4) * 1j], [p], RATE)


def test_what_is_remembered_about_square_matrices_is_no_point():
    """The velocity of a unitary matrix looks like a stacked matrix without a manifold."""
    p = as_variable(value_of("unitary"), Unitary(), False)
    new = updates.project_after(updates.momentum(loss_of(p), p, RATE))
    x = after(new)["p"]
    assert Unitary().deviation(x) < 10 * np.finfo(x.dtype).eps
