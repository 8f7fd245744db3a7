"""Update rules against NumPy written from the formulas, and the guards around them."""

from typing import ClassVar

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
import scipy.linalg
from numpy.testing import assert_allclose
from oracles import AS_WRITTEN

from unitarygraph import stacked, updates
from unitarygraph.core.layout import plain
from unitarygraph.manifolds import Euclidean, Stiefel, Unitary
from unitarygraph.parameter import parameter

#: those that serve points of all manifolds
RULES = {name: rule for name, rule in updates.RULES.items() if not hasattr(rule, "manifolds")}
RATE, STEPS = 0.05, 5
rules = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


def target(shape, seed, dtype="float64"):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def loss_of(p, a):
    """A loss that is not linear and has both planes in its gradient."""
    x = plain(p)
    return (a * x).sum() + pt.sin(x * 2).sum()


def gradient_of(x, a):
    return a + 2 * np.cos(2 * x)


def run(rule, p, loss, steps=STEPS, **options):
    f = pytensor.function([], loss, updates=rule(loss, [p], RATE, **options), mode=AS_WRITTEN)
    for _ in range(steps):
        f()
    return p.get_value()


class Flat:
    """NumPy reference of flat space."""

    proj = staticmethod(lambda x, g: g)
    transport = staticmethod(lambda x, y, v: v)
    square = staticmethod(lambda u: u * u)
    retr = staticmethod(lambda x, u: x + u)


def complex_gradient(z, a):
    return stacked.to_complex(gradient_of(stacked.from_complex(z), a))


def skew(m):
    return (m - m.conj().T) / 2


class Group:
    """NumPy reference of U(n), in complex numbers, with the exponential map."""

    proj = staticmethod(lambda x, g: x @ skew(x.conj().T @ g))
    transport = staticmethod(lambda x, y, v: y @ x.conj().T @ v)
    square = staticmethod(lambda u: np.sum(np.abs(u) ** 2) / u.size)
    retr = staticmethod(lambda x, u: x @ scipy.linalg.expm(x.conj().T @ u))


def reference(name, space, x, gradient):
    m, v, w = np.zeros_like(x), 0.0, 0.0
    for t in range(1, STEPS + 1):
        g = space.proj(x, gradient(x))
        if name == "sgd":
            u = -RATE * g
        elif name == "momentum":
            m = 0.9 * m + g
            u = -RATE * m
        elif name == "nesterov_momentum":
            m = 0.9 * m + g
            u = -RATE * (g + 0.9 * m)
        elif name == "rmsprop":
            v = 0.99 * v + 0.01 * space.square(g)
            u = -RATE * g / (np.sqrt(v) + 1e-8)
        elif name == "adagrad":
            v = v + space.square(g)
            u = -RATE * g / (np.sqrt(v) + 1e-10)
        elif name == "adadelta":
            v = 0.9 * v + 0.1 * space.square(g)
            step = np.sqrt(w + 1e-6) / np.sqrt(v + 1e-6) * g
            w = 0.9 * w + 0.1 * space.square(step)
            u = -RATE * step
        elif name == "lion":
            c = 0.9 * m + 0.1 * g
            m = 0.99 * m + 0.01 * g
            u = -RATE * c / np.sqrt(space.square(c))
        else:
            m = 0.9 * m + 0.1 * g
            v = 0.999 * v + 0.001 * space.square(g)
            if name == "adamax":
                size = w = np.maximum(0.999 * w, np.sqrt(space.square(g)) + 1e-8)
            else:
                w = np.maximum(w, v)
                square = w if name == "amsgrad" else v
                size = np.sqrt(square / (1 - 0.999**t)) + 1e-8
            u = -RATE * m / (1 - 0.9**t) / size
            if name == "adamw" and space is Flat:
                u = u - RATE * 0.01 * x
        y = space.retr(x, u)
        m, x = space.transport(x, y, m), y
    return x


@pytest.mark.parametrize("name", RULES)
def test_flat_rules_are_their_formulas(name):
    x, a = target((4, 3), 0), target((4, 3), 1)
    p = parameter(x, name="p")
    value = run(RULES[name], p, loss_of(p, a))
    assert_allclose(value, reference(name, Flat, x, lambda x: gradient_of(x, a)), rtol=1e-12)


@pytest.mark.parametrize("name", RULES)
def test_unitary_rules_are_their_formulas(name):
    x, a = Unitary().random_point(4, 0, "float64"), target((2, 4, 4), 1)
    p = parameter(x, Unitary(), name="p")
    value = run(RULES[name], p, loss_of(p, a), retraction="exp")
    z = reference(name, Group, stacked.to_complex(x), lambda z: complex_gradient(z, a))
    assert_allclose(stacked.to_complex(value), z, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in RULES if name != "lion"])
def test_flat_rules_are_those_of_torch(name):
    torch = pytest.importorskip("torch")
    x, a = target((4, 3), 0), target((4, 3), 1)
    p = parameter(x, name="p")
    ours = run(RULES[name], p, loss_of(p, a))
    theirs = torch.tensor(x, requires_grad=True)
    optimizer = {
        "sgd": lambda: torch.optim.SGD([theirs], RATE),
        "momentum": lambda: torch.optim.SGD([theirs], RATE, momentum=0.9),
        "rmsprop": lambda: torch.optim.RMSprop([theirs], RATE),
        "nesterov_momentum": lambda: torch.optim.SGD([theirs], RATE, momentum=0.9, nesterov=True),
        "adagrad": lambda: torch.optim.Adagrad([theirs], RATE),
        "adadelta": lambda: torch.optim.Adadelta([theirs], RATE),
        "adam": lambda: torch.optim.Adam([theirs], RATE),
        "amsgrad": lambda: torch.optim.Adam([theirs], RATE, amsgrad=True),
        "adamw": lambda: torch.optim.AdamW([theirs], RATE),
        "adamax": lambda: torch.optim.Adamax([theirs], RATE),
    }[name]()
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = (torch.tensor(a) * theirs).sum() + torch.sin(2 * theirs).sum()
        loss.backward()
        optimizer.step()
    assert_allclose(ours, theirs.detach().numpy(), rtol=1e-10)


@pytest.mark.parametrize(
    ("name", "retraction", "dtype"),
    [(name, "qr", "float32") for name in RULES]
    + [(name, kind, "float64") for name in ("sgd", "adam") for kind in ("polar", "cayley", "exp")]
    + [("momentum", kind, "float32") for kind in ("polar", "cayley", "exp")],
)
def test_mixed_parameters_stay_where_they_live_and_the_loss_falls(name, retraction, dtype):
    rule = RULES[name]
    rng = np.random.default_rng(1)
    params = [
        parameter(Unitary().random_point(4, rng, dtype), Unitary(), name="U"),
        parameter(Stiefel("real").random_point((5, 2), rng, dtype), Stiefel("real"), name="S"),
        parameter(rng.standard_normal(3).astype(dtype), name="b"),
        pytensor.shared(rng.standard_normal((2, 2)).astype(dtype), name="plain"),
    ]
    loss = sum(loss_of(p, target(p.get_value().shape, 2, dtype)) for p in params)
    # Adadelta finds its step length itself, from a thousandth on.
    rates = np.float32(5 if name == "adadelta" else 0.01)
    f = pytensor.function(
        [], loss, updates=rule(loss, params, rates, retraction=retraction), mode=AS_WRITTEN
    )
    losses = [float(f()) for _ in range(20)]
    assert losses[-1] < losses[0] - 1
    for p in params:
        assert p.get_value().dtype == dtype
    for p in params[:2]:
        assert p.manifold.is_on(p.get_value())


@rules
@pytest.mark.parametrize(
    ("floatx", "kind"),
    [("float32", "float"), ("float64", "numpy"), ("float32", "shared"), ("float64", "symbolic")],
)
def test_learning_rates_of_every_make_keep_the_dtype(rule, floatx, kind):
    with pytensor.config.change_flags(floatX=floatx):
        p = parameter(Unitary().random_point(3, 0, "float32"), Unitary(), name="p")
        rate = {
            "float": 0.1,
            "numpy": np.float64(0.1),
            "shared": pytensor.shared(np.float64(0.1), name="rate"),
            "symbolic": pt.dscalar("rate"),
        }[kind]
        new = rule(loss_of(p, target((2, 3, 3), 1, "float32")), [p], rate)
        assert all(value.type.dtype == variable.type.dtype for variable, value in new.items())
        assert new[p].type.dtype == "float32"
        inputs = [rate] if kind == "symbolic" else []
        f = pytensor.function(inputs, [], updates=new, mode=AS_WRITTEN)
        before = p.get_value()
        f(*([0.1] if inputs else []))
        assert np.linalg.norm(p.get_value() - before) > 0


def test_state_has_names_and_static_shapes():
    p = parameter(Unitary().random_point((5, 3, 3), 0), Unitary(), name="W")
    q = parameter(np.zeros((2, 3)), name="q")
    loss = loss_of(p, 1.0) + loss_of(q, 1.0)
    shapes = {v.name: v.type.shape for v in updates.adam(loss, [p, q], RATE)}
    assert shapes == {
        "W": (5, 2, 3, 3),
        "W/adam/first": (5, 2, 3, 3),
        "W/adam/second": (5, 1, 1, 1),
        "W/adam/step": (),
        "q": (2, 3),
        "q/adam/first": (2, 3),
        "q/adam/second": (2, 3),
        "q/adam/step": (),
    }
    assert {v.name for v in updates.momentum(loss, [p], RATE)} == {"W", "W/momentum/velocity"}
    assert {v.name for v in updates.rmsprop(loss, [q], RATE)} == {"q", "q/rmsprop/mean_square"}


def test_dicts_of_two_rules_merge():
    p = parameter(Unitary().random_point(3, 0, "float64"), Unitary(), name="p")
    q = parameter(np.zeros(3), name="q")
    loss = loss_of(p, 1.0) + loss_of(q, 1.0)
    both = updates.rmsprop(loss, [p], 1e-3) | updates.sgd(loss, [q], 1e-2)
    f = pytensor.function([], loss, updates=both, mode=AS_WRITTEN)
    assert f() > f()


@rules
def test_momentum_state_stays_tangent(rule):
    p = parameter(Unitary().random_point(4, 0, "float64"), Unitary(), name="p")
    loss = loss_of(p, target((2, 4, 4), 3))
    new = rule(loss, [p], RATE)
    f = pytensor.function([], loss, updates=new, mode=AS_WRITTEN)
    for _ in range(200):
        f()
    moments = [v for v in new if v.name.endswith(("velocity", "first"))]
    z = stacked.to_complex(p.get_value())
    for moment in moments:
        m = z.conj().T @ stacked.to_complex(moment.get_value())
        assert np.linalg.norm(m + m.conj().T) < 1e-12


def test_one_step_moves_by_rate_times_gradient_and_follows_the_gradient():
    x = Unitary().random_point(6, 0, "float64")
    moves = []
    for seed in (1, 2):
        p = parameter(x, Unitary(), name="p")
        a = target(x.shape, seed)
        z = stacked.to_complex(x)
        rate = 1e-3
        new = updates.sgd((a * plain(p)).sum(), [p], rate, retraction="exp")
        pytensor.function([], [], updates=new, mode=AS_WRITTEN)()
        move = stacked.to_complex(p.get_value()) - z
        slope = Group.proj(z, stacked.to_complex(a))
        assert_allclose(move, -rate * slope, rtol=0, atol=2e-5)
        moves.append(move)
    assert np.linalg.norm(moves[0] - moves[1]) > 1e-3


def test_values_given_to_parameters_are_not_written_to():
    x = Unitary().random_point(3, 0, "float64")
    before = x.copy()
    p, q = parameter(x, Unitary(), name="p"), parameter(x, Unitary(), name="q")
    run(updates.sgd, p, loss_of(p, 1.0))
    assert np.array_equal(x, before)
    assert np.array_equal(q.get_value(), before)


@pytest.mark.compiler
@pytest.mark.parametrize("mode", ["FAST_RUN", "CVM"])
def test_modes_agree(mode):
    results = []
    for chosen in ("FAST_COMPILE", mode):
        p = parameter(Unitary().random_point(3, 0, "float64"), Unitary(), name="p")
        loss = loss_of(p, target((2, 3, 3), 1))
        new = updates.sgd(loss, [p], RATE, retraction="exp")
        f = pytensor.function([], loss, updates=new, mode=chosen)
        results.append([float(f()) for _ in range(3)])
    assert_allclose(*results, rtol=1e-13)


def test_gradients_may_be_given():
    x, a = target((2, 3), 0), target((2, 3), 1)
    p, q = parameter(x, name="p"), parameter(x, name="q")
    new = updates.sgd([pt.as_tensor(a), 2 * q], [p, q], 0.5)
    pytensor.function([], [], updates=new, mode=AS_WRITTEN)()
    assert_allclose(p.get_value(), x - 0.5 * a)
    assert_allclose(q.get_value(), 0, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e25])
def test_total_norm_constraint(dtype, size):
    grads = [(size * target(s, i)).astype(dtype) for i, s in enumerate([(2, 3, 3), (4,), ()])]
    scaled, norm = updates.total_norm_constraint(grads, 1.0, return_norm=True)
    f = pytensor.function([], [*scaled, norm], mode=AS_WRITTEN)
    *values, total = f()
    expected = np.sqrt(sum(np.sum(g.astype("float64") ** 2) for g in grads))
    assert total == pytest.approx(expected, rel=1e-5)
    factor = min(expected, 1.0) / (expected + 1e-7)
    for g, value in zip(grads, values, strict=True):
        assert value.dtype == dtype
        assert_allclose(value, factor * g, rtol=1e-5)
    assert len(updates.total_norm_constraint(grads, 1.0)) == 3
    with pytest.raises(ValueError, match="empty"):
        updates.total_norm_constraint([], 1.0)


def test_clip():
    (g,) = updates.clip([np.array([-3.0, 0.5, 2.0], "float32")], 1)
    assert_allclose(g.eval(mode=AS_WRITTEN), [-1, 0.5, 1])
    assert g.type.dtype == "float32"


@rules
def test_wrong_arguments_are_named(rule):
    p = parameter(Unitary().random_point(3, 0, "float64"), Unitary(), name="p")
    q = parameter(np.zeros(3), name="q")
    loss = loss_of(p, 1.0)
    with pytest.raises(ValueError, match="p more than once"):
        rule(loss, [p, p], RATE)
    with pytest.raises(TypeError, match="shared variables"):
        rule(loss, [p * 2], RATE)
    with pytest.raises(ValueError, match=r"one gradient for each of 2 params, got 1"):
        rule([p], [p, q], RATE)
    with pytest.raises(ValueError, match=r"gradient of q must have its shape \(3,\)"):
        rule([p], [q], RATE)
    with pytest.raises(ValueError, match="'qr', 'polar', 'cayley', 'exp'"):
        rule(loss, [p], RATE, retraction="svd")
    with pytest.raises(ValueError, match="loss must be a scalar"):
        rule(p * 2, [p], RATE)
    with pytest.raises(ValueError, match="learning_rate must be a scalar"):
        rule(loss, [p], np.ones(2))
    with pytest.raises(TypeError, match="int64"):
        rule([pt.zeros(2)], [pytensor.shared(np.arange(2))], RATE)
    with pytest.raises(pytensor.gradient.DisconnectedInputError):
        rule(loss, [p, q], RATE)


@rules
def test_a_rate_of_zero_is_no_fault(rule):
    p = parameter(Unitary().random_point(3, 0, "float64"), Unitary(), name="p")
    before = p.get_value()
    run_once = pytensor.function([], [], updates=rule(loss_of(p, 1.0), [p], 0.0), mode=AS_WRITTEN)
    run_once()
    assert_allclose(p.get_value(), before, atol=1e-14)


# Updates that cannot be right


def broken_dot(A, B):
    """The product of seed 002: both results of set_subtensor are thrown away, zeros come back."""
    result = pt.zeros((2, A.shape[1], B.shape[2]), dtype=A.dtype)
    pt.set_subtensor(result[0], A[0] @ B[0] - A[1] @ B[1])
    pt.set_subtensor(result[1], A[0] @ B[1] + A[1] @ B[0])
    return result


def broken_dot_like(A, B):
    """The same with zeros_like, which depends on the shape of A and on nothing else."""
    result = pt.zeros_like(A)
    pt.set_subtensor(result[0], A[0] @ B[0] - A[1] @ B[1])
    return result


class UsersUnitary(Unitary):
    """A manifold as a user writes one, around the product that is given."""

    product = staticmethod(broken_dot)

    def proj(self, x, g):
        return g - self.product(x, self.product(stacked.hconj(g), x))

    def retr(self, x, u, kind="qr"):
        if kind != "exp":
            return super().retr(x, u, kind=kind)
        return self.product(x, stacked.matmul(stacked.hconj(x), u) + x)


class UsersUnitaryLike(UsersUnitary):
    product = staticmethod(broken_dot_like)


class Frozen(Unitary):
    """An update that forgets the gradient."""

    def retr(self, x, u, kind="qr"):
        return x + 0 * u


class Forgetful(Euclidean):
    """An update that forgets the parameter."""

    def retr(self, x, u, kind="qr"):
        return u + pt.zeros_like(x)


@rules
@pytest.mark.parametrize("manifold", [UsersUnitary(), UsersUnitaryLike()], ids=repr)
def test_a_discarded_set_subtensor_is_refused_by_every_rule(rule, manifold):
    p = parameter(Unitary().random_point(3, 0, "float64"), manifold, name="W")
    with pytest.raises(ValueError, match=r"update of W .* its own value or its gradient.*set_subt"):
        rule(loss_of(p, 1.0), [p], RATE, retraction="exp")


@rules
def test_an_update_without_its_parameter_or_gradient_is_refused(rule):
    p = parameter(Unitary().random_point(3, 0, "float64"), Frozen(), name="p")
    with pytest.raises(ValueError, match="does not depend on its gradient"):
        rule(loss_of(p, 1.0), [p], RATE)
    q = parameter(np.ones(3), Forgetful("real"), name="q")
    with pytest.raises(ValueError, match="does not depend on its own value"):
        rule(loss_of(q, 1.0), [q], RATE)


def test_the_guard_is_cheap():
    from time import perf_counter

    p = parameter(Unitary().random_point(128, 0, "float64"), Unitary(), name="p")
    loss = loss_of(p, 1.0)
    updates.sgd(loss, [p], RATE, retraction="exp")
    start = perf_counter()
    updates.sgd(loss, [p], RATE, retraction="exp")
    assert perf_counter() - start < 0.5


class Noted(Euclidean):
    """Notes which retraction it is asked for."""

    retraction_table: ClassVar = dict.fromkeys(("qr", "exp"), Euclidean.retraction_table["exp"])

    def retr(self, x, u, kind="qr"):
        asked.append(kind)
        return x + u


asked = []


@rules
@pytest.mark.parametrize("kind", [None, "exp", pt.add])
def test_a_retraction_is_asked_for_by_name_function_or_none(rule, kind):
    p = parameter(target((3, 2), 0), Noted("real"), name="p")
    loss = loss_of(p, 1.0)
    asked.clear()
    rule(loss, [p], RATE, retraction=kind)
    rule(loss, [p], RATE)
    assert asked == [kind, "qr"]
